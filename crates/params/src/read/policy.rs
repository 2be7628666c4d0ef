//! `account.X` but for who the user is.

use super::Reader;
use crate::choices::{FailbackMode, TransportType};
use crate::codes::FailoverCodes;
use crate::model::Firmware;
use crate::settings::{
    BlfPolicy, Codec, DtmfPolicy, MwiPolicy, NatPolicy, Policy, ProxiesPolicy, ProxyPolicy,
    ServerPolicy, SessionTimer,
};

pub(super) fn policy(at: Reader<'_>) -> Policy {
    let [number, _] = at.numbers;
    let number = u8::try_from(number).unwrap_or(u8::MAX);
    let servers = [1, 2].map(|y| server(at.of(number, y)));
    let (min, max) = back_off(
        at.number("account.X.reg_failed_retry_min_time"),
        at.number("account.X.reg_failed_retry_max_time"),
    );
    Policy {
        proxies: proxies(at, number, &servers),
        servers,
        redundancy: at.choice("account.X.fallback.redundancy_type"),
        fallback_timeout_s: at.number("account.X.fallback.timeout"),
        redundancy_with_reg_fail: at.switch("account.X.redundancy_with_reg_fail.enable"),
        dns_cache_type: at.choice("account.X.dns_cache_type"),
        static_cache_pri: at.switch("account.X.static_cache_pri"),
        naptr_build: at.switch("account.X.naptr_build"),
        reg_fail_retry_interval_s: at.number::<u32>("account.X.reg_fail_retry_interval").max(1),
        reg_failed_retry_min_time_s: min,
        reg_failed_retry_max_time_s: max,
        register_expires_overlap_s: at.number_or_none("account.X.register_expires_overlap"),
        subscribe_expires_overlap_s: at.number_or_none("account.X.subscribe_expires_overlap"),
        sub_fail_retry_interval_s: at.number::<u32>("account.X.sub_fail_retry_interval").max(1),
        subscribe_register: at.switch("account.X.subscribe_register"),
        unregister_on_reboot: at.switch("account.X.unregister_on_reboot"),
        register_mac: at.switch("account.X.register_mac"),
        register_line: at.switch("account.X.register_line"),
        custom_ua: at.owned("account.X.custom_ua"),
        proxy_require: at.owned("account.X.proxy_require"),
        trust_ctrl: at.switch("sip.trust_ctrl") | at.switch("account.X.sip_trust_ctrl"),
        nat: NatPolicy {
            traversal: at.choice("account.X.nat.nat_traversal"),
            keep_alive: at.choice("account.X.nat.udp_update_enable"),
            keep_alive_s: at.number("account.X.nat.udp_update_time"),
            rport: at.switch("account.X.nat.rport"),
        },
        session_timer: SessionTimer {
            enabled: at.switch("account.X.session_timer.enable"),
            expires_s: at.number("account.X.session_timer.expires"),
            refresher: at.choice("account.X.session_timer.refresher"),
        },
        rel100: at.switch("account.X.100rel_enable"),
        user_equal_phone: at.switch("account.X.enable_user_equal_phone"),
        cid_source: at.choice("account.X.cid_source"),
        auto_answer: at.switch("account.X.auto_answer"),
        missed_calllog: at.switch("account.X.missed_calllog"),
        codecs: codecs(at),
        ptime_ms: at.number("account.X.ptime"),
        dtmf: DtmfPolicy {
            dtmf_type: at.choice("account.X.dtmf.type"),
            payload: at.number("account.X.dtmf.dtmf_payload"),
            info_type: at.choice("account.X.dtmf.info_type"),
        },
        srtp: at.choice("account.X.srtp_encryption"),
        mwi: MwiPolicy {
            subscribe: at.switch("account.X.subscribe_mwi"),
            expires_s: at.number("account.X.subscribe_mwi_expires"),
            to_voice_mail: at.switch("account.X.subscribe_mwi_to_vm"),
            voice_mail: at.owned("voice_mail.number.X"),
        },
        blf: BlfPolicy {
            period_s: at.number("account.X.blf.subscribe_period"),
            list_uri: at.owned("account.X.blf.blf_list_uri"),
        },
        shared_line: at.choice("account.X.shared_line"),
        failover_codes: FailoverCodes::parse(at.text("account.X.sureline.failover_codes"))
            .unwrap_or_default(),
        liveness: at.choice("account.X.sureline.liveness"),
        liveness_period_s: at.number("account.X.sureline.liveness_period_s"),
        liveness_misses: at.number("account.X.sureline.liveness_misses"),
        adaptive_budget: at.switch("account.X.sureline.adaptive_budget"),
        adaptive_floor_ms: at.number("account.X.sureline.adaptive_floor_ms"),
        adaptive_retries: at.number("account.X.sureline.adaptive_retries"),
        fallback_at: at.choice("account.X.sureline.fallback_at"),
        failback_good_probes: at.number("account.X.sureline.failback_good_probes"),
        sticky_new_requests: at.switch("account.X.sureline.sticky_new_requests"),
    }
}

