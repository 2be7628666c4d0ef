use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::{
    Codec, Connection, Crypto, Description, Direction, Encoding, Format, Media, Origin, RtcpPort,
};

/// Media lines read in one description (behaviour §9).
pub const MEDIA_MAX: usize = 16;

/// Why a body is no session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// It has neither `v=` nor a media line.
    NotADescription,
    /// A media line lacks its kind, port, transport or formats.
    MediaLine {
        /// Its line number, from 1.
        line: usize,
    },
    /// It has more than [`MEDIA_MAX`] media lines.
    TooManyMedia,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotADescription => f.write_str("the body is no session description"),
            Self::MediaLine { line } => write!(f, "line {line} is no complete media line"),
            Self::TooManyMedia => write!(f, "there are more than {MEDIA_MAX} media lines"),
        }
    }
}

impl std::error::Error for ParseError {}

impl Description {
    /// Reads a body, and takes what phones and gateways really send: lines that end in LF alone,
    /// blanks round the equals sign, missing or doubled lines, attributes it cannot read, bytes
    /// that are no UTF-8. Only a media line must be whole, because an answer has to mirror it.
    pub fn parse(body: &[u8]) -> Result<Self, ParseError> {
        let text = String::from_utf8_lossy(body);
        let mut reader = Reader::default();
        // RFC 8866 §5: CRLF; parsers should take LF. A lone CR has been seen too.
        for (number, line) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
            if let Some((key, value)) = split(line) {
                reader.take(key, value, number + 1)?;
            }
        }
        reader.finish()
    }
}

/// The type letter and value of a line; `None` for what is no line at all.
fn split(line: &str) -> Option<(char, &str)> {
    let (key, value) = line.split_once('=')?;
    let mut letters = key.trim_matches([' ', '\t', '\0', '\u{feff}']).chars();
    let letter = letters.next()?;
    letters.next().is_none().then(|| (letter, value.trim_matches([' ', '\t', '\0'])))
}

#[derive(Default)]
struct Reader {
    description: Description,
    has_version: bool,
    /// `a=rtpmap` of the last media line, resolved when the line is complete.
    maps: Vec<(u8, Option<Encoding>)>,
}

impl Reader {
    fn take(&mut self, key: char, value: &str, line: usize) -> Result<(), ParseError> {
        match key {
            'v' => self.has_version = true,
            'o' => {
                if let Some(origin) = origin(value) {
                    self.description.origin = origin;
                }
            }
            'c' => self.connection(value),
            'm' => {
                self.close_media();
                if self.description.media.len() == MEDIA_MAX {
                    return Err(ParseError::TooManyMedia);
                }
                let media = media_line(value).ok_or(ParseError::MediaLine { line })?;
                self.description.media.push(media);
            }
            'a' => self.attribute(value),
            // The rest (s= t= b= k= i= …) says nothing that a phone acts on.
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &str) {
        let Some(connection) = connection(value) else { return };
        match self.description.media.last_mut() {
            // RFC 8866 §5.7: several lines mean layered multicast; the first counts.
            Some(media) => _ = media.connection.get_or_insert(connection),
            None => _ = self.description.connection.get_or_insert(connection),
        }
    }

    fn attribute(&mut self, text: &str) {
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let direction = Direction::from_name(&name);
        let Some(media) = self.description.media.last_mut() else {
            self.description.direction = direction.or(self.description.direction);
            return;
        };
        media.direction = direction.or(media.direction);
        match name.as_str() {
            "rtpmap" => {
                if let Some((payload, map)) = numbered(value) {
                    self.maps.push((payload, Encoding::from_rtpmap(map)));
                }
            }
            "ptime" => media.ptime_ms = milliseconds(value).or(media.ptime_ms),
            "maxptime" => media.maxptime_ms = milliseconds(value).or(media.maxptime_ms),
            "rtcp" => media.rtcp = rtcp_port(value).or(media.rtcp),
            "rtcp-mux" => media.rtcp_mux = true,
            "crypto" => media.crypto.extend(Crypto::from_attribute(value)),
            _ => {}
        }
    }

    /// Gives the formats of the media line just read their meaning.
    fn close_media(&mut self) {
        let maps = std::mem::take(&mut self.maps);
        let Some(media) = self.description.media.last_mut() else { return };
        for payload in media.format_list.iter().filter_map(|text| text.parse::<u8>().ok()) {
            let mapped = maps.iter().find(|(mapped, _)| *mapped == payload);
            // RFC 3264 §5.1: static types may come without a=rtpmap; with one, the map counts.
            let encoding = match mapped {
                Some((_, encoding)) => *encoding,
                None => Codec::from_static_payload(payload).map(Encoding::Audio),
            };
            let known = media.formats.iter().any(|format| format.payload == payload);
            if let Some(encoding) = encoding.filter(|_| payload < 128 && !known) {
                media.formats.push(Format { payload, encoding });
            }
        }
    }

    fn finish(mut self) -> Result<Description, ParseError> {
        self.close_media();
        if !self.has_version && self.description.media.is_empty() {
            return Err(ParseError::NotADescription);
        }
        Ok(self.description)
    }
}

fn origin(value: &str) -> Option<Origin> {
    let mut words = value.split_ascii_whitespace().skip(1);
    let session = words.next()?.parse().unwrap_or(0);
    let version = words.next()?.parse().unwrap_or(0);
    let address = words.nth(2)?.parse().ok()?;
    Some(Origin { session, version, address })
}

/// `IN IP4 192.0.2.1`, with the `/TTL` of multicast; the address says its family itself.
fn connection(value: &str) -> Option<Connection> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.find(|word| !word.eq_ignore_ascii_case("IN"))?;
    let text = match kind.to_ascii_uppercase().as_str() {
        "IP4" | "IP6" => words.next()?,
        _ => kind,
    };
    let text = text.split('/').next()?.trim_matches(['[', ']']);
    match IpAddr::from_str(text) {
        Ok(address) => Some(Connection::Address(address)),
        Err(_) => (!text.is_empty()).then(|| Connection::Name(text.into())),
    }
}

