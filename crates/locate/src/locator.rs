use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use net::{Input, Instant, Output, Reason, Rng};

use crate::hops::{Hops, NextHop, Rank, RankOrder, RankedServer, Source};
use crate::target::default_port;
use crate::{LocatePolicy, Target, Trail};

/// A target as one policy locates it; accounts that agree in both share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(u32);

/// How far locating has come.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The next hops are known.
    Ready(Arc<Hops>),
    /// DNS is being asked; a [`Located`] event follows.
    Pending,
    /// No source knows a next hop.
    Nothing(Arc<Nothing>),
}

/// Why a target has no next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nothing {
    /// The reason in one case.
    pub why: Why,
    /// How it was looked for.
    pub trail: Trail,
}

/// Why a target has no next hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// No name server is configured and no static record answers.
    NoNameServer,
}

/// The end of a pass that was [`Progress::Pending`] or was done ahead of time.
#[derive(Clone, Debug)]
pub struct Located {
    /// Which location.
    pub id: LocationId,
    /// What was found, never `Pending`.
    pub progress: Progress,
}

/// Whether a location is resolved again before its records run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// At 90 % of each TTL of 30 s or more.
    On,
    /// Only when asked.
    Off,
}

/// What the resolver works with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolverConfig {
    /// Asked in this order, beginning at the one that answered last.
    pub name_servers: Vec<SocketAddr>,
    /// `static.network.dns.query_timeout`.
    pub query_timeout: Duration,
    /// `static.network.dns.retry_times`.
    pub retry_times: u16,
    /// For how long after its TTL an answer is served where DNS fails; none: never.
    pub serve_stale: Option<Duration>,
    /// `sip.dns_transport_type` 1: every question goes over TCP.
    pub over_tcp: bool,
}

/// Locates targets for all accounts of a process.
#[derive(Debug)]
pub struct Locator {
    specs: BTreeMap<u32, Location>,
    next: u32,
    outputs: VecDeque<Output<Located>>,
}

#[derive(Debug)]
struct Location {
    target: Target,
    policy: Arc<LocatePolicy>,
    holders: u32,
    last: Option<Arc<Hops>>,
}

impl Locator {
    /// A locator that asks the name servers of `config`.
    #[must_use]
    pub fn new(_config: ResolverConfig, _rng: Rng) -> Self {
        Self { specs: BTreeMap::new(), next: 0, outputs: VecDeque::new() }
    }

    /// The location of `target` under `policy`; held until as many calls of [`Locator::release`].
    pub fn location(&mut self, target: Target, policy: Arc<LocatePolicy>) -> LocationId {
        let known = self
            .specs
            .iter_mut()
            .find(|(_, location)| location.target == target && location.policy == policy);
        if let Some((&id, location)) = known {
            location.holders += 1;
            return LocationId(id);
        }
        let id = self.next;
        self.next += 1;
        self.specs.insert(id, Location { target, policy, holders: 1, last: None });
        LocationId(id)
    }

    /// Gives up one hold of a location.
    pub fn release(&mut self, id: LocationId) {
        if let Some(location) = self.specs.get_mut(&id.0) {
            location.holders -= 1;
            if location.holders == 0 {
                self.specs.remove(&id.0);
            }
        }
    }

    /// Starts a pass, or joins the one that runs.
    pub fn locate(&mut self, now: Instant, id: LocationId) -> Progress {
        let Some(location) = self.specs.get_mut(&id.0) else { return Progress::Pending };
        let trail = Trail { target: location.target.clone() };
        let Some(ip) = location.target.literal() else {
            return Progress::Nothing(Arc::new(Nothing { why: Why::NoNameServer, trail }));
        };
        let transport = location.target.transport.fixed().unwrap_or(net::Transport::Udp);
        let port = match location.target.port {
            0 => default_port(transport),
            port => port,
        };
        let name: net::Name = location.target.host.as_ref().into();
        let hop = NextHop {
            transport,
            addr: SocketAddr::new(ip, port),
            server: name.clone(),
            name,
            priority: 0,
            weight: 0,
            source: Source::Literal,
            expires: Instant::FAR,
        };
        let hops = Arc::new(Hops {
            ranks: vec![Rank {
                order: RankOrder::Listed,
                servers: vec![RankedServer { weight: 0, hops: vec![hop] }],
            }],
            trail,
            located: now,
            fresh_until: Instant::FAR,
            generation: 0,
            since: now,
            die: 0,
        });
        location.last = Some(hops.clone());
        Progress::Ready(hops)
    }

    /// The last next hops that were found, whatever has happened since.
    #[must_use]
    pub fn last(&self, id: LocationId) -> Option<&Arc<Hops>> {
        self.specs.get(&id.0)?.last.as_ref()
    }

    /// Whether the location is resolved ahead; the last word counts.
    pub fn keep_ahead(&mut self, _id: LocationId, _on: Ahead) {}

    /// Whether `input` is for this machine.
    #[must_use]
    pub fn owns(&self, input: &Input<'_>) -> bool {
        match input {
            Input::Datagram { socket, .. }
            | Input::Unreachable { socket, .. }
            | Input::Overflow { socket, .. } => socket.0 >= net::Socket::FIRST_ASK,
            Input::Connected { conn, .. }
            | Input::Chunk { conn, .. }
            | Input::Closed { conn, .. } => conn.0 & (3 << 62) == 1 << 62,
            Input::Timeout | Input::Route { .. } | Input::Accepted { .. } => false,
        }
    }

    /// Takes one input; a timeout before its time does nothing.
    pub fn handle(&mut self, _now: Instant, _input: Input<'_>) {}

    /// The next thing to carry out.
    pub fn poll_output(&mut self) -> Option<Output<Located>> {
        self.outputs.pop_front()
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }
}
