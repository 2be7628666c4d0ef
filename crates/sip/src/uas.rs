use std::net::SocketAddr;

use bytes::Bytes;

use crate::message::Request;
use crate::method::Method;
use crate::text;
use crate::writer::Writer;

/// What a user agent server understands.
#[derive(Clone, Copy, Debug)]
pub struct Abilities<'a> {
    /// The methods that it answers.
    pub methods: &'a [Method],
    /// The extensions that it knows, as option tags.
    pub option_tags: &'a [&'a str],
    /// The types of body that it reads, such as `application/sdp`.
    pub content_types: &'a [&'a str],
}

/// Why a user agent server does not process a request: a status and what explains it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declined {
    /// 405, 406, 415, 416, 420 or 501.
    pub status: u16,
    /// The reason phrase.
    pub reason: &'static str,
    /// The header field that the status calls for.
    pub explanation: Option<(&'static str, String)>,
}

impl Abilities<'_> {
    /// Inspects a request in the order of RFC 3261 §8.2, without regard to who sent it; `None` where
    /// it can be processed. An ACK is never declined.
    #[must_use]
    pub fn inspect(&self, request: &Request) -> Option<Declined> {
        if *request.method() == Method::Ack {
            return None;
        }
        self.inspect_method(request)
            .or_else(|| inspect_uri(request))
            .or_else(|| self.inspect_extensions(request))
            .or_else(|| self.inspect_body(request))
            .or_else(|| inspect_accept(request))
    }

    fn inspect_method(&self, request: &Request) -> Option<Declined> {
        if self.methods.contains(request.method()) {
            return None;
        }
        let allow = ("Allow", joined(self.methods.iter().map(Method::as_str)));
        // RFC 3261 §8.2.1: known but not served is 405; §21.5.2: unknown is 501.
        Some(if matches!(request.method(), Method::Other(_)) {
            Declined::new(501, "Not Implemented", Some(allow))
        } else {
            Declined::new(405, "Method Not Allowed", Some(allow))
        })
    }

    fn inspect_extensions(&self, request: &Request) -> Option<Declined> {
        // RFC 3261 §8.2.2.3: Require of a CANCEL is ignored.
        if *request.method() == Method::Cancel {
            return None;
        }
        let known = |tag: &str| self.option_tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
        let unknown = joined(request.list("Require").filter(|tag| !known(tag)));
        (!unknown.is_empty())
            .then(|| Declined::new(420, "Bad Extension", Some(("Unsupported", unknown))))
    }

    fn inspect_body(&self, request: &Request) -> Option<Declined> {
        let optional = request.header("Content-Disposition").is_some_and(|disposition| {
            text::split(disposition, b';')
                .any(|part| part.eq_ignore_ascii_case("handling=optional"))
        });
        if request.body().is_empty() || optional {
            return None;
        }
        // RFC 3261 §8.2.3.
        let encoded = request.list("Content-Encoding").any(|c| !c.eq_ignore_ascii_case("identity"));
        if encoded {
            let accept = ("Accept-Encoding", "identity".to_owned());
            return Some(Declined::new(415, "Unsupported Media Type", Some(accept)));
        }
        let content_type = request.content_type().unwrap_or_default();
        let known = self.content_types.iter().any(|own| own.eq_ignore_ascii_case(content_type));
        let accept = ("Accept", joined(self.content_types.iter().copied()));
        (!known).then(|| Declined::new(415, "Unsupported Media Type", Some(accept)))
    }
}

impl Declined {
    fn new(status: u16, reason: &'static str, explanation: Option<(&'static str, String)>) -> Self {
        Self { status, reason, explanation }
    }

    /// The whole response to `request`, which came from `received_from`.
    #[must_use]
    pub fn to_bytes(&self, request: &Request, to_tag: &str, received_from: SocketAddr) -> Bytes {
        let mut writer =
            Writer::response(request, self.status, self.reason, Some(to_tag), received_from);
        if let Some((name, value)) = &self.explanation {
            writer = writer.header(name, value);
        }
        writer.finish(None)
    }
}

fn inspect_uri(request: &Request) -> Option<Declined> {
    // RFC 3261 §8.2.2.1.
    let served = request
        .uri_parts()
        .is_some_and(|uri| uri.is_sip() || uri.scheme().eq_ignore_ascii_case("tel"));
    (!served).then(|| Declined::new(416, "Unsupported URI Scheme", None))
}

