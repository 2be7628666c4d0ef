use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::{Cause, Instant};

use crate::{Data, DomainName, Malformed, Message, Question, Rcode, Record, RecordType};

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A name server answered, if only that there is nothing.
    Answer(Arc<Answer>),
    /// No name server did.
    Failed(Arc<Failure>),
}

/// What DNS says to one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The question.
    pub question: Question,
    /// The CNAME records that led from the name asked about to the one that has the records.
    pub aliases: Vec<Record>,
    /// The records, or that there are none.
    pub verdict: Verdict,
    /// When it came.
    pub received: Instant,
    /// How long it may be used: the least TTL of all its records, a day at the most; zero for a
    /// negative answer without SOA (RFC 2308 §5).
    pub ttl: Duration,
    /// The name server that gave it.
    pub from: SocketAddr,
    /// The questions that were sent for it; none where it came in an additional section.
    pub steps: u8,
    /// Records left out because there were more than [`Answer::RECORDS_MAX`].
    pub cut: usize,
}

/// What kind of answer it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Records of the type asked for, in answer order.
    Records(Vec<Record>),
    /// The name exists, without records of this type.
    NoData,
    /// The name does not exist.
    NxDomain,
}

impl Answer {
    /// The records kept of one answer.
    pub const RECORDS_MAX: usize = 512;
    /// The CNAME records followed for one question (behaviour §9).
    pub const ALIASES_MAX: usize = 8;
    /// Longer TTLs are cut to this (behaviour §3.8).
    pub const TTL_MAX: Duration = Duration::from_secs(86_400);
    /// Longer TTLs of negative answers are cut to this (RFC 2308 §5: one to three hours).
    pub const NEGATIVE_TTL_MAX: Duration = Duration::from_secs(10_800);
    /// Shorter TTLs are not renewed ahead (behaviour §3.8).
    pub const AHEAD_MIN: Duration = Duration::from_secs(30);

    /// When its TTL has run.
    #[must_use]
    pub fn expires(&self) -> Instant {
        self.received + self.ttl
    }

    /// Whether its TTL has not run yet.
    #[must_use]
    pub fn is_fresh(&self, now: Instant) -> bool {
        now < self.expires()
    }

    /// When it should be asked anew so that nobody has to wait: at 90 % of a TTL of 30 s or more.
    #[must_use]
    pub fn ahead_at(&self) -> Option<Instant> {
        (self.ttl >= Self::AHEAD_MIN).then(|| self.received + self.ttl * 9 / 10)
    }

    /// The records; none of a negative answer.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        match &self.verdict {
            Verdict::Records(records) => records,
            Verdict::NoData | Verdict::NxDomain => &[],
        }
    }
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The question.
    pub question: Question,
    /// The reason.
    pub why: WhyFailed,
    /// When it was given up.
    pub at: Instant,
    /// The last good answer, if it is not too old to be used for want of a better (RFC 8767).
    pub stale: Option<Arc<Answer>>,
}

/// Why a question has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhyFailed {
    /// There is nobody to ask.
    NoNameServer,
    /// Every name server failed, in this order.
    NameServers(Vec<(SocketAddr, Fault)>),
    /// The CNAME records lead in a circle.
    AliasLoop,
    /// There are more than [`Answer::ALIASES_MAX`] CNAME records in a row.
    TooManyAliases,
    /// More questions wait than this resolver keeps.
    QueueFull,
}

impl fmt::Display for WhyFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoNameServer => f.write_str("no name server is configured"),
            Self::NameServers(faults) => {
                for (place, (server, fault)) in faults.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    write!(f, "{comma}{fault} from {server}")?;
                }
                Ok(())
            }
            Self::AliasLoop => f.write_str("the CNAME records lead in a circle"),
            Self::TooManyAliases => {
                write!(f, "more than {} CNAME records in a row", Answer::ALIASES_MAX)
            }
            Self::QueueFull => f.write_str("too many questions wait for DNS"),
        }
    }
}

/// How one name server failed to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing came, retries included, or the system reported why nothing can.
    Network(Cause),
    /// It answered with an error.
    Rcode(Rcode),
    /// Its answer cannot be read.
    Malformed(Malformed),
    /// It knows only whom else to ask, which is left to it.
    Referral,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(cause) => write!(f, "{cause}"),
            Self::Rcode(rcode) => write!(f, "{rcode}"),
            Self::Malformed(malformed) => write!(f, "unreadable answer ({malformed})"),
            Self::Referral => f.write_str("only a referral"),
        }
    }
}

/// What a response says about one name on the way from the question to its records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The question is answered.
    Done { verdict: Verdict, ttl: Duration, cut: usize },
    /// The response ends with an alias whose records have to be asked for.
    Follow(DomainName),
    /// Another server has to be tried.
    Fault(Fault),
    /// No server can help.
    Hopeless(WhyFailed),
}

