//! When RTCP is sent, and what the other side's reports tell of our own packets.

use std::time::Duration;

use net::{Instant, Rng};

use crate::figures::Reported;
use crate::ntp;
use crate::rtcp::{Block, Compound, SenderInfo};

/// The mean time between reports (RFC 3550 §6.2); the first comes after half of it.
const INTERVAL: Duration = Duration::from_secs(5);
/// A round trip beyond this is an error or a lie.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

pub(crate) struct Reports {
    rng: Rng,
    cname: String,
    pub(crate) due: Instant,
    /// Packets sent when the last report and the one before it were.
    sent_before: [u32; 2],
    pub(crate) round_trip: Option<Duration>,
    pub(crate) reported: Option<Reported>,
}

/// What our own report says of our sending.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) ssrc: u32,
    pub(crate) timestamp: u32,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
}

impl Reports {
    pub(crate) fn new(now: Instant, mut rng: Rng) -> Self {
        // RFC 7022 §4.2: a name of 96 random bits for this stream alone.
        let cname = format!("{:016x}{:08x}", rng.next_u64(), rng.next_u64() as u32);
        let due = now + spread(INTERVAL / 2, &mut rng);
        Self { rng, cname, due, sent_before: [0, 0], round_trip: None, reported: None }
    }

    /// The next report; also sets the time of the one after it.
    pub(crate) fn write(&mut self, now: Instant, sent: Sent, block: Option<Block>) -> Vec<u8> {
        // RFC 3550 §6.4: a sender is who sent since the report before the last.
        let sends = sent.packets != self.sent_before[0];
        self.sent_before = [self.sent_before[1], sent.packets];
        self.due = now + spread(INTERVAL, &mut self.rng);
        self.compound(now, sent, block, sends).write(&self.cname)
    }

    /// The last report, which says goodbye.
    pub(crate) fn goodbye(&self, now: Instant, sent: Sent, block: Option<Block>) -> Vec<u8> {
        let sends = sent.packets != self.sent_before[0];
        Compound { goodbye: true, ..self.compound(now, sent, block, sends) }.write(&self.cname)
    }

    /// Learns from the other side's reports on the source `ssrc`, whose clock is `clock_hz`.
    pub(crate) fn read(&mut self, now: Instant, compound: &Compound, ssrc: u32, clock_hz: u32) {
        let Some(block) = compound.blocks.iter().find(|block| block.ssrc == ssrc) else { return };
        let ticks = u64::from(block.jitter) * 1_000_000;
        self.reported = Some(Reported {
            lost: block.lost,
            loss: f64::from(block.fraction_lost) / 256.0,
            jitter: Duration::from_micros(ticks / u64::from(clock_hz.max(1))),
        });
        if block.last_report != 0 {
            // RFC 3550 §6.4.1: A − LSR − DLSR.
            let passed = ntp::middle(now).wrapping_sub(block.last_report);
            let trip = passed.checked_sub(block.delay).map(ntp::duration);
            self.round_trip = trip.filter(|trip| *trip <= ROUND_TRIP_MAX).or(self.round_trip);
        }
    }

    fn compound(&self, now: Instant, sent: Sent, block: Option<Block>, sends: bool) -> Compound {
        let sender = sends.then_some(SenderInfo {
            ntp: ntp::stamp(now),
            timestamp: sent.timestamp,
            packets: sent.packets,
            octets: sent.octets,
        });
        let blocks = block.into_iter().collect();
        Compound { from: Some(sent.ssrc), sender, blocks, goodbye: false }
    }
}

/// RFC 3550 §6.3.1: between half and one and a half times the interval.
fn spread(interval: Duration, rng: &mut Rng) -> Duration {
    interval.mul_f64(0.5 + rng.unit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(packets: u32) -> Sent {
        Sent { ssrc: 7, timestamp: 0, packets, octets: 0 }
    }

    #[test]
    fn reports_are_spread_round_their_interval_and_tell_senders_from_listeners() {
        let mut reports = Reports::new(Instant::ZERO, Rng::new(1));
        let mut kinds = Vec::new();
        for packets in [50, 100, 100, 100] {
            let now = reports.due;
            kinds.push(reports.write(now, sent(packets), None)[1]);
            let wait = now.until(reports.due);
            assert!((Duration::from_millis(2_500)..Duration::from_millis(7_500)).contains(&wait));
        }
        assert_eq!(kinds, [200, 200, 200, 201]);
    }

    #[test]
    fn a_round_trip_is_told_by_the_echo_of_our_report() {
        let mut reports = Reports::new(Instant::ZERO, Rng::new(1));
        let (at, back) = (Instant::from_secs(70_000), Duration::from_millis(1_080));
        let block = Block {
            ssrc: 7,
            fraction_lost: 64,
            jitter: 80,
            last_report: ntp::middle(at),
            delay: ntp::short(Duration::from_secs(1)),
            ..Block::default()
        };
        let compound = |block| Compound { blocks: vec![block], ..Compound::default() };
        reports.read(at + back, &compound(block), 7, 8_000);
        let trip = reports.round_trip.unwrap().as_millis();
        assert!((79..=81).contains(&trip), "{trip}");
        let reported = reports.reported.unwrap();
        assert_eq!((reported.loss, reported.jitter), (0.25, Duration::from_millis(10)));
        // A report from the future, and one that waited longer than it took, tell nothing.
        for wrong in [
            Block { last_report: block.last_report.wrapping_add(1 << 20), ..block },
            Block { delay: u32::MAX, ..block },
            Block { ssrc: 8, ..block },
        ] {
            reports.read(at + back, &compound(wrong), 7, 8_000);
            assert_eq!(reports.round_trip.unwrap().as_millis(), trip);
        }
    }
}
