//! The lab and one or more phones in one world.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{NameServer, NameServerCommand};
use lab::{Command, Fault, Lab, LabOptions, Places, Registrar, RequestRow, Role, TlsChoice, User};
use net::{Instant, Socket, Transport};
use params::{Device, Interner, Layer, Layers, Mac, PhoneSettings, Source};
use phone::{Endpoint, EndpointConfig, EventKind, RegisterStatus};
use sim::{Addresses, Certificate, Fault as NetFault, Handle, Network, Trouble, World};
use sip::Method;

pub(crate) const PRIMARY: usize = 0;
pub(crate) const SECONDARY: usize = 1;
pub(crate) const FALLBACK: usize = 2;

pub(crate) fn secs(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) servers: [Handle<Registrar>; 3],
    pub(crate) dns: Handle<NameServer>,
    /// Each with one phone, at 10.0.2.1, 10.0.2.2 …
    pub(crate) phones: Vec<Handle<Endpoint>>,
    pub(crate) places: Places,
    seed: u64,
    users: Vec<User>,
    fault_ids: u64,
}

/// The standard lab at 10.0.1.x, which is no loopback network, with TLS.
pub(crate) fn options() -> LabOptions {
    LabOptions {
        places: Places::block([10, 0, 1], TlsChoice::Offered),
        users: (1001..1201).map(|n| User::new(&n.to_string(), &format!("pw{n}"))).collect(),
        ..LabOptions::default()
    }
}

impl Scene {
    /// The standard lab and one phone with further lines in its file.
    pub(crate) fn new(lines: &str) -> Self {
        Self::seeded(1, lines, 1)
    }

    pub(crate) fn seeded(seed: u64, lines: &str, phones: u16) -> Self {
        Self::with(seed, Network::default(), &options(), lines, phones)
    }

    pub(crate) fn with(
        seed: u64,
        network: Network,
        options: &LabOptions,
        lines: &str,
        phones: u16,
    ) -> Self {
        let mut world = World::with(seed, network);
        let lab = Lab::new(options, &world.rng("lab")).unwrap();
        let servers = lab.servers.map(|server| {
            let place = Addresses {
                udp: server.udp,
                listen: server.listen,
                machine: Vec::new(),
                certificate: Certificate::Names(server.certificate_names),
            };
            world.add(server.role.as_str(), server.node, place)
        });
        let dns = world.add("dns", lab.dns, Addresses::server(lab.dns_addr));
        let places = options.places;
        let users = options.users.clone();
        let mut scene =
            Self { world, servers, dns, phones: Vec::new(), places, seed, users, fault_ids: 0 };
        for index in 0..phones {
            scene.add_phone(index, lines);
        }
        scene
    }

    fn add_phone(&mut self, index: u16, lines: &str) {
        let own = phone_addr(index);
        let endpoint = self.endpoint(index);
        let place =
            Addresses::server(own).listening(Transport::Tls, SocketAddr::new(own.ip(), 5061));
        let phone = self.world.add(&format!("phone{}", index + 1), endpoint, place);
        self.phones.push(phone);
        self.apply(usize::from(index), lines);
    }

    fn endpoint(&self, index: u16) -> Endpoint {
        let own = phone_addr(index);
        Endpoint::new(EndpointConfig {
            seed: self.seed * 1_000 + u64::from(index),
            secret: [7; 16],
            sockets: vec![(Socket(0), own)],
            listen: vec![(Transport::Tcp, own)],
            advertise: None,
            resolver: locate::ResolverConfig {
                name_servers: vec![self.places.dns],
                ..locate::ResolverConfig::default()
            },
        })
    }

    /// Adds a process with many phones at 10.0.9.1, which start within 20 s.
    pub(crate) fn add_fleet(&mut self, count: usize, lines: &str) -> Handle<Endpoint> {
        let own = SocketAddr::from(([10, 0, 9, 1], 5060));
        let endpoint = Endpoint::new(EndpointConfig {
            seed: self.seed,
            secret: [7; 16],
            sockets: vec![(Socket(0), own)],
            listen: vec![(Transport::Tcp, own)],
            advertise: None,
            resolver: locate::ResolverConfig {
                name_servers: vec![self.places.dns],
                ..locate::ResolverConfig::default()
            },
        });
        let fleet = self.world.add("fleet", endpoint, Addresses::server(own));
        for phone in 0..count {
            let user = &self.users[phone];
            let file = lab::phone_file(user, "lab.test", &self.places) + lines;
            let settings = Box::new(settings(&file, mac(phone)));
            self.world.command(fleet, phone::Command::Apply(settings));
        }
        fleet
    }

    /// Gives a phone its file, with these lines behind it.
    pub(crate) fn apply(&mut self, phone: usize, lines: &str) {
        let user = &self.users[phone];
        let file = lab::phone_file(user, "lab.test", &self.places) + lines;
        let settings = Box::new(settings(&file, mac(phone)));
        self.world.command(self.phones[phone], phone::Command::Apply(settings));
    }

    /// Ends the process of a phone and starts it again with the same state folder.
    pub(crate) fn restart_phone(&mut self, phone: usize, lines: &str) {
        let fresh = self.endpoint(u16::try_from(phone).unwrap());
        self.world.restart(self.phones[phone], fresh);
        self.apply(phone, lines);
    }

    pub(crate) fn run_to(&mut self, seconds: f64) {
        self.world.run_until(secs(seconds));
    }

