//! A phone in virtual time that runs a rule's file, with registrars at 192.0.2.1, .2, … and a name
//! server at 192.0.2.53.

use std::collections::VecDeque;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use dns::{NameServer, RecordType, Zone};
use net::{Conn, Input, Instant, Name, Node, Output, Reason, Rng, Socket, Transport};
use params::{Interner, Layers, Mac, PhoneSettings, Source};
use phone::{Command, Endpoint, EndpointConfig, MediaReport};
use sim::{Addresses, Certificate, Handle, Row, World};
use sip::{Frame, Framer, Message, Method, Request, Writer};

use crate::support::{Wanted, folder};

/// What a registrar does with a REGISTER.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Does {
    /// Grants what is asked for.
    Grant,
    /// Says nothing, to no request.
    Mute,
    /// Answers with this status.
    Status(u16),
}

/// A request as a registrar got it.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) at: f64,
    pub(crate) method: String,
    pub(crate) to: String,
    pub(crate) expires: Option<u32>,
    pub(crate) contact: String,
    pub(crate) transport: Transport,
}

#[derive(Debug)]
pub(crate) struct Registrar {
    does: Does,
    pub(crate) got: Vec<Got>,
    out: VecDeque<Output<()>>,
    framers: Vec<(Conn, Framer)>,
}

impl Registrar {
    fn receive(
        &mut self,
        now: Instant,
        request: &Request,
        transport: Transport,
    ) -> Option<bytes::Bytes> {
        self.got.push(Got {
            at: (now.as_secs_f64() * 10.0).round() / 10.0,
            method: request.method().to_string(),
            to: request.to_uri().to_owned(),
            expires: request.expires(),
            contact: request.header("Contact").unwrap_or_default().to_owned(),
            transport,
        });
        let from = SocketAddr::from(([192, 0, 2, 100], 5060));
        match self.does {
            Does::Mute => None,
            _ if *request.method() == Method::Ack => None,
            Does::Status(status) => {
                Some(Writer::response(request, status, "Said", Some("srv"), from).finish(None))
            }
            Does::Grant if *request.method() == Method::Register => {
                let expires = request.expires().unwrap_or(3600);
                let contact = request.header("Contact").unwrap_or_default();
                let contact = format!("{contact};expires={expires}");
                let answer = Writer::response(request, 200, "OK", Some("srv"), from);
                Some(answer.header("Contact", contact).finish(None))
            }
            Does::Grant => {
                Some(Writer::response(request, 480, "Away", Some("srv"), from).finish(None))
            }
        }
    }
}

impl Node for Registrar {
    type Command = Does;
    type Event = ();

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { socket, from, bytes } => {
                if let Ok(Message::Request(request)) = sip::parse_datagram(bytes)
                    && let Some(bytes) = self.receive(now, &request, Transport::Udp)
                {
                    self.out.push_back(Output::Datagram { socket, to: from, bytes });
                }
            }
            Input::Accepted { conn, .. } => self.framers.push((conn, Framer::default())),
            Input::Chunk { conn, bytes } => {
                let Some(index) = self.framers.iter().position(|(c, _)| *c == conn) else { return };
                self.framers[index].1.push(bytes);
                while let Some(frame) = self.framers[index].1.next() {
                    if let Frame::Message(Message::Request(request)) = frame
                        && let Some(bytes) = self.receive(now, &request, Transport::Tcp)
                    {
                        self.out.push_back(Output::Write { conn, bytes });
                    }
                }
            }
            Input::Closed { conn, .. } => self.framers.retain(|(c, _)| *c != conn),
            Input::Timeout
            | Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Route { .. }
            | Input::Connected { .. } => {}
        }
    }

    fn command(&mut self, _: Instant, does: Does) {
        self.does = does;
    }

    fn poll_output(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }
}

/// The file of a rule.
pub(crate) fn bad(code: &str) -> String {
    let bytes = fs::read(folder("tests/rules").join(code).join("bad.cfg")).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// What the phone makes of a file, as far as it takes it.
pub(crate) fn settings(text: &str) -> PhoneSettings {
    let wanted = Wanted::by(text.as_bytes());
    let source = Source { name: "a.cfg", layer: wanted.layer, bytes: text.as_bytes() };
    let (layers, _) = Layers::load(&[source]);
    layers.settings(&wanted.device, &mut Interner::default()).0
}

pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) phone: Handle<Endpoint>,
    servers: Vec<Handle<Registrar>>,
    dns: Handle<NameServer>,
    mac: Mac,
}

/// How a bench differs from the plainest: DNS that knows nothing, servers with any certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Around {
    /// Records of the name server, in master file format.
    pub(crate) zone: &'static str,
    /// What the certificates of the servers name.
    pub(crate) certificate: Option<&'static str>,
    /// The last bytes of the phones' addresses, one phone each; none: one phone.
    pub(crate) phones: Vec<u8>,
}

impl Bench {
    /// A phone with the settings of a file; server N does what `does[N - 1]` says.
    pub(crate) fn new(text: &str, does: &[Does]) -> Self {
        Self::with(text, does, &Around::default())
    }

