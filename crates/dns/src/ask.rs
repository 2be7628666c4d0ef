use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use net::{Cause, Conn, Input, Instant, Name, Output, Peer, Rng, Socket, Transport};

use crate::answer::{Step, read};
use crate::resolver::{Answered, Counters, ResolverConfig};
use crate::{
    Answer, Asked, DomainName, Fault, Flags, Malformed, Message, Question, Rcode, Record, Verdict,
    WhyFailed,
};

/// One question in flight: at one name server at a time, over one socket or connection of its own.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) question: Question,
    /// Whether somebody wants the additional section, too.
    pub(crate) wants_additionals: bool,
    /// The name that is asked about: that of the question, or what its aliases lead to.
    current: DomainName,
    aliases: Vec<Record>,
    /// Questions sent, one for each name on the way.
    steps: u8,
    /// The name servers still to be asked; the first is being asked.
    servers: VecDeque<SocketAddr>,
    /// Repetitions made at the first.
    retries: u16,
    faults: Vec<(SocketAddr, Fault)>,
    style: Style,
    exchange: Exchange,
}

/// How a query is put to a server that does not understand the usual way.
#[derive(Clone, Copy, Debug)]
struct Style {
    edns: bool,
    /// Letters in random case, which the response repeats: more to guess for an off-path attacker.
    mixed_case: bool,
}

impl Style {
    const USUAL: Self = Self { edns: true, mixed_case: true };
}

/// What is open towards the server being asked.
#[derive(Debug)]
enum Exchange {
    Closed,
    Datagrams { socket: Socket, query: Query, due: Instant },
    Connecting { conn: Conn, query: Query, due: Instant, why: WhyStream },
    Stream { conn: Conn, query: Query, received: Vec<u8>, due: Instant, why: WhyStream },
}

/// Why a question goes over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WhyStream {
    Configured,
    /// The response was truncated.
    Truncated,
    /// The response had the letters of the name in another case: by an attacker, or by a server
    /// that does not keep it, which TCP tells apart.
    Case,
}

/// A query as sent and what its response has to repeat.
#[derive(Clone, Debug)]
struct Query {
    id: u16,
    /// Name, type and class as sent.
    question: Bytes,
    bytes: Bytes,
}

/// What an input came to.
pub(crate) enum Outcome {
    /// The question goes on.
    Open,
    /// It is answered; the message it was read from serves its additional section.
    Answered(Answer, Box<Message>),
    /// It has failed.
    Failed(WhyFailed),
}

/// What a question in flight uses of the resolver.
pub(crate) struct Context<'a> {
    pub(crate) config: &'a ResolverConfig,
    pub(crate) secret: &'a mut Secret,
    pub(crate) numbers: &'a mut Numbers,
    pub(crate) out: &'a mut VecDeque<Output<Answered>>,
    pub(crate) counters: &'a mut Counters,
}

/// Numbers for sockets and connections, none used twice in a row.
#[derive(Debug)]
pub(crate) struct Numbers {
    socket: u32,
    conn: u64,
}

impl Numbers {
    /// The bit that marks connections opened by the resolver.
    pub(crate) const CONN: u64 = 1 << 62;

    pub(crate) const fn new() -> Self {
        Self { socket: Socket::FIRST_ASK, conn: 0 }
    }

    fn socket(&mut self) -> Socket {
        let number = self.socket;
        self.socket = number.checked_add(1).unwrap_or(Socket::FIRST_ASK);
        Socket(number)
    }

    fn conn(&mut self) -> Conn {
        self.conn = (self.conn + 1) % Self::CONN;
        Conn(Self::CONN | self.conn)
    }
}

/// Numbers that an off-path attacker cannot guess from those seen before: the generator is seeded
/// and invertible, so that its draws are hashed with a key (RFC 5452 §9.2).
#[derive(Debug)]
pub(crate) struct Secret {
    key: [u64; 2],
    count: u64,
}

impl Secret {
    pub(crate) fn new(mut rng: Rng) -> Self {
        Self { key: [rng.next_u64(), rng.next_u64()], count: 0 }
    }

    fn byte(&mut self) -> u8 {
        self.count += 1;
        let mut hasher = DefaultHasher::new();
        (self.key, self.count).hash(&mut hasher);
        hasher.finish().to_be_bytes()[0]
    }
}

impl Ask {
    /// A question for the name servers in this order; `begin` sends it.
    pub(crate) fn new(question: Question, servers: VecDeque<SocketAddr>) -> Self {
        Self {
            current: question.name.clone(),
            question,
            wants_additionals: false,
            aliases: Vec::new(),
            steps: 0,
            servers,
            retries: 0,
            faults: Vec::new(),
            style: Style::USUAL,
            exchange: Exchange::Closed,
        }
    }

