//! The registrar and proxy: one server of the lab.

mod branch;
mod forward;
mod proxy;
mod register;
mod targets;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::{Input, Instant, Node, Output, Peer, Reason, Rng, Transport};
use sip::digest::Asker;
use sip::transaction::{Received, Sent, ServerEvent, ServerTransactions, TransactionKey};
use sip::{Frame, Message, Method, Request, Writer, parse_datagram};

use crate::authentication::{Authentication, Authenticator, DigestScope, Judgement};
use crate::config::Config;
use crate::fault::{ActiveFault, Fault, FaultPlan, Treatment};
use crate::location::{Database, Flow};
use crate::reply::{Reply, reason};
use crate::requests::{RequestLog, RequestRow};
use crate::streams::{Streams, Written};
use proxy::Proxy;

/// A registrar with digest, and a proxy for its domain: transaction-stateful, record-routing,
/// forking. It knows no dialogs.
#[derive(Debug)]
pub struct Registrar {
    config: Config,
    name: Arc<str>,
    users: BTreeSet<Box<str>>,
    database: Database,
    authenticator: Option<Authenticator>,
    faults: FaultPlan,
    requests: RequestLog,
    transactions: ServerTransactions<Route>,
    proxy: Proxy,
    streams: Streams,
    held: BTreeMap<(Instant, u64), Held>,
    holds: u64,
    outputs: VecDeque<Output<Event>>,
    rng: Rng,
    loss: Rng,
}

/// What the owner of a registrar can order.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Begins a fault; the number is the owner's and names it in [`Command::Heal`]. Faults that the
    /// executor or the name server carries out do nothing here; [`Fault::Heal`] ends all.
    Fault {
        /// Its number.
        id: u64,
        /// What is wrong.
        fault: Fault,
        /// The method it concerns; all if `None`.
        method: Option<Method>,
        /// How long; for ever if `None`.
        lasts: Option<Duration>,
    },
    /// Ends one fault.
    Heal(u64),
}

/// What a registrar tells its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A contact was bound that was not bound before.
    Bound {
        /// The address-of-record.
        aor: Box<str>,
        /// The URI of the contact.
        contact: Box<str>,
        /// For how long, in seconds.
        expires_s: u32,
    },
    /// A contact asked to be removed.
    Unbound {
        /// The address-of-record.
        aor: Box<str>,
        /// The URI of the contact, or `*`.
        contact: Box<str>,
    },
    /// A limit was reached and something was refused or dropped.
    LimitReached(&'static str),
}

/// A binding as the lab shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRow {
    /// The server that took it.
    pub server: Box<str>,
    /// The address-of-record.
    pub aor: Box<str>,
    /// The contact as the phone wrote it, without `expires`.
    pub contact: Box<str>,
    /// The seconds it has left, rounded up.
    pub expires_in_s: u64,
}

/// Where the responses to a request go, and which row of the log they answer.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    flow: Flow,
    row: u64,
    method: Method,
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    flow: Flow,
    from: SocketAddr,
    transport: Transport,
}

/// A message that a slow server has not looked at yet.
#[derive(Debug)]
struct Held {
    arrival: Arrival,
    message: Message,
    row: u64,
}

/// A request of a transaction that waits for its answer.
struct Pending {
    key: TransactionKey,
    request: Request,
    arrival: Arrival,
    route: Route,
}

impl Registrar {
    /// A registrar with its bindings in `database`, at the sockets that `config` names.
    #[must_use]
    pub fn new(config: Config, database: Database, rng: Rng) -> Self {
        let authenticator = match &config.authentication {
            Authentication::None => None,
            Authentication::Digest(policy) => {
                let rng = rng.fork("nonce");
                Some(Authenticator::new(&config.domain, policy, &config.users, rng))
            }
        };
        Self {
            name: (&*config.name).into(),
            users: config.users.iter().map(|user| user.name.clone()).collect(),
            database,
            authenticator,
            faults: FaultPlan::default(),
            requests: RequestLog::new(config.log_limit),
            transactions: ServerTransactions::new(TRANSACTIONS_MAX, config.timings),
            proxy: Proxy::default(),
            streams: Streams::default(),
            held: BTreeMap::new(),
            holds: 0,
            outputs: VecDeque::new(),
            loss: rng.fork("loss"),
            rng: rng.fork("tags"),
            config,
        }
    }

    /// What it was given at its start.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The requests that it received, oldest first, muted ones included.
    pub fn requests(&self) -> impl DoubleEndedIterator<Item = &RequestRow> {
        self.requests.rows()
    }

