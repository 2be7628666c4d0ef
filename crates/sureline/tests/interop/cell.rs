//! One cell: a network, its servers, a phone, and what can be seen of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use host::certs::{Authority, Pem, Validity};
use net::Transport;

use crate::capture::{Capture, Content, Packet};
use crate::kamailio::{Fault, Kamailio, Setup};
use crate::knot::{self, Knot};
use crate::matrix::{BadCertificate, Row, Trouble};
use crate::network::{Network, PHONE};
use crate::phone::Phone;
use crate::servers::{Server, sip_port};
use crate::wait::{Patience, until, wall_s};
use crate::wire::{Request, assert_one_registration};

/// A running cell.
pub(crate) struct Cell<'a> {
    pub(crate) row: &'a Row,
    folder: PathBuf,
    servers: BTreeMap<Server, Kamailio>,
    phone: Option<Phone>,
    capture: Capture,
    knot: Option<Knot>,
    network: Network,
}

/// A sign that the phone turns to a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contact {
    pub(crate) at_s: f64,
    pub(crate) to: Server,
    pub(crate) kind: ContactKind,
}

/// What that sign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContactKind {
    /// A request, or over TLS a record of application data.
    Message,
    /// The begin of a connection.
    Connection,
}

impl<'a> Cell<'a> {
    /// Builds network and servers, in the calling thread, which must end with the cell.
    pub(crate) fn build(row: &'a Row) -> Self {
        let folder = folder(&row.cell);
        let mut addresses = Server::ALL.map(Server::ip).to_vec();
        addresses.push(knot::ADDRESS);
        let network = Network::build(&addresses).unwrap();
        let mut certificates = certificates(row, &folder);
        let mut servers = BTreeMap::new();
        for server in Server::ALL {
            let setup = Setup {
                server,
                transport: row.transport,
                digest: server != Server::Fallback,
                certificate: certificates.remove(&server),
                custom: match row.trouble {
                    Trouble::Custom(custom) => Some(custom),
                    _ => None,
                },
            };
            servers.insert(server, Kamailio::start(setup, &folder, &network));
        }
        let knot = knot::start(row.transport, &folder, &network);
        for kamailio in servers.values_mut() {
            kamailio.wait_until_ready(&network);
        }
        let capture = Capture::start(&folder);
        Self { row, folder, servers, phone: None, capture, knot: Some(knot), network }
    }

    /// Starts the phone; `lines` are added to its configuration.
    pub(crate) fn start_phone(&mut self, lines: &[String]) {
        self.phone = Some(Phone::start(self.row, lines, &self.folder));
    }

    /// The phone.
    pub(crate) fn phone(&self) -> &Phone {
        self.phone.as_ref().expect("it runs")
    }

    /// Makes servers fail as the row says; says since when.
    pub(crate) fn fail(&mut self, servers: &[Server]) -> f64 {
        let (fault, at_s) = (self.row.fault(), wall_s());
        self.each(servers, |server, network| server.fail(fault, network));
        at_s
    }

    /// Makes the name server fail in the way of the row.
    pub(crate) fn fail_names(&mut self) {
        match self.row.fault() {
            Fault::Stopped => drop(self.knot.take()),
            Fault::Blackholed => self.network.blackhole(knot::ADDRESS),
            other => panic!("a name server that is {other:?}"),
        }
    }

    /// Ends the fault of the row; says since when.
    pub(crate) fn heal(&mut self, servers: &[Server]) -> f64 {
        let (fault, at_s) = (self.row.fault(), wall_s());
        self.each(servers, |server, network| server.heal(fault, network));
        at_s
    }

    fn each(&mut self, servers: &[Server], act: impl Fn(&mut Kamailio, &Network)) {
        for server in servers {
            act(self.servers.get_mut(server).expect("all three run"), &self.network);
        }
    }

    /// What the servers say they got, in order of time.
    pub(crate) fn received(&self) -> Vec<Request> {
        let mut all: Vec<Request> = self.servers.values().flat_map(Kamailio::requests).collect();
        all.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
        all
    }

    /// Waits until `server` has granted a registration after `after_s`.
    pub(crate) fn granted(&self, server: Server, after_s: f64) -> Request {
        let what = format!("{} to grant a REGISTER", server.name());
        until(&what, Patience::Long, || {
            let mut got = self.servers[&server].requests().into_iter();
            got.find(|request| request.is_granted() && request.at_s > after_s)
        })
    }

    /// Waits until `server` has removed the phone's binding.
    pub(crate) fn removed(&self, server: Server) -> Request {
        until(&format!("{} to remove a binding", server.name()), Patience::Short, || {
            let mut got = self.servers[&server].requests().into_iter();
            got.find(|request| request.removes() && request.answer() == Some(200))
        })
    }

    /// Waits until the phone turns to `server`, after `after_s`.
    pub(crate) fn turned_to(&self, server: Server, after_s: f64) -> Contact {
        until(&format!("the phone to turn to {}", server.name()), Patience::Long, || {
            let mut contacts = self.contacts().into_iter();
            contacts.find(|contact| contact.to == server && contact.at_s > after_s)
        })
    }

    /// Each time the phone turned to a server, in order, datagrams sent again included.
    pub(crate) fn contacts(&self) -> Vec<Contact> {
        self.capture.packets().iter().filter_map(|packet| self.contact(packet)).collect()
    }

