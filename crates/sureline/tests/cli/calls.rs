//! Calls between two phones of two processes, through the servers of the laboratory.

use std::fs;
use std::process::Output;

use media::{Rate, Tone, Wav, level_db, share_at};
use serde_json::Value;

use crate::bench::{Lab, Process, sureline, text};

/// What the phone 1001 says: a tone of this pitch and level.
const HZ: f64 = 440.0;
const LEVEL_DB: f64 = -12.0;
/// An INVITE with one retry: 1.5 s of silence.
const ONE_RETRY: &str = "account.1.sip_server.1.invite_retry_counts = 1\n";

/// A registered phone and its state folder.
struct Phone {
    process: Process,
    state: String,
}

impl Phone {
    fn start(lab: &Lab, user: &str, lines: &str, options: &[&str]) -> Self {
        let file = lab.user_file(user, lines);
        let state = lab.path(user);
        let process = lab.run_in(&state, &file, options);
        process.event_named("registered");
        Self { process, state }
    }

    fn tell(&self, args: &[&str]) -> Output {
        sureline(&[args, &["--state", &self.state]].concat())
    }

    fn told(&self, args: &[&str]) -> String {
        let output = self.tell(args);
        assert!(output.status.success(), "{args:?}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn call(&self, state: &str) -> Value {
        self.process.event(|event| event["event"] == "call" && event["state"] == state)
    }

    /// The end of its recorded call; its file may be complete before or after that.
    fn end_recorded(&self) -> Value {
        let names = ["call", "recorded"];
        let part = |event: &Value| {
            names.contains(&event["event"].as_str().unwrap()) && event["state"] != "up"
        };
        let both = [self.process.event(part), self.process.event(part)];
        assert!(both.iter().any(|it| it["event"] == "recorded" && it["error"].is_null()));
        let [ended] = both.iter().filter(|it| it["state"] == "ended").collect::<Vec<_>>()[..]
        else {
            panic!("{both:?}")
        };
        ended.clone()
    }

    /// The only call that it has now.
    fn only_call(&self) -> Value {
        let status: Value = serde_json::from_str(&self.told(&["status", "--json"])).unwrap();
        let calls = status["phones"][0]["calls"].as_array().unwrap().clone();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls[0].clone()
    }
}

/// A file with the tone of these tests.
fn tone(lab: &Lab) -> String {
    let samples = Tone::new(HZ, LEVEL_DB, Rate::Khz8).next_samples(8_000);
    let path = lab.path("tone.wav");
    fs::write(&path, Wav { hz: 8_000, samples }.write()).unwrap();
    path
}

/// Level of what a file holds, its first and last 200 ms left out, how pure the tone is in most of
/// its tenths of a second, and its length.
fn heard(path: &str) -> (f64, f64, f64) {
    let wav = Wav::parse(&fs::read(path).unwrap()).unwrap();
    let edge = wav.hz as usize / 5;
    let samples = &wav.samples[edge..wav.samples.len() - edge];
    let rate = Rate::from_hz(wav.hz).unwrap();
    let pieces = samples.chunks_exact(edge / 2);
    let mut shares: Vec<_> = pieces.map(|piece| share_at(piece, HZ, rate)).collect();
    shares.sort_by(f64::total_cmp);
    let length_s = wav.samples.len() as f64 / f64::from(wav.hz);
    (level_db(samples), shares[shares.len() / 2], length_s)
}

fn assert_tone(path: &str, at_least_s: f64) {
    let (level, share, length_s) = heard(path);
    assert!((level - LEVEL_DB).abs() < 3.0, "{level} dB");
    assert!(share > 0.9, "{share} of it is the tone");
    assert!(length_s > at_least_s, "{length_s} s");
}

/// Looks until it is so; a process is asked each time, so the number of looks is a limit of time.
fn until<T>(look: impl Fn() -> T, is_so: impl Fn(&T) -> bool) -> T {
    (0..2_000).map(|_| look()).find(is_so).expect("it comes about in time")
}

fn rtp(ended: &Value, field: &str) -> u64 {
    ended["rtp"][field].as_u64().unwrap_or_else(|| panic!("{ended}"))
}

#[test]
fn a_call_carries_sound_and_the_caller_hangs_up() {
    let lab = Lab::start(&[]);
    let (tone, record) = (tone(&lab), lab.path("heard.wav"));
    let caller = Phone::start(&lab, "1001", "", &["--play", &tone]);
    let options = ["--auto-answer", "0.2", "--record", &record];
    let called = Phone::start(&lab, "1002", "", &options);

    let said = caller.told(&["dial", "1002", "--for", "2"]);
    let through = lab.hop("primary", "udp");
    for part in ["it rings at", "talking to sip:1002@lab.test", "hung up", through.as_str()] {
        assert!(said.contains(part), "{part}: {said}");
    }
    called.call("up");
    let ended = called.end_recorded();
    assert_eq!((&ended["reason"], &ended["direction"]), (&"other_hung_up".into(), &"in".into()));
    assert!((90..=130).contains(&rtp(&ended, "received")), "{ended}");
    assert_tone(&record, 1.5);
    let ended = caller.call("ended");
    assert_eq!((&ended["reason"], &ended["state"]), (&"hung_up".into(), &"ended".into()));
    assert!(rtp(&ended, "sent") >= 90 && rtp(&ended, "received") >= 80, "{ended}");
    assert_eq!(rtp(&ended, "lost"), 0);

    let (code, log) = caller.process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("calling sip:1002@lab.test through {through} …")), "{log}");
}

