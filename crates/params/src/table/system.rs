//! Network, security, provisioning, and what belongs to a device on a desk.

use super::{CALLS, NO_DEVICE, OPERATING_SYSTEM, PORT, PROVISIONING, SIP_PAGE, WEB, of, text};
use crate::choices::{CaList, Choice};
use crate::row::{HomeFile, Row, WebPage, When, row};
use crate::value::{INTEGER_MAX, Kind};

const SECONDS: Kind = Kind::Integer { min: 0, max: INTEGER_MAX };
const DSCP: Kind = Kind::Integer { min: 0, max: 63 };
const URL: Kind = text(512);
const TLS: &str = "TLS";
const PROVISION: WebPage = WebPage::SettingsProvision;
const WEEKLY: &[When] = &[When::Is("static.auto_provision.weekly.enable", &["1"])];
const FLEXIBLE: &[When] = &[When::Is("static.auto_provision.flexible.enable", &["1"])];

pub(super) const ROWS: &[Row] = &[
    row(
        "static.security.cn_validation",
        Kind::Switch,
        "1",
        "1: a server's certificate must name the domain that is configured for it.",
    )
    .vendor("0")
    .our_web(SIP_PAGE, TLS, "Common Name Validation"),
    row(
        "static.security.trust_certificates",
        Kind::Switch,
        "1",
        "1: a server's certificate must come from a trusted authority.",
    )
    .our_web(SIP_PAGE, TLS, "Only Accept Trusted Certificates"),
    row(
        "static.security.ca_cert",
        of(CaList::CHOICES),
        "2",
        "Which authorities are trusted: those of the system, those of static.trusted_certificates.url, \
         or both.",
    )
    .when(&[When::Is("static.security.trust_certificates", &["1"])])
    .our_web(SIP_PAGE, TLS, "CA Certificates"),
    row("static.trusted_certificates.url", URL, "", "Where the certificates of further authorities lie, in PEM: a file or a URL.")
        .our_web(SIP_PAGE, TLS, "Trusted Certificates"),
    row("static.trusted_certificates.delete", URL, "", "Forgets uploaded certificates.")
        .not_used("certificates are read where they lie, none is kept"),
    row("static.security.dev_cert", Kind::Switch, "0", "Which certificate the phone shows.")
        .not_used("this phone has no built-in certificate"),
    row("static.security.default_ssl_method", Kind::Integer { min: 0, max: 5 }, "3", "The TLS version.")
        .not_used("TLS 1.2 and 1.3 are spoken, nothing older"),
    row("static.network.qos.signaltos", DSCP, "26", "The DSCP mark of SIP packets.")
        .our_web(SIP_PAGE, "QoS", "SIP"),
    row("static.network.qos.rtptos", DSCP, "46", "The DSCP mark of audio packets.")
        .our_web(SIP_PAGE, "QoS", "Voice")
        .not_used(CALLS),
    row("static.network.port.min_rtpport", PORT, "11780", "The first port for audio.")
        .our_web(SIP_PAGE, "Ports", "Min RTP Port")
        .not_used(CALLS),
    row("static.network.port.max_rtpport", PORT, "12780", "The last port for audio; it lies above the first.")
        .our_web(SIP_PAGE, "Ports", "Max RTP Port")
        .not_used(CALLS),
    row("static.wui.http_enable", Kind::Switch, "1", "Serves the web page by HTTP.").not_used(WEB),
    row("static.wui.https_enable", Kind::Switch, "1", "Serves the web page by HTTPS.").not_used(WEB),
    row("static.network.port.http", Kind::Integer { min: 1, max: 65535 }, "80", "The port of the web page by HTTP.").not_used(WEB),
    row("static.network.port.https", Kind::Integer { min: 1, max: 65535 }, "443", "The port of the web page by HTTPS.").not_used(WEB),
    row("features.relog_offtime", Kind::Integer { min: 1, max: 1000 }, "5", "Minutes after which the web page logs out.").not_used(WEB),
    row("static.security.user_name.user", text(99), "user", "The name of the lowest web user.").not_used(WEB),
    row("static.security.user_name.admin", text(99), "admin", "The name of the administrator.").not_used(WEB),
    row("static.security.user_name.var", text(99), "var", "The name of the reseller's web user.").not_used(WEB),
    row("static.security.user_password", text(256), "", "The password of a web user as name:password; one line for each user, all of which count.")
        .secret()
        .repeated()
        .not_used(WEB),
    row("static.security.var_enable", Kind::Switch, "0", "Tells three kinds of web users apart.").not_used(WEB),
    row("static.web_item_level.url", URL, "", "Which web user sees what.").not_used(WEB),
    row("features.action_uri_limit_ip", text(512), "", "Who may control the phone by action URI.")
        .not_used("this phone has no action URIs: its control API has a token"),
    row("push_xml.server", text(512), "", "Who may push XML to the screen.").not_used(NO_DEVICE),
    // Provisioning.
    row("static.auto_provision.server.url", URL, "", "Where configuration files are fetched; $MAC and $PN are filled in.")
        .our_web(PROVISION, "", "Server URL")
        .not_used(PROVISIONING),
    row("static.auto_provision.server.username", text(256), "", "The user name at the provisioning server.")
        .our_web(PROVISION, "", "User Name")
        .not_used(PROVISIONING),
    row("static.auto_provision.server.password", text(256), "", "The password at the provisioning server.")
        .secret()
        .our_web(PROVISION, "", "Password")
        .not_used(PROVISIONING),
    row("static.auto_provision.power_on", Kind::Switch, "1", "1: files are fetched at each start.")
        .our_web(PROVISION, "", "Power On")
        .not_used(PROVISIONING),
    row("static.auto_provision.repeat.enable", Kind::Switch, "0", "1: files are fetched again and again.")
        .our_web(PROVISION, "", "Repeatedly")
        .not_used(PROVISIONING),
    row("static.auto_provision.repeat.minutes", Kind::Integer { min: 1, max: 43_200 }, "1440", "Minutes from one fetching to the next.")
        .when(&[When::Is("static.auto_provision.repeat.enable", &["1"])])
        .our_web(PROVISION, "", "Interval (Minutes)")
        .not_used(PROVISIONING),
    row("static.auto_provision.weekly.enable", Kind::Switch, "0", "1: files are fetched on certain days of the week.")
        .our_web(PROVISION, "", "Weekly")
        .not_used(PROVISIONING),
    row("static.auto_provision.weekly.dayofweek", Kind::Weekdays, "0123456", "The days, 0 for Sunday.")
        .when(WEEKLY)
        .our_web(PROVISION, "", "Day Of Week")
        .not_used(PROVISIONING),
    row("static.auto_provision.weekly.begin_time", Kind::TimeOfDay, "00:00", "Not before this time of day.")
        .when(WEEKLY)
        .our_web(PROVISION, "", "Weekly Begin Time")
        .not_used(PROVISIONING),
    row("static.auto_provision.weekly.end_time", Kind::TimeOfDay, "00:00", "Not after this time of day.")
        .when(WEEKLY)
        .our_web(PROVISION, "", "Weekly End Time")
        .not_used(PROVISIONING),
    row("static.auto_provision.flexible.enable", Kind::Switch, "0", "1: files are fetched on a day that differs from phone to phone.")
        .our_web(PROVISION, "", "Flexible")
        .not_used(PROVISIONING),
    row("static.auto_provision.flexible.interval", Kind::Integer { min: 1, max: 1000 }, "30", "Days from one fetching to the next.")
        .when(FLEXIBLE)
        .our_web(PROVISION, "", "Flexible Interval (Days)")
        .not_used(PROVISIONING),
    row("static.auto_provision.flexible.begin_time", Kind::TimeOfDay, "02:00", "Not before this time of day.")
        .when(FLEXIBLE)
        .our_web(PROVISION, "", "Flexible Begin Time")
        .not_used(PROVISIONING),
    row("static.auto_provision.flexible.end_time", Kind::TimeOfDay, "07:00", "Not after this time of day.")
        .when(FLEXIBLE)
        .our_web(PROVISION, "", "Flexible End Time")
        .not_used(PROVISIONING),
    row("static.auto_provision.pnp_enable", Kind::Switch, "1", "1: the provisioning server is looked for by multicast.")
        .our_web(PROVISION, "", "PNP Active")
        .not_used(PROVISIONING),
    row("static.auto_provision.dhcp_option.enable", Kind::Switch, "1", "1: the provisioning server is taken from DHCP.")
        .our_web(PROVISION, "", "DHCP Active")
        .not_used(PROVISIONING),
    row("static.auto_provision.dhcp_option.list_user_options", text(64), "", "The DHCP options that name it, 128 to 254, up to five.")
        .our_web(PROVISION, "", "DHCP Option")
        .not_used(PROVISIONING),
    row("static.auto_provision.dhcp_option.option60_value", text(256), "yealink", "The vendor class told to DHCP.")
        .not_used(OPERATING_SYSTEM),
    row("static.auto_provision.custom.protect", Kind::Switch, "0", "1: what was changed on the phone or on its web page outlives provisioning.")
        .our_web(PROVISION, "", "Protect Local Changes")
        .not_used(PROVISIONING),
    row("static.auto_provision.custom.sync", Kind::Switch, "0", "1: local changes are uploaded to the server.")
        .when(&[When::Is("static.auto_provision.custom.protect", &["1"])])
        .not_used(PROVISIONING),
    row("static.auto_provision.custom.upload_method", Kind::Switch, "0", "How they are uploaded: 0 by PUT.")
        .not_used(PROVISIONING),
    row("static.auto_provision.aes_key_16.com", text(32), "", "The AES key of the common file.")
        .secret()
        .our_web(PROVISION, "", "Common AES Key")
        .not_used(PROVISIONING),
    row("static.auto_provision.aes_key_16.mac", text(32), "", "The AES key of the MAC file.")
        .secret()
        .our_web(PROVISION, "", "MAC-Oriented AES Key")
        .not_used(PROVISIONING),
    row("static.auto_provision.aes_key.com", text(64), "", "The AES key of the common file, as later firmware calls it.")
        .secret()
        .not_used(PROVISIONING),
    row("static.auto_provision.aes_key.mac", text(64), "", "The AES key of the MAC file, as later firmware calls it.")
        .secret()
        .not_used(PROVISIONING),
    row("static.auto_provision.aes_key_in_file", Kind::Switch, "0", "1: keys come in a file of their own.")
        .not_used("such files are sealed with the vendor's own key"),
    row("static.auto_provision.update_file_mode", Kind::Switch, "0", "1: only encrypted files are taken.")
        .not_used(PROVISIONING),
    row("static.auto_provision.encryption.config", Kind::Switch, "0", "1: local changes are encrypted when they are uploaded.")
        .not_used(PROVISIONING),
    row("static.auto_provision.reboot_force.enable", Kind::Switch, "0", "1: the phone restarts after each provisioning.")
        .not_used("changes act at once, without a restart"),
    row("static.auto_provision.attempt_expired_time", SECONDS, "5", "Seconds that one attempt to fetch a file gets.")
        .not_used(PROVISIONING),
    row("static.auto_provision.attempt_before_failed", Kind::Integer { min: 1, max: 100 }, "3", "Attempts to fetch a file.")
        .not_used(PROVISIONING),
    row("static.auto_provision.retry_delay_after_file_transfer_failed", SECONDS, "5", "Seconds between attempts.")
        .not_used(PROVISIONING),
    row("static.auto_provision.user_agent_mac.enable", Kind::Switch, "1", "1: the server is told the phone's address.")
        .not_used(PROVISIONING),
    row("static.auto_provision.config_version.com", text(256), "", "The version of the last common file.")
        .not_used("files are told apart by their digest"),
    row("static.auto_provision.config_version.mac", text(256), "", "The version of the last MAC file.")
        .not_used("files are told apart by their digest"),
    row("static.auto_provision.authentication.expired_time", SECONDS, "7200", "Seconds for which an HTTP log-in is remembered.")
        .not_used(PROVISIONING),
    dial_code("autoprovision.N.name"),
    dial_code("autoprovision.N.code"),
    dial_code("autoprovision.N.url"),
    dial_code("autoprovision.N.user"),
    dial_code("autoprovision.N.password").secret(),
    dial_code("autoprovision.N.com_aes").secret(),
    dial_code("autoprovision.N.mac_aes").secret(),
    row("overwrite_mode", Kind::Switch, "1", "1: a key that is blank or missing goes back to its default; 0: it keeps its value.")
        .in_file(HomeFile::Boot)
        .not_used(PROVISIONING),
    row("static.specific_model.excluded_mode", Kind::Switch, "0", "1: a model named in [ ] fetches its own lines only.")
        .in_file(HomeFile::Boot)
        .not_used(PROVISIONING),
    row("static.custom_mac_cfg.url", URL, "", "Another place for the MAC file.").not_used(PROVISIONING),
    row("static.firmware.url", URL, "", "New firmware.").not_used("sureline is a program: it has no firmware to load"),
    // What the host does.
    row(
        "static.network.internet_port.type",
        of(&[
            Choice { value: "0", label: "DHCP" },
            Choice { value: "1", label: "PPPoE" },
            Choice { value: "2", label: "Static IP" },
        ]),
        "0",
        "How the network port gets its address; 2 makes the name servers of the file count.",
    )
    .in_file(HomeFile::Mac),
    host("static.network.internet_port.ip", Kind::Address, "", "The address of the network port.").in_file(HomeFile::Mac),
    host("static.network.internet_port.mask", Kind::Address, "", "The netmask of the network port.").in_file(HomeFile::Mac),
    host("static.network.internet_port.gateway", Kind::Address, "", "The gateway of the network port.").in_file(HomeFile::Mac),
    host("static.network.vlan.internet_port_enable", Kind::Switch, "0", "Puts the network port into a VLAN."),
    host("static.network.vlan.internet_port_vid", Kind::Integer { min: 1, max: 4094 }, "1", "The number of the VLAN."),
    host("static.network.vlan.internet_port_priority", Kind::Integer { min: 0, max: 7 }, "0", "The priority in the VLAN."),
    host("static.syslog.enable", Kind::Switch, "0", "Sends the log to a syslog server."),
    host("static.syslog.server", Kind::Host, "", "The syslog server."),
    host("static.syslog.level", Kind::Integer { min: 0, max: 7 }, "3", "What is sent to it."),
    host("static.syslog.transport_type", Kind::Integer { min: 0, max: 2 }, "0", "How it is sent."),
    row("static.local_log.level", Kind::Integer { min: 0, max: 6 }, "3", "What is written to the log.")
        .not_used("the option --log says it"),
    host("local_time.ntp_server1", Kind::Host, "cn.pool.ntp.org", "Where the time comes from."),
    host("local_time.ntp_server2", Kind::Host, "", "Where the time comes from if the first is silent."),
    host("local_time.time_zone", text(16), "+8", "The time zone."),
    row("lang.gui", text(64), "English", "The language of the screen.").not_used("faces speak English"),
    row("lang.wui", text(64), "English", "The language of the web page.").not_used("faces speak English"),
];

const fn host(
    pattern: &'static str,
    kind: Kind,
    default: &'static str,
    effect: &'static str,
) -> Row {
    row(pattern, kind, default, effect).not_used(OPERATING_SYSTEM)
}

const fn dial_code(pattern: &'static str) -> Row {
    row(pattern, text(512), "", "Provisioning that starts when a code is dialled.")
        .n_to(50)
        .not_used(PROVISIONING)
}
