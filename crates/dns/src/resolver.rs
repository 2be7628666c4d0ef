use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::{Conn, Input, Instant, Output, Reason, Rng, Socket};

use crate::answer::additionals;
use crate::ask::{Ask, Context, Numbers, Outcome, Secret};
use crate::cache::{Cache, Origin};
use crate::{Answer, Failure, Message, Question, Reply, WhyFailed};

/// What the resolver works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverConfig {
    /// Asked in this order, beginning at the one that answered last.
    pub name_servers: Vec<SocketAddr>,
    /// How long each query to a server waits (`static.network.dns.query_timeout`); a connection has
    /// it once to come about and once to answer.
    pub query_timeout: Duration,
    /// How often a query is repeated at one server (`static.network.dns.retry_times`).
    pub retry_times: u16,
    /// For how long after its TTL an answer is served where DNS fails; none: never.
    pub serve_stale: Option<Duration>,
    /// `sip.dns_transport_type` 1: every question goes over TCP.
    pub over_tcp: bool,
}

impl ResolverConfig {
    /// A shorter time to answer counts as this: a fast answer could not come in time.
    pub const QUERY_TIMEOUT_MIN: Duration = Duration::from_millis(100);

    pub(crate) fn patience(&self) -> Duration {
        self.query_timeout.max(Self::QUERY_TIMEOUT_MIN)
    }
}

impl Default for ResolverConfig {
    /// No name server, and the times of behaviour §3.8.
    fn default() -> Self {
        Self {
            name_servers: Vec::new(),
            query_timeout: Duration::from_secs(3),
            retry_times: 2,
            serve_stale: Some(Duration::from_secs(86_400)),
            over_tcp: false,
        }
    }
}

/// What a question may take from the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mode {
    /// Nothing, but a question in flight is shared.
    Bypass,
    /// Answers to this very question.
    Answers,
    /// Also what came in the additional section of another answer.
    AnswersAndAdditionals,
}

/// Which cached answers are good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// All within their TTL.
    Valid,
    /// Those that [`Answer::ahead_at`] does not ask for yet.
    NotDue,
}

/// The end of a question that was asked.
#[derive(Clone, Debug)]
pub struct Answered {
    /// The question.
    pub question: Question,
    /// What came of it.
    pub reply: Reply,
}

/// What a resolver has done and refused since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Datagrams sent and connections opened.
    pub sent: u64,
    /// Questions answered.
    pub answered: u64,
    /// Questions that no name server answered.
    pub failed: u64,
    /// Messages dropped because id, question, sender or socket was not that of an open question.
    pub strays: u64,
    /// Answers that repeated the name in another case.
    pub case_mismatches: u64,
    /// Truncated answers, asked again over TCP.
    pub truncated: u64,
    /// Records left out of answers with too many.
    pub cut: u64,
    /// Questions refused because [`Resolver::WAITING_MAX`] waited.
    pub refused: u64,
    /// Cache entries that had to go for want of room.
    pub evicted: u64,
}

/// A stub resolver: asks name servers and keeps what they say.
///
/// Questions of all modes share what is in flight, and every answer is kept; the mode of a question
/// decides what it may take from there.
#[derive(Debug)]
pub struct Resolver {
    config: ResolverConfig,
    /// The server that answered last.
    preferred: Option<SocketAddr>,
    cache: Cache,
    asks: BTreeMap<Question, Ask>,
    waiting: VecDeque<(Question, Mode)>,
    out: VecDeque<Output<Answered>>,
    secret: Secret,
    numbers: Numbers,
    counters: Counters,
}

impl Resolver {
    /// Questions asked at the same time; each has a socket.
    pub const IN_FLIGHT_MAX: usize = 256;
    /// Questions that wait for one of those to end.
    pub const WAITING_MAX: usize = 4096;
    /// For how long after a failure the last good answer is served without asking (RFC 8767 §5).
    pub const STALE_HOLD: Duration = Duration::from_secs(30);
    /// For how long a failure is remembered otherwise (RFC 9520 §3.2).
    pub const FAILURE_HOLD: Duration = Duration::from_secs(1);

