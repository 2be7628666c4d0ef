//! RTP for one agreed [`sdp::Stream`], without socket, clock or sound card.
//!
//! A [`Session`] takes datagrams, captured sound and the passing of time, and gives datagrams,
//! 10 ms of played sound at each tick, and [`Event`]s. Inside it, packets come in through SRTP,
//! the check of their source (symmetric RTP within bounds) and the counts of RFC 3550 to an
//! adaptive jitter buffer that conceals what is lost; sound goes out through the codec, RFC 4733
//! for digits, and SRTP. RTCP reports run beside it, and [`Figures`] say how the stream is doing.
//!
//! Tools stand beside it: [`Ports`] hands out port pairs, [`Wav`] reads and writes files held in
//! memory, [`Tone`], [`rms`] and [`share_at`] make sound and measure it, [`Resampler`] changes
//! its rate, [`mos`] is the E-model.

mod codec;
mod conceal;
mod delay;
mod dtmf;
mod figures;
mod latch;
mod ntp;
mod pitch;
mod playout;
mod ports;
mod quality;
mod rate;
mod read;
mod receive;
mod reception;
mod report;
mod resample;
mod rtcp;
mod rtp;
mod send;
mod session;
mod srtp;
mod stretch;
mod tone;
mod wav;

use std::time::Duration;

pub use codec::codecs;
pub use dtmf::{DIGITS_MAX, Digit};
pub use figures::{Figures, Reported};
pub use latch::Latching;
pub use ports::Ports;
pub use quality::mos;
pub use rate::Rate;
pub use receive::Discard;
pub use resample::Resampler;
pub use rtcp::{Block, Compound, SenderInfo};
pub use rtp::{HEADER_LEN, Packet};
pub use session::{CodecMissing, DtmfMode, Event, Input, Output, Port, Session, Settings};
pub use tone::{Tone, level_db, rms, share_at};
pub use wav::{Wav, WavError};

/// Sound in one [`Output::Played`].
pub const FRAME: Duration = Duration::from_millis(FRAME_MS as u64);
/// The same in milliseconds.
const FRAME_MS: usize = 10;
