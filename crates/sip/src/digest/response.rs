use std::borrow::Cow;
use std::fmt::Write as _;

use super::algorithm::Hex;
use super::{Algorithm, Challenge, Qop, Quoted, pairs};
use crate::method::Method;
use crate::text;

/// A user and the password, which is never shown.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The user name, in UTF-8.
    pub user: &'a str,
    /// The password, in UTF-8.
    pub password: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Answers a challenge: name and value of the header field to add to the request.
///
/// `uri` is the request-URI. `nc` counts the requests sent with this nonce, from 1.
#[must_use]
pub fn authorization(
    challenge: &Challenge,
    credentials: &Credentials<'_>,
    method: &Method,
    uri: &str,
    nc: u32,
    cnonce: &str,
    body: &[u8],
) -> (&'static str, String) {
    let name = if challenge.proxy { "Proxy-Authorization" } else { "Authorization" };
    let nc = format!("{nc:08x}");
    let exchange = Exchange {
        algorithm: challenge.algorithm,
        qop: challenge.qop,
        user: credentials.user,
        realm: &challenge.realm,
        nonce: &challenge.nonce,
        cnonce,
        nc: &nc,
        uri,
    };
    let response = exchange.response(credentials.password, method, body);
    (name, exchange.value(challenge, &response))
}

/// All that goes into a digest but password, method and body.
struct Exchange<'a> {
    algorithm: Algorithm,
    qop: Qop,
    user: &'a str,
    realm: &'a str,
    nonce: &'a str,
    cnonce: &'a str,
    nc: &'a str,
    uri: &'a str,
}

impl Exchange<'_> {
    /// RFC 7616 §3.4.1 to §3.4.3.
    fn response(&self, password: &str, method: &Method, body: &[u8]) -> Hex {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let mut key = hash(&[self.user.as_bytes(), self.realm.as_bytes(), password.as_bytes()]);
        if self.algorithm.is_session() {
            key = hash(&[key.as_bytes(), nonce, cnonce]);
        }
        let (method, uri) = (method.as_str().as_bytes(), self.uri.as_bytes());
        let request = match self.qop {
            Qop::None | Qop::Auth => hash(&[method, uri]),
            Qop::AuthInt => hash(&[method, uri, hash(&[body]).as_bytes()]),
        };
        match self.qop {
            // RFC 2617 §3.2.2.1: without qop as in RFC 2069.
            Qop::None => hash(&[key.as_bytes(), nonce, request.as_bytes()]),
            Qop::Auth | Qop::AuthInt => {
                let (nc, qop) = (self.nc.as_bytes(), self.qop.as_str().as_bytes());
                hash(&[key.as_bytes(), nonce, nc, cnonce, qop, request.as_bytes()])
            }
        }
    }

    fn value(&self, challenge: &Challenge, response: &Hex) -> String {
        let mut value = String::with_capacity(384);
        let (user, realm, nonce) = (Quoted(self.user), Quoted(self.realm), Quoted(self.nonce));
        let (uri, response) = (Quoted(self.uri), response.as_str());
        // Writing to a `String` cannot fail.
        let mut put = |args: std::fmt::Arguments<'_>| value.write_fmt(args).unwrap_or_default();
        put(format_args!("Digest username={user}, realm={realm}, nonce={nonce}, uri={uri}"));
        put(format_args!(", response=\"{response}\", algorithm={}", self.algorithm));
        if self.qop != Qop::None {
            // RFC 7616 §3.4: qop and nc stand without quotes.
            put(format_args!(", qop={}, nc={}", self.qop.as_str(), self.nc));
        }
        if self.qop != Qop::None || self.algorithm.is_session() {
            put(format_args!(", cnonce={}", Quoted(self.cnonce)));
        }
        if let Some(opaque) = &challenge.opaque {
            put(format_args!(", opaque={}", Quoted(opaque)));
        }
        value
    }
}

/// The credentials of a request as a server reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The user name, without quotes and escapes.
    pub user: Box<str>,
    /// The realm, without quotes and escapes.
    pub realm: Box<str>,
    /// The nonce that is answered.
    pub nonce: Box<str>,
    /// The URI that the client hashed; whether it is the request-URI is for the server to judge.
    pub uri: Box<str>,
    /// What was to be sent back.
    pub opaque: Option<Box<str>>,
    /// The hash function that the client used.
    pub algorithm: Algorithm,
    /// The protection that the client used.
    pub qop: Qop,
    /// How many requests it has sent with this nonce; 0 without qop.
    pub nc: u32,
    cnonce: Box<str>,
    nc_text: Box<str>,
    response: Box<str>,
}

impl Authorization {
    /// Reads the value of Authorization or Proxy-Authorization; `None` where it is not Digest or
    /// something is missing or unknown.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let (scheme, params) = text::trim(value).split_once([' ', '\t'])?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let find = |name: &str| -> Option<Cow<'_, str>> {
            pairs(params).find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        let qop = match find("qop") {
            Some(qop) => Qop::parse(&qop)?,
            None => Qop::None,
        };
        let algorithm = match find("algorithm") {
            Some(name) => Algorithm::parse(&name)?,
            None => Algorithm::Md5,
        };
        let nc_text = find("nc").unwrap_or_default();
        let nc = if qop == Qop::None { 0 } else { u32::from_str_radix(&nc_text, 16).ok()? };
        Some(Self {
            user: find("username")?.into(),
            realm: find("realm")?.into(),
            nonce: find("nonce")?.into(),
            uri: find("uri")?.into(),
            response: find("response")?.into(),
            opaque: find("opaque").map(Into::into),
            cnonce: find("cnonce").unwrap_or_default().into(),
            nc_text: nc_text.into(),
            algorithm,
            qop,
            nc,
        })
    }

    /// Whether the response proves the password, for a request of this method and body. Nonce, nc,
    /// realm and URI have to be judged beside it.
    #[must_use]
    pub fn verify(&self, password: &str, method: &Method, body: &[u8]) -> bool {
        let exchange = Exchange {
            algorithm: self.algorithm,
            qop: self.qop,
            user: &self.user,
            realm: &self.realm,
            nonce: &self.nonce,
            cnonce: &self.cnonce,
            nc: &self.nc_text,
            uri: &self.uri,
        };
        let expected = exchange.response(password, method, body);
        same(expected.as_bytes(), self.response.to_ascii_lowercase().as_bytes())
    }
}

/// Compares without telling by its time how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}
