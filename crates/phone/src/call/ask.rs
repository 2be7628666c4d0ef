//! Requests of ours in a dialog: where they go, how often, what becomes of them.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use locate::{LocationId, NextHop, Progress as Located, Source, Target, TransportType};
use net::{Cause, Conn, Instant, Output, Transport};
use sip::transaction::ack_of;
use sip::{Method, Writer};

use super::dialog::Dialog;
use crate::account::{
    Arrival, Core, Gate, LastBudget, Request, Step, Taken, Walk, contact_address,
};
use crate::auth::{Auth, Challenged, Said};
use crate::budget::Kind;
use crate::connections::Obtained;
use crate::context::{Context, Hop};
use crate::event::Why;

/// A connection for an ACK is waited for this long.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// From a provisional response to a re-INVITE to giving it up.
const ANSWERED_WITHIN: Duration = Duration::from_secs(180);

/// What a request of ours in a dialog is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Bye,
    /// A re-INVITE that holds or resumes.
    Media(Hold),
    Refer,
    Info,
}

/// Whether the other side is put on hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    On,
    Off,
}

/// A request of ours in a dialog, to be written.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) about: About,
    pub(crate) seq: u32,
    pub(crate) body: Option<(&'static str, String)>,
    pub(crate) refer_to: Option<String>,
}

impl Ask {
    pub(crate) const fn bye(seq: u32) -> Self {
        Self { about: About::Bye, seq, body: None, refer_to: None }
    }

    const fn method(&self) -> Method {
        match self.about {
            About::Bye => Method::Bye,
            About::Media(_) => Method::Invite,
            About::Refer => Method::Refer,
            About::Info => Method::Info,
        }
    }

    const fn name(&self) -> &'static str {
        match self.about {
            About::Bye => "BYE",
            About::Media(_) => "INVITE",
            About::Refer => "REFER",
            About::Info => "INFO",
        }
    }
}

/// A request of ours in a dialog, on its way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) dialog: Dialog,
    group: usize,
    pub(crate) walk: Walk,
    auth: Auth,
}

/// How a request in a dialog ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Status(u16),
    Unanswered(Why),
}

impl Asked {
    /// Begins; none where nothing is known of the way.
    pub(crate) fn begin(
        core: &Core,
        ctx: &mut Context<'_>,
        (group, hop): (usize, &Hop),
        dialog: Dialog,
        ask: Ask,
    ) -> Option<Self> {
        let hops = match way(core, ctx, hop, &dialog) {
            Way::Hops(hops) => hops,
            Way::Locating(_) | Way::Nowhere => return None,
        };
        Self::over(core, ctx, (group, hops), dialog, ask)
    }

    pub(crate) fn over(
        core: &Core,
        ctx: &mut Context<'_>,
        way: (usize, Vec<Hop>),
        dialog: Dialog,
        ask: Ask,
    ) -> Option<Self> {
        let kind = match ask.about {
            About::Media(_) => Kind::Invite,
            About::Bye | About::Refer | About::Info => Kind::NonInvite,
        };
        let call_id = ctx.shared.rng.next_u64();
        let request = Request { method: ask.name(), kind, call_id, gate: Gate::Open };
        let group = way.0;
        let walk = Walk::over(ctx, request, way, LastBudget::Full);
        let mut asked = Self { ask, dialog, group, walk, auth: Auth::default() };
        let step = asked.walk.advance(ctx, core);
        asked.go_on(core, ctx, step).is_none().then_some(asked)
    }

    pub(crate) fn go_on(
        &mut self,
        core: &Core,
        ctx: &mut Context<'_>,
        mut step: Step,
    ) -> Option<Ended> {
        loop {
            self.walk.abandoned.clear();
            step = match step {
                Step::Write => match self.write(core, ctx) {
                    Some(bytes) => self.walk.transmit(ctx, core, bytes),
                    None => return Some(Ended::Unanswered(Why::Abandoned)),
                },
                Step::Waiting | Step::Register => return None,
                Step::Exhausted => {
                    let why = self.walk.last_failure.map_or(Why::Dns, |(_, _, why)| why);
                    return Some(Ended::Unanswered(why));
                }
            };
        }
    }

