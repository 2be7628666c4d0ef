//! The servers of a laboratory on real sockets: three registrars and a name server.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::thread::JoinHandle;

use dns::{NameServer, Zone};
use host::certs::{Authority, Validity};
use host::{
    Bindings, Bound, Clock, Credentials, Handle, Host, Plan, ServerCheck, Switch, TlsSettings, Turn,
};
use lab::{Authentication, Config, Database, DigestPolicy, ExpiresLimits, Registrar, User};
use net::{Rng, Transport};

use crate::cli::Block;
use crate::out::Failure;
use crate::state::random;

/// What the servers are made of.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    pub(crate) domain: String,
    pub(crate) users: Vec<(String, String)>,
    pub(crate) expires_max_s: u32,
    pub(crate) asks_for_passwords: bool,
    pub(crate) block: Block,
    /// 0 takes free ports, that of the name server included.
    pub(crate) port: u16,
    pub(crate) tls: bool,
    /// Takes the place of the zone that fits the servers.
    pub(crate) zone: Option<Zone>,
}

/// The registrars by name, in the order in which they are listed.
pub(crate) const REGISTRARS: [&str; 3] = ["primary", "secondary", "fallback"];
/// The name server's name.
pub(crate) const DNS: &str = "dns";
const DNS_PORT: u16 = 5353;
const TTL_S: u32 = 30;

/// Running servers.
pub(crate) struct Servers {
    pub(crate) registrars: BTreeMap<&'static str, Handle<Registrar>>,
    pub(crate) dns: Handle<NameServer>,
    pub(crate) authority: Option<Authority>,
    pub(crate) clock: Clock,
    pub(crate) domain: String,
    thread: JoinHandle<()>,
}

impl Servers {
    /// Binds every socket and starts the thread of the servers.
    pub(crate) fn start(plans: &Plans, clock: &Clock) -> Result<Self, Failure> {
        let authority = plans.tls.then(|| Authority::new("sureline lab")).transpose();
        let authority = authority.map_err(Failure::failed)?;
        let rng = Rng::new(u64::from_be_bytes(random()?));
        let mut host = Host::new().map_err(Failure::failed)?;
        let cluster = Database::new();
        let mut registrars = BTreeMap::new();
        for (name, last) in REGISTRARS.into_iter().zip(1..) {
            // Primary and secondary are one cluster: whoever is asked knows every phone.
            let database = if name == "fallback" { Database::new() } else { cluster.clone() };
            let plan = Plan {
                bindings: bindings(plans, plans.block.host(last), authority.as_ref())?,
                clock: clock.clone(),
                events: Box::new(|_, _| {}),
                tap: None,
            };
            let (rng, config) = (rng.fork(name), |bound: &Bound| config(plans, name, bound));
            let make = |bound: &Bound| Registrar::new(config(bound), database, rng);
            registrars.insert(name, host.add(plan, make).map_err(taken)?);
        }
        let zone = match &plans.zone {
            Some(zone) => zone.clone(),
            None => zone(plans, &registrars)?,
        };
        let dns = name_server(&mut host, plans, clock, (zone, rng.fork(DNS)))?;
        let thread = host.spawn("lab").map_err(Failure::failed)?;
        let (clock, domain) = (clock.clone(), plans.domain.clone());
        Ok(Self { registrars, dns, authority, clock, domain, thread })
    }

    pub(crate) fn registrar(&self, name: &str) -> Option<&Handle<Registrar>> {
        self.registrars.get(name)
    }

    /// Where a registrar is reached over a transport.
    pub(crate) fn addr(&self, name: &str, transport: Transport) -> Option<SocketAddr> {
        let bound = self.registrar(name)?.bound();
        match transport {
            Transport::Udp => bound.udp.first().copied(),
            Transport::Tcp | Transport::Tls => {
                bound.listen.iter().find(|(known, _)| *known == transport).map(|(_, addr)| *addr)
            }
        }
    }

    /// Where DNS is asked.
    pub(crate) fn dns_addr(&self) -> Option<SocketAddr> {
        self.dns.bound().udp.first().copied()
    }

    /// The switch of a server's sockets.
    pub(crate) fn switch(&self, name: &str) -> Option<Switch> {
        if name == DNS { Some(self.dns.switch()) } else { Some(self.registrar(name)?.switch()) }
    }

