//! Names are resolved before their records run out, so that no call waits for DNS.

use dns::NameServerCommand as Fault;
use locate::{Ahead, CacheType, Progress, StaticRecords, TransportType};

use crate::world::{State, World, in_order, seconds, static_a};

const UDP: TransportType = TransportType::Udp;
const HOST: &str = "yealink.pbx.com";

#[test]
fn a_name_is_resolved_ahead_at_90_percent_of_its_ttl() {
    let mut world = World::new("@ 100 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.asked();
    world.wait(seconds(89));
    assert!(world.asked().is_empty());
    assert!(world.located.is_empty());
    world.wait(seconds(1));
    assert_eq!(world.asked(), ["A @"]);
    assert_eq!(world.located.len(), 1, "its owner hears of it");
    world.wait(seconds(90));
    assert_eq!(world.asked(), ["A @"]);
    assert!(matches!(world.locator.locate(world.now, id), Progress::Ready(_)));
}

#[test]
fn each_record_of_a_chain_is_renewed_when_it_is_due_and_the_others_are_not() {
    let mut world = World::new("_sip._udp 1000 SRV 0 0 5060 server1\nserver1 100 A 192.0.2.1");
    let id = world.location(HOST, 0, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.asked();
    world.wait(seconds(90));
    assert_eq!(world.asked(), ["A server1"]);
    world.wait(seconds(720));
    assert_eq!(world.asked(), ["A server1"; 8]);
    world.wait(seconds(90));
    assert_eq!(world.asked(), ["SRV _sip._udp", "A server1"]);
}

#[test]
fn a_ttl_below_30_s_is_not_renewed_ahead() {
    let mut world = World::new("@ 29 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.asked();
    assert!(world.locator.next_timeout().is_none());
    world.wait(seconds(600));
    assert!(world.asked().is_empty());
}

#[test]
fn with_dns_cache_type_0_nothing_is_asked_ahead() {
    let mut world = World::new("@ 100 A 192.0.2.1");
    world.policy.cache_type = CacheType::RealTime;
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    assert!(world.locator.next_timeout().is_none());
}

#[test]
fn turned_off_or_released_a_location_wakes_nobody() {
    let mut world = World::new("@ 100 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.ready(id);
    assert!(world.locator.next_timeout().is_none(), "nobody asked for it");
    world.locator.keep_ahead(id, Ahead::On);
    assert!(world.locator.next_timeout().is_some());
    world.locator.keep_ahead(id, Ahead::Off);
    assert!(world.locator.next_timeout().is_none());
    world.locator.keep_ahead(id, Ahead::On);
    world.locator.release(id);
    assert!(world.locator.next_timeout().is_none());
}

#[test]
fn an_outage_of_dns_is_learned_in_the_background_and_no_call_waits() {
    let mut world = World::new("@ 100 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.set(53, State::Gone);
    for _ in 0..200 {
        world.wait(seconds(7));
        let Progress::Ready(hops) = world.locator.locate(world.now, id) else {
            panic!("a call would wait at {}", world.now)
        };
        assert_eq!(in_order(&hops, 1), ["udp/192.0.2.1:5060"]);
        world.carry();
    }
    world.set(53, State::Up);
    world.replace("@ 100 A 192.0.2.2");
    world.wait(seconds(65));
    let Progress::Ready(hops) = world.locator.locate(world.now, id) else { panic!() };
    assert_eq!(in_order(&hops, 1), ["udp/192.0.2.2:5060"], "back without anybody asking");
}

#[test]
fn questions_ahead_of_time_stay_few_while_dns_is_away() {
    let mut world = World::new("@ 100 A 192.0.2.1");
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.asked();
    world.tell(53, Fault::Servfail);
    world.wait(seconds(3600));
    let count = world.asked().len();
    assert!((100..=125).contains(&count), "{count} in an hour: one in 30 s");
}

// A24
#[test]
fn dns_is_asked_ahead_behind_a_static_record_too() {
    let mut world = World::new("");
    world.fix(StaticRecords { a: vec![static_a(HOST, "192.0.2.8")], ..StaticRecords::default() });
    let id = world.location(HOST, 5060, UDP);
    world.locator.keep_ahead(id, Ahead::On);
    world.ready(id);
    world.asked();
    world.replace("@ A 192.0.2.1");
    world.wait(seconds(3240));
    assert_eq!(world.asked(), ["A @"]);
    let Progress::Ready(hops) = world.locator.locate(world.now, id) else { panic!() };
    assert_eq!(in_order(&hops, 1)[0], "udp/192.0.2.1:5060");
}
