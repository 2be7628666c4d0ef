//! Messages that strangers and broken servers send.

use std::net::SocketAddr;

use dns::{Flags, Message, Question, Rcode, RecordType};
use net::{Input, Socket};
use proptest::prelude::*;

use crate::bench::{Bench, Datagram, a, address, answer, bytes, name, response, server};

fn asked(bench: &mut Bench) -> Datagram {
    bench.ask(&a("x.test"));
    bench.datagram()
}

fn good(sent: &Datagram) -> Message {
    answer(&sent.query, vec![address("x.test", 60, 66)])
}

/// Nothing came of it, and the true answer still counts.
fn is_untouched(bench: &mut Bench, sent: &Datagram, strays: u64) {
    assert!(bench.take_sent().is_empty());
    assert!(bench.replies.is_empty());
    assert_eq!(bench.resolver.counters().strays, strays);
    bench.deliver(sent, &answer(&sent.query, vec![address("x.test", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}

// RFC 5452 §9.1
#[test]
fn an_answer_with_another_id_is_dropped() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    let mut message = good(&sent);
    message.id ^= 1;
    bench.deliver(&sent, &message);
    is_untouched(&mut bench, &sent, 1);
}

// RFC 5452 §9.1
#[test]
fn an_answer_from_another_address_or_port_is_dropped() {
    let mut bench = Bench::new(2);
    let sent = asked(&mut bench);
    for from in [server(2), SocketAddr::from(([192, 0, 2, 1], 54))] {
        bench.handle(Input::Datagram { socket: sent.socket, from, bytes: &bytes(&good(&sent)) });
    }
    is_untouched(&mut bench, &sent, 2);
}

// RFC 5452 §9.1
#[test]
fn an_answer_at_another_socket_is_dropped() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    let socket = Socket(sent.socket.0 + 1);
    bench.handle(Input::Datagram { socket, from: sent.to, bytes: &bytes(&good(&sent)) });
    is_untouched(&mut bench, &sent, 1);
}

// RFC 5452 §9.1
#[test]
fn an_answer_to_another_question_is_dropped() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    for question in [a("y.test"), Question::new(name("x.test"), RecordType::Aaaa)] {
        let mut message = good(&sent);
        message.asked = Some(dns::Asked::plain(question));
        bench.deliver(&sent, &message);
    }
    let mut message = good(&sent);
    message.asked = None;
    bench.deliver(&sent, &message);
    is_untouched(&mut bench, &sent, 3);
}

#[test]
fn a_query_and_an_answer_of_another_opcode_are_dropped() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    bench.deliver(&sent, &sent.query.clone());
    let mut other = bytes(&good(&sent)).to_vec();
    other[2] |= 0x28;
    bench.deliver_bytes(&sent, &other);
    is_untouched(&mut bench, &sent, 2);
}

#[test]
fn an_answer_that_comes_after_the_question_has_ended_is_dropped() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    bench.deliver(&sent, &answer(&sent.query, vec![address("x.test", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
    bench.take_sent();
    bench.deliver(&sent, &good(&sent));
    assert!(bench.replies.is_empty());
    assert_eq!(bench.resolver.counters().strays, 1);
}

#[test]
fn records_for_other_names_in_an_answer_are_ignored() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    let records = vec![address("bank.test", 60, 66), address("x.test", 60, 1)];
    bench.deliver(&sent, &answer(&sent.query, records));
    assert_eq!(bench.outcome(), "192.0.2.1");
    assert!(bench.look(&a("bank.test")).is_none());
}

#[test]
fn an_answer_that_cannot_be_read_fails_the_server_at_once() {
    let mut bench = Bench::new(2);
    let sent = asked(&mut bench);
    let whole = bytes(&good(&sent));
    bench.deliver_bytes(&sent, &whole[..whole.len() - 1]);
    let next = bench.datagram();
    assert_eq!(next.to, server(2));
    bench.deliver(&next, &answer(&next.query, vec![address("x.test", 60, 1)]));
    assert_eq!(bench.outcome(), "192.0.2.1");
}

#[test]
fn an_answer_whose_record_points_at_itself_fails_the_server() {
    let mut bench = Bench::new(1);
    let sent = asked(&mut bench);
    let mut message = bytes(&response(&sent.query, Rcode::NoError)).to_vec();
    message[7] = 1;
    let here = u8::try_from(message.len()).unwrap();
    message.extend([0xc0, here, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1]);
    bench.deliver_bytes(&sent, &message);
    assert_eq!(
        bench.outcome(),
        "unreadable answer (a compression pointer does not point backwards) from 192.0.2.1:53"
    );
}

proptest! {
    #[test]
    fn random_bytes_never_panic(noise in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = Message::parse(&noise);
        let mut bench = Bench::new(1);
        let sent = asked(&mut bench);
        bench.deliver_bytes(&sent, &noise);
        let mut tail = bytes(&response(&sent.query, Rcode::NoError)).to_vec();
        tail.extend(&noise);
        tail[7] = 9;
        bench.deliver_bytes(&sent, &tail);
    }

    #[test]
    fn an_answer_with_changed_bytes_never_panics_and_never_hangs(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bench = Bench::new(1);
        let sent = asked(&mut bench);
        let records = (0..20).map(|last| address("x.test", 60, last)).collect();
        let mut message = bytes(&answer(&sent.query, records)).to_vec();
        for (place, value) in changes {
            let place = place.index(message.len());
            message[place] = value;
        }
        bench.deliver_bytes(&sent, &message);
        bench.wait(std::time::Duration::from_secs(30));
        prop_assert!(bench.replies.len() == 1, "each question ends");
    }

    #[test]
    fn an_attacker_who_guesses_ids_without_the_case_gains_nothing(id in any::<u16>()) {
        let mut bench = Bench::new(1);
        bench.ask(&a("a-long-name-with-many-letters.test"));
        let sent = bench.datagram();
        let mut message = answer(&sent.query, vec![address("a-long-name-with-many-letters.test", 60, 66)]);
        message.id = id;
        message.flags = Flags { response: true, ..Flags::default() };
        message.asked = sent.query.asked.as_ref().map(|asked| dns::Asked::plain(asked.question.clone()));
        bench.deliver(&sent, &message);
        prop_assert!(bench.replies.is_empty());
    }
}
