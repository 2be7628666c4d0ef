use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use media::{CodecMissing, Event};

use crate::CallKey;

/// What the owner of a call learns without asking.
#[derive(Debug)]
pub enum Report {
    /// The stream has something to say: heard, silent, a digit, another address.
    Stream(Event),
    /// The stream cannot be run, or not be changed: this build lacks its codec.
    CodecMissing(CodecMissing),
    /// The sound to play has come to its end; silence follows.
    Played,
    /// A recording is complete and safe on the disk.
    Recorded {
        /// The file.
        path: PathBuf,
        /// How long it plays.
        length: Duration,
        /// Sound that is not in it, because the disk was too slow.
        missed: Duration,
    },
    /// A recording ended early; what there is of it lies beside `path`, as `path.part`.
    RecordingFailed {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The call's audio ended by a fault of this program; its ports are free again.
    Broken,
    /// The call was closed; these are its last figures.
    Closed(Box<Figures>),
}

/// How a call's audio is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct Figures {
    /// Packets, loss, jitter and score; none before a stream ran.
    pub rtp: Option<media::Figures>,
    /// Packets that the system did not take.
    pub unsent: u64,
    /// The level heard over the last second, in dB below a sine wave that just does not clip;
    /// −96 for silence.
    pub level_db: f64,
    /// The highest level that was heard over a second.
    pub loudest_db: f64,
}

/// Where reports go.
#[derive(Clone)]
pub(crate) struct Reports(Arc<dyn Fn(CallKey, Report) + Send + Sync>);

impl Reports {
    pub(crate) fn new(take: impl Fn(CallKey, Report) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }

    pub(crate) fn tell(&self, call: CallKey, report: Report) {
        (self.0)(call, report);
    }
}

impl fmt::Debug for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reports")
    }
}
