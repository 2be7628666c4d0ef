use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use net::Instant;

/// The clock that nodes live by: microseconds since its start, the time of a suspended machine
/// included (`CLOCK_BOOTTIME`), so that a lease that ran out meanwhile is seen to have.
///
/// Clones share one start. Nodes that speak to each other must share one clock.
#[derive(Clone, Debug)]
pub struct Clock {
    origin_us: u64,
    speed: NonZeroU32,
    /// Wall clock minus boot time, in microseconds, as last seen.
    wall_offset_us: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that starts at zero and runs as real time does.
    #[must_use]
    pub fn start() -> Self {
        Self::start_at_speed(NonZeroU32::MIN)
    }

    /// A clock that starts at zero and runs `speed` times as fast as real time.
    #[must_use]
    pub fn start_at_speed(speed: NonZeroU32) -> Self {
        let origin_us = read_us(ClockId::CLOCK_BOOTTIME);
        let clock = Self { origin_us, speed, wall_offset_us: Arc::new(AtomicI64::new(0)) };
        clock.wall_offset_us.store(clock.measure_wall_offset(), Ordering::Relaxed);
        clock
    }

    /// The present time; never runs backwards.
    #[must_use]
    pub fn now(&self) -> Instant {
        let real = read_us(ClockId::CLOCK_BOOTTIME).saturating_sub(self.origin_us);
        Instant::from_micros(real.saturating_mul(u64::from(self.speed.get())))
    }

    /// How many times faster than real time the clock runs.
    #[must_use]
    pub const fn speed(&self) -> NonZeroU32 {
        self.speed
    }

    /// How long `span` of this clock takes in real time.
    #[must_use]
    pub fn real(&self, span: Duration) -> Duration {
        span / self.speed.get()
    }

    /// The real time of day at `at`. Follows the system when its time of day is set, by steps of
    /// a millisecond at least, so that two readings of one instant are equal between such steps.
    #[must_use]
    pub fn wall(&self, at: Instant) -> WallTime {
        let measured = self.measure_wall_offset();
        let kept = self.wall_offset_us.load(Ordering::Relaxed);
        let offset = if measured.abs_diff(kept) > WALL_STEP_US { measured } else { kept };
        self.wall_offset_us.store(offset, Ordering::Relaxed);
        WallTime { unix_us: self.boot_us(at).saturating_add_signed(offset) }
    }

    /// The boot time, in microseconds, at which this clock shows `at` (rounded up).
    pub(crate) fn boot_us(&self, at: Instant) -> u64 {
        self.origin_us.saturating_add(at.as_micros().div_ceil(u64::from(self.speed.get())))
    }

    fn measure_wall_offset(&self) -> i64 {
        let wall = read_us(ClockId::CLOCK_REALTIME);
        let boot = read_us(ClockId::CLOCK_BOOTTIME);
        i64::try_from(i128::from(wall) - i128::from(boot)).unwrap_or(0)
    }
}

/// A time of day; shown as RFC 3339 in UTC with microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime {
    unix_us: u64,
}

impl WallTime {
    /// The time `unix_us` microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_micros(unix_us: u64) -> Self {
        Self { unix_us }
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn as_unix_micros(self) -> u64 {
        self.unix_us
    }
}

impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.unix_us / 1_000_000, self.unix_us % 1_000_000);
        let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let (hour, minute, second) =
            (second_of_day / 3600, second_of_day / 60 % 60, second_of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// Year, month and day of a day counted from 1970-01-01 (Gregorian; years that begin in March).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

fn read_us(clock: ClockId) -> u64 {
    // Both clocks exist on every Linux this program runs on; the call has no other failure.
    let time = clock_gettime(clock).unwrap_or_else(|_| Duration::ZERO.into());
    u64::try_from(Duration::from(time).as_micros()).unwrap_or(u64::MAX)
}

/// The wall clock is followed once it has moved by more than this.
const WALL_STEP_US: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_printed_as_rfc_3339() {
        for (unix_us, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_767_225_599_999_999, "2025-12-31T23:59:59.999999Z"),
            (1_767_225_630_000_104, "2026-01-01T00:00:30.000104Z"),
            (4_107_542_400_000_000, "2100-03-01T00:00:00.000000Z"),
        ] {
            assert_eq!(WallTime { unix_us }.to_string(), text);
        }
    }

    #[test]
    fn one_instant_has_one_wall_time() {
        let clock = Clock::start();
        let at = clock.now();
        assert!((0..1000).all(|_| clock.wall(at) == clock.wall(at)));
    }

    #[test]
    fn a_fast_clock_takes_a_part_of_real_time() {
        let clock = Clock::start_at_speed(NonZeroU32::new(10).unwrap());
        assert_eq!(clock.real(Duration::from_secs(5)), Duration::from_millis(500));
        assert_eq!(clock.boot_us(Instant::from_secs(10)) - clock.origin_us, 1_000_000);
        assert_eq!(clock.boot_us(Instant::from_micros(11)) - clock.origin_us, 2);
    }
}
