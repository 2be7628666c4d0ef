//! The way in: datagrams into sound and digits.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use net::{Instant, Rng};
use sdp::{Codec, Events, Payload, Security, Srtp, Stream};

use crate::dtmf::Incoming;
use crate::latch::{Latch, Proof, Verdict};
use crate::playout::{Content, Held, Playout};
use crate::reception::{Place, Reception};
use crate::rtcp::Compound;
use crate::rtp::Packet;
use crate::srtp::{Rejected, Unprotector};
use crate::{CodecMissing, Digit, Latching, Rate};

/// The static payload type of comfort noise (RFC 3389), taken whether it was agreed or not.
const COMFORT_NOISE: u8 = 13;

/// Why a datagram was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Discard {
    /// It is no RTP or RTCP.
    Malformed,
    /// It comes from an address that the stream does not follow.
    Stranger,
    /// Its tag does not fit the key, or it has none.
    Forged,
    /// It was seen before.
    Replayed,
    /// Its payload type was not agreed.
    PayloadType,
    /// Its source or sequence is another one, and no second packet confirmed it.
    Astray,
    /// It is our own.
    Echo,
    /// The stream is on hold.
    Held,
}

impl fmt::Display for Discard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "malformed",
            Self::Stranger => "from a stranger",
            Self::Forged => "not authentic",
            Self::Replayed => "replayed",
            Self::PayloadType => "of a payload type that was not agreed",
            Self::Astray => "out of every sequence",
            Self::Echo => "our own",
            Self::Held => "on hold",
        })
    }
}

impl From<Rejected> for Discard {
    fn from(rejected: Rejected) -> Self {
        match rejected {
            Rejected::Malformed => Self::Malformed,
            Rejected::Forged => Self::Forged,
            Rejected::Replayed => Self::Replayed,
        }
    }
}

/// What a datagram that was used tells the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) digit: Option<Digit>,
    pub(crate) moved_to: Option<SocketAddr>,
}

pub(crate) struct Receiver {
    payloads: Vec<Payload>,
    events: Option<Events>,
    secret: Option<(Srtp, Unprotector)>,
    latch: Latch,
    /// The source of RTCP, where it is of the same host as that of RTP.
    rtcp_from: Option<SocketAddr>,
    rtcp_described: SocketAddr,
    source: Option<Reception>,
    /// Another source that would like to be heard: its number and what it sends next.
    applicant: Option<(u32, u16)>,
    playing: Option<Payload>,
    digits: Incoming,
    pub(crate) playout: Playout,
    pub(crate) heard_at: Option<Instant>,
    pub(crate) discarded: BTreeMap<Discard, u64>,
    /// Of sources that were replaced.
    lost_before: i64,
    expected_before: u64,
}

impl Receiver {
    pub(crate) fn new(
        now: Instant,
        stream: &Stream,
        rate: Rate,
        latching: Latching,
        rng: Rng,
    ) -> Result<Self, CodecMissing> {
        check(stream)?;
        Ok(Self {
            payloads: stream.receive.clone(),
            events: stream.events.clone(),
            secret: secret(stream),
            latch: Latch::new(latching, stream.remote.rtp, now),
            rtcp_from: None,
            rtcp_described: stream.remote.rtcp,
            source: None,
            applicant: None,
            playing: None,
            digits: Incoming::default(),
            playout: Playout::new(rate, stream.send.codec.clock_hz(), rng),
            heard_at: None,
            discarded: BTreeMap::new(),
            lost_before: 0,
            expected_before: 0,
        })
    }

