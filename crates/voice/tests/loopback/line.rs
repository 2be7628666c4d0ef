//! One end of a call, and how two ends come together.

use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use host::Clock;
use media::{Event, Rate};
use net::Instant;
use sdp::{Agent, Codec, Terms, Wish};
use voice::{CallKey, Manner, Opened, Report, Sink, Source, Voice, VoiceConfig};

/// Below the range that the system gives to those who ask for any port.
pub(crate) const PORTS: (u16, u16) = (10_000, 31_999);
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Told = Arc<Mutex<Vec<(CallKey, Report)>>>;

pub(crate) struct Line {
    pub(crate) voice: Voice,
    pub(crate) key: CallKey,
    pub(crate) opened: Opened,
    pub(crate) told: Told,
    /// A port in the descriptions that come here, and what is read in its place.
    pub(crate) rewrite: Option<(u16, u16)>,
    heard: Arc<Mutex<Heard>>,
    agent: Option<Agent>,
    dummy: UdpSocket,
}

#[derive(Default)]
struct Heard {
    rate: Option<Rate>,
    sound: Vec<i16>,
    /// When the first loud sample came.
    onset: Option<Instant>,
}

pub(crate) fn here() -> IpAddr {
    IpAddr::V4(Ipv4Addr::LOCALHOST)
}

pub(crate) fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    CLOCK.get_or_init(Clock::start)
}

pub(crate) fn wait(span: Duration) {
    let (_keep, never) = channel::<()>();
    assert!(never.recv_timeout(span).is_err());
}

/// A voice and what it reports; each begins at another port.
pub(crate) fn voice(ports: (u16, u16), clock: Clock) -> (Voice, Told) {
    static SEEDS: AtomicU64 = AtomicU64::new(0);
    let seed = SEEDS.fetch_add(1, Ordering::Relaxed) ^ u64::from(std::process::id()) << 32;
    let told = Told::default();
    let tell = Arc::clone(&told);
    let voice = Voice::start(VoiceConfig { ports, dscp: 46, seed, clock }, move |call, report| {
        tell.lock().unwrap().push((call, report))
    });
    (voice, told)
}

/// A call by A-law.
pub(crate) fn call() -> (Line, Line) {
    call_with(|_| {})
}

pub(crate) fn call_with(adjust: impl Fn(&mut Terms)) -> (Line, Line) {
    call_of(Line::new(Manner::default()), Line::new(Manner::default()), adjust)
}

pub(crate) fn call_of(mut a: Line, mut b: Line, adjust: impl Fn(&mut Terms)) -> (Line, Line) {
    connect(&mut a, &mut b, adjust);
    (a, b)
}

pub(crate) fn connect(a: &mut Line, b: &mut Line, adjust: impl Fn(&mut Terms)) {
    for line in [&mut *a, &mut *b] {
        let mut terms = Terms { codecs: vec![Codec::Pcma], ..Terms::new(line.opened.rtp) };
        adjust(&mut terms);
        line.agent = Some(Agent::new(terms, u64::from(line.opened.rtp.port())));
    }
    offer(a, b, Wish::Talk);
}

/// A offers, B answers, both carry on with what they agreed on.
pub(crate) fn offer(a: &mut Line, b: &mut Line, wish: Wish) {
    let offer = a.agent.as_mut().unwrap().offer(wish).unwrap();
    let offer = b.read(&offer);
    let answer = b.agent.as_mut().unwrap().answer(offer.as_bytes(), Wish::Talk).unwrap();
    let body = a.read(&answer.body);
    let stream = a.agent.as_mut().unwrap().answered(body.as_bytes()).unwrap();
    a.voice.run(a.key, stream);
    b.voice.run(b.key, answer.stream.unwrap());
}

/// The time from the first captured sample of a tone to its first played one.
pub(crate) fn mouth_to_ear(a: &Line, b: &Line) -> Duration {
    let spoken = Arc::new(Mutex::new(None));
    let note = Arc::clone(&spoken);
    b.forget();
    let mut frames = 0;
    a.source(Source::Live(Box::new(move |_, count| {
        frames += 1;
        if frames < 20 {
            return vec![0; count];
        }
        note.lock().unwrap().get_or_insert_with(|| clock().now());
        vec![8_000; count]
    })));
    wait(Duration::from_millis(600));
    a.source(Source::Silence);
    wait(Duration::from_millis(300));
    let spoken: Instant = spoken.lock().unwrap().unwrap();
    let heard = b.heard.lock().unwrap().onset.unwrap();
    // A microphone hands over its 10 ms when they are over.
    heard.since(spoken) + media::FRAME
}

