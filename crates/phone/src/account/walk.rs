//! One walk of a request over its candidates (behaviour §4): locating, attempts one after the other.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use locate::{Hops, LocationId, Progress as Located};
use net::{Cause, Conn, Instant};
use params::Profile;

use super::attempt::{Attempt, Errand, Progress};
use super::candidates::{LastBudget, Leg, Ordering, Queue, arrange, start_hop};
use super::core::Core;
use super::fallback::SECOND;
use super::group::in_order;
use super::rules::Mode;
use crate::budget::{Budget, Kind, Plan};
use crate::context::{Context, Hop, name_of};
use crate::event::{HopName, Place, Why};

/// A request waits this long for DNS where the last answer is known.
const DNS_PATIENCE: Duration = Duration::from_millis(500);

/// What is known of the next hops of one group during a walk.
#[derive(Debug)]
enum Slot {
    Unneeded,
    /// DNS is being asked; what was found last is taken from then on, if there is anything.
    Pending(LocationId, Option<Instant>),
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

/// Where a walk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// An attempt, a location or a route is open.
    Waiting,
    /// The request of the open attempt is to be written: [`Walk::transmit`].
    Write,
    /// The next candidate wants a registration first: [`Walk::candidate`].
    Register,
    /// No candidate is left.
    Exhausted,
}

/// What walks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) kind: Kind,
    /// As in its Call-ID; 0: that of the registration of the candidate's group.
    pub(crate) call_id: u64,
    pub(crate) gate: Gate,
}

/// Whether a next hop may be asked without a registration there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Always: a REGISTER, or a request of a dialog.
    Open,
    /// A secondary with `register_on_enable` (A8) and, in successive mode, server 2 are registered at
    /// first.
    Registered,
}

/// The walk.
#[derive(Debug)]
pub(crate) struct Walk {
    request: Request,
    pub(crate) started: Instant,
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
    routes_asked: Vec<IpAddr>,
    /// INVITEs that were given up and may still be answered; taken by the owner.
    pub(crate) abandoned: Vec<(usize, Attempt)>,
    tried: u16,
}

