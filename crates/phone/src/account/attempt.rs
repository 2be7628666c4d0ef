//! One request at one next hop, with its budget (behaviour §1).
//!
//! | state | meaning | left by |
//! |---|---|---|
//! | `Connecting` | a stream is being opened for it | connected, closed, deadline |
//! | `Ready` | a request can be written | [`Attempt::transmit`] |
//! | `Sent` | a request is out | answer, retransmission, deadline, transport fault |
//!
//! Digest challenges stay in the same attempt: each makes a transaction of its own, with a branch and
//! a budget of its own (A2).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use net::{Cause, Conn, Instant, Output, Peer, Socket, Transport};

use crate::budget::Plan;
use crate::connections::Obtained;
use crate::context::{Context, Ending, Hop, name_of};
use crate::event::{AttemptName, EventKind, Outcome, Place, Why};

/// Requests above this size are fragmented over UDP (RFC 3261 §18.1.1).
const SAFE_SIZE: usize = 1300;

/// What became of an attempt after an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// It goes on.
    Pending,
    /// A request has to be written with [`Attempt::transmit`].
    Ready,
    /// It failed.
    Failed(Cause),
}

/// How the request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Udp { socket: Socket, local: SocketAddr },
    Connecting { conn: Conn },
    Stream { conn: Conn, local: SocketAddr },
}

/// Whether the connection was opened for this attempt (A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Pooled,
    Fresh,
}

/// What an attempt is about.
#[derive(Clone, Debug)]
pub(crate) struct Errand {
    pub(crate) method: &'static str,
    pub(crate) call_id: u64,
    pub(crate) place: Place,
    /// Place in the pass, from 1.
    pub(crate) nth: u16,
    pub(crate) plan: Plan,
}

/// The attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    id: u64,
    number: u32,
    guard: u64,
    hop: Hop,
    errand: Errand,
    flow: Flow,
    freshness: Freshness,
    began: Instant,
    /// First datagram of the running transaction.
    sent_at: Instant,
    sent: u16,
    retransmissions: u16,
    bytes: Bytes,
    interval: Duration,
    retransmit_at: Option<Instant>,
    deadline: Instant,
    /// 401 and 407 answered with credentials.
    pub(crate) challenges_answered: u8,
}

impl Attempt {
    /// Begins at `hop`; where the result says `Ready`, the request is to be written at once.
    pub(crate) fn begin(ctx: &mut Context<'_>, hop: Hop, errand: Errand) -> (Self, Progress) {
        let deadline = ctx.now + errand.plan.give_up();
        let (flow, freshness, progress) = reach(ctx, &hop, deadline);
        let attempt = Self {
            id: ctx.next_attempt_id(),
            number: ctx.next_attempt_number(),
            guard: ctx.shared.rng.next_u64(),
            hop,
            interval: errand.plan.first_interval(),
            errand,
            flow,
            freshness,
            began: ctx.now,
            sent_at: ctx.now,
            sent: 0,
            retransmissions: 0,
            bytes: Bytes::new(),
            retransmit_at: None,
            deadline,
            challenges_answered: 0,
        };
        ctx.event(EventKind::AttemptStarted(attempt.name()));
        (attempt, progress)
    }

    /// Number within the phone: with the guard it makes the branch.
    pub(crate) const fn number(&self) -> u32 {
        self.number
    }

    /// Whether `number` and `guard`, read from a branch, name the running transaction.
    pub(crate) const fn is_named(&self, number: u32, guard: u64) -> bool {
        self.number == number && self.guard == guard
    }

    pub(crate) const fn hop(&self) -> &Hop {
        &self.hop
    }

    pub(crate) const fn place(&self) -> Place {
        self.errand.place
    }

