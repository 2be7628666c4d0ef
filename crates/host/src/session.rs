use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ServerConfig};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio::time::{Instant as Deadline, timeout, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use net::{Cause, Conn, Name};

use crate::tls;
use crate::wire::{Mute, Stream, Wire, broken_cause};

/// One stream connection: a task that moves bytes between the system and the node's loop, so that a
/// peer that does not read, or talks too much, costs only itself.
pub(crate) struct Session {
    link: Link,
    wire: Wire,
    stream: Stream,
    unflushed: bool,
    unsent: Option<Unsent>,
}

/// A session's connection to the node's loop.
pub(crate) struct Link {
    conn: Conn,
    serial: u64,
    events: mpsc::Sender<Told>,
    orders: mpsc::UnboundedReceiver<Task>,
    waiting: Arc<Waiting>,
    queue: VecDeque<Bytes>,
    mute: Mute,
}

/// What a session tells the node's loop; the serial tells it from a later one of the same number.
pub(crate) struct Told {
    pub(crate) conn: Conn,
    pub(crate) serial: u64,
    pub(crate) what: What,
}

/// What happened to a connection.
pub(crate) enum What {
    /// It is ready for use.
    Ready { local: SocketAddr, verified: Option<Name> },
    /// Bytes came.
    Chunk(Bytes),
    /// It is gone.
    Closed(Cause),
}

/// The loop's end of a session. Dropping it resets the connection.
pub(crate) struct Line {
    orders: mpsc::UnboundedSender<Task>,
    waiting: Arc<Waiting>,
}

/// What the loop asks of a session.
enum Task {
    Write(Bytes),
    Close,
    Mute(Mute),
}

/// What was ordered to be written and has not left.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    messages: AtomicUsize,
}

type Unsent = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Whom to connect to over TLS, and how.
pub(crate) struct TlsPeer {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) server: ServerName<'static>,
    /// What is told to have been verified.
    pub(crate) verified: Option<Name>,
}

impl Line {
    /// Both ends of a session to be.
    pub(crate) fn new(conn: Conn, serial: u64, events: mpsc::Sender<Told>) -> (Self, Link) {
        let (give, orders) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let link = Link {
            conn,
            serial,
            events,
            orders,
            waiting: Arc::clone(&waiting),
            queue: VecDeque::new(),
            mute: Mute::Off,
        };
        (Self { orders: give, waiting }, link)
    }

    /// Orders `bytes` to be written; refuses when too much waits already.
    pub(crate) fn write(&self, bytes: Bytes) -> Result<(), QueueFull> {
        let (held, messages) = (&self.waiting.bytes, &self.waiting.messages);
        let queued = held.load(Ordering::Relaxed);
        // One message may be longer than the limit by itself.
        let too_long = queued > 0 && queued + bytes.len() > WRITE_BYTES;
        if too_long || messages.load(Ordering::Relaxed) >= WRITE_MESSAGES {
            return Err(QueueFull);
        }
        held.fetch_add(bytes.len(), Ordering::Relaxed);
        messages.fetch_add(1, Ordering::Relaxed);
        self.tell(Task::Write(bytes));
        Ok(())
    }

    /// Orders the connection to be closed after what waits has left.
    pub(crate) fn close(self) {
        self.tell(Task::Close);
    }

    pub(crate) fn mute(&self, mute: Mute) {
        self.tell(Task::Mute(mute));
    }

    fn tell(&self, task: Task) {
        // A session that has ended has said so, or is about to.
        drop(self.orders.send(task));
    }
}

/// Too much waits to be written.
pub(crate) struct QueueFull;

/// Connects, shakes hands and serves the connection until it ends.
// A5: connecting and handshake have one deadline, which the node sets from the attempt's budget.
pub(crate) async fn dial(
    mut link: Link,
    to: SocketAddr,
    from: Option<IpAddr>,
    tls: Option<TlsPeer>,
    deadline: Deadline,
) {
    let wire = match Wire::connect(to, from) {
        Ok(wire) => wire,
        Err(cause) => return link.tell(What::Closed(cause)).await,
    };
    let connected = timeout_at(deadline, wire.connected());
    let Some(connected) = link.unless_closed(Some(&wire), connected).await else { return };
    let local = match connected.unwrap_or(Err(Cause::ConnectTimeout)) {
        Ok(local) => local,
        Err(cause) => return link.tell(What::Closed(cause)).await,
    };
    let (stream, verified) = match tls {
        None => (Stream::Tcp(wire.clone()), None),
        Some(peer) => {
            let shake = TlsConnector::from(peer.config).connect(peer.server, wire.clone());
            let shaken = timeout_at(deadline, Box::pin(shake));
            let Some(shaken) = link.unless_closed(Some(&wire), shaken).await else { return };
            match settled(shaken) {
                Ok(stream) => (Stream::Tls(Box::new(TlsStream::Client(stream))), peer.verified),
                Err(cause) => return link.tell(What::Closed(cause)).await,
            }
        }
    };
    Session::new(link, wire, stream).run(What::Ready { local, verified }).await;
}

/// Shakes hands with a peer that has connected, and serves the connection until it ends.
pub(crate) async fn answer(
    mut link: Link,
    wire: Wire,
    local: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    patience: Duration,
) {
    let stream = match tls {
        None => Stream::Tcp(wire.clone()),
        Some(config) => {
            let shake = TlsAcceptor::from(config).accept(wire.clone());
            let shaken = timeout(patience, Box::pin(shake));
            let Some(shaken) = link.unless_closed(Some(&wire), shaken).await else { return };
            match settled(shaken) {
                Ok(stream) => Stream::Tls(Box::new(TlsStream::Server(stream))),
                Err(cause) => return link.tell(What::Closed(cause)).await,
            }
        }
    };
    Session::new(link, wire, stream).run(What::Ready { local, verified: None }).await;
}

