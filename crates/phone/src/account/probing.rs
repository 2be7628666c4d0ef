//! OPTIONS and CRLF: is the next hop that we are registered at alive, is the one above it back?
//! (behaviour §8, profile `fast`)
//!
//! | state | meaning | left by |
//! |---|---|---|
//! | `Off` | nothing is probed | a lease, with a key that asks for probes |
//! | `Due` | the next probe goes out at a set time | that time |
//! | `Asked` | a probe waits for its answer | any answer, its deadline |
//! | `Pinged` | a double CRLF waits for its pong | pong, ten seconds (RFC 5626 §4.4.1) |

use std::time::Duration;

use net::{Cause, Conn, Instant, Output};
use params::{KeepAlive, Liveness};

use super::answer::Arrival;
use super::attempt::{Attempt, Errand, Progress};
use super::core::Core;
use super::upkeep::Taken;
use crate::budget::{Budget, Kind, Plan};
use crate::context::{Context, Hop, name_of};
use crate::event::Why;

/// A pong is waited for this long (RFC 5626 §4.4.1).
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// Retransmissions of a probe where no adaptive budget is set.
const PROBE_RETRIES: u8 = 2;

/// A probe of one next hop, again and again.
#[derive(Debug)]
pub(crate) struct Prober {
    group: usize,
    hop: Hop,
    state: State,
    /// Answers in a row.
    pub(crate) good: u8,
    /// Unanswered probes in a row.
    pub(crate) missed: u8,
}

#[derive(Debug)]
enum State {
    Due(Instant),
    Asked(Box<Attempt>),
    Pinged { until: Instant },
}

/// What a probe has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing yet.
    Nothing,
    /// The next hop answered.
    Alive,
    /// It did not.
    Silent,
}

impl Prober {
    /// Probes `hop` of `group` from `at` on.
    pub(crate) const fn new(group: usize, hop: Hop, at: Instant) -> Self {
        Self { group, hop, state: State::Due(at), good: 0, missed: 0 }
    }

    pub(crate) const fn hop(&self) -> &Hop {
        &self.hop
    }

    /// Sends what is due, or gives up what stayed unanswered.
    pub(crate) fn on_time(
        &mut self,
        ctx: &mut Context<'_>,
        core: &mut Core,
        conn: Option<Conn>,
    ) -> Shown {
        match &mut self.state {
            State::Due(at) if *at <= ctx.now => self.ask(ctx, core, conn),
            State::Due(_) => Shown::Nothing,
            State::Asked(attempt) => {
                if attempt.next_timeout().0 > ctx.now {
                    return Shown::Nothing;
                }
                let progress = attempt.on_time(ctx);
                self.progress(ctx, core, progress)
            }
            State::Pinged { until } if *until <= ctx.now => self.missed(ctx, core, Why::TimedOut),
            State::Pinged { .. } => Shown::Nothing,
        }
    }

    fn ask(&mut self, ctx: &mut Context<'_>, core: &mut Core, conn: Option<Conn>) -> Shown {
        let by_request = core.policy.liveness == Liveness::Options || method(core).is_some();
        if let Some(conn) = conn.filter(|_| !by_request) {
            // RFC 5626 §3.5.1: a double CRLF, answered with a single one.
            let bytes = bytes::Bytes::from_static(b"\r\n\r\n");
            ctx.shared.out.push_back(Output::Write { conn, bytes });
            self.state = State::Pinged { until: ctx.now + PONG_WITHIN };
            return Shown::Nothing;
        }
        let Some(place) = core.groups.get(self.group).map(|group| group.place) else {
            return Shown::Nothing;
        };
        let errand = Errand {
            method: method(core).unwrap_or("OPTIONS"),
            call_id: ctx.shared.rng.next_u64(),
            place,
            nth: 1,
            plan: self.plan(ctx, core),
        };
        let (attempt, progress) = Attempt::begin(ctx, self.hop.clone(), errand);
        self.state = State::Asked(Box::new(attempt));
        self.progress(ctx, core, progress)
    }

    fn plan(&self, ctx: &Context<'_>, core: &Core) -> Plan {
        let (policy, timers) = (&core.policy, ctx.device.timers());
        if !policy.adaptive_budget {
            return Plan::new(Kind::NonInvite, Budget::Retries(PROBE_RETRIES), timers);
        }
        let floor = Duration::from_millis(policy.adaptive_floor_ms.into());
        let known = ctx.device.health.find(name_of(&self.hop)).and_then(|hop| hop.patience());
        let first = known.unwrap_or(timers.t1).max(floor);
        Plan::adaptive(Kind::NonInvite, policy.adaptive_retries, first, timers)
    }

    fn progress(&mut self, ctx: &mut Context<'_>, core: &mut Core, progress: Progress) -> Shown {
        match progress {
            Progress::Pending => Shown::Nothing,
            Progress::Ready => {
                let State::Asked(attempt) = &mut self.state else { return Shown::Nothing };
                let bytes = core.write_options(ctx, self.group, attempt);
                let progress = attempt.transmit(ctx, bytes);
                self.progress(ctx, core, progress)
            }
            Progress::Failed(cause) => self.missed(ctx, core, Why::from_cause(cause)),
        }
    }

