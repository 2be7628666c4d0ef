use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use bytes::Bytes;

use net::{Cause, Input, Node, Socket, Transport};

use super::{Fate, Load, Runner};
use crate::udp::{Port, ReceiveBuffer, Received, Sent};
use crate::{BindError, Bindings, Channel, Direction, Notice, Packet};

/// A socket that the node believes it has.
pub(super) enum Slot {
    Open(Port),
    /// The system gave none; every datagram for it ends so.
    Refused(Cause),
}

/// A datagram on its way out.
pub(super) struct Datagram {
    pub(super) socket: Socket,
    pub(super) to: SocketAddr,
    pub(super) bytes: Bytes,
}

/// Binds the datagram sockets, and writes the ports that the system chose into `bindings`.
pub(super) fn bind(bindings: &mut Bindings) -> Result<BTreeMap<Socket, Slot>, BindError> {
    let mut ports = BTreeMap::new();
    for (number, addr) in (0..Socket::FIRST_ASK).zip(&mut bindings.udp) {
        let port = Port::bind(*addr, bindings.receive_buffer).map_err(|source| {
            BindError::Address { transport: Transport::Udp, addr: *addr, source }
        })?;
        *addr = port.local();
        ports.insert(Socket(number), Slot::Open(port));
    }
    Ok(ports)
}

impl Slot {
    /// A socket on a random port, for the family of `to`.
    pub(super) fn ask(to: SocketAddr) -> Self {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        match Port::bind(any, ReceiveBuffer::System) {
            Ok(port) => Self::Open(port),
            Err(_) => Self::Refused(Cause::SendDenied),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Open(port) => port.poll(cx),
            Self::Refused(_) => Poll::Pending,
        }
    }
}

