//! Events as sentences for a person who watches: what happened, why, and what comes next.

use std::collections::BTreeMap;

use crate::calls::Calls;
use crate::event::{EventBody, EventLine, LocatedHopLine};

/// How much a sentence matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something does not work.
    Warning,
    /// Something changed.
    Plain,
    /// A step on the way, for whoever wants to see every one.
    Detail,
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// How much it matters.
    pub weight: Weight,
    /// The sentence, without time.
    pub text: String,
}

/// Remembers just enough of the event stream to say one sentence where several events tell one
/// thing: a move is one line, with the next hops that gave no answer before it.
#[derive(Debug, Default)]
pub struct Narrator {
    phones: BTreeMap<String, ()>,
    lines: BTreeMap<(String, u8), Memory>,
}

/// What is remembered of one account.
#[derive(Debug, Default)]
struct Memory {
    places: BTreeMap<String, Place>,
    leases: BTreeMap<String, String>,
    failed: Vec<Failed>,
    current: Option<String>,
    calls: Calls,
}

/// A server or proxy as it was last located.
#[derive(Debug, Default)]
struct Place {
    name: String,
    hops: Vec<String>,
}

/// An attempt at REGISTER that came to nothing since the last that was granted.
#[derive(Debug)]
struct Failed {
    next_hop: String,
    reason: String,
    sent: u16,
    elapsed_s: f64,
    fault: Option<String>,
}

/// How many failed attempts are named in one sentence.
const NAMED_MAX: usize = 3;

impl Narrator {
    /// A narrator who has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The sentence for the next event of the stream, where it deserves one.
    pub fn tell(&mut self, line: &EventLine) -> Option<Sentence> {
        let mut about = String::new();
        if let Some(phone) = &line.phone {
            self.phones.insert(phone.clone(), ());
            if self.phones.len() > 1 {
                about = format!("{phone} ");
            }
        }
        let key = (line.phone.clone().unwrap_or_default(), line.account.unwrap_or_default());
        let memory = self.lines.entry(key).or_default();
        let of_a_call = memory.calls.tell(&line.body);
        let told = of_a_call.or_else(|| memory.tell(&line.body));
        let mut sentence = told.or_else(|| of_process(&line.body))?;
        if let Some(account) = line.account {
            sentence.text = format!("{about}account {account}: {}", sentence.text);
        }
        Some(sentence)
    }
}

impl Memory {
    fn tell(&mut self, body: &EventBody) -> Option<Sentence> {
        if let EventBody::Located { server, name, next_hops } = body {
            Some(self.located(server, name, next_hops))
        } else if let EventBody::AttemptEnded { .. } = body {
            self.attempt_ended(body)
        } else if let EventBody::Registered { server, next_hop, refresh_in_s, reason, .. } = body {
            Some(self.registered(server, next_hop, *refresh_in_s, reason))
        } else if let EventBody::RegistrationFailed { server, reason, retry_in_s, .. } = body {
            Some(self.registration_failed(server, reason, *retry_in_s))
        } else if let EventBody::Unregistered { server, next_hop, reason } = body {
            self.leases.remove(server);
            let why = reason_words(reason);
            Some(plain(format!("no longer registered at {next_hop} ({why})")))
        } else if let EventBody::RegistrationInDoubt { server, .. } = body {
            let name = self.name_of(server);
            Some(warning(format!(
                "{name} gives no answer any more: the registration there is in doubt, asking again"
            )))
        } else {
            let (event, method, from, to, reason) = body.as_move()?;
            let text = format!("{method}: {event} from {from} to {to} ({})", reason_words(reason));
            Some(if method == "REGISTER" { detail(text) } else { plain(text) })
        }
    }

    fn located(&mut self, server: &str, name: &str, hops: &[LocatedHopLine]) -> Sentence {
        let found: Vec<_> =
            hops.iter().map(|hop| format!("{}/{}", hop.transport, hop.addr)).collect();
        let known = self.places.get(server).is_some_and(|place| place.hops == found);
        let list = found.join(", then ");
        self.places.insert(server.into(), Place { name: name.into(), hops: found });
        match hops.first() {
            None => warning(format!(
                "nothing was found for {name} ({}): check the name and the DNS servers \
                 (sureline resolve {name})",
                place_words(server),
            )),
            Some(_) if known => detail(format!("{name} is still {list}")),
            Some(first) if first.source == "literal" => detail(format!("{name} is {list}")),
            Some(first) => {
                plain(format!("{name} is {list} (from {})", source_words(&first.source)))
            }
        }
    }