    /// Asks the first server for the records of the current name.
    pub(crate) fn begin(&mut self, now: Instant, cx: &mut Context<'_>) -> Outcome {
        self.steps = self.steps.saturating_add(1);
        self.retries = 0;
        self.open(now, cx)
    }

    /// Takes an input that `has_socket` or `has_conn` says is for this question, or a time-out.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        input: Input<'_>,
        cx: &mut Context<'_>,
    ) -> Outcome {
        match input {
            Input::Timeout => self.on_time(now, cx),
            Input::Datagram { from, bytes, .. } => self.on_datagram(now, from, bytes, cx),
            Input::Unreachable { to, cause, quoted, .. } => {
                self.on_unreachable(now, (to, cause, quoted), cx)
            }
            Input::Connected { .. } => self.on_connected(now, cx),
            Input::Chunk { bytes, .. } => self.on_chunk(now, bytes, cx),
            Input::Closed { cause, .. } => {
                let why = self.exchange.why_stream();
                self.exchange = Exchange::Closed;
                self.on_stream_failure(now, why, cause, cx)
            }
            Input::Overflow { .. } | Input::Route { .. } | Input::Accepted { .. } => Outcome::Open,
        }
    }

    /// Closes what is open.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.exchange, Exchange::Closed) {
            Exchange::Closed => {}
            Exchange::Datagrams { socket, .. } => cx.out.push_back(Output::CloseAsk { socket }),
            Exchange::Connecting { conn, .. } | Exchange::Stream { conn, .. } => {
                cx.out.push_back(Output::Close { conn });
            }
        }
    }

    /// When the exchange with the server is repeated or given up.
    pub(crate) const fn due(&self) -> Option<Instant> {
        match &self.exchange {
            Exchange::Closed => None,
            Exchange::Datagrams { due, .. }
            | Exchange::Connecting { due, .. }
            | Exchange::Stream { due, .. } => Some(*due),
        }
    }

    /// Whether what comes to this socket is for this question.
    pub(crate) fn has_socket(&self, number: Socket) -> bool {
        matches!(&self.exchange, Exchange::Datagrams { socket, .. } if *socket == number)
    }

    /// Whether what comes over this connection is for this question.
    pub(crate) fn has_conn(&self, number: Conn) -> bool {
        match &self.exchange {
            Exchange::Connecting { conn, .. } | Exchange::Stream { conn, .. } => *conn == number,
            Exchange::Closed | Exchange::Datagrams { .. } => false,
        }
    }

    fn open(&mut self, now: Instant, cx: &mut Context<'_>) -> Outcome {
        if cx.config.over_tcp {
            return self.connect(now, WhyStream::Configured, cx);
        }
        let Some(&to) = self.servers.front() else { return self.give_up() };
        let query = self.query(cx);
        let socket = cx.numbers.socket();
        cx.counters.sent += 1;
        cx.out.push_back(Output::OpenAsk { socket, to });
        cx.out.push_back(Output::Datagram { socket, to, bytes: query.bytes.clone() });
        self.exchange = Exchange::Datagrams { socket, query, due: now + cx.config.patience() };
        Outcome::Open
    }

    fn connect(&mut self, now: Instant, why: WhyStream, cx: &mut Context<'_>) -> Outcome {
        let Some(&addr) = self.servers.front() else { return self.give_up() };
        let query = self.query(cx);
        let conn = cx.numbers.conn();
        let due = now + cx.config.patience();
        let to = Peer { transport: Transport::Tcp, addr, name: Name::from(""), owner: 0 };
        cx.counters.sent += 1;
        cx.out.push_back(Output::Connect { conn, to, deadline: due });
        self.exchange = Exchange::Connecting { conn, query, due, why };
        Outcome::Open
    }

    fn query(&self, cx: &mut Context<'_>) -> Query {
        let id = u16::from_be_bytes([cx.secret.byte(), cx.secret.byte()]);
        let question = Question::new(self.current.clone(), self.question.kind);
        let asked = if self.style.mixed_case {
            Asked::mixed(question, || cx.secret.byte() & 1 == 1)
        } else {
            Asked::plain(question)
        };
        let message = Message {
            id,
            flags: Flags { recursion_desired: true, ..Flags::default() },
            rcode: Rcode::NoError,
            asked: Some(asked),
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            udp_size: self.style.edns.then_some(Message::EDNS_MAX),
        };
        let bytes = message.encode(usize::from(u16::MAX));
        let ends = Message::HEADER + self.current.as_wire().len() + 4;
        Query { question: bytes.slice(Message::HEADER..ends.min(bytes.len())), id, bytes }
    }

    fn on_time(&mut self, now: Instant, cx: &mut Context<'_>) -> Outcome {
        if self.due().is_none_or(|due| now < due) {
            return Outcome::Open;
        }
        let may_repeat = self.retries < cx.config.retry_times;
        if let (Exchange::Datagrams { socket, query, due }, Some(&to), true) =
            (&mut self.exchange, self.servers.front(), may_repeat)
        {
            // The same id from the same socket: an answer that was only late still counts.
            self.retries += 1;
            *due = now + cx.config.patience();
            cx.counters.sent += 1;
            cx.out.push_back(Output::Datagram { socket: *socket, to, bytes: query.bytes.clone() });
            return Outcome::Open;
        }
        let why = self.exchange.why_stream();
        self.close(cx);
        match why {
            Some(why) if may_repeat && why != WhyStream::Case => {
                self.retries += 1;
                self.connect(now, why, cx)
            }
            _ => self.on_stream_failure(now, why, Cause::Silent, cx),
        }
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        cx: &mut Context<'_>,
    ) -> Outcome {
        let Exchange::Datagrams { query, .. } = &self.exchange else { return Outcome::Open };
        if self.servers.front() != Some(&from) {
            cx.counters.strays += 1;
            return Outcome::Open;
        }
        match query.check(bytes) {
            Check::Stray => {
                cx.counters.strays += 1;
                Outcome::Open
            }
            Check::OtherCase if self.style.mixed_case => {
                cx.counters.case_mismatches += 1;
                self.close(cx);
                self.connect(now, WhyStream::Case, cx)
            }
            Check::OtherCase | Check::Ours => self.on_response(now, bytes, cx),
            Check::Error(rcode) => self.on_error(now, rcode, cx),
        }
    }

    fn on_unreachable(
        &mut self,
        now: Instant,
        (to, cause, quoted): (SocketAddr, Cause, &[u8]),
        cx: &mut Context<'_>,
    ) -> Outcome {
        let Exchange::Datagrams { query, .. } = &self.exchange else { return Outcome::Open };
        let shared = quoted.len().min(query.bytes.len());
        let is_ours = quoted.get(..shared) == query.bytes.get(..shared);
        // A full queue of this process says nothing of the server: the repetition follows in time.
        if self.servers.front() != Some(&to) || !is_ours || cause == Cause::QueueFull {
            return Outcome::Open;
        }
        self.next_server(now, Fault::Network(cause), cx)
    }

    fn on_connected(&mut self, now: Instant, cx: &mut Context<'_>) -> Outcome {
        match std::mem::replace(&mut self.exchange, Exchange::Closed) {
            Exchange::Connecting { conn, query, why, .. } => {
                // RFC 1035 §4.2.2: two bytes of length come first.
                let mut framed = BytesMut::with_capacity(query.bytes.len() + 2);
                framed.put_u16(u16::try_from(query.bytes.len()).unwrap_or(0));
                framed.put_slice(&query.bytes);
                cx.out.push_back(Output::Write { conn, bytes: framed.freeze() });
                let due = now + cx.config.patience();
                self.exchange = Exchange::Stream { conn, query, received: Vec::new(), due, why };
            }
            other @ (Exchange::Closed | Exchange::Datagrams { .. } | Exchange::Stream { .. }) => {
                self.exchange = other;
            }
        }
        Outcome::Open
    }

    fn on_chunk(&mut self, now: Instant, bytes: &[u8], cx: &mut Context<'_>) -> Outcome {
        let Exchange::Stream { query, received, .. } = &mut self.exchange else {
            return Outcome::Open;
        };
        let room = STREAM_MAX.saturating_sub(received.len()).min(bytes.len());
        received.extend(bytes.iter().take(room));
        let Some((length, rest)) = received.split_first_chunk::<2>() else { return Outcome::Open };
        let Some(message) = rest.get(..usize::from(u16::from_be_bytes(*length))) else {
            return Outcome::Open;
        };
        let message = message.to_vec();
        match query.check(&message) {
            // Over TCP another case is the server's own doing: no stranger can have sent this.
            Check::Ours | Check::OtherCase => self.on_response(now, &message, cx),
            Check::Error(rcode) => self.on_error(now, rcode, cx),
            Check::Stray => {
                cx.counters.strays += 1;
                self.next_server(now, Fault::Malformed(Malformed::Questions), cx)
            }
        }
    }

    fn on_stream_failure(
        &mut self,
        now: Instant,
        why: Option<WhyStream>,
        cause: Cause,
        cx: &mut Context<'_>,
    ) -> Outcome {
        if why == Some(WhyStream::Case) {
            // A server that folds the case and speaks no TCP: asked again in lower case, the id and
            // the port alone have to do, as for every resolver that does not vary the case.
            self.style.mixed_case = false;
            return self.open(now, cx);
        }
        self.next_server(now, Fault::Network(cause), cx)
    }

    /// Takes a response that repeats id and question.
    fn on_response(&mut self, now: Instant, bytes: &[u8], cx: &mut Context<'_>) -> Outcome {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(malformed) => return self.next_server(now, Fault::Malformed(malformed), cx),
        };
        if !matches!(message.rcode, Rcode::NoError | Rcode::NxDomain) {
            return self.on_error(now, message.rcode, cx);
        }
        if message.flags.truncated && self.exchange.why_stream().is_none() {
            cx.counters.truncated += 1;
            self.close(cx);
            return self.connect(now, WhyStream::Truncated, cx);
        }
        match read(&message, &self.current, self.question.kind, &mut self.aliases) {
            Step::Done { verdict, ttl, cut } => {
                self.answered(now, (verdict, ttl, cut), message, cx)
            }
            Step::Follow(name) => {
                self.close(cx);
                self.current = name;
                self.begin(now, cx)
            }
            Step::Fault(fault) => self.next_server(now, fault, cx),
            Step::Hopeless(why) => {
                self.close(cx);
                Outcome::Failed(why)
            }
        }
    }

    fn on_error(&mut self, now: Instant, rcode: Rcode, cx: &mut Context<'_>) -> Outcome {
        if self.style.edns && matches!(rcode, Rcode::FormErr | Rcode::NotImp) {
            // RFC 6891 §7: a server that does not know EDNS is asked again without.
            self.style.edns = false;
            self.close(cx);
            return self.open(now, cx);
        }
        self.next_server(now, Fault::Rcode(rcode), cx)
    }

    fn answered(
        &mut self,
        now: Instant,
        (verdict, ttl, cut): (Verdict, Duration, usize),
        message: Message,
        cx: &mut Context<'_>,
    ) -> Outcome {
        self.close(cx);
        let Some(&from) = self.servers.front() else { return self.give_up() };
        let answer = Answer {
            question: self.question.clone(),
            aliases: std::mem::take(&mut self.aliases),
            verdict,
            received: now,
            ttl,
            from,
            steps: self.steps,
            cut,
        };
        Outcome::Answered(answer, Box::new(message))
    }

    fn next_server(&mut self, now: Instant, fault: Fault, cx: &mut Context<'_>) -> Outcome {
        self.close(cx);
        if let Some(server) = self.servers.pop_front() {
            self.faults.push((server, fault));
        }
        self.retries = 0;
        self.style = Style::USUAL;
        self.open(now, cx)
    }

    fn give_up(&mut self) -> Outcome {
        Outcome::Failed(match std::mem::take(&mut self.faults) {
            faults if faults.is_empty() => WhyFailed::NoNameServer,
            faults => WhyFailed::NameServers(faults),
        })
    }
}

