use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use host::{Bindings, Bound, Clock, Handle, Host, Plan, ReceiveBuffer, Tap, Turn};
use net::{Cause, Conn, Input, Instant, Node, Output, Peer, Reason, Socket, Transport};

/// A node that says what it hears and does what it is told.
#[derive(Default)]
pub(crate) struct Probe {
    outputs: VecDeque<Output<Heard>>,
    pub(crate) manners: Manners,
    pub(crate) timers: Vec<Instant>,
}

/// What a probe does by itself.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Nothing.
    #[default]
    Silent,
    /// It sends back what comes.
    Echo,
}

/// What a probe was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Timeout(Instant),
    Datagram { socket: Socket, from: SocketAddr, bytes: Vec<u8> },
    Unreachable { socket: Socket, to: SocketAddr, cause: Cause, quoted: Vec<u8> },
    Overflow { socket: Socket, dropped: u32 },
    Route { to: IpAddr, from: Result<IpAddr, Cause> },
    Connected { conn: Conn, local: SocketAddr, verified: Option<String> },
    Accepted { conn: Conn, transport: Transport, local: SocketAddr, from: SocketAddr },
    Chunk { conn: Conn, bytes: Vec<u8> },
    Closed { conn: Conn, cause: Cause },
}

impl Probe {
    /// Adds a probe to a loop; what it hears comes out of the receiver.
    pub(crate) fn add(
        host: &mut Host,
        bindings: Bindings,
        manners: Manners,
        tap: Option<Box<dyn Tap>>,
    ) -> (Handle<Self>, mpsc::Receiver<Heard>) {
        let (tell, heard) = mpsc::channel();
        let plan = Plan {
            bindings,
            clock: Clock::start(),
            events: Box::new(move |_, event| {
                // A test that has seen enough no longer listens.
                drop(tell.send(event));
            }),
            tap,
        };
        (host.add(plan, |_| Self { manners, ..Self::default() }).unwrap(), heard)
    }

    fn echo(&mut self, input: &Input<'_>) {
        match *input {
            Input::Datagram { socket, from, bytes } => {
                let bytes = bytes.to_vec().into();
                self.outputs.push_back(Output::Datagram { socket, to: from, bytes });
            }
            Input::Chunk { conn, bytes } => {
                self.outputs.push_back(Output::Write { conn, bytes: bytes.to_vec().into() });
            }
            _ => {}
        }
    }
}

impl Node for Probe {
    type Command = Output<Heard>;
    type Event = Heard;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        if self.manners == Manners::Echo {
            self.echo(&input);
        }
        let heard = match input {
            Input::Timeout => {
                // One at a time, so that each is heard of.
                let first = self.timers.iter().enumerate().min_by_key(|(_, due)| **due);
                if let Some((index, _)) = first.filter(|(_, due)| **due <= now) {
                    self.timers.remove(index);
                }
                Heard::Timeout(now)
            }
            Input::Datagram { socket, from, bytes } => {
                Heard::Datagram { socket, from, bytes: bytes.to_vec() }
            }
            Input::Unreachable { socket, to, cause, quoted } => {
                Heard::Unreachable { socket, to, cause, quoted: quoted.to_vec() }
            }
            Input::Overflow { socket, dropped } => Heard::Overflow { socket, dropped },
            Input::Route { to, from } => Heard::Route { to, from },
            Input::Connected { conn, local, verified } => {
                Heard::Connected { conn, local, verified: verified.map(ToString::to_string) }
            }
            Input::Accepted { conn, transport, local, from } => {
                Heard::Accepted { conn, transport, local, from }
            }
            Input::Chunk { conn, bytes } => Heard::Chunk { conn, bytes: bytes.to_vec() },
            Input::Closed { conn, cause } => Heard::Closed { conn, cause },
        };
        self.outputs.push_back(Output::Event(heard));
    }

    fn command(&mut self, _now: Instant, command: Self::Command) {
        self.outputs.push_back(command);
    }

    fn poll_output(&mut self) -> Option<Output<Heard>> {
        self.outputs.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.timers.iter().min().map(|due| (*due, Reason("test")))
    }
}

/// A probe in a thread of its own; it stops when dropped.
pub(crate) struct Running {
    pub(crate) handle: Handle<Probe>,
    heard: mpsc::Receiver<Heard>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub(crate) fn start(bindings: Bindings, manners: Manners) -> Self {
        Self::prepare(bindings, manners, None, |_| {})
    }

