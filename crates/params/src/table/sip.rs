//! Registration in time, timers, ports, trust, headers.

use super::{ACCOUNT_ADVANCED, CALLS, SIP_PAGE, SUBSCRIPTIONS, of, text};
use crate::choices::{KeepAlive, ListenMode, NatTraversal, NotifyReboot};
use crate::row::{Row, WebPage, When, row};
use crate::value::{Between, INTEGER_MAX, Kind};

const REGISTRATION: &str = "Registration";
const NAT: &str = "NAT";
const SECONDS: Kind = Kind::Integer { min: 0, max: INTEGER_MAX };
const OVERLAP: Kind = Kind::MinusOneOr(&Kind::Integer { min: 1, max: INTEGER_MAX });
const HEADERS: &str = "it changes a header that this phone does not send";
const STUN: &[When] = &[When::Is("sip.nat_stun.enable", &["1"])];

pub(super) const ROWS: &[Row] = &[
    row(
        "account.X.reg_fail_retry_interval",
        Kind::Integer { min: 0, max: 1800 },
        "30",
        "Seconds from one pass of failed registrations to the next, less a random fifth \
         at the most; 0 counts as 1.",
    )
    .when(&[
        When::Is("account.X.reg_failed_retry_min_time", &["0"]),
        When::Is("account.X.reg_failed_retry_max_time", &["0"]),
    ])
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Retry Interval"),
    row(
        "account.X.reg_failed_retry_min_time",
        SECONDS,
        "0",
        "The base of the growing pauses of RFC 5626 between failed registrations, in \
         seconds. 0 beside a maximum counts as 30; both 0: the pauses do not grow.",
    )
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Retry Base Time"),
    row(
        "account.X.reg_failed_retry_max_time",
        SECONDS,
        "0",
        "The longest of the growing pauses of RFC 5626, in seconds. 0 beside a base \
         counts as 1800; both 0: the pauses do not grow.",
    )
    .vendor("60")
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Retry Maximum Time"),
    row(
        "account.X.register_expires_overlap",
        OVERLAP,
        "-1",
        "How many seconds before its end a registration is refreshed; -1: by the length \
         of the registration and of a pass over all servers.",
    )
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Register Overlap"),
    row("account.X.subscribe_expires_overlap", OVERLAP, "-1", "The same for subscriptions.")
        .not_used(SUBSCRIPTIONS)
        .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Subscribe Overlap"),
    row(
        "account.X.sub_fail_retry_interval",
        SECONDS,
        "30",
        "Seconds until a subscription that failed is tried again.",
    )
    .not_used(SUBSCRIPTIONS)
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Subscribe Retry Interval"),
    row(
        "account.X.unregister_on_reboot",
        Kind::Switch,
        "0",
        "1: after a start the phone removes what is registered for its address before it \
         registers.",
    )
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Unregister On Reboot"),
    row(
        "account.X.subscribe_register",
        Kind::Switch,
        "0",
        "1: the phone subscribes to the state of its registration, so that the server can \
         end it.",
    )
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.register_mac",
        Kind::Switch,
        "0",
        "1: REGISTER has a Mac header with the phone's address.",
    )
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Register MAC"),
    row(
        "account.X.register_line",
        Kind::Switch,
        "0",
        "1: REGISTER has a Line header with the account's number.",
    )
    .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Register Line"),
    row(
        "sip.reg_surge_prevention",
        Kind::Integer { min: 0, max: 60 },
        "0",
        "After a start the first REGISTER waits a random time of up to this many seconds, \
         so that a fleet does not come all at once.",
    )
    .our_web(SIP_PAGE, REGISTRATION, "Surge Prevention"),
    row("account.X.custom_ua", text(256), "", "The User-Agent header; blank: the phone's own.")
        .our_web(ACCOUNT_ADVANCED, REGISTRATION, "User Agent"),
    row("account.X.proxy_require", text(256), "", "The Proxy-Require header; blank: none.")
        .our_web(ACCOUNT_ADVANCED, REGISTRATION, "Proxy Require"),
    row(
        "account.X.sip_server_type",
        of(&[
            crate::Choice { value: "0", label: "Default" },
            crate::Choice { value: "2", label: "BroadSoft" },
            crate::Choice { value: "4", label: "Cosmocom" },
            crate::Choice { value: "6", label: "UCAP" },
        ]),
        "0",
        "The make of the server.",
    )
    .not_used("this phone speaks plain SIP to every server"),
    row(
        "sip.timer_t1",
        Kind::Decimal { min: 500, max: 10_000 },
        "0.5",
        "T1 of RFC 3261 in seconds: the first pause between retransmissions.",
    )
    .our_web(SIP_PAGE, "Timers", "T1"),
    row(
        "sip.timer_t2",
        Kind::Decimal { min: 2000, max: 40_000 },
        "4",
        "T2 of RFC 3261 in seconds: the longest pause between retransmissions.",
    )
    .our_web(SIP_PAGE, "Timers", "T2"),
    row(
        "sip.timer_t4",
        Kind::Decimal { min: 2500, max: 60_000 },
        "5",
        "T4 of RFC 3261 in seconds: how long a message may wander in the network.",
    )
    .our_web(SIP_PAGE, "Timers", "T4")
    .not_used("T4 is the 5 seconds of RFC 3261"),
    row(
        "account.X.advanced.timer_t1",
        Kind::Decimal { min: 500, max: 10_000 },
        "0.5",
        "T1 in old firmware.",
    )
    .never_read(Some("sip.timer_t1")),
    row(
        "account.X.advanced.timer_t2",
        Kind::Decimal { min: 2000, max: 40_000 },
        "4",
        "T2 in old firmware.",
    )
    .never_read(Some("sip.timer_t2")),
    row(
        "account.X.advanced.timer_t4",
        Kind::Decimal { min: 2500, max: 60_000 },
        "5",
        "T4 in old firmware.",
    )
    .never_read(Some("sip.timer_t4")),
    row(
        "sip.listen_port",
        Kind::Integer { min: 1024, max: 65535 },
        "5060",
        "The phone's own port for UDP and TCP.",
    )
    .our_web(SIP_PAGE, "Ports", "Local SIP Port"),
    row(
        "sip.tls_listen_port",
        Kind::ZeroOr { min: 1024, max: 65535, between: Between::Refused },
        "5061",
        "The phone's own port for TLS; 0: any. It differs from sip.listen_port.",
    )
    .our_web(SIP_PAGE, "Ports", "Local TLS Port")
    .not_used("the phone takes TLS on the connections it opens alone"),
    row("sip.listen_mode", of(ListenMode::CHOICES), "0", "On which transports the phone listens.")
        .not_used("the phone listens on UDP and TCP, and takes TLS on the connections it opens"),
    row(
        "sip.tcp_port_random_mode",
        Kind::Integer { min: 0, max: 2 },
        "0",
        "Which port TCP connections come from.",
    )
    .not_used("the operating system chooses the ports of outgoing connections"),
    row(
        "account.X.sip_listen_port",
        Kind::Integer { min: 1024, max: 65535 },
        "5060",
        "The phone's own port in old firmware.",
    )
    .never_read(Some("sip.listen_port")),
    row(
        "sip.trust_ctrl",
        Kind::Switch,
        "1",
        "1: requests are taken from the servers of an account alone, whichever of their \
         next hops they come from.",
    )
    .vendor("0")
    .our_web(SIP_PAGE, "Trust", "Trust Control"),
    row(
        "account.X.sip_trust_ctrl",
        Kind::Switch,
        "0",
        "1: the same for one account, where sip.trust_ctrl is 0.",
    )
    .when(&[When::Is("sip.trust_ctrl", &["0"])])
    .our_web(ACCOUNT_ADVANCED, "Trust", "Trust Control"),
    row(
        "sip.notify_reboot_enable",
        of(NotifyReboot::CHOICES),
        "0",
        "What a check-sync notification of a trusted server does: 0 provisions, and \
         restarts if it says reboot=true; 1 restarts; 2 does nothing.",
    )
    .vendor("1")
    .not_used("it concerns notifications, which this phone does not act on"),
    row(
        "sip.use_out_bound_in_dialog",
        Kind::Switch,
        "0",
        "Sends requests inside a dialog to the outbound proxy.",
    )
    .not_used("requests inside a dialog follow its route set, as RFC 3261 §12.2.1.1 says"),
    row(
        "sip.reliable_protocol.timerae.enable",
        Kind::Switch,
        "0",
        "Retransmits on TCP and TLS as well.",
    )
    .not_used("RFC 3261 §17.1 forbids it"),
    row(
        "sip.unreg_with_socket_close",
        Kind::Switch,
        "0",
        "Takes the end of a connection for the end of a registration.",
    )
    .not_used("a connection that closes is a reason to register anew"),
    row(
        "sip.requesturi.e164.addglobalprefix",
        Kind::Switch,
        "0",
        "Puts + before numbers in request URIs.",
    )
    .not_used(CALLS),
    row(
        "sip.mac_in_ua",
        Kind::Integer { min: 0, max: 2 },
        "0",
        "Adds the phone's address to User-Agent.",
    )
    .not_used(HEADERS),
    row(
        "sip.send_keepalive_by_socket",
        Kind::Switch,
        "1",
        "Sends keep-alives from the port of SIP.",
    )
    .not_used("keep-alives come from the port of SIP always"),
    row(
        "account.X.nat.nat_traversal",
        of(NatTraversal::CHOICES),
        "0",
        "Learns the phone's outside address from STUN.",
    )
    .web(WebPage::AccountRegister, "", "NAT")
    .phone("NAT Status")
    .not_used(CALLS),
    row(
        "account.X.nat.udp_update_enable",
        of(KeepAlive::CHOICES),
        "1",
        "What is sent to the current next hop now and then so that a NAT keeps its door open; \
         the empty datagram only where NAT traversal or RPort is on.",
    )
    .our_web(ACCOUNT_ADVANCED, NAT, "Keep Alive Type"),
    row(
        "account.X.nat.udp_update_time",
        Kind::Integer { min: 15, max: INTEGER_MAX },
        "30",
        "Seconds between keep-alives.",
    )
    .when(&[When::Is("account.X.nat.udp_update_enable", &["1", "2", "3"])])
    .our_web(ACCOUNT_ADVANCED, NAT, "Keep Alive Interval"),
    row(
        "account.X.nat.rport",
        Kind::Switch,
        "0",
        "1: Via asks for the port that a NAT gave (RFC 3581).",
    )
    .our_web(ACCOUNT_ADVANCED, NAT, "RPort"),
    row(
        "sip.nat_stun.enable",
        Kind::Switch,
        "0",
        "1: a STUN server is asked for the phone's outside address.",
    )
    .our_web(SIP_PAGE, NAT, "STUN")
    .not_used(CALLS),
    row("sip.nat_stun.server", Kind::Host, "", "The STUN server.")
        .when(STUN)
        .our_web(SIP_PAGE, NAT, "STUN Server")
        .not_used(CALLS),
    row(
        "sip.nat_stun.port",
        Kind::Integer { min: 1024, max: 65000 },
        "3478",
        "The port of the STUN server.",
    )
    .when(STUN)
    .our_web(SIP_PAGE, NAT, "STUN Port")
    .not_used(CALLS),
    row(
        "account.X.insert_outbound_in_route.enable",
        Kind::Switch,
        "0",
        "Adds a Route header for the outbound proxy.",
    )
    .not_used("requests through an outbound proxy have a Route header always"),
    row(
        "account.X.third_part_request_with_route.enable",
        Kind::Switch,
        "0",
        "Adds a Route header to third-party requests.",
    )
    .not_used("this phone sends no third-party requests"),
    row("account.X.path.enable", Kind::Switch, "0", "Offers Path (RFC 3327).")
        .not_used("Path is offered always: it costs nothing where nobody uses it"),
    row("account.X.gruu.enable", Kind::Switch, "0", "Asks for a GRUU (RFC 5627).")
        .not_used(HEADERS),
    row("account.X.call_id_mode", Kind::Switch, "0", "The form of Call-ID.")
        .not_used("a Call-ID is random and names no address"),
    row("sip.tls_cipher_list", text(1024), "", "The TLS cipher suites, in OpenSSL's words.")
        .not_used("only safe suites are offered, and all of them"),
];