/// RFC 3261 §21.4.7: an answer to an INVITE is a session description, which the caller has to accept.
fn inspect_accept(request: &Request) -> Option<Declined> {
    let mut types =
        request.list("Accept").map(|t| t.split(';').next().map_or("", text::trim)).peekable();
    let asked = *request.method() == Method::Invite && types.peek().is_some();
    let admits = |t: &str| {
        ["application/sdp", "application/*", "*/*"].iter().any(|own| own.eq_ignore_ascii_case(t))
    };
    let warning = ("Warning", "399 sureline \"the answer would be application/sdp\"".to_owned());
    (asked && !types.any(admits)).then(|| Declined::new(406, "Not Acceptable", Some(warning)))
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Message;
    use crate::wire::parse_datagram;

    fn inspected(method: &str, extra: &str, body: &str) -> Option<(u16, Option<String>)> {
        let text = format!(
            "{method} sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
             From: <sip:a@b>;tag=f\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: 1 {method}\r\n{extra}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let Ok(Message::Request(request)) = parse_datagram(text.as_bytes()) else {
            panic!("{text}")
        };
        let methods = [Method::Invite, Method::Cancel, Method::Options];
        let content_types = ["application/sdp"];
        let phone = Abilities {
            methods: &methods,
            option_tags: &["100rel"],
            content_types: &content_types,
        };
        let declined = phone.inspect(&request)?;
        let shown = declined.explanation.map(|(name, value)| format!("{name}: {value}"));
        Some((declined.status, shown))
    }

    // RFC 3261 §8.2.1, §21.5.2.
    #[test]
    fn methods_that_are_not_served_are_told_apart_from_unknown_ones() {
        let allow = Some("Allow: INVITE, CANCEL, OPTIONS".to_owned());
        assert_eq!(inspected("REGISTER", "", ""), Some((405, allow.clone())));
        assert_eq!(inspected("JUMP", "", ""), Some((501, allow)));
        assert_eq!(inspected("ACK", "Require: x\r\n", ""), None);
    }

    // RFC 3261 §8.2.2.3.
    #[test]
    fn unknown_extensions_are_named_except_to_a_cancel() {
        let require = "Require: 100REL, x\r\nRequire: y\r\n";
        let unsupported = Some("Unsupported: x, y".to_owned());
        assert_eq!(inspected("INVITE", require, ""), Some((420, unsupported)));
        assert_eq!(inspected("CANCEL", require, ""), None);
        assert_eq!(inspected("INVITE", "Require: 100rel\r\n", ""), None);
    }

    // RFC 3261 §8.2.3, §20.11.
    #[test]
    fn a_body_has_to_be_understood_unless_it_is_optional() {
        let typed = |kind: &str, extra: &str| {
            inspected("INVITE", &format!("Content-Type: {kind}\r\n{extra}"), "v=0\r\n")
        };
        assert_eq!(typed("Application/SDP;charset=utf-8", ""), None);
        let accept = Some((415, Some("Accept: application/sdp".to_owned())));
        assert_eq!(typed("text/plain", ""), accept);
        assert_eq!(inspected("INVITE", "", "untyped"), accept);
        assert_eq!(typed("text/plain", "Content-Disposition: icon; handling=optional\r\n"), None);
        let encoding = Some((415, Some("Accept-Encoding: identity".to_owned())));
        assert_eq!(typed("application/sdp", "Content-Encoding: gzip\r\n"), encoding);
        assert_eq!(inspected("INVITE", "Content-Type: text/plain\r\n", ""), None);
    }

    // RFC 3261 §21.4.7.
    #[test]
    fn a_caller_that_takes_no_session_description_is_not_called_back() {
        for accept in ["application/sdp;level=1", "text/plain, */*", "application/*"] {
            assert_eq!(inspected("INVITE", &format!("Accept: {accept}\r\n"), ""), None, "{accept}");
        }
        let declined = inspected("INVITE", "Accept: text/plain\r\n", "");
        assert_eq!(declined.map(|(status, _)| status), Some(406));
        assert_eq!(inspected("OPTIONS", "Accept: text/plain\r\n", ""), None);
    }
}