    /// A resolver with an empty cache.
    #[must_use]
    pub fn new(config: ResolverConfig, rng: Rng) -> Self {
        Self {
            config,
            preferred: None,
            cache: Cache::default(),
            asks: BTreeMap::new(),
            waiting: VecDeque::new(),
            out: VecDeque::new(),
            secret: Secret::new(rng),
            numbers: Numbers::new(),
            counters: Counters::default(),
        }
    }

    /// Changes the settings; questions in flight go on with their name servers.
    pub fn configure(&mut self, config: ResolverConfig) {
        self.config = config;
    }

    /// What is known without asking; nothing means that [`Resolver::ask`] would ask.
    ///
    /// A failure is repeated for [`Resolver::FAILURE_HOLD`]. Where a last good answer stands in for
    /// it, it is repeated until DNS answers again, and the question is put anew every
    /// [`Resolver::STALE_HOLD`]: nobody waits for a DNS that is known to be away.
    pub fn look(
        &mut self,
        now: Instant,
        question: &Question,
        mode: Mode,
        freshness: Freshness,
    ) -> Option<Reply> {
        if mode != Mode::Bypass
            && let Some(answer) = self.cache.fresh(now, question, mode)
        {
            let is_due = answer.ahead_at().is_some_and(|at| at <= now);
            if freshness == Freshness::Valid || !is_due {
                return Some(Reply::Answer(answer));
            }
        }
        if self.config.name_servers.is_empty() {
            return Some(Reply::Failed(self.failure(now, question, mode, WhyFailed::NoNameServer)));
        }
        let (until, failure) = self.cache.failure(question).filter(|_| mode != Mode::Bypass)?;
        let (is_held, has_stale) = (now < *until, failure.stale.is_some());
        let why = failure.why.clone();
        let failure = self.failure(now, question, mode, why);
        if !is_held && has_stale && failure.stale.is_some() {
            self.ask(now, question, mode);
        }
        (is_held || failure.stale.is_some()).then_some(Reply::Failed(failure))
    }

    /// Asks the name servers; an [`Answered`] event follows, for all who ask meanwhile.
    pub fn ask(&mut self, now: Instant, question: &Question, mode: Mode) {
        if let Some(ask) = self.asks.get_mut(question) {
            ask.wants_additionals |= mode == Mode::AnswersAndAdditionals;
            return;
        }
        if let Some((_, waiting)) = self.waiting.iter_mut().find(|(other, _)| other == question) {
            *waiting = mode.max(*waiting);
            return;
        }
        if self.asks.len() < Self::IN_FLIGHT_MAX {
            self.begin(now, question.clone(), mode);
        } else if self.waiting.len() < Self::WAITING_MAX {
            self.waiting.push_back((question.clone(), mode));
        } else {
            self.counters.refused += 1;
            self.fail(now, question.clone(), mode, WhyFailed::QueueFull);
        }
    }

