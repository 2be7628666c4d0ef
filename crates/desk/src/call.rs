//! Calls as a face orders and sees them.

use serde::{Deserialize, Serialize};

/// A call to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dial {
    /// The account; without it the lowest that is enabled.
    #[serde(default)]
    pub account: Option<u8>,
    /// A number, `user@host` or a SIP URI.
    pub to: String,
}

/// A call that was found, or made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallName {
    /// `c1`: the id of its events.
    pub id: String,
    /// The MAC.
    pub phone: String,
    /// The account.
    pub account: u8,
}

/// Which call of which phone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhichCall {
    /// The MAC; needed where several phones have calls that it could be.
    pub phone: Option<String>,
    /// The id; without it the only call with which the act is possible.
    pub id: Option<String>,
}

/// What can be done with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallAct {
    /// To take it.
    Answer,
    /// To end, cancel or reject it.
    HangUp,
    /// To put the other side on hold.
    Hold,
    /// To talk again.
    Resume,
    /// To send the other side to a number, `user@host` or a SIP URI.
    Transfer(String),
    /// To press keys: `0`–`9`, `*`, `#`, `A`–`D`.
    Digits(String),
}

/// One call of a phone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallStatus {
    /// `c1`.
    pub id: String,
    /// Its account.
    pub account: u8,
    /// `out` or `in`.
    pub direction: String,
    /// `dialling`, `ringing`, `up` or `held`.
    pub state: String,
    /// Whom it is with: the other side's text.
    pub peer: String,
    /// Through which next hop.
    pub next_hop: Option<String>,
    /// Since when it is up, or was dialled or rang: RFC 3339, UTC, seconds.
    pub since: String,
    /// How its sound does; none before it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioStatus>,
}

/// How the sound of a call does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioStatus {
    /// What we send.
    pub codec: String,
    /// Where we send it.
    pub remote: String,
    /// Packets sent.
    pub sent: u64,
    /// Packets received.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// The share of packets that were not played, lost or late, in percent.
    pub loss_percent: f64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// How long sound waits to be played.
    pub buffered_ms: f64,
    /// To the other side and back, where its reports told it.
    pub round_trip_ms: Option<f64>,
    /// The mean opinion score of what is heard, 1.0 to 4.5.
    pub mos: Option<f64>,
    /// The level of what is heard, in dB below a sine wave that just does not clip.
    pub level_db: f64,
}

impl CallAct {
    /// Its word in paths and commands.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::HangUp => "hangup",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Transfer(_) => "transfer",
            Self::Digits(_) => "dtmf",
        }
    }

    /// Whether it is possible with a call as it is now.
    #[must_use]
    pub fn fits(&self, call: &CallStatus) -> bool {
        let talks = matches!(call.state.as_str(), "up" | "held");
        match self {
            Self::Answer => call.direction == "in" && call.state == "ringing",
            Self::HangUp => true,
            Self::Hold => call.state == "up",
            Self::Resume => call.state == "held",
            Self::Transfer(_) | Self::Digits(_) => talks,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_of_a_call_is_read_and_written_back() {
        let example = r#"{"id":"c1","account":1,"direction":"out","state":"up","peer":"sip:1002@lab.test","next_hop":"udp/127.0.1.2:5060","since":"2026-01-01T00:00:40Z"}"#;
        let call: CallStatus = serde_json::from_str(example).unwrap();
        assert_eq!(serde_json::to_string(&call).unwrap(), example);
    }

    #[test]
    fn an_act_fits_a_call_in_the_states_where_it_means_something() {
        let call = |direction: &str, state: &str| CallStatus {
            id: "c1".into(),
            account: 1,
            direction: direction.into(),
            state: state.into(),
            peer: "sip:1002@lab.test".into(),
            next_hop: None,
            since: String::new(),
            audio: None,
        };
        let fitting = |call: &CallStatus| {
            let all = [
                CallAct::Answer,
                CallAct::HangUp,
                CallAct::Hold,
                CallAct::Resume,
                CallAct::Transfer("1003".into()),
                CallAct::Digits("1".into()),
            ];
            all.iter().filter(|act| act.fits(call)).map(CallAct::as_str).collect::<Vec<_>>()
        };
        assert_eq!(fitting(&call("in", "ringing")), ["answer", "hangup"]);
        assert_eq!(fitting(&call("out", "ringing")), ["hangup"]);
        assert_eq!(fitting(&call("out", "up")), ["hangup", "hold", "transfer", "dtmf"]);
        assert_eq!(fitting(&call("in", "held")), ["hangup", "resume", "transfer", "dtmf"]);
    }
}
