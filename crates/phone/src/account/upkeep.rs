//! The machine that keeps an account registered: one for each registration in concurrent mode, else
//! one for the account.
//!
//! | state | meaning | left by |
//! |---|---|---|
//! | `Idle` | a lease is held, its refresh, a clock or a probe will come | what is due first |
//! | `Waiting` | something is to be tried at a set time | that time, an order |
//! | `Passing` | a REGISTER walks over its candidates | 2xx, a final answer, exhaustion |

use std::time::Duration;

use net::{Cause, Conn, Instant};
use params::FailbackMode;
use sip::Response;

use super::candidates::Walk;
use super::core::Core;
use super::failback;
use super::failover::{self, Judgement, judge};
use super::fallback::{self, FIRST, Purpose, SECOND, Standing};
use super::pass::{Pass, Step};
use super::registration::{self, Challenged, Grant, Lease};
use super::rules::Mode;
use crate::budget::Kind;
use crate::context::{Context, Hop, name_of};
use crate::event::{EventKind, MoveKind, Why};

/// 3xx answers that one pass follows (behaviour §9).
const REDIRECTIONS_MAX: u8 = 5;
/// Longest Retry-After that is believed (behaviour §9).
const RETRY_AFTER_MAX_S: u32 = 3600;
/// A closed connection of a registration is a reason to REGISTER within this time (behaviour §7).
const RECONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Steps of one machine at one instant; more is a loop of ours.
const STEPS_MAX: usize = 64;

/// The machine.
#[derive(Debug)]
pub(crate) struct Upkeep {
    /// The group where requests go; fixed in concurrent mode.
    pub(crate) on: usize,
    pub(crate) state: State,
    /// When server 1 or proxy 1 is looked at again.
    pub(crate) probe_at: Option<Instant>,
    /// Passes that failed in a row.
    failures: u8,
    pub(crate) last_failure: Option<Why>,
    /// Registrations whose binding is to be removed, after a move back to server 1.
    pub(crate) removals: Vec<Removal>,
}

/// What the machine does.
#[derive(Debug)]
pub(crate) enum State {
    Idle,
    Waiting { at: Instant, purpose: Purpose },
    Passing(Box<Pass>),
}

/// A binding that is not wanted any longer, and where it is held.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) group: usize,
    pub(crate) lease: Lease,
}

/// Whether an input was this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Yes,
    No,
    /// It names our transaction but did not come from where the request went.
    Spoofed,
}

impl Upkeep {
    /// A machine that registers at `at`.
    pub(crate) const fn new(on: usize, at: Instant, why: Why) -> Self {
        Self {
            on,
            state: State::Waiting { at, purpose: Purpose::Register(why) },
            probe_at: None,
            failures: 0,
            last_failure: None,
            removals: Vec::new(),
        }
    }

    /// Carries out everything that is due.
    pub(crate) fn on_time(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        self.end_leases(core, ctx);
        for _ in 0..STEPS_MAX {
            if !self.step(core, ctx) {
                return;
            }
        }
    }

    /// One thing that is due; `false` where nothing is.
    fn step(&mut self, core: &mut Core, ctx: &mut Context<'_>) -> bool {
        match &mut self.state {
            State::Passing(pass) => {
                let Some((_, attempt)) = pass.trying.as_mut() else { return false };
                if attempt.next_timeout().0 > ctx.now {
                    return false;
                }
                let progress = attempt.on_time(ctx);
                pass.progress(ctx, core, progress);
                self.advance(core, ctx);
                true
            }
            State::Waiting { at, purpose } if *at <= ctx.now => {
                let purpose = *purpose;
                self.start(core, ctx, purpose);
                true
            }
            State::Waiting { .. } => self.start_if_probe_due(core, ctx),
            State::Idle => self.start_what_is_due(core, ctx),
        }
    }

