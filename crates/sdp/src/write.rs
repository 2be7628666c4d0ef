use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::{Connection, Description, Media};

/// Writes the body as it is sent, each line ended by CRLF.
impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = &self.origin;
        write!(f, "v=0\r\no=- {} {} ", origin.session, origin.version)?;
        address(f, origin.address)?;
        f.write_str("\r\ns=-\r\n")?;
        connection(f, self.connection.as_ref())?;
        f.write_str("t=0 0\r\n")?;
        if let Some(direction) = self.direction {
            write!(f, "a={direction}\r\n")?;
        }
        self.media.iter().try_for_each(|line| media(f, line))
    }
}

fn media(f: &mut fmt::Formatter<'_>, media: &Media) -> fmt::Result {
    write!(f, "m={} {} {}", media.kind, media.port, media.protocol)?;
    for format in &media.format_list {
        write!(f, " {format}")?;
    }
    f.write_str("\r\n")?;
    connection(f, media.connection.as_ref())?;
    for format in &media.formats {
        write!(f, "a=rtpmap:{} {}\r\n", format.payload, format.encoding.rtpmap())?;
        if let Some(parameters) = format.encoding.fmtp() {
            write!(f, "a=fmtp:{} {parameters}\r\n", format.payload)?;
        }
    }
    if let Some(ptime_ms) = media.ptime_ms {
        write!(f, "a=ptime:{ptime_ms}\r\n")?;
    }
    if let Some(maxptime_ms) = media.maxptime_ms {
        write!(f, "a=maxptime:{maxptime_ms}\r\n")?;
    }
    if let Some(rtcp) = media.rtcp {
        write!(f, "a=rtcp:{}", rtcp.port)?;
        if let Some(to) = rtcp.address {
            f.write_char(' ')?;
            address(f, to)?;
        }
        f.write_str("\r\n")?;
    }
    if media.rtcp_mux {
        f.write_str("a=rtcp-mux\r\n")?;
    }
    for crypto in &media.crypto {
        write!(f, "a=crypto:{}\r\n", crypto.attribute())?;
    }
    media.direction.map_or(Ok(()), |direction| write!(f, "a={direction}\r\n"))
}

fn connection(f: &mut fmt::Formatter<'_>, connection: Option<&Connection>) -> fmt::Result {
    match connection {
        None => return Ok(()),
        Some(Connection::Address(ip)) => {
            f.write_str("c=")?;
            address(f, *ip)?;
        }
        Some(Connection::Name(name)) => write!(f, "c=IN IP4 {name}")?,
    }
    f.write_str("\r\n")
}

fn address(f: &mut fmt::Formatter<'_>, ip: IpAddr) -> fmt::Result {
    match ip {
        IpAddr::V4(ip) => write!(f, "IN IP4 {ip}"),
        IpAddr::V6(ip) => write!(f, "IN IP6 {ip}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_unchanged() {
        let text = "v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=-\r\nc=IN IP6 2001:db8::1\r\nt=0 0\r\n\
            m=audio 4000 RTP/SAVP 107 101\r\na=rtpmap:107 opus/48000/2\r\n\
            a=fmtp:107 maxplaybackrate=48000;stereo=0;sprop-stereo=0\r\n\
            a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n\
            a=maxptime:60\r\na=rtcp:4010 IN IP6 2001:db8::2\r\na=rtcp-mux\r\n\
            a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj\r\n\
            a=sendonly\r\nm=video 0 RTP/AVP 96\r\n";
        let description = Description::parse(text.as_bytes()).unwrap();
        assert_eq!(description.to_string(), text);
    }
}
