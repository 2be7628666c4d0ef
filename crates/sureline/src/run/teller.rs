//! Puts the events of an engine and of its calls' sound into one log.
//!
//! The engine knows when a call has ended, the audio thread what came of its stream: the end of a
//! call is told when both have spoken, a few milliseconds after the engine did. What the engine says
//! meanwhile is not held up, save that it has stopped.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use desk::{About, EventBody, EventLog, RtpLine};
use host::Clock;
use media::Event as Sound;
use net::Instant;
use phone::{CallId, CallState, Event, EventKind, MediaOrder};
use tokio::sync::watch;
use voice::{CallKey, Figures, Report};

use super::engine::stamp;

/// Tells events; shared by cloning.
#[derive(Clone)]
pub(crate) struct Teller(Arc<Mutex<Inner>>);

struct Inner {
    log: EventLog,
    clock: Clock,
    stop: watch::Sender<bool>,
    /// Calls whose sound was asked for and whose end was not told.
    calls: BTreeMap<CallId, Known>,
    /// The event that the engine has stopped, while the ends of calls are waited for.
    stopped: Option<Event>,
}

struct Known {
    about: About,
    sound: State,
}

enum State {
    /// Its stream may run.
    Open,
    /// Its stream has ended.
    Closed(Option<RtpLine>),
    /// The engine has told its end, and the figures are waited for.
    Ending(Box<Event>),
}

impl Teller {
    /// `stop` is set when the last event was told.
    pub(crate) fn new(log: EventLog, clock: Clock, stop: watch::Sender<bool>) -> Self {
        let (calls, stopped) = (BTreeMap::new(), None);
        Self(Arc::new(Mutex::new(Inner { log, clock, stop, calls, stopped })))
    }

    /// Something that the engine says.
    pub(crate) fn event(&self, now: Instant, event: Event) {
        let mut inner = self.inner();
        if let EventKind::Media { call, order: MediaOrder::Open { .. } } = &event.kind {
            let known = Known { about: about(&event), sound: State::Open };
            inner.calls.insert(*call, known);
        } else if let EventKind::Call { id, state: CallState::Ended, .. } = &event.kind {
            let id = *id;
            inner.ended(now, id, event);
        } else if matches!(event.kind, EventKind::Stopped)
            && inner.calls.values().any(Known::is_ending)
        {
            inner.stopped = Some(event);
        } else {
            inner.tell(now, &event, None);
        }
    }

    /// Something that the sound of a call says.
    pub(crate) fn report(&self, key: CallKey, report: Report) {
        let call = CallId(key.0);
        match report {
            Report::Closed(figures) => self.closed(call, Some(&figures)),
            Report::Broken => {
                self.sound(call, "broken", None);
                self.closed(call, None);
            }
            Report::CodecMissing(_) => self.sound(call, "no_codec", None),
            Report::Stream(Sound::Heard) => self.sound(call, "heard", None),
            Report::Stream(Sound::Silent) => self.sound(call, "silent", None),
            Report::Stream(Sound::Moved { to }) => self.sound(call, "moved", Some(to.to_string())),
            Report::Stream(Sound::Digit(digit)) => {
                let digit = digit.to_string();
                self.note(call, EventBody::Dtmf { id: call.to_string(), digit });
            }
            Report::Stream(Sound::DigitRefused(digit)) => {
                let text = format!("the key {digit} was not sent: the call does not send sound");
                self.note(call, EventBody::Notice { text });
            }
            Report::Recorded { path, length, .. } => {
                let (path, length_s) = (path.display().to_string(), length.as_secs_f64());
                let id = call.to_string();
                self.note(call, EventBody::Recorded { id, path, length_s, error: None });
            }
            Report::RecordingFailed { path, error } => {
                let (path, error) = (path.display().to_string(), Some(error.to_string()));
                let id = call.to_string();
                self.note(call, EventBody::Recorded { id, path, length_s: 0.0, error });
            }
            Report::Stream(Sound::Goodbye) | Report::Played => {}
        }
    }

    /// The sound of a call has come to its end, or never began.
    pub(crate) fn closed(&self, call: CallId, figures: Option<&Figures>) {
        let rtp = figures.and_then(|figures| figures.rtp.as_ref());
        let rtp = rtp.map(|rtp| RtpLine { sent: rtp.sent, received: rtp.received, lost: rtp.lost });
        let mut inner = self.inner();
        let Some(known) = inner.calls.get_mut(&call) else { return };
        match std::mem::replace(&mut known.sound, State::Closed(rtp)) {
            State::Open | State::Closed(_) => {}
            State::Ending(event) => {
                inner.calls.remove(&call);
                let now = inner.clock.now();
                inner.tell(now, &event, rtp);
                inner.conclude(now);
            }
        }
    }

    /// Something about a call.
    pub(crate) fn note(&self, call: CallId, body: EventBody) {
        let inner = self.inner();
        let about = inner.calls.get(&call).map(|known| known.about.clone()).unwrap_or_default();
        inner.push(inner.clock.now(), about, body);
    }

    /// Tells at once what is still held: whoever would have completed it is gone.
    pub(crate) fn flush(&self) {
        let mut inner = self.inner();
        let now = inner.clock.now();
        for known in std::mem::take(&mut inner.calls).into_values() {
            if let State::Ending(event) = known.sound {
                inner.tell(now, &event, None);
            }
        }
        inner.conclude(now);
    }

