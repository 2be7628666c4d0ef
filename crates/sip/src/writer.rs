use std::fmt::{self, Display, Write as _};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use net::Transport;
use sipx_sip::HeaderName;

use crate::fault::Mended;
use crate::message::Request;
use crate::method::Method;
use crate::text::{self, Params};
use crate::uri::unbracket;
use crate::via::Via;

/// Writes one message, header field by header field, in the order of the calls.
///
/// CR, LF and NUL in any value become spaces: nothing that is written can begin a line of its own.
#[derive(Debug)]
#[must_use]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// Begins a request; [`Writer::via`] has to follow at once.
    pub fn request(method: &Method, uri: &str) -> Self {
        let mut writer = Self::with_room();
        writer.put_str(method.as_str());
        writer.out.push(b' ');
        writer.put_str(uri);
        writer.out.extend_from_slice(b" SIP/2.0\r\n");
        writer
    }

    /// Begins a response without header fields.
    pub fn status(status: u16, reason: &str) -> Self {
        let mut writer = Self::with_room();
        writer.out.extend_from_slice(b"SIP/2.0 ");
        writer.put(status);
        writer.out.push(b' ');
        writer.put_str(reason);
        writer.end_line();
        writer
    }

    /// Begins a response to `request`, which came from `received_from`: copies Via, From, To, Call-ID
    /// and CSeq (RFC 3261 §8.2.6.2), gives the top Via its `received` and `rport`, and adds `to_tag`
    /// where To has none.
    pub fn response(
        request: &Request,
        status: u16,
        reason: &str,
        to_tag: Option<&str>,
        received_from: SocketAddr,
    ) -> Self {
        let mut writer = Self::status(status, reason);
        let charset = Charset::of(request.mended());
        for (index, hop) in request.vias_raw().enumerate() {
            writer.copied_via(hop, (index == 0).then_some(received_from), charset);
        }
        let value = |name| request.value(name).unwrap_or_default();
        writer.copied("From", value(&HeaderName::From), charset);
        writer.copied_to(value(&HeaderName::To), to_tag, charset);
        writer.copied("Call-ID", request.call_id(), charset);
        writer.copied("CSeq", value(&HeaderName::CSeq), charset);
        writer
    }

    /// Begins a response to a request of which only `echo` could be read.
    pub(crate) fn echo(
        echo: &Echo,
        status: u16,
        reason: &str,
        to_tag: Option<&str>,
        received_from: SocketAddr,
    ) -> Self {
        let mut writer = Self::status(status, reason);
        let hops = echo.vias.iter().flat_map(|value| text::split(value, b','));
        let sound = |(index, hop): &(usize, &str)| *index == 0 || Via::parse(hop).is_some();
        for (index, hop) in hops.enumerate().filter(sound) {
            writer.copied_via(hop, (index == 0).then_some(received_from), Charset::Utf8);
        }
        let fields = [("From", &echo.from), ("Call-ID", &echo.call_id), ("CSeq", &echo.cseq)];
        for (name, value) in fields {
            if let Some(value) = value {
                writer.copied(name, value, Charset::Utf8);
            }
        }
        if let Some(to) = &echo.to {
            writer.copied_to(to, to_tag, Charset::Utf8);
        }
        writer
    }

    /// Writes a Via of our own with `rport` (RFC 3581). As the first header field it keeps the branch
    /// within the first 200 bytes, where an ICMP error still quotes it.
    pub fn via(mut self, transport: Transport, sent_by: SocketAddr, branch: &str) -> Self {
        self.out.extend_from_slice(b"Via: SIP/2.0/");
        self.out.extend_from_slice(match transport {
            Transport::Udp => b"UDP ",
            Transport::Tcp => b"TCP ",
            Transport::Tls => b"TLS ",
        });
        self.put(sent_by);
        self.out.extend_from_slice(b";branch=");
        self.put_str(branch);
        self.out.extend_from_slice(b";rport\r\n");
        self
    }

    /// Writes a header field.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        self.put_str(name);
        self.out.extend_from_slice(b": ");
        self.put(value);
        self.end_line();
        self
    }

    /// Copies the Record-Route of `request`, for a response that makes a dialog (RFC 3261 §12.1.1).
    pub fn record_routes_of(mut self, request: &Request) -> Self {
        let charset = Charset::of(request.mended());
        for value in request.headers("Record-Route") {
            self.copied("Record-Route", value, charset);
        }
        self
    }

    /// Writes Content-Length, the blank line and the body (content type, bytes).
    #[must_use]
    pub fn finish(mut self, body: Option<(&str, &[u8])>) -> Bytes {
        if let Some((content_type, bytes)) = body {
            self = self.header("Content-Type", content_type);
            self = self.header("Content-Length", bytes.len());
            self.end_line();
            self.out.extend_from_slice(bytes);
        } else {
            self.out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        }
        // A boxed slice has no room to spare: a kept message costs its own length.
        Bytes::from(self.out.into_boxed_slice())
    }

    fn with_room() -> Self {
        Self { out: Vec::with_capacity(1024) }
    }

    /// Copies one hop; the top one is given what was seen of its sender.
    fn copied_via(&mut self, hop: &str, seen: Option<SocketAddr>, charset: Charset) {
        let Some(from) = seen else { return self.copied("Via", hop, charset) };
        let at = text::position_outside(hop, b';');
        let (sent, params) = match at {
            Some(at) => (text::before(hop, at), Params::new(text::after(hop, at))),
            None => (hop, Params::default()),
        };
        self.out.extend_from_slice(b"Via: ");
        self.put_str(text::trim(sent));
        for (name, value) in params.iter() {
            if name.eq_ignore_ascii_case("received") {
                continue;
            }
            let rport = name.eq_ignore_ascii_case("rport");
            self.out.push(b';');
            self.put_str(name);
            if rport {
                // RFC 3581 §4: rport gets the source port, even where it is the one of sent-by.
                self.out.push(b'=');
                self.put(from.port());
            } else if !value.is_empty() {
                self.out.push(b'=');
                self.put_in(value, charset);
            }
        }
        let source = from.ip().to_canonical();
        let sent_by = Via::parse(hop).map(|via| via.host().to_owned());
        let named = sent_by.and_then(|host| unbracket(&host).parse::<IpAddr>().ok());
        // RFC 3261 §18.2.1: where sent-by is a name or another address; RFC 3581 §4: or rport is asked.
        if params.has("rport") || named.map(|ip| ip.to_canonical()) != Some(source) {
            self.out.extend_from_slice(b";received=");
            self.put(source);
        }
        self.end_line();
    }

    fn copied_to(&mut self, to: &str, tag: Option<&str>, charset: Charset) {
        self.out.extend_from_slice(b"To: ");
        self.put_in(to, charset);
        let tagged = crate::NameAddr::parse(to).is_none_or(|to| to.params().has("tag"));
        if let (false, Some(tag)) = (tagged, tag) {
            self.out.extend_from_slice(b";tag=");
            self.put_str(tag);
        }
        self.end_line();
    }

    fn copied(&mut self, name: &str, value: &str, charset: Charset) {
        self.put_str(name);
        self.out.extend_from_slice(b": ");
        self.put_in(value, charset);
        self.end_line();
    }

    fn put_in(&mut self, value: &str, charset: Charset) {
        match charset {
            Charset::Utf8 => self.put_str(value),
            // What was read as ISO 8859-1 goes back as the very bytes that came.
            Charset::Latin1 => {
                self.out.extend(value.chars().map(|char| u8::try_from(char).unwrap_or(b'?')));
            }
        }
    }

    fn put(&mut self, value: impl Display) {
        // Writing to a `Safe` cannot fail; a `Display` that says so itself has nothing more to give.
        if write!(Safe(self), "{value}").is_err() {
            self.out.push(b' ');
        }
    }

    fn put_str(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest) {
            self.out.extend_from_slice(rest.get(..at).unwrap_or_default());
            self.out.push(b' ');
            rest = rest.get(at + 1..).unwrap_or_default();
        }
        self.out.extend_from_slice(rest);
    }

    fn end_line(&mut self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// A sink that lets no line end through.
struct Safe<'a>(&'a mut Writer);

