//! A bench in virtual time: one phone, a few scripted registrars, and questions about what they got.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use locate::ResolverConfig;
use net::{Conn, Input, Instant, Node, Output, Reason, Socket, Transport};
use params::{Device, Interner, Layer, Layers, Mac, PhoneSettings, Source};
use phone::{CallId, Command, Endpoint, EndpointConfig, Event, EventKind, MediaReport};
use sim::{Addresses, Handle, World};
use sip::{Frame, Framer, Message, Request, Writer};

pub fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub fn at(seconds: f64) -> Instant {
    Instant::ZERO + Duration::from_secs_f64(seconds)
}

/// The address of server number `last` at the standard port.
pub fn server(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 5060))
}

/// What a scripted registrar does with a REGISTER.
#[derive(Clone, Debug, PartialEq)]
pub enum Does {
    /// Grants what is asked, at most this many seconds.
    Grant(u32),
    /// Says nothing.
    Mute,
    /// Answers with this status and these header fields.
    Status(u16, &'static str),
    /// The first answer of the list once, then the next.
    Then(Vec<Does>),
}

/// What a scripted registrar does with an INVITE, as the proxy in front of the other phone.
#[derive(Clone, Debug, PartialEq)]
pub enum Invite {
    /// Says nothing.
    Mute,
    /// Answers with this status.
    Status(u16),
    /// 180 and nothing more.
    Ring,
    /// 180, and 200 with a session description.
    Answer,
}

/// One request as a registrar got it.
#[derive(Clone, Debug)]
pub struct Got {
    pub at: Instant,
    pub method: String,
    pub call_id: String,
    pub cseq: u32,
    pub branch: String,
    pub uri: String,
    pub to: String,
    pub contact: String,
    pub route: Option<String>,
    pub fields: Vec<(String, String)>,
    pub authorization: Option<String>,
    pub expires: Option<u32>,
    pub retransmission: bool,
}

/// A registrar that does what it is told and remembers what it got.
#[derive(Debug)]
pub struct Registrar {
    pub does: Does,
    pub invite: Invite,
    /// The Record-Route of answers to INVITE.
    pub record_route: Option<&'static str>,
    tag: String,
    /// INVITEs that rang, to be answered or ended later.
    pub rung: Vec<(Request, Option<SocketAddr>)>,
    pub got: Vec<Got>,
    out: VecDeque<Output<()>>,
    framers: Vec<(Conn, Framer)>,
}

enum Way {
    Udp(Socket, SocketAddr),
    Stream(Conn, SocketAddr),
}

impl Way {
    fn answer(self, bytes: bytes::Bytes) -> Output<()> {
        match self {
            Way::Udp(socket, to) => Output::Datagram { socket, to, bytes },
            Way::Stream(conn, _) => Output::Write { conn, bytes },
        }
    }
}

impl Registrar {
    fn new(does: Does, tag: String) -> Self {
        Self {
            does,
            invite: Invite::Answer,
            record_route: None,
            tag,
            rung: Vec::new(),
            got: Vec::new(),
            out: VecDeque::new(),
            framers: Vec::new(),
        }
    }

