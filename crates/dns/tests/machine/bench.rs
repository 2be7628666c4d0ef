//! A resolver whose name servers are played by the test.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use dns::{
    Asked, Data, DomainName, Flags, Freshness, Message, Mode, Question, Rcode, Record, RecordType,
    Reply, Resolver, ResolverConfig, Soa,
};
use net::{Conn, Input, Instant, Output, Rng, Socket};

pub(crate) struct Bench {
    pub(crate) now: Instant,
    pub(crate) resolver: Resolver,
    pub(crate) config: ResolverConfig,
    pub(crate) replies: Vec<(Question, Reply)>,
    pub(crate) sent: Vec<Sent>,
}

/// What the resolver did to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Open(Socket, SocketAddr),
    Datagram(Socket, SocketAddr, Bytes),
    CloseAsk(Socket),
    Connect(Conn, SocketAddr, Instant),
    Write(Conn, Bytes),
    Close(Conn),
}

/// A datagram as it was sent, and what it asks.
#[derive(Clone, Debug)]
pub(crate) struct Datagram {
    pub(crate) socket: Socket,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
    pub(crate) query: Message,
}

pub(crate) fn server(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number], 53))
}

pub(crate) fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

pub(crate) fn a(text: &str) -> Question {
    Question::new(name(text), RecordType::A)
}

pub(crate) fn record(owner: &str, ttl_s: u32, data: Data) -> Record {
    Record { name: name(owner), ttl_s, data }
}

pub(crate) fn address(owner: &str, ttl_s: u32, last: u8) -> Record {
    record(owner, ttl_s, Data::A([192, 0, 2, last].into()))
}

pub(crate) fn alias(owner: &str, to: &str) -> Record {
    record(owner, 300, Data::Cname(name(to)))
}

pub(crate) fn soa(owner: &str, ttl_s: u32, minimum: u32) -> Record {
    let (mname, rname) = (name("ns.test"), name("host.test"));
    let times = Soa { mname, rname, serial: 1, refresh: 1, retry: 1, expire: 1, minimum };
    record(owner, ttl_s, Data::Soa(Box::new(times)))
}

/// A response to `query`, without records.
pub(crate) fn response(query: &Message, rcode: Rcode) -> Message {
    Message {
        flags: Flags { response: true, recursion_available: true, ..query.flags },
        rcode,
        udp_size: None,
        ..query.clone()
    }
}

pub(crate) fn answer(query: &Message, answers: Vec<Record>) -> Message {
    Message { answers, ..response(query, Rcode::NoError) }
}

pub(crate) fn bytes(message: &Message) -> Bytes {
    message.encode(65_535)
}

/// A query with the name in another case than it was asked.
pub(crate) fn folded(query: &Message) -> Message {
    let asked = query.asked.clone().map(|asked| Asked::plain(asked.question));
    Message { asked, ..query.clone() }
}

impl Bench {
    pub(crate) fn new(servers: u8) -> Self {
        let name_servers = (1..=servers).map(server).collect();
        Self::with(ResolverConfig { name_servers, ..ResolverConfig::default() })
    }

    pub(crate) fn with(config: ResolverConfig) -> Self {
        Self {
            now: Instant::from_secs(1000),
            resolver: Resolver::new(config.clone(), Rng::new(11)),
            config,
            replies: Vec::new(),
            sent: Vec::new(),
        }
    }

    pub(crate) fn ask(&mut self, question: &Question) {
        self.ask_as(question, Mode::Answers);
    }

    pub(crate) fn ask_as(&mut self, question: &Question, mode: Mode) {
        self.resolver.ask(self.now, question, mode);
        self.drain();
    }

    pub(crate) fn look(&mut self, question: &Question) -> Option<Reply> {
        self.look_as(question, Mode::Answers)
    }

    pub(crate) fn look_as(&mut self, question: &Question, mode: Mode) -> Option<Reply> {
        let reply = self.resolver.look(self.now, question, mode, Freshness::Valid);
        self.drain();
        reply
    }

    pub(crate) fn handle(&mut self, input: Input<'_>) {
        assert!(matches!(input, Input::Timeout) || Resolver::owns(&input));
        self.resolver.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass, with all that is due meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((due, _)) = self.resolver.next_timeout().filter(|(due, _)| *due <= end) {
            self.now = due;
            self.handle(Input::Timeout);
        }
        self.now = end;
    }

    /// The datagrams sent since the last call of this or of `sent`.
    pub(crate) fn datagrams(&mut self) -> Vec<Datagram> {
        let sent = std::mem::take(&mut self.sent).into_iter();
        sent.filter_map(|one| match one {
            Sent::Datagram(socket, to, bytes) => {
                let query = Message::parse(&bytes).unwrap();
                Some(Datagram { socket, to, bytes, query })
            }
            Sent::Open(..)
            | Sent::CloseAsk(_)
            | Sent::Connect(..)
            | Sent::Write(..)
            | Sent::Close(_) => None,
        })
        .collect()
    }

    pub(crate) fn datagram(&mut self) -> Datagram {
        let mut all = self.datagrams();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }

    pub(crate) fn take_sent(&mut self) -> Vec<Sent> {
        std::mem::take(&mut self.sent)
    }

    /// Delivers a message to the socket of a datagram, from where that was sent to.
    pub(crate) fn deliver(&mut self, to: &Datagram, message: &Message) {
        self.deliver_bytes(to, &bytes(message));
    }

    pub(crate) fn deliver_bytes(&mut self, to: &Datagram, bytes: &[u8]) {
        self.handle(Input::Datagram { socket: to.socket, from: to.to, bytes });
    }

    pub(crate) fn reply(&mut self) -> Reply {
        assert_eq!(self.replies.len(), 1, "{:?}", self.replies);
        self.replies.remove(0).1
    }

    /// The addresses of the one reply, or why there are none.
    pub(crate) fn outcome(&mut self) -> String {
        match self.reply() {
            Reply::Answer(answer) if answer.records().is_empty() => format!("{:?}", answer.verdict),
            Reply::Answer(answer) => {
                let says: Vec<String> =
                    answer.records().iter().map(|record| record.data.to_string()).collect();
                says.join(" ")
            }
            Reply::Failed(failure) => failure.why.to_string(),
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.resolver.poll_output() {
            self.sent.push(match output {
                Output::OpenAsk { socket, to } => Sent::Open(socket, to),
                Output::Datagram { socket, to, bytes } => Sent::Datagram(socket, to, bytes),
                Output::CloseAsk { socket } => Sent::CloseAsk(socket),
                Output::Connect { conn, to, deadline } => Sent::Connect(conn, to.addr, deadline),
                Output::Write { conn, bytes } => Sent::Write(conn, bytes),
                Output::Close { conn } => Sent::Close(conn),
                Output::Event(answered) => {
                    self.replies.push((answered.question, answered.reply));
                    continue;
                }
                Output::Route { .. } => panic!("a resolver asks for no routes"),
            });
        }
    }
}
