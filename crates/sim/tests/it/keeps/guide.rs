//! The registration scenarios of the guide's last chapter, judged by what the servers received.

use std::time::Duration;

use phone::RegisterStatus;

use super::scene::*;

/// One server that DNS resolves to primary and secondary, and no second server.
pub(crate) const FAILOVER: &str =
    "account.1.sip_server.2.address =\naccount.1.sip_server.1.expires = 60\n";
/// Two servers by their addresses, one registration at a time.
pub(crate) const FALLBACK_LINES: &str = "account.1.sip_server.1.address = 10.0.1.1\n\
    account.1.sip_server.1.port = 5060\naccount.1.sip_server.1.transport_type = 0\n\
    account.1.sip_server.1.expires = 60\naccount.1.fallback.redundancy_type = 1\n\
    account.1.fallback.timeout = 30\naccount.1.sip_server.2.expires = 60\n";

// Guide, "REGISTER Failover" steps 1 to 4 and the return with the next REGISTER. A1 A2 A3
#[test]
fn register_failover_and_return_with_the_next_register() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    assert_eq!(scene.registered(0), [PRIMARY]);
    scene.fault(PRIMARY, "mute");
    let muted = scene.world.now();
    scene.until_registered(0, &[SECONDARY], 90);
    let first = scene.times_since(PRIMARY, muted)[0];
    let retries: Vec<f64> = scene
        .times_since(PRIMARY, muted)
        .iter()
        .map(|at| ((at - first) * 10.0).round() / 10.0)
        .collect();
    assert_eq!(retries, [0.0, 0.5, 1.5, 3.5], "a request and three retries");
    let moved = scene.times_since(SECONDARY, muted)[0];
    assert!((moved - first - 7.5).abs() < 0.02, "after 7.5 s: {first} {moved}");
    let bound: Vec<usize> = scene.bound_at(0).iter().map(|(at, _)| *at).collect();
    assert_eq!(bound, [SECONDARY], "one contact, now at the secondary of the cluster");
    scene.heal();
    let healed = scene.world.now();
    let before = scene.registers(SECONDARY).len();
    scene.until_registered(0, &[PRIMARY], 60);
    assert_eq!(scene.registers(SECONDARY).len(), before, "the next REGISTER goes to the primary");
    assert!(scene.times_since(PRIMARY, healed)[0] > 20.0, "at its usual time");
    let moves = scene.moves(0);
    assert_eq!(
        moves,
        ["failover primary > secondary timed_out", "failback secondary > primary new_request"]
    );
}

// Guide, "REGISTER Fallback" steps 1 to 4 and the return by probe. A14 A16
#[test]
fn register_fallback_at_the_end_of_the_lease_and_return_by_probe() {
    let mut scene = Scene::new(FALLBACK_LINES);
    scene.run_to(5.0);
    assert_eq!(scene.registered(0), [PRIMARY]);
    let granted = scene.registers(PRIMARY).last().unwrap().at;
    scene.fault(PRIMARY, "mute");
    let muted = scene.world.now();
    scene.until_registered(0, &[FALLBACK], 120);
    let asked = scene.times_since(FALLBACK, granted)[0];
    // A pass in progress ends its current next hop first (behaviour §6).
    assert!((60.0..67.6).contains(&asked), "when the registration time has run out: {asked}");
    let first = scene.times_since(PRIMARY, muted)[0];
    let retries: Vec<f64> =
        scene.times_since(PRIMARY, muted)[..4].iter().map(|t| t - first).collect();
    assert!(retries.iter().zip([0.0, 0.5, 1.5, 3.5]).all(|(a, b)| (a - b).abs() < 0.02));
    let moved = scene.world.now();
    scene.world.run_for(Duration::from_secs(100));
    let probes: Vec<f64> = scene
        .registers(PRIMARY)
        .iter()
        .filter(|row| row.at > moved && row.retransmission == 0)
        .map(|row| row.at.since(moved).as_secs_f64())
        .collect();
    assert_eq!(probes.len(), 3, "{probes:?}");
    for pair in probes.windows(2) {
        assert!((pair[1] - pair[0] - 30.0).abs() < 0.1, "from start to start: {probes:?}");
    }
    scene.heal();
    scene.until_registered(0, &[PRIMARY], 31);
    scene.world.run_for(Duration::from_secs(5));
    assert_eq!(scene.bound_at(0).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [PRIMARY]);
    let last = scene.registers(FALLBACK).pop().unwrap();
    assert_eq!(last.expires_s, Some(0), "the fallback server is left in order");
}

// Guide, "Phone Registration": concurrent registration.
#[test]
fn concurrent_registration_keeps_the_other_server_while_one_is_lost() {
    let lines = format!("{FALLBACK_LINES}account.1.fallback.redundancy_type = 0\n");
    let mut scene = Scene::new(&lines);
    scene.run_to(5.0);
    assert_eq!(scene.registered(0), [PRIMARY, FALLBACK]);
    scene.fault(PRIMARY, "mute");
    scene.world.run_for(Duration::from_secs(200));
    assert_eq!(scene.registered(0), [FALLBACK]);
    assert_eq!(scene.bound_at(0).iter().map(|(at, _)| *at).collect::<Vec<_>>(), [FALLBACK]);
    scene.heal();
    scene.until_registered(0, &[PRIMARY, FALLBACK], 31);
}

#[test]
fn what_is_shown_as_registered_has_a_binding_behind_it() {
    let mut scene = Scene::new(FAILOVER);
    for second in 1..1_200 {
        match second {
            100 => scene.fault(PRIMARY, "kill"),
            300 => scene.fault(SECONDARY, "mute"),
            500 => scene.heal(),
            700 => scene.fault(PRIMARY, "status 503"),
            900 => scene.fault(SECONDARY, "blackhole"),
            _ => {}
        }
        scene.run_to(f64::from(second));
        let bound: Vec<usize> = scene.bound_at(0).iter().map(|(at, _)| *at).collect();
        for shown in scene.registered(0) {
            assert!(bound.contains(&shown), "at {second} s: shown {shown}, bound {bound:?}");
        }
        let registered = scene.status(0) == RegisterStatus::Registered;
        assert_eq!(registered, !scene.registered(0).is_empty(), "at {second} s");
    }
    assert_eq!(scene.status(0), RegisterStatus::RegisterFailed, "both servers are lost");
}
