//! The jitter buffer: packets in at any time and order, 10 ms of sound out at each tick.
//!
//! A packet waits in the queue until its sound is due ([`Delay`]). What was lost is concealed,
//! what comes too late is dropped, and where the wait is longer or shorter than the link needs,
//! sound is played a little faster or slower.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use net::{Instant, Rng};
use sdp::Payload;

use crate::codec::Decoder;
use crate::conceal::Concealer;
use crate::delay::Delay;
use crate::{FRAME, FRAME_MS, Rate, stretch};

/// Packets held at the most: two and a half seconds of 10 ms packets.
const QUEUE_MAX: usize = 256;
/// A source that sends nothing for so long begins anew, with a fresh delay before its sound.
const PAUSE_MAX_MS: i64 = 500;
/// A step of the timestamp by more than this is another clock, not a pause.
const JUMP_AHEAD_S: i64 = 5;
/// A step back in sequence: no late packet lies so far behind what was played.
const JUMP_BACK_MS: i64 = 200;
/// Sequence numbers remembered, to tell a duplicate from a late packet.
const RECENT_MAX: usize = 64;
/// Waiting longer than needed by this: play faster.
const TOO_LONG: Duration = Duration::from_millis(12);
/// Waiting longer than needed by this: leave packets out.
const FAR_TOO_LONG: Duration = Duration::from_millis(250);
/// Waiting shorter than needed by this: play slower.
const TOO_SHORT: Duration = Duration::from_millis(6);
/// Packets played as they are after one that was shortened or lengthened.
const CHANGE_EVERY: u32 = 2;

/// What was done with the packets so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) played: u64,
    pub(crate) late: u64,
    pub(crate) duplicate: u64,
    pub(crate) overflown: u64,
    pub(crate) undecodable: u64,
    /// Sound made up for what was lost, in milliseconds.
    pub(crate) concealed_ms: u64,
}

pub(crate) struct Playout {
    rate: Rate,
    clock_hz: u32,
    queue: BTreeMap<i64, Held>,
    delay: Delay,
    decoders: Vec<(u8, Decoder)>,
    concealer: Concealer,
    state: State,
    /// Sound that is decoded and not yet played.
    ready: VecDeque<i16>,
    /// The sequence numbers taken from the queue last.
    recent: VecDeque<i64>,
    /// The timestamp seen last, unwrapped.
    last_timestamp: Option<i64>,
    since_change: u32,
    waited: Duration,
    pub(crate) counts: Counts,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing is being played; the first packet waits until it is due.
    Waiting,
    /// `next` is the timestamp that comes next, `last` the sequence number played last, and
    /// `bridged` the ticks made up since then while it was not known what was missing.
    Playing { next: i64, last: i64, bridged: i64 },
}

/// A packet that waits.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Unwrapped.
    pub(crate) timestamp: i64,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Audio(Payload, Box<[u8]>),
    /// Comfort noise so many dB below full scale (RFC 3389).
    Noise(u8),
    /// Something else in the same sequence, such as an event.
    Other,
}

impl Playout {
    pub(crate) fn new(rate: Rate, clock_hz: u32, rng: Rng) -> Self {
        Self {
            rate,
            clock_hz,
            queue: BTreeMap::new(),
            delay: Delay::new(clock_hz),
            decoders: Vec::new(),
            concealer: Concealer::new(rate, rng),
            state: State::Waiting,
            ready: VecDeque::new(),
            recent: VecDeque::new(),
            last_timestamp: None,
            since_change: 0,
            waited: Duration::ZERO,
            counts: Counts::default(),
        }
    }

    /// Forgets what waits, because another source or another clock begins.
    pub(crate) fn restart(&mut self, clock_hz: u32) {
        self.queue.clear();
        self.decoders.clear();
        self.clock_hz = clock_hz;
        self.delay = Delay::new(clock_hz);
        self.state = State::Waiting;
        self.recent.clear();
        self.last_timestamp = None;
    }

    /// The timestamp without wrap-around, near the last one.
    pub(crate) fn unwrap_timestamp(&mut self, timestamp: u32) -> i64 {
        let last = self.last_timestamp.unwrap_or_else(|| i64::from(timestamp) + (1 << 32));
        let step = timestamp.wrapping_sub(last as u32).cast_signed();
        let unwrapped = last + i64::from(step);
        self.last_timestamp = Some(unwrapped);
        unwrapped
    }

