use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use media::{Digit, Event, Input, Output, Port, Rate, Session, Settings};
use net::{Instant, Rng};
use sdp::Stream;

use crate::level::Meter;
use crate::pair::Pair;
use crate::record::Recording;
use crate::report::Reports;
use crate::source::Mouth;
use crate::{CallKey, Figures, Manner, Report, Sink, Source};

/// One call's audio: its sockets, and from the first agreement on its session.
pub(crate) struct Call {
    key: CallKey,
    pair: Pair,
    manner: Manner,
    reports: Reports,
    session: Option<Session>,
    began: Instant,
    /// What the session was last told as the present; it must not run backwards.
    seen: Instant,
    rate: Rate,
    mouth: Mouth,
    /// A source chosen before there was a rate to play it at.
    source: Option<Source>,
    sink: Sink,
    recording: Option<Recording>,
    meter: Meter,
    unsent: u64,
}

/// Whether a stream begins with an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Began {
    Yes,
    No,
}

impl Call {
    pub(crate) fn new(key: CallKey, pair: Pair, manner: Manner, reports: Reports) -> Self {
        Self {
            key,
            pair,
            manner,
            reports,
            session: None,
            began: Instant::ZERO,
            seen: Instant::ZERO,
            rate: Rate::Khz8,
            mouth: Mouth::Silence,
            source: None,
            sink: Sink::Drop,
            recording: None,
            meter: Meter::new(),
            unsent: 0,
        }
    }

    /// Its sockets.
    pub(crate) const fn pair(&self) -> &Pair {
        &self.pair
    }

    /// Runs the stream from `now` on, or changes the one that runs.
    pub(crate) fn agree(&mut self, now: Instant, stream: Stream, rng: &Rng) -> Began {
        self.advance(now);
        let Some(session) = &mut self.session else { return self.begin(now, stream, rng) };
        let now = now.max(self.seen);
        let sent_before = session.stream().direction.sends();
        match session.change(now, stream) {
            Err(missing) => self.reports.tell(self.key, Report::CodecMissing(missing)),
            Ok(()) if !sent_before => self.prime(),
            Ok(()) => {}
        }
        Began::No
    }

    /// Lets time pass up to `to`, frame by frame.
    pub(crate) fn advance(&mut self, to: Instant) {
        while let Some(session) = &mut self.session
            && let Some((due, _)) = session.next_timeout()
            && due <= to
        {
            // After a longer stop the session itself leaves out what lies behind.
            let at = if to.since(due) > LAG_MAX { to } else { due.max(self.seen) };
            self.seen = at;
            session.handle(at, Input::Timeout);
            self.carry_out();
        }
    }

    /// Takes a datagram that came at `at`.
    pub(crate) fn take(&mut self, at: Instant, port: Port, from: SocketAddr, bytes: &[u8]) {
        if at < self.began {
            // What came before the agreement is not of it.
            return;
        }
        self.advance(at);
        if let Some(session) = &mut self.session {
            self.seen = at.max(self.seen);
            session.handle(self.seen, Input::Datagram { port, from, bytes });
            self.carry_out();
        }
    }

    /// When it wants time to pass.
    pub(crate) fn due(&self) -> Option<Instant> {
        Some(self.session.as_ref()?.next_timeout()?.0)
    }

    pub(crate) fn press(&mut self, digits: Vec<Digit>, length: Duration) {
        for digit in digits {
            match &mut self.session {
                Some(session) => session.handle(self.seen, Input::Digit { digit, length }),
                None => self.reports.tell(self.key, Report::Stream(Event::DigitRefused(digit))),
            }
        }
        self.carry_out();
    }

    pub(crate) fn set_source(&mut self, source: Source) {
        if self.session.is_some() {
            self.mouth = Mouth::new(source, self.rate);
        } else {
            self.source = Some(source);
        }
    }

    pub(crate) fn set_sink(&mut self, sink: Sink) {
        self.sink = sink;
    }

