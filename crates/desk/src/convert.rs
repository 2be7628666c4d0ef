//! From the engine's facts to the words of the interface.

use std::time::Duration;

use net::Instant;
use phone::{
    AccountView, AttemptName, CallView, Event, EventKind, HopView, LocatedHop, MoveKind, NextAct,
    PhoneView, Refusal, ServerView, Why,
};

use crate::Stamp;
use crate::call::CallStatus;
use crate::event::{EventBody, LocatedHopLine, RtpLine};
use crate::stamp::rounded;
use crate::status::{AccountStatus, HopStatus, LeaseStatus, NextStatus, PhoneStatus, ServerStatus};

impl PhoneStatus {
    /// What `view` shows; moves and the state of sound are added by whoever keeps them.
    #[must_use]
    pub fn from_view(view: &PhoneView, stamp: &Stamp) -> Self {
        Self {
            mac: view.mac.to_string(),
            model: view.model.to_string(),
            firmware: view.firmware.number(),
            profile: view.profile.into(),
            idle: view.idle,
            accounts: view.accounts.iter().map(|it| account(it, stamp)).collect(),
            calls: view.calls.iter().map(|it| call(it, stamp)).collect(),
        }
    }
}

impl EventBody {
    /// What `event` says, or none where the process itself tells it better (`settings`).
    #[must_use]
    pub fn from_event(event: &Event, now: Instant, stamp: &Stamp) -> Option<Self> {
        Some(match &event.kind {
            EventKind::Located { place, name, next_hops } => Self::Located {
                server: place.to_string(),
                name: name.clone(),
                next_hops: next_hops.iter().map(located_hop).collect(),
            },
            EventKind::AttemptStarted(attempt) => attempt_started(attempt),
            EventKind::AttemptEnded { attempt, sent, outcome, status, why, elapsed } => {
                Self::AttemptEnded {
                    id: attempt.id,
                    method: attempt.method.into(),
                    call_id: attempt.call_id.clone(),
                    server: attempt.place.to_string(),
                    next_hop: attempt.next_hop.to_string(),
                    nth: attempt.nth,
                    sent: *sent,
                    outcome: outcome.as_str().into(),
                    status: *status,
                    reason: why.map(text),
                    elapsed_s: rounded(*elapsed),
                    detail: why.and_then(detail),
                }
            }
            EventKind::Registered { place, next_hop, expires, refresh_in, why } => {
                Self::Registered {
                    server: place.to_string(),
                    next_hop: next_hop.to_string(),
                    expires_s: expires.as_secs(),
                    refresh_in_s: rounded(*refresh_in),
                    reason: text(*why),
                }
            }
            EventKind::RegistrationFailed { place, next_hop, why, retry_in } => {
                Self::RegistrationFailed {
                    server: place.to_string(),
                    next_hop: next_hop.map(text),
                    reason: text(*why),
                    retry_in_s: retry_in.map(rounded),
                }
            }
            EventKind::Unregistered { place, next_hop, why } => Self::Unregistered {
                server: place.to_string(),
                next_hop: next_hop.to_string(),
                reason: text(*why),
            },
            EventKind::RegistrationInDoubt { place, since } => Self::RegistrationInDoubt {
                server: place.to_string(),
                since: stamp.micros(now - *since),
            },
            EventKind::Moved { kind, method, from, to, why, elapsed } => {
                moved(*kind, Move { method, from: text(*from), to: text(*to), why: *why }, *elapsed)
            }
            EventKind::FailbackParked { due } => {
                Self::FailbackParked { until: "idle".into(), due: stamp.micros(now - *due) }
            }
            EventKind::Health { next_hop, state, evidence } => Self::Health {
                next_hop: next_hop.to_string(),
                state: state.as_str().into(),
                evidence: evidence.to_string(),
            },
            EventKind::SettingsApplied { .. } => return None,
            EventKind::Refused { what, from, count } => Self::Refused {
                what: refused_what(*what).into(),
                from: from.to_string(),
                why: what.as_str().into(),
                count: *count,
            },
            EventKind::CheckSync { reboot, from } => {
                Self::CheckSync { reboot: *reboot, from: from.to_string() }
            }
            EventKind::Call { id, direction, state, peer, next_hop, status, why, rtp } => {
                Self::Call {
                    id: id.to_string(),
                    direction: direction.as_str().into(),
                    state: state.as_str().into(),
                    peer: peer.clone(),
                    next_hop: next_hop.map(text),
                    status: *status,
                    reason: why.map(text),
                    rtp: rtp.map(|rtp| RtpLine {
                        sent: rtp.sent,
                        received: rtp.received,
                        lost: rtp.lost,
                    }),
                }
            }
            // For whoever carries the sound, not for people.
            EventKind::Media { .. } => return None,
            EventKind::LimitReached { limit } => Self::LimitReached { limit: (*limit).into() },
            EventKind::Notice(notice) => Self::Notice { text: notice.clone() },
            EventKind::Stopped => Self::Stopped {},
        })
    }
}

