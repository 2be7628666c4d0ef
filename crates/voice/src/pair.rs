use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Type};

use crate::book::PortLease;

/// The sockets of one call. The ports are given back after the sockets were closed.
pub(crate) struct Pair {
    pub(crate) rtp: Wire,
    pub(crate) rtcp: Wire,
    #[expect(dead_code, reason = "held until the sockets are closed")]
    pub(crate) lease: PortLease,
}

/// One datagram socket, whose datagrams bear the time at which the kernel received them.
pub(crate) struct Wire(UdpSocket);

/// Where datagrams are received.
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    control: Vec<u8>,
}

/// A datagram in the scratch buffer.
pub(crate) struct Received<'a> {
    pub(crate) from: SocketAddr,
    pub(crate) bytes: &'a [u8],
    /// Microseconds since 1970; none where the system does not say.
    pub(crate) stamp_us: Option<u64>,
}

impl Wire {
    pub(crate) fn bind(addr: SocketAddr, dscp: u8) -> io::Result<Self> {
        let domain = Domain::for_address(addr);
        let socket = socket2::Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        let class = u32::from(dscp & 63) << 2;
        // A network where the mark is not permitted carries sound without it.
        let marked = if addr.is_ipv6() {
            socket.set_only_v6(true)?;
            socket.set_tclass_v6(class)
        } else {
            socket.set_tos_v4(class)
        };
        drop(marked);
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        socket.bind(&addr.into())?;
        Ok(Self(UdpSocket::from(socket)))
    }

    pub(crate) fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Takes the next datagram, if there is one.
    pub(crate) fn receive<'a>(&self, scratch: &'a mut Scratch) -> Option<Received<'a>> {
        let Scratch { bytes, control } = scratch;
        let (from, len, stamp_us) = {
            let mut pieces = [IoSliceMut::new(bytes)];
            let fd = self.0.as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            let message = recvmsg::<SockaddrStorage>(fd, &mut pieces, Some(control), flags).ok()?;
            let stamp = message.cmsgs().ok().and_then(|mut cmsgs| cmsgs.find_map(stamp_us));
            (message.address.as_ref().and_then(socket_addr)?, message.bytes, stamp)
        };
        Some(Received { from, bytes: bytes.get(..len)?, stamp_us })
    }

    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.0.send_to(bytes, to).map(drop)
    }
}

impl AsFd for Wire {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; DATAGRAM_MAX], control: cmsg_space!(TimeSpec) }
    }
}

fn stamp_us(message: ControlMessageOwned) -> Option<u64> {
    if let ControlMessageOwned::ScmTimestampns(time) = message {
        u64::try_from(time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000).ok()
    } else {
        None
    }
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| SocketAddr::V4((*v4).into()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| SocketAddr::V6((*v6).into())))
}

const DATAGRAM_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use host::Clock;

    use super::*;

    #[test]
    fn a_datagram_tells_who_sent_it_and_when_it_came() {
        for here in ["127.0.0.1:0", "[::1]:0"] {
            let here: SocketAddr = here.parse().unwrap();
            let wires = [Wire::bind(here, 46).unwrap(), Wire::bind(here, 46).unwrap()];
            let [from, to] = wires.each_ref().map(|wire| wire.local().unwrap());
            let mut scratch = Scratch::new();
            assert!(wires[1].receive(&mut scratch).is_none());
            wires[0].send(to, b"sound").unwrap();
            let received = wires[1].receive(&mut scratch).unwrap();
            assert_eq!((received.from, received.bytes), (from, &b"sound"[..]));
            let clock = Clock::start();
            let age_us = clock.wall(clock.now()).as_unix_micros() - received.stamp_us.unwrap();
            assert!(age_us < 5_000_000, "{age_us}");
        }
    }

    #[test]
    fn packets_bear_the_mark_that_was_asked_for() {
        let wire = Wire::bind("127.0.0.1:0".parse().unwrap(), 46).unwrap();
        let socket = socket2::SockRef::from(&wire.0);
        assert_eq!(socket.tos_v4().unwrap(), 46 << 2);
    }
}
