use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use net::{Conn, Input, Instant, Node, Output, Reason, Rng, Transport};

use super::{Found, Zone};
use crate::{DomainName, Flags, Message, Rcode, Record, RecordType};

/// An authoritative name server over UDP and TCP, with faults on command.
///
/// To be dead rather than silent is its executor's business: a closed socket is none of a node's.
#[derive(Debug)]
pub struct NameServer {
    zone: Zone,
    faults: Faults,
    rng: Rng,
    queries: VecDeque<Query>,
    next_seq: u64,
    streams: BTreeMap<Conn, Stream>,
    /// Responses held back by [`NameServerCommand::Slow`], by when they leave.
    held: VecDeque<(Instant, Output<Query>)>,
    out: VecDeque<Output<Query>>,
}

/// What a [`NameServer`] can be told; faults add up until [`NameServerCommand::Heal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameServerCommand {
    /// No name exists.
    Nxdomain,
    /// Every question fails.
    Servfail,
    /// Nothing is answered; queries are still counted.
    Silent,
    /// Every record has this TTL in seconds.
    Ttl(u32),
    /// Other records take the place of the zone's.
    Records(Zone),
    /// Answers leave so much later.
    Slow(Duration),
    /// So many of a hundred datagrams are lost before they are seen.
    Loss(u8),
    /// No answer fits into a datagram.
    Truncate,
    /// Ends all faults.
    Heal,
}

/// A question that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Counts queries from 1.
    pub seq: u64,
    /// When it came.
    pub at: Instant,
    /// The name asked about.
    pub name: DomainName,
    /// The type asked for.
    pub kind: RecordType,
    /// Who asked.
    pub from: SocketAddr,
    /// UDP or TCP.
    pub transport: Transport,
    /// What was answered; none while silent.
    pub answered: Option<Rcode>,
}

#[derive(Clone, Debug, Default)]
struct Faults {
    nxdomain: bool,
    servfail: bool,
    silent: bool,
    truncate: bool,
    ttl_s: Option<u32>,
    records: Option<Zone>,
    slow: Duration,
    loss_percent: u8,
}

#[derive(Debug)]
struct Stream {
    from: SocketAddr,
    received: Vec<u8>,
}

impl NameServer {
    /// Queries that [`NameServer::queries`] keeps.
    pub const QUERIES_MAX: usize = 10_000;
    /// Connections open at a time.
    pub const STREAMS_MAX: usize = 100;
    /// Responses held back at a time.
    pub const HELD_MAX: usize = 4096;