fn media_line(value: &str) -> Option<Media> {
    let mut words = value.split_ascii_whitespace();
    let kind = words.next()?.into();
    // RFC 8866 §5.14: `49170/2` is a count of ports, of which the first is used.
    let port = words.next()?.split('/').next()?.parse().ok()?;
    let protocol = words.next()?.into();
    let format_list: Vec<Box<str>> = words.map(Into::into).collect();
    (!format_list.is_empty()).then(|| Media {
        kind,
        port,
        protocol,
        format_list,
        ..Media::default()
    })
}

/// `PAYLOAD REST` of `a=rtpmap`.
fn numbered(value: &str) -> Option<(u8, &str)> {
    let (payload, rest) = value.split_once([' ', '\t'])?;
    Some((payload.parse().ok()?, rest.trim()))
}

/// Whole milliseconds; `20.0` has been seen.
fn milliseconds(value: &str) -> Option<u8> {
    value.split('.').next()?.trim().parse().ok().filter(|&ms| ms > 0)
}

/// `PORT [IN IP4 ADDRESS]` (RFC 3605 §2.1).
fn rtcp_port(value: &str) -> Option<RtcpPort> {
    let mut words = value.split_ascii_whitespace();
    let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
    Some(RtcpPort { port, address: words.nth(2).and_then(|text| text.parse().ok()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Description {
        Description::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_plain_offer_is_read() {
        let description = read(
            "v=0\r\no=- 7 9 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
             m=audio 11780 RTP/AVP 9 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n\
             a=fmtp:101 0-15\r\na=ptime:30\r\na=rtcp:11790 IN IP4 192.0.2.2\r\na=sendonly\r\n",
        );
        assert_eq!((description.origin.session, description.origin.version), (7, 9));
        let media = &description.media[0];
        assert_eq!((media.port, media.ptime_ms, media.rtcp_mux), (11_780, Some(30), false));
        assert_eq!(description.direction_of(media), Direction::SendOnly);
        assert_eq!(media.rtcp.unwrap().address, Some("192.0.2.2".parse().unwrap()));
        let payloads: Vec<u8> = media.formats.iter().map(|format| format.payload).collect();
        assert_eq!(payloads, [9, 8, 0, 101]);
    }

    #[test]
    fn sloppy_lines_are_taken() {
        let description = read(
            "\u{feff}v = 0\no=broken\n\nb=AS:x\nc= IN  IP4   192.0.2.1/127 \nnonsense\n\
             m= audio  4000/2   rtp/avp  0  96  \na = rtpmap:96   Opus/48000/2\n\
             a=ptime:20.0\na= sendonly \na=rtpmap:banana\na=crypto:none\n\0",
        );
        let media = &description.media[0];
        assert_eq!((media.port, media.ptime_ms, media.is_audio()), (4000, Some(20), true));
        assert_eq!(media.formats[1].encoding, Encoding::Audio(Codec::Opus));
        assert_eq!(media.direction, Some(Direction::SendOnly));
        let address = Connection::Address("192.0.2.1".parse().unwrap());
        assert_eq!(description.connection_of(media), Some(&address));
    }

    #[test]
    fn a_connection_line_of_the_media_wins_and_ipv6_is_read_whatever_its_label() {
        let description = read(
            "v=0\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 0\nc=IN IP6 2001:db8::5\n\
             m=video 4002 RTP/AVP 96\nc=IN IP4 2001:db8::6\nc=IN IP4 host.example\n\
             m=audio 4004 RTP/AVP 8\n",
        );
        let of = |at: usize| description.connection_of(&description.media[at]).unwrap().clone();
        assert_eq!(of(0), Connection::Address("2001:db8::5".parse().unwrap()));
        assert_eq!(of(1), Connection::Address("2001:db8::6".parse().unwrap()));
        assert_eq!(of(2), Connection::Address("192.0.2.1".parse().unwrap()));
        assert_eq!(
            connection("IN IP4 host.example"),
            Some(Connection::Name("host.example".into()))
        );
    }

    #[test]
    fn a_map_outdoes_the_static_meaning_and_unknown_formats_are_left_out() {
        let description = read(
            "v=0\nm=audio 4000 RTP/AVP 0 3 97 300 8\na=rtpmap:0 iLBC/8000\na=rtpmap:97 G729/8000\n",
        );
        let formats = &description.media[0].formats;
        assert_eq!(formats.len(), 2);
        assert_eq!(formats[0], Format { payload: 97, encoding: Encoding::Audio(Codec::G729) });
        assert_eq!(formats[1], Format { payload: 8, encoding: Encoding::Audio(Codec::Pcma) });
        assert_eq!(description.media[0].format_list.len(), 5);
    }

    #[test]
    fn broken_media_lines_and_seventeen_of_them_are_refused() {
        let broken = Description::parse(b"v=0\nm=audio none RTP/AVP 0\n");
        assert_eq!(broken, Err(ParseError::MediaLine { line: 2 }));
        assert_eq!(Description::parse(b"hello"), Err(ParseError::NotADescription));
        assert!(Description::parse(b"v=0\n").unwrap().media.is_empty());
        let many = "m=audio 4000 RTP/AVP 0\n";
        assert_eq!(read(&many.repeat(MEDIA_MAX)).media.len(), MEDIA_MAX);
        let refused = Description::parse(many.repeat(MEDIA_MAX + 1).as_bytes());
        assert_eq!(refused, Err(ParseError::TooManyMedia));
    }
}
