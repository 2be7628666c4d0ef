//! The five things that somebody has to know at a glance: on which next hop the line is, since
//! when, why it moved there, when it goes back, and whether calls work.

use desk::{AccountStatus, LeaseStatus, MoveLine, NextStatus, ServerStatus, span};

use super::chronicle::{Ended, Memory};
use super::words::{Tone, age, clock, failback, failure, place, role};

/// One of the five.
#[derive(Debug, PartialEq)]
pub(super) struct Fact {
    /// For ids.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) value: String,
    pub(super) detail: String,
    pub(super) tone: Tone,
    /// Seconds that the detail counts from, upward.
    pub(super) ago: Option<f64>,
    /// Seconds that the value counts down from.
    pub(super) due: Option<f64>,
}

/// Where a line is.
pub(super) struct Here<'a> {
    pub(super) server: &'a ServerStatus,
    pub(super) lease: &'a LeaseStatus,
}

impl<'a> Here<'a> {
    /// The lease that requests go by; else one that is in doubt.
    pub(super) fn of(account: &'a AccountStatus) -> Option<Self> {
        let current = account.current_proxy.as_ref().or(account.current_server.as_ref());
        let held =
            |server: &'a ServerStatus| server.lease.as_ref().map(|lease| Self { server, lease });
        let named = account.servers.iter().find(|server| Some(&server.server) == current);
        named.and_then(held).or_else(|| account.servers.iter().find_map(held))
    }

    fn is_secondary(&self) -> bool {
        let hops = &self.server.next_hops;
        hops.len() > 1 && hops.first().is_some_and(|first| first.next_hop != self.lease.next_hop)
    }

    fn is_on_second(&self) -> bool {
        matches!(self.server.server.as_str(), "2" | "proxy2")
    }
}

/// The five facts of an account that is switched on.
pub(super) fn facts(account: &AccountStatus, memory: Option<&Memory>) -> [Fact; 5] {
    match Here::of(account) {
        Some(here) => [
            on(account, &here),
            since(&here),
            why(account, &here, memory),
            back(account, &here),
            calls(account, &here),
        ],
        None => nowhere(account, memory),
    }
}

fn fact(name: &'static str, title: &'static str, value: String, detail: String) -> Fact {
    Fact { name, title, value, detail, tone: Tone::Calm, ago: None, due: None }
}

const ON: (&str, &str) = ("hop", "On next hop");
const SINCE: (&str, &str) = ("since", "Since");
const WHY: (&str, &str) = ("why", "Why there");
const BACK: (&str, &str) = ("back", "Goes back");
const CALLS: (&str, &str) = ("calls", "Calls now");

fn on(account: &AccountStatus, here: &Here<'_>) -> Fact {
    let role = role(here.server, &here.lease.next_hop);
    let also = account.servers.iter().filter(|it| it.server != here.server.server && it.registered);
    let also: Vec<_> = also.map(|server| place(&server.server)).collect();
    let mut detail = format!("{role}, {}", here.server.address);
    if !also.is_empty() {
        detail.push_str(&format!("; also registered at {}", also.join(" and ")));
    }
    let tone = match (here.server.in_doubt, here.is_secondary() || here.is_on_second()) {
        (true, _) => Tone::Bad,
        (false, true) => Tone::Warn,
        (false, false) => Tone::Good,
    };
    Fact { tone, ..fact(ON.0, ON.1, here.lease.next_hop.clone(), detail) }
}

fn since(here: &Here<'_>) -> Fact {
    let ago = age(&here.lease.since);
    let detail = ago.map_or(String::new(), |ago| format!("for {}", span(ago)));
    Fact { ago, ..fact(SINCE.0, SINCE.1, clock(&here.lease.since), detail) }
}

fn why(account: &AccountStatus, here: &Here<'_>, memory: Option<&Memory>) -> Fact {
    let arrived = account.last_moves.iter().rfind(|it| it.to == here.lease.next_hop);
    if let Some(arrived) = arrived {
        let (value, detail) = cause(arrived, memory);
        return fact(WHY.0, WHY.1, value, detail);
    }
    let first = account.servers.first().filter(|first| first.server != here.server.server);
    let left = first.and_then(|first| first.next_hops.first()).filter(|hop| hop.health == "down");
    if let Some(left) = left {
        let reason = left.reason.as_deref().unwrap_or("timed_out");
        let value = failure(&left.next_hop, reason);
        return fact(WHY.0, WHY.1, value, "the other server serves meanwhile".to_owned());
    }
    fact(WHY.0, WHY.1, "It has not moved".to_owned(), "registered there from the start".to_owned())
}

