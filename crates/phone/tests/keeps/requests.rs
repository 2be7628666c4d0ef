//! Answers and what they mean; what a REGISTER says.

use crate::support::{Bench, Does, hops, server};
use phone::EventKind;
use sim::{Fault, Trouble};

const ONE: &str = "account.1.sip_server.1.address = 192.0.2.1";
const CHALLENGE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"";
const STALE: &str = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n2\", stale=true, qop=\"auth\"";

// A28: the only next hop gets the full Timer F: eleven datagrams.
#[test]
fn the_only_next_hop_gets_eleven_datagrams_and_is_tried_again_for_ever() {
    let mut bench = Bench::new(ONE, &[Does::Mute]);
    bench.run_to(32.5);
    assert_eq!(bench.got(1).len(), 11);
    let expected = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];
    assert_eq!(bench.times(1), expected);
    bench.run_to(2000.0);
    let passes = bench.got(1).iter().filter(|got| !got.retransmission).count();
    assert!((30..=36).contains(&passes), "a pass of 32 s and a wait of 24 to 30 s: {passes}");
}

// A4: 0 retries: one datagram, given up after T1.
#[test]
fn without_retries_a_next_hop_gets_one_datagram_and_half_a_second() {
    let lines = format!("{}account.1.sip_server.1.retry_counts = 0", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!((bench.times(1), bench.times(2)), (vec![0.0], vec![0.5]));
}

// A32: a refusal is an answer: the next hop fails at once, without retries.
#[test]
fn an_icmp_error_ends_the_attempt_at_once() {
    let mut bench = Bench::new(&hops(2), &[Does::Mute, Does::Grant(60)]);
    let dead = bench.servers[0];
    bench.world.fault(Fault::at(dead, Trouble::Down));
    bench.apply("account.1.sip_server.1.address = 192.0.2.9");
    bench.apply(&hops(2));
    bench.run_to(0.2);
    assert_eq!(bench.registered(), [2]);
}

#[test]
fn a_503_fails_over_and_is_left_alone_for_its_retry_after() {
    let lines = format!("{}account.1.sip_server.1.expires = 60", hops(2));
    let busy = Does::Status(503, "Retry-After: 100");
    let mut bench = Bench::new(&lines, &[busy, Does::Grant(60)]);
    bench.run_to(99.0);
    assert_eq!(bench.got(1).len(), 1, "not asked again before its Retry-After has run");
    assert_eq!(bench.moves(), ["failover REGISTER 192.0.2.1 > 192.0.2.2 status_503"]);
    bench.run_to(135.0);
    assert!(bench.got(1).len() > 1);
}

// A6, A7: 500 is final unless listed; 408 to a REGISTER fails over.
#[test]
fn listed_codes_and_408_fail_over() {
    let mut bench = Bench::new(&hops(2), &[Does::Status(500, ""), Does::Grant(60)]);
    bench.run_to(5.0);
    assert_eq!(bench.got(2).len(), 0);
    let lines = format!("{}account.1.sureline.failover_codes = 500", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Status(500, ""), Does::Grant(60)]);
    bench.run_to(5.0);
    assert_eq!(bench.registered(), [2]);
    let mut bench = Bench::new(&hops(2), &[Does::Status(408, ""), Does::Grant(60)]);
    bench.run_to(5.0);
    assert_eq!(bench.registered(), [2]);
}

#[test]
fn a_challenge_is_answered_once_and_the_nonce_is_used_again() {
    let does = Does::Then(vec![Does::Status(401, CHALLENGE), Does::Grant(60)]);
    let mut bench = Bench::new(ONE, &[does]);
    bench.run_to(40.0);
    let got = bench.got(1);
    assert_eq!(got.len(), 3, "401, 200, refresh");
    assert!(got[1].authorization.as_ref().unwrap().contains("nc=00000001"));
    assert!(got[2].authorization.as_ref().unwrap().contains("nc=00000002"));
    let ended = bench.events().into_iter().find_map(|kind| match kind {
        EventKind::AttemptEnded { sent, .. } => Some(*sent),
        _ => None,
    });
    assert_eq!(ended, Some(2), "the challenge belongs to the same attempt");
}

#[test]
fn a_stale_nonce_is_answered_once_more_and_a_loop_of_challenges_ends() {
    let stale = [Does::Status(401, CHALLENGE), Does::Status(401, STALE), Does::Grant(60)];
    let mut bench = Bench::new(ONE, &[Does::Then(stale.to_vec())]);
    bench.run_to(5.0);
    assert_eq!((bench.got(1).len(), bench.registered()), (3, vec![1]));
    let mut bench = Bench::new(ONE, &[Does::Status(401, STALE)]);
    bench.run_to(50.0);
    assert_eq!(bench.got(1).len(), 3, "two answers to challenges at the most");
}