    fn missed(&mut self, ctx: &mut Context<'_>, core: &Core, why: Why) -> Shown {
        self.good = 0;
        self.missed = self.missed.saturating_add(1);
        // A missed probe is repeated at once, so that a dead next hop is known soon.
        let soon = self.missed < core.policy.liveness_misses;
        let wait = if soon { Duration::ZERO } else { period(core, self.group) };
        match std::mem::replace(&mut self.state, State::Due(ctx.now + wait)) {
            State::Asked(attempt) => attempt.fail(ctx, why),
            State::Pinged { .. } => ctx.gave_up(&self.hop, ctx.now, why),
            State::Due(_) => {}
        }
        Shown::Silent
    }

    fn answered(&mut self, ctx: &mut Context<'_>, core: &Core, status: Option<u16>) -> Shown {
        self.missed = 0;
        self.good = self.good.saturating_add(1);
        match std::mem::replace(&mut self.state, State::Due(ctx.now + period(core, self.group))) {
            State::Asked(attempt) => {
                let round_trip = attempt.round_trip(ctx.now);
                ctx.heard(&self.hop, round_trip);
                let conn = attempt.answered(ctx, status.unwrap_or(200), None);
                if let Some(conn) = conn {
                    ctx.release_unless_leased(conn, core);
                }
            }
            State::Pinged { .. } => ctx.heard(&self.hop, None),
            State::Due(_) => {}
        }
        Shown::Alive
    }

    /// A response, if it is to the open probe: any final answer shows life, a 503 the contrary.
    pub(crate) fn on_response(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        arrival: Arrival<'_>,
    ) -> (Taken, Shown) {
        let State::Asked(attempt) = &self.state else { return (Taken::No, Shown::Nothing) };
        if !attempt.is_named(arrival.number, arrival.guard) {
            return (Taken::No, Shown::Nothing);
        }
        if !attempt.is_answered_from(arrival.from, arrival.conn) {
            return (Taken::Spoofed, Shown::Nothing);
        }
        let shown = match arrival.response.status() {
            100..=199 => Shown::Nothing,
            503 => self.missed(ctx, core, Why::Status(503)),
            status => self.answered(ctx, core, Some(status)),
        };
        (Taken::Yes, shown)
    }

    pub(crate) fn on_unreachable(
        &mut self,
        ctx: &mut Context<'_>,
        core: &Core,
        number: u32,
        why: Why,
    ) -> (Taken, Shown) {
        match &self.state {
            State::Asked(attempt) if attempt.number() == number => {
                (Taken::Yes, self.missed(ctx, core, why))
            }
            State::Asked(_) | State::Due(_) | State::Pinged { .. } => (Taken::No, Shown::Nothing),
        }
    }

    pub(crate) fn on_connected(
        &mut self,
        ctx: &mut Context<'_>,
        core: &mut Core,
        conn: Conn,
    ) -> Shown {
        let Some(local) = ctx.shared.conns.local(conn) else { return Shown::Nothing };
        let State::Asked(attempt) = &mut self.state else { return Shown::Nothing };
        let progress = attempt.on_connected(conn, local);
        self.progress(ctx, core, progress)
    }

    pub(crate) fn on_closed(
        &mut self,
        ctx: &mut Context<'_>,
        core: &mut Core,
        conn: Conn,
        cause: Cause,
    ) -> Shown {
        let State::Asked(attempt) = &mut self.state else { return Shown::Nothing };
        let progress = attempt.on_closed(ctx, conn, cause);
        self.progress(ctx, core, progress)
    }

    pub(crate) fn on_pong(&mut self, ctx: &mut Context<'_>, core: &Core) -> Shown {
        match self.state {
            State::Pinged { .. } => self.answered(ctx, core, None),
            State::Due(_) | State::Asked(_) => Shown::Nothing,
        }
    }

    pub(crate) fn next_timeout(&self) -> (Instant, &'static str) {
        match &self.state {
            State::Due(at) => (*at, "liveness probe"),
            State::Asked(attempt) => (attempt.next_timeout().0, "liveness probe unanswered"),
            State::Pinged { until } => (*until, "pong awaited"),
        }
    }

    /// Ends it; an open probe is given up without a verdict.
    pub(crate) fn end(self, ctx: &mut Context<'_>) {
        if let State::Asked(attempt) = self.state {
            attempt.fail(ctx, Why::Abandoned);
        }
    }
}

/// From one probe to the next: the account's key, else what the registrar asks for (RFC 5626).
pub(crate) fn period(core: &Core, group: usize) -> Duration {
    let key = Duration::from_secs(core.policy.liveness_period_s.into());
    let lease = core.registration(group).lease.as_ref();
    match (core.policy.liveness, lease.and_then(|lease| lease.keep_alive)) {
        (Liveness::Off, _) if method(core).is_some() => {
            Duration::from_secs(core.policy.nat.keep_alive_s.into())
        }
        (Liveness::Off, Some(asked)) => asked,
        (Liveness::Off | Liveness::Options | Liveness::Crlf, _) => key,
    }
}

/// The request that `nat.udp_update_enable` asks for, where liveness does not ask for one.
fn method(core: &Core) -> Option<&'static str> {
    match (core.policy.liveness, core.policy.nat.keep_alive) {
        (Liveness::Off, KeepAlive::Options) => Some("OPTIONS"),
        (Liveness::Off, KeepAlive::Notify) => Some("NOTIFY"),
        (Liveness::Off | Liveness::Options | Liveness::Crlf, _) => None,
    }
}
