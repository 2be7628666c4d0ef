use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use net::{Cause, Input, Socket, Transport};

use crate::World;
use crate::fault::{Leave, Spot, Trouble, Way};
use crate::queue::{Due, Flight};
use crate::trace::{Fate, Loss, Row, What};
use crate::turn::Prompt;
use crate::world::Life;

/// How many datagrams wait for a socket that takes none.
const BLOCKED_MAX: usize = 4_096;

impl World {
    /// Sends a datagram of a node.
    pub(crate) fn send(&mut self, node: usize, socket: Socket, to: SocketAddr, bytes: Bytes) {
        let Some(from) = self.slot(node).local(socket) else {
            // An ask socket that found no route was never opened.
            self.prompts.push_back(Prompt::Unsent { socket, to, cause: Cause::NoRoute, bytes });
            return;
        };
        let row = self.trace.push(Row {
            at: self.now,
            from,
            to,
            transport: Transport::Udp,
            what: What::Datagram,
            bytes: bytes.clone(),
            fate: Fate::Flying,
        });
        let flight = Flight { from, to, bytes, row };
        match self.leave(node, from, to) {
            Leave::Free => self.travel(flight),
            Leave::Denied(cause) => self.refuse_to_send(socket, flight, cause),
            Leave::Blocked if self.slot(node).blocked.len() < BLOCKED_MAX => {
                self.slot_mut(node).blocked.push_back(flight);
            }
            Leave::Blocked => self.refuse_to_send(socket, flight, Cause::QueueFull),
        }
    }

    /// Sends what waited for a socket, if it takes datagrams again.
    pub(crate) fn unblock(&mut self, node: usize) {
        while let Some(flight) = self.slot_mut(node).blocked.pop_front() {
            if matches!(self.leave(node, flight.from, flight.to), Leave::Blocked) {
                self.slot_mut(node).blocked.push_front(flight);
                return;
            }
            self.travel(flight);
        }
    }

    /// A datagram reaches the machine it was sent to.
    pub(crate) fn arrive(&mut self, flight: Flight) {
        if self.way(flight.from, flight.to).cut {
            self.trace.settle(flight.row, Fate::Lost(Loss::Way));
            return;
        }
        let Some((node, socket)) = self.udp.get(&flight.to).copied() else {
            self.nobody(flight);
            return;
        };
        let life = self.slot(node).life;
        match life {
            Life::Down => self.nobody(flight),
            Life::Suspended => self.trace.settle(flight.row, Fate::Lost(Loss::Node)),
            Life::Awake if self.overflows(node, socket, flight.to) => {
                self.trace.settle(flight.row, Fate::Lost(Loss::Overflow));
            }
            Life::Awake => self.hand_over(node, socket, &flight),
        }
    }

    /// An ICMP error reaches the sender of the datagram it is about.
    pub(crate) fn report(&mut self, flight: &Flight, cause: Cause) {
        if self.way(flight.to, flight.from).cut {
            self.trace.settle(flight.row, Fate::Lost(Loss::Way));
            return;
        }
        let Some((node, socket)) = self.udp.get(&flight.from).copied() else { return };
        if self.slot(node).life != Life::Awake {
            self.trace.settle(flight.row, Fate::Lost(Loss::Node));
            return;
        }
        self.trace.settle(flight.row, Fate::Delivered(self.now));
        let end = flight.bytes.len().min(self.network.icmp_quote);
        let quoted = flight.bytes.slice(..end);
        self.deliver(node, Input::Unreachable { socket, to: flight.to, cause, quoted: &quoted });
    }

    /// How long something takes on a way.
    pub(crate) fn delay(&mut self, way: &Way) -> Duration {
        let bound = u64::try_from(self.network.jitter.as_micros()).unwrap_or(u64::MAX);
        let jitter = if bound == 0 { 0 } else { self.dice.delay.below(bound) };
        self.network.latency + way.slow + Duration::from_micros(jitter)
    }

    /// Whether something that happens to this share of all happens now.
    pub(crate) fn strikes(&mut self, share: f64) -> bool {
        share > 0.0 && self.dice.loss.unit() < share
    }

