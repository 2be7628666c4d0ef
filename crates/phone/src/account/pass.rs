//! One walk of a REGISTER over its candidates.

use std::collections::VecDeque;
use std::sync::Arc;

use locate::{Hops, LocationId, Progress as Located};
use net::Instant;
use params::Profile;

use super::attempt::{Attempt, Errand, Progress};
use super::candidates::{LastBudget, Leg, Ordering, Queue, arrange, start_hop};
use super::core::Core;
use super::fallback::Purpose;
use super::group::in_order;
use super::registration::Ask;
use crate::budget::{Budget, Kind, Plan};
use crate::context::{Context, Hop, name_of};
use crate::event::{HopName, Place, Why};

/// What is known of the next hops of one group during a pass.
#[derive(Debug)]
enum Slot {
    Unneeded,
    Pending(LocationId),
    Ready(Arc<Hops>),
    Nothing,
}

/// A candidate that failed: what a move away from it is told with.
#[derive(Clone, Debug)]
pub(crate) struct Fall {
    pub(crate) group: usize,
    pub(crate) hop: HopName,
    pub(crate) why: Why,
    /// When the first unanswered request was sent.
    pub(crate) since: Instant,
}

/// Where a pass stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attempt or a location is open.
    Waiting,
    /// No candidate is left.
    Exhausted,
}

/// The pass.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) purpose: Purpose,
    pub(crate) started: Instant,
    /// A lease stood when the pass began.
    pub(crate) began_live: bool,
    pub(crate) trying: Option<(usize, Attempt)>,
    /// The first candidate that failed.
    pub(crate) fell: Option<Fall>,
    /// The last failure, a name without next hop included.
    pub(crate) last_failure: Option<(Place, Option<HopName>, Why)>,
    pub(crate) redirections: u8,
    last: LastBudget,
    legs: VecDeque<Leg>,
    slots: [Slot; 2],
    queue: Queue,
    tried: u16,
}

impl Pass {
    /// Begins to locate the groups of `legs`; [`Pass::advance`] follows.
    pub(crate) fn begin(
        ctx: &mut Context<'_>,
        core: &mut Core,
        purpose: Purpose,
        on: usize,
        (legs, last): (Vec<Leg>, LastBudget),
    ) -> Self {
        let mut slots = [Slot::Unneeded, Slot::Unneeded];
        for leg in &legs {
            let Some(group) = core.groups.get_mut(leg.group) else { continue };
            let id = group.location;
            let found = ctx.shared.locator.locate(ctx.now, id);
            let slot = match found {
                Located::Ready(hops) => {
                    group.tell_located(ctx, &hops);
                    ctx.ask_routes(&hops);
                    Slot::Ready(hops)
                }
                Located::Pending => {
                    let phone = ctx.device.index;
                    ctx.shared.waiting.entry(id).or_default().insert(phone);
                    Slot::Pending(id)
                }
                Located::Nothing(_) => Slot::Nothing,
            };
            if let Some(place) = slots.get_mut(leg.group) {
                *place = slot;
            }
        }
        Self {
            purpose,
            started: ctx.now,
            began_live: core.registration(on).is_live(ctx.now),
            trying: None,
            fell: None,
            last_failure: None,
            redirections: 0,
            last,
            legs: legs.into(),
            slots,
            queue: Queue::default(),
            tried: 0,
        }
    }