    fn sound(&self, call: CallId, state: &str, remote: Option<String>) {
        let (id, state) = (call.to_string(), state.to_owned());
        self.note(call, EventBody::Audio { id, state, remote });
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn ended(&mut self, now: Instant, call: CallId, event: Event) {
        match self.calls.get_mut(&call) {
            None => self.tell(now, &event, None),
            Some(Known { sound: State::Closed(rtp), .. }) => {
                let rtp = *rtp;
                self.calls.remove(&call);
                self.tell(now, &event, rtp);
            }
            Some(known) => known.sound = State::Ending(Box::new(event)),
        }
    }

    /// Tells that the engine has stopped, once nothing else is held.
    fn conclude(&mut self, now: Instant) {
        if !self.calls.values().any(Known::is_ending)
            && let Some(event) = self.stopped.take()
        {
            self.tell(now, &event, None);
        }
    }

    fn tell(&self, now: Instant, event: &Event, figures: Option<RtpLine>) {
        let stamp = stamp(&self.clock, now);
        let Some(mut body) = EventBody::from_event(event, now, &stamp) else { return };
        if let EventBody::Call { rtp, .. } = &mut body {
            *rtp = figures;
        }
        self.push(now, about(event), body);
        if matches!(event.kind, EventKind::Stopped) {
            self.stop.send_replace(true);
        }
    }

    fn push(&self, now: Instant, about: About, body: EventBody) {
        self.log.push(now, &stamp(&self.clock, now), about, body);
    }
}

impl Known {
    const fn is_ending(&self) -> bool {
        matches!(self.sound, State::Ending(_))
    }
}

fn about(event: &Event) -> About {
    let of_process = matches!(event.kind, EventKind::Stopped);
    let phone = (!of_process).then(|| event.phone.to_string());
    About { phone, account: event.account }
}

#[cfg(test)]
mod tests {
    use super::*;
    use phone::{CallWhy, Direction};

    const CALL: CallId = CallId(3);

    fn event(kind: EventKind) -> Event {
        Event { phone: params::Device::default().mac, account: Some(1), kind }
    }

    fn open() -> Event {
        let order = MediaOrder::Open { ports: (11_780, 12_780) };
        event(EventKind::Media { call: CALL, order })
    }

    fn ended() -> Event {
        event(EventKind::Call {
            id: CALL,
            direction: Direction::Out,
            state: CallState::Ended,
            peer: "sip:1002@lab.test".into(),
            next_hop: None,
            status: None,
            why: Some(CallWhy::HungUp),
            rtp: None,
        })
    }

    fn stopped() -> Event {
        Event { account: None, ..event(EventKind::Stopped) }
    }

    fn teller() -> (Teller, EventLog, watch::Receiver<bool>) {
        let (log, (stop, stopped)) = (EventLog::new(), watch::channel(false));
        (Teller::new(log.clone(), Clock::start(), stop), log, stopped)
    }

    fn told(log: &EventLog) -> Vec<String> {
        let mut reader = log.follow(None);
        let lines = std::iter::from_fn(|| reader.next_held());
        let event = |json: &str| {
            let line: serde_json::Value = serde_json::from_str(json).unwrap();
            format!("{} {}", line["event"].as_str().unwrap(), line["rtp"]["sent"])
        };
        lines.map(|held| event(&held.json)).collect()
    }

    fn figures(sent: u64) -> Box<Figures> {
        let rtp = media::Figures {
            sent_codec: media::codecs()[0],
            received_codec: None,
            remote: "127.0.0.1:1".parse().unwrap(),
            sent,
            received: 9,
            lost: 1,
            late: 0,
            duplicate: 0,
            unplayable: 0,
            loss: 0.0,
            jitter: std::time::Duration::ZERO,
            buffered: std::time::Duration::ZERO,
            concealed: std::time::Duration::ZERO,
            round_trip: None,
            reported: None,
            mos: None,
            discarded: BTreeMap::new(),
        };
        Box::new(Figures { rtp: Some(rtp), unsent: 0, level_db: -96.0, loudest_db: -96.0 })
    }

    #[test]
    fn the_end_of_a_call_waits_for_its_figures_and_the_stop_for_the_end() {
        let (teller, log, stop) = teller();
        teller.event(Instant::ZERO, open());
        teller.event(Instant::ZERO, ended());
        teller.event(Instant::ZERO, stopped());
        assert_eq!((told(&log), *stop.borrow()), (vec![], false));
        teller.report(CallKey(CALL.0), Report::Closed(figures(10)));
        let all = vec!["call 10".to_owned(), "stopped null".to_owned()];
        assert_eq!((told(&log), *stop.borrow()), (all, true));
    }

    #[test]
    fn figures_that_come_first_wait_for_the_end() {
        let (teller, log, _stop) = teller();
        teller.event(Instant::ZERO, open());
        teller.report(CallKey(CALL.0), Report::Closed(figures(7)));
        assert!(told(&log).is_empty());
        teller.event(Instant::ZERO, ended());
        assert_eq!(told(&log), ["call 7"]);
    }

    #[test]
    fn a_call_without_sound_ends_at_once_and_nothing_is_held_for_good() {
        let (teller, log, stop) = teller();
        teller.event(Instant::ZERO, ended());
        assert_eq!(told(&log), ["call null"]);
        teller.event(Instant::ZERO, open());
        teller.event(Instant::ZERO, ended());
        teller.event(Instant::ZERO, stopped());
        teller.flush();
        assert_eq!((told(&log).len(), *stop.borrow()), (3, true));
    }
}
