//! Keys that say how names become next hops: static records, the cache, the name servers asked.

use std::net::SocketAddr;

use crate::support::{Bench, Does, server, settings};
use dns::{NameServer, NameServerCommand, RecordType, Zone};
use net::{Rng, Transport};
use phone::Command;
use sim::{Addresses, Handle};

const GRANTS: [Does; 2] = [Does::Grant(60), Does::Grant(60)];
const ZONE: &str = "$ORIGIN test.\n$TTL 1000\n@ SOA ns mail 1 3600 600 86400 60\n\
                    pbx A 192.0.2.1\n_sip._udp.pbx SRV 1 1 5060 pbx\n";
const NAMED: &str = "static.network.static_dns_enable = 1\nstatic.network.primary_dns = 192.0.2.53\n\
                     account.1.sip_server.1.address = pbx.test\naccount.1.sip_server.1.expires = 60\n";

/// A bench with a name server at 192.0.2.53.
struct Named {
    bench: Bench,
    dns: Handle<NameServer>,
}

impl Named {
    fn new(lines: &str) -> Self {
        let mut bench = Bench::asking(lines, &GRANTS);
        let node = NameServer::new(Zone::parse(ZONE).unwrap(), Rng::new(1));
        let place = Addresses::server(SocketAddr::from(([192, 0, 2, 53], 53)));
        let dns = bench.world.add("dns", node, place);
        let settings = Box::new(settings(lines));
        bench.world.command(bench.phone, Command::Apply(settings));
        Self { bench, dns }
    }

    fn silence(&mut self) {
        self.bench.world.command(self.dns, NameServerCommand::Silent);
    }

    /// The types asked for, with when and over what.
    fn asked(&self) -> Vec<(RecordType, f64, Transport)> {
        let queries = self.bench.world.node(self.dns).queries();
        queries
            .map(|it| (it.kind, (it.at.as_secs_f64() * 10.0).round() / 10.0, it.transport))
            .collect()
    }

    fn kinds(&self) -> Vec<RecordType> {
        self.asked().into_iter().map(|it| it.0).collect()
    }
}

// account.X.dns_cache_type
#[test]
fn answers_are_kept_as_the_cache_type_says() {
    let kinds = |cache: u8| {
        let lines =
            format!("{NAMED}account.1.sip_server.1.port = 0\naccount.1.dns_cache_type = {cache}");
        let mut named = Named::new(&lines);
        named.bench.run_to(110.0);
        assert!(named.bench.got(1).len() >= 4, "each REGISTER is a pass");
        named.kinds()
    };
    assert!(kinds(0).iter().filter(|kind| **kind == RecordType::Srv).count() >= 4);
    assert_eq!(kinds(1), [RecordType::Srv, RecordType::A]);
    assert_eq!(kinds(2), [RecordType::Srv], "the address came along");
}

// static.network.static_dns_enable, static.network.internet_port.type, static.network.primary_dns,
// static.network.secondary_dns
#[test]
fn name_servers_of_the_file_count_where_a_key_says_so() {
    let registered = |keys: &str| {
        let mut named = Named::new(&format!("account.1.sip_server.1.address = pbx.test\n{keys}"));
        named.bench.run_to(20.0);
        named.bench.registered() == [1]
    };
    let primary = "static.network.primary_dns = 192.0.2.53";
    let both = "static.network.primary_dns = 192.0.2.54\nstatic.network.secondary_dns = 192.0.2.53";
    assert!(!registered(primary));
    assert!(registered(&format!("static.network.static_dns_enable = 1\n{primary}")));
    assert!(registered(&format!("static.network.internet_port.type = 2\n{primary}")));
    assert!(registered(&format!("static.network.static_dns_enable = 1\n{both}")));
}

#[test]
fn other_name_servers_are_asked_as_soon_as_it_is_ordered() {
    let mut named = Named::new(&NAMED.replace("192.0.2.53", "192.0.2.54"));
    named.bench.run_to(20.0);
    assert!(named.bench.registered().is_empty());
    let name_servers = vec![SocketAddr::from(([192, 0, 2, 53], 53))];
    let right = locate::ResolverConfig { name_servers, ..locate::ResolverConfig::default() };
    named.bench.world.command(named.bench.phone, Command::Resolve(right));
    named.bench.run_to(60.0);
    assert_eq!(named.bench.registered(), [1]);
}

