//! The status of a phone as a page in the terminal.

use desk::{
    AccountStatus, AudioStatus, CallStatus, HopStatus, MoveLine, PhoneStatus, ServerStatus, Status,
    span,
};

use super::grid::harmless;
use super::{Cell, Grid, Ink, Paint};
use crate::run::log::clock_time;

/// How many of the last moves are shown.
const MOVES_SHOWN: usize = 5;

/// The page for `status`, or for one account of it, fit for `width` columns.
pub(crate) fn status_page(
    status: &Status,
    account: Option<u8>,
    paint: Paint,
    width: usize,
) -> String {
    let page = Page { paint, width };
    let phones = status.phones.iter().map(|phone| page.phone(status, phone, account));
    phones.collect::<Vec<_>>().join("\n")
}

struct Page {
    paint: Paint,
    width: usize,
}

impl Page {
    fn phone(&self, status: &Status, phone: &PhoneStatus, account: Option<u8>) -> String {
        let facts = [
            format!("firmware {}", phone.firmware),
            phone.profile.clone(),
            if phone.idle { "idle" } else { "in a call" }.into(),
            format!("sureline {}", status.version),
        ];
        let name = format!("{} {}", harmless(&phone.model), harmless(&phone.mac));
        let mut page = format!(
            "{}  {}\n",
            self.paint.ink(Ink::Bold, &name),
            self.paint.ink(Ink::Dim, &facts.join("  "))
        );
        let wanted = |it: &&AccountStatus| account.is_none_or(|number| number == it.account);
        let accounts: Vec<_> = phone.accounts.iter().filter(wanted).collect();
        if accounts.is_empty() {
            page.push_str("\n  no account has settings: give the phone a configuration file\n");
        }
        for account in accounts {
            page.push('\n');
            page.push_str(&self.account(account));
            let calls = phone.calls.iter().filter(|call| call.account == account.account);
            page.push_str(&self.calls(calls));
        }
        page
    }

    fn account(&self, account: &AccountStatus) -> String {
        let mut text = self.headline(account);
        for server in &account.servers {
            text.push_str(&self.server(account, server));
        }
        text.push_str(&self.next(account));
        text.push_str(&self.moves(&account.last_moves));
        text
    }

    fn headline(&self, account: &AccountStatus) -> String {
        let in_doubt = account.servers.iter().any(|server| server.in_doubt);
        let (ink, sign, ascii) = match account.status.as_str() {
            "Registered" if in_doubt => (Ink::Warn, "◐", "?"),
            "Registered" => (Ink::Good, "●", "*"),
            "Registering" => (Ink::Warn, "◌", "."),
            "Disabled" => (Ink::Dim, "○", "-"),
            _ => (Ink::Bad, "✗", "x"),
        };
        let sign = self.paint.ink(ink, self.paint.sign(sign, ascii));
        let name = format!("account {}", account.account);
        let label = harmless(&account.label);
        let what = self.paint.ink(ink, &harmless(&account.status));
        let place = where_registered(account);
        let name = self.paint.ink(Ink::Bold, &name);
        format!("{sign} {name}  {label}  {what}{place}\n").replace("    ", "  ")
    }

    fn server(&self, account: &AccountStatus, server: &ServerStatus) -> String {
        let current = [&account.current_server, &account.current_proxy]
            .into_iter()
            .flatten()
            .any(|place| *place == server.server);
        let mut facts = vec![place_words(&server.server), harmless(&server.address)];
        match &server.lease {
            Some(lease) => {
                let left = span(lease.expires_in_s);
                facts.push(format!("held since {} for another {left}", clock_time(&lease.since)));
            }
            None if account.status == "Disabled" => {}
            None => facts.push("no registration here".into()),
        }
        if server.in_doubt {
            facts.push("in doubt: it gave no answer".into());
        }
        if let Some(mode) = failback_words(server) {
            facts.push(mode.into());
        }
        let mut text = format!("    {}", facts.join("  "));
        if current && account.servers.len() > 1 {
            text.push_str("  (current)");
        }
        text.push('\n');
        let mut grid = Grid::indented("      ").dropping(&[7, 3, 6, 5]);
        for hop in &server.next_hops {
            grid.row(self.hop(server, hop));
        }
        text + &grid.render(self.paint, self.width)
    }

