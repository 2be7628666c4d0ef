//! Calls' audio on real sockets: the executor of [`media::Session`]s.
//!
//! A [`Voice`] owns one thread, which exists from the first call to the last handle and wakes only
//! while a stream runs. Ports are bound in the caller's thread, so that an offer can name them at
//! once; everything else is an order to the thread, and what comes of it is a [`Report`].
//!
//! The thread does not wake for packets. It wakes for the 10 ms frames of its streams, at moments
//! that streams share, reads then what has come, and hands each datagram over with the time at
//! which the kernel received it. So 200 calls cost at most 500 wake-ups a second, a stranger's
//! flood costs a bounded share of each, and jitter is measured to the microsecond all the same.
//!
//! Features: `audio` adds `Card`, the machine's microphone and loudspeaker (it needs
//! `libasound2-dev` to build); `opus` and `g729` add the codecs of these names.

mod book;
mod call;
#[cfg(feature = "audio")]
mod card;
mod keys;
mod level;
mod order;
mod pair;
mod record;
mod report;
#[cfg(any(feature = "audio", test))]
mod ring;
mod runner;
mod sound;
mod source;
mod voice;

#[cfg(feature = "audio")]
pub use card::{Card, CardError};
pub use keys::{NoRandomness, srtp_keys};
pub use order::{CallKey, Listen, Manner, Sink};
pub use report::{Figures, Report};
pub use sound::{Repeat, Sound, SoundError};
pub use source::{Source, Speak};
pub use voice::{NotADigit, OpenError, Opened, Voice, VoiceConfig};
