//! What 200 calls cost, and how long sound takes from mouth to ear.
//!
//! `cargo run --release -p voice --example load [CALLS] [SECONDS]`
//!
//! The calls are G.711 in both directions over loopback; their other ends are in a second process,
//! which is not counted. Beside them one call within this process is measured from mouth to ear,
//! before the load and under it.
#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use host::Clock;
use net::Instant;
use sdp::{Codec, Direction, Ends, Payload, Security, Stream};
use voice::{CallKey, Figures, Manner, Opened, Sink, Source, Voice, VoiceConfig};

type Outcome<T> = Result<T, Box<dyn Error>>;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const TONE: Source = Source::Tone { hz: 440.0, level_db: -12.0 };
const SETTLING: Duration = Duration::from_secs(3);
/// Tones that are timed from mouth to ear.
const TONES: usize = 25;
/// Audio in one packet.
const PACKET: Duration = Duration::from_millis(20);
/// The kernel counts processor time in hundredths of a second (`USER_HZ`).
const TICKS: f64 = 100.0;

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "answer") {
        return answer();
    }
    let number = |at: usize, usual: u64| words.get(at).map_or(Ok(usual), |word| word.parse());
    let (calls, seconds) = (number(0, 200)?, number(1, 20)?);
    println!("machine: {}", machine()?);
    let probe = Probe::start()?;
    println!("mouth to ear, idle:      {}", probe.measure()?);
    let before = Usage::now()?;
    let load = Load::start(calls)?;
    pause(SETTLING);
    let settled = Usage::now()?;
    pause(Duration::from_secs(seconds));
    let after = Usage::now()?;
    let cpu = (after.cpu_s - settled.cpu_s) / after.at.since(settled.at).as_secs_f64();
    let memory = after.rss_kib.saturating_sub(before.rss_kib);
    println!(
        "{calls} calls, {seconds} s:      {:.1} % of one core ({:.3} % a call), {memory} KiB \
         resident ({:.1} KiB a call)",
        100.0 * cpu,
        100.0 * cpu / calls as f64,
        memory as f64 / calls as f64
    );
    println!("mouth to ear, under it:  {}", probe.measure()?);
    load.finish()
}

/// The other ends: reads the ports of the calls, says its own, and speaks until it is let go.
fn answer() -> Outcome<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let ports = line.split_whitespace().map(str::parse).collect::<Result<Vec<u16>, _>>()?;
    let voice = voice(2, Clock::start());
    let opened = open(&voice, ports.len() as u64)?;
    println!("{}", list(&opened));
    run(&voice, &opened, &ports);
    // Ends when the pipe is closed.
    std::io::stdin().read_line(&mut line)?;
    Ok(())
}

struct Load {
    voice: Voice,
    calls: u64,
    others: Child,
}

impl Load {
    fn start(calls: u64) -> Outcome<Self> {
        let mut others = Command::new(std::env::current_exe()?)
            .arg("answer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let voice = voice(1, Clock::start());
        let opened = open(&voice, calls)?;
        let input = others.stdin.as_mut().ok_or("no pipe")?;
        writeln!(input, "{}", list(&opened))?;
        let mut line = String::new();
        BufReader::new(others.stdout.take().ok_or("no pipe")?).read_line(&mut line)?;
        let ports = line.split_whitespace().map(str::parse).collect::<Result<Vec<u16>, _>>()?;
        run(&voice, &opened, &ports);
        Ok(Self { voice, calls, others })
    }

    fn finish(mut self) -> Outcome<()> {
        let mut figures = Vec::new();
        for call in 0..self.calls {
            figures.push(self.voice.figures(CallKey(call)).blocking_recv()?);
        }
        drop(self.others.stdin.take());
        self.others.wait()?;
        println!("what they hear:          {}", heard(&figures)?);
        Ok(())
    }
}

/// A call within this process.
struct Probe {
    clock: Clock,
    voices: [Voice; 2],
    onset: Receiver<Instant>,
}

const PROBE: CallKey = CallKey(1_000_000);

impl Probe {
    fn start() -> Outcome<Self> {
        let clock = Clock::start();
        let voices = [3, 4].map(|seed| voice(seed, clock.clone()));
        let [mouth, ear] = &voices;
        let [from, to] = [
            mouth.open(PROBE, HERE, Manner::default())?,
            ear.open(PROBE, HERE, Manner::default())?,
        ];
        let (tell, onset) = channel();
        let heard = clock.clone();
        let mut quiet = 0_u32;
        let listen = move |_, sound: &[i16]| {
            let loud = sound.iter().any(|sample| sample.unsigned_abs() > 2_000);
            if loud && quiet > 20 {
                // Who does not wait for it is done.
                tell.send(heard.now()).ok();
            }
            quiet = if loud { 0 } else { quiet.saturating_add(1) };
        };
        ear.sink(PROBE, Sink::Live(Box::new(listen)));
        mouth.run(PROBE, stream(from, to.rtp.port()));
        ear.run(PROBE, stream(to, from.rtp.port()));
        Ok(Self { clock, voices, onset })
    }

