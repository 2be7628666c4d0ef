//! Kamailio as a registrar: its process, its faults, and what it says it got.

use std::fs;
use std::io;
use std::net::{SocketAddrV4, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use host::certs::Pem;
use net::Transport;
use nix::sys::signal::Signal;

use crate::child::{Child, Family};
use crate::network::Network;
use crate::servers::Server;
use crate::wait::{Patience, until};
use crate::wire::{Request, Seen};

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its process is killed: ICMP, RST.
    Stopped,
    /// Its process stands still: the system takes connections and datagrams, nobody reads them.
    Frozen,
    /// Nothing in or out, no ICMP.
    Blackholed,
    /// It reads and does not answer.
    Mute,
    /// It answers 503.
    Unavailable,
    /// It answers 503 with a Retry-After of 20 s.
    UnavailableForAWhile,
}

impl Fault {
    pub(crate) const NAMES: [(&'static str, Self); 6] = [
        ("stopped", Self::Stopped),
        ("frozen", Self::Frozen),
        ("blackholed", Self::Blackholed),
        ("mute", Self::Mute),
        ("503", Self::Unavailable),
        ("503-later", Self::UnavailableForAWhile),
    ];

    /// Whether the phone is told, so that it need not wait.
    pub(crate) const fn is_told(self) -> bool {
        match self {
            Self::Stopped | Self::Unavailable | Self::UnavailableForAWhile => true,
            Self::Frozen | Self::Blackholed | Self::Mute => false,
        }
    }
}

/// How a registrar is set up.
pub(crate) struct Setup {
    pub(crate) server: Server,
    pub(crate) transport: Transport,
    /// Whether it asks for passwords.
    pub(crate) digest: bool,
    /// What it shows over TLS.
    pub(crate) certificate: Option<Pem>,
    /// A further definition for its configuration.
    pub(crate) custom: Option<Custom>,
}

/// Ways of a registrar that phones meet now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Custom {
    /// A nonce is good for 5 s; an old one is challenged as a wrong password is.
    ShortNonce,
    /// The same, but an old one is called stale.
    StaleNonce,
    /// Passwords are asked for with SHA-256.
    Sha256,
    /// Less than 60 s is refused.
    LongLease,
}

impl Custom {
    const fn define(self) -> &'static str {
        match self {
            Self::ShortNonce => "SHORT_NONCE",
            Self::StaleNonce => "STALE_NONCE",
            Self::Sha256 => "SHA_256",
            Self::LongLease => "LONG_LEASE",
        }
    }
}

/// One running registrar.
pub(crate) struct Kamailio {
    setup: Setup,
    folder: PathBuf,
    process: Option<Child>,
}

impl Kamailio {
    /// Starts it, on the servers' side of the network, with its files in `folder`; it may not be
    /// ready yet.
    pub(crate) fn start(setup: Setup, folder: &Path, network: &Network) -> Self {
        let folder = folder.join(setup.server.name());
        fs::create_dir_all(&folder).unwrap();
        if let Some(pem) = &setup.certificate {
            fs::write(folder.join("certificate.pem"), &pem.certificate).unwrap();
            fs::write(folder.join("key.pem"), &pem.key).unwrap();
        }
        let mut kamailio = Self { setup, folder, process: None };
        kamailio.launch(network);
        kamailio
    }

