use std::net::{IpAddr, SocketAddr};

use net::{Cause, Conn, Instant, Socket, Transport};

/// Looks on at everything that one node sends and receives: for a journal, a trace or a capture.
/// It is called in the node's own loop and must not wait for anything.
pub trait Tap: Send {
    /// A packet was received (before the node sees it) or sent (after it left).
    fn packet(&mut self, at: Instant, packet: &Packet<'_>);
    /// The executor met one of its own limits or refused somebody.
    fn notice(&mut self, _at: Instant, _notice: &Notice) {}
    /// Nothing more will happen at this point in time: what was held back can be written.
    fn settle(&mut self, _at: Instant) {}
}

/// One datagram, or one piece of a stream (decrypted, where it came over TLS).
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Whether it was received or sent.
    pub direction: Direction,
    /// What carried it.
    pub transport: Transport,
    /// Which socket or connection of the node.
    pub channel: Channel,
    /// The local end; for a socket bound to all addresses, the address that the far end is reached from.
    pub local: SocketAddr,
    /// The far end.
    pub remote: SocketAddr,
    /// The content.
    pub bytes: &'a [u8],
}

/// Which way a packet went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Towards the node.
    Received,
    /// From the node.
    Sent,
}

/// What a packet went through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// A datagram socket.
    Socket(Socket),
    /// A stream connection.
    Conn(Conn),
}

/// What the executor does not tell the node, or does not tell it in these words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// One address has as many connections as it may have; another was reset.
    TooManyConnections {
        /// Whose.
        from: IpAddr,
    },
    /// A peer that connected did not complete the TLS handshake.
    HandshakeFailed {
        /// Which.
        from: SocketAddr,
        /// Why.
        cause: Cause,
    },
    /// The system gave no more connections (descriptors or memory); accepting pauses.
    AcceptPaused,
    /// Datagrams waited for the system to take them and became too many.
    SendQueueFull {
        /// Whose.
        socket: Socket,
    },
    /// A peer did not read what was written to it and its connection was reset.
    WriteQueueFull {
        /// Which.
        conn: Conn,
    },
    /// The system dropped datagrams that had come, because the socket's buffer was full.
    ReceiveOverflow {
        /// Which.
        socket: Socket,
        /// Datagrams dropped since the last notice.
        dropped: u32,
    },
}
