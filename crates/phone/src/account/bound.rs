//! The longest time until an account is registered at the best next hop that can be reached, from
//! settings and records alone.
//!
//! With R the longest time to the next refresh, E the granted time, P(Y) the longest pass over the next
//! hops of server Y (every next hop silent for its budget, the last one for Timer F), A the budget of one
//! next hop, W the longest wait after a failed pass:
//!
//! | case | within |
//! |---|---|
//! | the current next hop dies | R + P, or with liveness probes period + misses · probe + P |
//! | a higher next hop returns, mode 0 and 2 | R + P |
//! | mode 1 | the larger of TTL and 30 s, + P |
//! | mode 3 | `failback_timeout` + P; never with 0 |
//! | server 1 dies, successive | E + A + P(2); with `fallback_at` now R + P(1) + P(2) |
//! | server 1 returns, successive | `fallback.timeout` + P(1) |
//! | proxy 1 dies | R + P(1) + P(2) |
//! | proxy 1 returns | `outbound_proxy_fallback_interval` + P(1); never with 0 |
//! | all were dead and one returns | W + P(1) + P(2) |
//!
//! The phone is idle, the server grants the time that is asked for, DNS answers, and a server that lives
//! answers within the budget of its attempt.

use std::time::Duration;

use params::{FailbackMode, FallbackAt, Liveness};

use super::Account;
use super::core::Core;
use super::fallback::{FIRST, SECOND, probe_interval};
use super::registration::overlap;
use super::rules::Mode;
use crate::budget::{Budget, Kind, Plan, SipTimers};
use crate::context::{Device, Shared};

/// One thing that can happen and how soon the account is registered where it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundCase {
    /// What happens.
    pub case: &'static str,
    /// The longest time from then on; `None`: it may never be.
    pub within: Option<Duration>,
    /// How it is made up.
    pub formula: &'static str,
}

/// The bound of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Every case that its settings have.
    pub cases: Vec<BoundCase>,
}

impl Bound {
    /// The longest of all cases; `None` where one of them has no end.
    #[must_use]
    pub fn within(&self) -> Option<Duration> {
        self.cases
            .iter()
            .map(|case| case.within)
            .try_fold(Duration::ZERO, |longest, within| within.map(|within| within.max(longest)))
    }
}

/// The quantities of the formulas.
struct Terms<'a> {
    core: &'a Core,
    shared: &'a Shared,
    device: &'a Device,
}

impl Account {
    /// The bound, with next hops and TTLs as they were located last.
    pub(crate) fn bound(&self, shared: &Shared, device: &Device) -> Bound {
        let terms = Terms { core: &self.core, shared, device };
        let mut cases = Vec::new();
        for group in 0..self.core.groups.len() {
            cases.push(terms.current_dies(group));
            if terms.hops(group) > 1 {
                cases.push(terms.higher_returns(group));
            }
        }
        cases.extend(terms.first_dies());
        cases.extend(terms.first_returns());
        cases.push(BoundCase {
            case: "all were dead and one returns",
            within: Some(terms.longest_wait() + terms.all_passes()),
            formula: "W + P(1) + P(2)",
        });
        Bound { cases }
    }
}