    fn launch(&mut self, network: &Network) {
        let Setup { server, transport, digest, certificate, custom } = &self.setup;
        let config = self.folder.join("kamailio.cfg");
        fs::write(&config, CONFIG).unwrap();
        let mut args: Vec<String> =
            ["-DD", "-E", "-m", "32", "-M", "4", "-f"].map(ToOwned::to_owned).to_vec();
        args.push(config.display().to_string());
        args.extend(["-Y".to_owned(), self.folder.display().to_string()]);
        args.extend(["-l".to_owned(), format!("udp:{}", server.control())]);
        args.extend(["-l".to_owned(), format!("{transport}:{}", server.addr(*transport))]);
        if *digest {
            args.extend(["-A".to_owned(), "WITH_DIGEST".to_owned()]);
        }
        if let Some(custom) = custom {
            args.extend(["-A".to_owned(), custom.define().to_owned()]);
        }
        if certificate.is_some() {
            let file = |name| format!("\"{}\"", self.folder.join(name).display());
            for define in [
                "WITH_TLS".to_owned(),
                format!("CERTIFICATE={}", file("certificate.pem")),
                format!("KEY={}", file("key.pem")),
            ] {
                args.extend(["-A".to_owned(), define]);
            }
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let log = self.log();
        let start = || Child::start("kamailio", &args, Family::Forks, &log);
        self.process = Some(network.among_servers(start));
    }

    /// Waits until it answers.
    pub(crate) fn wait_until_ready(&mut self, network: &Network) {
        let what = format!("{} to answer, see {}", self.setup.server.name(), self.log().display());
        until(&what, Patience::Short, || {
            let ended = self.process.as_mut().and_then(Child::has_ended);
            assert_eq!(ended, None, "{what}: it has ended");
            self.order(network, "none").ok()
        });
    }

    /// Makes it fail from now on.
    pub(crate) fn fail(&mut self, fault: Fault, network: &Network) {
        match fault {
            Fault::Stopped => drop(self.process.take()),
            Fault::Frozen => self.process().signal(Signal::SIGSTOP),
            Fault::Blackholed => network.blackhole(self.setup.server.ip()),
            Fault::Mute => self.order(network, "mute").unwrap(),
            Fault::Unavailable => self.order(network, "503").unwrap(),
            Fault::UnavailableForAWhile => self.order(network, "503-later").unwrap(),
        }
    }

    /// Ends a fault.
    pub(crate) fn heal(&mut self, fault: Fault, network: &Network) {
        match fault {
            Fault::Stopped => {
                self.launch(network);
                self.wait_until_ready(network);
            }
            Fault::Frozen => self.process().signal(Signal::SIGCONT),
            Fault::Blackholed => network.restore(self.setup.server.ip()),
            Fault::Mute | Fault::Unavailable | Fault::UnavailableForAWhile => {
                self.order(network, "none").unwrap();
            }
        }
    }

    /// Every request that it says it got, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let last = text.rfind('\n').unwrap_or(0);
        let lines = text[..last].lines().filter_map(|line| line.split_once("interop\t"));
        lines.map(|(_, fields)| parse(self.setup.server, fields)).collect()
    }

    fn process(&self) -> &Child {
        self.process.as_ref().expect("it runs")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("kamailio.log")
    }

    /// Has it set its fault.
    fn order(&self, network: &Network, fault: &str) -> io::Result<()> {
        let to = self.setup.server.control();
        network.among_servers(|| {
            let socket = UdpSocket::bind(SocketAddrV4::new(*to.ip(), 0))?;
            socket.set_read_timeout(Some(Duration::from_secs(1)))?;
            let from = socket.local_addr()?;
            let message = format!(
                "OPTIONS sip:{fault}@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{0}\r\n\
                 From: <sip:test@{from}>;tag={0}\r\nTo: <sip:test@{to}>\r\nCall-ID: {0}\r\n\
                 CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n",
                from.port()
            );
            socket.send_to(message.as_bytes(), to)?;
            let mut answer = [0; 1024];
            let length = socket.recv(&mut answer)?;
            let done = answer[..length].starts_with(b"SIP/2.0 200");
            if done { Ok(()) } else { Err(io::Error::other("it refuses an order")) }
        })
    }
}

/// Reads a line that route TELL of the configuration wrote.
fn parse(server: Server, line: &str) -> Request {
    let fields: Vec<&str> =
        line.split('\t').map(|field| if field == "<null>" { "" } else { field }).collect();
    let [at, _, _, method, uri, call_id, cseq, via, expires, route, user, contact, answer] =
        fields[..]
    else {
        panic!("{}: {line}", server.name());
    };
    let answer: u16 = answer.parse().unwrap();
    Request {
        at_s: at.parse().unwrap(),
        to: server,
        method: method.to_owned(),
        uri: uri.to_owned(),
        call_id: call_id.to_owned(),
        cseq: cseq.parse().unwrap(),
        branch: crate::wire::branch_of(via),
        expires: expires.parse().ok(),
        route: route.to_owned(),
        digest_user: user.to_owned(),
        contact: contact.to_owned(),
        seen: Seen::ByServer { answer: (answer != 0).then_some(answer) },
    }
}

/// The configuration of every registrar.
pub(crate) const CONFIG: &str = include_str!("kamailio.cfg");