    fn receive(&mut self, now: Instant, way: Way, request: &Request) {
        let text = |name: &str| request.header(name).map(str::to_owned);
        let retransmission = self.got.iter().any(|got| got.branch == request.branch());
        self.got.push(Got {
            at: now,
            method: request.method().to_string(),
            call_id: request.call_id().to_owned(),
            cseq: request.cseq(),
            branch: request.branch().to_owned(),
            uri: request.uri().to_owned(),
            to: request.to_uri().to_owned(),
            contact: text("Contact").unwrap_or_default(),
            route: text("Route"),
            fields: request
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            authorization: text("Authorization").or_else(|| text("Proxy-Authorization")),
            expires: request.expires(),
            retransmission,
        });
        let does = match &mut self.does {
            Does::Then(list) if !retransmission && list.len() > 1 => list.remove(0),
            Does::Then(list) => list[0].clone(),
            other => other.clone(),
        };
        let from = match way {
            Way::Udp(_, from) | Way::Stream(_, from) => from,
        };
        if *request.method() == sip::Method::Invite {
            return self.invited(way, request);
        }
        if *request.method() == sip::Method::Ack {
            return;
        }
        if *request.method() != sip::Method::Register {
            return self.out.push_back(
                way.answer(Writer::response(request, 200, "OK", Some("srv"), from).finish(None)),
            );
        }
        let answer = match does {
            Does::Mute | Does::Then(_) => return,
            Does::Grant(most) => {
                let expires = request.expires().unwrap_or(3600).min(most);
                let contact = text("Contact").unwrap_or_default();
                Writer::response(request, 200, "OK", Some("srv"), from)
                    .header("Contact", format_args!("{contact};expires={expires}"))
                    .finish(None)
            }
            Does::Status(status, fields) => {
                let mut writer = Writer::response(request, status, "Said", Some("srv"), from);
                for field in fields.split('\n').filter(|field| !field.is_empty()) {
                    let (name, value) = field.split_once(": ").expect("a header field");
                    writer = writer.header(name, value);
                }
                writer.finish(None)
            }
        };
        self.out.push_back(way.answer(answer));
    }
}

/// The session description of the other side.
pub const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.200\r\ns=-\r\nc=IN IP4 192.0.2.200\r\nt=0 0\r\n\
m=audio 4000 RTP/AVP 8 0\r\na=rtpmap:8 PCMA/8000\r\n";

impl Registrar {
    fn invited(&mut self, way: Way, request: &Request) {
        let from = match way {
            Way::Udp(_, from) | Way::Stream(_, from) => from,
        };
        let says =
            |status, reason| Writer::response(request, status, reason, Some(&self.tag), from);
        match self.invite {
            Invite::Mute => {}
            Invite::Status(status) => {
                self.out.push_back(way.answer(says(status, "Said").finish(None)));
            }
            Invite::Ring => {
                self.rung.push((request.clone(), Some(from)));
                self.out.push_back(way.answer(says(180, "Ringing").finish(None)));
            }
            Invite::Answer => {
                let bytes = accept(request, from, (&self.tag, self.record_route));
                self.out.push_back(way.answer(bytes));
            }
        }
    }

    /// Answers the INVITE that came last, whenever that was, with this status.
    pub fn answer_last(&mut self, status: u16) {
        let (request, from) = self.rung.last().cloned().expect("an INVITE that rang");
        let to = from.expect("over UDP");
        let bytes = if status == 200 {
            accept(&request, to, (&self.tag, self.record_route))
        } else {
            Writer::response(&request, status, "Said", Some(&self.tag), to).finish(None)
        };
        self.out.push_back(Output::Datagram { socket: Socket(0), to, bytes });
    }
}

/// The 200 OK of the other phone, whose Contact is the server itself.
fn accept(
    request: &Request,
    from: SocketAddr,
    (tag, record_route): (&str, Option<&str>),
) -> bytes::Bytes {
    let mut writer = Writer::response(request, 200, "OK", Some(tag), from);
    if let Some(route) = record_route {
        writer = writer.header("Record-Route", route);
    }
    writer
        .header("Contact", "<sip:1002@192.0.2.200:5060>")
        .finish(Some(("application/sdp", SDP.as_bytes())))
}

impl Node for Registrar {
    type Command = Does;
    type Event = ();

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { socket, from, bytes } => {
                if let Ok(Message::Request(request)) = sip::parse_datagram(bytes) {
                    self.receive(now, Way::Udp(socket, from), &request);
                }
            }
            Input::Accepted { conn, .. } => self.framers.push((conn, Framer::default())),
            Input::Chunk { conn, bytes } => {
                let Some(index) = self.framers.iter().position(|(c, _)| *c == conn) else { return };
                self.framers[index].1.push(bytes);
                while let Some(frame) = self.framers[index].1.next() {
                    if let Frame::Message(Message::Request(request)) = frame {
                        let from = SocketAddr::from(([192, 0, 2, 100], 5060));
                        self.receive(now, Way::Stream(conn, from), &request);
                    }
                }
            }
            Input::Closed { conn, .. } => self.framers.retain(|(c, _)| *c != conn),
            _ => {}
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

pub const MAC: &str = "001565000001";

/// The settings that `lines` of a configuration file make.
pub fn settings(lines: &str) -> PhoneSettings {
    settings_for(&Device::default(), lines)
}

/// What a model with a firmware makes of them.
pub fn settings_for(device: &Device, lines: &str) -> PhoneSettings {
    let text = format!(
        "account.1.enable = 1\naccount.1.user_name = 1001\naccount.1.password = pw\n{lines}\n"
    );
    let source = Source { name: "phone.cfg", layer: Layer::Mac, bytes: text.as_bytes() };
    let (layers, findings) = Layers::load(&[source]);
    assert!(findings.is_empty(), "{findings:?}");
    let device = Device { mac: MAC.parse().unwrap(), ..*device };
    let (settings, errors) = layers.settings(&device, &mut Interner::default());
    assert!(errors.is_empty(), "{errors:?}");
    settings
}

/// Lines that name two or three next hops of one server by static records: `pbx.test` is
/// 192.0.2.1, .2 and so on.
pub fn hops(count: u8) -> String {
    let mut lines = String::from("account.1.sip_server.1.address = pbx.test\n");
    for n in 1..=count {
        lines += &format!("dns_cache_a.{n}.name = pbx.test\ndns_cache_a.{n}.ip = 192.0.2.{n}\n");
    }
    lines
}

/// A phone and registrars at 192.0.2.1, .2, …
pub struct Bench {
    pub world: World,
    pub phone: Handle<Endpoint>,
    pub servers: Vec<Handle<Registrar>>,
}

impl Bench {
    /// A bench whose phone has the settings of `lines`; server N does what `does[N - 1]` says.
    pub fn new(lines: &str, does: &[Does]) -> Self {
        Self::seeded(1, lines, does)
    }

