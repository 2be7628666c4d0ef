use std::net::{SocketAddr, UdpSocket};

use host::Bindings;
use net::{Cause, Output, Socket};

use crate::support::{Heard, Manners, PATIENCE, Running, closed_port, small_buffer, udp_at};

#[test]
fn a_datagram_comes_and_is_answered() {
    let echo = Running::start(udp_at("127.0.0.1"), Manners::Echo);
    let peer = peer("127.0.0.1");

    peer.send_to(b"hello", echo.udp()).unwrap();

    assert_eq!(receive(&peer), b"hello");
    let from = peer.local_addr().unwrap();
    assert_eq!(echo.next(), Heard::Datagram { socket: Socket(0), from, bytes: b"hello".to_vec() });
}

#[test]
fn the_first_datagram_of_a_socket_leaves() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    let peer = peer("127.0.0.1");

    node.send(peer.local_addr().unwrap(), b"first");

    assert_eq!(receive(&peer), b"first");
}

// A32
#[test]
fn a_closed_port_is_reported_with_what_was_sent_to_it() {
    for ip in ["127.0.0.1", "::1"] {
        let node = Running::start(udp_at(ip), Manners::Silent);
        let to = closed_port(ip);

        node.send(to, b"anybody there?");

        assert_eq!(node.next(), unreachable(to, b"anybody there?"), "{ip}");
    }
}

#[test]
fn the_error_of_one_destination_is_not_blamed_on_the_next() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    let peer = peer("127.0.0.1");
    let closed = closed_port("127.0.0.1");

    // In one turn: the error of the first is pending when the second is sent.
    for _ in 0..20 {
        node.handle
            .inspect_blocking({
                let living = peer.local_addr().unwrap();
                move |probe, now| {
                    for (to, bytes) in [(closed, &b"dead"[..]), (living, b"alive")] {
                        let bytes = bytes.into();
                        let output = Output::Datagram { socket: Socket(0), to, bytes };
                        net::Node::command(probe, now, output);
                    }
                }
            })
            .unwrap();
        assert_eq!(receive(&peer), b"alive");
        assert_eq!(node.next(), unreachable(closed, b"dead"));
    }
}

#[test]
fn every_error_of_a_burst_is_reported() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    let closed: Vec<SocketAddr> = (0..200).map(|_| closed_port("127.0.0.1")).collect();

    for to in &closed {
        node.send(*to, b"burst");
    }

    for _ in &closed {
        assert!(matches!(
            node.next(),
            Heard::Unreachable { cause: Cause::PortUnreachable, quoted, .. } if quoted == b"burst"
        ));
    }
}

#[test]
fn a_send_without_a_way_is_ours() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    for to in ["[::1]:5060", "192.0.2.1:5060"] {
        let to: SocketAddr = to.parse().unwrap();

        node.send(to, b"no way");

        let Heard::Unreachable { to: reported, cause, quoted, .. } = node.next() else {
            panic!("not reported")
        };
        assert_eq!((reported, cause.is_ours(), quoted), (to, true, b"no way".to_vec()), "{cause}");
    }
}

#[test]
fn a_denied_send_is_ours() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    // The system denies a broadcast that was not asked for with EACCES.
    let to: SocketAddr = "127.255.255.255:5060".parse().unwrap();

    node.send(to, b"forbidden");

    let quoted = b"forbidden".to_vec();
    let (socket, cause) = (Socket(0), Cause::SendDenied);
    assert_eq!(node.next(), Heard::Unreachable { socket, to, cause, quoted });
}

#[test]
fn datagrams_that_the_system_dropped_are_counted() {
    let peer = peer("127.0.0.1");
    let bindings = small_buffer(udp_at("127.0.0.1"));
    let node = Running::prepare(bindings, Manners::Silent, None, |bound| {
        for _ in 0..100 {
            peer.send_to(&[0; 500], bound.udp[0]).unwrap();
        }
    });
    assert!(matches!(node.next(), Heard::Datagram { .. }), "those that had room came");
    let mut received = 1 + node.heard_so_far().len();

    peer.send_to(b"after", node.udp()).unwrap();

    let mut dropped = 0;
    loop {
        match node.next() {
            Heard::Overflow { socket: Socket(0), dropped: more } => dropped += more,
            Heard::Datagram { bytes, .. } if bytes == b"after" => break,
            Heard::Datagram { .. } => received += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received + usize::try_from(dropped).unwrap(), 100);
    assert!(dropped > 0);
}

#[test]
fn a_socket_on_demand_asks_and_is_closed() {
    for ip in ["127.0.0.1", "::1"] {
        let node = Running::start(Bindings::default(), Manners::Silent);
        let peer = peer(ip);
        let (to, ask) = (peer.local_addr().unwrap(), Socket(Socket::FIRST_ASK));

        node.order(Output::OpenAsk { socket: ask, to });
        node.order(Output::Datagram { socket: ask, to, bytes: b"question"[..].into() });
        let mut buffer = [0; 100];
        let (_, from) = peer.recv_from(&mut buffer).unwrap();
        peer.send_to(b"answer", from).unwrap();
        let answer = b"answer".to_vec();
        assert_eq!(node.next(), Heard::Datagram { socket: ask, from: to, bytes: answer });

        node.order(Output::CloseAsk { socket: ask });
        node.order(Output::Datagram { socket: ask, to, bytes: b"late"[..].into() });
        assert_eq!(node.heard_so_far(), []);
        let any = if from.is_ipv4() { "0.0.0.0" } else { "::" };
        assert!(UdpSocket::bind((any, from.port())).is_ok(), "the port is free");
    }
}

#[test]
fn a_datagram_that_follows_what_was_closed_in_one_turn_is_dropped() {
    let node = Running::start(udp_at("127.0.0.1"), Manners::Silent);
    let stranger = Socket(Socket::FIRST_ASK + 7);

    let to = closed_port("127.0.0.1");
    node.order(Output::Datagram { socket: stranger, to, bytes: b"nowhere"[..].into() });

    assert_eq!(node.heard_so_far(), []);
}

#[test]
fn a_route_is_told_without_sending() {
    let node = Running::start(Bindings::default(), Manners::Silent);
    for (to, from) in [("127.0.0.1", "127.0.0.1"), ("127.9.9.9", "127.0.0.1"), ("::1", "::1")] {
        let (to, from) = (to.parse().unwrap(), Ok(from.parse().unwrap()));

        node.order(Output::Route { to });

        assert_eq!(node.next(), Heard::Route { to, from });
    }
}

fn peer(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn receive(peer: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let (len, _) = peer.recv_from(&mut buffer).expect("a datagram comes");
    buffer[..len].to_vec()
}

fn unreachable(to: SocketAddr, quoted: &[u8]) -> Heard {
    Heard::Unreachable {
        socket: Socket(0),
        to,
        cause: Cause::PortUnreachable,
        quoted: quoted.to_vec(),
    }
}
