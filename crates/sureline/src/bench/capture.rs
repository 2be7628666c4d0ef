//! A capture of the measurement's own addresses, with the kernel's time stamps.
//!
//! It is read only afterwards: while something is measured it takes no processor time.

use std::io::IoSliceMut;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;

use nix::errno::Errno;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::out::Failure;

/// A capture that runs.
pub(crate) struct Capture(Socket);

/// One packet as it came in, once for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// Nanoseconds since 1970.
    pub(crate) at_ns: i64,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) what: What,
}

/// What a packet is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Datagram(Vec<u8>),
    /// TCP: a request for a connection.
    Open,
    /// TCP: a reset.
    Reset,
    /// TCP: bytes, or none where it only acknowledges.
    Stream(Vec<u8>),
    /// ICMP: a datagram to `to` could not be delivered; what of it is quoted.
    Unreachable(Vec<u8>),
}

impl Capture {
    /// Begins to capture what goes to or comes from addresses that begin with `prefix`.
    pub(crate) fn begin(prefix: [u8; 2]) -> Result<Self, Failure> {
        let protocol = Protocol::from(i32::from(ETHERTYPE_IPV4.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(protocol));
        let socket = socket.map_err(|error| {
            Failure::misused(format!("a capture needs CAP_NET_RAW ({error}): run it as root"))
        })?;
        let begin = || -> nix::Result<()> {
            socket.attach_filter(&filter(prefix)).map_err(errno)?;
            socket.set_nonblocking(true).map_err(errno)?;
            // Only the privileged may exceed the system's maximum.
            setsockopt(&socket, sockopt::RcvBufForce, &ROOM)
                .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &ROOM))?;
            setsockopt(&socket, sockopt::RxqOvfl, &1)?;
            setsockopt(&socket, sockopt::ReceiveTimestampns, &true)
        };
        begin().map_err(Failure::failed)?;
        Ok(Self(socket))
    }

    /// Everything so far, oldest first. A packet that was lost makes all of it worthless.
    pub(crate) fn end(self) -> Result<Vec<Packet>, Failure> {
        let mut buffer = vec![0; PACKET_LIMIT];
        let mut control = nix::cmsg_space!(TimeSpec, u32);
        let mut packets = Vec::new();
        loop {
            let mut pieces = [IoSliceMut::new(&mut buffer)];
            let fd = self.0.as_raw_fd();
            let flags = MsgFlags::MSG_DONTWAIT;
            let message =
                match recvmsg::<SockaddrStorage>(fd, &mut pieces, Some(&mut control), flags) {
                    Ok(message) => message,
                    Err(Errno::EAGAIN) => break,
                    Err(error) => return Err(Failure::failed(error)),
                };
            let (mut at_ns, mut lost) = (0, 0);
            for control in message.cmsgs().map_err(Failure::failed)? {
                if let ControlMessageOwned::ScmTimestampns(at) = control {
                    at_ns = at.tv_sec() * 1_000_000_000 + at.tv_nsec();
                } else if let ControlMessageOwned::RxqOvfl(count) = control {
                    lost = count;
                }
            }
            if lost > 0 {
                return Err(Failure::failed(format!("the capture lost {lost} packets")));
            }
            let bytes = message.bytes;
            packets.extend(buffer.get(..bytes).and_then(|bytes| Packet::read(at_ns, bytes)));
        }
        packets.sort_by_key(|packet| packet.at_ns);
        Ok(packets)
    }
}

impl Packet {
    fn read(at_ns: i64, bytes: &[u8]) -> Option<Self> {
        let ip = Ip::read(bytes)?;
        let packet = |what| {
            let (from, to) = ip.ends()?;
            Some(Self { at_ns, from, to, what })
        };
        match ip.protocol {
            UDP => packet(What::Datagram(ip.payload.get(8..)?.to_vec())),
            TCP => {
                let flags = *ip.payload.get(13)?;
                let header = usize::from(*ip.payload.get(12)? >> 4) * 4;
                let bytes = ip.payload.get(header..)?.to_vec();
                packet(match (flags & RST != 0, flags & SYN != 0 && flags & ACK == 0) {
                    (true, _) => What::Reset,
                    (false, true) => What::Open,
                    (false, false) => What::Stream(bytes),
                })
            }
            ICMP if ip.payload.first() == Some(&ICMP_UNREACHABLE) => {
                let quoted = Ip::read(ip.payload.get(8..)?)?;
                let (from, to) = quoted.ends()?;
                let what = What::Unreachable(quoted.payload.get(8..)?.to_vec());
                Some(Self { at_ns, from, to, what })
            }
            _ => None,
        }
    }

