//! An INVITE on its way: candidates one after the other, late answers of those that were left, and
//! at most one call in the end (behaviour §1, §2 and §4).

use std::time::Duration;

use net::{Cause, Conn, Instant};
use sdp::Wish;
use sip::transaction::cancel_of;
use sip::{Method, Writer};

use super::ask::Asked;
use super::dialog::new_tag;
use super::{Call, CallState, CallWhy, Line, News, Stage};
use crate::account::{
    Arrival, Attempt, Core, Course, FIRST, Gate, LastBudget, Leg, Mode, Request, SECOND, Step,
    Taken, Walk, contact_address,
};
use crate::auth::{Auth, Said};
use crate::budget::Kind;
use crate::context::{Context, Hop, name_of};
use crate::event::{EventKind, MoveKind, Why};

/// From the last provisional response to giving the far side up (A27).
pub(super) const RINGS_FOR: Duration = Duration::from_secs(180);
/// Redirections that one call follows (behaviour §9).
pub(super) const REDIRECTIONS_MAX: u8 = 5;

/// A transaction that was left: given up, or answered and acknowledged.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) group: usize,
    pub(super) attempt: Attempt,
    pub(super) until: Instant,
    pub(super) ack: Option<bytes::Bytes>,
    pub(super) cancelled: bool,
}

/// The INVITE.
#[derive(Debug)]
pub(crate) struct Dialling {
    pub(super) target: String,
    pub(super) call_id: u64,
    pub(super) tag: String,
    pub(super) seq: u32,
    pub(super) auth: Auth,
    pub(super) offer: String,
    pub(super) walk: Walk,
    /// The next candidate waits for a registration at it.
    pub(super) registering: bool,
    /// `only_signal_with_registered`: the walk begins when there is a registration, once.
    pub(super) awaits_lease: bool,
    pub(super) moved_lease: bool,
    /// The open attempt has got a provisional response.
    pub(super) heard: bool,
    /// The user hung up.
    pub(super) cancelled: bool,
    pub(super) left: Vec<Left>,
    /// ACK and BYE of answers that came too late.
    pub(super) orphans: Vec<Asked>,
    pub(super) doubted: bool,
    pub(super) redirections: u8,
}

impl Dialling {
    // Guide, "INVITE Failover": the second call goes to the primary first, and back to it at once.
    /// Begins the walk for `call`, whose media is open.
    pub(crate) fn begin(
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        target: String,
    ) {
        let call_id = ctx.shared.rng.next_u64();
        let request =
            Request { method: "INVITE", kind: Kind::Invite, call_id, gate: Gate::Registered };
        let on = line.on(ctx.now);
        let only_registered =
            line.core.groups.get(on).is_some_and(|group| group.rules.only_signal_with_registered);
        let lease = line.core.registration(on).lease.as_ref();
        let leased = lease.filter(|lease| lease.until > ctx.now).map(|lease| lease.hop.clone());
        let (walk, awaits_lease) = match (only_registered, leased) {
            (false, _) => {
                let legs = (legs(line, ctx), LastBudget::Full);
                (Walk::begin(ctx, line.core, request, legs), false)
            }
            // A9: the next hop with the lease alone.
            (true, Some(hop)) => {
                (Walk::over(ctx, request, (on, vec![hop]), LastBudget::Retries), false)
            }
            (true, None) => (Walk::over(ctx, request, (on, Vec::new()), LastBudget::Full), true),
        };
        let tag = new_tag(ctx);
        let dialling = Box::new(Self {
            target,
            call_id,
            tag,
            seq: 1,
            auth: Auth::default(),
            offer: String::new(),
            walk,
            registering: false,
            awaits_lease,
            moved_lease: !only_registered,
            heard: false,
            cancelled: false,
            left: Vec::new(),
            orphans: Vec::new(),
            doubted: false,
            redirections: 0,
        });
        if awaits_lease {
            return dialling.wait_for_lease(call, line, ctx);
        }
        dialling.advance(call, line, ctx);
    }

    pub(super) fn advance(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        let step = self.walk.advance(ctx, line.core);
        self.go_on(call, line, ctx, step);
    }

    /// Does what the walk wants until it waits or ends.
    pub(super) fn go_on(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        mut step: Step,
    ) {
        loop {
            self.keep_abandoned(ctx);
            self.doubt_if_unanswered(line, ctx);
            step = match step {
                Step::Write => {
                    self.heard = false;
                    match self.write(call, line.core, ctx) {
                        Some(bytes) => self.walk.transmit(ctx, line.core, bytes),
                        None => return call.end(ctx, None, CallWhy::NoCommonMedia),
                    }
                }
                Step::Register => {
                    self.register(line, ctx);
                    Step::Waiting
                }
                Step::Waiting => {
                    call.stage = Stage::Dialling(self);
                    return;
                }
                Step::Exhausted => return self.exhausted(call, line, ctx),
            };
        }
    }

