//! What the loopback interface cannot show: each test has a network namespace of its own, with a
//! cable to nobody.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use host::{Bindings, Clock, Direction, Notice, Packet, Tap};
use net::{Cause, Conn, Instant, Output, Socket, Transport};
use nix::sched::{CloneFlags, unshare};

use crate::support::{Heard, Manners, PATIENCE, Running};

#[test]
fn datagrams_wait_for_room_and_too_many_are_refused() {
    in_a_network(|| {
        let (sent, full) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let tap = Counter { sent: Arc::clone(&sent), full: Arc::clone(&full) };
        let node = Running::watched(any(), Manners::Silent, Box::new(tap));
        // Until the neighbours' addresses are known the system keeps what is sent to them.
        let neighbours: Vec<SocketAddr> =
            (2..12).map(|n| SocketAddr::from(([10, 0, 0, n], 5060))).collect();

        let burst: Vec<SocketAddr> = neighbours.iter().copied().cycle().take(6000).collect();
        put_out(&node, burst);
        let mut refused = Vec::new();
        let clock = Clock::start();
        while sent.load(Ordering::Relaxed) + 4096 + refused.len() < 6000 {
            assert!(clock.now() < Instant::ZERO + PATIENCE, "the burst has an end");
            refused.extend(node.heard_so_far());
        }

        let ours = |heard: &Heard| {
            matches!(heard, Heard::Unreachable { cause: Cause::QueueFull, quoted, .. }
                if quoted.len() == 1000)
        };
        assert!(refused.iter().all(ours), "{:?}", refused.iter().find(|heard| !ours(heard)));
        assert_eq!(refused.len(), full.load(Ordering::Relaxed));
        let left_before = sent.load(Ordering::Relaxed);
        assert_eq!(6000 - refused.len() - left_before, 4096, "the limit of the queue");

        for to in &neighbours {
            let to = to.ip().to_string();
            ip(&["neigh", "replace", &to, "lladdr", "02:00:00:00:00:02", "dev", "cable"]);
        }

        let clock = Clock::start();
        while sent.load(Ordering::Relaxed) + refused.len() < 6000 {
            assert!(clock.now() < Instant::ZERO + PATIENCE, "those that wait never leave");
            assert_eq!(node.heard_so_far(), []);
        }
    });
}

#[test]
fn a_host_that_does_not_answer_on_its_own_network_is_unreachable() {
    in_a_network(|| {
        give_up_soon();
        let node = Running::start(any(), Manners::Silent);
        let to: SocketAddr = "10.0.0.2:5060".parse().unwrap();

        node.send(to, b"no such neighbour");
        let (socket, cause) = (Socket(0), Cause::HostUnreachable);
        let quoted = b"no such neighbour".to_vec();
        assert_eq!(node.next(), Heard::Unreachable { socket, to, cause, quoted });

        node.connect(1, Transport::Tcp, to, "");
        assert_eq!(node.next(), Heard::Closed { conn: Conn(1), cause });
    });
}

#[test]
fn each_kind_of_route_that_leads_nowhere_has_its_cause() {
    in_a_network(|| {
        ip(&["route", "add", "prohibit", "198.51.100.0/24"]);
        ip(&["route", "add", "unreachable", "203.0.113.0/24"]);
        ip(&["route", "add", "blackhole", "192.0.2.0/25"]);
        let node = Running::start(any(), Manners::Silent);
        for (to, cause) in [
            ("198.51.100.1:5060", Cause::SendDenied),
            ("203.0.113.1:5060", Cause::HostUnreachable),
            ("192.0.2.1:5060", Cause::NoRoute),
            ("192.0.2.129:5060", Cause::NoRoute),
        ] {
            let to: SocketAddr = to.parse().unwrap();

            node.send(to, b"datagram");
            let quoted = b"datagram".to_vec();
            assert_eq!(node.next(), Heard::Unreachable { socket: Socket(0), to, cause, quoted });

            node.connect(1, Transport::Tcp, to, "");
            assert_eq!(node.next(), Heard::Closed { conn: Conn(1), cause });

            node.order(Output::Route { to: to.ip() });
            assert_eq!(node.next(), Heard::Route { to: to.ip(), from: Err(cause) });
        }
    });
}

#[test]
fn a_network_that_comes_back_is_used_again() {
    in_a_network(|| {
        give_up_soon();
        let node = Running::start(any(), Manners::Silent);
        let to: SocketAddr = "10.0.0.2:5060".parse().unwrap();
        ip(&["link", "set", "cable", "down"]);

        node.send(to, b"pulled");
        assert!(matches!(node.next(), Heard::Unreachable { cause: Cause::NoRoute, .. }));

        ip(&["link", "set", "cable", "up"]);
        node.send(to, b"plugged");
        assert!(matches!(node.next(), Heard::Unreachable { cause: Cause::HostUnreachable, .. }));
    });
}

#[test]
fn one_address_has_all_its_ports_for_each_far_end() {
    in_a_network(|| {
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001").unwrap();
        let far = (1..=8).map(|last| TcpListener::bind((Ipv4Addr::new(127, 0, 1, last), 5060)));
        let far: Vec<TcpListener> = far.map(Result::unwrap).collect();
        let bindings =
            Bindings { udp: vec!["127.0.0.9:5060".parse().unwrap()], ..Bindings::default() };
        let node = Running::start(bindings, Manners::Silent);

        for (conn, far) in (1..).zip(&far) {
            node.connect(conn, Transport::Tcp, far.local_addr().unwrap(), "");
            let heard = node.next();
            assert!(
                matches!(heard, Heard::Connected { conn: of, .. } if of.0 == conn),
                "{heard:?}"
            );
        }
    });
}

fn any() -> Bindings {
    Bindings { udp: vec!["0.0.0.0:0".parse().unwrap()], ..Bindings::default() }
}

fn put_out(node: &Running, burst: Vec<SocketAddr>) {
    let order = move |probe: &mut crate::support::Probe, now: Instant| {
        for to in burst {
            let bytes = vec![b'x'; 1000].into();
            net::Node::command(probe, now, Output::Datagram { socket: Socket(0), to, bytes });
        }
    };
    node.handle.inspect_blocking(order).unwrap();
}

/// Counts what leaves and what finds the queue full.
struct Counter {
    sent: Arc<AtomicUsize>,
    full: Arc<AtomicUsize>,
}

impl Tap for Counter {
    fn packet(&mut self, _at: Instant, packet: &Packet<'_>) {
        assert_eq!(packet.direction, Direction::Sent);
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    fn notice(&mut self, _at: Instant, notice: &Notice) {
        assert_eq!(*notice, Notice::SendQueueFull { socket: Socket(0) });
        self.full.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `test` in a thread with a network of its own: loopback, and a cable whose other end is
/// silent. Without the right to make one it is skipped, and says so; in CI that is a failure.
fn in_a_network(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(|| {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no namespace: {error}");
            eprintln!("skipped: a network namespace cannot be made: {error}");
            return;
        }
        ip(&["link", "set", "lo", "up"]);
        ip(&["link", "add", "cable", "type", "veth", "peer", "name", "nobody"]);
        ip(&["address", "add", "10.0.0.1/24", "dev", "cable"]);
        for name in ["cable", "nobody"] {
            ip(&["link", "set", name, "up"]);
        }
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Makes the system ask for a neighbour's address for milliseconds instead of seconds.
fn give_up_soon() {
    std::fs::write("/proc/sys/net/ipv4/neigh/cable/retrans_time_ms", "10").unwrap();
}

fn ip(args: &[&str]) {
    let output = Command::new("ip").args(args).output().expect("iproute2 is installed");
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}
