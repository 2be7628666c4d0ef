//! When an account probes: the next hop that it is registered at, and the ones above it.

use std::time::Duration;

use net::{Cause, Conn, Instant, Output, Transport};
use params::{FailbackMode, KeepAlive, Liveness, NatTraversal};

use super::answer::Arrival;
use super::core::Core;
use super::fallback::{FIRST, Purpose};
use super::probing::{Prober, Shown, period};
use super::upkeep::{State, Taken, Upkeep, earliest};
use crate::context::{Context, Hop};
use crate::event::Why;

/// Good probes of one of several next hops are collected before a move up.
#[derive(Debug)]
pub(crate) struct Courtship {
    prober: Prober,
    group: usize,
    /// Next hops that come after the one that is probed.
    rest: Vec<Hop>,
    purpose: Purpose,
}

/// The probes of one machine.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Of the next hop with the lease.
    pub(super) alive: Option<Box<Prober>>,
    /// Of the ones above it.
    pub(super) courtship: Option<Box<Courtship>>,
}

impl Watch {
    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        let alive = self.alive.as_ref().map(|prober| prober.next_timeout());
        let courtship = self.courtship.as_ref().map(|courtship| courtship.prober.next_timeout());
        earliest([alive, courtship])
    }

    /// Ends all probes.
    pub(crate) fn end(&mut self, ctx: &mut Context<'_>) {
        if let Some(prober) = self.alive.take() {
            prober.end(ctx);
        }
        if let Some(courtship) = self.courtship.take() {
            courtship.prober.end(ctx);
        }
    }
}

impl Upkeep {
    /// Begins, carries on and ends probes.
    pub(super) fn see_to_probes(&mut self, core: &mut Core, ctx: &mut Context<'_>) {
        self.watch_the_lease(core, ctx);
        self.court_if_sticky(core, ctx);
        let conn = core.registration(self.on).lease.as_ref().and_then(|lease| lease.conn);
        if let Some(mut prober) = self.watch.alive.take() {
            let shown = prober.on_time(ctx, core, conn);
            self.watch.alive = Some(prober);
            self.heard_of_lease(core, ctx, shown);
        }
        if let Some(mut courtship) = self.watch.courtship.take() {
            let shown = courtship.prober.on_time(ctx, core, None);
            self.watch.courtship = Some(courtship);
            self.heard_of_courted(core, ctx, shown);
        }
    }

    // `nat.udp_update_enable` 1: an empty datagram to the next hop of the lease, where the account is
    // told of a NAT. Departs from the vendor, whose phones send it always: it tells nothing.
    pub(super) fn keep_door_open(&mut self, core: &Core, ctx: &mut Context<'_>) {
        let lease = core.registration(self.on).lease.as_ref();
        let nat = &core.policy.nat;
        let behind_nat = nat.traversal != NatTraversal::Disabled || nat.rport;
        let wanted = nat.keep_alive == KeepAlive::Default && behind_nat;
        let lease = lease.filter(|lease| wanted && lease.hop.transport == Transport::Udp);
        let Some(lease) = lease.filter(|lease| lease.until > ctx.now) else {
            self.keep_alive_at = None;
            return;
        };
        let interval = Duration::from_secs(core.policy.nat.keep_alive_s.into());
        let due = *self.keep_alive_at.get_or_insert(ctx.now + interval);
        if due > ctx.now {
            return;
        }
        self.keep_alive_at = Some(ctx.now + interval);
        if let Some((socket, _)) = ctx.shared.locals.udp_for(lease.hop.addr) {
            let (to, bytes) = (lease.hop.addr, bytes::Bytes::new());
            ctx.shared.out.push_back(Output::Datagram { socket, to, bytes });
        }
    }