    // A15: no answer from any next hop of the server puts its registration in doubt. In successive
    // mode the move to server 2 follows, which asks for the registration itself.
    pub(super) fn doubt_if_unanswered(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>) {
        let Some(fall) = self.walk.fell.clone() else { return };
        let silent =
            matches!(self.walk.last_failure, Some((_, _, why)) if !matches!(why, Why::Status(_)));
        let moves = line.core.mode == Mode::Successive && !self.walk.is_done_with(SECOND);
        if self.doubted || !silent || moves || !self.walk.is_done_with(fall.group) {
            return;
        }
        let on = line.on(ctx.now);
        if on == fall.group || line.core.mode == Mode::Concurrent {
            self.doubted = true;
            if let Some((upkeep, core)) = line.upkeep(fall.group) {
                upkeep.unanswered(core, ctx, fall.since);
            }
        }
    }

    pub(super) fn keep_abandoned(&mut self, ctx: &Context<'_>) {
        for (group, attempt) in self.walk.abandoned.drain(..) {
            // The old INVITE transaction is kept for 64·T1.
            let until = attempt.sent_at() + ctx.device.timers().t1 * 64;
            self.left.push(Left { group, attempt, until, ack: None, cancelled: false });
        }
    }

    pub(super) fn exhausted(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        if self.cancelled || !call.is_live() {
            call.stage = Stage::Dialling(self);
            return;
        }
        if !self.moved_lease {
            // A9: the REGISTER moves first and the request follows once.
            self.moved_lease = true;
            self.awaits_lease = true;
            let on = line.on(ctx.now);
            let since = self.walk.fell.as_ref().map_or(ctx.now, |fall| fall.since);
            if let Some((upkeep, core)) = line.upkeep(on) {
                upkeep.unanswered(core, ctx, since);
            }
            return self.wait_for_lease(call, line, ctx);
        }
        let failure = self.walk.last_failure;
        let why = failure.map_or(Why::Dns, |(_, _, why)| why);
        let status = if let Why::Status(status) = why { Some(status) } else { None };
        call.next_hop = failure.and_then(|(_, hop, _)| hop).or(call.next_hop);
        call.end(ctx, status, CallWhy::Failed(why));
        call.stage = Stage::Dialling(self);
    }

    pub(super) fn write(
        &mut self,
        call: &mut Call,
        core: &Core,
        ctx: &mut Context<'_>,
    ) -> Option<bytes::Bytes> {
        let (group, attempt) = self.walk.trying.as_ref()?;
        let local = attempt.local()?;
        if self.offer.is_empty() {
            self.offer = call.media.offer(core, local.ip(), Wish::Talk)?;
        }
        let identity = core.identity();
        let registration = core.registration(*group);
        let server = identity.server(registration.server);
        let transport = attempt.transport();
        let contact = contact_address(ctx, transport, local, attempt.hop().addr);
        let aor = identity.aor(&server.address);
        let uri = request_uri(&self.target, &server.address);
        let mut writer = Writer::request(&Method::Invite, &uri)
            .via(transport, contact, &attempt.branch(ctx.device.index))
            .header("Max-Forwards", 70);
        if let Some(route) = identity.route(attempt.place()) {
            writer = writer.header("Route", route);
        }
        let lease = registration.lease.as_ref().filter(|lease| lease.hop.is_same(attempt.hop()));
        for route in lease.iter().flat_map(|lease| &*lease.service_route) {
            writer = writer.header("Route", route);
        }
        let contact = identity.contact_uri(transport, contact, registration.line);
        writer = writer
            .header("From", format_args!("{}<{aor}>;tag={}", identity.display(), self.tag))
            .header("To", format_args!("<{uri}>"))
            .header("Call-ID", format_args!("{:016x}", self.call_id))
            .header("CSeq", format_args!("{} INVITE", self.seq))
            .header("Contact", format_args!("<{contact}>"))
            .header("Allow", crate::ALLOW)
            .header("Accept", "application/sdp")
            .header("User-Agent", crate::USER_AGENT);
        let said = Said { method: &Method::Invite, uri: &uri, body: self.offer.as_bytes() };
        let who = identity.credentials();
        let hop = attempt.hop().clone();
        if let Some((name, value)) = self.auth.credentials(&mut ctx.shared.rng, &who, &hop, &said) {
            writer = writer.header(name, value);
        }
        Some(writer.finish(Some(("application/sdp", self.offer.as_bytes()))))
    }

