//! The codecs behind one shape: frames of the session in, payloads out, and back.

use sdp::Codec;

use crate::Rate;
use crate::resample::Resampler;

/// Audio that one packet may hold; more is no telephony.
const PACKET_MAX_MS: usize = 200;
/// The largest Opus packet of one frame (RFC 6716 §3.4); the decoder relies on it.
const OPUS_MAX: usize = 1_276;

/// The codecs that this build can speak, the usual preference first.
#[must_use]
pub fn codecs() -> Vec<Codec> {
    Codec::ALL.into_iter().filter(|&codec| is_built(codec)).collect()
}

/// Whether this build can speak `codec`.
pub(crate) const fn is_built(codec: Codec) -> bool {
    match codec {
        Codec::Pcmu | Codec::Pcma | Codec::G722 => true,
        Codec::G729 => cfg!(feature = "g729"),
        Codec::Opus => cfg!(feature = "opus"),
    }
}

/// Encodes the session's audio.
pub(crate) struct Encoder {
    codec: Codec,
    resampler: Resampler,
    coder: Box<dyn audio_codec::Encoder>,
}

impl Encoder {
    /// `None` for a codec that this build lacks.
    pub(crate) fn new(codec: Codec, rate: Rate) -> Option<Self> {
        let coder: Box<dyn audio_codec::Encoder> = match codec {
            Codec::Pcmu => Box::new(audio_codec::pcmu::PcmuEncoder::new()),
            Codec::Pcma => Box::new(audio_codec::pcma::PcmaEncoder::new()),
            Codec::G722 => Box::new(audio_codec::g722::G722Encoder::new()),
            #[cfg(feature = "g729")]
            Codec::G729 => Box::new(audio_codec::g729::G729Encoder::new()),
            #[cfg(feature = "opus")]
            Codec::Opus => Box::new(audio_codec::opus::OpusEncoder::new(48_000, 1)),
            #[cfg(not(feature = "g729"))]
            Codec::G729 => return None,
            #[cfg(not(feature = "opus"))]
            Codec::Opus => return None,
        };
        Some(Self { codec, resampler: Resampler::new(rate, Rate::of(codec)), coder })
    }

    pub(crate) const fn codec(&self) -> Codec {
        self.codec
    }

    /// One payload; `None` where the codec cannot encode so many samples.
    pub(crate) fn encode(&mut self, samples: &[i16]) -> Option<Vec<u8>> {
        let samples = self.resampler.convert(samples);
        let room = self.coder.max_encode_bytes(samples.len()).max(OPUS_MAX);
        let mut payload = vec![0; room];
        let len = self.coder.encode_into(&samples, &mut payload).ok()?;
        payload.truncate(len);
        (len > 0).then_some(payload)
    }
}

/// Decodes one payload type to the session's rate.
pub(crate) struct Decoder {
    codec: Codec,
    resampler: Resampler,
    coder: Box<dyn audio_codec::Decoder>,
}

/// The audio of one packet.
pub(crate) struct Decoded {
    /// At the session's rate.
    pub(crate) samples: Vec<i16>,
    /// Its duration in ticks of the codec's RTP clock.
    pub(crate) ticks: i64,
}

impl Decoder {
    /// `None` for a codec that this build lacks.
    pub(crate) fn new(codec: Codec, rate: Rate) -> Option<Self> {
        let coder: Box<dyn audio_codec::Decoder> = match codec {
            Codec::Pcmu => Box::new(audio_codec::pcmu::PcmuDecoder::new()),
            Codec::Pcma => Box::new(audio_codec::pcma::PcmaDecoder::new()),
            Codec::G722 => Box::new(audio_codec::g722::G722Decoder::new()),
            #[cfg(feature = "g729")]
            Codec::G729 => Box::new(audio_codec::g729::G729Decoder::new()),
            #[cfg(feature = "opus")]
            Codec::Opus => Box::new(audio_codec::opus::OpusDecoder::new(48_000, 1)),
            #[cfg(not(feature = "g729"))]
            Codec::G729 => return None,
            #[cfg(not(feature = "opus"))]
            Codec::Opus => return None,
        };
        Some(Self { codec, resampler: Resampler::new(Rate::of(codec), rate), coder })
    }

