//! The guide's own example configurations, loaded as they are printed, and what the phone does then.

use std::net::SocketAddr;

use crate::support::{Bench, Does};

const FAILOVER: &str = include_str!("../../../params/tests/guide/failover.cfg");
const STATIC_A: &str = include_str!("../../../params/tests/guide/static_cache_1.cfg");
const STATIC_SRV: &str = include_str!("../../../params/tests/guide/static_cache_2.cfg");

/// Addresses of the bench for the names of the guide.
fn at_the_bench(example: &str) -> String {
    example.replace("192.168.1.13", "192.0.2.1").replace("192.168.1.14", "192.0.2.2")
}

fn registered(example: &str, further: &str, does: &[Does]) -> Bench {
    let own = SocketAddr::from(([192, 0, 2, 100], 5060));
    let mut bench = Bench::without_phone(1, own, does);
    bench.apply(&format!("{}\n{further}", at_the_bench(example)));
    bench
}

// Guide, Appendix B, Example 1: the static cache has the A records that DNS lacks.
#[test]
fn example_1_registers_at_the_first_static_address_and_fails_over_to_the_second() {
    let mut bench = registered(STATIC_A, "", &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(8.0);
    assert_eq!(bench.registered(), [2]);
    assert_eq!(bench.got(1)[0].uri, "sip:yealink.pbx.com");
    assert_eq!(bench.times(1), [0.0, 0.5, 1.5, 3.5]);
}

// Guide, Appendix B, Example 2; A35: static SRV records of TCP act with naptr_build 0; the heavier
// server is asked first.
#[test]
fn example_2_registers_over_tcp_at_the_heavier_server() {
    let addresses = "dns_cache_a.1.name = server1.yealink.pbx.com\ndns_cache_a.1.ip = 192.0.2.1\n\
                     dns_cache_a.2.name = server2.yealink.pbx.com\ndns_cache_a.2.ip = 192.0.2.2";
    let mut bench = registered(STATIC_SRV, addresses, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!(bench.registered(), [2]);
    assert!(bench.got(2)[0].contact.contains(";transport=tcp"));
}

// Guide, "The following shows an example of failover configurations": proxies by name, mode 3.
#[test]
fn the_failover_example_registers_through_the_proxy_and_returns_after_an_hour() {
    let names = "dns_cache_a.1.name = yealink.pbx.com\ndns_cache_a.1.ip = 192.0.2.1\n\
                 dns_cache_a.2.name = yealink.pbx.com\ndns_cache_a.2.ip = 192.0.2.2";
    let mut bench = registered(FAILOVER, names, &[Does::Mute, Does::Grant(3600)]);
    bench.run_to(8.0);
    assert_eq!(bench.registered(), [2]);
    assert_eq!(bench.got(2)[0].route.as_deref(), Some("<sip:yealink.pbx.com;lr>"));
    assert_eq!(bench.got(2)[0].to, "sip:4605@yealink.pbx.com");
    bench.order(1, Does::Grant(3600));
    bench.run_to(3600.0);
    assert_eq!(bench.registered(), [2]);
    bench.run_to(3610.0);
    assert_eq!(bench.registered(), [1]);
    assert_eq!(bench.moves().last().unwrap(), "failback REGISTER 192.0.2.2 > 192.0.2.1 duration");
}
