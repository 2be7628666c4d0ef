//! Who guesses passwords waits longer each time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

/// So many wrong passwords cost nothing.
const FREE: u32 = 3;
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// A wrong password is forgotten after this time.
const FORGET: Duration = Duration::from_secs(600);
/// How many addresses are remembered; beyond, all strangers share one wait.
const ADDRESSES_MAX: usize = 1024;

/// Wrong passwords by where they came from.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    failed: BTreeMap<Option<IpAddr>, Failed>,
}

#[derive(Clone, Copy, Debug)]
struct Failed {
    count: u32,
    last: Instant,
}

impl Failed {
    fn wait(self, now: Instant) -> Option<Duration> {
        let doubled = 1_u64.checked_shl(self.count.checked_sub(FREE)?).unwrap_or(u64::MAX);
        let wait = Duration::from_secs(doubled).min(WAIT_MAX);
        (self.last + wait).checked_duration_since(now).filter(|left| !left.is_zero())
    }
}

impl Throttle {
    /// How long an address has to wait before its next try.
    pub(super) fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        self.failed.get(&self.slot(from)).and_then(|failed| failed.wait(now))
    }

    /// Remembers a wrong password.
    pub(super) fn fail(&mut self, from: IpAddr, now: Instant) {
        self.failed.retain(|_, failed| now.duration_since(failed.last) < FORGET);
        let slot = self.slot(from);
        let failed = self.failed.entry(slot).or_insert(Failed { count: 0, last: now });
        *failed = Failed { count: failed.count.saturating_add(1), last: now };
    }

    /// Forgets what was wrong before the right password.
    pub(super) fn pass(&mut self, from: IpAddr) {
        self.failed.remove(&Some(from));
    }

    fn slot(&self, from: IpAddr) -> Option<IpAddr> {
        let known = self.failed.contains_key(&Some(from));
        (known || self.failed.len() < ADDRESSES_MAX).then_some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn the_wait_doubles_after_the_third_and_ends_with_the_right_password() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let waits: Vec<_> = (0..12)
            .map(|_| {
                throttle.fail(HERE, now);
                throttle.wait(HERE, now).map_or(0, |wait| wait.as_secs())
            })
            .collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(throttle.wait(HERE, now + WAIT_MAX), None);
        throttle.pass(HERE);
        assert_eq!(throttle.wait(HERE, now), None);
    }

    #[test]
    fn others_do_not_wait_and_memory_is_limited() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for number in 0..2000_u32 {
            throttle.fail(IpAddr::V4(number.into()), now);
        }
        assert!(throttle.failed.len() <= ADDRESSES_MAX + 1);
        assert_eq!(throttle.wait(IpAddr::V4(1.into()), now), None);
        // Whoever is one of too many waits with them.
        assert!(throttle.wait(HERE, now).is_some());
        throttle.fail(HERE, now + FORGET);
        assert_eq!(throttle.failed.len(), 1);
    }
}
