//! The order of next hops, for one phone and across phones, and what a new answer changes.

use std::collections::{BTreeMap, BTreeSet};

use locate::{SrvWeight, StaticRecords, TransportType};

use crate::world::{World, in_order, seconds, static_a, static_srv};

const UDP: TransportType = TransportType::Udp;

fn addresses(count: u8) -> String {
    (1..=count).map(|number| format!("n{number} A 192.0.2.{number}\n")).collect()
}

// A22
#[test]
fn priority_ascends_and_within_one_priority_weight_descends() {
    let records = "
_sip._udp SRV 20 9 5060 n1
_sip._udp SRV 10 1 5060 n2
_sip._udp SRV 10 7 5060 n3
_sip._udp SRV 10 3 5060 n4
";
    let mut world = World::new(&format!("{records}{}", addresses(4)));
    assert_eq!(
        world.hops(),
        ["udp/192.0.2.3:5060", "udp/192.0.2.4:5060", "udp/192.0.2.2:5060", "udp/192.0.2.1:5060"]
    );
}

fn equals() -> String {
    let services: String =
        (1..=4).map(|number| format!("_sip._udp SRV 10 5 5060 n{number}\n")).collect();
    format!("{services}_sip._udp SRV 20 0 5060 n5\n{}", addresses(5))
}

// A22
#[test]
fn equal_weights_spread_phones_evenly_and_lower_priorities_stay_behind() {
    let mut world = World::new(&equals());
    let id = world.location("yealink.pbx.com", 0, UDP);
    let hops = world.ready(id);
    let mut primaries: BTreeMap<String, u32> = BTreeMap::new();
    for phone in 0..1000 {
        let order = in_order(&hops, phone);
        assert_eq!(order.iter().collect::<BTreeSet<_>>().len(), 5);
        assert_eq!(order[4], "udp/192.0.2.5:5060");
        *primaries.entry(order[0].clone()).or_default() += 1;
    }
    assert_eq!(primaries.len(), 4);
    assert!(primaries.values().all(|count| (200..300).contains(count)), "{primaries:?}");
}

// A22
#[test]
fn the_order_among_equals_is_the_same_after_a_restart_and_whatever_the_order_of_the_answer() {
    let order = |records: &str| {
        let mut world = World::new(records);
        let id = world.location("yealink.pbx.com", 0, UDP);
        in_order(&world.ready(id), 0x0015_6500_0001)
    };
    let turned: String = equals().lines().rev().flat_map(|line| [line, "\n"]).collect();
    assert_eq!(order(&equals()), order(&turned));
}

// A22
#[test]
fn a_server_that_goes_leaves_the_order_of_the_others() {
    let mut world = World::new(&equals());
    let id = world.location("yealink.pbx.com", 0, UDP);
    let before = in_order(&world.ready(id), 3);
    let gone = before[1].clone();
    let number = gone.trim_start_matches("udp/192.0.2.").trim_end_matches(":5060");
    let rest: String = equals()
        .lines()
        .filter(|line| !line.ends_with(&format!("n{number}")))
        .flat_map(|line| [line, "\n"])
        .collect();
    world.replace(&rest);
    world.wait(seconds(301));
    let after = in_order(&world.ready(id), 3);
    assert_eq!(after, before.into_iter().filter(|hop| *hop != gone).collect::<Vec<_>>());
}

// A22
#[test]
fn equal_weights_of_static_records_keep_index_order_for_every_phone() {
    let mut world = World::with_servers("", 0);
    let service = "_sip._udp.yealink.pbx.com";
    world.fix(StaticRecords {
        srv: ["192.0.2.9", "192.0.2.4", "192.0.2.7"]
            .map(|target| static_srv(service, (0, 0, 5060, target)))
            .to_vec(),
        ..StaticRecords::default()
    });
    let id = world.location("yealink.pbx.com", 0, UDP);
    let hops = world.ready(id);
    for phone in 0..50 {
        assert_eq!(
            in_order(&hops, phone),
            ["udp/192.0.2.9:5060", "udp/192.0.2.4:5060", "udp/192.0.2.7:5060"]
        );
    }
}

// A22
#[test]
fn with_rfc2782_the_weights_are_shares_and_weight_0_is_seldom_first() {
    let records = "
_sip._udp SRV 10 60 5060 n1
_sip._udp SRV 10 30 5060 n2
_sip._udp SRV 10 10 5060 n3
_sip._udp SRV 10 0  5060 n4
";
    let mut world = World::new(&format!("{records}{}", addresses(4)));
    world.policy.srv_weight = SrvWeight::Rfc2782;
    let id = world.location("yealink.pbx.com", 0, UDP);
    let hops = world.ready(id);
    let mut firsts: BTreeMap<String, u32> = BTreeMap::new();
    for phone in 0..10_000 {
        *firsts.entry(in_order(&hops, phone)[0].clone()).or_default() += 1;
    }
    let count =
        |number: u8| firsts.get(&format!("udp/192.0.2.{number}:5060")).copied().unwrap_or(0);
    assert!((5_700..6_300).contains(&count(1)), "{firsts:?}");
    assert!((2_700..3_300).contains(&count(2)), "{firsts:?}");
    assert!((800..1_200).contains(&count(3)), "{firsts:?}");
    assert!((1..300).contains(&count(4)), "{firsts:?}");
}

