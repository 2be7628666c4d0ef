//! Which source answers: cache, DNS, static records, stale answers (A24, RFC 8767).

use dns::NameServerCommand as Fault;
use locate::{CacheType, Source, StaticRecords, TransportType, Why};

use crate::world::{State, World, in_order, seconds, static_a, static_naptr, static_srv};

const UDP: TransportType = TransportType::Udp;
const HOST: &str = "yealink.pbx.com";

fn with_static_address(records: &str) -> World {
    let mut world = World::new(records);
    world.fix(StaticRecords { a: vec![static_a(HOST, "192.0.2.8")], ..StaticRecords::default() });
    world
}

// A24
#[test]
fn a_static_record_counts_for_its_ttl_and_then_dns_is_asked_again() {
    let mut world = with_static_address("");
    let id = world.location(HOST, 5060, UDP);
    let hops = world.ready(id);
    assert_eq!(in_order(&hops, 1), ["udp/192.0.2.8:5060"]);
    let hop = hops.primary(1).unwrap();
    assert_eq!((hop.source, hop.expires), (Source::Static, world.now + seconds(3600)));
    assert_eq!(world.asked(), ["A @"]);
    world.replace("@ A 192.0.2.1");
    world.wait(seconds(3599));
    assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.8:5060"]);
    assert!(world.asked().is_empty());
    world.wait(seconds(1));
    assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.1:5060", "udp/192.0.2.8:5060"]);
    assert_eq!(world.asked(), ["A @"]);
}