    pub(crate) const fn method(&self) -> &'static str {
        self.errand.method
    }

    pub(crate) const fn call_id(&self) -> u64 {
        self.errand.call_id
    }

    pub(crate) const fn began(&self) -> Instant {
        self.began
    }

    pub(crate) const fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// The connection it runs over.
    pub(crate) const fn conn(&self) -> Option<Conn> {
        match self.flow {
            Flow::Udp { .. } => None,
            Flow::Connecting { conn } | Flow::Stream { conn, .. } => Some(conn),
        }
    }

    /// Our address as the next hop sees it.
    pub(crate) const fn local(&self) -> Option<SocketAddr> {
        match self.flow {
            Flow::Udp { local, .. } | Flow::Stream { local, .. } => Some(local),
            Flow::Connecting { .. } => None,
        }
    }

    /// The transport that is really used.
    pub(crate) fn transport(&self) -> Transport {
        match self.flow {
            Flow::Udp { .. } => Transport::Udp,
            Flow::Connecting { .. } | Flow::Stream { .. } => match self.hop.transport {
                Transport::Tls => Transport::Tls,
                Transport::Udp | Transport::Tcp => Transport::Tcp,
            },
        }
    }

    /// Whether a response that came from `from`, or over `conn`, can be an answer to it.
    pub(crate) fn is_answered_from(&self, from: SocketAddr, conn: Option<Conn>) -> bool {
        match self.flow {
            Flow::Udp { .. } => conn.is_none() && from.ip() == self.hop.addr.ip(),
            Flow::Connecting { .. } => false,
            Flow::Stream { conn: ours, .. } => conn == Some(ours),
        }
    }

    /// The branch of the running transaction: phone, attempt and 64 random bits.
    pub(crate) fn branch(&self, phone: u32) -> String {
        format!("z9hG4bK{phone:x}.{:x}.{:016x}", self.number, self.guard)
    }

    /// Sends `bytes` as the request of a transaction. `Ready` asks for other bytes: the request is too
    /// large for UDP and goes over a connection that stands.
    pub(crate) fn transmit(&mut self, ctx: &mut Context<'_>, bytes: Bytes) -> Progress {
        match self.flow {
            Flow::Udp { .. } if bytes.len() > SAFE_SIZE && ctx.device.common.udp_to_tcp => {
                // RFC 3261 §18.1.1: over 1,300 bytes a congestion-controlled transport is used.
                let (flow, freshness, progress) =
                    connect(ctx, &self.hop, Transport::Tcp, self.deadline);
                self.flow = flow;
                self.freshness = freshness;
                return progress;
            }
            Flow::Udp { socket, .. } => {
                self.begin_transaction(ctx);
                self.tell_if_large(ctx, bytes.len());
                self.interval = self.errand.plan.first_interval();
                self.retransmit_at = Some(ctx.now + self.interval);
                let phone = ctx.device.index;
                ctx.shared.open.insert(self.hop.addr, ctx.now, phone, self.number);
                self.bytes = bytes.clone();
                ctx.shared.out.push_back(Output::Datagram { socket, to: self.hop.addr, bytes });
            }
            Flow::Stream { conn, .. } => {
                self.begin_transaction(ctx);
                self.bytes = bytes.clone();
                // A5: not retransmitted; what it took to connect counts.
                if self.challenges_answered == 0 && self.sent == 1 {
                    self.deadline = self.began + self.errand.plan.give_up();
                }
                ctx.shared.out.push_back(Output::Write { conn, bytes });
            }
            Flow::Connecting { .. } => {}
        }
        Progress::Pending
    }

    fn begin_transaction(&mut self, ctx: &Context<'_>) {
        self.sent_at = ctx.now;
        self.deadline = ctx.now + self.errand.plan.give_up();
        self.sent = self.sent.saturating_add(1);
    }

    /// The far side is at it (INVITE): nothing is retransmitted, nothing is given up before `until`.
    pub(crate) fn hold_until(&mut self, until: Instant) {
        self.retransmit_at = None;
        self.deadline = until;
    }

    /// What the running transaction sent.
    pub(crate) const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Sends what belongs to the transaction: an ACK, a CANCEL.
    pub(crate) fn send_along(&self, ctx: &mut Context<'_>, bytes: Bytes) {
        match self.flow {
            Flow::Udp { socket, .. } => {
                ctx.shared.out.push_back(Output::Datagram { socket, to: self.hop.addr, bytes });
            }
            Flow::Stream { conn, .. } => ctx.shared.out.push_back(Output::Write { conn, bytes }),
            Flow::Connecting { .. } => {}
        }
    }

    /// Makes room for another transaction of the same attempt (digest, 423): new branch, new budget.
    pub(crate) fn renew(&mut self, ctx: &mut Context<'_>) {
        self.leave_open(ctx);
        self.number = ctx.next_attempt_number();
        self.guard = ctx.shared.rng.next_u64();
        self.retransmit_at = None;
        self.retransmissions = 0;
        self.deadline = ctx.now + self.errand.plan.give_up();
    }

    /// Something that does not end it was heard: nothing is retransmitted faster than T2
    /// (RFC 3261 §17.1.2.2, Proceeding).
    pub(crate) fn proceeding(&mut self, ctx: &Context<'_>) {
        if self.retransmit_at.is_some() {
            self.interval = ctx.device.timers().t2;
            self.retransmit_at = Some(ctx.now + self.interval);
        }
    }

    /// Carries out what is due.
    pub(crate) fn on_time(&mut self, ctx: &mut Context<'_>) -> Progress {
        // At one instant the deadline comes before the retransmission, else N retries send N + 2.
        if ctx.now >= self.deadline {
            if ctx.now < ctx.shared.verdicts_from {
                self.deadline = ctx.shared.verdicts_from;
                return Progress::Pending;
            }
            return Progress::Failed(match self.flow {
                Flow::Connecting { .. } => Cause::ConnectTimeout,
                Flow::Udp { .. } | Flow::Stream { .. } => Cause::Silent,
            });
        }
        if let Some(due) = self.retransmit_at.filter(|due| ctx.now >= *due) {
            self.retransmit(ctx, due);
        }
        Progress::Pending
    }

    // Guide, "REGISTER Failover" step 2: three times by default.
    // Guide, "REGISTER Fallback" step 2: the same at the working server.
    fn retransmit(&mut self, ctx: &mut Context<'_>, due: Instant) {
        let Flow::Udp { socket, .. } = self.flow else { return };
        ctx.suspect(&self.hop);
        self.sent = self.sent.saturating_add(1);
        self.retransmissions += 1;
        self.interval = self.errand.plan.next_interval(self.interval);
        // Counted from when it was due: a late wake-up shifts none of those that follow.
        self.retransmit_at = Some((due + self.interval).max(ctx.now));
        let bytes = self.bytes.clone();
        ctx.shared.out.push_back(Output::Datagram { socket, to: self.hop.addr, bytes });
    }

    /// Its connection is ready.
    pub(crate) fn on_connected(&mut self, conn: Conn, local: SocketAddr) -> Progress {
        match self.flow {
            Flow::Connecting { conn: ours } if ours == conn => {
                self.flow = Flow::Stream { conn, local };
                Progress::Ready
            }
            Flow::Connecting { .. } | Flow::Udp { .. } | Flow::Stream { .. } => Progress::Pending,
        }
    }

    /// A connection is gone.
    pub(crate) fn on_closed(
        &mut self,
        ctx: &mut Context<'_>,
        conn: Conn,
        cause: Cause,
    ) -> Progress {
        if self.conn() != Some(conn) {
            return Progress::Pending;
        }
        if self.freshness == Freshness::Fresh || cause.is_ours() {
            return Progress::Failed(cause);
        }
        // A5: a pooled connection that breaks before any answer is reopened once.
        let (flow, _, progress) = reach(ctx, &self.hop, self.deadline);
        self.flow = flow;
        self.freshness = Freshness::Fresh;
        progress
    }

    /// When it has to be looked at again, with the reason.
    pub(crate) fn next_timeout(&self) -> (Instant, &'static str) {
        match self.retransmit_at {
            Some(due) if due < self.deadline => (due, "retransmission"),
            Some(_) | None => (self.deadline, "next hop given up"),
        }
    }

    /// When the next hop is given up.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The round trip, where it can be told (RFC 6298 §3: not after a retransmission).
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.retransmissions == 0).then(|| now - self.sent_at)
    }

    /// It failed for `cause`: verdict on the next hop, event, connection.
    pub(crate) fn fail(mut self, ctx: &mut Context<'_>, why: Why) {
        self.give_up(ctx, why);
    }

    /// As [`Attempt::fail`], but it stays: a late answer may still come (behaviour §1).
    pub(crate) fn give_up(&mut self, ctx: &mut Context<'_>, why: Why) {
        self.end(ctx, Outcome::of_failure(why), None, Some(why));
        // What is ours never counts against a next hop.
        if !matches!(why, Why::Local(_) | Why::Abandoned) {
            ctx.gave_up(&self.hop, self.began, why);
        }
        if let Some(conn) = self.conn() {
            let shared = &mut *ctx.shared;
            shared.conns.retire(conn, ctx.device.index, &mut shared.out);
        }
    }

    /// A final answer came; gives the connection it came over.
    pub(crate) fn answered(
        mut self,
        ctx: &mut Context<'_>,
        status: u16,
        why: Option<Why>,
    ) -> Option<Conn> {
        self.close(ctx, status, why)
    }

    /// As [`Attempt::answered`], but it stays: its ACK may have to be sent again.
    pub(crate) fn close(
        &mut self,
        ctx: &mut Context<'_>,
        status: u16,
        why: Option<Why>,
    ) -> Option<Conn> {
        self.end(ctx, Outcome::Answered, Some(status), why);
        self.conn()
    }

    fn end(
        &mut self,
        ctx: &mut Context<'_>,
        outcome: Outcome,
        status: Option<u16>,
        why: Option<Why>,
    ) {
        self.leave_open(ctx);
        let elapsed = ctx.now - self.began;
        ctx.attempt_ended(self.name(), Ending { sent: self.sent, outcome, status, why, elapsed });
    }

    fn leave_open(&mut self, ctx: &mut Context<'_>) {
        ctx.shared.open.remove(self.hop.addr, self.sent_at, ctx.device.index, self.number);
    }

    fn name(&self) -> AttemptName {
        AttemptName {
            id: self.id,
            method: self.errand.method,
            call_id: format!("{:016x}", self.errand.call_id),
            place: self.errand.place,
            next_hop: name_of(&self.hop),
            nth: self.errand.nth,
        }
    }

    // Departs from RFC 3261 §18.1.1: a switch to TCP against a UDP-only server looks like an outage.
    fn tell_if_large(&self, ctx: &mut Context<'_>, size: usize) {
        if size > SAFE_SIZE && !ctx.shared.large_told {
            ctx.shared.large_told = true;
            let method = self.errand.method;
            ctx.event(EventKind::Notice(format!(
                "{method} of {size} bytes is sent over UDP in fragments; sureline.udp_to_tcp = 1 uses TCP"
            )));
        }
    }
}