// static.network.dns.query_timeout, static.network.dns.retry_times
#[test]
fn a_silent_name_server_is_asked_as_often_as_its_keys_say() {
    let times = |keys: &str| {
        let mut named = Named::new(&format!("{NAMED}{keys}"));
        named.silence();
        named.bench.run_to(15.0);
        named.asked().into_iter().map(|it| it.1).collect::<Vec<_>>()
    };
    let timeout = "static.network.dns.query_timeout = 2\nstatic.network.dns.retry_times =";
    assert_eq!(times(&format!("{timeout} 0")), [0.0]);
    assert_eq!(times(&format!("{timeout} 2")), [0.0, 2.0, 4.0]);
    assert_eq!(times(""), [0.0, 3.0, 6.0]);
}

// static.network.dns.last_cache_expired, static.network.dns.last_cache_expired.enable
#[test]
fn the_last_good_answer_serves_beyond_its_ttl_as_long_as_the_keys_say() {
    let found_at = |seconds: f64, keys: &str| {
        let mut named = Named::new(&format!("{NAMED}{keys}"));
        named.bench.run_to(10.0);
        named.silence();
        named.bench.run_to(seconds);
        // Account 1 goes on where it is registered; another one has the name alone.
        let another = "account.2.enable = 1\naccount.2.user_name = 1002\n\
                       account.2.sip_server.1.address = pbx.test";
        named.bench.apply(&format!("{NAMED}{keys}\n{another}"));
        named.bench.run_to(seconds + 20.0);
        named.bench.got(1).iter().any(|got| got.to == "sip:1002@pbx.test")
    };
    let enable = "static.network.dns.last_cache_expired.enable";
    let limited = format!("{enable} = 1\nstatic.network.dns.last_cache_expired = 600");
    assert!(found_at(900.0, &format!("{enable} = 0")), "within the TTL of 1,000 s");
    assert!(!found_at(1300.0, &format!("{enable} = 0")));
    assert!(found_at(1300.0, &limited));
    assert!(!found_at(1700.0, &limited));
    assert!(found_at(1700.0, &format!("{enable} = 1")), "a day");
}

// sip.dns_transport_type
#[test]
fn name_servers_are_asked_over_the_transport_of_the_key() {
    let over = |key: u8| {
        let mut named = Named::new(&format!("{NAMED}sip.dns_transport_type = {key}"));
        named.bench.run_to(5.0);
        assert_eq!(named.bench.registered(), [1]);
        named.asked()[0].2
    };
    assert_eq!((over(0), over(1)), (Transport::Udp, Transport::Tcp));
}

// static.network.ip_address_mode
#[test]
fn addresses_of_the_families_of_the_key_are_asked_for() {
    let kinds = |mode: u8| {
        let mut named = Named::new(&format!("{NAMED}static.network.ip_address_mode = {mode}"));
        named.bench.run_to(5.0);
        let mut kinds = named.kinds();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds(0), [RecordType::A]);
    assert_eq!(kinds(1), [RecordType::Aaaa]);
    assert_eq!(kinds(2), [RecordType::A, RecordType::Aaaa]);
}

/// Static address records: `one.test` is server 1, `two.test` server 2.
const HOSTS: &str = "dns_cache_a.1.name = one.test\ndns_cache_a.1.ip = 192.0.2.1\n\
                     dns_cache_a.2.name = two.test\ndns_cache_a.2.ip = 192.0.2.2\n\
                     account.1.sip_server.1.address = pbx.test\naccount.1.sip_server.1.port = 0\n";

/// Two static SRV records, of `one.test` and of `two.test`, each with these keys.
fn srv(name: &str, keys: [&str; 2]) -> String {
    let record = |n: usize, host: &str| {
        let front = format!("dns_cache_srv.{n}");
        let keys: String = keys[n - 1].split(", ").map(|key| format!("{front}.{key}\n")).collect();
        format!("{front}.name = {name}\n{front}.target = {host}.test\n{keys}")
    };
    format!("{HOSTS}{}{}", record(1, "one"), record(2, "two"))
}

/// Where the first REGISTER went, or tried to go.
fn first_register(lines: &str) -> SocketAddr {
    let mut bench = Bench::new(lines, &GRANTS);
    bench.run_to(0.4);
    let own = SocketAddr::from(([192, 0, 2, 100], 5060));
    let row = bench.world.trace().from(own).find(|row| row.first_line().starts_with("REGISTER"));
    row.expect("a REGISTER").to
}

