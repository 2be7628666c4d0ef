//! The stream connections of an endpoint, shared by (transport, peer, verified name, owner).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bytes::Bytes;
use net::{Cause, Conn, Instant, Output, Peer, Transport};
use sip::Framer;

use crate::context::Outputs;

/// Connections that peers opened to us, kept at once.
pub(crate) const ACCEPTED_MAX: usize = 1024;

/// Messages that wait for one connection.
const LATER_MAX: usize = 16;

/// What [`Connections::obtain`] gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obtained {
    /// It is ready; `local` is our end.
    Open { conn: Conn, local: SocketAddr },
    /// It is being opened, by this call (`fresh`) or an earlier one.
    Connecting { conn: Conn },
}

/// One connection.
#[derive(Debug)]
struct Connection {
    peer: Option<Peer>,
    far: SocketAddr,
    transport: Transport,
    stage: Stage,
    /// Phones with a lease, an attempt or a dialog on it.
    users: BTreeSet<u32>,
}

#[derive(Debug)]
enum Stage {
    /// What is to be written as soon as it is ready.
    Connecting(Vec<Bytes>),
    Open {
        local: SocketAddr,
        framer: Framer,
    },
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    opened: u64,
    by_peer: BTreeMap<Peer, Conn>,
    table: BTreeMap<Conn, Connection>,
    accepted: usize,
    /// Connections in the middle of a message, by when it began.
    unfinished: BTreeSet<(Instant, Conn)>,
}

impl Connections {
    /// The connection to `peer` for `phone`, opened where there is none.
    pub(crate) fn obtain(
        &mut self,
        peer: &Peer,
        phone: u32,
        deadline: Instant,
        out: &mut Outputs,
    ) -> Obtained {
        let known = self.by_peer.get(peer).copied();
        if let Some((conn, connection)) =
            known.and_then(|conn| self.table.get_mut(&conn).map(|found| (conn, found)))
        {
            connection.users.insert(phone);
            return match &connection.stage {
                Stage::Open { local, .. } => Obtained::Open { conn, local: *local },
                Stage::Connecting(_) => Obtained::Connecting { conn },
            };
        }
        self.opened += 1;
        let conn = Conn(self.opened);
        let connection = Connection {
            peer: Some(peer.clone()),
            far: peer.addr,
            transport: peer.transport,
            stage: Stage::Connecting(Vec::new()),
            users: BTreeSet::from([phone]),
        };
        self.table.insert(conn, connection);
        self.by_peer.insert(peer.clone(), conn);
        out.push_back(Output::Connect { conn, to: peer.clone(), deadline });
        Obtained::Connecting { conn }
    }

    /// It is ready; the phones that wait for it.
    pub(crate) fn connected(
        &mut self,
        conn: Conn,
        local: SocketAddr,
        out: &mut Outputs,
    ) -> Vec<u32> {
        let Some(connection) = self.table.get_mut(&conn) else { return Vec::new() };
        let open = Stage::Open { local, framer: Framer::default() };
        if let Stage::Connecting(later) = std::mem::replace(&mut connection.stage, open) {
            out.extend(later.into_iter().map(|bytes| Output::Write { conn, bytes }));
        }
        connection.users.iter().copied().collect()
    }

    /// Writes `bytes` as soon as it is ready; no more than a few are kept.
    pub(crate) fn write_later(&mut self, conn: Conn, bytes: Bytes) {
        if let Some(Connection { stage: Stage::Connecting(later), .. }) = self.table.get_mut(&conn)
            && later.len() < LATER_MAX
        {
            later.push(bytes);
        }
    }

    /// A peer connected to us. `Err` where the limit is reached: it has to be closed.
    pub(crate) fn accepted(
        &mut self,
        conn: Conn,
        transport: Transport,
        local: SocketAddr,
        far: SocketAddr,
    ) -> Result<(), Cause> {
        if self.accepted >= ACCEPTED_MAX {
            return Err(Cause::QueueFull);
        }
        self.accepted += 1;
        let stage = Stage::Open { local, framer: Framer::default() };
        let users = BTreeSet::new();
        self.table.insert(conn, Connection { peer: None, far, transport, stage, users });
        Ok(())
    }

    /// It is gone; the phones that used it.
    pub(crate) fn closed(&mut self, conn: Conn) -> Vec<u32> {
        self.unfinished.retain(|(_, other)| *other != conn);
        let Some(connection) = self.table.remove(&conn) else { return Vec::new() };
        match connection.peer {
            Some(peer) if self.by_peer.get(&peer) == Some(&conn) => {
                self.by_peer.remove(&peer);
            }
            Some(_) => {}
            None => self.accepted = self.accepted.saturating_sub(1),
        }
        connection.users.into_iter().collect()
    }

