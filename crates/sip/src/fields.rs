use std::net::IpAddr;

use bytes::Bytes;
use sipx_sip::{Header, HeaderName, Headers};

use crate::address::{Contact, NameAddr};
use crate::digest::Challenge;
use crate::fault::{FaultKind, Mended};
use crate::method::Method;
use crate::text;
use crate::via::Via;
use crate::{HEADER_FIELDS_MAX, VIA_MAX};

/// Header fields and body: what requests and responses have in common.
///
/// Via, From, To, Call-ID and CSeq are there once and well formed in every parsed message. Values
/// come unfolded and trimmed.
#[derive(Clone, Debug)]
pub struct Fields {
    headers: Headers,
    body: Bytes,
    cseq: u32,
    mended: Mended,
}

impl Fields {
    /// Judges the header fields that every message carries; returns the method of CSeq beside them.
    pub(crate) fn judge(
        headers: Headers,
        body: Bytes,
        mended: Mended,
    ) -> Result<(Self, Method), FaultKind> {
        let mut fields = Self { headers, body, cseq: 0, mended };
        fields.judge_counts()?;
        fields.judge_vias()?;
        for (name, label) in [(HeaderName::From, "From"), (HeaderName::To, "To")] {
            let value = fields.value(&name).ok_or(FaultKind::MissingHeader(label))?;
            NameAddr::parse(value).ok_or(FaultKind::MalformedHeader(label))?;
        }
        match fields.value(&HeaderName::CallId) {
            None => return Err(FaultKind::MissingHeader("Call-ID")),
            Some("") => return Err(FaultKind::MalformedHeader("Call-ID")),
            Some(_) => {}
        }
        if let Some(hops) = fields.value(&HeaderName::MaxForwards) {
            // RFC 3261 §20.22: 0 to 255.
            hops.parse::<u8>().map_err(|_| FaultKind::MalformedHeader("Max-Forwards"))?;
        }
        let cseq = fields.value(&HeaderName::CSeq).ok_or(FaultKind::MissingHeader("CSeq"))?;
        let (number, method) = read_cseq(cseq).ok_or(FaultKind::MalformedHeader("CSeq"))?;
        fields.cseq = number;
        Ok((fields, method))
    }

    fn judge_counts(&self) -> Result<(), FaultKind> {
        if self.headers.len() > HEADER_FIELDS_MAX {
            return Err(FaultKind::TooManyFields);
        }
        let single = [
            (HeaderName::From, "From"),
            (HeaderName::To, "To"),
            (HeaderName::CallId, "Call-ID"),
            (HeaderName::CSeq, "CSeq"),
            (HeaderName::MaxForwards, "Max-Forwards"),
        ];
        // RFC 3261 §7.3.1, RFC 4475 §3.3.8.
        match single.into_iter().find(|(name, _)| self.headers.count(name) > 1) {
            Some((_, label)) => Err(FaultKind::RepeatedHeader(label)),
            None => Ok(()),
        }
    }

    fn judge_vias(&self) -> Result<(), FaultKind> {
        let mut count = 0;
        for hop in self.vias_raw() {
            count += 1;
            if count > VIA_MAX {
                return Err(FaultKind::TooManyVias);
            }
            Via::parse(hop).ok_or(FaultKind::MalformedHeader("Via"))?;
        }
        if count == 0 { Err(FaultKind::MissingHeader("Via")) } else { Ok(()) }
    }

