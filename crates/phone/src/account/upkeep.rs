//! The machine that keeps an account registered: one for each registration in concurrent mode, else
//! one for the account.
//!
//! | state | meaning | left by |
//! |---|---|---|
//! | `Idle` | a lease is held, its refresh, a clock or a probe will come | what is due first |
//! | `Waiting` | something is to be tried at a set time | that time, an order |
//! | `Passing` | a REGISTER walks over its candidates | 2xx, a final answer, exhaustion |

use std::time::Duration;

use locate::LocationId;
use net::{Cause, Conn, Instant};

use super::candidates::Course;
use super::core::Core;
use super::failback;
use super::fallback::{self, FIRST, Purpose, SECOND, Standing};
use super::group::Clock;
use super::pass::Pass;
use super::registration::Lease;
use super::rules::Mode;
use super::walk::Step;
use super::watch::Watch;
use crate::context::{Context, Hop, name_of};
use crate::event::{EventKind, HopName, Why};

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
    pub(super) failures: u8,
    pub(crate) last_failure: Option<Why>,
    /// Where the account was registered before it lost that, until it is registered again.
    pub(super) left: Option<Box<Left>>,
    /// Probes of next hops (`fast`).
    pub(super) watch: Watch,
    /// When the next empty datagram keeps a NAT's door open.
    pub(super) keep_alive_at: Option<Instant>,
    /// Registrations whose binding is to be removed, after a move back to server 1.
    pub(crate) removals: Vec<Removal>,
}