    fn write(&mut self, core: &Core, ctx: &mut Context<'_>) -> Option<Bytes> {
        let (_, attempt) = self.walk.trying.as_ref()?;
        let (local, transport) = (attempt.local()?, attempt.transport());
        let contact = contact_address(ctx, transport, local, attempt.hop().addr);
        let branch = attempt.branch(ctx.device.index);
        let (hop, method) = (attempt.hop().clone(), self.ask.method());
        let via = |writer: Writer| writer.via(transport, contact, &branch);
        let mut writer = self.dialog.request(&method, self.ask.seq, via);
        let identity = core.identity();
        let line = core.registration(self.group).line;
        let contact = identity.contact_uri(transport, contact, line);
        writer = writer
            .header("Contact", format_args!("<{contact}>"))
            .header("User-Agent", crate::USER_AGENT);
        if let Some(target) = &self.ask.refer_to {
            writer = writer.header("Refer-To", format_args!("<{target}>"));
        }
        let body = self.ask.body.as_ref().map(|(kind, body)| (*kind, body.as_bytes()));
        let said = Said {
            method: &method,
            uri: &self.dialog.remote_target,
            body: body.map_or(b"", |(_, body)| body),
        };
        let who = identity.credentials();
        if let Some((name, value)) = self.auth.credentials(&mut ctx.shared.rng, &who, &hop, &said) {
            writer = writer.header(name, value);
        }
        Some(writer.finish(body))
    }

    /// A response, if it is its own: `Some(None)` while it goes on.
    pub(crate) fn on_response(
        &mut self,
        core: &Core,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Option<Result<Option<Ended>, ()>> {
        let (_, attempt) = self.walk.trying.as_mut()?;
        if !attempt.is_named(arrival.number, arrival.guard) {
            return None;
        }
        if !attempt.is_answered_from(arrival.from, arrival.conn) {
            return Some(Err(()));
        }
        let response = arrival.response;
        let status = response.status();
        if status < 200 {
            attempt.proceeding(ctx);
            if matches!(self.ask.about, About::Media(_)) {
                attempt.hold_until(ctx.now + ANSWERED_WITHIN);
            }
            return Some(Ok(None));
        }
        let invite = matches!(self.ask.about, About::Media(_));
        if invite && status >= 300 {
            let ack = ack_of(attempt.bytes(), response);
            attempt.send_along(ctx, ack);
        }
        let known = core.registration(self.group).auth.knows_realm_of(response);
        if matches!(status, 401 | 407) && known {
            // Never inside a dialog with a stranger: only for a realm of the account (behaviour §9).
            let (hop, answered) = (attempt.hop().clone(), attempt.challenges_answered);
            attempt.challenges_answered += 1;
            let has_password = !core.user.password.is_blank();
            if self.auth.challenged(&hop, response, answered, has_password) == Challenged::Answer {
                attempt.renew(ctx);
                self.ask.seq = self.dialog.next_seq();
                return Some(Ok(self.go_on(core, ctx, Step::Write)));
            }
        }
        if status == 503 {
            self.walk.hop_refused(ctx, status);
            let step = self.walk.advance(ctx, core);
            return Some(Ok(self.go_on(core, ctx, step)));
        }
        if let Some((_, attempt)) = self.walk.trying.take() {
            let why = (status >= 300).then_some(Why::Status(status));
            attempt.answered(ctx, status, why);
        }
        Some(Ok(Some(Ended::Status(status))))
    }

    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        self.walk.next_timeout()
    }

    pub(crate) fn on_time(&mut self, core: &Core, ctx: &mut Context<'_>) -> Option<Ended> {
        if self.next_timeout().is_none_or(|(at, _)| at > ctx.now) {
            return None;
        }
        let step = self.walk.on_time(ctx, core);
        self.go_on(core, ctx, step)
    }
}

/// Requests that nobody waits for: time.
pub(crate) fn asked_on_time(asked: &mut Vec<Asked>, core: &Core, ctx: &mut Context<'_>) {
    asked.retain_mut(|one| one.on_time(core, ctx).is_none());
}

