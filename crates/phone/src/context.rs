//! What the machines of one phone are lent while they handle one input.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use locate::{Hops, Locator, NextHop};
use net::{Conn, Instant, Output, Rng, Socket, Transport};
use params::{CommonSettings, Mac};
use sip::transaction::{ServerTransactions, TransactionKey};
use sip::{Request, Writer};

use crate::account::Core;
use crate::budget::SipTimers;
use crate::connections::Connections;
use crate::event::{AttemptName, Event, EventKind, HopName, Outcome, Why};
use crate::health::{Change, HealthTable};
use crate::inbound::Way;
use crate::policy::PolicyPool;

/// A next hop, shared with the location that gave it.
pub(crate) type Hop = Arc<NextHop>;

/// What is queued for the executor, oldest first.
pub(crate) type Outputs = VecDeque<Output<Event>>;

/// What tells next hops apart: transport, address and port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct HopKey(Transport, SocketAddr);

impl HopKey {
    pub(crate) fn of(hop: &NextHop) -> Self {
        Self(hop.transport, hop.addr)
    }
}

/// The name of `hop` in events.
pub(crate) fn name_of(hop: &NextHop) -> HopName {
    HopName { transport: hop.transport, addr: hop.addr }
}

/// The UDP attempts of the process that wait for an answer, by next hop and age: what an ICMP error
/// at one of them tells the others.
#[derive(Debug, Default)]
pub(crate) struct OpenAttempts(BTreeSet<(SocketAddr, Instant, u32, u32)>);

impl OpenAttempts {
    pub(crate) fn insert(&mut self, to: SocketAddr, sent: Instant, phone: u32, attempt: u32) {
        self.0.insert((to, sent, phone, attempt));
    }

    pub(crate) fn remove(&mut self, to: SocketAddr, sent: Instant, phone: u32, attempt: u32) {
        self.0.remove(&(to, sent, phone, attempt));
    }

    /// The oldest one at `to`: when it was sent, its phone and number.
    pub(crate) fn oldest(&self, to: SocketAddr) -> Option<(Instant, u32, u32)> {
        let first = (to, Instant::ZERO, 0, 0);
        let found = self.0.range(first..).next().filter(|entry| entry.0 == to);
        found.map(|(_, sent, phone, attempt)| (*sent, *phone, *attempt))
    }

    /// The only one at `to`, where there is exactly one.
    pub(crate) fn only(&self, to: SocketAddr) -> Option<(u32, u32)> {
        let mut at = self.0.range((to, Instant::ZERO, 0, 0)..).take_while(|entry| entry.0 == to);
        let (_, _, phone, attempt) = at.next()?;
        at.next().is_none().then_some((*phone, *attempt))
    }
}

/// Our own addresses: what stands in Via and Contact.
#[derive(Debug, Default)]
pub(crate) struct Locals {
    /// Bound UDP sockets.
    pub(crate) udp: Vec<(Socket, SocketAddr)>,
    /// Listening stream sockets.
    pub(crate) listen: Vec<(Transport, SocketAddr)>,
    /// `--advertise`.
    pub(crate) advertise: Option<IpAddr>,
    /// Answers of the executor to route questions.
    pub(crate) routes: std::collections::BTreeMap<IpAddr, IpAddr>,
}

/// Route answers kept at once.
const ROUTES_MAX: usize = 4096;

impl Locals {
    /// The UDP socket for `to`, with the address that `to` sees.
    pub(crate) fn udp_for(&self, to: SocketAddr) -> Option<(Socket, SocketAddr)> {
        let (socket, bound) = self.udp.iter().find(|(_, a)| a.is_ipv4() == to.is_ipv4())?;
        Some((*socket, SocketAddr::new(self.address_for(*bound, to.ip())?, bound.port())))
    }

