//! The examples of the guide's appendices, and targets that need little or nothing of DNS.

use locate::{StaticRecords, TransportType, Why};

use crate::world::{State, World, static_a, static_naptr, static_srv};

const APPENDIX_A: &str = r#"
@          NAPTR 90 50 "s" "SIP+D2T" "" _sip_tcp
@          NAPTR 100 50 "s" "SIP+D2U" "" _sip_udp
_sip_tcp   SRV 0 1 5060 server1
_sip_tcp   SRV 0 2 5060 server2
server1    A 192.168.1.13
server2    A 192.168.1.14
"#;

// Guide, Appendix A: "The IP phone picks the IP address 192.168.1.14 first."
#[test]
fn the_chain_of_appendix_a_ends_at_the_heavier_server_first() {
    let mut world = World::new(APPENDIX_A);
    assert_eq!(world.hops(), ["tcp/192.168.1.14:5060", "tcp/192.168.1.13:5060"]);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip_tcp", "A server2", "A server1"]);
}

// A25
#[test]
fn a_service_is_asked_as_written_and_then_once_in_the_other_spelling() {
    let mut world = World::new(
        "@ NAPTR 90 50 s SIP+D2T \"\" _sip_tcp\n_sip._tcp SRV 0 0 5060 one\none A 192.0.2.1",
    );
    assert_eq!(world.hops(), ["tcp/192.0.2.1:5060"]);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sip_tcp", "SRV _sip._tcp", "A one"]);

    let mut world = World::new(
        "@ NAPTR 90 50 s SIPS+D2T \"\" _sips._tcp\n_sips_tcp SRV 0 0 5061 one\none A 192.0.2.1",
    );
    assert_eq!(world.hops(), ["tls/192.0.2.1:5061"]);
    assert_eq!(world.asked(), ["NAPTR @", "SRV _sips._tcp", "SRV _sips_tcp", "A one"]);
}

// A25
#[test]
fn static_services_come_first_in_either_spelling_where_static_records_do() {
    let mut world = World::new("_sip._tcp SRV 0 0 5060 192.0.2.1.");
    world.fix(StaticRecords {
        srv: vec![static_srv("_sip_tcp.yealink.pbx.com", (0, 0, 5070, "192.0.2.8"))],
        ..StaticRecords::default()
    });
    let tcp = TransportType::Tcp;
    assert_eq!(
        world.hops_of("yealink.pbx.com", 0, tcp),
        ["tcp/192.0.2.1:5060", "tcp/192.0.2.8:5070"],
        "static_cache_pri 0: they follow"
    );
    world.policy.static_first = true;
    assert_eq!(world.hops_of("yealink.pbx.com", 0, tcp), ["tcp/192.0.2.8:5070"]);
}

#[test]
fn appendix_b_example_1_static_addresses_where_dns_has_none() {
    let mut world = World::new("");
    world.fix(StaticRecords {
        a: vec![
            static_a("yealink.pbx.com", "192.168.1.13"),
            static_a("yealink.pbx.com", "192.168.1.14"),
        ],
        ..StaticRecords::default()
    });
    assert_eq!(
        world.hops_of("yealink.pbx.com", 5060, TransportType::DnsNaptr),
        ["udp/192.168.1.13:5060", "udp/192.168.1.14:5060"]
    );
    assert_eq!(world.asked(), ["A @"]);
}

fn example_2() -> StaticRecords {
    StaticRecords {
        srv: vec![
            static_srv("_sip_tcp.yealink.pbx.com", (0, 1, 5060, "server1.yealink.pbx.com")),
            static_srv("_sip_tcp.yealink.pbx.com", (0, 2, 5060, "server2.yealink.pbx.com")),
        ],
        ..StaticRecords::default()
    }
}

// A35
#[test]
fn appendix_b_example_2_static_tcp_services_count_with_naptr_build_0() {
    let mut world = World::new("server1 A 192.168.1.13\nserver2 A 192.168.1.14\n@ A 192.168.1.9");
    world.fix(example_2());
    assert_eq!(world.hops(), ["tcp/192.168.1.14:5060", "tcp/192.168.1.13:5060"]);
    assert_eq!(
        world.asked(),
        ["NAPTR @", "SRV _sip._udp", "SRV _sip_udp", "A server2", "A server1"],
        "naptr_build 0: DNS is not asked for TCP"
    );
}

// A35
#[test]
fn static_tls_services_are_consulted_after_those_of_tcp() {
    let mut world = World::new("server1 A 192.168.1.13");
    world.fix(StaticRecords {
        srv: vec![static_srv("_sips._tcp.yealink.pbx.com", (0, 0, 0, "server1.yealink.pbx.com"))],
        ..StaticRecords::default()
    });
    assert_eq!(world.hops(), ["tls/192.168.1.13:5061"]);
}

// A35
#[test]
fn static_tcp_services_do_not_come_before_a_udp_service_of_dns() {
    let mut world = World::new(
        "_sip._udp SRV 0 0 5070 server1\nserver1 A 192.168.1.13\nserver2 A 192.168.1.14",
    );
    world.fix(example_2());
    assert_eq!(world.hops(), ["udp/192.168.1.13:5070"]);
}

