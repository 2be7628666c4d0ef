use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use bytes::Bytes;
use net::{Cause, Instant};

use crate::World;
use crate::link::{LinkId, Side};

/// Something that will happen.
pub(crate) enum Due {
    /// A node wanted to be woken.
    Wake(usize),
    /// A datagram arrives.
    Datagram(Flight),
    /// An ICMP error about a datagram arrives at its sender.
    Report(Flight, Cause),
    /// A request for a connection arrives; the number counts its repetitions.
    Syn(LinkId, u32),
    /// A request for a connection leaves again.
    SynRepeat(LinkId, u32),
    /// The answer to it arrives: the connection stands, or is refused.
    SynAnswer(LinkId, Result<(), Cause>),
    /// The TLS handshake is over for the client.
    Handshake(LinkId),
    /// The time for connecting is over.
    Deadline(LinkId),
    /// The next bytes of a stream arrive at this side.
    Pump(LinkId, Side),
    /// A reset arrives at this side.
    Reset(LinkId, Side),
    /// A fault that freezes a node begins or ends.
    Edge,
    /// An act of the scenario.
    Script(Box<dyn FnOnce(&mut World)>),
}

/// A datagram on its way.
#[derive(Clone)]
pub(crate) struct Flight {
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Bytes,
    /// Its row of the trace.
    pub(crate) row: u64,
}

/// What will happen, in order of time, then of insertion.
#[derive(Default)]
pub(crate) struct Queue {
    heap: BinaryHeap<Reverse<Entry>>,
    inserted: u64,
}

impl Queue {
    pub(crate) fn push(&mut self, at: Instant, due: Due) {
        self.inserted += 1;
        self.heap.push(Reverse(Entry { at, order: self.inserted, due }));
    }

    pub(crate) fn pop(&mut self) -> Option<(Instant, Due)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.due))
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }
}

struct Entry {
    at: Instant,
    order: u64,
    due: Due,
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}
