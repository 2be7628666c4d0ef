//! The servers of a laboratory on real sockets: three registrars and a name server.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;

use dns::NameServer;
use host::certs::{Authority, Validity};
use host::{
    Bindings, Clock, Credentials, Handle, Host, Plan, ServerCheck, Switch, TlsSettings, Turn,
};
use lab::{Lab, LabOptions, LabServer, Place, Places, Registrar, Role, TlsChoice};
use net::{Node, Rng, Transport};

use crate::hosted::hosted;
use crate::out::Failure;
use crate::state::random;

/// The name server's name in commands and answers of the lab.
pub(crate) const DNS: &str = "dns";

/// Running servers.
pub(crate) struct Servers {
    pub(crate) registrars: BTreeMap<Role, RunningRegistrar>,
    pub(crate) dns: Handle<NameServer>,
    pub(crate) authority: Option<Arc<Authority>>,
    pub(crate) clock: Clock,
    pub(crate) domain: Box<str>,
    pub(crate) places: Places,
    thread: JoinHandle<()>,
}

/// One of them.
pub(crate) struct RunningRegistrar {
    pub(crate) handle: Handle<Registrar>,
    certificate_names: Vec<net::Name>,
}

impl Servers {
    /// Binds every socket and starts the thread of the servers.
    pub(crate) fn start(options: &LabOptions, clock: &Clock) -> Result<Self, Failure> {
        let has_tls = options.places.servers.iter().any(|place| place.tls.is_some());
        let authority = has_tls.then(|| Authority::new("sureline lab")).transpose();
        let authority = authority.map_err(Failure::failed)?.map(Arc::new);
        let rng = Rng::new(u64::from_be_bytes(random()?));
        let lab = Lab::new(options, &rng)
            .map_err(|error| Failure::misused(format!("the zone cannot be read: {error}")))?;
        let (signer, its_clock) = (authority.clone(), clock.clone());
        let (nodes, thread) = hosted("lab", move |host| add_all(host, lab, signer, &its_clock))?;
        let (registrars, dns) = nodes;
        let (domain, places) = (options.domain.clone(), options.places);
        Ok(Self { registrars, dns, authority, clock: clock.clone(), domain, places, thread })
    }

    /// A registrar by its name.
    pub(crate) fn registrar(&self, name: &str) -> Option<&Handle<Registrar>> {
        self.registrars.get(&Role::parse(name)?).map(|running| &running.handle)
    }

    /// The switch of a server's sockets.
    pub(crate) fn switch(&self, name: &str) -> Option<Switch> {
        if name == DNS { Some(self.dns.switch()) } else { Some(self.registrar(name)?.switch()) }
    }

    /// What the fitting certificate of a registrar names.
    pub(crate) fn certificate_names(&self, name: &str) -> &[net::Name] {
        let running = Role::parse(name).and_then(|role| self.registrars.get(&role));
        running.map_or(&[], |running| &running.certificate_names)
    }

    /// Stops all servers and waits for their thread.
    pub(crate) async fn stop(self) {
        for running in self.registrars.values() {
            drop(running.handle.switch().turn(Turn::Stop).await);
        }
        drop(self.dns.switch().turn(Turn::Stop).await);
        drop((self.registrars, self.dns));
        drop(self.thread.join());
    }
}

type Nodes = (BTreeMap<Role, RunningRegistrar>, Handle<NameServer>);

fn add_all(
    host: &mut Host,
    lab: Lab,
    authority: Option<Arc<Authority>>,
    clock: &Clock,
) -> Result<Nodes, Failure> {
    let mut registrars = BTreeMap::new();
    for server in lab.servers {
        let LabServer { role, node, udp, listen, certificate_names } = server;
        let server = authority.as_ref().map(|it| valid(it, &certificate_names)).transpose()?;
        let tls = TlsSettings { server, check: ServerCheck::Nothing, ..TlsSettings::default() };
        let bindings = Bindings { udp, listen, tls, ..Bindings::default() };
        let handle = add(host, bindings, clock, node)?;
        registrars.insert(role, RunningRegistrar { handle, certificate_names });
    }
    let at = lab.dns_addr;
    let listen = vec![(Transport::Tcp, at)];
    let bindings = Bindings { udp: vec![at], listen, ..Bindings::default() };
    Ok((registrars, add(host, bindings, clock, lab.dns)?))
}

fn add<N>(host: &mut Host, bindings: Bindings, clock: &Clock, node: N) -> Result<Handle<N>, Failure>
where
    N: Node + Send + 'static,
    N::Command: Send,
    N::Event: 'static,
{
    // What its owner wants to know it asks by looking into the node.
    let plan = Plan { bindings, clock: clock.clone(), events: Box::new(|_, _| {}), tap: None };
    host.add(plan, |_| node).map_err(|error| {
        Failure::failed(format!(
            "{error}: another lab may be running; --port 0 takes free ports, --listen A.B.C other \
             addresses"
        ))
    })
}

/// A valid certificate for these names.
pub(crate) fn valid(authority: &Authority, names: &[net::Name]) -> Result<Credentials, Failure> {
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    authority.issue(&names, Validity::Present).map_err(Failure::failed)
}

/// The addresses of a block, with `port` for SIP (5061 beside 5060 for TLS); 0 takes free ports
/// everywhere, that of the name server included.
pub(crate) fn places(block: [u8; 3], port: u16, tls: TlsChoice) -> Result<Places, Failure> {
    let mut places = Places::block(block, tls);
    for place in &mut places.servers {
        let Place { sip, tls } = place;
        sip.set_port(if port == 0 { free_port(sip.ip())? } else { port });
        if let Some(tls) = tls {
            tls.set_port(if port == 0 { free_port(tls.ip())? } else { port.saturating_add(1) });
        }
    }
    if port == 0 {
        places.dns.set_port(free_port(places.dns.ip())?);
    }
    Ok(places)
}

/// A port that is free for UDP and TCP at the moment.
fn free_port(ip: IpAddr) -> Result<u16, Failure> {
    const TRIES: u32 = 100;
    let free = |_| {
        let udp = UdpSocket::bind(SocketAddr::new(ip, 0)).ok()?;
        let port = udp.local_addr().ok()?.port();
        TcpListener::bind(SocketAddr::new(ip, port)).ok().map(|_| port)
    };
    (0..TRIES)
        .find_map(free)
        .ok_or_else(|| Failure::failed(format!("no port of {ip} is free; see --listen A.B.C")))
}
