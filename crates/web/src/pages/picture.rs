//! An account as the status page draws it: servers and next hops, what comes next, past moves.

use desk::{AccountStatus, HopStatus, MoveLine, NextStatus, PhoneStatus, ServerStatus, span};

use super::chronicle::Memory;
use super::facts::{Fact, Here, cause, facts, in_words};
use super::frame::spaced_mac;
use super::ladder::Ladder;
use super::words::{Tone, clock, failback, health, place, purpose};

/// A phone as the page shows it.
#[derive(Debug)]
pub(super) struct PhoneView {
    pub(super) mac: String,
    pub(super) model: String,
    pub(super) facts: Vec<String>,
    pub(super) accounts: Vec<AccountView>,
    /// How many accounts with settings are switched off.
    pub(super) disabled: usize,
    /// The MAC as addresses name it.
    pub(super) id: String,
    /// For screen readers: all lines in a sentence, said when it changes.
    pub(super) summary: String,
}

/// A line that is switched on.
#[derive(Debug)]
pub(super) struct AccountView {
    pub(super) number: u8,
    pub(super) label: String,
    pub(super) status: String,
    pub(super) tone: Tone,
    pub(super) facts: [Fact; 5],
    pub(super) servers: Vec<ServerView>,
    pub(super) next: Vec<NextView>,
    pub(super) moves: Vec<MoveView>,
    pub(super) ladder: Option<Ladder>,
}

/// A server or proxy in the picture.
#[derive(Debug)]
pub(super) struct ServerView {
    pub(super) title: String,
    pub(super) address: String,
    pub(super) note: String,
    /// How the line to the server is drawn.
    pub(super) wire: &'static str,
    pub(super) hops: Vec<HopView>,
}

/// A next hop in the picture.
#[derive(Debug)]
pub(super) struct HopView {
    pub(super) next_hop: String,
    pub(super) role: String,
    pub(super) tone: Tone,
    pub(super) health: String,
    pub(super) lease: Option<LeaseView>,
    /// How the line from the phone down to its row is drawn, that to the next hop, and that beyond
    /// to those below; blank: there is none.
    pub(super) above: &'static str,
    pub(super) branch: &'static str,
    pub(super) below: &'static str,
    pub(super) details: Vec<Detail>,
    pub(super) probe: Option<NextView>,
}

/// The registration that a next hop holds.
#[derive(Debug)]
pub(super) struct LeaseView {
    pub(super) left_s: f64,
    pub(super) left: String,
    /// Seconds that were granted; 0: not known.
    pub(super) granted_s: u64,
    pub(super) is_current: bool,
    pub(super) in_doubt: bool,
}

/// Something known of a next hop.
#[derive(Debug)]
pub(super) struct Detail {
    pub(super) term: &'static str,
    pub(super) text: String,
    pub(super) due: Option<f64>,
    pub(super) ago: Option<f64>,
}

/// Something that will be done.
#[derive(Clone, Debug)]
pub(super) struct NextView {
    pub(super) due: f64,
    pub(super) when: String,
    pub(super) what: String,
    /// What stands between it and the next hop.
    pub(super) link: &'static str,
    pub(super) to: Option<String>,
    pub(super) why: String,
}

/// A move of the past.
#[derive(Debug)]
pub(super) struct MoveView {
    pub(super) seq: u64,
    pub(super) kind: String,
    pub(super) at: String,
    pub(super) stamp: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) value: String,
    pub(super) detail: String,
}

impl PhoneView {
    pub(super) fn new(phone: &PhoneStatus, accounts: Vec<AccountView>) -> Self {
        let enabled = phone.enabled().count();
        let said: Vec<_> = accounts.iter().map(AccountView::sentence).collect();
        let idle = if phone.idle { "idle" } else { "in a call" };
        Self {
            mac: spaced_mac(&phone.mac),
            id: phone.mac.clone(),
            model: phone.model.clone(),
            facts: vec![
                format!("firmware {}", phone.firmware),
                format!("profile {}", phone.profile),
                idle.to_owned(),
            ],
            accounts,
            disabled: phone.accounts.len() - enabled,
            summary: said.join(" "),
        }
    }
}