    /// `phone` has no more business on it; the last user closes it.
    pub(crate) fn release(&mut self, conn: Conn, phone: u32, out: &mut Outputs) {
        let Some(connection) = self.table.get_mut(&conn) else { return };
        connection.users.remove(&phone);
        if connection.users.is_empty() && connection.peer.is_some() {
            self.closed(conn);
            out.push_back(Output::Close { conn });
        }
    }

    /// Nothing more is begun on it: it stayed silent. Its other users keep it until they are done.
    pub(crate) fn retire(&mut self, conn: Conn, phone: u32, out: &mut Outputs) {
        let peer = self.table.get(&conn).and_then(|connection| connection.peer.as_ref());
        if let Some(peer) = peer.filter(|peer| self.by_peer.get(*peer) == Some(&conn)).cloned() {
            self.by_peer.remove(&peer);
        }
        self.release(conn, phone, out);
    }

    /// Our end of it, once it is ready.
    pub(crate) fn local(&self, conn: Conn) -> Option<SocketAddr> {
        match &self.table.get(&conn)?.stage {
            Stage::Open { local, .. } => Some(*local),
            Stage::Connecting(_) => None,
        }
    }

    /// The far end and the transport.
    pub(crate) fn far(&self, conn: Conn) -> Option<(Transport, SocketAddr)> {
        self.table.get(&conn).map(|connection| (connection.transport, connection.far))
    }

    /// Remembers since when a message on it is unfinished, or that none is.
    pub(crate) fn note_unfinished(&mut self, now: Instant, conn: Conn) {
        let unfinished = self.framer(conn).is_some_and(|framer| framer.is_mid_message());
        let known = self.unfinished.iter().find(|(_, other)| *other == conn).copied();
        match (known, unfinished) {
            (None, true) => {
                self.unfinished.insert((now, conn));
            }
            (Some(entry), false) => {
                self.unfinished.remove(&entry);
            }
            (Some(_), true) | (None, false) => {}
        }
    }

    /// The connections whose message began at `then` or before; they are forgotten here.
    pub(crate) fn unfinished_before(&mut self, then: Instant) -> Vec<Conn> {
        let late: Vec<_> =
            self.unfinished.iter().take_while(|(at, _)| *at <= then).copied().collect();
        for entry in &late {
            self.unfinished.remove(entry);
        }
        late.into_iter().map(|(_, conn)| conn).collect()
    }

    /// When the oldest unfinished message began.
    pub(crate) fn oldest_unfinished(&self) -> Option<Instant> {
        self.unfinished.first().map(|(at, _)| *at)
    }

    /// The phones that use it.
    pub(crate) fn users(&self, conn: Conn) -> Vec<u32> {
        self.table.get(&conn).map_or_else(Vec::new, |found| found.users.iter().copied().collect())
    }

    /// Where its bytes become messages.
    pub(crate) fn framer(&mut self, conn: Conn) -> Option<&mut Framer> {
        match &mut self.table.get_mut(&conn)?.stage {
            Stage::Open { framer, .. } => Some(framer),
            Stage::Connecting(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer() -> Peer {
        let addr = "192.0.2.1:5060".parse().unwrap();
        Peer { transport: Transport::Tcp, addr, name: "".into(), owner: 0 }
    }

    #[test]
    fn two_phones_share_one_connection_and_the_last_one_closes_it() {
        let (mut table, mut out) = (Connections::default(), Outputs::new());
        let first = table.obtain(&peer(), 1, Instant::FAR, &mut out);
        assert_eq!(table.obtain(&peer(), 2, Instant::FAR, &mut out), first);
        let Obtained::Connecting { conn } = first else { panic!("nothing is open yet") };
        let local = "192.0.2.9:40000".parse().unwrap();
        assert_eq!(table.connected(conn, local, &mut out), [1, 2]);
        table.release(conn, 1, &mut out);
        assert_eq!(out.len(), 1, "only the connect so far");
        table.release(conn, 2, &mut out);
        assert!(matches!(out.back(), Some(Output::Close { .. })));
        assert_eq!(table.local(conn), None);
    }

    #[test]
    fn a_retired_connection_is_not_given_out_again() {
        let (mut table, mut out) = (Connections::default(), Outputs::new());
        let Obtained::Connecting { conn } = table.obtain(&peer(), 1, Instant::FAR, &mut out) else {
            panic!("nothing is open yet")
        };
        table.connected(conn, "192.0.2.9:40000".parse().unwrap(), &mut out);
        table.obtain(&peer(), 2, Instant::FAR, &mut out);
        table.retire(conn, 1, &mut out);
        let again = table.obtain(&peer(), 1, Instant::FAR, &mut out);
        assert_ne!(again, Obtained::Connecting { conn });
        assert!(table.local(conn).is_some(), "phone 2 still uses it");
    }
}