// Behaviour §9: a wrong password is no outage: no failover, tried again at most once a minute.
#[test]
fn a_wrong_password_never_fails_over_and_is_tried_once_a_minute() {
    let mut bench = Bench::new(&hops(2), &[Does::Status(401, CHALLENGE), Does::Grant(60)]);
    bench.run_to(59.0);
    assert_eq!((bench.got(1).len(), bench.got(2).len()), (2, 0));
    assert_eq!(bench.status(), "Register Failed");
    bench.run_to(62.0);
    assert_eq!(bench.got(1).len(), 4);
}

#[test]
fn a_423_is_retried_with_its_min_expires() {
    let does = vec![Does::Status(423, "Min-Expires: 7200"), Does::Grant(7200)];
    let mut bench = Bench::new(ONE, &[Does::Then(does)]);
    bench.run_to(1.0);
    let asked: Vec<_> = bench.got(1).iter().map(|got| got.expires).collect();
    assert_eq!(asked, [Some(3600), Some(7200)]);
    assert_eq!(bench.registered(), [1]);
}

#[test]
fn a_439_is_retried_without_outbound() {
    let does = vec![Does::Status(439, ""), Does::Grant(60)];
    let mut bench = Bench::new(ONE, &[Does::Then(does)]);
    bench.run_to(1.0);
    assert!(bench.got(1)[0].contact.contains("+sip.instance"));
    assert!(!bench.got(1)[1].contact.contains("+sip.instance"));
    assert_eq!(bench.registered(), [1]);
}

