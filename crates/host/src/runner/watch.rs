use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use net::Instant;

use crate::{Notice, Packet, Tap, udp};

/// The owner's ears: where events go, and who looks on.
pub(crate) struct Watch<E> {
    events: Box<dyn FnMut(Instant, E) + Send>,
    tap: Option<Box<dyn Tap>>,
    /// From which address each far end is reached, for sockets that are bound to all addresses.
    sources: BTreeMap<IpAddr, IpAddr>,
}

impl<E> Watch<E> {
    pub(crate) fn new(
        events: Box<dyn FnMut(Instant, E) + Send>,
        tap: Option<Box<dyn Tap>>,
    ) -> Self {
        Self { events, tap, sources: BTreeMap::new() }
    }

    pub(crate) fn event(&mut self, now: Instant, event: E) {
        (self.events)(now, event);
    }

    pub(crate) fn notice(&mut self, now: Instant, notice: Notice) {
        if let Some(tap) = &mut self.tap {
            tap.notice(now, &notice);
        }
    }

    pub(crate) fn packet(&mut self, now: Instant, packet: Packet<'_>) {
        if self.tap.is_none() {
            return;
        }
        let local = self.named(packet.local, packet.remote.ip());
        if let Some(tap) = &mut self.tap {
            tap.packet(now, &Packet { local, ..packet });
        }
    }

    pub(crate) fn settle(&mut self, now: Instant) {
        if let Some(tap) = &mut self.tap {
            tap.settle(now);
        }
    }

    fn named(&mut self, local: SocketAddr, remote: IpAddr) -> SocketAddr {
        if !local.ip().is_unspecified() {
            return local;
        }
        if self.sources.len() >= SOURCE_LIMIT {
            self.sources.clear();
        }
        let source = self
            .sources
            .entry(remote)
            .or_insert_with(|| udp::source_for(remote).unwrap_or(local.ip()));
        SocketAddr::new(*source, local.port())
    }
}

/// Far ends whose source address is remembered; with more, all are looked up again.
const SOURCE_LIMIT: usize = 1024;
