use std::collections::BTreeSet;
use std::net::IpAddr;

use dns::{
    Answer, Data, DomainName, Failure, Question, RecordType, Reply, Resolver, Verdict, WhyFailed,
};
use net::Instant;

use crate::trail::{Consulted, Decision, Finding, Step};
use crate::{CacheType, LocatePolicy, Records, Source};

/// Looks single record sets up, in DNS and in the static cache, and writes down what it finds.
pub(crate) struct Lookup<'a> {
    pub(crate) policy: &'a LocatePolicy,
    pub(crate) records: &'a Records,
    pub(crate) now: Instant,
    /// Which source comes first.
    pub(crate) preference: Preference,
    pub(crate) steps: Vec<Step>,
    /// Questions whose answers are missing.
    pub(crate) asks: Vec<Question>,
    /// Addresses whose routes are missing.
    pub(crate) routes: Vec<IpAddr>,
    /// Static record sets that were consulted anew.
    pub(crate) consulted: BTreeSet<Question>,
    /// Until when the same lookups would find the same.
    pub(crate) fresh_until: Instant,
    /// When something should be asked anew so that nobody waits for it.
    pub(crate) ahead_at: Instant,
    /// The first failure of DNS that nothing made up for.
    pub(crate) failed: Option<WhyFailed>,
    /// Record sets already asked of DNS, and the questions that took.
    asked: BTreeSet<Question>,
    questions: usize,
    written: BTreeSet<(Question, &'static str)>,
}

/// Which source comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preference {
    /// `static_cache_pri` 0: DNS, static, stale.
    Dns,
    /// `static_cache_pri` 1: static, DNS.
    Static,
}

/// Which sources may be consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sources {
    /// All.
    All,
    /// The static records alone.
    StaticOnly,
}

/// What one lookup found.
#[derive(Clone, Debug)]
pub(crate) enum Looked {
    /// An answer of DNS is missing: it is in `asks`.
    Pending,
    /// No source has such records; DNS says so itself, or it has failed.
    Nothing(WhyNothing),
    /// Records in the order of their source.
    Found(Found),
}

/// Why a lookup found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhyNothing {
    NoData,
    NxDomain,
    Failed,
    /// DNS was not to be asked.
    NotAsked,
}

/// A record set.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) records: Vec<Data>,
    pub(crate) source: Source,
    pub(crate) expires: Instant,
}

impl<'a> Lookup<'a> {
    pub(crate) fn new(policy: &'a LocatePolicy, records: &'a Records, now: Instant) -> Self {
        let preference = if policy.static_first { Preference::Static } else { Preference::Dns };
        Self {
            policy,
            records,
            now,
            preference,
            steps: Vec::new(),
            asks: Vec::new(),
            routes: Vec::new(),
            consulted: BTreeSet::new(),
            fresh_until: Instant::FAR,
            ahead_at: Instant::FAR,
            failed: None,
            asked: BTreeSet::new(),
            questions: 0,
            written: BTreeSet::new(),
        }
    }

