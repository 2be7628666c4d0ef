//! The guide's 46 keys and its example configurations, as printed.

use std::net::IpAddr;

use params::{
    Described, Device, FailbackMode, Firmware, Key, Model, Redundancy, State, StaticA,
    TransportType, rows,
};

use super::{settings, settings_on};

const KEYS: &str = include_str!("../guide/keys.tsv");
const FAILOVER: &str = include_str!("../guide/failover.cfg");
const STATIC_A: &str = include_str!("../guide/static_cache_1.cfg");
const STATIC_SRV: &str = include_str!("../guide/static_cache_2.cfg");
const STATIC_NAPTR: &str = include_str!("../guide/static_cache_3.cfg");

struct GuideKey {
    key: Key,
    permitted: &'static str,
    default: &'static str,
    web: &'static str,
    phone: &'static str,
}

fn guide_keys() -> Vec<GuideKey> {
    let parse = |line: &'static str| {
        let [key, permitted, default, web, phone] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five columns: {line}")
        };
        GuideKey { key: Key::of(key, [1, 1]).expect(key), permitted, default, web, phone }
    };
    KEYS.lines().skip(1).map(parse).collect()
}

#[test]
fn all_46_keys_of_the_guide_and_no_others_are_described_as_its_own() {
    let of_guide = |row: &&params::Row| matches!(row.source, Described::Guide(_));
    let mut ours: Vec<&str> = rows().filter(of_guide).map(|row| row.pattern).collect();
    let mut theirs: Vec<&str> = guide_keys().iter().map(|guide| guide.key.row().pattern).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
    assert_eq!(theirs.len(), 46);
}

#[test]
fn defaults_are_those_of_the_guide() {
    for guide in guide_keys() {
        let default = if guide.default == "Blank" { "" } else { guide.default };
        assert_eq!(guide.key.row().default, default, "{}", guide.key);
        assert_eq!(guide.key.row().fast_default, None, "{}", guide.key);
    }
}

#[test]
fn permitted_values_are_those_of_the_guide() {
    for guide in guide_keys() {
        let permits = |value: &str| guide.key.check(value).is_ok_and(|p| !p.mended);
        let (good, bad) = edges(guide.permitted);
        assert!(good.iter().all(|value| permits(value)), "{}: {good:?}", guide.key);
        assert!(!bad.iter().any(|value| permits(value)), "{}: {bad:?}", guide.key);
    }
}

/// Values that the guide's words permit, and the nearest that they do not.
fn edges(permitted: &str) -> (Vec<String>, Vec<String>) {
    let texts = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
    let range =
        permitted.rsplit_once("Integer from ").and_then(|(_, range)| range.split_once(" to "));
    match (permitted, range) {
        (_, Some((min, max))) => {
            let (min, max): (i64, i64) = (min.parse().unwrap(), max.parse().unwrap());
            let zero = permitted.starts_with("0, ");
            let mut bad = vec![(min - 1).to_string(), (max + 1).to_string()];
            bad.extend(texts(&["-1", "x", "1.5"]));
            let mut good = vec![min.to_string(), max.to_string()];
            good.extend(zero.then(|| "0".to_owned()));
            (good, bad)
        }
        ("Integer", None) => (texts(&["0", "2147483647"]), texts(&["-1", "2147483648"])),
        ("String", None) => (vec![], texts(&["a\r\nb"])),
        ("String within 256 characters", None) => (vec!["a".repeat(256)], vec!["a".repeat(257)]),
        ("String within 32 characters", None) => (vec!["é".repeat(32)], vec!["a".repeat(33)]),
        ("IP address or domain name" | "IP Address or Domain Name", None) => {
            (texts(&["192.0.2.1", "pbx.example.com"]), texts(&["pbx example", "pbx:5060"]))
        }
        ("Domain name" | "Domain Name", None) => {
            (texts(&["_sip_tcp.yealink.pbx.com"]), texts(&["a b", "a/b"]))
        }
        (list, None) => {
            let values = list.replace(" or ", ", ");
            (values.split(", ").map(str::to_owned).collect(), texts(&["4", "-1", "X", "00"]))
        }
    }
}

#[test]
fn web_page_and_phone_menu_are_those_of_the_guide() {
    for guide in guide_keys() {
        let row = guide.key.row();
        assert_eq!(row.phone.unwrap_or("None"), guide.phone, "{}", guide.key);
        let place = row.web.expect("every key of the guide can be set on the web page");
        let shown = place.to_string().replace(" → ", "->");
        assert_eq!(if place.in_guide { &shown } else { "None" }, guide.web, "{}", guide.key);
    }
}

#[test]
fn every_key_of_the_guide_works_but_that_of_subscriptions() {
    let keys = guide_keys();
    let idle = keys.iter().filter(|guide| guide.key.row().state != State::Works);
    let idle: Vec<_> = idle.map(|guide| guide.key.row().pattern).collect();
    assert!(!idle.is_empty());
    assert!(
        idle.iter().all(|key| *key == "account.X.sip_server.Y.failback_subscribe.enable"),
        "{idle:?}"
    );
}

