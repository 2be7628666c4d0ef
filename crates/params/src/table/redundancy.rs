//! Fallback between server 1 and 2, failover between the next hops of one server, our own keys.

use super::{ACCOUNT_ADVANCED, SIP_PAGE, SUBSCRIPTIONS, of};
use crate::choices::{
    FailbackMode, FallbackAt, IcmpScope, Liveness, Profile, Redundancy, SrvWeight, Strangers,
};
use crate::row::{Readers, Row, When, row};
use crate::value::{Between, INTEGER_MAX, Kind};

const FALLBACK: &str = "Fallback";
const FAILOVER: &str = "SIP Server Y failover";
const PROXY: &str = "Outbound Proxy Server Y failover";
const OURS: &str = "sureline";

const FALLBACK_MODE: &str = "Fallback Mode";
const FAILOVER_MODE: &str = "Failover Mode";

const PROXIES_OFF: When = When::Is("account.X.outbound_proxy_enable", &["0"]);
const PROXIES_ON: When = When::Is("account.X.outbound_proxy_enable", &["1"]);
const SUCCESSIVE: When = When::Is("account.X.fallback.redundancy_type", &["1"]);
const SERVER_2: When = When::Set("account.X.sip_server.2.address");
const SERVER_IS_NAME: When = When::Name("account.X.sip_server.Y.address");
const PROXY_IS_NAME: When = When::Name("account.X.outbound_proxy.Y.address");
const FAILBACK_WAITS: When = When::Is("account.X.sip_server.Y.failback_mode", &["1", "2", "3"]);
const PROBED: &[When] = &[When::Is("account.X.sureline.liveness", &["options", "crlf"])];
const ADAPTIVE: &[When] = &[When::Is("account.X.sureline.adaptive_budget", &["1"])];

const RETRIES: Kind = Kind::Integer { min: 0, max: 20 };
const INVITE_RETRIES: Kind = Kind::Integer { min: 1, max: 10 };
const TIMEOUT: Kind = Kind::ZeroOr { min: 60, max: 65535, between: Between::CountsAsLeast };
const MODE: Kind = of(FailbackMode::CHOICES);