impl Line {
    pub(crate) fn new(manner: Manner) -> Self {
        Self::at(here(), clock().clone(), manner)
    }

    /// A line at another address, or with another clock.
    pub(crate) fn at(local: IpAddr, clock: Clock, manner: Manner) -> Self {
        let (voice, told) = voice(PORTS, clock);
        Self::open(voice, told, local, manner, 1)
    }

    /// Another call of the same voice.
    pub(crate) fn beside(other: &Self) -> Self {
        let (voice, told) = (other.voice.clone(), Arc::clone(&other.told));
        Self::open(voice, told, here(), Manner::default(), other.key.0 + 1)
    }

    fn open(voice: Voice, told: Told, local: IpAddr, manner: Manner, key: u64) -> Self {
        let key = CallKey(key);
        let opened = voice.open(key, local, manner).unwrap();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let note = Arc::clone(&heard);
        voice.sink(
            key,
            Sink::Live(Box::new(move |rate, sound| {
                let mut heard = note.lock().unwrap();
                heard.rate = Some(rate);
                heard.sound.extend(sound);
                if sound.iter().any(|sample| sample.unsigned_abs() > 2_000) {
                    heard.onset.get_or_insert_with(|| clock().now());
                }
            })),
        );
        let dummy = UdpSocket::bind((here(), 0)).unwrap();
        Self { voice, key, opened, told, rewrite: None, heard, agent: None, dummy }
    }

    /// Runs a stream with somebody who never says anything.
    pub(crate) fn alone(&self) {
        let terms = |rtp| Terms { codecs: vec![Codec::Pcma], ..Terms::new(rtp) };
        let mut nobody = Agent::new(terms(self.dummy.local_addr().unwrap()), 1);
        let offer = nobody.offer(Wish::Talk).unwrap();
        let mut agent = Agent::new(terms(self.opened.rtp), 2);
        let answer = agent.answer(offer.as_bytes(), Wish::Talk).unwrap();
        self.voice.run(self.key, answer.stream.unwrap());
    }

    pub(crate) fn source(&self, source: Source) {
        self.voice.source(self.key, source);
    }

    pub(crate) fn digits(&self, keys: &str) {
        self.voice.digits(self.key, keys, Duration::from_millis(80)).unwrap();
    }

    pub(crate) fn figures(&self) -> voice::Figures {
        self.voice.figures(self.key).blocking_recv().unwrap()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.figures().rtp.unwrap().sent
    }

    /// What was heard since [`Line::forget`].
    pub(crate) fn heard(&self) -> (Rate, Vec<i16>) {
        let heard = self.heard.lock().unwrap();
        (heard.rate.unwrap(), heard.sound.clone())
    }

    pub(crate) fn forget(&self) {
        *self.heard.lock().unwrap() = Heard::default();
    }

    pub(crate) fn digits_heard(&self) -> String {
        self.reports(|reports| {
            let digit = |report: &&Report| {
                let Report::Stream(Event::Digit(digit)) = report else { return None };
                Some(digit.as_char())
            };
            reports.iter().filter_map(digit).collect()
        })
    }

    /// Looks at what was reported of this call.
    pub(crate) fn reports<R>(&self, look: impl FnOnce(&[&Report]) -> R) -> R {
        let told = self.told.lock().unwrap();
        let own: Vec<&Report> =
            told.iter().filter(|(call, _)| *call == self.key).map(|(_, report)| report).collect();
        look(&own)
    }

    /// Waits until a report of this call is such a one.
    pub(crate) fn wait_for(&self, wanted: impl Fn(&Report) -> bool) {
        let began = clock().now();
        while !self.reports(|reports| reports.iter().any(|report| wanted(report))) {
            assert!(clock().now().since(began) < PATIENCE, "{:?}", self.told.lock().unwrap());
            wait(Duration::from_millis(20));
        }
    }

    fn read(&self, body: &str) -> String {
        match self.rewrite {
            None => body.to_owned(),
            Some((from, to)) => {
                let (from, to) = (format!("m=audio {from} "), format!("m=audio {to} "));
                assert!(body.contains(&from), "{body}");
                body.replace(&from, &to)
            }
        }
    }
}
