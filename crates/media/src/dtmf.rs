//! DTMF digits as telephone events (RFC 4733).

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use crate::read::u16_at;
use crate::rtp::Packet;

/// Digits that may wait to be sent.
pub const DIGITS_MAX: usize = 64;
/// How often the last packet of an event is sent (RFC 4733 §2.5.1.4).
const END_COUNT: u8 = 3;
/// Silence after a digit, so that the next one is told apart (ITU-T Q.24: 40 ms and more).
const PAUSE_MS: u32 = 60;
/// Digits are at least so long (ITU-T Q.24).
const LENGTH_MIN: Duration = Duration::from_millis(40);
/// −10 dBm0, the level of event packets.
const VOLUME: u8 = 10;
/// A packet of an earlier event may come so many ticks late, five seconds at 48 kHz; one from
/// farther back is the first of a source that began anew.
const OVERTAKEN_MAX: u32 = 240_000;
/// The bit of an event payload that says that it is over.
const END: u8 = 0x80;

/// A DTMF digit: its event number, 0 to 15.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digit(u8);

impl Digit {
    /// The digit of a key: `0`–`9`, `*`, `#`, `A`–`D` in either case.
    #[must_use]
    pub fn from_char(key: char) -> Option<Self> {
        let key = u8::try_from(key.to_ascii_uppercase()).ok()?;
        let event = KEYS.iter().position(|&known| known == key)?;
        u8::try_from(event).ok().map(Self)
    }

    /// The digit of an event number (RFC 4733 §3.2).
    #[must_use]
    pub const fn from_event(event: u8) -> Option<Self> {
        if event < 16 { Some(Self(event)) } else { None }
    }

    /// Its key.
    #[must_use]
    pub fn as_char(self) -> char {
        char::from(KEYS.get(usize::from(self.0)).copied().unwrap_or(b'?'))
    }

    /// Its two frequencies in Hz (ITU-T Q.23).
    pub(crate) fn frequencies(self) -> (f64, f64) {
        let place = LAYOUT.iter().position(|&key| char::from(key) == self.as_char()).unwrap_or(0);
        let low = [697.0, 770.0, 852.0, 941.0].get(place / 4).copied();
        let high = [1_209.0, 1_336.0, 1_477.0, 1_633.0].get(place % 4).copied();
        (low.unwrap_or(697.0), high.unwrap_or(1_209.0))
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_char())
    }
}

/// The keys in the order of their event numbers.
const KEYS: [u8; 16] = *b"0123456789*#ABCD";
/// The keys in the order of the keypad, row by row.
const LAYOUT: [u8; 16] = *b"123A456B789C*0#D";

/// Digits on their way out, sent as events or as tones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    waiting: VecDeque<(Digit, Duration)>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Default)]
enum Stage {
    #[default]
    Idle,
    /// Of `total` ticks `sent` have been.
    Sounding { digit: Digit, total: u32, sent: u32 },
    /// The end has been sent `times` times.
    Ending { digit: Digit, total: u32, times: u8 },
    /// So many ticks of silence are left.
    Pause { left: u32 },
}

/// What to send in one packet time instead of audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Nothing: audio goes on.
    Free,
    /// A packet of the running event.
    Event { payload: [u8; 4], place: EventPlace },
    /// Silence between two digits.
    Pause,
}

/// Where in its event a packet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventPlace {
    First,
    Later,
}

impl Outgoing {
    /// Queues a digit; `false` if too many wait.
    pub(crate) fn push(&mut self, digit: Digit, length: Duration) -> bool {
        let room = self.waiting.len() < DIGITS_MAX;
        if room {
            self.waiting.push_back((digit, length.max(LENGTH_MIN)));
        }
        room
    }

