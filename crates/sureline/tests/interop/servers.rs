//! The registrars of a cell.

use std::net::{Ipv4Addr, SocketAddrV4};

use net::Transport;

/// One of the three registrars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Server {
    /// The first next hop of the domain.
    Primary,
    /// The second.
    Secondary,
    /// The one that the phone knows by its address.
    Fallback,
}

impl Server {
    pub(crate) const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Fallback];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Fallback => "fallback",
        }
    }

    /// The last byte of its addresses.
    const fn number(self) -> u8 {
        match self {
            Self::Primary => 1,
            Self::Secondary => 2,
            Self::Fallback => 3,
        }
    }

    /// Its address on the cable.
    pub(crate) const fn ip(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number())
    }

    /// Where it takes SIP.
    pub(crate) const fn addr(self, transport: Transport) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip(), sip_port(transport))
    }

    /// Where it takes orders of the test.
    pub(crate) const fn control(self) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, self.number()), 5099)
    }

    /// Which server has this address.
    pub(crate) fn of(ip: Ipv4Addr) -> Option<Self> {
        Self::ALL.into_iter().find(|server| server.ip() == ip)
    }
}

/// The port of SIP over a transport.
pub(crate) const fn sip_port(transport: Transport) -> u16 {
    match transport {
        Transport::Udp | Transport::Tcp => 5060,
        Transport::Tls => 5061,
    }
}