    /// A server for `zone`; the generator serves only the fault [`NameServerCommand::Loss`].
    #[must_use]
    pub fn new(zone: Zone, rng: Rng) -> Self {
        Self {
            zone,
            faults: Faults::default(),
            rng,
            queries: VecDeque::new(),
            next_seq: 1,
            streams: BTreeMap::new(),
            held: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// The last queries, oldest first.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        self.queries.iter()
    }

    fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Option<Bytes> {
        if self.rng.below(100) < u64::from(self.faults.loss_percent) {
            return None;
        }
        let query = Message::parse(bytes).ok()?;
        let limit =
            query.udp_size.unwrap_or(Message::UDP_MAX).clamp(Message::UDP_MAX, Message::EDNS_MAX);
        let limit = if self.faults.truncate { 0 } else { usize::from(limit) };
        let response = self.respond(now, &query, from, Transport::Udp)?;
        Some(response.encode(limit))
    }

    fn on_chunk(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        stream.received.extend_from_slice(bytes);
        let from = stream.from;
        while let Some(message) = self.streams.get_mut(&conn).and_then(Stream::next) {
            let Ok(query) = Message::parse(&message) else {
                self.streams.remove(&conn);
                return self.out.push_back(Output::Close { conn });
            };
            let Some(response) = self.respond(now, &query, from, Transport::Tcp) else { continue };
            let response = response.encode(usize::from(u16::MAX));
            let mut framed = BytesMut::with_capacity(response.len() + 2);
            framed.put_u16(u16::try_from(response.len()).unwrap_or(0));
            framed.put_slice(&response);
            self.send(now, Output::Write { conn, bytes: framed.freeze() });
        }
    }

    /// The response to a message; none to a response, and none while silent.
    fn respond(
        &mut self,
        now: Instant,
        query: &Message,
        from: SocketAddr,
        transport: Transport,
    ) -> Option<Message> {
        if query.flags.response {
            return None;
        }
        let found = self.find(query);
        if let Some(asked) = &query.asked {
            let answered = (!self.faults.silent).then_some(found.rcode);
            let (name, kind) = (asked.question.name.clone(), asked.question.kind);
            let seq = self.next_seq;
            self.next_seq += 1;
            self.log(Query { seq, at: now, name, kind, from, transport, answered });
        }
        (!self.faults.silent).then(|| Message {
            id: query.id,
            flags: Flags {
                response: true,
                authoritative: matches!(found.rcode, Rcode::NoError | Rcode::NxDomain),
                recursion_desired: query.flags.recursion_desired,
                ..Flags::default()
            },
            rcode: found.rcode,
            asked: query.asked.clone(),
            answers: self.timed(found.answers),
            authority: self.timed(found.authority),
            additional: self.timed(found.additional),
            udp_size: query.udp_size.map(|_| Message::EDNS_MAX),
        })
    }

    fn find(&self, query: &Message) -> Found {
        let zone = self.faults.records.as_ref().unwrap_or(&self.zone);
        match &query.asked {
            _ if query.flags.other_opcode => Found::empty(Rcode::NotImp, Vec::new()),
            None => Found::empty(Rcode::FormErr, Vec::new()),
            Some(_) if self.faults.servfail => Found::empty(Rcode::ServFail, Vec::new()),
            Some(asked) if self.faults.nxdomain => zone.deny(&asked.question.name),
            Some(asked) => zone.find(&asked.question),
        }
    }

    fn timed(&self, mut records: Vec<Record>) -> Vec<Record> {
        for record in &mut records {
            record.ttl_s = self.faults.ttl_s.unwrap_or(record.ttl_s);
        }
        records
    }

    fn log(&mut self, query: Query) {
        if self.queries.len() == Self::QUERIES_MAX {
            self.queries.pop_front();
        }
        self.out.push_back(Output::Event(query.clone()));
        self.queries.push_back(query);
    }

    fn send(&mut self, now: Instant, response: Output<Query>) {
        if self.faults.slow.is_zero() {
            self.out.push_back(response);
        } else if self.held.len() < Self::HELD_MAX {
            let due = now + self.faults.slow;
            let place = self.held.partition_point(|(other, _)| *other <= due);
            self.held.insert(place, (due, response));
        }
    }
}

impl Node for NameServer {
    type Command = NameServerCommand;
    type Event = Query;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => {
                while self.held.front().is_some_and(|(due, _)| *due <= now) {
                    self.out.extend(self.held.pop_front().map(|(_, response)| response));
                }
            }
            Input::Datagram { socket, from, bytes } => {
                if let Some(bytes) = self.on_datagram(now, from, bytes) {
                    self.send(now, Output::Datagram { socket, to: from, bytes });
                }
            }
            Input::Accepted { conn, from, .. } => {
                if self.streams.len() < Self::STREAMS_MAX {
                    self.streams.insert(conn, Stream { from, received: Vec::new() });
                } else {
                    self.out.push_back(Output::Close { conn });
                }
            }
            Input::Chunk { conn, bytes } => self.on_chunk(now, conn, bytes),
            Input::Closed { conn, .. } => {
                self.streams.remove(&conn);
            }
            Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Route { .. }
            | Input::Connected { .. } => {}
        }
    }

    fn command(&mut self, _now: Instant, command: Self::Command) {
        match command {
            NameServerCommand::Nxdomain => self.faults.nxdomain = true,
            NameServerCommand::Servfail => self.faults.servfail = true,
            NameServerCommand::Silent => self.faults.silent = true,
            NameServerCommand::Truncate => self.faults.truncate = true,
            NameServerCommand::Ttl(seconds) => self.faults.ttl_s = Some(seconds),
            NameServerCommand::Records(zone) => self.faults.records = Some(zone),
            NameServerCommand::Slow(delay) => self.faults.slow = delay,
            NameServerCommand::Loss(percent) => self.faults.loss_percent = percent,
            NameServerCommand::Heal => self.faults = Faults::default(),
        }
    }

    fn poll_output(&mut self) -> Option<Output<Query>> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.held.front().map(|(due, _)| (*due, Reason("answer of a slow name server")))
    }
}

impl Stream {
    /// Takes the next whole message out of what was received.
    fn next(&mut self) -> Option<Vec<u8>> {
        let (length, rest) = self.received.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let message = rest.get(..length)?.to_vec();
        self.received.drain(..2 + length);
        Some(message)
    }
}