/// The way to `hop`: its UDP socket, or the connection to it.
fn reach(ctx: &mut Context<'_>, hop: &Hop, deadline: Instant) -> (Flow, Freshness, Progress) {
    let shared = &mut *ctx.shared;
    if hop.transport == Transport::Udp {
        return match shared.locals.udp_for(hop.addr) {
            Some((socket, local)) => {
                (Flow::Udp { socket, local }, Freshness::Fresh, Progress::Ready)
            }
            None => {
                let local = SocketAddr::new(hop.addr.ip(), 0);
                let flow = Flow::Udp { socket: Socket(0), local };
                (flow, Freshness::Fresh, Progress::Failed(Cause::NoRoute))
            }
        };
    }
    connect(ctx, hop, hop.transport, deadline)
}

/// The connection to `hop` over `transport`.
fn connect(
    ctx: &mut Context<'_>,
    hop: &Hop,
    transport: Transport,
    deadline: Instant,
) -> (Flow, Freshness, Progress) {
    let shared = &mut *ctx.shared;
    let name = match transport {
        Transport::Tls => hop.name.clone(),
        Transport::Udp | Transport::Tcp => "".into(),
    };
    let peer = Peer { transport, addr: hop.addr, name, owner: 0 };
    match shared.conns.obtain(&peer, ctx.device.index, deadline, &mut shared.out) {
        Obtained::Open { conn, local } => {
            (Flow::Stream { conn, local }, Freshness::Pooled, Progress::Ready)
        }
        Obtained::Connecting { conn } => {
            (Flow::Connecting { conn }, Freshness::Fresh, Progress::Pending)
        }
    }
}
