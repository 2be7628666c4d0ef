//! The choices of RFC 3264 §6 and RFC 4568 §5.1, each a pure function of two sides.

use std::net::{IpAddr, SocketAddr};

use crate::stream::{Receives, Sends};
use crate::{
    Codec, Connection, Crypto, Description, Direction, Encoding, Encryption, Ends, Events, Format,
    Media, Mux, Payload, Refused, Security, Srtp, Stream, Terms, Wish,
};

/// The payload types of an offer: audio first, then events, one for each clock.
///
/// `known` are the other side's: a codec keeps the number that it has in this session, and no
/// number gets a second meaning (RFC 3264 §8.3.2).
pub(crate) fn formats_to_offer(terms: &Terms, known: &[Format]) -> Vec<Format> {
    let mut formats: Vec<Format> = Vec::new();
    let mut add = |encoding: Encoding, usual: u8| {
        let free = |formats: &[Format], number: u8| {
            !formats.iter().chain(known).any(|format| format.payload == number)
        };
        let kept = known.iter().find(|format| format.encoding == encoding);
        let kept = kept.filter(|kept| !formats.iter().any(|own| own.payload == kept.payload));
        let payload = match kept {
            Some(kept) => Some(kept.payload),
            None if free(&formats, usual) => Some(usual),
            None => (96..=127).find(|&number| free(&formats, number)),
        };
        if let Some(payload) = payload.filter(|_| !has(&formats, encoding)) {
            formats.push(Format { payload, encoding });
        }
    };
    for codec in &terms.codecs {
        add(Encoding::Audio(*codec), codec.usual_payload());
    }
    if let Some(usual) = terms.events {
        for codec in &terms.codecs {
            // RFC 4733 §2.3: the clock of events is that of the audio they interrupt.
            add(Encoding::TelephoneEvent(codec.clock_hz()), usual);
        }
    }
    formats
}

fn has(formats: &[Format], encoding: Encoding) -> bool {
    formats.iter().any(|format| format.encoding == encoding)
}

/// The formats of an answer: one codec, so that neither side has to switch, and its events.
pub(crate) fn formats_to_answer(terms: &Terms, offered: &[Format]) -> Result<Vec<Format>, Refused> {
    // RFC 3264 §6.1: the order of the offer is respected.
    let (codec, audio) = offered
        .iter()
        .find_map(|format| match format.encoding {
            Encoding::Audio(codec) if terms.codecs.contains(&codec) => Some((codec, *format)),
            Encoding::Audio(_) | Encoding::TelephoneEvent(_) => None,
        })
        .ok_or(Refused::NoCommonCodec)?;
    let events = terms.events.and_then(|_| event_format(offered, codec));
    Ok(std::iter::once(audio).chain(events).collect())
}

/// The telephone events that go with `codec`; those of another clock are better than none.
fn event_format(formats: &[Format], codec: Codec) -> Option<Format> {
    let clock = |format: &Format| match format.encoding {
        Encoding::TelephoneEvent(clock_hz) => Some(clock_hz),
        Encoding::Audio(_) => None,
    };
    formats
        .iter()
        .find(|format| clock(format) == Some(codec.clock_hz()))
        .or_else(|| formats.iter().find(|format| clock(format).is_some()))
        .copied()
}

/// The `a=crypto` line of an offer that is taken; none for plain RTP.
pub(crate) fn crypto_of_offer<'a>(
    terms: &Terms,
    offered: &'a Media,
) -> Result<Option<&'a Crypto>, Refused> {
    let ours = |line: &&Crypto| terms.keys.iter().any(|(suite, _)| *suite == line.suite);
    agreed_crypto(terms.encryption, offered, offered.crypto.iter().find(ours))
}

/// The `a=crypto` line of an answer to `offer`; none for plain RTP.
pub(crate) fn crypto_of_answer<'a>(
    terms: &Terms,
    offer: &Media,
    answer: &'a Media,
) -> Result<Option<&'a Crypto>, Refused> {
    let offered = |line: &&Crypto| offer.crypto.iter().any(|ours| ours.suite == line.suite);
    agreed_crypto(terms.encryption, answer, answer.crypto.iter().find(offered))
}

fn agreed_crypto<'a>(
    encryption: Encryption,
    media: &Media,
    common: Option<&'a Crypto>,
) -> Result<Option<&'a Crypto>, Refused> {
    let demanded = media.profile().is_some_and(crate::Profile::is_secure);
    match (encryption, common) {
        (Encryption::Off, _) if demanded => Err(Refused::EncryptionNotAllowed),
        (Encryption::Off, _) => Ok(None),
        (Encryption::Optional | Encryption::Required, Some(line)) => Ok(Some(line)),
        (Encryption::Optional, None) if demanded => Err(Refused::NoCommonSuite),
        (Encryption::Optional, None) => Ok(None),
        (Encryption::Required, None) => Err(Refused::NotEncrypted),
    }
}

/// Our key for a suite.
pub(crate) fn own_key(terms: &Terms, suite: crate::Suite) -> Option<crate::Key> {
    terms.keys.iter().find(|(known, _)| *known == suite).map(|(_, key)| *key)
}

/// The direction of our answer to an offer of `offered` (its writer's view).
pub(crate) fn direction_to_answer(offered: Direction, wish: Wish) -> Direction {
    let sends = if offered.receives() { Sends::Yes } else { Sends::No };
    let receives = match wish {
        Wish::Talk if offered.sends() => Receives::Yes,
        Wish::Talk | Wish::Hold => Receives::No,
    };
    Direction::of(sends, receives)
}

