use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use net::{Conn, Transport};
use sip::{Frame, Framer};

/// The connections of a server, taken or opened.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    table: BTreeMap<Conn, Stream>,
    peers: BTreeMap<(Transport, SocketAddr), Conn>,
    opened: u64,
}

#[derive(Debug)]
struct Stream {
    transport: Transport,
    peer: SocketAddr,
    framer: Framer,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Being opened; what is to be written then.
    Opening(VecDeque<Bytes>),
    Ready,
}

/// What is to be done with bytes for a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Write them.
    Now(Bytes),
    /// They wait until the connection is ready.
    Later,
    /// There is no such connection, or too much waits for it.
    Never,
}

impl Streams {
    pub(crate) fn accepted(&mut self, conn: Conn, transport: Transport, peer: SocketAddr) {
        let framer = Framer::new();
        self.table.insert(conn, Stream { transport, peer, framer, state: State::Ready });
        self.peers.insert((transport, peer), conn);
    }

    /// The connection to a peer, if there is one.
    pub(crate) fn to(&self, transport: Transport, peer: SocketAddr) -> Option<Conn> {
        self.peers.get(&(transport, peer)).copied()
    }

    /// Notes that a connection is being opened, and numbers it.
    pub(crate) fn opening(&mut self, transport: Transport, peer: SocketAddr) -> Conn {
        self.opened += 1;
        let conn = Conn(self.opened);
        let state = State::Opening(VecDeque::new());
        self.table.insert(conn, Stream { transport, peer, framer: Framer::new(), state });
        self.peers.insert((transport, peer), conn);
        conn
    }

    /// An opened connection is ready; what waited for it is to be written.
    pub(crate) fn connected(&mut self, conn: Conn) -> VecDeque<Bytes> {
        let Some(stream) = self.table.get_mut(&conn) else { return VecDeque::new() };
        match std::mem::replace(&mut stream.state, State::Ready) {
            State::Opening(waiting) => waiting,
            State::Ready => VecDeque::new(),
        }
    }

    pub(crate) fn write(&mut self, conn: Conn, bytes: Bytes) -> Written {
        match self.table.get_mut(&conn).map(|stream| &mut stream.state) {
            Some(State::Ready) => Written::Now(bytes),
            Some(State::Opening(waiting)) if waiting.len() < WAITING_MAX => {
                waiting.push_back(bytes);
                Written::Later
            }
            Some(State::Opening(_)) | None => Written::Never,
        }
    }

    pub(crate) fn closed(&mut self, conn: Conn) {
        let Some(stream) = self.table.remove(&conn) else { return };
        let key = (stream.transport, stream.peer);
        if self.peers.get(&key) == Some(&conn) {
            self.peers.remove(&key);
        }
    }

    pub(crate) fn push(&mut self, conn: Conn, bytes: &[u8]) {
        if let Some(stream) = self.table.get_mut(&conn) {
            stream.framer.push(bytes);
        }
    }

    pub(crate) fn next_frame(&mut self, conn: Conn) -> Option<Frame> {
        self.table.get_mut(&conn)?.framer.next()
    }

    /// Whether the stream of a connection has lost its framing.
    pub(crate) fn is_broken(&self, conn: Conn) -> bool {
        self.table.get(&conn).is_some_and(|stream| stream.framer.is_broken())
    }

    pub(crate) fn peer(&self, conn: Conn) -> Option<(Transport, SocketAddr)> {
        self.table.get(&conn).map(|stream| (stream.transport, stream.peer))
    }
}

/// How many messages wait for a connection that is being opened.
const WAITING_MAX: usize = 32;
