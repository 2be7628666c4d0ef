//! Next hops of one server: failover and the four failback modes.

use crate::support::{Bench, Does, hops};

fn mode(number: u8, further: &str) -> String {
    format!(
        "{}account.1.sip_server.1.expires = 60\naccount.1.sip_server.1.failback_mode = {number}\n{further}",
        hops(2)
    )
}

// Guide, "REGISTER Failover" steps 1 to 4.
#[test]
fn second_server_is_tried_after_the_last_retry() {
    let mut bench = Bench::new(&mode(0, ""), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    assert_eq!(bench.times(1), [0.0, 0.5, 1.5, 3.5]);
    assert_eq!(bench.times(2), [7.5]);
    assert_eq!(bench.moves(), ["failover REGISTER 192.0.2.1 > 192.0.2.2 timed_out"]);
    assert_eq!(bench.registered(), [2]);
}

// RFC 3263 §4.3: a new next hop means a new branch, the same Call-ID and From tag.
#[test]
fn the_next_hop_gets_a_new_branch_and_the_same_call_id() {
    let mut bench = Bench::new(&mode(0, ""), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    let (first, second) = (&bench.got(1)[0], &bench.got(2)[0]);
    assert_eq!(first.call_id, second.call_id);
    assert_ne!(first.branch, second.branch);
    assert!(second.cseq > first.cseq);
    assert!(bench.got(1).iter().all(|got| got.branch == first.branch && got.cseq == first.cseq));
}

// Guide, "REGISTER Failover": the next REGISTER goes to the primary first (failback_mode 0).
#[test]
fn in_mode_0_the_next_refresh_starts_at_the_primary() {
    let mut bench = Bench::new(&mode(0, ""), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(60));
    bench.run_to(45.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(
        bench.moves().last().unwrap(),
        "failback REGISTER 192.0.2.2 > 192.0.2.1 new_request"
    );
}

// A34: no REGISTER with Expires 0 between next hops of one server.
#[test]
fn a_move_between_next_hops_removes_no_binding() {
    let mut bench = Bench::new(&mode(0, ""), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(60));
    bench.run_to(200.0);
    assert!(bench.got(2).iter().all(|got| got.expires == Some(60)));
}

// A10: mode 1 fails back when the TTL that the record had at the move has run.
#[test]
fn mode_1_waits_for_the_ttl_of_the_record() {
    let ttl =
        "dns_cache_a.1.ttl = 100\ndns_cache_a.2.ttl = 100\naccount.1.sip_server.1.expires = 600";
    let mut bench = Bench::new(&mode(1, ttl), &[Does::Mute, Does::Grant(600)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(600));
    bench.run_to(99.0);
    assert_eq!(bench.registered(), [2]);
    bench.run_to(115.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(bench.moves().last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 ttl");
}

// A11: in mode 2 the refresh is the failback.
#[test]
fn mode_2_fails_back_with_the_refresh() {
    let mut bench = Bench::new(&mode(2, ""), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(60));
    bench.run_to(40.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(bench.moves().last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 renewal");
}

// A13: mode 3 counts from the answer that completed the move; refreshes stay at the secondary.
#[test]
fn mode_3_stays_at_the_secondary_until_the_timeout() {
    let further = "account.1.sip_server.1.failback_timeout = 120";
    let mut bench = Bench::new(&mode(3, further), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    bench.order(1, Does::Grant(60));
    let before = bench.got(1).len();
    bench.run_to(127.0);
    assert_eq!(bench.got(1).len(), before, "nothing goes to the primary before");
    assert!(bench.got(2).len() >= 3, "the lease is refreshed at the secondary");
    bench.run_to(128.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(bench.moves().last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 duration");
}

// A12: 0 runs no clock: the phone stays until the current next hop fails.
#[test]
fn mode_3_with_a_timeout_of_0_stays_until_the_next_failover() {
    let further = "account.1.sip_server.1.failback_timeout = 0";
    let mut bench = Bench::new(&mode(3, further), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    bench.order(1, Does::Grant(60));
    bench.run_to(4000.0);
    assert_eq!(bench.registered(), [2]);
    bench.order(2, Does::Mute);
    bench.run_to(4060.0);
    assert_eq!(bench.registered(), [1]);
}

// A33: a failback that fails restarts the clock and changes nothing else.
#[test]
fn a_failback_that_ends_where_it_began_restarts_the_clock() {
    let further =
        "account.1.sip_server.1.failback_timeout = 60\naccount.1.sip_server.1.expires = 3600";
    let mut bench = Bench::new(&mode(3, further), &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(60.0);
    let before = bench.got(1).len();
    bench.run_to(80.0);
    assert_eq!(bench.got(1).len(), before + 4, "N + 1 datagrams");
    assert_eq!(bench.registered(), [2]);
    bench.run_to(134.0);
    assert_eq!(bench.got(1).len(), before + 4, "a minute from the end of the failback");
    bench.run_to(150.0);
    assert_eq!(bench.got(1).len(), before + 8);
}

// A33: a failback climbs to the best that answers, an intermediate secondary too.
#[test]
fn a_failback_climbs_to_an_intermediate_secondary() {
    let lines = format!(
        "{}account.1.sip_server.1.failback_mode = 3\naccount.1.sip_server.1.failback_timeout = 60",
        hops(3)
    );
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Mute, Does::Grant(3600)]);
    bench.run_to(20.0);
    assert_eq!(bench.registered(), [3]);
    bench.order(2, Does::Grant(3600));
    bench.run_to(90.0);
    assert_eq!(bench.registered(), [2]);
}

// A29, A13: modes 1 to 3 act only when the phone is idle, a second after it became so.
#[test]
fn a_failback_waits_for_the_idle_phone() {
    let further = "account.1.sip_server.1.failback_timeout = 60";
    let mut bench = Bench::new(&mode(3, further), &[Does::Mute, Does::Grant(60)]);
    bench.run_to(10.0);
    bench.order(1, Does::Grant(60));
    busy(&mut bench, 1);
    bench.run_to(120.0);
    assert_eq!(bench.registered(), [2]);
    busy(&mut bench, 0);
    bench.run_to(120.9);
    assert_eq!(bench.registered(), [2]);
    bench.run_to(121.2);
    assert_eq!(bench.registered(), [1]);
}

fn busy(bench: &mut Bench, calls: u16) {
    let phone = crate::support::MAC.parse().unwrap();
    bench.world.command(bench.phone, phone::Command::SetBusy { phone, calls });
}

// Behaviour §5: where the current next hop fails in modes 1 to 3 the pass goes on from the top.
#[test]
fn when_the_current_next_hop_fails_the_pass_goes_on_at_the_primary() {
    let lines = format!("{}account.1.sip_server.1.failback_mode = 3", hops(3));
    let does = [Does::Mute, Does::Grant(60), Does::Grant(60)];
    let mut bench = Bench::new(&lines, &does);
    bench.run_to(10.0);
    assert_eq!(bench.registered(), [2]);
    bench.order(1, Does::Grant(60));
    bench.order(2, Does::Mute);
    bench.run_to(60.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(bench.got(3).len(), 0);
}
