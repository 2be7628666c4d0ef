//! Files of 3,000 lines as provisioning systems write them, each made by a small function from parts
//! written by hand.

use std::fmt::Write as _;

/// A heading as the vendor's templates have it.
fn heading(text: &mut String, title: &str) {
    let rule = "#".repeat(87);
    let _ = writeln!(text, "\n{rule}\n##{title:^83}##\n{rule}");
}

/// Fills a file up to `lines` with settings of a screen that has so many keys.
fn fill(text: &mut String, lines: usize, family: &str, names: &[(&str, &str)]) {
    let mut number = 1;
    while text.lines().count() + names.len() <= lines {
        for (name, value) in names {
            let _ = writeln!(text, "{family}.{number}.{name} = {value}");
        }
        number += 1;
    }
}

const VERSION: &str = "#!version:1.0.0.1\n\n##File header \"#!version:1.0.0.1\" can not be edited or deleted, and must be placed in the first line.##\n";

/// A file as FusionPBX writes one for firmware 81: old and present names side by side, static records
/// below accounts, hundreds of blank values, sixteen accounts of which two are in service.
pub(crate) fn fusion_pbx() -> String {
    let mut text = String::from(VERSION);
    for account in 1..=16 {
        let in_service = account <= 2;
        let of = |value: &str| if in_service { value.to_owned() } else { String::new() };
        let extension = of(&format!("100{account}"));
        heading(&mut text, &format!("Account {account} Basic Settings"));
        let _ = write!(
            text,
            "account.{account}.enable = {enable}
account.{account}.label = {extension}
account.{account}.display_name = {name}
account.{account}.auth_name = {extension}
account.{account}.password = {password}
account.{account}.user_name = {extension}
account.{account}.outbound_host =
account.{account}.outbound_port = 5060
account.{account}.outbound_proxy_enable = 0
account.{account}.outbound_proxy.1.address =
account.{account}.outbound_proxy.1.port = 5060
account.{account}.outbound_proxy.2.address =
account.{account}.outbound_proxy.2.port = 5060

#Configure the transport type; 0-UDP (default), 1-TCP, 2-TLS, 3-DNS-NAPTR;
account.{account}.sip_server.1.transport_type = 1
account.{account}.sip_server.1.address = {address}
account.{account}.sip_server.1.port = 5060
#Configure the register expiry time (in seconds), the default value is 3600.
account.{account}.sip_server.1.expires = 120
account.{account}.sip_server.1.retry_counts = 3
account.{account}.sip_server.1.failback_mode = 0
account.{account}.sip_server.1.failback_timeout = 3600
account.{account}.sip_server.1.register_on_enable = 0
account.{account}.sip_server.2.address =
account.{account}.sip_server.2.port = 5060
account.{account}.sip_server.2.transport_type = 1
account.{account}.sip_server.2.expires = 120
account.{account}.sip_server.2.retry_counts = 3
account.{account}.sip_server.2.failback_mode = 0
account.{account}.sip_server.2.failback_timeout = 3600
account.{account}.sip_server.2.register_on_enable = 0

account.{account}.reregister_enable = 0
account.{account}.retry_counts =
account.{account}.failback_mode = 0
account.{account}.failback_timeout = 3600
account.{account}.naptr_build = 0
account.{account}.fallback.redundancy_type = 0
account.{account}.fallback.timeout = 120
account.{account}.dns_cache_type = 1
account.{account}.dns_cache_a.1.name =
account.{account}.dns_cache_a.1.ip =
account.{account}.dns_cache_a.1.ttl = 300
account.{account}.dns_cache_srv.1.name =
account.{account}.dns_cache_srv.1.port = 0
account.{account}.dns_cache_srv.1.priority = 0
account.{account}.dns_cache_srv.1.target =
account.{account}.dns_cache_srv.1.weight = 0
account.{account}.dns_cache_srv.1.ttl = 300
account.{account}.dns_cache_naptr.1.name =
account.{account}.dns_cache_naptr.1.flags =
account.{account}.dns_cache_naptr.1.order = 0
account.{account}.dns_cache_naptr.1.preference = 0
account.{account}.dns_cache_naptr.1.replace =
account.{account}.dns_cache_naptr.1.service =
account.{account}.dns_cache_naptr.1.ttl = 300
account.{account}.static_cache_pri = 0
account.{account}.sip_server_type =
account.{account}.unregister_on_reboot =
account.{account}.sip_trust_ctrl = 1
account.{account}.dns_query_timeout=
account.{account}.srv_ttl_timer_enable =
account.{account}.proxy_require =
account.{account}.register_mac =
account.{account}.register_line =
account.{account}.reg_fail_retry_interval =
account.{account}.nat.nat_traversal = 0
account.{account}.nat.stun_server =
account.{account}.nat.stun_port = 3478
account.{account}.nat.udp_update_enable = 3
account.{account}.nat.udp_update_time = 30
account.{account}.nat.rport = 1
account.{account}.advanced.timer_t1 =
account.{account}.advanced.timer_t2 =
account.{account}.advanced.timer_t4 =
voice_mail.number.{account} = *97
account.{account}.subscribe_mwi = {mwi}
account.{account}.subscribe_mwi_expires = 3600
account.{account}.subscribe_mwi_to_vm = 0
account.{account}.subscribe_acd_expires= 3600
account.{account}.blf.blf_list_uri =
account.{account}.blf_list_code =
account.{account}.blf.subscribe_period = 1800
account.{account}.out_dialog_blf_enable = 0
account.{account}.shared_line = 0
account.{account}.bla_number =
account.{account}.bla_subscribe_period = 300
account.{account}.srtp_encryption = 0
account.{account}.ptime =
account.{account}.anonymous_call = 0
account.{account}.dialoginfo_callpickup = 0
account.{account}.dtmf.type = 1
account.{account}.dtmf.dtmf_payload = 101
account.{account}.dtmf.info_type = 1
",
            enable = u8::from(in_service),
            name = of("Ada Lovelace"),
            password = of("kH3{v}$w#=2"),
            address = of("pbx.example.com"),
            mwi = u8::from(in_service),
        );
        for (place, codec) in ["pcmu", "pcma", "g729", "g722"].iter().enumerate() {
            let _ = writeln!(text, "account.{account}.codec.{codec}.enable = 1");
            let _ = writeln!(text, "account.{account}.codec.{codec}.priority = {}", place + 1);
        }
    }
    heading(&mut text, "Network Advanced");
    text += "static.network.internet_port.type = 0\nstatic.network.static_dns_enable = 0\n\
             static.network.primary_dns =\nstatic.network.secondary_dns =\n\
             static.network.vlan.internet_port_enable = 0\nstatic.network.lldp.enable = 1\n\
             static.network.qos.rtptos =\nstatic.network.port.max_rtpport =\n\
             static.security.user_password = admin:v9-Wq.c=x\n\
             static.security.user_password = user:7+4\n\
             local_time.time_zone = -5\nlocal_time.ntp_server1 = pool.ntp.org\nlang.gui = English\n\
             phone_setting.backlight_time = 60\nfeatures.call_log_show_num = 2\n\
             static.auto_provision.server.url = https://pbx.example.com/app/provision/$MAC\n\
             static.auto_provision.custom.protect = 1\nsip.notify_reboot_enable = 0\n";
    heading(&mut text, "Line Keys");
    for number in 1..=27 {
        let (kind, value) = if number <= 2 { (15, "") } else { (16, "*5") };
        let _ = writeln!(
            text,
            "linekey.{number}.line = 1\nlinekey.{number}.value = {value}\n\
             linekey.{number}.pickup_value = **\nlinekey.{number}.type = {kind}\n\
             linekey.{number}.label = Key # {number}\nlinekey.{number}.extension ="
        );
    }
    heading(&mut text, "Expansion Modules");
    fill(
        &mut text,
        3000,
        "expansion_module.1.key",
        &[
            ("type", "16"),
            ("line", "1"),
            ("value", "1010"),
            ("label", "Room 10"),
            ("extension", ""),
        ],
    );
    text
}

