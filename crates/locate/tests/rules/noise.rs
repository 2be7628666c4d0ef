//! Zones of any shape: locating ends, within its limits.

use std::collections::BTreeSet;

use locate::{AddressMode, CacheType, NaptrBuild, Progress, SrvWeight, TransportType};
use proptest::prelude::*;

use crate::world::{World, in_order};

/// Names that point at each other more often than not.
fn any_owner() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "@",
        "a",
        "b",
        "c",
        "_sip._udp",
        "_sip._tcp",
        "_sips._tcp",
        "_sip_udp",
    ])
}

fn any_line() -> impl Strategy<Value = String> {
    let flag = prop::sample::select(vec!["s", "a", "\"\"", "u"]);
    let service = prop::sample::select(vec!["SIP+D2U", "SIP+D2T", "SIPS+D2T", "\"\""]);
    prop_oneof![
        (any_owner(), 0..3_u8, flag, service, any_owner()).prop_map(
            |(owner, order, flag, service, to)| {
                format!("{owner} NAPTR {order} 1 {flag} {service} \"\" {to}\n")
            }
        ),
        (any_owner(), 0..3_u8, 0..3_u8, any_owner()).prop_map(|(owner, priority, weight, to)| {
            format!("{owner} SRV {priority} {weight} 5060 {to}\n")
        }),
        (any_owner(), 0..9_u8).prop_map(|(owner, last)| format!("{owner} A 192.0.2.{last}\n")),
        (any_owner(), 0..9_u8).prop_map(|(owner, last)| format!("{owner} AAAA 2001:db8::{last}\n")),
        (any_owner(), any_owner()).prop_map(|(owner, to)| format!("{owner} CNAME {to}\n")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn every_zone_comes_to_an_end_within_the_limits(
        lines in prop::collection::vec(any_line(), 0..40),
        transport in prop::sample::select(vec![TransportType::Udp, TransportType::Tls, TransportType::DnsNaptr]),
        cache in prop::sample::select(vec![CacheType::RealTime, CacheType::Answers, CacheType::AnswersAndAdditionals]),
        mode in prop::sample::select(vec![AddressMode::V4, AddressMode::Both]),
        build in prop::sample::select(vec![NaptrBuild::UdpOnly, NaptrBuild::UdpTcpTls]),
        weight in prop::sample::select(vec![SrvWeight::Guide, SrvWeight::Rfc2782]),
    ) {
        let mut world = World::new(&lines.concat());
        world.policy.cache_type = cache;
        world.policy.address_mode = mode;
        world.policy.naptr_build = build;
        world.policy.srv_weight = weight;
        let id = world.location("yealink.pbx.com", 0, transport);
        let progress = world.finish(id);
        let asked: BTreeSet<String> = world.asked().into_iter().collect();
        prop_assert!(asked.len() <= 20 + 8, "{asked:?}");
        if let Progress::Ready(hops) = progress {
            let order = in_order(&hops, 1);
            let places: BTreeSet<&String> = order.iter().collect();
            prop_assert_eq!(places.len(), order.len());
            prop_assert!(!order.is_empty());
            prop_assert_eq!(order, in_order(&hops, 1));
        }
    }
}
