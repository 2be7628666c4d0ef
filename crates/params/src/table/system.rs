//! Network, security, and what belongs to a device on a desk.

use super::{CALLS, NO_DEVICE, OPERATING_SYSTEM, PORT, SIP_PAGE, URL, WEB, WEB_USERS, of, text};
use crate::choices::{CaList, Choice};
use crate::row::{HomeFile, Row, When, row};
use crate::value::Kind;

const DSCP: Kind = Kind::Integer { min: 0, max: 63 };
const TLS: &str = "TLS";

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
        "Which authorities are trusted: those of the system, those of \
         static.trusted_certificates.url, or both.",
    )
    .when(&[When::Is("static.security.trust_certificates", &["1"])])
    .our_web(SIP_PAGE, TLS, "CA Certificates"),
    row(
        "static.trusted_certificates.url",
        URL,
        "",
        "Where the certificates of further authorities lie, in PEM: a file or a URL.",
    )
    .our_web(SIP_PAGE, TLS, "Trusted Certificates"),
    row("static.trusted_certificates.delete", URL, "", "Forgets uploaded certificates.")
        .not_used("certificates are read where they lie, none is kept"),
    row("static.security.dev_cert", Kind::Switch, "0", "Which certificate the phone shows.")
        .not_used("this phone has no built-in certificate"),
    row(
        "static.security.default_ssl_method",
        Kind::Integer { min: 0, max: 5 },
        "3",
        "The TLS version.",
    )
    .not_used("TLS 1.2 and 1.3 are spoken, nothing older"),
    row("static.network.qos.signaltos", DSCP, "26", "The DSCP mark of SIP packets.")
        .our_web(SIP_PAGE, "QoS", "SIP")
        .not_used("packets go unmarked, unless the operating system marks them"),
    row("static.network.qos.rtptos", DSCP, "46", "The DSCP mark of audio packets.")
        .our_web(SIP_PAGE, "QoS", "Voice")
        .not_used(CALLS),
    row("static.network.port.min_rtpport", PORT, "11780", "The first port for audio.")
        .our_web(SIP_PAGE, "Ports", "Min RTP Port")
        .not_used(CALLS),
    row(
        "static.network.port.max_rtpport",
        PORT,
        "12780",
        "The last port for audio; it lies above the first.",
    )
    .our_web(SIP_PAGE, "Ports", "Max RTP Port")
    .not_used(CALLS),
    row("static.wui.http_enable", Kind::Switch, "1", "Serves the web page by HTTP.").not_used(WEB),
    row("static.wui.https_enable", Kind::Switch, "1", "Serves the web page by HTTPS.")
        .not_used(WEB),
    row(
        "static.network.port.http",
        Kind::Integer { min: 1, max: 65535 },
        "80",
        "The port of the web page by HTTP.",
    )
    .not_used(WEB),
    row(
        "static.network.port.https",
        Kind::Integer { min: 1, max: 65535 },
        "443",
        "The port of the web page by HTTPS.",
    )
    .not_used(WEB),
    row(
        "features.relog_offtime",
        Kind::Integer { min: 1, max: 1000 },
        "5",
        "Minutes after which the web page logs out.",
    )
    .not_used(WEB_USERS),
    row("static.security.user_name.user", text(99), "user", "The name of the lowest web user.")
        .not_used(WEB_USERS),
    row("static.security.user_name.admin", text(99), "admin", "The name of the administrator.")
        .not_used(WEB_USERS),
    row("static.security.user_name.var", text(99), "var", "The name of the reseller's web user.")
        .not_used(WEB_USERS),
    row(
        "static.security.user_password",
        text(256),
        "",
        "The password of a web user, admin or user, as name:password; one line for each \
         user, all of which count. One that was changed on the page since stays.",
    )
    .secret()
    .repeated(),
    row("static.security.var_enable", Kind::Switch, "0", "Tells three kinds of web users apart.")
        .not_used(WEB_USERS),
    row("static.web_item_level.url", URL, "", "Which web user sees what.").not_used(WEB_USERS),
    row("features.action_uri_limit_ip", text(512), "", "Who may control the phone by action URI.")
        .not_used("this phone has no action URIs: its control API has a token"),
    row("push_xml.server", text(512), "", "Who may push XML to the screen.").not_used(NO_DEVICE),
    // What the host does.
    row(
        "static.network.internet_port.type",
        of(&[
            Choice { value: "0", label: "DHCP" },
            Choice { value: "1", label: "PPPoE" },
            Choice { value: "2", label: "Static IP" },
        ]),
        "0",
        "How the network port gets its address; 2 makes the name servers of the file \
         count.",
    )
    .in_file(HomeFile::Mac),
    host("static.network.internet_port.ip", Kind::Address, "", "The address of the network port.")
        .in_file(HomeFile::Mac),
    host(
        "static.network.internet_port.mask",
        Kind::Address,
        "",
        "The netmask of the network port.",
    )
    .in_file(HomeFile::Mac),
    host(
        "static.network.internet_port.gateway",
        Kind::Address,
        "",
        "The gateway of the network port.",
    )
    .in_file(HomeFile::Mac),
    host(
        "static.network.vlan.internet_port_enable",
        Kind::Switch,
        "0",
        "Puts the network port into a VLAN.",
    ),
    host(
        "static.network.vlan.internet_port_vid",
        Kind::Integer { min: 1, max: 4094 },
        "1",
        "The number of the VLAN.",
    ),
    host(
        "static.network.vlan.internet_port_priority",
        Kind::Integer { min: 0, max: 7 },
        "0",
        "The priority in the VLAN.",
    ),
    host("static.syslog.enable", Kind::Switch, "0", "Sends the log to a syslog server."),
    host("static.syslog.server", Kind::Host, "", "The syslog server."),
    host("static.syslog.level", Kind::Integer { min: 0, max: 7 }, "3", "What is sent to it."),
    host("static.syslog.transport_type", Kind::Integer { min: 0, max: 2 }, "0", "How it is sent."),
    row(
        "static.local_log.level",
        Kind::Integer { min: 0, max: 6 },
        "3",
        "What is written to the log.",
    )
    .not_used("the option --log says it"),
    host("local_time.ntp_server1", Kind::Host, "cn.pool.ntp.org", "Where the time comes from."),
    host(
        "local_time.ntp_server2",
        Kind::Host,
        "",
        "Where the time comes from if the first is silent.",
    ),
    host("local_time.time_zone", text(16), "+8", "The time zone."),
    row("lang.gui", text(64), "English", "The language of the screen.")
        .not_used("faces speak English"),
    row("lang.wui", text(64), "English", "The language of the web page.")
        .not_used("faces speak English"),
];

const fn host(
    pattern: &'static str,
    kind: Kind,
    default: &'static str,
    effect: &'static str,
) -> Row {
    row(pattern, kind, default, effect).not_used(OPERATING_SYSTEM)
}