    /// A response that names the open attempt or one that was left.
    pub(crate) fn on_response(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        let named = |attempt: &Attempt| attempt.is_named(arrival.number, arrival.guard);
        let from_there = |attempt: &Attempt| attempt.is_answered_from(arrival.from, arrival.conn);
        if let Some((_, attempt)) = self.walk.trying.as_ref().filter(|(_, a)| named(a)) {
            if !from_there(attempt) {
                call.stage = Stage::Dialling(self);
                return Taken::Spoofed;
            }
            self.answered(call, line, ctx, arrival.response);
            return Taken::Yes;
        }
        let Some(index) = self.left.iter().position(|left| named(&left.attempt)) else {
            let taken = super::ask::answer_asked(&mut self.orphans, (line.core, ctx), arrival);
            call.stage = Stage::Dialling(self);
            return taken;
        };
        if self.left.get(index).is_some_and(|left| !from_there(&left.attempt)) {
            call.stage = Stage::Dialling(self);
            return Taken::Spoofed;
        }
        self.answered_late(call, line, ctx, (index, arrival.response));
        Taken::Yes
    }

    pub(super) fn has_unanswered_left(&self) -> bool {
        self.left.iter().any(|left| left.ack.is_none())
    }

    /// A final answer has come: whatever of the others rings later is CANCELled when it says so, for
    /// nothing is sent before a provisional response (RFC 3261 §9.1).
    pub(super) const fn settle(&mut self) {
        self.heard = true;
    }

    /// The user hangs up.
    pub(crate) fn hang_up(mut self: Box<Self>, call: &mut Call, ctx: &mut Context<'_>) {
        self.cancelled = true;
        self.walk.stop_after_this();
        let until = ctx.now + ctx.device.timers().t1 * 64;
        if let Some((_, attempt)) = self.walk.trying.as_mut().filter(|_| self.heard) {
            send_cancel(ctx, attempt);
            attempt.hold_until(until);
        }
        // After a 482 the CANCEL goes to the transaction that rings.
        for left in self.left.iter_mut().filter(|left| left.ack.is_none() && !left.cancelled) {
            left.until = left.until.max(until);
        }
        call.end(ctx, None, CallWhy::HungUp);
        call.stage = Stage::Dialling(self);
    }

    /// Carries out what is due.
    pub(crate) fn on_time(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        self.left.retain(|left| left.until > ctx.now);
        super::ask::asked_on_time(&mut self.orphans, line.core, ctx);
        if self.walk.next_timeout().is_none_or(|(at, _)| at > ctx.now) {
            let rings_on = self.has_unanswered_left() || self.walk.trying.is_some();
            if call.is_live() && !rings_on && call.state == CallState::Ringing && !self.registering
            {
                call.end(ctx, None, CallWhy::NoAnswer);
            }
            call.stage = Stage::Dialling(self);
            return;
        }
        let rang_out = self.heard
            && self.walk.trying.as_ref().is_some_and(|(_, attempt)| attempt.deadline() <= ctx.now);
        if rang_out {
            return self.rang_out(call, ctx);
        }
        let step = self.walk.on_time(ctx, line.core);
        self.go_on(call, line, ctx, step);
    }

    // A27: no failover after a provisional response: another phone may be ringing.
    pub(super) fn rang_out(mut self: Box<Self>, call: &mut Call, ctx: &mut Context<'_>) {
        self.walk.stop_after_this();
        let until = ctx.now + ctx.device.timers().t1 * 64;
        if self.cancelled {
            if let Some((_, attempt)) = self.walk.trying.take() {
                attempt.fail(ctx, Why::Abandoned);
            }
        } else if let Some((_, attempt)) = self.walk.trying.as_mut() {
            send_cancel(ctx, attempt);
            attempt.hold_until(until);
        }
        self.cancelled = true;
        call.end(ctx, None, CallWhy::NoAnswer);
        call.stage = Stage::Dialling(self);
    }

    pub(crate) fn on_unreachable(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (number, why): (u32, Why),
    ) -> Taken {
        // Once the far side has answered, an ICMP error ends nothing: the answer may come otherwise.
        let open = self.walk.trying.as_ref().is_some_and(|(_, attempt)| attempt.number() == number);
        if open && self.heard {
            call.stage = Stage::Dialling(self);
            return Taken::Yes;
        }
        match self.walk.on_unreachable(ctx, line.core, number, why) {
            Some(step) => {
                self.go_on(call, line, ctx, step);
                Taken::Yes
            }
            None => {
                call.stage = Stage::Dialling(self);
                Taken::No
            }
        }
    }