    /// The first header field of that name, in long or compact form and any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = long_name(name).as_bytes();
        self.headers
            .iter()
            .find(|header| header.name().canonical().eq_ignore_ascii_case(name))
            .map(value_of)
    }

    /// Every header field of that name in order, each as one value even where it is a list.
    pub fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let name = long_name(name).as_bytes();
        self.headers
            .iter()
            .filter(move |header| header.name().canonical().eq_ignore_ascii_case(name))
            .map(value_of)
    }

    /// The values of all header fields of that name, lists split at their commas, empty ones left
    /// out. Not for the authentication header fields, whose commas do not separate values.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers(name)
            .flat_map(|value| text::split(value, b','))
            .filter(|part| !part.is_empty())
    }

    /// Every header field in order: name in its long form, value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|header| (as_text(header.name().canonical()), value_of(header)))
    }

    /// The top Via hop.
    #[must_use]
    pub fn top_via(&self) -> Option<Via<'_>> {
        self.vias_raw().next().and_then(Via::read)
    }

    /// Every Via hop, the top one first.
    pub fn vias(&self) -> impl Iterator<Item = Via<'_>> {
        self.vias_raw().filter_map(Via::read)
    }

    /// The branch of the top Via; empty where it has none (RFC 2543).
    #[must_use]
    pub fn branch(&self) -> &str {
        self.top_via().map_or("", |via| via.branch())
    }

    /// The `received` parameter of the top Via.
    #[must_use]
    pub fn via_received(&self) -> Option<IpAddr> {
        self.top_via()?.received()
    }

    /// The value of `rport` of the top Via.
    #[must_use]
    pub fn via_rport(&self) -> Option<u16> {
        self.top_via()?.rport()
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &str {
        self.value(&HeaderName::CallId).unwrap_or_default()
    }

    /// The number of CSeq.
    #[must_use]
    pub const fn cseq(&self) -> u32 {
        self.cseq
    }

    /// The From header field.
    #[must_use]
    pub fn from(&self) -> Option<NameAddr<'_>> {
        NameAddr::read(self.value(&HeaderName::From)?)
    }

    /// The To header field.
    #[must_use]
    pub fn to(&self) -> Option<NameAddr<'_>> {
        NameAddr::read(self.value(&HeaderName::To)?)
    }

    /// The tag of From.
    #[must_use]
    pub fn from_tag(&self) -> Option<&str> {
        self.from()?.tag()
    }

    /// The tag of To.
    #[must_use]
    pub fn to_tag(&self) -> Option<&str> {
        self.to()?.tag()
    }

    /// The URI of From as written.
    #[must_use]
    pub fn from_uri(&self) -> &str {
        self.from().map_or("", |from| from.uri())
    }

    /// The URI of To as written.
    #[must_use]
    pub fn to_uri(&self) -> &str {
        self.to().map_or("", |to| to.uri())
    }

    /// The display name of From without quotes and escapes. It is the sender's text: escape it
    /// wherever it is shown.
    #[must_use]
    pub fn from_display(&self) -> Option<std::borrow::Cow<'_, str>> {
        self.from()?.display()
    }

    /// The values of Contact; malformed ones are left out.
    #[must_use]
    pub fn contacts(&self) -> Vec<Contact> {
        self.values(&HeaderName::Contact).filter_map(Contact::parse).collect()
    }

    /// The values of Record-Route as written, in order.
    #[must_use]
    pub fn record_routes(&self) -> Vec<Box<str>> {
        self.values(&HeaderName::RecordRoute).map(Into::into).collect()
    }

    /// The Expires header field in seconds; one that is no number counts as missing.
    #[must_use]
    pub fn expires(&self) -> Option<u32> {
        text::seconds(self.value(&HeaderName::Expires)?)
    }

    /// Whether Require names this option tag.
    #[must_use]
    pub fn requires(&self, tag: &str) -> bool {
        self.values(&HeaderName::Require).any(|value| value.eq_ignore_ascii_case(tag))
    }

    /// Whether Supported names this option tag.
    #[must_use]
    pub fn supports(&self, tag: &str) -> bool {
        self.values(&HeaderName::Supported).any(|value| value.eq_ignore_ascii_case(tag))
    }

    /// The type of the body without parameters, as written.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.value(&HeaderName::ContentType)?.split(';').next().map(text::trim)
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// What was mended before the message could be read.
    #[must_use]
    pub const fn mended(&self) -> Mended {
        self.mended
    }

    pub(crate) fn challenges(&self) -> Vec<Challenge> {
        let mut challenges = Vec::new();
        for header in self.headers.iter() {
            if header.name() == &HeaderName::WwwAuthenticate {
                challenges
                    .extend(Challenge::parse_all(value_of(header), crate::digest::Asker::Server));
            } else if header.name() == &HeaderName::ProxyAuthenticate {
                challenges
                    .extend(Challenge::parse_all(value_of(header), crate::digest::Asker::Proxy));
            }
        }
        challenges
    }

    /// The first header field of that name.
    pub(crate) fn value(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).map(value_of)
    }

    /// Every value of that name, lists split.
    pub(crate) fn values<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a str> {
        self.headers
            .get_all(name)
            .flat_map(|header| text::split(value_of(header), b','))
            .filter(|part| !part.is_empty())
    }

    /// The Via hops as written; an empty one is kept, for it is malformed.
    pub(crate) fn vias_raw(&self) -> impl Iterator<Item = &str> {
        self.headers
            .get_all(&HeaderName::Via)
            .flat_map(|header| text::split(value_of(header), b','))
    }
}

/// Reads `number LWS method`.
fn read_cseq(value: &str) -> Option<(u32, Method)> {
    let (number, method) = value.split_once([' ', '\t'])?;
    let method = text::trim(method);
    let sound = number.bytes().all(|byte| byte.is_ascii_digit()) && text::is_token(method);
    // RFC 3261 §8.1.1.5: a 32-bit number. Larger ones are refused (RFC 4475 §3.1.2.4).
    sound.then(|| number.parse().ok().map(|number| (number, Method::parse(method))))?
}

/// The trimmed value of a header field; the wire was unfolded and made UTF-8 before it was parsed.
fn value_of(header: &Header) -> &str {
    text::trim(as_text(header.raw_value()))
}

pub(crate) fn as_text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// The long form of a compact header name (RFC 3261 §7.3.3 and the extensions' own).
pub(crate) fn long_name(name: &str) -> &str {
    let [letter] = name.as_bytes() else { return name };
    match letter.to_ascii_lowercase() {
        b'a' => "Accept-Contact",
        b'b' => "Referred-By",
        b'c' => "Content-Type",
        b'd' => "Request-Disposition",
        b'e' => "Content-Encoding",
        b'f' => "From",
        b'i' => "Call-ID",
        b'j' => "Reject-Contact",
        b'k' => "Supported",
        b'l' => "Content-Length",
        b'm' => "Contact",
        b'n' => "Identity-Info",
        b'o' => "Event",
        b'r' => "Refer-To",
        b's' => "Subject",
        b't' => "To",
        b'u' => "Allow-Events",
        b'v' => "Via",
        b'x' => "Session-Expires",
        b'y' => "Identity",
        _ => name,
    }
}
