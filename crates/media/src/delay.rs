//! How long packets are held back so that most of them are there when they are due.

use std::collections::VecDeque;
use std::time::Duration;

use net::Instant;

/// Held back on a perfect link, and before anything is known.
const TARGET_MIN: Duration = Duration::from_millis(10);
const TARGET_AT_FIRST: Duration = Duration::from_millis(20);
/// Nobody speaks with longer pauses gladly; packets that are later than this are lost.
const TARGET_MAX: Duration = Duration::from_millis(200);
/// Packets whose lateness is remembered: five seconds at 20 ms.
const MEMORY: usize = 256;
/// Packets until the first guess gives way to measurement.
const ENOUGH: usize = 25;
/// The share of packets that may come too late, as one in so many.
const LATE_ONE_IN: usize = 50;
/// The quickest way is looked for over one to two spans of this.
const SPAN: Duration = Duration::from_secs(10);
/// A packet later than the target raises it at once, and so much is taken back each second.
const SPIKE_DECAY_PER_S: Duration = Duration::from_millis(10);

/// A model of one source's delay on our clock.
#[derive(Clone, Debug)]
pub(crate) struct Delay {
    clock_hz: u32,
    /// Arrival less timestamp, in microseconds, of the quickest packet of this span and the last.
    quickest: Option<Quickest>,
    lateness: VecDeque<Duration>,
    since_update: usize,
    usual: Duration,
    spike: Duration,
    spike_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Quickest {
    since: Instant,
    current: i64,
    previous: i64,
}

impl Delay {
    pub(crate) fn new(clock_hz: u32) -> Self {
        Self {
            clock_hz,
            quickest: None,
            lateness: VecDeque::new(),
            since_update: 0,
            usual: TARGET_AT_FIRST,
            spike: Duration::ZERO,
            spike_at: Instant::ZERO,
        }
    }

    /// Learns from the arrival of a packet.
    pub(crate) fn arrived(&mut self, now: Instant, timestamp: i64) {
        let transit = micros(now) - self.media_micros(timestamp);
        let quickest = self.quickest.get_or_insert(Quickest {
            since: now,
            current: transit,
            previous: transit,
        });
        if now.since(quickest.since) > SPAN {
            *quickest = Quickest { since: now, current: transit, previous: quickest.current };
        }
        quickest.current = quickest.current.min(transit);
        let late = transit - quickest.current.min(quickest.previous);
        self.learn(now, Duration::from_micros(late.unsigned_abs()));
    }

    fn learn(&mut self, now: Instant, late: Duration) {
        if late > self.target(now) {
            (self.spike, self.spike_at) = (late.min(TARGET_MAX), now);
        }
        if self.lateness.len() == MEMORY {
            self.lateness.pop_front();
        }
        self.lateness.push_back(late);
        self.since_update += 1;
        if self.lateness.len() >= ENOUGH && self.since_update >= 10 {
            self.since_update = 0;
            let mut sorted: Vec<Duration> = self.lateness.iter().copied().collect();
            sorted.sort_unstable();
            let at = sorted.len() - 1 - sorted.len() / LATE_ONE_IN;
            self.usual = sorted.get(at).copied().unwrap_or_default().clamp(TARGET_MIN, TARGET_MAX);
        }
    }

    /// How long after the quickest possible arrival a packet is to be played.
    pub(crate) fn target(&self, now: Instant) -> Duration {
        let age = now.since(self.spike_at).as_secs_f64();
        let decayed = self.spike.saturating_sub(SPIKE_DECAY_PER_S.mul_f64(age));
        self.usual.max(decayed)
    }

    /// When the sample of this timestamp is to be played.
    pub(crate) fn due(&self, now: Instant, timestamp: i64) -> Instant {
        self.soonest(timestamp).map_or(now, |soonest| soonest + self.target(now))
    }

    /// How much later than the quickest possible arrival `at` is for this timestamp.
    pub(crate) fn since_soonest(&self, at: Instant, timestamp: i64) -> Duration {
        self.soonest(timestamp).map_or(Duration::ZERO, |soonest| at.since(soonest))
    }

    fn soonest(&self, timestamp: i64) -> Option<Instant> {
        let quickest = self.quickest?;
        let at = quickest.current.min(quickest.previous) + self.media_micros(timestamp);
        Some(Instant::from_micros(u64::try_from(at).unwrap_or(0)))
    }

    fn media_micros(&self, timestamp: i64) -> i64 {
        let wide = i128::from(timestamp) * 1_000_000 / i128::from(self.clock_hz.max(1));
        i64::try_from(wide).unwrap_or(i64::MAX / 4)
    }
}

fn micros(now: Instant) -> i64 {
    i64::try_from(now.as_micros()).unwrap_or(i64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The target after `count` packets, 20 ms apart, each late by what `late_ms` says.
    fn after(count: u64, late_ms: impl Fn(u64) -> u64) -> (Delay, Instant) {
        let mut delay = Delay::new(8_000);
        let mut now = Instant::ZERO;
        for packet in 0..count {
            now = Instant::from_secs(100) + Duration::from_millis(20 * packet + late_ms(packet));
            delay.arrived(now, i64::try_from(160 * packet).unwrap());
        }
        (delay, now)
    }

    #[test]
    fn a_clean_link_gets_the_least_delay() {
        let (delay, now) = after(100, |_| 0);
        assert_eq!(delay.target(now), TARGET_MIN);
    }

    #[test]
    fn the_target_covers_nearly_all_packets() {
        let (delay, now) = after(300, |packet| packet * 7 % 60);
        assert!(
            (Duration::from_millis(55)..=Duration::from_millis(60)).contains(&delay.target(now))
        );
    }

    #[test]
    fn a_spike_raises_the_target_at_once_and_is_forgotten() {
        let (delay, now) = after(200, |packet| if packet == 199 { 90 } else { 0 });
        assert_eq!(delay.target(now), Duration::from_millis(90));
        assert_eq!(delay.target(now + Duration::from_secs(20)), TARGET_MIN);
        let (delay, now) = after(200, |packet| if packet == 199 { 5_000 } else { 0 });
        assert_eq!(delay.target(now), TARGET_MAX);
    }

    #[test]
    fn a_sender_whose_clock_is_slow_is_followed() {
        // 200 ppm over ten minutes are 120 ms.
        let (delay, now) = after(30_000, |packet| packet * 20 / 5_000);
        assert!(delay.target(now) < Duration::from_millis(15));
        let soonest = delay.since_soonest(now, 160 * 29_999);
        assert!(soonest < Duration::from_millis(6), "{soonest:?}");
    }
}