#[test]
fn the_called_side_answers_by_hand_and_hangs_up() {
    let lab = Lab::start(&[]);
    let (tone, record) = (tone(&lab), lab.path("heard.wav"));
    let caller = Phone::start(&lab, "1001", "", &["--record", &record]);
    let called = Phone::start(&lab, "1002", "", &["--play", &tone]);
    let id = caller.told(&["dial", "1002", "--no-wait"]);
    assert_eq!(id, "c1\n");
    let ringing = called.call("ringing");
    assert!(ringing["peer"].as_str().unwrap().starts_with("sip:1001@lab.test"), "{ringing}");
    assert_eq!(called.only_call()["state"], "ringing");
    assert_eq!(called.tell(&["hold"]).status.code(), Some(1), "a call that rings is not held");
    assert_eq!(called.told(&["answer"]), format!("{}\n", ringing["id"].as_str().unwrap()));
    caller.call("up");
    let heard = |event: &Value| event["event"] == "audio" && event["state"] == "heard";
    caller.process.event(heard);
    let call = until(|| caller.only_call(), |call| call["audio"]["received"].as_u64() > Some(60));
    let audio = &call["audio"];
    assert!(audio["mos"].as_f64().unwrap() > 4.0, "{audio}");
    assert!((audio["level_db"].as_f64().unwrap() - LEVEL_DB).abs() < 3.0, "{audio}");
    assert_eq!((&call["state"], &call["direction"]), (&"up".into(), &"out".into()));
    let page = text(&caller.tell(&["status"]).stdout);
    assert!(page.contains("sip:1002@lab.test") && page.contains("MOS 4."), "{page}");
    called.told(&["hangup"]);
    assert_eq!(caller.end_recorded()["reason"], "other_hung_up");
    assert_tone(&record, 1.0);
}

#[test]
fn a_call_that_is_rejected_or_given_up_says_so() {
    let lab = Lab::start(&[]);
    let caller = Phone::start(&lab, "1001", "", &[]);
    let called = Phone::start(&lab, "1002", "", &[]);
    let nobody = caller.tell(&["dial", "1009"]);
    assert_eq!(nobody.status.code(), Some(1));
    assert!(text(&nobody.stderr).contains("no call with sip:1009@lab.test"), "{nobody:?}");

    caller.told(&["dial", "1002", "--no-wait"]);
    called.call("ringing");
    called.told(&["hangup"]);
    let busy = caller.process.event(|it| it["state"] == "ended" && it["id"] == "c2");
    assert_eq!((&busy["status"], &busy["reason"]), (&486.into(), &"status_486".into()));
    assert_eq!(called.call("ended")["reason"], "hung_up");

    caller.told(&["dial", "1002", "--no-wait"]);
    called.call("ringing");
    caller.told(&["hangup"]);
    assert_eq!(called.call("ended")["reason"], "cancelled");
    let given_up = caller.process.event(|it| it["state"] == "ended" && it["id"] == "c3");
    assert_eq!(given_up["reason"], "hung_up");
    let rows = lab.get("/api/requests?server=primary&method=CANCEL");
    assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
    assert_eq!(caller.tell(&["hangup"]).status.code(), Some(1), "nothing is left");
    assert_eq!(caller.tell(&["dial", "a b"]).status.code(), Some(2));
}

