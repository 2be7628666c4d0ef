use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use net::{Cause, Conn, Input, Instant, Transport};

use crate::World;
use crate::fault::{Spot, Trouble, Way};
use crate::link::{Cargo, Grip, Link, LinkId, Side, Stage};
use crate::network::Chunking;
use crate::queue::Due;
use crate::trace::{Fate, Loss, Row, What};
use crate::world::Life;

/// How often an unacknowledged segment is repeated before the system gives up: as Linux does, a
/// quarter of an hour in all.
const REPEAT_MAX: u32 = 16;
const REPEAT_FIRST: Duration = Duration::from_millis(200);
const REPEAT_LONGEST: Duration = Duration::from_secs(120);
/// How long bytes are held back at most, to be joined to what follows.
const HOLD_BACK: Duration = Duration::from_micros(500);
/// The pieces of one write follow each other within this time.
const PIECE_GAP_US: u64 = 50;

impl World {
    /// Writes to a connection.
    pub(crate) fn write(&mut self, node: usize, conn: Conn, bytes: Bytes) {
        let Some((id, side)) = self.slot(node).conns.get(&conn).copied() else { return };
        let Some(link) = self.links.get(&id) else { return };
        let name = &self.slot(node).name;
        assert!(link.stage == Stage::Ready, "{name} writes to {conn:?}, which is not ready");
        let row = self.trace.push(Row {
            at: self.now,
            from: link.end(side).addr,
            to: link.end(side.other()).addr,
            transport: link.transport,
            what: What::Write,
            bytes: bytes.clone(),
            fate: Fate::Flying,
        });
        if bytes.is_empty() {
            self.trace.settle(row, Fate::Delivered(self.now));
            return;
        }
        self.load(id, side.other(), Cargo::Bytes(bytes, row));
    }

    /// Closes a connection in order.
    pub(crate) fn close(&mut self, node: usize, conn: Conn) {
        let Some((id, side)) = self.slot_mut(node).conns.remove(&conn) else { return };
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.stage != Stage::Ready {
            self.forget(id);
            return;
        }
        let far = link.end(side.other()).grip;
        link.end_mut(side).grip = Grip::Closed;
        match far {
            Grip::Closed | Grip::Gone => drop(self.forget(id)),
            Grip::Expected | Grip::Held(_) => self.load(id, side.other(), Cargo::Fin),
        }
    }

    /// Puts something on the way to one end of a connection, behind what is already on it.
    pub(crate) fn load(&mut self, id: LinkId, side: Side, cargo: Cargo) {
        let Some(way) = self.links.get(&id).map(|link| self.link_way(link, side)) else { return };
        let at = self.now + self.delay(&way) + self.time_lost(way.loss);
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        let at = flow.cargo.back().map_or(at, |(last, _)| at.max(*last));
        flow.cargo.push_back((at, cargo));
        if !flow.pumping {
            flow.pumping = true;
            self.queue.push(at, Due::Pump(id, side));
        }
    }

    /// Something on its way to one end of a connection may have arrived.
    pub(crate) fn pump(&mut self, id: LinkId, side: Side) {
        if self.park(id, side, Due::Pump) {
            return;
        }
        let Some(link) = self.links.get_mut(&id) else { return };
        let Some((at, _)) = link.end(side).flow.cargo.front() else {
            link.end_mut(side).flow.pumping = false;
            return;
        };
        let at = *at;
        if at > self.now {
            self.queue.push(at, Due::Pump(id, side));
            return;
        }
        let Some(link) = self.links.get(&id) else { return };
        if self.link_way(link, side).cut {
            self.repeat(id, side);
            return;
        }
        let far = link.end(side.other()).grip;
        let dead = link.end(side).node.is_some_and(|node| self.slot(node).life == Life::Down);
        match link.end(side).grip {
            _ if dead => self.answer_by_reset(id, side),
            Grip::Gone => self.answer_by_reset(id, side),
            Grip::Closed if far == Grip::Closed => drop(self.forget(id)),
            Grip::Closed => self.skip(id, side),
            Grip::Expected | Grip::Held(_) => self.unload(id, side),
        }
    }

    /// A reset reaches one end of a connection.
    pub(crate) fn reset(&mut self, id: LinkId, side: Side) {
        if !self.park(id, side, Due::Reset) {
            self.end_link(id, side, Cause::Reset);
        }
    }

    /// The process at one end is gone; the other end will learn it by a reset, if that gets through.
    pub(crate) fn abandon(&mut self, id: LinkId, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.stage != Stage::Ready {
            self.forget(id);
            return;
        }
        link.end_mut(side).grip = Grip::Gone;
        self.skip(id, side);
        self.send_reset(id, side.other());
    }