    fn attempt_ended(&mut self, body: &EventBody) -> Option<Sentence> {
        let EventBody::AttemptEnded {
            method,
            next_hop,
            sent,
            outcome,
            status,
            reason,
            elapsed_s,
            detail: fault,
            ..
        } = body
        else {
            return None;
        };
        let reason = reason.clone().unwrap_or_default();
        let answer = status.map_or_else(|| outcome.clone(), |status| status.to_string());
        let text =
            format!("{method} to {next_hop}: {answer} after {}, {sent} sent", span(*elapsed_s));
        if method == "REGISTER" && !reason.is_empty() && reason != "abandoned" {
            let (next_hop, sent, elapsed_s) = (next_hop.clone(), *sent, *elapsed_s);
            let fault = fault.clone();
            self.failed.push(Failed { next_hop, reason, sent, elapsed_s, fault });
        }
        Some(detail(text))
    }

    fn registered(&mut self, server: &str, hop: &str, refresh_s: f64, reason: &str) -> Sentence {
        let failed = std::mem::take(&mut self.failed);
        let before = self.leases.insert(server.into(), hop.into());
        let server_before = self.current.replace(server.into());
        let next = format!("refresh in {}", span(refresh_s));
        let moved = before.as_deref().is_some_and(|before| before != hop)
            || server_before.as_deref().is_some_and(|before| before != server && reason == "probe");
        if before.as_deref() == Some(hop) && !moved {
            return detail(format!("registration at {hop} refreshed; {next}"));
        }
        let at = format!("registered at {hop} ({})", self.role(server, hop));
        if failed.is_empty() {
            let back = if moved { "back: " } else { "" };
            let why = if moved { format!(" ({})", reason_words(reason)) } else { String::new() };
            return plain(format!("{back}{at}{why}; {next}"));
        }
        plain(format!("{at} after {}; {next}", failures(&failed)))
    }

    fn registration_failed(
        &mut self,
        server: &str,
        why: &str,
        retry_in_s: Option<f64>,
    ) -> Sentence {
        let failed = std::mem::take(&mut self.failed);
        let next = match retry_in_s {
            Some(retry) => format!("; next try in {}", span(retry)),
            None => String::new(),
        };
        let what = if failed.is_empty() { reason_words(why) } else { failures(&failed) };
        let fault = failed.last().and_then(|last| last.fault.as_deref()).unwrap_or_default();
        let hint = reason_hint(why, fault).map_or(String::new(), |hint| format!(". {hint}"));
        warning(format!("not registered at {}: {what}{next}{hint}", self.name_of(server)))
    }

    fn name_of(&self, server: &str) -> String {
        let place = self.places.get(server);
        place.map_or_else(
            || place_words(server),
            |it| format!("{} ({})", it.name, place_words(server)),
        )
    }

    fn role(&self, server: &str, hop: &str) -> String {
        let Some(place) = self.places.get(server) else { return place_words(server) };
        let role = match place.hops.iter().position(|known| known == hop) {
            Some(0) if place.hops.len() > 1 => "primary of ",
            Some(0) | None => "",
            Some(_) => "secondary of ",
        };
        format!("{role}{}", place_words(server))
    }
}

fn of_process(body: &EventBody) -> Option<Sentence> {
    Some(if let EventBody::Listening { sip, api } = body {
        plain(format!("listening on {}; control API at {api}", sip.join(" and ")))
    } else if let EventBody::Health { next_hop, state, evidence } = body {
        detail(format!("{next_hop} is {state} ({evidence})"))
    } else if let EventBody::FailbackParked { .. } = body {
        plain("the return to the primary waits until no call is up".into())
    } else if let EventBody::Settings { changed, source } = body {
        plain(format!("settings from {source}: {}", changed_words(changed)))
    } else if let EventBody::Refused { what, from, why, count } = body {
        plain(format!("refused {count} {what}(s) from {from}: {}", reason_words(why)))
    } else if let EventBody::CheckSync { from, .. } = body {
        plain(format!("{from} asks for provisioning (check-sync)"))
    } else if let EventBody::LimitReached { limit } = body {
        warning(format!("a limit of this phone was reached: {limit}"))
    } else if let EventBody::Notice { text } = body {
        plain(text.clone())
    } else if let EventBody::Stopped {} = body {
        plain("everything is unregistered".into())
    } else {
        return None;
    })
}

fn changed_words(changed: &[String]) -> String {
    const SHOWN: usize = 4;
    match changed.len() {
        0 => "nothing changed".into(),
        count if count > SHOWN => format!("{count} keys changed"),
        _ => changed.join(", "),
    }
}

/// `7.5 s without an answer from udp/127.0.1.1:5060`, and so for each.
fn failures(failed: &[Failed]) -> String {
    let skipped = failed.len().saturating_sub(NAMED_MAX);
    let mut named: Vec<_> = failed.iter().skip(skipped).map(Failed::words).collect();
    if skipped > 0 {
        named.insert(0, format!("{skipped} more that failed"));
    }
    named.join(" and ")
}

