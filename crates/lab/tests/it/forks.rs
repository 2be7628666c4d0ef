use bytes::Bytes;
use sip::{Message, Method, Request, Response};

use crate::ua::*;

const CALLER: usize = 0;

fn invite(bench: &mut Bench) -> Bytes {
    bench
        .begin(CALLER, &Method::Invite, "sip:1002@lab.test")
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", "<sip:1002@lab.test>")
        .header("Call-ID", "call")
        .header("Contact", "<sip:1001@10.0.0.11:5060>")
        .finish(None)
}

/// A call that rings at three phones of one user.
fn ringing(bench: &mut Bench) -> [Request; 3] {
    for ua in 1..4 {
        bench.bind(ua, "1002");
    }
    let request = invite(bench);
    bench.send(CALLER, request);
    [1, 2, 3].map(|ua| {
        let invite = bench.request(ua).expect("the INVITE");
        bench.send(ua, answer(&invite, 180, &format!("tag{ua}"), "<sip:1002@10.0.0.12>"));
        invite
    })
}

fn heard(bench: &mut Bench) -> Vec<Response> {
    bench
        .listen(CALLER, 100)
        .into_iter()
        .filter_map(|message| if let Message::Response(r) = message { Some(r) } else { None })
        .collect()
}

fn reply(bench: &mut Bench, ua: usize, request: &Request, status: u16) {
    bench.send(ua, answer(request, status, &format!("tag{ua}"), "<sip:1002@10.0.0.12>"));
}

#[test]
fn every_phone_rings_and_the_others_stop_when_one_answers() {
    let mut bench = Bench::new(open_config());
    let invites = ringing(&mut bench);
    let ringing = heard(&mut bench);
    let tags: Vec<_> = ringing.iter().filter_map(|r| r.to_tag()).collect();
    assert_eq!(tags, ["tag1", "tag2", "tag3"], "after 100, each rings with its own tag");
    reply(&mut bench, 2, &invites[1], 200);
    let answered = heard(&mut bench);
    assert_eq!((answered.len(), answered[0].status()), (1, 200));
    assert_eq!(answered[0].to_tag(), Some("tag2"));
    for ua in [1, 3] {
        let cancel = bench.request(ua).expect("a CANCEL");
        assert_eq!(cancel.method(), &Method::Cancel);
        reply(&mut bench, ua, &cancel, 200);
        reply(&mut bench, ua, &invites[ua - 1], 487);
        assert_eq!(bench.request(ua).expect("an ACK").method(), &Method::Ack);
    }
    assert!(heard(&mut bench).is_empty(), "the caller hears nothing of it");
}

#[test]
fn two_phones_that_answer_at_once_are_both_heard() {
    let mut bench = Bench::new(open_config());
    let invites = ringing(&mut bench);
    heard(&mut bench);
    reply(&mut bench, 1, &invites[0], 200);
    reply(&mut bench, 3, &invites[2], 200);
    let tags: Vec<_> =
        heard(&mut bench).iter().filter_map(|r| r.to_tag().map(str::to_owned)).collect();
    assert_eq!(tags, ["tag1", "tag3"]);
}

#[test]
fn the_best_refusal_is_sent_when_all_have_refused() {
    for (statuses, best) in [
        ([486, 404, 500], 486),
        ([500, 302, 486], 302),
        ([503, 503, 503], 500),
        ([408, 408, 480], 480),
    ] {
        let mut bench = Bench::new(open_config());
        let invites = ringing(&mut bench);
        heard(&mut bench);
        for (ua, status) in (1..).zip(statuses) {
            assert!(heard(&mut bench).is_empty());
            reply(&mut bench, ua, &invites[ua - 1], status);
        }
        assert_eq!(heard(&mut bench)[0].status(), best, "{statuses:?}");
    }
}

#[test]
fn a_6xx_ends_the_whole_call() {
    let mut bench = Bench::new(open_config());
    let invites = ringing(&mut bench);
    heard(&mut bench);
    reply(&mut bench, 1, &invites[0], 603);
    for ua in [2, 3] {
        assert_eq!(bench.request(ua).expect("a CANCEL").method(), &Method::Cancel);
        reply(&mut bench, ua, &invites[ua - 1], 487);
    }
    assert_eq!(heard(&mut bench)[0].status(), 603);
}

#[test]
fn challenges_of_several_phones_are_gathered() {
    let mut bench = Bench::new(open_config());
    let invites = ringing(&mut bench);
    heard(&mut bench);
    for ua in [1, 2] {
        let invite = &invites[ua - 1];
        let challenge = format!("Digest realm=\"r{ua}\", nonce=\"n\"");
        let response = sip::Writer::response(invite, 401, "No", Some("t"), addr(SERVER))
            .header("WWW-Authenticate", challenge)
            .finish(None);
        bench.send(ua, response);
    }
    reply(&mut bench, 3, &invites[2], 404);
    let heard = heard(&mut bench);
    let realms: Vec<_> = heard[0].challenges().iter().map(|c| c.realm.to_string()).collect();
    assert_eq!((heard[0].status(), realms), (401, vec!["r1".to_owned(), "r2".to_owned()]));
}

#[test]
fn other_requests_are_forked_and_the_first_success_answers_them() {
    let mut bench = Bench::new(open_config());
    for ua in [1, 2] {
        bench.bind(ua, "1002");
    }
    let message = bench
        .begin(CALLER, &Method::Message, "sip:1002@lab.test")
        .header("From", "<sip:1001@lab.test>;tag=caller")
        .header("To", "<sip:1002@lab.test>")
        .header("Call-ID", "m")
        .finish(Some(("text/plain", b"hello")));
    bench.send(CALLER, message);
    let came = [1, 2].map(|ua| bench.request(ua).expect("the MESSAGE"));
    assert_eq!(came[0].body(), b"hello");
    reply(&mut bench, 1, &came[0], 486);
    assert!(heard(&mut bench).is_empty());
    reply(&mut bench, 2, &came[1], 200);
    assert_eq!(heard(&mut bench)[0].status(), 200);
}
