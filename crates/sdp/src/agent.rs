use std::fmt;

use crate::choose::{self, Muxed};
use crate::{
    Codec, Connection, Crypto, Description, Direction, Encoding, Encryption, Format, Media, Mux,
    Origin, ParseError, Profile, RtcpPort, Stream, Terms,
};

/// The longest Opus packet that this phone reads; the attribute holds for all codecs of the line.
const OPUS_MS: u8 = 20;

/// What our user wants of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To speak and to hear.
    Talk,
    /// To have the other side on hold: we send, and hear nothing.
    Hold,
}

/// Our side of offer and answer in one dialog (RFC 3264).
///
/// | state | `offer` | `answered` | `answer` | `withdraw` |
/// |---|---|---|---|---|
/// | fresh | offered | refused | settled | – |
/// | offered | refused | settled | refused (glare) | as before the offer |
/// | settled | offered | replaces an answer to our last offer | settled | – |
///
/// A clone taken while an offer is outstanding serves another early dialog of a forked INVITE.
#[derive(Clone, Debug)]
pub struct Agent {
    terms: Terms,
    session: u64,
    /// The last description that we sent; its lines and version are what the next builds on.
    sent: Option<Description>,
    /// The formats of the other side's last description.
    known: Vec<Format>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Nothing has been agreed.
    Fresh,
    /// Our offer is out; until it is answered `before` stays in force.
    Offered { before: Option<Stream> },
    /// Agreed; `answers` says whose offer it was.
    Settled { stream: Option<Stream>, answers: Answers },
}

/// Whether another answer to our last offer may still come (183, then 200).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answers {
    May,
    MayNot,
}

/// Our answer and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The body to send.
    pub body: String,
    /// The stream; none where the offer itself ended it with port 0.
    pub stream: Option<Stream>,
}

/// Why no offer can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfferError {
    /// An offer of ours is still unanswered.
    Pending,
    /// The terms name no codec.
    NoCodec,
    /// The terms demand encryption and hold no key.
    NoKey,
}

/// Why the other side's description is not accepted: a 488, or a 491 for [`Refused::Pending`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It cannot be read.
    Unreadable(ParseError),
    /// An offer crossed ours (RFC 3261 §14.2).
    Pending,
    /// An answer came to no offer.
    NotAsked,
    /// It has no audio line over a transport that this phone carries.
    NoAudio,
    /// The answer declines the stream with port 0.
    Declined,
    /// No codec in common.
    NoCommonCodec,
    /// It demands encryption, which the terms forbid.
    EncryptionNotAllowed,
    /// It is not encrypted, which the terms demand.
    NotEncrypted,
    /// It demands encryption by suites that this phone has no key for.
    NoCommonSuite,
    /// It says no address.
    NoAddress,
    /// It gives a host name for an address.
    NamedAddress,
    /// Its address is of the other family than ours.
    AddressFamily,
    /// Its address is a multicast or broadcast one.
    NotUnicast,
}

impl Agent {
    /// An agent for a dialog; `session` should differ from that of other dialogs.
    #[must_use]
    pub fn new(terms: Terms, session: u64) -> Self {
        // Numbers of 32 bits with sign are all that some peers can read.
        let session = session & 0x7fff_ffff;
        Self { terms, session, sent: None, known: Vec::new(), state: State::Fresh }
    }

    /// Writes an offer: the first one, hold, resume, or a refresh, which repeats the version.
    pub fn offer(&mut self, wish: Wish) -> Result<String, OfferError> {
        let before = match &self.state {
            State::Fresh => None,
            State::Offered { .. } => return Err(OfferError::Pending),
            State::Settled { stream, .. } => stream.clone(),
        };
        let audio = self.audio_to_offer(choose::direction_to_offer(before.as_ref(), wish))?;
        let mut media = self.sent.as_ref().map_or_else(Vec::new, |sent| sent.media.clone());
        media.iter_mut().for_each(refuse);
        match self.audio_line() {
            Some(at) => media.splice(at..=at, [audio]).for_each(drop),
            None => media.push(audio),
        }
        let body = self.describe(media);
        self.state = State::Offered { before };
        Ok(body)
    }