/// Why a move was made, and what it cost.
pub(super) fn cause(moved: &MoveLine, memory: Option<&Memory>) -> (String, String) {
    let tale = memory.and_then(|memory| memory.tale(moved.seq));
    let detail = match tale.map(|tale| (tale.failed.as_slice(), tale.elapsed_s)) {
        Some(([], elapsed_s)) if elapsed_s > 0.0 => format!("found after {}", span(elapsed_s)),
        Some((failed, elapsed_s)) if !failed.is_empty() => {
            let sent: u32 = failed.iter().map(|ended| u32::from(ended.sent)).sum();
            let many = if sent == 1 { "" } else { "s" };
            format!("{sent} {} request{many} without success, {}", moved.method, span(elapsed_s))
        }
        Some(_) | None => format!("{} found the way", moved.method),
    };
    let value = match moved.event.as_str() {
        "failback" => format!("{} answers again", moved.to),
        _ => match tale.and_then(|tale| tale.failed.first()) {
            Some(Ended { next_hop, reason: Some(reason), .. }) => failure(next_hop, reason),
            Some(_) | None => failure(&moved.from, &moved.reason),
        },
    };
    (value, detail)
}

fn back(account: &AccountStatus, here: &Here<'_>) -> Fact {
    let first = account.servers.first().map(|server| server.next_hops.as_slice());
    let (above, how): (Vec<_>, String) = match (here.is_on_second(), here.is_secondary()) {
        (true, _) => {
            let above = first.unwrap_or_default().iter().collect();
            (
                above,
                format!(
                    "to {}",
                    account.servers.first().map_or_else(String::new, |it| place(&it.server))
                ),
            )
        }
        (false, true) => {
            let own = here.server.next_hops.iter();
            let above = own.take_while(|hop| hop.next_hop != here.lease.next_hop).collect();
            (above, failback(here.server.failback_mode).to_owned())
        }
        (false, false) => {
            let detail = "this is the first choice".to_owned();
            return fact(BACK.0, BACK.1, "It is where it belongs".to_owned(), detail);
        }
    };
    let leads_up = |act: &&NextStatus| {
        let to = act.to.as_deref();
        above.iter().any(|hop| Some(hop.next_hop.as_str()) == to)
    };
    let acts = account.next.iter();
    let Some(act) = acts.clone().find(|act| leads_up(act)) else {
        let value = format!("Not before {} fails", here.lease.next_hop);
        return fact(BACK.0, BACK.1, value, how);
    };
    let to = act.to.as_deref().unwrap_or_default();
    if act.what == "give up" {
        let detail = format!("waits for an answer of {to}");
        return fact(BACK.0, BACK.1, "Asking now".to_owned(), detail);
    }
    let detail = format!("if {to} answers the {}; {how}", act.what);
    Fact { due: Some(act.in_s), ..fact(BACK.0, BACK.1, in_words(act.in_s), detail) }
}

fn calls(account: &AccountStatus, here: &Here<'_>) -> Fact {
    if account.status != "Registered" {
        let detail = format!(
            "{} has not answered since; a call may still arrive until the registration ends",
            place(&here.server.server)
        );
        return Fact { tone: Tone::Warn, ..fact(CALLS.0, CALLS.1, "In doubt".to_owned(), detail) };
    }
    let first = here.server.next_hops.first();
    let is_slow = here.is_secondary()
        && here.server.failback_mode == 0
        && first.is_some_and(|first| first.health == "down");
    if let Some(first) = first.filter(|_| is_slow) {
        let detail = format!("in at once; each call out first waits for {}", first.next_hop);
        return Fact {
            tone: Tone::Warn,
            ..fact(CALLS.0, CALLS.1, "Yes, out slowly".to_owned(), detail)
        };
    }
    let detail = format!("in and out by {}", here.lease.next_hop);
    Fact { tone: Tone::Good, ..fact(CALLS.0, CALLS.1, "Yes".to_owned(), detail) }
}