    /// Records what is heard from here on; the writer is to be waited for at the end.
    pub(crate) fn record(&mut self, path: PathBuf) -> Option<JoinHandle<()>> {
        self.stop_recording();
        match Recording::start(self.key, path.clone(), self.reports.clone()) {
            Ok((recording, writer)) => {
                self.recording = Some(recording);
                Some(writer)
            }
            Err(error) => {
                self.reports.tell(self.key, Report::RecordingFailed { path, error });
                None
            }
        }
    }

    pub(crate) fn stop_recording(&mut self) {
        if let Some(recording) = self.recording.take() {
            recording.end(self.rate);
        }
    }

    pub(crate) fn figures(&self) -> Figures {
        Figures {
            rtp: self.session.as_ref().map(Session::figures),
            unsent: self.unsent,
            level_db: self.meter.last_db(),
            loudest_db: self.meter.loudest_db(),
        }
    }

    /// Says goodbye to the other side and ends the recording.
    pub(crate) fn close(mut self, now: Instant) -> Figures {
        if let Some(session) = &mut self.session {
            session.close(now.max(self.seen));
            self.carry_out();
        }
        self.stop_recording();
        let figures = self.figures();
        self.reports.tell(self.key, Report::Closed(Box::new(figures.clone())));
        figures
    }

    fn begin(&mut self, now: Instant, stream: Stream, rng: &Rng) -> Began {
        // What a stream of another rate brings later is converted by the session.
        self.rate = Rate::of(stream.send.codec);
        let Manner { dtmf, latching, silence_after } = self.manner;
        let settings = Settings { rate: self.rate, latching, dtmf, silence_after };
        // The frames of all streams fall on moments that they share.
        let began = Instant::from_micros(now.as_micros() / GRID_US * GRID_US);
        match Session::open(began, stream, settings, rng) {
            Ok(session) => {
                self.session = Some(session);
                (self.began, self.seen) = (began, began);
                self.mouth = Mouth::new(self.source.take().unwrap_or_default(), self.rate);
                self.prime();
                Began::Yes
            }
            Err(missing) => {
                self.reports.tell(self.key, Report::CodecMissing(missing));
                Began::No
            }
        }
    }

    /// Carries out what the session wants; each frame that it plays makes room for one to send.
    fn carry_out(&mut self) {
        while let Some(output) = self.session.as_mut().and_then(Session::poll_output) {
            match output {
                Output::Datagram { port, to, bytes } => {
                    let wire = match port {
                        Port::Rtp => &self.pair.rtp,
                        Port::Rtcp => &self.pair.rtcp,
                    };
                    self.unsent += u64::from(wire.send(to, &bytes).is_err());
                }
                Output::Played(sound) => {
                    self.hear(&sound);
                    self.speak(&sound);
                }
                Output::Event(event) => self.reports.tell(self.key, Report::Stream(event)),
            }
        }
    }

    fn hear(&mut self, sound: &[i16]) {
        self.meter.hear(sound);
        if let Sink::Live(take) = &mut self.sink {
            take(self.rate, sound);
        }
        if let Some(recording) = &mut self.recording {
            recording.hear(self.rate, sound);
        }
    }

    /// Gives the session the next 10 ms to send, unless it does not send.
    fn speak(&mut self, heard: &[i16]) {
        let Some(session) = &mut self.session else { return };
        if !session.stream().direction.sends() {
            return;
        }
        match self.mouth.next_frame(self.rate, heard) {
            Some(sound) => session.handle(self.seen, Input::Captured(&sound)),
            None => {
                self.mouth = Mouth::Silence;
                self.reports.tell(self.key, Report::Played);
            }
        }
    }

    /// The first frame of a packet is spoken before the first is heard.
    fn prime(&mut self) {
        let silence = vec![0; self.rate.samples(media::FRAME.as_millis() as usize)];
        self.speak(&silence);
    }
}

/// What those moments are multiples of.
const GRID_US: u64 = 2_000;
/// A session that is served later than this goes on from the present.
const LAG_MAX: Duration = Duration::from_millis(200);