    /// The bindings that it took and that have not run out.
    #[must_use]
    pub fn bindings(&self, now: Instant) -> Vec<BindingRow> {
        let locations = self.database.lock();
        let own = locations.all(now).filter(|(_, binding)| binding.home.server == self.name);
        own.map(|(aor, binding)| BindingRow {
            server: self.config.name.clone(),
            aor: aor.into(),
            contact: format!("<{}>{}", binding.uri, binding.params).into(),
            expires_in_s: binding.seconds_left(now),
        })
        .collect()
    }

    /// The faults in force, oldest first.
    pub fn faults(&self, now: Instant) -> impl Iterator<Item = &ActiveFault> {
        self.faults.active(now)
    }

    fn take_datagram(&mut self, now: Instant, arrival: Arrival, bytes: &[u8]) {
        match parse_datagram(bytes) {
            Ok(message) => {
                if !self.is_lost(now, arrival.flow, method_of(&message)) {
                    self.take(now, arrival, message);
                }
            }
            Err(fault) => {
                if let Some(refusal) = fault.refusal {
                    self.refuse(now, arrival, &refusal);
                }
            }
        }
    }

    fn take_chunk(&mut self, now: Instant, conn: net::Conn, bytes: &[u8]) {
        let Some((transport, from)) = self.streams.peer(conn) else { return };
        let arrival = Arrival { flow: Flow::Stream(conn), from, transport };
        self.streams.push(conn, bytes);
        while let Some(frame) = self.streams.next_frame(conn) {
            match frame {
                Frame::Message(message) => self.take(now, arrival, message),
                // RFC 5626 §4.4.1.
                Frame::Ping => self.send(now, arrival.flow, &Method::Options, PONG),
                Frame::Pong => {}
                Frame::Fault(fault) => {
                    if let Some(refusal) = fault.refusal {
                        self.refuse(now, arrival, &refusal);
                    }
                }
            }
        }
        if self.streams.is_broken(conn) {
            self.streams.closed(conn);
            self.outputs.push_back(Output::Close { conn });
        }
    }

    /// Answers what is no message that could be acted on.
    fn refuse(&mut self, now: Instant, arrival: Arrival, refusal: &sip::Refusal) {
        let bytes = refusal.to_bytes(&self.tag(), arrival.from);
        self.send(now, arrival.flow, &Method::Other("".into()), bytes);
    }

    /// Takes a message that has come: notes it, and acts on it as the faults of the moment permit.
    fn take(&mut self, now: Instant, arrival: Arrival, message: Message) {
        let row = match &message {
            Message::Request(request) => {
                self.requests.note(now, arrival.from, arrival.transport, request)
            }
            Message::Response(_) => 0,
        };
        let method = method_of(&message);
        if self.faults.is_mute(now, method) {
            return;
        }
        let delay = self.faults.delay(now, method);
        if delay.is_zero() {
            self.act(now, arrival, message, row);
        } else if self.held.len() < HELD_MAX {
            self.holds += 1;
            self.held.insert((now + delay, self.holds), Held { arrival, message, row });
        } else {
            self.outputs.push_back(Output::Event(Event::LimitReached("messages held back")));
        }
    }

    fn act(&mut self, now: Instant, arrival: Arrival, message: Message, row: u64) {
        match message {
            Message::Request(request) => self.act_on_request(now, arrival, request, row),
            Message::Response(response) => self.act_on_response(now, &response),
        }
    }

    fn act_on_request(&mut self, now: Instant, arrival: Arrival, request: Request, row: u64) {
        let flow = response_flow(&arrival, &request);
        let route = Route { flow, row, method: request.method().clone() };
        match self.transactions.receive(now, &request, arrival.transport, route.clone()) {
            Received::New { key, cancels } => {
                self.answer(now, Pending { key, request, arrival, route }, cancels);
            }
            Received::Repeated(Some(bytes)) => {
                self.requests.answer(row, status_of(&bytes));
                self.send(now, flow, &route.method, bytes);
            }
            Received::Repeated(None) | Received::Acknowledged => {}
            Received::Ack => self.forward_ack(now, &arrival, &request),
            Received::Full => {
                let bytes = self.write(&request, arrival.from, Reply::new(503));
                self.requests.answer(row, 503);
                self.send(now, flow, &route.method, bytes);
                self.outputs.push_back(Output::Event(Event::LimitReached("transactions")));
            }
        }
    }

    /// Answers a new request, or has it answered by those it is for.
    fn answer(&mut self, now: Instant, pending: Pending, cancels: Option<TransactionKey>) {
        if let Some(reply) = self.fault_reply(now, &pending.request) {
            self.respond(now, &pending, reply);
            return;
        }
        if *pending.request.method() == Method::Cancel {
            self.answer_cancel(now, &pending, cancels);
            return;
        }
        self.serve(now, pending);
    }

