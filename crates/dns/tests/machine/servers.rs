//! Which name server is asked, how often, and what its failure is.

use std::collections::BTreeSet;
use std::time::Duration;

use dns::{Mode, Rcode, Reply, Resolver, ResolverConfig, WhyFailed};
use net::{Cause, Input, Socket};

use crate::bench::{Bench, Sent, a, address, answer, response, server};

const SECOND: Duration = Duration::from_secs(1);

// Behaviour §3.8: a name server gets 3 s and 2 retries.
#[test]
fn each_server_gets_three_datagrams_three_seconds_apart() {
    let mut bench = Bench::new(2);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    assert_eq!(first.to, server(1));
    for _ in 0..2 {
        bench.wait(SECOND * 3 - Duration::from_micros(1));
        assert!(bench.datagrams().is_empty());
        bench.wait(Duration::from_micros(1));
        let again = bench.datagram();
        assert_eq!((again.to, again.socket), (server(1), first.socket));
        assert_eq!(again.bytes, first.bytes, "the same question: a late answer still counts");
    }
    bench.wait(SECOND * 3);
    assert_eq!(bench.datagram().to, server(2));
    bench.wait(SECOND * 9);
    assert_eq!(bench.outcome(), "no answer from 192.0.2.1:53, no answer from 192.0.2.2:53");
    assert!(bench.resolver.next_timeout().is_none());
}

#[test]
fn time_and_retries_come_from_the_settings() {
    let mut bench = Bench::with(ResolverConfig {
        name_servers: vec![server(1)],
        query_timeout: SECOND,
        retry_times: 0,
        ..ResolverConfig::default()
    });
    bench.ask(&a("x.test"));
    bench.wait(SECOND);
    assert_eq!(bench.outcome(), "no answer from 192.0.2.1:53");
    assert_eq!(bench.datagrams().len(), 1);
}

