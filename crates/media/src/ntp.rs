//! NTP time stamps on the executor's clock: RFC 3550 §4 lets a host without wall time count from
//! any start.

use std::time::Duration;

use net::Instant;

/// 32.32 fixed point seconds since the start of the clock.
pub(crate) fn stamp(now: Instant) -> u64 {
    let fixed = (u128::from(now.as_micros()) << 32) / 1_000_000;
    fixed as u64
}

/// The middle 32 bits of a time stamp.
pub(crate) fn middle(now: Instant) -> u32 {
    (stamp(now) >> 16) as u32
}

/// 16.16 fixed point seconds.
pub(crate) fn short(time: Duration) -> u32 {
    u32::try_from((time.as_micros() << 16) / 1_000_000).unwrap_or(u32::MAX)
}

/// The time that 16.16 fixed point seconds stand for.
pub(crate) fn duration(short: u32) -> Duration {
    Duration::from_micros((u64::from(short) * 1_000_000) >> 16)
}
