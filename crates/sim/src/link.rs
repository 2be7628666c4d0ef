use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use net::{Conn, Instant, Name, Transport};

/// Numbers the connections of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LinkId(pub(crate) u64);

/// An end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// A connection between two nodes, or the attempt at one.
pub(crate) struct Link {
    pub(crate) transport: Transport,
    /// The name that the client expects in the certificate.
    pub(crate) name: Name,
    pub(crate) deadline: Instant,
    pub(crate) stage: Stage,
    /// The row of the trace that shows the attempt.
    pub(crate) row: u64,
    pub(crate) client: End,
    pub(crate) server: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Connecting,
    Handshaking,
    Ready,
}

/// One end of a connection and what is on its way to it.
pub(crate) struct End {
    pub(crate) node: Option<usize>,
    pub(crate) addr: SocketAddr,
    pub(crate) grip: Grip,
    pub(crate) flow: Flow,
}

/// What an end's node knows of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grip {
    /// Nothing yet: it will be told.
    Expected,
    /// It holds it.
    Held(Conn),
    /// It closed it in order; what it wrote is still delivered.
    Closed,
    /// It lost it: what arrives is answered by a reset.
    Gone,
}

/// The bytes on their way to one end.
#[derive(Default)]
pub(crate) struct Flow {
    pub(crate) cargo: VecDeque<(Instant, Cargo)>,
    /// Whether an arrival is in the queue of the world.
    pub(crate) pumping: bool,
    /// Repetitions since something arrived last.
    pub(crate) tries: u32,
    /// Whether what is there was held back already, to be joined to what follows.
    pub(crate) held_back: bool,
}

pub(crate) enum Cargo {
    /// The connection itself.
    Open,
    /// Bytes, with the row of the trace that they belong to.
    Bytes(Bytes, u64),
    /// The orderly end.
    Fin,
}

impl Link {
    pub(crate) const fn end(&self, side: Side) -> &End {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    pub(crate) const fn end_mut(&mut self, side: Side) -> &mut End {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

impl End {
    pub(crate) fn new(node: Option<usize>, addr: SocketAddr, grip: Grip) -> Self {
        Self { node, addr, grip, flow: Flow::default() }
    }

    pub(crate) const fn held(&self) -> Option<Conn> {
        match self.grip {
            Grip::Held(conn) => Some(conn),
            Grip::Expected | Grip::Closed | Grip::Gone => None,
        }
    }
}
