use sdp::{Key, Suite};
use thiserror::Error;

/// The system gave no randomness; without it nothing can be encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the system gives no randomness for the keys of SRTP")]
pub struct NoRandomness;

/// Keys for the terms of one dialog, one for each suite, the preferred suite first.
///
/// They come from the system's generator (`getrandom`, by way of the TLS library's provider), not
/// from the seeded one that everything else is drawn from: who knows the key hears the call.
pub fn srtp_keys() -> Result<Vec<(Suite, Key)>, NoRandomness> {
    let random = rustls::crypto::ring::default_provider().secure_random;
    [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32]
        .into_iter()
        .map(|suite| {
            let mut key = [0; Key::LEN];
            random.fill(&mut key).map_err(|_| NoRandomness)?;
            Ok((suite, Key(key)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_two_keys_are_alike_and_the_stronger_suite_comes_first() {
        let drawn: Vec<_> = (0..100).flat_map(|_| srtp_keys().unwrap()).collect();
        let keys: HashSet<[u8; Key::LEN]> = drawn.iter().map(|(_, key)| key.0).collect();
        assert_eq!(keys.len(), 200);
        assert_eq!(drawn[0].0, Suite::AesCm128HmacSha1_80);
    }
}
