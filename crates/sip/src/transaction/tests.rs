use std::net::SocketAddr;

use super::*;
use crate::message::{Message, Request, Response};
use crate::method::Method;
use crate::wire::parse_datagram;
use crate::writer::Writer;

const BRANCH: &str = "z9hG4bKtest";

fn at_ms(ms: u64) -> Instant {
    Instant::from_micros(ms * 1000)
}

fn here() -> SocketAddr {
    "192.0.2.1:5060".parse().unwrap()
}

fn written(method: &Method, cseq_method: &Method) -> Bytes {
    Writer::request(method, "sip:bob@example.com")
        .via(Transport::Udp, here(), BRANCH)
        .header("Route", "<sip:p1;lr>")
        .header("From", "<sip:alice@example.com>;tag=f")
        .header("To", "<sip:bob@example.com>")
        .header("Call-ID", "c")
        .header("CSeq", format_args!("5 {cseq_method}"))
        .header("Route", "<sip:p2;lr>")
        .header("Contact", "<sip:alice@192.0.2.1>")
        .finish(None)
}

fn request(method: &Method) -> Request {
    parsed(&written(method, method))
}

fn parsed(bytes: &[u8]) -> Request {
    match parse_datagram(bytes) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn response_to(method: &Method, status: u16) -> Response {
    let bytes =
        Writer::response(&request(method), status, "x", Some("theirs"), here()).finish(None);
    match parse_datagram(&bytes) {
        Ok(Message::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

/// What a client did: the times of its sendings, and the end.
#[derive(Debug, PartialEq)]
struct Run {
    sent_ms: Vec<u64>,
    timed_out_ms: Option<u64>,
    ended_ms: u64,
}

/// Runs a client to its end by its own timers alone.
fn run<C>(
    mut client: C,
    next: impl Fn(&C) -> Option<(Instant, Timer)>,
    handle: impl Fn(&mut C, Instant) -> Reaction,
) -> Run {
    let mut run = Run { sent_ms: vec![0], timed_out_ms: None, ended_ms: 0 };
    while let Some((due, _)) = next(&client) {
        let early = due - Duration::from_micros(1);
        assert_eq!(handle(&mut client, early), Reaction::NONE, "it acted before its time");
        let reaction = handle(&mut client, due);
        let ms = due.as_micros() / 1000;
        if reaction.send.is_some() {
            run.sent_ms.push(ms);
        }
        if reaction.tell == Some(Told::TimedOut) {
            run.timed_out_ms = Some(ms);
        }
        run.ended_ms = ms;
    }
    run
}

fn invite_client(transport: Transport, patience: Patience) -> InviteClient {
    let invite = written(&Method::Invite, &Method::Invite);
    InviteClient::new(Instant::ZERO, invite, transport, patience, Timings::default())
}

fn request_client(transport: Transport, patience: Patience) -> RequestClient {
    let register = written(&Method::Register, &Method::Register);
    RequestClient::new(Instant::ZERO, register, transport, patience, Timings::default())
}

fn full() -> Patience {
    Patience::full(&Timings::default())
}

fn given_up_after_ms(ms: u64) -> Patience {
    Patience { give_up: Duration::from_millis(ms), ..full() }
}

// RFC 3261 §17.1.1.2: Timers A and B.
#[test]
fn an_invite_is_sent_seven_times_and_given_up_after_64_t1() {
    let run = run(
        invite_client(Transport::Udp, full()),
        InviteClient::next_timeout,
        InviteClient::handle_timeout,
    );
    assert_eq!(run.sent_ms, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
    assert_eq!((run.timed_out_ms, run.ended_ms), (Some(32_000), 32_000));
}

// RFC 3261 §17.1.2.2: Timers E and F.
#[test]
fn another_request_is_sent_eleven_times_and_given_up_after_64_t1() {
    let run = run(
        request_client(Transport::Udp, full()),
        RequestClient::next_timeout,
        RequestClient::handle_timeout,
    );
    let expected = [0, 500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
    assert_eq!(run.sent_ms, expected);
    assert_eq!((run.timed_out_ms, run.ended_ms), (Some(32_000), 32_000));
}

#[test]
fn nothing_is_sent_again_over_a_stream() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let invite = run(
            invite_client(transport, full()),
            InviteClient::next_timeout,
            InviteClient::handle_timeout,
        );
        let other = run(
            request_client(transport, full()),
            RequestClient::next_timeout,
            RequestClient::handle_timeout,
        );
        for run in [invite, other] {
            assert_eq!((run.sent_ms, run.timed_out_ms), (vec![0], Some(32_000)));
        }
    }
}

// A1: giving up comes before the retransmission that would be due at the same instant.
#[test]
fn two_retries_are_three_datagrams() {
    let patience = given_up_after_ms(3500);
    let other = run(
        request_client(Transport::Udp, patience),
        RequestClient::next_timeout,
        RequestClient::handle_timeout,
    );
    assert_eq!((other.sent_ms, other.timed_out_ms), (vec![0, 500, 1500], Some(3500)));
    let invite = run(
        invite_client(Transport::Udp, patience),
        InviteClient::next_timeout,
        InviteClient::handle_timeout,
    );
    assert_eq!((invite.sent_ms, invite.timed_out_ms), (vec![0, 500, 1500], Some(3500)));
    // It stays to hear a late answer, until Timer B.
    assert_eq!(invite.ended_ms, 32_000);
}

// RFC 3261 §17.1.2.2: in Proceeding Timer E is T2, Timer F goes on.
#[test]
fn a_provisional_response_slows_a_request_down_to_t2() {
    let mut client = request_client(Transport::Udp, full());
    let trying = response_to(&Method::Register, 100);
    assert_eq!(client.handle_response(at_ms(100), &trying).tell, Some(Told::Response));
    let run = run(client, RequestClient::next_timeout, RequestClient::handle_timeout);
    let expected = [0, 500, 4500, 8500, 12_500, 16_500, 20_500, 24_500, 28_500];
    assert_eq!(run.sent_ms, expected);
    assert_eq!(run.timed_out_ms, Some(32_000));
}

#[test]
fn a_final_response_is_told_once_and_absorbed_until_timer_k() {
    for (transport, timer_k) in [(Transport::Udp, 5100), (Transport::Tcp, 100)] {
        let mut client = request_client(transport, full());
        let ok = response_to(&Method::Register, 200);
        assert_eq!(client.handle_response(at_ms(100), &ok), Reaction::tell(Told::Response));
        assert_eq!(client.handle_response(at_ms(100), &ok), Reaction::NONE);
        assert_eq!(client.next_timeout(), Some((at_ms(timer_k), Timer::K)));
        assert_eq!(client.handle_timeout(at_ms(timer_k)), Reaction::NONE);
        assert!(client.is_terminated());
        assert_eq!(client.handle_response(at_ms(6000), &ok), Reaction::NONE);
    }
}

// RFC 3261 §17.1.1.2: a proceeding INVITE has no timer.
#[test]
fn a_ringing_invite_waits_for_ever_unless_it_is_cancelled() {
    let mut client = invite_client(Transport::Udp, full());
    assert_eq!(client.cancel(Instant::ZERO), None);
    let ringing = response_to(&Method::Invite, 180);
    assert_eq!(client.handle_response(at_ms(100), &ringing), Reaction::tell(Told::Response));
    assert_eq!(client.handle_response(at_ms(200), &ringing), Reaction::tell(Told::Response));
    assert!(client.is_proceeding());
    assert_eq!(client.next_timeout(), None);
    assert_eq!(client.handle_timeout(at_ms(600_000)), Reaction::NONE);
    // RFC 3261 §9.1: 64·T1 after the CANCEL the INVITE counts as cancelled.
    let cancel = parsed(&client.cancel(at_ms(1000)).unwrap());
    assert_eq!((cancel.method(), cancel.branch(), cancel.cseq()), (&Method::Cancel, BRANCH, 5));
    assert_eq!(client.next_timeout(), Some((at_ms(33_000), Timer::B)));
    assert_eq!(client.handle_timeout(at_ms(33_000)), Reaction::tell(Told::TimedOut));
    assert!(client.is_terminated());
}

// RFC 3261 §17.1.1.3.
#[test]
fn a_refusal_is_acknowledged_each_time_and_told_once() {
    for (transport, timer_d) in [(Transport::Udp, 32_100), (Transport::Tls, 100)] {
        let mut client = invite_client(transport, full());
        let busy = response_to(&Method::Invite, 486);
        let first = client.handle_response(at_ms(100), &busy);
        assert_eq!(first.tell, Some(Told::Response));
        let ack = parsed(&first.send.clone().unwrap());
        assert_eq!(ack.method(), &Method::Ack);
        assert_eq!(ack.uri(), "sip:bob@example.com");
        assert_eq!((ack.branch(), ack.cseq(), ack.call_id()), (BRANCH, 5, "c"));
        assert_eq!((ack.from_tag(), ack.to_tag()), (Some("f"), Some("theirs")));
        assert_eq!(ack.routes(), ["<sip:p1;lr>".into(), "<sip:p2;lr>".into()]);
        assert_eq!((ack.vias().count(), ack.header("Contact")), (1, None));
        let second = client.handle_response(at_ms(100), &busy);
        assert_eq!(second, Reaction { tell: None, ..first });
        assert_eq!(client.next_timeout(), Some((at_ms(timer_d), Timer::D)));
        assert_eq!(client.handle_timeout(at_ms(timer_d)), Reaction::NONE);
        assert!(client.is_terminated());
    }
}

// RFC 6026 §7.2: every 2xx is the user's, and nothing else is, until Timer M.
#[test]
fn every_success_is_told_until_timer_m() {
    let mut client = invite_client(Transport::Udp, full());
    let ok = response_to(&Method::Invite, 200);
    for ms in [100, 200] {
        assert_eq!(client.handle_response(at_ms(ms), &ok), Reaction::tell(Told::Response));
    }
    for status in [180, 486] {
        let late = response_to(&Method::Invite, status);
        assert_eq!(client.handle_response(at_ms(300), &late), Reaction::NONE);
    }
    assert_eq!(client.next_timeout(), Some((at_ms(32_100), Timer::M)));
    assert_eq!(client.handle_timeout(at_ms(32_100)), Reaction::NONE);
    assert!(client.is_terminated());
}

#[test]
fn an_invite_that_was_given_up_still_hears_a_late_answer() {
    for (status, ends_in) in [(180, None), (200, Some(Timer::M)), (486, Some(Timer::D))] {
        let mut client = invite_client(Transport::Udp, given_up_after_ms(500));
        assert_eq!(client.handle_timeout(at_ms(500)), Reaction::tell(Told::TimedOut));
        assert_eq!(client.next_timeout(), Some((at_ms(32_000), Timer::B)));
        let late = response_to(&Method::Invite, status);
        let reaction = client.handle_response(at_ms(20_000), &late);
        assert_eq!((reaction.tell, reaction.send.is_some()), (Some(Told::Response), status == 486));
        assert_eq!(client.next_timeout().map(|(_, timer)| timer), ends_in);
    }
}

#[test]
fn an_undelivered_request_ends_only_what_still_waits_for_delivery() {
    let mut calling = invite_client(Transport::Tcp, full());
    calling.handle_undelivered();
    assert!(calling.is_terminated());
    let mut ringing = invite_client(Transport::Tcp, full());
    ringing.handle_response(at_ms(1), &response_to(&Method::Invite, 180));
    ringing.handle_undelivered();
    assert!(ringing.is_proceeding());
    let mut other = request_client(Transport::Tcp, full());
    other.handle_undelivered();
    assert!(other.is_terminated() && other.next_timeout().is_none());
}

/// A table whose routes are numbers.
fn table(limit: usize) -> ServerTransactions<u8> {
    ServerTransactions::new(limit, Timings::default())
}

fn new_key(received: Received) -> TransactionKey {
    let Received::New { key, .. } = received else { panic!("not new: {received:?}") };
    key
}

fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// All that a table does by its timers until nothing is due any more.
fn drain(table: &mut ServerTransactions<u8>) -> Vec<(u64, ServerEvent<u8>)> {
    let mut events = Vec::new();
    while let Some((due, _)) = table.next_timeout() {
        let mut out = Vec::new();
        table.handle_timeout(due - Duration::from_micros(1), &mut out);
        assert_eq!(out, [], "it acted before its time");
        table.handle_timeout(due, &mut out);
        events.extend(out.into_iter().map(|event| (due.as_micros() / 1000, event)));
    }
    assert!(table.is_empty());
    events
}

// RFC 3261 §17.2.2: Trying, Proceeding, Completed, Timer J.
#[test]
fn a_repeated_request_is_answered_from_the_table() {
    let mut table = table(8);
    let options = request(&Method::Options);
    let key = new_key(table.receive(at_ms(0), &options, Transport::Udp, 1));
    let again =
        |table: &mut ServerTransactions<u8>| table.receive(at_ms(50), &options, Transport::Udp, 2);
    assert_eq!(again(&mut table), Received::Repeated(None));
    assert_eq!(table.respond(at_ms(60), &key, 183, &bytes("183")), Sent::To(1));
    assert_eq!(again(&mut table), Received::Repeated(Some(bytes("183"))));
    assert_eq!(table.respond(at_ms(70), &key, 200, &bytes("200")), Sent::To(1));
    assert_eq!(again(&mut table), Received::Repeated(Some(bytes("200"))));
    assert_eq!(table.respond(at_ms(80), &key, 500, &bytes("500")), Sent::TooLate);
    let mut out = Vec::new();
    table.handle_timeout(at_ms(32_069), &mut out);
    assert_eq!(table.len(), 1);
    table.handle_timeout(at_ms(32_070), &mut out);
    assert!(table.is_empty() && out.is_empty());
    assert_eq!(table.next_timeout(), None);
}

#[test]
fn over_a_stream_an_answered_request_is_forgotten_at_once() {
    let mut table = table(8);
    let options = request(&Method::Options);
    let key = new_key(table.receive(at_ms(0), &options, Transport::Tls, 1));
    assert_eq!(table.respond(at_ms(1), &key, 200, &bytes("200")), Sent::To(1));
    assert!(table.is_empty());
    assert_eq!(table.respond(at_ms(2), &key, 200, &bytes("200")), Sent::TooLate);
    assert_eq!(drain(&mut table), []);
}

#[test]
fn a_request_that_its_user_never_answers_lapses() {
    let mut table = table(8);
    new_key(table.receive(at_ms(0), &request(&Method::Info), Transport::Udp, 1));
    assert_eq!(table.next_timeout(), Some((at_ms(32_000), Timer::J)));
    assert_eq!(drain(&mut table), []);
}

// RFC 3261 §17.2.1: Timers G and H.
#[test]
fn a_refused_invite_is_sent_its_refusal_until_it_gives_up_on_the_ack() {
    for (transport, resent) in [
        (
            Transport::Udp,
            vec![500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500],
        ),
        (Transport::Tcp, vec![]),
    ] {
        let mut table = table(8);
        let invite = request(&Method::Invite);
        let key = new_key(table.receive(at_ms(0), &invite, transport, 1));
        assert_eq!(table.next_timeout(), None);
        table.respond(at_ms(0), &key, 486, &bytes("486"));
        let repeated = table.receive(at_ms(0), &invite, transport, 1);
        assert_eq!(repeated, Received::Repeated(Some(bytes("486"))));
        let mut events = drain(&mut table);
        assert_eq!(events.pop(), Some((32_000, ServerEvent::NotAcknowledged(key))));
        let send = ServerEvent::Send { route: 1, bytes: bytes("486") };
        assert!(events.iter().all(|(_, event)| *event == send));
        assert_eq!(events.iter().map(|(ms, _)| *ms).collect::<Vec<_>>(), resent);
    }
}

// RFC 3261 §17.2.1: Confirmed and Timer I.
#[test]
fn the_ack_to_a_refusal_is_absorbed_until_timer_i() {
    for (transport, timer_i) in [(Transport::Udp, 5100), (Transport::Tcp, 100)] {
        let mut table = table(8);
        let invite = request(&Method::Invite);
        let ack = request(&Method::Ack);
        let key = new_key(table.receive(at_ms(0), &invite, transport, 1));
        table.respond(at_ms(0), &key, 486, &bytes("486"));
        assert_eq!(table.receive(at_ms(100), &ack, transport, 1), Received::Acknowledged);
        assert_eq!(table.receive(at_ms(100), &ack, transport, 1), Received::Acknowledged);
        assert_eq!(table.receive(at_ms(100), &invite, transport, 1), Received::Repeated(None));
        assert_eq!(table.next_timeout(), Some((at_ms(timer_i), Timer::I)));
        assert_eq!(drain(&mut table), []);
        assert_eq!(table.receive(at_ms(9000), &ack, transport, 1), Received::Ack);
    }
}

// RFC 6026 §7.1: Accepted and Timer L; RFC 3261 §13.3.1.4: the 2xx is sent again over any transport.
#[test]
fn a_success_is_sent_again_until_it_is_confirmed() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut table = table(8);
        let invite = request(&Method::Invite);
        let key = new_key(table.receive(at_ms(0), &invite, transport, 1));
        table.respond(at_ms(0), &key, 180, &bytes("180"));
        assert_eq!(
            table.receive(at_ms(0), &invite, transport, 1),
            Received::Repeated(Some(bytes("180")))
        );
        table.respond(at_ms(0), &key, 200, &bytes("200"));
        assert_eq!(table.receive(at_ms(1), &invite, transport, 1), Received::Repeated(None));
        let mut out = Vec::new();
        for ms in [500, 1500, 3500] {
            table.handle_timeout(at_ms(ms), &mut out);
        }
        assert_eq!(out.len(), 3);
        assert_eq!(table.receive(at_ms(3600), &request(&Method::Ack), transport, 1), Received::Ack);
        table.confirm(&key);
        assert_eq!(table.next_timeout(), Some((at_ms(32_000), Timer::L)));
        assert_eq!(drain(&mut table), []);
    }
}

#[test]
fn a_success_that_nobody_acknowledges_is_told() {
    let mut table = table(8);
    let key = new_key(table.receive(at_ms(0), &request(&Method::Invite), Transport::Tls, 1));
    table.respond(at_ms(0), &key, 200, &bytes("200"));
    let events = drain(&mut table);
    assert_eq!(events.len(), 11);
    assert_eq!(events.last(), Some(&(32_000, ServerEvent::NotAcknowledged(key))));
}

// RFC 3261 §9.2: a CANCEL is a transaction of its own that names an INVITE.
#[test]
fn a_cancel_finds_the_invite_it_is_about() {
    let mut table = table(8);
    let invite = new_key(table.receive(at_ms(0), &request(&Method::Invite), Transport::Udp, 1));
    let cancel = table.receive(at_ms(1), &request(&Method::Cancel), Transport::Udp, 1);
    let Received::New { key, cancels } = cancel else { panic!("{cancel:?}") };
    assert_ne!(key, invite);
    assert_eq!(cancels, Some(invite));
    let mut empty = self::table(8);
    let cancel = empty.receive(at_ms(1), &request(&Method::Cancel), Transport::Udp, 1);
    assert!(matches!(cancel, Received::New { cancels: None, .. }));
}

fn with(from: &str, to: &str) -> TransactionKey {
    let text = String::from_utf8(written(&Method::Invite, &Method::Invite).to_vec()).unwrap();
    assert!(text.contains(from));
    TransactionKey::of(&parsed(text.replace(from, to).as_bytes()))
}

// RFC 3261 §17.2.3.
#[test]
fn branch_sent_by_and_method_tell_transactions_apart() {
    let key = TransactionKey::of(&request(&Method::Invite));
    assert_eq!(TransactionKey::of(&request(&Method::Ack)), key);
    assert_ne!(TransactionKey::of(&request(&Method::Cancel)), key);
    assert_ne!(with(BRANCH, "z9hG4bKother"), key);
    assert_ne!(with("192.0.2.1:5060;", "192.0.2.1:5061;"), key);
    assert_ne!(with("192.0.2.1:5060;", "192.0.2.9:5060;"), key);
    assert_eq!(with("Call-ID: c", "Call-ID: d"), key);
}

// RFC 3261 §17.2.3 for RFC 2543; RFC 4475 §3.2.1 for the bare cookie.
#[test]
fn without_a_branch_the_fields_tell_transactions_apart() {
    for old in ["", ";branch=1", ";branch=z9hG4bK"] {
        let branch = format!(";branch={BRANCH}");
        let old_text = |from: &str, to: &str| {
            let text = String::from_utf8(written(&Method::Invite, &Method::Invite).to_vec());
            let text = text.unwrap().replace(&branch, old);
            assert!(text.contains(from));
            TransactionKey::of(&parsed(text.replace(from, to).as_bytes()))
        };
        let key = old_text("", "");
        for (from, to) in [
            ("Call-ID: c", "Call-ID: d"),
            ("tag=f", "tag=g"),
            ("CSeq: 5", "CSeq: 6"),
            ("INVITE sip:bob", "INVITE sip:carl"),
            ("UDP 192.0.2.1:5060", "UDP 192.0.2.1:5061"),
        ] {
            assert_ne!(old_text(from, to), key, "{old} {to}");
        }
        // The ACK bears the tag of our response, and is still the INVITE's.
        let ack = old_text("INVITE", "ACK");
        assert_eq!(ack, key);
        let tagged = old_text("To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=ours");
        assert_eq!(tagged, key);
    }
}

#[test]
fn a_full_table_forgets_what_is_answered_before_it_refuses() {
    let mut table = table(2);
    let numbered = |number: u32| {
        let text = String::from_utf8(written(&Method::Info, &Method::Info).to_vec()).unwrap();
        parsed(text.replace(BRANCH, &format!("{BRANCH}{number}")).as_bytes())
    };
    let mut keys = Vec::new();
    for number in 0..2 {
        keys.push(new_key(table.receive(at_ms(0), &numbered(number), Transport::Udp, 1)));
    }
    assert_eq!(table.receive(at_ms(1), &numbered(2), Transport::Udp, 1), Received::Full);
    table.respond(at_ms(2), &keys[1], 200, &bytes("200"));
    new_key(table.receive(at_ms(3), &numbered(2), Transport::Udp, 1));
    assert_eq!(table.len(), 2);
    // The one that is not answered is still there, the answered one is not.
    assert_eq!(table.receive(at_ms(4), &numbered(0), Transport::Udp, 1), Received::Repeated(None));
    assert_eq!(table.receive(at_ms(4), &numbered(1), Transport::Udp, 1), Received::Full);
}

#[test]
fn timers_of_zero_length_do_not_spin() {
    let zero = Duration::ZERO;
    let timings = Timings { t1: zero, t2: zero, t4: zero };
    let mut table = ServerTransactions::new(8, timings);
    let key = new_key(table.receive(at_ms(0), &request(&Method::Invite), Transport::Udp, 1));
    table.respond(at_ms(0), &key, 486, &bytes("486"));
    let mut out = Vec::new();
    table.handle_timeout(at_ms(0), &mut out);
    assert!(table.is_empty());
}
