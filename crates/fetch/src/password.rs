//! Passwords for HTTP: Basic (RFC 7617) and Digest (RFC 7616).

use params::provision::Login;
use sip::Method;
use sip::digest::{Asker, Challenge, Credentials, authorization, choose};

/// What a server asks for, the better one where it offers both.
pub(crate) enum Asked {
    Basic,
    Digest(Box<Challenge>),
}

impl Asked {
    /// Reads the values of all WWW-Authenticate fields.
    pub(crate) fn of<'a>(fields: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut digests = Vec::new();
        let mut has_basic = false;
        for field in fields {
            digests.extend(Challenge::parse_all(field, Asker::Server));
            has_basic |= offers_basic(field);
        }
        let digest = choose(&digests).map(|challenge| Self::Digest(Box::new(challenge.clone())));
        digest.or(has_basic.then_some(Self::Basic))
    }

    /// Whether the same password may be sent once more.
    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Basic => false,
            Self::Digest(challenge) => challenge.stale,
        }
    }

    /// The value of Authorization.
    pub(crate) fn answer(
        &self,
        login: &Login,
        method: &str,
        path: &str,
        body: &[u8],
        cnonce: &str,
    ) -> String {
        let (user, password) = (&*login.user, login.password.reveal());
        match self {
            Self::Basic => format!("Basic {}", base64(format!("{user}:{password}").as_bytes())),
            Self::Digest(challenge) => {
                let credentials = Credentials { user, password };
                let method = Method::parse(method);
                authorization(challenge, &credentials, &method, path, 1, cnonce, body).1
            }
        }
    }
}

fn offers_basic(field: &str) -> bool {
    field.split(',').any(|part| {
        let mut words = part.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("basic"))
    })
}

/// RFC 4648 §4.
fn base64(bytes: &[u8]) -> String {
    const FIGURES: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for figure in 0..4 {
            let six = usize::try_from(bits >> (18 - 6 * figure) & 63).unwrap_or_default();
            let is_there = figure <= three.len();
            let byte = FIGURES.get(six).copied().filter(|_| is_there).unwrap_or(b'=');
            text.push(char::from(byte));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use params::Secret;

    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (text, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
    }

    #[test]
    fn digest_is_preferred_and_other_schemes_are_not_answered() {
        let digest = "Digest realm=\"a\", nonce=\"b\", qop=\"auth\"";
        let of = |fields: &[&'static str]| Asked::of(fields.iter().copied());
        assert!(matches!(of(&["Basic realm=\"a\"", digest]), Some(Asked::Digest(_))));
        assert!(matches!(of(&["Basic realm=\"a, b\""]), Some(Asked::Basic)));
        assert!(matches!(of(&["Negotiate, Basic realm=x"]), Some(Asked::Basic)));
        assert!(of(&["Negotiate", "Bearer realm=\"Basic\"", ""]).is_none());
    }

    /// RFC 7616 §3.9.1.
    #[test]
    fn the_example_of_rfc_7616_comes_out() {
        let asked = Asked::of(
            ["Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm=MD5, \
              nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
              opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""]
            .into_iter(),
        );
        let login = Login { user: "Mufasa".into(), password: Secret::new("Circle of Life") };
        let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        let answer = asked.unwrap().answer(&login, "GET", "/dir/index.html", b"", cnonce);
        assert!(answer.contains("response=\"8ca523f5e9506fed4657c9700eebdbec\""), "{answer}");
    }
}