    /// What this packet time of `step` ticks carries, on a clock of `clock_hz`.
    pub(crate) fn next_slot(&mut self, step: u32, clock_hz: u32) -> Slot {
        if let Stage::Idle = self.stage
            && let Some((digit, length)) = self.waiting.pop_front()
        {
            let ticks = length.as_millis() * u128::from(clock_hz / 1_000);
            // The duration field has 16 bits (RFC 4733 §2.3.5).
            let total = u32::try_from(ticks).unwrap_or(u32::MAX).min(u32::from(u16::MAX));
            self.stage = Stage::Sounding { digit, total, sent: 0 };
        }
        match self.stage {
            Stage::Idle => Slot::Free,
            Stage::Sounding { digit, total, sent } => {
                let place = if sent == 0 { EventPlace::First } else { EventPlace::Later };
                let sent = (sent + step).min(total);
                self.stage = if sent < total {
                    Stage::Sounding { digit, total, sent }
                } else {
                    Stage::Ending { digit, total, times: 0 }
                };
                Slot::Event { payload: payload(digit, VOLUME, sent), place }
            }
            Stage::Ending { digit, total, times } => {
                self.stage = if times + 1 < END_COUNT {
                    Stage::Ending { digit, total, times: times + 1 }
                } else {
                    Stage::Pause { left: PAUSE_MS * (clock_hz / 1_000) }
                };
                Slot::Event {
                    payload: payload(digit, VOLUME | END, total),
                    place: EventPlace::Later,
                }
            }
            Stage::Pause { left } => {
                self.stage = match left.saturating_sub(step) {
                    0 => Stage::Idle,
                    left => Stage::Pause { left },
                };
                Slot::Pause
            }
        }
    }

    /// The digit that sounds in this packet time, for those who send tones.
    pub(crate) fn next_tone(&mut self, step: u32, clock_hz: u32) -> ToneSlot {
        loop {
            return match self.next_slot(step, clock_hz) {
                Slot::Free => ToneSlot::Free,
                Slot::Pause => ToneSlot::Pause,
                Slot::Event { payload: [event, flags, ..], .. } => match Digit::from_event(event) {
                    Some(digit) if flags & END == 0 => ToneSlot::Sound(digit),
                    // The end needs no repetition where it is heard.
                    Some(_) | None => continue,
                },
            };
        }
    }
}

/// What to play in one packet time instead of the user's voice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ToneSlot {
    Free,
    Sound(Digit),
    Pause,
}

fn payload(digit: Digit, flags: u8, ticks: u32) -> [u8; 4] {
    let [high, low] = u16::try_from(ticks).unwrap_or(u16::MAX).to_be_bytes();
    [digit.0, flags, high, low]
}

/// Events on their way in: each is told once, however many of its packets come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incoming {
    last: Option<Told>,
}

/// The event told last.
#[derive(Clone, Copy, Debug)]
struct Told {
    ssrc: u32,
    timestamp: u32,
    digit: Digit,
    /// The longest that its packets said.
    ticks: u16,
    ended: bool,
}

impl Incoming {
    /// The digit that a packet begins; `None` if it was told already or is no digit.
    pub(crate) fn take(&mut self, packet: &Packet<'_>) -> Option<Digit> {
        let digit = Digit::from_event(*packet.payload.first()?)?;
        let flags = *packet.payload.get(1)?;
        let mut told = Told {
            ssrc: packet.ssrc,
            timestamp: packet.timestamp,
            digit,
            ticks: u16_at(packet.payload, 2)?,
            ended: flags & END != 0,
        };
        let Some(last) = self.last.filter(|last| last.ssrc == told.ssrc) else {
            self.last = Some(told);
            return Some(digit);
        };
        let behind = last.timestamp.wrapping_sub(told.timestamp);
        if behind == 0 {
            told.ticks = told.ticks.max(last.ticks);
            told.ended |= last.ended;
        } else if behind <= OVERTAKEN_MAX {
            return None;
        }
        self.last = Some(told);
        (behind != 0 && !told.continues(&last)).then_some(digit)
    }
}

