//! The last events of a process, for readers who come late or read slowly.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::Instant;
use tokio::sync::watch;

use crate::Stamp;
use crate::event::{EventBody, EventLine};
use crate::status::MoveLine;

/// One event as readers get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub seq: u64,
    /// Its line without the end.
    pub json: Arc<str>,
}

/// A ring of events, at most [`EventLog::BYTES_MAX`] of text; shared by cloning.
#[derive(Clone, Debug)]
pub struct EventLog {
    ring: Arc<Mutex<Ring>>,
    last: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    held: VecDeque<Held>,
    bytes: usize,
    last: u64,
    closed: bool,
    moves: BTreeMap<(String, u8), VecDeque<MoveLine>>,
}

/// One reader's place in an [`EventLog`].
#[derive(Debug)]
pub struct Follower {
    ring: Arc<Mutex<Ring>>,
    last: watch::Receiver<u64>,
    read: u64,
}

impl EventLog {
    /// How much text is kept.
    pub const BYTES_MAX: usize = 8 << 20;
    /// How many moves of one account are kept.
    pub const MOVES_MAX: usize = 100;

    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self { ring: Arc::default(), last: watch::Sender::new(0) }
    }

    /// Numbers and keeps an event, and wakes whoever follows.
    pub fn push(&self, now: Instant, stamp: &Stamp, about: About, body: EventBody) -> EventLine {
        let mut ring = lock(&self.ring);
        ring.last += 1;
        let line = EventLine {
            seq: ring.last,
            t: now.as_secs_f64(),
            at: stamp.micros(now),
            phone: about.phone,
            account: about.account,
            body,
        };
        ring.remember_move(&line);
        ring.keep(Held { seq: line.seq, json: line.to_json().into() });
        drop(ring);
        self.last.send_replace(line.seq);
        line
    }

    /// A reader that gets every event after `since`, or everything still held; a number that was
    /// not reached yet means from now on.
    #[must_use]
    pub fn follow(&self, since: Option<u64>) -> Follower {
        let ring = lock(&self.ring);
        let oldest = ring.held.front().map_or(0, |held| held.seq - 1);
        let read = since.unwrap_or(oldest).min(ring.last);
        Follower { ring: Arc::clone(&self.ring), last: self.last.subscribe(), read }
    }

    /// The last moves of an account, oldest first.
    #[must_use]
    pub fn moves(&self, phone: &str, account: u8) -> Vec<MoveLine> {
        let ring = lock(&self.ring);
        let moves = ring.moves.get(&(phone.to_owned(), account));
        moves.map(|moves| moves.iter().cloned().collect()).unwrap_or_default()
    }

    /// Ends every reader once it has read what is there.
    pub fn close(&self) {
        lock(&self.ring).closed = true;
        self.last.send_modify(|_| ());
    }
}

impl Default for EventLog {
    fn default() -> Self {
        Self::new()
    }
}

/// Which phone and account an event concerns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The MAC; none for the process.
    pub phone: Option<String>,
    /// The account.
    pub account: Option<u8>,
}

impl Follower {
    /// The next event, waiting for it; none when the log was closed and all is read.
    pub async fn next(&mut self) -> Option<Held> {
        loop {
            self.last.mark_unchanged();
            if let Some(held) = self.next_held() {
                return Some(held);
            }
            if lock(&self.ring).closed || self.last.changed().await.is_err() {
                return self.next_held();
            }
        }
    }

    /// The next event that is already there.
    pub fn next_held(&mut self) -> Option<Held> {
        let ring = lock(&self.ring);
        let oldest = ring.held.front()?.seq;
        let lost = oldest.saturating_sub(self.read + 1);
        if lost > 0 {
            self.read = oldest - 1;
            return Some(lagged(self.read, lost));
        }
        let place = usize::try_from(self.read + 1 - oldest).ok()?;
        let held = ring.held.get(place)?.clone();
        self.read = held.seq;
        Some(held)
    }
}