impl AccountView {
    pub(super) fn new(
        account: &AccountStatus,
        memory: Option<&Memory>,
        now: f64,
        ladder: Option<Ladder>,
    ) -> Self {
        let here = Here::of(account);
        let in_doubt = here.as_ref().is_some_and(|here| here.server.in_doubt);
        let tone = match account.status.as_str() {
            "Registered" if in_doubt => Tone::Warn,
            "Registered" => Tone::Good,
            "Registering" => Tone::Warn,
            _ => Tone::Bad,
        };
        let picture = Picture { account, memory, here, now };
        Self {
            number: account.account,
            label: account.label.clone(),
            status: account.status.clone(),
            tone,
            facts: facts(account, memory),
            servers: picture.servers(),
            next: account.next.iter().map(NextView::new).collect(),
            moves: account.last_moves.iter().rev().map(|it| MoveView::new(it, memory)).collect(),
            ladder,
        }
    }

    fn sentence(&self) -> String {
        let [on, _, why, _, calls] = &self.facts;
        let name = format!("Account {}", self.number);
        format!("{name} {}: {}. {}. Calls: {}.", self.status, on.value, why.value, calls.value)
    }
}

impl Detail {
    pub(super) fn due_words(&self) -> String {
        self.due.map_or(String::new(), span)
    }

    pub(super) fn ago_words(&self) -> String {
        self.ago.map_or(String::new(), span)
    }
}

impl NextView {
    fn new(act: &NextStatus) -> Self {
        let (what, link) = match act.what.as_str() {
            "give up" => ("Gives up", "on"),
            "lease ends" => ("The registration ends", "at"),
            what => (what, "to"),
        };
        Self {
            due: act.in_s,
            when: in_words(act.in_s),
            what: what.to_owned(),
            link,
            to: act.to.clone(),
            why: purpose(&act.why),
        }
    }
}

impl MoveView {
    pub(super) fn new(moved: &MoveLine, memory: Option<&Memory>) -> Self {
        let (value, detail) = cause(moved, memory);
        let mut letters = moved.event.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        Self {
            seq: moved.seq,
            kind: first.into_iter().chain(letters).collect(),
            at: clock(&moved.at),
            stamp: moved.at.clone(),
            from: moved.from.clone(),
            to: moved.to.clone(),
            value,
            detail,
        }
    }

    /// Down and up, for whoever sees no colour.
    pub(super) fn arrow(&self) -> &'static str {
        if self.kind == "Failback" { "↑" } else { "↓" }
    }

    pub(super) fn class(&self) -> &'static str {
        if self.kind == "Failback" { "good" } else { "warn" }
    }
}

/// What a picture is drawn from.
struct Picture<'a> {
    account: &'a AccountStatus,
    memory: Option<&'a Memory>,
    here: Option<Here<'a>>,
    /// Seconds since the start of the process.
    now: f64,
}

