//! Failover: next hop to next hop inside one server. What an answer means for the next hop that gave
//! it (behaviour §2).

use params::FailoverCodes;

use crate::budget::Kind;
use crate::event::Why;

/// What a final answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Not final.
    Provisional,
    /// 2xx.
    Success,
    /// Counts as failure of the next hop: the next candidate is asked.
    NextHopFailed,
    /// 401, 407.
    Challenge,
    /// 423.
    TooBrief,
    /// 439.
    NoOutbound,
    /// 3xx.
    Redirect,
    /// Final for the pass: no next hop would answer otherwise.
    Final,
}

/// Reads `status` as behaviour §2 does, for a REGISTER or another request of `kind`.
pub(crate) fn judge(status: u16, method: &str, kind: Kind, codes: &FailoverCodes) -> Judgement {
    match status {
        0..=199 => Judgement::Provisional,
        200..=299 => Judgement::Success,
        300..=399 => Judgement::Redirect,
        401 | 407 => Judgement::Challenge,
        // 503 is the only answer that the guide's failover takes for a dead server.
        503 => Judgement::NextHopFailed,
        408 if method == "REGISTER" => Judgement::NextHopFailed, // A7
        423 if kind == Kind::NonInvite => Judgement::TooBrief,
        439 if method == "REGISTER" => Judgement::NoOutbound,
        _ if codes.matches(status) => Judgement::NextHopFailed, // A6
        _ => Judgement::Final,
    }
}

/// Seconds between two tries with credentials that were refused (behaviour §9).
pub(crate) const WRONG_PASSWORD_WAIT_S: u64 = 60;

/// Whether a final answer says that the credentials are wrong.
pub(crate) const fn is_wrong_password(why: Why) -> bool {
    matches!(why, Why::Status(401 | 403 | 407))
}

/// Whether a final answer means that the registrar does not hold our binding any longer.
pub(crate) const fn ends_lease(status: u16) -> bool {
    matches!(status, 400..=499 | 600..=699)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> FailoverCodes {
        FailoverCodes::parse(text).unwrap()
    }

    fn register(status: u16) -> Judgement {
        judge(status, "REGISTER", Kind::NonInvite, &codes(""))
    }

    // A6: other 5xx are final unless the account lists them.
    #[test]
    fn only_503_fails_a_next_hop_unless_codes_are_listed() {
        assert_eq!(register(503), Judgement::NextHopFailed);
        for status in [500, 502, 504] {
            assert_eq!(register(status), Judgement::Final);
            let listed = judge(status, "REGISTER", Kind::NonInvite, &codes("500,50?"));
            assert_eq!(listed, Judgement::NextHopFailed);
        }
    }

    // A7: a received 408 fails a REGISTER and nothing else.
    #[test]
    fn a_received_408_fails_a_register_only() {
        assert_eq!(register(408), Judgement::NextHopFailed);
        assert_eq!(judge(408, "INVITE", Kind::Invite, &codes("")), Judgement::Final);
    }

    #[test]
    fn refusals_of_the_user_never_fail_over() {
        for status in [403, 404, 480, 486, 600, 603] {
            assert_eq!(register(status), Judgement::Final);
        }
    }
}