    /// Takes the answer to our offer. A later answer to the same offer (a 200 after a 183)
    /// replaces it. After an error the offer is still outstanding.
    pub fn answered(&mut self, body: &[u8]) -> Result<Stream, Refused> {
        match &self.state {
            State::Offered { .. } | State::Settled { answers: Answers::May, .. } => {}
            State::Fresh | State::Settled { answers: Answers::MayNot, .. } => {
                return Err(Refused::NotAsked);
            }
        }
        let theirs = Description::parse(body).map_err(Refused::Unreadable)?;
        let stream = self.stream_of_answer(&theirs)?;
        self.state = State::Settled { stream: Some(stream.clone()), answers: Answers::May };
        Ok(stream)
    }

    /// Answers the other side's offer. After an error nothing has changed.
    pub fn answer(&mut self, body: &[u8], wish: Wish) -> Result<Answer, Refused> {
        if matches!(self.state, State::Offered { .. }) {
            return Err(Refused::Pending);
        }
        let theirs = Description::parse(body).map_err(Refused::Unreadable)?;
        let chosen = self.choose_line(&theirs)?;
        let mut media: Vec<Media> = theirs.media.iter().map(refused_line).collect();
        let mut stream = None;
        if let Some(at) = chosen
            && let Some((ours, agreed)) = theirs
                .media
                .get(at)
                .map(|line| self.audio_to_answer(&theirs, line, wish))
                .transpose()?
        {
            if let Some(slot) = media.get_mut(at) {
                *slot = ours;
            }
            self.known = theirs.media.get(at).map_or_else(Vec::new, |line| line.formats.clone());
            stream = Some(agreed);
        }
        let body = self.describe(media);
        self.state = State::Settled { stream: stream.clone(), answers: Answers::MayNot };
        Ok(Answer { body, stream })
    }

    /// Forgets our outstanding offer because it was refused; what held before holds again.
    pub fn withdraw(&mut self) {
        if let State::Offered { before } = &mut self.state {
            let stream = before.take();
            self.state = match stream {
                None => State::Fresh,
                Some(_) => State::Settled { stream, answers: Answers::MayNot },
            };
        }
    }

    /// Replaces the terms for what is offered and answered from here on.
    pub fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    /// The terms in force.
    #[must_use]
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The stream in force; during an outstanding offer the one from before it.
    #[must_use]
    pub fn stream(&self) -> Option<&Stream> {
        match &self.state {
            State::Fresh => None,
            State::Offered { before } => before.as_ref(),
            State::Settled { stream, .. } => stream.as_ref(),
        }
    }

    /// The place of the audio stream among the lines that were exchanged.
    fn audio_line(&self) -> Option<usize> {
        let lines = &self.sent.as_ref()?.media;
        lines.iter().position(|line| line.is_audio() && line.port != 0).or_else(|| {
            // RFC 3264 §8: a line that was ended may be used again, so that lines do not pile up.
            lines.iter().position(Media::is_audio)
        })
    }

    fn audio_to_offer(&self, direction: Direction) -> Result<Media, OfferError> {
        let terms = &self.terms;
        if terms.codecs.is_empty() {
            return Err(OfferError::NoCodec);
        }
        if terms.encryption == Encryption::Required && terms.keys.is_empty() {
            return Err(OfferError::NoKey);
        }
        let keys = match terms.encryption {
            Encryption::Off => [].iter(),
            Encryption::Optional | Encryption::Required => terms.keys.iter(),
        };
        let crypto = (1..)
            .zip(keys)
            .map(|(tag, (suite, key))| Crypto { tag, suite: *suite, key: *key, mki_len: 0 })
            .collect();
        let formats = choose::formats_to_offer(terms, &self.known);
        Ok(Media {
            rtcp_mux: terms.mux == Mux::Offer,
            crypto,
            ..self.own_line(self.profile_to_offer().name(), formats, direction)
        })
    }

