//! NAPTR records, `naptr_build`, and SRV records that offer nothing.

use locate::{NaptrBuild, TransportType, Why};

use crate::world::World;

const SERVERS: &str = r"
_sip._udp  SRV 0 0 5060 udp
_sip._tcp  SRV 0 0 5060 tcp
_sips._tcp SRV 0 0 5061 tls
udp A 192.0.2.1
tcp A 192.0.2.2
tls A 192.0.2.3
@ A 192.0.2.9
";

fn hops(pointers: &str) -> Vec<String> {
    World::new(&format!("{SERVERS}{pointers}")).hops()
}

#[test]
fn the_lowest_order_is_taken_and_each_service_has_its_transport() {
    let both = "@ NAPTR 20 1 s SIP+D2U \"\" _sip._udp\n@ NAPTR 10 9 s SIPS+D2T \"\" _sips._tcp";
    assert_eq!(hops(both), ["tls/192.0.2.3:5061"]);
    assert_eq!(hops("@ NAPTR 10 9 s SIP+D2T \"\" _sip._tcp"), ["tcp/192.0.2.2:5060"]);
}

// A21
#[test]
fn all_usable_records_of_the_lowest_usable_order_give_next_hops_in_order_of_preference() {
    let pointers = "
@ NAPTR 10 30 s SIP+D2U  \"\" _sip._udp
@ NAPTR 10 10 s SIPS+D2T \"\" _sips._tcp
@ NAPTR 10 20 s SIP+D2T  \"\" _sip._tcp
@ NAPTR 20 1  a SIP+D2U  \"\" @";
    assert_eq!(hops(pointers), ["tls/192.0.2.3:5061", "tcp/192.0.2.2:5060", "udp/192.0.2.1:5060"]);
}

// A21
#[test]
fn an_order_without_usable_records_is_passed_over() {
    let pointers = "
@ NAPTR 5  1 s SIP+D2S \"\" _sip._sctp
@ NAPTR 6  1 u E2U+sip \"!^.*$!sip:a@b!\" .
@ NAPTR 7  1 p SIP+D2U \"\" _sip._udp
@ NAPTR 8  1 s SIP+D2T \"!a!b!\" .
@ NAPTR 9  1 s SIP+D2T \"\" .
@ NAPTR 10 1 s SIP+D2T \"\" _sip._tcp";
    assert_eq!(hops(pointers), ["tcp/192.0.2.2:5060"]);
}

#[test]
fn records_that_cannot_be_used_count_as_no_answer() {
    let pointers = "@ NAPTR 5 1 s SIP+D2S \"\" _sip._sctp\n@ NAPTR 6 1 u SIP+D2U \"\" x";
    assert_eq!(hops(pointers), ["udp/192.0.2.1:5060"]);
}

#[test]
fn flags_and_services_compare_without_case() {
    assert_eq!(hops("@ NAPTR 10 9 S sips+d2t \"\" _sips._tcp"), ["tls/192.0.2.3:5061"]);
}

#[test]
fn the_flag_a_leads_to_addresses() {
    assert_eq!(hops("@ NAPTR 10 9 a SIP+D2T \"\" udp"), ["tcp/192.0.2.1:5060"]);
    assert_eq!(hops("@ NAPTR 10 9 A SIPS+D2T \"\" udp"), ["tls/192.0.2.1:5061"]);
}

// Guide, Appendix A: an empty flag means another NAPTR query.
#[test]
fn an_empty_flag_leads_to_further_pointers() {
    let pointers = "
@ NAPTR 10 9 \"\" \"\" \"\" more
more NAPTR 10 9 \"\" SIP+D2T \"\" most
most NAPTR 10 9 s SIP+D2T \"\" _sip._tcp";
    assert_eq!(hops(pointers), ["tcp/192.0.2.2:5060"]);
}

#[test]
fn five_further_pointers_are_followed_and_no_sixth() {
    let chain = |length: usize| -> String {
        let links = (0..length).map(|link| {
            let owner = if link == 0 { "@".to_owned() } else { format!("n{link}") };
            format!("{owner} NAPTR 10 9 \"\" \"\" \"\" n{}\n", link + 1)
        });
        links.chain([format!("n{length} NAPTR 10 9 s SIP+D2T \"\" _sip._tcp")]).collect()
    };
    assert_eq!(hops(&chain(5)), ["tcp/192.0.2.2:5060"]);
    assert_eq!(hops(&chain(6)), ["udp/192.0.2.1:5060"], "counts as no answer");
}