    /// Begins a fault of the lab, carried out by whom it concerns.
    pub(crate) fn fault(&mut self, server: usize, fault: &str) {
        self.fault_of(server, fault, None);
    }

    pub(crate) fn fault_of(&mut self, server: usize, fault: &str, method: Option<Method>) {
        let handle = self.servers[server];
        let fault: Fault = fault.parse().unwrap();
        let trouble = if let Fault::Tls(bad) = &fault {
            Some(Trouble::Certificate(bad.found()))
        } else if fault == Fault::Blackhole {
            Some(Trouble::Blackhole)
        } else {
            (fault == Fault::Kill).then_some(Trouble::Down)
        };
        if let Some(trouble) = trouble {
            self.world.fault(NetFault::at(handle, trouble));
            return;
        }
        self.fault_ids += 1;
        let order = Command::Fault { id: self.fault_ids, fault, method, lasts: None };
        self.world.command(handle, order);
    }

    /// Ends all faults, of network, servers and DNS.
    pub(crate) fn heal(&mut self) {
        self.world.heal_all();
        for server in 0..3 {
            self.fault(server, "heal");
        }
        self.world.command(self.dns, NameServerCommand::Heal);
    }

    /// The REGISTERs that a server received, whether it answered or not.
    pub(crate) fn registers(&self, server: usize) -> Vec<RequestRow> {
        let rows = self.world.node(self.servers[server]).requests();
        rows.filter(|row| row.method == Method::Register).cloned().collect()
    }

    /// When a server received a REGISTER after `since`, in seconds from then, to a hundredth.
    pub(crate) fn times_since(&self, server: usize, since: Instant) -> Vec<f64> {
        let rows = self.registers(server).into_iter().filter(|row| row.at >= since);
        rows.map(|row| (row.at.since(since).as_secs_f64() * 100.0).round() / 100.0).collect()
    }

    /// The servers that hold a binding of a phone, and for how many seconds.
    pub(crate) fn bound_at(&self, phone: usize) -> Vec<(usize, u64)> {
        let aor = format!("sip:{}@lab.test", self.users[phone].name);
        let now = self.world.now();
        let rows = |server: usize| {
            let rows = self.world.node(self.servers[server]).bindings(now);
            rows.into_iter()
                .filter(|row| *row.aor == aor)
                .map(move |row| (server, row.expires_in_s))
        };
        (0..3).flat_map(rows).collect::<Vec<_>>()
    }

    /// The server that a phone shows as holding each of its leases that is not in doubt.
    pub(crate) fn registered(&self, phone: usize) -> Vec<usize> {
        let views = self.world.node(self.phones[phone]).views(self.world.now());
        let servers = views.into_iter().flat_map(|phone| phone.accounts).flat_map(|a| a.servers);
        servers
            .filter(|server| server.registered)
            .filter_map(|server| server.lease)
            .map(|lease| self.server_at(lease.next_hop.addr))
            .collect()
    }

    pub(crate) fn status(&self, phone: usize) -> RegisterStatus {
        self.world.node(self.phones[phone]).views(self.world.now())[0].accounts[0].status
    }

    /// The moves of a phone so far: `failover primary > secondary timed_out`.
    pub(crate) fn moves(&self, phone: usize) -> Vec<String> {
        let mut moves = Vec::new();
        for (_, event) in self.world.events(self.phones[phone]) {
            if let EventKind::Moved { kind, from, to, why, .. } = &event.kind {
                let name = |addr| Role::ALL[self.server_at(addr)].as_str();
                let (from, to) = (name(from.addr), name(to.addr));
                moves.push(format!("{} {from} > {to} {why}", kind.as_str()));
            }
        }
        moves
    }

    /// Lets time pass until a phone is registered at exactly these servers; says how long it took.
    pub(crate) fn until_registered(&mut self, phone: usize, at: &[usize], limit_s: u64) -> f64 {
        let from = self.world.now();
        for _ in 0..limit_s * 20 {
            if self.registered(phone) == at {
                return (self.world.now() - from).as_secs_f64();
            }
            self.world.run_for(Duration::from_millis(50));
        }
        panic!(
            "phone {phone} is registered at {:?} instead of {at:?} {limit_s} s after {from}\n{}",
            self.registered(phone),
            self.world.ladder(from)
        );
    }

    fn server_at(&self, addr: SocketAddr) -> usize {
        let here = |place: &lab::Place| place.sip.ip() == addr.ip();
        self.places.servers.iter().position(here).expect("an address of the lab")
    }
}

pub(crate) fn mac(phone: usize) -> Mac {
    format!("001565{:06x}", phone + 1).parse().unwrap()
}

fn phone_addr(index: u16) -> SocketAddr {
    let [high, low] = (index + 1).to_be_bytes();
    SocketAddr::from(([10, 0, 2 + high, low], 5060))
}

fn settings(text: &str, mac: Mac) -> PhoneSettings {
    let source = Source { name: "phone.cfg", layer: Layer::Mac, bytes: text.as_bytes() };
    let (layers, findings) = Layers::load(&[source]);
    assert!(findings.is_empty(), "{findings:?}");
    let device = Device { mac, ..Device::default() };
    let (settings, errors) = layers.settings(&device, &mut Interner::default());
    assert!(errors.is_empty(), "{errors:?}");
    settings
}
