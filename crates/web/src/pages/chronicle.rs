//! What the page remembers of the event stream: what led to each move, the last answer of each
//! next hop, and which messages belong to which account.

use std::collections::{BTreeMap, VecDeque};

use desk::{EventBody, EventLine, Narrator, Sentence};
use jiff::Timestamp;

/// How many moves of an account are remembered.
const MOVES_MAX: usize = 100;
/// How many failed attempts before a move are remembered.
const FAILED_MAX: usize = 32;
/// How many Call-IDs of an account are remembered.
const CALLS_MAX: usize = 256;

/// How many sentences are remembered.
const SENTENCES_MAX: usize = 300;

/// The memory of all accounts.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    accounts: BTreeMap<(String, u8), Memory>,
    narrator: Narrator,
    /// When the process began, by its own events.
    begun: Option<Timestamp>,
    /// What happened, oldest first, with its time.
    pub(super) told: VecDeque<(String, Sentence)>,
    /// The last event that is in it.
    pub(super) seq: u64,
}

/// The memory of one account.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    /// Oldest first.
    pub(super) moves: VecDeque<Tale>,
    /// By next hop.
    pub(super) answers: BTreeMap<String, Ended>,
    /// Seconds that each server granted last.
    pub(super) granted: BTreeMap<String, u64>,
    failed: VecDeque<Ended>,
    calls: VecDeque<String>,
}

/// A move and what led to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tale {
    pub(super) seq: u64,
    pub(super) elapsed_s: f64,
    /// The attempts that failed before it, since the server last granted a registration.
    pub(super) failed: Vec<Ended>,
}

/// An attempt that is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    pub(super) server: String,
    pub(super) method: String,
    pub(super) next_hop: String,
    pub(super) sent: u16,
    pub(super) status: Option<u16>,
    pub(super) reason: Option<String>,
    /// What exactly was wrong, where that is known.
    pub(super) detail: Option<String>,
    pub(super) elapsed_s: f64,
    /// Seconds since the start of the process.
    pub(super) t: f64,
}

impl Chronicle {
    /// Takes in the next event; says whether the status may look different after it.
    pub(super) fn hear(&mut self, line: EventLine) -> bool {
        self.seq = line.seq;
        let since = jiff::SignedDuration::try_from_secs_f64(line.t).unwrap_or_default();
        self.begun = line.at.parse::<Timestamp>().ok().and_then(|at| at.checked_sub(since).ok());
        if let Some(sentence) = self.narrator.tell(&line) {
            push(&mut self.told, (line.at.clone(), sentence), SENTENCES_MAX);
        }
        let is_shown = !matches!(line.body, EventBody::Refused { .. } | EventBody::Notice { .. });
        if let (Some(phone), Some(account)) = (line.phone.clone(), line.account) {
            self.accounts.entry((phone, account)).or_default().hear(line);
        }
        is_shown
    }

    /// Seconds since the process began.
    pub(super) fn now(&self) -> f64 {
        self.begun.map_or(0.0, |begun| Timestamp::now().duration_since(begun).as_secs_f64())
    }

    /// What is remembered of an account.
    pub(super) fn of(&self, phone: &str, account: u8) -> Option<&Memory> {
        self.accounts.get(&(phone.to_owned(), account))
    }
}

impl Memory {
    fn hear(&mut self, line: EventLine) {
        let (seq, t) = (line.seq, line.t);
        if let EventBody::AttemptStarted { call_id, .. } = line.body {
            if !self.calls.contains(&call_id) {
                push(&mut self.calls, call_id, CALLS_MAX);
            }
        } else if let EventBody::AttemptEnded {
            server,
            method,
            next_hop,
            sent,
            status,
            reason,
            elapsed_s,
            detail,
            ..
        } = line.body
        {
            let ended =
                Ended { server, method, next_hop, sent, status, reason, detail, elapsed_s, t };
            self.ended(ended);
        } else if let EventBody::Registered { server, expires_s, .. } = line.body {
            self.failed.retain(|failed| failed.server != server);
            self.granted.insert(server, expires_s);
        } else if let EventBody::Failover { method, from, elapsed_s, .. } = line.body {
            let at = self.failed.iter().find(|failed| failed.next_hop == from);
            let server = at.map(|failed| failed.server.clone());
            let is_here = |failed: &Ended| server.as_ref().is_none_or(|it| failed.server == *it);
            self.moved(seq, elapsed_s, |failed| failed.method == method && is_here(failed));
        } else if let EventBody::Fallback { method, elapsed_s, .. }
        | EventBody::Failback { method, elapsed_s, .. } = line.body
        {
            self.moved(seq, elapsed_s, |failed| failed.method == method);
        }
    }