impl Ring {
    fn keep(&mut self, held: Held) {
        self.bytes += held.json.len();
        self.held.push_back(held);
        while self.bytes > EventLog::BYTES_MAX && self.held.len() > 1 {
            let oldest = self.held.pop_front();
            self.bytes -= oldest.map_or(0, |held| held.json.len());
        }
    }

    fn remember_move(&mut self, line: &EventLine) {
        let (Some(phone), Some(account), Some(moved)) =
            (&line.phone, line.account, MoveLine::from_line(line))
        else {
            return;
        };
        let moves = self.moves.entry((phone.clone(), account)).or_default();
        moves.push_back(moved);
        if moves.len() > EventLog::MOVES_MAX {
            moves.pop_front();
        }
    }
}

impl MoveLine {
    fn from_line(line: &EventLine) -> Option<Self> {
        let (event, method, from, to, reason) = line.body.as_move()?;
        Some(Self {
            seq: line.seq,
            event: event.into(),
            at: line.at.clone(),
            method: method.into(),
            from: from.into(),
            to: to.into(),
            reason: reason.into(),
        })
    }
}

fn lagged(seq: u64, lost: u64) -> Held {
    Held { seq, json: format!(r#"{{"seq":{seq},"event":"lagged","n":{lost}}}"#).into() }
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    // A reader that panicked has changed nothing: the ring is whole.
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(log: &EventLog, text: &str) {
        let stamp = Stamp::new(Instant::ZERO, jiff::Timestamp::UNIX_EPOCH);
        log.push(Instant::ZERO, &stamp, About::default(), EventBody::Notice { text: text.into() });
    }

    fn seqs(follower: &mut Follower) -> Vec<u64> {
        std::iter::from_fn(|| follower.next_held()).map(|held| held.seq).collect()
    }

    #[test]
    fn numbers_rise_by_one_and_a_late_reader_starts_after_the_number_it_knows() {
        let log = EventLog::new();
        (0..4).for_each(|_| notice(&log, "x"));
        assert_eq!(seqs(&mut log.follow(None)), [1, 2, 3, 4]);
        assert_eq!(seqs(&mut log.follow(Some(2))), [3, 4]);
        let mut from_now = log.follow(Some(u64::MAX));
        notice(&log, "x");
        assert_eq!(seqs(&mut from_now), [5]);
    }

    #[test]
    fn a_reader_that_fell_behind_is_told_how_much_it_lost() {
        let log = EventLog::new();
        let mut slow = log.follow(None);
        let text = "x".repeat(EventLog::BYTES_MAX / 4);
        (0..6).for_each(|_| notice(&log, &text));
        let first = slow.next_held().unwrap();
        assert_eq!(&*first.json, r#"{"seq":3,"event":"lagged","n":3}"#);
        assert_eq!(seqs(&mut slow), [4, 5, 6]);
    }

    #[test]
    fn moves_are_kept_for_each_account_of_each_phone() {
        let log = EventLog::new();
        let stamp = Stamp::new(Instant::ZERO, jiff::Timestamp::UNIX_EPOCH);
        let about = About { phone: Some("001565000001".into()), account: Some(1) };
        let body = EventBody::Failover {
            method: "REGISTER".into(),
            from: "udp/127.0.1.1:5060".into(),
            to: "udp/127.0.1.2:5060".into(),
            reason: "timed_out".into(),
            elapsed_s: 7.5,
        };
        log.push(Instant::from_secs(7), &stamp, about, body);
        let moves = log.moves("001565000001", 1);
        assert_eq!((moves.len(), moves[0].seq, moves[0].event.as_str()), (1, 1, "failover"));
        assert!(log.moves("001565000001", 2).is_empty());
    }

    #[tokio::test]
    async fn a_follower_waits_and_ends_with_the_log() {
        let log = EventLog::new();
        let mut follower = log.follow(None);
        let waiting = tokio::spawn(async move {
            let first = follower.next().await.map(|held| held.seq);
            (first, follower.next().await)
        });
        tokio::task::yield_now().await;
        notice(&log, "x");
        log.close();
        assert_eq!(waiting.await.unwrap(), (Some(1), None));
    }
}