    /// Runs with somebody who looks on.
    pub(crate) fn watched(bindings: Bindings, manners: Manners, tap: Box<dyn Tap>) -> Self {
        Self::prepare(bindings, manners, Some(tap), |_| {})
    }

    /// Binds, lets `before` act while the node does not run yet, and runs it.
    pub(crate) fn prepare(
        bindings: Bindings,
        manners: Manners,
        tap: Option<Box<dyn Tap>>,
        before: impl FnOnce(&Bound),
    ) -> Self {
        let mut host = Host::new().unwrap();
        let (handle, heard) = Probe::add(&mut host, bindings, manners, tap);
        before(handle.bound());
        let thread = host.spawn("probe").unwrap();
        Self { handle, heard, thread: Some(thread) }
    }

    pub(crate) fn udp(&self) -> SocketAddr {
        self.handle.bound().udp[0]
    }

    pub(crate) fn order(&self, output: Output<Heard>) {
        self.handle.command_blocking(output).unwrap();
    }

    pub(crate) fn send(&self, to: SocketAddr, bytes: &'static [u8]) {
        self.order(Output::Datagram { socket: Socket(0), to, bytes: bytes.into() });
    }

    pub(crate) fn listen(&self) -> SocketAddr {
        self.handle.bound().listen[0].1
    }

    /// Connects with a deadline that only a failing test, or one about deadlines, meets.
    pub(crate) fn connect(&self, conn: u64, transport: Transport, addr: SocketAddr, name: &str) {
        self.connect_within(conn, Peer { transport, addr, name: name.into(), owner: 0 }, PATIENCE);
    }

    pub(crate) fn connect_within(&self, conn: u64, to: Peer, patience: Duration) {
        let order = move |probe: &mut Probe, now: Instant| {
            let deadline = now + patience;
            probe.command(now, Output::Connect { conn: Conn(conn), to, deadline });
        };
        self.handle.inspect_blocking(order).unwrap();
    }

    pub(crate) fn write(&self, conn: Conn, bytes: &[u8]) {
        self.order(Output::Write { conn, bytes: bytes.to_vec().into() });
    }

    pub(crate) fn turn(&self, turn: Turn) {
        self.handle.switch().turn_blocking(turn).unwrap();
    }

    /// The next connection that was accepted.
    pub(crate) fn accepted(&self) -> Conn {
        match self.next() {
            Heard::Accepted { conn, .. } => conn,
            other => panic!("{other:?} instead of a connection"),
        }
    }

    /// What comes over a connection, until it is `expected` as a whole.
    pub(crate) fn expect_bytes(&self, from: Conn, expected: &[u8]) {
        let mut got = Vec::new();
        while got.len() < expected.len() {
            match self.next() {
                Heard::Chunk { conn, bytes } if conn == from => got.extend(bytes),
                other => panic!("{other:?} instead of bytes"),
            }
        }
        assert_eq!(got, expected);
    }

    /// The next thing the node hears.
    pub(crate) fn next(&self) -> Heard {
        self.heard.recv_timeout(PATIENCE).expect("the node hears something")
    }

    /// What the node has heard by the time it has done everything ordered before.
    pub(crate) fn heard_so_far(&self) -> Vec<Heard> {
        self.handle.inspect_blocking(|_, _| ()).unwrap();
        self.heard.try_iter().collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A node that has stopped by itself is stopped.
        drop(self.handle.switch().turn_blocking(Turn::Stop));
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}

pub(crate) fn tcp_at(ip: &str) -> Bindings {
    let addr = SocketAddr::new(ip.parse().unwrap(), 0);
    Bindings { listen: vec![(Transport::Tcp, addr)], ..Bindings::default() }
}

pub(crate) fn udp_at(ip: &str) -> Bindings {
    Bindings { udp: vec![SocketAddr::new(ip.parse().unwrap(), 0)], ..Bindings::default() }
}

pub(crate) fn small_buffer(mut bindings: Bindings) -> Bindings {
    bindings.receive_buffer = ReceiveBuffer::Bytes(2048);
    bindings
}

/// An address at which nothing listens.
pub(crate) fn closed_port(ip: &str) -> SocketAddr {
    let ip: IpAddr = ip.parse().unwrap();
    std::net::UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
}

/// How long a test waits for what must come; only a failing test takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
