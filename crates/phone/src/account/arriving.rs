//! A lease was granted: where the account is now, what was left, what will follow.

use std::time::Duration;

use net::Instant;
use params::FailbackMode;

use super::core::Core;
use super::failback;
use super::fallback::{self, FIRST, Purpose, SECOND};
use super::pass::Pass;
use super::registration::{self, Grant, Lease};
use super::rules::Mode;
use super::upkeep::{Removal, State, Upkeep};
use super::walk::Fall;
use crate::context::{Context, Hop, name_of};
use crate::event::{EventKind, HopName, MoveKind, Why};

impl Upkeep {
    // Guide, "REGISTER Failover" step 4: the secondary answers 200 OK.
    // Guide, "REGISTER Fallback" step 4: the fallback server answers 200 OK.
    /// A 2xx with our binding in it.
    pub(super) fn granted(&mut self, core: &mut Core, ctx: &mut Context<'_>, grant: Grant) {
        let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Some((group, attempt)) = pass.walk.trying.take() else { return };
        let (hop, sent, place) = (attempt.hop().clone(), attempt.sent_at(), attempt.place());
        let conn = attempt.answered(ctx, 200, None);
        let hops = core.groups.get(group).map_or_else(Vec::new, |group| group.known_hops(ctx));
        self.tell_move(core, ctx, &pass, group, &hop);
        self.left = None;
        let refresh_at = self.refresh_time(core, ctx, group, sent, grant.expires);
        let lease = Lease {
            since: ctx.now,
            until: sent + grant.expires,
            refresh_at,
            conn,
            service_route: grant.service_route,
            keep_alive: grant.keep_alive,
            hop: hop.clone(),
        };
        self.take_lease(core, ctx, group, lease);
        self.arrive(core, ctx, &pass, group, &hop, &hops);
        self.failures = 0;
        self.last_failure = None;
        ctx.event(EventKind::Registered {
            place,
            next_hop: name_of(&hop),
            expires: grant.expires,
            refresh_in: ctx.now.until(refresh_at),
            why: pass.purpose.why(),
        });
        self.see_to_probes(core, ctx);
        self.keep_door_open(core, ctx);
    }

    fn refresh_time(
        &self,
        core: &Core,
        ctx: &mut Context<'_>,
        group: usize,
        sent: Instant,
        granted: Duration,
    ) -> Instant {
        let pass = core.longest_pass(ctx, group);
        let mut overlap =
            registration::overlap(core.policy.register_expires_overlap_s, granted, pass);
        let mode = core.groups.get(group).map(|group| group.rules.failback_mode);
        if mode == Some(FailbackMode::Registration) {
            overlap = overlap.max(pass.min(granted / 2));
        }
        let draw = ctx.shared.rng.unit();
        registration::refresh_at(sent, granted, overlap, draw)
    }

    fn take_lease(&mut self, core: &mut Core, ctx: &mut Context<'_>, group: usize, lease: Lease) {
        let registration = core.registration_mut(group);
        registration.doubt = None;
        let old = registration.lease.replace(lease);
        let Some(new) = registration.lease.as_mut() else { return };
        if let Some(old) = old {
            if old.hop.is_same(&new.hop) && old.until > ctx.now {
                new.since = old.since;
            }
            if let Some(conn) = old.conn.filter(|conn| new.conn != Some(*conn)) {
                ctx.release(conn);
            }
        }
    }

    /// Draws the consequences of a lease at `hop` of `group`: clocks, probes, the other server.
    fn arrive(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        pass: &Pass,
        group: usize,
        hop: &Hop,
        hops: &[Hop],
    ) {
        if let Some(entry) = core.groups.get_mut(group) {
            let moved = entry.last_used.as_ref().is_none_or(|used| !used.is_same(hop));
            let climbed_nowhere = matches!(pass.purpose, Purpose::Failback(_));
            entry.last_used = Some(hop.clone());
            if moved || climbed_nowhere || group != self.on {
                entry.start_clock(ctx, hop, hops);
            }
        }
        if core.mode == Mode::Concurrent || group == self.on {
            if group == FIRST && core.mode != Mode::Concurrent {
                self.probe_at = None;
            }
            return;
        }
        self.on = group;
        if group == SECOND {
            self.probe_at = fallback::probe_interval(core.mode, &core.policy).map(|i| ctx.now + i);
            if core.mode == Mode::Successive {
                self.forget(core, ctx, FIRST);
            }
        } else {
            self.probe_at = None;
            if core.mode == Mode::Successive {
                self.leave_second(core, ctx);
            }
        }
    }

