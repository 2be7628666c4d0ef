//! What a model with a firmware makes of the same keys; defaults; profiles.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use params::{
    AddressMode, CaList, Codec, CommonSettings, Device, DnsCacheType, FailbackMode, FallbackAt,
    Firmware, IcmpScope, Interner, Key, Layer, Layers, Liveness, NotifyReboot, Policy, Problem,
    Profile, Redundancy, ServerPolicy, Source, SrvWeight, Strangers, TransportType, View, When,
};

use super::{load, settings, settings_on};

fn device(model: &str, firmware: Firmware) -> Device {
    Device { model: model.parse().unwrap(), firmware, ..Device::default() }
}

fn policy(text: &str) -> Arc<Policy> {
    let text = format!("account.1.enable = 1\n{text}");
    Arc::clone(&settings(&text).accounts[0].policy)
}

#[test]
fn defaults_of_an_account_are_the_guides_and_those_of_behaviour() {
    let policy = Policy::default();
    let [server, _] = &policy.servers;
    assert_eq!(
        *server,
        ServerPolicy {
            address: "".into(),
            port: 5060,
            transport: TransportType::Udp,
            expires_s: 3600,
            retry_counts: 3,
            invite_retry_counts: 3,
            register_on_enable: false,
            only_signal_with_registered: false,
            failback_mode: FailbackMode::NewRequests,
            failback_timeout_s: 3600,
            failback_subscribe: false,
        }
    );
    assert_eq!(policy.servers[0], policy.servers[1]);
    assert_eq!((policy.redundancy, policy.fallback_timeout_s), (Redundancy::Concurrent, 120));
    assert!(!policy.proxies.enabled && policy.proxies.fallback_interval_s == 3600);
    assert_eq!(policy.dns_cache_type, DnsCacheType::Answers);
    assert!(!policy.static_cache_pri && !policy.naptr_build && !policy.redundancy_with_reg_fail);
    assert_eq!(policy.reg_fail_retry_interval_s, 30);
    assert_eq!((policy.reg_failed_retry_min_time_s, policy.reg_failed_retry_max_time_s), (0, 0));
    assert_eq!(policy.register_expires_overlap_s, None);
    assert!(policy.trust_ctrl && policy.failover_codes.is_empty());
    assert_eq!(policy.codecs, [Codec::Pcmu, Codec::Pcma, Codec::G729, Codec::G722]);
    assert_eq!(Policy::default(), *self::policy(""));
}

