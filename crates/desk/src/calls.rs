//! Sentences about calls.

use std::collections::BTreeMap;

use crate::event::{EventBody, RtpLine};
use crate::narrate::{Sentence, detail, plain, reason_words, span, warning};

/// What is remembered of the calls of one account.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// The last state of each call that has not ended.
    states: BTreeMap<String, String>,
    /// Whom the call that is being dialled is for.
    dialled: Option<String>,
}

impl Calls {
    pub(crate) fn tell(&mut self, body: &EventBody) -> Option<Sentence> {
        if let EventBody::AttemptStarted { method, next_hop, .. } = body {
            let peer = self.dialled.as_ref().filter(|_| method == "INVITE")?;
            Some(plain(format!("calling {peer} through {next_hop} …")))
        } else if let EventBody::AttemptEnded {
            method, next_hop, sent, outcome, elapsed_s, ..
        } = body
        {
            self.dialled.as_ref().filter(|_| method == "INVITE" && outcome == "timed_out")?;
            let time = span(*elapsed_s);
            Some(plain(format!("no answer from {next_hop} for {time} ({sent} sent)")))
        } else if let EventBody::Call { .. } = body {
            Some(self.changed(body))
        } else if let EventBody::Audio { state, remote, .. } = body {
            Some(audio(state, remote.as_deref()))
        } else if let EventBody::Dtmf { digit, .. } = body {
            Some(plain(format!("the other side pressed {digit}")))
        } else if let EventBody::Recorded { path, length_s, error, .. } = body {
            Some(match error {
                None => plain(format!("recorded {} in {path}", span(*length_s))),
                Some(error) => warning(format!("{path} was not recorded: {error}")),
            })
        } else {
            None
        }
    }

    fn changed(&mut self, body: &EventBody) -> Sentence {
        let EventBody::Call { id, direction, state, peer, next_hop, status, reason, rtp } = body
        else {
            return detail(String::new());
        };
        self.dialled = (state == "dialling").then(|| peer.clone());
        let before = match state.as_str() {
            "ended" => self.states.remove(id),
            _ => self.states.insert(id.clone(), state.clone()),
        };
        let through = next_hop.as_ref().map_or(String::new(), |hop| format!(" through {hop}"));
        match (state.as_str(), direction.as_str()) {
            ("dialling", _) => detail(format!("a call to {peer} begins ({id})")),
            ("ringing", "in") => plain(format!("{peer} calls{through} ({id})")),
            ("ringing", _) => plain(format!("it rings at {peer}{through}")),
            ("up", _) if before.as_deref() == Some("held") => plain(format!("{peer} is back")),
            ("up", _) => plain(format!("talking to {peer}{through}")),
            ("held", _) => plain(format!("{peer} is on hold")),
            _ => ended(peer, (*status, reason.as_deref()), before.as_deref(), *rtp),
        }
    }
}

fn audio(state: &str, remote: Option<&str>) -> Sentence {
    match (state, remote) {
        ("heard", _) => detail("the other side is heard".into()),
        ("silent", _) => warning("nothing is heard of the other side".into()),
        ("moved", Some(remote)) => plain(format!("the sound comes from {remote} now")),
        ("no_codec", _) => warning("the codec that was agreed is not part of this build".into()),
        (other, _) => warning(format!("the sound of a call: {}", reason_words(other))),
    }
}