/// A file as FusionPBX writes one for firmware 80: the names that came before `sip_server.1` alone,
/// codecs by number, network settings without `static.`.
pub(crate) fn fusion_pbx_80() -> String {
    let mut text = String::from(VERSION);
    for account in 1..=6 {
        heading(&mut text, &format!("Account {account} Basic Settings"));
        let used = account == 1;
        let of = |value: &'static str| if used { value } else { "" };
        let _ = write!(
            text,
            "account.{account}.enable = {}
account.{account}.label = {}
account.{account}.auth_name = {}
account.{account}.user_name = {}
account.{account}.password = {}
account.{account}.sip_server_host = {}
account.{account}.sip_server_port = {}
account.{account}.transport = 0
account.{account}.expires = 120
account.{account}.outbound_proxy_enable = {}
account.{account}.outbound_host = {}
account.{account}.outbound_port = 5060
account.{account}.backup_outbound_host = {}
account.{account}.backup_outbound_port = 5060
account.{account}.reregister_enable = 0
account.{account}.retry_counts =
account.{account}.sip_listen_port = 5060
account.{account}.advanced.timer_t1 = 0.5
",
            u8::from(used),
            of("1001"),
            of("1001"),
            of("1001@tenant.example.com"),
            of("pw"),
            of("pbx.example.com"),
            of("5060"),
            u8::from(used),
            of("proxy1.example.com"),
            of("proxy2.example.com"),
        );
        for (number, (name, map)) in
            [("PCMU", 0), ("PCMA", 8), ("G723_53", 4), ("G729", 18), ("G722", 9)].iter().enumerate()
        {
            let _ = write!(
                text,
                "account.{account}.codec.{n}.enable = 1
account.{account}.codec.{n}.payload_type = {name}
account.{account}.codec.{n}.priority = {n}
account.{account}.codec.{n}.rtpmap = {map}
",
                n = number + 1
            );
        }
    }
    heading(&mut text, "Network");
    text += "network.static_dns_enable = 0\nnetwork.primary_dns =\nnetwork.port.http = 80\n\
             network.qos.signaltos = 26\nsyslog.server = 10.0.0.9\nauto_provision.power_on = 1\n\
             auto_provision.repeat.enable = 0\nsecurity.trust_certificates = 0\n";
    fill(
        &mut text,
        3000,
        "memorykey",
        &[("type", "16"), ("line", "0"), ("value", "1010"), ("pickup_value", "**")],
    );
    text
}