#[test]
fn defaults_of_the_phone_are_safe_ones() {
    let common = CommonSettings::default();
    assert!(common.trust_ctrl && !common.direct_ip_call && common.tls.cn_validation);
    assert!(common.tls.trust_certificates && common.tls.ca_cert == CaList::All);
    assert_eq!((common.notify_reboot, common.strangers), (NotifyReboot::IfAsked, Strangers::Drop));
    assert_eq!((common.srv_weight, common.icmp), (SrvWeight::Guide, IcmpScope::Shared));
    assert!(!common.skip_redundant_failover_addr && !common.udp_to_tcp);
    assert_eq!((common.t1, common.t2, common.t4), (ms(500), ms(4000), ms(5000)));
    assert_eq!((common.dns.query_timeout_s, common.dns.retry_times), (3, 2));
    assert_eq!(common.dns.last_cache_expired_s, Some(86_400));
    assert_eq!((common.address_mode, common.dns.servers.len()), (AddressMode::V4, 0));
    assert_eq!((common.listen.port, common.listen.tls_port), (5060, 5061));
    assert_eq!(common.rtp_ports, (11_780, 12_780));
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

// A3
#[test]
fn invite_has_a_retry_count_of_its_own_but_not_in_firmware_80() {
    let text = "account.1.sip_server.1.retry_counts = 7\n\
                account.1.sip_server.1.invite_retry_counts = 2\n\
                account.1.outbound_proxy.1.retry_counts = 5\n\
                account.1.outbound_proxy.1.invite_retry_counts = 4\n";
    let counts = |firmware| {
        let (settings, _) = settings_on(&device("T46G", firmware), text);
        let policy = Arc::clone(&settings.accounts[0].policy);
        let (server, proxy) = (&policy.servers[0], &policy.proxies.proxies[0]);
        [
            (server.retry_counts, server.invite_retry_counts),
            (proxy.retry_counts, proxy.invite_retry_counts),
        ]
    };
    assert_eq!(counts(Firmware::V81), [(7, 2), (5, 4)]);
    assert_eq!(counts(Firmware::V80), [(7, 7), (5, 5)]);
}

// A9
#[test]
fn only_signal_and_failback_subscribe_have_no_effect_in_firmware_80() {
    let text = "account.1.sip_server.1.only_signal_with_registered = 1\n\
                account.1.sip_server.1.failback_mode = 2\n\
                account.1.sip_server.1.failback_subscribe.enable = 1\n";
    let flags = |firmware| {
        let (settings, errors) = settings_on(&device("T46G", firmware), text);
        let [server, _] = &settings.accounts[0].policy.servers;
        (server.only_signal_with_registered, server.failback_subscribe, errors.len())
    };
    assert_eq!(flags(Firmware::V81), (true, true, 0));
    assert_eq!(flags(Firmware::V80), (false, false, 2));
}

#[test]
fn failback_subscribe_needs_mode_1_to_3() {
    for (mode, acts) in [(0, false), (1, true), (2, true), (3, true)] {
        let policy = policy(&format!(
            "account.1.sip_server.1.failback_mode = {mode}\n\
             account.1.sip_server.1.failback_subscribe.enable = 1\n"
        ));
        assert_eq!(policy.servers[0].failback_subscribe, acts);
        assert_eq!(policy.proxies.proxies[0].failback_subscribe, acts);
    }
}

// A12
#[test]
fn a_failback_timeout_of_0_is_kept() {
    assert_eq!(
        policy("account.1.sip_server.1.failback_timeout = 0").servers[0].failback_timeout_s,
        0
    );
}

// A13
#[test]
fn a_failback_timeout_of_1_to_59_is_60() {
    let (layers, _) = load(
        "account.1.sip_server.1.failback_timeout = 59\n\
         account.1.outbound_proxy.2.failback_timeout = 1",
    );
    let (settings, errors) = layers.settings(&Device::default(), &mut Interner::default());
    let policy = &settings.accounts[0].policy;
    assert_eq!(errors, []);
    assert_eq!(policy.servers[0].failback_timeout_s, 60);
    assert_eq!(policy.proxies.proxies.each_ref().map(|p| p.failback_timeout_s), [60, 60]);
}

// A18
#[test]
fn a_proxy_inherits_the_keys_of_the_server_with_its_number_and_the_transport_of_server_1() {
    let policy = policy(
        "account.1.sip_server.1.transport_type = 2\n\
         account.1.sip_server.2.transport_type = 1\n\
         account.1.sip_server.1.retry_counts = 1\n\
         account.1.sip_server.2.retry_counts = 2\n\
         account.1.sip_server.2.register_on_enable = 1\n\
         account.1.sip_server.2.failback_mode = 3\n\
         account.1.sip_server.2.failback_timeout = 100\n\
         account.1.sip_server.2.only_signal_with_registered = 1\n\
         account.1.outbound_proxy.1.retry_counts = 0\n\
         account.1.outbound_proxy.2.register_on_enable = 0\n\
         account.1.outbound_proxy.2.failback_mode = -1\n",
    );
    let [first, second] = &policy.proxies.proxies;
    assert_eq!([first.transport, second.transport], [TransportType::Tls; 2]);
    assert_eq!((first.retry_counts, second.retry_counts), (0, 2));
    assert!(!second.register_on_enable && second.only_signal_with_registered);
    assert_eq!((second.failback_mode, second.failback_timeout_s), (FailbackMode::Duration, 100));
    assert_eq!(first.failback_mode, FailbackMode::NewRequests);
}

#[test]
fn old_names_are_read_up_to_firmware_80_but_not_by_t58_and_t56() {
    let text = "account.1.outbound_host = a.example\naccount.1.outbound_port = 1\n\
                account.1.backup_outbound_host = b.example\naccount.1.backup_outbound_port = 2\n\
                account.1.sip_server_host = c.example\naccount.1.sip_server_port = 3\n\
                account.1.transport = 1\naccount.1.expires = 70\n";
    let (settings, errors) = settings_on(&device("T46G", Firmware::V80), text);
    let policy = &settings.accounts[0].policy;
    assert_eq!(errors, []);
    let proxies = policy.proxies.proxies.each_ref().map(|proxy| (&*proxy.address, proxy.port));
    assert_eq!(proxies, [("a.example", 1), ("b.example", 2)]);
    let servers =
        policy.servers.each_ref().map(|s| (&*s.address, s.port, s.transport, s.expires_s));
    assert_eq!(servers[0], ("c.example", 3, TransportType::Tcp, 70));
    assert_eq!(servers[1], ("", 5060, TransportType::Tcp, 3600));
    for device in [
        device("T46G", Firmware::V81),
        device("T58V", Firmware::V80),
        device("T48S", Firmware::V81),
    ] {
        let (settings, errors) = settings_on(&device, text);
        assert_eq!(errors.len(), 8);
        assert_eq!(*settings.accounts[0].policy, Policy::default());
        assert_eq!(
            errors[0].to_string(),
            format!(
                "phone.cfg:1: account.1.outbound_host = a.example: {} with firmware {} does not \
                 read it; write account.1.outbound_proxy.1.address",
                device.model, device.firmware
            )
        );
    }
}

#[test]
fn the_successor_wins_over_an_old_name_and_the_old_line_is_reported() {
    let text =
        "account.1.sip_server.1.address = new.example\naccount.1.sip_server_host = old.example\n";
    let (settings, errors) = settings_on(&device("T46G", Firmware::V80), text);
    assert_eq!(&*settings.accounts[0].policy.servers[0].address, "new.example");
    assert_eq!(errors.len(), 1);
    assert_eq!(
        errors[0].to_string(),
        "phone.cfg:2: account.1.sip_server_host = old.example: an old name; \
         account.1.sip_server.1.address is set too and wins"
    );
}

#[test]
fn t58_and_t56_read_outbound_proxy_keys_from_firmware_80() {
    let text = "account.1.outbound_proxy.1.address = a.example\n";
    for (model, read) in [("T58V", true), ("T58A", true), ("T56A", true), ("T46G", false)] {
        let (settings, errors) = settings_on(&device(model, Firmware::V80), text);
        let address = &*settings.accounts[0].policy.proxies.proxies[0].address;
        assert_eq!((address == "a.example", errors.is_empty()), (read, read), "{model}");
    }
}

#[test]
fn a_key_without_its_server_is_read_by_nobody() {
    let (_, errors) = settings_on(&Device::default(), "account.1.retry_counts = 5\n");
    assert_eq!(
        errors[0].to_string(),
        "phone.cfg:1: account.1.retry_counts = 5: SIP-T46G with firmware 81 does not read it; \
         write account.1.sip_server.1.retry_counts"
    );
}

#[test]
fn the_profile_changes_defaults_and_a_key_in_a_file_wins_over_it() {
    let fast = policy("sureline.profile = fast\n");
    assert_eq!((fast.liveness, fast.fallback_at), (Liveness::Options, FallbackAt::Now));
    assert!(fast.adaptive_budget && fast.sticky_new_requests && fast.failback_good_probes == 2);
    let compat = Policy::default();
    assert_eq!((compat.liveness, compat.fallback_at), (Liveness::Off, FallbackAt::LeaseEnd));
    assert!(!compat.adaptive_budget && !compat.sticky_new_requests);
    assert_eq!(compat.failback_good_probes, 1);
    let mixed = policy("sureline.profile = fast\naccount.1.sureline.liveness = off\n");
    assert_eq!((mixed.liveness, mixed.fallback_at), (Liveness::Off, FallbackAt::Now));
}

#[test]
fn the_profile_of_the_command_line_wins_over_that_of_the_file() {
    let device = Device { profile: Some(Profile::Fast), ..Device::default() };
    let (settings, _) = settings_on(&device, "sureline.profile = compat\naccount.1.enable = 1\n");
    assert_eq!(settings.common.profile, Profile::Fast);
    assert_eq!(settings.accounts[0].policy.fallback_at, FallbackAt::Now);
}

#[test]
fn failover_codes_are_read_as_patterns() {
    let policy = policy("account.1.sureline.failover_codes = 500, 502,50?\n");
    let matched: Vec<u16> =
        (400..600).filter(|status| policy.failover_codes.matches(*status)).collect();
    assert_eq!(matched, (500..=509).collect::<Vec<_>>());
}

#[test]
fn half_a_back_off_is_completed_by_the_draft() {
    let times = |min: u32, max: u32| {
        let policy = policy(&format!(
            "account.1.reg_failed_retry_min_time = {min}\n\
             account.1.reg_failed_retry_max_time = {max}\n"
        ));
        (policy.reg_failed_retry_min_time_s, policy.reg_failed_retry_max_time_s)
    };
    assert_eq!([times(0, 0), times(0, 60), times(10, 0)], [(0, 0), (30, 60), (10, 1800)]);
    assert_eq!([times(0, 20), times(90, 60), times(10, 60)], [(20, 20), (90, 90), (10, 60)]);
    assert_eq!(policy("account.1.reg_fail_retry_interval = 0").reg_fail_retry_interval_s, 1);
}

#[test]
fn accounts_with_any_value_are_there_and_equal_policies_are_one() {
    let settings = settings(
        "account.1.enable = 1\naccount.3.enable = 1\naccount.3.label = C\naccount.4.enable = 0\n\
         voice_mail.number.2 = *97\naccount.5.label =\n",
    );
    let accounts: Vec<(u8, bool)> =
        settings.accounts.iter().map(|a| (a.number, a.enabled)).collect();
    assert_eq!(accounts, [(1, true), (2, false), (3, true), (4, false)]);
    let policies: Vec<_> = settings.accounts.iter().map(|a| &a.policy).collect();
    assert!(Arc::ptr_eq(policies[0], policies[2]) && !Arc::ptr_eq(policies[0], policies[1]));
    assert_eq!(&*policies[1].mwi.voice_mail, "*97");
}

#[test]
fn phones_with_equal_common_settings_share_them() {
    let source = Source { name: "y.cfg", layer: Layer::Common, bytes: b"sip.timer_t1 = 1\n" };
    let (layers, _) = Layers::load(&[source]);
    let mut interner = Interner::default();
    let [one, other] = ["001565000001", "001565000002"].map(|mac| {
        let device = Device { mac: mac.parse().unwrap(), ..Device::default() };
        layers.settings(&device, &mut interner).0
    });
    let (third, _) = Layers::default().settings(&Device::default(), &mut interner);
    assert!(Arc::ptr_eq(&one.common, &other.common));
    assert!(!Arc::ptr_eq(&one.common, &third.common));
}

#[test]
fn an_interner_forgets_what_nobody_uses() {
    let mut interner = Interner::default();
    let first = interner.intern(Policy::default());
    let again = interner.intern(Policy::default());
    assert!(Arc::ptr_eq(&first, &again));
    let weak = Arc::downgrade(&first);
    drop((first, again));
    interner.sweep();
    assert!(weak.upgrade().is_none());
}

#[test]
fn name_servers_of_the_file_count_where_dns_is_manual() {
    let servers =
        "static.network.primary_dns = 192.0.2.53\nstatic.network.secondary_dns = 2001:db8::53\n";
    let of = |more: &str| settings(&format!("{servers}{more}")).common.dns.servers.clone();
    let both: [IpAddr; 2] = ["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()];
    assert_eq!(of(""), [] as [IpAddr; 0]);
    assert_eq!(of("static.network.static_dns_enable = 1\n"), both);
    assert_eq!(of("static.network.internet_port.type = 2\n"), both);
}

#[test]
fn half_a_static_record_is_left_out_and_says_what_it_lacks() {
    let text = "dns_cache_a.2.name = a.example\ndns_cache_srv.1.port = 5060\n\
                dns_cache_srv.1.name = _sip._udp.a\n\
                dns_cache_naptr.12.replace = b.example\ndns_cache_a.1.name = c.example\n\
                dns_cache_a.1.ip = ::1\n";
    let (settings, errors) = settings_on(&Device::default(), text);
    let records = settings.common.static_records.clone();
    assert_eq!((records.a.len(), records.srv.len(), records.naptr.len()), (1, 0, 0));
    assert_eq!(records.a[0].ttl_s, 300);
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "phone.cfg:3: dns_cache_srv.1.name = _sip._udp.a: the record has no \
             dns_cache_srv.1.target and is left out",
            "phone.cfg:1: dns_cache_a.2.name = a.example: the record has no dns_cache_a.2.ip \
             and is left out",
            "phone.cfg:4: dns_cache_naptr.12.replace = b.example: the record has no \
             dns_cache_naptr.12.name and is left out",
        ]
    );
}