fn ended(
    peer: &str,
    (status, reason): (Option<u16>, Option<&str>),
    before: Option<&str>,
    rtp: Option<RtpLine>,
) -> Sentence {
    let reason = reason.unwrap_or_default();
    let talked = matches!(before, Some("up" | "held"));
    let why = match (reason, status) {
        ("hung_up", _) => "hung up".into(),
        ("other_hung_up", _) => "the other side hung up".into(),
        ("cancelled", _) => "the caller gave up".into(),
        ("no_answer", _) => "nobody answered".into(),
        ("already_ringing", _) => "it rings already, by an earlier way".into(),
        ("no_port", _) => "no free RTP port (static.network.port.min_rtpport, max_rtpport)".into(),
        ("no_common_media", _) => "the two sides have no codec in common".into(),
        ("not_acknowledged", _) => "our answer was not acknowledged".into(),
        (_, Some(status @ (486 | 600))) => format!("busy ({status})"),
        (_, Some(603)) => "declined (603)".into(),
        (_, Some(404)) => "there is no such number (404)".into(),
        ("transferred", _) => "transferred".into(),
        (other, _) => reason_words(other),
    };
    let heard = rtp.filter(|_| talked).map_or(String::new(), |rtp| {
        format!("; {} packets sent, {} heard, {} lost", rtp.sent, rtp.received, rtp.lost)
    });
    let ordinary = ["hung_up", "other_hung_up", "cancelled", "transferred"].contains(&reason);
    match (talked, ordinary) {
        (true, true) => plain(format!("the call with {peer} is over: {why}{heard}")),
        (true, false) => warning(format!("the call with {peer} was lost: {why}{heard}")),
        (false, true) => plain(format!("the call with {peer} did not come about: {why}")),
        (false, false) => warning(format!("no call with {peer}: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::Weight;

    const HOP: &str = "udp/127.0.1.2:5060";

    fn call(state: &str, status: Option<u16>, reason: Option<&str>) -> EventBody {
        EventBody::Call {
            id: "c1".into(),
            direction: "out".into(),
            state: state.into(),
            peer: "sip:1002@lab.test".into(),
            next_hop: Some(HOP.into()),
            status,
            reason: reason.map(Into::into),
            rtp: (state == "ended").then_some(RtpLine { sent: 500, received: 498, lost: 2 }),
        }
    }

    fn attempt(method: &str) -> EventBody {
        EventBody::AttemptStarted {
            id: 1,
            method: method.into(),
            call_id: "a".into(),
            server: "1".into(),
            next_hop: HOP.into(),
            nth: 1,
        }
    }

    fn text(calls: &mut Calls, body: &EventBody) -> String {
        calls.tell(body).unwrap().text
    }

    #[test]
    fn a_call_is_told_from_dialling_to_its_end() {
        let mut calls = Calls::default();
        calls.tell(&call("dialling", None, None));
        assert_eq!(calls.tell(&attempt("REGISTER")), None);
        assert_eq!(
            text(&mut calls, &attempt("INVITE")),
            "calling sip:1002@lab.test through udp/127.0.1.2:5060 …"
        );
        let up = text(&mut calls, &call("up", Some(200), None));
        assert_eq!(up, "talking to sip:1002@lab.test through udp/127.0.1.2:5060");
        // A re-INVITE of a call that stands is not a call that begins.
        assert_eq!(calls.tell(&attempt("INVITE")), None);
        assert_eq!(text(&mut calls, &call("held", None, None)), "sip:1002@lab.test is on hold");
        assert_eq!(text(&mut calls, &call("up", None, None)), "sip:1002@lab.test is back");
        assert_eq!(
            text(&mut calls, &call("ended", None, Some("other_hung_up"))),
            "the call with sip:1002@lab.test is over: the other side hung up; 500 packets sent, \
             498 heard, 2 lost"
        );
    }

    #[test]
    fn a_call_that_does_not_come_about_says_why() {
        let mut calls = Calls::default();
        calls.tell(&call("dialling", None, None));
        let busy = calls.tell(&call("ended", Some(486), Some("status_486"))).unwrap();
        assert_eq!(
            (busy.weight, busy.text.as_str()),
            (Weight::Warning, "no call with sip:1002@lab.test: busy (486)")
        );
        calls.tell(&call("dialling", None, None));
        let given_up = calls.tell(&call("ended", None, Some("hung_up"))).unwrap();
        assert_eq!(given_up.weight, Weight::Plain);
    }

    #[test]
    fn silence_is_a_warning_and_a_key_is_told() {
        let mut calls = Calls::default();
        let silent = EventBody::Audio { id: "c1".into(), state: "silent".into(), remote: None };
        assert_eq!(calls.tell(&silent).unwrap().weight, Weight::Warning);
        let digit = EventBody::Dtmf { id: "c1".into(), digit: "5".into() };
        assert_eq!(text(&mut calls, &digit), "the other side pressed 5");
    }
}
