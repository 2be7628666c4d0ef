use std::time::Duration;

use net::{Cause, CertificateFault, Conn, Instant, Output, Transport};
use sim::{Certificate, Chunking, Fault, Network, Trouble, World};

use crate::probe::*;

const SECOND: Duration = Duration::from_secs(1);
const TLS: &str = "10.0.0.2:5061";

fn over_tcp(seed: u64, chunking: Chunking) -> (World, sim::Handle<Probe>, sim::Handle<Probe>) {
    let mut world = World::with(seed, Network { chunking, ..Network::default() });
    let (client, server) = pair(&mut world);
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Connected(Conn(1), None)]);
    (world, client, server)
}

fn accepted(world: &mut World, server: sim::Handle<Probe>) -> Conn {
    match heard(world, server)[..] {
        [Heard::Accepted(conn, _)] => conn,
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn a_connection_takes_a_round_trip_and_the_server_learns_of_it_before_any_bytes() {
    let (mut world, client, server) = over_tcp(1, Chunking::Whole);
    let conn = accepted(&mut world, server);
    assert!(conn.0 & Conn::ACCEPTED != 0);
    write(&mut world, client, Conn(1), b"hello");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, server), [Heard::Chunk(conn, b"hello".to_vec())]);
    assert_eq!(heard(&mut world, client), [Heard::Chunk(Conn(1), b"hello".to_vec())]);
}

#[test]
fn bytes_arrive_whole_and_in_order_however_they_are_cut() {
    let (mut single, mut halved, mut joined) = (false, false, false);
    for seed in 0..200 {
        let (mut world, client, server) = over_tcp(seed, Chunking::Seeded);
        heard(&mut world, server);
        for message in [b"first".as_slice(), b"second", b"third"] {
            write(&mut world, client, Conn(1), message);
        }
        world.run_for(SECOND);
        assert_eq!(stream(&world, server), b"firstsecondthird");
        let sizes: Vec<_> = world
            .events(server)
            .iter()
            .map(|(_, event)| {
                let Heard::Chunk(_, bytes) = event else { panic!("{event:?}") };
                bytes.len()
            })
            .collect();
        single |= sizes.contains(&1);
        halved |= sizes.first() == Some(&3);
        joined |= sizes.contains(&11) || sizes.contains(&16);
    }
    assert!(single && halved && joined, "each way of cutting was met");
}

#[test]
fn one_byte_at_a_time_is_possible() {
    let (mut world, client, server) = over_tcp(1, Chunking::Single);
    heard(&mut world, server);
    write(&mut world, client, Conn(1), b"hello");
    world.run_for(SECOND);
    assert_eq!(world.events(server).len(), 5);
    assert_eq!(stream(&world, server), b"hello");
}

#[test]
fn an_orderly_close_follows_the_last_byte() {
    let (mut world, client, server) = over_tcp(3, Chunking::Seeded);
    let conn = accepted(&mut world, server);
    write(&mut world, client, Conn(1), b"farewell");
    world.command(client, Order::Do(Output::Close { conn: Conn(1) }));
    world.run_for(SECOND);
    assert_eq!(stream(&world, server), b"farewell");
    assert_eq!(heard(&mut world, server).pop(), Some(Heard::Closed(conn, Cause::PeerClosed)));
    assert!(heard(&mut world, client).is_empty(), "who closes hears nothing more");
}

#[test]
fn a_dead_process_resets_what_stands_and_refuses_what_comes() {
    let (mut world, client, server) = over_tcp(1, Chunking::Whole);
    let conn = accepted(&mut world, server);
    let death = world.fault(Fault::at(server, Trouble::Down));
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Reset)]);
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Refused)]);
    world.heal(death);
    assert_eq!(heard(&mut world, server), [Heard::Closed(conn, Cause::Reset)]);
}

#[test]
fn an_unreachable_host_is_said_and_a_silent_one_takes_until_the_deadline() {
    for (trouble, cause, at) in [
        (Trouble::HostUnreachable, Cause::HostUnreachable, 400),
        (Trouble::Blackhole, Cause::ConnectTimeout, 4_000_000),
        (Trouble::Suspended, Cause::ConnectTimeout, 4_000_000),
        (Trouble::Down, Cause::Refused, 400),
    ] {
        let mut world = World::new(1);
        let (client, server) = pair(&mut world);
        world.fault(Fault::at(server, trouble));
        connect(&mut world, client, Transport::Tcp, SERVER, "");
        world.run_for(SECOND * 10);
        let closed = Heard::Closed(Conn(1), cause);
        assert_eq!(world.events(client), [(Instant::from_micros(at), closed)], "{trouble:?}");
    }
}

