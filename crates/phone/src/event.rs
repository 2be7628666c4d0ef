//! What an endpoint tells: every attempt, every move, every change of health, with its reason.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use net::{Cause, Transport};
use params::Mac;

use crate::call::{CallId, CallState, CallWhy, Direction, MediaOrder};

/// One happening, with the phone and the account that it concerns.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The phone.
    pub phone: Mac,
    /// The account, where one is concerned.
    pub account: Option<u8>,
    /// What happened.
    pub kind: EventKind,
}

/// The server or outbound proxy that something concerns, as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// `sip_server.1` or `sip_server.2`.
    Server(u8),
    /// `outbound_proxy.1` or `outbound_proxy.2`.
    Proxy(u8),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(number) => write!(f, "{number}"),
            Self::Proxy(number) => write!(f, "proxy{number}"),
        }
    }
}

/// A next hop as shown: `udp/192.0.2.1:5060`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HopName {
    /// The transport.
    pub transport: Transport,
    /// Address and port.
    pub addr: SocketAddr,
}

impl fmt::Display for HopName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.transport, self.addr)
    }
}

/// Why something was done or ended; printed as the words that scripts rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// No answer within the budget.
    TimedOut,
    /// ICMP said unreachable.
    Unreachable,
    /// ICMP said so to another attempt of this process.
    UnreachableShared,
    /// The connection was refused.
    Refused,
    /// The connection was reset or closed.
    Reset,
    /// TLS failed.
    Tls(Cause),
    /// DNS gave nothing.
    Dns,
    /// A final answer with this code.
    Status(u16),
    /// The lease ran out.
    LeaseEnd,
    /// `failback_mode` 1: the TTL of the record ran out.
    Ttl,
    /// The lease was due for renewal.
    Renewal,
    /// `failback_mode` 3: `failback_timeout` ran out.
    Duration,
    /// `failback_mode` 0: each new request starts at the primary.
    NewRequest,
    /// A probe was answered.
    Probe,
    /// Somebody ordered it.
    Command,
    /// The settings changed.
    Settings,
    /// The phone started.
    Start,
    /// A registration that failed is tried again.
    Retry,
    /// The connection of a registration closed while idle.
    ConnectionLost,
    /// A request got no answer from any next hop of the server.
    Doubt,
    /// Liveness probes of the registered next hop stayed unanswered.
    Liveness,
    /// A fault of this machine, never counted against a next hop.
    Local(Cause),
    /// The attempt was given up for another reason of the phone's own.
    Abandoned,
    /// `sip_server.Y.only_signal_with_registered`: there is no registration to send on.
    NotRegistered,
}

impl Why {
    /// The reason for an attempt that a transport fault ended.
    #[must_use]
    pub const fn from_cause(cause: Cause) -> Self {
        match cause {
            Cause::Silent | Cause::ConnectTimeout => Self::TimedOut,
            Cause::PortUnreachable | Cause::HostUnreachable => Self::Unreachable,
            Cause::Refused => Self::Refused,
            Cause::Reset | Cause::PeerClosed => Self::Reset,
            Cause::Handshake | Cause::HandshakeTimeout | Cause::Certificate(_) => Self::Tls(cause),
            Cause::QueueFull | Cause::SendDenied | Cause::NoRoute => Self::Local(cause),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "timed_out",
            Self::Unreachable | Self::UnreachableShared => "unreachable",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Tls(_) => "tls",
            Self::Dns => "dns",
            Self::Status(code) => return write!(f, "status_{code}"),
            Self::LeaseEnd => "lease_end",
            Self::Ttl => "ttl",
            Self::Renewal => "renewal",
            Self::Duration => "duration",
            Self::NewRequest => "new_request",
            Self::Probe => "probe",
            Self::Command => "command",
            Self::Settings => "settings",
            Self::Start => "start",
            Self::Retry => "retry",
            Self::ConnectionLost => "connection_lost",
            Self::Doubt => "doubt",
            Self::Liveness => "liveness",
            Self::Local(Cause::QueueFull) => "queue_full",
            Self::Local(Cause::NoRoute) => "no_route",
            Self::Local(_) => "send_denied",
            Self::Abandoned => "abandoned",
            Self::NotRegistered => "not_registered",
        })
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A final answer came.
    Answered,
    /// Nothing came within the budget.
    TimedOut,
    /// The transport said that nothing can come.
    Unreachable,
    /// TLS failed: certificate or handshake.
    Tls,
    /// The phone itself ended it.
    Abandoned,
}

impl Outcome {
    /// How an attempt ended that failed for `why`.
    pub(crate) fn of_failure(why: Why) -> Self {
        if let Why::Tls(_) = why {
            Self::Tls
        } else if why == Why::TimedOut {
            Self::TimedOut
        } else if why == Why::Abandoned {
            Self::Abandoned
        } else {
            Self::Unreachable
        }
    }

    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::TimedOut => "timed_out",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls",
            Self::Abandoned => "abandoned",
        }
    }
}

/// What is known of a next hop from what was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum HealthState {
    /// Nothing was asked of it.
    #[default]
    Unknown,
    /// Something valid was heard and nothing has been unanswered since.
    Up,
    /// A retransmission is unanswered.
    Suspect,
    /// It was given up.
    Down,
}

impl HealthState {
    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Suspect => "suspect",
            Self::Down => "down",
        }
    }
}

/// One attempt as events name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptName {
    /// Number of the attempt, unique in the process.
    pub id: u64,
    /// The method.
    pub method: &'static str,
    /// The Call-ID.
    pub call_id: String,
    /// Server or proxy.
    pub place: Place,
    /// The next hop.
    pub next_hop: HopName,
    /// Place in the pass, from 1.
    pub nth: u16,
}