fn settled<T>(shaken: Result<io::Result<T>, tokio::time::error::Elapsed>) -> Result<T, Cause> {
    match shaken {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(tls::handshake_cause(&error)),
        Err(_) => Err(Cause::HandshakeTimeout),
    }
}

impl Link {
    async fn tell(&self, what: What) {
        // When the loop is gone nobody is left to be told.
        drop(self.events.send(Told { conn: self.conn, serial: self.serial, what }).await);
    }

    /// Waits in vain: nothing leaves this machine at present.
    pub(crate) async fn stay_unanswered(mut self, deadline: Deadline) {
        if self.unless_closed(None, tokio::time::sleep_until(deadline)).await.is_some() {
            self.tell(What::Closed(Cause::ConnectTimeout)).await;
        }
    }

    /// Does `work` unless the loop drops or closes the connection meanwhile: it is then reset.
    async fn unless_closed<T>(
        &mut self,
        wire: Option<&Wire>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let done = poll_fn(|cx| {
            while let Poll::Ready(task) = self.orders.poll_recv(cx) {
                match task {
                    Some(Task::Write(bytes)) => self.queue.push_back(bytes),
                    Some(Task::Mute(mute)) => {
                        self.mute = mute;
                        wire.inspect(|wire| wire.mute(mute));
                    }
                    Some(Task::Close) | None => return Poll::Ready(None),
                }
            }
            work.as_mut().poll(cx).map(Some)
        })
        .await;
        if done.is_none() {
            wire.inspect(|wire| wire.reset_on_close());
        }
        done
    }
}

impl Session {
    fn new(link: Link, wire: Wire, stream: Stream) -> Self {
        Self { link, wire, stream, unflushed: false, unsent: None }
    }

    async fn run(mut self, ready: What) {
        self.link.tell(ready).await;
        match poll_fn(|cx| self.poll(cx)).await {
            Ended::Broken(cause) => self.link.tell(What::Closed(cause)).await,
            Ended::Dropped => self.wire.reset_on_close(),
            Ended::Closing => {
                if timeout(CLOSE_PATIENCE, poll_fn(|cx| self.poll_close(cx))).await.is_err() {
                    self.wire.reset_on_close();
                }
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match self.poll_orders(cx) {
                Ok(Ordered::Close) => return Poll::Ready(Ended::Closing),
                Ok(Ordered::Nothing) => {}
                Err(Dropped) => return Poll::Ready(Ended::Dropped),
            }
            if self.link.mute == Mute::On {
                return Poll::Pending;
            }
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                return Poll::Ready(Ended::Broken(broken_cause(&error)));
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => return Poll::Ready(Ended::Broken(cause)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_orders(&mut self, cx: &mut Context<'_>) -> Result<Ordered, Dropped> {
        while let Poll::Ready(task) = self.link.orders.poll_recv(cx) {
            match task {
                Some(Task::Write(bytes)) => self.link.queue.push_back(bytes),
                Some(Task::Mute(mute)) => {
                    self.link.mute = mute;
                    self.wire.mute(mute);
                }
                Some(Task::Close) => return Ok(Ordered::Close),
                None => return Err(Dropped),
            }
        }
        Ok(Ordered::Nothing)
    }

    /// Writes and flushes what waits; ready when nothing does.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(next) = self.link.queue.front_mut() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, next))?;
            bytes::Buf::advance(next, written);
            self.unflushed = true;
            self.link.waiting.bytes.fetch_sub(written, Ordering::Relaxed);
            if next.is_empty() {
                self.link.queue.pop_front();
                self.link.waiting.messages.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads one chunk and hands it to the loop; waits when the loop has enough to do.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Cause>> {
        if let Some(unsent) = &mut self.unsent {
            let taken = ready!(unsent.as_mut().poll(cx));
            self.unsent = None;
            if !taken {
                return Poll::Ready(Err(Cause::Reset));
            }
        }
        let chunk =
            ready!(read_chunk(&mut self.stream, cx)).map_err(|error| broken_cause(&error))?;
        if chunk.is_empty() {
            return Poll::Ready(Err(Cause::PeerClosed));
        }
        let Link { conn, serial, events, .. } = &self.link;
        let told = Told { conn: *conn, serial: *serial, what: What::Chunk(chunk) };
        if let Err(mpsc::error::TrySendError::Full(told)) = events.try_send(told) {
            let events = events.clone();
            self.unsent = Some(Box::pin(async move { events.send(told).await.is_ok() }));
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what waits, and ends the connection in order.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // What fails at the end is of no interest to anybody.
        if ready!(self.poll_write(cx)).is_ok() {
            drop(ready!(Pin::new(&mut self.stream).poll_shutdown(cx)));
        }
        Poll::Ready(())
    }
}

fn read_chunk(stream: &mut Stream, cx: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buf = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buf))?;
        Poll::Ready(Ok(Bytes::copy_from_slice(buf.filled())))
    })
}

enum Ended {
    Broken(Cause),
    Dropped,
    Closing,
}

enum Ordered {
    Nothing,
    Close,
}

/// The loop has dropped its end.
struct Dropped;

thread_local! {
    /// Where every session of a thread reads; an idle connection holds no buffer.
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK_LIMIT]);
}

const WRITE_BYTES: usize = 64 << 10;
const WRITE_MESSAGES: usize = 32;
const CHUNK_LIMIT: usize = 16 << 10;
/// How long what waits may take to leave after a connection was closed.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
