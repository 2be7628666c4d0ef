use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use rustls::{ClientConfig, ServerConfig};
use socket2::{Domain, Protocol, SockRef, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant as Deadline;

use net::{Cause, CertificateFault, Conn, Input, Instant, Node, Peer, Transport};

use super::{Answer, Fate, Load, Runner};
use crate::session::{self, Line, TlsPeer, Told, What};
use crate::wire::{Mute, Wire, mute_socket};
use crate::{
    BindError, Bindings, Channel, ConnectionLimit, Credentials, Direction, Notice, Packet,
    ServerCheck, TlsError, TlsSettings, tls,
};

/// The stream connections of a node: those it dialled, those it accepted, and its listeners.
pub(super) struct Streams {
    lines: BTreeMap<Conn, Entry>,
    /// Connections that the node has closed while nothing may leave.
    parked: Vec<Line>,
    crowd: Crowd,
    listeners: Vec<Listener>,
    arrivals: Vec<Arrival>,
    paused_until: Option<Instant>,
    server: Option<Arc<ServerConfig>>,
    client: Option<Arc<ClientConfig>>,
    events: mpsc::Sender<Told>,
    told: mpsc::Receiver<Told>,
    taken: Vec<Told>,
    serial: u64,
}

struct Entry {
    line: Line,
    serial: u64,
    transport: Transport,
    local: SocketAddr,
    remote: SocketAddr,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Dialling,
    Dialled,
    Arriving,
    Accepted,
}

struct Listener {
    transport: Transport,
    socket: TcpListener,
    local: SocketAddr,
}

struct Arrival {
    transport: Transport,
    stream: TcpStream,
    local: SocketAddr,
    remote: SocketAddr,
}

impl Streams {
    /// Opens the listeners, and writes the ports that the system chose into `bindings`.
    pub(super) fn bind(bindings: &mut Bindings) -> Result<Self, BindError> {
        bindings.tls.check()?;
        let (events, told) = mpsc::channel(EVENT_LIMIT);
        Ok(Self {
            lines: BTreeMap::new(),
            parked: Vec::new(),
            crowd: Crowd::default(),
            listeners: listen(&mut bindings.listen)?,
            arrivals: Vec::new(),
            paused_until: None,
            server: server_config(bindings)?,
            client: None,
            events,
            told,
            taken: Vec::with_capacity(CHUNKS_A_TURN),
            serial: 0,
        })
    }

    /// Ready when somebody connected or a session has something to tell.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, fate: Fate) -> Poll<()> {
        if fate == Fate::Up && self.paused_until.is_none() && self.arrivals.is_empty() {
            self.poll_accept(cx);
        }
        // A pause that has just begun has no end yet.
        let paused = self.paused_until == Some(Instant::ZERO);
        let mut ready = paused || !self.arrivals.is_empty() || !self.taken.is_empty();
        if self.taken.is_empty() {
            // Never the end: this side holds a sender.
            ready |= self.told.poll_recv_many(cx, &mut self.taken, CHUNKS_A_TURN).is_ready();
        }
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    /// When accepting goes on after the system had no room for more.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.paused_until
    }

    /// Makes everybody who connects from then on see another certificate.
    pub(super) fn show(&mut self, own: &Credentials) -> Result<(), TlsError> {
        self.server = Some(tls::server_config(own)?);
        Ok(())
    }

    /// Opens the listeners again.
    pub(super) fn listen_again(&mut self, bindings: &mut Bindings) -> Result<(), BindError> {
        self.listeners = listen(&mut bindings.listen)?;
        Ok(())
    }

    /// Cuts everything off; says which connections the node believes it has.
    pub(super) fn cut(&mut self) -> Vec<Conn> {
        self.listeners.clear();
        self.arrivals.clear();
        self.parked.clear();
        self.crowd = Crowd::default();
        let lines = std::mem::take(&mut self.lines);
        let known = |(conn, entry): (Conn, Entry)| (entry.state != State::Arriving).then_some(conn);
        lines.into_iter().filter_map(known).collect()
    }

    /// Lets nothing through, or everything again.
    pub(super) fn mute(&mut self, mute: Mute) {
        for listener in &self.listeners {
            mute_socket(&SockRef::from(&listener.socket), mute);
        }
        for entry in self.lines.values() {
            entry.line.mute(mute);
        }
        for line in self.parked.drain(..).filter(|_| mute == Mute::Off) {
            line.mute(mute);
            line.close();
        }
    }

    /// Closes all connections in order, and waits until they are.
    pub(super) async fn close(mut self) {
        self.listeners.clear();
        for entry in std::mem::take(&mut self.lines).into_values() {
            entry.line.close();
        }
        drop(self.events);
        let all_closed = async { while self.told.recv().await.is_some() {} };
        // Whoever does not read by then is reset as the runtime ends.
        drop(tokio::time::timeout(STOP_PATIENCE, all_closed).await);
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) {
        for listener in &self.listeners {
            let Listener { transport, ref socket, local } = *listener;
            for _ in 0..ARRIVALS_A_TURN {
                match socket.poll_accept(cx) {
                    Poll::Ready(Ok((stream, remote))) => {
                        let local = stream.local_addr().unwrap_or(local);
                        self.arrivals.push(Arrival { transport, stream, local, remote });
                    }
                    // The peer may have gone again; anything else is a want of descriptors or memory.
                    Poll::Ready(Err(error))
                        if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                    Poll::Ready(Err(_)) => {
                        self.paused_until = Some(Instant::ZERO);
                        return;
                    }
                    Poll::Pending => break,
                }
            }
        }
    }

    fn enter(&mut self, conn: Conn, entry: impl FnOnce(Line, u64) -> Entry) -> session::Link {
        let (line, link) = Line::new(conn, self.serial, self.events.clone());
        self.lines.insert(conn, entry(line, self.serial));
        link
    }

    fn remove(&mut self, conn: Conn) -> Option<Entry> {
        let entry = self.lines.remove(&conn)?;
        if matches!(entry.state, State::Arriving | State::Accepted) {
            self.crowd.leave(entry.remote.ip());
        }
        Some(entry)
    }

    /// What a TLS connection to `to` needs.
    fn tls_peer(&mut self, settings: &TlsSettings, to: &Peer) -> Result<Option<TlsPeer>, Cause> {
        if to.transport != Transport::Tls {
            return Ok(None);
        }
        // No certificate can carry what is neither a domain nor an address.
        let wrong = Cause::Certificate(CertificateFault::WrongName);
        let server = tls::server_name(&to.name).ok_or(wrong)?;
        if self.client.is_none() {
            let unknown = Cause::Certificate(CertificateFault::UnknownIssuer);
            self.client = Some(settings.client_config().map_err(|_| unknown)?);
        }
        let verified = (settings.check == ServerCheck::ChainAndName).then(|| Arc::clone(&to.name));
        Ok(self.client.clone().map(|config| TlsPeer { config, server, verified }))
    }
}

