//! The accounts of a check with the servers and proxies that they use, and what is known of their
//! next hops.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use dns::{Failure, Reply, WhyFailed};
use locate::{Hops, LocatePolicy, Progress, Records, Search, Target};
use net::Instant;
use params::{
    AccountSettings, CommonSettings, DnsCacheType, FailbackMode, Policy, Redundancy, TransportType,
};

use super::case::Case;

/// A target that an account locates, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// What is located.
    pub target: Target,
    /// How.
    pub policy: Arc<LocatePolicy>,
}

/// What is known of the next hops of a place.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// The place is an address.
    Literal,
    /// DNS was asked, or static records come before it: these and no others.
    Exactly(Arc<Hops>),
    /// DNS was not asked; where it says nothing, static records give these.
    WithoutDns(Arc<Hops>),
    /// DNS was asked and there is none.
    Nothing(String),
    /// DNS was not asked and static records do not say.
    Unknown,
}

/// `sip_server.Y` or `outbound_proxy.Y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Proxy,
}

impl Role {
    /// The part of its keys' patterns before the last segments, as `account.X.sip_server.Y`.
    pub(crate) const fn pattern(self) -> &'static str {
        match self {
            Self::Server => "account.X.sip_server.Y",
            Self::Proxy => "account.X.outbound_proxy.Y",
        }
    }
}

/// A server or proxy that an account uses.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) role: Role,
    pub(crate) y: u8,
    pub(crate) address: Box<str>,
    pub(crate) port: u16,
    pub(crate) transport: TransportType,
    pub(crate) retry_counts: u8,
    pub(crate) invite_retry_counts: u8,
    pub(crate) failback_mode: FailbackMode,
    pub(crate) register_on_enable: bool,
    pub(crate) only_signal_with_registered: bool,
    pub(crate) failback_subscribe: bool,
    pub(crate) lookup: Lookup,
    pub(crate) known: Known,
}

impl Place {
    pub(crate) fn is_name(&self) -> bool {
        self.lookup.target.literal().is_none()
    }

    /// The pattern of one of its keys.
    pub(crate) fn pattern(&self, rest: &str) -> String {
        format!("{}.{rest}", self.role.pattern())
    }

    /// `server 1`, `outbound proxy 2`.
    pub(crate) fn title(&self) -> String {
        match self.role {
            Role::Server => format!("server {}", self.y),
            Role::Proxy => format!("outbound proxy {}", self.y),
        }
    }

    /// How many next hops it has for certain.
    pub(crate) fn hop_count(&self) -> Option<usize> {
        match &self.known {
            Known::Literal => Some(1),
            Known::Exactly(hops) => Some(hops.order(0).len()),
            Known::WithoutDns(_) | Known::Nothing(_) | Known::Unknown => None,
        }
    }

    /// How many next hops it has as far as anything tells.
    pub(crate) fn hop_count_at_least(&self) -> usize {
        match &self.known {
            Known::Literal | Known::Nothing(_) | Known::Unknown => 1,
            Known::Exactly(hops) | Known::WithoutDns(hops) => hops.order(0).len().max(1),
        }
    }

    /// Whether somebody means it to have several next hops: DNS decides, several are known, or a key
    /// of failover has another value than its default.
    pub(crate) fn means_failover(&self) -> bool {
        self.is_name()
            && self.hop_count() != Some(1)
            && (self.port == 0
                || self.hop_count_at_least() > 1
                || self.failback_mode != FailbackMode::NewRequests
                || self.register_on_enable
                || self.only_signal_with_registered)
    }

    pub(crate) const fn transport_name(&self) -> &'static str {
        match self.transport {
            TransportType::Udp => "UDP",
            TransportType::Tcp => "TCP",
            TransportType::Tls => "TLS",
            TransportType::DnsNaptr => "DNS-NAPTR",
        }
    }
}

/// How the places of an account are used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// One server.
    Single,
    /// Both servers at once.
    Concurrent,
    /// Server 2 while server 1 fails.
    Successive,
    /// Outbound proxies.
    Proxies,
}