    fn start_what_is_due(&mut self, core: &mut Core, ctx: &mut Context<'_>) -> bool {
        if self.start_if_probe_due(core, ctx) {
            return true;
        }
        let lease = core.registration(self.on).lease.as_ref();
        if lease.is_some_and(|lease| lease.refresh_at <= ctx.now) {
            self.start(core, ctx, Purpose::Register(Why::Renewal));
            return true;
        }
        let Some(group) = core.groups.get_mut(self.on) else { return false };
        if failback::is_due(group, ctx) {
            let why = group.clock.take().map_or(Why::Duration, |clock| clock.why);
            self.start(core, ctx, Purpose::Failback(why));
            return true;
        }
        false
    }

    // A16: start to start, never two at once, calls or not.
    fn start_if_probe_due(&mut self, core: &mut Core, ctx: &mut Context<'_>) -> bool {
        if self.probe_at.is_none_or(|at| at > ctx.now) || self.on != SECOND {
            return false;
        }
        self.probe_at = fallback::probe_interval(core.mode, &core.policy).map(|i| ctx.now + i);
        self.start(core, ctx, Purpose::Probe);
        true
    }

    /// Begins a pass; one that runs is given up first.
    pub(crate) fn start(&mut self, core: &mut Core, ctx: &mut Context<'_>, purpose: Purpose) {
        self.abandon(ctx);
        let live = core.registration(self.on).is_live(ctx.now);
        let standing = Standing { mode: core.mode, on: self.on, live };
        let walk = match (purpose, core.groups.get(self.on)) {
            (Purpose::Register(Why::Renewal), Some(group)) => failback::refresh_walk(group, ctx),
            (Purpose::Register(Why::Command), Some(_)) => Walk::FromTop,
            (_, Some(_) | None) => Walk::FromStart,
        };
        let legs = fallback::legs(standing, purpose, walk, &core.policy);
        let pass = Pass::begin(ctx, core, purpose, self.on, legs);
        self.state = State::Passing(Box::new(pass));
        self.advance(core, ctx);
    }

    /// Registers now, from the top, unless a REGISTER is under way.
    pub(crate) fn order_register(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        match self.state {
            State::Passing(_) => {}
            State::Idle | State::Waiting { .. } => {
                self.start(core, ctx, Purpose::Register(Why::Command));
            }
        }
    }

    /// A request got no answer from any next hop: the registration is asked for at once (A15).
    fn doubt(&mut self, core: &mut Core, ctx: &mut Context<'_>, since: Instant) {
        let Some(place) = core.groups.get(self.on).map(|group| group.place) else { return };
        let registration = core.registration_mut(self.on);
        if registration.doubt.is_none() {
            registration.doubt = Some(since);
            let since = ctx.now - since;
            ctx.event(EventKind::RegistrationInDoubt { place, since });
        }
    }

    /// Lets the pass go on and draws the consequences of its end.
    fn advance(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        let State::Passing(pass) = &mut self.state else { return };
        match pass.advance(ctx, core) {
            Step::Waiting => {}
            Step::Exhausted => {
                if let State::Passing(pass) = std::mem::replace(&mut self.state, State::Idle) {
                    self.exhausted(core, ctx, &pass);
                }
            }
        }
    }

    /// Every candidate failed.
    fn exhausted(&mut self, core: &mut Core, ctx: &mut Context<'_>, pass: &Pass) {
        let live = core.registration(self.on).is_live(ctx.now);
        match pass.purpose {
            // A failed probe changes nothing.
            Purpose::Probe => {}
            // The current next hop was the last one asked: it does not answer any longer.
            Purpose::Failback(_) => {
                self.restart_clock(core, ctx);
                self.start(core, ctx, Purpose::Register(Why::Retry));
            }
            Purpose::Register(_) if self.on == SECOND && core.mode != Mode::Concurrent => {
                self.second_failed(core, ctx, pass);
            }
            Purpose::Register(_) if live => self.retry_in_doubt(core, ctx, pass),
            Purpose::Everywhere(_) if live => self.retry_in_doubt(core, ctx, pass),
            // A14: the lease ran out during the pass: server 2 is next.
            Purpose::Register(_) if core.mode == Mode::Successive && pass.began_live => {
                self.start(core, ctx, Purpose::ToSecond(Why::LeaseEnd));
            }
            Purpose::Register(_) | Purpose::ToSecond(_) | Purpose::Everywhere(_) => {
                self.on = if core.mode == Mode::Concurrent { self.on } else { FIRST };
                self.wait_after_failure(core, ctx, pass, Duration::ZERO);
            }
        }
    }