    fn travel(&mut self, flight: Flight) {
        let way = self.way(flight.from, flight.to);
        if way.cut || self.strikes(way.loss) {
            let loss = if way.cut { Loss::Way } else { Loss::Chance };
            self.trace.settle(flight.row, Fate::Lost(loss));
            return;
        }
        if way.unreachable {
            self.trace.settle(flight.row, Fate::Lost(Loss::Way));
            self.send_report(flight, Cause::HostUnreachable);
            return;
        }
        if self.strikes(way.duplicate) {
            let at = self.now + self.delay(&way);
            self.queue.push(at, Due::Datagram(flight.clone()));
        }
        let mut at = self.now + self.delay(&way);
        if let Some((share, by)) = way.reorder
            && self.strikes(share)
        {
            at += by;
        }
        self.queue.push(at, Due::Datagram(flight));
    }

    fn hand_over(&mut self, node: usize, socket: Socket, flight: &Flight) {
        self.trace.settle(flight.row, Fate::Delivered(self.now));
        if let Some(dropped) = self.slot_mut(node).dropped.remove(&socket) {
            self.deliver(node, Input::Overflow { socket, dropped });
        }
        self.deliver(node, Input::Datagram { socket, from: flight.from, bytes: &flight.bytes });
    }

    fn overflows(&mut self, node: usize, socket: Socket, at: SocketAddr) -> bool {
        let spot = Spot { node: Some(node), ip: at.ip() };
        let share = self.faults.troubles(self.now, spot, Transport::Udp).find_map(|trouble| {
            if let Trouble::Overflow(share) = trouble { Some(share) } else { None }
        });
        let full = share.is_some_and(|share| self.strikes(share));
        if full {
            *self.slot_mut(node).dropped.entry(socket).or_insert(0) += 1;
        }
        full
    }

    /// No process has the port. A machine that exists says so; where none is, nobody does.
    fn nobody(&mut self, flight: Flight) {
        self.trace.settle(flight.row, Fate::Lost(Loss::Nobody));
        let target = self.spot_udp(flight.to);
        let exists = target.node.is_some() || target.ip.is_loopback();
        let mut troubles = self.faults.troubles(self.now, target, Transport::Udp);
        if exists && !troubles.any(|trouble| trouble == Trouble::NoIcmp) {
            drop(troubles);
            self.send_report(flight, Cause::PortUnreachable);
        }
    }

    fn send_report(&mut self, flight: Flight, cause: Cause) {
        let (reporter, target) = (flight.to.ip(), flight.from.ip());
        if self.network.icmp_limited && !self.icmp.allows(reporter, target, self.now) {
            return;
        }
        let row = self.trace.push(Row {
            at: self.now,
            from: flight.to,
            to: flight.from,
            transport: Transport::Udp,
            what: What::Report(cause),
            bytes: Bytes::new(),
            fate: Fate::Flying,
        });
        let way = self.way(flight.to, flight.from);
        if self.strikes(way.loss) {
            self.trace.settle(row, Fate::Lost(Loss::Chance));
            return;
        }
        let at = self.now + self.delay(&way);
        self.queue.push(at, Due::Report(Flight { row, ..flight }, cause));
    }

    fn refuse_to_send(&mut self, socket: Socket, flight: Flight, cause: Cause) {
        self.trace.settle(flight.row, Fate::Lost(Loss::Ours));
        let Flight { to, bytes, .. } = flight;
        self.prompts.push_back(Prompt::Unsent { socket, to, cause, bytes });
    }

    fn leave(&self, node: usize, from: SocketAddr, to: SocketAddr) -> Leave {
        if from.is_ipv4() != to.is_ipv4() {
            return Leave::Denied(Cause::NoRoute);
        }
        let source = Spot { node: Some(node), ip: from.ip() };
        self.faults.leave(self.now, source, self.spot_udp(to), Transport::Udp)
    }

    fn way(&self, from: SocketAddr, to: SocketAddr) -> Way {
        self.faults.way(self.now, self.spot_udp(from), self.spot_udp(to), Transport::Udp)
    }
}
