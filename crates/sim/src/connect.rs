use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use net::{Cause, Conn, Input, Instant, Peer, Transport};

use crate::World;
use crate::fault::{Leave, Spot, Trouble, Way};
use crate::link::{Cargo, End, Grip, Link, LinkId, Side, Stage};
use crate::queue::Due;
use crate::trace::{Fate, Loss, Row, What};
use crate::turn::Prompt;
use crate::world::Life;

/// A request for a connection is repeated after 1, 2, 4 … seconds, as Linux does.
const SYN_REPEAT: Duration = Duration::from_secs(1);
const SYN_REPEAT_MAX: u32 = 6;

impl World {
    /// Begins to connect a node.
    pub(crate) fn connect(&mut self, node: usize, conn: Conn, to: &Peer, deadline: Instant) {
        let from = match self.source(node, to.addr.ip()) {
            Ok(from) => from,
            Err(cause) => return self.prompts.push_back(Prompt::Closed { conn, cause }),
        };
        let spot = Spot { node: Some(node), ip: from };
        let target = self.spot_stream(to.addr);
        if let Leave::Denied(cause) = self.faults.leave(self.now, spot, target, to.transport) {
            return self.prompts.push_back(Prompt::Closed { conn, cause });
        }
        let local = self.free_end(from);
        self.connected += 1;
        let id = LinkId(self.connected);
        let row = self.trace.push(Row {
            at: self.now,
            from: local,
            to: to.addr,
            transport: to.transport,
            what: What::Connect,
            bytes: Bytes::new(),
            fate: Fate::Flying,
        });
        let link = Link {
            transport: to.transport,
            name: to.name.clone(),
            deadline,
            stage: Stage::Connecting,
            row,
            client: End::new(Some(node), local, Grip::Held(conn)),
            server: End::new(target.node, to.addr, Grip::Expected),
        };
        self.links.insert(id, link);
        let before = self.slot_mut(node).conns.insert(conn, (id, Side::Client));
        assert!(before.is_none(), "{} uses {conn:?} twice", self.slot(node).name);
        self.queue.push(deadline, Due::Deadline(id));
        self.send_syn(id, 0);
    }

    /// A request for a connection reaches the machine it is for.
    pub(crate) fn syn(&mut self, id: LinkId, tries: u32) {
        let Some(link) = self.links.get(&id) else { return };
        if link.stage != Stage::Connecting {
            return;
        }
        let addr = link.end(Side::Server).addr;
        let transport = link.transport;
        let (there, back) = (self.link_way(link, Side::Server), self.link_way(link, Side::Client));
        let listener = self.listeners.get(&addr).copied();
        let life = listener.map(|(node, _)| self.slot(node).life);
        let answer = match (listener, life) {
            _ if there.cut => None,
            (Some(_), Some(Life::Suspended)) => None,
            (Some((_, spoken)), Some(Life::Awake)) => Some(Ok(spoken)),
            (Some(_), _) => Some(Err(Cause::Refused)),
            (None, _) if self.machine_exists(addr) => Some(Err(Cause::Refused)),
            (None, _) => None,
        };
        let Some(answer) = answer.filter(|_| !back.cut) else {
            return self.send_syn_later(id, tries);
        };
        let answer = answer.map(|spoken| self.meet(id, transport, spoken));
        let at = self.now + self.delay(&back);
        self.queue.push(at, Due::SynAnswer(id, answer));
    }

    /// The answer to a request for a connection reaches its client.
    pub(crate) fn syn_answer(&mut self, id: LinkId, answer: Result<(), Cause>) {
        if self.park(id, Side::Client, |id, _| Due::SynAnswer(id, answer)) {
            return;
        }
        let now = self.now;
        let Some(link) = self.links.get_mut(&id) else { return };
        if link.stage != Stage::Connecting {
            return;
        }
        if let Err(cause) = answer {
            self.end_link(id, Side::Client, cause);
            return;
        }
        if link.transport == Transport::Tls {
            link.stage = Stage::Handshaking;
            let way = self.way_back(id);
            let at = now + self.delay(&way) + self.delay(&way);
            self.queue.push(at, Due::Handshake(id));
        } else {
            self.establish(id);
        }
    }

    /// The TLS handshake of a client is over, well or not.
    pub(crate) fn handshake(&mut self, id: LinkId) {
        if self.park(id, Side::Client, |id, _| Due::Handshake(id)) {
            return;
        }
        let Some(link) = self.links.get(&id) else { return };
        let server =
            Spot { node: link.end(Side::Server).node, ip: link.end(Side::Server).addr.ip() };
        let cut = self.link_way(link, Side::Server).cut || self.link_way(link, Side::Client).cut;
        let asleep = server.node.is_some_and(|node| self.slot(node).life == Life::Suspended);
        if cut || asleep {
            self.queue.push(self.now + SYN_REPEAT, Due::Handshake(id));
            return;
        }
        let verdict = match self.tls_trouble(server) {
            Some(Trouble::HandshakeStalls) => return,
            Some(Trouble::Certificate(fault)) => Err(Cause::Certificate(fault)),
            Some(_) => Err(Cause::Handshake),
            None => self.judge_server(server, link),
        };
        match verdict {
            Ok(()) => self.establish(id),
            Err(cause) => self.end_link(id, Side::Client, cause),
        }
    }