impl<N: Node + 'static> Runner<N> {
    /// Takes up those who connected, and what sessions tell.
    pub(super) fn read_streams(&mut self) -> Load {
        self.resume_accepting();
        for arrival in std::mem::take(&mut self.streams.arrivals) {
            self.take_arrival(arrival);
        }
        let mut taken = std::mem::take(&mut self.streams.taken);
        let load = if taken.len() < CHUNKS_A_TURN { Load::Done } else { Load::More };
        for told in taken.drain(..) {
            self.take_told(told);
        }
        self.streams.taken = taken;
        load
    }

    pub(super) fn connect(&mut self, now: Instant, conn: Conn, to: &Peer, deadline: Instant) {
        if self.fate == Fate::Down {
            self.answers.push_back(Answer::Closed { conn, cause: Cause::NoRoute });
            return;
        }
        let tls = match self.streams.tls_peer(&self.bindings.tls, to) {
            Ok(tls) => tls,
            Err(cause) => return self.answers.push_back(Answer::Closed { conn, cause }),
        };
        let (transport, remote) = (to.transport, to.addr);
        let from = self.bindings.source_for(remote.ip());
        self.streams.serial += 1;
        let state = State::Dialling;
        let link = self.streams.enter(conn, |line, serial| {
            let local = SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0));
            Entry { line, serial, transport, local, remote, state }
        });
        let patience = self.clock.real(now.until(deadline)).min(LONGEST_WAIT);
        let deadline = Deadline::now() + patience;
        let muted = self.fate == Fate::Blackhole;
        tokio::spawn(async move {
            if muted {
                return link.stay_unanswered(deadline).await;
            }
            session::dial(link, remote, from, tls, deadline).await;
        });
    }

    pub(super) fn write(&mut self, now: Instant, conn: Conn, bytes: Bytes) {
        // A connection that broke a moment ago: the node is about to hear of it.
        let Some(entry) = self.streams.lines.get(&conn) else { return };
        if self.fate == Fate::Blackhole {
            return;
        }
        if entry.line.write(bytes.clone()).is_err() {
            self.streams.remove(conn);
            self.watch.notice(now, Notice::WriteQueueFull { conn });
            self.answers.push_back(Answer::Closed { conn, cause: Cause::QueueFull });
            return;
        }
        let packet = packet_of(conn, entry, Direction::Sent, &bytes);
        self.watch.packet(now, packet);
    }

    pub(super) fn close(&mut self, conn: Conn) {
        let Some(entry) = self.streams.remove(conn) else { return };
        match self.fate {
            Fate::Blackhole => self.streams.parked.push(entry.line),
            Fate::Up | Fate::Down | Fate::Stopped => entry.line.close(),
        }
    }

    fn resume_accepting(&mut self) {
        let now = self.clock.now();
        match self.streams.paused_until {
            // It is a fresh pause.
            Some(Instant::ZERO) => {
                self.streams.paused_until = Some(now + ACCEPT_PAUSE * self.clock.speed().get());
                self.watch.notice(now, Notice::AcceptPaused);
            }
            Some(until) if until <= now => self.streams.paused_until = None,
            Some(_) | None => {}
        }
    }

    fn take_arrival(&mut self, arrival: Arrival) {
        let Arrival { transport, stream, local, remote } = arrival;
        let tls = match transport {
            Transport::Tls => self.streams.server.clone(),
            Transport::Tcp | Transport::Udp => None,
        };
        // A peer that has gone already leaves a socket that takes no options.
        let Ok(wire) = Wire::new(stream) else { return };
        if self.streams.crowd.enter(remote.ip(), self.bindings.connections_from_one).is_err() {
            wire.reset_on_close();
            let notice = Notice::TooManyConnections { from: remote.ip() };
            return self.watch.notice(self.clock.now(), notice);
        }
        self.streams.serial += 1;
        let conn = Conn(Conn::ACCEPTED | self.streams.serial);
        let state = State::Arriving;
        let link = self.streams.enter(conn, |line, serial| Entry {
            line,
            serial,
            transport,
            local,
            remote,
            state,
        });
        let patience = self.clock.real(HANDSHAKE_PATIENCE);
        tokio::spawn(session::answer(link, wire, local, tls, patience));
    }

    fn take_told(&mut self, told: Told) {
        let Told { conn, serial, what } = told;
        let now = self.clock.now();
        let Some(entry) = self.streams.lines.get_mut(&conn).filter(|entry| entry.serial == serial)
        else {
            return;
        };
        match what {
            What::Ready { local, verified } => {
                let (transport, from) = (entry.transport, entry.remote);
                entry.local = local;
                if entry.state == State::Arriving {
                    entry.state = State::Accepted;
                    self.feed(Input::Accepted { conn, transport, local, from });
                } else {
                    entry.state = State::Dialled;
                    self.feed(Input::Connected { conn, local, verified: verified.as_ref() });
                }
            }
            What::Chunk(bytes) => {
                if self.fate != Fate::Blackhole {
                    let packet = packet_of(conn, entry, Direction::Received, &bytes);
                    self.watch.packet(now, packet);
                    self.feed(Input::Chunk { conn, bytes: &bytes });
                }
            }
            What::Closed(cause) => {
                let (state, from) = (entry.state, entry.remote);
                self.streams.remove(conn);
                if state == State::Arriving {
                    self.watch.notice(now, Notice::HandshakeFailed { from, cause });
                } else {
                    self.feed(Input::Closed { conn, cause });
                }
            }
        }
    }
}

