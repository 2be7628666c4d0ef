use std::ops::{Deref, Range};

use bytes::Bytes;
use sipx_sip::HeaderName;

use crate::digest::Challenge;
use crate::fault::{FaultKind, Mended};
use crate::fields::{Fields, as_text};
use crate::method::Method;
use crate::text;
use crate::uri::Uri;

/// A parsed message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A parsed request; its header fields are those of [`Fields`].
#[derive(Clone, Debug)]
pub struct Request {
    fields: Fields,
    method: Method,
    start_line: Bytes,
    uri: Range<usize>,
    /// The user part, where it had escapes.
    user: Option<Box<str>>,
}

/// A parsed response; its header fields are those of [`Fields`].
#[derive(Clone, Debug)]
pub struct Response {
    fields: Fields,
    method: Method,
    status: u16,
    reason: Bytes,
}

impl Message {
    /// Judges what `sipx-sip` took for a message; `text` is the text that it was given.
    pub(crate) fn judge(
        message: sipx_sip::Message,
        text: &Bytes,
        mended: Mended,
    ) -> Result<Self, FaultKind> {
        match message {
            sipx_sip::Message::Request(request) => {
                Request::judge(request, text, mended).map(Self::Request)
            }
            sipx_sip::Message::Response(response) => {
                Response::judge(response, mended).map(Self::Response)
            }
        }
    }
}

impl Request {
    fn judge(request: sipx_sip::Request, text: &Bytes, mended: Mended) -> Result<Self, FaultKind> {
        if !request.version.is_supported() {
            return Err(FaultKind::Version);
        }
        let body = request.body().clone();
        let (fields, cseq_method) = Fields::judge(request.headers, body, mended)?;
        // The parser has checked that the line is three words with one space between each two.
        let first = text.iter().position(|&byte| byte == b' ').ok_or(FaultKind::StartLine)?;
        let rest = text.get(first + 1..).unwrap_or_default();
        let length = rest.iter().position(|&byte| byte == b' ').ok_or(FaultKind::StartLine)?;
        let uri = first + 1..first + 1 + length;
        let start_line = text.slice(..uri.end);
        let method = Method::parse(as_text(request.method.as_bytes()));
        if method != cseq_method {
            return Err(FaultKind::CseqMethodMismatch);
        }
        let parts = Uri::parse(as_text(start_line.get(uri.clone()).unwrap_or_default()));
        let parts = parts.ok_or(FaultKind::RequestUri)?;
        // RFC 3261 §19.1.1, RFC 4475 §3.1.2.11: no header fields in a request-URI.
        if !parts.headers().is_empty() {
            return Err(FaultKind::RequestUri);
        }
        let user = parts
            .user()
            .filter(|user| user.contains('%'))
            .map(|user| text::unescape(user).into_owned().into_boxed_str());
        Ok(Self { fields, method, start_line, uri, user })
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The request-URI as written.
    #[must_use]
    pub fn uri(&self) -> &str {
        as_text(self.start_line.get(self.uri.clone()).unwrap_or_default())
    }

    /// The request-URI taken apart.
    #[must_use]
    pub fn uri_parts(&self) -> Option<Uri<'_>> {
        Uri::parse(self.uri())
    }

    /// The user part of the request-URI, its escapes undone once.
    #[must_use]
    pub fn uri_user(&self) -> Option<&str> {
        self.user.as_deref().or_else(|| self.uri_parts()?.user())
    }

    /// The host of the request-URI, an IPv6 address without its brackets; empty where the scheme has
    /// none.
    #[must_use]
    pub fn uri_host(&self) -> &str {
        self.uri_parts().map_or("", |uri| uri.host())
    }

    /// The value of a parameter of the request-URI, empty where it has none.
    #[must_use]
    pub fn uri_param(&self, name: &str) -> Option<&str> {
        self.uri_parts()?.param(name)
    }

    /// Max-Forwards, where it is there.
    #[must_use]
    pub fn max_forwards(&self) -> Option<u8> {
        self.fields.value(&HeaderName::MaxForwards)?.parse().ok()
    }

    /// The values of Route as written, in order.
    #[must_use]
    pub fn routes(&self) -> Vec<Box<str>> {
        self.fields.values(&HeaderName::Route).map(Into::into).collect()
    }
}

impl Response {
    fn judge(response: sipx_sip::Response, mended: Mended) -> Result<Self, FaultKind> {
        if !response.version.is_supported() {
            return Err(FaultKind::Version);
        }
        let status = response.status.code();
        let reason = response.reason.clone();
        let body = response.body().clone();
        let (fields, method) = Fields::judge(response.headers, body, mended)?;
        Ok(Self { fields, method, status, reason })
    }

    /// The status code, 100 to 699.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The reason phrase, which may be empty. It is the sender's text: escape it wherever it is
    /// shown.
    #[must_use]
    pub fn reason(&self) -> &str {
        text::trim(as_text(&self.reason))
    }

    /// The method of CSeq.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Whether a user agent client may take it: it has the client's own Via and no other
    /// (RFC 3261 §8.1.3.3). One with more was sent by mistake, or to a proxy.
    #[must_use]
    pub fn is_for_client(&self) -> bool {
        self.fields.vias_raw().nth(1).is_none()
    }

    /// Whether it is 1xx.
    #[must_use]
    pub const fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Whether it is 2xx.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Min-Expires in seconds (423).
    #[must_use]
    pub fn min_expires(&self) -> Option<u32> {
        text::seconds(self.fields.value(&HeaderName::MinExpires)?)
    }

    /// The seconds of Retry-After; a comment or parameters behind them are left out.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        let value = self.fields.value(&HeaderName::RetryAfter)?;
        // RFC 3261 §20.33: delta-seconds [ comment ] *( SEMI retry-param ).
        let digits = value.split([' ', '\t', '(', ';']).next()?;
        text::seconds(digits)
    }

    /// The challenges that can be answered, in order: Digest with an algorithm and protection that
    /// are known. Others are ignored, as RFC 8760 §2.4 says.
    #[must_use]
    pub fn challenges(&self) -> Vec<Challenge> {
        self.fields.challenges()
    }

    /// The values of Service-Route as written, in order (RFC 3608).
    #[must_use]
    pub fn service_routes(&self) -> Vec<Box<str>> {
        self.fields.values(&HeaderName::ServiceRoute).map(Into::into).collect()
    }
}

impl Deref for Request {
    type Target = Fields;
    fn deref(&self) -> &Fields {
        &self.fields
    }
}

impl Deref for Response {
    type Target = Fields;
    fn deref(&self) -> &Fields {
        &self.fields
    }
}
