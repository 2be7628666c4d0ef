//! Knot as the name server of the domain.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use net::Transport;

use crate::child::{Child, Family};
use crate::network::Network;
use crate::servers::{Server, sip_port};
use crate::wait::{Patience, until};

/// The domain of the users.
pub(crate) const DOMAIN: &str = "interop.test";

/// Where the name server is.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 53);

/// How long records may be kept, in seconds.
pub(crate) const TTL_S: u32 = 30;

/// A running name server.
pub(crate) struct Knot {
    _process: Child,
    /// Its databases and its socket, whose path must be short.
    _run: TempDir,
}

/// Starts the name server and waits until it answers.
pub(crate) fn start(preferred: Transport, folder: &Path, network: &Network) -> Knot {
    let folder = folder.join("knot");
    fs::create_dir_all(&folder).unwrap();
    let run = tempfile::tempdir().unwrap();
    let zone_file = folder.join("zone");
    fs::write(&zone_file, zone(preferred)).unwrap();
    let config = format!(
        "server:\n    rundir: {run}\n    listen: {ADDRESS}@53\n    udp-workers: 1\n    \
         tcp-workers: 1\n    background-workers: 1\n\
         log:\n  - target: stderr\n    any: info\n\
         database:\n    storage: {run}\n\
         zone:\n  - domain: {DOMAIN}\n    file: {zone}\n    zonefile-sync: -1\n    \
         journal-content: none\n",
        run = run.path().display(),
        zone = zone_file.display()
    );
    let config_file = folder.join("knot.conf");
    fs::write(&config_file, config).unwrap();
    let log = folder.join("knot.log");
    let config_file = config_file.display().to_string();
    let start = || Child::start("knotd", &["-c", &config_file], Family::Single, &log);
    let mut process = network.among_servers(start);
    until(&format!("Knot, see {}", log.display()), Patience::Short, || {
        assert_eq!(process.has_ended(), None, "Knot has ended, see {}", log.display());
        network.among_servers(is_answering).then_some(())
    });
    Knot { _process: process, _run: run }
}

/// NAPTR prefers the transport of the cell; SRV and the addresses of the domain name the primary
/// before the secondary.
fn zone(preferred: Transport) -> String {
    let mut zone = format!(
        "$ORIGIN {DOMAIN}.\n$TTL {TTL_S}\n@ SOA ns hostmaster 1 3600 600 86400 30\n@ NS ns\n\
         ns A {ADDRESS}\n"
    );
    for (transport, service, name) in SERVICES {
        let order = if transport == preferred { 10 } else { 20 };
        zone += &format!("@ NAPTR {order} 50 \"s\" \"{service}\" \"\" {name}\n");
        for (priority, server) in [(10, Server::Primary), (20, Server::Secondary)] {
            let (port, server) = (sip_port(transport), server.name());
            zone += &format!("{name} SRV {priority} 0 {port} {server}\n");
        }
    }
    for server in Server::ALL {
        zone += &format!("{} A {}\n", server.name(), server.ip());
    }
    for server in [Server::Primary, Server::Secondary] {
        zone += &format!("@ A {}\n", server.ip());
    }
    zone
}

/// Asks for the SOA of the domain.
fn is_answering() -> bool {
    let mut question = b"\x11\x11\0\0\0\x01\0\0\0\0\0\0".to_vec();
    for label in DOMAIN.split('.') {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.bytes());
    }
    question.extend(b"\0\0\x06\0\x01");
    let ask = || {
        let socket = UdpSocket::bind((ADDRESS, 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(500)))?;
        socket.send_to(&question, SocketAddrV4::new(ADDRESS, 53))?;
        let mut answer = [0; 512];
        socket.recv(&mut answer).map(|length| length > question.len())
    };
    ask().unwrap_or(false)
}

/// What each transport is called in NAPTR, and where its SRV records are.
const SERVICES: [(Transport, &str, &str); 3] = [
    (Transport::Udp, "SIP+D2U", "_sip._udp"),
    (Transport::Tcp, "SIP+D2T", "_sip._tcp"),
    (Transport::Tls, "SIPS+D2T", "_sips._tcp"),
];