    pub(crate) fn on_connection(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (conn, local): (Conn, Result<std::net::SocketAddr, Cause>),
    ) {
        super::ask::asked_on_connection(&mut self.orphans, line.core, ctx, (conn, local));
        let ours =
            self.walk.trying.as_ref().is_some_and(|(_, attempt)| attempt.conn() == Some(conn));
        if !ours || (self.heard && local.is_err()) {
            // A connection that breaks while it rings leaves the call to the deadline.
            call.stage = Stage::Dialling(self);
            return;
        }
        let step = self.walk.on_connection(ctx, line.core, conn, local);
        self.go_on(call, line, ctx, step);
    }

    pub(crate) fn on_news(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        news: News<'_>,
    ) {
        match news {
            News::Located(id, progress) => {
                if self.walk.on_located(ctx, line.core, id, progress) {
                    return self.advance(call, line, ctx);
                }
            }
            News::Route => return self.advance(call, line, ctx),
            News::Registration if self.registering => return self.registered(call, line, ctx),
            News::Registration if self.awaits_lease => return self.lease_came(call, line, ctx),
            News::Registration => {}
        }
        call.stage = Stage::Dialling(self);
    }

    pub(super) fn tell_move(&self, ctx: &mut Context<'_>, group: usize, to: &Hop) {
        let Some(fall) = &self.walk.fell else { return };
        let kind = if fall.group == group { MoveKind::Failover } else { MoveKind::Fallback };
        let (from, to) = (fall.hop, name_of(to));
        if from != to {
            let (why, elapsed) = (fall.why, ctx.now - fall.since);
            ctx.event(EventKind::Moved { kind, method: "INVITE", from, to, why, elapsed });
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.walk.trying.is_none() && self.left.is_empty() && self.orphans.is_empty()
    }

    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        let walk = self.walk.next_timeout();
        let left = self.left.iter().map(|left| (left.until, "late answers")).min();
        let orphan = self.orphans.iter().filter_map(Asked::next_timeout).min();
        [walk, left, orphan].into_iter().flatten().min()
    }
}

pub(super) fn send_cancel(ctx: &mut Context<'_>, attempt: &Attempt) {
    let cancel = cancel_of(attempt.bytes());
    attempt.send_along(ctx, cancel);
}

/// The request-URI of a call to `target` through the server at `host`.
pub(crate) fn request_uri(target: &str, host: &str) -> String {
    if target.starts_with("sip:") || target.starts_with("sips:") || target.starts_with("tel:") {
        return target.to_owned();
    }
    if target.contains('@') {
        return format!("sip:{target}");
    }
    format!("sip:{}@{}", crate::text::user(target), crate::text::host(host))
}

// Guide, "INVITE Failover" messages 1 to 3: the primary, its retries, then the secondary.
// Guide, "INVITE Fallback" messages 1 to 3: the working server, its retries, then the fallback server.
/// The candidates of an INVITE (behaviour §4).
fn legs(line: &Line<'_>, ctx: &Context<'_>) -> Vec<Leg> {
    let core = &*line.core;
    let leg = |group: usize, course| Leg { group, course };
    let sound = |group: usize| core.registration(group).is_sound(ctx.now);
    let doubt = core.registration(FIRST).doubt.is_some();
    let both = core.groups.len() > 1;
    let start = Course::FromStart;
    let on = line.on(ctx.now);
    match core.mode {
        Mode::Single => vec![leg(FIRST, start)],
        Mode::Concurrent => match (sound(FIRST), sound(SECOND)) {
            (true, true) => vec![leg(FIRST, start), leg(SECOND, start)],
            (false, true) => vec![leg(SECOND, start)],
            (true, false) => vec![leg(FIRST, start)],
            (false, false) => vec![leg(FIRST, start), leg(SECOND, start)],
        },
        Mode::Successive if on == SECOND => vec![leg(SECOND, start)],
        Mode::Successive if doubt && both => vec![leg(SECOND, Course::FromTop)],
        Mode::Successive => vec![leg(FIRST, start), leg(SECOND, Course::FromTop)],
        Mode::Proxies if !both => vec![leg(FIRST, start)],
        Mode::Proxies if on == SECOND => vec![leg(SECOND, start), leg(FIRST, Course::FromTop)],
        Mode::Proxies => vec![leg(FIRST, start), leg(SECOND, Course::FromTop)],
    }
}
