//! A locator and name servers joined without network, on one clock.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use dns::{DomainName, NameServer, NameServerCommand, Naptr, Srv, Zone};
use locate::{
    Hops, LocatePolicy, Located, LocationId, Locator, Nothing, Progress, ResolverConfig, StaticA,
    StaticNaptr, StaticRecords, StaticSrv, Target, TransportType,
};
use net::{Cause, Conn, Input, Instant, Node, Output, Rng, Socket};

/// The seed of the phone whose order is shown where a row is not about phones.
pub(crate) const PHONE: u64 = 7;

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) policy: LocatePolicy,
    pub(crate) locator: Locator,
    pub(crate) located: Vec<Located>,
    /// From where addresses are reached; those not listed are not.
    pub(crate) routes: BTreeMap<IpAddr, IpAddr>,
    servers: BTreeMap<SocketAddr, Server>,
    conns: BTreeMap<Conn, SocketAddr>,
    seen: BTreeMap<SocketAddr, u64>,
}

struct Server {
    node: NameServer,
    state: State,
}

/// What a name server's machine does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Up,
    /// Nothing listens: ICMP comes back.
    Closed,
    /// Nothing comes back.
    Gone,
}

pub(crate) fn server(number: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 1, number], 53))
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn domain(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

impl World {
    /// One name server, number 53, with this zone, to which SOA and origin `yealink.pbx.com` are
    /// added.
    pub(crate) fn new(records: &str) -> Self {
        Self::with_servers(records, 1)
    }

    pub(crate) fn with_servers(records: &str, count: u8) -> Self {
        let zone = zone(records);
        let servers: BTreeMap<SocketAddr, Server> = (0..count)
            .map(|number| {
                let node = NameServer::new(zone.clone(), Rng::new(u64::from(number)));
                (server(53 + number), Server { node, state: State::Up })
            })
            .collect();
        let name_servers = servers.keys().copied().collect();
        let config = ResolverConfig { name_servers, ..ResolverConfig::default() };
        Self {
            now: Instant::from_secs(1000),
            policy: LocatePolicy::default(),
            locator: Locator::new(config, Rng::new(1)),
            located: Vec::new(),
            routes: BTreeMap::new(),
            servers,
            conns: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    pub(crate) fn tell(&mut self, number: u8, command: NameServerCommand) {
        self.servers.get_mut(&server(number)).unwrap().node.command(self.now, command);
    }

    pub(crate) fn replace(&mut self, records: &str) {
        self.tell(53, NameServerCommand::Records(zone(records)));
    }

    pub(crate) fn set(&mut self, number: u8, state: State) {
        self.servers.get_mut(&server(number)).unwrap().state = state;
    }

    pub(crate) fn fix(&mut self, records: StaticRecords) {
        self.policy.static_records = Arc::new(records);
    }

    pub(crate) fn location(
        &mut self,
        host: &str,
        port: u16,
        transport: TransportType,
    ) -> LocationId {
        let target = Target { host: host.into(), port, transport };
        self.locator.location(target, Arc::new(self.policy.clone()))
    }

    /// Locates `yealink.pbx.com` with port 0 by DNS-NAPTR to the end.
    pub(crate) fn hops(&mut self) -> Vec<String> {
        self.hops_of("yealink.pbx.com", 0, TransportType::DnsNaptr)
    }

    pub(crate) fn hops_of(
        &mut self,
        host: &str,
        port: u16,
        transport: TransportType,
    ) -> Vec<String> {
        let id = self.location(host, port, transport);
        let progress = self.finish(id);
        self.locator.release(id);
        shown(&progress)
    }

    pub(crate) fn nothing(
        &mut self,
        host: &str,
        port: u16,
        transport: TransportType,
    ) -> Arc<Nothing> {
        let id = self.location(host, port, transport);
        match self.finish(id) {
            Progress::Nothing(nothing) => nothing,
            progress @ (Progress::Ready(_) | Progress::Pending) => {
                panic!("located: {:?}", shown(&progress))
            }
        }
    }

    /// One pass of a location, with as much time as it needs.
    pub(crate) fn finish(&mut self, id: LocationId) -> Progress {
        let progress = self.locator.locate(self.now, id);
        self.carry();
        if !matches!(progress, Progress::Pending) {
            return progress;
        }
        for _ in 0..1000 {
            if let Some(place) = self.located.iter().position(|located| located.id == id) {
                return self.located.remove(place).progress;
            }
            let (due, _) = self.locator.next_timeout().expect("a pass that waits for nothing");
            self.now = self.now.max(due);
            self.locator.handle(self.now, Input::Timeout);
            self.carry();
        }
        panic!("a pass without end");
    }

    pub(crate) fn ready(&mut self, id: LocationId) -> Arc<Hops> {
        match self.finish(id) {
            Progress::Ready(hops) => hops,
            Progress::Nothing(nothing) => panic!("{}", nothing.why),
            Progress::Pending => unreachable!("finish ends passes"),
        }
    }

    /// Lets time pass, with all that is due meanwhile.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some((due, _)) = self.locator.next_timeout().filter(|(due, _)| *due <= end) {
            self.now = self.now.max(due);
            self.locator.handle(self.now, Input::Timeout);
            self.carry();
        }
        self.now = end;
    }

    /// The questions that came to name server 53 since the last call, with its domain left out.
    pub(crate) fn asked(&mut self) -> Vec<String> {
        self.asked_of(53)
    }

    pub(crate) fn asked_of(&mut self, number: u8) -> Vec<String> {
        let seen = self.seen.entry(server(number)).or_insert(0);
        let queries = self.servers[&server(number)].node.queries();
        let fresh: Vec<_> = queries.filter(|query| query.seq > *seen).cloned().collect();
        *seen = fresh.last().map_or(*seen, |query| query.seq);
        let short = |name: String| match name.strip_suffix("yealink.pbx.com") {
            Some("") => "@".to_owned(),
            Some(head) => head.trim_end_matches('.').to_owned(),
            None => name,
        };
        fresh
            .iter()
            .map(|query| format!("{} {}", query.kind, short(query.name.to_string())))
            .collect()
    }

    /// Carries all outputs out until none is left.
    pub(crate) fn carry(&mut self) {
        while let Some(output) = self.locator.poll_output() {
            match output {
                Output::Datagram { socket, to, bytes } => self.datagram(socket, to, &bytes),
                Output::Connect { conn, to, .. } => self.connect(conn, to.addr),
                Output::Write { conn, bytes } => self.write(conn, &bytes),
                Output::Close { conn } => drop(self.conns.remove(&conn)),
                Output::Route { to } => {
                    let from = self.routes.get(&to).copied().ok_or(Cause::NoRoute);
                    let input = Input::Route { to, from };
                    assert!(self.locator.owns(&input));
                    self.locator.handle(self.now, input);
                }
                Output::Event(located) => self.located.push(located),
                Output::OpenAsk { .. } | Output::CloseAsk { .. } => {}
            }
        }
    }

    fn datagram(&mut self, socket: Socket, to: SocketAddr, bytes: &[u8]) {
        let server = self.servers.get_mut(&to).expect("a name server that exists");
        match server.state {
            State::Gone => {}
            State::Closed => {
                let cause = Cause::PortUnreachable;
                self.locator
                    .handle(self.now, Input::Unreachable { socket, to, cause, quoted: bytes });
            }
            State::Up => {
                let from = SocketAddr::from(([127, 0, 0, 1], 40_000));
                server.node.handle(self.now, Input::Datagram { socket: Socket(0), from, bytes });
                let mut answers = Vec::new();
                while let Some(output) = server.node.poll_output() {
                    if let Output::Datagram { bytes, .. } = output {
                        answers.push(bytes);
                    }
                }
                for bytes in answers {
                    let input = Input::Datagram { socket, from: to, bytes: &bytes };
                    assert!(self.locator.owns(&input));
                    self.locator.handle(self.now, input);
                }
            }
        }
    }

    fn connect(&mut self, conn: Conn, addr: SocketAddr) {
        let server = self.servers.get_mut(&addr).expect("a name server that exists");
        let local = SocketAddr::from(([127, 0, 0, 1], 40_001));
        match server.state {
            State::Gone => {}
            State::Closed => {
                self.locator.handle(self.now, Input::Closed { conn, cause: Cause::Refused });
            }
            State::Up => {
                let transport = net::Transport::Tcp;
                let accepted = Input::Accepted { conn, transport, local: addr, from: local };
                server.node.handle(self.now, accepted);
                self.conns.insert(conn, addr);
                self.locator.handle(self.now, Input::Connected { conn, local, verified: None });
            }
        }
    }

    fn write(&mut self, conn: Conn, bytes: &[u8]) {
        let server = self.servers.get_mut(&self.conns[&conn]).expect("a name server that exists");
        server.node.handle(self.now, Input::Chunk { conn, bytes });
        let mut answers = Vec::new();
        while let Some(output) = server.node.poll_output() {
            if let Output::Write { bytes, .. } = output {
                answers.push(bytes);
            }
        }
        for byte in answers.iter().flatten() {
            self.locator.handle(self.now, Input::Chunk { conn, bytes: &[*byte] });
        }
    }
}

pub(crate) fn shown(progress: &Progress) -> Vec<String> {
    match progress {
        Progress::Ready(hops) => in_order(hops, PHONE),
        Progress::Nothing(nothing) => vec![format!("nothing: {}", nothing.why)],
        Progress::Pending => vec!["pending".to_owned()],
    }
}

pub(crate) fn in_order(hops: &Hops, phone: u64) -> Vec<String> {
    hops.order(phone).into_iter().map(ToString::to_string).collect()
}

fn zone(records: &str) -> Zone {
    let head = "$ORIGIN yealink.pbx.com.\n$TTL 300\n@ SOA ns hostmaster 1 3600 600 86400 60\n";
    Zone::parse(&format!("{head}{records}")).unwrap()
}

pub(crate) fn static_a(name: &str, ip: &str) -> StaticA {
    StaticA { name: domain(name), ip: ip.parse().unwrap(), ttl_s: 3600 }
}

/// `fields` are priority, weight, port and target.
pub(crate) fn static_srv(
    name: &str,
    (priority, weight, port, target): (u16, u16, u16, &str),
) -> StaticSrv {
    let srv = Srv { priority, weight, port, target: domain(target) };
    StaticSrv { name: domain(name), srv, ttl_s: 3600 }
}

/// `fields` are order, preference, flags, service and replacement.
pub(crate) fn static_naptr(
    name: &str,
    (order, preference, flags, service, replacement): (u16, u16, &str, &str, &str),
) -> StaticNaptr {
    let naptr = Naptr {
        order,
        preference,
        flags: flags.into(),
        service: service.into(),
        regexp: "".into(),
        replacement: domain(replacement),
    };
    StaticNaptr { name: domain(name), naptr, ttl_s: 3600 }
}
