//! Questions over TCP: truncated answers, `sip.dns_transport_type` 1, servers that fold the case.

use std::time::Duration;

use bytes::Bytes;
use dns::{Flags, Message, Rcode, ResolverConfig};
use net::{Cause, Conn, Input};

use crate::bench::{Bench, Datagram, Sent, a, address, answer, bytes, folded, response, server};

const SECOND: Duration = Duration::from_secs(1);

fn connect(bench: &mut Bench) -> Conn {
    let sent = bench.take_sent();
    let conns: Vec<Conn> = sent
        .iter()
        .filter_map(|one| if let Sent::Connect(conn, ..) = one { Some(*conn) } else { None })
        .collect();
    assert_eq!(conns.len(), 1, "{sent:?}");
    conns[0]
}

fn connected(bench: &mut Bench, conn: Conn) -> Message {
    let local = server(99);
    bench.handle(Input::Connected { conn, local, verified: None });
    let sent = bench.take_sent();
    let [Sent::Write(_, bytes)] = &sent[..] else { panic!("{sent:?}") };
    let (length, message) = bytes.split_first_chunk::<2>().unwrap();
    assert_eq!(usize::from(u16::from_be_bytes(*length)), message.len());
    Message::parse(message).unwrap()
}

fn framed(message: &Message) -> Vec<u8> {
    let bytes = bytes(message);
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], &bytes].concat()
}

fn truncated(to: &Datagram) -> Message {
    let mut message = response(&to.query, Rcode::NoError);
    message.flags = Flags { truncated: true, ..message.flags };
    message
}

#[test]
fn a_truncated_answer_is_asked_for_over_tcp_at_the_same_server() {
    let mut bench = Bench::new(2);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    bench.deliver(&first, &truncated(&first));
    let sent = bench.take_sent();
    let [Sent::CloseAsk(socket), Sent::Connect(conn, to, deadline)] = sent[..] else {
        panic!("{sent:?}")
    };
    assert_eq!((socket, to, deadline), (first.socket, server(1), bench.now + SECOND * 3));
    assert_eq!(conn.0 >> 62, 1, "a number of the resolver's own");
    let query = connected(&mut bench, conn);
    let wire = framed(&answer(&query, vec![address("x.test", 60, 1), address("x.test", 60, 2)]));
    for byte in &wire {
        assert!(bench.replies.is_empty());
        bench.handle(Input::Chunk { conn, bytes: &[*byte] });
    }
    assert_eq!(bench.outcome(), "192.0.2.1 192.0.2.2");
    assert_eq!(bench.take_sent(), [Sent::Close(conn)]);
}

#[test]
fn with_dns_transport_type_1_every_question_goes_over_tcp() {
    let name_servers = vec![server(1), server(2)];
    let mut bench =
        Bench::with(ResolverConfig { name_servers, over_tcp: true, ..ResolverConfig::default() });
    bench.ask(&a("x.test"));
    let conn = connect(&mut bench);
    bench.handle(Input::Closed { conn, cause: Cause::Refused });
    let conn = connect(&mut bench);
    let query = connected(&mut bench, conn);
    let message = framed(&answer(&query, vec![address("x.test", 60, 1)]));
    bench.handle(Input::Chunk { conn, bytes: &message });
    assert_eq!(bench.outcome(), "192.0.2.1");
}

#[test]
fn a_connection_that_brings_nothing_is_repeated_as_often_as_a_datagram() {
    let name_servers = vec![server(1)];
    let mut bench =
        Bench::with(ResolverConfig { name_servers, over_tcp: true, ..ResolverConfig::default() });
    bench.ask(&a("x.test"));
    connect(&mut bench);
    for _ in 0..2 {
        bench.wait(SECOND * 3);
        connect(&mut bench);
    }
    bench.wait(SECOND * 3);
    assert_eq!(bench.outcome(), "no answer from 192.0.2.1:53");
}

#[test]
fn a_connection_closed_before_its_answer_fails_the_server() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    bench.deliver(&first, &truncated(&first));
    let conn = connect(&mut bench);
    connected(&mut bench, conn);
    bench.handle(Input::Chunk { conn, bytes: &[0, 40, 1, 2, 3] });
    bench.handle(Input::Closed { conn, cause: Cause::PeerClosed });
    assert_eq!(bench.outcome(), "closed by the peer from 192.0.2.1:53");
}

#[test]
fn another_message_over_the_connection_fails_the_server() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    bench.deliver(&first, &truncated(&first));
    let conn = connect(&mut bench);
    let mut query = connected(&mut bench, conn);
    query.id ^= 1;
    let message = framed(&answer(&query, vec![address("x.test", 60, 66)]));
    bench.handle(Input::Chunk { conn, bytes: &message });
    assert!(bench.outcome().ends_with("from 192.0.2.1:53"));
}

/// A question whose name was sent with at least one letter in upper case.
fn asked_in_mixed_case(bench: &mut Bench) -> Datagram {
    bench.ask(&a("a-long-name-with-many-letters.example.test"));
    let first = bench.datagram();
    assert_ne!(first.query.asked, folded(&first.query).asked);
    first
}

#[test]
fn an_answer_in_another_case_is_checked_over_tcp() {
    let mut bench = Bench::new(1);
    let first = asked_in_mixed_case(&mut bench);
    let name = "a-long-name-with-many-letters.example.test";
    bench.deliver(&first, &folded(&answer(&first.query, vec![address(name, 60, 66)])));
    assert!(bench.replies.is_empty(), "it may be a stranger's");
    let conn = connect(&mut bench);
    let query = connected(&mut bench, conn);
    let message = framed(&folded(&answer(&query, vec![address(name, 60, 1)])));
    bench.handle(Input::Chunk { conn, bytes: &message });
    assert_eq!(bench.outcome(), "192.0.2.1");
    assert_eq!(bench.resolver.counters().case_mismatches, 1);
}

#[test]
fn a_server_that_folds_the_case_and_speaks_no_tcp_is_asked_in_lower_case() {
    let mut bench = Bench::new(1);
    let first = asked_in_mixed_case(&mut bench);
    let name = "a-long-name-with-many-letters.example.test";
    bench.deliver(&first, &folded(&answer(&first.query, vec![address(name, 60, 1)])));
    let conn = connect(&mut bench);
    bench.handle(Input::Closed { conn, cause: Cause::Refused });
    let plain = bench.datagram();
    assert_eq!(plain.query.asked, folded(&plain.query).asked);
    assert_ne!(plain.query.id, first.query.id);
    bench.deliver(&plain, &answer(&plain.query, vec![address(name, 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}

#[test]
fn what_comes_over_a_connection_of_others_is_ignored() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    bench.take_sent();
    bench.handle(Input::Chunk { conn: Conn(1 << 62 | 77), bytes: &Bytes::from_static(&[0; 64]) });
    assert!(bench.take_sent().is_empty());
    let of_phone = Input::Chunk { conn: Conn(77), bytes: &[] };
    assert!(!dns::Resolver::owns(&of_phone));
    let accepted = Input::Chunk { conn: Conn(1 << 63 | 1 << 62 | 1), bytes: &[] };
    assert!(!dns::Resolver::owns(&accepted));
}