impl Terms<'_> {
    fn timers(&self) -> SipTimers {
        self.device.timers()
    }

    fn hops(&self, group: usize) -> u32 {
        let location = self.core.groups.get(group).map(|group| group.location);
        let hops = location.and_then(|location| self.shared.locator.last(location));
        hops.map_or(1, |hops| u32::try_from(hops.order(0).len()).unwrap_or(u32::MAX).max(1))
    }

    /// A: the budget of one next hop.
    fn attempt(&self, group: usize) -> Duration {
        let retries = self.core.groups.get(group).map_or(0, |group| group.rules.retry_counts);
        Plan::new(Kind::NonInvite, Budget::Retries(retries), self.timers()).give_up()
    }

    /// P: the longest pass.
    fn pass(&self, group: usize) -> Duration {
        let last = Plan::new(Kind::NonInvite, Budget::Full, self.timers()).give_up();
        self.attempt(group) * (self.hops(group) - 1) + last
    }

    fn all_passes(&self) -> Duration {
        (0..self.core.groups.len()).map(|group| self.pass(group)).sum()
    }

    /// E: the granted time.
    fn granted(&self, group: usize) -> Duration {
        Duration::from_secs(self.core.asked_expires_s(group).into())
    }

    /// R: the longest time to the next refresh.
    fn refresh(&self, group: usize) -> Duration {
        let granted = self.granted(group);
        let configured = self.core.policy.register_expires_overlap_s;
        granted.saturating_sub(overlap(configured, granted, self.pass(group)))
    }

    fn current_dies(&self, group: usize) -> BoundCase {
        let policy = &self.core.policy;
        let case = "the current next hop dies";
        if policy.liveness == Liveness::Off {
            let within = Some(self.refresh(group) + self.pass(group));
            return BoundCase { case, within, formula: "R + P" };
        }
        let probe = Plan::new(Kind::NonInvite, Budget::Retries(2), self.timers()).give_up();
        let probes = probe * u32::from(policy.liveness_misses);
        let period = Duration::from_secs(policy.liveness_period_s.into());
        let within = Some(period + probes + self.pass(group));
        BoundCase { case, within, formula: "period + misses · probe + P" }
    }

    fn higher_returns(&self, group: usize) -> BoundCase {
        let rules = self.core.groups.get(group).map(|group| group.rules);
        let mode = rules.map_or(FailbackMode::NewRequests, |rules| rules.failback_mode);
        let timeout = rules.map_or(0, |rules| rules.failback_timeout_s);
        let case = "a higher next hop returns";
        let pass = self.pass(group);
        let (within, formula) = match mode {
            FailbackMode::NewRequests => (Some(self.refresh(group) + pass), "R + P"),
            FailbackMode::Registration => (Some(self.refresh(group) + pass), "R + P"),
            FailbackMode::DnsTtl => (Some(self.ttl(group) + pass), "max(TTL, 30 s) + P"),
            FailbackMode::Duration if timeout == 0 => (None, "never: failback_timeout is 0"),
            FailbackMode::Duration => {
                (Some(Duration::from_secs(timeout.into()) + pass), "failback_timeout + P")
            }
        };
        BoundCase { case, within, formula }
    }

    /// The longest TTL of the group's address records, at least 30 s (A10).
    fn ttl(&self, group: usize) -> Duration {
        let location = self.core.groups.get(group).map(|group| group.location);
        let hops = location.and_then(|location| self.shared.locator.last(location));
        let longest = hops.and_then(|hops| {
            let located = hops.located();
            hops.iter().map(|hop| located.until(hop.expires)).max()
        });
        longest.unwrap_or_default().max(Duration::from_secs(30))
    }

    fn first_dies(&self) -> Option<BoundCase> {
        let both = self.refresh(FIRST) + self.pass(FIRST) + self.all_passes() - self.pass(FIRST);
        match (self.core.mode, self.core.policy.fallback_at) {
            (Mode::Single | Mode::Concurrent, _) => None,
            (Mode::Successive, FallbackAt::LeaseEnd) => Some(BoundCase {
                case: "server 1 dies",
                within: Some(self.granted(FIRST) + self.attempt(FIRST) + self.pass(SECOND)),
                formula: "E + A + P(2)",
            }),
            (Mode::Successive, FallbackAt::Now) => Some(BoundCase {
                case: "server 1 dies",
                within: Some(both),
                formula: "R + P(1) + P(2)",
            }),
            (Mode::Proxies, _) => Some(BoundCase {
                case: "proxy 1 dies",
                within: Some(both),
                formula: "R + P(1) + P(2)",
            }),
        }
    }

    fn first_returns(&self) -> Option<BoundCase> {
        let (case, formula) = match self.core.mode {
            Mode::Single | Mode::Concurrent => return None,
            Mode::Successive => ("server 1 returns", "fallback.timeout + P(1)"),
            Mode::Proxies if self.core.groups.len() < 2 => return None,
            Mode::Proxies => ("proxy 1 returns", "outbound_proxy_fallback_interval + P(1)"),
        };
        let interval = probe_interval(self.core.mode, &self.core.policy);
        let within = interval.map(|interval| interval + self.pass(FIRST));
        Some(BoundCase { case, within, formula })
    }

    /// W: the longest wait after a failed pass.
    fn longest_wait(&self) -> Duration {
        let policy = &self.core.policy;
        let (base, most) = (policy.reg_failed_retry_min_time_s, policy.reg_failed_retry_max_time_s);
        let seconds = match (base, most) {
            (0, 0) => policy.reg_fail_retry_interval_s,
            (_, 0) => 1800,
            (_, most) => most,
        };
        Duration::from_secs(seconds.max(1).into())
    }
}
