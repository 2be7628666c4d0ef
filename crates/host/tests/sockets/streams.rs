use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use host::{Bindings, ConnectionLimit};
use net::{Cause, Conn, Output, Peer, Transport};
use socket2::SockRef;

use crate::support::{Heard, Manners, PATIENCE, Running, closed_port, tcp_at};

#[test]
fn bytes_go_both_ways_over_a_connection() {
    for ip in ["127.0.0.1", "::1"] {
        let server = Running::start(tcp_at(ip), Manners::Echo);
        let client = Running::start(Bindings::default(), Manners::Silent);

        client.connect(1, Transport::Tcp, server.listen(), "");
        let Heard::Connected { conn: Conn(1), local, verified: None } = client.next() else {
            panic!("not connected")
        };
        let accepted = server.next();
        client.write(Conn(1), b"over TCP");

        let (transport, at, from) = (Transport::Tcp, server.listen(), local);
        assert!(matches!(
            accepted,
            Heard::Accepted { conn, transport: t, local: l, from: f }
                if conn.0 & Conn::ACCEPTED != 0 && (t, l, f) == (transport, at, from)
        ));
        client.expect_bytes(Conn(1), b"over TCP");
    }
}

#[test]
fn single_bytes_arrive_in_order() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let mut peer = TcpStream::connect(server.listen()).unwrap();
    peer.set_nodelay(true).unwrap();
    let conn = server.accepted();
    let text: Vec<u8> = (0..600_u32).map(|n| n.to_le_bytes()[0]).collect();

    for byte in &text {
        peer.write_all(&[*byte]).unwrap();
    }

    server.expect_bytes(conn, &text);
}

#[test]
fn an_end_and_a_reset_are_told_apart() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    for (linger, cause) in [(None, Cause::PeerClosed), (Some(Duration::ZERO), Cause::Reset)] {
        let mut peer = TcpStream::connect(server.listen()).unwrap();
        let conn = server.accepted();
        peer.write_all(b"last words").unwrap();
        server.expect_bytes(conn, b"last words");

        SockRef::from(&peer).set_linger(linger).unwrap();
        drop(peer);

        assert_eq!(server.next(), Heard::Closed { conn, cause });
    }
}

#[test]
fn a_peer_that_stops_sending_has_closed() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let peer = TcpStream::connect(server.listen()).unwrap();
    let conn = server.accepted();

    peer.shutdown(Shutdown::Write).unwrap();

    assert_eq!(server.next(), Heard::Closed { conn, cause: Cause::PeerClosed });
}

// A32
#[test]
fn a_refused_connection_is_told_at_once() {
    for ip in ["127.0.0.1", "::1"] {
        let client = Running::start(Bindings::default(), Manners::Silent);

        client.connect(7, Transport::Tcp, closed_port(ip), "");

        assert_eq!(client.next(), Heard::Closed { conn: Conn(7), cause: Cause::Refused });
    }
}

#[test]
fn a_connection_without_a_way_is_ours() {
    let mut bindings = Bindings::default();
    bindings.udp.push("127.0.0.1:0".parse().unwrap());
    let client = Running::start(bindings, Manners::Silent);

    client.connect(7, Transport::Tcp, "192.0.2.1:5060".parse().unwrap(), "");

    assert_eq!(client.next(), Heard::Closed { conn: Conn(7), cause: Cause::NoRoute });
}

// A5
#[test]
fn a_connection_that_nobody_answers_ends_at_its_deadline() {
    let silent = full_listener();
    let client = Running::start(Bindings::default(), Manners::Silent);
    let addr = silent.0.local_addr().unwrap().as_socket().unwrap();
    let to = Peer { transport: Transport::Tcp, addr, name: "".into(), owner: 0 };

    client.connect_within(7, to, Duration::from_millis(50));

    assert_eq!(client.next(), Heard::Closed { conn: Conn(7), cause: Cause::ConnectTimeout });
}

#[test]
fn a_connection_that_was_closed_says_no_more() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let client = Running::start(Bindings::default(), Manners::Silent);
    client.connect(1, Transport::Tcp, server.listen(), "");
    assert!(matches!(client.next(), Heard::Connected { .. }));
    let conn = server.accepted();

    client.write(Conn(1), b"first");
    client.write(Conn(1), b" and last");
    client.order(Output::Close { conn: Conn(1) });
    server.expect_bytes(conn, b"first and last");

    assert_eq!(server.next(), Heard::Closed { conn, cause: Cause::PeerClosed });
    assert_eq!(client.heard_so_far(), []);
}

