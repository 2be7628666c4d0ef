/// A sampling rate of audio at the session's edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rate {
    /// 8 kHz.
    Khz8,
    /// 16 kHz.
    Khz16,
    /// 48 kHz.
    Khz48,
}

impl Rate {
    /// Samples in a second.
    #[must_use]
    pub const fn hz(self) -> u32 {
        match self {
            Self::Khz8 => 8_000,
            Self::Khz16 => 16_000,
            Self::Khz48 => 48_000,
        }
    }

    /// The rate of so many samples a second.
    #[must_use]
    pub const fn from_hz(hz: u32) -> Option<Self> {
        match hz {
            8_000 => Some(Self::Khz8),
            16_000 => Some(Self::Khz16),
            48_000 => Some(Self::Khz48),
            _ => None,
        }
    }

    /// The rate that `codec` samples at.
    #[must_use]
    pub const fn of(codec: sdp::Codec) -> Self {
        match codec {
            sdp::Codec::Pcmu | sdp::Codec::Pcma | sdp::Codec::G729 => Self::Khz8,
            sdp::Codec::G722 => Self::Khz16,
            sdp::Codec::Opus => Self::Khz48,
        }
    }

    /// Samples in so many milliseconds.
    #[must_use]
    pub const fn samples(self, ms: usize) -> usize {
        self.hz() as usize / 1_000 * ms
    }
}
