use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::num::NonZeroU32;
use std::sync::mpsc;
use std::time::Duration;

use host::certs::self_signed;
use host::{
    Bindings, Channel, Clock, Direction, Host, Notice, Packet, Plan, Tap, TlsSettings, Turn,
};
use net::{Cause, Instant, Node, Output, Socket, Transport};

use crate::support::{Heard, Manners, PATIENCE, Probe, Running, tcp_at, udp_at};

#[test]
fn a_node_is_woken_when_it_is_due_and_not_before() {
    let node = Running::start(Bindings::default(), Manners::Silent);
    let dues = node
        .handle
        .inspect_blocking(|probe, now| {
            // The later one first; and one that is past.
            probe.timers = [40, 20, 0].map(|ms| now + Duration::from_millis(ms)).to_vec();
            probe.timers.clone()
        })
        .unwrap();

    for due in dues.into_iter().rev() {
        let Heard::Timeout(woken) = node.next() else { panic!("not woken") };
        assert!(woken >= due, "{woken} before {due}");
    }
    assert_eq!(node.heard_so_far(), []);
}

#[test]
fn a_fast_clock_wakes_a_node_sooner() {
    let mut host = Host::new().unwrap();
    let (tell, heard) = mpsc::channel();
    let plan = Plan {
        bindings: Bindings::default(),
        clock: Clock::start_at_speed(NonZeroU32::new(1000).unwrap()),
        events: Box::new(move |_, event| drop(tell.send(event))),
        tap: None,
    };
    let soon = Instant::from_secs(20);
    let mut probe = Probe::default();
    probe.timers.push(soon);
    let handle = host.add(plan, |_| probe).unwrap();
    let thread = host.spawn("fast").unwrap();

    let Ok(Heard::Timeout(woken)) = heard.recv_timeout(PATIENCE) else { panic!("not woken") };

    assert!(woken >= soon);
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn several_nodes_live_in_one_thread_until_the_last_has_stopped() {
    let mut host = Host::new().unwrap();
    let nodes = [Manners::Echo; 4].map(|manners| {
        let bindings = udp_at("127.0.0.1");
        Probe::add(&mut host, bindings, manners, None)
    });
    let thread = host.spawn("several").unwrap();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();

    for (handle, _) in &nodes {
        peer.send_to(b"hello", handle.bound().udp[0]).unwrap();
        let (_, from) = peer.recv_from(&mut [0; 10]).unwrap();
        assert_eq!(from, handle.bound().udp[0]);
    }
    let [(first, _), (second, _), (third, _), (fourth, _)] = nodes;
    first.switch().turn_blocking(Turn::Stop).unwrap();
    peer.send_to(b"still", second.bound().udp[0]).unwrap();
    peer.recv_from(&mut [0; 10]).unwrap();

    // A node without an owner stops by itself.
    drop((second, third, fourth));
    thread.join().unwrap();
}

#[test]
fn what_was_put_out_before_stopping_is_sent() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = peer.local_addr().unwrap();
    let put_out = move |probe: &mut Probe, now: Instant| {
        for n in 0..200_u8 {
            let output = Output::Datagram { socket: Socket(0), to, bytes: vec![n].into() };
            probe.command(now, output);
        }
    };
    node.handle.inspect_blocking(put_out).unwrap();

    drop(node);

    for n in 0..200_u8 {
        let mut buffer = [0; 10];
        let (len, _) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!(buffer[..len], [n]);
    }
}

#[test]
fn more_orders_than_fit_are_refused_not_waited_for() {
    let node = Running::start(Bindings::default(), Manners::Silent);
    let (entered, at_work) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let handle = node.handle.clone();
    let keeper = std::thread::spawn(move || {
        let hold = move |_: &mut Probe, _: Instant| {
            entered.send(()).unwrap();
            assert!(released.recv().is_err(), "it is only ever dropped");
        };
        handle.inspect_blocking(hold)
    });
    at_work.recv().unwrap();

    let order = || Output::Route { to: "127.0.0.1".parse().unwrap() };
    let taken = (0..1000).take_while(|_| node.handle.try_command(order()).is_ok()).count();

    assert_eq!(taken, 256);
    assert_eq!(node.handle.try_command(order()), Err(host::Refused::Full));
    drop(release);
    keeper.join().unwrap().unwrap();
    assert_eq!(node.heard_so_far().len(), 256);
}