/// How many accepted connections each far end has.
#[derive(Default)]
struct Crowd(BTreeMap<IpAddr, u32>);

struct Full;

impl Crowd {
    fn enter(&mut self, from: IpAddr, limit: ConnectionLimit) -> Result<(), Full> {
        let count = self.0.entry(household(from)).or_default();
        if *count >= limit.0 {
            return Err(Full);
        }
        *count += 1;
        Ok(())
    }

    fn leave(&mut self, from: IpAddr) {
        let from = household(from);
        let left = self.0.get(&from).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            self.0.remove(&from);
        } else {
            self.0.insert(from, left);
        }
    }
}

/// Whoever has one IPv6 address has the 2^64 of its network.
fn household(from: IpAddr) -> IpAddr {
    match from {
        IpAddr::V4(_) => from,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
    }
}

fn packet_of<'a>(conn: Conn, entry: &Entry, direction: Direction, bytes: &'a [u8]) -> Packet<'a> {
    Packet {
        direction,
        transport: entry.transport,
        channel: Channel::Conn(conn),
        local: entry.local,
        remote: entry.remote,
        bytes,
    }
}

fn server_config(bindings: &Bindings) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let wanted = bindings.listen.iter().any(|(transport, _)| *transport == Transport::Tls);
    match &bindings.tls.server {
        Some(own) => tls::server_config(own).map(Some),
        None if wanted => Err(TlsError::NoServerCertificate),
        None => Ok(None),
    }
}

fn listen(wanted: &mut [(Transport, SocketAddr)]) -> Result<Vec<Listener>, BindError> {
    let mut listeners = Vec::new();
    for (transport, addr) in wanted {
        let socket = listener(*addr).map_err(|source| BindError::Address {
            transport: *transport,
            addr: *addr,
            source,
        })?;
        *addr = socket.local_addr()?;
        listeners.push(Listener { transport: *transport, socket, local: *addr });
    }
    Ok(listeners)
}

fn listener(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket =
        socket2::Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // An address whose former connections still fade away is free all the same.
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    TcpListener::from_std(socket.into())
}

const CHUNKS_A_TURN: usize = 64;
const ARRIVALS_A_TURN: usize = 16;
/// What all sessions together may have told that the node has not heard.
const EVENT_LIMIT: usize = 256;
const LISTEN_BACKLOG: i32 = 1024;
/// Behaviour §9: 10 s for a handshake.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);
/// Real time until accepting goes on.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
const STOP_PATIENCE: Duration = Duration::from_secs(2);
/// A deadline that lies further away than this is none.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