/// A template of FusionPBX, as its server has it.
pub(crate) const SMARTY: &str = "#!version:1.0.0.1
#{$microtime}
{if isset($account.1.password) }
account.1.enable = 1
{else}
account.1.enable = 0
{/if}
account.1.label = {$account.1.display_name}
account.1.password = {$account.1.password}
{if isset($yealink_sip_listen_port)}sip.listen_port = {$yealink_sip_listen_port}{else}sip.listen_port = 5060{/if}
{if $account.1.sip_transport == 'udp'}account.1.sip_server.1.transport_type = 0{/if}
{if $account.1.sip_transport == 'tls'}account.1.sip_server.1.transport_type = 2{/if}
account.1.sip_server.1.failback_timeout = 600
account.1.fallback.timeout = {$yealink_outbound_proxy_fallback_interval}
account.1.nat.nat_traversal = {if isset($stun_server)}1{else}0{/if}
";

/// A template of Wazo.
pub(crate) const JINJA: &str = "{% if vlan_enabled -%}
static.network.vlan.internet_port_enable = 1
{% else -%}
static.network.vlan.internet_port_enable = 0
{% endif %}
static.security.user_password = {{ user_username|d('user') }}:{{ user_password|d('user') }}
{% for line_no, line in XX_sip_lines.items() -%}
account.{{ line_no }}.enable = 1
account.{{ line_no }}.user_name = {{ line['username'] }}
account.{{ line_no }}.sip_server.1.address = {{ line['proxy_ip'] }}
account.{{ line_no }}.sip_server.1.port = {{ line['proxy_port']|d('%NULL%') }}
account.{{ line_no }}.fallback.redundancy_type = 1
voice_mail.number.{{ line_no }} = {{ line['voicemail']|d('%NULL%') }}
{% endfor %}
{{ XX_fkeys }}
";