#[test]
fn an_answer_to_the_first_datagram_that_comes_after_the_second_counts() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    bench.wait(SECOND * 4);
    bench.deliver(&first, &answer(&first.query, vec![address("x.test", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}

#[test]
fn the_next_question_starts_at_the_server_that_answered_last() {
    let mut bench = Bench::new(3);
    bench.ask(&a("x.test"));
    bench.wait(SECOND * 9);
    let second = bench.datagrams().pop().unwrap();
    assert_eq!(second.to, server(2));
    bench.deliver(&second, &answer(&second.query, vec![address("x.test", 60, 1)]));
    bench.ask(&a("y.test"));
    let next = bench.datagram();
    assert_eq!(next.to, server(2));
    bench.deliver(&next, &response(&next.query, Rcode::ServFail));
    assert_eq!(bench.datagram().to, server(3), "then the one after it");
}

#[test]
fn an_icmp_error_fails_the_server_at_once() {
    let mut bench = Bench::new(2);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    let quoted = &first.bytes[..8];
    let cause = Cause::PortUnreachable;
    bench.handle(Input::Unreachable { socket: first.socket, to: first.to, cause, quoted });
    let second = bench.datagram();
    assert_eq!(second.to, server(2));
    let cause = Cause::HostUnreachable;
    let quoted = &[];
    bench.handle(Input::Unreachable { socket: second.socket, to: second.to, cause, quoted });
    assert_eq!(
        bench.outcome(),
        "port unreachable from 192.0.2.1:53, host unreachable from 192.0.2.2:53"
    );
}

#[test]
fn an_icmp_error_for_another_datagram_changes_nothing() {
    let mut bench = Bench::new(2);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    let cause = Cause::PortUnreachable;
    let socket = first.socket;
    bench.handle(Input::Unreachable { socket, to: first.to, cause, quoted: b"\0\0other" });
    bench.handle(Input::Unreachable { socket, to: server(2), cause, quoted: &[] });
    let socket = Socket(first.socket.0 + 1);
    bench.handle(Input::Unreachable { socket, to: first.to, cause, quoted: &first.bytes });
    assert!(bench.take_sent().is_empty());
}

#[test]
fn a_full_queue_of_our_own_is_not_held_against_the_server() {
    let mut bench = Bench::new(2);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    let (socket, to) = (first.socket, first.to);
    bench.handle(Input::Unreachable { socket, to, cause: Cause::QueueFull, quoted: &[] });
    assert!(bench.take_sent().is_empty());
    bench.wait(SECOND * 3);
    assert_eq!(bench.datagram().to, server(1));
}

#[test]
fn servfail_and_refused_go_to_the_next_server_at_once() {
    for rcode in [Rcode::ServFail, Rcode::Refused, Rcode::Other(9)] {
        let mut bench = Bench::new(2);
        bench.ask(&a("x.test"));
        let first = bench.datagram();
        bench.deliver(&first, &response(&first.query, rcode));
        let second = bench.datagram();
        assert_eq!(second.to, server(2));
        bench.deliver(&second, &response(&second.query, rcode));
        let Reply::Failed(failure) = bench.reply() else { panic!("answered") };
        assert!(matches!(&failure.why, WhyFailed::NameServers(faults) if faults.len() == 2));
    }
}

// RFC 6891 §7
#[test]
fn a_server_that_knows_no_edns_is_asked_again_without() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    assert_eq!(first.query.udp_size, Some(1232));
    bench.deliver(&first, &response(&first.query, Rcode::FormErr));
    let again = bench.datagram();
    assert_eq!((again.to, again.query.udp_size), (server(1), None));
    bench.deliver(&again, &response(&again.query, Rcode::FormErr));
    assert_eq!(bench.outcome(), "FORMERR from 192.0.2.1:53");
}

#[test]
fn an_error_without_question_is_an_error_of_the_server_all_the_same() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    let first = bench.datagram();
    let mut bare = response(&first.query, Rcode::NotImp);
    bare.asked = None;
    bench.deliver(&first, &bare);
    assert_eq!(bench.datagram().query.udp_size, None);
}

#[test]
fn ids_and_sockets_are_fresh_for_each_question_and_sockets_are_closed() {
    let mut bench = Bench::new(1);
    let (mut ids, mut sockets) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..200 {
        bench.ask(&a(&format!("n{number}.test")));
        let sent = bench.take_sent();
        let [Sent::Open(opened, to), Sent::Datagram(socket, _, bytes)] = &sent[..] else {
            panic!("{sent:?}")
        };
        assert_eq!((opened, *to), (socket, server(1)));
        assert!(socket.0 >= Socket::FIRST_ASK);
        sockets.insert(*socket);
        let query = dns::Message::parse(bytes).unwrap();
        ids.insert(query.id);
        let message = answer(&query, vec![address(&format!("n{number}.test"), 60, 1)]);
        let bytes = message.encode(512);
        bench.handle(Input::Datagram { socket: *socket, from: server(1), bytes: &bytes });
        assert_eq!(bench.take_sent(), [Sent::CloseAsk(*socket)]);
    }
    assert_eq!(sockets.len(), 200);
    assert!(ids.len() > 190, "ids are drawn, not counted");
}

#[test]
fn questions_in_flight_are_shared_by_all_modes() {
    let mut bench = Bench::new(1);
    for mode in [Mode::Bypass, Mode::Answers, Mode::AnswersAndAdditionals, Mode::Bypass] {
        bench.ask_as(&a("x.test"), mode);
    }
    let only = bench.datagram();
    bench.deliver(&only, &answer(&only.query, vec![address("x.test", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}

#[test]
fn questions_above_the_limits_wait_and_then_fail_at_once() {
    let mut bench = Bench::new(1);
    let all = Resolver::IN_FLIGHT_MAX + Resolver::WAITING_MAX + 1;
    for number in 0..all {
        bench.ask(&a(&format!("n{number}.test")));
    }
    assert_eq!(bench.outcome(), "too many questions wait for DNS");
    assert_eq!(bench.resolver.counters().refused, 1);
    let open = bench.datagrams();
    assert_eq!(open.len(), Resolver::IN_FLIGHT_MAX);
    let first = &open[0];
    let asked = first.query.asked.as_ref().unwrap().question.name.to_string();
    bench.deliver(first, &answer(&first.query, vec![address(&asked, 60, 1)]));
    let next = bench.datagram().query.asked.unwrap().question;
    assert_eq!(next, a(&format!("n{}.test", Resolver::IN_FLIGHT_MAX)), "the oldest that waits");
}

#[test]
fn without_a_name_server_the_answer_is_known_without_asking() {
    let mut bench = Bench::new(0);
    let Some(Reply::Failed(failure)) = bench.look(&a("x.test")) else { panic!("asked") };
    assert_eq!(failure.why, WhyFailed::NoNameServer);
    bench.ask(&a("x.test"));
    assert_eq!(bench.outcome(), "no name server is configured");
}

#[test]
fn name_servers_can_be_changed_while_questions_are_open() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    bench.datagram();
    let config = ResolverConfig { name_servers: vec![server(9)], ..bench.config.clone() };
    bench.resolver.configure(config);
    bench.ask(&a("y.test"));
    assert_eq!(bench.datagram().to, server(9));
    bench.wait(SECOND * 3);
    let to: Vec<_> = bench.datagrams().iter().map(|datagram| datagram.to).collect();
    assert_eq!(to, [server(1), server(9)]);
}

#[test]
fn a_timeout_before_its_time_does_nothing() {
    let mut bench = Bench::new(1);
    bench.ask(&a("x.test"));
    bench.take_sent();
    bench.handle(Input::Timeout);
    assert!(bench.take_sent().is_empty());
}