    pub(crate) const fn codec(&self) -> Codec {
        self.codec
    }

    /// The audio of a payload; `None` for one that is damaged, empty or too long.
    pub(crate) fn decode(&mut self, payload: &[u8]) -> Option<Decoded> {
        let native = self.native(payload)?;
        let most = Rate::of(self.codec).samples(PACKET_MAX_MS);
        if native.is_empty() || native.len() > most {
            return None;
        }
        let ticks = native.len() * self.codec.clock_hz() as usize / self.codec.sample_hz() as usize;
        let ticks = i64::try_from(ticks).ok()?;
        Some(Decoded { samples: self.resampler.convert(&native), ticks })
    }

    /// The samples at the codec's own rate.
    fn native(&mut self, payload: &[u8]) -> Option<Vec<i16>> {
        if self.codec == Codec::Opus && payload.len() > OPUS_MAX {
            return None;
        }
        let mut samples = vec![0; self.coder.max_decode_samples(payload.len())];
        let len = self.coder.decode_into(payload, &mut samples).ok()?;
        samples.truncate(len);
        // An Opus packet may be stereo whatever was agreed (RFC 7587 §3.4).
        if self.coder.channels() == 2 {
            let mean = |pair: &[i16]| {
                let sum: i32 = pair.iter().map(|&sample| i32::from(sample)).sum();
                (sum / 2) as i16
            };
            samples = samples.chunks_exact(2).map(mean).collect();
        }
        Some(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level_db, share_at};
    use proptest::prelude::*;

    #[test]
    fn a_tone_comes_through_each_codec_at_each_rate() {
        for codec in codecs() {
            for rate in [Rate::Khz8, Rate::Khz16, Rate::Khz48] {
                let mut tone = Tone::new(440.0, -12.0, rate);
                let mut encoder = Encoder::new(codec, rate).unwrap();
                let mut decoder = Decoder::new(codec, rate).unwrap();
                let mut sound = Vec::new();
                for _ in 0..50 {
                    let payload = encoder.encode(&tone.next_samples(rate.samples(20))).unwrap();
                    let decoded = decoder.decode(&payload).unwrap();
                    assert_eq!(decoded.ticks, i64::from(codec.clock_hz() / 50));
                    sound.extend(decoded.samples);
                }
                assert_eq!(sound.len(), rate.samples(1_000), "{codec}");
                let settled = &sound[rate.samples(200)..];
                assert!((level_db(settled) + 12.0).abs() < 1.5, "{codec}: {}", level_db(settled));
                assert!(share_at(settled, 440.0, rate) > 0.9, "{codec}");
            }
        }
    }

    #[test]
    fn damaged_and_overlong_payloads_give_no_audio() {
        for codec in codecs() {
            let mut decoder = Decoder::new(codec, Rate::Khz8).unwrap();
            assert!(decoder.decode(&[]).is_none(), "{codec}");
            assert!(decoder.decode(&[0; 9_000]).is_none(), "{codec}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_payload_makes_a_decoder_panic(
            payloads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..20),
        ) {
            for codec in codecs() {
                let mut decoder = Decoder::new(codec, Rate::Khz8).unwrap();
                for payload in &payloads {
                    if let Some(decoded) = decoder.decode(payload) {
                        prop_assert!(decoded.ticks > 0);
                    }
                }
            }
        }

        #[test]
        fn no_sound_makes_an_encoder_panic(
            sound in prop::collection::vec(
                prop_oneof![any::<i16>(), Just(i16::MAX), Just(i16::MIN)], 1_600,
            ),
        ) {
            for codec in codecs() {
                let mut encoder = Encoder::new(codec, Rate::Khz8).unwrap();
                for frame in sound.chunks(160) {
                    prop_assert!(encoder.encode(frame).is_some(), "{}", codec);
                }
            }
        }
    }
}