/// A template of NethVoice.
pub(crate) const TWIG: &str = "{%- import 'yealink.macros' as yealink -%}
#!version:1.0.0.1
static.network.vlan.pc_port_vid = {{ vlan_id_pcport > 0 and vlan_id_pcport < 4095 ? vlan_id_pcport : '1' }}
static.auto_provision.weekly.end_time = {{ '04:00' }}
{% for line in 0..10 %}
{% if _context['account_username_' ~ line] is defined %}
account.{{ line }}.sip_server.1.address = {{ _context['account_server_' ~ line] }}
account.{{ line }}.auto_label.rule = {L}_{1}
call_waiting.enable = {{ _context['account_call_waiting_' ~ line] ? '1' : '0' }}
{% endif %}
{% endfor %}
";

/// A file with ERB tags.
pub(crate) const ERB: &str = "<% accounts.each do |a| %>
account.<%= a.number %>.enable = 1
account.<%= a.number %>.sip_server.1.address = <%= a.server %>
<% end %>
";

/// A template of 3CX.
pub(crate) const DOUBLE_PERCENT: &str = "account.1.enable = 1
account.1.label = %%extension_number%% %%extension_first_name%%
account.1.user_name = %%extension_number%%
account.1.sip_server.1.address = %%pbx_ip%%
account.1.sip_server.1.expires = %%PARAM::REGISTER%%
";