    /// What the fitting certificate of a registrar names.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        let ip = self.addr(name, Transport::Udp).map(|addr| addr.ip().to_string());
        [Some(self.domain.clone()), Some(format!("{name}.{}", self.domain)), ip]
            .into_iter()
            .flatten()
            .collect()
    }

    /// Stops all servers and waits for their thread.
    pub(crate) async fn stop(self) {
        for handle in self.registrars.values() {
            drop(handle.switch().turn(Turn::Stop).await);
        }
        drop(self.dns.switch().turn(Turn::Stop).await);
        drop((self.registrars, self.dns));
        drop(self.thread.join());
    }
}

fn bindings(plans: &Plans, ip: IpAddr, authority: Option<&Authority>) -> Result<Bindings, Failure> {
    let at = SocketAddr::new(ip, plans.port);
    let mut listen = vec![(Transport::Tcp, at)];
    let mut server = None;
    if let Some(authority) = authority {
        let port = if plans.port == 0 { 0 } else { plans.port.saturating_add(1) };
        listen.push((Transport::Tls, SocketAddr::new(ip, port)));
        server = Some(certificate(authority, &[&plans.domain, &ip.to_string()])?);
    }
    let tls = TlsSettings { server, check: ServerCheck::Nothing, ..TlsSettings::default() };
    Ok(Bindings { udp: vec![at], listen, tls, ..Bindings::default() })
}

/// A valid certificate for these names.
pub(crate) fn certificate(authority: &Authority, names: &[&str]) -> Result<Credentials, Failure> {
    authority.issue(names, Validity::Present).map_err(Failure::failed)
}

fn config(plans: &Plans, name: &str, bound: &Bound) -> Config {
    let udp = bound.udp.iter().map(|addr| (Transport::Udp, *addr));
    let sockets = udp.chain(bound.listen.iter().copied()).collect();
    let authentication = if plans.asks_for_passwords {
        Authentication::Digest(DigestPolicy::default())
    } else {
        Authentication::None
    };
    let max_s = plans.expires_max_s;
    Config {
        users: plans.users.iter().map(|(user, password)| User::new(user, password)).collect(),
        authentication,
        expires: ExpiresLimits { min_s: 0, max_s, default_s: max_s },
        peers: (1..=3).map(|last| plans.block.host(last)).collect(),
        aliases: vec![format!("{name}.{}", plans.domain).into()],
        ..Config::new(name, &plans.domain, sockets)
    }
}

fn name_server(
    host: &mut Host,
    plans: &Plans,
    clock: &Clock,
    (zone, rng): (Zone, Rng),
) -> Result<Handle<NameServer>, Failure> {
    let port = if plans.port == 0 { 0 } else { DNS_PORT };
    let at = SocketAddr::new(plans.block.host(53), port);
    let plan = Plan {
        bindings: Bindings {
            udp: vec![at],
            listen: vec![(Transport::Tcp, at)],
            ..Bindings::default()
        },
        clock: clock.clone(),
        events: Box::new(|_, _| {}),
        tap: None,
    };
    host.add(plan, |_| NameServer::new(zone, rng)).map_err(taken)
}

/// The zone that names the servers: NAPTR for UDP, SRV with the primary before the secondary, A.
fn zone(
    plans: &Plans,
    registrars: &BTreeMap<&'static str, Handle<Registrar>>,
) -> Result<Zone, Failure> {
    let mut text = format!(
        "$ORIGIN {}.\n$TTL {TTL_S}\n@ IN SOA ns hostmaster 1 3600 600 86400 {TTL_S}\n@ IN NS ns\n\
         @ IN NAPTR 10 10 \"s\" \"SIP+D2U\" \"\" _sip._udp\nns IN A {}\n",
        plans.domain,
        plans.block.host(53)
    );
    for (name, handle) in registrars {
        let bound = handle.bound();
        let udp = bound.udp.iter().map(|addr| (Transport::Udp, *addr));
        for (transport, addr) in udp.chain(bound.listen.iter().copied()) {
            let service = match transport {
                Transport::Udp => "_sip._udp",
                Transport::Tcp => "_sip._tcp",
                Transport::Tls => "_sips._tcp",
            };
            let priority = match *name {
                "primary" => 10,
                "secondary" => 20,
                _ => continue,
            };
            text += &format!("{service} IN SRV {priority} 0 {} {name}\n", addr.port());
        }
    }
    for (name, last) in REGISTRARS.into_iter().zip(1..) {
        let ip = plans.block.host(last);
        text += &format!("{name} IN A {ip}\n");
        if name != "fallback" {
            text += &format!("@ IN A {ip}\n");
        }
    }
    Zone::parse(&text).map_err(|error| Failure::misused(format!("--domain: {error}")))
}

fn taken(error: host::BindError) -> Failure {
    Failure::failed(format!(
        "{error}: another lab may be running; --port 0 takes free ports, --listen A.B.C other addresses"
    ))
}
