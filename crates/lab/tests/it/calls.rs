use std::time::Duration;

use bytes::Bytes;
use lab::{Command, Config, Fault, RecordRoute};
use net::Transport;
use sip::{Message, Method, Request, Response, Writer};

use crate::ua::*;

const CALLER: usize = 0;
const CALLEE: usize = 1;

fn invite(bench: &mut Bench, to: &str) -> Bytes {
    bench
        .begin(CALLER, &Method::Invite, &format!("sip:{to}@lab.test"))
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", format_args!("<sip:{to}@lab.test>"))
        .header("Call-ID", "call")
        .header("Contact", "<sip:1001@10.0.0.11:5060>")
        .finish(Some(("application/sdp", b"v=0\r\n")))
}

/// A request within the dialog of a call, along the route set of its 200.
fn in_dialog(bench: &mut Bench, method: &Method, answered: &Response) -> Bytes {
    let uri = answered.contacts()[0].uri.clone();
    let mut writer = bench.begin(CALLER, method, &uri);
    for route in answered.record_routes().iter().rev() {
        writer = writer.header("Route", route);
    }
    writer
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", answered.header("To").unwrap())
        .header("Call-ID", "call")
        .finish(None)
}

fn responses(messages: Vec<Message>) -> Vec<Response> {
    messages
        .into_iter()
        .filter_map(|message| if let Message::Response(r) = message { Some(r) } else { None })
        .collect()
}

fn statuses(bench: &mut Bench) -> Vec<u16> {
    responses(bench.listen(CALLER, 100)).iter().map(Response::status).collect()
}

/// A call that rings at the callee: the request that came there.
fn ringing(bench: &mut Bench) -> Request {
    bench.bind(CALLEE, "1002");
    let request = invite(bench, "1002");
    bench.send(CALLER, request);
    let invite = bench.request(CALLEE).expect("the INVITE");
    bench.send(CALLEE, answer(&invite, 180, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert_eq!(statuses(bench), [100, 180]);
    invite
}

fn answered(bench: &mut Bench, invite: &Request) -> Response {
    bench.send(CALLEE, answer(invite, 200, "callee", "<sip:1002@10.0.0.12:5060;line=1>"));
    let response = bench.response(CALLER).expect("the 200");
    assert_eq!(response.status(), 200);
    response
}

#[test]
fn a_call_is_forwarded_with_record_route_and_a_via_of_its_own() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    assert_eq!(invite.uri(), "sip:1002@10.0.0.12:5060;line=1");
    assert_eq!(invite.max_forwards(), Some(69));
    assert_eq!(invite.record_routes(), ["<sip:10.0.0.1:5060;lr>".into()]);
    assert_eq!(invite.body(), b"v=0\r\n");
    let vias: Vec<_> = invite.vias().map(|via| via.host().to_owned()).collect();
    assert_eq!(vias, ["10.0.0.1", "10.0.0.11"]);
    assert_eq!(invite.vias().nth(1).unwrap().rport(), Some(5060));
}

#[test]
fn acknowledgement_and_farewell_follow_the_route_of_the_dialog() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    let response = answered(&mut bench, &invite);
    assert_eq!(response.vias().count(), 1, "the server took its own away");
    let ack = in_dialog(&mut bench, &Method::Ack, &response);
    bench.send(CALLER, ack);
    let ack = bench.request(CALLEE).expect("the ACK");
    assert_eq!((ack.method(), ack.routes().len()), (&Method::Ack, 0));
    let bye = in_dialog(&mut bench, &Method::Bye, &response);
    bench.send(CALLER, bye);
    let bye = bench.request(CALLEE).expect("the BYE");
    assert!(bye.record_routes().is_empty());
    bench.send(CALLEE, answer(&bye, 200, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert_eq!(statuses(&mut bench), [200]);
}

#[test]
fn a_2xx_that_comes_again_is_sent_on_again_and_no_answer_is_sent_twice_by_the_server() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    answered(&mut bench, &invite);
    assert!(bench.listen(CALLER, 5_000).is_empty());
    answered(&mut bench, &invite);
}

#[test]
fn a_refusal_is_acknowledged_by_the_server_and_repeated_until_the_caller_does() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    bench.send(CALLEE, answer(&invite, 486, "callee", "<sip:1002@10.0.0.12:5060>"));
    let ack = bench.request(CALLEE).expect("an ACK");
    assert_eq!(ack.method(), &Method::Ack);
    let heard = responses(bench.listen(CALLER, 1_600));
    assert_eq!(heard.iter().map(Response::status).collect::<Vec<_>>(), [486, 486, 486]);
    let acknowledged = Writer::request(&Method::Ack, "sip:1002@lab.test")
        .via(Transport::Udp, bench.at(CALLER), heard[0].branch())
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", heard[0].header("To").unwrap())
        .header("Call-ID", "call")
        .header("CSeq", format_args!("{} ACK", heard[0].cseq()))
        .finish(None);
    bench.send(CALLER, acknowledged);
    assert!(bench.listen(CALLER, 30_000).is_empty());
    assert!(bench.listen(CALLEE, 10).is_empty(), "it went no further");
}

