use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use net::{Cause, Conn, Input, Instant, Output, Socket, Transport};

use crate::World;
use crate::fault::{Leave, Spot, Trouble};
use crate::queue::Due;
use crate::world::{Life, Slot};

/// An input that follows an output at once, before time goes on.
pub(crate) enum Prompt {
    Route { to: IpAddr, from: Result<IpAddr, Cause> },
    Unsent { socket: Socket, to: SocketAddr, cause: Cause, bytes: Bytes },
    Closed { conn: Conn, cause: Cause },
}

impl World {
    /// Lets one event happen.
    pub(crate) fn happen(&mut self, due: Due) {
        match due {
            Due::Wake(node) => self.wake(node),
            Due::Datagram(flight) => self.arrive(flight),
            Due::Report(flight, cause) => self.report(&flight, cause),
            Due::Syn(link, tries) => self.syn(link, tries),
            Due::SynRepeat(link, tries) => self.syn_repeat(link, tries),
            Due::SynAnswer(link, answer) => self.syn_answer(link, answer),
            Due::Handshake(link) => self.handshake(link),
            Due::Deadline(link) => self.connect_deadline(link),
            Due::Pump(link, side) => self.pump(link, side),
            Due::Reset(link, side) => self.reset(link, side),
            Due::Edge => self.review_all(),
            Due::Script(act) => act(self),
        }
    }

    /// Gives a node one input, then its turn.
    pub(crate) fn deliver(&mut self, node: usize, input: Input<'_>) {
        let now = self.now;
        self.slot_mut(node).node.handle(now, input);
        self.turn(node);
    }

    /// Carries out all that a node wants done, then notes when it wants to wake.
    pub(crate) fn turn(&mut self, node: usize) {
        loop {
            let now = self.now;
            while let Some(output) = self.slot_mut(node).node.poll_network(now) {
                self.carry_out(node, output);
            }
            let Some(prompt) = self.prompts.pop_front() else { break };
            self.spend();
            let input = match &prompt {
                Prompt::Route { to, from } => Input::Route { to: *to, from: *from },
                Prompt::Closed { conn, cause } => Input::Closed { conn: *conn, cause: *cause },
                Prompt::Unsent { socket, to, cause, bytes } => {
                    Input::Unreachable { socket: *socket, to: *to, cause: *cause, quoted: bytes }
                }
            };
            self.slot_mut(node).node.handle(now, input);
        }
        self.note_wake(node);
    }

    /// Compares the life of every node with the faults of the moment.
    pub(crate) fn review_all(&mut self) {
        for node in 0..self.slots.len() {
            self.review(node);
        }
    }

    /// Puts a node to sleep, kills it or wakes it, as the faults of the moment say.
    pub(crate) fn review(&mut self, node: usize) {
        let life = self.life_of(node);
        let before = std::mem::replace(&mut self.slot_mut(node).life, life);
        if life == Life::Down && before != Life::Down {
            self.drop_process(node);
        }
        if life == Life::Awake && before != Life::Awake {
            self.revive(node);
        }
        self.unblock(node);
    }

    /// Ends all connections of a process that is gone; their other ends learn it by a reset.
    pub(crate) fn drop_process(&mut self, node: usize) {
        let conns = std::mem::take(&mut self.slot_mut(node).conns);
        for (conn, (link, side)) in conns {
            self.slot_mut(node).lost.push((conn, Cause::Reset));
            self.abandon(link, side);
        }
    }

    fn wake(&mut self, node: usize) {
        let now = self.now;
        let slot = self.slot_mut(node);
        if slot.wake != Some(now) {
            return;
        }
        slot.wake = None;
        if slot.life != Life::Awake {
            return;
        }
        if slot.node.next_timeout().is_some_and(|(at, _)| at <= now) {
            self.deliver(node, Input::Timeout);
        } else {
            self.note_wake(node);
        }
    }

    fn note_wake(&mut self, node: usize) {
        let now = self.now;
        let slot = self.slot_mut(node);
        let Some((at, _)) = slot.node.next_timeout() else { return };
        if at == Instant::FAR || slot.life != Life::Awake {
            return;
        }
        let at = at.max(now);
        if slot.wake.is_none_or(|known| at < known) {
            slot.wake = Some(at);
            self.queue.push(at, Due::Wake(node));
        }
    }

