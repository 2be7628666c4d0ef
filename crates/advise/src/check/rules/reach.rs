//! Which static records lookups of the accounts can ask for.

use std::collections::BTreeSet;

use locate::{Finding as Looked, Search, Source, Step, Trail};
use params::TransportType;

use crate::check::case::Case;
use crate::check::places::{Place, walk_without_dns};

/// Whether any lookup of any account can ask for a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// It is asked for where DNS says nothing.
    Yes,
    /// It is asked for here, and by phones with `naptr_build` 1.
    WithNaptrBuild,
    /// Records in DNS may lead to it.
    Perhaps,
    /// Nothing leads to it.
    Never,
}

/// The names that lookups reach without DNS, and whether DNS can lead to others.
pub(super) struct Reach {
    /// In lower case, without a dot at the end; by kind of record.
    naptr: BTreeSet<String>,
    srv: BTreeSet<String>,
    addresses: BTreeSet<String>,
    /// Services that only the static records are asked for (A35).
    beyond_build: BTreeSet<String>,
    /// Whether some account asks DNS for NAPTR, and for SRV.
    asks_naptr: bool,
    asks_srv: bool,
    has_accounts: bool,
}

impl Reach {
    pub(super) fn of(case: &Case<'_>) -> Self {
        let mut reach = Self {
            naptr: BTreeSet::new(),
            srv: BTreeSet::new(),
            addresses: BTreeSet::new(),
            beyond_build: BTreeSet::new(),
            asks_naptr: false,
            asks_srv: false,
            has_accounts: false,
        };
        for place in case.lines.iter().flat_map(|line| line.used()) {
            reach.has_accounts = true;
            if place.is_name() {
                reach.add(place);
            }
        }
        reach
    }

    fn add(&mut self, place: &Place) {
        let host = bare(&place.address);
        self.asks_srv |= place.port == 0;
        self.asks_naptr |= place.port == 0 && place.transport == TransportType::DnsNaptr;
        self.addresses.insert(host.clone());
        let services: &[&str] = match (place.port, place.transport) {
            (0, TransportType::DnsNaptr) => {
                self.naptr.insert(host.clone());
                &["_sip._udp", "_sip._tcp", "_sips._tcp"]
            }
            (0, TransportType::Udp) => &["_sip._udp"],
            (0, TransportType::Tcp) => &["_sip._tcp"],
            (0, TransportType::Tls) => &["_sips._tcp"],
            (_, _) => &[],
        };
        for service in services {
            self.srv.extend(spellings(&format!("{service}.{host}")));
        }
        let build = place.lookup.policy.naptr_build;
        let trail = match walk_without_dns(&place.lookup) {
            Some(Search::Ready(hops)) => Some(hops.trail().clone()),
            Some(Search::Nothing(nothing)) => Some(nothing.trail.clone()),
            Some(Search::Ask(_)) | None => None,
        };
        for (kind, name, is_static) in trail.iter().flat_map(consulted) {
            match kind {
                dns::RecordType::Naptr => self.naptr.insert(name),
                dns::RecordType::Srv => {
                    let is_other = !name.starts_with("_sip._udp") && !name.starts_with("_sip_udp");
                    let by_build = place.transport == TransportType::DnsNaptr
                        && build == locate::NaptrBuild::UdpOnly
                        && is_static
                        && is_other
                        && !trail.iter().any(takes_naptr);
                    if by_build {
                        self.beyond_build.insert(name.clone());
                    }
                    self.srv.insert(name)
                }
                dns::RecordType::A
                | dns::RecordType::Aaaa
                | dns::RecordType::Ns
                | dns::RecordType::Cname
                | dns::RecordType::Soa
                | dns::RecordType::Other(_) => self.addresses.insert(name),
            };
        }
    }

    pub(super) fn naptr(&self, name: &str) -> Asked {
        self.asked(self.naptr.contains(&bare(name)), false)
    }

    pub(super) fn srv(&self, name: &str) -> Asked {
        let name = bare(name);
        if self.beyond_build.contains(&name) {
            return Asked::WithNaptrBuild;
        }
        // Without NAPTR nothing leads to the service of another name or transport.
        self.asked(self.srv.contains(&name), self.asks_naptr && name.starts_with('_'))
    }

    pub(super) fn address(&self, name: &str) -> Asked {
        self.asked(self.addresses.contains(&bare(name)), self.asks_srv)
    }

    fn asked(&self, is_reached: bool, by_dns: bool) -> Asked {
        match (is_reached, by_dns) {
            (true, _) => Asked::Yes,
            (false, true) => Asked::Perhaps,
            (false, false) if !self.has_accounts => Asked::Perhaps,
            (false, false) => Asked::Never,
        }
    }
}

pub(super) fn bare(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// What a search looked for: type, name, and whether static records answered.
fn consulted(trail: &Trail) -> impl Iterator<Item = (dns::RecordType, String, bool)> {
    trail.steps.iter().filter_map(|step| match step {
        Step::Consulted(consulted) => {
            let is_static =
                matches!(&consulted.finding, Looked::Records { source: Source::Static, .. });
            let question = &consulted.question;
            Some((question.kind, bare(&question.name.to_string()), is_static))
        }
        Step::Decided(_) => None,
    })
}

fn takes_naptr(trail: &Trail) -> bool {
    trail.steps.iter().any(|step| {
        matches!(step, Step::Decided(locate::Decision::NaptrTaken { transport: Some(_), .. }))
    })
}

/// A service name in both spellings (A25).
fn spellings(name: &str) -> [String; 2] {
    let joined = ["_sip._udp.", "_sip._tcp.", "_sips._tcp."]
        .into_iter()
        .find_map(|service| name.strip_prefix(service).map(|host| (service, host)))
        .map_or_else(
            || name.to_owned(),
            |(service, host)| {
                format!("{}.{host}", service.trim_end_matches('.').replacen("._", "_", 1))
            },
        );
    [name.to_owned(), joined]
}
