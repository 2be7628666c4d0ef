use std::fmt;

/// Why a datagram, a connection or an attempt came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// Nothing came back in the time given.
    Silent,
    /// ICMP: no process listens at the port.
    PortUnreachable,
    /// ICMP: host or network unreachable.
    HostUnreachable,
    /// TCP: the connection was refused.
    Refused,
    /// TCP: the connection was reset.
    Reset,
    /// TCP: no connection within the deadline.
    ConnectTimeout,
    /// TLS: no handshake within the deadline.
    HandshakeTimeout,
    /// TLS: the handshake failed otherwise than by the certificate.
    Handshake,
    /// TLS: the certificate was refused.
    Certificate(CertificateFault),
    /// The peer closed the connection in order.
    PeerClosed,
    /// Ours: a queue of this process was full.
    QueueFull,
    /// Ours: the system refused to send (EPERM and the like).
    SendDenied,
    /// Ours: this machine has no route to the address.
    NoRoute,
}

impl Cause {
    /// Whether the fault is on this machine, which never counts against a next hop.
    #[must_use]
    pub const fn is_ours(self) -> bool {
        matches!(self, Self::QueueFull | Self::SendDenied | Self::NoRoute)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Silent => "no answer",
            Self::PortUnreachable => "port unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::ConnectTimeout => "no connection in time",
            Self::HandshakeTimeout => "no TLS handshake in time",
            Self::Handshake => "TLS handshake failed",
            Self::Certificate(fault) => return write!(f, "certificate refused: {fault}"),
            Self::PeerClosed => "closed by the peer",
            Self::QueueFull => "a queue of this phone is full",
            Self::SendDenied => "the system refused to send",
            Self::NoRoute => "no route from this machine",
        })
    }
}

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateFault {
    /// It does not name the configured domain (RFC 5922).
    WrongName,
    /// It has expired or is not valid yet.
    Expired,
    /// No known authority signed it.
    UnknownIssuer,
    /// It was revoked, is malformed, or breaks another rule.
    Invalid,
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongName => "it does not name the configured domain",
            Self::Expired => "it has expired or is not valid yet",
            Self::UnknownIssuer => "its issuer is not trusted",
            Self::Invalid => "it is not valid",
        })
    }
}