/// A file as Wazo writes one for firmware 86: successive fallback to a second site, `%NULL%` for
/// what is not wanted, function keys by the hundred.
pub(crate) fn wazo() -> String {
    let mut text = String::from(
        "#!version:1.0.0.1\n\nstatic.auto_provision.pnp_enable = 0\nstatic.auto_provision.custom.protect = 1\n\n",
    );
    for number in 1..=8 {
        let _ = writeln!(text, "distinctive_ring_tones.alert_info.{number}.text = ring{number}");
        let _ = writeln!(text, "distinctive_ring_tones.alert_info.{number}.ringer = {number}");
    }
    text += "
features.caller_name_type_on_dialing = 1
features.text_message.enable = 0
features.action_uri_limit_ip = 10.20.0.5
local_time.date_format = 2
sip.notify_reboot_enable = 0
transfer.dsskey_deal_type = 1
static.network.vlan.internet_port_enable = 1
static.network.vlan.internet_port_vid = 210
static.network.vlan.internet_port_priority = %NULL%
static.syslog.enable = 0
static.syslog.server = %NULL%
lang.wui = French
lang.gui = French
voice.tone.country = France
local_time.ntp_server1 = pool.ntp.org
remote_phonebook.data.1.url = http://10.20.0.5:9498/0.1/directories/menu?xivo_user_uuid=5c&a=1
remote_phonebook.data.1.name = Wazo
static.security.user_name.user = user
static.security.user_name.admin = admin
static.security.user_password = user:9tsK
static.security.user_password = admin:Zc8.w
";
    for account in 1..=16 {
        if account > 1 {
            let _ = write!(
                text,
                "account.{account}.enable = 0
account.{account}.label = %NULL%
account.{account}.display_name = %NULL%
account.{account}.auth_name = %NULL%
account.{account}.user_name = %NULL%
account.{account}.password = %NULL%
account.{account}.sip_server.1.address = %NULL%
account.{account}.sip_server.1.port = %NULL%
account.{account}.sip_server.1.transport_type = %NULL%
account.{account}.sip_server.2.address = %NULL%
account.{account}.sip_server.2.port = %NULL%
account.{account}.sip_server.2.transport_type = %NULL%
account.{account}.subscribe_mwi = %NULL%
voice_mail.number.{account} = %NULL%
"
            );
            continue;
        }
        text += "account.1.enable = 1
account.1.label = Éléonore Dupré
account.1.auth_name = a1b2c3
account.1.user_name = a1b2c3
account.1.password = x9#==%
account.1.sip_server.1.address = 10.20.0.5
account.1.sip_server.1.port = 5060
account.1.sip_server.1.transport_type = 0
account.1.sip_server.2.address = 10.30.0.5
account.1.sip_server.2.port = 5060
account.1.sip_server.2.transport_type = 0
account.1.fallback.redundancy_type = 1
account.1.cid_source = 2
account.1.alert_info_url_enable = 0
account.1.nat.udp_update_enable = 1
account.1.dtmf.type = 2
account.1.dtmf.info_type = 1
account.1.srtp_encryption = 0
account.1.codec.g722.enable = 1
account.1.codec.g722_1c_48kpbs.enable = 1
account.1.codec.g722_1c_32kpbs.enable = 1
account.1.codec.pcmu.enable = 1
account.1.codec.pcma.enable = 1
account.1.codec.g729.enable = 1
account.1.codec.g726_16.enable = 0
account.1.codec.opus.enable = 0
account.1.codec.ilbc.enable = 0
account.1.subscribe_mwi = 1
voice_mail.number.1 = *98
";
    }
    text += "call_waiting.enable = 1\nstatic.directory_setting.url = http://10.20.0.5:8667/directory_setting.xml\naction_url.dnd_on = http://10.20.0.5:9498/0.1/users/5c/services/dnd/enable\n";
    for number in 1..=27 {
        let _ = writeln!(
            text,
            "linekey.{number}.type = {}\nlinekey.{number}.line = %NULL%\nlinekey.{number}.value = %NULL%\nlinekey.{number}.label = %NULL%",
            if number == 1 { 15 } else { 0 }
        );
    }
    fill(
        &mut text,
        3000,
        "expansion_module.1.key",
        &[("type", "%NULL%"), ("line", "%NULL%"), ("value", "%NULL%"), ("label", "%NULL%")],
    );
    text
}

