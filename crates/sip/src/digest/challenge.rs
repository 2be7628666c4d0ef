use std::fmt;

use super::{Algorithm, Qop, Quoted, pairs};
use crate::text;

/// Who asks for credentials, which decides the header fields of question and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// A user agent server or registrar: 401, WWW-Authenticate, Authorization.
    Server,
    /// A proxy: 407, Proxy-Authenticate, Proxy-Authorization.
    Proxy,
}

/// A Digest challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space, without quotes and escapes.
    pub realm: Box<str>,
    /// The server's nonce, without quotes and escapes.
    pub nonce: Box<str>,
    /// What has to be sent back as it came.
    pub opaque: Option<Box<str>>,
    /// The URIs that share the protection space, as written.
    pub domain: Option<Box<str>>,
    /// The hash function.
    pub algorithm: Algorithm,
    /// The protection that is used: the weaker one where both are offered.
    pub qop: Qop,
    /// Whether only the nonce was too old, so that the password need not be asked for again.
    pub stale: bool,
    /// Whether a proxy asks (407).
    pub proxy: bool,
}

impl Challenge {
    /// Reads the challenges of one header field; those that are not understood are left out
    /// (RFC 8760 §2.4). One field holds one challenge, but several are read where a server joins them.
    pub fn parse_all(value: &str, asker: Asker) -> impl Iterator<Item = Self> {
        schemes(value).filter_map(move |(scheme, rest)| {
            scheme.eq_ignore_ascii_case("Digest").then(|| Self::parse(rest, asker)).flatten()
        })
    }

    fn parse(params: &str, asker: Asker) -> Option<Self> {
        let (mut realm, mut nonce) = (None, None);
        let mut challenge = Self {
            realm: "".into(),
            nonce: "".into(),
            opaque: None,
            domain: None,
            algorithm: Algorithm::Md5,
            qop: Qop::None,
            stale: false,
            proxy: asker == Asker::Proxy,
        };
        for (name, value) in pairs(params) {
            if name.eq_ignore_ascii_case("realm") {
                realm = Some(value);
            } else if name.eq_ignore_ascii_case("nonce") {
                nonce = Some(value);
            } else if name.eq_ignore_ascii_case("opaque") {
                challenge.opaque = Some(value.into());
            } else if name.eq_ignore_ascii_case("domain") {
                challenge.domain = Some(value.into());
            } else if name.eq_ignore_ascii_case("algorithm") {
                challenge.algorithm = Algorithm::parse(&value)?;
            } else if name.eq_ignore_ascii_case("qop") {
                challenge.qop = offered(&value)?;
            } else if name.eq_ignore_ascii_case("stale") {
                challenge.stale = value.eq_ignore_ascii_case("true");
            }
        }
        Some(Self { realm: realm?.into(), nonce: nonce?.into(), ..challenge })
    }
}

impl fmt::Display for Challenge {
    /// The value of WWW-Authenticate or Proxy-Authenticate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", Quoted(&self.realm), Quoted(&self.nonce))?;
        if let Some(domain) = &self.domain {
            write!(f, ", domain={}", Quoted(domain))?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", Quoted(opaque))?;
        }
        if self.stale {
            f.write_str(", stale=true")?;
        }
        write!(f, ", algorithm={}", self.algorithm)?;
        match self.qop {
            Qop::None => Ok(()),
            Qop::Auth | Qop::AuthInt => write!(f, ", qop=\"{}\"", self.qop.as_str()),
        }
    }
}

/// The challenge to answer: of the realm that is named first, the one with the strongest hash
/// function, the server's order deciding between equals.
///
/// Departs from RFC 8760 §2.4, which follows the server's order: whoever can reorder header fields
/// on the way could otherwise choose MD5.
#[must_use]
pub fn choose(challenges: &[Challenge]) -> Option<&Challenge> {
    best_per_realm(challenges).next()
}

/// For each realm, in the order in which they are first named, the challenge to answer
/// (RFC 3261 §22.3: a forking proxy gathers challenges of several realms).
pub fn best_per_realm(challenges: &[Challenge]) -> impl Iterator<Item = &Challenge> {
    let first_of_realm = |(index, challenge): &(usize, &Challenge)| {
        !challenges.iter().take(*index).any(|earlier| same_realm(earlier, challenge))
    };
    challenges.iter().enumerate().filter(first_of_realm).map(|(_, first)| {
        challenges.iter().filter(|other| same_realm(first, other)).fold(first, |best, next| {
            if next.algorithm.strength() > best.algorithm.strength() { next } else { best }
        })
    })
}

fn same_realm(a: &Challenge, b: &Challenge) -> bool {
    a.realm == b.realm && a.proxy == b.proxy
}

/// The protection to use of a list of offers; `None` where none is known.
fn offered(list: &str) -> Option<Qop> {
    let mut offers = list.split(',').filter_map(|name| Qop::parse(text::trim(name)));
    let first = offers.next()?;
    Some(if offers.any(|other| other == Qop::Auth) { Qop::Auth } else { first })
}

/// The challenges of a header field: scheme and parameters of each. A part between commas that has a
/// space before any `=` begins with a scheme.
fn schemes(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (scheme, params) = text::trim(rest).split_once([' ', '\t'])?;
        let mut end = params.len();
        let mut at = 0;
        while let Some(comma) = params.get(at..).and_then(|tail| text::position_outside(tail, b','))
        {
            let part = text::after(params, at + comma).trim_start_matches([' ', '\t']);
            let word = part.split(['=', ',']).next().unwrap_or_default().trim_end();
            if word.contains([' ', '\t']) {
                end = at + comma;
                break;
            }
            at += comma + 1;
        }
        rest = text::after(params, end);
        Some((scheme, text::before(params, end)))
    })
}