/// The direction of an offer of ours while `before` holds.
pub(crate) fn direction_to_offer(before: Option<&Stream>, wish: Wish) -> Direction {
    match (wish, before) {
        (Wish::Talk, _) => Direction::SendRecv,
        // RFC 3264 §8.4: a stream that was recvonly is put on hold as inactive.
        (Wish::Hold, Some(stream)) if !stream.direction.sends() => Direction::Inactive,
        (Wish::Hold, _) => Direction::SendOnly,
    }
}

/// What is left of our direction after an answer of `answered` (its writer's view).
pub(crate) fn direction_agreed(offered: Direction, answered: Direction) -> Direction {
    let sends = offered.sends() && answered.receives();
    let receives = offered.receives() && answered.sends();
    Direction::of(
        if sends { Sends::Yes } else { Sends::No },
        if receives { Receives::Yes } else { Receives::No },
    )
}

/// The direction of a media line as its writer sees it, hold by `c=0.0.0.0` included.
pub(crate) fn direction_of(description: &Description, media: &Media) -> Direction {
    let stated = description.direction_of(media);
    match description.connection_of(media) {
        // RFC 2543 §B.5, still permitted by RFC 3264 §8.4: an address of zeros asks for silence.
        Some(Connection::Address(ip)) if ip.is_unspecified() => {
            let sends = if stated.sends() { Sends::Yes } else { Sends::No };
            Direction::of(sends, Receives::No)
        }
        Some(_) | None => stated,
    }
}

/// Where a media line wants RTP and RTCP.
pub(crate) fn remote_ends(
    terms: &Terms,
    description: &Description,
    media: &Media,
    muxed: Muxed,
) -> Result<Ends, Refused> {
    let ip = match description.connection_of(media) {
        None => return Err(Refused::NoAddress),
        Some(Connection::Name(_)) => return Err(Refused::NamedAddress),
        Some(Connection::Address(ip)) => *ip,
    };
    if !ip.is_unspecified() && ip.is_ipv4() != terms.rtp.is_ipv4() {
        return Err(Refused::AddressFamily);
    }
    // A description may not aim our packets at a whole network.
    if ip.is_multicast() || ip == IpAddr::from([255, 255, 255, 255]) {
        return Err(Refused::NotUnicast);
    }
    let rtp = SocketAddr::new(ip, media.port);
    let rtcp = match (muxed, media.rtcp) {
        (Muxed::Yes, _) => rtp,
        (Muxed::No, Some(said)) => {
            let same_host = said.address.is_none_or(|other| other == ip);
            // An address of its own for RTCP is followed only to the host that gets the RTP.
            if same_host { SocketAddr::new(ip, said.port) } else { next_port(rtp) }
        }
        // RFC 3550 §11: the next higher port.
        (Muxed::No, None) => next_port(rtp),
    };
    Ok(Ends { rtp, rtcp })
}

fn next_port(rtp: SocketAddr) -> SocketAddr {
    SocketAddr::new(rtp.ip(), rtp.port().saturating_add(1))
}

/// Our own ends.
pub(crate) fn local_ends(terms: &Terms, muxed: Muxed) -> Ends {
    let rtcp = match muxed {
        Muxed::Yes => terms.rtp,
        Muxed::No => SocketAddr::new(terms.rtp.ip(), terms.rtcp_port),
    };
    Ends { rtp: terms.rtp, rtcp }
}

/// Whether RTP and RTCP share a port after both have spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Muxed {
    Yes,
    No,
}

impl Muxed {
    pub(crate) fn of(terms: &Terms, other: &Media) -> Self {
        if other.rtcp_mux && terms.mux != Mux::Never { Self::Yes } else { Self::No }
    }
}

/// The packet time that we send with: what the other side asked for, within what codecs can.
pub(crate) fn packet_time_ms(terms: &Terms, codec: Codec, other: &Media) -> u8 {
    let wanted = other.ptime_ms.unwrap_or(terms.ptime_ms);
    let most = other.maxptime_ms.map_or(u8::MAX, |most| most.max(10));
    codec.packet_time_ms(wanted.min(most))
}

/// The events of a stream whose codec is `codec`: `theirs` we send, `ours` we take.
pub(crate) fn events(ours: &[Format], theirs: &[Format], codec: Codec) -> Option<Events> {
    let send = event_format(theirs, codec)?;
    let receive: Vec<u8> = ours
        .iter()
        .filter(|format| matches!(format.encoding, Encoding::TelephoneEvent(_)))
        .map(|format| format.payload)
        .collect();
    let Encoding::TelephoneEvent(clock_hz) = send.encoding else { return None };
    (!receive.is_empty()).then_some(Events { send: send.payload, clock_hz, receive })
}

/// The audio payload types among formats.
pub(crate) fn payloads(formats: &[Format]) -> Vec<Payload> {
    let audio = |format: &Format| match format.encoding {
        Encoding::Audio(codec) => Some(Payload { number: format.payload, codec }),
        Encoding::TelephoneEvent(_) => None,
    };
    formats.iter().filter_map(audio).collect()
}

/// The security that follows from the other side's `a=crypto` line.
pub(crate) fn security(terms: &Terms, theirs: Option<&Crypto>) -> Result<Security, Refused> {
    let Some(theirs) = theirs else { return Ok(Security::Plain) };
    let send = own_key(terms, theirs.suite).ok_or(Refused::NoCommonSuite)?;
    Ok(Security::Srtp(Srtp {
        suite: theirs.suite,
        send,
        receive: theirs.key,
        receive_mki_len: theirs.mki_len,
    }))
}