impl Picture<'_> {
    fn servers(&self) -> Vec<ServerView> {
        let servers = &self.account.servers;
        let current = self.place_of_current();
        let views = servers.iter().enumerate().map(|(nth, server)| ServerView {
            title: capitalised(&place(&server.server)),
            address: server.address.clone(),
            note: self.note(server),
            wire: live_up_to(current, nth),
            hops: self.hops(server, nth),
        });
        views.collect()
    }

    fn note(&self, server: &ServerStatus) -> String {
        let mut notes = Vec::new();
        if server.next_hops.is_empty() {
            notes.push("no address is known".to_owned());
        }
        if server.next_hops.len() > 1 {
            notes.push(format!("failback {}", failback(server.failback_mode)));
        }
        if server.in_doubt {
            notes.push("in doubt: it gave no answer".to_owned());
        }
        notes.join("; ")
    }

    fn hops(&self, server: &ServerStatus, nth: usize) -> Vec<HopView> {
        let current = self.place_of_current();
        let on_it = self.here.as_ref().filter(|here| here.server.server == server.server);
        let held = server.lease.as_ref().map(|lease| lease.next_hop.as_str());
        let held = server.next_hops.iter().position(|hop| Some(hop.next_hop.as_str()) == held);
        let last = server.next_hops.len().saturating_sub(1);
        let is_last_server = nth + 1 == self.account.servers.len();
        let views = server.next_hops.iter().enumerate().map(|(place, hop)| {
            let (tone, health) = health(hop);
            let holds = held == Some(place);
            let branch = match (holds, on_it.is_some(), tone) {
                (true, true, _) => "live",
                (true, false, _) => "second",
                (false, _, Tone::Bad) => "broken",
                (false, ..) => "thin",
            };
            let passes = current.is_some_and(|current| {
                current > nth || (current == nth && held.is_some_and(|held| held > place))
            });
            let below = match (is_last_server && place == last, passes) {
                (true, _) => "",
                (false, true) => "live",
                (false, false) => "thin",
            };
            let above = if passes || branch == "live" { "live" } else { "thin" };
            HopView {
                next_hop: hop.next_hop.clone(),
                role: if server.next_hops.len() > 1 { hop.role.clone() } else { String::new() },
                tone,
                health,
                lease: self.lease(server).filter(|_| holds),
                above,
                branch,
                below,
                details: self.details(hop),
                probe: self.probe(hop, holds),
            }
        });
        views.collect()
    }

    fn lease(&self, server: &ServerStatus) -> Option<LeaseView> {
        let lease = server.lease.as_ref()?;
        let granted = self.memory.and_then(|memory| memory.granted.get(&server.server));
        Some(LeaseView {
            left_s: lease.expires_in_s,
            left: span(lease.expires_in_s),
            granted_s: granted.copied().unwrap_or_default(),
            is_current: self.here.as_ref().is_some_and(|it| it.server.server == server.server),
            in_doubt: server.in_doubt,
        })
    }

    fn details(&self, hop: &HopStatus) -> Vec<Detail> {
        let mut details = Vec::new();
        let mut say = |term, text: String, ago, due| {
            details.push(Detail { term, text, due, ago });
        };
        let answer = self.memory.and_then(|memory| memory.answers.get(&hop.next_hop));
        if let Some(ended) = answer {
            let answer = match (ended.status, ended.reason.as_deref()) {
                (Some(status), _) => status.to_string(),
                (None, Some(reason)) => desk::reason_words(reason),
                (None, None) => "answered".to_owned(),
            };
            let ago = (self.now - ended.t).max(0.0);
            let detail = ended.detail.as_ref().map_or(String::new(), |it| format!(" ({it})"));
            say("Last answer", format!("{answer} to {}{detail}", ended.method), Some(ago), None);
        } else if let Some(ago) = hop.last_heard_s {
            say("Last heard", String::new(), Some(ago), None);
        }
        if let Some(rtt) = hop.rtt_ms {
            say("Round trip", format!("{rtt:.1} ms"), None, None);
        }
        if let Some(ttl) = hop.ttl_left_s {
            let ttl = u32::try_from(ttl).unwrap_or(u32::MAX);
            say("DNS record", format!("{}, for another", hop.source), None, Some(ttl.into()));
        } else {
            let source = if hop.source == "literal" { "an address" } else { &hop.source };
            say("Found by", source.to_owned(), None, None);
        }
        if let Some(wait) = hop.retry_after_s {
            say("Asked to wait", String::new(), None, Some(wait));
        }
        details
    }

    /// When a next hop that does not hold the registration is asked again.
    fn probe(&self, hop: &HopStatus, holds: bool) -> Option<NextView> {
        let acts = self.account.next.iter().filter(|_| !holds);
        let mut acts = acts.filter(|act| act.to.as_ref() == Some(&hop.next_hop));
        acts.next().map(NextView::new)
    }

    fn place_of_current(&self) -> Option<usize> {
        let here = self.here.as_ref()?;
        self.account.servers.iter().position(|server| server.server == here.server.server)
    }
}

