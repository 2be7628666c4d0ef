use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use thiserror::Error;

use crate::method::Method;
use crate::text;
use crate::writer::{Echo, Writer};

/// Which rule a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FaultKind {
    /// A datagram of CR, LF and NUL alone: a keep-alive of the other side, not a message.
    #[error("keep-alive without a message")]
    KeepAlive,
    /// The start line is that of no SIP message.
    #[error("malformed start line")]
    StartLine,
    /// The request-URI does not parse.
    #[error("malformed request-URI")]
    RequestUri,
    /// The start line names another version than `SIP/2.0`.
    #[error("unsupported version of SIP")]
    Version,
    /// The header section does not end.
    #[error("no blank line after the header fields")]
    NoBlankLine,
    /// A line of the header section is no header field.
    #[error("malformed header field on line {0}")]
    HeaderSyntax(u32),
    /// A line ends in a lone CR or LF where that cannot be mended.
    #[error("lone CR or LF in the header section")]
    LoneLineEnd,
    /// Content-Length is no number, or stands there twice.
    #[error("malformed or repeated Content-Length")]
    ContentLength,
    /// Content-Length is missing on a stream (RFC 3261 §18.3).
    #[error("no Content-Length on a stream")]
    NoContentLength,
    /// Content-Length is larger than the datagram.
    #[error("body shorter than Content-Length")]
    BodyTruncated,
    /// The message is larger than [`crate::MESSAGE_BYTES_MAX`].
    #[error("message larger than 64 KiB")]
    TooLarge,
    /// There are more header fields than [`crate::HEADER_FIELDS_MAX`].
    #[error("more than 256 header fields")]
    TooManyFields,
    /// There are more Via hops than [`crate::VIA_MAX`].
    #[error("more than 64 Via hops")]
    TooManyVias,
    /// A header field that every message carries is missing.
    #[error("no {0} header field")]
    MissingHeader(&'static str),
    /// A header field does not keep its grammar or range.
    #[error("malformed {0} header field")]
    MalformedHeader(&'static str),
    /// A header field that may stand once stands there again.
    #[error("more than one {0} header field")]
    RepeatedHeader(&'static str),
    /// CSeq names another method than the request line.
    #[error("method of CSeq and request line differ")]
    CseqMethodMismatch,
}

impl FaultKind {
    /// Whether the end of the message is not known, so that a stream cannot go on.
    #[must_use]
    pub const fn breaks_framing(self) -> bool {
        matches!(
            self,
            Self::NoBlankLine
                | Self::LoneLineEnd
                | Self::ContentLength
                | Self::NoContentLength
                | Self::TooLarge
        )
    }

    const fn status(self) -> (u16, &'static str) {
        match self {
            // RFC 3261 §21.5.6.
            Self::Version => (505, "Version Not Supported"),
            // RFC 3261 §21.5.7.
            Self::TooLarge => (513, "Message Too Large"),
            Self::KeepAlive
            | Self::StartLine
            | Self::RequestUri
            | Self::NoBlankLine
            | Self::HeaderSyntax(_)
            | Self::LoneLineEnd
            | Self::ContentLength
            | Self::NoContentLength
            | Self::BodyTruncated
            | Self::TooManyFields
            | Self::TooManyVias
            | Self::MissingHeader(_)
            | Self::MalformedHeader(_)
            | Self::RepeatedHeader(_)
            | Self::CseqMethodMismatch => (400, "Bad Request"),
        }
    }
}

/// Why bytes are no message that may be acted on, and what can be said to their sender.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct ParseFault {
    /// The rule that is broken.
    pub kind: FaultKind,
    /// The answer to send, where the bytes are a request that can be answered; never for a response
    /// or an ACK.
    pub refusal: Option<Box<Refusal>>,
}

impl ParseFault {
    /// A fault of `kind` in `bytes`, with the answer that can be saved from them.
    pub(crate) fn new(kind: FaultKind, bytes: &[u8]) -> Self {
        Self { kind, refusal: Refusal::salvage(kind, bytes).map(Box::new) }
    }
}

/// A response to a request that did not parse, made of what could be read of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    reason: &'static str,
    explanation: FaultKind,
    echo: Echo,
}

impl Refusal {
    /// The status code it will carry: 400, 501, 505 or 513.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The whole response, to be sent to `received_from`; a missing To tag is filled with `to_tag`.
    #[must_use]
    pub fn to_bytes(&self, to_tag: &str, received_from: SocketAddr) -> Bytes {
        Writer::echo(&self.echo, self.status, self.reason, Some(to_tag), received_from)
            // RFC 3261 §21.4.1: the reason should say what is wrong; Warning 399 carries free text.
            .header("Warning", format_args!("399 sureline \"{}\"", self.explanation))
            .finish(None)
    }

    fn salvage(kind: FaultKind, bytes: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(SALVAGED_MAX))?);
        let head = head.trim_start_matches(['\r', '\n', '\0', ' ']);
        let mut lines = unfolded_lines(head);
        let start = lines.next()?;
        let method = start.split_ascii_whitespace().next()?;
        let version = start.split_ascii_whitespace().next_back()?;
        // RFC 3261 §17.1.1.3, §8.1.3: an ACK and a response are never answered.
        let answerable = starts_as_sip(version) && !starts_as_sip(method) && method != "ACK";
        if !answerable {
            return None;
        }
        let mut echo = Echo::default();
        for line in lines.take_while(|line| !line.is_empty()) {
            if let Some((name, value)) = line.split_once(':') {
                echo.add(text::trim(name), text::trim(value));
            }
        }
        let unknown = matches!(Method::parse(method), Method::Other(_));
        let (status, reason) = if kind == FaultKind::CseqMethodMismatch && unknown {
            // RFC 4475 §3.1.2.18: of an unknown method, that it is unknown is the better answer.
            (501, "Not Implemented")
        } else {
            kind.status()
        };
        echo.is_routable().then_some(Self { status, reason, explanation: kind, echo })
    }
}

/// How much of a broken message is searched for something to answer.
const SALVAGED_MAX: usize = 16 * 1024;

fn starts_as_sip(word: &str) -> bool {
    word.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("SIP/"))
}

/// The lines of a header section with whatever line ends they have, continuation lines joined.
fn unfolded_lines(head: &str) -> impl Iterator<Item = String> {
    let mut lines = head.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).peekable();
    std::iter::from_fn(move || {
        let mut line = lines.next()?.to_owned();
        while let Some(more) = lines.next_if(|next| next.starts_with([' ', '\t'])) {
            line.push_str(more);
        }
        Some(line)
    })
}

/// What had to be mended in a datagram before it could be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mended {
    /// CR, LF or NUL stood before the start line.
    pub padding: bool,
    /// Lines ended in LF alone.
    pub line_ends: bool,
    /// The blank line after the header fields was missing.
    pub blank_line: bool,
    /// The header section was not UTF-8 and was read as ISO 8859-1.
    pub charset: bool,
}

impl Mended {
    /// Whether anything was mended.
    #[must_use]
    pub fn any(self) -> bool {
        self != Self::default()
    }
}

impl fmt::Display for Mended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.padding, "padding before the message"),
            (self.line_ends, "lines without CR"),
            (self.blank_line, "no blank line after the header fields"),
            (self.charset, "header fields not in UTF-8"),
        ];
        let mut first = true;
        for (_, text) in parts.into_iter().filter(|(there, _)| *there) {
            write!(f, "{}{text}", if first { "" } else { ", " })?;
            first = false;
        }
        Ok(())
    }
}
