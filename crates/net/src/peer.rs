use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A transport that SIP runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// Whether the transport delivers by itself, so that requests are not retransmitted.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp | Self::Tls)
    }

    /// The name in lower case: `udp`, `tcp`, `tls`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A domain name or address that a certificate has to name; cheap to clone.
pub type Name = Arc<str>;

/// Whom to connect to: the key under which connections are shared.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Peer {
    /// TCP or TLS.
    pub transport: Transport,
    /// Address and port.
    pub addr: SocketAddr,
    /// The name that the certificate has to carry (TLS); empty for TCP.
    pub name: Name,
    /// Distinguishes connections that must not be shared; 0 where sharing is wanted.
    pub owner: u32,
}

/// One stream connection of a node. The node numbers those it opens, the executor those it accepts:
/// the executor's have the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Conn(pub u64);

impl Conn {
    /// The bit that marks connections accepted by the executor.
    pub const ACCEPTED: u64 = 1 << 63;
}

/// One datagram socket of a node: 0 is the first bound, 1 the second, and so on; the node numbers
/// those it opens with [`crate::Output::OpenAsk`] from [`Socket::FIRST_ASK`] on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Socket(pub u32);

impl Socket {
    /// The first number of sockets that are opened on demand.
    pub const FIRST_ASK: u32 = 1 << 16;
}