    fn revive(&mut self, node: usize) {
        let slot = self.slot_mut(node);
        let (parked, lost) = (std::mem::take(&mut slot.parked), std::mem::take(&mut slot.lost));
        let now = self.now;
        for due in parked {
            self.queue.push(now, due);
        }
        for (conn, cause) in lost {
            self.prompts.push_back(Prompt::Closed { conn, cause });
        }
        self.turn(node);
    }

    fn life_of(&self, node: usize) -> Life {
        let mut life = Life::Awake;
        for ip in self.slot(node).addresses.ips() {
            let spot = Spot { node: Some(node), ip };
            for trouble in self.faults.troubles(self.now, spot, Transport::Udp) {
                if trouble == Trouble::Down {
                    return Life::Down;
                }
                if trouble == Trouble::Suspended {
                    life = Life::Suspended;
                }
            }
        }
        life
    }

    fn carry_out(&mut self, node: usize, output: Output<()>) {
        if self.slot(node).life == Life::Down {
            self.carry_out_dead(node, &output);
            return;
        }
        match output {
            Output::Datagram { socket, to, bytes } => self.send(node, socket, to, bytes),
            Output::Connect { conn, to, deadline } => self.connect(node, conn, &to, deadline),
            Output::Write { conn, bytes } => self.write(node, conn, bytes),
            Output::Close { conn } => self.close(node, conn),
            Output::OpenAsk { socket, to } => self.open_ask(node, socket, to),
            Output::CloseAsk { socket } => self.close_ask(node, socket),
            Output::Route { to } => {
                let from = self.source(node, to);
                self.prompts.push_back(Prompt::Route { to, from });
            }
            Output::Event(()) => {}
        }
    }

    /// A dead process sends nothing; a connection it orders is lost like those it had.
    fn carry_out_dead(&mut self, node: usize, output: &Output<()>) {
        if let Output::Connect { conn, .. } = output {
            self.slot_mut(node).lost.push((*conn, Cause::Reset));
        }
    }

    /// The address from which a node reaches `to`.
    pub(crate) fn source(&self, node: usize, to: IpAddr) -> Result<IpAddr, Cause> {
        if let Some(answer) = self.routes.get(&(node, to)) {
            return *answer;
        }
        let own = self.slot(node).addresses.ips().find(|ip| ip.is_ipv4() == to.is_ipv4());
        let from = own.ok_or(Cause::NoRoute)?;
        let target = Spot { node: self.machines.get(&to).copied(), ip: to };
        let spot = Spot { node: Some(node), ip: from };
        match self.faults.leave(self.now, spot, target, Transport::Udp) {
            Leave::Denied(Cause::NoRoute) => Err(Cause::NoRoute),
            Leave::Denied(_) | Leave::Blocked | Leave::Free => Ok(from),
        }
    }

    fn open_ask(&mut self, node: usize, socket: Socket, to: SocketAddr) {
        let Ok(ip) = self.source(node, to.ip()) else {
            return;
        };
        let addr = self.free_port(ip);
        self.udp.insert(addr, (node, socket));
        let before = self.slot_mut(node).asks.insert(socket, addr);
        assert!(before.is_none(), "{} opens {socket:?} twice", self.slot(node).name);
    }

    fn close_ask(&mut self, node: usize, socket: Socket) {
        if let Some(addr) = self.slot_mut(node).asks.remove(&socket) {
            self.udp.remove(&addr);
        }
    }

    fn free_port(&mut self, ip: IpAddr) -> SocketAddr {
        loop {
            let addr = self.draw_port(ip);
            if !self.udp.contains_key(&addr) {
                return addr;
            }
        }
    }

    /// An address for the local end of a connection.
    pub(crate) fn free_end(&mut self, ip: IpAddr) -> SocketAddr {
        loop {
            let addr = self.draw_port(ip);
            if self.ports.insert(addr) {
                return addr;
            }
        }
    }

    /// Draws from the ports that systems use for sockets without one; each draw counts as an event.
    fn draw_port(&mut self, ip: IpAddr) -> SocketAddr {
        self.spend();
        let above = u16::try_from(self.dice.ports.below(28_232)).unwrap_or(0);
        SocketAddr::new(ip, 32_768 + above)
    }
}

impl Slot {
    /// The address of a datagram socket.
    pub(crate) fn local(&self, socket: Socket) -> Option<SocketAddr> {
        if socket.0 >= Socket::FIRST_ASK {
            return self.asks.get(&socket).copied();
        }
        let place = usize::try_from(socket.0).ok()?;
        self.addresses.udp.get(place).copied()
    }
}
