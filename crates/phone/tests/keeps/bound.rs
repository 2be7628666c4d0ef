//! The bound that `Endpoint::bound` gives holds in every case that it names.

use std::time::Duration;

use crate::support::{Bench, Does, MAC, hops};

/// The bound of the case called `name`.
fn within(bench: &Bench, name: &str) -> Option<Duration> {
    let bound = bench.world.node(bench.phone).bound(MAC.parse().unwrap(), 1).unwrap();
    let found = bound.cases.iter().find(|case| case.case == name);
    found.unwrap_or_else(|| panic!("{name}: {bound:?}")).within
}

/// Seconds from now until the phone is registered at `hop`; the bench stops there.
fn until_registered_at(bench: &mut Bench, hop: u8) -> f64 {
    let from = bench.world.now();
    for _ in 0..1_000_000 {
        if bench.registered() == [hop] {
            return (bench.world.now() - from).as_secs_f64();
        }
        bench.world.run_for(Duration::from_millis(100));
    }
    panic!("never registered at {hop}");
}

#[test]
fn a_dying_and_returning_primary_stays_within_the_bound_in_every_mode_and_seed() {
    for mode in 0..=3 {
        for seed in 1..=8 {
            let lines = format!(
                "{}account.1.sip_server.1.expires = 120\naccount.1.sip_server.1.failback_mode = {mode}\n\
                 account.1.sip_server.1.failback_timeout = 90",
                hops(2)
            );
            let mut bench = Bench::seeded(seed, &lines, &[Does::Grant(120), Does::Grant(120)]);
            bench.run_to(1.0 + seed as f64 * 7.0);
            bench.order(1, Does::Mute);
            let limit = within(&bench, "the current next hop dies").unwrap();
            let took = until_registered_at(&mut bench, 2);
            assert!(took <= limit.as_secs_f64(), "mode {mode}: {took} s, bound {limit:?}");
            bench.order(1, Does::Grant(120));
            let limit = within(&bench, "a higher next hop returns").unwrap();
            let took = until_registered_at(&mut bench, 1);
            assert!(took <= limit.as_secs_f64(), "mode {mode}: {took} s, bound {limit:?}");
        }
    }
}

#[test]
fn a_dying_and_returning_server_1_stays_within_the_bound_of_successive_fallback() {
    for seed in 1..=8 {
        let lines = "account.1.fallback.redundancy_type = 1\naccount.1.fallback.timeout = 60\n\
                     account.1.sip_server.1.address = 192.0.2.1\naccount.1.sip_server.1.expires = 120\n\
                     account.1.sip_server.2.address = 192.0.2.2\naccount.1.sip_server.2.expires = 120";
        let mut bench = Bench::seeded(seed, lines, &[Does::Grant(120), Does::Grant(120)]);
        bench.run_to(1.0 + seed as f64 * 5.0);
        bench.order(1, Does::Mute);
        let limit = within(&bench, "server 1 dies").unwrap();
        assert!(until_registered_at(&mut bench, 2) <= limit.as_secs_f64());
        bench.order(1, Does::Grant(120));
        let limit = within(&bench, "server 1 returns").unwrap();
        assert!(until_registered_at(&mut bench, 1) <= limit.as_secs_f64());
    }
}

// A12: with a failback_timeout of 0 there is no bound, and it says so.
#[test]
fn without_a_clock_the_return_to_the_primary_has_no_bound() {
    let lines = format!(
        "{}account.1.sip_server.1.failback_mode = 3\naccount.1.sip_server.1.failback_timeout = 0",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!(within(&bench, "a higher next hop returns"), None);
    let bound = bench.world.node(bench.phone).bound(MAC.parse().unwrap(), 1).unwrap();
    assert_eq!(bound.within(), None);
}
