//! WAV files as bytes: 16-bit linear or G.711 in, 16-bit linear mono out.

use std::fmt;

use crate::read::{array_at, u16_at, u32_at};
use crate::{Rate, Resampler};

/// Linear samples in a WAV file's `fmt ` chunk.
const LINEAR: u16 = 1;
const A_LAW: u16 = 6;
const MU_LAW: u16 = 7;
/// The real format stands in the extension of the chunk.
const EXTENSIBLE: u16 = 0xfffe;

/// The sound of a WAV file, mixed down to one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wav {
    /// Samples in a second; any, not only those of [`crate::Rate`].
    pub hz: u32,
    /// The samples.
    pub samples: Vec<i16>,
}

/// Why bytes are no WAV file that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WavError {
    /// They do not begin as a RIFF file of type WAVE.
    NotWav,
    /// There is no whole `fmt ` chunk before the sound.
    NoFormat,
    /// There is no `data` chunk.
    NoData,
    /// The rate is no rate of sound: below 4 or above 192 kHz.
    Rate {
        /// Samples in a second.
        hz: u32,
    },
    /// The sound is coded in another way than 16-bit linear, A-law or µ-law.
    Coding {
        /// The format tag.
        tag: u16,
        /// Bits of a sample.
        bits: u16,
    },
}

impl fmt::Display for WavError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWav => f.write_str("not a WAV file"),
            Self::NoFormat => f.write_str("the WAV file does not say its format"),
            Self::NoData => f.write_str("the WAV file holds no sound"),
            Self::Rate { hz } => write!(f, "the WAV file has {hz} samples a second"),
            Self::Coding { tag, bits } => write!(
                f,
                "the WAV file is coded as {tag} with {bits} bits; expected 16-bit linear or G.711"
            ),
        }
    }
}

impl std::error::Error for WavError {}

#[derive(Clone, Copy)]
struct Format {
    tag: u16,
    channels: u16,
    hz: u32,
    bits: u16,
}

impl Wav {
    /// Reads a file; a `data` chunk that was cut off, or never closed, gives what is there.
    pub fn parse(bytes: &[u8]) -> Result<Self, WavError> {
        if array_at(bytes, 0) != Some(*b"RIFF") || array_at(bytes, 8) != Some(*b"WAVE") {
            return Err(WavError::NotWav);
        }
        let mut rest = bytes.get(12..).unwrap_or_default();
        let mut format = None;
        while let (Some(name), Some(len)) = (array_at::<4>(rest, 0), chunk_len(rest)) {
            let body = rest.get(8..).unwrap_or_default();
            let body = body.get(..len).unwrap_or(body);
            match &name {
                b"fmt " => format = Format::parse(body),
                b"data" => return format.ok_or(WavError::NoFormat)?.decode(body),
                _ => {}
            }
            // Chunks begin at even places.
            let next = len.saturating_add(8 + len % 2);
            rest = rest.get(next..).unwrap_or_default();
        }
        Err(WavError::NoData)
    }

    /// The whole sound at another rate.
    #[must_use]
    pub fn samples_at(&self, rate: Rate) -> Vec<i16> {
        match Rate::from_hz(self.hz) {
            Some(own) => Resampler::new(own, rate).convert(&self.samples),
            None => audio_codec::resample(&self.samples, self.hz, rate.hz()),
        }
    }