    fn hop(&self, server: &ServerStatus, hop: &HopStatus) -> [Cell; 8] {
        let held = server.lease.as_ref().is_some_and(|lease| lease.next_hop == hop.next_hop);
        let (ink, sign, ascii) = match hop.health.as_str() {
            "up" => (Ink::Good, "●", "*"),
            "suspect" => (Ink::Warn, "◐", "?"),
            "down" => (Ink::Bad, "✗", "x"),
            _ => (Ink::Dim, "○", "-"),
        };
        let reason =
            hop.reason.as_ref().map_or(String::new(), |it| format!(": {}", reason_words(it)));
        let heard =
            hop.last_heard_s.map_or("never heard".into(), |s| format!("heard {} ago", span(s)));
        let trip = hop.rtt_ms.map_or(String::new(), |ms| format!("{ms:.1} ms"));
        let wait = hop.retry_after_s.map(|s| format!("asked to wait {}", span(s)));
        let source = match hop.ttl_left_s {
            Some(ttl) => format!("{}, {ttl} s left", hop.source),
            None => hop.source.clone(),
        };
        [
            Cell::inked(ink, self.paint.sign(sign, ascii)),
            Cell::inked(if held { Ink::Bold } else { Ink::Plain }, &hop.next_hop),
            Cell::inked(ink, format!("{}{reason}", health_words(&hop.health))),
            Cell::inked(Ink::Dim, if server.next_hops.len() > 1 { &hop.role } else { "" }),
            Cell::inked(Ink::Good, if held { "registered here" } else { "" }),
            Cell::inked(Ink::Dim, wait.unwrap_or(heard)),
            Cell::inked(Ink::Dim, trip),
            Cell::inked(Ink::Dim, source),
        ]
    }

    fn next(&self, account: &AccountStatus) -> String {
        let mut grid = Grid::indented("    ").dropping(&[4]);
        let mut title = "next";
        for act in &account.next {
            let to = act.to.as_ref().map_or(String::new(), |hop| format!("to {hop}"));
            grid.row([
                Cell::inked(Ink::Dim, title),
                Cell::new(format!("in {}", span(act.in_s))),
                Cell::inked(Ink::Bold, &act.what),
                Cell::new(to),
                Cell::inked(Ink::Dim, &act.why),
            ]);
            title = "";
        }
        grid.render(self.paint, self.width)
    }

    fn calls<'a>(&self, calls: impl Iterator<Item = &'a CallStatus>) -> String {
        let mut grid = Grid::indented("    ").dropping(&[4, 5]);
        let mut title = "calls";
        for call in calls {
            let state = match (call.state.as_str(), call.direction.as_str()) {
                ("ringing", "in") => "rings here",
                ("ringing", _) => "rings there",
                (other, _) => other,
            };
            let through =
                call.next_hop.as_ref().map_or(String::new(), |hop| format!("through {hop}"));
            let sound = call.audio.as_ref().map_or(String::new(), audio_words);
            grid.row([
                Cell::inked(Ink::Dim, title),
                Cell::new(&call.id),
                Cell::inked(Ink::Bold, state),
                Cell::new(&call.peer),
                Cell::inked(Ink::Dim, format!("since {}", clock_time(&call.since))),
                Cell::inked(Ink::Dim, through),
                Cell::new(sound),
            ]);
            title = "";
        }
        grid.render(self.paint, self.width)
    }

    fn moves(&self, moves: &[MoveLine]) -> String {
        let mut grid = Grid::indented("    ").dropping(&[5]);
        let mut title = "last";
        for moved in moves.iter().rev().take(MOVES_SHOWN) {
            grid.row([
                Cell::inked(Ink::Dim, title),
                Cell::new(clock_time(&moved.at)),
                Cell::inked(Ink::Bold, &moved.event),
                Cell::new(format!("{} {}", self.paint.sign("→", "->"), moved.to)),
                Cell::inked(Ink::Dim, reason_words(&moved.reason)),
                Cell::inked(Ink::Dim, format!("from {}", moved.from)),
            ]);
            title = "";
        }
        grid.render(self.paint, self.width)
    }
}

/// `PCMU, MOS 4.4, loss 0 %, jitter 0.3 ms`.
fn audio_words(audio: &AudioStatus) -> String {
    let score = audio.mos.map_or("nothing heard".into(), |mos| format!("MOS {mos:.1}"));
    let (codec, loss, jitter) = (harmless(&audio.codec), audio.loss_percent, audio.jitter_ms);
    format!("{codec}, {score}, loss {loss} %, jitter {jitter} ms")
}

/// ` at udp/127.0.1.2:5060 (secondary), 1 of 2 servers`.
fn where_registered(account: &AccountStatus) -> String {
    let leases: Vec<_> = account
        .servers
        .iter()
        .filter_map(|it| it.lease.as_ref().map(|lease| (it, lease)))
        .collect();
    match leases.as_slice() {
        [] => {
            account.reason.as_ref().map_or(String::new(), |it| format!(" ({})", reason_words(it)))
        }
        [(server, lease)] => {
            let hop = server.next_hops.iter().find(|hop| hop.next_hop == lease.next_hop);
            let role = hop.filter(|_| server.next_hops.len() > 1).map(|hop| hop.role.as_str());
            let role = role.map_or(String::new(), |role| format!(", {role}"));
            format!(" at {}{role}", lease.next_hop)
        }
        several => format!(" at {} servers", several.len()),
    }
}

