use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use host::Clock;
use media::Digit;
use net::Rng;
use sdp::Stream;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::book::Book;
use crate::order::{Act, Order};
use crate::report::Reports;
use crate::runner::Runner;
use crate::{CallKey, Figures, Manner, Report, Sink, Source};

/// What a [`Voice`] needs to know.
#[derive(Clone, Debug)]
pub struct VoiceConfig {
    /// The lowest and the highest port that may be used: `static.network.port.min_rtpport` and
    /// `max_rtpport`.
    pub ports: (u16, u16),
    /// The mark of packets, 0 to 63: `static.network.qos.rtptos`.
    pub dscp: u8,
    /// For source numbers, sequence numbers and the first port; not for keys.
    pub seed: u64,
    /// The clock; one that is fast speaks fast.
    pub clock: Clock,
}

/// A hold on the audio of all calls. The thread ends with the last clone, which waits for calls
/// to be closed and recordings to be completed.
///
/// Only [`Voice::open`] and the last drop do more in the caller's thread than to leave an order
/// there; it waits only where 4,096 wait already. An order for a call that is not open is ignored.
#[derive(Clone)]
pub struct Voice(Arc<Inner>);

// The orders come first, so that the thread finds itself abandoned before it is waited for.
struct Inner {
    orders: SyncSender<Order>,
    thread: Mutex<Thread>,
    book: Arc<Book>,
}

enum Thread {
    /// There was no call.
    Asleep(Receiver<Order>, VoiceConfig, Reports),
    Running(#[expect(dead_code, reason = "waits when dropped")] Joined),
    /// The system gave none.
    Refused,
}

/// A thread that is waited for.
struct Joined(Option<JoinHandle<()>>);

/// The addresses of a call's sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// RTP, at an even port.
    pub rtp: SocketAddr,
    /// RTCP, at the next port.
    pub rtcp: SocketAddr,
}

/// Why a call has no audio: an outgoing one is refused with this reason, an incoming one with 480.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Every port pair of the range is in use.
    #[error(
        "no free RTP port from {first} to {last}; widen static.network.port.min_rtpport and \
         max_rtpport"
    )]
    NoPort {
        /// The lowest port of the range.
        first: u16,
        /// The highest.
        last: u16,
    },
    /// The system gave no socket at this address.
    #[error("cannot open RTP sockets at {local}: {error}")]
    System {
        /// The address.
        local: IpAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The system gave no thread, or the thread has died.
    #[error("cannot run audio: {0}")]
    Thread(io::Error),
}

/// A key that no digit belongs to; digits are `0`–`9`, `*`, `#` and `A`–`D`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("'{}' is no DTMF digit", .0.escape_default())]
pub struct NotADigit(pub char);

impl Voice {
    /// A voice without calls. `reports` is called in the audio thread, or in that of a recording,
    /// and must not wait for anything.
    #[must_use]
    pub fn start(
        config: VoiceConfig,
        reports: impl Fn(CallKey, Report) + Send + Sync + 'static,
    ) -> Self {
        let (orders, taken) = sync_channel(ORDERS_MAX);
        let book = Book::new(config.ports, config.dscp, &Rng::new(config.seed));
        let asleep = Thread::Asleep(taken, config, Reports::new(reports));
        Self(Arc::new(Inner { orders, thread: Mutex::new(asleep), book: Arc::new(book) }))
    }

    /// Opens a call: binds its ports at `local`, the address that the other side will be told.
    /// Nothing is received or sent before [`Voice::run`]. A call that is open under this key is
    /// closed.
    pub fn open(&self, call: CallKey, local: IpAddr, manner: Manner) -> Result<Opened, OpenError> {
        self.0.wake().map_err(OpenError::Thread)?;
        let pair = self.0.book.bind(local)?;
        let system = |error| OpenError::System { local, error };
        let opened = Opened {
            rtp: pair.rtp.local().map_err(system)?,
            rtcp: pair.rtcp.local().map_err(system)?,
        };
        let gone = |_| OpenError::Thread(io::ErrorKind::BrokenPipe.into());
        self.0.orders.send(Order::Open(call, pair, manner)).map_err(gone)?;
        Ok(opened)
    }

    /// Runs what was agreed on, or changes what runs: early media, hold, a re-offer.
    pub fn run(&self, call: CallKey, stream: Stream) {
        self.order(Order::Act(call, Act::Run(Box::new(stream))));
    }

    /// Sends digits, each for `length`, at least 40 ms. Digits that the stream cannot take come
    /// back as reports.
    pub fn digits(&self, call: CallKey, keys: &str, length: Duration) -> Result<(), NotADigit> {
        let digit = |key: char| Digit::from_char(key).ok_or(NotADigit(key));
        let digits = keys.chars().map(digit).collect::<Result<Vec<Digit>, NotADigit>>()?;
        self.order(Order::Act(call, Act::Digits(digits, length)));
        Ok(())
    }

    /// Chooses what is sent; silence, until something is chosen.
    pub fn source(&self, call: CallKey, source: Source) {
        self.order(Order::Act(call, Act::Source(source)));
    }

    /// Chooses where sound goes that is heard.
    pub fn sink(&self, call: CallKey, sink: Sink) {
        self.order(Order::Act(call, Act::Sink(sink)));
    }

    /// Records what is heard to a WAV file, from here to the end of the call. The file appears
    /// under its name when it is complete; until then it grows as `path.part`, which can be played
    /// at any moment. A recording of this call that runs is ended.
    pub fn record(&self, call: CallKey, path: PathBuf) {
        self.order(Order::Act(call, Act::Record(path)));
    }

    /// Ends the recording.
    pub fn stop_recording(&self, call: CallKey) {
        self.order(Order::Act(call, Act::StopRecording));
    }

    /// Asks how a call is doing; for one that is not open the receiver fails.
    pub fn figures(&self, call: CallKey) -> oneshot::Receiver<Figures> {
        let (answer, figures) = oneshot::channel();
        self.order(Order::Act(call, Act::Figures(answer)));
        figures
    }

    /// Ends a call: says goodbye, frees its ports, completes its recording. The last figures are
    /// reported too, so that the receiver may be dropped.
    pub fn close(&self, call: CallKey) -> oneshot::Receiver<Figures> {
        let (answer, figures) = oneshot::channel();
        self.order(Order::Close(call, answer));
        figures
    }

    fn order(&self, order: Order) {
        // Without a thread there is no call.
        if matches!(*self.0.thread(), Thread::Running(_)) {
            drop(self.0.orders.send(order));
        }
    }
}

impl Inner {
    /// Starts the thread, unless it runs.
    fn wake(&self) -> io::Result<()> {
        let mut thread = self.thread();
        let Thread::Asleep(_, config, reports) = &*thread else { return Ok(()) };
        let rng = Rng::new(config.seed);
        let runner = Runner::new(config.clock.clone(), rng.fork("voice"), reports.clone())?;
        if let Thread::Asleep(orders, ..) = std::mem::replace(&mut *thread, Thread::Refused) {
            let builder = std::thread::Builder::new().name("voice".to_owned());
            let handle = builder.spawn(move || runner.run(&orders))?;
            *thread = Thread::Running(Joined(Some(handle)));
        }
        Ok(())
    }

    fn thread(&self) -> MutexGuard<'_, Thread> {
        self.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        let itself = |handle: &JoinHandle<()>| handle.thread().id() == std::thread::current().id();
        if let Some(handle) = self.0.take()
            && !itself(&handle)
        {
            drop(handle.join());
        }
    }
}

/// Orders that may wait.
const ORDERS_MAX: usize = 4_096;