    /// The lease at `group` is not ours any longer; its binding runs out by itself (A34).
    fn forget(&mut self, core: &mut Core, ctx: &mut Context<'_>, group: usize) {
        let registration = core.registration_mut(group);
        registration.doubt = None;
        if let Some(conn) = registration.lease.take().and_then(|lease| lease.conn) {
            ctx.release(conn);
        }
    }

    /// Back on server 1: one REGISTER with Expires 0 goes to server 2.
    fn leave_second(&mut self, core: &mut Core, ctx: &Context<'_>) {
        let registration = core.registration_mut(SECOND);
        if let Some(lease) = registration.lease.take().filter(|lease| lease.until > ctx.now) {
            self.removals.push(Removal { group: SECOND, lease });
        }
    }

    /// Tells the move that an answer of `to` in `group` completes, if it is one.
    fn tell_move(&self, core: &Core, ctx: &mut Context<'_>, pass: &Pass, group: usize, to: &Hop) {
        let lease = core.registration(self.on).lease.as_ref();
        let held = lease.map(|lease| (self.on, name_of(&lease.hop), ctx.now));
        let origin = held.or(self.left.as_ref().map(|left| (left.group, left.hop, left.since)));
        let fall = pass.walk.fell.as_ref();
        let across = |other: usize| core.mode != Mode::Concurrent && other != group;
        let told = match (origin, fall) {
            (Some((left, from, since)), _) if across(left) => {
                let fell = fall.map_or(pass.purpose.why(), |fall| fall.why);
                let why = if group == SECOND {
                    fallback_reason(pass.purpose, fell)
                } else {
                    pass.purpose.why()
                };
                Some((across_kind(group), from, why, fall.map_or(since, |fall| fall.since)))
            }
            (None, Some(fall)) if across(fall.group) => {
                Some((across_kind(group), fall.hop, fall.why, fall.since))
            }
            (origin, fall) => {
                let from = origin.map(|(_, hop, _)| hop);
                let fall = fall.filter(|fall| fall.group == group);
                self.move_within(core, ctx, pass, group, (from, name_of(to)), fall)
            }
        };
        if let Some((kind, from, why, since)) = told.filter(|(_, from, _, _)| *from != name_of(to))
        {
            let (to, elapsed) = (name_of(to), ctx.now - since);
            ctx.event(EventKind::Moved { kind, method: "REGISTER", from, to, why, elapsed });
        }
    }

    /// A move between next hops of one group: up is a failback, whatever failed above; else it is a
    /// failover from the next hop that failed first.
    fn move_within(
        &self,
        core: &Core,
        ctx: &Context<'_>,
        pass: &Pass,
        group: usize,
        (from, to): (Option<HopName>, HopName),
        fall: Option<&Fall>,
    ) -> Option<(MoveKind, HopName, Why, Instant)> {
        let entry = core.groups.get(group)?;
        let hops = entry.known_hops(ctx);
        let at = |wanted: HopName| hops.iter().position(|hop| name_of(hop) == wanted);
        let climbed = from.is_some_and(|from| match (at(to), at(from)) {
            (Some(to), Some(from)) => to < from,
            (Some(_), None) | (None, Some(_) | None) => false,
        });
        match (from, fall) {
            (Some(from), _) if climbed => {
                let why = failback::reason_to_climb(entry.rules.failback_mode, pass.purpose.why());
                Some((MoveKind::Failback, from, why, fall.map_or(ctx.now, |fall| fall.since)))
            }
            (_, Some(fall)) => Some((MoveKind::Failover, fall.hop, fall.why, fall.since)),
            // The list changed: the next hop that held the lease is no longer the start hop.
            (Some(from), None) => Some((MoveKind::Failover, from, Why::Dns, ctx.now)),
            (None, None) => None,
        }
    }
}

const fn across_kind(to: usize) -> MoveKind {
    if to == SECOND { MoveKind::Fallback } else { MoveKind::Failback }
}

const fn fallback_reason(purpose: Purpose, fell: Why) -> Why {
    match purpose {
        Purpose::ToSecond(why) => why,
        Purpose::Register(_)
        | Purpose::Failback(_)
        | Purpose::Probe
        | Purpose::Everywhere(_)
        | Purpose::Directed(_) => fell,
    }
}
