//! What holds for all accounts.

use super::Reader;
use crate::choices::Profile;
use crate::problem::{ParamError, Problem};
use crate::settings::{
    CommonSettings, DnsSettings, LineKey, ListenSettings, QosSettings, StaticA, StaticNaptr,
    StaticRecords, StaticSrv, StunSettings, TlsSettings,
};

pub(super) fn common(at: Reader<'_>, errors: &mut Vec<ParamError>) -> CommonSettings {
    CommonSettings {
        profile: profile(at),
        srv_weight: at.choice("sureline.srv_weight"),
        strangers: at.choice("sureline.strangers"),
        icmp: at.choice("sureline.icmp"),
        udp_to_tcp: at.switch("sureline.udp_to_tcp"),
        t1: at.seconds("sip.timer_t1"),
        t2: at.seconds("sip.timer_t2"),
        t4: at.seconds("sip.timer_t4"),
        reg_surge_prevention_s: at.number("sip.reg_surge_prevention"),
        skip_redundant_failover_addr: at.switch("sip.skip_redundant_failover_addr"),
        trust_ctrl: at.switch("sip.trust_ctrl"),
        notify_reboot: at.choice("sip.notify_reboot_enable"),
        direct_ip_call: at.switch("features.direct_ip_call_enable"),
        address_mode: at.choice("static.network.ip_address_mode"),
        dns: dns(at),
        static_records: static_records(at, errors),
        tls: TlsSettings {
            cn_validation: at.switch("static.security.cn_validation"),
            trust_certificates: at.switch("static.security.trust_certificates"),
            ca_cert: at.choice("static.security.ca_cert"),
            ca_url: at.owned("static.trusted_certificates.url"),
            cipher_list: at.owned("sip.tls_cipher_list"),
        },
        listen: listen(at, errors),
        rtp_ports: rtp_ports(at, errors),
        qos: QosSettings {
            signal_dscp: at.number("static.network.qos.signaltos"),
            rtp_dscp: at.number("static.network.qos.rtptos"),
        },
        stun: StunSettings {
            enabled: at.switch("sip.nat_stun.enable"),
            server: at.owned("sip.nat_stun.server"),
            port: at.number("sip.nat_stun.port"),
        },
        refuse_code: at.number("features.normal_refuse_code"),
        dnd_refuse_code: at.number("features.dnd_refuse_code"),
    }
}

fn profile(at: Reader<'_>) -> Profile {
    let in_file = at.choice("sureline.profile");
    at.view.device().profile.unwrap_or(in_file)
}

fn dns(at: Reader<'_>) -> DnsSettings {
    let manual = at.switch("static.network.static_dns_enable")
        || at.text("static.network.internet_port.type") == "2";
    let servers = ["static.network.primary_dns", "static.network.secondary_dns"];
    let servers = servers.into_iter().filter_map(|pattern| at.address(pattern));
    let last = at.number("static.network.dns.last_cache_expired");
    DnsSettings {
        servers: servers.filter(|_| manual).collect(),
        query_timeout_s: at.number("static.network.dns.query_timeout"),
        retry_times: at.number("static.network.dns.retry_times"),
        over_tcp: at.switch("sip.dns_transport_type"),
        ttl_enable: at.switch("static.network.dns.ttl_enable"),
        last_cache_expired_s: at
            .switch("static.network.dns.last_cache_expired.enable")
            .then_some(last),
    }
}

fn listen(at: Reader<'_>, errors: &mut Vec<ParamError>) -> ListenSettings {
    let port = at.number("sip.listen_port");
    let mut tls_port = at.number("sip.tls_listen_port");
    if tls_port == port {
        tls_port = 0;
        let keys = ["sip.tls_listen_port", "sip.listen_port"].map(|pattern| at.key(pattern));
        errors.extend(keys.into_iter().find_map(|key| at.view.error(key, Problem::SamePort)));
    }
    ListenSettings { port, tls_port, mode: at.choice("sip.listen_mode") }
}

fn rtp_ports(at: Reader<'_>, errors: &mut Vec<ParamError>) -> (u16, u16) {
    let patterns = ["static.network.port.min_rtpport", "static.network.port.max_rtpport"];
    let [min, max] = patterns.map(|pattern| at.number::<u16>(pattern));
    if min > 0 && min < max {
        return (min, max);
    }
    let keys = patterns.map(|pattern| at.key(pattern));
    errors.extend(keys.into_iter().find_map(|key| at.view.error(key, Problem::PortsReversed)));
    let [min, max] = keys.map(|key| key.row().default.parse().unwrap_or_default());
    (min, max)
}