    /// The file: 16-bit linear, one channel.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let data = u32::try_from(2 * self.samples.len()).unwrap_or(u32::MAX - 36);
        let mut bytes = Vec::with_capacity(44 + 2 * self.samples.len());
        bytes.extend(b"RIFF");
        bytes.extend((36 + data).to_le_bytes());
        bytes.extend(b"WAVEfmt ");
        bytes.extend(16_u32.to_le_bytes());
        bytes.extend([LINEAR, 1].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend([self.hz, 2 * self.hz].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([2_u16, 16].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(b"data");
        bytes.extend(data.to_le_bytes());
        bytes.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }
}

impl Format {
    fn parse(body: &[u8]) -> Option<Self> {
        let at = |place: usize| u16_at(body, place).map(u16::swap_bytes);
        let tag = match at(0)? {
            // The first two bytes of the sub-format are the tag.
            EXTENSIBLE => at(24)?,
            tag => tag,
        };
        let hz = u32_at(body, 4)?.swap_bytes();
        Some(Self { tag, channels: at(2)?.max(1), hz, bits: at(14)? })
    }

    fn decode(self, body: &[u8]) -> Result<Wav, WavError> {
        if !(4_000..=192_000).contains(&self.hz) {
            return Err(WavError::Rate { hz: self.hz });
        }
        let decoder: &mut dyn audio_codec::Decoder = match (self.tag, self.bits) {
            (LINEAR, 16) => {
                let pairs = body.chunks_exact(2);
                let samples = pairs.filter_map(|pair| Some(i16::from_le_bytes(array_at(pair, 0)?)));
                return Ok(self.mixed(&samples.collect::<Vec<i16>>()));
            }
            (A_LAW, 8) => &mut audio_codec::pcma::PcmaDecoder::new(),
            (MU_LAW, 8) => &mut audio_codec::pcmu::PcmuDecoder::new(),
            (tag, bits) => return Err(WavError::Coding { tag, bits }),
        };
        Ok(self.mixed(&decoder.decode(body)))
    }

    fn mixed(self, samples: &[i16]) -> Wav {
        let channels = usize::from(self.channels);
        let mean = |frame: &[i16]| {
            let sum: i64 = frame.iter().map(|&sample| i64::from(sample)).sum();
            i16::try_from(sum / i64::from(self.channels)).unwrap_or(0)
        };
        Wav { hz: self.hz, samples: samples.chunks_exact(channels).map(mean).collect() }
    }
}

fn chunk_len(chunk: &[u8]) -> Option<usize> {
    usize::try_from(u32_at(chunk, 4)?.swap_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;
    use std::io::Cursor;

    use super::*;
    use crate::share_at;

    fn hound_file(channels: u16, samples: &[i16]) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        samples.iter().for_each(|&sample| writer.write_sample(sample).unwrap());
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn files_of_another_writer_are_read_and_stereo_is_mixed_down() {
        let mono = Wav::parse(&hound_file(1, &[1, -2, 32_767])).unwrap();
        assert_eq!(mono, Wav { hz: 16_000, samples: vec![1, -2, 32_767] });
        let stereo = Wav::parse(&hound_file(2, &[10, 20, -32_768, -32_768])).unwrap();
        assert_eq!(stereo.samples, [15, -32_768]);
    }

    #[test]
    fn another_reader_reads_what_is_written() {
        let wav = Wav { hz: 8_000, samples: vec![0, 5, -5, 32_767, -32_768] };
        let mut reader = hound::WavReader::new(Cursor::new(wav.write())).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (8_000, 1));
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples, wav.samples);
    }

    /// A mono file at 8 kHz with a chunk that nobody knows before the format.
    fn coded(tag: u16, bits: u16, data: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\0\0\0\0WAVELIST\x03\0\0\0abc\0fmt \x10\0\0\0".to_vec();
        bytes.extend([tag, 1].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend([8_000_u32, 8_000].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend([1, bits].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend(b"data\xff\xff\xff\xff");
        bytes.extend(data);
        bytes
    }

    #[test]
    fn g_711_is_decoded_and_an_open_end_gives_what_is_there() {
        assert_eq!(Wav::parse(&coded(7, 8, &[0xff, 0x80])).unwrap().samples, [0, 32_124]);
        assert_eq!(Wav::parse(&coded(6, 8, &[0xd5])).unwrap().samples, [8]);
        assert_eq!(Wav::parse(&coded(1, 16, &[1, 0, 2])).unwrap().samples, [1]);
    }

    #[test]
    fn sound_of_any_rate_is_brought_to_the_rate_wanted() {
        for hz in [8_000, 11_025, 44_100, 48_000] {
            let wave = |n: u32| (f64::from(n) * 1_000.0 * TAU / f64::from(hz)).sin() * 10_000.0;
            let wav = Wav { hz, samples: (0..hz).map(|n| wave(n) as i16).collect() };
            for rate in [Rate::Khz8, Rate::Khz16] {
                let samples = wav.samples_at(rate);
                assert!(samples.len().abs_diff(rate.samples(1_000)) < 20, "{hz}");
                assert!(share_at(&samples[400..], 1_000.0, rate) > 0.95, "{hz}");
            }
        }
    }

    #[test]
    fn what_cannot_be_played_says_why() {
        assert_eq!(Wav::parse(b"RIFX"), Err(WavError::NotWav));
        assert_eq!(Wav::parse(b"RIFF\0\0\0\0WAVE"), Err(WavError::NoData));
        assert_eq!(Wav::parse(b"RIFF\0\0\0\0WAVEdata\0\0\0\0"), Err(WavError::NoFormat));
        let mut still = coded(1, 16, &[]);
        still[36..40].fill(0);
        assert_eq!(Wav::parse(&still), Err(WavError::Rate { hz: 0 }));
        assert_eq!(Wav::parse(&coded(3, 32, &[])), Err(WavError::Coding { tag: 3, bits: 32 }));
    }
}
