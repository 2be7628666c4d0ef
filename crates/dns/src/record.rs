use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::DomainName;

/// What is asked for: the types that locating a SIP server needs have names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecordType {
    /// IPv4 address.
    A,
    /// Name server.
    Ns,
    /// Alias.
    Cname,
    /// Start of authority.
    Soa,
    /// IPv6 address.
    Aaaa,
    /// Service (RFC 2782).
    Srv,
    /// Naming authority pointer (RFC 3403).
    Naptr,
    /// Any other, by its number.
    Other(u16),
}

impl RecordType {
    /// The type for a number on the wire.
    #[must_use]
    pub const fn from_code(code: u16) -> Self {
        match code {
            1 => Self::A,
            2 => Self::Ns,
            5 => Self::Cname,
            6 => Self::Soa,
            28 => Self::Aaaa,
            33 => Self::Srv,
            35 => Self::Naptr,
            _ => Self::Other(code),
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Naptr => 35,
            Self::Other(code) => code,
        }
    }
}

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::Ns => "NS",
            Self::Cname => "CNAME",
            Self::Soa => "SOA",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
            Self::Naptr => "NAPTR",
            // RFC 3597 §5: the spelling of a type without a name.
            Self::Other(code) => return f.pad(&format!("TYPE{code}")),
        })
    }
}

/// A name and the type of record wanted for it; the class is always IN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question {
    /// The name asked about.
    pub name: DomainName,
    /// The type asked for.
    pub kind: RecordType,
}

impl Question {
    /// The question for the records of type `kind` at `name`.
    #[must_use]
    pub const fn new(name: DomainName, kind: RecordType) -> Self {
        Self { name, kind }
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

/// One resource record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Whose record it is.
    pub name: DomainName,
    /// How long it may be kept, in seconds.
    pub ttl_s: u32,
    /// What it says.
    pub data: Data,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Data {
    /// An IPv4 address.
    A(Ipv4Addr),
    /// An IPv6 address.
    Aaaa(Ipv6Addr),
    /// The name that this one stands for.
    Cname(DomainName),
    /// A name server of the zone.
    Ns(DomainName),
    /// The start of authority of a zone.
    Soa(Box<Soa>),
    /// One server of a service.
    Srv(Srv),
    /// One rule of RFC 3403.
    Naptr(Box<Naptr>),
    /// A type without a meaning here.
    Other {
        /// Its number.
        kind: u16,
        /// Its content as received; names in it may be compressed and mean nothing elsewhere.
        bytes: Box<[u8]>,
    },
}

impl Data {
    /// The type of record that carries this.
    #[must_use]
    pub const fn kind(&self) -> RecordType {
        match self {
            Self::A(_) => RecordType::A,
            Self::Aaaa(_) => RecordType::Aaaa,
            Self::Cname(_) => RecordType::Cname,
            Self::Ns(_) => RecordType::Ns,
            Self::Soa(_) => RecordType::Soa,
            Self::Srv(_) => RecordType::Srv,
            Self::Naptr(_) => RecordType::Naptr,
            Self::Other { kind, .. } => RecordType::from_code(*kind),
        }
    }

    /// The address of an A or AAAA record.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        match self {
            Self::A(ip) => Some(IpAddr::V4(*ip)),
            Self::Aaaa(ip) => Some(IpAddr::V6(*ip)),
            Self::Cname(_)
            | Self::Ns(_)
            | Self::Soa(_)
            | Self::Srv(_)
            | Self::Naptr(_)
            | Self::Other { .. } => None,
        }
    }

    /// The record data for an address.
    #[must_use]
    pub const fn of_address(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(ip) => Self::A(ip),
            IpAddr::V6(ip) => Self::Aaaa(ip),
        }
    }
}

/// One server of a service (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Srv {
    /// Lower is preferred.
    pub priority: u16,
    /// Share among equal priorities.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name; the root means that the service is not offered.
    pub target: DomainName,
}

/// One rule of RFC 3403, as RFC 3263 uses it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Naptr {
    /// Lower is done first.
    pub order: u16,
    /// Lower is preferred among equal orders.
    pub preference: u16,
    /// What the replacement is: `S`, `A`, `U`, `P` or empty.
    pub flags: Box<str>,
    /// Such as `SIP+D2U`.
    pub service: Box<str>,
    /// A substitution; empty for SIP.
    pub regexp: Box<str>,
    /// The name to go on with.
    pub replacement: DomainName,
}

/// The start of authority of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Soa {
    /// The primary name server.
    pub mname: DomainName,
    /// The mailbox of the person responsible.
    pub rname: DomainName,
    /// Version of the zone.
    pub serial: u32,
    /// Seconds between checks by secondaries.
    pub refresh: u32,
    /// Seconds until such a check is repeated.
    pub retry: u32,
    /// Seconds after which a secondary gives the zone up.
    pub expire: u32,
    /// How long a negative answer may be kept, in seconds (RFC 2308 §4).
    pub minimum: u32,
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::A(ip) => write!(f, "{ip}"),
            Self::Aaaa(ip) => write!(f, "{ip}"),
            Self::Cname(name) | Self::Ns(name) => write!(f, "{name}"),
            Self::Soa(soa) => write!(
                f,
                "{} {} {} {} {} {} {}",
                soa.mname, soa.rname, soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum
            ),
            Self::Srv(srv) => {
                write!(f, "{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target)
            }
            Self::Naptr(naptr) => write!(
                f,
                "{} {} {:?} {:?} {:?} {}",
                naptr.order,
                naptr.preference,
                naptr.flags,
                naptr.service,
                naptr.regexp,
                naptr.replacement
            ),
            // RFC 3597 §5: the spelling of data without a meaning.
            Self::Other { bytes, .. } => {
                write!(f, "\\# {}", bytes.len())?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.name, self.ttl_s, self.data.kind(), self.data)
    }
}