fn static_records(at: Reader<'_>, errors: &mut Vec<ParamError>) -> StaticRecords {
    let mut records = StaticRecords::default();
    for index in at.view.layers().numbers_below("dns_cache_") {
        let at = at.of_number(index);
        let index = u8::try_from(index).unwrap_or(u8::MAX);
        if whole(at, &["dns_cache_a.N.name", "dns_cache_a.N.ip", "dns_cache_a.N.ttl"], 2, errors) {
            records.a.extend(static_a(at, index));
        }
        if whole(at, &SRV_KEYS, 2, errors) {
            records.srv.push(static_srv(at, index));
        }
        if whole(at, &NAPTR_KEYS, 2, errors) {
            records.naptr.push(static_naptr(at, index));
        }
    }
    records
}

/// Whether the first `needed` keys of a record are set; if not, but any is, it is an error.
fn whole(
    at: Reader<'_>,
    patterns: &[&'static str],
    needed: usize,
    errors: &mut Vec<ParamError>,
) -> bool {
    let keys = patterns.iter().map(|pattern| at.key(pattern));
    let (set, unset): (Vec<_>, Vec<_>) =
        keys.enumerate().partition(|(_, key)| at.view.written(*key).is_some());
    let missing = unset.first().filter(|(place, _)| *place < needed);
    if let (Some((_, missing)), Some((_, key))) = (missing, set.first()) {
        errors.extend(at.view.error(*key, Problem::RecordNotWhole { missing: *missing }));
    }
    missing.is_none()
}

fn static_a(at: Reader<'_>, index: u8) -> Option<StaticA> {
    let ip = at.address("dns_cache_a.N.ip")?;
    Some(StaticA {
        index,
        name: at.owned("dns_cache_a.N.name"),
        ip,
        ttl_s: at.number("dns_cache_a.N.ttl"),
    })
}

fn static_srv(at: Reader<'_>, index: u8) -> StaticSrv {
    StaticSrv {
        index,
        name: at.owned("dns_cache_srv.N.name"),
        port: at.number("dns_cache_srv.N.port"),
        priority: at.number("dns_cache_srv.N.priority"),
        weight: at.number("dns_cache_srv.N.weight"),
        target: at.owned("dns_cache_srv.N.target"),
        ttl_s: at.number("dns_cache_srv.N.ttl"),
    }
}

fn static_naptr(at: Reader<'_>, index: u8) -> StaticNaptr {
    StaticNaptr {
        index,
        name: at.owned("dns_cache_naptr.N.name"),
        flags: at.owned("dns_cache_naptr.N.flags"),
        order: at.number("dns_cache_naptr.N.order"),
        preference: at.number("dns_cache_naptr.N.preference"),
        replacement: at.owned("dns_cache_naptr.N.replace"),
        service: at.owned("dns_cache_naptr.N.service"),
        ttl_s: at.number("dns_cache_naptr.N.ttl"),
    }
}

/// The two keys without which an SRV record says nothing, then the others.
const SRV_KEYS: [&str; 6] = [
    "dns_cache_srv.N.name",
    "dns_cache_srv.N.target",
    "dns_cache_srv.N.port",
    "dns_cache_srv.N.priority",
    "dns_cache_srv.N.weight",
    "dns_cache_srv.N.ttl",
];

/// The two keys without which a NAPTR record says nothing, then the others.
const NAPTR_KEYS: [&str; 7] = [
    "dns_cache_naptr.N.name",
    "dns_cache_naptr.N.replace",
    "dns_cache_naptr.N.flags",
    "dns_cache_naptr.N.service",
    "dns_cache_naptr.N.order",
    "dns_cache_naptr.N.preference",
    "dns_cache_naptr.N.ttl",
];

pub(super) fn line_key(at: Reader<'_>, number: u16) -> Option<LineKey> {
    let function = at.text("linekey.N.type").parse().ok()?;
    let pickup = [at.text("linekey.N.extension"), at.text("linekey.N.pickup_value")];
    Some(LineKey {
        number,
        function,
        account: at.text("linekey.N.line").parse().unwrap_or_default(),
        value: at.owned("linekey.N.value"),
        label: at.owned("linekey.N.label"),
        extension: pickup.into_iter().find(|code| !code.is_empty()).unwrap_or_default().into(),
    })
}