/// A file as 3CX writes one: TLS to a name, one account, keys for a whole office, comments at will.
pub(crate) fn three_cx() -> String {
    let mut text = String::from(VERSION);
    text += "
## 3CX
account.1.enable = 1
account.1.label = 204
account.1.display_name = 204 Front Desk
account.1.auth_name = nDk3Tq8wZp
account.1.user_name = 204
account.1.password = yR7mL2aQ
account.1.sip_server.1.address = office.my3cx.example
account.1.sip_server.1.port = 5061
account.1.sip_server.1.transport_type = 2
account.1.sip_server.1.expires = 120
account.1.outbound_proxy_enable = 0
account.1.srtp_encryption = 1
account.1.subscribe_mwi = 1
account.1.subscribe_mwi_expires = 300
account.1.cid_source = 1
account.1.dtmf.type = 1
account.1.codec.pcmu.enable = 1
account.1.codec.pcmu.priority = 2
account.1.codec.pcma.enable = 1
account.1.codec.pcma.priority = 1
account.1.codec.g722.enable = 1
account.1.codec.g722.priority = 3
account.1.codec.g729.enable = 0
account.1.nat.udp_update_enable = 1
account.1.nat.udp_update_time = 20
account.1.nat.rport = 1
account.1.blf.subscribe_period = 300
account.1.auto_answer = 0
voice_mail.number.1 = 999
sip.trust_ctrl = 1
sip.notify_reboot_enable = 0
static.security.trust_certificates = 1
static.security.cn_validation = 1
static.security.ca_cert = 2
static.security.user_password = admin:8K-f!q
static.network.qos.signaltos = 26
static.network.qos.rtptos = 46
static.auto_provision.server.url = https://office.my3cx.example/provisioning/x7sk2/
static.auto_provision.repeat.enable = 1
static.auto_provision.repeat.minutes = 1440
features.action_uri_limit_ip = any
features.dnd_refuse_code = 486
features.normal_refuse_code = 486
phone_setting.lcd_logo.mode = 0
wallpaper_upload.url = https://office.my3cx.example/provisioning/x7sk2/logo.png
phone_setting.backgrounds = Config:logo.png
push_xml.server = 192.168.10.5
local_time.time_zone = +1
local_time.summer_time = 2
lang.wui = English
ldap.enable = 0
remote_phonebook.data.1.url = https://office.my3cx.example/provisioning/x7sk2/phonebook.xml
remote_phonebook.data.1.name = Company
dialplan.dialnow.rule.1 = ^(\\d{3})$
dialplan.replace.prefix.1 = ^00(.*)
dialplan.replace.replace.1 = +$1
";
    for number in 1..=27 {
        let _ = writeln!(
            text,
            "linekey.{number}.type = {}\nlinekey.{number}.line = 1\nlinekey.{number}.value = 2{number:02}\nlinekey.{number}.label = Desk {number}",
            if number == 1 { 15 } else { 16 }
        );
    }
    text += "\n## Directory, one entry a user\n";
    fill(
        &mut text,
        3000,
        "local_contact.favourite",
        &[("name", "Grace Hopper #2"), ("number", "+49 30 1234"), ("ring", "Auto"), ("group", "")],
    );
    text
}