/// What a reason leaves out: which fault of TLS it was.
fn detail(why: Why) -> Option<String> {
    if let Why::Tls(cause) = why { Some(cause.to_string()) } else { None }
}

fn attempt_started(attempt: &AttemptName) -> EventBody {
    EventBody::AttemptStarted {
        id: attempt.id,
        method: attempt.method.into(),
        call_id: attempt.call_id.clone(),
        server: attempt.place.to_string(),
        next_hop: attempt.next_hop.to_string(),
        nth: attempt.nth,
    }
}

struct Move<'a> {
    method: &'a str,
    from: String,
    to: String,
    why: Why,
}

fn moved(kind: MoveKind, it: Move<'_>, elapsed: Duration) -> EventBody {
    let (method, reason, elapsed_s) = (it.method.to_owned(), text(it.why), rounded(elapsed));
    let (from, to) = (it.from, it.to);
    match kind {
        MoveKind::Failover => EventBody::Failover { method, from, to, reason, elapsed_s },
        MoveKind::Fallback => EventBody::Fallback { method, from, to, reason, elapsed_s },
        MoveKind::Failback => EventBody::Failback { method, from, to, reason, elapsed_s },
    }
}

fn located_hop(hop: &LocatedHop) -> LocatedHopLine {
    LocatedHopLine {
        transport: hop.next_hop.transport.to_string(),
        addr: hop.next_hop.addr.to_string(),
        priority: hop.priority,
        weight: hop.weight,
        source: hop.source.into(),
        ttl: hop.ttl_s,
    }
}

const fn refused_what(what: Refusal) -> &'static str {
    match what {
        Refusal::Stranger => "request",
        Refusal::UnknownBranch | Refusal::Spoofed => "response",
        Refusal::Malformed => "datagram",
    }
}

fn account(view: &AccountView, stamp: &Stamp) -> AccountStatus {
    AccountStatus {
        account: view.number,
        status: view.status.as_str().into(),
        label: view.label.clone(),
        current_server: view.current_server.map(text),
        current_proxy: view.current_proxy.map(|number| format!("proxy{number}")),
        redundancy: view.redundancy.map(Into::into),
        servers: view.servers.iter().map(|it| server(it, stamp)).collect(),
        next: view.next.iter().map(next).collect(),
        subscriptions: Vec::new(),
        last_moves: Vec::new(),
        reason: view.last_failure.map(text),
    }
}

fn call(view: &CallView, stamp: &Stamp) -> CallStatus {
    CallStatus {
        id: view.id.to_string(),
        account: view.account,
        direction: view.direction.as_str().into(),
        state: view.state.as_str().into(),
        peer: view.peer.clone(),
        next_hop: view.next_hop.map(text),
        since: stamp.seconds_ago(view.held_for),
        audio: None,
    }
}

fn server(view: &ServerView, stamp: &Stamp) -> ServerStatus {
    ServerStatus {
        server: view.place.to_string(),
        address: view.address.clone(),
        registered: view.registered,
        in_doubt: view.in_doubt,
        lease: view.lease.as_ref().map(|lease| LeaseStatus {
            next_hop: lease.next_hop.to_string(),
            since: stamp.seconds_ago(lease.held_for),
            expires_in_s: tenths(lease.expires_in),
        }),
        last_used: view.last_used.map(text),
        failback_mode: view.failback_mode,
        next_hops: view.next_hops.iter().map(hop).collect(),
    }
}

fn hop(view: &HopView) -> HopStatus {
    HopStatus {
        next_hop: view.next_hop.to_string(),
        role: if view.primary { "primary" } else { "secondary" }.into(),
        source: view.source.into(),
        ttl_left_s: view.ttl_left.map(|left| left.as_secs()),
        health: view.health.as_str().into(),
        reason: view.why.map(text),
        last_heard_s: view.last_heard.map(tenths),
        rtt_ms: view.round_trip.map(|trip| (trip.as_secs_f64() * 10_000.0).round() / 10.0),
        retry_after_s: view.retry_after.map(tenths),
    }
}

fn next(act: &NextAct) -> NextStatus {
    NextStatus {
        in_s: tenths(act.after),
        what: act.what.into(),
        to: act.to.map(text),
        why: act.why.into(),
    }
}

/// Seconds with one decimal.
fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

fn text(it: impl ToString) -> String {
    it.to_string()
}
