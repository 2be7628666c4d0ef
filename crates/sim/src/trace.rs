use std::collections::VecDeque;
use std::net::SocketAddr;

use bytes::Bytes;
use net::{Cause, Instant, Transport};

/// Something that went over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it left.
    pub at: Instant,
    /// Its sender.
    pub from: SocketAddr,
    /// Its receiver.
    pub to: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// What it was.
    pub what: What,
    /// A datagram, or what one write put into a stream; empty otherwise.
    pub bytes: Bytes,
    /// What became of it.
    pub fate: Fate,
}

impl Row {
    /// The first line of the bytes, or how many they are where that is no text.
    #[must_use]
    pub fn first_line(&self) -> String {
        let line = self.bytes.split(|byte| matches!(byte, b'\r' | b'\n')).next().unwrap_or(&[]);
        let is_text = line.iter().all(|byte| (0x20..0x7f).contains(byte));
        match std::str::from_utf8(line) {
            Ok(text) if is_text && !text.is_empty() => text.to_owned(),
            Ok(_) | Err(_) => format!("{} bytes", self.bytes.len()),
        }
    }

    /// When it arrived, if it did.
    #[must_use]
    pub const fn arrived(&self) -> Option<Instant> {
        match self.fate {
            Fate::Delivered(at) => Some(at),
            Fate::Flying | Fate::Lost(_) => None,
        }
    }
}

/// What a row of the trace is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A datagram.
    Datagram,
    /// A write to a stream.
    Write,
    /// A request for a connection.
    Connect,
    /// The end of a connection or of the attempt at one, with what the receiver learns.
    Closed(Cause),
    /// An ICMP error.
    Report(Cause),
}

/// What became of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It has not arrived yet.
    Flying,
    /// It reached the node; for a write: its last byte.
    Delivered(Instant),
    /// It will never arrive.
    Lost(Loss),
}

/// Why something never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// By chance.
    Chance,
    /// In a black hole, or at a router that knew the way no further.
    Way,
    /// Nobody listens there.
    Nobody,
    /// The node is dead or asleep.
    Node,
    /// The receiver's buffer was full.
    Overflow,
    /// The connection ended first.
    Connection,
    /// It never left: the sender's own system was in the way.
    Ours,
}

/// What went over the network, oldest first.
#[derive(Debug)]
pub struct Trace {
    rows: VecDeque<Row>,
    /// The number of the first row kept.
    first: u64,
    limit: usize,
}

impl Trace {
    /// The rows, oldest first.
    pub fn rows(&self) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.rows.iter()
    }

    /// Datagrams and writes that left for `to`.
    pub fn to(&self, to: SocketAddr) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.messages().filter(move |row| row.to == to)
    }

    /// Datagrams and writes that left from `from`.
    pub fn from(&self, from: SocketAddr) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.messages().filter(move |row| row.from == from)
    }

    /// Datagrams and writes.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.rows.iter().filter(|row| matches!(row.what, What::Datagram | What::Write))
    }

    /// How many rows are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(crate) const fn new(limit: usize) -> Self {
        Self { rows: VecDeque::new(), first: 0, limit }
    }

    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.shorten();
    }

    pub(crate) fn clear(&mut self) {
        self.first += self.rows.len() as u64;
        self.rows.clear();
    }

    /// Adds a row and returns its number, which stays valid when it is forgotten.
    pub(crate) fn push(&mut self, row: Row) -> u64 {
        let number = self.first + self.rows.len() as u64;
        self.rows.push_back(row);
        self.shorten();
        number
    }

    pub(crate) fn settle(&mut self, number: u64, fate: Fate) {
        let place = number.checked_sub(self.first).and_then(|place| usize::try_from(place).ok());
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            row.fate = fate;
        }
    }

    fn shorten(&mut self) {
        while self.rows.len() > self.limit {
            self.rows.pop_front();
            self.first += 1;
        }
    }
}
