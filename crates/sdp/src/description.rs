use std::fmt;
use std::net::IpAddr;

use crate::{Crypto, Direction, Encoding};

/// A session description as far as a phone needs it (RFC 8866).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    /// `o=`.
    pub origin: Origin,
    /// `c=` of the session, for media that have none of their own.
    pub connection: Option<Connection>,
    /// The direction of the session, for media that have none of their own.
    pub direction: Option<Direction>,
    /// The media lines in their order, which an answer has to keep.
    pub media: Vec<Media>,
}

impl Description {
    /// Where `media`, one of this description, is to be sent.
    #[must_use]
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction of `media`, one of this description, as its writer sees it.
    #[must_use]
    pub fn direction_of(&self, media: &Media) -> Direction {
        // RFC 3264 §5.1: sendrecv where nothing is said.
        media.direction.or(self.direction).unwrap_or(Direction::SendRecv)
    }
}

/// Who made a description, and which version of it this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Number of the session, unique with the address.
    pub session: u64,
    /// Rises by one with each change of the description.
    pub version: u64,
    /// Address of the maker.
    pub address: IpAddr,
}

impl Default for Origin {
    fn default() -> Self {
        Self { session: 0, version: 0, address: IpAddr::from([0, 0, 0, 0]) }
    }
}

/// The address of `c=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    /// An IP address.
    Address(IpAddr),
    /// A host name, which SDP permits and nobody should send.
    Name(Box<str>),
}

/// The transport of a media line, as far as this phone carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `RTP/AVP`.
    Avp,
    /// `RTP/SAVP`.
    Savp,
    /// `RTP/AVPF`.
    Avpf,
    /// `RTP/SAVPF`.
    Savpf,
}

impl Profile {
    /// Its name in a media line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Avp => "RTP/AVP",
            Self::Savp => "RTP/SAVP",
            Self::Avpf => "RTP/AVPF",
            Self::Savpf => "RTP/SAVPF",
        }
    }

    /// The profile of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Avp, Self::Savp, Self::Avpf, Self::Savpf]
            .into_iter()
            .find(|profile| name.eq_ignore_ascii_case(profile.name()))
    }

    /// Whether it is SRTP by its name.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Savp | Self::Savpf)
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One media line with its attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, `image`, …
    pub kind: Box<str>,
    /// The port; 0 refuses or ends the stream.
    pub port: u16,
    /// The transport as written.
    pub protocol: Box<str>,
    /// The formats as written.
    pub format_list: Vec<Box<str>>,
    /// The formats that this phone understands, in the order of the line.
    pub formats: Vec<Format>,
    /// `c=` of this line.
    pub connection: Option<Connection>,
    /// Its direction, as its writer sees it.
    pub direction: Option<Direction>,
    /// `a=ptime` in milliseconds.
    pub ptime_ms: Option<u8>,
    /// `a=maxptime` in milliseconds.
    pub maxptime_ms: Option<u8>,
    /// `a=rtcp` (RFC 3605).
    pub rtcp: Option<RtcpPort>,
    /// `a=rtcp-mux` (RFC 5761).
    pub rtcp_mux: bool,
    /// The `a=crypto` lines that this phone can use, in their order.
    pub crypto: Vec<Crypto>,
}

impl Media {
    /// Whether this is an audio line over a transport that this phone carries.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.kind.eq_ignore_ascii_case("audio") && self.profile().is_some()
    }

    /// Its transport, if this phone carries it.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        Profile::from_name(&self.protocol)
    }
}

/// A payload type of a media line and what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Format {
    /// The payload type, 0 to 127.
    pub payload: u8,
    /// Its meaning.
    pub encoding: Encoding,
}

/// Where RTCP is wanted, if not one port above RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpPort {
    /// The port.
    pub port: u16,
    /// The address, if another one than that of RTP.
    pub address: Option<IpAddr>,
}
