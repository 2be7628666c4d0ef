use std::collections::VecDeque;
use std::future::Future;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc::{sock_extended_err, sockaddr_in, sockaddr_in6};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use socket2::{Domain, Protocol, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use net::Cause;

use crate::icmp;
use crate::reactor::register;

/// One datagram socket: it receives, sends, and names the datagrams that could not be delivered.
///
/// The runtime only wakes it; every system call is its own, because the runtime's sockets do not
/// wake for the error queue, and refuse the first datagram until they were once waited for.
pub(crate) struct Port {
    fd: Arc<AsyncFd<UdpSocket>>,
    local: SocketAddr,
    readable: bool,
    /// Whether the wake-up was for the error queue.
    errors: bool,
    waiting: Option<Waiting>,
    overflowed: u32,
    control: Vec<u8>,
    backlog: VecDeque<(SocketAddr, Bytes)>,
    /// Watches for room to send; exists only while there is a backlog.
    room: Option<AsyncFd<UdpSocket>>,
}

type Waiting = Pin<Box<dyn Future<Output = bool> + Send>>;

/// How much a socket may hold that was not received yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReceiveBuffer {
    /// As much as the system permits, 16 MiB at the most: a burst of answers must not be lost here.
    #[default]
    Largest,
    /// What the system gives unasked.
    System,
    /// So many bytes; the system doubles them for its own accounting.
    Bytes(usize),
}

/// What came of looking into a socket.
pub(crate) enum Received {
    /// The buffer holds a datagram; `dropped` ones were lost before it for want of room.
    Datagram { from: SocketAddr, len: usize, dropped: u32 },
    /// The error queue is to be drained before anything else.
    Errors,
    /// There is nothing more for the time being.
    Nothing,
}

/// What came of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It has left.
    Done,
    /// The system has no room for it at present.
    Blocked,
    /// It was not sent. The error may be that of another destination: when the error queue was
    /// drained, sending again tells.
    Failed(Cause),
}

/// One entry of the error queue; the buffer holds the `len` bytes that it quotes.
pub(crate) struct Report {
    pub(crate) to: SocketAddr,
    /// `None` where no destination is unreachable.
    pub(crate) cause: Option<Cause>,
    pub(crate) len: usize,
}

impl Port {
    pub(crate) fn bind(addr: SocketAddr, receive_buffer: ReceiveBuffer) -> io::Result<Self> {
        let socket =
            socket2::Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        if addr.is_ipv6() {
            socket.set_only_v6(true)?;
            setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?;
        } else {
            setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?;
        }
        setsockopt(&socket, sockopt::RxqOvfl, &1)?;
        match receive_buffer {
            // Only the privileged may exceed the system's maximum; others get the maximum.
            ReceiveBuffer::Largest => setsockopt(&socket, sockopt::RcvBufForce, &LARGEST_BUFFER)
                .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &LARGEST_BUFFER))?,
            ReceiveBuffer::Bytes(bytes) => setsockopt(&socket, sockopt::RcvBuf, &bytes)?,
            ReceiveBuffer::System => {}
        }
        socket.bind(&addr.into())?;
        let socket = UdpSocket::from(socket);
        Ok(Self {
            local: socket.local_addr()?,
            fd: Arc::new(register(socket, READ_OR_ERROR)?),
            readable: false,
            errors: false,
            waiting: None,
            overflowed: 0,
            control: cmsg_space!(u32),
            backlog: VecDeque::new(),
            room: None,
        })
    }

    /// The address it is bound to.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Ready when there is something to receive, an error to drain or room for the backlog.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let room = self.room.as_ref().is_some_and(|room| room.poll_write_ready(cx).is_ready());
        if !self.readable {
            let fd = &self.fd;
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(ready(Arc::clone(fd))));
            if let Poll::Ready(errors) = waiting.as_mut().poll(cx) {
                self.waiting = None;
                self.errors = errors;
                self.readable = true;
            }
        }
        if room || self.readable { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Whether [`Port::receive`] may have something.
    pub(crate) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Takes the next datagram into `buffer`.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Received {
        if std::mem::take(&mut self.errors) {
            return Received::Errors;
        }
        match receive(self.fd.get_ref(), buffer, &mut self.control) {
            Ok((from, len, total)) => {
                let total = total.unwrap_or(self.overflowed);
                let dropped = total.wrapping_sub(self.overflowed);
                self.overflowed = total;
                Received::Datagram { from, len, dropped }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                forget_readiness(&self.fd, Interest::READABLE);
                forget_readiness(&self.fd, Interest::ERROR);
                Received::Nothing
            }
            Err(_) => Received::Errors,
        }
    }

    /// Takes the next entry of the error queue; what it quotes goes into `buffer`.
    pub(crate) fn next_report(&self, buffer: &mut [u8]) -> Option<Report> {
        let mut control = if self.local.is_ipv6() {
            cmsg_space!(sock_extended_err, sockaddr_in6)
        } else {
            cmsg_space!(sock_extended_err, sockaddr_in)
        };
        let mut pieces = [IoSliceMut::new(buffer)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = self.fd.get_ref().as_raw_fd();
        let entry = recvmsg::<SockaddrStorage>(fd, &mut pieces, Some(&mut control), flags).ok()?;
        let cause = entry.cmsgs().ok()?.find_map(|message| {
            if let ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) = message
            {
                icmp::cause_of(error.ee_origin, error.ee_type, error.ee_code)
            } else {
                None
            }
        });
        let to = entry.address.as_ref().and_then(socket_addr)?;
        Some(Report { to, cause, len: entry.bytes })
    }

    /// Sends one datagram now.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) -> Sent {
        match self.fd.get_ref().send_to(bytes, to) {
            Ok(_) => Sent::Done,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Blocked,
            Err(error) => Sent::Failed(fault_of(&error)),
        }
    }

    /// Keeps a datagram until the system has room; gives it back when too many wait.
    pub(crate) fn keep(&mut self, to: SocketAddr, bytes: Bytes) -> Result<(), Bytes> {
        if self.backlog.len() >= BACKLOG_LIMIT {
            return Err(bytes);
        }
        if self.room.is_none() {
            let watched = self.fd.get_ref().try_clone();
            let room = watched.and_then(|fd| register(fd, Interest::WRITABLE));
            self.room = Some(room.map_err(|_| bytes.clone())?);
        }
        self.backlog.push_back((to, bytes));
        Ok(())
    }

    /// Whether datagrams wait for room: others must wait behind them.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// The datagram that has waited longest, if there may be room for it.
    pub(crate) fn take_from_backlog(&mut self) -> Option<(SocketAddr, Bytes)> {
        let taken = self.backlog.pop_front();
        if taken.is_none() {
            self.room = None;
        }
        taken
    }

    /// There was no room for it after all: it waits at the front again.
    pub(crate) fn put_back(&mut self, to: SocketAddr, bytes: Bytes) {
        self.backlog.push_front((to, bytes));
        if let Some(room) = &self.room {
            forget_readiness(room, Interest::WRITABLE);
        }
    }
}