    /// The port on which connections of `transport` are accepted, for the family of `to`.
    pub(crate) fn listen_port(&self, transport: Transport, to: IpAddr) -> Option<u16> {
        let mut listeners = self.listen.iter();
        let found = listeners.find(|(t, a)| *t == transport && a.is_ipv4() == to.is_ipv4());
        found.map(|(_, addr)| addr.port())
    }

    fn address_for(&self, bound: SocketAddr, to: IpAddr) -> Option<IpAddr> {
        if let Some(advertised) = self.advertise.filter(|a| a.is_ipv4() == to.is_ipv4()) {
            return Some(advertised);
        }
        if bound.ip().is_unspecified() {
            return self.routes.get(&to).copied();
        }
        Some(bound.ip())
    }

    /// Whether the executor has to be asked from where `to` is reached.
    pub(crate) fn lacks_route(&self, to: IpAddr) -> bool {
        self.needs_route(to) && !self.routes.contains_key(&to)
    }

    /// Whether the address that `to` sees depends on the route.
    pub(crate) fn needs_route(&self, to: IpAddr) -> bool {
        let advertised = self.advertise.is_some_and(|a| a.is_ipv4() == to.is_ipv4());
        let wild = |(_, bound): &(Socket, SocketAddr)| {
            bound.is_ipv4() == to.is_ipv4() && bound.ip().is_unspecified()
        };
        !advertised && self.udp.iter().any(wild)
    }

    /// Remembers the answer to a route question; no route is not remembered, so that it is asked for
    /// again when the network is back.
    pub(crate) fn learn_route(&mut self, to: IpAddr, from: Option<IpAddr>) {
        if self.routes.len() >= ROUTES_MAX {
            self.routes.clear();
        }
        match from {
            Some(from) => {
                self.routes.insert(to, from);
            }
            None => {
                self.routes.remove(&to);
            }
        }
    }
}

/// What a phone is and shares among its accounts, settings included.
#[derive(Debug)]
pub(crate) struct Device {
    /// Place of the phone in its endpoint; part of every branch.
    pub(crate) index: u32,
    pub(crate) mac: Mac,
    pub(crate) common: Arc<CommonSettings>,
    /// Own numbering of attempts; part of every branch.
    pub(crate) attempts: u32,
    pub(crate) health: HealthTable,
    /// Calls, ringing and dialling of all accounts: the phone is idle at 0.
    pub(crate) busy: u16,
}

impl Device {
    pub(crate) fn timers(&self) -> SipTimers {
        SipTimers { t1: self.common.t1, t2: self.common.t2 }
    }
}

/// What belongs to the whole endpoint and is lent to one phone at a time.
pub(crate) struct Shared {
    pub(crate) rng: Rng,
    pub(crate) out: Outputs,
    pub(crate) locator: Locator,
    pub(crate) conns: Connections,
    pub(crate) open: OpenAttempts,
    pub(crate) locals: Locals,
    pub(crate) pool: PolicyPool,
    /// Attempts of the process, for events.
    pub(crate) attempts: u64,
    /// Silence is no verdict before this instant: our own socket dropped datagrams.
    pub(crate) verdicts_from: Instant,
    /// Mixed into what must not be guessed.
    pub(crate) secret: [u8; 16],
    /// Locations that were begun and not finished, with the phones that wait.
    pub(crate) waiting: std::collections::BTreeMap<locate::LocationId, BTreeSet<u32>>,
    /// Route questions that are open, with the phones that wait.
    pub(crate) routes_wanted: std::collections::BTreeMap<IpAddr, BTreeSet<u32>>,
    /// Requests that came, until their answers cannot be asked for again.
    pub(crate) uas: ServerTransactions<Way>,
    /// Whether requests above the safe size were spoken of.
    pub(crate) large_told: bool,
}

/// One input's worth of everything.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) shared: &'a mut Shared,
    pub(crate) device: &'a mut Device,
    /// The account that is being handled.
    pub(crate) account: u8,
}