#[test]
fn appendix_b_example_3_static_pointers_lead_to_services_of_dns() {
    let mut world = World::new(
        "_sip._tcp SRV 0 1 5060 server1\n_sip._tcp SRV 0 2 5060 server2\n\
         server1 A 192.168.1.13\nserver2 A 192.168.1.14",
    );
    world.fix(StaticRecords {
        naptr: vec![
            static_naptr("yealink.pbx.com", (90, 50, "S", "SIP+D2T", "_sip_tcp.yealink.pbx.com")),
            static_naptr("yealink.pbx.com", (100, 50, "S", "SIP+D2U", "_sip_udp.yealink.pbx.com")),
        ],
        ..StaticRecords::default()
    });
    assert_eq!(world.hops(), ["tcp/192.168.1.14:5060", "tcp/192.168.1.13:5060"]);
}

#[test]
fn the_examples_of_appendix_b_work_without_any_name_server() {
    let mut world = World::with_servers("", 0);
    let mut records = example_2();
    records.a = vec![
        static_a("server1.yealink.pbx.com", "192.168.1.13"),
        static_a("server2.yealink.pbx.com", "192.168.1.14"),
    ];
    world.fix(records);
    assert_eq!(world.hops(), ["tcp/192.168.1.14:5060", "tcp/192.168.1.13:5060"]);
}

// A20
#[test]
fn an_address_needs_no_question_and_has_the_default_port_of_its_transport() {
    let mut world = World::new("");
    let rows = [
        ("192.0.2.1", 0, TransportType::Udp, "udp/192.0.2.1:5060"),
        ("192.0.2.1", 0, TransportType::Tcp, "tcp/192.0.2.1:5060"),
        ("192.0.2.1", 0, TransportType::Tls, "tls/192.0.2.1:5061"),
        ("192.0.2.1", 5062, TransportType::Tls, "tls/192.0.2.1:5062"),
        ("192.0.2.1", 0, TransportType::DnsNaptr, "udp/192.0.2.1:5060"),
        ("2001:db8::1", 0, TransportType::Udp, "udp/[2001:db8::1]:5060"),
        ("[2001:db8::1]", 5070, TransportType::Tcp, "tcp/[2001:db8::1]:5070"),
    ];
    for (host, port, transport, hop) in rows {
        assert_eq!(world.hops_of(host, port, transport), [hop]);
    }
    assert!(world.asked().is_empty());
}

// Guide, "Server Domain Name Resolution": an explicit port and DNS-NAPTR mean an A query only.
#[test]
fn an_explicit_port_asks_for_addresses_only_and_means_udp() {
    let mut world = World::new(&format!("{APPENDIX_A}\n@ A 192.168.1.9"));
    assert_eq!(
        world.hops_of("yealink.pbx.com", 5060, TransportType::DnsNaptr),
        ["udp/192.168.1.9:5060"]
    );
    assert_eq!(
        world.hops_of("yealink.pbx.com", 5063, TransportType::Tls),
        ["tls/192.168.1.9:5063"]
    );
    assert_eq!(world.asked(), ["A @"]);
}

// A19
#[test]
fn port_0_with_a_fixed_transport_asks_for_its_services_and_then_for_addresses() {
    let mut world = World::new("_sips._tcp SRV 0 0 0 one\none A 192.0.2.1\n@ A 192.0.2.9");
    assert_eq!(world.hops_of("yealink.pbx.com", 0, TransportType::Tls), ["tls/192.0.2.1:5061"]);
    assert_eq!(world.asked(), ["SRV _sips._tcp", "A one"]);
    assert_eq!(world.hops_of("yealink.pbx.com", 0, TransportType::Tcp), ["tcp/192.0.2.9:5060"]);
    assert_eq!(world.asked(), ["SRV _sip._tcp", "SRV _sip_tcp", "A @"]);
}

#[test]
fn the_certificate_has_to_name_the_configured_host_not_the_srv_target() {
    let mut world = World::new("_sips._tcp SRV 0 0 0 one\none A 192.0.2.1");
    let id = world.location("Yealink.pbx.com", 0, TransportType::Tls);
    let hops = world.ready(id);
    let hop = hops.primary(1).unwrap();
    assert_eq!((&*hop.name, &*hop.server), ("Yealink.pbx.com", "one.yealink.pbx.com"));
    let id = world.location("[2001:db8::1]", 0, TransportType::Tls);
    assert_eq!(&*world.ready(id).primary(1).unwrap().name, "2001:db8::1");
}

#[test]
fn what_cannot_be_located_says_why() {
    let mut world = World::new("empty NS ns");
    let fixed = TransportType::Udp;
    assert_eq!(world.nothing("absent.yealink.pbx.com", 5060, fixed).why, Why::NxDomain);
    assert_eq!(world.nothing("empty.yealink.pbx.com", 5060, fixed).why, Why::NoAddress);
    world.replace("_sip._udp SRV 1 0 0 absent");
    assert_eq!(world.nothing("yealink.pbx.com", 0, fixed).why, Why::NoAddress);
    world.tell(53, dns::NameServerCommand::Heal);
    let why = world.nothing("no such name", 5060, fixed).why.clone();
    assert_eq!(
        why.to_string(),
        "the host is no domain name: a character is not permitted in a domain name"
    );
    world.set(53, State::Closed);
    let why = world.nothing("other.yealink.pbx.com", 5060, fixed).why.clone();
    assert_eq!(why.to_string(), "DNS does not answer: port unreachable from 127.0.1.53:53");
    let mut world = World::with_servers("", 0);
    assert_eq!(world.nothing("yealink.pbx.com", 5060, fixed).why, Why::NoNameServer);
}