fn nowhere(account: &AccountStatus, memory: Option<&Memory>) -> [Fact; 5] {
    let is_trying = account.status == "Registering";
    let (tone, value) = match is_trying {
        true => (Tone::Warn, "Nowhere yet"),
        false => (Tone::Bad, "Nowhere"),
    };
    let used = account.servers.iter().find_map(|server| server.last_used.as_ref());
    let on = used.map_or_else(|| "never registered".to_owned(), |used| format!("last on {used}"));
    let last = account.last_moves.last();
    let since = last.map(|last| (clock(&last.at), cause(last, memory).0));
    let (at, moved) = since.unwrap_or_else(|| ("Not known".to_owned(), "no move yet".to_owned()));
    let why = account
        .reason
        .as_deref()
        .map_or_else(|| "No attempt has failed yet".to_owned(), desk::reason_words);
    let fault = memory.and_then(Memory::last_ended).and_then(|ended| ended.detail.as_deref());
    let fault = fault.unwrap_or_default();
    let hint = account.reason.as_deref().and_then(|reason| desk::reason_hint(reason, fault));
    let next = account.next.first();
    let back = match next {
        Some(act) if act.what == "give up" => {
            let detail =
                format!("waits for an answer of {}", act.to.as_deref().unwrap_or_default());
            fact(BACK.0, "Tries again", "Asking now".to_owned(), detail)
        }
        Some(act) => {
            let to = act.to.as_ref().map_or(String::new(), |to| format!(" to {to}"));
            let (value, detail) = (in_words(act.in_s), format!("{}{to}", act.what));
            Fact { due: Some(act.in_s), ..fact(BACK.0, "Tries again", value, detail) }
        }
        None => fact(BACK.0, "Tries again", "Not planned".to_owned(), String::new()),
    };
    let calls = "nobody knows where this line is".to_owned();
    [
        Fact { tone, ..fact(ON.0, ON.1, value.to_owned(), on) },
        fact(SINCE.0, "Last move", at, moved),
        Fact { tone, ..fact(WHY.0, "Why", capitalised(&why), hint.unwrap_or_default().to_owned()) },
        back,
        Fact { tone, ..fact(CALLS.0, CALLS.1, "No".to_owned(), calls) },
    ]
}

