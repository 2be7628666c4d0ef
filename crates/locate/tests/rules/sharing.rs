//! What the cache types keep, who shares a location, what ends with it.

use std::sync::Arc;

use dns::NameServerCommand as Fault;
use locate::{CacheType, Progress, Target, TransportType};

use crate::world::{World, in_order, seconds};

const UDP: TransportType = TransportType::Udp;
const HOST: &str = "yealink.pbx.com";
const CHAIN: &str = "
@ NAPTR 1 1 s SIP+D2U \"\" _sip._udp
_sip._udp SRV 1 0 5060 server1
server1 A 192.0.2.1
";

#[test]
fn dns_cache_type_0_asks_once_for_each_pass() {
    let mut world = World::new(CHAIN);
    world.policy.cache_type = CacheType::RealTime;
    let id = world.location(HOST, 0, TransportType::DnsNaptr);
    for _ in 0..3 {
        world.ready(id);
        assert_eq!(world.asked(), ["NAPTR @", "SRV _sip._udp", "A server1"]);
    }
}

#[test]
fn dns_cache_type_1_caches_answers_for_their_ttl_but_no_additional_section() {
    let mut world = World::new(CHAIN);
    let id = world.location(HOST, 0, TransportType::DnsNaptr);
    world.ready(id);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip._udp", "A server1"]);
    world.wait(seconds(299));
    world.ready(id);
    assert!(world.asked().is_empty());
    world.wait(seconds(1));
    world.ready(id);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip._udp", "A server1"]);
}

#[test]
fn dns_cache_type_2_takes_the_additional_section_too() {
    let mut world = World::new(CHAIN);
    world.policy.cache_type = CacheType::AnswersAndAdditionals;
    assert_eq!(world.hops(), ["udp/192.0.2.1:5060"]);
    assert_eq!(world.asked(), ["NAPTR @"]);
}

#[test]
fn what_one_account_took_from_an_additional_section_another_asks_for() {
    let mut world = World::new(CHAIN);
    world.policy.cache_type = CacheType::AnswersAndAdditionals;
    world.hops();
    world.asked();
    world.policy.cache_type = CacheType::Answers;
    world.hops();
    assert_eq!(world.asked(), ["SRV _sip._udp", "A server1"]);
}

#[test]
fn negative_answers_are_cached_for_what_the_soa_says() {
    let mut world = World::new("@ A 192.0.2.1");
    let id = world.location(HOST, 0, UDP);
    world.ready(id);
    assert_eq!(world.asked(), ["SRV _sip._udp", "SRV _sip_udp", "A @"]);
    world.wait(seconds(59));
    world.ready(id);
    assert!(world.asked().is_empty());
    world.wait(seconds(1));
    world.ready(id);
    assert_eq!(world.asked(), ["SRV _sip._udp", "SRV _sip_udp"]);
}

#[test]
fn ttls_are_capped_at_one_day() {
    let mut world = World::new("@ 604800 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    assert_eq!(world.ready(id).primary(1).unwrap().expires, world.now + seconds(86_400));
}

#[test]
fn phones_that_agree_share_a_location_and_its_pass() {
    let mut world = World::new("@ A 192.0.2.1");
    world.tell(53, Fault::Silent);
    let ids: Vec<_> = (0..1000).map(|_| world.location(HOST, 5060, UDP)).collect();
    assert!(ids.iter().all(|id| *id == ids[0]));
    for id in &ids {
        assert!(matches!(world.locator.locate(world.now, *id), Progress::Pending));
    }
    world.carry();
    assert_eq!(world.asked(), ["A @"]);
    world.wait(seconds(9));
    assert_eq!(world.located.len(), 1);
}

#[test]
fn different_targets_share_the_questions_in_flight() {
    let mut world = World::new("@ A 192.0.2.1");
    world.tell(53, Fault::Silent);
    let ports: Vec<_> = (5060..5070).map(|port| world.location(HOST, port, UDP)).collect();
    for id in &ports {
        assert!(matches!(world.locator.locate(world.now, *id), Progress::Pending));
    }
    world.carry();
    assert_eq!(world.asked(), ["A @"]);
    world.tell(53, Fault::Heal);
    world.wait(seconds(3));
    assert_eq!(world.asked(), ["A @"]);
    assert_eq!(world.located.len(), ports.len());
}

#[test]
fn a_location_ends_with_its_last_holder_even_while_dns_is_asked() {
    let mut world = World::new("@ A 192.0.2.1");
    let target = Target { host: HOST.into(), port: 5060, transport: UDP };
    let policy = Arc::new(world.policy.clone());
    let first = world.locator.location(target.clone(), policy.clone());
    let second = world.locator.location(target.clone(), policy.clone());
    world.ready(first);
    world.locator.release(first);
    assert!(world.locator.last(second).is_some());
    world.wait(seconds(301));
    assert!(matches!(world.locator.locate(world.now, second), Progress::Pending));
    world.locator.release(second);
    world.carry();
    assert!(world.located.is_empty());
    assert!(world.locator.last(second).is_none());
    let third = world.locator.location(target, policy);
    assert_ne!(third, second);
    assert_eq!(in_order(&world.ready(third), 1), ["udp/192.0.2.1:5060"]);
}
