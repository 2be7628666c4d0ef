//! An authoritative name server for laboratories and for `--zone FILE`.

mod server;
mod text;

use std::collections::{BTreeMap, BTreeSet};

pub use server::{NameServer, NameServerCommand, Query};
pub use text::{ZoneError, ZoneProblem};

use crate::{Answer, Data, DomainName, Question, Rcode, Record, RecordType};

/// The records of one or more zones; an SOA record begins a zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    records: BTreeMap<DomainName, Vec<Record>>,
    /// Names that have records or lie above one that has.
    names: BTreeSet<DomainName>,
}

/// What a zone says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) rcode: Rcode,
    pub(crate) answers: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
}

impl Zone {
    /// Reads master file format (RFC 1035 §5): `$ORIGIN`, `$TTL`, comments, parentheses, relative
    /// names and the types SOA, NS, A, AAAA, CNAME, SRV and NAPTR.
    ///
    /// # Errors
    /// With the line of the first thing that cannot be read.
    pub fn parse(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Self::default();
        for record in text::records(text)? {
            zone.insert(record);
        }
        Ok(zone)
    }

    /// Adds one record.
    pub fn insert(&mut self, record: Record) {
        let mut above = Some(record.name.clone());
        while let Some(name) = above.filter(|name| !name.is_root()) {
            above = name.parent();
            self.names.insert(name);
        }
        self.records.entry(record.name.clone()).or_default().push(record);
    }

    /// All records, by name.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values().flatten()
    }

    /// The answer to a question, aliases followed as far as the zones reach.
    pub(crate) fn find(&self, question: &Question) -> Found {
        let mut answers: Vec<Record> = Vec::new();
        let mut name = question.name.clone();
        for _ in 0..=Answer::ALIASES_MAX {
            let Some(soa) = self.soa(&name) else {
                let rcode = if answers.is_empty() { Rcode::Refused } else { Rcode::NoError };
                return Found::empty(rcode, answers);
            };
            let found: Vec<Record> = self.of(&name, question.kind).cloned().collect();
            if !found.is_empty() {
                let additional = self.additional(&found);
                answers.extend(found);
                return Found { additional, ..Found::empty(Rcode::NoError, answers) };
            }
            let alias = self.of(&name, RecordType::Cname).next().cloned();
            if let Some(Record { data: Data::Cname(target), .. }) = &alias {
                name = target.clone();
                answers.extend(alias);
                continue;
            }
            let exists = self.names.contains(&name);
            let rcode = if exists { Rcode::NoError } else { Rcode::NxDomain };
            return Found { authority: vec![soa], ..Found::empty(rcode, answers) };
        }
        Found::empty(Rcode::NoError, answers)
    }

    /// The negative answer for a name, whatever records it has.
    pub(crate) fn deny(&self, name: &DomainName) -> Found {
        let authority = self.soa(name).into_iter().collect();
        Found { authority, ..Found::empty(Rcode::NxDomain, Vec::new()) }
    }

    fn of(&self, name: &DomainName, kind: RecordType) -> impl Iterator<Item = &Record> {
        let all = self.records.get(name).into_iter().flatten();
        all.filter(move |record| record.data.kind() == kind)
    }

    /// The start of authority that a name is under, with the TTL of negative answers.
    fn soa(&self, name: &DomainName) -> Option<Record> {
        let mut above = Some(name.clone());
        while let Some(apex) = above {
            if let Some(record) = self.of(&apex, RecordType::Soa).next()
                && let Data::Soa(soa) = &record.data
            {
                // RFC 2308 §3: the lesser of the record's TTL and its minimum.
                return Some(Record { ttl_s: record.ttl_s.min(soa.minimum), ..record.clone() });
            }
            above = apex.parent();
        }
        None
    }

    /// What the records found point to: services, and their addresses.
    fn additional(&self, found: &[Record]) -> Vec<Record> {
        let mut extra: Vec<Record> = Vec::new();
        for record in found {
            if let Data::Naptr(naptr) = &record.data {
                extra.extend(self.of(&naptr.replacement, RecordType::Srv).cloned());
                extra.extend(self.addresses(&naptr.replacement));
            }
        }
        let services = extra.clone();
        for record in found.iter().chain(&services) {
            if let Data::Srv(srv) = &record.data {
                extra.extend(self.addresses(&srv.target));
            }
        }
        let mut once = Vec::new();
        extra.retain(|record| {
            let is_new = !once.contains(record);
            once.push(record.clone());
            is_new
        });
        extra
    }

    fn addresses(&self, name: &DomainName) -> impl Iterator<Item = Record> {
        self.of(name, RecordType::A).chain(self.of(name, RecordType::Aaaa)).cloned()
    }
}

impl Found {
    pub(crate) const fn empty(rcode: Rcode, answers: Vec<Record>) -> Self {
        Self { rcode, answers, authority: Vec::new(), additional: Vec::new() }
    }
}
