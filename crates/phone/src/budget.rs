//! How long a silent next hop is given (behaviour §1): N retries are N retransmissions of one
//! transaction, and the next hop is given up when the next one would be due.

use std::time::Duration;

/// The two shapes of retransmission (RFC 3261 §17.1.1.2 and §17.1.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// INVITE: Timer A doubles without a cap.
    Invite,
    /// All other requests: Timer E doubles up to T2.
    NonInvite,
}

/// How much patience one candidate gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// This many retransmissions (`retry_counts`, `invite_retry_counts`).
    Retries(u8),
    /// The full Timer B/F, as many datagrams as fit: the last candidate that nothing can follow.
    Full,
}

/// RFC 3261 timer values of the phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SipTimers {
    /// T1, `sip.timer_t1`.
    pub t1: Duration,
    /// T2, `sip.timer_t2`.
    pub t2: Duration,
}

impl Default for SipTimers {
    fn default() -> Self {
        Self { t1: Duration::from_millis(500), t2: Duration::from_secs(4) }
    }
}

/// The due times of one transaction, as offsets from its first datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    first: Duration,
    cap: Duration,
    give_up: Duration,
}

impl Plan {
    /// The plan for a request of `kind` at a next hop that gets `budget`.
    #[must_use]
    pub fn new(kind: Kind, budget: Budget, timers: SipTimers) -> Self {
        let longest = timers.t1 * 64; // RFC 3261 §17.1.1.2, §17.1.2.2: Timers B and F are 64·T1.
        let cap = match kind {
            Kind::Invite => longest,
            Kind::NonInvite => timers.t2, // RFC 3261 §17.1.2.2: Timer E doubles, capped at T2.
        };
        Self::with_first(timers.t1, cap, longest, budget)
    }

    /// The plan of `sureline.adaptive_budget`: as [`Plan::new`], beginning with an interval taken from
    /// measured round trips instead of T1.
    #[must_use]
    pub fn adaptive(kind: Kind, retries: u8, first: Duration, timers: SipTimers) -> Self {
        let usual = Self::new(kind, Budget::Retries(retries), timers);
        let first = first.min(timers.t1);
        Self::with_first(first, usual.cap, timers.t1 * 64, Budget::Retries(retries))
    }

    fn with_first(first: Duration, cap: Duration, longest: Duration, budget: Budget) -> Self {
        let give_up = match budget {
            Budget::Full => longest,
            // A1, A2: given up when retransmission N + 1 would be due, never later than Timer B/F.
            // A4: with no retry that is after T1.
            Budget::Retries(retries) => {
                let (mut sum, mut interval) = (Duration::ZERO, first);
                for _ in 0..=retries {
                    sum = (sum + interval).min(longest);
                    interval = (interval * 2).min(cap);
                }
                sum
            }
        };
        Self { first, cap, give_up }
    }

    /// From the first datagram to the first retransmission.
    #[must_use]
    pub const fn first_interval(self) -> Duration {
        self.first
    }

    /// The interval that follows `interval`.
    #[must_use]
    pub fn next_interval(self, interval: Duration) -> Duration {
        (interval * 2).min(self.cap)
    }

    /// From the first datagram to giving up.
    #[must_use]
    pub const fn give_up(self) -> Duration {
        self.give_up
    }

    /// How many datagrams are sent to a next hop that stays silent.
    #[must_use]
    pub fn datagrams(self) -> u16 {
        let (mut count, mut at, mut interval) = (0, Duration::ZERO, self.first);
        while at < self.give_up {
            count += 1;
            at += interval;
            interval = self.next_interval(interval);
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(kind: Kind, retries: u8) -> f64 {
        Plan::new(kind, Budget::Retries(retries), SipTimers::default()).give_up().as_secs_f64()
    }

    // A1, A2: the table of behaviour §1.
    #[test]
    fn silence_is_given_up_after_the_seconds_of_the_table() {
        let invite =
            [(0, 0.5), (1, 1.5), (2, 3.5), (3, 7.5), (4, 15.5), (5, 31.5), (6, 32.0), (10, 32.0)];
        for (retries, expected) in invite {
            assert_eq!(seconds(Kind::Invite, retries), expected, "INVITE, {retries} retries");
        }
        let others =
            [(0, 0.5), (1, 1.5), (2, 3.5), (3, 7.5), (4, 11.5), (5, 15.5), (6, 19.5), (8, 27.5)];
        for (retries, expected) in others {
            assert_eq!(seconds(Kind::NonInvite, retries), expected, "others, {retries} retries");
        }
        assert_eq!(seconds(Kind::NonInvite, 10), 32.0);
        assert_eq!(seconds(Kind::NonInvite, 20), 32.0);
    }

    // A1: N retries are N + 1 datagrams. A4: 0 retries are one.
    #[test]
    fn n_retries_are_n_plus_one_datagrams() {
        for retries in 0..=8 {
            let plan = Plan::new(Kind::NonInvite, Budget::Retries(retries), SipTimers::default());
            assert_eq!(plan.datagrams(), u16::from(retries) + 1);
        }
    }

    // A28: the last candidate gets the full timer: 11 datagrams, an INVITE 7.
    #[test]
    fn the_full_budget_is_eleven_datagrams_and_seven_for_an_invite() {
        let timers = SipTimers::default();
        let register = Plan::new(Kind::NonInvite, Budget::Full, timers);
        let invite = Plan::new(Kind::Invite, Budget::Full, timers);
        assert_eq!((register.datagrams(), invite.datagrams()), (11, 7));
        assert_eq!(register.give_up(), Duration::from_secs(32));
    }

    #[test]
    fn an_adaptive_budget_begins_at_the_measured_interval_and_never_above_t1() {
        let timers = SipTimers::default();
        let plan = Plan::adaptive(Kind::NonInvite, 2, Duration::from_millis(250), timers);
        assert_eq!(plan.give_up(), Duration::from_millis(1750));
        let slow = Plan::adaptive(Kind::NonInvite, 2, Duration::from_secs(3), timers);
        assert_eq!(slow.give_up(), Duration::from_millis(3500));
    }
}