    fn contact(&self, packet: &Packet) -> Option<Contact> {
        let (at_s, to) = (packet.at_s, self.of_phone(packet)?);
        let kind = match &packet.content {
            Content::Segment { syn: true, .. } => ContactKind::Connection,
            // RFC 8446 §5.1: 23 is application data.
            Content::Segment { payload, .. } if self.row.transport == Transport::Tls => {
                payload.first().filter(|kind| **kind == 23).map(|_| ContactKind::Message)?
            }
            Content::Segment { payload: bytes, .. } | Content::Datagram(bytes) => {
                Request::read(at_s, to, bytes).map(|_| ContactKind::Message)?
            }
            Content::Unreachable { .. } => return None,
        };
        Some(Contact { at_s, to, kind })
    }

    /// To which server the phone sent a packet.
    fn of_phone(&self, packet: &Packet) -> Option<Server> {
        let is_sip = packet.to.port() == sip_port(self.row.transport);
        Server::of(*packet.to.ip()).filter(|_| is_sip && *packet.from.ip() == PHONE)
    }

    /// The requests of the phone in the order in which it sent them: from the cable, where they can
    /// be read there, else from the servers.
    pub(crate) fn requests(&self) -> Vec<Request> {
        if self.row.transport == Transport::Tls {
            return self.without_stragglers(self.received());
        }
        let read = |packet: &Packet| match &packet.content {
            Content::Datagram(bytes) | Content::Segment { payload: bytes, .. } => {
                Request::read(packet.at_s, self.of_phone(packet)?, bytes)
            }
            Content::Unreachable { .. } => None,
        };
        self.capture.packets().iter().filter_map(read).collect()
    }

    /// Leaves out what lay in buffers of the system until the fault of the cell was over, long after
    /// the phone had given it up.
    fn without_stragglers(&self, received: Vec<Request>) -> Vec<Request> {
        let Trouble::Fault(Fault::Frozen | Fault::Blackholed) = self.row.trouble else {
            return received;
        };
        let mut latest: BTreeMap<String, u32> = BTreeMap::new();
        let mut in_order = received;
        in_order.retain(|request| {
            let latest = latest.entry(request.call_id.clone()).or_default();
            *latest = request.cseq.max(*latest);
            *latest == request.cseq
        });
        in_order
    }

    /// What the phone asked the name server: names and types.
    pub(crate) fn questions(&self) -> Vec<(String, u16)> {
        let packets = self.capture.packets();
        let asked = packets.iter().filter(|packet| packet.to.port() == 53);
        asked
            .filter_map(|packet| match &packet.content {
                Content::Datagram(bytes) => question(bytes),
                _ => None,
            })
            .collect()
    }

    /// Everything that went over the cable.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        self.capture.packets()
    }

    /// Ends the phone and asserts what holds in every cell: it unregisters at `holders` and nowhere
    /// else, and its requests are two registrations at the most, one for each server.
    pub(crate) fn finish(mut self, holders: &[Server]) {
        let before = self.requests().len();
        self.phone.take().expect("it runs").stop();
        for holder in holders {
            self.removed(*holder);
        }
        let requests = self.requests();
        // A34: none between the next hops of one server, nor between proxies.
        let mut earlier = requests[..before].iter().filter(|request| request.removes());
        assert!(earlier.all(|request| request.to == Server::Fallback), "{requests:#?}");
        let removals = requests[before..].iter().filter(|request| request.removes());
        let removed: BTreeSet<Server> = removals.map(|request| request.to).collect();
        assert_eq!(removed, holders.iter().copied().collect(), "unregistered at the end");
        let (second, first): (Vec<_>, Vec<_>) =
            requests.iter().partition(|request| request.to == Server::Fallback);
        assert_one_registration(first.iter().copied());
        assert_one_registration(second.iter().copied());
        if let (Some(first), Some(second)) = (first.first(), second.first()) {
            // Behaviour §7: server 2 has a Call-ID and a Contact of its own.
            assert_ne!(first.call_id, second.call_id);
            assert_ne!(first.contact, second.contact);
        }
    }
}

/// An empty folder for what a cell leaves behind.
pub(crate) fn folder(cell: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop").join(cell);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// What the servers show over TLS; the authority that the phone trusts is written to `folder`.
fn certificates(row: &Row, folder: &Path) -> BTreeMap<Server, Pem> {
    if row.transport != Transport::Tls {
        return BTreeMap::new();
    }
    let trusted = Authority::new("trusted").unwrap();
    fs::write(folder.join("ca.pem"), trusted.pem()).unwrap();
    let issue = |server: Server| {
        let host = format!("{}.{}", server.name(), knot::DOMAIN);
        let ip = server.ip().to_string();
        let good = [knot::DOMAIN, &host, &ip];
        let bad = match row.trouble {
            Trouble::Certificate(bad) if server == Server::Primary => Some(bad),
            _ => None,
        };
        match bad {
            None => trusted.issue_pem(&good, Validity::Present),
            Some(BadCertificate::OtherName) => {
                trusted.issue_pem(&["elsewhere.test"], Validity::Present)
            }
            Some(BadCertificate::OtherAuthority) => {
                Authority::new("stranger").unwrap().issue_pem(&good, Validity::Present)
            }
            Some(BadCertificate::Expired) => trusted.issue_pem(&good, Validity::Expired),
        }
        .unwrap()
    };
    Server::ALL.into_iter().map(|server| (server, issue(server))).collect()
}

/// The first question of a DNS message.
fn question(message: &[u8]) -> Option<(String, u16)> {
    let mut rest = message.get(12..)?;
    let mut labels = Vec::new();
    loop {
        let (length, tail) = rest.split_first()?;
        if *length == 0 {
            let kind = tail.get(..2)?;
            return Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]])));
        }
        let (label, tail) = tail.split_at_checked(usize::from(*length))?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        rest = tail;
    }
}

/// Whether faults of this kind are seen on the cable as an ICMP error.
pub(crate) fn sends_icmp(fault: Fault, transport: Transport) -> bool {
    fault == Fault::Stopped && transport == Transport::Udp
}
