//! The next hops of one server or proxy, as an account sees them.

use std::cell::Cell;

use locate::{Hops, LocationId};
use net::Instant;
use params::FailbackMode;

use super::rules::Rules;
use crate::context::{Context, Hop, name_of};
use crate::event::{EventKind, LocatedHop, Place, Why};

/// When an account goes up again inside a group (behaviour §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) due: Instant,
    pub(crate) why: Why,
    /// It was due while the phone was not idle, and that was told.
    pub(crate) parked: bool,
}

/// A server or a proxy with what is remembered of it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) place: Place,
    pub(crate) location: LocationId,
    pub(crate) rules: Rules,
    /// The next hop that last answered any request.
    pub(crate) last_used: Option<Hop>,
    pub(crate) clock: Option<Clock>,
    /// Generation of the next hops that were told last.
    told: Cell<Option<u64>>,
}

impl Group {
    pub(crate) const fn new(place: Place, location: LocationId, rules: Rules) -> Self {
        Self { place, location, rules, last_used: None, clock: None, told: Cell::new(None) }
    }

    /// The next hops that were found last, in this phone's order.
    pub(crate) fn known_hops(&self, ctx: &Context<'_>) -> Vec<Hop> {
        ctx.shared.locator.last(self.location).map_or_else(Vec::new, |hops| in_order(hops, ctx))
    }

    pub(crate) fn tell_located(&self, ctx: &mut Context<'_>, hops: &Hops) {
        if self.told.replace(Some(hops.generation())) == Some(hops.generation()) {
            return;
        }
        let seed = ctx.device.mac.seed();
        let next_hops = hops.order(seed).into_iter().map(|hop| located_hop(hop, ctx.now)).collect();
        let name = hops.target().host.to_string();
        ctx.event(EventKind::Located { place: self.place, name, next_hops });
    }

    pub(crate) fn tell_nothing(&self, ctx: &mut Context<'_>, name: &str) {
        self.told.set(None);
        let (place, name) = (self.place, name.to_owned());
        ctx.event(EventKind::Located { place, name, next_hops: Vec::new() });
    }

    /// Starts or stops the clock after `hop` answered a REGISTER; `Instant` is that of the answer.
    pub(crate) fn start_clock(&mut self, ctx: &Context<'_>, hop: &Hop, hops: &[Hop]) {
        let above = hops.first().is_some_and(|primary| !primary.is_same(hop));
        self.clock = match self.rules.failback_mode {
            _ if !above => None,
            FailbackMode::NewRequests | FailbackMode::Registration => None, // A11: the next refresh.
            FailbackMode::DnsTtl => {
                // A10: what the record had left when the phone moved, not renewed later.
                let left = ctx.now.until(hop.expires).max(TTL_MIN);
                Some(Clock { due: ctx.now + left, why: Why::Ttl, parked: false })
            }
            // A12: 0 runs no clock. A13: from the answer that completed the move.
            FailbackMode::Duration if self.rules.failback_timeout_s == 0 => None,
            FailbackMode::Duration => {
                let span = std::time::Duration::from_secs(self.rules.failback_timeout_s.into());
                Some(Clock { due: ctx.now + span, why: Why::Duration, parked: false })
            }
        };
    }
}

/// Shortest clock of `failback_mode` 1 (A10).
const TTL_MIN: std::time::Duration = std::time::Duration::from_secs(30);

/// `hops` in the order of the phone, shared.
pub(crate) fn in_order(hops: &Hops, ctx: &Context<'_>) -> Vec<Hop> {
    in_seed_order(hops, ctx.device.mac.seed())
}

/// `hops` in the order of the phone with this seed.
pub(crate) fn in_seed_order(hops: &Hops, seed: u64) -> Vec<Hop> {
    hops.shared_order(seed)
}

fn located_hop(hop: &locate::NextHop, now: Instant) -> LocatedHop {
    let ttl_s = (hop.expires != Instant::FAR)
        .then(|| u32::try_from(now.until(hop.expires).as_secs()).unwrap_or(u32::MAX));
    LocatedHop {
        next_hop: name_of(hop),
        priority: hop.priority,
        weight: hop.weight,
        source: hop.source.as_str(),
        ttl_s,
    }
}