/// `in 11 s`.
pub(super) fn in_words(seconds: f64) -> String {
    format!("in {}", span(seconds))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: &str =
        r#""health":"up","reason":null,"last_heard_s":1.0,"rtt_ms":0.5,"retry_after_s":null"#;
    const DOWN: &str = r#""health":"down","reason":"timed_out","last_heard_s":68.1,"rtt_ms":0.4,"retry_after_s":null"#;

    fn hop(name: &str, role: &str, health: &str) -> String {
        format!(
            r#"{{"next_hop":"{name}","role":"{role}","source":"dns","ttl_left_s":12,{health}}}"#
        )
    }

    /// A server as the status shows it: its lease at `held`, and what is known of its next hops.
    fn server(number: u8, held: Option<&str>, mode: u8, hops: &[String]) -> String {
        let lease = held.map_or("null".to_owned(), |hop| {
            format!(r#"{{"next_hop":"{hop}","since":"2026-01-01T00:00:37Z","expires_in_s":41.2}}"#)
        });
        format!(
            r#"{{"server":"{number}","address":"lab.test","registered":{},"in_doubt":false,"lease":{lease},"last_used":null,"failback_mode":{mode},"next_hops":[{}]}}"#,
            held.is_some(),
            hops.join(",")
        )
    }

    fn account(status: &str, current: &str, servers: &[String], more: &str) -> AccountStatus {
        let json = format!(
            r#"{{"account":1,"status":"{status}","label":"4605","current_server":{current},"current_proxy":null,"redundancy":"successive","servers":[{}],"subscriptions":[],"reason":null,{more}}}"#,
            servers.join(",")
        );
        serde_json::from_str(&json).unwrap()
    }

    fn said(account: &AccountStatus) -> Vec<String> {
        let facts = facts(account, None);
        facts
            .iter()
            .map(|fact| format!("{}: {}; {}", fact.title, fact.value, fact.detail))
            .collect()
    }

    const NOTHING: &str = r#""next":[],"last_moves":[]"#;
    const MOVED: &str = r#""last_moves":[{"seq":46,"event":"failover","at":"2026-01-01T00:00:37.503911Z","method":"REGISTER","from":"udp/a:1","to":"udp/b:1","reason":"timed_out"}]"#;

    fn on_secondary(mode: u8, next: &str) -> AccountStatus {
        let hops = [hop("udp/a:1", "primary", DOWN), hop("udp/b:1", "secondary", UP)];
        let server = server(1, Some("udp/b:1"), mode, &hops);
        account("Registered", r#""1""#, &[server], &format!(r#""next":[{next}],{MOVED}"#))
    }

    #[test]
    fn on_the_primary_all_is_well() {
        let hops = [hop("udp/a:1", "primary", UP), hop("udp/b:1", "secondary", UP)];
        let account =
            account("Registered", r#""1""#, &[server(1, Some("udp/a:1"), 0, &hops)], NOTHING);
        let said = said(&account);
        assert_eq!(said[0], "On next hop: udp/a:1; primary of server 1, lab.test");
        assert_eq!(said[2], "Why there: It has not moved; registered there from the start");
        assert_eq!(said[3], "Goes back: It is where it belongs; this is the first choice");
        assert_eq!(said[4], "Calls now: Yes; in and out by udp/a:1");
    }

    #[test]
    fn after_a_failover_it_is_said_why_and_when_it_ends() {
        let next = r#"{"in_s":14.0,"what":"REGISTER","to":"udp/a:1","why":"duration"}"#;
        let said = said(&on_secondary(3, next));
        assert_eq!(said[0], "On next hop: udp/b:1; secondary of server 1, lab.test");
        assert_eq!(said[2], "Why there: udp/a:1 gave no answer; REGISTER found the way");
        assert_eq!(
            said[3],
            "Goes back: in 14 s; if udp/a:1 answers the REGISTER; duration: after failback_timeout"
        );
        assert_eq!(said[4], "Calls now: Yes; in and out by udp/b:1");
    }

    #[test]
    fn new_requests_that_ask_a_dead_primary_first_are_slow() {
        let said = said(&on_secondary(0, ""));
        assert!(said[3].starts_with("Goes back: Not before udp/b:1 fails"), "{}", said[3]);
        assert_eq!(
            said[4],
            "Calls now: Yes, out slowly; in at once; each call out first waits for udp/a:1"
        );
    }

    #[test]
    fn a_primary_that_is_being_asked_is_no_countdown() {
        let next = r#"{"in_s":3.0,"what":"give up","to":"udp/a:1","why":"no answer yet"}"#;
        let account = on_secondary(3, next);
        assert_eq!(said(&account)[3], "Goes back: Asking now; waits for an answer of udp/a:1");
        assert_eq!(facts(&account, None)[3].due, None);
    }

    #[test]
    fn on_the_fallback_server_the_probe_leads_back() {
        let first = server(1, None, 0, &[hop("udp/a:1", "primary", DOWN)]);
        let second = server(2, Some("udp/z:1"), 0, &[hop("udp/z:1", "primary", UP)]);
        let next = r#""next":[{"in_s":5.0,"what":"REGISTER","to":"udp/z:1","why":"renewal"},{"in_s":80.0,"what":"REGISTER","to":"udp/a:1","why":"probe"}],"last_moves":[]"#;
        let said = said(&account("Registered", r#""2""#, &[first, second], next));
        assert_eq!(said[0], "On next hop: udp/z:1; server 2 (fallback), lab.test");
        assert_eq!(said[2], "Why there: udp/a:1 gave no answer; the other server serves meanwhile");
        assert_eq!(said[3], "Goes back: in 80 s; if udp/a:1 answers the REGISTER; to server 1");
    }

    // A15
    #[test]
    fn a_lease_in_doubt_is_no_promise() {
        let doubted = server(1, Some("udp/a:1"), 0, &[hop("udp/a:1", "primary", DOWN)])
            .replace(r#""in_doubt":false"#, r#""in_doubt":true"#);
        let facts = facts(&account("Register Failed", "null", &[doubted], NOTHING), None);
        assert_eq!((facts[0].value.as_str(), facts[0].tone), ("udp/a:1", Tone::Bad));
        assert_eq!((facts[4].value.as_str(), facts[4].tone), ("In doubt", Tone::Warn));
    }

    #[test]
    fn without_a_registration_it_is_said_what_is_tried_next() {
        let server = server(1, None, 0, &[hop("udp/a:1", "primary", DOWN)]);
        let next = r#""next":[{"in_s":27.0,"what":"REGISTER","to":"udp/a:1","why":"retry"}],"last_moves":[]"#;
        let mut account = account("Register Failed", "null", &[server], next);
        account.reason = Some("status_403".into());
        let said = said(&account);
        assert_eq!(said[0], "On next hop: Nowhere; never registered");
        assert_eq!(said[2], "Why: Answer 403; Check account.X.auth_name and account.X.password");
        assert_eq!(said[3], "Tries again: in 27 s; REGISTER to udp/a:1");
        assert_eq!(said[4], "Calls now: No; nobody knows where this line is");
    }
}