impl Context<'_> {
    pub(crate) fn event(&mut self, kind: EventKind) {
        let event = Event { phone: self.device.mac, account: Some(self.account), kind };
        self.shared.out.push_back(Output::Event(event));
    }

    pub(crate) fn next_attempt_number(&mut self) -> u32 {
        self.device.attempts = self.device.attempts.wrapping_add(1);
        self.device.attempts
    }

    pub(crate) fn next_attempt_id(&mut self) -> u64 {
        self.shared.attempts += 1;
        self.shared.attempts
    }

    pub(crate) fn tell_health(&mut self, change: Option<Change>) {
        if let Some(Change { hop, state, evidence }) = change {
            self.event(EventKind::Health { next_hop: hop, state, evidence });
        }
    }

    pub(crate) fn heard(&mut self, hop: &NextHop, round_trip: Option<Duration>) {
        let change = self.device.health.heard(self.now, name_of(hop), round_trip);
        self.tell_health(change);
    }

    pub(crate) fn gave_up(&mut self, hop: &NextHop, since: Instant, why: Why) {
        let change = self.device.health.gave_up(name_of(hop), since, why);
        self.tell_health(change);
    }

    pub(crate) fn suspect(&mut self, hop: &NextHop) {
        let change = self.device.health.suspect(name_of(hop));
        self.tell_health(change);
    }

    pub(crate) fn attempt_ended(&mut self, attempt: AttemptName, ending: Ending) {
        let Ending { sent, outcome, status, why, elapsed } = ending;
        self.event(EventKind::AttemptEnded { attempt, sent, outcome, status, why, elapsed });
    }

    /// This phone has no more business on `conn`.
    pub(crate) fn release(&mut self, conn: Conn) {
        let shared = &mut *self.shared;
        shared.conns.release(conn, self.device.index, &mut shared.out);
    }

    /// As [`Context::release`], but a lease of the account keeps its connection.
    pub(crate) fn release_unless_leased(&mut self, conn: Conn, core: &Core) {
        let mut leases = core.registrations().iter().filter_map(|r| r.lease.as_ref());
        if !leases.any(|lease| lease.conn == Some(conn)) {
            self.release(conn);
        }
    }

    /// Asks the executor anew from where the next hops are reached: networks change.
    pub(crate) fn ask_routes(&mut self, hops: &Hops) {
        for hop in hops.iter() {
            let to = hop.addr.ip();
            if self.shared.locals.needs_route(to) {
                self.shared.out.push_back(Output::Route { to });
            }
        }
    }

    /// The phone waits for the answer to a route question.
    pub(crate) fn want_route(&mut self, to: IpAddr) {
        self.shared.routes_wanted.entry(to).or_default().insert(self.device.index);
        self.shared.out.push_back(Output::Route { to });
    }

    /// The next hop that a redirection names, where it is a host of the account: an address that its
    /// locations gave.
    pub(crate) fn trusted_hop(&self, core: &Core, uri: &str, via: &NextHop) -> Option<Hop> {
        let uri = sip::Uri::parse(uri)?;
        let transport = match uri.transport() {
            Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
            Some(name) if name.eq_ignore_ascii_case("tls") => Transport::Tls,
            Some(_) => Transport::Udp,
            None if uri.is_sips() => Transport::Tls,
            None => via.transport,
        };
        let known: Vec<Hop> = core.groups.iter().flat_map(|group| group.known_hops(self)).collect();
        let port = |default: u16| uri.port().unwrap_or(default);
        let found = known.iter().find(|hop| match uri.ip() {
            Some(ip) => hop.addr.ip() == ip,
            None => hop.server.eq_ignore_ascii_case(uri.host()),
        })?;
        let standard = if transport == Transport::Tls { 5061 } else { 5060 };
        let addr = SocketAddr::new(found.addr.ip(), port(standard));
        Some(Arc::new(NextHop { transport, addr, ..(**found).clone() }))
    }

    /// Answers a request of a dialog, or one that opens none.
    pub(crate) fn answer(
        &mut self,
        key: &TransactionKey,
        request: &Request,
        said: (u16, &str),
        tag: Option<&str>,
    ) {
        let Some(way) = self.source(key) else { return };
        let writer = Writer::response(request, said.0, said.1, tag, way);
        let bytes = writer.header("User-Agent", crate::USER_AGENT).finish(None);
        self.respond(key, said.0, &bytes);
    }

    /// Answers an INVITE that opens a dialog, with our tag.
    pub(crate) fn answer_tagged(
        &mut self,
        key: &TransactionKey,
        request: &Request,
        said: (u16, &str),
        tag: &str,
    ) {
        let Some(way) = self.source(key) else { return };
        let writer = Writer::response(request, said.0, said.1, Some(tag), way);
        let bytes = writer
            .record_routes_of(request)
            .header("Allow", crate::ALLOW)
            .header("User-Agent", crate::USER_AGENT)
            .finish(None);
        self.respond(key, said.0, &bytes);
    }

    /// Accepts an INVITE with our session description.
    pub(crate) fn accept(
        &mut self,
        key: &TransactionKey,
        request: &Request,
        (tag, contact): (&str, &str),
        body: &str,
    ) {
        let Some(way) = self.source(key) else { return };
        let writer = Writer::response(request, 200, "OK", Some(tag), way);
        let bytes = writer
            .record_routes_of(request)
            .header("Contact", format_args!("<{contact}>"))
            .header("Allow", crate::ALLOW)
            .header("User-Agent", crate::USER_AGENT)
            .finish(Some(("application/sdp", body.as_bytes())));
        self.respond(key, 200, &bytes);
    }

    /// Accepts a re-INVITE or UPDATE.
    pub(crate) fn answer_with_contact(
        &mut self,
        key: &TransactionKey,
        request: &Request,
        contact: &str,
        body: Option<&str>,
    ) {
        let Some(way) = self.source(key) else { return };
        let writer = Writer::response(request, 200, "OK", None, way)
            .header("Contact", format_args!("<{contact}>"))
            .header("User-Agent", crate::USER_AGENT);
        let bytes = writer.finish(body.map(|body| ("application/sdp", body.as_bytes())));
        self.respond(key, 200, &bytes);
    }

    /// Who sent the request of a transaction; none where that is over.
    fn source(&self, key: &TransactionKey) -> Option<SocketAddr> {
        self.shared.uas.route(key).map(|way| way.from())
    }

    fn respond(&mut self, key: &TransactionKey, status: u16, bytes: &bytes::Bytes) {
        if let sip::transaction::Sent::To(way) =
            self.shared.uas.respond(self.now, key, status, bytes)
        {
            self.shared.out.push_back(way.output(bytes.clone()));
        }
    }

    /// The URI of our Contact for a dialog through `hop` of `group`.
    pub(crate) fn contact_for(&self, core: &Core, group: usize, hop: &NextHop) -> String {
        let local = self.shared.locals.udp_for(hop.addr).map_or(hop.addr, |(_, local)| local);
        let local = crate::account::contact_address(self, hop.transport, local, hop.addr);
        core.identity().contact_uri(hop.transport, local, core.registration(group).line)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.device.busy == 0
    }

    /// A span of 80 to 100 % of `whole`, so that phones do not retry in step.
    pub(crate) fn jittered(&mut self, whole: Duration) -> Duration {
        whole.mul_f64(0.8 + 0.2 * self.shared.rng.unit())
    }
}

/// How an attempt ended, for its event.
pub(crate) struct Ending {
    pub(crate) sent: u16,
    pub(crate) outcome: Outcome,
    pub(crate) status: Option<u16>,
    pub(crate) why: Option<Why>,
    pub(crate) elapsed: Duration,
}