    pub(crate) fn decide(&mut self, decision: Decision) {
        let step = Step::Decided(decision);
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// Looks a record set up as written and, where that gives nothing, once in the other spelling of
    /// its service.
    pub(crate) fn look_spelled(
        &mut self,
        name: &DomainName,
        kind: RecordType,
        sources: Sources,
    ) -> Looked {
        // A25: `_sip_tcp.`, as the guide prints it, and `_sip._tcp.` are tried both.
        let Some(other) = other_spelling(name) else { return self.look(name, kind, sources) };
        let is_static = |name: &DomainName| {
            let set = Question::new(name.clone(), kind);
            self.policy.static_records.lifetime(&set).is_some()
        };
        let spelled =
            if self.preference == Preference::Static && !is_static(name) && is_static(&other) {
                // Static records come before DNS in either spelling.
                self.look(&other, kind, Sources::StaticOnly)
            } else {
                let why = match self.look(name, kind, sources) {
                    Looked::Nothing(why) => why,
                    looked @ (Looked::Pending | Looked::Found(_)) => return looked,
                };
                // A DNS that fails is not asked for another name; static records may have it yet.
                let sources = match why {
                    WhyNothing::Failed => Sources::StaticOnly,
                    WhyNothing::NoData | WhyNothing::NxDomain | WhyNothing::NotAsked => sources,
                };
                self.look(&other, kind, sources)
            };
        if let Looked::Found(_) = &spelled {
            self.decide(Decision::OtherSpelling { asked: name.clone(), found: other });
        }
        spelled
    }

    /// Looks a record set up: cache within TTL, then static and DNS as the preference says, then
    /// stale.
    pub(crate) fn look(&mut self, name: &DomainName, kind: RecordType, sources: Sources) -> Looked {
        let question = Question::new(name.clone(), kind);
        let fixed = self.policy.static_records.find(&question);
        if !fixed.is_empty()
            && (self.preference == Preference::Static
                || sources == Sources::StaticOnly
                || self.is_held(&question))
        {
            return Looked::Found(self.take_static(question, fixed));
        }
        if sources == Sources::StaticOnly {
            return Looked::Nothing(WhyNothing::NotAsked);
        }
        let Some(reply) = self.ask(&question) else { return Looked::Nothing(WhyNothing::NotAsked) };
        let Some(reply) = reply else { return Looked::Pending };
        let why = match reply {
            Reply::Answer(answer) => {
                match self.take_answer(question.clone(), answer, (Source::Dns, answer.ahead_at())) {
                    Looked::Nothing(why) => why,
                    looked @ (Looked::Pending | Looked::Found(_)) => return looked,
                }
            }
            Reply::Failed(failure) => return self.take_failure(question, failure, fixed),
        };
        if fixed.is_empty() {
            return Looked::Nothing(why);
        }
        Looked::Found(self.take_static(question, fixed))
    }

    /// Whether the static records were consulted so lately that DNS is not asked yet (A24).
    fn is_held(&self, question: &Question) -> bool {
        let at = self.records.consulted.get(question);
        let lifetime = self.policy.static_records.lifetime(question);
        self.policy.cache_type != CacheType::RealTime
            && at.zip(lifetime).is_some_and(|(at, lifetime)| self.now < *at + lifetime)
    }

    /// The reply of DNS; `None` outside where the question is one too many, inside where the answer
    /// is missing.
    #[expect(clippy::option_option, reason = "the two absences are told apart at the one call")]
    fn ask(&mut self, question: &Question) -> Option<Option<&'a Reply>> {
        let reply = self.records.replies.get(question);
        if self.asked.contains(question) {
            return Some(reply);
        }
        let cost = match reply {
            Some(Reply::Answer(answer)) => usize::from(answer.steps),
            Some(Reply::Failed(failure)) => usize::from(failure.why != WhyFailed::NoNameServer),
            None => 1,
        };
        // Behaviour §9: 20 DNS questions for one location.
        if self.questions >= QUESTIONS_MAX && cost > 0 {
            self.decide(Decision::QuestionsCut(question.clone()));
            return None;
        }
        self.questions += cost;
        self.asked.insert(question.clone());
        if reply.is_none() {
            self.asks.push(question.clone());
        }
        Some(reply)
    }

    /// Takes what DNS says or, where it fails, has said; `ahead` is when to ask anew.
    fn take_answer(
        &mut self,
        question: Question,
        answer: &Answer,
        (source, ahead): (Source, Option<Instant>),
    ) -> Looked {
        let expires = match source {
            // RFC 8767 §4: an answer past its TTL is good for 30 s.
            Source::Stale => self.now + Resolver::STALE_HOLD,
            Source::Dns | Source::Static | Source::Literal => answer.expires(),
        };
        self.count_until(expires, ahead);
        let (finding, looked) = match &answer.verdict {
            Verdict::Records(records) => {
                let records: Vec<Data> = records.iter().map(|record| record.data.clone()).collect();
                let finding = Finding::Records {
                    source,
                    from: Some(answer.from),
                    aliases: answer.aliases.clone(),
                    records: records.clone(),
                    expires,
                };
                (finding, Looked::Found(Found { records, source, expires }))
            }
            Verdict::NoData => (Finding::NoData { expires }, Looked::Nothing(WhyNothing::NoData)),
            Verdict::NxDomain => {
                (Finding::NxDomain { expires }, Looked::Nothing(WhyNothing::NxDomain))
            }
        };
        self.write(question, finding);
        looked
    }

