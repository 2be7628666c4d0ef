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