    /// The Call-ID of the SIP message that it carries or quotes.
    pub(crate) fn call_id(&self) -> Option<&str> {
        const NAME: &[u8] = b"\r\nCall-ID: ";
        let (What::Datagram(bytes) | What::Stream(bytes) | What::Unreachable(bytes)) = &self.what
        else {
            return None;
        };
        let start = bytes.windows(NAME.len()).position(|window| window == NAME)? + NAME.len();
        let value = bytes.get(start..)?;
        let end = value.iter().position(|byte| *byte == b'\r')?;
        std::str::from_utf8(value.get(..end)?).ok()
    }
}

/// The parts of an IPv4 packet that are looked at.
struct Ip<'a> {
    protocol: u8,
    from: Ipv4Addr,
    to: Ipv4Addr,
    payload: &'a [u8],
}

impl<'a> Ip<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let addr = |at: usize| {
            let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
            Some(Ipv4Addr::from(octets))
        };
        let payload = bytes.get(usize::from(first & 0x0f) * 4..)?;
        let protocol = *bytes.get(9)?;
        (first >> 4 == 4).then_some(Self { protocol, from: addr(12)?, to: addr(16)?, payload })
    }

    /// The ends of UDP and TCP, which both begin with the ports.
    fn ends(&self) -> Option<(SocketAddr, SocketAddr)> {
        let port = |at: usize| {
            let port: [u8; 2] = self.payload.get(at..at + 2)?.try_into().ok()?;
            Some(u16::from_be_bytes(port))
        };
        Some(((self.from, port(0)?).into(), (self.to, port(2)?).into()))
    }
}

/// Keeps packets whose source or destination begins with `prefix` (classic BPF over the IP header).
fn filter([a, b]: [u8; 2]) -> [SockFilter; 8] {
    const LOAD_WORD: u16 = 0x20;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    let wanted = u32::from_be_bytes([a, b, 0, 0]);
    [
        SockFilter::new(LOAD_WORD, 0, 0, 12),
        SockFilter::new(AND, 0, 0, 0xffff_0000),
        SockFilter::new(JUMP_IF_EQUAL, 4, 0, wanted),
        SockFilter::new(LOAD_WORD, 0, 0, 16),
        SockFilter::new(AND, 0, 0, 0xffff_0000),
        SockFilter::new(JUMP_IF_EQUAL, 1, 0, wanted),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ]
}

fn errno(error: std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMP_UNREACHABLE: u8 = 3;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;
const ROOM: usize = 256 << 20;
const PACKET_LIMIT: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0];
        bytes.extend([127, 80, 0, 9, 127, 80, 0, 1]);
        bytes.extend(payload);
        bytes
    }

    fn ports() -> [u8; 4] {
        let [a, b] = 5060u16.to_be_bytes();
        let [c, d] = 5062u16.to_be_bytes();
        [a, b, c, d]
    }

    fn tcp(flags: u8, bytes: &[u8]) -> Vec<u8> {
        let mut segment = ports().to_vec();
        segment.extend([0; 8]);
        segment.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
        segment.extend(bytes);
        segment
    }

    #[test]
    fn a_datagram_has_its_ends_and_its_call_id() {
        let mut udp = ports().to_vec();
        udp.extend([0; 4]);
        udp.extend(b"REGISTER sip:x SIP/2.0\r\nCall-ID: 00ff\r\n\r\n");
        let packet = Packet::read(7, &ip(UDP, &udp)).unwrap();
        assert_eq!(packet.from, "127.80.0.9:5060".parse().unwrap());
        assert_eq!(packet.to, "127.80.0.1:5062".parse().unwrap());
        assert_eq!((packet.at_ns, packet.call_id()), (7, Some("00ff")));
    }

    #[test]
    fn an_icmp_error_is_told_by_what_it_quotes() {
        let mut udp = ports().to_vec();
        udp.extend([0; 4]);
        udp.extend(b"REGISTER sip:x SIP/2.0\r\nCall-ID: 00ff\r\n\r\n");
        let mut icmp = vec![3, 3, 0, 0, 0, 0, 0, 0];
        icmp.extend(ip(UDP, &udp));
        let packet = Packet::read(0, &ip(ICMP, &icmp)).unwrap();
        assert_eq!(packet.to, "127.80.0.1:5062".parse().unwrap());
        assert!(matches!(packet.what, What::Unreachable(_)));
        assert_eq!(packet.call_id(), Some("00ff"));
    }

    #[test]
    fn segments_are_told_apart_by_their_flags() {
        let what =
            |flags, bytes: &[u8]| Packet::read(0, &ip(TCP, &tcp(flags, bytes))).unwrap().what;
        assert_eq!(what(SYN, b""), What::Open);
        assert_eq!(what(SYN | ACK, b""), What::Stream(Vec::new()));
        assert_eq!(what(RST | ACK, b""), What::Reset);
        assert_eq!(what(ACK, b"abc"), What::Stream(b"abc".to_vec()));
    }

    #[test]
    fn what_is_cut_short_is_no_packet() {
        for length in 0..27 {
            let whole = ip(UDP, &[0; 8]);
            assert_eq!(Packet::read(0, &whole[..length]), None, "{length}");
        }
    }
}