#[test]
fn a_panic_of_a_node_ends_the_loop_with_it() {
    let mut host = Host::new().unwrap();
    let (handle, _heard) = Probe::add(&mut host, Bindings::default(), Manners::Silent, None);
    let thread = host.spawn("panics").unwrap();

    let outcome = handle.inspect_blocking(|_, _| panic!("as a bug would"));

    assert_eq!(outcome, Err::<(), _>(host::Refused::Stopped));
    assert!(thread.join().is_err());
}

#[test]
fn a_tap_sees_every_packet_with_both_ends() {
    let (tell, seen) = mpsc::channel();
    let mut bindings = tcp_at("127.0.0.1");
    // Bound to all addresses: the tap is told the one that is used.
    bindings.udp.push("0.0.0.0:0".parse().unwrap());
    let node = Running::watched(bindings, Manners::Echo, Box::new(Onlooker(tell)));
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let own = SocketAddr::new("127.0.0.1".parse().unwrap(), node.udp().port());

    peer.send_to(b"datagram", own).unwrap();
    peer.recv_from(&mut [0; 10]).unwrap();

    let remote = peer.local_addr().unwrap();
    for direction in [Direction::Received, Direction::Sent] {
        let expected = (direction, Transport::Udp, own, remote, b"datagram".to_vec());
        assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), Saw::Packet(expected));
    }

    let mut stream = TcpStream::connect(node.listen()).unwrap();
    std::io::Write::write_all(&mut stream, b"stream").unwrap();
    let remote = stream.local_addr().unwrap();
    for direction in [Direction::Received, Direction::Sent] {
        let expected = (direction, Transport::Tcp, node.listen(), remote, b"stream".to_vec());
        assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), Saw::Packet(expected));
    }
}

#[test]
fn a_tap_is_told_of_a_peer_that_fails_the_handshake() {
    let (tell, seen) = mpsc::channel();
    let bindings = Bindings {
        listen: vec![(Transport::Tls, "127.0.0.1:0".parse().unwrap())],
        tls: TlsSettings {
            server: Some(self_signed(&["lab.test"]).unwrap()),
            ..TlsSettings::default()
        },
        ..Bindings::default()
    };
    let node = Running::watched(bindings, Manners::Silent, Box::new(Onlooker(tell)));

    let mut stream = TcpStream::connect(node.listen()).unwrap();
    let from = stream.local_addr().unwrap();
    std::io::Write::write_all(&mut stream, b"REGISTER sip:lab.test SIP/2.0\r\n\r\n").unwrap();

    let notice = Notice::HandshakeFailed { from, cause: Cause::Handshake };
    assert_eq!(seen.recv_timeout(PATIENCE).unwrap(), Saw::Notice(notice));
    assert_eq!(node.heard_so_far(), []);
}

/// A tap that writes down what it sees.
struct Onlooker(mpsc::Sender<Saw>);

#[derive(Debug, PartialEq, Eq)]
enum Saw {
    Packet((Direction, Transport, SocketAddr, SocketAddr, Vec<u8>)),
    Notice(Notice),
}

impl Tap for Onlooker {
    fn packet(&mut self, _at: Instant, packet: &Packet<'_>) {
        let Packet { direction, transport, channel, local, remote, bytes } = *packet;
        assert_eq!(matches!(channel, Channel::Conn(_)), transport.is_stream());
        let saw = Saw::Packet((direction, transport, local, remote, bytes.to_vec()));
        self.0.send(saw).unwrap();
    }

    fn notice(&mut self, _at: Instant, notice: &Notice) {
        self.0.send(Saw::Notice(*notice)).unwrap();
    }
}