    /// A location was found or not; tells whether the pass waited for it.
    pub(crate) fn on_located(
        &mut self,
        ctx: &mut Context<'_>,
        core: &mut Core,
        id: LocationId,
        progress: &Located,
    ) -> bool {
        let mut waited = false;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !matches!(slot, Slot::Pending(pending) if *pending == id) {
                continue;
            }
            match progress {
                Located::Ready(hops) => {
                    if let Some(group) = core.groups.get_mut(index) {
                        group.tell_located(ctx, hops);
                    }
                    ctx.ask_routes(hops);
                    *slot = Slot::Ready(hops.clone());
                }
                Located::Nothing(_) => *slot = Slot::Nothing,
                Located::Pending => continue,
            }
            waited = true;
        }
        waited
    }

    /// Goes on to the next candidate, unless an attempt is open.
    pub(crate) fn advance(&mut self, ctx: &mut Context<'_>, core: &mut Core) -> Step {
        while self.trying.is_none() {
            if let Some((group, hop)) = self.queue.pop() {
                self.attempt(ctx, core, group, hop);
                continue;
            }
            let Some(leg) = self.legs.front().copied() else { return Step::Exhausted };
            let hops = match self.slots.get(leg.group) {
                Some(Slot::Pending(_)) => return Step::Waiting,
                Some(Slot::Ready(hops)) => in_order(hops, ctx),
                Some(Slot::Nothing) => self.without_dns(ctx, core, leg.group),
                Some(Slot::Unneeded) | None => Vec::new(),
            };
            self.legs.pop_front();
            self.enqueue(ctx, core, leg, &hops);
        }
        Step::Waiting
    }

    /// The name gave nothing: with a live lease its next hop stays usable (behaviour §3).
    fn without_dns(&mut self, ctx: &mut Context<'_>, core: &mut Core, group: usize) -> Vec<Hop> {
        let Some(entry) = core.groups.get_mut(group) else { return Vec::new() };
        let place = entry.place;
        let name = super::rules::target_of(&core.policy, place).host;
        entry.tell_nothing(ctx, &name);
        let registration = core.registration(group);
        let lease = registration.lease.as_ref().filter(|lease| lease.until > ctx.now);
        match lease {
            Some(lease) => vec![lease.hop.clone()],
            None => {
                self.last_failure = Some((place, None, Why::Dns));
                Vec::new()
            }
        }
    }

    fn enqueue(&mut self, ctx: &Context<'_>, core: &Core, leg: Leg, hops: &[Hop]) {
        let Some(group) = core.groups.get(leg.group) else { return };
        let lease = core.registration(leg.group).lease.as_ref();
        // In proxy mode one lease serves both groups: it is the start hop of the one that lists it.
        let leased =
            lease.map(|lease| &lease.hop).filter(|hop| hops.iter().any(|h| h.is_same(hop)));
        let sticky = core.policy.sticky_new_requests
            && hops.first().is_some_and(|top| ctx.device.health.is_down(name_of(top)));
        let start = start_hop(group, leased, sticky);
        let current = leased.or(group.last_used.as_ref());
        let arranged = arrange(hops, leg.walk, start, current);
        let common = &ctx.device.common;
        let ordering = Ordering {
            now: ctx.now,
            health: &ctx.device.health,
            down_last: common.profile == Profile::Fast,
            once_per_ip: common.skip_redundant_failover_addr,
        };
        let blocked = arranged.iter().map(|hop| name_of(hop));
        let blocked = blocked.filter(|hop| ordering.health.blocked_until(*hop, ctx.now).is_some());
        if let Some(hop) = blocked.last() {
            self.last_failure.get_or_insert((group.place, Some(hop), Why::Status(503)));
        }
        self.queue.extend(leg.group, arranged, &ordering);
    }

    fn attempt(&mut self, ctx: &mut Context<'_>, core: &mut Core, group: usize, hop: Hop) {
        self.tried = self.tried.saturating_add(1);
        let Some(place) = core.groups.get(group).map(|group| group.place) else { return };
        let errand = Errand {
            method: "REGISTER",
            call_id: core.registration(group).call_id,
            place,
            nth: self.tried,
            plan: self.plan(ctx, core, group, &hop),
        };
        let (attempt, progress) = Attempt::begin(ctx, hop, errand);
        self.trying = Some((group, attempt));
        self.progress(ctx, core, progress);
    }

    /// Carries on after something happened to the open attempt.
    pub(crate) fn progress(&mut self, ctx: &mut Context<'_>, core: &mut Core, progress: Progress) {
        match progress {
            Progress::Pending => {}
            Progress::Ready => self.write(ctx, core),
            Progress::Failed(cause) => self.hop_failed(ctx, Why::from_cause(cause)),
        }
    }

    /// Writes the request of a transaction.
    pub(crate) fn write(&mut self, ctx: &mut Context<'_>, core: &mut Core) {
        let Some((group, attempt)) = self.trying.as_mut() else { return };
        let mut progress = Progress::Ready;
        while progress == Progress::Ready {
            let bytes = core.write_register(ctx, *group, attempt, Ask::Bind);
            progress = attempt.transmit(ctx, bytes);
        }
        self.progress(ctx, core, progress);
    }

    /// The open attempt failed: its next hop is left.
    pub(crate) fn hop_failed(&mut self, ctx: &mut Context<'_>, why: Why) {
        let Some((group, attempt)) = self.trying.take() else { return };
        let hop = name_of(attempt.hop());
        self.last_failure = Some((attempt.place(), Some(hop), why));
        let since = attempt.began();
        self.fell.get_or_insert(Fall { group, hop, why, since });
        attempt.fail(ctx, why);
    }

    /// The open attempt was answered so that its next hop counts as failed.
    pub(crate) fn hop_refused(&mut self, ctx: &mut Context<'_>, status: u16) {
        let Some((group, attempt)) = self.trying.take() else { return };
        let (why, hop) = (Why::Status(status), attempt.hop().clone());
        let name = name_of(&hop);
        self.last_failure = Some((attempt.place(), Some(name), why));
        let since = attempt.began();
        self.fell.get_or_insert(Fall { group, hop: name, why, since });
        let conn = attempt.answered(ctx, status, Some(why));
        ctx.gave_up(&hop, since, why);
        if let Some(conn) = conn {
            ctx.release(conn);
        }
    }

    /// Puts the target of a redirection next.
    pub(crate) fn redirect(&mut self, group: usize, hop: Hop) {
        self.redirections += 1;
        self.queue.push_front(group, hop);
    }

    /// Nothing further is asked after the open attempt (the lease ended, A14).
    pub(crate) fn stop_after_this(&mut self) {
        self.queue.clear();
        self.legs.clear();
    }

    fn plan(&self, ctx: &Context<'_>, core: &Core, group: usize, hop: &Hop) -> Plan {
        let timers = ctx.device.timers;
        if self.last == LastBudget::Full && self.is_last(ctx) {
            return Plan::new(Kind::NonInvite, Budget::Full, timers); // A28
        }
        let policy = &core.policy;
        if policy.adaptive_budget {
            let floor = std::time::Duration::from_millis(policy.adaptive_floor_ms.into());
            let known = ctx.device.health.find(name_of(hop)).and_then(|health| health.patience());
            let first = known.unwrap_or(timers.t1).max(floor);
            return Plan::adaptive(Kind::NonInvite, policy.adaptive_retries, first, timers);
        }
        let retries = core.groups.get(group).map_or(0, |group| group.rules.retry_counts);
        Plan::new(Kind::NonInvite, Budget::Retries(retries), timers) // A3
    }

    fn is_last(&self, ctx: &Context<'_>) -> bool {
        let follows = |leg: &Leg| match self.slots.get(leg.group) {
            Some(Slot::Pending(_)) => true,
            Some(Slot::Ready(hops)) => self.queue.would_take_any(&in_order(hops, ctx)),
            Some(Slot::Nothing | Slot::Unneeded) | None => false,
        };
        self.queue.is_empty() && !self.legs.iter().any(follows)
    }

    /// When it has to be looked at again.
    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        self.trying.as_ref().map(|(_, attempt)| attempt.next_timeout())
    }
}