impl fmt::Write for Safe<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.put_str(text);
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    Latin1,
}

impl Charset {
    const fn of(mended: Mended) -> Self {
        if mended.charset { Self::Latin1 } else { Self::Utf8 }
    }
}

/// The header fields that a response repeats, as far as a broken request has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Echo {
    vias: Vec<Box<str>>,
    from: Option<Box<str>>,
    to: Option<Box<str>>,
    call_id: Option<Box<str>>,
    cseq: Option<Box<str>>,
}

impl Echo {
    /// Takes a header field, of those that stand once the first.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let name = crate::fields::long_name(name);
        let slot = if name.eq_ignore_ascii_case("Via") {
            if self.vias.len() < crate::VIA_MAX {
                self.vias.push(value.into());
            }
            return;
        } else if name.eq_ignore_ascii_case("From") {
            &mut self.from
        } else if name.eq_ignore_ascii_case("To") {
            &mut self.to
        } else if name.eq_ignore_ascii_case("Call-ID") {
            &mut self.call_id
        } else if name.eq_ignore_ascii_case("CSeq") {
            &mut self.cseq
        } else {
            return;
        };
        slot.get_or_insert_with(|| value.into());
    }

    /// Whether a response made of it finds its way back.
    pub(crate) fn is_routable(&self) -> bool {
        !self.vias.is_empty()
    }
}
