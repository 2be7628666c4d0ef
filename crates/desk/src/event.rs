//! One line of the event stream, with the keys in the order that scripts see them.

use serde::{Deserialize, Serialize};

/// One event as `--events`, `GET /api/events` and `sureline events` print it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    /// Rises by one for each event of a process.
    pub seq: u64,
    /// Seconds since the start of the process, to the microsecond.
    pub t: f64,
    /// RFC 3339, UTC, microseconds.
    pub at: String,
    /// The MAC of the phone; none for events of the process.
    pub phone: Option<String>,
    /// The account, where one is concerned.
    pub account: Option<u8>,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened, with its own fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[allow(missing_docs, reason = "a field is the key of the same name in the published event stream")]
pub enum EventBody {
    /// The first event of a process: where it can be reached.
    Listening { sip: Vec<String>, api: String },
    /// A name was located.
    Located { server: String, name: String, next_hops: Vec<LocatedHopLine> },
    /// A request was sent to a next hop.
    AttemptStarted {
        id: u64,
        method: String,
        call_id: String,
        server: String,
        next_hop: String,
        #[serde(rename = "try")]
        nth: u16,
    },
    /// The attempt with this `id` is over.
    AttemptEnded {
        id: u64,
        method: String,
        call_id: String,
        server: String,
        next_hop: String,
        #[serde(rename = "try")]
        nth: u16,
        sent: u16,
        outcome: String,
        status: Option<u16>,
        reason: Option<String>,
        elapsed_s: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A REGISTER was answered 2xx.
    Registered {
        server: String,
        next_hop: String,
        expires_s: u64,
        refresh_in_s: f64,
        reason: String,
    },
    /// A pass of REGISTERs came to nothing.
    RegistrationFailed {
        server: String,
        next_hop: Option<String>,
        reason: String,
        retry_in_s: Option<f64>,
    },
    /// A lease ended.
    Unregistered { server: String, next_hop: String, reason: String },
    /// A request got no answer from any next hop of the server (A15).
    RegistrationInDoubt { server: String, since: String },
    /// A move between next hops of one server.
    Failover { method: String, from: String, to: String, reason: String, elapsed_s: f64 },
    /// A move from the working to the fallback server or proxy.
    Fallback { method: String, from: String, to: String, reason: String, elapsed_s: f64 },
    /// A move up again.
    Failback { method: String, from: String, to: String, reason: String, elapsed_s: f64 },
    /// A failback is due and waits for the phone to be idle.
    FailbackParked { until: String, due: String },
    /// The health of a next hop changed.
    Health { next_hop: String, state: String, evidence: String },
    /// Settings were applied.
    Settings { changed: Vec<String>, source: String },
    /// Something from the network was not taken.
    Refused { what: String, from: String, why: String, count: u32 },
    /// A server asked for provisioning.
    CheckSync { reboot: bool, from: String },
    /// A call changed its state.
    Call {
        id: String,
        direction: String,
        state: String,
        peer: String,
        next_hop: Option<String>,
        status: Option<u16>,
        reason: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rtp: Option<RtpLine>,
    },
    /// The sound of a call: `heard`, `silent` (for some seconds, although it should be heard),
    /// `moved` (it comes from, and goes to, another address), `no_codec`, `broken`.
    Audio { id: String, state: String, remote: Option<String> },
    /// The other side of a call pressed a key.
    Dtmf { id: String, digit: String },
    /// The recording of a call is complete, or `error` says why it is not.
    Recorded { id: String, path: String, length_s: f64, error: Option<String> },
    /// A named limit was reached.
    LimitReached { limit: String },
    /// Something an operator should know, once.
    Notice { text: String },
    /// Everything was unregistered; nothing follows.
    Stopped {},
    /// This reader was too slow; `n` events were lost to it.
    Lagged { n: u64 },
}

/// Packets of a call's stream, at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "a field is the key of the same name in the published event stream")]
pub struct RtpLine {
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
}

/// A next hop of `located`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocatedHopLine {
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Address and port.
    pub addr: String,
    /// SRV priority.
    pub priority: u16,
    /// SRV weight.
    pub weight: u16,
    /// `dns`, `static`, `literal` or `stale`.
    pub source: String,
    /// Seconds that the address record has left.
    pub ttl: Option<u32>,
}

