use crate::MESSAGE_BYTES_MAX;
use crate::fault::{FaultKind, Mended, ParseFault};
use crate::fields::long_name;
use crate::message::Message;
use crate::text;
use crate::wire::{Head, Scan, parse_measured};

/// Cuts a stream into messages (RFC 3261 §18.3, RFC 5626 §4.4.1).
///
/// One for each connection: [`Framer::push`] what came, then [`Framer::next`] until it gives `None`.
/// An idle one holds no memory.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the message begins that is not yet whole.
    start: usize,
    scan: Scan,
    head: Option<(Head, usize)>,
    /// The last thing was a lone CRLF, so that another one makes it a ping.
    after_pong: bool,
    broken: bool,
}

/// What a stream carries.
#[derive(Debug)]
pub enum Frame {
    /// A message.
    Message(Message),
    /// CRLF CRLF: a keep-alive that wants a [`Frame::Pong`]. Where its halves come in two pieces, a
    /// pong is told first.
    Ping,
    /// CRLF: the answer to a keep-alive.
    Pong,
    /// Something else. Where [`Framer::is_broken`] says so afterwards, the stream has to be closed.
    Fault(ParseFault),
}

impl Framer {
    /// A framer for a stream from which nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `None` until more bytes have come, for ever once the stream is broken.
    #[expect(clippy::should_implement_trait, reason = "it goes on after `None`")]
    pub fn next(&mut self) -> Option<Frame> {
        if self.broken {
            return None;
        }
        let frame = self.keep_alive().or_else(|| self.message());
        if self.broken || self.start == self.buffer.len() {
            self.buffer = Vec::new();
            self.start = 0;
        }
        frame
    }

    /// Whether a message has begun that is not whole, so that its owner can set a time limit for it.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        self.start < self.buffer.len()
    }

    /// Whether the framing is lost and the stream has to be closed.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    fn keep_alive(&mut self) -> Option<Frame> {
        // RFC 5626 §4.4.1: CRLF CRLF is a ping, a lone CRLF a pong, only ever between messages.
        let rest = self.buffer.get(self.start..)?;
        let (frame, length) = if rest.starts_with(b"\r\n\r\n") {
            (Frame::Ping, 4)
        } else if rest.starts_with(b"\r\n") {
            (if self.after_pong { Frame::Ping } else { Frame::Pong }, 2)
        } else {
            return None;
        };
        self.after_pong = matches!(frame, Frame::Pong);
        self.start += length;
        Some(frame)
    }

    fn message(&mut self) -> Option<Frame> {
        let rest = self.buffer.get(self.start..)?;
        let (head, length) = match self.head {
            Some(found) => found,
            None => match self.scan.find_end(rest) {
                Some(head) => match measure(rest, &head) {
                    Ok(length) => *self.head.insert((head, length)),
                    Err(kind) => return Some(self.break_off(kind)),
                },
                None if rest.len() > MESSAGE_BYTES_MAX => {
                    return Some(self.break_off(FaultKind::TooLarge));
                }
                None => return None,
            },
        };
        let message = rest.get(..length)?;
        let frame = match parse_measured(message, &head, Mended::default()) {
            Ok(message) => Frame::Message(message),
            Err(kind) => Frame::Fault(ParseFault::new(kind, message)),
        };
        self.start += length;
        self.scan = Scan::default();
        self.head = None;
        self.after_pong = false;
        Some(frame)
    }

    /// RFC 3261 §18.3, RFC 4475 §3.1.2.3: where a message ends is not guessed.
    fn break_off(&mut self, kind: FaultKind) -> Frame {
        self.broken = true;
        Frame::Fault(ParseFault::new(kind, self.buffer.get(self.start..).unwrap_or_default()))
    }
}

/// The length of the whole message, from its Content-Length.
fn measure(bytes: &[u8], head: &Head) -> Result<usize, FaultKind> {
    if head.has_lone_line_end() {
        return Err(FaultKind::LoneLineEnd);
    }
    let mut text = String::from_utf8_lossy(bytes.get(..head.length).unwrap_or_default());
    if head.is_folded() {
        text = text.replace("\r\n ", " ").replace("\r\n\t", " ").into();
    }
    let mut lengths = text.split("\r\n").skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        long_name(text::trim(name)).eq_ignore_ascii_case("Content-Length").then_some(value)
    });
    let body = text::trim(lengths.next().ok_or(FaultKind::NoContentLength)?);
    if lengths.next().is_some() || body.is_empty() || !body.bytes().all(|b| b.is_ascii_digit()) {
        return Err(FaultKind::ContentLength);
    }
    let body: usize = body.parse().map_err(|_| FaultKind::TooLarge)?;
    let whole = head.length.checked_add(body).ok_or(FaultKind::TooLarge)?;
    if whole > MESSAGE_BYTES_MAX { Err(FaultKind::TooLarge) } else { Ok(whole) }
}