#[test]
fn a_number_can_be_used_again_after_closing() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Echo);
    let client = Running::start(Bindings::default(), Manners::Silent);
    for text in [&b"one"[..], b"two", b"three"] {
        client.connect(1, Transport::Tcp, server.listen(), "");
        assert!(matches!(client.next(), Heard::Connected { .. }));
        client.write(Conn(1), text);

        client.expect_bytes(Conn(1), text);
        client.order(Output::Close { conn: Conn(1) });
    }
}

#[test]
fn a_peer_that_does_not_read_harms_only_itself() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let deaf = TcpStream::connect(server.listen()).unwrap();
    let deaf_conn = server.accepted();
    let mut living = TcpStream::connect(server.listen()).unwrap();
    living.set_read_timeout(Some(PATIENCE)).unwrap();
    let living_conn = server.accepted();

    let mut written = 0;
    let closed = loop {
        server.write(deaf_conn, &[b'x'; 8192]);
        server.write(living_conn, b"still here");
        let mut buffer = [0; 10];
        living.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"still here");
        written += 1;
        if let [heard, ..] = &server.heard_so_far()[..] {
            break heard.clone();
        }
        assert!(written < 10_000, "the queue has no end");
    };

    assert_eq!(closed, Heard::Closed { conn: deaf_conn, cause: Cause::QueueFull });
    assert_reset(deaf);
}

#[test]
fn too_many_messages_are_refused_before_they_are_too_many_bytes() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let _peer = TcpStream::connect(server.listen()).unwrap();
    let conn = server.accepted();

    // In one turn of the loop nothing can leave.
    let burst = move |probe: &mut crate::support::Probe, now: net::Instant| {
        for _ in 0..33 {
            let bytes = b"short".to_vec().into();
            net::Node::command(probe, now, Output::Write { conn, bytes });
        }
    };
    server.handle.inspect_blocking(burst).unwrap();

    assert_eq!(server.next(), Heard::Closed { conn, cause: Cause::QueueFull });
}

#[test]
fn one_address_has_so_many_connections_and_no_more() {
    let mut bindings = tcp_at("127.0.0.1");
    bindings.connections_from_one = ConnectionLimit(3);
    let server = Running::start(bindings, Manners::Silent);
    let mut peers: Vec<TcpStream> =
        (0..3).map(|_| TcpStream::connect(server.listen()).unwrap()).collect();
    for _ in &peers {
        server.accepted();
    }

    assert_reset(TcpStream::connect(server.listen()).unwrap());
    let other = connect_from("127.0.0.2", server.listen());
    server.accepted();

    drop(peers.pop());
    assert!(matches!(server.next(), Heard::Closed { .. }));
    let again = TcpStream::connect(server.listen()).unwrap();
    server.accepted();
    drop((other, again));
}

#[test]
fn connections_leave_from_the_address_that_was_bound() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut bindings = Bindings::default();
    bindings.udp.push("127.0.0.9:0".parse().unwrap());
    let client = Running::start(bindings, Manners::Silent);

    client.connect(1, Transport::Tcp, listener.local_addr().unwrap(), "");
    client.order(Output::Route { to: "127.0.0.1".parse().unwrap() });

    let (_stream, from) = listener.accept().unwrap();
    let own: IpAddr = "127.0.0.9".parse().unwrap();
    assert_eq!(from.ip(), own);
    let mut heard = [client.next(), client.next()];
    heard.sort_by_key(|heard| matches!(heard, Heard::Route { .. }));
    assert!(matches!(heard[0], Heard::Connected { local, .. } if local == from));
    assert_eq!(heard[1], Heard::Route { to: "127.0.0.1".parse().unwrap(), from: Ok(own) });
}

#[test]
fn stopping_sends_what_was_written() {
    let server = Running::start(tcp_at("127.0.0.1"), Manners::Silent);
    let mut peer = TcpStream::connect(server.listen()).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let conn = server.accepted();

    server.write(conn, b"good bye");
    drop(server);

    let mut text = String::new();
    peer.read_to_string(&mut text).expect("an orderly end");
    assert_eq!(text, "good bye");
}

/// A listener whose queue is full: the system answers no further connection.
pub(crate) fn full_listener() -> (socket2::Socket, Vec<TcpStream>) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(0).unwrap();
    let addr = socket.local_addr().unwrap().as_socket().unwrap();
    let mut taken = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(100)) {
        taken.push(stream);
        assert!(taken.len() < 10, "the queue has no end");
    }
    (socket, taken)
}

fn connect_from(ip: &str, to: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(ip.parse().unwrap(), 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

fn assert_reset(mut peer: TcpStream) {
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = peer.read_to_end(&mut Vec::new()).expect_err("it was reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}