    /// Goes on with another agreement; what is learnt is kept where it still holds.
    pub(crate) fn change(
        &mut self,
        now: Instant,
        stream: &Stream,
        latching: Latching,
    ) -> Result<(), CodecMissing> {
        check(stream)?;
        self.payloads = stream.receive.clone();
        self.events = stream.events.clone();
        // The same key goes on with its roll-over counter and replay list.
        let same_key = match (&self.secret, &stream.security) {
            (Some((known, _)), Security::Srtp(srtp)) => known == srtp,
            (None, Security::Plain) => true,
            (Some(_), Security::Plain) | (None, Security::Srtp(_)) => false,
        };
        if !same_key {
            self.secret = secret(stream);
        }
        if self.latch.described() != stream.remote.rtp {
            self.latch = Latch::new(latching, stream.remote.rtp, now);
            self.rtcp_from = None;
        }
        self.rtcp_described = stream.remote.rtcp;
        Ok(())
    }

    /// Takes a datagram of the RTP port.
    pub(crate) fn rtp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
        own_ssrc: u32,
    ) -> Result<News, Discard> {
        let opened;
        let (bytes, proof) = match &mut self.secret {
            None => (bytes, Proof::None),
            Some((_, unprotector)) => {
                opened = unprotector.rtp(bytes)?;
                (opened.as_slice(), Proof::Authenticated)
            }
        };
        let packet = Packet::parse(bytes).ok_or(Discard::Malformed)?;
        if packet.ssrc == own_ssrc {
            return Err(Discard::Echo);
        }
        let meaning = self.meaning(packet.payload_type).ok_or(Discard::PayloadType)?;
        let verdict = self.latch.judge(now, from, proof, (packet.ssrc, packet.sequence));
        let moved_to = match verdict {
            Verdict::Stranger => return Err(Discard::Stranger),
            Verdict::Known => None,
            Verdict::Moved => Some(from),
        };
        let sequence = self.place(&packet)?;
        self.heard_at = Some(now);
        let digit = self.keep(now, sequence, &packet, meaning);
        Ok(News { digit, moved_to })
    }

    /// Takes a datagram of the RTCP port.
    pub(crate) fn rtcp(
        &mut self,
        now: Instant,
        from: SocketAddr,
        bytes: &[u8],
    ) -> Result<Compound, Discard> {
        let opened;
        let bytes = match &mut self.secret {
            None => bytes,
            Some((_, unprotector)) => {
                opened = unprotector.rtcp(bytes)?;
                opened.as_slice()
            }
        };
        let compound = Compound::parse(bytes).ok_or(Discard::Malformed)?;
        let known = [self.latch.current().ip(), self.rtcp_described.ip()];
        if !known.contains(&from.ip()) {
            return Err(Discard::Stranger);
        }
        if from.ip() == self.latch.current().ip() {
            self.rtcp_from = Some(from);
        }
        if let (Some(sender), Some(source)) = (compound.sender, &mut self.source)
            && compound.from == Some(source.ssrc)
        {
            source.reported(now, sender.ntp);
        }
        Ok(compound)
    }

    pub(crate) fn discard(&mut self, why: Discard) {
        *self.discarded.entry(why).or_default() += 1;
    }

    /// Where RTP goes.
    pub(crate) const fn rtp_to(&self) -> SocketAddr {
        self.latch.current()
    }

    /// Where RTCP goes, unless it shares the port of RTP.
    pub(crate) fn rtcp_to(&self) -> SocketAddr {
        let (current, described) = (self.latch.current(), self.latch.described());
        match self.rtcp_from {
            Some(from) if from.ip() == current.ip() => from,
            Some(_) | None if current.ip() == described.ip() => self.rtcp_described,
            Some(_) | None => SocketAddr::new(current.ip(), current.port().saturating_add(1)),
        }
    }

    pub(crate) fn source_mut(&mut self) -> Option<&mut Reception> {
        self.source.as_mut()
    }

    pub(crate) const fn source(&self) -> Option<&Reception> {
        self.source.as_ref()
    }

    /// The codec that is heard.
    pub(crate) const fn playing(&self) -> Option<Payload> {
        self.playing
    }

    /// Packets expected and lost, of all sources.
    pub(crate) fn totals(&self) -> (u64, i64) {
        let (expected, lost) =
            self.source.as_ref().map_or((0, 0), |source| (source.expected(), source.lost()));
        (self.expected_before + expected, self.lost_before + lost)
    }

    fn meaning(&self, number: u8) -> Option<Meaning> {
        if let Some(payload) = self.payloads.iter().find(|payload| payload.number == number) {
            return Some(Meaning::Audio(*payload));
        }
        let event = self.events.as_ref().is_some_and(|events| events.receive.contains(&number));
        match number {
            _ if event => Some(Meaning::Event),
            COMFORT_NOISE => Some(Meaning::Noise),
            _ => None,
        }
    }

    /// Finds the source and the place of a packet in it.
    fn place(&mut self, packet: &Packet<'_>) -> Result<i64, Discard> {
        let (ssrc, number) = (packet.ssrc, packet.sequence);
        if self.source.as_ref().is_some_and(|source| source.ssrc != ssrc) {
            // RFC 3550 §A.1: another source is believed from its second packet on.
            if self.applicant.replace((ssrc, number.wrapping_add(1))) != Some((ssrc, number)) {
                return Err(Discard::Astray);
            }
            (self.expected_before, self.lost_before) = self.totals();
            self.source = None;
        }
        if self.source.is_none() {
            self.applicant = None;
            self.playing = None;
        }
        let totals = self.totals();
        let source = self.source.get_or_insert_with(|| Reception::new(ssrc, number));
        match source.place(number) {
            Place::At(sequence) => Ok(sequence),
            Place::Astray => Err(Discard::Astray),
            Place::Restart(sequence) => {
                (self.expected_before, self.lost_before) = totals;
                self.playing = None;
                self.digits = Incoming::default();
                Ok(sequence)
            }
        }
    }

    fn keep(
        &mut self,
        now: Instant,
        sequence: i64,
        packet: &Packet<'_>,
        meaning: Meaning,
    ) -> Option<Digit> {
        if let Meaning::Audio(payload) = meaning {
            let clock = |payload: Payload| payload.codec.clock_hz();
            if self.playing.map(clock) != Some(clock(payload)) {
                self.playout.restart(clock(payload));
            }
            self.playing = Some(payload);
        }
        let timestamp = self.playout.unwrap_timestamp(packet.timestamp);
        let (content, digit) = match meaning {
            Meaning::Audio(payload) => {
                if let Some(source) = &mut self.source {
                    source.arrived(now, timestamp, payload.codec.clock_hz());
                }
                (audio(payload, packet.payload), None)
            }
            Meaning::Noise => {
                (Content::Noise(packet.payload.first().copied().unwrap_or(127)), None)
            }
            Meaning::Event => {
                let digit = self.digits.take(packet);
                (Content::Other, digit)
            }
        };
        self.playout.push(now, sequence, Held { timestamp, content });
        digit
    }
}