/// The address from which the system would send to `to`; nothing is sent.
pub(crate) fn source_for(to: IpAddr) -> Result<IpAddr, Cause> {
    let any: IpAddr =
        if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let local = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((to, DISCARD_PORT))?;
        socket.local_addr()
    });
    local.map(|local| local.ip()).map_err(|error| fault_of(&error))
}

/// Waits for a datagram or an error; says whether it was (also) an error.
async fn ready(fd: Arc<AsyncFd<UdpSocket>>) -> bool {
    match fd.ready(READ_OR_ERROR).await {
        Ok(mut guard) => {
            guard.retain_ready();
            guard.ready().is_error()
        }
        Err(_) => false,
    }
}

/// Tells the runtime that it has to wait for the system again.
fn forget_readiness(fd: &AsyncFd<UdpSocket>, interest: Interest) {
    let blocked = fd.try_io(interest, |_| Err::<(), _>(io::ErrorKind::WouldBlock.into()));
    debug_assert!(blocked.is_err());
}

/// One datagram: who sent it, its length, and how many were dropped so far if the system says.
fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(SocketAddr, usize, Option<u32>)> {
    let mut pieces = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message =
        recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut pieces, Some(control), flags)?;
    let total = message.cmsgs().ok().and_then(|mut messages| {
        messages.find_map(|message| {
            if let ControlMessageOwned::RxqOvfl(total) = message { Some(total) } else { None }
        })
    });
    let from = message.address.as_ref().and_then(socket_addr);
    let from = from.ok_or(io::ErrorKind::InvalidData)?;
    Ok((from, message.bytes, total))
}

fn socket_addr(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = storage.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

/// What a failed send (or the lookup of a route) means. Behaviour §1: no route and a denied send are
/// ours; §2: EHOSTUNREACH is a failure of the next hop.
pub(crate) fn fault_of(error: &io::Error) -> Cause {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ECONNREFUSED) => Cause::PortUnreachable,
        Some(Errno::EHOSTUNREACH | Errno::EHOSTDOWN) => Cause::HostUnreachable,
        // EINVAL: a blackhole route, or a loopback address that is to reach another machine.
        Some(
            Errno::ENETUNREACH
            | Errno::ENETDOWN
            | Errno::EADDRNOTAVAIL
            | Errno::EAFNOSUPPORT
            | Errno::EINVAL,
        ) => Cause::NoRoute,
        Some(Errno::ENOBUFS | Errno::ENOMEM) => Cause::QueueFull,
        Some(_) | None => Cause::SendDenied,
    }
}

const READ_OR_ERROR: Interest = Interest::READABLE.add(Interest::ERROR);
const LARGEST_BUFFER: usize = 16 << 20;
/// Datagrams of one socket that may wait for the system to have room.
const BACKLOG_LIMIT: usize = 4096;
/// Any port will do for a question about the route.
const DISCARD_PORT: u16 = 9;