#[test]
fn a_redirection_is_followed_to_a_host_of_the_account_only() {
    let within = Does::Status(302, "Contact: <sip:192.0.2.2:5060>");
    let mut bench = Bench::new(&hops(2), &[within, Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!(bench.registered(), [2]);
    let stranger = Does::Status(302, "Contact: <sip:192.0.2.2:5060>");
    let mut bench = Bench::new(ONE, &[stranger, Does::Grant(60)]);
    bench.run_to(20.0);
    assert_eq!(bench.got(2).len(), 0);
    let endless = Does::Status(302, "Contact: <sip:192.0.2.1:5060>");
    let mut bench = Bench::new(ONE, &[endless]);
    bench.run_to(20.0);
    assert_eq!(bench.got(1).len(), 6, "five redirections at the most");
}

// Behaviour §7: Request-URI, To, Contact of a REGISTER; one Call-ID, a rising CSeq.
#[test]
fn a_register_says_what_behaviour_7_says() {
    let mut bench =
        Bench::new(&format!("{ONE}\naccount.1.sip_server.1.expires = 60"), &[Does::Grant(60)]);
    bench.run_to(100.0);
    let got = bench.got(1);
    assert!(got.len() >= 3);
    assert!(got.iter().all(|one| one.uri == "sip:192.0.2.1" && one.to == "sip:1001@192.0.2.1"));
    assert!(got.iter().all(|one| one.call_id == got[0].call_id && one.contact == got[0].contact));
    assert!(got.windows(2).all(|pair| pair[1].cseq == pair[0].cseq + 1));
    assert!(got[0].contact.starts_with("<sip:1001@192.0.2.100:5060;line="));
}

#[test]
fn a_user_name_with_an_at_is_the_whole_address_of_record() {
    let lines = format!("{ONE}\naccount.1.user_name = 1001@example.com");
    let mut bench = Bench::new(&lines, &[Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!(bench.got(1)[0].to, "sip:1001@example.com");
    assert_eq!(bench.got(1)[0].uri, "sip:192.0.2.1");
}

// A18: through a proxy the request carries its Route and keeps the server's domain.
#[test]
fn a_proxy_gets_the_request_with_a_route_and_the_domain_of_server_1() {
    let lines = "account.1.sip_server.1.address = pbx.example\naccount.1.outbound_proxy_enable = 1\n\
                 account.1.outbound_proxy.1.address = 192.0.2.1\naccount.1.outbound_proxy.2.address = 192.0.2.2";
    let mut bench = Bench::new(lines, &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(8.0);
    let got = &bench.got(2)[0];
    assert_eq!(got.uri, "sip:pbx.example");
    assert_eq!(got.route.as_deref(), Some("<sip:192.0.2.2;lr>"));
    assert_eq!(bench.got(1)[0].call_id, got.call_id, "one registration");
    assert_eq!(bench.moves(), ["fallback REGISTER 192.0.2.1 > 192.0.2.2 timed_out"]);
    bench.order(1, Does::Grant(3600));
    bench.run_to(3700.0);
    assert_eq!(bench.moves().last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 probe");
    assert!(bench.got(2).iter().all(|got| got.expires != Some(0)), "no un-REGISTER");
}

// A5: over TCP nothing is retransmitted, but the budget is the same.
#[test]
fn a_silent_tcp_server_gets_one_request_and_the_same_time() {
    let lines = format!("{}account.1.sip_server.1.transport_type = 1", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(7.4);
    assert_eq!((bench.got(1).len(), bench.got(2).len()), (1, 0));
    bench.run_to(7.7);
    assert_eq!(bench.registered(), [2]);
}

// A5: a refused connection fails at once; one that stands and breaks is opened again once.
#[test]
fn a_broken_connection_of_a_registration_is_a_reason_to_register() {
    let lines = format!("{}account.1.sip_server.1.transport_type = 1", hops(1));
    let mut bench = Bench::new(&lines, &[Does::Grant(3600)]);
    bench.run_to(5.0);
    let only = bench.servers[0];
    bench.world.fault(
        Fault::at(only, Trouble::Down).from(crate::support::at(6.0)).until(crate::support::at(6.1)),
    );
    bench.run_to(9.0);
    assert_eq!(bench.got(1).len(), 2, "within two seconds");
    assert_eq!(bench.registered(), [1]);
}

#[test]
fn changed_settings_touch_the_changed_account_alone() {
    let two = |label: &str| {
        format!(
            "{ONE}\naccount.2.enable = 1\naccount.2.user_name = 1002\naccount.2.label = {label}\n\
             account.2.sip_server.1.address = 192.0.2.2"
        )
    };
    let mut bench = Bench::new(&two("old"), &[Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(5.0);
    bench.apply(&two("new"));
    bench.run_to(10.0);
    assert_eq!(bench.got(1).len(), 1);
    let asked: Vec<_> = bench.got(2).iter().map(|got| got.expires).collect();
    assert_eq!(asked, [Some(3600), Some(3600)], "the new REGISTER replaces the same binding");
    bench.apply(&two("new").replace("1002", "1003"));
    bench.run_to(15.0);
    let asked: Vec<_> =
        bench.got(2)[2..].iter().map(|got| (got.to.as_str(), got.expires)).collect();
    let (old, new) = ("sip:1002@192.0.2.2", "sip:1003@192.0.2.2");
    assert_eq!(asked, [(old, Some(0)), (new, Some(3600))], "another user is another binding");
}

#[test]
fn a_stop_removes_every_binding_and_ends_within_two_seconds() {
    let mut bench = Bench::new(ONE, &[Does::Grant(3600)]);
    bench.run_to(5.0);
    bench.world.command(bench.phone, phone::Command::Stop);
    bench.run_to(5.1);
    assert!(bench.world.node(bench.phone).is_stopped());
    assert_eq!(bench.got(1).last().unwrap().expires, Some(0));
    let mut bench = Bench::new(ONE, &[Does::Grant(3600)]);
    bench.run_to(5.0);
    bench.order(1, Does::Mute);
    bench.world.command(bench.phone, phone::Command::Stop);
    bench.run_to(7.1);
    assert!(bench.world.node(bench.phone).is_stopped());
}

#[test]
fn an_answer_from_elsewhere_or_with_a_guessed_branch_changes_nothing() {
    let mut bench = Bench::new(ONE, &[Does::Mute]);
    bench.run_to(1.0);
    let branch = bench.got(1)[0].branch.clone();
    let call_id = bench.got(1)[0].call_id.clone();
    for guess in [branch, "z9hG4bK0.1.0000000000000000".to_owned()] {
        let answer = format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.100:5060;branch={guess}\r\nFrom: <sip:1001@192.0.2.1>;tag=a\r\n\
             To: <sip:1001@192.0.2.1>;tag=b\r\nCall-ID: {call_id}\r\nCSeq: 1 REGISTER\r\nContent-Length: 0\r\n\r\n"
        );
        let now = bench.world.now();
        let forged = net::Input::Datagram {
            socket: net::Socket(0),
            from: server(66),
            bytes: answer.as_bytes(),
        };
        net::Node::handle(bench.world.node_mut(bench.phone), now, forged);
    }
    bench.run_to(2.0);
    assert_eq!(bench.registered(), [] as [u8; 0]);
    let refused =
        bench.events().into_iter().filter(|kind| matches!(kind, EventKind::Refused { .. }));
    assert_eq!(refused.count(), 2, "one of each kind");
}
