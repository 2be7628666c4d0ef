use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use net::Instant;

use crate::{Answer, Failure, Mode, Question, Verdict};

/// Answers and failures, kept by question for as long as they count.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    answers: BTreeMap<(Origin, Question), Entry>,
    failures: BTreeMap<Question, (Instant, Arc<Failure>)>,
    /// Records in all entries.
    records: usize,
    /// Counts uses, so that the entry unused for longest is known.
    uses: u64,
    evicted: u64,
}

/// Which section of a message an answer came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Answer,
    Additional,
}

#[derive(Debug)]
struct Entry {
    answer: Arc<Answer>,
    used: u64,
}

impl Cache {
    /// Answers kept.
    pub(crate) const ANSWERS_MAX: usize = 1024;
    /// Records kept in all answers together.
    pub(crate) const RECORDS_MAX: usize = 16_384;
    /// Failures kept.
    pub(crate) const FAILURES_MAX: usize = 1024;

    /// Keeps an answer, in place of the former one to the same question.
    pub(crate) fn insert(&mut self, origin: Origin, answer: Arc<Answer>) {
        let key = (origin, answer.question.clone());
        if origin == Origin::Answer {
            self.failures.remove(&answer.question);
        }
        self.remove(&key);
        while self.answers.len() >= Self::ANSWERS_MAX
            || self.records + weight(&answer) > Self::RECORDS_MAX && !self.answers.is_empty()
        {
            self.evict();
        }
        self.records += weight(&answer);
        self.uses += 1;
        self.answers.insert(key, Entry { answer, used: self.uses });
    }

    /// The answer within its TTL.
    pub(crate) fn fresh(
        &mut self,
        now: Instant,
        question: &Question,
        mode: Mode,
    ) -> Option<Arc<Answer>> {
        self.find(question, mode, |answer| answer.is_fresh(now))
    }

    /// The last answer with records whose TTL ran out no longer than `grace` ago.
    pub(crate) fn stale(
        &mut self,
        now: Instant,
        question: &Question,
        mode: Mode,
        grace: Duration,
    ) -> Option<Arc<Answer>> {
        self.find(question, mode, |answer| {
            matches!(answer.verdict, Verdict::Records(_)) && now < answer.expires() + grace
        })
    }

    fn find(
        &mut self,
        question: &Question,
        mode: Mode,
        fits: impl Fn(&Answer) -> bool,
    ) -> Option<Arc<Answer>> {
        let origins: &[Origin] = match mode {
            Mode::Bypass | Mode::Answers => &[Origin::Answer],
            Mode::AnswersAndAdditionals => &[Origin::Answer, Origin::Additional],
        };
        self.uses += 1;
        for &origin in origins {
            if let Some(entry) = self.answers.get_mut(&(origin, question.clone()))
                && fits(&entry.answer)
            {
                entry.used = self.uses;
                return Some(entry.answer.clone());
            }
        }
        None
    }

    /// Keeps a failure until `until`.
    pub(crate) fn fail(&mut self, failure: Arc<Failure>, until: Instant) {
        if self.failures.len() >= Self::FAILURES_MAX
            && !self.failures.contains_key(&failure.question)
        {
            let oldest = self.failures.iter().min_by_key(|(_, (until, _))| *until);
            if let Some(question) = oldest.map(|(question, _)| question.clone()) {
                self.failures.remove(&question);
                self.evicted += 1;
            }
        }
        self.failures.insert(failure.question.clone(), (until, failure));
    }

    /// The failure of a question and until when it counts.
    pub(crate) fn failure(&self, question: &Question) -> Option<&(Instant, Arc<Failure>)> {
        self.failures.get(question)
    }

    /// Entries that had to go for want of room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn evict(&mut self) {
        let oldest = self.answers.iter().min_by_key(|(_, entry)| entry.used);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            self.remove(&key);
            self.evicted += 1;
        }
    }

    fn remove(&mut self, key: &(Origin, Question)) {
        if let Some(entry) = self.answers.remove(key) {
            self.records -= weight(&entry.answer);
        }
    }
}

/// What an answer takes of [`Cache::RECORDS_MAX`].
fn weight(answer: &Answer) -> usize {
    1 + answer.aliases.len() + answer.records().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, DomainName, Record, RecordType};

    fn answer(name: &str, records: usize) -> Arc<Answer> {
        let name = DomainName::parse(name).unwrap();
        let record = Record { name: name.clone(), ttl_s: 60, data: Data::A([192, 0, 2, 1].into()) };
        Arc::new(Answer {
            question: Question::new(name, RecordType::A),
            aliases: Vec::new(),
            verdict: Verdict::Records(vec![record; records]),
            received: Instant::ZERO,
            ttl: Duration::from_secs(60),
            from: ([127, 0, 0, 1], 53).into(),
            steps: 1,
            cut: 0,
        })
    }

    #[test]
    fn the_answer_unused_for_longest_makes_room() {
        let mut cache = Cache::default();
        for number in 0..Cache::ANSWERS_MAX {
            cache.insert(Origin::Answer, answer(&format!("n{number}.test"), 1));
        }
        let question = |name: &str| Question::new(DomainName::parse(name).unwrap(), RecordType::A);
        assert!(cache.fresh(Instant::ZERO, &question("n0.test"), Mode::Answers).is_some());
        cache.insert(Origin::Answer, answer("another.test", 1));
        assert!(cache.fresh(Instant::ZERO, &question("n0.test"), Mode::Answers).is_some());
        assert!(cache.fresh(Instant::ZERO, &question("n1.test"), Mode::Answers).is_none());
        assert_eq!((cache.answers.len(), cache.evicted()), (Cache::ANSWERS_MAX, 1));
    }

    #[test]
    fn large_answers_cannot_take_more_than_the_room_for_records() {
        let mut cache = Cache::default();
        for number in 0..100 {
            cache.insert(Origin::Answer, answer(&format!("n{number}.test"), Answer::RECORDS_MAX));
            assert!(cache.records <= Cache::RECORDS_MAX);
        }
        assert!(cache.answers.len() > 20);
    }
}
