//! Fallback: server 1 to server 2, proxy 1 to proxy 2, and what a pass walks over because of it
//! (behaviour §4 and §6).

use std::time::Duration;

use params::{FallbackAt, Policy};

use super::candidates::{Course, LastBudget, Leg};
use super::rules::Mode;
use crate::event::Why;

/// Index of server 1 or proxy 1.
pub(crate) const FIRST: usize = 0;
/// Index of server 2 or proxy 2.
pub(crate) const SECOND: usize = 1;

/// What a pass of REGISTERs is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To get or to keep a lease where the account is.
    Register(Why),
    /// To climb inside a group (A33).
    Failback(Why),
    /// To see whether server 1 or proxy 1 is back (A16).
    Probe,
    /// To move to server 2 (A14).
    ToSecond(Why),
    /// The current server failed: all, from the top.
    Everywhere(Why),
    /// To register at the next hop that another request goes to (A8).
    Directed(Why),
}

impl Purpose {
    /// Why the pass runs.
    pub(crate) const fn why(self) -> Why {
        match self {
            Self::Register(why) | Self::Failback(why) | Self::ToSecond(why) => why,
            Self::Everywhere(why) | Self::Directed(why) => why,
            Self::Probe => Why::Probe,
        }
    }
}

/// Where an account stands when a pass begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) mode: Mode,
    /// The group that the pass is for: in concurrent mode the registration's own, else where the
    /// account is.
    pub(crate) on: usize,
    /// A lease stands there.
    pub(crate) live: bool,
}

/// The legs of a pass and what its last candidate gets.
pub(crate) fn legs(
    standing: Standing,
    purpose: Purpose,
    course: Course,
    policy: &Policy,
) -> (Vec<Leg>, LastBudget) {
    let Standing { mode, on, live } = standing;
    let leg = |group, course| Leg { group, course };
    let everywhere = || vec![leg(FIRST, Course::FromTop), leg(SECOND, Course::FromTop)];
    match (mode, purpose) {
        (_, Purpose::Failback(_)) => (vec![leg(on, Course::UpToCurrent)], LastBudget::Retries),
        (_, Purpose::Probe) => (vec![leg(FIRST, Course::FromTop)], LastBudget::Retries),
        (_, Purpose::ToSecond(_)) => (vec![leg(SECOND, Course::FromTop)], LastBudget::Full),
        (_, Purpose::Everywhere(_)) => (everywhere(), LastBudget::Full),
        (_, Purpose::Directed(_)) => (Vec::new(), LastBudget::Retries),
        // A31: with no live lease server 1 comes first, from the top.
        (Mode::Successive, Purpose::Register(_)) if !live => (everywhere(), LastBudget::Full),
        (Mode::Successive, Purpose::Register(_)) if on == SECOND => {
            (vec![leg(SECOND, course)], LastBudget::Retries)
        }
        (Mode::Successive, Purpose::Register(_)) => match policy.fallback_at {
            // A14, A28: server 2 only when the lease has run out; nobody gets the full timer.
            FallbackAt::LeaseEnd => (vec![leg(FIRST, course)], LastBudget::Retries),
            FallbackAt::Now => {
                (vec![leg(FIRST, course), leg(SECOND, Course::FromTop)], LastBudget::Full)
            }
        },
        // A18: on proxy 1 both proxies, on proxy 2 itself first.
        (Mode::Proxies, Purpose::Register(_)) if on == FIRST => {
            (vec![leg(FIRST, course), leg(SECOND, Course::FromTop)], LastBudget::Full)
        }
        (Mode::Proxies, Purpose::Register(_)) => (vec![leg(SECOND, course)], LastBudget::Retries),
        (Mode::Single | Mode::Concurrent, Purpose::Register(_)) => {
            (vec![leg(on, course)], LastBudget::Full)
        }
    }
}

/// Seconds from one probe of the first to the next while on the second; none: no probe.
pub(crate) fn probe_interval(mode: Mode, policy: &Policy) -> Option<Duration> {
    let seconds = match mode {
        Mode::Single | Mode::Concurrent => 0,
        Mode::Successive => policy.fallback_timeout_s,
        Mode::Proxies => policy.proxies.fallback_interval_s,
    };
    (seconds > 0).then(|| Duration::from_secs(seconds.into()))
}

/// The wait after a pass that left the account registered nowhere: `reg_fail_retry_interval`, or the
/// back-off of RFC 5626 §4.5 where its keys are set. `draw` is a fraction below 1.
pub(crate) fn retry_wait(
    policy: &Policy,
    failures: u8,
    held_elsewhere: bool,
    draw: f64,
) -> Duration {
    let (base, most) = (policy.reg_failed_retry_min_time_s, policy.reg_failed_retry_max_time_s);
    if held_elsewhere || (base == 0 && most == 0) {
        let interval = Duration::from_secs(policy.reg_fail_retry_interval_s.into());
        return interval.mul_f64(0.8 + 0.2 * draw).max(RETRY_MIN);
    }
    // RFC 5626 §4.5: min(max-time, base-time · 2^failures), of which 50 to 100 % are waited.
    let base = if base == 0 { 30 } else { base };
    let most = if most == 0 { 1800 } else { most };
    let upper = u64::from(base).saturating_mul(1 << failures.min(20)).min(u64::from(most));
    Duration::from_secs(upper).mul_f64(0.5 + 0.5 * draw).max(RETRY_MIN)
}

/// No pass follows another faster, whatever the keys say.
const RETRY_MIN: Duration = Duration::from_secs(1);