#[test]
fn pointers_in_a_circle_are_refused() {
    let circle = "@ NAPTR 10 9 \"\" \"\" \"\" more\nmore NAPTR 10 9 \"\" \"\" \"\" @";
    assert_eq!(hops(circle), ["udp/192.0.2.1:5060"]);
    assert_eq!(hops("@ NAPTR 10 9 \"\" \"\" \"\" @"), ["udp/192.0.2.1:5060"]);
}

#[test]
fn naptr_build_0_asks_for_udp_only() {
    let mut world = World::new("_sip._tcp SRV 0 0 5060 tcp\ntcp A 192.0.2.2\n@ A 192.0.2.9");
    assert_eq!(world.hops(), ["udp/192.0.2.9:5060"]);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip._udp", "SRV _sip_udp", "A @"]);
}

#[test]
fn naptr_build_1_takes_the_first_service_with_an_answer() {
    let mut world = World::new("_sip._tcp SRV 0 0 5060 tcp\ntcp A 192.0.2.2\n@ A 192.0.2.9");
    world.policy.naptr_build = NaptrBuild::UdpTcpTls;
    assert_eq!(world.hops(), ["tcp/192.0.2.2:5060"]);
    let mut world = World::new("_sips._tcp SRV 0 0 0 tls\ntls A 192.0.2.2");
    world.policy.naptr_build = NaptrBuild::UdpTcpTls;
    assert_eq!(world.hops(), ["tls/192.0.2.2:5061"]);
    let mut world = World::new(SERVERS);
    world.policy.naptr_build = NaptrBuild::UdpTcpTls;
    assert_eq!(world.hops(), ["udp/192.0.2.1:5060"]);
}

#[test]
fn without_services_the_name_itself_has_the_transport_that_naptr_chose() {
    let mut world = World::new("@ NAPTR 1 1 s SIPS+D2T \"\" _sips._tcp\n@ A 192.0.2.9");
    assert_eq!(world.hops(), ["tls/192.0.2.9:5061"]);
}

#[test]
fn a_name_without_any_service_record_is_reached_over_udp_at_5060() {
    assert_eq!(World::new("@ A 192.0.2.9").hops(), ["udp/192.0.2.9:5060"]);
}

// A22
#[test]
fn an_srv_target_of_a_dot_means_no_service() {
    let mut world = World::new("_sip._udp SRV 0 0 0 .\n@ A 192.0.2.9");
    let nothing = world.nothing("yealink.pbx.com", 0, TransportType::DnsNaptr);
    assert_eq!(nothing.why, Why::NoService);
    let nothing = world.nothing("yealink.pbx.com", 0, TransportType::Udp);
    assert_eq!(nothing.why, Why::NoService);
}

#[test]
fn where_udp_is_not_offered_naptr_build_1_takes_the_next_service() {
    let mut world =
        World::new("_sip._udp SRV 0 0 0 .\n_sip._tcp SRV 0 0 5060 tcp\ntcp A 192.0.2.2");
    world.policy.naptr_build = NaptrBuild::UdpTcpTls;
    assert_eq!(world.hops(), ["tcp/192.0.2.2:5060"]);
}

// Guide, Appendix A: "If the Target is not a numeric IP address, the IP phone performs an A query."
#[test]
fn an_srv_target_that_is_an_address_is_used_as_it_is() {
    let mut world = World::new("_sip._udp SRV 0 0 5070 192.0.2.77.");
    assert_eq!(world.hops(), ["udp/192.0.2.77:5070"]);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip._udp"]);
}

// A20
#[test]
fn an_srv_port_of_0_is_the_default_port() {
    let mut world = World::new("_sips._tcp SRV 0 0 0 tls\ntls A 192.0.2.2");
    world.policy.naptr_build = NaptrBuild::UdpTcpTls;
    assert_eq!(world.hops(), ["tls/192.0.2.2:5061"]);
    let mut world = World::new("_sip._udp SRV 0 0 0 udp\nudp A 192.0.2.2");
    assert_eq!(world.hops(), ["udp/192.0.2.2:5060"]);
}

#[test]
fn a_target_without_address_is_left_out() {
    let mut world =
        World::new("_sip._udp SRV 0 0 0 gone\n_sip._udp SRV 1 0 0 udp\nudp A 192.0.2.2");
    assert_eq!(world.hops(), ["udp/192.0.2.2:5060"]);
}