/// A next hop that the account is not registered at any longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) group: usize,
    pub(super) hop: HopName,
    /// When its first unanswered request was sent, or when the lease was lost.
    pub(super) since: Instant,
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
            left: None,
            keep_alive_at: None,
            watch: Watch { alive: None, courtship: None },
            removals: Vec::new(),
        }
    }

    /// Carries out everything that is due.
    pub(crate) fn on_time(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        self.end_leases(core, ctx);
        for _ in 0..STEPS_MAX {
            if !self.step(core, ctx) {
                break;
            }
        }
        self.see_to_probes(core, ctx);
        self.keep_door_open(core, ctx);
    }

    /// One thing that is due; `false` where nothing is.
    fn step(&mut self, core: &mut Core, ctx: &mut Context<'_>) -> bool {
        match &mut self.state {
            State::Passing(pass) => {
                if pass.walk.next_timeout().is_none_or(|(at, _)| at > ctx.now) {
                    return false;
                }
                let step = pass.walk.on_time(ctx, core);
                self.go_on(core, ctx, step);
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
            self.start_upwards(core, ctx, Purpose::Failback(why));
            return true;
        }
        false
    }

    // Guide, "REGISTER Fallback": the working server is detected at intervals of fallback.timeout.
    // A16: start to start, never two at once, calls or not.
    fn start_if_probe_due(&mut self, core: &mut Core, ctx: &mut Context<'_>) -> bool {
        if self.probe_at.is_none_or(|at| at > ctx.now) || self.on != SECOND {
            return false;
        }
        self.probe_at = fallback::probe_interval(core.mode, &core.policy).map(|i| ctx.now + i);
        self.start_upwards(core, ctx, Purpose::Probe);
        true
    }

    /// Begins a pass; one that runs is given up first.
    pub(crate) fn start(&mut self, core: &mut Core, ctx: &mut Context<'_>, purpose: Purpose) {
        self.abandon(ctx);
        let live = core.registration(self.on).is_live(ctx.now);
        let standing = Standing { mode: core.mode, on: self.on, live };
        let course = match (purpose, core.groups.get(self.on)) {
            (Purpose::Register(Why::Renewal), Some(group)) => failback::refresh_walk(group, ctx),
            (Purpose::Register(Why::Command), Some(_)) => Course::FromTop,
            (_, Some(_) | None) => Course::FromStart,
        };
        let legs = fallback::legs(standing, purpose, course, &core.policy);
        let pass = Pass::begin(ctx, core, purpose, self.on, legs);
        self.state = State::Passing(Box::new(pass));
        self.advance(core, ctx);
    }

    /// Registers at `hop` of `group`, because a request goes there (A8).
    pub(crate) fn register_at(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        (group, hop): (usize, Hop),
    ) {
        self.abandon(ctx);
        let pass = Pass::directed(ctx, group, hop, Why::NewRequest);
        self.state = State::Passing(Box::new(pass));
        self.advance(core, ctx);
    }

    /// An INVITE needs server 2: that is the move (A14).
    pub(crate) fn move_to_second(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        self.start(core, ctx, Purpose::ToSecond(Why::NewRequest));
    }

    // Guide, "INVITE Fallback": REGISTER detects whether the working server is available.
    /// A request other than REGISTER got no answer from any next hop of the current server: its
    /// registration is asked for at once (A15).
    pub(crate) fn unanswered(&mut self, core: &mut Core, ctx: &mut Context<'_>, since: Instant) {
        if !core.registration(self.on).is_live(ctx.now) {
            return;
        }
        self.doubt(core, ctx, since);
        match self.state {
            State::Passing(_) => {}
            State::Idle | State::Waiting { .. } => {
                self.start(core, ctx, Purpose::Register(Why::Doubt));
            }
        }
    }

    /// Whether a REGISTER is under way.
    pub(crate) const fn is_passing(&self) -> bool {
        matches!(self.state, State::Passing(_))
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

    /// Lets the pass go on to its next candidate.
    pub(super) fn advance(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        let State::Passing(pass) = &mut self.state else { return };
        let step = pass.walk.advance(ctx, core);
        self.go_on(core, ctx, step);
    }

    /// Does what the walk of the pass wants and draws the consequences of its end.
    pub(super) fn go_on(&mut self, core: &mut Core, ctx: &mut Context<'_>, step: Step) {
        let State::Passing(pass) = &mut self.state else { return };
        if !pass.is_over(ctx, core, step) {
            return;
        }
        if let State::Passing(pass) = std::mem::replace(&mut self.state, State::Idle) {
            self.exhausted(core, ctx, &pass);
        }
    }

    /// Every candidate failed.
    fn exhausted(&mut self, core: &mut Core, ctx: &mut Context<'_>, pass: &Pass) {
        let live = core.registration(self.on).is_live(ctx.now);
        match pass.purpose {
            // A failed probe changes nothing, nor does a next hop that a request wanted.
            Purpose::Probe | Purpose::Directed(_) => {}
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
        let why = pass.walk.last_failure.map_or(Why::Dns, |(_, _, why)| why);
        if core.mode == Mode::Successive {
            self.drop_lease(core, ctx, SECOND, why);
            self.probe_at = None;
            self.on = FIRST;
        }
        self.start(core, ctx, Purpose::Everywhere(why));
    }

    // A15: the lease stays, unconfirmed; tried again from start to start, without back-off.
    fn retry_in_doubt(&mut self, core: &mut Core, ctx: &mut Context<'_>, pass: &Pass) {
        let since = pass.walk.fell.as_ref().map_or(pass.walk.started, |fall| fall.since);
        self.doubt(core, ctx, since);
        self.last_failure = pass.walk.last_failure.map(|(_, _, why)| why);
        let interval = Duration::from_secs(core.policy.reg_fail_retry_interval_s.into());
        let wait = ctx.jittered(interval).max(Duration::from_secs(1));
        let at = (pass.walk.started + wait).max(ctx.now);
        self.state = State::Waiting { at, purpose: Purpose::Register(Why::Doubt) };
    }

    pub(super) fn wait_after_failure(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        pass: &Pass,
        at_least: Duration,
    ) {
        let Some(group) = core.groups.get(self.on) else { return };
        let (place, next_hop, why) =
            pass.walk.last_failure.unwrap_or((group.place, None, Why::Dns));
        let elsewhere = core.registrations().iter().any(|other| other.is_sound(ctx.now));
        let draw = ctx.shared.rng.unit();
        let wait = fallback::retry_wait(&core.policy, self.failures, elsewhere, draw).max(at_least);
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(why);
        ctx.event(EventKind::RegistrationFailed { place, next_hop, why, retry_in: Some(wait) });
        self.state = State::Waiting { at: ctx.now + wait, purpose: Purpose::Register(Why::Retry) };
    }

    pub(super) fn restart_clock(&mut self, core: &mut Core, ctx: &Context<'_>) {
        let lease = core.registration(self.on).lease.as_ref().map(|lease| lease.hop.clone());
        if let (Some(hop), Some(group)) = (lease, core.groups.get_mut(self.on)) {
            let hops = group.known_hops(ctx);
            group.start_clock(ctx, &hop, &hops);
        }
    }

    pub(super) fn drop_lease(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        group: usize,
        why: Why,
    ) {
        let place = core.groups.get(group).map(|group| group.place);
        let registration = core.registration_mut(group);
        let since = registration.doubt.take().unwrap_or(ctx.now);
        if let (Some(lease), Some(place)) = (registration.lease.take(), place) {
            let next_hop = name_of(&lease.hop);
            self.left = Some(Box::new(Left { group, hop: next_hop, since }));
            if let Some(conn) = lease.conn {
                ctx.release(conn);
            }
            ctx.event(EventKind::Unregistered { place, next_hop, why });
        }
    }

    // Guide, "REGISTER Fallback" step 3: server 2 after the registration time of server 1 has run.
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
            State::Passing(pass) if to_second => pass.walk.stop_after_this(),
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
        let taken = self.probe_unreachable(core, ctx, number, why);
        if taken != Taken::No {
            return taken;
        }
        let State::Passing(pass) = &mut self.state else { return Taken::No };
        let Some(step) = pass.walk.on_unreachable(ctx, core, number, why) else { return Taken::No };
        self.go_on(core, ctx, step);
        Taken::Yes
    }

    /// A connection is ready.
    pub(crate) fn on_connected(&mut self, core: &mut Core, ctx: &mut Context<'_>, conn: Conn) {
        let Some(local) = ctx.shared.conns.local(conn) else { return };
        self.probe_connection(core, ctx, conn, None);
        let State::Passing(pass) = &mut self.state else { return };
        let step = pass.walk.on_connection(ctx, core, conn, Ok(local));
        self.go_on(core, ctx, step);
    }

    /// A connection is gone.
    pub(crate) fn on_closed(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        conn: Conn,
        cause: Cause,
    ) {
        self.probe_connection(core, ctx, conn, Some(cause));
        if let State::Passing(pass) = &mut self.state {
            let step = pass.walk.on_connection(ctx, core, conn, Err(cause));
            self.go_on(core, ctx, step);
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
        id: LocationId,
        progress: &locate::Progress,
    ) {
        let State::Passing(pass) = &mut self.state else { return };
        if pass.walk.on_located(ctx, core, id, progress) {
            self.advance(core, ctx);
        }
    }

    /// A route that the pass waited for is known, or there is none.
    pub(crate) fn on_route(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        self.advance(core, ctx);
    }

    /// The next hops of a location have changed: one that is listed no longer is left when the phone
    /// is idle (A23).
    pub(crate) fn on_relocated(&self, core: &mut Core, ctx: &mut Context<'_>, id: LocationId) {
        let lease = core.registration(self.on).lease.as_ref().map(|lease| lease.hop.clone());
        let (Some(hop), Some(group)) = (lease, core.groups.get_mut(self.on)) else { return };
        if group.location != id || group.known_hops(ctx).iter().any(|known| known.is_same(&hop)) {
            return;
        }
        let spread = RECONNECT_WITHIN.mul_f64(ctx.shared.rng.unit());
        group.clock = Some(Clock { due: ctx.now + spread, why: Why::Dns, parked: false });
    }

    /// Gives up the pass that runs, if any.
    pub(crate) fn abandon(&mut self, ctx: &mut Context<'_>) {
        self.watch.end(ctx);
        if let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle)
            && let Some((_, attempt)) = pass.walk.trying.take()
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
            State::Passing(pass) => pass.walk.next_timeout(),
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
        let keep_alive = self.keep_alive_at.map(|at| (at, "keep-alive"));
        earliest([lease_end, own, probe, self.watch.next_timeout(), keep_alive])
    }
}

pub(crate) fn earliest<const N: usize>(
    times: [Option<(Instant, &'static str)>; N],
) -> Option<(Instant, &'static str)> {
    times.into_iter().flatten().min_by_key(|(at, _)| *at)
}
