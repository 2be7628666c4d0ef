use std::net::IpAddr;
use std::time::Duration;

use net::{Cause, CertificateFault, Instant, Transport};

use crate::Handle;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The process is dead: its state is kept, but it does nothing. Datagrams to it come back as
    /// port unreachable, connections are refused, those that stand are reset.
    Down,
    /// The machine sleeps: nothing reaches the node and its clock jumps when it wakes. Datagrams to
    /// it are lost, streams wait.
    Suspended,
    /// Nothing gets through, and nothing says so.
    Blackhole,
    /// A router answers with host unreachable.
    HostUnreachable,
    /// This share of what is sent is lost (0.0 … 1.0); streams lose time instead.
    Loss(f64),
    /// What is sent takes this much longer.
    Slow(Duration),
    /// This share of the datagrams arrives twice.
    Duplicate(f64),
    /// This share of the datagrams arrives later by the given time, overtaken by others.
    Reorder(f64, Duration),
    /// No ICMP errors leave the machine.
    NoIcmp,
    /// The system of the sender refuses to send.
    SendDenied,
    /// The sender has no route.
    NoRoute,
    /// The sender's queue has no room.
    QueueFull,
    /// The sender's socket takes nothing: datagrams wait, 4,096 at the most, until the end of the
    /// fault.
    WouldBlock,
    /// This share of the datagrams finds the receiving socket's buffer full; the next one that finds
    /// room is preceded by a report.
    Overflow(f64),
    /// TLS listeners show a certificate with this fault.
    Certificate(CertificateFault),
    /// TLS handshakes fail.
    Handshake,
    /// TLS handshakes never end.
    HandshakeStalls,
}

impl Trouble {
    /// Whether its begin and end are events of their own, not only looked up when something is sent.
    pub(crate) const fn has_edges(self) -> bool {
        matches!(self, Self::Down | Self::Suspended | Self::WouldBlock)
    }
}

/// A machine of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// That of a node, with all its addresses.
    Node(usize),
    /// That with this address, whether a node is there or not.
    Address(IpAddr),
}

impl<N> From<Handle<N>> for Place {
    fn from(handle: Handle<N>) -> Self {
        Self::Node(handle.index)
    }
}

impl From<IpAddr> for Place {
    fn from(ip: IpAddr) -> Self {
        Self::Address(ip)
    }
}

/// A trouble at some place, for a time: from the start of the world to its end, unless said
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    trouble: Trouble,
    scope: Scope,
    transport: Option<Transport>,
    from: Instant,
    until: Instant,
}

/// Names a fault of a [`crate::World`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(pub(crate) u64);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scope {
    Everywhere,
    At(Place),
    OneWay(Place, Place),
    Between(Place, Place),
}

impl Fault {
    /// A trouble of one machine, in both directions.
    #[must_use]
    pub fn at(place: impl Into<Place>, trouble: Trouble) -> Self {
        Self::new(trouble, Scope::At(place.into()))
    }

    /// A trouble of what goes from one machine to another, but not back.
    #[must_use]
    pub fn one_way(from: impl Into<Place>, to: impl Into<Place>, trouble: Trouble) -> Self {
        Self::new(trouble, Scope::OneWay(from.into(), to.into()))
    }

    /// A trouble of what goes between two machines.
    #[must_use]
    pub fn between(one: impl Into<Place>, other: impl Into<Place>, trouble: Trouble) -> Self {
        Self::new(trouble, Scope::Between(one.into(), other.into()))
    }

    /// A trouble of every machine.
    #[must_use]
    pub fn everywhere(trouble: Trouble) -> Self {
        Self::new(trouble, Scope::Everywhere)
    }

    /// Lets it begin at `from`.
    #[must_use]
    pub const fn from(mut self, from: Instant) -> Self {
        self.from = from;
        self
    }

    /// Lets it end at `until`, which is the first moment without it.
    #[must_use]
    pub const fn until(mut self, until: Instant) -> Self {
        self.until = until;
        self
    }

    /// Limits it to one transport; [`Trouble::Down`] and [`Trouble::Suspended`] concern all.
    #[must_use]
    pub const fn only(mut self, transport: Transport) -> Self {
        self.transport = Some(transport);
        self
    }

    fn new(trouble: Trouble, scope: Scope) -> Self {
        Self { trouble, scope, transport: None, from: Instant::ZERO, until: Instant::FAR }
    }
}

/// A machine as faults see it.
#[derive(Clone, Copy)]
pub(crate) struct Spot {
    pub(crate) node: Option<usize>,
    pub(crate) ip: IpAddr,
}

impl Spot {
    fn is_at(self, place: Place) -> bool {
        match place {
            Place::Node(node) => self.node == Some(node),
            Place::Address(ip) => self.ip == ip,
        }
    }
}

/// What a way from one machine to another is like.
#[derive(Clone, Copy, Default)]
pub(crate) struct Way {
    pub(crate) cut: bool,
    pub(crate) unreachable: bool,
    pub(crate) loss: f64,
    pub(crate) slow: Duration,
    pub(crate) duplicate: f64,
    pub(crate) reorder: Option<(f64, Duration)>,
}

