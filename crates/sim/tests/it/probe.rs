//! A node that does what it is told and tells all that it hears.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use net::{Cause, Conn, Input, Instant, Node, Output, Peer, Reason, Socket, Transport};
use sim::{Addresses, Handle, World};

#[derive(Default)]
pub(crate) struct Probe {
    outputs: VecDeque<Output<Heard>>,
    wake: Option<Instant>,
    echo: bool,
}

pub(crate) enum Order {
    Do(Output<Heard>),
    WakeAt(Instant),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Woke,
    Datagram { socket: Socket, from: SocketAddr, bytes: Vec<u8> },
    Unreachable { to: SocketAddr, cause: Cause, quoted: usize },
    Overflow(u32),
    Route(IpAddr, Result<IpAddr, Cause>),
    Connected(Conn, Option<String>),
    Accepted(Conn, Transport),
    Chunk(Conn, Vec<u8>),
    Closed(Conn, Cause),
}

impl Probe {
    /// A probe that sends back whatever it gets.
    pub(crate) fn echo() -> Self {
        Self { echo: true, ..Self::default() }
    }

    fn hear(&mut self, heard: Heard) {
        self.outputs.push_back(Output::Event(heard));
    }
}

impl Node for Probe {
    type Command = Order;
    type Event = Heard;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => {
                if self.wake.take_if(|at| *at <= now).is_some() {
                    self.hear(Heard::Woke);
                }
            }
            Input::Datagram { socket, from, bytes } => {
                if self.echo {
                    let bytes = Bytes::copy_from_slice(bytes);
                    self.outputs.push_back(Output::Datagram { socket, to: from, bytes });
                }
                self.hear(Heard::Datagram { socket, from, bytes: bytes.to_vec() });
            }
            Input::Unreachable { to, cause, quoted, .. } => {
                self.hear(Heard::Unreachable { to, cause, quoted: quoted.len() });
            }
            Input::Overflow { dropped, .. } => self.hear(Heard::Overflow(dropped)),
            Input::Route { to, from } => self.hear(Heard::Route(to, from)),
            Input::Connected { conn, verified, .. } => {
                self.hear(Heard::Connected(conn, verified.map(|name| name.to_string())));
            }
            Input::Accepted { conn, transport, .. } => self.hear(Heard::Accepted(conn, transport)),
            Input::Chunk { conn, bytes } => {
                if self.echo {
                    let bytes = Bytes::copy_from_slice(bytes);
                    self.outputs.push_back(Output::Write { conn, bytes });
                }
                self.hear(Heard::Chunk(conn, bytes.to_vec()));
            }
            Input::Closed { conn, cause } => self.hear(Heard::Closed(conn, cause)),
        }
    }

    fn command(&mut self, _: Instant, order: Order) {
        match order {
            Order::Do(output) => self.outputs.push_back(output),
            Order::WakeAt(at) => self.wake = Some(at),
        }
    }

    fn poll_output(&mut self) -> Option<Output<Heard>> {
        self.outputs.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.wake.map(|at| (at, Reason("ordered")))
    }
}

pub(crate) fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address of a test")
}

pub(crate) const CLIENT: &str = "10.0.0.1:5060";
pub(crate) const SERVER: &str = "10.0.0.2:5060";

/// A silent client and an echoing server.
pub(crate) fn pair(world: &mut World) -> (Handle<Probe>, Handle<Probe>) {
    let client = world.add("client", Probe::default(), Addresses::server(addr(CLIENT)));
    let listening =
        Addresses::server(addr(SERVER)).listening(Transport::Tls, addr("10.0.0.2:5061"));
    let server = world.add("server", Probe::echo(), listening);
    (client, server)
}

pub(crate) fn send(world: &mut World, from: Handle<Probe>, to: &str, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let output = Output::Datagram { socket: Socket(0), to: addr(to), bytes };
    world.command(from, Order::Do(output));
}

pub(crate) fn connect(
    world: &mut World,
    from: Handle<Probe>,
    transport: Transport,
    to: &str,
    name: &str,
) {
    let to = Peer { transport, addr: addr(to), name: name.into(), owner: 0 };
    let deadline = world.now() + std::time::Duration::from_secs(4);
    world.command(from, Order::Do(Output::Connect { conn: Conn(1), to, deadline }));
}

pub(crate) fn write(world: &mut World, from: Handle<Probe>, conn: Conn, text: &[u8]) {
    let bytes = Bytes::copy_from_slice(text);
    world.command(from, Order::Do(Output::Write { conn, bytes }));
}

pub(crate) fn heard(world: &mut World, probe: Handle<Probe>) -> Vec<Heard> {
    world.take_events(probe).into_iter().map(|(_, event)| event).collect()
}

/// What came over the connections of a probe, in one piece.
pub(crate) fn stream(world: &World, probe: Handle<Probe>) -> Vec<u8> {
    let mut all = Vec::new();
    for (_, event) in world.events(probe) {
        if let Heard::Chunk(_, bytes) = event {
            all.extend_from_slice(bytes);
        }
    }
    all
}