    pub fn seeded(seed: u64, lines: &str, does: &[Does]) -> Self {
        let own = SocketAddr::from(([192, 0, 2, 100], 5060));
        let mut bench = Self::without_phone(seed, own, does);
        bench.apply(lines);
        bench
    }

    /// A bench whose endpoint believes that its socket is bound to `bound`.
    pub fn without_phone(seed: u64, bound: SocketAddr, does: &[Does]) -> Self {
        let nobody = ResolverConfig { name_servers: Vec::new(), ..ResolverConfig::default() };
        Self::resolving(seed, bound, does, nobody)
    }

    /// A bench whose phone asks the name servers of its settings, as the settings say.
    pub fn asking(lines: &str, does: &[Does]) -> Self {
        let dns = settings(lines).common.dns.clone();
        let own = SocketAddr::from(([192, 0, 2, 100], 5060));
        let resolver = ResolverConfig {
            name_servers: dns.servers.iter().map(|ip| SocketAddr::new(*ip, 53)).collect(),
            query_timeout: s(dns.query_timeout_s.into()),
            retry_times: dns.retry_times.try_into().unwrap(),
            serve_stale: dns.last_cache_expired_s.map(|seconds| s(seconds.into())),
            over_tcp: dns.over_tcp,
        };
        Self::resolving(1, own, does, resolver)
    }

    fn resolving(seed: u64, bound: SocketAddr, does: &[Does], resolver: ResolverConfig) -> Self {
        let mut world = World::new(seed);
        let servers = (1..)
            .zip(does)
            .map(|(last, does)| {
                let addr = server(last);
                let tls = SocketAddr::new(addr.ip(), 5061);
                let place = Addresses::server(addr).listening(Transport::Tls, tls);
                world.add(
                    &format!("server{last}"),
                    Registrar::new(does.clone(), format!("callee{last}")),
                    place,
                )
            })
            .collect();
        let own = SocketAddr::from(([192, 0, 2, 100], 5060));
        let endpoint = Endpoint::new(EndpointConfig {
            seed,
            secret: [7; 16],
            sockets: vec![(Socket(0), bound)],
            listen: vec![(Transport::Tcp, bound)],
            advertise: None,
            resolver,
        });
        let phone = world.add("phone", endpoint, Addresses::server(own));
        Self { world, phone, servers }
    }

    pub fn apply(&mut self, lines: &str) {
        let settings = Box::new(settings(lines));
        self.world.command(self.phone, Command::Apply(settings));
    }

    /// Adds `count` phones with the same settings and addresses of their own.
    pub fn add_phones(&mut self, count: u8, lines: &str) {
        for last in 0..count {
            let mac = Mac::new([0, 0x15, 0x65, 1, 0, last]);
            let settings = Box::new(PhoneSettings { mac, ..settings(lines) });
            self.world.command(self.phone, Command::Apply(settings));
        }
    }