impl Failed {
    fn words(&self) -> String {
        let (hop, time) = (&self.next_hop, span(self.elapsed_s));
        match self.reason.as_str() {
            "timed_out" if self.sent > 1 => {
                format!("{time} without an answer from {hop} ({} sent)", self.sent)
            }
            "timed_out" => format!("{time} without an answer from {hop}"),
            "unreachable" => format!("{hop} was unreachable (ICMP)"),
            "refused" => format!("{hop} refused the connection"),
            "reset" => format!("{hop} closed the connection"),
            "tls" => match &self.fault {
                Some(fault) => format!("TLS with {hop} failed: {fault}"),
                None => format!("TLS with {hop} failed"),
            },
            other => format!("{} from {hop}", reason_words(other)),
        }
    }
}

/// A reason of the event stream, said for people.
#[must_use]
pub fn reason_words(reason: &str) -> String {
    match reason {
        "timed_out" => "no answer",
        "unreachable" => "unreachable (ICMP)",
        "refused" => "connection refused",
        "reset" => "connection closed",
        "tls" => "TLS failed: the certificate or the handshake",
        "dns" => "no address found",
        "lease_end" => "its time ran out",
        "ttl" => "the TTL of its record ran out",
        "renewal" => "at the refresh",
        "duration" => "failback_timeout ran out",
        "new_request" => "each new request starts at the primary",
        "probe" => "the probe was answered",
        "command" => "as ordered",
        "settings" => "the settings changed",
        "start" => "at start",
        "retry" => "tried again",
        "connection_lost" => "the connection closed",
        "doubt" => "the registration was in doubt",
        "stranger" => "not from a server of an account",
        "unknown_branch" => "answers no open request",
        "spoofed" => "came from elsewhere than the request went to",
        "malformed" => "not a SIP message",
        other => {
            return other
                .strip_prefix("status_")
                .map_or(other.replace('_', " "), |code| format!("answer {code}"));
        }
    }
    .into()
}

/// What to do about a reason of the event stream, where somebody can do something; `fault` is the
/// detail of the attempt, or blank.
#[must_use]
pub fn reason_hint(reason: &str, fault: &str) -> Option<&'static str> {
    Some(match reason {
        "status_401" | "status_407" | "status_403" => {
            "Check account.X.auth_name and account.X.password"
        }
        "status_404" => "Check account.X.user_name",
        "tls" if fault.contains("certificate") => {
            "The certificate has to name the configured server and come from a trusted authority"
        }
        "tls" => "The server has to speak TLS 1.2 or 1.3 at this port",
        "dns" => "Check the server's address and the DNS servers (sureline resolve NAME)",
        "refused" | "unreachable" => "Check address, port and transport_type of the server",
        "no_route" => "This machine has no route to the server",
        _ => return None,
    })
}

fn place_words(server: &str) -> String {
    server.strip_prefix("proxy").map_or_else(
        || if server == "2" { "fallback server".into() } else { "server 1".into() },
        |number| format!("outbound proxy {number}"),
    )
}

fn source_words(source: &str) -> &str {
    match source {
        "static" => "the static cache",
        "stale" => "an older answer: DNS is silent",
        "dns" => "DNS",
        other => other,
    }
}

/// `0.4 ms`, `7.5 s`, `51 s`, `5 min`, `2 h 10 min`.
#[must_use]
pub fn span(seconds: f64) -> String {
    if seconds < 0.1 {
        format!("{:.0} ms", (seconds * 1000.0).max(0.0))
    } else if seconds < 9.95 {
        format!("{seconds:.1} s")
    } else if seconds < 119.5 {
        format!("{seconds:.0} s")
    } else {
        let minutes = (seconds / 60.0).round();
        let (hours, rest) = ((minutes / 60.0).floor(), minutes % 60.0);
        match (hours > 0.0, rest > 0.0) {
            (false, _) => format!("{minutes:.0} min"),
            (true, false) => format!("{hours:.0} h"),
            (true, true) => format!("{hours:.0} h {rest:.0} min"),
        }
    }
}

pub(crate) fn plain(text: String) -> Sentence {
    Sentence { weight: Weight::Plain, text }
}

pub(crate) fn warning(text: String) -> Sentence {
    Sentence { weight: Weight::Warning, text }
}

