use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use net::Transport;

/// How to reach a server, as `transport_type` or a SIP URI says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransportType {
    /// 0: UDP.
    Udp,
    /// 1: TCP.
    Tcp,
    /// 2: TLS.
    Tls,
    /// 3: what NAPTR and SRV records say.
    DnsNaptr,
}

impl TransportType {
    /// The transport, where one is fixed.
    #[must_use]
    pub const fn fixed(self) -> Option<Transport> {
        match self {
            Self::Udp => Some(Transport::Udp),
            Self::Tcp => Some(Transport::Tcp),
            Self::Tls => Some(Transport::Tls),
            Self::DnsNaptr => None,
        }
    }
}

impl fmt::Display for TransportType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::DnsNaptr => "dns-naptr",
        })
    }
}

/// RFC 3263's TARGET: whom to reach, as configured or as a URI says it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// A domain name or an IP address; an IPv6 address may stand in brackets.
    pub host: Box<str>,
    /// The port; 0 leaves it to SRV records and the default.
    pub port: u16,
    /// The transport, or that DNS decides.
    pub transport: TransportType,
}

impl Target {
    /// The address, where the host is one.
    #[must_use]
    pub fn literal(&self) -> Option<IpAddr> {
        literal(&self.host)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} port {} {}", self.host, self.port, self.transport)
    }
}

/// Reads an IP address, IPv6 with or without brackets.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6);
    }
    host.parse().ok()
}

/// The port where neither the target nor an SRV record gives one.
pub(crate) const fn default_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        // A20: RFC 3261 §19.1.2 has 5061 for TLS where the guide's text says 5060 for all.
        Transport::Tls => 5061,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_address_is_read_with_and_without_brackets() {
        let address: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(literal("[2001:db8::1]"), Some(address));
        assert_eq!(literal("2001:db8::1"), Some(address));
        assert_eq!(literal("[192.0.2.1]"), None);
        assert_eq!(literal("example.com"), None);
    }
}