    fn moved(&mut self, seq: u64, elapsed_s: f64, led: impl Fn(&Ended) -> bool) {
        let (led, other): (Vec<_>, Vec<_>) = self.failed.drain(..).partition(led);
        self.failed = other.into();
        push(&mut self.moves, Tale { seq, elapsed_s, failed: led }, MOVES_MAX);
    }

    /// What led to the move that this event told.
    pub(super) fn tale(&self, seq: u64) -> Option<&Tale> {
        self.moves.iter().find(|tale| tale.seq == seq)
    }

    /// The attempt that ended last.
    pub(super) fn last_ended(&self) -> Option<&Ended> {
        self.answers.values().max_by(|a, b| a.t.total_cmp(&b.t))
    }

    /// Whether a message with this Call-ID is one of the account.
    pub(super) fn has_call(&self, call_id: &str) -> bool {
        self.calls.iter().any(|known| known == call_id)
    }

    fn ended(&mut self, ended: Ended) {
        if ended.reason.is_some() && ended.reason.as_deref() != Some("abandoned") {
            push(&mut self.failed, ended.clone(), FAILED_MAX);
        }
        self.answers.insert(ended.next_hop.clone(), ended);
        if self.answers.len() > CALLS_MAX {
            self.answers.pop_first();
        }
    }
}

fn push<T>(queue: &mut VecDeque<T>, item: T, max: usize) {
    queue.push_back(item);
    if queue.len() > max {
        queue.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(chronicle: &mut Chronicle, seq: u64, body: &str) {
        let line = format!(
            r#"{{"seq":{seq},"t":{seq}.5,"at":"2026-01-01T00:00:00.000000Z","phone":"001565000001","account":1,{body}}}"#
        );
        chronicle.hear(serde_json::from_str(&line).unwrap());
    }

    fn ended(server: u8, hop: &str, reason: &str) -> String {
        format!(
            r#""event":"attempt_ended","id":1,"method":"REGISTER","call_id":"a","server":"{server}","next_hop":"{hop}","try":1,"sent":4,"outcome":"timed_out","status":null,"reason":{reason},"elapsed_s":7.5"#
        )
    }

    const MOVED: &str = r#""method":"REGISTER","from":"udp/a:1","to":"udp/b:1","reason":"timed_out","elapsed_s":7.5"#;

    #[test]
    fn a_move_keeps_what_failed_at_its_own_server_before_it() {
        let mut chronicle = Chronicle::default();
        hear(&mut chronicle, 1, &ended(1, "udp/a:1", r#""timed_out""#));
        hear(&mut chronicle, 2, &ended(2, "udp/z:1", r#""refused""#));
        hear(&mut chronicle, 3, &format!(r#""event":"failover",{MOVED}"#));
        let memory = chronicle.of("001565000001", 1).unwrap();
        let tale = memory.tale(3).unwrap();
        assert_eq!((tale.failed.len(), tale.failed[0].next_hop.as_str()), (1, "udp/a:1"));
        hear(&mut chronicle, 4, &format!(r#""event":"fallback",{MOVED}"#));
        let tale = chronicle.of("001565000001", 1).unwrap().tale(4).unwrap().clone();
        assert_eq!((tale.failed.len(), tale.failed[0].server.as_str()), (1, "2"));
    }

    #[test]
    fn a_registration_ends_what_led_to_it() {
        let mut chronicle = Chronicle::default();
        hear(&mut chronicle, 1, &ended(1, "udp/a:1", r#""timed_out""#));
        hear(
            &mut chronicle,
            2,
            r#""event":"registered","server":"1","next_hop":"udp/b:1","expires_s":60,"refresh_in_s":30.0,"reason":"renewal""#,
        );
        hear(&mut chronicle, 3, &format!(r#""event":"failback",{MOVED}"#));
        let memory = chronicle.of("001565000001", 1).unwrap();
        assert!(memory.tale(3).unwrap().failed.is_empty());
        assert_eq!(memory.granted["1"], 60);
        assert_eq!(memory.answers["udp/a:1"].sent, 4);
    }

    #[test]
    fn memory_has_limits() {
        let mut chronicle = Chronicle::default();
        for seq in 1..=1000 {
            hear(&mut chronicle, seq, &ended(1, &format!("udp/a:{seq}"), r#""timed_out""#));
            hear(&mut chronicle, seq, &format!(r#""event":"failover",{MOVED}"#));
        }
        let memory = chronicle.of("001565000001", 1).unwrap();
        assert!(memory.moves.len() <= MOVES_MAX && memory.answers.len() <= CALLS_MAX);
        assert!(memory.failed.len() <= FAILED_MAX && chronicle.told.len() <= SENTENCES_MAX);
    }
}
