use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use media::{Digit, DtmfMode, Latching, Rate};
use sdp::Stream;
use tokio::sync::oneshot;

use crate::pair::Pair;
use crate::{Figures, Source};

/// The owner's name for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u64);

/// What a call's audio is done with that no session description says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// How digits are sent; events become tones by themselves where the other side has none.
    pub dtmf: DtmfMode,
    /// Whether the source of packets is followed.
    pub latching: Latching,
    /// A stream that should be heard and is not for so long is reported as silent.
    pub silence_after: Duration,
}

impl Default for Manner {
    fn default() -> Self {
        let media::Settings { dtmf, latching, silence_after, .. } = media::Settings::default();
        Self { dtmf, latching, silence_after }
    }
}

/// A function that takes sound.
pub type Listen = Box<dyn FnMut(Rate, &[i16]) + Send>;

/// Where the sound goes that is heard; it is measured, and recorded where asked, beside that.
#[derive(Default)]
pub enum Sink {
    /// Nowhere.
    #[default]
    Drop,
    /// To a function in the audio thread, 10 ms at a time; it must not wait for anything.
    Live(Listen),
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drop => "Drop",
            Self::Live(_) => "Live",
        })
    }
}

/// What the thread is told.
pub(crate) enum Order {
    Open(CallKey, Pair, Manner),
    Act(CallKey, Act),
    Close(CallKey, oneshot::Sender<Figures>),
}

/// What is to be done with an open call.
pub(crate) enum Act {
    Run(Box<Stream>),
    Digits(Vec<Digit>, Duration),
    Source(Source),
    Sink(Sink),
    Record(PathBuf),
    StopRecording,
    Figures(oneshot::Sender<Figures>),
}