impl Exchange {
    const fn why_stream(&self) -> Option<WhyStream> {
        match self {
            Self::Connecting { why, .. } | Self::Stream { why, .. } => Some(*why),
            Self::Closed | Self::Datagrams { .. } => None,
        }
    }
}

/// What the head of a message says about whose response it is.
enum Check {
    /// Another id, another question, or no response.
    Stray,
    /// A response to the query but for the case of letters.
    OtherCase,
    /// A response to the query.
    Ours,
    /// A response with the id that refuses to repeat the question.
    Error(Rcode),
}

impl Query {
    /// RFC 5452 §9.1: id and question have to match; address and port are the caller's to check.
    fn check(&self, bytes: &[u8]) -> Check {
        let Some((head, rest)) = bytes.split_first_chunk::<{ Message::HEADER }>() else {
            return Check::Stray;
        };
        let [id_high, id_low, flags, codes, questions_high, questions_low, ..] = *head;
        let is_response = flags & 0xf8 == 0x80;
        if u16::from_be_bytes([id_high, id_low]) != self.id || !is_response {
            return Check::Stray;
        }
        match u16::from_be_bytes([questions_high, questions_low]) {
            0 => match Rcode::from_code(codes) {
                rcode @ (Rcode::FormErr | Rcode::NotImp) => Check::Error(rcode),
                Rcode::NoError
                | Rcode::ServFail
                | Rcode::NxDomain
                | Rcode::Refused
                | Rcode::Other(_) => Check::Stray,
            },
            1 => match rest.get(..self.question.len()) {
                Some(repeated) if repeated == self.question => Check::Ours,
                Some(repeated) if repeated.eq_ignore_ascii_case(&self.question) => Check::OtherCase,
                Some(_) | None => Check::Stray,
            },
            _ => Check::Stray,
        }
    }
}

/// Bytes kept of one connection: a message of the largest size and its length.
const STREAM_MAX: usize = 2 + u16::MAX as usize;
