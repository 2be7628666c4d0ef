//! Account: who the user is, the two servers, the outbound proxies.

use super::{PORT, REGISTRATION, text};
use crate::choices::TransportType;
use crate::row::{HomeFile, Readers, Row, WebPage, When, row};
use crate::value::{INTEGER_MAX, Kind};

const REGISTER: WebPage = WebPage::AccountRegister;
const SERVER: &str = "SIP Server Y";
const PROXY: &str = "Outbound Proxy Server Y";
/// The guide says "String" alone; longer ones do not fit into a request.
const TEXT: u16 = 1024;
const PROXIES_ON: &[When] = &[When::Is("account.X.outbound_proxy_enable", &["1"])];

pub(super) const ROWS: &[Row] = &[
    row(
        "account.X.enable",
        Kind::Switch,
        "0",
        "Puts the account into service: only then does the phone register it and use its \
         line.",
    )
    .web(REGISTER, "", "Line Active")
    .phone("Activation")
    .in_file(HomeFile::Mac)
    .guide(REGISTRATION),
    row("account.X.label", text(TEXT), "", "The text beside the line key.")
        .web(REGISTER, "", "Label")
        .phone("Label")
        .in_file(HomeFile::Mac)
        .guide(REGISTRATION),
    row(
        "account.X.display_name",
        text(TEXT),
        "",
        "The name that others see as the caller: the display name of From.",
    )
    .web(REGISTER, "", "Display Name")
    .phone("Display Name")
    .in_file(HomeFile::Mac)
    .guide(REGISTRATION),
    row(
        "account.X.auth_name",
        text(TEXT),
        "",
        "The user name in digest credentials; while blank, user_name serves.",
    )
    .web(REGISTER, "", "Register Name")
    .phone("Register Name")
    .in_file(HomeFile::Mac)
    .guide(REGISTRATION),
    row(
        "account.X.user_name",
        text(TEXT),
        "",
        "The user part of the address that is registered; with an @ in it, the whole \
         address.",
    )
    .web(REGISTER, "", "User Name")
    .phone("User Name")
    .in_file(HomeFile::Mac)
    .guide(REGISTRATION),
    row("account.X.password", text(TEXT), "", "The password for digest authentication.")
        .web(REGISTER, "", "Password")
        .phone("Password")
        .secret()
        .in_file(HomeFile::Mac)
        .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.address",
        Kind::Host,
        "",
        "Where registrar Y is: an address, or a name that DNS may resolve to several next \
         hops. Blank: there is no server Y.",
    )
    .web(REGISTER, SERVER, "Server Host")
    .phone("SIP ServerY")
    .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.port",
        PORT,
        "5060",
        "The port of server Y. 0 takes it from DNS: SRV, and with transport 3 NAPTR \
         before it.",
    )
    .web(REGISTER, SERVER, "Port")
    .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.transport_type",
        Kind::Choice(TransportType::CHOICES),
        "0",
        "How server Y is talked to. With DNS-NAPTR and port 0 DNS chooses; with DNS-NAPTR \
         and any other port it is UDP. Each server has its own.",
    )
    .web(REGISTER, SERVER, "Transport")
    .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.expires",
        Kind::Integer { min: 30, max: INTEGER_MAX },
        "3600",
        "How many seconds a registration at server Y is asked to last.",
    )
    .web(REGISTER, SERVER, "Server Expires")
    .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.retry_counts",
        Kind::Integer { min: 0, max: 20 },
        "3",
        "How often a request that gets no answer is sent again before the next hop of \
         server Y is given up. INVITE has a count of its own from firmware 81.",
    )
    .web(REGISTER, SERVER, "Server Retry Counts")
    .guide(REGISTRATION),
    row(
        "account.X.sip_server.Y.outbound_proxy_enable",
        Kind::Switch,
        "0",
        "Written by templates for firmware 83; account.X.outbound_proxy_enable decides \
         here.",
    )
    .not_used("no text says what it does")
    .instead("account.X.outbound_proxy_enable"),
    row(
        "account.X.outbound_proxy_enable",
        Kind::Switch,
        "0",
        "Sends everything but requests inside a dialog through an outbound proxy. Server \
         2 is not used then.",
    )
    .web(REGISTER, "", "Enable Outbound Proxy Server")
    .phone("Outbound Status")
    .guide(REGISTRATION),
    row("account.X.outbound_host", Kind::Host, "", "Outbound proxy 1, as firmware 80 calls it.")
        .web(REGISTER, "", "Outbound Proxy Server 1")
        .phone("Outbound Proxy1")
        .stands_for(&[("account.X.outbound_proxy.Y.address", 1)])
        .read(Readers::To80)
        .instead("account.X.outbound_proxy.1.address")
        .when(PROXIES_ON)
        .guide(REGISTRATION),
    row(
        "account.X.outbound_port",
        PORT,
        "5060",
        "The port of outbound proxy 1, as firmware 80 calls it.",
    )
    .web(REGISTER, "Outbound Proxy Server 1", "Port")
    .stands_for(&[("account.X.outbound_proxy.Y.port", 1)])
    .read(Readers::To80)
    .instead("account.X.outbound_proxy.1.port")
    .when(PROXIES_ON)
    .guide(REGISTRATION),
    row(
        "account.X.backup_outbound_host",
        Kind::Host,
        "",
        "Outbound proxy 2, as firmware 80 calls it.",
    )
    .web(REGISTER, "", "Outbound Proxy Server 2")
    .phone("Outbound Proxy2")
    .stands_for(&[("account.X.outbound_proxy.Y.address", 2)])
    .read(Readers::To80)
    .instead("account.X.outbound_proxy.2.address")
    .when(PROXIES_ON)
    .guide(REGISTRATION),
    row(
        "account.X.backup_outbound_port",
        PORT,
        "5060",
        "The port of outbound proxy 2, as firmware 80 calls it.",
    )
    .web(REGISTER, "Outbound Proxy Server 2", "Port")
    .stands_for(&[("account.X.outbound_proxy.Y.port", 2)])
    .read(Readers::To80)
    .instead("account.X.outbound_proxy.2.port")
    .when(PROXIES_ON)
    .guide(REGISTRATION),
    row(
        "account.X.outbound_proxy.Y.address",
        Kind::Host,
        "",
        "Where outbound proxy Y is: an address, or a name that DNS may resolve to several \
         next hops.",
    )
    .web(REGISTER, "", "Outbound Proxy Server Y")
    .phone("Outbound ProxyY")
    .read(Readers::From81OrAndroid)
    .instead("account.X.outbound_host or account.X.backup_outbound_host")
    .when(PROXIES_ON)
    .guide(REGISTRATION),
    row(
        "account.X.outbound_proxy.Y.port",
        PORT,
        "5060",
        "The port of outbound proxy Y. 0 takes it from DNS.",
    )
    .web(REGISTER, PROXY, "Port")
    .read(Readers::From81OrAndroid)
    .instead("account.X.outbound_port or account.X.backup_outbound_port")
    .when(PROXIES_ON)
    .guide(REGISTRATION),
    // Names that firmware before the guide's used.
    row("account.X.sip_server_host", Kind::Host, "", "Server 1, as old firmware calls it.")
        .stands_for(&[("account.X.sip_server.Y.address", 1)])
        .read(Readers::To80)
        .instead("account.X.sip_server.1.address"),
    row(
        "account.X.sip_server_port",
        PORT,
        "5060",
        "The port of server 1, as old firmware calls it.",
    )
    .stands_for(&[("account.X.sip_server.Y.port", 1)])
    .read(Readers::To80)
    .instead("account.X.sip_server.1.port"),
    row(
        "account.X.transport",
        Kind::Choice(TransportType::CHOICES),
        "0",
        "The transport of both servers, as old firmware calls it.",
    )
    .stands_for(&[
        ("account.X.sip_server.Y.transport_type", 1),
        ("account.X.sip_server.Y.transport_type", 2),
    ])
    .read(Readers::To80)
    .instead("account.X.sip_server.1.transport_type"),
    row(
        "account.X.expires",
        Kind::Integer { min: 30, max: INTEGER_MAX },
        "3600",
        "The registration time at server 1, as old firmware calls it.",
    )
    .stands_for(&[("account.X.sip_server.Y.expires", 1)])
    .read(Readers::To80)
    .instead("account.X.sip_server.1.expires"),
];