    /// The time for connecting is over.
    pub(crate) fn connect_deadline(&mut self, id: LinkId) {
        if self.park(id, Side::Client, |id, _| Due::Deadline(id)) {
            return;
        }
        match self.links.get(&id).map(|link| link.stage) {
            Some(Stage::Connecting) => {
                self.settle_connect(id, Fate::Lost(Loss::Way));
                self.end_link(id, Side::Client, Cause::ConnectTimeout);
            }
            Some(Stage::Handshaking) => self.end_link(id, Side::Client, Cause::HandshakeTimeout),
            Some(Stage::Ready) | None => {}
        }
    }

    /// The server's node learns of a connection.
    pub(crate) fn accept(&mut self, id: LinkId, side: Side) {
        let conn = Conn(Conn::ACCEPTED | id.0);
        let Some(link) = self.links.get_mut(&id) else { return };
        let transport = link.transport;
        let from = link.end(side.other()).addr;
        let end = link.end_mut(side);
        let local = end.addr;
        let Some(node) = end.node else { return };
        end.grip = Grip::Held(conn);
        self.slot_mut(node).conns.insert(conn, (id, side));
        self.pump_again(id, side, Duration::ZERO);
        self.deliver(node, Input::Accepted { conn, transport, local, from });
    }

    fn send_syn(&mut self, id: LinkId, tries: u32) {
        let Some(way) = self.links.get(&id).map(|link| self.link_way(link, Side::Server)) else {
            return;
        };
        if way.unreachable {
            let at = self.now + self.delay(&way) + self.delay(&way);
            self.queue.push(at, Due::SynAnswer(id, Err(Cause::HostUnreachable)));
        } else if way.cut || self.strikes(way.loss) {
            self.send_syn_later(id, tries);
        } else {
            let at = self.now + self.delay(&way);
            self.queue.push(at, Due::Syn(id, tries));
        }
    }

    fn send_syn_later(&mut self, id: LinkId, tries: u32) {
        let at = self.now + SYN_REPEAT.saturating_mul(1 << tries.min(SYN_REPEAT_MAX));
        let in_time = self.links.get(&id).is_some_and(|link| at < link.deadline);
        if tries < SYN_REPEAT_MAX && in_time {
            self.queue.push(at, Due::SynRepeat(id, tries + 1));
        }
    }

    /// A request for a connection leaves once more.
    pub(crate) fn syn_repeat(&mut self, id: LinkId, tries: u32) {
        if self.links.get(&id).is_some_and(|link| link.stage == Stage::Connecting) {
            self.send_syn(id, tries);
        }
    }

    /// Client and listener meet. One that speaks another transport takes the connection and ends it
    /// as soon as it hears something it does not understand.
    fn meet(&mut self, id: LinkId, wanted: Transport, spoken: Transport) {
        self.settle_connect(id, Fate::Delivered(self.now));
        if wanted != spoken
            && let Some(link) = self.links.get_mut(&id)
        {
            link.end_mut(Side::Server).grip = Grip::Gone;
        }
    }

    fn judge_server(&self, server: Spot, link: &Link) -> Result<(), Cause> {
        if link.end(Side::Server).grip == Grip::Gone {
            return Err(Cause::Handshake);
        }
        let Some(node) = server.node else { return Err(Cause::Handshake) };
        if self.slot(node).life == Life::Down {
            return Err(Cause::Reset);
        }
        self.slot(node).addresses.certificate.check(&link.name).map_err(Cause::Certificate)
    }

    /// A connection stands: the client knows at once, the server when the next segment arrives.
    fn establish(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        link.stage = Stage::Ready;
        let name = (link.transport == Transport::Tls).then(|| link.name.clone());
        let client = link.end(Side::Client);
        let (node, conn, local) = (client.node, client.held(), client.addr);
        if link.end(Side::Server).grip == Grip::Expected {
            self.load(id, Side::Server, Cargo::Open);
        }
        if let (Some(node), Some(conn)) = (node, conn) {
            self.deliver(node, Input::Connected { conn, local, verified: name.as_ref() });
        }
    }

    fn settle_connect(&mut self, id: LinkId, fate: Fate) {
        if let Some(row) = self.links.get(&id).map(|link| link.row) {
            self.trace.settle(row, fate);
        }
    }

    fn way_back(&self, id: LinkId) -> Way {
        self.links.get(&id).map(|link| self.link_way(link, Side::Client)).unwrap_or_default()
    }

    fn machine_exists(&self, addr: SocketAddr) -> bool {
        self.machines.contains_key(&addr.ip()) || addr.ip().is_loopback()
    }
}