// dns_cache_srv.N.name, dns_cache_srv.N.target, dns_cache_srv.N.priority, dns_cache_srv.N.weight,
// dns_cache_srv.N.port
#[test]
fn static_srv_records_name_the_next_hops_in_their_order() {
    let first = |keys| first_register(&srv("_sip._udp.pbx.test", keys));
    assert_eq!(first(["priority = 1", "priority = 2"]), server(1));
    assert_eq!(first(["priority = 2", "priority = 1"]), server(2));
    assert_eq!(first(["weight = 10", "weight = 20"]), server(2));
    let port = first(["priority = 1, port = 5070", "priority = 2"]);
    assert_eq!(port, SocketAddr::new(server(1).ip(), 5070));
}

// sureline.srv_weight
#[test]
fn the_weight_of_srv_is_a_rank_or_a_die_as_the_key_says() {
    let shares = |key: &str| {
        let own = SocketAddr::from(([192, 0, 2, 100], 5060));
        let mut bench = Bench::without_phone(1, own, &GRANTS);
        let lines = srv("_sip._udp.pbx.test", ["weight = 10", "weight = 30"]);
        bench.add_phones(100, &format!("{lines}sureline.srv_weight = {key}"));
        bench.run_to(1.0);
        bench.got(1).len()
    };
    assert_eq!(shares("guide"), 0, "the heaviest is first");
    assert!((10..45).contains(&shares("rfc2782")), "a quarter: {}", shares("rfc2782"));
}

/// What the first of two static NAPTR records, each with these keys, leads to. Record 1 leads to
/// `first.test`, whose address is server 1 and whose SRV is server 2; record 2 to the address of
/// server 2 at port 5080.
fn by_naptr(first: &str, second: &str) -> SocketAddr {
    let record = |n: u8, replace: &str, keys: &str| {
        let front = format!("dns_cache_naptr.{n}");
        let keys: String = keys.split(", ").map(|key| format!("{front}.{key}\n")).collect();
        format!("{front}.name = pbx.test\n{front}.replace = {replace}\n{keys}")
    };
    first_register(&format!(
        "{HOSTS}account.1.sip_server.1.transport_type = 3\n\
         dns_cache_a.3.name = first.test\ndns_cache_a.3.ip = 192.0.2.1\n\
         dns_cache_srv.1.name = first.test\ndns_cache_srv.1.target = two.test\n\
         dns_cache_srv.2.name = second.test\ndns_cache_srv.2.target = two.test\n\
         dns_cache_srv.2.port = 5080\n{}{}",
        record(1, "first.test", first),
        record(2, "second.test", second)
    ))
}

// dns_cache_naptr.N.name, dns_cache_naptr.N.replace, dns_cache_naptr.N.flags,
// dns_cache_naptr.N.order, dns_cache_naptr.N.preference, dns_cache_naptr.N.service
#[test]
fn static_naptr_records_lead_on_as_their_keys_say() {
    let udp = "service = SIP+D2U, flags = S";
    let second = SocketAddr::new(server(2).ip(), 5080);
    assert_eq!(by_naptr(&format!("{udp}, order = 1"), &format!("{udp}, order = 2")), server(2));
    assert_eq!(by_naptr(&format!("{udp}, order = 2"), &format!("{udp}, order = 1")), second);
    let preferred = |first: u8, second: u8| {
        let of = |preference| format!("{udp}, preference = {preference}");
        by_naptr(&of(first), &of(second))
    };
    assert_eq!((preferred(1, 2), preferred(2, 1)), (server(2), second));
    let flag = |flag: &str| by_naptr(&format!("service = SIP+D2U, flags = {flag}"), udp);
    assert_eq!(flag("A"), server(1), "an address comes next");
    assert_eq!(flag("S"), server(2), "an SRV record comes next");
    assert_eq!(flag("U"), second, "nothing that a phone can use comes next");
    assert_eq!(by_naptr("service = E2U+sip, flags = S", udp), second, "no service of SIP");
}

// Behaviour §3: with a live lease its next hop stays usable without DNS: a refresh waits half a second
// for a silent name server, not the nine seconds of its retries. account.X.dns_cache_type 0 asks with
// each pass.
#[test]
fn a_refresh_of_a_live_lease_does_not_wait_for_a_silent_name_server() {
    let lines = "account.1.dns_cache_type = 0\naccount.1.sip_server.1.expires = 60\n";
    let mut named = Named::new(&format!("{NAMED}{lines}"));
    named.bench.run_to(10.0);
    let silent_from = named.bench.got(1).len();
    named.silence();
    named.bench.run_to(31.0);
    assert_eq!(named.bench.got(1).len(), silent_from + 1, "due at 24 to 30 s");
}