/// Lines lead past a server to the current one below it.
const fn live_up_to(current: Option<usize>, nth: usize) -> &'static str {
    match current {
        Some(current) if current >= nth => "live",
        Some(_) | None => "thin",
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(text: &str) -> AccountStatus {
        serde_json::from_str(text).unwrap()
    }

    const CONCURRENT: &str = r#"{"account":1,"status":"Registered","label":"4605","current_server":"1","current_proxy":null,"redundancy":"concurrent","servers":[
      {"server":"1","address":"lab.test","registered":true,"in_doubt":false,"lease":{"next_hop":"udp/b:1","since":"2026-01-01T00:00:37Z","expires_in_s":41.2},"last_used":"udp/b:1","failback_mode":0,"next_hops":[
        {"next_hop":"udp/a:1","role":"primary","source":"dns","ttl_left_s":12,"health":"down","reason":"timed_out","last_heard_s":68.1,"rtt_ms":0.4,"retry_after_s":null},
        {"next_hop":"udp/b:1","role":"secondary","source":"dns","ttl_left_s":12,"health":"up","reason":null,"last_heard_s":1.0,"rtt_ms":0.4,"retry_after_s":null}]},
      {"server":"2","address":"192.0.2.9","registered":true,"in_doubt":false,"lease":{"next_hop":"udp/z:1","since":"2026-01-01T00:00:37Z","expires_in_s":41.2},"last_used":"udp/z:1","failback_mode":0,"next_hops":[
        {"next_hop":"udp/z:1","role":"primary","source":"literal","ttl_left_s":null,"health":"up","reason":null,"last_heard_s":1.0,"rtt_ms":0.4,"retry_after_s":5.0}]}],
      "next":[{"in_s":11.2,"what":"REGISTER","to":"udp/a:1","why":"renewal"}],"subscriptions":[],"last_moves":[],"reason":null}"#;

    #[test]
    fn the_wire_leads_from_the_phone_to_the_registration() {
        let view = AccountView::new(&account(CONCURRENT), None, 0.0, None);
        let wires: Vec<_> = view
            .servers
            .iter()
            .flat_map(|server| &server.hops)
            .map(|hop| (hop.above, hop.branch, hop.below))
            .collect();
        assert_eq!(
            wires,
            [("live", "broken", "live"), ("live", "live", "thin"), ("thin", "second", "")]
        );
        let heads: Vec<_> = view.servers.iter().map(|server| server.wire).collect();
        assert_eq!(heads, ["live", "thin"]);
    }

    #[test]
    fn each_next_hop_tells_its_lease_its_health_and_when_it_is_asked_again() {
        let view = AccountView::new(&account(CONCURRENT), None, 0.0, None);
        let [first, second] = &view.servers[..] else { panic!("two servers") };
        let [a, b] = &first.hops[..] else { panic!("two next hops") };
        assert_eq!((a.health.as_str(), a.tone), ("down: no answer", Tone::Bad));
        assert_eq!(a.probe.as_ref().map(|it| it.when.as_str()), Some("in 11 s"));
        assert!(a.lease.is_none() && b.probe.is_none());
        assert_eq!(
            b.lease.as_ref().map(|it| (it.left.as_str(), it.is_current)),
            Some(("41 s", true))
        );
        let [z] = &second.hops[..] else { panic!("one next hop") };
        assert!(z.role.is_empty(), "the only next hop is no primary of anything");
        assert!(z.details.iter().any(|it| it.term == "Asked to wait" && it.due == Some(5.0)));
    }
}