impl Walk {
    /// Begins to locate the groups of `legs`; [`Walk::advance`] follows.
    pub(crate) fn begin(
        ctx: &mut Context<'_>,
        core: &Core,
        request: Request,
        (legs, last): (Vec<Leg>, LastBudget),
    ) -> Self {
        let mut slots = [Slot::Unneeded, Slot::Unneeded];
        for leg in &legs {
            let Some(group) = core.groups.get(leg.group) else { continue };
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
                    // With a live lease what was found last stays usable without DNS.
                    let live = core.registration(leg.group).is_live(ctx.now);
                    let known = live && ctx.shared.locator.last(id).is_some();
                    Slot::Pending(id, known.then(|| ctx.now + DNS_PATIENCE))
                }
                Located::Nothing(_) => Slot::Nothing,
            };
            if let Some(place) = slots.get_mut(leg.group) {
                *place = slot;
            }
        }
        Self {
            request,
            started: ctx.now,
            trying: None,
            fell: None,
            last_failure: None,
            redirections: 0,
            last,
            legs: legs.into(),
            slots,
            queue: Queue::default(),
            routes_asked: Vec::new(),
            abandoned: Vec::new(),
            tried: 0,
        }
    }

    /// A walk over next hops that are known, all in `group`.
    pub(crate) fn over(
        ctx: &Context<'_>,
        request: Request,
        (group, hops): (usize, Vec<Hop>),
        last: LastBudget,
    ) -> Self {
        let mut queue = Queue::default();
        for hop in hops.into_iter().rev() {
            queue.push_front(group, hop);
        }
        Self {
            request,
            started: ctx.now,
            trying: None,
            fell: None,
            last_failure: None,
            redirections: 0,
            last,
            legs: VecDeque::new(),
            slots: [Slot::Unneeded, Slot::Unneeded],
            queue,
            routes_asked: Vec::new(),
            abandoned: Vec::new(),
            tried: 0,
        }
    }

    /// A location was found or not; tells whether the walk waited for it.
    pub(crate) fn on_located(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        id: LocationId,
        progress: &Located,
    ) -> bool {
        let mut waited = false;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if !matches!(slot, Slot::Pending(pending, _) if *pending == id) {
                continue;
            }
            match progress {
                Located::Ready(hops) => {
                    if let Some(group) = core.groups.get(index) {
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

    // Guide, "REGISTER Failover" step 1 and step 3: the primary first, after no response the secondary.
    // Guide, "REGISTER Fallback" step 1: the working server first.
    /// Goes on to the next candidate, unless an attempt is open.
    pub(crate) fn advance(&mut self, ctx: &mut Context<'_>, core: &Core) -> Step {
        while self.trying.is_none() {
            if let Some((group, hop)) = self.queue.pop() {
                if self.waits_for_route(ctx, hop.addr.ip()) {
                    self.queue.put_back(group, hop);
                    return Step::Waiting;
                }
                if self.request.gate == Gate::Registered && wants_lease(ctx, core, group, &hop) {
                    self.queue.put_back(group, hop);
                    return Step::Register;
                }
                match self.attempt(ctx, core, group, hop) {
                    Progress::Pending => return Step::Waiting,
                    Progress::Ready => return Step::Write,
                    Progress::Failed(cause) => self.hop_failed(ctx, core, Why::from_cause(cause)),
                }
                continue;
            }
            let Some(leg) = self.legs.front().copied() else { return Step::Exhausted };
            let hops = match self.slots.get(leg.group) {
                Some(Slot::Pending(..)) => return Step::Waiting,
                Some(Slot::Ready(hops)) => in_order(hops, ctx),
                Some(Slot::Nothing) => self.without_dns(ctx, core, leg.group),
                Some(Slot::Unneeded) | None => Vec::new(),
            };
            self.legs.pop_front();
            self.enqueue(ctx, core, leg, &hops);
        }
        Step::Waiting
    }

    /// The candidate that comes next, where it is known.
    pub(crate) fn candidate(&self) -> Option<(usize, &Hop)> {
        self.queue.first()
    }

    /// Leaves the next candidate out: it could not be registered at.
    pub(crate) fn skip(&mut self, core: &Core, why: Why) {
        if let Some((group, hop)) = self.queue.pop() {
            let place = core.groups.get(group).map(|group| group.place);
            self.last_failure = place.map(|place| (place, Some(name_of(&hop)), why));
        }
    }

    /// Leaves out what is left of `group`.
    pub(crate) fn skip_group(&mut self, group: usize) {
        self.queue.drop_group(group);
        self.legs.retain(|leg| leg.group != group);
    }

    /// Whether nothing of `group` is left to be asked.
    pub(crate) fn is_done_with(&self, group: usize) -> bool {
        !self.queue.has_group(group)
            && !self.legs.iter().any(|leg| leg.group == group)
            && self.trying.as_ref().is_none_or(|(trying, _)| *trying != group)
    }

    /// Whether the executor has still to say from where `to` is reached; it is asked once a walk.
    fn waits_for_route(&mut self, ctx: &mut Context<'_>, to: IpAddr) -> bool {
        if !ctx.shared.locals.lacks_route(to) || self.routes_asked.contains(&to) {
            return false;
        }
        self.routes_asked.push(to);
        ctx.want_route(to);
        true
    }

    /// The name gave nothing: with a live lease its next hop stays usable (behaviour §3).
    fn without_dns(&mut self, ctx: &mut Context<'_>, core: &Core, group: usize) -> Vec<Hop> {
        let Some(entry) = core.groups.get(group) else { return Vec::new() };
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
        let arranged = arrange(hops, leg.course, start, current);
        let common = &ctx.device.common;
        let ordering = Ordering {
            now: ctx.now,
            health: &ctx.device.health,
            down_last: common.profile == Profile::Fast,
            once_per_ip: common.skip_redundant_failover_addr,
        };
        let blocked = arranged.iter().map(|hop| name_of(hop));
        let mut blocked =
            blocked.filter(|hop| ordering.health.blocked_until(*hop, ctx.now).is_some());
        if let Some(hop) = blocked.next_back() {
            self.last_failure.get_or_insert((group.place, Some(hop), Why::Status(503)));
        }
        self.queue.extend(leg.group, arranged, &ordering);
    }

    fn attempt(&mut self, ctx: &mut Context<'_>, core: &Core, group: usize, hop: Hop) -> Progress {
        self.tried = self.tried.saturating_add(1);
        let Some(place) = core.groups.get(group).map(|group| group.place) else {
            return Progress::Failed(Cause::NoRoute);
        };
        let call_id = match self.request.call_id {
            0 => core.registration(group).call_id,
            own => own,
        };
        let plan = self.plan(ctx, core, group, &hop);
        let errand = Errand { method: self.request.method, call_id, place, nth: self.tried, plan };
        let (attempt, progress) = Attempt::begin(ctx, hop, errand);
        self.trying = Some((group, attempt));
        progress
    }

    /// Carries on after something happened to the open attempt.
    pub(crate) fn progress(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        progress: Progress,
    ) -> Step {
        match progress {
            Progress::Pending => Step::Waiting,
            Progress::Ready => Step::Write,
            Progress::Failed(cause) => {
                self.hop_failed(ctx, core, Why::from_cause(cause));
                self.advance(ctx, core)
            }
        }
    }

    /// Sends the request of the open attempt; `Write` asks for another one, over another transport.
    pub(crate) fn transmit(&mut self, ctx: &mut Context<'_>, core: &Core, bytes: Bytes) -> Step {
        let Some((_, attempt)) = self.trying.as_mut() else { return Step::Waiting };
        let progress = attempt.transmit(ctx, bytes);
        self.progress(ctx, core, progress)
    }

    /// Does what is due for the open attempt, or takes what DNS said last.
    pub(crate) fn on_time(&mut self, ctx: &mut Context<'_>, core: &Core) -> Step {
        let Some((_, attempt)) = self.trying.as_mut() else {
            self.take_last_known(ctx);
            return self.advance(ctx, core);
        };
        let progress = attempt.on_time(ctx);
        self.progress(ctx, core, progress)
    }

    /// A connection is ready (`Ok`) or gone.
    pub(crate) fn on_connection(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        conn: Conn,
        local: Result<SocketAddr, Cause>,
    ) -> Step {
        let Some((_, attempt)) = self.trying.as_mut() else { return Step::Waiting };
        let progress = match local {
            Ok(local) => attempt.on_connected(conn, local),
            Err(cause) => attempt.on_closed(ctx, conn, cause),
        };
        self.progress(ctx, core, progress)
    }

    /// A transport fault of the open attempt, if `number` is its own.
    pub(crate) fn on_unreachable(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        number: u32,
        why: Why,
    ) -> Option<Step> {
        self.trying.as_ref().filter(|(_, attempt)| attempt.number() == number)?;
        self.hop_failed(ctx, core, why);
        Some(self.advance(ctx, core))
    }

    /// The open attempt failed: its next hop is left.
    pub(crate) fn hop_failed(&mut self, ctx: &mut Context<'_>, core: &Core, why: Why) {
        let Some((group, attempt)) = self.trying.take() else { return };
        if let Some(entry) = core.groups.get(group) {
            // The address family that failed last goes to the end (behaviour §3).
            ctx.shared.locator.note_failure(ctx.now, entry.location, attempt.hop());
        }
        let hop = name_of(attempt.hop());
        self.last_failure = Some((attempt.place(), Some(hop), why));
        let since = attempt.began();
        self.fell.get_or_insert(Fall { group, hop, why, since });
        match self.request.kind {
            Kind::NonInvite => attempt.fail(ctx, why),
            // A late answer to an INVITE may still come: its transaction is kept.
            Kind::Invite => {
                let mut attempt = attempt;
                attempt.give_up(ctx, why);
                self.abandoned.push((group, attempt));
            }
        }
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
        let timers = ctx.device.timers();
        if self.last == LastBudget::Full && self.is_last(ctx) {
            return Plan::new(self.request.kind, Budget::Full, timers); // A28
        }
        let policy = &core.policy;
        if policy.adaptive_budget {
            let floor = Duration::from_millis(policy.adaptive_floor_ms.into());
            let known = ctx.device.health.find(name_of(hop)).and_then(|health| health.patience());
            let first = known.unwrap_or(timers.t1).max(floor);
            return Plan::adaptive(self.request.kind, policy.adaptive_retries, first, timers);
        }
        // A3: INVITE has a count of its own.
        let retries = core.groups.get(group).map_or(0, |group| match self.request.kind {
            Kind::NonInvite => group.rules.retry_counts,
            Kind::Invite => group.rules.invite_retry_counts,
        });
        Plan::new(self.request.kind, Budget::Retries(retries), timers)
    }

    fn is_last(&self, ctx: &Context<'_>) -> bool {
        let follows = |leg: &Leg| match self.slots.get(leg.group) {
            Some(Slot::Pending(..)) => true,
            Some(Slot::Ready(hops)) => self.queue.would_take_any(&in_order(hops, ctx)),
            Some(Slot::Nothing | Slot::Unneeded) | None => false,
        };
        self.queue.is_empty() && !self.legs.iter().any(follows)
    }

    /// Name servers are slow or silent: the last next hops of a live lease are used meanwhile
    /// (behaviour §3).
    fn take_last_known(&mut self, ctx: &Context<'_>) {
        for slot in &mut self.slots {
            if let Slot::Pending(id, Some(due)) = slot
                && *due <= ctx.now
                && let Some(hops) = ctx.shared.locator.last(*id)
            {
                *slot = Slot::Ready(hops.clone());
            }
        }
    }

    /// When it has to be looked at again.
    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        if let Some((_, attempt)) = &self.trying {
            return Some(attempt.next_timeout());
        }
        let waits = |slot: &Slot| match slot {
            Slot::Pending(_, due) => *due,
            Slot::Unneeded | Slot::Ready(_) | Slot::Nothing => None,
        };
        self.slots.iter().filter_map(waits).min().map(|due| (due, "name servers are slow"))
    }
}

/// Whether a request other than REGISTER has to wait for a registration at `hop` (A8, behaviour §4).
fn wants_lease(ctx: &Context<'_>, core: &Core, group: usize, hop: &Hop) -> bool {
    let registration = core.registration(group);
    let live = registration.lease.as_ref().filter(|lease| lease.until > ctx.now);
    if core.mode == Mode::Successive && group == SECOND && live.is_none() {
        return true;
    }
    let Some(entry) = core.groups.get(group) else { return false };
    let secondary = entry.known_hops(ctx).first().is_some_and(|primary| !primary.is_same(hop));
    entry.rules.register_on_enable && secondary && live.is_none_or(|lease| !lease.hop.is_same(hop))
}