#[test]
fn ports_that_contradict_each_other_are_reported() {
    let text = "static.network.port.min_rtpport = 20000\nsip.listen_port = 5061\n";
    let (settings, errors) = settings_on(&Device::default(), text);
    assert_eq!(settings.common.rtp_ports, (11_780, 12_780));
    assert_eq!((settings.common.listen.port, settings.common.listen.tls_port), (5061, 0));
    let problems: Vec<_> = errors.into_iter().map(|error| error.problem).collect();
    assert_eq!(problems, [Problem::SamePort, Problem::PortsReversed]);
}

#[test]
fn trust_can_be_asked_for_by_phone_and_by_account() {
    assert!(policy("").trust_ctrl);
    assert!(!policy("sip.trust_ctrl = 0\n").trust_ctrl);
    assert!(policy("sip.trust_ctrl = 0\naccount.1.sip_trust_ctrl = 1\n").trust_ctrl);
}

#[test]
fn codecs_come_in_the_order_of_their_places() {
    let policy = policy(
        "account.1.codec.opus.enable = 1\naccount.1.codec.opus.priority = 0\n\
         account.1.codec.pcmu.enable = 0\naccount.1.codec.g722.priority = 1\n",
    );
    assert_eq!(policy.codecs, [Codec::Opus, Codec::G722, Codec::Pcma, Codec::G729]);
}

