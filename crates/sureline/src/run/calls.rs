//! Calls as faces name and see them.

use desk::{AudioStatus, CallAct, CallName, CallStatus, PhoneStatus, Refused};
use voice::Figures;

/// The longest target that is dialled.
const TARGET_MAX: usize = 255;
/// How many keys are pressed at once.
const KEYS_MAX: usize = 64;

/// `to`, where it can stand in a request.
pub(super) fn dialable(to: &str) -> Result<String, Refused> {
    let to = to.trim();
    let fits = |c: char| c.is_ascii_graphic() && !"<>\"\\,".contains(c);
    if to.is_empty() || to.len() > TARGET_MAX || !to.chars().all(fits) {
        return Err(Refused::Malformed(format!(
            "{:?} cannot be called: name a number, user@host or a SIP URI",
            to.chars().take(TARGET_MAX).collect::<String>()
        )));
    }
    Ok(to.to_owned())
}

/// `digits`, where they are keys of a phone.
pub(super) fn pressable(digits: &str) -> Result<String, Refused> {
    let digits = digits.trim().to_ascii_uppercase();
    let fits = |c: char| c.is_ascii_digit() || "*#ABCD".contains(c);
    if digits.is_empty() || digits.len() > KEYS_MAX || !digits.chars().all(fits) {
        return Err(Refused::Malformed(format!(
            "keys are 0 to 9, *, #, A to D, {KEYS_MAX} at once at the most"
        )));
    }
    Ok(digits)
}

/// The call that is meant, and its place among all; `act` has to be possible with it.
pub(super) fn pick_call(
    phones: &[PhoneStatus],
    id: Option<&str>,
    act: &CallAct,
) -> Result<(CallName, usize), Refused> {
    let all = phones.iter().flat_map(|phone| phone.calls.iter().map(move |call| (phone, call)));
    let all: Vec<_> = all.enumerate().collect();
    let named = |(_, (_, call)): &&(usize, (&PhoneStatus, &CallStatus))| id == Some(&call.id);
    let fits = |(_, (_, call)): &&(usize, (&PhoneStatus, &CallStatus))| act.fits(call);
    let found = match id {
        Some(id) => match all.iter().find(named) {
            None => return Err(Refused::NotFound(format!("there is no call {id}"))),
            Some(found) if fits(&found) => found,
            Some((_, (_, call))) => {
                let word = act.as_str();
                return Err(Refused::Conflict(format!(
                    "{word} is not possible: the call {id} ({}) is {}",
                    call.peer, call.state
                )));
            }
        },
        None => {
            let mut fitting = all.iter().filter(fits);
            match (fitting.next(), fitting.count()) {
                (Some(only), 0) => only,
                (None, _) => return Err(Refused::Conflict(nothing_fits(act))),
                (Some(_), others) => {
                    let count = others + 1;
                    return Err(Refused::Conflict(format!("{count} calls: say which by its id")));
                }
            }
        }
    };
    let (place, (phone, call)) = found;
    let name = CallName { id: call.id.clone(), phone: phone.mac.clone(), account: call.account };
    Ok((name, *place))
}

fn nothing_fits(act: &CallAct) -> String {
    match act {
        CallAct::Answer => "no call rings here",
        CallAct::HangUp => "there is no call",
        CallAct::Hold => "no call is up",
        CallAct::Resume => "no call is on hold",
        CallAct::Transfer(_) | CallAct::Digits(_) => "no call is up or on hold",
    }
    .into()
}

/// How the sound of a call does, once it runs.
pub(super) fn audio_status(figures: Figures) -> Option<AudioStatus> {
    let Figures { rtp, level_db, .. } = figures;
    let rtp = rtp?;
    let ms = |span: std::time::Duration| tenths(span.as_secs_f64() * 1000.0);
    Some(AudioStatus {
        codec: rtp.sent_codec.to_string(),
        remote: rtp.remote.to_string(),
        sent: rtp.sent,
        received: rtp.received,
        lost: rtp.lost,
        loss_percent: tenths(rtp.loss * 100.0),
        jitter_ms: ms(rtp.jitter),
        buffered_ms: ms(rtp.buffered),
        round_trip_ms: rtp.round_trip.map(ms),
        mos: rtp.mos.map(|mos| (mos * 100.0).round() / 100.0),
        level_db: tenths(level_db),
    })
}

fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str, state: &str) -> CallStatus {
        CallStatus {
            id: id.into(),
            account: 1,
            direction: "in".into(),
            state: state.into(),
            peer: "sip:1001@lab.test".into(),
            next_hop: None,
            since: String::new(),
            audio: None,
        }
    }

    fn phone(mac: &str, calls: Vec<CallStatus>) -> PhoneStatus {
        PhoneStatus {
            mac: mac.into(),
            model: "SIP-T46G".into(),
            firmware: 81,
            profile: "compat".into(),
            idle: false,
            accounts: vec![],
            calls,
        }
    }

    #[test]
    fn a_target_cannot_carry_anything_into_a_request() {
        assert_eq!(dialable(" 1002 "), Ok("1002".into()));
        assert_eq!(dialable("sip:1002@lab.test;x=1"), Ok("sip:1002@lab.test;x=1".into()));
        for wrong in ["", "1002\r\nX: y", "<sip:a@b>", "\"a\" 1", "a,b", &"1".repeat(256)] {
            assert!(matches!(dialable(wrong), Err(Refused::Malformed(_))), "{wrong:?}");
        }
    }

    #[test]
    fn keys_are_those_of_a_phone() {
        assert_eq!(pressable("12*#ad"), Ok("12*#AD".into()));
        for wrong in ["", "1x", "1 2", &"1".repeat(65)] {
            assert!(pressable(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn without_an_id_the_only_call_that_fits_is_meant() {
        let phones = [
            phone("001565000001", vec![call("c1", "up"), call("c2", "ringing")]),
            phone("001565000002", vec![call("c3", "held")]),
        ];
        let pick = |id, act: &CallAct| pick_call(&phones, id, act);
        let (name, place) = pick(None, &CallAct::Answer).unwrap();
        assert_eq!((name.id.as_str(), place), ("c2", 1));
        let (name, place) = pick(None, &CallAct::Resume).unwrap();
        assert_eq!((name.phone.as_str(), place), ("001565000002", 2));
        let Err(Refused::Conflict(why)) = pick(None, &CallAct::HangUp) else { panic!("taken") };
        assert!(why.contains("3 calls"), "{why}");
        let Err(Refused::Conflict(why)) = pick(Some("c3"), &CallAct::Hold) else { panic!("taken") };
        assert!(why.contains("is held"), "{why}");
        assert!(matches!(pick(Some("c9"), &CallAct::Hold), Err(Refused::NotFound(_))));
        let nobody = pick_call(&[], None, &CallAct::Answer);
        assert_eq!(nobody, Err(Refused::Conflict("no call rings here".into())));
    }
}