    /// Takes a packet.
    pub(crate) fn push(&mut self, now: Instant, sequence: i64, held: Held) {
        let passed = matches!(self.state, State::Playing { last, .. } if sequence <= last);
        if self.queue.contains_key(&sequence) || self.recent.contains(&sequence) {
            self.counts.duplicate += 1;
        } else if passed {
            self.counts.late += 1;
        } else if self.queue.len() == QUEUE_MAX {
            self.counts.overflown += 1;
        } else {
            if let Content::Audio(..) = held.content {
                self.delay.arrived(now, held.timestamp);
            }
            self.queue.insert(sequence, held);
        }
    }

    /// The next 10 ms of sound.
    pub(crate) fn frame(&mut self, now: Instant) -> Vec<i16> {
        let want = self.rate.samples(FRAME_MS);
        // Each step makes sound or takes a packet from the queue.
        for _ in 0..QUEUE_MAX + 2 {
            if self.ready.len() >= want {
                break;
            }
            self.step(now);
        }
        let missing = want.saturating_sub(self.ready.len());
        self.ready.extend(std::iter::repeat_n(0, missing));
        self.ready.drain(..want).collect()
    }

    /// How long sound waits here after the quickest possible arrival.
    pub(crate) const fn waited(&self) -> Duration {
        self.waited
    }

    fn step(&mut self, now: Instant) {
        let front = self.queue.first_key_value().map(|(&sequence, held)| {
            (sequence, held.timestamp, matches!(held.content, Content::Audio(..)))
        });
        match (self.state, front) {
            (_, Some((sequence, _, false))) => self.take_other(sequence),
            (State::Waiting, None) => self.comfort(),
            (State::Waiting, Some((sequence, timestamp, true))) => {
                if now < self.delay.due(now, timestamp) {
                    self.comfort();
                } else {
                    self.state = State::Playing { next: timestamp, last: sequence - 1, bridged: 0 };
                }
            }
            (State::Playing { next, last, bridged }, None) => {
                self.conceal(FRAME_MS);
                let bridged = bridged + self.frame_ticks();
                self.state = if bridged < PAUSE_MAX_MS * i64::from(self.clock_hz) / 1_000 {
                    State::Playing { next, last, bridged }
                } else {
                    State::Waiting
                };
            }
            (State::Playing { next, last, bridged }, Some((sequence, timestamp, true))) => {
                let gap = timestamp - next;
                let clock_hz = i64::from(self.clock_hz);
                if gap > JUMP_AHEAD_S * clock_hz || -gap * 1_000 > JUMP_BACK_MS * clock_hz {
                    self.jump(now, timestamp);
                } else if gap <= 0 {
                    self.play(now, sequence, next);
                } else if sequence == last + 1 {
                    self.pause(now, sequence, timestamp);
                } else {
                    self.bridge(sequence, timestamp, next + bridged.min(gap), last);
                }
            }
        }
    }

    /// Packets that carry no sound only close the gap in the sequence.
    fn take_other(&mut self, sequence: i64) {
        let Some(held) = self.take(sequence) else { return };
        if let Content::Noise(below_db) = held.content {
            self.concealer.noise_level(below_db);
        }
        if let State::Playing { last, .. } = &mut self.state {
            *last = sequence;
        }
    }

    /// The clock of the source has jumped: what it said before is no measure any more.
    fn jump(&mut self, now: Instant, timestamp: i64) {
        self.delay = Delay::new(self.clock_hz);
        self.delay.arrived(now, timestamp);
        self.state = State::Waiting;
    }

    /// The other side was silent on purpose; it goes on when the packet is due.
    fn pause(&mut self, now: Instant, sequence: i64, timestamp: i64) {
        if now < self.delay.due(now, timestamp) {
            self.comfort();
        } else {
            self.play(now, sequence, timestamp);
        }
    }