// A24
#[test]
fn a_static_record_that_only_follows_does_not_keep_dns_from_being_asked() {
    let mut world = with_static_address("@ 30 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.ready(id);
    world.asked();
    world.wait(seconds(31));
    assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.1:5060", "udp/192.0.2.8:5060"]);
    assert_eq!(world.asked(), ["A @"]);
}

// A24
#[test]
fn without_a_name_server_the_ttl_does_not_end_a_static_record() {
    let mut world = World::with_servers("", 0);
    world.fix(StaticRecords { a: vec![static_a(HOST, "192.0.2.8")], ..StaticRecords::default() });
    let id = world.location(HOST, 5060, UDP);
    for _ in 0..3 {
        assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.8:5060"]);
        world.wait(seconds(4000));
    }
}

// A24
#[test]
fn with_static_cache_pri_1_the_static_record_is_consulted_again_and_dns_never() {
    let mut world = with_static_address("@ A 192.0.2.1");
    world.policy.static_first = true;
    let id = world.location(HOST, 5060, UDP);
    for _ in 0..3 {
        assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.8:5060"]);
        assert_eq!(world.ready(id).primary(1).unwrap().expires, world.now + seconds(3600));
        world.wait(seconds(3600));
    }
    assert!(world.asked().is_empty());
}

// A24
#[test]
fn a_chain_may_mix_dns_and_static_records_type_by_type() {
    let mut world = World::new("_sip._tcp SRV 0 0 5060 server1\nserver1 A 192.0.2.1");
    world.policy.static_first = true;
    world.fix(StaticRecords {
        naptr: vec![static_naptr(HOST, (1, 1, "S", "SIP+D2T", "_sip._tcp.yealink.pbx.com"))],
        a: vec![static_a("server1.yealink.pbx.com", "192.0.2.8")],
        ..StaticRecords::default()
    });
    assert_eq!(world.hops(), ["tcp/192.0.2.8:5060"]);
    assert_eq!(world.asked(), ["SRV _sip._tcp"]);
}

// A24
#[test]
fn several_static_records_of_one_name_are_one_set_in_index_order_with_the_least_ttl() {
    let mut world = World::with_servers("", 0);
    let mut second = static_a(HOST, "192.0.2.3");
    second.ttl_s = 60;
    world.fix(StaticRecords {
        a: vec![static_a(HOST, "192.0.2.8"), second],
        ..StaticRecords::default()
    });
    let id = world.location(HOST, 5060, UDP);
    let hops = world.ready(id);
    assert_eq!(in_order(&hops, 1), ["udp/192.0.2.8:5060", "udp/192.0.2.3:5060"]);
    assert!(hops.iter().all(|hop| hop.expires == world.now + seconds(60)));
}

fn with_static_service(fault: Fault) -> World {
    let mut world = World::new("@ A 192.0.2.9");
    world.tell(53, fault);
    world.fix(StaticRecords {
        srv: vec![static_srv("_sip._udp.yealink.pbx.com", (0, 0, 5070, "192.0.2.8"))],
        ..StaticRecords::default()
    });
    world
}

// A24
#[test]
fn a_time_out_does_not_go_on_to_the_next_type_while_a_static_record_of_this_type_exists() {
    for fault in [Fault::Silent, Fault::Servfail] {
        let mut world = with_static_service(fault);
        assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.8:5070"]);
        assert!(world.asked().iter().all(|question| question == "SRV _sip._udp"));
    }
}

// A24
#[test]
fn a_time_out_without_static_or_stale_answer_goes_on_to_the_next_type() {
    let mut world = World::new("");
    world.fix(StaticRecords { a: vec![static_a(HOST, "192.0.2.8")], ..StaticRecords::default() });
    world.tell(53, Fault::Silent);
    let start = world.now;
    assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.8:5060"]);
    assert_eq!(world.now.since(start), seconds(18), "SRV and A: 3 s and 2 retries each");
}

// A24
#[test]
fn a_time_out_is_made_up_for_by_a_stale_answer_of_the_same_type_and_a_denial_is_not() {
    let records = "_sip._udp SRV 0 0 5070 server1\nserver1 A 192.0.2.1\n@ A 192.0.2.9";
    let mut world = World::new(records);
    assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.1:5070"]);
    world.wait(seconds(301));
    world.tell(53, Fault::Silent);
    assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.1:5070"]);

    let mut world = World::new(records);
    assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.1:5070"]);
    world.wait(seconds(301));
    world.replace("@ A 192.0.2.9");
    assert_eq!(world.hops_of(HOST, 0, UDP), ["udp/192.0.2.9:5060"], "NODATA goes on");
    world.wait(seconds(301));
    world.tell(53, Fault::Nxdomain);
    assert_eq!(world.nothing(HOST, 0, UDP).why, Why::NxDomain, "NXDOMAIN ends the old answer");
}

// A24
#[test]
fn static_comes_before_stale_and_cache_before_both() {
    let mut world = with_static_address("@ A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    assert_eq!(in_order(&world.ready(id), 1)[0], "udp/192.0.2.1:5060");
    world.tell(53, Fault::Silent);
    world.wait(seconds(299));
    assert_eq!(in_order(&world.ready(id), 1)[0], "udp/192.0.2.1:5060", "within its TTL");
    world.wait(seconds(2));
    let hops = world.ready(id);
    assert_eq!(hops.primary(1).unwrap().source, Source::Static);
}

#[test]
fn the_last_good_answer_is_served_for_a_day_after_its_ttl_and_said_to_be_stale() {
    let mut world = World::new("@ A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.ready(id);
    world.tell(53, Fault::Silent);
    world.wait(seconds(300 + 86_300));
    let hops = world.ready(id);
    assert_eq!(hops.primary(1).unwrap().source, Source::Stale);
    assert_eq!(hops.primary(1).unwrap().expires, world.now + seconds(30));
    world.wait(seconds(100));
    assert!(matches!(world.nothing(HOST, 5060, UDP).why, Why::DnsFailed(_)));
    assert!(world.locator.last(id).is_some(), "what was found last can still be had");
}

#[test]
fn while_dns_is_known_to_be_away_nobody_waits_for_it() {
    let mut world = World::new("@ A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.ready(id);
    world.tell(53, Fault::Silent);
    world.wait(seconds(301));
    let start = world.now;
    world.ready(id);
    assert_eq!(world.now.since(start), seconds(9), "the first to ask learns it");
    for _ in 0..10 {
        world.wait(seconds(17));
        let start = world.now;
        assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.1:5060"]);
        assert_eq!(world.now, start);
    }
    world.replace("@ A 192.0.2.2");
    world.tell(53, Fault::Heal);
    world.replace("@ A 192.0.2.2");
    world.wait(seconds(61));
    world.ready(id);
    world.wait(seconds(31));
    let hops = world.ready(id);
    assert_eq!(in_order(&hops, 1), ["udp/192.0.2.2:5060"]);
    assert_eq!(hops.primary(1).unwrap().source, Source::Dns);
}

#[test]
fn serve_stale_can_be_turned_off() {
    let mut world = World::new("@ A 192.0.2.1");
    world.locator.configure(locate::ResolverConfig {
        name_servers: vec![crate::world::server(53)],
        serve_stale: None,
        ..locate::ResolverConfig::default()
    });
    world.hops_of(HOST, 5060, UDP);
    world.wait(seconds(301));
    world.set(53, State::Closed);
    assert!(matches!(world.nothing(HOST, 5060, UDP).why, Why::DnsFailed(_)));
}

#[test]
fn with_dns_cache_type_0_the_last_good_answer_is_served_where_dns_fails() {
    let mut world = World::new("@ A 192.0.2.1");
    world.policy.cache_type = CacheType::RealTime;
    let id = world.location(HOST, 5060, UDP);
    world.ready(id);
    world.set(53, State::Gone);
    let hops = world.ready(id);
    assert_eq!(hops.primary(1).unwrap().source, Source::Dns, "its TTL has not run");
    world.wait(seconds(301));
    assert_eq!(world.ready(id).primary(1).unwrap().source, Source::Stale);
}

// A24
#[test]
fn with_dns_cache_type_0_dns_is_asked_before_a_static_record_in_every_pass() {
    let mut world = with_static_address("");
    world.policy.cache_type = CacheType::RealTime;
    let id = world.location(HOST, 5060, UDP);
    for _ in 0..3 {
        assert_eq!(in_order(&world.ready(id), 1), ["udp/192.0.2.8:5060"]);
        assert_eq!(world.asked(), ["A @"]);
    }
}

#[test]
fn the_next_name_server_answers_where_the_first_is_dead_and_is_asked_first_from_then_on() {
    let mut world = World::with_servers("@ A 192.0.2.1\nother A 192.0.2.2", 2);
    world.set(53, State::Gone);
    let start = world.now;
    assert_eq!(world.hops_of(HOST, 5060, UDP), ["udp/192.0.2.1:5060"]);
    assert_eq!(world.now.since(start), seconds(9));
    let start = world.now;
    assert_eq!(world.hops_of("other.yealink.pbx.com", 5060, UDP), ["udp/192.0.2.2:5060"]);
    assert_eq!(world.now, start);
    assert_eq!(world.asked_of(54), ["A @", "A other"]);
}
