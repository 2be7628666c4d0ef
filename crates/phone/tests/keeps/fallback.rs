//! Server 1 and server 2: concurrent and successive registration.

use crate::support::{Bench, Does};
use phone::EventKind;

const SUCCESSIVE: &str = "\
account.1.fallback.redundancy_type = 1
account.1.fallback.timeout = 60
account.1.sip_server.1.address = 192.0.2.1
account.1.sip_server.1.expires = 60
account.1.sip_server.2.address = 192.0.2.2
account.1.sip_server.2.expires = 60";

const CONCURRENT: &str = "\
account.1.sip_server.1.address = 192.0.2.1
account.1.sip_server.2.address = 192.0.2.2";

// Guide, "REGISTER Fallback" steps 1 to 4; A14: server 2 gets its REGISTER when the lease has run out.
#[test]
fn with_a_live_lease_the_fallback_server_waits_for_its_end() {
    let mut bench = Bench::new(SUCCESSIVE, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(5.0);
    assert_eq!(bench.registered(), [1]);
    bench.order(1, Does::Mute);
    bench.run_to(59.0);
    assert_eq!(bench.got(2).len(), 0, "the lease still runs");
    let first = bench.got(1)[1].clone();
    let datagrams = bench.got(1).iter().filter(|got| got.branch == first.branch).count();
    assert_eq!(datagrams, 4, "three retries by default");
    bench.run_to(68.0);
    assert_eq!(bench.registered(), [2]);
    assert_eq!(bench.moves(), ["fallback REGISTER 192.0.2.1 > 192.0.2.2 lease_end"]);
}

// Guide, "REGISTER Fallback": probes at intervals of fallback.timeout; A16: 2xx moves back at once.
#[test]
fn on_the_fallback_server_the_working_server_is_probed_from_start_to_start() {
    let mut bench = Bench::new(SUCCESSIVE, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    assert_eq!(bench.registered(), [2]);
    let moved = bench.got(2)[0].at;
    bench.run_to(200.0);
    let mut branches: Vec<(String, f64)> = Vec::new();
    for got in bench.got(1).iter().filter(|got| got.at > moved) {
        if branches.iter().all(|(branch, _)| *branch != got.branch) {
            branches.push((got.branch.clone(), got.at.since(moved).as_secs_f64()));
        }
    }
    let starts: Vec<u64> = branches.iter().map(|(_, t)| t.round() as u64).collect();
    assert_eq!(starts, [60, 120, 180]);
    bench.order(1, Does::Grant(60));
    bench.run_to(260.0);
    assert_eq!(bench.registered(), [1]);
    let moves = bench.moves();
    assert_eq!(moves.last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 probe");
}

// Behaviour §6: after the move back one REGISTER with Expires 0 goes to server 2, whose Contact is
// another one than server 1's.
#[test]
fn after_the_move_back_the_binding_at_server_2_is_removed() {
    let mut bench = Bench::new(SUCCESSIVE, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(60));
    bench.run_to(70.0);
    let last = bench.got(2).last().unwrap();
    assert_eq!(last.expires, Some(0));
    let first = &bench.got(2)[0];
    assert_eq!((&last.call_id, &last.contact), (&first.call_id, &first.contact));
    assert!(last.cseq > first.cseq);
    assert_ne!(bench.got(1)[0].contact, first.contact, "the line parameter differs");
    assert_ne!(bench.got(1)[0].call_id, first.call_id);
}

// A31: at start nothing is remembered: server 1 first, then at once server 2.
#[test]
fn with_no_lease_server_2_is_tried_as_soon_as_server_1_is_given_up() {
    let mut bench = Bench::new(SUCCESSIVE, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(7.4);
    assert_eq!(bench.got(2).len(), 0);
    bench.run_to(7.6);
    assert_eq!(bench.got(2).len(), 1);
    assert_eq!(bench.times(1), [0.0, 0.5, 1.5, 3.5]);
}

// A28: a successive refresh while server 2 waits gets N + 1 datagrams, not the full timer.
#[test]
fn a_successive_refresh_never_gets_the_full_timer() {
    let lines = format!("{SUCCESSIVE}\naccount.1.sip_server.1.retry_counts = 1");
    let mut bench = Bench::new(&lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(5.0);
    bench.order(1, Does::Mute);
    bench.run_to(55.0);
    let got = bench.got(1);
    let refresh = &got[1].branch;
    assert_eq!(got.iter().filter(|got| got.branch == *refresh).count(), 2);
}

// A15: in doubt the lease stays but is not shown as registered; the pass is repeated from start to
// start until one is answered.
#[test]
fn an_unanswered_refresh_puts_the_registration_in_doubt_until_an_answer_comes() {
    let lines = "account.1.sip_server.1.address = 192.0.2.1\naccount.1.sip_server.1.expires = 3600\n\
                 account.1.sip_server.2.address = 192.0.2.2";
    let mut bench = Bench::new(lines, &[Does::Grant(300), Does::Grant(3600)]);
    bench.run_to(5.0);
    assert_eq!(bench.registered(), [1, 2]);
    bench.order(1, Does::Mute);
    bench.run_to(290.0);
    assert_eq!(bench.registered(), [2]);
    let doubts = bench.events().into_iter();
    let doubts = doubts.filter(|kind| matches!(kind, EventKind::RegistrationInDoubt { .. }));
    assert_eq!(doubts.count(), 1, "told once");
    bench.order(1, Does::Grant(300));
    bench.run_to(330.0);
    assert_eq!(bench.registered(), [1, 2]);
}

// Behaviour §6: concurrent registration is two registrations side by side.
#[test]
fn concurrent_registration_holds_both_and_neither_waits_for_the_other() {
    let mut bench = Bench::new(CONCURRENT, &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(1.0);
    assert_eq!(bench.registered(), [2]);
    bench.run_to(31.9);
    assert_eq!(bench.got(1).len(), 11, "the only next hop gets the full timer");
}

#[test]
fn when_server_2_fails_as_well_both_are_tried_for_ever() {
    let mut bench = Bench::new(SUCCESSIVE, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    assert_eq!(bench.registered(), [2]);
    bench.order(2, Does::Mute);
    bench.run_to(600.0);
    assert_eq!(bench.status(), "Register Failed");
    bench.order(1, Does::Grant(60));
    bench.run_to(700.0);
    assert_eq!(bench.registered(), [1]);
}

// Behaviour §2: redundancy_with_reg_fail moves to server 2 on a final failure, once.
#[test]
fn a_final_failure_moves_to_server_2_only_where_the_key_says_so() {
    let forbidden = Does::Status(403, "");
    let mut bench = Bench::new(SUCCESSIVE, &[forbidden.clone(), Does::Grant(60)]);
    bench.run_to(20.0);
    assert_eq!(bench.got(2).len(), 0);
    let lines = format!("{SUCCESSIVE}\naccount.1.redundancy_with_reg_fail.enable = 1");
    let mut bench = Bench::new(&lines, &[forbidden, Does::Grant(60)]);
    bench.run_to(20.0);
    assert_eq!(bench.registered(), [2]);
}