    pub(crate) fn with(text: &str, does: &[Does], around: &Around) -> Self {
        let mut world = World::new(1);
        let servers = (1..)
            .zip(does)
            .map(|(last, does)| {
                let addr = SocketAddr::from(([192, 0, 2, last], 5060));
                let tls = SocketAddr::new(addr.ip(), 5061);
                let mut place = Addresses::server(addr).listening(Transport::Tls, tls);
                place.udp.push(SocketAddr::new(addr.ip(), 5080));
                if let Some(name) = around.certificate {
                    place = place.showing(Certificate::Names(vec![Name::from(name)]));
                }
                let registrar = Registrar {
                    does: does.clone(),
                    got: Vec::new(),
                    out: VecDeque::new(),
                    framers: Vec::new(),
                };
                world.add(&format!("server{last}"), registrar, place)
            })
            .collect();
        let dns_at = SocketAddr::from(([192, 0, 2, 53], 53));
        let zone =
            Zone::parse(&format!("example.com. 3600 IN SOA a. b. 1 1 1 1 3600\n{}", around.zone));
        let dns = NameServer::new(zone.unwrap(), Rng::new(1));
        let dns = world.add("dns", dns, Addresses::server(dns_at));
        let own = SocketAddr::from(([192, 0, 2, 100], 5060));
        let endpoint = Endpoint::new(EndpointConfig {
            seed: 1,
            secret: [7; 16],
            sockets: vec![(Socket(0), own)],
            listen: vec![(Transport::Tcp, own)],
            advertise: None,
            resolver: locate::ResolverConfig {
                name_servers: vec![dns_at],
                query_timeout: Duration::from_secs(3),
                retry_times: 2,
                serve_stale: None,
                over_tcp: false,
            },
        });
        let phone = world.add("phone", endpoint, Addresses::server(own));
        let settings = settings(text);
        let mac = settings.mac;
        let phones = if around.phones.is_empty() { &[1][..] } else { &around.phones };
        for last in phones {
            let mac = Mac::new([0, 0x15, 0x65, 0, 0, *last]);
            let settings = PhoneSettings { mac, ..settings.clone() };
            world.command(phone, Command::Apply(Box::new(settings)));
        }
        Self { world, phone, servers, dns, mac }
    }

    pub(crate) fn run_to(&mut self, seconds: f64) {
        self.world.run_until(Instant::ZERO + Duration::from_secs_f64(seconds));
    }

    /// From now on server `number` does this.
    pub(crate) fn order(&mut self, number: usize, does: Does) {
        self.world.command(self.servers[number - 1], does);
    }

    /// What server `number` got of this method.
    pub(crate) fn got(&self, number: usize, method: &str) -> Vec<Got> {
        let got = &self.world.node(self.servers[number - 1]).got;
        got.iter().filter(|got| got.method == method).cloned().collect()
    }

    /// When server `number` got a REGISTER.
    pub(crate) fn times(&self, number: usize) -> Vec<f64> {
        self.got(number, "REGISTER").iter().map(|got| got.at).collect()
    }

    /// The questions that DNS got, each once, in order.
    pub(crate) fn questions(&self) -> Vec<(RecordType, String)> {
        let mut questions = Vec::new();
        for query in self.world.node(self.dns).queries() {
            let question = (query.kind, query.name.to_string());
            if !questions.contains(&question) {
                questions.push(question);
            }
        }
        questions
    }

    /// Everything that went over the network.
    pub(crate) fn trace(&self) -> Vec<Row> {
        self.world.trace().rows().cloned().collect()
    }

    /// Calls somebody on account 1.
    pub(crate) fn dial(&mut self) {
        let call = self.world.node_mut(self.phone).new_call_id();
        let dial = Command::Dial { phone: self.mac, account: 1, call, target: "1002".to_owned() };
        self.world.command(self.phone, dial);
        let rtp = SocketAddr::from(([0, 0, 0, 0], 11_780));
        let report = MediaReport::Opened { rtp, rtcp_port: 11_781, key: [7; 30] };
        self.world.command(self.phone, Command::Media { call, report });
    }

    /// Sends an OPTIONS to the Contact that server 1 got, from an address that is none of the phone's
    /// servers; says how many answers come.
    pub(crate) fn ask_as_stranger(&mut self) -> usize {
        let stranger = SocketAddr::from(([192, 0, 2, 66], 5060));
        let contact = self.got(1, "REGISTER")[0].contact.clone();
        let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
        let text = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKx\r\n\
             From: <sip:x@192.0.2.66>;tag=1\r\nTo: <{uri}>\r\nCall-ID: x\r\n\
             CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        let to = SocketAddr::from(([192, 0, 2, 100], 5060));
        let now = self.world.now();
        let caller = Caller { text: Some(text), at: now + Duration::from_secs(1), to };
        self.world.add("stranger", caller, Addresses::udp(stranger));
        self.run_to(now.as_secs_f64() + 5.0);
        assert_eq!(self.world.trace().from(stranger).count(), 1);
        self.world.trace().to(stranger).count()
    }
}

/// Sends one datagram at a set time.
struct Caller {
    text: Option<String>,
    at: Instant,
    to: SocketAddr,
}

impl Node for Caller {
    type Command = ();
    type Event = ();

    fn handle(&mut self, now: Instant, _: Input<'_>) {
        self.at = self.at.max(now);
    }

    fn command(&mut self, _: Instant, (): ()) {}

    fn poll_output(&mut self) -> Option<Output<()>> {
        let bytes = bytes::Bytes::from(self.text.take()?);
        Some(Output::Datagram { socket: Socket(0), to: self.to, bytes })
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.text.as_ref().map(|_| (self.at, Reason("send")))
    }
}