    /// The transport of an offer: that of the stream in use, as long as the terms permit it.
    fn profile_to_offer(&self) -> Profile {
        let line = self.audio_line().and_then(|at| self.sent.as_ref()?.media.get(at));
        let in_use = line.filter(|line| line.port != 0).and_then(Media::profile);
        match (self.terms.encryption, in_use) {
            (Encryption::Required, Some(profile)) if profile.is_secure() => profile,
            (Encryption::Required, _) => Profile::Savp,
            (Encryption::Off, Some(profile)) if profile.is_secure() => Profile::Avp,
            (Encryption::Off | Encryption::Optional, Some(profile)) => profile,
            (Encryption::Off | Encryption::Optional, None) => Profile::Avp,
        }
    }

    /// The audio line that is taken: none where the offer ends the stream.
    fn choose_line(&self, theirs: &Description) -> Result<Option<usize>, Refused> {
        let audio = || theirs.media.iter().enumerate().filter(|(_, line)| line.is_audio());
        let in_use = self.audio_line();
        let secure =
            |line: &Media| self.terms.encryption != Encryption::Off && !line.crypto.is_empty();
        let mut refused = None;
        let mut best: Option<(usize, (bool, bool))> = None;
        for (at, line) in audio().filter(|(_, line)| line.port != 0) {
            match self.audio_to_answer(theirs, line, Wish::Talk) {
                Err(why) => refused = refused.or(Some(why)),
                Ok(_) => {
                    let rank = (secure(line), in_use == Some(at));
                    if best.is_none_or(|(_, other)| rank > other) {
                        best = Some((at, rank));
                    }
                }
            }
        }
        match (best, refused) {
            (Some((at, _)), _) => Ok(Some(at)),
            (None, Some(why)) => Err(why),
            (None, None) if audio().next().is_some() => Ok(None),
            (None, None) => Err(Refused::NoAudio),
        }
    }

    /// Our line in answer to `line`, and the stream that both make.
    fn audio_to_answer(
        &self,
        theirs: &Description,
        line: &Media,
        wish: Wish,
    ) -> Result<(Media, Stream), Refused> {
        let terms = &self.terms;
        let formats = choose::formats_to_answer(terms, &line.formats)?;
        let crypto = choose::crypto_of_offer(terms, line)?;
        let muxed = Muxed::of(terms, line);
        let direction = choose::direction_to_answer(choose::direction_of(theirs, line), wish);
        let send = choose::payloads(&formats).first().copied().ok_or(Refused::NoCommonCodec)?;
        let stream = Stream {
            local: choose::local_ends(terms, muxed),
            remote: choose::remote_ends(terms, theirs, line, muxed)?,
            direction,
            send,
            receive: choose::payloads(&formats),
            ptime_ms: choose::packet_time_ms(terms, send.codec, line),
            events: choose::events(&formats, &formats, send.codec),
            security: choose::security(terms, crypto)?,
        };
        let own_crypto = crypto.and_then(|line| {
            let key = choose::own_key(terms, line.suite)?;
            Some(Crypto { tag: line.tag, suite: line.suite, key, mki_len: 0 })
        });
        // RFC 3264 §6.1: the transport of an answer is that of the offer.
        let ours = Media {
            rtcp_mux: muxed == Muxed::Yes,
            crypto: own_crypto.into_iter().collect(),
            ..self.own_line(&line.protocol, formats, direction)
        };
        Ok((ours, stream))
    }