impl<N: Node + 'static> Runner<N> {
    /// Reads every socket that has something, up to the limit of a turn each.
    pub(super) fn read_datagrams(&mut self) -> Load {
        let mut load = Load::Done;
        let mut next = Some(Socket(0));
        while let Some((socket, slot)) = next.and_then(|from| self.ports.range(from..).next()) {
            let socket = *socket;
            next = socket.0.checked_add(1).map(Socket);
            if matches!(slot, Slot::Open(port) if port.is_readable()) {
                load = load.max(self.read_port(socket));
            }
        }
        load
    }

    fn read_port(&mut self, socket: Socket) -> Load {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut load = Load::More;
        for _ in 0..DATAGRAMS_A_TURN {
            // The node may have closed the socket meanwhile.
            let Some(port) = self.port(socket) else { break };
            let local = port.local();
            match port.receive(&mut buffer) {
                Received::Datagram { from, len, dropped } => {
                    self.report_overflow(socket, dropped);
                    let bytes = buffer.get(..len).unwrap_or_default();
                    self.receive(socket, local, from, bytes);
                }
                Received::Errors => {
                    self.drain_errors(socket);
                }
                Received::Nothing => {
                    load = Load::Done;
                    break;
                }
            }
        }
        self.buffer = buffer;
        load
    }

    fn receive(&mut self, socket: Socket, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        if self.fate != Fate::Up {
            return;
        }
        let packet = Packet {
            direction: Direction::Received,
            transport: Transport::Udp,
            channel: Channel::Socket(socket),
            local,
            remote: from,
            bytes,
        };
        self.watch.packet(self.clock.now(), packet);
        self.feed(Input::Datagram { socket, from, bytes });
    }

    fn report_overflow(&mut self, socket: Socket, dropped: u32) {
        if dropped > 0 {
            self.watch.notice(self.clock.now(), Notice::ReceiveOverflow { socket, dropped });
            self.feed(Input::Overflow { socket, dropped });
        }
    }

    /// Hands the node what the error queue of a socket holds; says how many entries that were.
    fn drain_errors(&mut self, socket: Socket) -> usize {
        let mut quote = std::mem::take(&mut self.quote);
        let mut drained = 0;
        while drained < ERRORS_AT_ONCE {
            let Some(report) = self.port(socket).and_then(|port| port.next_report(&mut quote))
            else {
                break;
            };
            drained += 1;
            if let Some(cause) = report.cause
                && self.fate == Fate::Up
            {
                let quoted = quote.get(..report.len).unwrap_or_default();
                self.feed(Input::Unreachable { socket, to: report.to, cause, quoted });
            }
        }
        self.quote = quote;
        drained
    }

    /// Sends what waits, up to the limit of a turn.
    pub(super) fn send_datagrams(&mut self) -> Load {
        self.send_backlogs();
        for _ in 0..DATAGRAMS_A_TURN {
            let Some(datagram) = self.outbox.pop_front() else { return Load::Done };
            match self.fate {
                Fate::Up | Fate::Stopped => self.send(datagram),
                Fate::Down | Fate::Blackhole => {}
            }
        }
        if self.outbox.is_empty() { Load::Done } else { Load::More }
    }

    fn send(&mut self, datagram: Datagram) {
        match self.ports.get(&datagram.socket) {
            Some(Slot::Open(port)) if port.has_backlog() => self.keep(datagram),
            Some(Slot::Open(_)) => match self.try_send(&datagram) {
                Sent::Done => self.show_sent(&datagram),
                Sent::Blocked => self.keep(datagram),
                Sent::Failed(cause) => self.refuse(&datagram, cause),
            },
            Some(Slot::Refused(cause)) => {
                let cause = *cause;
                self.refuse(&datagram, cause);
            }
            // The node closed the socket after the datagram was put out.
            None => {}
        }
    }

    /// Sends, and again while what fails may be the error of an earlier datagram.
    fn try_send(&mut self, datagram: &Datagram) -> Sent {
        let mut failed = Sent::Blocked;
        for attempt in 0..SEND_ATTEMPTS {
            let Some(port) = self.port(datagram.socket) else { return failed };
            match port.send(datagram.to, &datagram.bytes) {
                Sent::Failed(cause) => failed = Sent::Failed(cause),
                done @ (Sent::Done | Sent::Blocked) => return done,
            }
            let drained = self.drain_errors(datagram.socket);
            if drained == 0 && attempt > 0 {
                break;
            }
        }
        failed
    }

    fn send_backlogs(&mut self) {
        let mut next = Some(Socket(0));
        while let Some((socket, slot)) = next.and_then(|from| self.ports.range(from..).next()) {
            let socket = *socket;
            next = socket.0.checked_add(1).map(Socket);
            if matches!(slot, Slot::Open(port) if port.has_backlog()) {
                self.send_backlog(socket);
            }
        }
    }

    fn send_backlog(&mut self, socket: Socket) {
        for _ in 0..DATAGRAMS_A_TURN {
            let Some((to, bytes)) = self.port(socket).and_then(Port::take_from_backlog) else {
                return;
            };
            let datagram = Datagram { socket, to, bytes };
            match self.try_send(&datagram) {
                Sent::Done => self.show_sent(&datagram),
                Sent::Blocked => {
                    if let Some(port) = self.port(socket) {
                        port.put_back(to, datagram.bytes);
                    }
                    return;
                }
                Sent::Failed(cause) => self.refuse(&datagram, cause),
            }
        }
    }

    fn keep(&mut self, datagram: Datagram) {
        let Datagram { socket, to, bytes } = datagram;
        let Some(port) = self.port(socket) else { return };
        if let Err(bytes) = port.keep(to, bytes) {
            self.watch.notice(self.clock.now(), Notice::SendQueueFull { socket });
            self.refuse(&Datagram { socket, to, bytes }, Cause::QueueFull);
        }
    }

    fn refuse(&mut self, datagram: &Datagram, cause: Cause) {
        self.feed(Input::Unreachable {
            socket: datagram.socket,
            to: datagram.to,
            cause,
            quoted: &datagram.bytes,
        });
    }

    fn show_sent(&mut self, datagram: &Datagram) {
        let Some(port) = self.port(datagram.socket) else { return };
        let packet = Packet {
            direction: Direction::Sent,
            transport: Transport::Udp,
            channel: Channel::Socket(datagram.socket),
            local: port.local(),
            remote: datagram.to,
            bytes: &datagram.bytes,
        };
        self.watch.packet(self.clock.now(), packet);
    }

    fn port(&mut self, socket: Socket) -> Option<&mut Port> {
        match self.ports.get_mut(&socket) {
            Some(Slot::Open(port)) => Some(port),
            Some(Slot::Refused(_)) | None => None,
        }
    }
}

const DATAGRAMS_A_TURN: usize = 64;
/// Entries of an error queue that are read in one go; the rest stays for the next turn.
const ERRORS_AT_ONCE: usize = 256;
/// How often a datagram is sent while others' errors come back instead.
const SEND_ATTEMPTS: usize = 8;
