//! A client that sends what a test writes and tells what it hears; and a world with one server.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use lab::{Authentication, Config, Database, Event, Registrar, User};
use net::{Cause, Conn, Input, Instant, Node, Output, Peer, Reason, Socket, Transport};
use sim::{Addresses, Handle, Network, World};
use sip::digest::{Credentials, authorization, choose};
use sip::{Frame, Framer, Message, Method, Request, Response, Writer, parse_datagram};

/// Sends what it is told and tells what it hears; over a stream, too, if it has one.
#[derive(Default)]
pub(crate) struct Ua {
    outputs: VecDeque<Output<Heard>>,
    framer: Framer,
    stream: Option<Conn>,
}

pub(crate) enum Order {
    Send(SocketAddr, Bytes),
    Connect(Peer),
    Close,
}

#[derive(Debug)]
pub(crate) enum Heard {
    Message(Message),
    Pong,
    Connected,
    Closed(Cause),
}

impl Node for Ua {
    type Command = Order;
    type Event = Heard;

    fn handle(&mut self, _: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { bytes, .. } => {
                let message = parse_datagram(bytes).expect("a server sends good messages");
                self.outputs.push_back(Output::Event(Heard::Message(message)));
            }
            Input::Accepted { conn, .. } => self.stream = Some(conn),
            Input::Connected { conn, .. } => {
                self.stream = Some(conn);
                self.outputs.push_back(Output::Event(Heard::Connected));
            }
            Input::Chunk { bytes, .. } => {
                self.framer.push(bytes);
                while let Some(frame) = self.framer.next() {
                    let heard = match frame {
                        Frame::Message(message) => Heard::Message(message),
                        Frame::Pong => Heard::Pong,
                        other @ (Frame::Ping | Frame::Fault(_)) => panic!("{other:?}"),
                    };
                    self.outputs.push_back(Output::Event(heard));
                }
            }
            Input::Closed { cause, .. } => {
                self.stream = None;
                self.outputs.push_back(Output::Event(Heard::Closed(cause)));
            }
            Input::Timeout
            | Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Route { .. } => {}
        }
    }

    fn command(&mut self, now: Instant, order: Order) {
        self.outputs.push_back(match (order, self.stream) {
            (Order::Send(_, bytes), Some(conn)) => Output::Write { conn, bytes },
            (Order::Send(to, bytes), None) => Output::Datagram { socket: Socket(0), to, bytes },
            (Order::Connect(to), _) => {
                let deadline = now + Duration::from_secs(5);
                Output::Connect { conn: Conn(1), to, deadline }
            }
            (Order::Close, Some(conn)) => {
                self.stream = None;
                Output::Close { conn }
            }
            (Order::Close, None) => panic!("there is no stream"),
        });
    }

    fn poll_output(&mut self) -> Option<Output<Heard>> {
        self.outputs.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }
}

pub(crate) const SERVER: &str = "10.0.0.1:5060";
pub(crate) const SERVER_TLS: &str = "10.0.0.1:5061";
pub(crate) const DOMAIN: &str = "lab.test";

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address of a test")
}

pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) server: Handle<Registrar>,
    /// 10.0.0.11:5060, 10.0.0.12:5060 …
    pub(crate) uas: Vec<Handle<Ua>>,
    counter: u32,
}

pub(crate) fn config() -> Config {
    let sip = addr(SERVER);
    let sockets =
        vec![(Transport::Udp, sip), (Transport::Tcp, sip), (Transport::Tls, addr(SERVER_TLS))];
    let mut config = Config::new("primary", DOMAIN, sockets);
    config.users = vec![User::new("1001", "pw1"), User::new("1002", "pw2")];
    config
}

/// A configuration without passwords.
pub(crate) fn open_config() -> Config {
    Config { authentication: Authentication::None, ..config() }
}

impl Bench {
    pub(crate) fn new(config: Config) -> Self {
        Self::with(config, Network::default())
    }

    pub(crate) fn with(config: Config, network: Network) -> Self {
        let mut world = World::with(1, network);
        let node = Registrar::new(config, Database::new(), world.rng("server"));
        let place = Addresses::server(addr(SERVER)).listening(Transport::Tls, addr(SERVER_TLS));
        let server = world.add("primary", node, place);
        let uas = (11..15)
            .map(|last| {
                let own = SocketAddr::from(([10, 0, 0, last], 5060));
                world.add(&format!("ua{last}"), Ua::default(), Addresses::server(own))
            })
            .collect();
        Self { world, server, uas, counter: 0 }
    }

