use std::fmt;
use std::sync::Arc;

use media::{FRAME, Rate, Tone};

use crate::sound::Player;
use crate::{Repeat, Sound};

/// Milliseconds of one frame.
const FRAME_MS: usize = FRAME.as_millis() as usize;

/// A function that gives sound.
pub type Speak = Box<dyn FnMut(Rate, usize) -> Vec<i16> + Send>;

/// What is sent.
#[derive(Default)]
pub enum Source {
    /// Silence.
    #[default]
    Silence,
    /// A tone.
    Tone {
        /// Its pitch in Hz.
        hz: f64,
        /// Its level in dB below a sine wave that just does not clip (so 0 or less).
        level_db: f64,
    },
    /// A sound; it waits while the stream does not send.
    Sound(Arc<Sound>, Repeat),
    /// What is heard.
    Echo,
    /// What a function gives, called in the audio thread with the rate and the count of samples
    /// wanted; fewer are filled up with silence. It must not wait for anything.
    Live(Speak),
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("Silence"),
            Self::Tone { hz, level_db } => write!(f, "Tone({hz} Hz, {level_db} dB)"),
            Self::Sound(_, repeat) => write!(f, "Sound({repeat:?})"),
            Self::Echo => f.write_str("Echo"),
            Self::Live(_) => f.write_str("Live"),
        }
    }
}

/// A source at the rate of its call.
pub(crate) enum Mouth {
    Silence,
    Tone(Tone),
    Sound(Player),
    Echo,
    Live(Speak),
}

impl Mouth {
    pub(crate) fn new(source: Source, rate: Rate) -> Self {
        match source {
            Source::Silence => Self::Silence,
            Source::Tone { hz, level_db } => Self::Tone(Tone::new(hz, level_db, rate)),
            Source::Sound(sound, repeat) => Self::Sound(Player::new(sound, repeat, rate)),
            Source::Echo => Self::Echo,
            Source::Live(give) => Self::Live(give),
        }
    }

    /// The next 10 ms; `None` where a sound has come to its end.
    pub(crate) fn next_frame(&mut self, rate: Rate, heard: &[i16]) -> Option<Vec<i16>> {
        let want = rate.samples(FRAME_MS);
        match self {
            Self::Silence => Some(vec![0; want]),
            Self::Tone(tone) => Some(tone.next_samples(want)),
            Self::Sound(player) => player.next_ms(FRAME_MS),
            Self::Echo => Some(heard.to_vec()),
            Self::Live(give) => {
                let mut samples = give(rate, want);
                samples.resize(want, 0);
                Some(samples)
            }
        }
    }
}