fn server(at: Reader<'_>) -> ServerPolicy {
    let retry_counts = at.number("account.X.sip_server.Y.retry_counts");
    let own_invite_count = at.number("account.X.sip_server.Y.invite_retry_counts");
    let failback_mode: FailbackMode = at.choice("account.X.sip_server.Y.failback_mode");
    let subscribe = at.switch("account.X.sip_server.Y.failback_subscribe.enable");
    ServerPolicy {
        address: at.owned("account.X.sip_server.Y.address"),
        port: at.number("account.X.sip_server.Y.port"),
        transport: at.choice("account.X.sip_server.Y.transport_type"),
        expires_s: at.number("account.X.sip_server.Y.expires"),
        retry_counts,
        // A3: firmware 80 has no count of its own for INVITE.
        invite_retry_counts: if has_failover_keys(at) { own_invite_count } else { retry_counts },
        register_on_enable: at.switch("account.X.sip_server.Y.register_on_enable"),
        // A9: without effect in firmware 80, which does not read the key.
        only_signal_with_registered: at
            .switch("account.X.sip_server.Y.only_signal_with_registered"),
        failback_mode,
        // A12: 0 stays 0 and starts no clock.
        failback_timeout_s: at.number("account.X.sip_server.Y.failback_timeout"),
        // Guide, `failback_subscribe.enable`: only with failback mode 1, 2 or 3.
        failback_subscribe: subscribe && failback_mode != FailbackMode::NewRequests,
    }
}

/// Guide: `invite_retry_counts` and its neighbours apply to firmware 81 or later.
fn has_failover_keys(at: Reader<'_>) -> bool {
    at.view.device().firmware >= Firmware::V81
}

fn proxies(at: Reader<'_>, number: u8, servers: &[ServerPolicy; 2]) -> ProxiesPolicy {
    let [first, second] = servers;
    // A18: proxies have the transport of server 1.
    let transport = first.transport;
    ProxiesPolicy {
        enabled: at.switch("account.X.outbound_proxy_enable"),
        proxies: [
            proxy(at.of(number, 1), transport, first),
            proxy(at.of(number, 2), transport, second),
        ],
        fallback_interval_s: at.number("account.X.outbound_proxy_fallback_interval"),
    }
}

/// A18: -1 in a proxy's failover keys takes the value of the server with the same number.
fn proxy(at: Reader<'_>, transport: TransportType, server: &ServerPolicy) -> ProxyPolicy {
    let own = |pattern| at.number_or_none::<u8>(pattern);
    let retry_counts =
        own("account.X.outbound_proxy.Y.retry_counts").unwrap_or(server.retry_counts);
    let own_invite_count = own("account.X.outbound_proxy.Y.invite_retry_counts");
    let invite_retry_counts = own_invite_count.unwrap_or(server.invite_retry_counts);
    let mode = at.text("account.X.outbound_proxy.Y.failback_mode");
    let failback_mode = FailbackMode::from_value(mode).unwrap_or(server.failback_mode);
    let own_subscribe = own("account.X.outbound_proxy.Y.failback_subscribe.enable");
    let server_subscribe = || at.switch("account.X.sip_server.Y.failback_subscribe.enable");
    let subscribe = own_subscribe.map_or_else(server_subscribe, |own| own == 1);
    let own_only_signal = own("account.X.outbound_proxy.Y.only_signal_with_registered");
    let own_register_on = own("account.X.outbound_proxy.Y.register_on_enable");
    ProxyPolicy {
        address: at.owned("account.X.outbound_proxy.Y.address"),
        port: at.number("account.X.outbound_proxy.Y.port"),
        transport,
        retry_counts,
        invite_retry_counts: if has_failover_keys(at) { invite_retry_counts } else { retry_counts },
        register_on_enable: own_register_on.map_or(server.register_on_enable, |own| own == 1),
        only_signal_with_registered: own_only_signal
            .map_or(server.only_signal_with_registered, |own| own == 1),
        failback_mode,
        failback_timeout_s: at
            .number_or_none("account.X.outbound_proxy.Y.failback_timeout")
            .unwrap_or(server.failback_timeout_s),
        failback_subscribe: subscribe && failback_mode != FailbackMode::NewRequests,
    }
}

/// RFC 5626 §4.5: where only one of the two is set, the other is the draft's own, 30 and 1800 s.
fn back_off(min_s: u32, max_s: u32) -> (u32, u32) {
    match (min_s, max_s) {
        (0, 0) => (0, 0),
        (0, max) => (max.min(30), max),
        (min, 0) => (min, min.max(1800)),
        (min, max) => (min, max.max(min)),
    }
}

fn codecs(at: Reader<'_>) -> Vec<Codec> {
    let all: [(Codec, &str, &str); 5] = [
        (Codec::Pcmu, "account.X.codec.pcmu.enable", "account.X.codec.pcmu.priority"),
        (Codec::Pcma, "account.X.codec.pcma.enable", "account.X.codec.pcma.priority"),
        (Codec::G729, "account.X.codec.g729.enable", "account.X.codec.g729.priority"),
        (Codec::G722, "account.X.codec.g722.enable", "account.X.codec.g722.priority"),
        (Codec::Opus, "account.X.codec.opus.enable", "account.X.codec.opus.priority"),
    ];
    let mut offered: Vec<(u8, Codec)> = Vec::new();
    for (codec, enable, priority) in all {
        if at.switch(enable) {
            offered.push((at.number(priority), codec));
        }
    }
    offered.sort_by_key(|(priority, _)| *priority);
    offered.into_iter().map(|(_, codec)| codec).collect()
}
