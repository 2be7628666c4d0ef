use std::collections::BTreeMap;
use std::net::IpAddr;

use net::Instant;

/// The limit that Linux sets to the ICMP errors of one machine to another: each costs a second of
/// credit, and six seconds of credit is the most there is.
#[derive(Default)]
pub(crate) struct IcmpLimit {
    credit: BTreeMap<(IpAddr, IpAddr), (u64, Instant)>,
}

impl IcmpLimit {
    /// Whether `reporter` may send `target` an error at `now`; the credit is spent.
    pub(crate) fn allows(&mut self, reporter: IpAddr, target: IpAddr, now: Instant) -> bool {
        if target.is_loopback() {
            return true;
        }
        let (credit, last) = self.credit.entry((reporter, target)).or_insert((FULL, now));
        let earned = now.as_micros() - last.as_micros();
        *credit = credit.saturating_add(earned).min(FULL);
        *last = now;
        let allowed = *credit >= COST;
        if allowed {
            *credit -= COST;
        }
        allowed
    }
}

const COST: u64 = 1_000_000;
const FULL: u64 = 6 * COST;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn six_of_a_thousand_datagrams_get_an_error() {
        let mut limit = IcmpLimit::default();
        let host = |last| IpAddr::V4(Ipv4Addr::new(10, 0, 0, last));
        let now = Instant::from_secs(5);
        let allowed = (0..1000).filter(|_| limit.allows(host(1), host(2), now)).count();
        assert_eq!(allowed, 6);
        assert!(limit.allows(host(1), host(3), now), "another target has credit of its own");
        assert!(!limit.allows(host(1), host(2), Instant::from_micros(5_999_999)));
        assert!(limit.allows(host(1), host(2), Instant::from_micros(6_000_000)));
    }

    #[test]
    fn loopback_is_not_limited() {
        let mut limit = IcmpLimit::default();
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert!((0..1000).all(|_| limit.allows(host, host, Instant::ZERO)));
    }
}