    /// The address of a client.
    pub(crate) fn at(&self, ua: usize) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 11 + u8::try_from(ua).unwrap()], 5060))
    }

    pub(crate) fn send(&mut self, ua: usize, bytes: Bytes) {
        self.world.command(self.uas[ua], Order::Send(addr(SERVER), bytes));
    }

    /// What a client hears within some milliseconds.
    pub(crate) fn listen(&mut self, ua: usize, millis: u64) -> Vec<Message> {
        self.world.run_for(Duration::from_millis(millis));
        let heard = self.world.take_events(self.uas[ua]);
        heard
            .into_iter()
            .filter_map(|(_, heard)| if let Heard::Message(m) = heard { Some(m) } else { None })
            .collect()
    }

    /// What was heard besides messages.
    pub(crate) fn hear(&mut self, ua: usize, millis: u64) -> Vec<Heard> {
        self.world.run_for(Duration::from_millis(millis));
        self.world.take_events(self.uas[ua]).into_iter().map(|(_, heard)| heard).collect()
    }

    /// Sends a request and returns the one final response that comes within a tenth of a second.
    pub(crate) fn ask(&mut self, ua: usize, request: Bytes) -> Response {
        self.send(ua, request);
        self.response(ua).expect("an answer")
    }

    /// The last response heard within a tenth of a second.
    pub(crate) fn response(&mut self, ua: usize) -> Option<Response> {
        self.listen(ua, 100).into_iter().rev().find_map(|message| match message {
            Message::Response(response) => Some(response),
            Message::Request(_) => None,
        })
    }

    /// The last request heard within a tenth of a second.
    pub(crate) fn request(&mut self, ua: usize) -> Option<Request> {
        self.listen(ua, 100).into_iter().rev().find_map(|message| match message {
            Message::Request(request) => Some(request),
            Message::Response(_) => None,
        })
    }

    /// A number that no earlier call gave.
    pub(crate) fn next(&mut self) -> u32 {
        self.counter += 1;
        self.counter
    }

    /// Begins a request of a client with a branch of its own.
    pub(crate) fn begin(&mut self, ua: usize, method: &Method, uri: &str) -> Writer {
        self.begin_over(Transport::Udp, ua, method, uri)
    }

    pub(crate) fn begin_over(
        &mut self,
        transport: Transport,
        ua: usize,
        method: &Method,
        uri: &str,
    ) -> Writer {
        let (number, own) = (self.next(), self.at(ua));
        Writer::request(method, uri)
            .via(transport, own, &format!("z9hG4bK-{number}"))
            .header("Max-Forwards", 70)
            .header("CSeq", format_args!("{number} {method}"))
    }

    /// A REGISTER of a user, with further header fields.
    pub(crate) fn register(&mut self, ua: usize, user: &str, fields: &[(&str, &str)]) -> Bytes {
        self.register_over(Transport::Udp, ua, user, fields)
    }

    pub(crate) fn register_over(
        &mut self,
        transport: Transport,
        ua: usize,
        user: &str,
        fields: &[(&str, &str)],
    ) -> Bytes {
        let aor = format!("<sip:{user}@{DOMAIN}>");
        let mut writer = self
            .begin_over(transport, ua, &Method::Register, &format!("sip:{DOMAIN}"))
            .header("From", format_args!("{aor};tag=f"))
            .header("To", &aor)
            .header("Call-ID", format_args!("call-{ua}"));
        for (name, value) in fields {
            writer = writer.header(name, value);
        }
        writer.finish(None)
    }

    /// Binds a client's plain contact where no password is asked for.
    pub(crate) fn bind(&mut self, ua: usize, user: &str) {
        let contact = format!("<sip:{user}@{};line={ua}>", self.at(ua));
        let request = self.register(ua, user, &[("Contact", &contact), ("Expires", "600")]);
        assert_eq!(self.ask(ua, request).status(), 200);
    }

    /// The credentials that a challenge asks for, for a REGISTER.
    pub(crate) fn credentials(
        challenged: &Response,
        (user, password): (&str, &str),
        nc: u32,
    ) -> (&'static str, String) {
        let challenges = challenged.challenges();
        let challenge = choose(&challenges).expect("a challenge");
        let credentials = Credentials { user, password };
        let uri = format!("sip:{DOMAIN}");
        authorization(challenge, &credentials, &Method::Register, &uri, nc, "cn", b"")
    }

    /// Connects a client to the server.
    pub(crate) fn connect(&mut self, ua: usize, transport: Transport, to: &str) {
        let to = Peer { transport, addr: addr(to), name: DOMAIN.into(), owner: 0 };
        self.world.command(self.uas[ua], Order::Connect(to));
        let heard = self.hear(ua, 100);
        assert!(matches!(heard[..], [Heard::Connected]), "{heard:?}");
    }

    /// Lets the next number be above this one.
    pub(crate) fn counter_to(&mut self, number: u32) {
        self.counter = number;
    }

    /// The events of the server so far.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.world.take_events(self.server).into_iter().map(|(_, event)| event).collect()
    }
}

/// Answers a request as its receiver does.
pub(crate) fn answer(request: &Request, status: u16, tag: &str, contact: &str) -> Bytes {
    Writer::response(request, status, "Answer", Some(tag), addr(SERVER))
        .record_routes_of(request)
        .header("Contact", contact)
        .finish(None)
}
