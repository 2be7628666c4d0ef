use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dns::{Question, Reply};
use net::Instant;

use crate::Hops;

/// All that [`crate::locate`] knows: answers so far and what is remembered of earlier passes.
#[derive(Clone, Debug, Default)]
pub struct Records {
    /// What came of the questions of this pass.
    pub replies: BTreeMap<Question, Reply>,
    /// When static records were last consulted; they count from then on (A24).
    pub consulted: BTreeMap<Question, Instant>,
    /// The local address from which an address is reached, or that it is not.
    pub sources: BTreeMap<IpAddr, Option<IpAddr>>,
    /// The address family that failed last.
    pub failed_family: Option<FailedFamily>,
    /// What was found last: its order is kept as far as it goes (A23).
    pub previous: Option<Arc<Hops>>,
    /// The weighted die of RFC 2782, rolled.
    pub die: u64,
}

/// An address family that goes to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedFamily {
    /// Whether it is IPv6.
    pub is_v6: bool,
    /// Until when.
    pub until: Instant,
}
