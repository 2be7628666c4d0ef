//! `GET /api/status` and `status --json`: what phones do now, as JSON spells it.

use serde::{Deserialize, Serialize};

use crate::call::CallStatus;

/// Everything that one process runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of the program that answers.
    pub version: String,
    /// Its phones, by MAC.
    pub phones: Vec<PhoneStatus>,
}

/// One phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneStatus {
    /// Twelve hexadecimal digits in lower case.
    pub mac: String,
    /// `SIP-T46G` and the like.
    pub model: String,
    /// 80, 81 …
    pub firmware: u16,
    /// `compat` or `fast`.
    pub profile: String,
    /// No account has a call, a ringing or a dialling.
    pub idle: bool,
    /// Every account that has settings, by number.
    pub accounts: Vec<AccountStatus>,
    /// Calls of all accounts.
    pub calls: Vec<CallStatus>,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its number, from 1.
    pub account: u8,
    /// The guide's word: Registered, Registering, Register Failed, Disabled.
    pub status: String,
    /// Its label.
    pub label: String,
    /// `1` or `2`: the server that requests go to.
    pub current_server: Option<String>,
    /// `proxy1` or `proxy2`, where proxies are enabled.
    pub current_proxy: Option<String>,
    /// `concurrent` or `successive`, where two servers are used.
    pub redundancy: Option<String>,
    /// Servers, or proxies where they are enabled.
    pub servers: Vec<ServerStatus>,
    /// What it will do, soonest first.
    pub next: Vec<NextStatus>,
    /// Subscriptions.
    pub subscriptions: Vec<serde_json::Value>,
    /// The last moves, newest last; see [`MoveLine`].
    pub last_moves: Vec<MoveLine>,
    /// Why the last pass failed, where nothing is held.
    pub reason: Option<String>,
}

/// One server or outbound proxy of an account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerStatus {
    /// `1`, `2`, `proxy1`, `proxy2`.
    pub server: String,
    /// The configured name or address.
    pub address: String,
    /// A 200 OK stands behind it and no request has been unanswered since.
    pub registered: bool,
    /// A lease stands, but a request got no answer from any next hop (A15).
    pub in_doubt: bool,
    /// The lease.
    pub lease: Option<LeaseStatus>,
    /// The next hop that last answered any request.
    pub last_used: Option<String>,
    /// 0 to 3.
    pub failback_mode: u8,
    /// Every next hop known, in this phone's order.
    pub next_hops: Vec<HopStatus>,
}

/// A lease.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeaseStatus {
    /// Who granted it.
    pub next_hop: String,
    /// Since when the registration is there: RFC 3339, UTC, seconds.
    pub since: String,
    /// Seconds that it still runs.
    pub expires_in_s: f64,
}

/// One next hop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HopStatus {
    /// `udp/192.0.2.1:5060`.
    pub next_hop: String,
    /// `primary` or `secondary`.
    pub role: String,
    /// `dns`, `static`, `literal` or `stale`.
    pub source: String,
    /// Seconds that its address record has left.
    pub ttl_left_s: Option<u64>,
    /// `unknown`, `up`, `suspect` or `down`.
    pub health: String,
    /// Why it is down.
    pub reason: Option<String>,
    /// Seconds since anything valid was heard from it.
    pub last_heard_s: Option<f64>,
    /// The last round trip measured.
    pub rtt_ms: Option<f64>,
    /// Seconds that it asked to be left alone.
    pub retry_after_s: Option<f64>,
}

/// Something that an account will do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NextStatus {
    /// In how many seconds.
    pub in_s: f64,
    /// `REGISTER`, `lease ends` and the like.
    pub what: String,
    /// To which next hop, where that is known.
    pub to: Option<String>,
    /// Why.
    pub why: String,
}

/// A move as the status remembers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MoveLine {
    /// The event that told it.
    pub seq: u64,
    /// `failover`, `fallback` or `failback`.
    pub event: String,
    /// When: RFC 3339, UTC, microseconds.
    pub at: String,
    /// The request that moved.
    pub method: String,
    /// From where.
    pub from: String,
    /// To where.
    pub to: String,
    /// Why.
    pub reason: String,
}

impl Status {
    /// The phone with this MAC, however it is written; without one the only phone there is.
    #[must_use]
    pub fn phone(&self, mac: Option<&str>) -> Option<&PhoneStatus> {
        match (mac, self.phones.as_slice()) {
            (Some(mac), phones) => {
                let wanted = bare_mac(mac);
                phones.iter().find(|phone| phone.mac == wanted)
            }
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// Whether every enabled account is registered, and there is one.
    #[must_use]
    pub fn all_registered(&self) -> bool {
        let mut enabled = self.phones.iter().flat_map(PhoneStatus::enabled).peekable();
        enabled.peek().is_some() && enabled.all(AccountStatus::is_registered)
    }
}

impl PhoneStatus {
    /// The accounts that are switched on.
    pub fn enabled(&self) -> impl Iterator<Item = &AccountStatus> {
        self.accounts.iter().filter(|account| account.status != "Disabled")
    }
}

impl AccountStatus {
    /// Whether a registration stands that nothing has put in doubt.
    #[must_use]
    pub fn is_registered(&self) -> bool {
        self.status == "Registered"
    }
}

/// A MAC without separators, in lower case.
pub(crate) fn bare_mac(mac: &str) -> String {
    mac.chars().filter(char::is_ascii_hexdigit).map(|c| c.to_ascii_lowercase()).collect()
}