/// An account that is in service, or is not said not to be.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) number: u8,
    pub(crate) settings: AccountSettings,
    pub(crate) together: Together,
    /// The servers that have an address, then the proxies that have one, used or not.
    pub(crate) servers: Vec<Place>,
    pub(crate) proxies: Vec<Place>,
}

impl Line {
    pub(crate) fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// The places that requests go to.
    pub(crate) fn used(&self) -> &[Place] {
        match self.together {
            Together::Proxies => &self.proxies,
            Together::Single | Together::Concurrent | Together::Successive => &self.servers,
        }
    }

    pub(crate) fn server(&self, y: u8) -> Option<&Place> {
        self.servers.iter().find(|place| place.y == y)
    }
}

/// The accounts that rules about behaviour look at: those with a server that are not said to be out
/// of service. A common file often leaves `enable` to the MAC file. Beside them, how many servers were
/// located.
pub(crate) fn lines(case: &Case<'_>) -> (Vec<Line>, usize) {
    let mut seen = Seen::default();
    let accounts = case.settings().accounts.iter();
    let in_service = accounts.filter(|account| {
        account.enabled || case.written("account.X.enable", [account.number, 0]).is_none()
    });
    let lines = in_service.filter_map(|account| line(case, account, &mut seen)).collect();
    let located = seen.0.values().map(Vec::len).sum();
    (lines, located)
}

/// What was located already: sixteen accounts of a phone mostly have one server.
#[derive(Default)]
struct Seen(BTreeMap<(Target, bool), Vec<Located>>);

type Located = (Arc<LocatePolicy>, Known);

fn line(case: &Case<'_>, account: &AccountSettings, seen: &mut Seen) -> Option<Line> {
    let policy = &account.policy;
    let locating = Arc::new(locating(policy, &case.settings().common));
    let mut place = |(role, y): (Role, u8)| {
        let mut place = bare_place(policy, role, y, &locating)?;
        place.known = seen.known(case, &place.lookup);
        Some(place)
    };
    let servers: Vec<Place> = [1, 2].into_iter().filter_map(|y| place((Role::Server, y))).collect();
    let proxies: Vec<Place> = [1, 2].into_iter().filter_map(|y| place((Role::Proxy, y))).collect();
    if servers.is_empty() {
        return None;
    }
    let together = match (policy.proxies.enabled && !proxies.is_empty(), servers.len()) {
        (true, _) => Together::Proxies,
        (false, 0 | 1) => Together::Single,
        (false, _) => match policy.redundancy {
            Redundancy::Concurrent => Together::Concurrent,
            Redundancy::Successive => Together::Successive,
        },
    };
    let number = account.number;
    Some(Line { number, settings: account.clone(), together, servers, proxies })
}

fn bare_place(policy: &Policy, role: Role, y: u8, locating: &Arc<LocatePolicy>) -> Option<Place> {
    let place = usize::from(y).checked_sub(1)?;
    let server = policy.servers.get(place)?;
    let proxy = policy.proxies.proxies.get(place)?;
    let (address, port, transport) = match role {
        Role::Server => (&server.address, server.port, server.transport),
        // A18: a proxy is located with its own address and port and the transport of server 1.
        Role::Proxy => (&proxy.address, proxy.port, proxy.transport),
    };
    if address.is_empty() {
        return None;
    }
    let target = Target { host: address.clone(), port, transport: as_located(transport) };
    let of = |server_says, proxy_says| match role {
        Role::Server => server_says,
        Role::Proxy => proxy_says,
    };
    Some(Place {
        role,
        y,
        address: address.clone(),
        port,
        transport,
        retry_counts: match role {
            Role::Server => server.retry_counts,
            Role::Proxy => proxy.retry_counts,
        },
        invite_retry_counts: match role {
            Role::Server => server.invite_retry_counts,
            Role::Proxy => proxy.invite_retry_counts,
        },
        failback_mode: match role {
            Role::Server => server.failback_mode,
            Role::Proxy => proxy.failback_mode,
        },
        register_on_enable: of(server.register_on_enable, proxy.register_on_enable),
        only_signal_with_registered: of(
            server.only_signal_with_registered,
            proxy.only_signal_with_registered,
        ),
        failback_subscribe: of(server.failback_subscribe, proxy.failback_subscribe),
        lookup: Lookup { target, policy: locating.clone() },
        known: Known::Unknown,
    })
}

