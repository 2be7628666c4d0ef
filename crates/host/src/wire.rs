use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockFilter, SockRef, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use net::Cause;

use crate::udp;

/// A TCP connection that can be cut off or muted while somebody else reads and writes it.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<TcpStream>);

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        let socket = SockRef::from(&stream);
        socket.set_tcp_nodelay(true)?;
        socket.set_send_buffer_size(SEND_BUFFER)?;
        // A peer that vanished must not be kept for ever; the system asks, no process wakes.
        socket.set_tcp_keepalive(&KEEPALIVE)?;
        Ok(Self(Arc::new(stream)))
    }

    /// Begins to connect; what fails at once is a fault of this machine or its neighbourhood.
    pub(crate) fn connect(to: SocketAddr, from: Option<IpAddr>) -> Result<Self, Cause> {
        let begin = || {
            let domain = Domain::for_address(to);
            let socket = socket2::Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
            socket.set_nonblocking(true)?;
            if let Some(from) = from {
                // The port is chosen when it is known with whom it speaks: one address then has as
                // many ports for each far end, and finding one does not take a search through all.
                // A system that does not know the option chooses at once.
                setsockopt(&socket, sockopt::IpBindAddressNoPort, &true).unwrap_or_default();
                socket.bind(&SocketAddr::new(from, 0).into())?;
            }
            match socket.connect(&to.into()) {
                Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => Err(error),
                Ok(()) | Err(_) => Self::new(TcpStream::from_std(socket.into())?),
            }
        };
        begin().map_err(|error| {
            let refused = error.kind() == io::ErrorKind::ConnectionRefused;
            if refused { Cause::Refused } else { udp::fault_of(&error) }
        })
    }

    /// Waits until it is connected.
    pub(crate) async fn connected(&self) -> Result<SocketAddr, Cause> {
        let outcome = async {
            self.0.writable().await?;
            match self.0.take_error()? {
                Some(error) => Err(error),
                None => self.0.local_addr(),
            }
        };
        outcome.await.map_err(|error| connect_cause(&error))
    }

    /// Makes the system drop what comes, unacknowledged, or ends this.
    pub(crate) fn mute(&self, mute: Mute) {
        mute_socket(&SockRef::from(self.0.as_ref()), mute);
    }

    /// Makes closing a reset instead of an orderly end.
    pub(crate) fn reset_on_close(&self) {
        // Where it fails the connection is gone already.
        drop(SockRef::from(self.0.as_ref()).set_linger(Some(Duration::ZERO)));
    }
}

/// Whether a socket takes part in the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mute {
    On,
    Off,
}

/// Puts a filter that drops everything on a socket, or takes it off.
pub(crate) fn mute_socket(socket: &SockRef<'_>, mute: Mute) {
    // Where it fails the socket is gone, or had no filter.
    drop(match mute {
        Mute::On => socket.attach_filter(&DROP_ALL),
        Mute::Off => socket.detach_filter(),
    });
}

/// Why connecting failed after it had begun. An unreachable network is then some router's word.
// A32: a refusal is an answer, told as soon as it comes.
pub fn connect_cause(error: &io::Error) -> Cause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => Cause::Refused,
        Some(Errno::ECONNRESET | Errno::EPIPE) => Cause::Reset,
        Some(Errno::ETIMEDOUT) => Cause::ConnectTimeout,
        Some(_) | None => Cause::HostUnreachable,
    }
}

/// Why an established connection broke.
pub(crate) fn broken_cause(error: &io::Error) -> Cause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ETIMEDOUT) => Cause::Silent,
        Some(Errno::EHOSTUNREACH | Errno::ENETUNREACH) => Cause::HostUnreachable,
        Some(_) => Cause::Reset,
        // TLS: a peer that is gone without close_notify, or one that breaks the protocol.
        None if error.kind() == io::ErrorKind::UnexpectedEof => Cause::PeerClosed,
        None => Cause::Handshake,
    }
}

/// What carries a stream.
pub(crate) enum Stream {
    Tcp(Wire),
    Tls(Box<TlsStream<Wire>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(wire) => Pin::new(wire).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(wire) => Pin::new(wire).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(wire) => Pin::new(wire).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(wire) => Pin::new(wire).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buf.initialize_unfilled()) {
                Ok(len) => {
                    buf.advance(len);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(self.0.as_ref()).shutdown(Shutdown::Write))
    }
}

/// What the system may hold of what was written to a peer that does not read.
const SEND_BUFFER: usize = 64 << 10;
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(120))
    .with_interval(Duration::from_secs(20))
    .with_retries(3);
/// `BPF_RET | BPF_K` with 0: no byte of a packet is kept.
const DROP_ALL: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];