/// What the sender's own system says to sending.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Leave {
    Free,
    Denied(Cause),
    Blocked,
}

/// All faults that are or will be, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Faults {
    list: Vec<(FaultId, Fault)>,
    added: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) -> FaultId {
        self.added += 1;
        let id = FaultId(self.added);
        self.list.push((id, fault));
        id
    }

    pub(crate) fn remove(&mut self, id: FaultId) -> Option<Fault> {
        let place = self.list.iter().position(|(known, _)| *known == id)?;
        Some(self.list.remove(place).1)
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    pub(crate) fn forget_past(&mut self, now: Instant) {
        self.list.retain(|(_, fault)| fault.until > now);
    }

    pub(crate) fn way(&self, now: Instant, from: Spot, to: Spot, over: Transport) -> Way {
        let mut way = Way::default();
        for fault in self.active(now, over).filter(|fault| fault.carries(from, to)) {
            match fault.trouble {
                Trouble::Blackhole => way.cut = true,
                Trouble::HostUnreachable => way.unreachable |= fault.reaches(from, to),
                Trouble::Loss(share) => way.loss = 1.0 - (1.0 - way.loss) * (1.0 - share),
                Trouble::Slow(by) => way.slow += by,
                Trouble::Duplicate(share) => way.duplicate = way.duplicate.max(share),
                Trouble::Reorder(share, by) => way.reorder = Some((share, by)),
                Trouble::Down
                | Trouble::Suspended
                | Trouble::NoIcmp
                | Trouble::SendDenied
                | Trouble::NoRoute
                | Trouble::QueueFull
                | Trouble::WouldBlock
                | Trouble::Overflow(_)
                | Trouble::Certificate(_)
                | Trouble::Handshake
                | Trouble::HandshakeStalls => {}
            }
        }
        way
    }

    pub(crate) fn leave(&self, now: Instant, from: Spot, to: Spot, over: Transport) -> Leave {
        self.active(now, over)
            .filter(|fault| fault.leaves(from, to))
            .find_map(|fault| match fault.trouble {
                Trouble::SendDenied => Some(Leave::Denied(Cause::SendDenied)),
                Trouble::NoRoute => Some(Leave::Denied(Cause::NoRoute)),
                Trouble::QueueFull => Some(Leave::Denied(Cause::QueueFull)),
                Trouble::WouldBlock => Some(Leave::Blocked),
                Trouble::Down
                | Trouble::Suspended
                | Trouble::Blackhole
                | Trouble::HostUnreachable
                | Trouble::Loss(_)
                | Trouble::Slow(_)
                | Trouble::Duplicate(_)
                | Trouble::Reorder(..)
                | Trouble::NoIcmp
                | Trouble::Overflow(_)
                | Trouble::Certificate(_)
                | Trouble::Handshake
                | Trouble::HandshakeStalls => None,
            })
            .unwrap_or(Leave::Free)
    }

    /// The troubles of one machine.
    pub(crate) fn troubles(
        &self,
        now: Instant,
        spot: Spot,
        over: Transport,
    ) -> impl Iterator<Item = Trouble> + '_ {
        self.active(now, over).filter(move |fault| fault.holds(spot)).map(|fault| fault.trouble)
    }

    fn active(&self, now: Instant, over: Transport) -> impl Iterator<Item = &Fault> {
        self.list.iter().map(|(_, fault)| fault).filter(move |fault| {
            fault.from <= now
                && now < fault.until
                && fault.transport.is_none_or(|only| only == over)
        })
    }
}

impl Fault {
    pub(crate) const fn trouble(&self) -> Trouble {
        self.trouble
    }

    pub(crate) const fn begin(&self) -> Instant {
        self.from
    }

    pub(crate) const fn end(&self) -> Instant {
        self.until
    }

    pub(crate) fn holds(&self, spot: Spot) -> bool {
        match self.scope {
            Scope::Everywhere => true,
            Scope::At(place) => spot.is_at(place),
            Scope::OneWay(..) | Scope::Between(..) => false,
        }
    }

    fn carries(&self, from: Spot, to: Spot) -> bool {
        match self.scope {
            Scope::Everywhere => true,
            Scope::At(place) => from.is_at(place) || to.is_at(place),
            Scope::OneWay(..) | Scope::Between(..) => self.joins(from, to),
        }
    }

    fn leaves(&self, from: Spot, to: Spot) -> bool {
        match self.scope {
            Scope::Everywhere => true,
            Scope::At(place) => from.is_at(place),
            Scope::OneWay(..) | Scope::Between(..) => self.joins(from, to),
        }
    }

    fn reaches(&self, from: Spot, to: Spot) -> bool {
        match self.scope {
            Scope::Everywhere => true,
            Scope::At(place) => to.is_at(place),
            Scope::OneWay(..) | Scope::Between(..) => self.joins(from, to),
        }
    }

    fn joins(&self, from: Spot, to: Spot) -> bool {
        match self.scope {
            Scope::Everywhere | Scope::At(_) => false,
            Scope::OneWay(source, sink) => from.is_at(source) && to.is_at(sink),
            Scope::Between(one, other) => {
                (from.is_at(one) && to.is_at(other)) || (from.is_at(other) && to.is_at(one))
            }
        }
    }
}