    // Server 2 fails as well: not registered; `fallback.timeout` does not run.
    fn second_failed(&mut self, core: &mut Core, ctx: &mut Context<'_>, pass: &Pass) {
        let why = pass.last_failure.map_or(Why::Dns, |(_, _, why)| why);
        if core.mode == Mode::Successive {
            self.drop_lease(core, ctx, SECOND, why);
            self.probe_at = None;
            self.on = FIRST;
        }
        self.start(core, ctx, Purpose::Everywhere(why));
    }

    // A15: the lease stays, unconfirmed; tried again from start to start, without back-off.
    fn retry_in_doubt(&mut self, core: &mut Core, ctx: &mut Context<'_>, pass: &Pass) {
        let since = pass.fell.as_ref().map_or(pass.started, |fall| fall.since);
        self.doubt(core, ctx, since);
        self.last_failure = pass.last_failure.map(|(_, _, why)| why);
        let interval = Duration::from_secs(core.policy.reg_fail_retry_interval_s.into());
        let wait = ctx.jittered(interval).max(Duration::from_secs(1));
        let at = (pass.started + wait).max(ctx.now);
        self.state = State::Waiting { at, purpose: Purpose::Register(Why::Doubt) };
    }

    fn wait_after_failure(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        pass: &Pass,
        at_least: Duration,
    ) {
        let Some(group) = core.groups.get(self.on) else { return };
        let (place, next_hop, why) = pass.last_failure.unwrap_or((group.place, None, Why::Dns));
        let elsewhere = core.registrations().iter().any(|other| other.is_sound(ctx.now));
        let draw = ctx.shared.rng.unit();
        let wait = fallback::retry_wait(&core.policy, self.failures, elsewhere, draw).max(at_least);
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(why);
        ctx.event(EventKind::RegistrationFailed { place, next_hop, why, retry_in: Some(wait) });
        self.state = State::Waiting { at: ctx.now + wait, purpose: Purpose::Register(Why::Retry) };
    }