    fn take_failure(&mut self, question: Question, failure: &Failure, fixed: Vec<Data>) -> Looked {
        let last_good = failure.stale.as_deref();
        let again = Some(self.now + Resolver::STALE_HOLD);
        if let Some(answer) = last_good
            && answer.is_fresh(self.now)
            && self.policy.cache_type != CacheType::RealTime
        {
            return self.take_answer(question, answer, (Source::Dns, again));
        }
        self.write(question.clone(), Finding::Failed(failure.why.clone()));
        if !fixed.is_empty() {
            return Looked::Found(self.take_static(question, fixed));
        }
        if let Some(answer) = last_good {
            let source = if answer.is_fresh(self.now) { Source::Dns } else { Source::Stale };
            return self.take_answer(question, answer, (source, again));
        }
        self.count_until(self.now, again);
        self.failed.get_or_insert(failure.why.clone());
        Looked::Nothing(WhyNothing::Failed)
    }

    fn take_static(&mut self, question: Question, records: Vec<Data>) -> Found {
        let held = self.is_held(&question);
        let at = match self.records.consulted.get(&question) {
            Some(at) if held => *at,
            Some(_) | None => self.now,
        };
        // A24: it counts until its ttl after the last consultation has run.
        let lifetime = self.policy.static_records.lifetime(&question).unwrap_or_default();
        let expires = at + lifetime;
        let renewed = self.preference == Preference::Dns;
        let ahead = (renewed && lifetime >= Answer::AHEAD_MIN).then(|| at + lifetime * 9 / 10);
        self.count_until(expires, ahead);
        if renewed && !held {
            self.consulted.insert(question.clone());
        }
        self.write(
            question,
            Finding::Records {
                source: Source::Static,
                from: None,
                aliases: Vec::new(),
                records: records.clone(),
                expires,
            },
        );
        Found { records, source: Source::Static, expires }
    }

    fn count_until(&mut self, expires: Instant, ahead: Option<Instant>) {
        self.fresh_until = self.fresh_until.min(expires);
        self.ahead_at = self.ahead_at.min(ahead.unwrap_or(Instant::FAR));
    }

    fn write(&mut self, question: Question, finding: Finding) {
        if self.written.insert((question.clone(), finding.source())) {
            self.steps.push(Step::Consulted(Consulted { question, finding }));
        }
    }
}

/// The name in the other of the two spellings, `_sip_tcp.` and `_sip._tcp.`; none of other names.
pub(crate) fn other_spelling(name: &DomainName) -> Option<DomainName> {
    const SPELLINGS: [(&str, [&str; 2]); 3] = [
        ("_sip_udp", ["_sip", "_udp"]),
        ("_sip_tcp", ["_sip", "_tcp"]),
        ("_sips_tcp", ["_sips", "_tcp"]),
    ];
    let first = name.labels().next()?;
    let above = name.parent()?;
    for (joined, [service, protocol]) in SPELLINGS {
        if first == joined.as_bytes() {
            return above.child(protocol.as_bytes()).ok()?.child(service.as_bytes()).ok();
        }
        if first == service.as_bytes() && above.labels().next() == Some(protocol.as_bytes()) {
            return above.parent()?.child(joined.as_bytes()).ok();
        }
    }
    None
}

/// Behaviour §9: DNS questions for one location.
pub(crate) const QUESTIONS_MAX: usize = 20;
