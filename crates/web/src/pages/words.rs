//! Times, places and reasons as the page says them.

use desk::{HopStatus, ServerStatus};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// How something is, beside the words for it: colour is never the only sign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warn,
    Bad,
    #[default]
    Calm,
}

impl Tone {
    /// The class in the style sheet.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Calm => "calm",
        }
    }

    /// A sign that does without colour.
    pub(super) const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Warn => "!",
            Self::Bad => "✕",
            Self::Calm => "–",
        }
    }
}

/// A moment for people: the time of day of this machine, with the date unless it is today.
pub(super) fn clock(stamp: &str) -> String {
    let Ok(at) = stamp.parse::<Timestamp>() else { return stamp.to_owned() };
    let zone = TimeZone::system();
    let (at, now) = (at.to_zoned(zone.clone()), Timestamp::now().to_zoned(zone));
    let form = if at.date() == now.date() { "%H:%M:%S" } else { "%-d %b %H:%M:%S" };
    at.strftime(form).to_string()
}

/// Seconds from a moment to now.
pub(super) fn age(stamp: &str) -> Option<f64> {
    let at: Timestamp = stamp.parse().ok()?;
    Some(Timestamp::now().duration_since(at).as_secs_f64().max(0.0))
}

/// `server 1`, `fallback server 2`, `outbound proxy 1`.
pub(super) fn place(server: &str) -> String {
    match server.strip_prefix("proxy") {
        Some(number) => format!("outbound proxy {number}"),
        None if server == "2" => "server 2 (fallback)".to_owned(),
        None => format!("server {server}"),
    }
}

/// `primary of server 1`, or the server alone where it has one next hop.
pub(super) fn role(server: &ServerStatus, next_hop: &str) -> String {
    let place = place(&server.server);
    let hop = server.next_hops.iter().find(|hop| hop.next_hop == next_hop);
    match hop.filter(|_| server.next_hops.len() > 1) {
        Some(hop) => format!("{} of {place}", hop.role),
        None => place,
    }
}

/// What is known of a next hop, and how it is.
pub(super) fn health(hop: &HopStatus) -> (Tone, String) {
    match (hop.health.as_str(), &hop.reason) {
        ("up", _) => (Tone::Good, "answers".to_owned()),
        ("suspect", _) => (Tone::Warn, "unanswered request".to_owned()),
        ("down", Some(reason)) => (Tone::Bad, format!("down: {}", desk::reason_words(reason))),
        ("down", None) => (Tone::Bad, "down".to_owned()),
        _ => (Tone::Calm, "not asked yet".to_owned()),
    }
}

/// Why something will be done.
pub(super) fn purpose(why: &str) -> String {
    match why {
        "renewal" => "the registration is refreshed",
        "probe" => "looks whether the first server is back",
        "ttl" => "failback: the TTL of the record has run",
        "duration" => "failback: failback_timeout has run",
        "retry" => "tries again",
        "doubt" | "in doubt" => "the registration is in doubt",
        "start" => "at the start",
        "no answer yet" => "no answer yet",
        other => return desk::reason_words(other),
    }
    .to_owned()
}

/// When the phone goes up again, by mode.
pub(super) const fn failback(mode: u8) -> &'static str {
    match mode {
        0 => "newRequests: each new request asks the primary first",
        1 => "DNSTTL: when the TTL of the record has run",
        2 => "registration: at the refresh",
        _ => "duration: after failback_timeout",
    }
}

/// What happened to a next hop that was left, as a clause.
pub(super) fn failure(next_hop: &str, reason: &str) -> String {
    match reason {
        "timed_out" => format!("{next_hop} gave no answer"),
        "unreachable" => format!("{next_hop} was unreachable (ICMP)"),
        "refused" => format!("{next_hop} refused the connection"),
        "reset" => format!("{next_hop} closed the connection"),
        "tls" => format!("TLS with {next_hop} failed"),
        other => match other.strip_prefix("status_") {
            Some(status) => format!("{next_hop} answered {status}"),
            None => format!("{}, at {next_hop}", desk::reason_words(other)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_another_day_has_its_date() {
        assert!(clock("2001-02-03T04:05:06Z").contains("Feb"));
        assert_eq!(clock(&Timestamp::now().to_string()).len(), 8);
        assert_eq!(clock("no time"), "no time");
    }

    #[test]
    fn failures_are_whole_clauses() {
        for (reason, clause) in [
            ("timed_out", "udp/a:1 gave no answer"),
            ("status_503", "udp/a:1 answered 503"),
            ("lease_end", "its time ran out, at udp/a:1"),
        ] {
            assert_eq!(failure("udp/a:1", reason), clause);
        }
    }
}