/// A common file as NethVoice writes one: every default of firmware 84 spelled out, with the records
/// of the static cache that nobody uses.
pub(crate) fn neth_voice() -> String {
    let mut text = String::from(VERSION);
    heading(&mut text, "Network Internet");
    text += "static.network.ip_address_mode = 0
static.network.static_dns_enable = 0
static.network.internet_port.type = 0
static.network.dhcp.option60type = 0
static.network.mtu_value = 1500
static.network.qos.audiotos = 46
static.network.port.min_rtpport = 11780
static.network.port.max_rtpport = 12780
static.network.qos.signaltos = 26
static.wui.http_enable = 1
static.wui.https_enable = 1
static.network.port.https = 443
static.network.port.http = 80
static.network.redundancy.mode = 2
static.network.redundancy.failback.timeout = 55
static.network.lldp.enable = 0
static.network.vlan.dhcp_enable = 0
static.auto_provision.custom.protect = 0
static.auto_provision.custom.sync = 0
static.auto_provision.server.url = https://voice.example.it/provisioning/1f/{mac}.cfg
static.auto_provision.weekly.enable =  1
static.auto_provision.weekly.dayofweek = 0123456
static.auto_provision.weekly.end_time = 04:00
static.auto_provision.weekly.begin_time = 01:00
static.auto_provision.repeat.enable = 0
static.auto_provision.repeat.minutes = 1440
static.auto_provision.flexible.enable = 0
static.auto_provision.flexible.interval = 30
static.auto_provision.pnp_enable = 0
static.security.cn_validation = 0
static.security.trust_certificates = 1
static.security.ca_cert = 2
features.relog_offtime = 5
dm.enable = 1
dm.server.port = 443
";
    heading(&mut text, "SIP Backup Server");
    text += "static.network.dns.ttl_enable = 1
static.network.dns.last_cache_expired.enable = 0
static.network.dns.last_cache_expired = 3600
static.network.dns.query_timeout = 3
static.network.dns.retry_times = 2
sip.dns_transport_type = 0
sip.skip_redundant_failover_addr = 1
sip.use_out_bound_in_dialog = 0
sip.unreg_with_socket_close = 0
sip.trust_ctrl = 0
sip.mac_in_ua = 0
sip.timer_t1 = 0.5
sip.timer_t2 = 4
sip.timer_t4 = 5
sip.listen_port = 5060
sip.tls_listen_port = 5061
sip.tcp_port_random_mode = 1
sip.notify_reboot_enable = 1
sip.reg_surge_prevention = 30
sip.cid_source.preference = P-Preferred-Identity, P-Asserted-Identity, Remote-Party-ID, From
static.sip.nat_stun.enable = 0
static.sip.nat_stun.port = 3478
";
    heading(&mut text, "DNS");
    text += "dns_cache_a.1.name =
dns_cache_a.1.ip =
dns_cache_a.1.ttl = 300
dns_cache_srv.1.name =
dns_cache_srv.1.port = 0
dns_cache_srv.1.priority = 0
dns_cache_srv.1.target =
dns_cache_srv.1.weight = 0
dns_cache_srv.1.ttl = 300
dns_cache_naptr.1.name =
dns_cache_naptr.1.order = 0
dns_cache_naptr.1.preference = 0
dns_cache_naptr.1.replace =
dns_cache_naptr.1.service =
dns_cache_naptr.1.ttl = 300
voice.tone.stutter_dial_tone.apply_to_fwd.enable = 0
voice.tone.stutter_dial_tone.apply_to_fwd.enable = 0
features.dtmf.min_interval = 50\t
";
    for account in 1..=16 {
        let used = account == 1;
        heading(&mut text, &format!("Account {account}"));
        let _ = write!(
            text,
            "account.{account}.enable = {}
account.{account}.label = {}
account.{account}.sip_server.1.address = {}
account.{account}.sip_server.1.port = 5061
account.{account}.sip_server.1.transport_type = 2
account.{account}.sip_server.1.expires = 3600
account.{account}.sip_server.1.retry_counts = 3
account.{account}.sip_server.1.failback_mode = 0
account.{account}.sip_server.1.failback_timeout = 3600
account.{account}.sip_server.2.address =
account.{account}.sip_server.2.port = 5060
account.{account}.sip_server.2.transport_type = 0
account.{account}.outbound_proxy_enable = {}
account.{account}.outbound_proxy.1.address = {}
account.{account}.outbound_proxy.1.port = 5061
account.{account}.outbound_proxy_fallback_interval = 3600
account.{account}.fallback.redundancy_type = 0
account.{account}.fallback.timeout = 120
account.{account}.reg_failed_retry_min_time = 0
account.{account}.reg_failed_retry_max_time = 60
account.{account}.reg_fail_retry_interval = 30
account.{account}.srtp_encryption = 2
account.{account}.auto_label.rule = {{L}}_{{1}}
account.{account}.number_of_linekey = 1
account.{account}.music_on_hold_type = 0
account.{account}.phone_setting.call_appearance.calls_per_linekey =
account.{account}.session_timer.enable = 0
account.{account}.session_timer.expires = 1800
",
            u8::from(used),
            if used { "Rossi" } else { "" },
            if used { "voice.example.it" } else { "" },
            u8::from(used),
            if used { "proxy.voice.example.it" } else { "" },
        );
    }
    heading(&mut text, "Softkeys");
    fill(
        &mut text,
        3000,
        "programablekey",
        &[("type", "0"), ("line", "1"), ("value", ""), ("label", ""), ("history_type", "0")],
    );
    text
}

/// The file of a phone that goes with [`neth_voice`].
pub(crate) fn neth_voice_mac() -> String {
    "#!version:1.0.0.1\naccount.1.user_name = 201\naccount.1.auth_name = 201\naccount.1.password = p\\w$1\n\
     account.1.display_name = Maria Rossi\naccount.1.label = Rossi (201)\nlinekey.1.type = 15\n"
        .to_owned()
}
