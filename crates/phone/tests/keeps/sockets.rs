//! What the network below says: ICMP errors, routes, faults of this machine.

use std::net::SocketAddr;

use crate::support::{Bench, Does, at, hops};
use phone::{EventKind, HealthState, Why};
use sim::{Fault, Trouble};

// Design, "ICMP": senders of ICMP are rate-limited, so one error ends every attempt of the process at
// that next hop that has waited 50 ms.
#[test]
fn one_icmp_error_speaks_for_all_attempts_at_the_next_hop() {
    let own = SocketAddr::from(([192, 0, 2, 100], 5060));
    let mut bench = Bench::without_phone(1, own, &[Does::Mute, Does::Grant(60)]);
    let dead = bench.servers[0];
    bench.world.fault(Fault::at(dead, Trouble::Down));
    bench.add_phones(200, &hops(2));
    bench.run_to(0.075);
    assert_eq!(bench.registered().len(), 200);
    let shared = bench.events().into_iter().filter(|kind| {
        matches!(kind, EventKind::AttemptEnded { why: Some(Why::UnreachableShared), .. })
    });
    assert!(shared.count() > 150, "the kernel sent few errors");
}

#[test]
fn with_sharing_off_an_error_ends_only_what_it_quotes() {
    let own = SocketAddr::from(([192, 0, 2, 100], 5060));
    let mut bench = Bench::without_phone(1, own, &[Does::Mute, Does::Grant(60)]);
    let dead = bench.servers[0];
    bench.world.fault(Fault::at(dead, Trouble::Down));
    bench.add_phones(100, &format!("{}sureline.icmp = attempt", hops(2)));
    bench.run_to(0.4);
    assert!((1..50).contains(&bench.registered().len()), "{}", bench.registered().len());
    bench.run_to(8.0);
    assert_eq!(bench.registered().len(), 100);
}

// The default binding is the wildcard address: Via and Contact carry the address of the route.
#[test]
fn with_a_wildcard_socket_the_contact_has_the_address_of_the_route() {
    let wild = SocketAddr::from(([0, 0, 0, 0], 5060));
    let mut bench = Bench::without_phone(1, wild, &[Does::Grant(60)]);
    bench.apply("account.1.sip_server.1.address = 192.0.2.1");
    bench.run_to(1.0);
    assert_eq!(bench.registered(), [1]);
    assert!(bench.got(1)[0].contact.starts_with("<sip:1001@192.0.2.100:5060;"));
}

// Behaviour §1: what is ours never counts against a next hop.
#[test]
fn a_send_that_the_system_denies_tries_the_next_candidate_and_blames_nobody() {
    let mut bench = Bench::without_phone(
        1,
        SocketAddr::from(([192, 0, 2, 100], 5060)),
        &[Does::Grant(60), Does::Grant(60)],
    );
    let first = bench.servers[0];
    let phone = bench.phone;
    bench.world.fault(Fault::one_way(phone, first, Trouble::SendDenied));
    bench.apply(&hops(2));
    bench.run_to(0.5);
    assert_eq!(bench.registered(), [2]);
    let down = bench
        .events()
        .into_iter()
        .filter(|kind| matches!(kind, EventKind::Health { state: HealthState::Down, .. }));
    assert_eq!(down.count(), 0);
}

// A network that comes up late: nothing is remembered of having had no route.
#[test]
fn a_phone_without_a_route_registers_when_the_network_is_there() {
    let wild = SocketAddr::from(([0, 0, 0, 0], 5060));
    let mut bench = Bench::without_phone(1, wild, &[Does::Grant(60)]);
    let phone = bench.phone;
    let none = Err(net::Cause::NoRoute);
    bench.world.route(phone, "192.0.2.1".parse().unwrap(), none);
    bench.apply("account.1.sip_server.1.address = 192.0.2.1");
    bench.run_to(10.0);
    assert_eq!(bench.status(), "Register Failed");
    bench.world.route(phone, "192.0.2.1".parse().unwrap(), Ok("192.0.2.100".parse().unwrap()));
    bench.run_to(45.0);
    assert_eq!(bench.registered(), [1]);
}

// Behaviour §1: an answer that our own socket may have dropped suspends verdicts for T1.
#[test]
fn an_overflow_of_our_own_socket_suspends_the_verdict() {
    let lines = format!("{}account.1.sip_server.1.retry_counts = 0", hops(2));
    let own = SocketAddr::from(([192, 0, 2, 100], 5060));
    let mut bench = Bench::without_phone(1, own, &[Does::Mute, Does::Grant(60)]);
    bench.apply(&lines);
    bench.run_to(0.4);
    let now = bench.world.now();
    let report = net::Input::Overflow { socket: net::Socket(0), dropped: 3 };
    net::Node::handle(bench.world.node_mut(bench.phone), now, report);
    bench.run_to(0.8);
    assert_eq!(bench.got(2).len(), 0, "given up at 0.9 s in place of 0.5 s");
    bench.world.run_until(at(1.0));
    assert_eq!(bench.got(2).len(), 1);
}