/// Reads a response to the question for records of `kind` at `name`, adding the aliases it follows.
pub(crate) fn read(
    message: &Message,
    name: &DomainName,
    kind: RecordType,
    aliases: &mut Vec<Record>,
) -> Step {
    let mut current = name.clone();
    let known = aliases.len();
    loop {
        let (records, cut) = records_of(message, &current, kind);
        if !records.is_empty() {
            let least = records.iter().chain(aliases.iter()).map(|record| record.ttl_s).min();
            let ttl = Duration::from_secs(least.unwrap_or(0).into()).min(Answer::TTL_MAX);
            return Step::Done { verdict: Verdict::Records(records), ttl, cut };
        }
        let Some((alias, target)) = alias_of(message, &current) else { break };
        if target == current || aliases.iter().any(|known| known.name == target) {
            return Step::Hopeless(WhyFailed::AliasLoop);
        }
        if aliases.len() == Answer::ALIASES_MAX {
            return Step::Hopeless(WhyFailed::TooManyAliases);
        }
        aliases.push(alias);
        current = target;
    }
    read_nothing(message, &current, aliases, known)
}

/// Reads a response that has no records for `name`, where the first `known` aliases came earlier.
fn read_nothing(message: &Message, name: &DomainName, aliases: &[Record], known: usize) -> Step {
    let followed = aliases.len() > known;
    let soa = message.authority.iter().find_map(|record| {
        let Data::Soa(soa) = &record.data else { return None };
        // RFC 2308 §3: the SOA is that of the zone the name would be in.
        name.is_within(&record.name).then(|| soa.minimum.min(record.ttl_s))
    });
    let verdict = if message.rcode == Rcode::NxDomain {
        Verdict::NxDomain
    } else if followed && soa.is_none() {
        return Step::Follow(name.clone());
    } else if soa.is_none() && is_referral(message) {
        return Step::Fault(Fault::Referral);
    } else {
        Verdict::NoData
    };
    let aliased = aliases.iter().map(|record| record.ttl_s).min().unwrap_or(u32::MAX);
    let ttl = Duration::from_secs(soa.unwrap_or(0).min(aliased).into());
    Step::Done { verdict, ttl: ttl.min(Answer::NEGATIVE_TTL_MAX), cut: 0 }
}

/// RFC 2308 §2.2: name servers without SOA are a referral, no negative answer.
fn is_referral(message: &Message) -> bool {
    message.authority.iter().any(|record| record.data.kind() == RecordType::Ns)
        && !message.flags.authoritative
}

fn records_of(message: &Message, name: &DomainName, kind: RecordType) -> (Vec<Record>, usize) {
    let mut all =
        message.answers.iter().filter(|record| record.name == *name && record.data.kind() == kind);
    let kept = all.by_ref().take(Answer::RECORDS_MAX).cloned().collect();
    (kept, all.count())
}

fn alias_of(message: &Message, name: &DomainName) -> Option<(Record, DomainName)> {
    message.answers.iter().find_map(|record| {
        let Data::Cname(target) = &record.data else { return None };
        (record.name == *name).then(|| (record.clone(), target.clone()))
    })
}

/// The record sets of the additional section that the answer itself points to: addresses of SRV
/// targets, the SRV records of NAPTR replacements, and their addresses.
///
/// Only names of the domain that was asked about are believed (RFC 2181 §5.4.1): what a server says
/// about another's names is asked of DNS.
pub(crate) fn additionals(message: &Message, answer: &Answer) -> Vec<Answer> {
    let domain = answer.question.name.domain();
    let mut wanted: Vec<Question> = pointed_to(answer.records());
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(question) = wanted.get(next).cloned() {
        next += 1;
        if !question.name.is_within(&domain) {
            continue;
        }
        let records: Vec<Record> = message
            .additional
            .iter()
            .filter(|record| record.name == question.name && record.data.kind() == question.kind)
            .take(ADDITIONALS_MAX)
            .cloned()
            .collect();
        let Some(ttl_s) = records.iter().map(|record| record.ttl_s).min() else { continue };
        for further in pointed_to(&records) {
            if !wanted.contains(&further) && wanted.len() < Answer::RECORDS_MAX {
                wanted.push(further);
            }
        }
        found.push(Answer {
            question,
            aliases: Vec::new(),
            verdict: Verdict::Records(records),
            received: answer.received,
            ttl: Duration::from_secs(ttl_s.into()).min(Answer::TTL_MAX),
            from: answer.from,
            steps: 0,
            cut: 0,
        });
    }
    found
}

/// The questions that records lead to.
fn pointed_to(records: &[Record]) -> Vec<Question> {
    let mut questions = Vec::new();
    for record in records {
        let (name, kinds): (_, &[RecordType]) = match &record.data {
            Data::Srv(srv) => (&srv.target, &[RecordType::A, RecordType::Aaaa]),
            Data::Naptr(naptr) => {
                (&naptr.replacement, &[RecordType::Srv, RecordType::A, RecordType::Aaaa])
            }
            Data::A(_)
            | Data::Aaaa(_)
            | Data::Cname(_)
            | Data::Ns(_)
            | Data::Soa(_)
            | Data::Other { .. } => continue,
        };
        for &kind in kinds {
            let question = Question::new(name.clone(), kind);
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
    }
    questions
}

/// The records believed of one set in an additional section.
const ADDITIONALS_MAX: usize = 64;