#[test]
fn the_failover_example_loads_as_it_says() {
    let settings = settings(FAILOVER);
    let [account] = &settings.accounts[..] else { panic!("one account") };
    assert!(account.enabled && account.number == 1);
    assert_eq!(&*account.identity.user_name, "4605");
    assert_eq!(account.identity.password.reveal(), "4605");
    let [server, second] = &account.policy.servers;
    assert_eq!((&*server.address, server.port), ("yealink.pbx.com", 0));
    assert_eq!((server.transport, server.expires_s), (TransportType::DnsNaptr, 3600));
    assert_eq!((server.retry_counts, server.invite_retry_counts), (3, 5));
    assert!(server.only_signal_with_registered && !server.register_on_enable);
    assert_eq!((server.failback_mode, server.failback_timeout_s), (FailbackMode::Duration, 3600));
    assert!(server.failback_subscribe);
    assert_eq!(&*second.address, "");
    let [proxy, _] = &account.policy.proxies.proxies;
    assert!(account.policy.proxies.enabled);
    assert_eq!((&*proxy.address, proxy.port), ("yealink.pbx.com", 0));
    assert_eq!((proxy.transport, proxy.invite_retry_counts), (TransportType::DnsNaptr, 5));
    assert_eq!(account.policy.redundancy, Redundancy::Concurrent);
}

// A9
#[test]
fn firmware_80_does_not_read_five_keys_of_the_failover_example_and_says_so() {
    let device = Device { firmware: Firmware::V80, ..Device::default() };
    let (settings, errors) = settings_on(&device, FAILOVER);
    let keys: Vec<String> = errors.iter().map(|error| error.key.to_string()).collect();
    assert_eq!(
        keys,
        [
            "account.1.outbound_proxy.1.address",
            "account.1.outbound_proxy.1.port",
            "account.1.sip_server.1.only_signal_with_registered",
            "account.1.sip_server.1.invite_retry_counts",
            "account.1.sip_server.1.failback_subscribe.enable",
        ]
    );
    assert_eq!(
        errors[0].to_string(),
        "phone.cfg:13: account.1.outbound_proxy.1.address = yealink.pbx.com: SIP-T46G with \
         firmware 80 does not read it; write account.1.outbound_host"
    );
    assert!(!settings.accounts[0].policy.servers[0].only_signal_with_registered);
}

// A35
#[test]
fn the_three_static_caches_of_appendix_b_load_whole_and_in_order() {
    let records = settings(STATIC_A).common.static_records.clone();
    let a = |index, ip: [u8; 4]| StaticA {
        index,
        name: "yealink.pbx.com".into(),
        ip: IpAddr::from(ip),
        ttl_s: 3600,
    };
    assert_eq!(records.a, [a(1, [192, 168, 1, 13]), a(2, [192, 168, 1, 14])]);
    let records = settings(STATIC_SRV).common.static_records.clone();
    let srv: Vec<_> =
        records.srv.iter().map(|r| (&*r.name, &*r.target, r.port, r.weight)).collect();
    let name = "_sip_tcp.yealink.pbx.com";
    assert_eq!(
        srv,
        [(name, "server1.yealink.pbx.com", 5060, 1), (name, "server2.yealink.pbx.com", 5060, 2)]
    );
    let records = settings(STATIC_NAPTR).common.static_records.clone();
    let naptr = records.naptr.iter();
    let naptr: Vec<_> =
        naptr.map(|r| (r.order, r.preference, &*r.flags, &*r.service, &*r.replacement)).collect();
    assert_eq!(
        naptr,
        [
            (90, 50, "S", "SIP+D2T", "_sip_tcp.yealink.pbx.com"),
            (100, 50, "S", "SIP+D2U", "_sip_udp.yealink.pbx.com"),
        ]
    );
}

#[test]
fn account_limits_of_the_guide_hold_for_every_model() {
    for model in Model::all() {
        let device = Device { model, ..Device::default() };
        let max = model.account_max();
        let text =
            format!("account.{max}.enable = 1\naccount.16.enable = 1\naccount.16.label = a\n");
        let (settings, errors) = settings_on(&device, &text);
        assert_eq!(settings.accounts.len(), 1, "{model}");
        assert_eq!(errors.len(), usize::from(max < 16), "{model}: one error for an account");
    }
}

// A13
#[test]
fn only_the_failback_timeouts_mend_a_value() {
    let mends = |row: &&params::Row| row.kind.check("30").is_ok_and(|p| p.mended);
    let patterns: Vec<&str> = rows().filter(mends).map(|row| row.pattern).collect();
    assert_eq!(
        patterns,
        [
            "account.X.sip_server.Y.failback_timeout",
            "account.X.outbound_proxy.Y.failback_timeout",
            "account.X.failback_timeout",
        ]
    );
}
