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

/// Level and purity of what a file holds, its first and last 200 ms left out.
fn heard(path: &str) -> (f64, f64, f64) {
    let wav = Wav::parse(&fs::read(path).unwrap()).unwrap();
    let edge = wav.hz as usize / 5;
    let samples = &wav.samples[edge..wav.samples.len() - edge];
    let rate = Rate::from_hz(wav.hz).unwrap();
    (level_db(samples), share_at(samples, HZ, rate), wav.samples.len() as f64 / f64::from(wav.hz))
}

fn assert_tone(path: &str, at_least_s: f64) {
    let (level, share, length_s) = heard(path);
    assert!((level - LEVEL_DB).abs() < 3.0, "{level} dB");
    assert!(share > 0.9, "{share} of it is the tone");
    assert!(length_s > at_least_s, "{length_s} s");
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
    let ended = called.call("ended");
    assert_eq!((&ended["reason"], &ended["direction"]), (&"other_hung_up".into(), &"in".into()));
    assert!((90..=130).contains(&rtp(&ended, "received")), "{ended}");
    let recorded = called.process.event_named("recorded");
    assert_eq!(recorded["path"], record.as_str());
    assert_tone(&record, 1.5);
    let ended = caller.call("ended");
    assert_eq!((&ended["reason"], &ended["state"]), (&"hung_up".into(), &"ended".into()));
    assert!(rtp(&ended, "sent") >= 90 && rtp(&ended, "received") >= 80, "{ended}");
    assert_eq!(rtp(&ended, "lost"), 0);

    let (code, log) = caller.process.end();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains(&format!("calling sip:1002@lab.test through {through} …")), "{log}");
}