/// Requests that nobody waits for: a response.
pub(crate) fn answer_asked(
    asked: &mut Vec<Asked>,
    (core, ctx): (&Core, &mut Context<'_>),
    arrival: Arrival<'_>,
) -> Taken {
    let mut taken = Taken::No;
    asked.retain_mut(|one| match one.on_response(core, ctx, arrival) {
        None => true,
        Some(Err(())) => {
            taken = Taken::Spoofed;
            true
        }
        Some(Ok(ended)) => {
            taken = Taken::Yes;
            ended.is_none()
        }
    });
    taken
}

/// Requests that nobody waits for: a connection.
pub(crate) fn asked_on_connection(
    asked: &mut Vec<Asked>,
    core: &Core,
    ctx: &mut Context<'_>,
    (conn, local): (Conn, Result<SocketAddr, Cause>),
) {
    asked.retain_mut(|one| {
        let step = one.walk.on_connection(ctx, core, conn, local);
        one.go_on(core, ctx, step).is_none()
    });
}

/// The way of a dialog's requests.
pub(crate) enum Way {
    Hops(Vec<Hop>),
    Locating(LocationId),
    Nowhere,
}

// A26: a route that is a name is located with failover, an IP address has none.
/// Where requests of `dialog` go, whose INVITE went through `hop`.
pub(crate) fn way(core: &Core, ctx: &mut Context<'_>, hop: &Hop, dialog: &Dialog) -> Way {
    let Some(towards) = dialog.towards() else { return Way::Nowhere };
    if let Ok(ip) = towards.host.parse::<IpAddr>() {
        return Way::Hops(vec![literal_hop(hop, ip, towards.port, towards.transport)]);
    }
    let transport = match towards.transport {
        Some(Transport::Udp) => TransportType::Udp,
        Some(Transport::Tcp) => TransportType::Tcp,
        Some(Transport::Tls) => TransportType::Tls,
        None => TransportType::DnsNaptr,
    };
    let target = Target { host: towards.host.into(), port: towards.port, transport };
    let id = ctx.shared.locator.location(target, core.locating.clone());
    match ctx.shared.locator.locate(ctx.now, id) {
        Located::Ready(hops) => {
            ctx.shared.locator.release(id);
            Way::Hops(crate::account::in_order(&hops, ctx))
        }
        Located::Pending => {
            ctx.shared.waiting.entry(id).or_default().insert(ctx.device.index);
            Way::Locating(id)
        }
        Located::Nothing(_) => {
            ctx.shared.locator.release(id);
            Way::Nowhere
        }
    }
}

/// The next hop at an address that a dialog names; TLS keeps the name that was verified.
fn literal_hop(hop: &Hop, ip: IpAddr, port: u16, transport: Option<Transport>) -> Hop {
    let transport = transport.unwrap_or(Transport::Udp);
    let default = if transport == Transport::Tls { 5061 } else { 5060 };
    let addr = SocketAddr::new(ip, if port == 0 { default } else { port });
    let name = if hop.addr.ip() == ip { hop.name.clone() } else { ip.to_string().into() };
    std::sync::Arc::new(NextHop {
        transport,
        addr,
        server: name.clone(),
        name,
        priority: 0,
        weight: 0,
        source: Source::Literal,
        expires: Instant::FAR,
    })
}

/// The ACK of a 2xx (RFC 3261 §13.2.2.4), with a branch of its own.
pub(crate) fn ack_bytes(
    core: &Core,
    ctx: &mut Context<'_>,
    (group, hop): (usize, &Hop),
    dialog: &Dialog,
    seq: u32,
) -> Option<Bytes> {
    let Way::Hops(hops) = way(core, ctx, hop, dialog) else { return None };
    let to = hops.first()?;
    let local = match to.transport {
        Transport::Udp => ctx.shared.locals.udp_for(to.addr)?.1,
        Transport::Tcp | Transport::Tls => {
            ctx.shared.locals.udp_for(to.addr).map_or(to.addr, |(_, local)| local)
        }
    };
    let branch = format!("z9hG4bK{:x}.ack.{:016x}", ctx.device.index, ctx.shared.rng.next_u64());
    let local = contact_address(ctx, to.transport, local, to.addr);
    let via = |writer: Writer| writer.via(to.transport, local, &branch);
    let contact = core.identity().contact_uri(to.transport, local, core.registration(group).line);
    let writer = dialog.request(&Method::Ack, seq, via);
    Some(writer.header("Contact", format_args!("<{contact}>")).finish(None))
}

/// Sends bytes of a dialog that need no transaction: an ACK.
pub(crate) fn send_raw(
    core: &Core,
    ctx: &mut Context<'_>,
    (hop, dialog): (&Hop, &Dialog),
    bytes: Bytes,
) {
    let Way::Hops(hops) = way(core, ctx, hop, dialog) else { return };
    let Some(to) = hops.first() else { return };
    if to.transport == Transport::Udp {
        if let Some((socket, _)) = ctx.shared.locals.udp_for(to.addr) {
            ctx.shared.out.push_back(Output::Datagram { socket, to: to.addr, bytes });
        }
        return;
    }
    let name = if to.transport == Transport::Tls { to.name.clone() } else { "".into() };
    let peer = net::Peer { transport: to.transport, addr: to.addr, name, owner: 0 };
    let deadline = ctx.now + CONNECT_WITHIN;
    let shared = &mut *ctx.shared;
    match shared.conns.obtain(&peer, ctx.device.index, deadline, &mut shared.out) {
        Obtained::Open { conn, .. } => shared.out.push_back(Output::Write { conn, bytes }),
        Obtained::Connecting { conn } => shared.conns.write_later(conn, bytes),
    }
}
