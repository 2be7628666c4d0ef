use std::net::SocketAddr;

use crate::{Codec, Key, Suite};

/// What this side can do and wants, for one dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Address and port of RTP as the other side is to see them.
    pub rtp: SocketAddr,
    /// The port of RTCP at the same address.
    pub rtcp_port: u16,
    /// The codecs to offer and to accept, the best first.
    pub codecs: Vec<Codec>,
    /// Audio in one packet, in milliseconds.
    pub ptime_ms: u8,
    /// The payload type of telephone events; none where they are not wanted.
    pub events: Option<u8>,
    /// Whether media may or must be encrypted.
    pub encryption: Encryption,
    /// Suites in order of preference, each with a key of our own, drawn at random for this dialog.
    pub keys: Vec<(Suite, Key)>,
    /// Whether RTP and RTCP may share a port.
    pub mux: Mux,
}

impl Terms {
    /// Usual terms for media at `rtp`: all codecs but Opus, 20 ms, events, no encryption.
    #[must_use]
    pub fn new(rtp: SocketAddr) -> Self {
        Self {
            rtp,
            rtcp_port: rtp.port().saturating_add(1),
            codecs: vec![Codec::G722, Codec::Pcma, Codec::Pcmu, Codec::G729],
            ptime_ms: 20,
            events: Some(101),
            encryption: Encryption::Off,
            keys: Vec::new(),
            mux: Mux::Accept,
        }
    }
}

/// Whether media is encrypted with SRTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Never; an offer that demands it is refused.
    Off,
    /// If the other side does it too: offered as `RTP/AVP` with `a=crypto`.
    Optional,
    /// Always: offered as `RTP/SAVP`; what is not encrypted is refused.
    Required,
}

/// Whether RTP and RTCP may share one port (RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mux {
    /// Never.
    Never,
    /// If the other side offers it.
    Accept,
    /// Offered too.
    Offer,
}
