use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use sdp::Codec;

use crate::Discard;

/// How a stream is doing, from its beginning to the time asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// The codec that we send.
    pub sent_codec: Codec,
    /// The codec that we hear; none before the first packet.
    pub received_codec: Option<Codec>,
    /// Where we send to.
    pub remote: SocketAddr,
    /// Packets sent.
    pub sent: u64,
    /// Packets received, duplicates included.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came too late to be played.
    pub late: u64,
    /// Packets that came more than once.
    pub duplicate: u64,
    /// Packets that no decoder could read, or that found no room.
    pub unplayable: u64,
    /// The share of expected packets that were not played, 0 to 1.
    pub loss: f64,
    /// Interarrival jitter (RFC 3550 §6.4.1).
    pub jitter: Duration,
    /// How long sound waits in the jitter buffer.
    pub buffered: Duration,
    /// Sound made up for what was lost.
    pub concealed: Duration,
    /// From us to the other side and back, where reports told it.
    pub round_trip: Option<Duration>,
    /// What the other side reports of what it hears.
    pub reported: Option<Reported>,
    /// The mean opinion score of what we hear, 1.0 to 4.5; none before the first packet.
    pub mos: Option<f64>,
    /// Datagrams that were not used, by reason.
    pub discarded: BTreeMap<Discard, u64>,
}

/// The other side's last report on what it receives from us.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reported {
    /// Packets that it misses.
    pub lost: i32,
    /// The share lost since the report before, 0 to 1.
    pub loss: f64,
    /// Its interarrival jitter.
    pub jitter: Duration,
}
