//! TFTP (RFC 1350) with options (RFC 2347), block size (RFC 2348) and transfer size (RFC 2349).

mod packet;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use net::Cause;
use params::provision::{Answer, Ending, FetchFault, Request, Verb};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use packet::{Packet, Wish, acknowledgement, data, error, request};

/// The largest block that fits an Ethernet frame with room for a tunnel.
const BLOCK_WISH: usize = 1428;
/// Without options (RFC 1350).
const BLOCK_PLAIN: usize = 512;
/// RFC 2348.
const BLOCK_MIN: usize = 8;
/// After this the last packet is sent again.
const PATIENCE: Duration = Duration::from_secs(1);
const DATAGRAM_MAX: usize = 65_536;
const NOT_FOUND: u16 = 1;
const DISK_FULL: u16 = 3;
const UNKNOWN_TRANSFER: u16 = 5;
const OPTIONS_REFUSED: u16 = 8;

/// Fetches or stores a file.
pub(crate) async fn fetch(
    request: &Request,
    addresses: &[SocketAddr],
) -> Result<Answer, FetchFault> {
    let server = *addresses.first().ok_or(FetchFault::NoAddress)?;
    let name = request.url.file_name();
    match ask(server, &name, request, Wish::Options).await {
        // A server that knows no options says so, or drops what it does not know.
        Err(Stop::Refused(OPTIONS_REFUSED, _)) => {
            ask(server, &name, request, Wish::Nothing).await.or_else(told)
        }
        other => other.or_else(told),
    }
}

/// Why a transfer ended before its end.
enum Stop {
    /// The server said so.
    Refused(u16, String),
    Fault(FetchFault),
}

impl From<FetchFault> for Stop {
    fn from(fault: FetchFault) -> Self {
        Self::Fault(fault)
    }
}

fn told(stop: Stop) -> Result<Answer, FetchFault> {
    match stop {
        Stop::Fault(fault) => Err(fault),
        Stop::Refused(NOT_FOUND, _) => Ok(Answer::Missing),
        // Some servers have no number for it.
        Stop::Refused(0, text) if text.to_ascii_lowercase().contains("not found") => {
            Ok(Answer::Missing)
        }
        Stop::Refused(code, _) => Err(FetchFault::Status(code)),
    }
}

async fn ask(
    server: SocketAddr,
    name: &str,
    request: &Request,
    wish: Wish,
) -> Result<Answer, Stop> {
    let mut line = Line::open(server).await?;
    match &request.verb {
        Verb::Get => get(&mut line, name, request.bytes_max, wish).await,
        Verb::Store(_, bytes) => put(&mut line, name, bytes, wish).await,
    }
}

async fn get(line: &mut Line, name: &str, bytes_max: usize, wish: Wish) -> Result<Answer, Stop> {
    let opening = request(packet::READ, name, wish.options(BLOCK_WISH, 0));
    let opening = opening.ok_or(FetchFault::Protocol("the name is too long"))?;
    line.send(opening).await?;
    let (mut block, mut size) = (BLOCK_PLAIN, None);
    let (mut bytes, mut wanted) = (Vec::new(), 1_u16);
    loop {
        match line.receive().await? {
            Packet::Options(granted) if wanted == 1 && bytes.is_empty() => {
                let within = |granted: &usize| (BLOCK_MIN..=BLOCK_WISH).contains(granted);
                block = match granted.block_size {
                    None => BLOCK_PLAIN,
                    Some(granted) if within(&granted) => granted,
                    Some(_) => {
                        line.refuse(OPTIONS_REFUSED).await;
                        return Err(FetchFault::Protocol("a block size nobody asked for").into());
                    }
                };
                size = granted.transfer_size;
                if size.is_some_and(|size| size > bytes_max) {
                    line.refuse(DISK_FULL).await;
                    return Err(FetchFault::TooLarge.into());
                }
                line.send(acknowledgement(0)).await?;
            }
            Packet::Data(number, piece) if number == wanted => {
                let is_last = piece.len() < block;
                if piece.len() > block || bytes.len() + piece.len() > bytes_max {
                    line.refuse(DISK_FULL).await;
                    return Err(FetchFault::TooLarge.into());
                }
                bytes.extend_from_slice(&piece);
                line.send(acknowledgement(number)).await?;
                // Past 65,535 blocks the number begins anew, as all servers do it.
                wanted = wanted.wrapping_add(1);
                if is_last {
                    return whole(bytes, size);
                }
            }
            Packet::Error(code, text) => return Err(Stop::Refused(code, text)),
            // What comes twice was acknowledged; our acknowledgement is sent again in time.
            Packet::Data(..)
            | Packet::Options(_)
            | Packet::Acknowledgement(_)
            | Packet::Unknown => {}
        }
    }
}

