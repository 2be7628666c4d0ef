use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::{Cause, Conn, Instant, Node, Reason, Rng, Socket, Transport};

use crate::addresses::{Addresses, Certificate};
use crate::erased::{Erased, Handle, Logged};
use crate::fault::{Fault, FaultId, Faults, Spot};
use crate::icmp::IcmpLimit;
use crate::ladder;
use crate::link::{Link, LinkId, Side};
use crate::network::Network;
use crate::queue::{Due, Flight, Queue};
use crate::trace::Trace;
use crate::turn::Prompt;

/// Nodes, the network between them, and the time that they share.
pub struct World {
    pub(crate) now: Instant,
    pub(crate) queue: Queue,
    pub(crate) slots: Vec<Slot>,
    pub(crate) udp: BTreeMap<SocketAddr, (usize, Socket)>,
    pub(crate) listeners: BTreeMap<SocketAddr, (usize, Transport)>,
    pub(crate) machines: BTreeMap<IpAddr, usize>,
    pub(crate) routes: BTreeMap<(usize, IpAddr), Result<IpAddr, Cause>>,
    pub(crate) links: BTreeMap<LinkId, Link>,
    pub(crate) connected: u64,
    /// The local ends of connections.
    pub(crate) ports: BTreeSet<SocketAddr>,
    pub(crate) faults: Faults,
    pub(crate) icmp: IcmpLimit,
    pub(crate) trace: Trace,
    pub(crate) network: Network,
    pub(crate) dice: Dice,
    pub(crate) prompts: VecDeque<Prompt>,
    seed: Rng,
    spent: u64,
}

/// One generator for each thing that happens by chance, so that a draw in one moves none in another.
pub(crate) struct Dice {
    pub(crate) delay: Rng,
    pub(crate) loss: Rng,
    pub(crate) ports: Rng,
    pub(crate) chunks: Rng,
}

/// A node and what the executor keeps for it.
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) node: Box<dyn Erased>,
    pub(crate) addresses: Addresses,
    pub(crate) asks: BTreeMap<Socket, SocketAddr>,
    pub(crate) conns: BTreeMap<Conn, (LinkId, Side)>,
    /// The wake-up in the queue that counts.
    pub(crate) wake: Option<Instant>,
    pub(crate) life: Life,
    /// What reached a sleeping machine.
    pub(crate) parked: Vec<Due>,
    /// Connections that ended while the node could not be told.
    pub(crate) lost: Vec<(Conn, Cause)>,
    /// Datagrams dropped at a full buffer and not reported yet.
    pub(crate) dropped: BTreeMap<Socket, u32>,
    /// Datagrams that the socket did not take yet.
    pub(crate) blocked: VecDeque<Flight>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Awake,
    Down,
    Suspended,
}