#[test]
fn a_call_is_held_and_resumed_and_keys_arrive() {
    let lab = Lab::start(&[]);
    let tone = tone(&lab);
    let caller = Phone::start(&lab, "1001", "", &["--play", &tone]);
    let called = Phone::start(&lab, "1002", "", &["--auto-answer"]);
    caller.told(&["dial", "1002"]);
    called.call("up");
    caller.told(&["dtmf", "42#"]);
    for digit in ["4", "2", "#"] {
        assert_eq!(called.process.event_named("dtmf")["digit"], digit);
    }
    caller.told(&["hold"]);
    assert_eq!(caller.call("held")["id"], "c1");
    let quiet = || {
        let count = || called.only_call()["audio"]["received"].as_u64().unwrap();
        let before = count();
        (before, count())
    };
    let (before, after) = until(quiet, |(before, after)| before == after);
    assert!(before == after && before > 0);
    caller.told(&["resume"]);
    assert_eq!(caller.call("up")["id"], "c1");
    until(|| called.only_call()["audio"]["received"].as_u64(), |count| *count > Some(after + 20));
    caller.told(&["hangup"]);
    assert_eq!(called.call("ended")["reason"], "other_hung_up");
}

#[test]
fn a_transfer_that_the_other_side_declines_leaves_the_call_up() {
    let lab = Lab::start(&[]);
    let tone = tone(&lab);
    let caller = Phone::start(&lab, "1001", "", &["--play", &tone]);
    let called = Phone::start(&lab, "1002", "", &["--auto-answer"]);
    caller.told(&["dial", "1002"]);
    called.call("up");
    caller.told(&["transfer", "1003"]);
    let referred = || lab.get("/api/requests?server=primary&method=REFER");
    let rows = until(referred, |rows| rows[0]["answered"].is_u64());
    assert_eq!(rows[0]["answered"], 603);
    assert_eq!(caller.only_call()["state"], "up");
    caller.told(&["hangup"]);
    assert_eq!(called.call("ended")["reason"], "other_hung_up");
}

#[test]
fn a_call_outlives_its_server_and_the_next_one_goes_through_another() {
    let lab = Lab::start(&[]);
    let (tone, record) = (tone(&lab), lab.path("heard.wav"));
    let caller = Phone::start(&lab, "1001", ONE_RETRY, &["--play", &tone]);
    let options = ["--auto-answer", "--record", &record];
    let called = Phone::start(&lab, "1002", "", &options);
    caller.told(&["dial", "1002"]);
    called.call("up");
    lab.fault(&["primary", "mute"]);
    let received = || called.only_call()["audio"]["received"].as_u64().unwrap_or_default();
    let before = received();
    until(received, |count| *count > before + 60);
    let byes = || lab.get("/api/requests?server=primary&method=BYE").as_array().unwrap().len();
    assert_eq!(byes(), 0);
    caller.told(&["hangup"]);
    assert_eq!(caller.call("ended")["reason"], "hung_up");
    until(byes, |count| *count > 0);
    called.told(&["hangup"]);
    assert_eq!(called.end_recorded()["reason"], "hung_up");
    assert_tone(&record, 1.0);

    let said = caller.told(&["dial", "1002", "--for", "0.5"]);
    let (primary, secondary) = (lab.hop("primary", "udp"), lab.hop("secondary", "udp"));
    assert!(said.contains(&format!("no answer from {primary} for 1.5 s (2 sent)")), "{said}");
    assert!(said.contains(&format!("talking to sip:1002@lab.test through {secondary}")), "{said}");
}