fn place_words(server: &str) -> String {
    match server.strip_prefix("proxy") {
        Some(number) => format!("outbound proxy {number}"),
        None if server == "2" => "fallback server".into(),
        None => "server 1".into(),
    }
}

fn failback_words(server: &ServerStatus) -> Option<&'static str> {
    if server.next_hops.len() < 2 {
        return None;
    }
    Some(match server.failback_mode {
        0 => "failback with each new request",
        1 => "failback by the record's TTL",
        2 => "failback at the refresh",
        _ => "failback after failback_timeout",
    })
}

fn health_words(health: &str) -> &str {
    match health {
        "unknown" => "not asked yet",
        "suspect" => "unanswered",
        other => other,
    }
}

fn reason_words(reason: &str) -> String {
    match reason {
        "timed_out" => "no answer".into(),
        "dns" => "no address found".into(),
        other => other.replace('_', " "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = r#"{"version":"0.1.0","phones":[{"mac":"001565000001","model":"SIP-T46G","firmware":81,"profile":"compat","idle":true,
 "accounts":[{"account":1,"status":"Registered","label":"4605","current_server":"1","current_proxy":null,"redundancy":"successive",
  "servers":[{"server":"1","address":"lab.test","registered":true,"in_doubt":false,"lease":{"next_hop":"udp/127.0.1.2:5060","since":"2026-01-01T00:00:37Z","expires_in_s":41.2},"last_used":"udp/127.0.1.2:5060","failback_mode":0,
   "next_hops":[{"next_hop":"udp/127.0.1.1:5060","role":"primary","source":"dns","ttl_left_s":12,"health":"down","reason":"timed_out","last_heard_s":68.1,"rtt_ms":0.4,"retry_after_s":null},
    {"next_hop":"udp/127.0.1.2:5060","role":"secondary","source":"dns","ttl_left_s":12,"health":"up","reason":null,"last_heard_s":8.0,"rtt_ms":0.5,"retry_after_s":null}]}],
  "next":[{"in_s":11.2,"what":"REGISTER","to":"udp/127.0.1.1:5060","why":"renewal"}],
  "subscriptions":[],"last_moves":[{"seq":46,"event":"failover","at":"2026-01-01T00:00:37.503911Z","method":"REGISTER","from":"udp/127.0.1.1:5060","to":"udp/127.0.1.2:5060","reason":"timed_out"}]}],
 "calls":[{"id":"c1","account":1,"direction":"out","state":"up","peer":"sip:1002@lab.test","next_hop":"udp/127.0.1.2:5060","since":"2026-01-01T00:00:40Z",
  "audio":{"codec":"PCMU","remote":"127.0.0.1:11780","sent":50,"received":49,"lost":0,"loss_percent":0.5,"jitter_ms":0.3,"buffered_ms":20.0,"round_trip_ms":null,"mos":4.41,"level_db":-12.1}}]}]}"#;

    fn page(width: usize) -> String {
        let status: Status = serde_json::from_str(STATUS).unwrap();
        status_page(&status, None, Paint::plain(), width)
    }

    #[test]
    fn the_page_says_where_the_phone_is_what_is_wrong_and_what_comes_next() {
        let page = page(140);
        for part in [
            "● account 1  4605  Registered at udp/127.0.1.2:5060, secondary\n",
            "server 1  lab.test  held since",
            "✗  udp/127.0.1.1:5060  down: no answer  primary                     heard 68 s ago",
            "●  udp/127.0.1.2:5060  up               secondary  registered here  heard 8.0 s ago",
            "next  in 11 s  REGISTER  to udp/127.0.1.1:5060  renewal\n",
            "calls  c1  up  sip:1002@lab.test  since ",
            "  through udp/127.0.1.2:5060  PCMU, MOS 4.4, loss 0.5 %, jitter 0.3 ms\n",
            "failover  → udp/127.0.1.2:5060  no answer  from udp/127.0.1.1:5060\n",
        ] {
            assert!(page.contains(part), "{part:?} is missing in\n{page}");
        }
    }

    #[test]
    fn no_row_of_a_table_is_wider_than_the_terminal() {
        use unicode_width::UnicodeWidthStr as _;
        for width in [60, 80, 100] {
            let page = page(width);
            let rows =
                page.lines().filter(|line| line.starts_with("      ") || line.contains("next"));
            assert!(rows.clone().count() >= 3);
            assert!(rows.clone().all(|row| row.width() <= width), "{width}:\n{page}");
        }
    }
}