    fn watch_the_lease(&mut self, core: &Core, ctx: &mut Context<'_>) {
        let registration = core.registration(self.on);
        // RFC 5626 §4.4.1: a stream with outbound is kept alive whatever the account says.
        let lease = registration.lease.as_ref();
        let outbound = lease.is_some_and(|l| l.keep_alive.is_some() && l.conn.is_some());
        let asked = matches!(core.policy.nat.keep_alive, KeepAlive::Options | KeepAlive::Notify);
        let wanted = (core.policy.liveness != Liveness::Off || outbound || asked)
            && matches!(self.state, State::Idle)
            && registration.is_sound(ctx.now)
            && ctx.is_idle();
        let lease = registration.lease.as_ref().filter(|_| wanted);
        let right = match (&self.watch.alive, lease) {
            (Some(prober), Some(lease)) => prober.hop().is_same(&lease.hop),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        if right {
            return;
        }
        if let Some(prober) = self.watch.alive.take() {
            prober.end(ctx);
        }
        if let Some(lease) = lease {
            let at = ctx.now + period(core, self.on);
            self.watch.alive = Some(Box::new(Prober::new(self.on, lease.hop.clone(), at)));
        }
    }

    fn heard_of_lease(&mut self, core: &mut Core, ctx: &mut Context<'_>, shown: Shown) {
        let missed = self.watch.alive.as_ref().map_or(0, |prober| prober.missed);
        let judged = core.policy.liveness != Liveness::Off;
        if judged && shown == Shown::Silent && missed >= core.policy.liveness_misses {
            self.watch.end(ctx);
            self.start(core, ctx, Purpose::Register(Why::Liveness));
        }
    }

    /// Starts what leads upwards: at once, or after as many good probes as the account wants.
    pub(super) fn start_upwards(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        purpose: Purpose,
    ) {
        if core.policy.failback_good_probes <= 1 {
            return self.start(core, ctx, purpose);
        }
        self.court(core, ctx, purpose, ctx.now);
    }

    // `sticky_new_requests`: mode 0 remembers a dead primary until it answers a probe.
    fn court_if_sticky(&mut self, core: &Core, ctx: &mut Context<'_>) {
        let mode = core.groups.get(self.on).map(|group| group.rules.failback_mode);
        let sticky = core.policy.sticky_new_requests && mode == Some(FailbackMode::NewRequests);
        if !sticky || self.watch.courtship.is_some() || !matches!(self.state, State::Idle) {
            return;
        }
        let at = ctx.now + period(core, self.on);
        self.court(core, ctx, Purpose::Failback(Why::NewRequest), at);
    }

    fn court(&mut self, core: &Core, ctx: &mut Context<'_>, purpose: Purpose, at: Instant) {
        let group = if purpose == Purpose::Probe { FIRST } else { self.on };
        let Some(entry) = core.groups.get(group) else { return };
        let mut hops = entry.known_hops(ctx);
        if purpose != Purpose::Probe {
            let lease = core.registration(group).lease.as_ref();
            let current =
                lease.and_then(|lease| hops.iter().position(|hop| hop.is_same(&lease.hop)));
            hops.truncate(current.unwrap_or(0));
        }
        if hops.is_empty() {
            return;
        }
        let first = hops.remove(0);
        if let Some(courtship) = self.watch.courtship.take() {
            courtship.prober.end(ctx);
        }
        let prober = Prober::new(group, first, at);
        self.watch.courtship = Some(Box::new(Courtship { prober, group, rest: hops, purpose }));
    }

    fn heard_of_courted(&mut self, core: &mut Core, ctx: &mut Context<'_>, shown: Shown) {
        let Some(courtship) = self.watch.courtship.as_mut() else { return };
        match shown {
            Shown::Nothing => {}
            Shown::Alive if courtship.prober.good < core.policy.failback_good_probes => {}
            Shown::Alive => {
                let purpose = courtship.purpose;
                self.watch.courtship = None;
                // Modes 1 to 3 act only when the phone is idle; the probe of server 1 always.
                if matches!(self.state, State::Idle) && (purpose == Purpose::Probe || ctx.is_idle())
                {
                    self.start(core, ctx, purpose);
                }
            }
            Shown::Silent if courtship.rest.is_empty() => {
                let purpose = courtship.purpose;
                self.watch.courtship = None;
                match purpose {
                    Purpose::Failback(_) => self.restart_clock(core, ctx),
                    Purpose::Probe
                    | Purpose::Register(_)
                    | Purpose::ToSecond(_)
                    | Purpose::Everywhere(_)
                    | Purpose::Directed(_) => {}
                }
            }
            Shown::Silent => {
                let next = courtship.rest.remove(0);
                courtship.prober = Prober::new(courtship.group, next, ctx.now);
            }
        }
    }

    /// A response, if it is to one of the probes.
    pub(super) fn probe_answered(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        if let Some(prober) = self.watch.alive.as_mut() {
            let (taken, shown) = prober.on_response(ctx, core, arrival);
            if taken != Taken::No {
                self.heard_of_lease(core, ctx, shown);
                return taken;
            }
        }
        let Some(courtship) = self.watch.courtship.as_mut() else { return Taken::No };
        let (taken, shown) = courtship.prober.on_response(ctx, core, arrival);
        self.heard_of_courted(core, ctx, shown);
        taken
    }

    /// A transport fault of one of the probes.
    pub(super) fn probe_unreachable(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        number: u32,
        why: Why,
    ) -> Taken {
        if let Some(prober) = self.watch.alive.as_mut() {
            let (taken, shown) = prober.on_unreachable(ctx, core, number, why);
            if taken != Taken::No {
                self.heard_of_lease(core, ctx, shown);
                return taken;
            }
        }
        let Some(courtship) = self.watch.courtship.as_mut() else { return Taken::No };
        let (taken, shown) = courtship.prober.on_unreachable(ctx, core, number, why);
        self.heard_of_courted(core, ctx, shown);
        taken
    }

    /// A connection of one of the probes is ready, or is gone.
    pub(super) fn probe_connection(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        conn: Conn,
        gone: Option<Cause>,
    ) {
        let act = |prober: &mut Prober, core: &mut Core, ctx: &mut Context<'_>| match gone {
            Some(cause) => prober.on_closed(ctx, core, conn, cause),
            None => prober.on_connected(ctx, core, conn),
        };
        if let Some(mut prober) = self.watch.alive.take() {
            let shown = act(&mut prober, core, ctx);
            self.watch.alive = Some(prober);
            self.heard_of_lease(core, ctx, shown);
        }
        if let Some(mut courtship) = self.watch.courtship.take() {
            let shown = act(&mut courtship.prober, core, ctx);
            self.watch.courtship = Some(courtship);
            self.heard_of_courted(core, ctx, shown);
        }
    }

    /// A pong came over `conn` (RFC 5626 §3.5.1).
    pub(crate) fn on_pong(&mut self, core: &mut Core, ctx: &mut Context<'_>, conn: Conn) {
        let lease = core.registration(self.on).lease.as_ref();
        if lease.and_then(|lease| lease.conn) != Some(conn) {
            return;
        }
        if let Some(prober) = self.watch.alive.as_mut() {
            let shown = prober.on_pong(ctx, core);
            self.heard_of_lease(core, ctx, shown);
        }
    }
}