    fn answer_cancel(&mut self, now: Instant, pending: &Pending, cancels: Option<TransactionKey>) {
        // RFC 3261 §9.2.
        let status = if cancels.is_some() { 200 } else { 481 };
        self.respond(now, pending, Reply::new(status));
        if let Some(invite) = cancels {
            self.cancel_call(now, &invite);
        }
    }

    /// The answer that a fault dictates.
    fn fault_reply(&mut self, now: Instant, request: &Request) -> Option<Reply> {
        match self.faults.treatment(now, request.method()) {
            Treatment::Normal => None,
            Treatment::Status(code, retry_after) => {
                let reply = Reply::new(code);
                Some(match retry_after {
                    Some(seconds) => reply.with("Retry-After", seconds),
                    None => reply,
                })
            }
            Treatment::Loop401 => Some(self.challenge(now, Asker::Server, false)),
            Treatment::Stale => {
                let answered = request.header("Authorization").is_some();
                Some(self.challenge(now, Asker::Server, answered))
            }
        }
    }

    /// 401 or 407 with a fresh nonce.
    fn challenge(&mut self, now: Instant, asker: Asker, stale: bool) -> Reply {
        let (status, name) = match asker {
            Asker::Server => (401, "WWW-Authenticate"),
            Asker::Proxy => (407, "Proxy-Authenticate"),
        };
        let authenticator = self.authenticator.get_or_insert_with(|| {
            let rng = self.rng.fork("nonce");
            Authenticator::new(&self.config.domain, &crate::DigestPolicy::default(), &[], rng)
        });
        let challenges = authenticator.challenges(now, asker, stale);
        challenges.iter().fold(Reply::new(status), |reply, challenge| reply.with(name, challenge))
    }

    /// Who sent a request, or what to answer instead.
    fn authenticate(
        &mut self,
        now: Instant,
        request: &Request,
        asker: Asker,
    ) -> Result<Option<Box<str>>, Reply> {
        if let Authentication::None = self.config.authentication {
            return Ok(None);
        }
        let Some(authenticator) = &mut self.authenticator else { return Ok(None) };
        match authenticator.judge(now, request, asker) {
            Judgement::User(name) => Ok(Some(name)),
            Judgement::Missing => Err(self.challenge(now, asker, false)),
            Judgement::Stale => Err(self.challenge(now, asker, true)),
            Judgement::Wrong => Err(Reply::new(403)),
        }
    }

    /// Whether a request that is to be forwarded needs credentials.
    fn needs_credentials(&self, pending: &Pending) -> bool {
        let Authentication::Digest(policy) = &self.config.authentication else { return false };
        let from = sip::Uri::parse(pending.request.from_uri());
        policy.scope == DigestScope::AllOfOurs
            && pending.request.to_tag().is_none()
            && !self.config.peers.contains(&pending.arrival.from.ip())
            && from.is_some_and(|from| self.config.serves(from.host()))
    }

    /// Writes a reply and sends it as the response of its transaction.
    fn respond(&mut self, now: Instant, pending: &Pending, reply: Reply) {
        let status = reply.status;
        let bytes = self.write(&pending.request, pending.arrival.from, reply);
        self.send_response(now, &pending.key, status, bytes);
    }

    fn send_response(&mut self, now: Instant, key: &TransactionKey, status: u16, bytes: Bytes) {
        if let Sent::To(route) = self.transactions.respond(now, key, status, &bytes) {
            self.requests.answer(route.row, status);
            self.send(now, route.flow, &route.method, bytes);
        }
    }

    fn write(&mut self, request: &Request, from: SocketAddr, reply: Reply) -> Bytes {
        let tag = (reply.status > 100).then(|| self.tag());
        let writer =
            Writer::response(request, reply.status, reason(reply.status), tag.as_deref(), from);
        reply.headers.iter().fold(writer, |w, (name, value)| w.header(name, value)).finish(None)
    }

    /// Sends a message of a method; a mute server sends nothing, a lossy one loses some.
    fn send(&mut self, now: Instant, flow: Flow, method: &Method, bytes: Bytes) {
        if self.faults.is_mute(now, method) || self.is_lost(now, flow, method) {
            return;
        }
        match flow {
            Flow::Datagram { socket, to } => {
                self.outputs.push_back(Output::Datagram { socket, to, bytes });
            }
            Flow::Stream(conn) => match self.streams.write(conn, bytes) {
                Written::Now(bytes) => self.outputs.push_back(Output::Write { conn, bytes }),
                Written::Later | Written::Never => {}
            },
        }
    }

