//! The wall clock that belongs to an executor's clock, for what people and files read.

use std::time::Duration;

use jiff::Timestamp;
use net::Instant;

/// One moment on both clocks: turns instants into wall-clock time.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    now: Instant,
    wall: Timestamp,
}

impl Stamp {
    /// Says that `now` is `wall`.
    #[must_use]
    pub const fn new(now: Instant, wall: Timestamp) -> Self {
        Self { now, wall }
    }

    /// RFC 3339, UTC, microseconds.
    #[must_use]
    pub fn micros(&self, at: Instant) -> String {
        format!("{:.6}", self.wall_at(at))
    }

    /// RFC 3339, UTC, seconds: the moment `ago` before the stamp.
    #[must_use]
    pub fn seconds_ago(&self, ago: Duration) -> String {
        let at = self.wall.checked_sub(ago).unwrap_or(self.wall);
        format!("{:.0}", Timestamp::from_second(at.as_second()).unwrap_or(at))
    }

    fn wall_at(&self, at: Instant) -> Timestamp {
        let moved = if at < self.now {
            self.wall.checked_sub(self.now.since(at))
        } else {
            self.wall.checked_add(at.since(self.now))
        };
        moved.unwrap_or(self.wall)
    }
}

/// Seconds with at most four decimals, as events and status print durations.
pub(crate) fn rounded(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        let wall = "2026-01-01T00:00:30Z".parse().unwrap();
        Stamp::new(Instant::from_secs(30), wall)
    }

    #[test]
    fn instants_before_and_after_the_stamp_get_their_wall_time() {
        assert_eq!(stamp().micros(Instant::from_micros(37_500_310)), "2026-01-01T00:00:37.500310Z");
        assert_eq!(stamp().micros(Instant::ZERO), "2026-01-01T00:00:00.000000Z");
    }

    #[test]
    fn a_past_moment_is_cut_to_whole_seconds() {
        assert_eq!(stamp().seconds_ago(Duration::from_millis(1500)), "2026-01-01T00:00:28Z");
    }

    #[test]
    fn durations_keep_a_tenth_of_a_millisecond() {
        assert!((rounded(Duration::from_micros(7_503_807)) - 7.5038).abs() < f64::EPSILON);
        assert!((rounded(Duration::from_millis(7500)) - 7.5).abs() < f64::EPSILON);
    }
}
