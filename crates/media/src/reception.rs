//! What is known of one source by its packets (RFC 3550 appendices A.1, A.3 and A.8).

use net::Instant;

use crate::rtcp::Block;

/// A gap of so many packets is still loss, not another stream (RFC 3550 §A.1).
const DROPOUT_MAX: u16 = 3_000;
/// A packet so far behind is still late, not another stream (RFC 3550 §A.1).
const MISORDER_MAX: u16 = 100;

/// Sequence numbers, loss and jitter of one source.
#[derive(Clone, Debug)]
pub(crate) struct Reception {
    pub(crate) ssrc: u32,
    first: i64,
    highest: i64,
    /// The number that would confirm a jump, if it comes next.
    expected_after_jump: Option<u16>,
    pub(crate) received: u64,
    expected_before: u64,
    received_before: u64,
    /// In ticks, times 16.
    jitter: u64,
    transit: Option<i64>,
    last_report: Option<(u32, Instant)>,
}

/// What a sequence number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It belongs to the stream; the number without wrap-around.
    At(i64),
    /// It begins a stream anew: what was kept of the former one has no meaning.
    Restart(i64),
    /// It fits nowhere; the next packet decides whether the stream has jumped.
    Astray,
}

impl Reception {
    pub(crate) fn new(ssrc: u32, sequence: u16) -> Self {
        // One cycle of room below, so that packets older than the first have numbers too.
        let first = i64::from(sequence) + 0x1_0000;
        Self {
            ssrc,
            first,
            highest: first - 1,
            expected_after_jump: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0,
            transit: None,
            last_report: None,
        }
    }

    /// Places a packet by its number.
    pub(crate) fn place(&mut self, sequence: u16) -> Place {
        let ahead = sequence.wrapping_sub(self.highest as u16);
        if ahead < DROPOUT_MAX {
            self.highest += i64::from(ahead);
        } else if ahead <= u16::MAX - MISORDER_MAX {
            if self.expected_after_jump != Some(sequence) {
                self.expected_after_jump = Some(sequence.wrapping_add(1));
                return Place::Astray;
            }
            // RFC 3550 §A.1: two in a row: the other side restarted without telling.
            let last_report = self.last_report;
            *self = Self { received: 1, last_report, ..Self::new(self.ssrc, sequence) };
            self.highest += 1;
            return Place::Restart(self.highest);
        }
        self.expected_after_jump = None;
        self.received += 1;
        let behind = (self.highest as u16).wrapping_sub(sequence);
        Place::At(self.highest - i64::from(behind))
    }

    /// Counts the arrival of a packet into the jitter.
    pub(crate) fn arrived(&mut self, now: Instant, timestamp: i64, clock_hz: u32) {
        let ticks = u128::from(now.as_micros()) * u128::from(clock_hz) / 1_000_000;
        let transit = i64::try_from(ticks).unwrap_or(i64::MAX).wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            // A step of a second is a change of clock, not jitter.
            let step = transit.wrapping_sub(before).unsigned_abs().min(u64::from(clock_hz));
            // RFC 3550 §A.8, in integers.
            self.jitter = self.jitter + step - ((self.jitter + 8) >> 4);
        }
    }

    /// Notes a sender report of this source.
    pub(crate) fn reported(&mut self, now: Instant, ntp: u64) {
        self.last_report = Some(((ntp >> 16) as u32, now));
    }

    /// Packets expected so far.
    pub(crate) fn expected(&self) -> u64 {
        u64::try_from(self.highest - self.first + 1).unwrap_or(0)
    }

    /// Packets missing so far; duplicates count against it.
    pub(crate) fn lost(&self) -> i64 {
        i64::try_from(self.expected()).unwrap_or(i64::MAX)
            - i64::try_from(self.received).unwrap_or(i64::MAX)
    }

    /// Interarrival jitter in ticks.
    pub(crate) fn jitter_ticks(&self) -> u32 {
        u32::try_from(self.jitter >> 4).unwrap_or(u32::MAX)
    }

    /// The block for the next report; begins another interval.
    pub(crate) fn block(&mut self, now: Instant) -> Block {
        let expected = self.expected().saturating_sub(self.expected_before);
        let received = self.received.saturating_sub(self.received_before);
        (self.expected_before, self.received_before) = (self.expected(), self.received);
        let lost = expected.saturating_sub(received);
        let fraction = (lost << 8).checked_div(expected).unwrap_or(0);
        let (last_report, delay) = match self.last_report {
            None => (0, 0),
            Some((ntp, at)) => (ntp, crate::ntp::short(now.since(at))),
        };
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(self.lost()).unwrap_or(i32::MAX),
            highest: (self.highest - 0x1_0000) as u32,
            jitter: self.jitter_ticks(),
            last_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_go_on_over_the_wrap_and_back_for_late_packets() {
        let mut source = Reception::new(1, 65_534);
        let mut places = [65_534, 65_535, 1, 0, 65_533].map(|number| source.place(number));
        let Place::At(first) = places[0] else { panic!("{places:?}") };
        places.iter_mut().for_each(|place| {
            let Place::At(at) = place else { panic!("{place:?}") };
            *at -= first;
        });
        assert_eq!(places, [0, 1, 3, 2, -1].map(Place::At));
    }

    #[test]
    fn a_jump_counts_only_when_the_next_packet_confirms_it() {
        let mut source = Reception::new(1, 10);
        source.place(10);
        assert_eq!(source.place(20_000), Place::Astray);
        assert!(matches!(source.place(11), Place::At(_)));
        assert_eq!(source.place(30_000), Place::Astray);
        assert!(matches!(source.place(30_001), Place::Restart(_)));
        assert!(matches!(source.place(30_002), Place::At(_)));
        assert_eq!(source.lost(), 0);
    }

    #[test]
    fn loss_is_counted_in_all_and_for_each_interval() {
        let mut source = Reception::new(1, 0);
        for number in (0..100).filter(|number| number % 4 != 3) {
            source.place(number);
        }
        let block = source.block(Instant::ZERO);
        assert_eq!((block.lost, block.fraction_lost, block.highest), (24, 62, 98));
        source.place(99);
        assert_eq!(source.block(Instant::ZERO).fraction_lost, 0);
    }

    #[test]
    fn jitter_settles_at_the_mean_step_between_packets() {
        let mut source = Reception::new(1, 0);
        for number in 0..1_000_u64 {
            let late_ms = if number % 2 == 0 { 0 } else { 5 };
            let now = Instant::ZERO + Duration::from_millis(20 * number + late_ms);
            source.arrived(now, i64::try_from(160 * number).unwrap(), 8_000);
        }
        let ticks = source.jitter_ticks();
        assert!((38..=40).contains(&ticks), "5 ms are 40 ticks, not {ticks}");
    }

    #[test]
    fn a_sender_report_comes_back_with_the_time_since() {
        let mut source = Reception::new(1, 0);
        source.place(0);
        source.reported(Instant::from_secs(1), 0x0000_1234_5678_0000);
        let block = source.block(Instant::from_secs(3));
        assert_eq!((block.last_report, block.delay), (0x1234_5678, 2 << 16));
    }
}
