use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::{Data, DomainName, Naptr, Question, RecordType, Srv};

/// How one account locates its servers: everything but the target that decides the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct LocatePolicy {
    /// `dns_cache_type`.
    pub cache_type: CacheType,
    /// `static_cache_pri`: whether static records are consulted before DNS.
    pub static_first: bool,
    /// `naptr_build`.
    pub naptr_build: NaptrBuild,
    /// `static.network.ip_address_mode`.
    pub address_mode: AddressMode,
    /// `sureline.srv_weight`.
    pub srv_weight: SrvWeight,
    /// `dns_cache_a`, `dns_cache_srv` and `dns_cache_naptr`.
    pub static_records: Arc<StaticRecords>,
}

/// `dns_cache_type`: what of DNS is kept for the next request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CacheType {
    /// 0: every pass asks anew.
    RealTime,
    /// 1: answers are kept for their TTL.
    #[default]
    Answers,
    /// 2: the additional section of answers is kept, too.
    AnswersAndAdditionals,
}

impl CacheType {
    pub(crate) const fn mode(self) -> dns::Mode {
        match self {
            Self::RealTime => dns::Mode::Bypass,
            Self::Answers => dns::Mode::Answers,
            Self::AnswersAndAdditionals => dns::Mode::AnswersAndAdditionals,
        }
    }
}

/// `naptr_build`: which services are asked of DNS where no NAPTR record is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NaptrBuild {
    /// 0: UDP only.
    #[default]
    UdpOnly,
    /// 1: UDP, TCP and TLS.
    UdpTcpTls,
}

/// `static.network.ip_address_mode`: which addresses are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddressMode {
    /// 0: A records.
    #[default]
    V4,
    /// 1: AAAA records.
    V6,
    /// 2: both.
    Both,
}

impl AddressMode {
    pub(crate) const fn kinds(self) -> &'static [RecordType] {
        match self {
            Self::V4 => &[RecordType::A],
            Self::V6 => &[RecordType::Aaaa],
            Self::Both => &[RecordType::A, RecordType::Aaaa],
        }
    }
}

/// `sureline.srv_weight`: what the weight of an SRV record means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SrvWeight {
    /// The heaviest first, as the guide says.
    #[default]
    Guide,
    /// A weighted die, as RFC 2782 says.
    Rfc2782,
}

/// The static DNS cache of the guide's Appendix B, each list in index order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StaticRecords {
    /// `dns_cache_a`.
    pub a: Vec<StaticA>,
    /// `dns_cache_srv`.
    pub srv: Vec<StaticSrv>,
    /// `dns_cache_naptr`.
    pub naptr: Vec<StaticNaptr>,
}

/// One `dns_cache_a` entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticA {
    /// Whose address it is.
    pub name: DomainName,
    /// An IPv4 or IPv6 address.
    pub ip: IpAddr,
    /// How long it counts after it was consulted, in seconds.
    pub ttl_s: u32,
}

/// One `dns_cache_srv` entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticSrv {
    /// The service's name, `_sip._tcp.example.com` or as the guide prints it, `_sip_tcp.example.com`.
    pub name: DomainName,
    /// What it says; a target may be an IP address.
    pub srv: Srv,
    /// How long it counts after it was consulted, in seconds.
    pub ttl_s: u32,
}

/// One `dns_cache_naptr` entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticNaptr {
    /// The domain it is for.
    pub name: DomainName,
    /// What it says.
    pub naptr: Naptr,
    /// How long it counts after it was consulted, in seconds.
    pub ttl_s: u32,
}

impl StaticRecords {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.a.is_empty() && self.srv.is_empty() && self.naptr.is_empty()
    }

    /// The record set of a name and type, in index order.
    pub(crate) fn find(&self, set: &Question) -> Vec<Data> {
        match set.kind {
            RecordType::A | RecordType::Aaaa => self
                .a
                .iter()
                .filter(|entry| entry.name == set.name)
                .map(|entry| Data::of_address(entry.ip))
                .filter(|data| data.kind() == set.kind)
                .collect(),
            RecordType::Srv => self
                .srv
                .iter()
                .filter(|entry| entry.name == set.name)
                .map(|entry| Data::Srv(entry.srv.clone()))
                .collect(),
            RecordType::Naptr => self
                .naptr
                .iter()
                .filter(|entry| entry.name == set.name)
                .map(|entry| Data::Naptr(Box::new(entry.naptr.clone())))
                .collect(),
            RecordType::Ns | RecordType::Cname | RecordType::Soa | RecordType::Other(_) => {
                Vec::new()
            }
        }
    }

    /// How long a record set counts after it was consulted: several entries of one name and type
    /// are one set, so the least of their TTLs; none where there is no entry.
    pub(crate) fn lifetime(&self, set: &Question) -> Option<Duration> {
        let addresses = self
            .a
            .iter()
            .filter(|entry| Data::of_address(entry.ip).kind() == set.kind)
            .map(|entry| (&entry.name, entry.ttl_s));
        let services = self.srv.iter().map(|entry| (&entry.name, entry.ttl_s));
        let pointers = self.naptr.iter().map(|entry| (&entry.name, entry.ttl_s));
        addresses
            .chain(services.filter(|_| set.kind == RecordType::Srv))
            .chain(pointers.filter(|_| set.kind == RecordType::Naptr))
            .filter(|(name, _)| **name == set.name)
            .map(|(_, ttl_s)| Duration::from_secs(ttl_s.into()))
            .min()
    }
}