impl EventLine {
    /// The line without its end: `t` always has six decimals.
    #[must_use]
    pub fn to_json(&self) -> String {
        let phone = self.phone.as_ref().map_or("null".into(), |mac| format!("\"{mac}\""));
        let account = self.account.map_or("null".into(), |number| number.to_string());
        // Every field of a body is a string, a number or a list of them: JSON can say it.
        let body = serde_json::to_string(&self.body).unwrap_or_else(|_| "{}".into());
        format!(
            r#"{{"seq":{},"t":{:.6},"at":"{}","phone":{phone},"account":{account},{}"#,
            self.seq,
            self.t,
            self.at,
            body.strip_prefix('{').unwrap_or("}"),
        )
    }
}

impl EventBody {
    /// How long what is told took, where that is said.
    #[must_use]
    pub fn elapsed_s(&self) -> Option<f64> {
        if let Self::AttemptEnded { elapsed_s, .. }
        | Self::Failover { elapsed_s, .. }
        | Self::Fallback { elapsed_s, .. }
        | Self::Failback { elapsed_s, .. } = self
        {
            Some(*elapsed_s)
        } else {
            None
        }
    }

    /// For the three moves: event, method, from, to, reason.
    pub(crate) fn as_move(&self) -> Option<(&'static str, &str, &str, &str, &str)> {
        if let Self::Failover { method, from, to, reason, .. } = self {
            Some(("failover", method, from, to, reason))
        } else if let Self::Fallback { method, from, to, reason, .. } = self {
            Some(("fallback", method, from, to, reason))
        } else if let Self::Failback { method, from, to, reason, .. } = self {
            Some(("failback", method, from, to, reason))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTED: &str = r#"{"seq":41,"t":30.000104,"at":"2026-01-01T00:00:30.000104Z","phone":"001565000001","account":1,"event":"attempt_started","id":7,"method":"REGISTER","call_id":"a1","server":"1","next_hop":"udp/127.0.1.1:5060","try":1}"#;
    const ENDED: &str = r#"{"seq":42,"t":37.500310,"at":"2026-01-01T00:00:37.500310Z","phone":"001565000001","account":1,"event":"attempt_ended","id":7,"method":"REGISTER","call_id":"a1","server":"1","next_hop":"udp/127.0.1.1:5060","try":1,"sent":4,"outcome":"timed_out","status":null,"reason":"timed_out","elapsed_s":7.5}"#;
    const FAILOVER: &str = r#"{"seq":46,"t":37.503911,"at":"2026-01-01T00:00:37.503911Z","phone":"001565000001","account":1,"event":"failover","method":"REGISTER","from":"udp/127.0.1.1:5060","to":"udp/127.0.1.2:5060","reason":"timed_out","elapsed_s":7.5038}"#;

    #[test]
    fn the_published_examples_are_read_and_written_back_byte_for_byte() {
        for example in [STARTED, ENDED, FAILOVER] {
            let line: EventLine = serde_json::from_str(example).unwrap();
            assert_eq!(line.to_json(), example);
        }
    }

    #[test]
    fn an_event_of_the_process_has_neither_phone_nor_account() {
        let line = EventLine {
            seq: 1,
            t: 0.0,
            at: "2026-01-01T00:00:00.000000Z".into(),
            phone: None,
            account: None,
            body: EventBody::Listening {
                sip: vec!["udp/127.0.0.1:1".into()],
                api: "http://x".into(),
            },
        };
        assert_eq!(
            line.to_json(),
            r#"{"seq":1,"t":0.000000,"at":"2026-01-01T00:00:00.000000Z","phone":null,"account":null,"event":"listening","sip":["udp/127.0.0.1:1"],"api":"http://x"}"#
        );
    }
}
