use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use host::{BindError, Bindings, Turn};
use net::{Cause, Conn, Output, Peer, Transport};

use crate::support::{Heard, Manners, PATIENCE, Running, tcp_at};

#[test]
fn a_node_that_is_down_refuses_and_comes_back_at_its_address() {
    let server = Running::start(everything(), Manners::Echo);
    let (udp, tcp) = (server.udp(), server.listen());
    let mut open = TcpStream::connect(tcp).unwrap();
    let conn = server.accepted();
    let client = Running::start(udp_client(), Manners::Silent);

    server.turn(Turn::Down);

    assert_eq!(server.next(), Heard::Closed { conn, cause: Cause::Reset });
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    let error = open.read(&mut [0; 10]).expect_err("it was reset");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    client.send(udp, b"anybody?");
    assert!(matches!(client.next(), Heard::Unreachable { cause: Cause::PortUnreachable, .. }));
    client.connect(1, Transport::Tcp, tcp, "");
    assert_eq!(client.next(), Heard::Closed { conn: Conn(1), cause: Cause::Refused });

    server.turn(Turn::Up);

    client.send(udp, b"back?");
    assert!(matches!(client.next(), Heard::Datagram { bytes, .. } if bytes == b"back?"));
    client.connect(2, Transport::Tcp, tcp, "");
    assert!(matches!(client.next(), Heard::Connected { .. }));
}

#[test]
fn a_blackhole_gives_no_sign_of_life() {
    let server = Running::start(everything(), Manners::Echo);
    let mut open = TcpStream::connect(server.listen()).unwrap();
    let conn = server.accepted();
    let client = Running::start(udp_client(), Manners::Silent);

    server.turn(Turn::Blackhole);

    client.send(server.udp(), b"lost");
    let addr = server.listen();
    let to = Peer { transport: Transport::Tcp, addr, name: "".into(), owner: 0 };
    client.connect_within(1, to, Duration::from_millis(200));
    open.write_all(b"late").unwrap();
    // The only thing heard is the deadline: no ICMP, no refusal, no echo.
    assert_eq!(client.next(), Heard::Closed { conn: Conn(1), cause: Cause::ConnectTimeout });
    assert_eq!(server.heard_so_far(), []);

    server.turn(Turn::Up);

    // The system of the peer has kept what was not acknowledged.
    open.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = [0; 4];
    open.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"late");
    assert_eq!(server.next(), Heard::Chunk { conn, bytes: b"late".to_vec() });
}

#[test]
fn nothing_leaves_a_blackhole() {
    let server = Running::start(everything(), Manners::Silent);
    let mut open = TcpStream::connect(server.listen()).unwrap();
    let conn = server.accepted();
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    server.turn(Turn::Blackhole);

    server.send(peer.local_addr().unwrap(), b"datagram");
    server.write(conn, b"bytes");
    server.order(Output::Close { conn });
    assert_eq!(server.heard_so_far(), []);
    peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    open.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    assert_eq!(peer.recv(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(open.read(&mut [0; 10]).unwrap_err().kind(), ErrorKind::WouldBlock);

    server.turn(Turn::Up);

    open.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(open.read(&mut [0; 10]).unwrap(), 0, "what was closed ends now");
}

#[test]
fn a_node_stays_down_while_its_address_is_taken() {
    let server = Running::start(everything(), Manners::Echo);
    server.turn(Turn::Down);
    let squatter = UdpSocket::bind(server.udp()).unwrap();

    let error = server.handle.switch().turn_blocking(Turn::Up).unwrap_err();

    assert!(matches!(error, BindError::Address { addr, .. } if addr == server.udp()), "{error}");
    drop(squatter);
    server.turn(Turn::Up);
}

#[test]
fn a_node_that_has_stopped_takes_no_orders() {
    let server = Running::start(everything(), Manners::Echo);
    let (handle, switch) = (server.handle.clone(), server.handle.switch());

    drop(server);

    assert_eq!(handle.inspect_blocking(|_, _| ()), Err(host::Refused::Stopped));
    assert!(matches!(switch.turn_blocking(Turn::Up), Err(BindError::Stopped)));
}

fn everything() -> Bindings {
    let mut bindings = tcp_at("127.0.0.1");
    bindings.udp.push("127.0.0.1:0".parse().unwrap());
    bindings
}

fn udp_client() -> Bindings {
    crate::support::udp_at("127.0.0.1")
}