/// A next hop as `located` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocatedHop {
    /// The next hop.
    pub next_hop: HopName,
    /// SRV priority, 0 without SRV.
    pub priority: u16,
    /// SRV weight, 0 without SRV.
    pub weight: u16,
    /// `dns`, `static`, `literal` or `stale`.
    pub source: &'static str,
    /// Seconds that the address record has left; none for a literal.
    pub ttl_s: Option<u32>,
}

/// Packets of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RtpCounts {
    /// Sent.
    pub sent: u64,
    /// Received.
    pub received: u64,
    /// Expected and not received.
    pub lost: u64,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// A name was located.
    Located {
        /// Server or proxy.
        place: Place,
        /// The configured name.
        name: String,
        /// In this phone's order; empty where nothing was found.
        next_hops: Vec<LocatedHop>,
    },
    /// A request was sent to a next hop, or a connection for it begun.
    AttemptStarted(AttemptName),
    /// The attempt is over.
    AttemptEnded {
        /// Which.
        attempt: AttemptName,
        /// Datagrams, or requests written to a connection.
        sent: u16,
        /// How.
        outcome: Outcome,
        /// The final status, where one came.
        status: Option<u16>,
        /// Why it ended so; none after a 2xx.
        why: Option<Why>,
        /// From the start of the attempt.
        elapsed: Duration,
    },
    /// A REGISTER was answered 2xx.
    Registered {
        /// Server or proxy.
        place: Place,
        /// The next hop that granted the lease.
        next_hop: HopName,
        /// The granted time.
        expires: Duration,
        /// When the refresh is due.
        refresh_in: Duration,
        /// Why the REGISTER was sent.
        why: Why,
    },
    /// A pass of REGISTERs came to nothing.
    RegistrationFailed {
        /// Server or proxy of the last attempt.
        place: Place,
        /// The last next hop asked, if any.
        next_hop: Option<HopName>,
        /// Why.
        why: Why,
        /// When it is tried again.
        retry_in: Option<Duration>,
    },
    /// A lease ended: by Expires 0, or because its time ran out.
    Unregistered {
        /// Server or proxy.
        place: Place,
        /// Where the lease was.
        next_hop: HopName,
        /// Why.
        why: Why,
    },
    /// A request got no answer from any next hop of the server, whose lease still runs (A15).
    RegistrationInDoubt {
        /// The server.
        place: Place,
        /// How long ago the first unanswered request was sent.
        since: Duration,
    },
    /// A move; written when the new next hop has answered.
    Moved {
        /// Which kind.
        kind: MoveKind,
        /// The request that moved.
        method: &'static str,
        /// From where.
        from: HopName,
        /// To where.
        to: HopName,
        /// Why.
        why: Why,
        /// Since the first unanswered datagram; zero where nothing was unanswered.
        elapsed: Duration,
    },
    /// A failback is due and waits for the phone to be idle.
    FailbackParked {
        /// How long ago it was due.
        due: Duration,
    },
    /// The health of a next hop changed.
    Health {
        /// Which.
        next_hop: HopName,
        /// To what.
        state: HealthState,
        /// What said so.
        evidence: Evidence,
    },
    /// A call changed its state.
    Call {
        /// Which.
        id: CallId,
        /// Who began it.
        direction: Direction,
        /// Its state.
        state: CallState,
        /// Whom it is with, as a SIP URI: the other side's text.
        peer: String,
        /// Through which next hop.
        next_hop: Option<HopName>,
        /// The status that decided.
        status: Option<u16>,
        /// Why.
        why: Option<CallWhy>,
        /// Packets of the stream, at its end.
        rtp: Option<RtpCounts>,
    },
    /// An order to whoever carries the sound; not for people.
    Media {
        /// For which call.
        call: CallId,
        /// What.
        order: MediaOrder,
    },
    /// Settings were applied.
    SettingsApplied {
        /// The accounts whose settings changed.
        accounts: Vec<u8>,
    },
    /// Something from the network was not taken.
    Refused {
        /// What it was.
        what: Refusal,
        /// Who sent it.
        from: SocketAddr,
        /// How many of the kind since the last event.
        count: u32,
    },
    /// A server asked for provisioning (`Event: check-sync`).
    CheckSync {
        /// Whether it asked for a restart.
        reboot: bool,
        /// Who asked.
        from: SocketAddr,
    },
    /// A named limit was reached.
    LimitReached {
        /// Which.
        limit: &'static str,
    },
    /// Something an operator should know, once.
    Notice(String),
    /// Everything was unregistered; the endpoint has nothing left to do.
    Stopped,
}

/// The three moves of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MoveKind {
    /// Between next hops of one server, downwards.
    Failover,
    /// From server 1 to server 2, or from proxy 1 to proxy 2.
    Fallback,
    /// Up again.
    Failback,
}

impl MoveKind {
    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Fallback => "fallback",
            Self::Failback => "failback",
        }
    }
}

/// What changed the health of a next hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Evidence {
    /// Something valid was heard from it.
    Heard,
    /// A retransmission is unanswered.
    Unanswered,
    /// It was given up, or refused.
    Gave(Why),
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heard => f.write_str("heard"),
            Self::Unanswered => f.write_str("retransmission unanswered"),
            Self::Gave(why) => why.fmt(f),
        }
    }
}

/// What was not taken from the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// A request from outside the trusted set.
    Stranger,
    /// A response that matches no open attempt.
    UnknownBranch,
    /// A response that came from elsewhere than its request went to.
    Spoofed,
    /// Bytes that are no SIP message.
    Malformed,
}

impl Refusal {
    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stranger => "stranger",
            Self::UnknownBranch => "unknown_branch",
            Self::Spoofed => "spoofed",
            Self::Malformed => "malformed",
        }
    }
}