    /// Takes one input; what is not for this machine is ignored.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        let concerned: Vec<Question> = match input {
            Input::Timeout => self.select(|ask| ask.due().is_some_and(|due| due <= now)),
            Input::Datagram { socket, .. }
            | Input::Unreachable { socket, .. }
            | Input::Overflow { socket, .. } => self.select(|ask| ask.has_socket(socket)),
            Input::Connected { conn, .. }
            | Input::Chunk { conn, .. }
            | Input::Closed { conn, .. } => self.select(|ask| ask.has_conn(conn)),
            Input::Route { .. } | Input::Accepted { .. } => return,
        };
        if concerned.is_empty() && matches!(input, Input::Datagram { .. }) {
            self.counters.strays += 1;
        }
        for question in concerned {
            self.advance(now, question, |ask, cx| ask.handle(now, input, cx));
        }
        self.begin_waiting(now);
    }

    /// The next thing to carry out, oldest first.
    pub fn poll_output(&mut self) -> Option<Output<Answered>> {
        self.out.pop_front()
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Reason)> {
        let due = self.asks.values().filter_map(Ask::due).min()?;
        Some((due, Reason("name server does not answer")))
    }

    /// Whether `input` came to a socket or connection that this machine numbers.
    #[must_use]
    pub const fn owns(input: &Input<'_>) -> bool {
        match input {
            Input::Datagram { socket, .. }
            | Input::Unreachable { socket, .. }
            | Input::Overflow { socket, .. } => socket.0 >= Socket::FIRST_ASK,
            Input::Connected { conn, .. }
            | Input::Chunk { conn, .. }
            | Input::Closed { conn, .. } => {
                conn.0 & (Conn::ACCEPTED | Numbers::CONN) == Numbers::CONN
            }
            Input::Timeout | Input::Route { .. } | Input::Accepted { .. } => false,
        }
    }

    /// What it has done and refused.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { evicted: self.cache.evicted(), ..self.counters }
    }

    fn begin(&mut self, now: Instant, question: Question, mode: Mode) {
        let mut ask = Ask::new(question.clone(), self.servers());
        ask.wants_additionals = mode == Mode::AnswersAndAdditionals;
        self.asks.insert(question.clone(), ask);
        self.advance(now, question, |ask, cx| ask.begin(now, cx));
    }

    fn begin_waiting(&mut self, now: Instant) {
        while self.asks.len() < Self::IN_FLIGHT_MAX {
            let Some((question, mode)) = self.waiting.pop_front() else { return };
            self.begin(now, question, mode);
        }
    }

    /// The name servers in order, beginning at the one that answered last.
    fn servers(&self) -> VecDeque<SocketAddr> {
        let mut servers = VecDeque::from(self.config.name_servers.clone());
        let place = servers.iter().position(|server| Some(*server) == self.preferred);
        servers.rotate_left(place.unwrap_or(0));
        servers
    }

    fn select(&self, concerned: impl Fn(&Ask) -> bool) -> Vec<Question> {
        self.asks.values().filter(|ask| concerned(ask)).map(|ask| ask.question.clone()).collect()
    }

    /// Lets one question take a step, and ends it where that was the last.
    fn advance(
        &mut self,
        now: Instant,
        question: Question,
        step: impl FnOnce(&mut Ask, &mut Context<'_>) -> Outcome,
    ) {
        let Some(ask) = self.asks.get_mut(&question) else { return };
        let wants_additionals = ask.wants_additionals;
        let mode = if wants_additionals { Mode::AnswersAndAdditionals } else { Mode::Answers };
        let mut cx = Context {
            config: &self.config,
            secret: &mut self.secret,
            numbers: &mut self.numbers,
            out: &mut self.out,
            counters: &mut self.counters,
        };
        match step(ask, &mut cx) {
            Outcome::Open => {}
            Outcome::Answered(answer, message) => {
                self.asks.remove(&question);
                self.answer(answer, wants_additionals.then_some(&*message));
            }
            Outcome::Failed(why) => {
                self.asks.remove(&question);
                self.fail(now, question, mode, why);
            }
        }
    }

    fn answer(&mut self, answer: Answer, additional: Option<&Message>) {
        self.preferred = Some(answer.from);
        self.counters.answered += 1;
        self.counters.cut += u64::try_from(answer.cut).unwrap_or(u64::MAX);
        for extra in additional.map(|message| additionals(message, &answer)).unwrap_or_default() {
            self.cache.insert(Origin::Additional, Arc::new(extra));
        }
        let answer = Arc::new(answer);
        self.cache.insert(Origin::Answer, answer.clone());
        let question = answer.question.clone();
        let reply = Reply::Answer(answer);
        self.out.push_back(Output::Event(Answered { question, reply }));
    }

    fn fail(&mut self, now: Instant, question: Question, mode: Mode, why: WhyFailed) {
        self.counters.failed += 1;
        let failure = self.failure(now, &question, mode, why);
        let hold = if failure.stale.is_some() { Self::STALE_HOLD } else { Self::FAILURE_HOLD };
        self.cache.fail(failure.clone(), now + hold);
        let reply = Reply::Failed(failure);
        self.out.push_back(Output::Event(Answered { question, reply }));
    }

    fn failure(
        &mut self,
        now: Instant,
        question: &Question,
        mode: Mode,
        why: WhyFailed,
    ) -> Arc<Failure> {
        let grace = self.config.serve_stale;
        let stale = grace.and_then(|grace| self.cache.stale(now, question, mode, grace));
        Arc::new(Failure { question: question.clone(), why, at: now, stale })
    }
}
