//! DNS: the resolver, its cache, and the static records.

use super::{ACCOUNT_ADVANCED, PORT, of, text};
use crate::choices::{AddressMode, DnsCacheType};
use crate::row::{Row, WebPage, When, row};
use crate::value::{INTEGER_MAX, Kind};

const PAGE: WebPage = WebPage::NetworkDns;
const APPENDIX: &str = "Appendix B: Static DNS Cache";
const A: &str = "Specifying DNS A Parameters";
const SRV: &str = "Specify DNS SRV Parameters";
const NAPTR: &str = "Specify DNS NAPTR Parameters";
const RESOLVER: &str = "DNS Server";
const A_RECORD: &str = "Static A Record N";
const SRV_RECORD: &str = "Static SRV Record N";
const NAPTR_RECORD: &str = "Static NAPTR Record N";

const U16: Kind = Kind::Integer { min: 0, max: 65535 };
const TTL: Kind = Kind::Integer { min: 30, max: INTEGER_MAX };
const STATIC_MAX: u16 = 12;
const MANUAL: &[When] = &[When::AnyIs(&[
    ("static.network.static_dns_enable", "1"),
    ("static.network.internet_port.type", "2"),
])];

pub(super) const ROWS: &[Row] = &[
    row(
        "account.X.dns_cache_type",
        of(DnsCacheType::CHOICES),
        "1",
        "0: each pass asks DNS anew. 1: answers are kept for their TTL. 2: so are the \
         additional records of an answer.",
    )
    .our_web(ACCOUNT_ADVANCED, "DNS", "DNS Cache Type")
    .guide(APPENDIX),
    row(
        "account.X.static_cache_pri",
        Kind::Switch,
        "0",
        "1: static records come before DNS; 0: they serve where DNS has no answer.",
    )
    .our_web(ACCOUNT_ADVANCED, "DNS", "Prefer Static Cache")
    .guide(APPENDIX),
    row(
        "account.X.naptr_build",
        Kind::Switch,
        "0",
        "Which SRV records are asked for where NAPTR has no answer: 0 for UDP alone, 1 \
         for UDP, TCP and TLS in this order.",
    )
    .our_web(ACCOUNT_ADVANCED, "DNS", "NAPTR Build")
    .guide(SRV),
    row("dns_cache_a.N.name", Kind::Domain, "", "The name of static address record N.")
        .n_to(STATIC_MAX)
        .our_web(PAGE, A_RECORD, "Name")
        .guide(A),
    row("dns_cache_a.N.ip", Kind::Address, "", "The address that the name of record N has.")
        .n_to(STATIC_MAX)
        .our_web(PAGE, A_RECORD, "IP Address")
        .guide(A),
    row(
        "dns_cache_a.N.ttl",
        TTL,
        "300",
        "Seconds for which address record N counts before DNS is asked again.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, A_RECORD, "TTL")
    .guide(A),
    row(
        "dns_cache_srv.N.name",
        Kind::Domain,
        "",
        "The name of static SRV record N, as in _sip._udp.example.com.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, SRV_RECORD, "Name")
    .guide(SRV),
    row(
        "dns_cache_srv.N.port",
        PORT,
        "0",
        "The port of SRV record N; 0 counts as the default port.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, SRV_RECORD, "Port")
    .guide(SRV),
    row(
        "dns_cache_srv.N.priority",
        U16,
        "0",
        "The priority of SRV record N: the lowest is asked first.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, SRV_RECORD, "Priority")
    .guide(SRV),
    row("dns_cache_srv.N.target", Kind::Host, "", "The host that SRV record N leads to.")
        .n_to(STATIC_MAX)
        .our_web(PAGE, SRV_RECORD, "Target")
        .guide(SRV),
    row(
        "dns_cache_srv.N.weight",
        U16,
        "0",
        "The weight of SRV record N: among records of one priority the heaviest is asked \
         first.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, SRV_RECORD, "Weight")
    .guide(SRV),
    row(
        "dns_cache_srv.N.ttl",
        TTL,
        "300",
        "Seconds for which SRV record N counts before DNS is asked again.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, SRV_RECORD, "TTL")
    .guide(SRV),
    row("dns_cache_naptr.N.name", Kind::Domain, "", "The name of static NAPTR record N.")
        .n_to(STATIC_MAX)
        .our_web(PAGE, NAPTR_RECORD, "Name")
        .guide(NAPTR),
    row(
        "dns_cache_naptr.N.flags",
        Kind::NaptrFlag,
        "",
        "What NAPTR record N asks for next: S an SRV record, A an address; nothing \
         follows U and P.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "Flags")
    .guide(NAPTR),
    row(
        "dns_cache_naptr.N.order",
        U16,
        "0",
        "The order of NAPTR record N: only the lowest counts.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "Order")
    .guide(NAPTR),
    row(
        "dns_cache_naptr.N.preference",
        U16,
        "0",
        "The preference of NAPTR record N: within one order the lowest comes first.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "Preference")
    .guide(NAPTR),
    row(
        "dns_cache_naptr.N.replace",
        Kind::Domain,
        "",
        "The name that NAPTR record N asks for next.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "Replacement")
    .guide(NAPTR),
    row(
        "dns_cache_naptr.N.service",
        text(32),
        "",
        "The transport that NAPTR record N offers: SIP+D2U is UDP, SIP+D2T TCP, SIPS+D2T \
         TLS.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "Service")
    .guide(NAPTR),
    row(
        "dns_cache_naptr.N.ttl",
        TTL,
        "300",
        "Seconds for which NAPTR record N counts before DNS is asked again.",
    )
    .n_to(STATIC_MAX)
    .our_web(PAGE, NAPTR_RECORD, "TTL")
    .guide(NAPTR),
    row(
        "static.network.dns.query_timeout",
        U16,
        "3",
        "Seconds that a name server gets for one try.",
    )
    .our_web(PAGE, RESOLVER, "Query Timeout"),
    row("static.network.dns.retry_times", U16, "2", "Further tries at a silent name server.")
        .our_web(PAGE, RESOLVER, "Retry Times"),
    row(
        "static.network.dns.ttl_enable",
        Kind::Switch,
        "1",
        "1: the TTL of an answer says how long it is kept.",
    )
    .our_web(PAGE, RESOLVER, "Honour TTL")
    .not_used("the TTL of an answer counts always"),
    row(
        "static.network.dns.last_cache_expired.enable",
        Kind::Switch,
        "1",
        "1: while DNS is silent, the last good answer serves beyond its TTL.",
    )
    .vendor("0")
    .our_web(PAGE, RESOLVER, "Serve Last Answer"),
    row(
        "static.network.dns.last_cache_expired",
        Kind::Integer { min: 0, max: INTEGER_MAX },
        "86400",
        "Seconds for which the last good answer serves beyond its TTL.",
    )
    .vendor("3600")
    .when(&[When::Is("static.network.dns.last_cache_expired.enable", &["1"])])
    .our_web(PAGE, RESOLVER, "Last Answer Expires"),
    row(
        "sip.dns_transport_type",
        of(&[
            crate::Choice { value: "0", label: "UDP" },
            crate::Choice { value: "1", label: "TCP" },
        ]),
        "0",
        "Whether name servers are asked by UDP, with TCP for long answers, or by TCP \
         alone.",
    )
    .our_web(PAGE, RESOLVER, "Transport"),
    row(
        "static.network.static_dns_enable",
        Kind::Switch,
        "0",
        "1: the name servers below are asked in place of the system's.",
    )
    .our_web(PAGE, RESOLVER, "Manual DNS"),
    row("static.network.primary_dns", Kind::Address, "", "The name server that is asked first.")
        .when(MANUAL)
        .our_web(PAGE, RESOLVER, "Primary DNS"),
    row(
        "static.network.secondary_dns",
        Kind::Address,
        "",
        "The name server that is asked where the first is silent.",
    )
    .when(MANUAL)
    .our_web(PAGE, RESOLVER, "Secondary DNS"),
    row(
        "static.network.ip_address_mode",
        of(AddressMode::CHOICES),
        "0",
        "Which addresses of a name are used.",
    )
    .our_web(PAGE, RESOLVER, "IP Mode"),
    row("sip.dhcp.option120.mode", Kind::Switch, "0", "Takes the SIP servers that DHCP names.")
        .not_used("the operating system speaks DHCP"),
    row(
        "account.X.dns_srv_type",
        Kind::Integer { min: 0, max: 3 },
        "0",
        "Which SRV records old firmware asks for.",
    )
    .never_read(Some("account.X.sip_server.1.transport_type")),
    row(
        "account.X.srv_ttl_timer_enable",
        Kind::Switch,
        "0",
        "Asks for SRV again by its TTL, in old firmware.",
    )
    .never_read(Some("account.X.dns_cache_type")),
    row(
        "account.X.dns_query_timeout",
        Kind::Integer { min: 1, max: 9 },
        "8",
        "Seconds that DNS gets, in old firmware.",
    )
    .never_read(Some("static.network.dns.query_timeout")),
    // Static records written below an account: templates do so, no firmware reads them.
    misplaced("account.X.dns_cache_a.N.name", "dns_cache_a.1.name"),
    misplaced("account.X.dns_cache_a.N.ip", "dns_cache_a.1.ip"),
    misplaced("account.X.dns_cache_a.N.ttl", "dns_cache_a.1.ttl"),
    misplaced("account.X.dns_cache_srv.N.name", "dns_cache_srv.1.name"),
    misplaced("account.X.dns_cache_srv.N.port", "dns_cache_srv.1.port"),
    misplaced("account.X.dns_cache_srv.N.priority", "dns_cache_srv.1.priority"),
    misplaced("account.X.dns_cache_srv.N.target", "dns_cache_srv.1.target"),
    misplaced("account.X.dns_cache_srv.N.weight", "dns_cache_srv.1.weight"),
    misplaced("account.X.dns_cache_srv.N.ttl", "dns_cache_srv.1.ttl"),
    misplaced("account.X.dns_cache_naptr.N.name", "dns_cache_naptr.1.name"),
    misplaced("account.X.dns_cache_naptr.N.flags", "dns_cache_naptr.1.flags"),
    misplaced("account.X.dns_cache_naptr.N.order", "dns_cache_naptr.1.order"),
    misplaced("account.X.dns_cache_naptr.N.preference", "dns_cache_naptr.1.preference"),
    misplaced("account.X.dns_cache_naptr.N.replace", "dns_cache_naptr.1.replace"),
    misplaced("account.X.dns_cache_naptr.N.service", "dns_cache_naptr.1.service"),
    misplaced("account.X.dns_cache_naptr.N.ttl", "dns_cache_naptr.1.ttl"),
];

const fn misplaced(pattern: &'static str, instead: &'static str) -> Row {
    row(pattern, text(256), "", "A static record stands for all accounts: its key has no account.")
        .n_to(STATIC_MAX)
        .never_read(Some(instead))
}