    fn stream_of_answer(&mut self, theirs: &Description) -> Result<Stream, Refused> {
        let at = self.audio_line().ok_or(Refused::NotAsked)?;
        let ours = self.sent.as_ref().and_then(|sent| sent.media.get(at));
        let ours = ours.ok_or(Refused::NotAsked)?;
        // An answer with lines missing is read by kind.
        let line = theirs
            .media
            .get(at)
            .filter(|line| line.is_audio())
            .or_else(|| theirs.media.iter().find(|line| line.is_audio()))
            .ok_or(Refused::NoAudio)?;
        if line.port == 0 {
            return Err(Refused::Declined);
        }
        let terms = &self.terms;
        let crypto = choose::crypto_of_answer(terms, ours, line)?;
        // RFC 3264 §7: the first format of the answer that we offered is the one to send.
        let receive = choose::payloads(&ours.formats);
        let send = choose::payloads(&line.formats)
            .into_iter()
            .find(|theirs| receive.iter().any(|own| own.codec == theirs.codec))
            .ok_or(Refused::NoCommonCodec)?;
        let muxed = if ours.rtcp_mux { Muxed::of(terms, line) } else { Muxed::No };
        let offered = ours.direction.unwrap_or(Direction::SendRecv);
        let stream = Stream {
            local: choose::local_ends(terms, muxed),
            remote: choose::remote_ends(terms, theirs, line, muxed)?,
            direction: choose::direction_agreed(offered, choose::direction_of(theirs, line)),
            send,
            events: choose::events(&ours.formats, &line.formats, send.codec),
            receive,
            ptime_ms: choose::packet_time_ms(terms, send.codec, line),
            security: choose::security(terms, crypto)?,
        };
        self.known = line.formats.clone();
        Ok(stream)
    }

    fn own_line(&self, protocol: &str, formats: Vec<Format>, direction: Direction) -> Media {
        let terms = &self.terms;
        let rtcp = RtcpPort { port: terms.rtcp_port, address: None };
        let opus = formats.iter().any(|format| format.encoding == Encoding::Audio(Codec::Opus));
        Media {
            kind: "audio".into(),
            port: terms.rtp.port(),
            protocol: protocol.into(),
            format_list: formats.iter().map(|format| format.payload.to_string().into()).collect(),
            formats,
            direction: Some(direction),
            ptime_ms: Some(if opus { terms.ptime_ms.min(OPUS_MS) } else { terms.ptime_ms }),
            maxptime_ms: opus.then_some(OPUS_MS),
            // RFC 3605 §2.1: said only where it is not the next port.
            rtcp: (terms.rtp.port().checked_add(1) != Some(terms.rtcp_port)).then_some(rtcp),
            ..Media::default()
        }
    }

    /// The description with these lines, its version raised if anything differs from the last.
    fn describe(&mut self, media: Vec<Media>) -> String {
        let address = self.terms.rtp.ip();
        let version = self.sent.as_ref().map_or(1, |sent| sent.origin.version);
        let mut description = Description {
            origin: Origin { session: self.session, version, address },
            connection: Some(Connection::Address(address)),
            direction: None,
            media,
        };
        // RFC 3264 §8: one more for each change, the same where nothing changed.
        if self.sent.as_ref().is_some_and(|sent| *sent != description) {
            description.origin.version += 1;
        }
        let body = description.to_string();
        self.sent = Some(description);
        body
    }
}

/// The answer to a line that is not taken (RFC 3264 §6: port 0, formats kept).
fn refused_line(offered: &Media) -> Media {
    let mut line = offered.clone();
    refuse(&mut line);
    line
}

fn refuse(line: &mut Media) {
    *line = Media {
        kind: std::mem::take(&mut line.kind),
        protocol: std::mem::take(&mut line.protocol),
        format_list: std::mem::take(&mut line.format_list),
        ..Media::default()
    };
}

impl fmt::Display for OfferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "an offer of ours is still unanswered",
            Self::NoCodec => "no codec is enabled",
            Self::NoKey => "encryption is demanded and there is no key",
        })
    }
}

impl std::error::Error for OfferError {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreadable(why) => return why.fmt(f),
            Self::Pending => "an offer of ours is still unanswered",
            Self::NotAsked => "there is no offer that this could answer",
            Self::NoAudio => "there is no audio over a transport that this phone carries",
            Self::Declined => "the other side declined the audio",
            Self::NoCommonCodec => "there is no codec in common",
            Self::EncryptionNotAllowed => "the other side demands encryption, which is off here",
            Self::NotEncrypted => "the other side does not encrypt, which is demanded here",
            Self::NoCommonSuite => "there is no crypto suite in common",
            Self::NoAddress => "the other side gives no address for its media",
            Self::NamedAddress => "the other side gives a host name for its media",
            Self::AddressFamily => "the other side's media is not of our address family",
            Self::NotUnicast => "the other side's media address is no host",
        })
    }
}

impl std::error::Error for Refused {}