    pub fn run_to(&mut self, seconds: f64) {
        self.world.run_until(at(seconds));
    }

    /// From now on server `number` does this.
    pub fn order(&mut self, number: usize, does: Does) {
        self.world.command(self.servers[number - 1], does);
    }

    /// Server `number` sends these bytes to the phone.
    pub fn send(&mut self, number: usize, bytes: String) {
        let to = SocketAddr::from(([192, 0, 2, 100], 5060));
        let registrar = self.world.node_mut(self.servers[number - 1]);
        let datagram = Output::Datagram { socket: Socket(0), to, bytes: bytes.into() };
        registrar.out.push_back(datagram);
        let does = registrar.does.clone();
        self.order(number, does);
    }

    /// From now on server `number` does this with an INVITE.
    pub fn order_invite(&mut self, number: usize, invite: Invite) {
        self.world.node_mut(self.servers[number - 1]).invite = invite;
    }

    /// What server `number` got of this method.
    pub fn got_of(&self, number: usize, method: &str) -> Vec<Got> {
        self.got(number).iter().filter(|got| got.method == method).cloned().collect()
    }

    /// Calls `target` on account 1 and gives it ports for media.
    pub fn dial(&mut self, target: &str) -> CallId {
        let call = self.world.node_mut(self.phone).new_call_id();
        let dial = Command::Dial {
            phone: MAC.parse().unwrap(),
            account: 1,
            call,
            target: target.to_owned(),
        };
        self.world.command(self.phone, dial);
        self.open_media(call);
        call
    }

    /// The ports that the call asked for.
    pub fn open_media(&mut self, call: CallId) {
        let rtp = SocketAddr::from(([0, 0, 0, 0], 11_780));
        let report = MediaReport::Opened { rtp, rtcp_port: 11_781, key: [7; 30] };
        self.world.command(self.phone, Command::Media { call, report });
    }

    /// The states of all calls so far, as `ringing 180` or `ended - hung_up`.
    pub fn call_story(&self) -> Vec<String> {
        let told = |kind: &&EventKind| match kind {
            EventKind::Call { state, status, why, .. } => {
                let status = status.map_or("-".to_owned(), |status| status.to_string());
                let why = why.map(|why| format!(" {why}")).unwrap_or_default();
                Some(format!("{} {status}{why}", state.as_str()))
            }
            _ => None,
        };
        self.events().iter().filter_map(told).collect()
    }

    /// Everything that server `number` got.
    pub fn got(&self, number: usize) -> &[Got] {
        &self.world.node(self.servers[number - 1]).got
    }

    /// When server `number` got something, in seconds rounded to the tenth.
    pub fn times(&self, number: usize) -> Vec<f64> {
        self.got(number).iter().map(|got| (got.at.as_secs_f64() * 10.0).round() / 10.0).collect()
    }

    pub fn events(&self) -> Vec<&EventKind> {
        self.world
            .events(self.phone)
            .iter()
            .map(|(_, event): &(Instant, Event)| &event.kind)
            .collect()
    }

    /// The moves so far, as `failover REGISTER 192.0.2.1 > 192.0.2.2 timed_out`.
    pub fn moves(&self) -> Vec<String> {
        let told = |kind: &&EventKind| match kind {
            EventKind::Moved { kind, method, from, to, why, .. } => Some(format!(
                "{} {method} {} > {} {why}",
                kind.as_str(),
                from.addr.ip(),
                to.addr.ip()
            )),
            _ => None,
        };
        self.events().iter().filter_map(told).collect()
    }

    /// The next hops that hold a lease that is not in doubt, by the last byte of their address.
    pub fn registered(&self) -> Vec<u8> {
        let views = self.world.node(self.phone).views(self.world.now());
        let servers = views.into_iter().flat_map(|phone| phone.accounts).flat_map(|a| a.servers);
        servers
            .filter(|server| server.registered)
            .filter_map(|server| server.lease)
            .map(|lease| match lease.next_hop.addr {
                SocketAddr::V4(addr) => addr.ip().octets()[3],
                SocketAddr::V6(_) => 0,
            })
            .collect()
    }

    /// The word that the page shows for account 1.
    pub fn status(&self) -> &'static str {
        self.world.node(self.phone).views(self.world.now())[0].accounts[0].status.as_str()
    }
}