pub(super) const ROWS: &[Row] = &[
    row(
        "account.X.fallback.redundancy_type",
        of(Redundancy::CHOICES),
        "0",
        "Whether the phone registers at server 1 and server 2 at the same time, or at \
         server 2 only while server 1 fails.",
    )
    .when(&[SERVER_2, PROXIES_OFF])
    .our_web(ACCOUNT_ADVANCED, FALLBACK, "Registration Mode")
    .guide(FALLBACK_MODE),
    row(
        "account.X.fallback.timeout",
        Kind::Integer { min: 10, max: INTEGER_MAX },
        "120",
        "While the phone is on server 2: seconds from one REGISTER that looks whether \
         server 1 is back to the next.",
    )
    .when(&[SERVER_2, SUCCESSIVE, PROXIES_OFF])
    .our_web(ACCOUNT_ADVANCED, FALLBACK, "Fallback Timeout")
    .guide(FALLBACK_MODE),
    row(
        "account.X.outbound_proxy_fallback_interval",
        Kind::Integer { min: 0, max: INTEGER_MAX },
        "3600",
        "While the phone is on outbound proxy 2: seconds from one REGISTER that looks \
         whether proxy 1 is back to the next. 0: never.",
    )
    .when(&[PROXIES_ON])
    .web(crate::row::WebPage::AccountRegister, "", "Proxy Fallback Interval")
    .phone("Proxy Fallback Interval")
    .guide(FALLBACK_MODE),
    row(
        "account.X.redundancy_with_reg_fail.enable",
        Kind::Switch,
        "0",
        "Moves to server 2 also where server 1 answers REGISTER with a final failure; 0: \
         only where it is silent or unavailable.",
    )
    .when(&[SERVER_2, SUCCESSIVE, PROXIES_OFF])
    .our_web(ACCOUNT_ADVANCED, FALLBACK, "Fall Back on Failed Registration"),
    row(
        "account.X.sip_server.Y.register_on_enable",
        Kind::Switch,
        "0",
        "1: the phone registers at a secondary before it sends another request there. 0: \
         it sends at once, since the servers are taken to share their registrations.",
    )
    .when(&[SERVER_IS_NAME])
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "Register On Enable")
    .guide(FAILOVER_MODE),
    row(
        "account.X.sip_server.Y.only_signal_with_registered",
        Kind::Switch,
        "0",
        "1: requests go to the next hop that holds the registration and to no other; \
         where it fails, the registration moves first.",
    )
    .when(&[SERVER_IS_NAME])
    .read(Readers::From81)
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "Only Signal With Registered")
    .guide(FAILOVER_MODE),
    row(
        "account.X.sip_server.Y.invite_retry_counts",
        INVITE_RETRIES,
        "3",
        "How often an INVITE that gets no answer is sent again before the next hop is \
         given up; firmware 80 takes retry_counts for it.",
    )
    .read(Readers::From81)
    .instead("account.X.sip_server.Y.retry_counts")
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "INVITE Retry Counts")
    .guide(FAILOVER_MODE),
    row(
        "account.X.sip_server.Y.failback_mode",
        MODE,
        "0",
        "When requests go to the primary again after a failover: with each new request, \
         when the TTL of the current next hop has run, with the next refresh, or after \
         failback_timeout. Modes 1 to 3 wait until the phone is idle.",
    )
    .when(&[SERVER_IS_NAME])
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "Failback Mode")
    .guide(FAILOVER_MODE),
    row(
        "account.X.sip_server.Y.failback_timeout",
        TIMEOUT,
        "3600",
        "Seconds from a failover until the primary is tried again; 1 to 59 count as 60. \
         0: not before the current next hop fails.",
    )
    .when(&[SERVER_IS_NAME, When::Is("account.X.sip_server.Y.failback_mode", &["3"])])
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "Failback Timeout")
    .guide(FAILOVER_MODE),
    row(
        "account.X.sip_server.Y.failback_subscribe.enable",
        Kind::Switch,
        "0",
        "1: after registering at another IP address the phone makes all subscriptions \
         anew at once, so that BLF and shared lines go on. 0: each at its next refresh.",
    )
    .when(&[SERVER_IS_NAME, FAILBACK_WAITS])
    .read(Readers::From81)
    .our_web(ACCOUNT_ADVANCED, FAILOVER, "Failback Subscribe")
    .guide(FAILOVER_MODE)
    .not_used(SUBSCRIPTIONS),
    row(
        "account.X.outbound_proxy.Y.register_on_enable",
        Kind::MinusOneOr(&Kind::Switch),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON, PROXY_IS_NAME])
    .our_web(ACCOUNT_ADVANCED, PROXY, "Register On Enable"),
    row(
        "account.X.outbound_proxy.Y.retry_counts",
        Kind::MinusOneOr(&RETRIES),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON])
    .our_web(ACCOUNT_ADVANCED, PROXY, "Retry Counts"),
    row(
        "account.X.outbound_proxy.Y.only_signal_with_registered",
        Kind::MinusOneOr(&Kind::Switch),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON, PROXY_IS_NAME])
    .read(Readers::From81)
    .our_web(ACCOUNT_ADVANCED, PROXY, "Only Signal With Registered"),
    row(
        "account.X.outbound_proxy.Y.invite_retry_counts",
        Kind::MinusOneOr(&INVITE_RETRIES),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON])
    .read(Readers::From81)
    .our_web(ACCOUNT_ADVANCED, PROXY, "INVITE Retry Counts"),
    row(
        "account.X.outbound_proxy.Y.failback_mode",
        Kind::MinusOneOr(&MODE),
        "-1",
        "As the key of sip_server.Y, among the next hops of outbound proxy Y and never \
         between proxies; -1 takes its value.",
    )
    .when(&[PROXIES_ON, PROXY_IS_NAME])
    .our_web(ACCOUNT_ADVANCED, PROXY, "Failback Mode"),
    row(
        "account.X.outbound_proxy.Y.failback_timeout",
        Kind::MinusOneOr(&TIMEOUT),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON, PROXY_IS_NAME])
    .our_web(ACCOUNT_ADVANCED, PROXY, "Failback Timeout"),
    row(
        "account.X.outbound_proxy.Y.failback_subscribe.enable",
        Kind::MinusOneOr(&Kind::Switch),
        "-1",
        "As the key of sip_server.Y, for the next hops of outbound proxy Y; -1 takes its \
         value.",
    )
    .when(&[PROXIES_ON, PROXY_IS_NAME])
    .read(Readers::From81)
    .our_web(ACCOUNT_ADVANCED, PROXY, "Failback Subscribe")
    .not_used(SUBSCRIPTIONS),
    row(
        "sip.skip_redundant_failover_addr",
        Kind::Switch,
        "0",
        "1: a pass asks each IP address once, whatever its port and transport; 0: once \
         for each address, port and transport.",
    )
    .vendor("1")
    .our_web(SIP_PAGE, "", "Skip Redundant Failover Address"),
    // Keys that lack the level of the server: old templates write them, no firmware reads them.
    row("account.X.retry_counts", RETRIES, "3", "Lacks the server: sip_server.Y is missing in it.")
        .never_read(Some("account.X.sip_server.1.retry_counts")),
    row("account.X.failback_mode", MODE, "0", "Lacks the server: sip_server.Y is missing in it.")
        .never_read(Some("account.X.sip_server.1.failback_mode")),
    row(
        "account.X.failback_timeout",
        TIMEOUT,
        "3600",
        "Lacks the server: sip_server.Y is missing in it.",
    )
    .never_read(Some("account.X.sip_server.1.failback_timeout")),
    row(
        "account.X.reregister_enable",
        Kind::Switch,
        "0",
        "Registration anew after a failover, as old firmware calls it.",
    )
    .never_read(Some("account.X.sip_server.1.register_on_enable")),
    // Ours: behaviour.md §8.
    row(
        "sureline.profile",
        of(Profile::CHOICES),
        "compat",
        "Which defaults the other sureline keys have: those of the guide, or those for a \
         new deployment. A key that is set wins over the profile.",
    )
    .our_web(SIP_PAGE, OURS, "Profile")
    .ours(),
    row(
        "sureline.srv_weight",
        of(SrvWeight::CHOICES),
        "guide",
        "The order of SRV records of one priority: the heaviest first, as the guide says, \
         or by the weighted die of RFC 2782.",
    )
    .our_web(SIP_PAGE, OURS, "SRV Weight")
    .ours(),
    row(
        "sureline.strangers",
        of(Strangers::CHOICES),
        "drop",
        "What a request gets that comes from none of the servers of an account.",
    )
    .when(&[When::Is("sip.trust_ctrl", &["1"])])
    .our_web(SIP_PAGE, OURS, "Strangers")
    .ours(),
    row(
        "sureline.udp_to_tcp",
        Kind::Switch,
        "0",
        "1: requests over 1,300 bytes go by TCP, as RFC 3261 §18.1.1 wants; 0: they stay \
         on UDP in fragments, since a server without TCP would look dead.",
    )
    .our_web(SIP_PAGE, OURS, "Long Requests By TCP")
    .ours(),
    row(
        "sureline.icmp",
        of(IcmpScope::CHOICES),
        "shared",
        "Whether an ICMP error ends all attempts that wait at that next hop, or only the \
         one that it quotes.",
    )
    .our_web(SIP_PAGE, OURS, "ICMP Errors")
    .ours(),
    row(
        "account.X.sureline.failover_codes",
        Kind::FailoverCodes,
        "",
        "Final answers that count as the failure of a next hop, besides 503.",
    )
    .our_web(ACCOUNT_ADVANCED, OURS, "Failover Codes")
    .ours(),
    row(
        "account.X.sureline.liveness",
        of(Liveness::CHOICES),
        "off",
        "How the registered next hop is probed while the phone is idle.",
    )
    .fast("options")
    .our_web(ACCOUNT_ADVANCED, OURS, "Liveness")
    .ours(),
    row(
        "account.X.sureline.liveness_period_s",
        Kind::Integer { min: 1, max: 3600 },
        "15",
        "Seconds between probes.",
    )
    .when(PROBED)
    .our_web(ACCOUNT_ADVANCED, OURS, "Liveness Period")
    .ours(),
    row(
        "account.X.sureline.liveness_misses",
        Kind::Integer { min: 1, max: 10 },
        "2",
        "Unanswered probes until the next hop counts as down.",
    )
    .when(PROBED)
    .our_web(ACCOUNT_ADVANCED, OURS, "Liveness Misses")
    .ours(),
    row(
        "account.X.sureline.adaptive_budget",
        Kind::Switch,
        "0",
        "1: how long a silent next hop is given follows measured round trips in place of \
         T1.",
    )
    .fast("1")
    .our_web(ACCOUNT_ADVANCED, OURS, "Adaptive Budget")
    .ours(),
    row(
        "account.X.sureline.adaptive_floor_ms",
        Kind::Integer { min: 50, max: 5000 },
        "250",
        "The least first interval of an adaptive budget, in milliseconds.",
    )
    .when(ADAPTIVE)
    .our_web(ACCOUNT_ADVANCED, OURS, "Adaptive Floor")
    .ours(),
    row(
        "account.X.sureline.adaptive_retries",
        Kind::Integer { min: 0, max: 10 },
        "2",
        "How often a request is sent again within an adaptive budget.",
    )
    .when(ADAPTIVE)
    .our_web(ACCOUNT_ADVANCED, OURS, "Adaptive Retries")
    .ours(),
    row(
        "account.X.sureline.fallback_at",
        of(FallbackAt::CHOICES),
        "lease_end",
        "When successive registration goes to server 2: when the registration at server 1 \
         has run out, or as soon as server 1 is given up.",
    )
    .fast("now")
    .when(&[SERVER_2, SUCCESSIVE, PROXIES_OFF])
    .our_web(ACCOUNT_ADVANCED, OURS, "Fallback At")
    .ours(),
    row(
        "account.X.sureline.failback_good_probes",
        Kind::Integer { min: 1, max: 10 },
        "1",
        "How many probes in a row must be answered before the phone goes up again.",
    )
    .fast("2")
    .our_web(ACCOUNT_ADVANCED, OURS, "Good Probes Before Failback")
    .ours(),
    row(
        "account.X.sureline.sticky_new_requests",
        Kind::Switch,
        "0",
        "1: failback mode 0 remembers a dead primary until it answers a probe, so that \
         calls do not wait for it.",
    )
    .fast("1")
    .our_web(ACCOUNT_ADVANCED, OURS, "Sticky New Requests")
    .ours(),
];
