use std::fmt;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::{Cause, Conn, Instant, Name, Peer, Socket, Transport};

/// A state machine that an executor runs: a fleet of phones, a registrar, a name server.
///
/// After every call of [`Node::handle`] or [`Node::command`] the executor drains
/// [`Node::poll_output`] to `None`, then asks [`Node::next_timeout`].
pub trait Node {
    /// What its owner can order.
    type Command;
    /// What it tells its owner.
    type Event;

    /// Takes one input. `now` never runs backwards; a [`Input::Timeout`] before its time does nothing.
    fn handle(&mut self, now: Instant, input: Input<'_>);
    /// Takes one order of its owner.
    fn command(&mut self, now: Instant, command: Self::Command);
    /// The next thing to carry out, oldest first.
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;
    /// When it wants to be woken with [`Input::Timeout`], and why.
    fn next_timeout(&self) -> Option<(Instant, Reason)>;
}

/// Why a node will wake: a lower-case clause such as `registration refresh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reason(pub &'static str);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What happens to a node. Bytes are borrowed: a node copies what it keeps.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Time has passed; whatever is due is done.
    Timeout,
    /// A datagram came.
    Datagram {
        /// The socket it came to.
        socket: Socket,
        /// Who sent it.
        from: SocketAddr,
        /// Its content.
        bytes: &'a [u8],
    },
    /// A datagram that was sent earlier could not be delivered, or was not sent at all (the causes
    /// for which [`Cause::is_ours`] holds).
    Unreachable {
        /// The socket it was sent from.
        socket: Socket,
        /// Where it was sent to.
        to: SocketAddr,
        /// What was reported.
        cause: Cause,
        /// The part of the datagram that the report quotes; may be empty.
        quoted: &'a [u8],
    },
    /// The system dropped datagrams that had come to a socket, because its buffer was full.
    Overflow {
        /// The socket.
        socket: Socket,
        /// Datagrams dropped since the last report.
        dropped: u32,
    },
    /// The address that datagrams and connections to `to` leave from (answer to [`Output::Route`]).
    Route {
        /// The destination asked about.
        to: IpAddr,
        /// The local address, or why there is none.
        from: Result<IpAddr, Cause>,
    },
    /// A connection that the node ordered is ready, TLS handshake included.
    Connected {
        /// Which.
        conn: Conn,
        /// The local end.
        local: SocketAddr,
        /// The name that was verified (TLS).
        verified: Option<&'a Name>,
    },
    /// A peer connected, TLS handshake included.
    Accepted {
        /// The executor's number for it.
        conn: Conn,
        /// TCP or TLS.
        transport: Transport,
        /// The local end.
        local: SocketAddr,
        /// The far end.
        from: SocketAddr,
    },
    /// Bytes came over a connection, in pieces of any size.
    Chunk {
        /// Which.
        conn: Conn,
        /// The next bytes of the stream.
        bytes: &'a [u8],
    },
    /// A connection is gone, or never came about; nothing more will be heard of it.
    Closed {
        /// Which.
        conn: Conn,
        /// Why.
        cause: Cause,
    },
}

/// What a node wants done.
#[derive(Clone, Debug)]
pub enum Output<E> {
    /// Send a datagram.
    Datagram {
        /// From which socket.
        socket: Socket,
        /// To whom.
        to: SocketAddr,
        /// Its content.
        bytes: Bytes,
    },
    /// Open a connection; [`Input::Connected`] or [`Input::Closed`] follows.
    Connect {
        /// The node's number for it.
        conn: Conn,
        /// To whom.
        to: Peer,
        /// When to give up connecting and handshaking.
        deadline: Instant,
    },
    /// Write to a connection that is ready.
    Write {
        /// Which.
        conn: Conn,
        /// What.
        bytes: Bytes,
    },
    /// Close a connection after what was written has left; no [`Input::Closed`] follows.
    Close {
        /// Which.
        conn: Conn,
    },
    /// Open a datagram socket on a random port, for the address family of `to`.
    OpenAsk {
        /// The node's number for it, from [`Socket::FIRST_ASK`] on.
        socket: Socket,
        /// With whom it will speak.
        to: SocketAddr,
    },
    /// Close a socket that was opened with `OpenAsk`.
    CloseAsk {
        /// Which.
        socket: Socket,
    },
    /// Ask from which local address `to` is reached; [`Input::Route`] follows at once.
    Route {
        /// The destination.
        to: IpAddr,
    },
    /// Something its owner should know.
    Event(E),
}