    /// Tells one end that its connection is over, and forgets the connection.
    pub(crate) fn end_link(&mut self, id: LinkId, side: Side, cause: Cause) {
        if let Some(link) = self.forget(id) {
            self.tell_closed(&link, side, cause);
        }
    }

    /// Removes a connection; what was on its way is lost.
    pub(crate) fn forget(&mut self, id: LinkId) -> Option<Link> {
        let link = self.links.remove(&id)?;
        self.ports.remove(&link.end(Side::Client).addr);
        for side in [Side::Client, Side::Server] {
            self.lose_cargo(link.end(side).flow.cargo.iter().map(|(_, cargo)| cargo));
        }
        Some(link)
    }

    fn tell_closed(&mut self, link: &Link, side: Side, cause: Cause) {
        let (end, far) = (link.end(side), link.end(side.other()));
        let (Some(node), Some(conn)) = (end.node, end.held()) else { return };
        let came =
            !matches!(cause, Cause::ConnectTimeout | Cause::HandshakeTimeout | Cause::Silent);
        self.trace.push(Row {
            at: self.now,
            from: if came { far.addr } else { end.addr },
            to: end.addr,
            transport: link.transport,
            what: What::Closed(cause),
            bytes: Bytes::new(),
            fate: Fate::Delivered(self.now),
        });
        let slot = self.slot_mut(node);
        slot.conns.remove(&conn);
        if slot.life == Life::Awake {
            self.deliver(node, Input::Closed { conn, cause });
        } else {
            slot.lost.push((conn, cause));
        }
    }