impl Told {
    /// Whether this is the next segment of a key held for very long (RFC 4733 §2.5.1.3).
    fn continues(&self, last: &Self) -> bool {
        let step = self.timestamp.wrapping_sub(last.timestamp);
        !last.ended && self.digit == last.digit && step == u32::from(last.ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digit(key: char) -> Digit {
        Digit::from_char(key).unwrap()
    }

    #[test]
    fn keys_and_events_belong_together() {
        for (event, key) in "0123456789*#ABCD".chars().enumerate() {
            assert_eq!(Digit::from_event(u8::try_from(event).unwrap()), Some(digit(key)));
            assert_eq!(digit(key).as_char(), key);
        }
        assert_eq!(digit('d'), digit('D'));
        assert_eq!(Digit::from_char('x'), None);
        assert_eq!(Digit::from_event(16), None);
        assert_eq!(digit('#').frequencies(), (941.0, 1_477.0));
    }

    #[test]
    fn an_event_grows_ends_three_times_and_is_followed_by_a_pause() {
        let mut outgoing = Outgoing::default();
        assert!(outgoing.push(digit('5'), Duration::from_millis(50)));
        let slots: Vec<Slot> = (0..10).map(|_| outgoing.next_slot(160, 8_000)).collect();
        let event = |flags: u8, ticks: u16, place: EventPlace| {
            let [high, low] = ticks.to_be_bytes();
            Slot::Event { payload: [5, flags, high, low], place }
        };
        let expected = [
            event(10, 160, EventPlace::First),
            event(10, 320, EventPlace::Later),
            event(10, 400, EventPlace::Later),
            event(0x8a, 400, EventPlace::Later),
            event(0x8a, 400, EventPlace::Later),
            event(0x8a, 400, EventPlace::Later),
            Slot::Pause,
            Slot::Pause,
            Slot::Pause,
            Slot::Free,
        ];
        assert_eq!(slots, expected);
    }

    #[test]
    fn digits_wait_in_order_and_their_number_and_length_are_limited() {
        let mut outgoing = Outgoing::default();
        let hour = Duration::from_secs(3_600);
        assert!((0..DIGITS_MAX).all(|_| outgoing.push(digit('1'), hour)));
        assert!(!outgoing.push(digit('1'), hour));
        let packets =
            (0..1_000).take_while(|_| outgoing.next_slot(160, 8_000) != Slot::Pause).count();
        assert_eq!(packets, 65_535_usize.div_ceil(160) + 3);
    }

    #[test]
    fn tones_need_no_repeated_end() {
        let mut outgoing = Outgoing::default();
        outgoing.push(digit('7'), Duration::from_millis(40));
        let slots: Vec<ToneSlot> = (0..6).map(|_| outgoing.next_tone(160, 8_000)).collect();
        let (sound, pause) = (ToneSlot::Sound(digit('7')), ToneSlot::Pause);
        assert_eq!(slots, [sound, sound, pause, pause, pause, ToneSlot::Free]);
    }

    /// Takes a packet of an event.
    fn take(incoming: &mut Incoming, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<char> {
        let (payload_type, marker, sequence) = (101, false, 0);
        let packet = Packet { payload_type, marker, sequence, timestamp, ssrc, payload };
        incoming.take(&packet).map(Digit::as_char)
    }

    #[test]
    fn an_incoming_event_is_told_once_even_if_only_its_end_arrives() {
        let mut incoming = Incoming::default();
        let mut take =
            |ssrc, timestamp, payload: &[u8]| take(&mut incoming, ssrc, timestamp, payload);
        let end = [5, 0x8a, 1, 0];
        assert_eq!(take(1, 800, &[5, 10, 0, 160]), Some('5'));
        assert_eq!(take(1, 800, &[5, 10, 0, 240]), None);
        assert_eq!(take(1, 800, &end), None);
        assert_eq!(take(1, 4_000, &end), Some('5'), "pressed again");
        assert_eq!(take(1, 800, &end), None, "overtaken by the next event");
        assert_eq!(take(1, 9_000, &[200, 0, 0, 0]), None, "no digit");
        assert_eq!(take(1, 9_000, &[5]), None, "cut short");
        assert_eq!(take(2, 10, &[6, 10, 0, 160]), Some('6'), "another source");
        assert_eq!(take(2, 10_u32.wrapping_sub(300_000), &end), Some('5'), "it began anew");
    }

    #[test]
    fn a_key_held_for_long_is_one_digit() {
        let mut incoming = Incoming::default();
        let mut take = |timestamp, payload: &[u8]| take(&mut incoming, 1, timestamp, payload);
        assert_eq!(take(0, &[5, 10, 0xff, 0xff]), Some('5'));
        assert_eq!(take(65_535, &[5, 10, 0, 160]), None, "the next segment");
        assert_eq!(take(65_535, &[5, 0x8a, 1, 0]), None);
        assert_eq!(take(65_535 + 256, &[5, 10, 0, 160]), Some('5'), "pressed again at once");
    }
}