impl World {
    /// An empty world at [`Instant::ZERO`].
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(seed, Network::default())
    }

    /// An empty world with a network of its own kind.
    #[must_use]
    pub fn with(seed: u64, network: Network) -> Self {
        let seed = Rng::new(seed);
        Self {
            now: Instant::ZERO,
            queue: Queue::default(),
            slots: Vec::new(),
            udp: BTreeMap::new(),
            listeners: BTreeMap::new(),
            machines: BTreeMap::new(),
            routes: BTreeMap::new(),
            links: BTreeMap::new(),
            connected: 0,
            ports: BTreeSet::new(),
            faults: Faults::default(),
            icmp: IcmpLimit::default(),
            trace: Trace::new(network.trace_limit),
            network,
            dice: Dice {
                delay: seed.fork("delay"),
                loss: seed.fork("loss"),
                ports: seed.fork("ports"),
                chunks: seed.fork("chunks"),
            },
            prompts: VecDeque::new(),
            seed,
            spent: 0,
        }
    }

    /// A generator for a node, from the seed of the world.
    #[must_use]
    pub fn rng(&self, label: &str) -> Rng {
        self.seed.fork("node").fork(label)
    }

    /// Puts a node on the network.
    ///
    /// # Panics
    /// Where another node has one of the sockets or listeners already.
    pub fn add<N>(&mut self, name: &str, node: N, addresses: Addresses) -> Handle<N>
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        let index = self.slots.len();
        self.bind(index, name, &addresses);
        self.slots.push(Slot {
            name: name.to_owned(),
            node: Box::new(Logged { node, events: Vec::new() }),
            addresses,
            asks: BTreeMap::new(),
            conns: BTreeMap::new(),
            wake: None,
            life: Life::Awake,
            parked: Vec::new(),
            lost: Vec::new(),
            dropped: BTreeMap::new(),
            blocked: VecDeque::new(),
        });
        self.review(index);
        self.turn(index);
        Handle::new(index)
    }

    /// Gives a node an order, at once.
    pub fn command<N>(&mut self, handle: Handle<N>, command: N::Command)
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        let now = self.now;
        self.logged_mut(handle).node.command(now, command);
        self.turn(handle.index);
    }

    /// Replaces a node by another at the same addresses, as when a process ends and starts again: its
    /// connections are reset, its other sockets are closed, its log of events goes on.
    pub fn restart<N>(&mut self, handle: Handle<N>, fresh: N)
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        self.drop_process(handle.index);
        let asks = std::mem::take(&mut self.slot_mut(handle.index).asks);
        for addr in asks.values() {
            self.udp.remove(addr);
        }
        let slot = self.slot_mut(handle.index);
        slot.parked.clear();
        slot.lost.clear();
        slot.dropped.clear();
        slot.blocked.clear();
        self.logged_mut(handle).node = fresh;
        self.turn(handle.index);
    }

    /// A node.
    #[must_use]
    pub fn node<N>(&self, handle: Handle<N>) -> &N
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        &self.logged(handle).node
    }

    /// A node; what it then wants to send leaves with its next turn.
    pub fn node_mut<N>(&mut self, handle: Handle<N>) -> &mut N
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        &mut self.logged_mut(handle).node
    }

    /// What a node has told so far, with the time of each event.
    #[must_use]
    pub fn events<N>(&self, handle: Handle<N>) -> &[(Instant, N::Event)]
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        &self.logged(handle).events
    }

    /// What a node has told since the last call.
    pub fn take_events<N>(&mut self, handle: Handle<N>) -> Vec<(Instant, N::Event)>
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        std::mem::take(&mut self.logged_mut(handle).events)
    }

    /// When a node will wake, and why.
    #[must_use]
    pub fn next_timeout<N>(&self, handle: Handle<N>) -> Option<(Instant, Reason)> {
        self.slot(handle.index).node.next_timeout()
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// Lets all happen that is due until `end`, which becomes the time.
    pub fn run_until(&mut self, end: Instant) {
        self.spent = 0;
        while self.queue.next_at().is_some_and(|at| at <= end) {
            self.step();
        }
        self.now = self.now.max(end);
    }

    /// Lets this much time pass.
    pub fn run_for(&mut self, time: Duration) {
        self.run_until(self.now + time);
    }

    /// Runs until nothing happens for `gap`, or nothing will ever happen; returns the time of the
    /// last event. The clock stays there.
    pub fn run_until_quiet(&mut self, gap: Duration) -> Instant {
        self.spent = 0;
        while self.queue.next_at().is_some_and(|at| at.since(self.now) <= gap) {
            self.step();
        }
        self.now
    }

    /// Runs while `more` holds, asked after each event, but not beyond `end`; says whether it ceased
    /// to hold.
    pub fn run_while(&mut self, end: Instant, mut more: impl FnMut(&Self) -> bool) -> bool {
        self.spent = 0;
        while more(self) {
            if self.queue.next_at().is_none_or(|at| at > end) {
                self.now = self.now.max(end);
                return false;
            }
            self.step();
        }
        true
    }

    /// Puts an act of the scenario into the order of events.
    pub fn script(&mut self, at: Instant, act: impl FnOnce(&mut Self) + 'static) {
        self.queue.push(at.max(self.now), Due::Script(Box::new(act)));
    }

    /// Brings trouble; it ends by itself or with [`World::heal`].
    pub fn fault(&mut self, fault: Fault) -> FaultId {
        self.faults.forget_past(self.now);
        let id = self.faults.add(fault);
        if fault.trouble().has_edges() {
            self.queue.push(fault.begin().max(self.now), Due::Edge);
            if fault.end() < Instant::FAR {
                self.queue.push(fault.end(), Due::Edge);
            }
        }
        self.review_all();
        id
    }

    /// Ends a fault; nothing happens where it is over already.
    pub fn heal(&mut self, id: FaultId) {
        if self.faults.remove(id).is_some() {
            self.review_all();
        }
    }

    /// Ends all faults.
    pub fn heal_all(&mut self) {
        self.faults.clear();
        self.review_all();
    }

    /// Changes what the TLS listeners of a node show.
    pub fn show_certificate<N>(&mut self, handle: Handle<N>, certificate: Certificate) {
        self.slot_mut(handle.index).addresses.certificate = certificate;
    }

    /// Decides from which address a node reaches `to`; otherwise it is the node's first of that
    /// family.
    pub fn route<N>(&mut self, handle: Handle<N>, to: IpAddr, from: Result<IpAddr, Cause>) {
        self.routes.insert((handle.index, to), from);
    }

    /// What the network is like; changes count for what is sent afterwards.
    pub fn set_network(&mut self, network: Network) {
        self.trace.set_limit(network.trace_limit);
        self.network = network;
    }

    /// What went over the network.
    #[must_use]
    pub const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Forgets what went over the network so far.
    pub fn clear_trace(&mut self) {
        self.trace.clear();
    }

    /// The trace from `since` on as a picture: time downward, a column for each node, an arrow for
    /// each message with its first line.
    #[must_use]
    pub fn ladder(&self, since: Instant) -> String {
        ladder::draw(self.trace.rows().filter(|row| row.at >= since), |addr| self.name_of(addr))
    }

    /// The name of the node at an address, if there is one.
    #[must_use]
    pub fn name_of(&self, addr: SocketAddr) -> Option<&str> {
        let udp = self.udp.get(&addr).map(|(node, _)| *node);
        let stream = || self.listeners.get(&addr).map(|(node, _)| *node);
        let machine = || self.machines.get(&addr.ip()).copied();
        let index = udp.or_else(stream).or_else(machine)?;
        Some(&self.slot(index).name)
    }

    fn bind(&mut self, index: usize, name: &str, addresses: &Addresses) {
        for (socket, addr) in (0..).zip(&addresses.udp) {
            let before = self.udp.insert(*addr, (index, Socket(socket)));
            assert!(before.is_none(), "{name} binds udp {addr}, which another node has");
        }
        for (transport, addr) in &addresses.listen {
            let before = self.listeners.insert(*addr, (index, *transport));
            assert!(before.is_none(), "{name} listens at {addr}, where another node does");
        }
        for ip in addresses.ips() {
            self.machines.entry(ip).or_insert(index);
        }
    }

    fn step(&mut self) {
        let Some((at, due)) = self.queue.pop() else { return };
        self.now = self.now.max(at);
        self.spend();
        self.happen(due);
    }

    /// Counts one event against the limit of this run.
    pub(crate) fn spend(&mut self) {
        self.spent += 1;
        if self.spent <= self.network.event_limit {
            return;
        }
        let since = self.now - Duration::from_millis(10);
        panic!(
            "more than {} events in one run, at {}; the last of them:\n{}",
            self.network.event_limit,
            self.now,
            ladder::draw(self.trace.rows().filter(|row| row.at >= since).take(50), |addr| {
                self.name_of(addr)
            })
        );
    }

    pub(crate) fn slot(&self, index: usize) -> &Slot {
        let Some(slot) = self.slots.get(index) else { unreachable!("no node is ever removed") };
        slot
    }

    pub(crate) fn slot_mut(&mut self, index: usize) -> &mut Slot {
        let Some(slot) = self.slots.get_mut(index) else { unreachable!("no node is ever removed") };
        slot
    }

    /// The machine at an address, as datagrams see it.
    pub(crate) fn spot_udp(&self, addr: SocketAddr) -> Spot {
        let owner = self.udp.get(&addr).map(|(node, _)| *node);
        Spot { node: owner.or_else(|| self.machines.get(&addr.ip()).copied()), ip: addr.ip() }
    }

    fn logged<N>(&self, handle: Handle<N>) -> &Logged<N>
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        let Some(logged) = self.slot(handle.index).node.as_any().downcast_ref() else {
            panic!("{handle:?} is of another world");
        };
        logged
    }

    fn logged_mut<N>(&mut self, handle: Handle<N>) -> &mut Logged<N>
    where
        N: Node + 'static,
        N::Event: 'static,
    {
        let Some(logged) = self.slot_mut(handle.index).node.as_any_mut().downcast_mut() else {
            panic!("{handle:?} is of another world");
        };
        logged
    }
}
