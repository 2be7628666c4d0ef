//! The trail as people read it.

use dns::NameServerCommand as Fault;
use locate::{StaticRecords, TransportType};

use crate::world::{World, seconds, static_a};

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim_end).collect()
}

#[test]
fn the_chain_of_appendix_a_reads_line_by_line() {
    let mut world = World::new(
        r#"
@          NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp
@          NAPTR 100 50 "s" "SIP+D2U" "" _sip._udp
_sip._tcp  60 SRV 0 1 5060 server1
_sip._tcp  60 SRV 0 2 5060 server2
server1    A 192.168.1.13
server2    CNAME pbx
pbx        A 192.168.1.14
"#,
    );
    let id = world.location("yealink.pbx.com", 0, TransportType::DnsNaptr);
    world.ready(id);
    world.wait(seconds(60));
    let hops = world.ready(id);
    let text = hops.trail().to_string();
    assert_eq!(
        lines(&text),
        [
            "yealink.pbx.com port 0 dns-naptr",
            "  NAPTR yealink.pbx.com            dns          240 s  90 50 \"s\" \"SIP+D2T\" \"\" _sip._tcp.yealink.pbx.com",
            "  NAPTR yealink.pbx.com            dns          240 s  100 50 \"s\" \"SIP+D2U\" \"\" _sip._udp.yealink.pbx.com",
            "    -> NAPTR 90 50 SIP+D2T: tcp by SRV _sip._tcp.yealink.pbx.com",
            "    -> NAPTR 100 50 \"s\" \"SIP+D2U\" skipped: a lower order can be used",
            "  SRV   _sip._tcp.yealink.pbx.com  dns           60 s  0 1 5060 server1.yealink.pbx.com",
            "  SRV   _sip._tcp.yealink.pbx.com  dns           60 s  0 2 5060 server2.yealink.pbx.com",
            "  CNAME server2.yealink.pbx.com    dns          240 s  pbx.yealink.pbx.com",
            "  A     pbx.yealink.pbx.com        dns          240 s  192.168.1.14",
            "  A     server1.yealink.pbx.com    dns          240 s  192.168.1.13",
        ]
    );
}

#[test]
fn next_hops_read_in_columns() {
    let mut world = World::new(
        "_sip._udp SRV 10 5 5060 server1\n_sip._udp SRV 20 0 5070 192.0.2.100.\nserver1 60 A 192.0.2.1",
    );
    let id = world.location("yealink.pbx.com", 0, TransportType::Udp);
    assert_eq!(
        lines(&world.ready(id).table(1).to_string()),
        [
            "   1  udp/192.0.2.1:5060    server1.yealink.pbx.com  priority 10    weight 5     dns           60 s",
            "   2  udp/192.0.2.100:5070  192.0.2.100              priority 20    weight 0     literal      300 s",
        ]
    );
    let id = world.location("192.0.2.1", 0, TransportType::Udp);
    assert_eq!(
        lines(&world.ready(id).table(1).to_string()),
        ["   1  udp/192.0.2.1:5060  192.0.2.1  priority 0     weight 0     literal          -"]
    );
}

#[test]
fn what_was_not_there_and_what_made_up_for_it_is_said() {
    let mut world = World::new("");
    world.fix(StaticRecords {
        a: vec![static_a("yealink.pbx.com", "192.0.2.8")],
        ..StaticRecords::default()
    });
    let id = world.location("yealink.pbx.com", 0, TransportType::DnsNaptr);
    let text = world.ready(id).trail().to_string();
    assert_eq!(
        lines(&text),
        [
            "yealink.pbx.com port 0 dns-naptr",
            "  NAPTR yealink.pbx.com            negative      60 s  no such record",
            "    -> no NAPTR, naptr_build 0: only _sip._udp is asked",
            "  SRV   _sip._udp.yealink.pbx.com  negative      60 s  no such name",
            "  SRV   _sip_udp.yealink.pbx.com   negative      60 s  no such name",
            "    -> no SRV: addresses of the name itself, udp port 5060",
            "  A     yealink.pbx.com            negative      60 s  no such record",
            "  A     yealink.pbx.com            static      3600 s  192.0.2.8",
        ]
    );
}

#[test]
fn failures_and_stale_answers_are_said() {
    let mut world = World::new("@ A 192.0.2.1");
    let id = world.location("yealink.pbx.com", 5060, TransportType::Tls);
    world.ready(id);
    world.wait(seconds(301));
    world.tell(53, Fault::Servfail);
    let text = world.ready(id).trail().to_string();
    assert_eq!(
        lines(&text),
        [
            "yealink.pbx.com port 5060 tls",
            "    -> port 5060 is given: only addresses are asked for, tls",
            "  A     yealink.pbx.com  failed           -  SERVFAIL from 127.0.1.53:53",
            "  A     yealink.pbx.com  stale         30 s  192.0.2.1",
        ]
    );
}