    /// Packets between `next` and `timestamp` are missing, and their time has come.
    fn bridge(&mut self, sequence: i64, timestamp: i64, next: i64, last: i64) {
        let missing = (timestamp - next).min(self.frame_ticks());
        let ms = missing * 1_000 / i64::from(self.clock_hz);
        self.conceal(usize::try_from(ms).unwrap_or(0));
        // Less than a millisecond is no gap.
        let next = if ms == 0 { timestamp } else { next + missing };
        let last = if next == timestamp { sequence - 1 } else { last };
        self.state = State::Playing { next, last, bridged: 0 };
    }

    /// Plays the packet in front; `next` is where the sound played so far ends.
    fn play(&mut self, now: Instant, sequence: i64, next: i64) {
        let Some(Held { timestamp, content: Content::Audio(payload, bytes) }) = self.take(sequence)
        else {
            return;
        };
        let decoded = self.decoder(payload).and_then(|decoder| decoder.decode(&bytes));
        let Some(decoded) = decoded else {
            // As if it had been lost: the gap before the next packet is concealed.
            self.counts.undecodable += 1;
            self.state = State::Playing { next, last: sequence - 1, bridged: 0 };
            return;
        };
        let end = timestamp + decoded.ticks;
        self.state = State::Playing { next: end.max(next), last: sequence, bridged: 0 };
        // The part whose time was filled already is left out.
        let passed = usize::try_from(next - timestamp).unwrap_or(0);
        let passed = passed * self.rate.hz() as usize / self.clock_hz.max(1) as usize;
        let Some(rest) = decoded.samples.get(passed..).filter(|rest| !rest.is_empty()) else {
            self.counts.late += 1;
            return;
        };
        let playing_at = now + self.ready_time();
        self.waited = self.delay.since_soonest(playing_at, timestamp.max(next));
        let sound = self.concealer.heard(rest.to_vec());
        self.counts.played += 1;
        if let Some(sound) = self.fitted(now, sound) {
            self.ready.extend(sound);
        }
    }

    /// Brings the wait nearer to what the link needs; `None` leaves the packet out.
    fn fitted(&mut self, now: Instant, sound: Vec<i16>) -> Option<Vec<i16>> {
        let target = self.delay.target(now);
        self.since_change += 1;
        if self.waited > target + FAR_TOO_LONG && !self.queue.is_empty() {
            return None;
        }
        if self.since_change < CHANGE_EVERY {
            return Some(sound);
        }
        let changed = if self.waited > target + TOO_LONG {
            stretch::shorten(&sound, self.rate)
        } else if self.waited + TOO_SHORT < target {
            stretch::lengthen(&sound, self.rate)
        } else {
            return Some(sound);
        };
        if changed.len() != sound.len() {
            self.since_change = 0;
        }
        Some(changed)
    }

    fn take(&mut self, sequence: i64) -> Option<Held> {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(sequence);
        self.queue.remove(&sequence)
    }

    fn decoder(&mut self, payload: Payload) -> Option<&mut Decoder> {
        let at = self.decoders.iter().position(|(number, decoder)| {
            *number == payload.number && decoder.codec() == payload.codec
        });
        if at.is_none() {
            self.decoders.push((payload.number, Decoder::new(payload.codec, self.rate)?));
        }
        let at = at.unwrap_or(self.decoders.len() - 1);
        self.decoders.get_mut(at).map(|(_, decoder)| decoder)
    }

    /// The decoders' own concealment is not used: after it G.729 stays quiet for several packets,
    /// and measured on voiced sound and tones the last period repeated is nearer to what was lost.
    fn conceal(&mut self, ms: usize) {
        let sound = self.concealer.fill(self.rate.samples(ms));
        self.counts.concealed_ms += ms as u64;
        self.ready.extend(sound);
    }

    fn comfort(&mut self) {
        let sound = self.concealer.comfort(self.rate.samples(FRAME_MS));
        self.ready.extend(sound);
    }

    fn ready_time(&self) -> Duration {
        let micros = self.ready.len() as u64 * 1_000_000 / u64::from(self.rate.hz());
        Duration::from_micros(micros)
    }

    fn frame_ticks(&self) -> i64 {
        i64::from(self.clock_hz) * FRAME_MS as i64 / 1_000
    }
}

const _: () = assert!(FRAME.as_millis() == FRAME_MS as u128);
