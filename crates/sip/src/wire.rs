//! From bytes to messages: what is mended before `sipx-sip` parses, and what its faults mean.

use bytes::Bytes;
use sipx_sip::Limits;
use sipx_sip::error::{FramingError, LimitKind, ParseError, StartLineError};

use crate::MESSAGE_BYTES_MAX;
use crate::fault::{FaultKind, Mended, ParseFault};
use crate::message::Message;

/// Reads the one message of a datagram.
///
/// Octets behind the body are ignored (RFC 3261 §18.3). Padding before the start line, lines that all
/// end in LF alone and a missing last blank line are mended, which [`crate::Fields::mended`] tells.
///
/// # Errors
/// A datagram that carries no message which may be acted on. [`FaultKind::KeepAlive`] is no offence.
pub fn parse_datagram(bytes: &[u8]) -> Result<Message, ParseFault> {
    let fault = |kind| ParseFault::new(kind, bytes);
    // RFC 3261 §7.5: CRLF before the start line is ignored; some peers pad with NUL.
    let start = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0));
    let Some(start) = start else { return Err(fault(FaultKind::KeepAlive)) };
    let message = bytes.get(start..).unwrap_or_default();
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(fault(FaultKind::TooLarge));
    }
    let head = Head::measure(message).ok_or_else(|| fault(FaultKind::NoBlankLine))?;
    let mended = Mended { padding: start > 0, ..head.mended() };
    parse_measured(message, &head, mended).map_err(fault)
}

/// Reads a message whose head has been measured; the body is what stands behind the head.
pub(crate) fn parse_measured(
    message: &[u8],
    head: &Head,
    mut mended: Mended,
) -> Result<Message, FaultKind> {
    if head.line_ends == LineEnds::Mixed {
        return Err(FaultKind::LoneLineEnd);
    }
    let raw = message.get(..head.length).unwrap_or_default();
    let text = if head.line_ends == LineEnds::Crlf && !head.folded && head.closed && is_utf8(raw) {
        Bytes::copy_from_slice(message)
    } else {
        let body = message.get(head.length..).unwrap_or_default();
        let mut text = Vec::with_capacity(message.len() + message.len() / 8);
        mended.charset = push_mended(&mut text, raw);
        if !head.closed {
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(body);
        Bytes::from(text)
    };
    let parsed =
        sipx_sip::parse_datagram(text.clone(), &LIMITS).map_err(|error| kind_of(&error))?;
    Message::judge(parsed, &text, mended)
}

/// The header section of a message: where it ends and how its lines do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    /// Its length with the blank line.
    pub(crate) length: usize,
    /// Whether the blank line is there.
    closed: bool,
    folded: bool,
    line_ends: LineEnds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineEnds {
    Crlf,
    Lf,
    Mixed,
}

impl Head {
    /// Measures the head of a whole message; `None` where its last line does not end.
    pub(crate) fn measure(message: &[u8]) -> Option<Self> {
        let mut scan = Scan::default();
        match scan.find_end(message) {
            Some(head) => Some(head),
            None if message.ends_with(b"\n") => {
                Some(Self { length: message.len(), closed: false, ..scan.head() })
            }
            None => None,
        }
    }

    /// Whether a line ends otherwise than in CRLF.
    pub(crate) fn has_lone_line_end(&self) -> bool {
        self.line_ends != LineEnds::Crlf
    }

    /// Whether it has continuation lines.
    pub(crate) fn is_folded(&self) -> bool {
        self.folded
    }

    fn mended(&self) -> Mended {
        Mended {
            line_ends: self.line_ends == LineEnds::Lf,
            blank_line: !self.closed,
            ..Mended::default()
        }
    }
}

/// A search for the end of a head that goes on where it stopped when more bytes have come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scan {
    /// Everything before has been seen.
    seen: usize,
    /// Where the current line begins.
    line: usize,
    crlf_lines: bool,
    lf_lines: bool,
    folded: bool,
}

impl Scan {
    /// Searches on in `bytes`, which begin with all that was searched before.
    pub(crate) fn find_end(&mut self, bytes: &[u8]) -> Option<Head> {
        while let Some(offset) = bytes.get(self.seen..).and_then(|rest| memchr::memchr(b'\n', rest))
        {
            let end = self.seen + offset;
            let line = bytes.get(self.line..end).unwrap_or_default();
            let has_cr = line.last() == Some(&b'\r');
            self.crlf_lines |= has_cr;
            self.lf_lines |= !has_cr;
            self.folded |= matches!(line.first(), Some(b' ' | b'\t'));
            self.seen = end + 1;
            self.line = end + 1;
            if line.len() == usize::from(has_cr) {
                return Some(self.head());
            }
        }
        self.seen = bytes.len();
        None
    }

    fn head(&self) -> Head {
        let line_ends = match (self.crlf_lines, self.lf_lines) {
            (true, true) => LineEnds::Mixed,
            (false, true) => LineEnds::Lf,
            (_, false) => LineEnds::Crlf,
        };
        Head { length: self.line, closed: true, folded: self.folded, line_ends }
    }
}

fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

/// Writes a head with CRLF line ends, without folds and as UTF-8. Returns whether its bytes had to
/// be taken for ISO 8859-1.
fn push_mended(text: &mut Vec<u8>, head: &[u8]) -> bool {
    let latin1 = !is_utf8(head);
    let mut rest = head;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        let line_end = match (byte, tail) {
            (b'\r', [b'\n', after @ ..]) => Some(after),
            (b'\n', after) => Some(after),
            _ => None,
        };
        match (line_end, byte) {
            // RFC 3261 §7.3.1: a fold counts as one space.
            (Some(after @ [b' ' | b'\t', ..]), _) => {
                text.push(b' ');
                let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                rest = after.get(blanks..).unwrap_or_default();
            }
            (Some(after), _) => {
                text.extend_from_slice(b"\r\n");
                rest = after;
            }
            (None, 0x80..) if latin1 => {
                text.extend_from_slice(char::from(byte).encode_utf8(&mut [0; 2]).as_bytes());
            }
            (None, _) => text.push(byte),
        }
    }
    latin1
}

fn kind_of(error: &ParseError) -> FaultKind {
    if let ParseError::Framing(framing) = error {
        if *framing == FramingError::BodyTruncated {
            FaultKind::BodyTruncated
        } else if *framing == FramingError::NoHeaderTerminator {
            FaultKind::NoBlankLine
        } else {
            FaultKind::ContentLength
        }
    } else if let ParseError::Limit { limit, .. } = error {
        if *limit == LimitKind::Headers { FaultKind::TooManyFields } else { FaultKind::TooLarge }
    } else if let ParseError::HeaderSyntax { line, .. } = error {
        FaultKind::HeaderSyntax(u32::try_from(*line).unwrap_or(u32::MAX))
    } else if let ParseError::StartLine(StartLineError::Uri(_)) = error {
        FaultKind::RequestUri
    } else {
        FaultKind::StartLine
    }
}

/// The limits of §9 of the behaviour, and no others.
const LIMITS: Limits = Limits {
    max_message_bytes: 2 * MESSAGE_BYTES_MAX,
    max_body_bytes: MESSAGE_BYTES_MAX,
    max_headers: crate::HEADER_FIELDS_MAX,
    max_header_bytes: MESSAGE_BYTES_MAX,
    max_folding_lines: 0,
};
