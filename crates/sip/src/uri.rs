use std::borrow::Cow;
use std::net::IpAddr;

use crate::text::{self, Params};

/// A URI taken apart in place (RFC 3261 §19.1, RFC 3966).
///
/// Of a `tel:` URI the number is the user and the host is empty; of any other scheme only the scheme
/// is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
    params: Params<'a>,
    headers: &'a str,
}

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone, without angle brackets.
    #[must_use]
    pub fn parse(uri: &'a str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let known = Self { scheme, ..Self::EMPTY };
        if !is_scheme(scheme) || rest.is_empty() {
            None
        } else if known.is_sip() {
            known.with_sip_parts(rest)
        } else if scheme.eq_ignore_ascii_case("tel") {
            let (number, params) = rest.split_once(';').unwrap_or((rest, ""));
            Some(Self { user: Some(number), params: Params::new(params), ..known })
        } else {
            Some(known)
        }
    }

    /// The scheme as written.
    #[must_use]
    pub const fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// Whether the scheme is `sip` or `sips`.
    #[must_use]
    pub fn is_sip(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sip") || self.is_sips()
    }

    /// Whether the scheme is `sips`.
    #[must_use]
    pub fn is_sips(&self) -> bool {
        self.scheme.eq_ignore_ascii_case("sips")
    }

    /// The user part as written, escapes kept, without a password.
    #[must_use]
    pub const fn user(&self) -> Option<&'a str> {
        self.user
    }

    /// The user part with its escapes undone once.
    #[must_use]
    pub fn user_unescaped(&self) -> Option<Cow<'a, str>> {
        self.user.map(text::unescape)
    }

    /// What stands after the colon of the user part.
    #[must_use]
    pub const fn password(&self) -> Option<&'a str> {
        self.password
    }

    /// Name or address, an IPv6 address without its brackets; empty where the scheme has none.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The host as an address, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// The port, where one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The URI parameters.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The value of a URI parameter, empty where it has none.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }

    /// The `transport` parameter as written.
    #[must_use]
    pub fn transport(&self) -> Option<&'a str> {
        self.param("transport")
    }

    /// The `maddr` parameter, an IPv6 address without its brackets.
    #[must_use]
    pub fn maddr(&self) -> Option<&'a str> {
        self.param("maddr").map(unbracket)
    }

    /// Whether the `lr` parameter is there: a loose router (RFC 3261 §19.1.1).
    #[must_use]
    pub fn is_loose(&self) -> bool {
        self.params.has("lr")
    }

    /// What stands after the `?`, escapes kept.
    #[must_use]
    pub const fn headers(&self) -> &'a str {
        self.headers
    }

    fn with_sip_parts(self, rest: &'a str) -> Option<Self> {
        // A user part may hold `;` and `?` (RFC 4475 §3.1.1.9), so the `@` is looked for first.
        let (user_info, rest) = match rest.split_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        let (user, password) = match user_info {
            Some(info) => match info.split_once(':') {
                Some((user, password)) => (Some(user), Some(password)),
                None => (Some(info), None),
            },
            None => (None, None),
        };
        let (rest, headers) = rest.split_once('?').unwrap_or((rest, ""));
        let (host_port, params) = rest.split_once(';').unwrap_or((rest, ""));
        let (host, port) = host_and_port(host_port)?;
        if user == Some("") {
            return None;
        }
        Some(Self { user, password, host, port, params: Params::new(params), headers, ..self })
    }

    const EMPTY: Self = Self {
        scheme: "",
        user: None,
        password: None,
        host: "",
        port: None,
        params: Params::new(""),
        headers: "",
    };
}

/// Takes `host`, `host:port`, `[v6]` or `[v6]:port` apart; the host comes without brackets.
pub(crate) fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']')?;
            (host, text::trim(tail).strip_prefix(':'))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (text::trim(host), Some(port)),
            None => (text::trim(text), None),
        },
    };
    let port = match port.map(text::trim) {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().ok()?)
        }
        Some(_) => return None,
        None => None,
    };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    (!host.is_empty() && host.bytes().all(is_host)).then_some((host, port))
}

/// `host` without the brackets of an IPv6 reference.
pub(crate) fn unbracket(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn is_scheme(scheme: &str) -> bool {
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_uri_comes_apart() {
        let uri =
            Uri::parse("sips:al%20ice;x:pw@[2001:db8::1]:5071;transport=tcp;lr;maddr=[::1]?a=b")
                .unwrap();
        assert!(uri.is_sips() && uri.is_sip() && uri.is_loose());
        assert_eq!(uri.user(), Some("al%20ice;x"));
        assert_eq!(uri.user_unescaped().unwrap(), "al ice;x");
        assert_eq!(uri.password(), Some("pw"));
        assert_eq!(uri.host(), "2001:db8::1");
        assert_eq!(uri.port(), Some(5071));
        assert_eq!(uri.transport(), Some("tcp"));
        assert_eq!(uri.maddr(), Some("::1"));
        assert_eq!(uri.headers(), "a=b");
    }

    #[test]
    fn a_uri_without_user_or_port_has_neither() {
        let uri = Uri::parse("SIP:example.com;lr").unwrap();
        assert_eq!((uri.user(), uri.port(), uri.host()), (None, None, "example.com"));
    }

    #[test]
    fn other_schemes_are_told_apart() {
        assert_eq!(Uri::parse("tel:+1-201;phone-context=x").unwrap().user(), Some("+1-201"));
        assert_eq!(Uri::parse("isbn:2983792873").unwrap().scheme(), "isbn");
    }

    #[test]
    fn what_is_no_uri_is_refused() {
        for uri in [
            "",
            "sip:",
            "example.com",
            "sip:@h",
            "sip:a@",
            "sip:a@h:x",
            "sip:a@h:70000",
            "sip:a@[::1",
        ] {
            assert_eq!(Uri::parse(uri), None, "{uri}");
        }
    }
}
