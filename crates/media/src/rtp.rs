use crate::read::{u16_at, u32_at};

/// Bytes of an RTP header without contributing sources and extension.
pub const HEADER_LEN: usize = 12;

/// One RTP packet (RFC 3550 §5.1), its payload borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The payload type, 0 to 127.
    pub payload_type: u8,
    /// Set on the first packet of a talkspurt or event.
    pub marker: bool,
    /// Rises by one with each packet.
    pub sequence: u16,
    /// The sampling instant of the first sample, in ticks of the payload's clock.
    pub timestamp: u32,
    /// The synchronisation source.
    pub ssrc: u32,
    /// What it carries, padding removed.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a datagram; `None` for what is no RTP of version 2 or has impossible lengths.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let payload = bytes.get(header_len(bytes)?..)?;
        let padding = match (bytes.first()? & 0x20, payload.last()) {
            (0, _) => 0,
            // RFC 3550 §5.1: the last byte counts the padding, itself included.
            (_, Some(&count)) if count > 0 => usize::from(count),
            (_, _) => return None,
        };
        let second = *bytes.get(1)?;
        Some(Self {
            payload_type: second & 0x7f,
            marker: second & 0x80 != 0,
            sequence: u16_at(bytes, 2)?,
            timestamp: u32_at(bytes, 4)?,
            ssrc: u32_at(bytes, 8)?,
            payload: payload.get(..payload.len().checked_sub(padding)?)?,
        })
    }

    /// The datagram, with the plainest of headers.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.payload.len() + 16);
        bytes.push(0x80);
        bytes.push(self.payload_type & 0x7f | u8::from(self.marker) << 7);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.timestamp.to_be_bytes());
        bytes.extend(self.ssrc.to_be_bytes());
        bytes.extend(self.payload);
        bytes
    }
}

/// Bytes before the payload, contributing sources and extension included.
pub(crate) fn header_len(bytes: &[u8]) -> Option<usize> {
    let first = *bytes.first()?;
    if first >> 6 != 2 || bytes.len() < HEADER_LEN {
        return None;
    }
    let sources = HEADER_LEN + 4 * usize::from(first & 0x0f);
    let extension = match first & 0x10 {
        0 => 0,
        _ => 4 + 4 * usize::from(u16_at(bytes, sources + 2)?),
    };
    (sources + extension <= bytes.len()).then_some(sources + extension)
}

/// Whether a datagram of a shared port is RTCP (RFC 5761 §4).
pub(crate) fn is_rtcp(bytes: &[u8]) -> bool {
    bytes.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_read_as_it_was_written() {
        let packet = Packet {
            payload_type: 9,
            marker: true,
            sequence: 65_535,
            timestamp: 7,
            ssrc: 0xdead_beef,
            payload: &[1, 2, 3],
        };
        assert_eq!(Packet::parse(&packet.write()), Some(packet));
    }

    #[test]
    fn sources_extension_and_padding_are_left_out_of_the_payload() {
        let mut bytes = vec![0xb2, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        bytes.extend([0; 8]);
        bytes.extend([0xbe, 0xde, 0, 1, 9, 9, 9, 9]);
        bytes.extend([42, 43, 0, 2]);
        assert_eq!(Packet::parse(&bytes).unwrap().payload, [42, 43]);
    }

    #[test]
    fn impossible_packets_are_refused() {
        let plain = Packet {
            payload_type: 0,
            marker: false,
            sequence: 0,
            timestamp: 0,
            ssrc: 0,
            payload: &[5],
        };
        let good = plain.write();
        assert_eq!(Packet::parse(&good[..11]), None);
        let with_first = |first: u8| {
            let mut bytes = good.clone();
            bytes[0] = first;
            bytes
        };
        assert_eq!(Packet::parse(&with_first(0x40)), None, "version 1");
        assert_eq!(Packet::parse(&with_first(0x8f)), None, "15 sources");
        assert_eq!(Packet::parse(&with_first(0x90)), None, "an extension that is not there");
        assert_eq!(Packet::parse(&with_first(0xa0)), None, "more padding than payload");
    }
}
