//! Profile `fast` and its keys: liveness, adaptive budgets, good probes, a remembered dead primary.

use crate::support::{Bench, Does, Got, hops};
use sim::{Fault, Trouble};

fn told<'a>(bench: &'a Bench, server: usize, method: &str) -> Vec<&'a Got> {
    bench.got(server).iter().filter(|got| got.method == method).collect()
}

// account.X.sureline.liveness, liveness_period_s, liveness_misses
#[test]
fn a_registered_next_hop_that_stops_answering_is_left_long_before_the_refresh() {
    let lines = format!(
        "{}account.1.sureline.liveness = options\naccount.1.sureline.liveness_period_s = 10\n\
         account.1.sureline.liveness_misses = 2",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(45.0);
    assert_eq!(told(&bench, 1, "OPTIONS").len(), 4, "one each 10 s");
    let only = bench.servers[0];
    bench.world.fault(Fault::at(only, Trouble::Blackhole));
    bench.run_to(75.0);
    assert_eq!(bench.registered(), [2], "two silent probes and a pass");
}

// account.X.sureline.adaptive_budget, adaptive_floor_ms, adaptive_retries
#[test]
fn an_adaptive_budget_gives_up_after_the_floor_and_its_retries() {
    let lines = format!(
        "{}account.1.sip_server.1.expires = 60\naccount.1.sureline.adaptive_budget = 1\n\
         account.1.sureline.adaptive_floor_ms = 250\naccount.1.sureline.adaptive_retries = 2",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(1.0);
    bench.order(1, Does::Mute);
    bench.run_to(40.0);
    let silent: Vec<f64> =
        bench.got(1)[1..].iter().take(3).map(|got| got.at.as_secs_f64()).collect();
    let gap = |pair: &[f64]| ((pair[1] - pair[0]) * 100.0).round() / 100.0;
    assert_eq!(silent.windows(2).map(gap).collect::<Vec<_>>(), [0.25, 0.5]);
    let moved = bench.got(2)[0].at.as_secs_f64() - silent[0];
    assert!((1.74..1.77).contains(&moved), "{moved}");
}

// account.X.sureline.fallback_at
#[test]
fn with_fallback_at_now_server_2_is_registered_at_without_waiting_for_the_lease() {
    let lines = "account.1.fallback.redundancy_type = 1\naccount.1.sip_server.1.address = 192.0.2.1\n\
                 account.1.sip_server.1.expires = 60\naccount.1.sip_server.2.address = 192.0.2.2\n\
                 account.1.sureline.fallback_at = now";
    let mut bench = Bench::new(lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(1.0);
    bench.order(1, Does::Mute);
    bench.run_to(39.0);
    assert_eq!(bench.registered(), [2], "refresh at 24 to 30 s, 7.5 s later server 2");
    assert_eq!(bench.moves(), ["fallback REGISTER 192.0.2.1 > 192.0.2.2 timed_out"]);
}

// account.X.sureline.failback_good_probes
#[test]
fn a_failback_wants_as_many_good_probes_as_the_key_says() {
    let lines = format!(
        "{}account.1.sip_server.1.failback_mode = 3\naccount.1.sip_server.1.failback_timeout = 60\n\
         account.1.sureline.failback_good_probes = 2\naccount.1.sureline.liveness_period_s = 10",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(8.0);
    bench.order(1, Does::Grant(3600));
    bench.run_to(90.0);
    assert_eq!(bench.registered(), [1]);
    let probes = told(&bench, 1, "OPTIONS");
    assert_eq!(probes.len(), 2);
    let back = told(&bench, 1, "REGISTER").last().unwrap().at;
    assert!(probes[1].at < back && back.since(probes[0].at).as_secs() == 10);
}

// account.X.sureline.sticky_new_requests
#[test]
fn a_dead_primary_is_remembered_until_it_answers_a_probe() {
    let lines = format!(
        "{}account.1.sip_server.1.expires = 60\naccount.1.sureline.sticky_new_requests = 1\n\
         account.1.sureline.liveness_period_s = 15",
        hops(2)
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(1.0);
    let primary = bench.servers[0];
    let dead = bench.world.fault(Fault::at(primary, Trouble::Blackhole));
    bench.run_to(200.0);
    assert_eq!(bench.registered(), [2]);
    assert_eq!(told(&bench, 1, "REGISTER").len(), 1, "refreshes go to the secondary");
    bench.world.heal(dead);
    bench.run_to(235.0);
    assert_eq!(bench.registered(), [1]);
}

// sureline.profile: `fast` is all of these at once, and no more than that.
#[test]
fn the_fast_profile_moves_within_seconds_and_returns_by_probe() {
    let lines = format!("{}sureline.profile = fast", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(20.0);
    let primary = bench.servers[0];
    let dead = bench.world.fault(Fault::at(primary, Trouble::Blackhole));
    bench.run_to(42.0);
    assert_eq!(bench.registered(), [2]);
    bench.world.heal(dead);
    bench.run_to(100.0);
    assert_eq!(bench.registered(), [1]);
}
