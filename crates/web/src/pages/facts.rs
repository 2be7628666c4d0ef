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
        Fact { tone, ..fact(WHY.0, "Why", capitalised(&why), String::new()) },
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
