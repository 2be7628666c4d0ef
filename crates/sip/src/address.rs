use std::borrow::Cow;

use crate::text::{self, Params};
use crate::uri::Uri;

/// A `name-addr` or `addr-spec` with the header parameters behind it, taken apart in place
/// (RFC 3261 §20.10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    display: &'a str,
    uri: &'a str,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address; a comma-separated list has to be split before.
    #[must_use]
    pub fn parse(value: &'a str) -> Option<Self> {
        Self::read(value).filter(|address| {
            address.params.is_sound()
                && !address.uri.contains([' ', '\t', '"', '<'])
                && Uri::parse(address.uri).is_some()
        })
    }

    /// Reads one address that has been parsed before.
    pub(crate) fn read(value: &'a str) -> Option<Self> {
        let value = text::trim(value);
        let (display, rest) = if value.starts_with('"') {
            // RFC 4475 §3.1.2.6: a quote that is not closed makes the header field malformed.
            value.split_at_checked(text::quoted_end(value)?)?
        } else {
            value.split_at_checked(value.find('<').unwrap_or(0))?
        };
        let rest = text::trim(rest);
        let (uri, tail) = match rest.strip_prefix('<') {
            Some(rest) => rest.split_once('>')?,
            None if !display.is_empty() => return None,
            None => Self::split_bare(rest)?,
        };
        let tail = text::trim(tail);
        let params = match tail.strip_prefix(';') {
            Some(params) => Params::new(params),
            None if tail.is_empty() => Params::default(),
            None => return None,
        };
        Some(Self { display: text::trim(display), uri, params })
    }

    /// The display name without quotes and escapes; `None` where it is missing or empty.
    #[must_use]
    pub fn display(&self) -> Option<Cow<'a, str>> {
        (!self.display.is_empty()).then(|| text::unquote(self.display)).filter(|d| !d.is_empty())
    }

    /// The URI as written.
    #[must_use]
    pub const fn uri(&self) -> &'a str {
        self.uri
    }

    /// The header parameters, which are not those of the URI.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The `tag` parameter.
    #[must_use]
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag").filter(|tag| !tag.is_empty())
    }

    // RFC 3261 §20: without angle brackets every parameter belongs to the header field, and a URI
    // with a comma, question mark or semicolon must not stand so.
    fn split_bare(rest: &'a str) -> Option<(&'a str, &'a str)> {
        let (uri, tail) = rest.split_at_checked(rest.find(';').unwrap_or(rest.len()))?;
        let uri = text::trim(uri);
        (!uri.contains(['?', ','])).then_some((uri, tail))
    }
}

/// One value of a Contact header field (RFC 3261 §20.10, RFC 5626).
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// The URI as written; `*` for the wildcard.
    pub uri: Box<str>,
    /// The `expires` parameter in seconds; one that is no number counts as missing.
    pub expires: Option<u32>,
    /// The `q` parameter in thousandths.
    pub q: Option<u16>,
    /// The `+sip.instance` parameter with its angle brackets.
    pub instance: Option<Box<str>>,
    /// The `reg-id` parameter.
    pub reg_id: Option<u32>,
}

impl Contact {
    /// Reads one value: `*` or an address.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        if text::trim(value) == "*" {
            return Some(Self::of_uri("*"));
        }
        let address = NameAddr::parse(value)?;
        let mut contact = Self::of_uri(address.uri());
        for (name, value) in address.params().iter() {
            let value = text::bare(value);
            if name.eq_ignore_ascii_case("expires") {
                contact.expires = text::seconds(value);
            } else if name.eq_ignore_ascii_case("q") {
                contact.q = thousandths(value);
            } else if name.eq_ignore_ascii_case("+sip.instance") {
                contact.instance = Some(value.into());
            } else if name.eq_ignore_ascii_case("reg-id") {
                contact.reg_id = value.parse().ok();
            }
        }
        Some(contact)
    }

    fn of_uri(uri: &str) -> Self {
        Self { uri: uri.into(), expires: None, q: None, instance: None, reg_id: None }
    }

    /// Whether it is the `*` that removes all bindings (RFC 3261 §10.2.2).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        &*self.uri == "*"
    }

    /// The value of a parameter of the URI, empty where it has none.
    #[must_use]
    pub fn uri_param(&self, name: &str) -> Option<&str> {
        Uri::parse(&self.uri)?.param(name)
    }
}

/// Reads a qvalue: 0 to 1 with at most three decimals (RFC 3261 §25.1).
fn thousandths(value: &str) -> Option<u16> {
    let (whole, decimals) = value.split_once('.').unwrap_or((value, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded: u16 = format!("{decimals:0<3}").parse().ok()?;
    match whole {
        "0" => Some(padded),
        "1" => (padded == 0).then_some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_and_header_parameters_are_told_apart() {
        let bracketed = NameAddr::parse("<sip:a@b;x=1>;tag=t").unwrap();
        assert_eq!((bracketed.uri(), bracketed.tag()), ("sip:a@b;x=1", Some("t")));
        let bare = NameAddr::parse("sip:a@b;tag=t").unwrap();
        assert_eq!((bare.uri(), bare.tag()), ("sip:a@b", Some("t")));
    }

    #[test]
    fn display_names_come_without_quotes_and_escapes() {
        let display = |value| NameAddr::parse(value).unwrap().display().map(Cow::into_owned);
        assert_eq!(display(r#""J \"X\" <U>"<sip:a@b>"#).as_deref(), Some(r#"J "X" <U>"#));
        assert_eq!(display("Anna Maria <sip:a@b>").as_deref(), Some("Anna Maria"));
        assert_eq!(display("\"\" <sip:a@b>"), None);
        assert_eq!(display("<sip:a@b>"), None);
    }

    #[test]
    fn malformed_addresses_are_refused() {
        for value in [
            r#""open <sip:a@b>"#,
            "<sip:a@b",
            "name",
            "sip:a@b?x=y",
            "<sip:a@b>;;",
            "<sip:a@b> x",
            "",
        ] {
            assert_eq!(NameAddr::parse(value), None, "{value}");
        }
    }

    #[test]
    fn a_contact_carries_its_parameters() {
        let contact = Contact::parse(
            r#"<sip:7@10.0.0.1:5060;line=abc>;expires=60;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=2"#,
        )
        .unwrap();
        assert_eq!(contact.uri_param("LINE"), Some("abc"));
        assert_eq!(contact.expires, Some(60));
        assert_eq!(contact.q, Some(500));
        assert_eq!(contact.instance.as_deref(), Some("<urn:uuid:1>"));
        assert_eq!(contact.reg_id, Some(2));
        assert!(Contact::parse(" * ").unwrap().is_wildcard());
    }

    #[test]
    fn a_qvalue_outside_its_range_counts_as_missing() {
        assert_eq!(thousandths("1.000"), Some(1000));
        assert_eq!(thousandths("0.25"), Some(250));
        for bad in ["1.001", "2", "0.1234", "-0", ""] {
            assert_eq!(thousandths(bad), None, "{bad}");
        }
    }
}