#[test]
fn line_keys_with_a_function_are_listed() {
    let settings = settings(
        "linekey.2.type = 16\nlinekey.2.value = 200\nlinekey.2.line = 1\n\
         linekey.2.pickup_value = *8\nlinekey.3.value = 1\n",
    );
    let [key] = &settings.line_keys[..] else { panic!("one key") };
    assert_eq!(
        (key.number, key.function, key.account, &*key.value, &*key.extension),
        (2, 16, 1, "200", "*8")
    );
}

#[test]
fn a_condition_that_is_not_met_can_be_named() {
    let text = "account.1.sip_server.1.address = a.example\n\
                account.1.sip_server.2.address = 192.0.2.1\n\
                account.1.sip_server.1.failback_timeout = 60\n";
    let (layers, _) = load(text);
    let device = Device::default();
    let view = View::new(&layers, &device);
    let unmet = |name: &str| view.unmet(name.parse::<Key>().unwrap());
    let mode = When::Is("account.X.sip_server.Y.failback_mode", &["3"]);
    assert_eq!(unmet("account.1.sip_server.1.failback_timeout"), Some(mode));
    let name = When::Name("account.X.sip_server.Y.address");
    assert_eq!(unmet("account.1.sip_server.2.failback_mode"), Some(name));
    assert_eq!(unmet("account.1.sip_server.1.failback_mode"), None);
    let successive = When::Is("account.X.fallback.redundancy_type", &["1"]);
    assert_eq!(unmet("account.1.fallback.timeout"), Some(successive));
    assert_eq!(unmet("account.1.fallback.redundancy_type"), None);
    assert_eq!(
        unmet("account.2.fallback.redundancy_type"),
        Some(When::Set("account.X.sip_server.2.address"))
    );
}
