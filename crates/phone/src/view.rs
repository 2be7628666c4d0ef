//! What can be seen of an endpoint at one instant: plain data for status, page and terminal.

use std::time::Duration;

use params::{Firmware, Mac, Model};

use crate::call::{CallId, CallState, Direction};
use crate::event::{HealthState, HopName, Place, Why};

/// One phone.
#[derive(Clone, Debug)]
pub struct PhoneView {
    /// Its address.
    pub mac: Mac,
    /// Its model.
    pub model: Model,
    /// Its firmware.
    pub firmware: Firmware,
    /// `compat` or `fast`.
    pub profile: &'static str,
    /// No account has a call, a ringing or a dialling.
    pub idle: bool,
    /// Enabled and disabled accounts that have settings, in order.
    pub accounts: Vec<AccountView>,
    /// The calls of all accounts.
    pub calls: Vec<CallView>,
}

/// A call that its user has to do with.
#[derive(Clone, Debug)]
pub struct CallView {
    /// Its number.
    pub id: CallId,
    /// Its account.
    pub account: u8,
    /// Who began it.
    pub direction: Direction,
    /// What it is doing.
    pub state: CallState,
    /// Whom it is with.
    pub peer: String,
    /// Through which next hop.
    pub next_hop: Option<HopName>,
    /// How long it has been up, or has been dialled or ringing.
    pub held_for: Duration,
}

/// The word that the web page shows for an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RegisterStatus {
    /// A 200 OK stands behind it and no request has been unanswered since.
    Registered,
    /// Nothing is held yet and nothing has failed.
    Registering,
    /// Nothing is held, or only a lease in doubt, and the last pass failed.
    RegisterFailed,
    /// The account is not enabled.
    Disabled,
}

impl RegisterStatus {
    /// The guide's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::Registering => "Registering",
            Self::RegisterFailed => "Register Failed",
            Self::Disabled => "Disabled",
        }
    }
}

/// One account.
#[derive(Clone, Debug)]
pub struct AccountView {
    /// Its number, from 1.
    pub number: u8,
    /// Its status.
    pub status: RegisterStatus,
    /// Its label.
    pub label: String,
    /// The server that requests go to.
    pub current_server: Option<u8>,
    /// The proxy that requests go to, where proxies are enabled.
    pub current_proxy: Option<u8>,
    /// `concurrent` or `successive`; none with proxies or with one server.
    pub redundancy: Option<&'static str>,
    /// Servers, or proxies where they are enabled.
    pub servers: Vec<ServerView>,
    /// What the account will do next, soonest first.
    pub next: Vec<NextAct>,
    /// Why the last pass failed, where nothing is held.
    pub last_failure: Option<Why>,
}

impl AccountView {
    /// An account that is not enabled, or has no server.
    #[must_use]
    pub(crate) fn disabled(number: u8, label: &str) -> Self {
        Self {
            number,
            status: RegisterStatus::Disabled,
            label: label.to_owned(),
            current_server: None,
            current_proxy: None,
            redundancy: None,
            servers: Vec::new(),
            next: Vec::new(),
            last_failure: None,
        }
    }
}

/// One server or proxy of an account.
#[derive(Clone, Debug)]
pub struct ServerView {
    /// Which.
    pub place: Place,
    /// The configured name or address.
    pub address: String,
    /// A lease stands and is not in doubt.
    pub registered: bool,
    /// The lease stands but a request got no answer (A15).
    pub in_doubt: bool,
    /// The lease.
    pub lease: Option<LeaseView>,
    /// The next hop that last answered any request.
    pub last_used: Option<HopName>,
    /// 0 to 3.
    pub failback_mode: u8,
    /// Every next hop known, in this phone's order.
    pub next_hops: Vec<HopView>,
}

/// A lease.
#[derive(Clone, Debug)]
pub struct LeaseView {
    /// Who granted it.
    pub next_hop: HopName,
    /// How long it has been held there.
    pub held_for: Duration,
    /// How long it still runs.
    pub expires_in: Duration,
}

/// One next hop.
#[derive(Clone, Debug)]
pub struct HopView {
    /// Which.
    pub next_hop: HopName,
    /// The first of its server.
    pub primary: bool,
    /// `dns`, `static`, `literal` or `stale`.
    pub source: &'static str,
    /// What its address record has left.
    pub ttl_left: Option<Duration>,
    /// What is known of it.
    pub health: HealthState,
    /// Why it is down.
    pub why: Option<Why>,
    /// How long ago it was heard.
    pub last_heard: Option<Duration>,
    /// The last round trip measured.
    pub round_trip: Option<Duration>,
    /// How long it asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// Something that will happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextAct {
    /// In how long.
    pub after: Duration,
    /// `REGISTER`, `OPTIONS`, `give up`, `lease ends` and the like.
    pub what: &'static str,
    /// To which next hop, where that is known.
    pub to: Option<HopName>,
    /// Why.
    pub why: &'static str,
}