fn cancel(bench: &Bench, invite: &Response) -> Bytes {
    Writer::request(&Method::Cancel, "sip:1002@lab.test")
        .via(Transport::Udp, bench.at(CALLER), invite.branch())
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", "<sip:1002@lab.test>")
        .header("Call-ID", "call")
        .header("CSeq", format_args!("{} CANCEL", invite.cseq()))
        .finish(None)
}

#[test]
fn a_cancelled_call_stops_ringing() {
    let mut bench = Bench::new(open_config());
    bench.bind(CALLEE, "1002");
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    let invite = bench.request(CALLEE).expect("the INVITE");
    let trying = bench.response(CALLER).expect("100");
    let withdrawn = cancel(&bench, &trying);
    bench.send(CALLER, withdrawn);
    assert_eq!(statuses(&mut bench), [200], "the CANCEL is answered");
    assert!(bench.request(CALLEE).is_none(), "nothing is cancelled that has not answered");
    bench.send(CALLEE, answer(&invite, 180, "callee", "<sip:1002@10.0.0.12:5060>"));
    let passed_on = bench.request(CALLEE).expect("the CANCEL");
    assert_eq!(passed_on.method(), &Method::Cancel);
    assert_eq!(passed_on.branch(), invite.branch());
    bench.send(CALLEE, answer(&passed_on, 200, "callee", "<sip:1002@10.0.0.12:5060>"));
    bench.send(CALLEE, answer(&invite, 487, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert!(statuses(&mut bench).ends_with(&[487]));
}

#[test]
fn a_cancel_without_a_call_is_refused() {
    let mut bench = Bench::new(open_config());
    bench.bind(CALLEE, "1002");
    let request = bench.register(CALLER, "1001", &[]);
    let other = bench.ask(CALLER, request);
    let stray = cancel(&bench, &other);
    assert_eq!(bench.ask(CALLER, stray).status(), 481);
}

#[test]
fn a_call_that_rings_too_long_is_cancelled() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    assert!(bench.listen(CALLEE, 178_000).is_empty());
    let cancel = bench.listen(CALLEE, 3_000);
    assert!(matches!(&cancel[0], Message::Request(r) if r.method() == &Method::Cancel));
    bench.send(CALLEE, answer(&invite, 487, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert!(statuses(&mut bench).contains(&487));
}

#[test]
fn a_call_that_is_said_to_ring_goes_on_ringing() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    assert!(bench.listen(CALLEE, 170_000).is_empty());
    bench.send(CALLEE, answer(&invite, 180, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert!(bench.listen(CALLEE, 178_000).is_empty());
    assert!(!bench.listen(CALLEE, 3_000).is_empty(), "the CANCEL");
}

#[test]
fn a_silent_callee_is_asked_seven_times_and_given_up_with_408() {
    let mut bench = Bench::new(open_config());
    bench.bind(CALLEE, "1002");
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    assert_eq!(bench.listen(CALLEE, 31_900).len(), 7);
    bench.world.take_events(bench.uas[CALLER]);
    assert!(
        bench
            .listen(CALLER, 200)
            .iter()
            .any(|m| matches!(m, Message::Response(r) if r.status() == 408))
    );
}

#[test]
fn a_dead_callee_is_said_at_once() {
    let mut bench = Bench::new(open_config());
    bench.bind(CALLEE, "1002");
    bench.world.fault(sim::Fault::at(bench.uas[CALLEE], sim::Trouble::Down));
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    assert_eq!(statuses(&mut bench), [100, 500]);
}

#[test]
fn a_503_of_the_callee_does_not_look_like_one_of_the_server() {
    let mut bench = Bench::new(open_config());
    let invite = ringing(&mut bench);
    bench.send(CALLEE, answer(&invite, 503, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert_eq!(statuses(&mut bench), [500]);
}

#[test]
fn whom_nobody_can_reach_is_said() {
    let mut bench = Bench::new(open_config());
    for (to, status) in [("1002", 480), ("1003", 404)] {
        let request = invite(&mut bench, to);
        assert_eq!(bench.ask(CALLER, request).status(), status);
    }
}

#[test]
fn an_exhausted_request_ends() {
    let mut bench = Bench::new(open_config());
    let request = invite(&mut bench, "1002");
    let text = String::from_utf8(request.to_vec()).unwrap();
    let tired = text.replace("Max-Forwards: 70", "Max-Forwards: 0");
    assert_eq!(bench.ask(CALLER, tired.into()).status(), 483);
}

#[test]
fn a_request_that_comes_back_unchanged_is_a_loop() {
    let mut bench = Bench::new(open_config());
    let uri = "sip:1002@10.0.0.12:5060";
    let request = bench
        .begin(CALLER, &Method::Invite, uri)
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", format_args!("<{uri}>"))
        .header("Call-ID", "call")
        .finish(None);
    bench.send(CALLER, request);
    let came = bench.request(CALLEE).expect("the INVITE");
    let send_back = |came: &Request, uri: &str, branch: &str| {
        let own = Writer::request(&Method::Invite, uri).via(
            Transport::Udp,
            addr("10.0.0.12:5060"),
            branch,
        );
        let writer = came.list("Via").fold(own, |writer, via| writer.header("Via", via));
        ["From", "To", "Call-ID", "CSeq"]
            .iter()
            .fold(writer, |w, name| w.header(name, came.header(name).unwrap()))
            .finish(None)
    };
    let looped = send_back(&came, uri, "z9hG4bK-loop");
    assert_eq!(bench.ask(CALLEE, looped).status(), 482);
    let spiral = send_back(&came, "sip:1002@lab.test", "z9hG4bK-spiral");
    assert_eq!(bench.ask(CALLEE, spiral).status(), 480, "to another URI it may come back");
}

#[test]
fn callers_of_the_domain_need_a_password_but_not_within_a_dialog() {
    let mut bench = Bench::new(config());
    let request = invite(&mut bench, "1002");
    let challenged = bench.ask(CALLER, request);
    assert_eq!(challenged.status(), 407);
    let challenge = challenged.challenges()[0].clone();
    assert!(challenge.proxy);
    let credentials = sip::digest::Credentials { user: "1001", password: "pw1" };
    let uri = "sip:1002@lab.test";
    let (name, value) =
        sip::digest::authorization(&challenge, &credentials, &Method::Invite, uri, 1, "c", b"");
    let request = bench
        .begin(CALLER, &Method::Invite, uri)
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", "<sip:1002@lab.test>")
        .header("Call-ID", "call")
        .header(name, value)
        .finish(None);
    assert_eq!(bench.ask(CALLER, request).status(), 480, "it is let through; nobody is there");
    let stranger = bench
        .begin(CALLER, &Method::Bye, "sip:1002@10.0.0.12:5060")
        .header("Route", "<sip:10.0.0.1;lr>")
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", "<sip:1002@lab.test>;tag=callee")
        .header("Call-ID", "call")
        .finish(None);
    bench.send(CALLER, stranger);
    assert_eq!(bench.request(CALLEE).expect("the BYE").method(), &Method::Bye);
}

#[test]
fn a_callee_on_a_stream_is_reached_over_it_and_both_transports_are_recorded() {
    let mut bench = Bench::new(open_config());
    bench.connect(CALLEE, Transport::Tcp, SERVER);
    let contact = ("Contact", "<sip:1002@10.0.0.12:5060;transport=tcp>");
    let request = bench.register_over(Transport::Tcp, CALLEE, "1002", &[contact]);
    assert_eq!(bench.ask(CALLEE, request).status(), 200);
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    let invite = bench.request(CALLEE).expect("the INVITE");
    assert_eq!(invite.top_via().unwrap().transport(), "TCP");
    assert_eq!(
        invite.record_routes(),
        ["<sip:10.0.0.1:5060;transport=tcp;lr>".into(), "<sip:10.0.0.1:5060;lr>".into()]
    );
    let response = answered(&mut bench, &invite);
    let ack = in_dialog(&mut bench, &Method::Ack, &response);
    bench.send(CALLER, ack);
    assert_eq!(bench.request(CALLEE).expect("the ACK").method(), &Method::Ack);
}

#[test]
fn a_callee_whose_stream_is_gone_is_connected_to() {
    let mut bench = Bench::new(open_config());
    bench.connect(CALLEE, Transport::Tcp, SERVER);
    let contact = ("Contact", "<sip:1002@10.0.0.12:5060;transport=tcp>");
    let request = bench.register_over(Transport::Tcp, CALLEE, "1002", &[contact]);
    bench.ask(CALLEE, request);
    bench.world.command(bench.uas[CALLEE], Order::Close);
    bench.world.run_for(Duration::from_secs(1));
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    assert_eq!(bench.request(CALLEE).expect("the INVITE").method(), &Method::Invite);
}

#[test]
fn a_name_or_nothing_can_be_recorded() {
    for (record_route, recorded) in
        [(RecordRoute::Name("lab.test".into()), "<sip:lab.test;lr>"), (RecordRoute::Nothing, "")]
    {
        let mut bench = Bench::new(Config { record_route, ..open_config() });
        let invite = ringing(&mut bench);
        assert_eq!(invite.record_routes().concat(), recorded);
        let response = answered(&mut bench, &invite);
        let bye = in_dialog(&mut bench, &Method::Bye, &response);
        bench.send(CALLER, bye);
        assert!(bench.request(CALLEE).is_some(), "the server forwards by contact, too");
    }
}

#[test]
fn a_server_that_turns_mute_lets_a_call_ring_unheard() {
    let mut bench = Bench::new(open_config());
    bench.bind(CALLEE, "1002");
    let request = invite(&mut bench, "1002");
    bench.send(CALLER, request);
    let invite = bench.request(CALLEE).expect("the INVITE");
    assert_eq!(statuses(&mut bench), [100]);
    let method = Some(Method::Invite);
    let mute = Command::Fault { id: 1, fault: Fault::Mute, method, lasts: None };
    bench.world.command(bench.server, mute);
    bench.send(CALLEE, answer(&invite, 180, "callee", "<sip:1002@10.0.0.12:5060>"));
    assert!(statuses(&mut bench).is_empty());
}