// A22 A23
#[test]
fn the_die_is_rolled_once_and_anew_only_when_the_servers_change() {
    let mut world = World::new(&equals());
    world.policy.srv_weight = SrvWeight::Rfc2782;
    let id = world.location("yealink.pbx.com", 0, UDP);
    let orders = |world: &mut World| {
        let hops = world.ready(id);
        (0..20).map(|phone| in_order(&hops, phone)).collect::<Vec<_>>()
    };
    let before = orders(&mut world);
    world.wait(seconds(301));
    assert_eq!(orders(&mut world), before);
    world.replace(&equals().replace("n4", "n5"));
    world.wait(seconds(301));
    assert_ne!(orders(&mut world), before);
}

#[test]
fn several_addresses_of_one_name_are_next_hops_in_answer_order() {
    let mut world = World::new("@ A 192.0.2.7\n@ A 192.0.2.3\n@ A 192.0.2.5");
    assert_eq!(
        world.hops_of("yealink.pbx.com", 5060, UDP),
        ["udp/192.0.2.7:5060", "udp/192.0.2.3:5060", "udp/192.0.2.5:5060"]
    );
}

#[test]
fn a_place_that_two_targets_share_is_one_next_hop() {
    let mut world = World::new(
        "_sip._udp SRV 1 0 5060 n1\n_sip._udp SRV 2 0 5060 n2\n_sip._udp SRV 3 0 5070 n1\n\
         n1 A 192.0.2.1\nn2 A 192.0.2.1",
    );
    assert_eq!(world.hops(), ["udp/192.0.2.1:5060", "udp/192.0.2.1:5070"]);
}

// A23
#[test]
fn addresses_still_listed_keep_their_order_and_new_ones_go_behind() {
    let mut world = World::new("@ A 192.0.2.1\n@ A 192.0.2.2\n@ A 192.0.2.3");
    let id = world.location("yealink.pbx.com", 5060, UDP);
    let first = world.ready(id);
    world.replace("@ A 192.0.2.3\n@ A 192.0.2.1\n@ A 192.0.2.2");
    world.wait(seconds(301));
    let turned = world.ready(id);
    assert_eq!(in_order(&turned, 1), in_order(&first, 1));
    assert_eq!(turned.generation(), first.generation(), "a rotation is no change");
    assert_eq!(turned.since(), first.since());
    world.replace("@ A 192.0.2.9\n@ A 192.0.2.3\n@ A 192.0.2.1");
    world.wait(seconds(301));
    let changed = world.ready(id);
    assert_eq!(
        in_order(&changed, 1),
        ["udp/192.0.2.1:5060", "udp/192.0.2.3:5060", "udp/192.0.2.9:5060"]
    );
    assert_ne!(changed.generation(), first.generation());
    assert_eq!(changed.since(), changed.located());
}

// A23
#[test]
fn the_primary_changes_with_a_priority_a_weight_a_target_or_an_address() {
    let service = "_sip._udp SRV 10 5 5060 n1\n_sip._udp SRV 20 5 5060 n2\n";
    let rows = [
        ("_sip._udp SRV 30 5 5060 n1\n_sip._udp SRV 20 5 5060 n2\n", "192.0.2.2"),
        ("_sip._udp SRV 10 5 5060 n1\n_sip._udp SRV 10 6 5060 n2\n", "192.0.2.2"),
        ("_sip._udp SRV 10 5 5060 n3\n_sip._udp SRV 20 5 5060 n2\n", "192.0.2.3"),
        ("_sip._udp SRV 10 5 5060 n1\n_sip._udp SRV 20 5 5060 n2\nn1 A 192.0.2.8\n", "192.0.2.8"),
    ];
    for (records, primary) in rows {
        let mut world = World::new(&format!("{service}{}", addresses(3)));
        let id = world.location("yealink.pbx.com", 0, UDP);
        assert_eq!(in_order(&world.ready(id), 1)[0], "udp/192.0.2.1:5060");
        let others: String = addresses(3)
            .lines()
            .filter(|line| !(records.contains("n1 A") && line.starts_with("n1")))
            .flat_map(|line| [line, "\n"])
            .collect();
        world.replace(&format!("{records}{others}"));
        world.wait(seconds(301));
        assert_eq!(in_order(&world.ready(id), 1)[0], format!("udp/{primary}:5060"));
    }
}

// A24
#[test]
fn static_next_hops_follow_those_of_dns_unless_they_come_first() {
    let mut world = World::new("@ A 192.0.2.1");
    world.fix(StaticRecords {
        a: vec![static_a("yealink.pbx.com", "192.0.2.8"), static_a("yealink.pbx.com", "192.0.2.1")],
        ..StaticRecords::default()
    });
    let host = "yealink.pbx.com";
    assert_eq!(world.hops_of(host, 5060, UDP), ["udp/192.0.2.1:5060", "udp/192.0.2.8:5060"]);
    world.asked();
    world.policy.static_first = true;
    assert_eq!(world.hops_of(host, 5060, UDP), ["udp/192.0.2.8:5060", "udp/192.0.2.1:5060"]);
    assert!(world.asked().is_empty(), "static_cache_pri 1 does not ask for what is static");
}
