use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use dns::{NameError, Question, WhyFailed};
use net::{Instant, Transport};

use crate::hops::{Rank, RankOrder, Source};
use crate::look::{Lookup, Preference};
use crate::trail::{Decision, Trail};
use crate::walk::Walk;
use crate::{CacheType, Hops, LocatePolicy, Records, Target};

/// What the records known so far say.
#[derive(Clone, Debug)]
pub enum Search {
    /// These are the next hops.
    Ready(Arc<Hops>),
    /// These answers are missing; the search is made again when there are more.
    Ask(Missing),
    /// There is no next hop.
    Nothing(Arc<Nothing>),
}

/// What has to be found out before a search can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Questions for DNS, the most important first.
    pub questions: Vec<Question>,
    /// Destinations whose local address decides their order.
    pub routes: Vec<IpAddr>,
}

/// That a target has no next hop, and how it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// The reason.
    pub why: Why,
    /// How it was looked for.
    pub trail: Trail,
    pub(crate) fresh_until: Instant,
    pub(crate) ahead_at: Instant,
}

/// Why a target has no next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The host is neither an address nor a domain name.
    BadName(NameError),
    /// No name server is configured and no static record answers.
    NoNameServer,
    /// DNS does not answer, and neither static records nor an earlier answer make up for it.
    DnsFailed(WhyFailed),
    /// The SRV record says that the service is not offered.
    NoService,
    /// DNS knows no such name.
    NxDomain,
    /// The name has no address.
    NoAddress,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName(problem) => write!(f, "the host is no domain name: {problem}"),
            Self::NoNameServer => {
                f.write_str("no name server is configured and no static record has the name")
            }
            Self::DnsFailed(why) => write!(f, "DNS does not answer: {why}"),
            Self::NoService => f.write_str("DNS says that the service is not offered there"),
            Self::NxDomain => f.write_str("DNS knows no such name"),
            Self::NoAddress => f.write_str("the name has no address"),
        }
    }
}

/// Locates `target` with what `records` hold: behaviour §3 from its top, each time.
///
/// It keeps nothing between calls, so that the engine, the status page, `sureline resolve` and
/// `explain` cannot differ.
#[must_use]
pub fn locate(target: &Target, policy: &LocatePolicy, records: &Records, now: Instant) -> Search {
    let mut look = Lookup::new(policy, records, now);
    let mut walk = Walk::new(target, &mut look);
    let mut ranks = walk.ranks();
    let why = walk.why.take();
    // A24: with static_cache_pri 0 the static next hops follow those of DNS as candidates.
    if look.asks.is_empty() && !policy.static_first && !policy.static_records.is_empty() {
        look.preference = Preference::Static;
        let further = Walk::new(target, &mut look).ranks();
        let count = append_static(&mut ranks, further);
        if count > 0 {
            look.decide(Decision::StaticFollow(count));
        }
    }
    if !look.asks.is_empty() || !look.routes.is_empty() {
        return Search::Ask(Missing { questions: look.asks, routes: look.routes });
    }
    let trail = Trail { target: target.clone(), at: now, steps: look.steps };
    let fresh_until = match policy.cache_type {
        CacheType::RealTime => now,
        CacheType::Answers | CacheType::AnswersAndAdditionals => look.fresh_until,
    };
    if ranks.is_empty() {
        let why = reason(why, look.failed);
        let nothing = Nothing { why, trail, fresh_until, ahead_at: look.ahead_at };
        return Search::Nothing(Arc::new(nothing));
    }
    let is_rolled = ranks.iter().any(|rank| rank.order == RankOrder::Weighted);
    let hops = Hops {
        ranks,
        trail,
        located: now,
        fresh_until,
        generation: 1,
        since: now,
        die: if is_rolled { records.die } else { 0 },
        ahead_at: look.ahead_at,
        consulted: look.consulted,
    };
    Search::Ready(Arc::new(compared(hops, records.previous.as_deref())))
}

/// Carries over from the next hops before what a new answer does not change (A23).
fn compared(mut hops: Hops, previous: Option<&Hops>) -> Hops {
    let Some(previous) = previous else { return hops };
    if hops.is_like(previous) {
        hops.die = previous.die;
        hops.generation = previous.generation;
        hops.since = previous.since;
    } else {
        hops.generation = previous.generation.wrapping_add(1);
    }
    hops
}

/// Appends the next hops that static records give and that are not there yet.
fn append_static(ranks: &mut Vec<Rank>, further: Vec<Rank>) -> usize {
    let mut known: BTreeSet<(Transport, std::net::SocketAddr)> = ranks
        .iter()
        .flat_map(|rank| &rank.servers)
        .flat_map(|server| &server.hops)
        .map(|hop| hop.place())
        .collect();
    let mut count = 0;
    for mut rank in further {
        for server in &mut rank.servers {
            let by_static = server.by_static;
            server.hops.retain(|hop| {
                (by_static || hop.source == Source::Static) && known.insert(hop.place())
            });
            count += server.hops.len();
        }
        rank.servers.retain(|server| !server.hops.is_empty());
        if !rank.servers.is_empty() {
            ranks.push(rank);
        }
    }
    count
}

fn reason(found: Option<Why>, failed: Option<WhyFailed>) -> Why {
    match (found, failed) {
        (Some(why @ (Why::BadName(_) | Why::NoService)), _) => why,
        (_, Some(WhyFailed::NoNameServer)) => Why::NoNameServer,
        (_, Some(why)) => Why::DnsFailed(why),
        (Some(why), None) => why,
        (None, None) => Why::NoAddress,
    }
}
