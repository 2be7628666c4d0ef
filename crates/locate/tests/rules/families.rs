//! `static.network.ip_address_mode`.

use std::net::IpAddr;

use locate::{AddressMode, StaticRecords, TransportType};

use crate::world::{World, in_order, seconds, static_a};

const UDP: TransportType = TransportType::Udp;
const HOST: &str = "yealink.pbx.com";

fn world(mode: AddressMode) -> World {
    let mut world =
        World::new("@ A 192.0.2.1\n@ A 192.0.2.2\n@ 120 AAAA 2001:db8::1\n@ 120 AAAA 2001:db8::2");
    world.policy.address_mode = mode;
    world
}

fn route(world: &mut World, to: &[&str], from: &str) {
    for to in to {
        world.routes.insert(to.parse::<IpAddr>().unwrap(), from.parse().unwrap());
    }
}

#[test]
fn mode_0_asks_for_a_records_only() {
    let mut world = world(AddressMode::V4);
    assert_eq!(world.hops_of(HOST, 5060, UDP), ["udp/192.0.2.1:5060", "udp/192.0.2.2:5060"]);
    assert_eq!(world.asked(), ["A @"]);
}

#[test]
fn mode_1_asks_for_aaaa_records_only() {
    let mut world = world(AddressMode::V6);
    assert_eq!(
        world.hops_of(HOST, 5060, UDP),
        ["udp/[2001:db8::1]:5060", "udp/[2001:db8::2]:5060"]
    );
    assert_eq!(world.asked(), ["AAAA @"]);
}

#[test]
fn mode_2_asks_for_both_and_orders_as_rfc_6724_says() {
    let mut world = world(AddressMode::Both);
    route(&mut world, &["192.0.2.1", "192.0.2.2"], "192.0.2.200");
    route(&mut world, &["2001:db8::1", "2001:db8::2"], "2001:db8::200");
    assert_eq!(
        world.hops_of(HOST, 5060, UDP),
        [
            "udp/[2001:db8::1]:5060",
            "udp/[2001:db8::2]:5060",
            "udp/192.0.2.1:5060",
            "udp/192.0.2.2:5060"
        ]
    );
    assert_eq!(world.asked(), ["A @", "AAAA @"]);
}

#[test]
fn mode_2_puts_a_family_without_a_route_behind() {
    let mut world = world(AddressMode::Both);
    route(&mut world, &["192.0.2.1", "192.0.2.2"], "192.0.2.200");
    assert_eq!(
        world.hops_of(HOST, 5060, UDP),
        [
            "udp/192.0.2.1:5060",
            "udp/192.0.2.2:5060",
            "udp/[2001:db8::1]:5060",
            "udp/[2001:db8::2]:5060"
        ]
    );
}

#[test]
fn a_family_that_failed_last_goes_to_the_end_for_its_ttl() {
    let mut world = world(AddressMode::Both);
    route(&mut world, &["192.0.2.1", "192.0.2.2"], "192.0.2.200");
    route(&mut world, &["2001:db8::1", "2001:db8::2"], "2001:db8::200");
    let id = world.location(HOST, 5060, UDP);
    let hops = world.ready(id);
    let primary = hops.primary(1).unwrap();
    assert_eq!(primary.to_string(), "udp/[2001:db8::1]:5060");
    world.locator.note_failure(world.now, id, primary);
    let hops = world.ready(id);
    assert_eq!(in_order(&hops, 1)[0], "udp/192.0.2.1:5060");
    assert_eq!(in_order(&hops, 1)[2], "udp/[2001:db8::1]:5060");
    world.wait(seconds(119));
    assert_eq!(in_order(&world.ready(id), 1)[0], "udp/192.0.2.1:5060");
    world.wait(seconds(1));
    assert_eq!(in_order(&world.ready(id), 1)[0], "udp/[2001:db8::1]:5060");
}

#[test]
fn a_failed_family_moves_within_its_name_and_no_priority() {
    let mut world = World::new(
        "_sip._udp SRV 10 0 5060 one\n_sip._udp SRV 20 0 5060 two\n\
         one A 192.0.2.1\none AAAA 2001:db8::1\ntwo A 192.0.2.2\ntwo AAAA 2001:db8::2",
    );
    world.policy.address_mode = AddressMode::Both;
    route(&mut world, &["192.0.2.1", "192.0.2.2"], "192.0.2.200");
    route(&mut world, &["2001:db8::1", "2001:db8::2"], "2001:db8::200");
    let id = world.location(HOST, 0, UDP);
    let hops = world.ready(id);
    world.locator.note_failure(world.now, id, hops.primary(1).unwrap());
    assert_eq!(
        in_order(&world.ready(id), 1),
        [
            "udp/192.0.2.1:5060",
            "udp/[2001:db8::1]:5060",
            "udp/192.0.2.2:5060",
            "udp/[2001:db8::2]:5060"
        ]
    );
}

#[test]
fn a_failure_says_nothing_of_a_family_where_only_one_is_asked_for() {
    let mut world = world(AddressMode::V4);
    let id = world.location(HOST, 5060, UDP);
    let hops = world.ready(id);
    world.locator.note_failure(world.now, id, hops.primary(1).unwrap());
    assert_eq!(in_order(&world.ready(id), 1), in_order(&hops, 1));
}

#[test]
fn static_addresses_are_of_the_family_they_are_written_in() {
    let mut world = World::with_servers("", 0);
    world.fix(StaticRecords {
        a: vec![static_a(HOST, "192.0.2.8"), static_a(HOST, "2001:db8::8")],
        ..StaticRecords::default()
    });
    assert_eq!(world.hops_of(HOST, 5060, UDP), ["udp/192.0.2.8:5060"]);
    world.policy.address_mode = AddressMode::V6;
    assert_eq!(world.hops_of(HOST, 5060, UDP), ["udp/[2001:db8::8]:5060"]);
}

#[test]
fn a_route_that_somebody_else_asked_for_is_not_taken() {
    let world = world(AddressMode::Both);
    let to = "192.0.2.1".parse().unwrap();
    let input = net::Input::Route { to, from: Ok(to) };
    assert!(!world.locator.owns(&input));
}
