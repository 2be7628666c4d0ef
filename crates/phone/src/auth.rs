//! Digest on our side: what was challenged, what is answered, how often (behaviour §2 and §9).

use net::Rng;
use sip::digest::{self, Challenge, Credentials};
use sip::{Method, Response};

use crate::context::{Hop, HopKey};

/// Challenges for one request that are answered with credentials (behaviour §9).
const CHALLENGES_MAX: u8 = 2;

/// What a next hop challenged with last: nonce and nc belong to it (behaviour §7).
#[derive(Clone, Debug)]
struct Known {
    hop: HopKey,
    challenge: Challenge,
    nc: u32,
}

/// What to do with a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenged {
    /// Send the request again with credentials.
    Answer,
    /// The credentials were refused, or nothing offered can be answered.
    Refused,
}

/// The digest state of a registration or a call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Auth {
    known: Option<Box<Known>>,
    /// A server that offered SHA-256 is not answered with MD5 later (RFC 8760).
    sha256_seen: bool,
}

/// What a request says that is authorised.
pub(crate) struct Said<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a str,
    pub(crate) body: &'a [u8],
}

impl Auth {
    /// The header field for a request to `hop`, where that has challenged.
    pub(crate) fn credentials(
        &mut self,
        rng: &mut Rng,
        who: &Credentials<'_>,
        hop: &Hop,
        said: &Said<'_>,
    ) -> Option<(&'static str, String)> {
        let known = self.known.as_mut().filter(|known| known.hop == HopKey::of(hop))?;
        known.nc += 1;
        let cnonce = format!("{:016x}", rng.next_u64());
        let (challenge, nc) = (&known.challenge, known.nc);
        Some(digest::authorization(challenge, who, said.method, said.uri, nc, &cnonce, said.body))
    }

    /// A 401 or 407 from `hop` to a request with `answered` challenges behind it.
    pub(crate) fn challenged(
        &mut self,
        hop: &Hop,
        response: &Response,
        answered: u8,
        has_password: bool,
    ) -> Challenged {
        let offered: Vec<Challenge> = response
            .challenges()
            .into_iter()
            .filter(|challenge| !self.sha256_seen || challenge.algorithm.strength() > 0)
            .collect();
        let Some(chosen) = digest::choose(&offered).cloned() else {
            self.known = None;
            return Challenged::Refused;
        };
        self.sha256_seen |= chosen.algorithm.strength() > 0;
        let key = HopKey::of(hop);
        let before = self.known.as_ref().filter(|known| known.hop == key);
        let new_realm = before.is_none_or(|known| known.challenge.realm != chosen.realm);
        // Answered once with credentials, once more where `stale=true` or the realm is new.
        let answer = answered == 0 || (answered < CHALLENGES_MAX && (chosen.stale || new_realm));
        if !answer || !has_password {
            self.known = None;
            return Challenged::Refused;
        }
        self.known = Some(Box::new(Known { hop: key, challenge: chosen, nc: 0 }));
        Challenged::Answer
    }

    /// Whether `response` challenges for a realm that was answered before.
    pub(crate) fn knows_realm_of(&self, response: &Response) -> bool {
        let known = self.known.as_ref().map(|known| &known.challenge.realm);
        response.challenges().iter().any(|challenge| Some(&challenge.realm) == known)
    }
}