    fn lose_cargo<'a>(&mut self, cargo: impl Iterator<Item = &'a Cargo>) {
        for cargo in cargo {
            if let Cargo::Bytes(_, row) = cargo {
                self.trace.settle(*row, Fate::Lost(Loss::Connection));
            }
        }
    }

    /// The way on which something comes to one end of a connection.
    pub(crate) fn link_way(&self, link: &Link, to: Side) -> Way {
        let spot = |side: Side| {
            let end = link.end(side);
            Spot { node: end.node, ip: end.addr.ip() }
        };
        self.faults.way(self.now, spot(to.other()), spot(to), link.transport)
    }

    /// Keeps an event for a machine that sleeps.
    pub(crate) fn park(
        &mut self,
        id: LinkId,
        side: Side,
        due: impl FnOnce(LinkId, Side) -> Due,
    ) -> bool {
        let Some(node) = self.links.get(&id).and_then(|link| link.end(side).node) else {
            return false;
        };
        let asleep = self.slot(node).life == Life::Suspended;
        if asleep {
            self.slot_mut(node).parked.push(due(id, side));
        }
        asleep
    }

    /// How long repetitions of lost segments hold a stream up.
    fn time_lost(&mut self, share: f64) -> Duration {
        let mut lost = Duration::ZERO;
        let mut tries = 0;
        while tries < REPEAT_MAX && self.strikes(share) {
            lost += pause(tries);
            tries += 1;
        }
        lost
    }

    /// What is on the way finds it cut and comes again later, or never.
    fn repeat(&mut self, id: LinkId, side: Side) {
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        if flow.tries < REPEAT_MAX {
            let at = now + pause(flow.tries);
            flow.tries += 1;
            self.queue.push(at, Due::Pump(id, side));
            return;
        }
        flow.cargo.clear();
        self.give_up(id, side.other());
    }

    /// The system of one end gives up a connection; the other end hears nothing of it.
    fn give_up(&mut self, id: LinkId, side: Side) {
        let Some(mut link) = self.links.remove(&id) else { return };
        self.tell_closed(&link, side, Cause::Silent);
        link.end_mut(side).grip = Grip::Gone;
        if link.end(side.other()).grip == Grip::Gone {
            self.ports.remove(&link.end(Side::Client).addr);
        } else {
            self.links.insert(id, link);
        }
    }

    fn answer_by_reset(&mut self, id: LinkId, side: Side) {
        self.skip(id, side);
        self.send_reset(id, side.other());
    }

    fn send_reset(&mut self, id: LinkId, to: Side) {
        let Some(way) = self.links.get(&id).map(|link| self.link_way(link, to)) else { return };
        if !way.cut {
            let at = self.now + self.delay(&way);
            self.queue.push(at, Due::Reset(id, to));
        }
    }

    /// What arrives at an end that closed is read by nobody.
    fn skip(&mut self, id: LinkId, side: Side) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        flow.pumping = false;
        let cargo = std::mem::take(&mut flow.cargo);
        self.lose_cargo(cargo.iter().map(|(_, cargo)| cargo));
    }

    /// Hands over the first thing that has arrived.
    fn unload(&mut self, id: LinkId, side: Side) {
        let chunking = self.network.chunking;
        let draw = if chunking == Chunking::Seeded { self.dice.chunks.below(8) } else { 0 };
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        flow.tries = 0;
        let Some((at, cargo)) = flow.cargo.pop_front() else { return };
        match cargo {
            Cargo::Open => self.accept(id, side),
            Cargo::Fin => self.end_link(id, side, Cause::PeerClosed),
            Cargo::Bytes(bytes, row) => {
                let piece = match (chunking, draw) {
                    (Chunking::Whole, _) => Piece::Front(bytes.len()),
                    (Chunking::Single, _) | (Chunking::Seeded, 0) => Piece::Front(1),
                    (Chunking::Seeded, 1 | 2) => Piece::Front(bytes.len().div_ceil(2)),
                    (Chunking::Seeded, 3 | 4) => Piece::Joined,
                    (Chunking::Seeded, _) => Piece::Front(bytes.len()),
                };
                match piece {
                    Piece::Front(size) => self.unload_front(id, side, (at, bytes, row), size),
                    Piece::Joined if !flow.held_back && flow.cargo.is_empty() => {
                        flow.held_back = true;
                        flow.cargo.push_front((at, Cargo::Bytes(bytes, row)));
                        self.queue.push(now + HOLD_BACK, Due::Pump(id, side));
                    }
                    Piece::Joined => self.unload_joined(id, side, bytes, row),
                }
            }
        }
    }

    /// Hands over the first bytes of a write.
    fn unload_front(
        &mut self,
        id: LinkId,
        side: Side,
        (at, mut bytes, row): (Instant, Bytes, u64),
        size: usize,
    ) {
        let piece = bytes.split_to(size.min(bytes.len()));
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        if bytes.is_empty() {
            flow.held_back = false;
            self.trace.settle(row, Fate::Delivered(self.now));
        } else {
            flow.cargo.push_front((at, Cargo::Bytes(bytes, row)));
        }
        self.hand_piece(id, side, &piece);
    }

    /// Hands over a write together with those that arrived behind it.
    fn unload_joined(&mut self, id: LinkId, side: Side, first: Bytes, row: u64) {
        let now = self.now;
        let mut joined = BytesMut::from(first);
        self.trace.settle(row, Fate::Delivered(now));
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        flow.held_back = false;
        while let Some((at, Cargo::Bytes(bytes, row))) = flow.cargo.front()
            && *at <= now
        {
            joined.extend_from_slice(bytes);
            self.trace.settle(*row, Fate::Delivered(now));
            flow.cargo.pop_front();
        }
        self.hand_piece(id, side, &joined);
    }

    fn hand_piece(&mut self, id: LinkId, side: Side, piece: &[u8]) {
        let gap = match self.network.chunking {
            Chunking::Seeded => Duration::from_micros(self.dice.chunks.below(PIECE_GAP_US)),
            Chunking::Whole | Chunking::Single => Duration::ZERO,
        };
        self.pump_again(id, side, gap);
        let Some(end) = self.links.get(&id).map(|link| link.end(side)) else { return };
        if let (Some(node), Some(conn)) = (end.node, end.held()) {
            self.deliver(node, Input::Chunk { conn, bytes: piece });
        }
    }

    /// Notes when the next thing arrives.
    pub(crate) fn pump_again(&mut self, id: LinkId, side: Side, gap: Duration) {
        let soonest = self.now + gap;
        let Some(link) = self.links.get_mut(&id) else { return };
        let flow = &mut link.end_mut(side).flow;
        let next = flow.cargo.front().map(|(at, _)| soonest.max(*at));
        flow.pumping = next.is_some();
        if let Some(at) = next {
            self.queue.push(at, Due::Pump(id, side));
        }
    }

    /// The machine that a connection to `addr` would reach.
    pub(crate) fn spot_stream(&self, addr: SocketAddr) -> Spot {
        let owner = self.listeners.get(&addr).map(|(node, _)| *node);
        Spot { node: owner.or_else(|| self.machines.get(&addr.ip()).copied()), ip: addr.ip() }
    }

    /// What a TLS client meets at the server's side besides its certificate.
    pub(crate) fn tls_trouble(&self, server: Spot) -> Option<Trouble> {
        self.faults.troubles(self.now, server, Transport::Tls).find(|trouble| {
            matches!(
                trouble,
                Trouble::Certificate(_) | Trouble::Handshake | Trouble::HandshakeStalls
            )
        })
    }
}

enum Piece {
    Front(usize),
    Joined,
}

fn pause(tries: u32) -> Duration {
    REPEAT_FIRST.saturating_mul(1 << tries.min(20)).min(REPEAT_LONGEST)
}