pub(crate) fn detail(text: String) -> Sentence {
    Sentence { weight: Weight::Detail, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tell(narrator: &mut Narrator, body: EventBody) -> Option<Sentence> {
        narrator.tell(&EventLine {
            seq: 1,
            t: 0.0,
            at: "2026-01-01T00:00:00.000000Z".into(),
            phone: Some("001565000001".into()),
            account: Some(1),
            body,
        })
    }

    fn located(hops: &[&str]) -> EventBody {
        let hop = |addr: &&str| LocatedHopLine {
            transport: "udp".into(),
            addr: (*addr).into(),
            priority: 10,
            weight: 0,
            source: "dns".into(),
            ttl: Some(30),
        };
        let next_hops = hops.iter().map(hop).collect();
        EventBody::Located { server: "1".into(), name: "lab.test".into(), next_hops }
    }

    fn ended(hop: &str, reason: Option<&str>) -> EventBody {
        EventBody::AttemptEnded {
            id: 1,
            method: "REGISTER".into(),
            call_id: "a".into(),
            server: "1".into(),
            next_hop: hop.into(),
            nth: 1,
            sent: 4,
            outcome: "timed_out".into(),
            status: None,
            reason: reason.map(Into::into),
            elapsed_s: 7.5,
            detail: None,
        }
    }

    fn registered(hop: &str, reason: &str) -> EventBody {
        EventBody::Registered {
            server: "1".into(),
            next_hop: hop.into(),
            expires_s: 60,
            refresh_in_s: 51.2,
            reason: reason.into(),
        }
    }

    #[test]
    fn a_move_is_one_sentence_with_what_went_before_and_what_follows() {
        let mut narrator = Narrator::new();
        tell(&mut narrator, located(&["127.0.1.1:5060", "127.0.1.2:5060"]));
        let first = tell(&mut narrator, registered("udp/127.0.1.1:5060", "start")).unwrap();
        assert_eq!(
            first.text,
            "account 1: registered at udp/127.0.1.1:5060 (primary of server 1); refresh in 51 s"
        );
        let step = tell(&mut narrator, ended("udp/127.0.1.1:5060", Some("timed_out"))).unwrap();
        assert_eq!(step.weight, Weight::Detail);
        let moved = tell(&mut narrator, registered("udp/127.0.1.2:5060", "renewal")).unwrap();
        assert_eq!(
            moved.text,
            "account 1: registered at udp/127.0.1.2:5060 (secondary of server 1) after 7.5 s \
             without an answer from udp/127.0.1.1:5060 (4 sent); refresh in 51 s"
        );
        let back = tell(&mut narrator, registered("udp/127.0.1.1:5060", "new_request")).unwrap();
        assert!(back.text.starts_with("account 1: back: registered at udp/127.0.1.1:5060"));
    }

    #[test]
    fn a_refusal_is_told_from_silence() {
        let mut narrator = Narrator::new();
        tell(&mut narrator, ended("udp/127.0.1.1:5060", Some("unreachable")));
        let moved = tell(&mut narrator, registered("udp/127.0.1.2:5060", "start")).unwrap();
        assert_eq!(
            moved.text,
            "account 1: registered at udp/127.0.1.2:5060 (server 1) after udp/127.0.1.1:5060 was \
             unreachable (ICMP); refresh in 51 s"
        );
    }

    #[test]
    fn a_refresh_is_a_detail() {
        let mut narrator = Narrator::new();
        tell(&mut narrator, registered("udp/127.0.1.1:5060", "start"));
        let again = tell(&mut narrator, registered("udp/127.0.1.1:5060", "renewal")).unwrap();
        assert_eq!(again.weight, Weight::Detail);
    }

    #[test]
    fn a_failure_says_why_what_to_do_and_when_it_is_tried_again() {
        let mut narrator = Narrator::new();
        let failed = EventBody::RegistrationFailed {
            server: "1".into(),
            next_hop: None,
            reason: "status_403".into(),
            retry_in_s: Some(60.0),
        };
        let said = tell(&mut narrator, failed).unwrap();
        assert_eq!(said.weight, Weight::Warning);
        assert_eq!(
            said.text,
            "account 1: not registered at server 1: answer 403; next try in 60 s. \
             Check account.X.auth_name and account.X.password"
        );
    }

    #[test]
    fn a_name_without_an_address_names_the_command_that_shows_why() {
        let said = tell(&mut Narrator::new(), located(&[])).unwrap();
        assert_eq!(said.weight, Weight::Warning);
        assert!(said.text.contains("sureline resolve lab.test"));
    }

    #[test]
    fn spans_are_short() {
        let spans = [0.0004, 0.5, 7.5, 51.2, 119.0, 300.0, 3600.0, 7800.0].map(span);
        assert_eq!(
            spans,
            ["0 ms", "0.5 s", "7.5 s", "51 s", "119 s", "5 min", "1 h", "2 h 10 min"]
        );
    }
}
