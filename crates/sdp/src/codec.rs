use std::fmt;

/// An audio codec that this phone can speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s.
    G722,
    /// G.729, with or without Annex A.
    G729,
    /// Opus.
    Opus,
}

impl Codec {
    /// All of them, the usual preference first.
    pub const ALL: [Self; 5] = [Self::Opus, Self::G722, Self::Pcma, Self::Pcmu, Self::G729];

    /// The encoding name of `a=rtpmap`, as registered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::G722 => "G722",
            Self::G729 => "G729",
            Self::Opus => "opus",
        }
    }

    /// The codec whose name in settings files (`pcmu`, `g729`, …) or in `a=rtpmap` this is.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // Annexes A and B have been seen in the encoding name; the bit stream is the same.
        if is("G729A") || is("G729B") || is("G729AB") {
            return Some(Self::G729);
        }
        Self::ALL.into_iter().find(|codec| is(codec.name()))
    }

    /// Ticks of the RTP timestamp in a second.
    #[must_use]
    pub const fn clock_hz(self) -> u32 {
        match self {
            // RFC 3551 §4.5.2: the RTP clock of G.722 is 8000 although it samples at 16 kHz.
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 => 8_000,
            // RFC 7587 §4.1: the RTP clock of Opus is always 48000.
            Self::Opus => 48_000,
        }
    }

    /// Audio samples in a second.
    #[must_use]
    pub const fn sample_hz(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G729 => 8_000,
            Self::G722 => 16_000,
            Self::Opus => 48_000,
        }
    }

    /// The payload type that RFC 3551 fixes, or the one this phone prefers for a dynamic one.
    #[must_use]
    pub const fn usual_payload(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::G729 => 18,
            Self::Opus => 107,
        }
    }

    /// The codec of a static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn from_static_payload(payload: u8) -> Option<Self> {
        match payload {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            9 => Some(Self::G722),
            18 => Some(Self::G729),
            _ => None,
        }
    }

    /// The packet time nearest to `wanted_ms` that this codec is sent with here.
    #[must_use]
    pub const fn packet_time_ms(self, wanted_ms: u8) -> u8 {
        match self {
            Self::Opus => 20,
            Self::Pcmu | Self::Pcma | Self::G722 | Self::G729 => match wanted_ms {
                0 => 20,
                1..=19 => 10,
                20..=59 => wanted_ms - wanted_ms % 10,
                60..=u8::MAX => 60,
            },
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a payload type stands for, as far as this phone understands it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// Audio.
    Audio(Codec),
    /// Named telephone events (RFC 4733) on a clock of so many ticks a second.
    TelephoneEvent(u32),
}

impl Encoding {
    /// Reads the right side of `a=rtpmap`: `NAME/CLOCK[/CHANNELS]`.
    #[must_use]
    pub fn from_rtpmap(map: &str) -> Option<Self> {
        let mut parts = map.split('/').map(str::trim);
        let name = parts.next()?;
        let clock_hz = parts.next().and_then(|clock| clock.parse().ok()).unwrap_or(8_000);
        if name.eq_ignore_ascii_case("telephone-event") {
            return Some(Self::TelephoneEvent(clock_hz));
        }
        let codec = Codec::from_name(name)?;
        // G722/16000 is wrong and common. PCMU/16000 is another codec.
        let fits = clock_hz == codec.clock_hz() || (codec == Codec::G722 && clock_hz == 16_000);
        fits.then_some(Self::Audio(codec))
    }

    /// The right side of `a=rtpmap`.
    #[must_use]
    pub fn rtpmap(self) -> String {
        match self {
            // RFC 7587 §7: the rtpmap of Opus names two channels, always.
            Self::Audio(Codec::Opus) => "opus/48000/2".to_owned(),
            Self::Audio(codec) => format!("{}/{}", codec.name(), codec.clock_hz()),
            Self::TelephoneEvent(clock_hz) => format!("telephone-event/{clock_hz}"),
        }
    }

    /// The parameters that this phone sends with the encoding in `a=fmtp`.
    #[must_use]
    pub const fn fmtp(self) -> Option<&'static str> {
        match self {
            Self::Audio(Codec::Pcmu | Codec::Pcma | Codec::G722) => None,
            // RFC 4856 §2.1.9: without the parameter Annex B is allowed.
            Self::Audio(Codec::G729) => Some("annexb=no"),
            Self::Audio(Codec::Opus) => Some("maxplaybackrate=48000;stereo=0;sprop-stereo=0"),
            Self::TelephoneEvent(_) => Some("0-15"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_read_whatever_their_case_and_the_sloppy_spellings_too() {
        assert_eq!(Encoding::from_rtpmap("pcmu/8000/1"), Some(Encoding::Audio(Codec::Pcmu)));
        assert_eq!(Encoding::from_rtpmap("G722/16000"), Some(Encoding::Audio(Codec::G722)));
        assert_eq!(Encoding::from_rtpmap("G729a/8000"), Some(Encoding::Audio(Codec::G729)));
        assert_eq!(Encoding::from_rtpmap("OPUS/48000"), Some(Encoding::Audio(Codec::Opus)));
        assert_eq!(Encoding::from_rtpmap("PCMU/16000"), None);
        assert_eq!(
            Encoding::from_rtpmap("telephone-event / 48000"),
            Some(Encoding::TelephoneEvent(48_000))
        );
    }

    #[test]
    fn what_is_written_is_read_again() {
        for codec in Codec::ALL {
            let encoding = Encoding::Audio(codec);
            assert_eq!(Encoding::from_rtpmap(&encoding.rtpmap()), Some(encoding));
        }
    }

    #[test]
    fn packet_times_are_whole_tens_between_10_and_60() {
        let times = [0, 5, 15, 20, 25, 30, 60, 200].map(|ms| Codec::Pcmu.packet_time_ms(ms));
        assert_eq!(times, [20, 10, 10, 20, 20, 30, 60, 60]);
        assert_eq!(Codec::Opus.packet_time_ms(60), 20);
    }
}
