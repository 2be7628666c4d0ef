use std::fmt;
use std::net::SocketAddr;

use crate::{Codec, Key, Suite};

/// Which way media flows, from the view of whoever states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// Sends, does not want to receive.
    SendOnly,
    /// Receives, does not send.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The direction that sends and receives as said.
    #[must_use]
    pub(crate) const fn of(sends: Sends, receives: Receives) -> Self {
        match (sends, receives) {
            (Sends::Yes, Receives::Yes) => Self::SendRecv,
            (Sends::Yes, Receives::No) => Self::SendOnly,
            (Sends::No, Receives::Yes) => Self::RecvOnly,
            (Sends::No, Receives::No) => Self::Inactive,
        }
    }

    /// Whether the one who states it sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the one who states it receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The name of its attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The direction whose attribute this is.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::SendRecv, Self::SendOnly, Self::RecvOnly, Self::Inactive]
            .into_iter()
            .find(|direction| name.eq_ignore_ascii_case(direction.name()))
    }
}

/// One half of a direction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sends {
    Yes,
    No,
}

/// The other half of a direction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receives {
    Yes,
    No,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What both sides agreed on for one audio stream: all that `media` needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Our ends, as the other side knows them.
    pub local: Ends,
    /// The other side's ends, as it described them.
    pub remote: Ends,
    /// Which way media flows, from our view.
    pub direction: Direction,
    /// What we send.
    pub send: Payload,
    /// What we take: every payload type that our description announced.
    pub receive: Vec<Payload>,
    /// Audio in each packet that we send, in milliseconds.
    pub ptime_ms: u8,
    /// Telephone events, if both sides have them.
    pub events: Option<Events>,
    /// Plain or encrypted.
    pub security: Security,
}

/// The addresses of RTP and RTCP at one side; equal where RTCP is multiplexed (RFC 5761).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// Address and port of RTP.
    pub rtp: SocketAddr,
    /// Address and port of RTCP.
    pub rtcp: SocketAddr,
}

impl Ends {
    /// Whether RTP and RTCP share the port.
    #[must_use]
    pub fn muxed(&self) -> bool {
        self.rtp == self.rtcp
    }
}

/// A payload type and its codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The payload type.
    pub number: u8,
    /// Its codec.
    pub codec: Codec,
}

/// How telephone events (RFC 4733) travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// The payload type that we send.
    pub send: u8,
    /// Ticks of the event clock in a second.
    pub clock_hz: u32,
    /// The payload types that we take.
    pub receive: Vec<u8>,
}

/// Whether packets are encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Security {
    /// Plain RTP.
    Plain,
    /// SRTP, in both directions; a plain packet is neither sent nor taken.
    Srtp(Srtp),
}

/// Suite and keys of SRTP with SDES (RFC 4568).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Srtp {
    /// The suite, the same in both directions.
    pub suite: Suite,
    /// The key of what we send.
    pub send: Key,
    /// The key of what we receive.
    pub receive: Key,
    /// Bytes of master key identifier in what we receive.
    pub receive_mki_len: u8,
}