    /// The time from the first captured sample of a tone to its first played one, less the time
    /// in which its packet fills.
    fn measure(&self) -> Outcome<String> {
        pause(SETTLING);
        let mut delays = Vec::new();
        for number in 0..TONES {
            let (tell, spoken) = channel();
            let clock = self.clock.clone();
            let mut frame = 0;
            self.voices[0].source(
                PROBE,
                Source::Live(Box::new(move |_, count| {
                    frame += 1;
                    if frame == 30 {
                        tell.send(clock.now()).ok();
                    }
                    vec![if (30..40).contains(&frame) { 8_000 } else { 0 }; count]
                })),
            );
            // Tones begin at different moments of a packet.
            pause(Duration::from_millis(1_000 + 7 * number as u64));
            let spoken: Instant = spoken.recv()?;
            // A microphone hands over its 10 ms when they are over.
            let whole = self.onset.recv()?.since(spoken) + media::FRAME;
            delays.push(1_000.0 * whole.saturating_sub(PACKET).as_secs_f64());
        }
        let figures = self.voices[1].figures(PROBE).blocking_recv()?;
        let buffered = figures.rtp.map(|rtp| rtp.buffered).unwrap_or_default();
        Ok(format!(
            "{} ms beyond the packet's 20 ms (waiting in the jitter buffer: {:.1} ms)",
            spread(delays),
            1_000.0 * buffered.as_secs_f64()
        ))
    }
}

fn voice(seed: u64, clock: Clock) -> Voice {
    let seed = seed << 32 | u64::from(std::process::id());
    Voice::start(VoiceConfig { ports: (10_000, 31_999), dscp: 46, seed, clock }, |_, _| {})
}

fn open(voice: &Voice, calls: u64) -> Outcome<Vec<Opened>> {
    let open = |call| Ok(voice.open(CallKey(call), HERE, Manner::default())?);
    (0..calls).map(open).collect()
}

fn run(voice: &Voice, opened: &[Opened], ports: &[u16]) {
    for ((call, own), port) in (0..).map(CallKey).zip(opened).zip(ports) {
        voice.source(call, TONE);
        voice.run(call, stream(*own, *port));
        // Calls do not begin all at one moment.
        pause(Duration::from_micros(3_700));
    }
}

fn stream(own: Opened, port: u16) -> Stream {
    let payload = Payload { number: 8, codec: Codec::Pcma };
    let at = |port| SocketAddr::new(HERE, port);
    Stream {
        local: Ends { rtp: own.rtp, rtcp: own.rtcp },
        remote: Ends { rtp: at(port), rtcp: at(port + 1) },
        direction: Direction::SendRecv,
        send: payload,
        receive: vec![payload],
        ptime_ms: PACKET.as_millis() as u8,
        events: None,
        security: Security::Plain,
    }
}

fn list(opened: &[Opened]) -> String {
    opened.iter().map(|one| one.rtp.port().to_string()).collect::<Vec<String>>().join(" ")
}

fn heard(figures: &[Figures]) -> Outcome<String> {
    let rtp: Vec<&media::Figures> = figures.iter().filter_map(|one| one.rtp.as_ref()).collect();
    let sum = |of: fn(&media::Figures) -> u64| rtp.iter().map(|one| of(one)).sum::<u64>();
    let jitter = rtp.iter().map(|one| 1_000.0 * one.jitter.as_secs_f64()).collect();
    let worst = rtp.iter().filter_map(|one| one.mos).min_by(f64::total_cmp).ok_or("no packets")?;
    let quiet = figures.iter().filter(|one| (one.level_db + 12.0).abs() > 3.0).count();
    let (received, lost, late) =
        (sum(|one| one.received), sum(|one| one.lost), sum(|one| one.late));
    let unsent: u64 = figures.iter().map(|one| one.unsent).sum();
    Ok(format!(
        "{received} packets, {lost} lost, {late} late, {unsent} unsent; jitter {} ms; worst MOS \
         {worst:.2}; {quiet} calls not within 3 dB of the tone",
        spread(jitter)
    ))
}

/// Median and 99th percentile.
fn spread(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let at = |share: usize| values.get(values.len() * share / 100).copied().unwrap_or(f64::NAN);
    format!("median {:.1}, p99 {:.1}", at(50), at(99))
}

struct Usage {
    at: Instant,
    cpu_s: f64,
    rss_kib: u64,
}

impl Usage {
    fn now() -> Outcome<Self> {
        static CLOCK: std::sync::OnceLock<Clock> = std::sync::OnceLock::new();
        // After the name, which may hold blanks, utime and stime are the 12th and 13th fields.
        let stat = fs::read_to_string("/proc/self/stat")?;
        let fields = stat.rsplit_once(") ").ok_or("no process state")?.1.split(' ');
        let ticks = fields
            .skip(11)
            .take(2)
            .map(str::parse::<u64>)
            .sum::<Result<u64, std::num::ParseIntError>>()?;
        let status = fs::read_to_string("/proc/self/status")?;
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss = rss.and_then(|rest| rest.split_whitespace().next()).ok_or("no VmRSS")?;
        Ok(Self {
            at: CLOCK.get_or_init(Clock::start).now(),
            cpu_s: ticks as f64 / TICKS,
            rss_kib: rss.parse()?,
        })
    }
}

fn machine() -> Outcome<String> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let model = info.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let cores = std::thread::available_parallelism()?;
    Ok(format!("{cores} cores, {}", model.unwrap_or("unknown processor")))
}

fn pause(span: Duration) {
    let (_keep, never) = channel::<()>();
    never.recv_timeout(span).ok();
}
