use std::io;
use std::path::Path;
use std::sync::Arc;

use media::{Rate, Resampler, Wav, WavError};
use thiserror::Error;

/// The largest file that is read: over an hour at 8 kHz, six minutes at 48 kHz in stereo.
const FILE_MAX: u64 = 64 << 20;

/// Sound that is ready to be played at any rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sound {
    rate: Rate,
    samples: Vec<i16>,
}

/// Whether a sound begins anew at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeat {
    /// It is played once.
    #[default]
    Once,
    /// It is played until something else is.
    Forever,
}

/// Why a file cannot be played.
#[derive(Debug, Error)]
pub enum SoundError {
    /// It cannot be read.
    #[error("{0}")]
    File(#[from] io::Error),
    /// It is no WAV file of a kind that is known.
    #[error("{0}")]
    Wav(#[from] WavError),
}

impl Sound {
    /// Reads a WAV file of at most 64 MiB. To be done before it is needed: a file of an odd rate is
    /// converted here, whole.
    pub fn load(path: &Path) -> Result<Self, SoundError> {
        let bytes = host::files::read(path, FILE_MAX)?;
        Ok(Self::from_wav(&Wav::parse(&bytes)?))
    }

    /// The sound of a file in memory.
    #[must_use]
    pub fn from_wav(wav: &Wav) -> Self {
        match Rate::from_hz(wav.hz) {
            Some(rate) => Self { rate, samples: wav.samples.clone() },
            None => Self { rate: Rate::Khz16, samples: wav.samples_at(Rate::Khz16) },
        }
    }
}

/// Plays a [`Sound`] piece by piece.
pub(crate) struct Player {
    sound: Arc<Sound>,
    repeat: Repeat,
    /// The next sample of the sound.
    place: usize,
    resampler: Resampler,
}

impl Player {
    pub(crate) fn new(sound: Arc<Sound>, repeat: Repeat, rate: Rate) -> Self {
        let resampler = Resampler::new(sound.rate, rate);
        Self { sound, repeat, place: 0, resampler }
    }

    /// The next `ms` milliseconds; `None` after the end.
    pub(crate) fn next_ms(&mut self, ms: usize) -> Option<Vec<i16>> {
        let Sound { rate, samples } = &*self.sound;
        if self.repeat == Repeat::Forever && self.place >= samples.len() {
            self.place = 0;
        }
        let rest = samples.get(self.place..).filter(|rest| !rest.is_empty())?;
        let want = rate.samples(ms);
        let mut piece = rest.get(..want).unwrap_or(rest).to_vec();
        self.place += piece.len();
        piece.resize(want, 0);
        Some(self.resampler.convert(&piece))
    }
}

#[cfg(test)]
mod tests {
    use media::{Tone, level_db, share_at};

    use super::*;

    fn tone_at(hz: u32, samples: usize) -> Sound {
        let rate = Rate::from_hz(hz).unwrap();
        let samples = Tone::new(500.0, -10.0, rate).next_samples(samples);
        Sound::from_wav(&Wav { hz, samples })
    }

    #[test]
    fn a_sound_is_played_at_the_rate_of_the_call_and_ends_once() {
        for (own, rate) in [(8_000, Rate::Khz16), (16_000, Rate::Khz16), (48_000, Rate::Khz8)] {
            let sound = tone_at(own, own as usize + 3);
            let mut player = Player::new(Arc::new(sound), Repeat::Once, rate);
            let mut played = Vec::new();
            while let Some(piece) = player.next_ms(10) {
                assert_eq!(piece.len(), rate.samples(10));
                played.extend(piece);
            }
            assert_eq!(played.len(), rate.samples(1_010), "{own}");
            let settled = &played[rate.samples(20)..rate.samples(980)];
            assert!((level_db(settled) + 10.0).abs() < 0.5, "{own}: {}", level_db(settled));
            assert!(share_at(settled, 500.0, rate) > 0.99, "{own}");
            assert_eq!(player.next_ms(10), None);
        }
    }

    #[test]
    fn a_sound_that_repeats_never_ends_unless_it_is_empty() {
        let mut player = Player::new(Arc::new(tone_at(8_000, 85)), Repeat::Forever, Rate::Khz8);
        assert!((0..100).all(|_| player.next_ms(10).is_some()));
        let empty = Sound { rate: Rate::Khz8, samples: Vec::new() };
        assert_eq!(Player::new(Arc::new(empty), Repeat::Forever, Rate::Khz8).next_ms(10), None);
    }

    #[test]
    fn an_odd_rate_is_converted_when_it_is_loaded() {
        let sound = Sound::from_wav(&Wav { hz: 44_100, samples: vec![0; 44_100] });
        assert_eq!(sound.rate, Rate::Khz16);
        assert!(sound.samples.len().abs_diff(16_000) < 20);
    }

    #[test]
    fn a_file_that_cannot_be_played_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("noise.wav");
        assert!(matches!(Sound::load(&path), Err(SoundError::File(_))));
        std::fs::write(&path, b"RIFF but not really").unwrap();
        let error = Sound::load(&path).unwrap_err();
        assert_eq!(error.to_string(), "not a WAV file");
        std::fs::write(&path, Wav { hz: 8_000, samples: vec![1; 80] }.write()).unwrap();
        assert_eq!(Sound::load(&path).unwrap().samples, [1; 80]);
    }
}