fn whole(bytes: Vec<u8>, size: Option<usize>) -> Result<Answer, Stop> {
    if size.is_some_and(|size| size != bytes.len()) {
        return Err(FetchFault::CutOff.into());
    }
    Ok(Answer::File { bytes, ending: Ending::Told })
}

async fn put(line: &mut Line, name: &str, bytes: &[u8], wish: Wish) -> Result<Answer, Stop> {
    let opening = request(packet::WRITE, name, wish.options(BLOCK_WISH, bytes.len()));
    line.send(opening.ok_or(FetchFault::Protocol("the name is too long"))?).await?;
    let (mut block, mut sent, mut number) = (BLOCK_PLAIN, 0, 0_u16);
    let mut is_last = false;
    loop {
        match line.receive().await? {
            Packet::Options(granted) if number == 0 => {
                let granted = granted.block_size.unwrap_or(BLOCK_PLAIN);
                block = granted.clamp(BLOCK_MIN, BLOCK_WISH);
            }
            Packet::Acknowledgement(of) if of == number => {}
            Packet::Error(code, text) => return Err(Stop::Refused(code, text)),
            Packet::Acknowledgement(_)
            | Packet::Options(_)
            | Packet::Data(..)
            | Packet::Unknown => {
                continue;
            }
        }
        if is_last {
            return Ok(Answer::Stored);
        }
        let end = bytes.len().min(sent + block);
        let piece = bytes.get(sent..end).unwrap_or_default();
        number = number.wrapping_add(1);
        is_last = piece.len() < block;
        sent = end;
        line.send(data(number, piece)).await?;
    }
}

/// A socket that speaks with one server, and the last packet that it was sent.
struct Line {
    socket: UdpSocket,
    server: SocketAddr,
    /// The port that the server took for this transfer.
    peer: Option<SocketAddr>,
    last: Vec<u8>,
    buffer: Vec<u8>,
}

impl Line {
    async fn open(server: SocketAddr) -> Result<Self, FetchFault> {
        let any = match server.ip() {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let socket = UdpSocket::bind((any, 0)).await;
        let socket = socket.map_err(|_| FetchFault::Connection(Cause::NoRoute))?;
        let buffer = vec![0; DATAGRAM_MAX];
        Ok(Self { socket, server, peer: None, last: Vec::new(), buffer })
    }

    async fn send(&mut self, packet: Vec<u8>) -> Result<(), FetchFault> {
        self.last = packet;
        self.send_last().await
    }

    async fn send_last(&self) -> Result<(), FetchFault> {
        let to = self.peer.unwrap_or(self.server);
        let sent = self.socket.send_to(&self.last, to).await;
        sent.map(drop).map_err(|_| FetchFault::Connection(Cause::NoRoute))
    }

    /// Tells the server that nothing more is wanted; whether it hears that is its own affair.
    async fn refuse(&self, code: u16) {
        drop(self.socket.send_to(&error(code), self.peer.unwrap_or(self.server)).await);
    }

    /// The next packet of the server; the last one is repeated while nothing comes.
    async fn receive(&mut self) -> Result<Packet, FetchFault> {
        loop {
            let Ok(received) = timeout(PATIENCE, self.socket.recv_from(&mut self.buffer)).await
            else {
                self.send_last().await?;
                continue;
            };
            let Ok((length, from)) = received else { continue };
            if from.ip() != self.server.ip() {
                continue;
            }
            // RFC 1350 §4: a packet from another port belongs to another transfer.
            if self.peer.is_some_and(|peer| peer != from) {
                drop(self.socket.send_to(&error(UNKNOWN_TRANSFER), from).await);
                continue;
            }
            let packet = Packet::parse(self.buffer.get(..length).unwrap_or_default());
            if packet != Packet::Unknown {
                self.peer = Some(from);
            }
            return Ok(packet);
        }
    }
}