    /// A response; `number` and `guard` are those of its branch.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        let State::Passing(pass) = &mut self.state else { return Taken::No };
        let Some((group, attempt)) = pass.trying.as_mut() else { return Taken::No };
        if !attempt.is_named(arrival.number, arrival.guard) {
            return Taken::No;
        }
        if !attempt.is_answered_from(arrival.from, arrival.conn) {
            return Taken::Spoofed;
        }
        let (response, group) = (arrival.response, *group);
        let status = response.status();
        let verdict = judge(status, "REGISTER", Kind::NonInvite, &core.policy.failover_codes);
        if verdict != Judgement::NextHopFailed {
            let (hop, round_trip) = (attempt.hop().clone(), attempt.round_trip(ctx.now));
            ctx.heard(&hop, round_trip);
        }
        let again = match verdict {
            Judgement::Provisional => {
                attempt.proceeding(ctx);
                return Taken::Yes;
            }
            Judgement::Success => {
                let asked = core.asked_expires_s(group);
                match core.registration(group).read_grant(response, asked) {
                    Some(grant) => self.granted(core, ctx, grant),
                    None => self.refused(core, ctx, response),
                }
                return Taken::Yes;
            }
            Judgement::NextHopFailed => {
                block_if_asked(ctx, attempt.hop(), response);
                pass.hop_refused(ctx, status);
                self.advance(core, ctx);
                return Taken::Yes;
            }
            Judgement::Challenge => {
                let (hop, answered) = (attempt.hop().clone(), attempt.challenges_answered);
                let has_password = !core.user.password.is_blank();
                let registration = core.registration_mut(group);
                attempt.challenges_answered += 1;
                registration.challenged(&hop, response, answered, has_password)
                    == Challenged::Answer
            }
            Judgement::TooBrief => {
                let asked = core.asked_expires_s(group);
                core.registration_mut(group).too_brief(response, asked)
            }
            Judgement::NoOutbound => core.registration_mut(group).refuse_outbound(),
            Judgement::Redirect => {
                self.redirected(core, ctx, response);
                return Taken::Yes;
            }
            Judgement::Final => false,
        };
        if again {
            attempt.renew(ctx);
            pass.write(ctx, core);
        } else {
            self.refused(core, ctx, response);
        }
        Taken::Yes
    }

    /// A final answer that no next hop would give otherwise.
    fn refused(&mut self, core: &mut Core, ctx: &mut Context<'_>, response: &Response) {
        let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Some((group, attempt)) = pass.trying.take() else { return };
        let (status, why) = (response.status(), Why::Status(response.status()));
        pass.last_failure = Some((attempt.place(), Some(name_of(attempt.hop())), why));
        if let Some(conn) = attempt.answered(ctx, status, Some(why)) {
            ctx.release_unless_leased(conn, core);
        }
        match pass.purpose {
            Purpose::Probe => return,
            Purpose::Failback(_) => return self.restart_clock(core, ctx),
            Purpose::Register(_) | Purpose::ToSecond(_) | Purpose::Everywhere(_) => {}
        }
        if failover::ends_lease(status) || status < 300 {
            self.drop_lease(core, ctx, group, why);
        }
        let may_move = core.mode == Mode::Successive
            && group == FIRST
            && failover::moves_on_final_failure(&core.policy);
        if may_move {
            return self.start(core, ctx, Purpose::ToSecond(why));
        }
        let wrong_password = failover::is_wrong_password(why);
        let at_least = if wrong_password { failover::WRONG_PASSWORD_WAIT_S } else { 0 };
        let asked = response.retry_after().unwrap_or(0).min(RETRY_AFTER_MAX_S);
        let at_least = Duration::from_secs(at_least.max(asked.into()));
        if core.mode != Mode::Concurrent && !core.registration(self.on).is_live(ctx.now) {
            self.on = FIRST;
            self.probe_at = None;
        }
        self.wait_after_failure(core, ctx, &pass, at_least);
    }

    /// A 3xx: followed to a host of the account.
    fn redirected(&mut self, core: &mut Core, ctx: &mut Context<'_>, response: &Response) {
        let State::Passing(pass) = &mut self.state else { return };
        let Some((group, attempt)) = pass.trying.as_ref() else { return };
        let group = *group;
        let target = response
            .contacts()
            .iter()
            .find_map(|contact| ctx.trusted_hop(core, &contact.uri, attempt.hop()));
        let Some(hop) = target.filter(|_| pass.redirections < REDIRECTIONS_MAX) else {
            return self.refused(core, ctx, response);
        };
        if let Some((_, attempt)) = pass.trying.take() {
            let status = response.status();
            if let Some(conn) = attempt.answered(ctx, status, Some(Why::Status(status))) {
                ctx.release_unless_leased(conn, core);
            }
        }
        pass.redirect(group, hop);
        self.advance(core, ctx);
    }

    /// A 2xx with our binding in it.
    fn granted(&mut self, core: &mut Core, ctx: &mut Context<'_>, grant: Grant) {
        let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Some((group, attempt)) = pass.trying.take() else { return };
        let (hop, sent, place) = (attempt.hop().clone(), attempt.sent_at(), attempt.place());
        let conn = attempt.answered(ctx, 200, None);
        let hops = core.groups.get(group).map_or_else(Vec::new, |group| group.known_hops(ctx));
        let before = core.registration(self.on).lease.as_ref().map(|lease| lease.hop.clone());
        self.tell_move(core, ctx, &pass, group, &hop, before.as_ref(), &hops);
        let refresh_at = self.refresh_time(core, ctx, group, sent, grant.expires);
        let lease = Lease {
            since: ctx.now,
            until: sent + grant.expires,
            refresh_at,
            conn,
            service_route: grant.service_route,
            outbound: grant.outbound,
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

    #[expect(clippy::too_many_arguments, reason = "one fact each, all of the same answer")]
    fn tell_move(
        &self,
        core: &Core,
        ctx: &mut Context<'_>,
        pass: &Pass,
        group: usize,
        to: &Hop,
        before: Option<&Hop>,
        hops: &[Hop],
    ) {
        let across = core.mode != Mode::Concurrent && group != self.on;
        let fell_here = pass.fell.as_ref().filter(|fall| fall.group == group);
        let climbed = before.is_some_and(|hop| !hop.is_same(to) && Core::is_above(hops, to, hop));
        let fell_any = pass.fell.as_ref();
        let (kind, from, why) = match (before, fell_any) {
            (Some(before), _) if across && group == FIRST => {
                (MoveKind::Failback, name_of(before), pass.purpose.why())
            }
            (_, Some(fall)) if across && group == SECOND => {
                (MoveKind::Fallback, fall.hop, fallback_reason(pass.purpose, fall.why))
            }
            (Some(before), None) if across => {
                (MoveKind::Fallback, name_of(before), pass.purpose.why())
            }
            (Some(before), _) if climbed => {
                let mode = core.groups.get(group).map(|group| group.rules.failback_mode);
                let mode = mode.unwrap_or(FailbackMode::NewRequests);
                let why = failback::reason_to_climb(mode, pass.purpose.why());
                (MoveKind::Failback, name_of(before), why)
            }
            (_, _) => match (fell_here, before) {
                (Some(fall), _) => (MoveKind::Failover, fall.hop, fall.why),
                (None, Some(before)) if !across && !before.is_same(to) => {
                    (MoveKind::Failover, name_of(before), Why::Dns)
                }
                (None, Some(_) | None) => return,
            },
        };
        let to = name_of(to);
        if from == to {
            return;
        }
        let since = fell_any.map_or(ctx.now, |fall| fall.since);
        let elapsed = ctx.now - since;
        ctx.event(EventKind::Moved { kind, method: "REGISTER", from, to, why, elapsed });
    }

    fn restart_clock(&mut self, core: &mut Core, ctx: &Context<'_>) {
        let lease = core.registration(self.on).lease.as_ref().map(|lease| lease.hop.clone());
        if let (Some(hop), Some(group)) = (lease, core.groups.get_mut(self.on)) {
            let hops = group.known_hops(ctx);
            group.start_clock(ctx, &hop, &hops);
        }
    }

    fn drop_lease(&mut self, core: &mut Core, ctx: &mut Context<'_>, group: usize, why: Why) {
        let place = core.groups.get(group).map(|group| group.place);
        let registration = core.registration_mut(group);
        registration.doubt = None;
        if let (Some(lease), Some(place)) = (registration.lease.take(), place) {
            let next_hop = name_of(&lease.hop);
            if let Some(conn) = lease.conn {
                ctx.release(conn);
            }
            ctx.event(EventKind::Unregistered { place, next_hop, why });
        }
    }

    /// Leases whose time has run.
    fn end_leases(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        let ended = core.registration(self.on).lease.as_ref();
        if ended.is_none_or(|lease| lease.until > ctx.now) {
            return;
        }
        self.drop_lease(core, ctx, self.on, Why::LeaseEnd);
        let to_second = core.mode == Mode::Successive && self.on == FIRST;
        match &mut self.state {
            // A pass in progress ends its current next hop first (A14); else it goes on.
            State::Passing(pass) if to_second => pass.stop_after_this(),
            State::Passing(_) => {}
            State::Idle | State::Waiting { .. } if to_second => {
                self.start(core, ctx, Purpose::ToSecond(Why::LeaseEnd));
            }
            State::Idle | State::Waiting { .. } => {
                self.start(core, ctx, Purpose::Register(Why::LeaseEnd));
            }
        }
    }

    /// A transport fault of the open attempt with this number.
    pub(crate) fn on_unreachable(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        number: u32,
        why: Why,
    ) -> Taken {
        let State::Passing(pass) = &mut self.state else { return Taken::No };
        if pass.trying.as_ref().is_none_or(|(_, attempt)| attempt.number() != number) {
            return Taken::No;
        }
        pass.hop_failed(ctx, why);
        self.advance(core, ctx);
        Taken::Yes
    }

    /// A connection is ready.
    pub(crate) fn on_connected(&mut self, core: &mut Core, ctx: &mut Context<'_>, conn: Conn) {
        let Some(local) = ctx.shared.conns.local(conn) else { return };
        let State::Passing(pass) = &mut self.state else { return };
        if let Some((_, attempt)) = pass.trying.as_mut() {
            let progress = attempt.on_connected(conn, local);
            pass.progress(ctx, core, progress);
        }
        self.advance(core, ctx);
    }

    /// A connection is gone.
    pub(crate) fn on_closed(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        conn: Conn,
        cause: Cause,
    ) {
        if let State::Passing(pass) = &mut self.state {
            if let Some((_, attempt)) = pass.trying.as_mut() {
                let progress = attempt.on_closed(ctx, conn, cause);
                pass.progress(ctx, core, progress);
            }
            self.advance(core, ctx);
        }
        let lease = core.registration_mut(self.on).lease.as_mut();
        let Some(lease) = lease.filter(|lease| lease.conn == Some(conn)) else { return };
        lease.conn = None;
        match self.state {
            State::Idle => {
                let at = ctx.now + RECONNECT_WITHIN.mul_f64(ctx.shared.rng.unit());
                let purpose = Purpose::Register(Why::ConnectionLost);
                self.state = State::Waiting { at, purpose };
            }
            State::Waiting { .. } | State::Passing(_) => {}
        }
    }

    /// A location is known, or is known to have nothing.
    pub(crate) fn on_located(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        id: locate::LocationId,
        progress: &locate::Progress,
    ) {
        let State::Passing(pass) = &mut self.state else { return };
        if pass.on_located(ctx, core, id, progress) {
            self.advance(core, ctx);
        }
    }

    /// Gives up the pass that runs, if any.
    pub(crate) fn abandon(&mut self, ctx: &mut Context<'_>) {
        if let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle)
            && let Some((_, attempt)) = pass.trying.take()
        {
            attempt.fail(ctx, Why::Abandoned);
        }
    }

    /// When it has to be woken, and why.
    pub(crate) fn next_timeout(
        &self,
        core: &Core,
        ctx_now: Instant,
    ) -> Option<(Instant, &'static str)> {
        let lease = core.registration(self.on).lease.as_ref();
        let lease_end = lease.map(|lease| (lease.until, "lease ends"));
        let own = match &self.state {
            State::Passing(pass) => pass.next_timeout(),
            State::Waiting { at, .. } => Some((*at, "registration retry")),
            State::Idle => {
                let clock = core.groups.get(self.on).and_then(|group| group.clock);
                let clock = clock.filter(|clock| !clock.parked || clock.due > ctx_now);
                let refresh = lease.map(|lease| (lease.refresh_at, "registration refresh"));
                let clock = clock.map(|clock| (clock.due, "failback"));
                earliest([refresh, clock])
            }
        };
        let probe = match self.state {
            State::Idle | State::Waiting { .. } => {
                self.probe_at.filter(|_| self.on == SECOND).map(|at| (at, "probe"))
            }
            State::Passing(_) => None,
        };
        earliest([lease_end, own, probe])
    }
}

/// A response as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) number: u32,
    pub(crate) guard: u64,
    pub(crate) from: std::net::SocketAddr,
    pub(crate) conn: Option<Conn>,
    pub(crate) response: &'a Response,
}

pub(crate) fn earliest<const N: usize>(
    times: [Option<(Instant, &'static str)>; N],
) -> Option<(Instant, &'static str)> {
    times.into_iter().flatten().min_by_key(|(at, _)| *at)
}

const fn fallback_reason(purpose: Purpose, fell: Why) -> Why {
    match purpose {
        Purpose::ToSecond(why) => why,
        Purpose::Register(_) | Purpose::Failback(_) | Purpose::Probe | Purpose::Everywhere(_) => {
            fell
        }
    }
}

fn block_if_asked(ctx: &mut Context<'_>, hop: &Hop, response: &Response) {
    if let Some(seconds) = response.retry_after() {
        let span = Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S).into());
        ctx.device.health.block(name_of(hop), ctx.now + span);
    }
}