    /// Opens a connection, or finds the one that is there.
    fn stream_to(&mut self, now: Instant, transport: Transport, addr: SocketAddr) -> Flow {
        if let Some(conn) = self.streams.to(transport, addr) {
            return Flow::Stream(conn);
        }
        let conn = self.streams.opening(transport, addr);
        let name = addr.ip().to_string().into();
        let to = Peer { transport, addr, name, owner: 0 };
        self.outputs.push_back(Output::Connect { conn, to, deadline: now + CONNECT_TIME });
        Flow::Stream(conn)
    }

    /// Whether a datagram is lost by a fault.
    fn is_lost(&mut self, now: Instant, flow: Flow, method: &Method) -> bool {
        let percent = self.faults.loss_percent(now, method);
        let datagram = matches!(flow, Flow::Datagram { .. });
        datagram && percent > 0 && self.loss.below(100) < u64::from(percent)
    }

    fn timeout(&mut self, now: Instant) {
        while let Some(entry) = self.held.first_entry()
            && entry.key().0 <= now
        {
            let Held { arrival, message, row } = entry.remove();
            if !self.faults.is_mute(now, method_of(&message)) {
                self.act(now, arrival, message, row);
            }
        }
        let mut events = Vec::new();
        self.transactions.handle_timeout(now, &mut events);
        for event in events {
            match event {
                ServerEvent::Send { route, bytes } => {
                    self.send(now, route.flow, &route.method, bytes);
                }
                // RFC 3261 §17.2.1: Timer H; nobody is to be told.
                ServerEvent::NotAcknowledged(_) => {}
            }
        }
        self.branches_due(now);
    }

    fn tag(&mut self) -> String {
        format!("{:016x}", self.rng.next_u64())
    }
}

impl Node for Registrar {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => self.timeout(now),
            Input::Datagram { socket, from, bytes } => {
                let flow = Flow::Datagram { socket, to: from };
                let arrival = Arrival { flow, from, transport: Transport::Udp };
                self.take_datagram(now, arrival, bytes);
            }
            Input::Unreachable { socket, to, quoted, .. } => {
                self.undelivered(now, Flow::Datagram { socket, to }, Some(quoted));
            }
            Input::Accepted { conn, transport, from, .. } => {
                self.streams.accepted(conn, transport, from);
            }
            Input::Connected { conn, .. } => {
                for bytes in self.streams.connected(conn) {
                    self.outputs.push_back(Output::Write { conn, bytes });
                }
            }
            Input::Chunk { conn, bytes } => self.take_chunk(now, conn, bytes),
            Input::Closed { conn, .. } => {
                self.streams.closed(conn);
                self.undelivered(now, Flow::Stream(conn), None);
            }
            // What is lost at a full buffer comes again; routes are never asked for.
            Input::Overflow { .. } | Input::Route { .. } => {}
        }
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Fault { fault: Fault::Heal, .. } => self.faults.clear(),
            Command::Fault { id, fault, method, lasts } => {
                let until = lasts.map_or(Instant::FAR, |lasts| now + lasts);
                self.faults.add(ActiveFault { id, fault, method, until });
            }
            Command::Heal(id) => self.faults.remove(id),
        }
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.outputs.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        let held = self.held.keys().next().map(|(at, _)| (*at, Reason("message held back")));
        let transactions =
            self.transactions.next_timeout().map(|(at, _)| (at, Reason("server transaction")));
        let branches = self.proxy.next_timeout().map(|at| (at, Reason("forwarded request")));
        [held, transactions, branches].into_iter().flatten().min()
    }
}

/// RFC 3261 §18.2.2, RFC 3581 §4: where the response to a datagram goes.
fn response_flow(arrival: &Arrival, request: &Request) -> Flow {
    let Flow::Datagram { socket, to } = arrival.flow else { return arrival.flow };
    let Some(via) = request.top_via() else { return arrival.flow };
    if via.params().has("rport") {
        return arrival.flow;
    }
    Flow::Datagram { socket, to: SocketAddr::new(to.ip(), via.port().unwrap_or(5060)) }
}

const fn method_of(message: &Message) -> &Method {
    match message {
        Message::Request(request) => request.method(),
        Message::Response(response) => response.method(),
    }
}

/// The status of a response that this server wrote.
fn status_of(response: &[u8]) -> u16 {
    let digits = response.get(8..11).and_then(|digits| std::str::from_utf8(digits).ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

const PONG: Bytes = Bytes::from_static(b"\r\n");
const TRANSACTIONS_MAX: usize = 65_536;
const HELD_MAX: usize = 10_000;
const CONNECT_TIME: Duration = Duration::from_secs(10);