#[derive(Clone, Copy)]
enum Meaning {
    Audio(Payload),
    Event,
    Noise,
}

/// An empty packet keeps a NAT open (RFC 6263 §4.1), and a silence frame of G.729 annex B
/// (RFC 3551 §4.5.6), which our `annexb=no` asked not to send, is followed by silence: both only
/// hold their place in the sequence.
fn audio(payload: Payload, bytes: &[u8]) -> Content {
    match (payload.codec, bytes.len()) {
        (_, 0) | (Codec::G729, 2) => Content::Other,
        (_, _) => Content::Audio(payload, bytes.into()),
    }
}

/// Whether this build has all codecs that may come.
fn check(stream: &Stream) -> Result<(), CodecMissing> {
    let missing = |payload: &&Payload| !crate::codec::is_built(payload.codec);
    match stream.receive.iter().find(missing) {
        None => Ok(()),
        Some(payload) => Err(CodecMissing(payload.codec)),
    }
}

fn secret(stream: &Stream) -> Option<(Srtp, Unprotector)> {
    match &stream.security {
        Security::Plain => None,
        Security::Srtp(srtp) => {
            let unprotector = Unprotector::new(srtp.suite, &srtp.receive, srtp.receive_mki_len);
            Some((srtp.clone(), unprotector))
        }
    }
}