const fn as_located(transport: TransportType) -> locate::TransportType {
    match transport {
        TransportType::Udp => locate::TransportType::Udp,
        TransportType::Tcp => locate::TransportType::Tcp,
        TransportType::Tls => locate::TransportType::Tls,
        TransportType::DnsNaptr => locate::TransportType::DnsNaptr,
    }
}

/// How an account with `policy` locates its servers.
fn locating(policy: &Policy, common: &CommonSettings) -> LocatePolicy {
    LocatePolicy {
        cache_type: match policy.dns_cache_type {
            DnsCacheType::Bypass => locate::CacheType::RealTime,
            DnsCacheType::Answers => locate::CacheType::Answers,
            DnsCacheType::AnswersAndAdditionals => locate::CacheType::AnswersAndAdditionals,
        },
        static_first: policy.static_cache_pri,
        naptr_build: match policy.naptr_build {
            true => locate::NaptrBuild::UdpTcpTls,
            false => locate::NaptrBuild::UdpOnly,
        },
        address_mode: match common.address_mode {
            params::AddressMode::V4 => locate::AddressMode::V4,
            params::AddressMode::V6 => locate::AddressMode::V6,
            params::AddressMode::Both => locate::AddressMode::Both,
        },
        srv_weight: match common.srv_weight {
            params::SrvWeight::Guide => locate::SrvWeight::Guide,
            params::SrvWeight::Rfc2782 => locate::SrvWeight::Rfc2782,
        },
        static_records: Arc::new(phone::static_records(&common.static_records)),
    }
}

impl Seen {
    fn known(&mut self, case: &Case<'_>, lookup: &Lookup) -> Known {
        if lookup.target.literal().is_some() {
            return Known::Literal;
        }
        let key = (lookup.target.clone(), lookup.policy.static_first);
        let same = self.0.entry(key).or_default();
        if let Some((_, known)) = same.iter().find(|(policy, _)| *policy == lookup.policy) {
            return known.clone();
        }
        let known = known(case, lookup);
        same.push((lookup.policy.clone(), known.clone()));
        known
    }
}

fn known(case: &Case<'_>, lookup: &Lookup) -> Known {
    if let Some(resolve) = case.options.resolve {
        return match resolve(lookup) {
            Progress::Ready(hops) => Known::Exactly(hops),
            Progress::Nothing(nothing) => Known::Nothing(nothing.why.to_string()),
            Progress::Pending => Known::Unknown,
        };
    }
    match without_dns(lookup) {
        Some(hops) if lookup.policy.static_first => Known::Exactly(hops),
        Some(hops) => Known::WithoutDns(hops),
        None => Known::Unknown,
    }
}

/// What static records alone give: every question to DNS goes unanswered.
pub(crate) fn without_dns(lookup: &Lookup) -> Option<Arc<Hops>> {
    match walk_without_dns(lookup)? {
        Search::Ready(hops) => Some(hops),
        Search::Ask(_) | Search::Nothing(_) => None,
    }
}

/// The whole search where no question to DNS is answered.
pub(crate) fn walk_without_dns(lookup: &Lookup) -> Option<Search> {
    let mut records = Records::default();
    for _ in 0..ROUNDS_MAX {
        match locate::locate(&lookup.target, &lookup.policy, &records, Instant::ZERO) {
            Search::Ask(missing) => {
                for question in missing.questions {
                    let failure = Failure {
                        question: question.clone(),
                        why: WhyFailed::NoNameServer,
                        at: Instant::ZERO,
                        stale: None,
                    };
                    records.replies.insert(question, Reply::Failed(Arc::new(failure)));
                }
                records.sources.extend(missing.routes.into_iter().map(|to: IpAddr| (to, None)));
            }
            search @ (Search::Ready(_) | Search::Nothing(_)) => return Some(search),
        }
    }
    None
}

/// `locate` asks at most 20 questions for one location (behaviour §9).
const ROUNDS_MAX: usize = 64;