#[test]
fn what_our_own_system_refuses_ends_a_connection_at_once() {
    for (trouble, cause) in
        [(Trouble::SendDenied, Cause::SendDenied), (Trouble::NoRoute, Cause::NoRoute)]
    {
        let mut world = World::new(1);
        let (client, _) = pair(&mut world);
        world.fault(Fault::at(client, trouble));
        connect(&mut world, client, Transport::Tcp, SERVER, "");
        assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), cause)]);
    }
}

#[test]
fn a_request_for_a_connection_is_repeated() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(server, Trouble::Blackhole).until(Instant::from_micros(500_000)));
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.run_for(SECOND * 2);
    let connected = Heard::Connected(Conn(1), None);
    assert_eq!(world.events(client), [(Instant::from_micros(1_000_400), connected)]);
}

#[test]
fn a_certificate_is_judged_by_the_name_that_is_expected() {
    let good = || Certificate::Names(vec!["lab.test".into(), "10.0.0.2".into()]);
    let refused = |fault| Heard::Closed(Conn(1), Cause::Certificate(fault));
    for (certificate, name, expected) in [
        (good(), "LAB.test", Heard::Connected(Conn(1), Some("LAB.test".to_owned()))),
        (good(), "other.test", refused(CertificateFault::WrongName)),
        (
            Certificate::Bad(CertificateFault::Expired),
            "lab.test",
            refused(CertificateFault::Expired),
        ),
        (
            Certificate::Bad(CertificateFault::UnknownIssuer),
            "lab.test",
            refused(CertificateFault::UnknownIssuer),
        ),
        (Certificate::Any, "x", Heard::Connected(Conn(1), Some("x".to_owned()))),
    ] {
        let mut world = World::new(1);
        let (client, server) = pair(&mut world);
        world.show_certificate(server, certificate);
        connect(&mut world, client, Transport::Tls, TLS, name);
        world.run_for(SECOND);
        let connected = matches!(expected, Heard::Connected(..));
        assert_eq!(heard(&mut world, client), [expected]);
        assert_eq!(world.events(server).len(), usize::from(connected), "told of good ones only");
    }
}

#[test]
fn tls_troubles_end_the_handshake() {
    let expired = CertificateFault::Expired;
    for (trouble, cause) in [
        (Trouble::Certificate(expired), Cause::Certificate(expired)),
        (Trouble::Handshake, Cause::Handshake),
        (Trouble::HandshakeStalls, Cause::HandshakeTimeout),
    ] {
        let mut world = World::new(1);
        let (client, server) = pair(&mut world);
        world.fault(Fault::at(server, trouble));
        connect(&mut world, client, Transport::Tls, TLS, "lab.test");
        world.run_for(SECOND * 10);
        assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), cause)], "{trouble:?}");
    }
}

#[test]
fn speaking_the_wrong_transport_ends_the_connection() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    connect(&mut world, client, Transport::Tls, SERVER, "lab.test");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Handshake)]);
    connect(&mut world, client, Transport::Tcp, TLS, "");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Connected(Conn(1), None)]);
    write(&mut world, client, Conn(1), b"hello");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Reset)]);
}

#[test]
fn a_stream_survives_a_short_black_hole_and_dies_of_a_long_one() {
    for (hole, survives) in [(60, true), (3_600, false)] {
        let (mut world, client, server) = over_tcp(1, Chunking::Whole);
        heard(&mut world, server);
        let end = world.now() + Duration::from_secs(hole);
        world.fault(Fault::at(server, Trouble::Blackhole).until(end));
        write(&mut world, client, Conn(1), b"hello");
        world.run_for(Duration::from_secs(7_200));
        assert_eq!(stream(&world, server) == b"hello", survives);
        if !survives {
            let (at, last) = world.events(client).last().unwrap().clone();
            assert_eq!(last, Heard::Closed(Conn(1), Cause::Silent));
            assert!((900..1000).contains(&(at.as_micros() / 1_000_000)), "{at}");
        }
    }
}

#[test]
fn after_a_power_cut_the_other_end_learns_it_when_it_writes() {
    let (mut world, client, server) = over_tcp(1, Chunking::Whole);
    let cut = world.fault(Fault::at(server, Trouble::Blackhole));
    let death = world.fault(Fault::at(server, Trouble::Down));
    world.run_for(SECOND);
    world.heal(death);
    world.heal(cut);
    world.run_for(SECOND);
    assert!(world.events(client).is_empty(), "nobody told it");
    write(&mut world, client, Conn(1), b"hello");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Reset)]);
}

#[test]
fn loss_costs_a_stream_time_but_no_bytes() {
    let (mut world, client, server) = over_tcp(5, Chunking::Whole);
    heard(&mut world, server);
    world.fault(Fault::everywhere(Trouble::Loss(0.5)));
    for _ in 0..20 {
        write(&mut world, client, Conn(1), b"0123456789");
    }
    world.run_for(SECOND * 60);
    assert_eq!(stream(&world, server).len(), 200);
    let last = world.events(server).last().unwrap().0;
    assert!(last > Instant::from_micros(1_200_000), "{last}");
}
