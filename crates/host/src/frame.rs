use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use net::Transport;

use crate::{Direction, Packet};

/// A piece of a stream, with the sequence numbers of both ends.
pub(crate) struct Segment<'a> {
    pub(crate) sequence: u32,
    pub(crate) acknowledged: u32,
    pub(crate) bytes: &'a [u8],
}

/// The beginning of a pcapng file: one section, one interface that carries bare IP packets, times in
/// microseconds.
pub(crate) fn file_header() -> Vec<u8> {
    let mut out = Vec::new();
    let mut section = Vec::new();
    section.extend(BYTE_ORDER_MAGIC.to_le_bytes());
    section.extend(1_u16.to_le_bytes());
    section.extend(0_u16.to_le_bytes());
    // The length of the section is not known.
    section.extend(u64::MAX.to_le_bytes());
    block(&mut out, SECTION_HEADER, &section);
    let mut interface = Vec::new();
    interface.extend(LINK_TYPE_RAW_IP.to_le_bytes());
    interface.extend(0_u16.to_le_bytes());
    // No limit of length.
    interface.extend(0_u32.to_le_bytes());
    block(&mut out, INTERFACE, &interface);
    out
}

/// Appends one packet with its comments.
pub(crate) fn packet_block(out: &mut Vec<u8>, unix_us: u64, frame: &[u8], comments: &[String]) {
    let mut body = Vec::with_capacity(frame.len() + 64);
    body.extend(0_u32.to_le_bytes());
    let (high, low) = (unix_us >> 32, unix_us & u64::from(u32::MAX));
    body.extend(low_u32(high).to_le_bytes());
    body.extend(low_u32(low).to_le_bytes());
    body.extend(length_u32(frame).to_le_bytes());
    body.extend(length_u32(frame).to_le_bytes());
    body.extend(frame);
    pad(&mut body);
    for comment in comments {
        let text = shortened(comment);
        body.extend(OPTION_COMMENT.to_le_bytes());
        body.extend(length_u16(text).to_le_bytes());
        body.extend(text);
        pad(&mut body);
    }
    if !comments.is_empty() {
        body.extend(0_u32.to_le_bytes());
    }
    block(out, ENHANCED_PACKET, &body);
}

/// A datagram as an IP packet.
pub(crate) fn udp(packet: &Packet<'_>) -> Vec<u8> {
    let (from, to) = ends(packet);
    // The longest datagram fits; what does not is cut.
    let bytes = packet.bytes.get(..DATAGRAM_LIMIT).unwrap_or(packet.bytes);
    let mut udp = Vec::with_capacity(bytes.len() + 8);
    udp.extend(from.port().to_be_bytes());
    udp.extend(to.port().to_be_bytes());
    udp.extend((length_u16(bytes) + 8).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(bytes);
    ip(from.ip(), to.ip(), Protocol { number: 17, checksum_at: 6 }, udp)
}

/// A piece of a stream as an IP packet.
pub(crate) fn tcp(packet: &Packet<'_>, segment: &Segment<'_>) -> Vec<u8> {
    let (from, to) = ends(packet);
    let mut tcp = Vec::with_capacity(segment.bytes.len() + 20);
    tcp.extend(shown_port(packet.transport, from.port()).to_be_bytes());
    tcp.extend(shown_port(packet.transport, to.port()).to_be_bytes());
    tcp.extend(segment.sequence.to_be_bytes());
    tcp.extend(segment.acknowledged.to_be_bytes());
    // A header of five words; PSH and ACK; a window that is never full; checksum; no urgent bytes.
    tcp.extend([0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0]);
    tcp.extend(segment.bytes);
    ip(from.ip(), to.ip(), Protocol { number: 6, checksum_at: 16 }, tcp)
}

struct Protocol {
    number: u8,
    checksum_at: usize,
}

/// Who sent a packet and who got it.
fn ends(packet: &Packet<'_>) -> (SocketAddr, SocketAddr) {
    match packet.direction {
        Direction::Sent => (packet.local, packet.remote),
        Direction::Received => (packet.remote, packet.local),
    }
}

/// Readers take port 5061 for ciphertext.
fn shown_port(transport: Transport, port: u16) -> u16 {
    if transport == Transport::Tls && port == 5061 { 5060 } else { port }
}

fn ip(from: IpAddr, to: IpAddr, protocol: Protocol, mut payload: Vec<u8>) -> Vec<u8> {
    let mut header = Vec::with_capacity(40);
    let mut pseudo = Vec::with_capacity(40);
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = length_u16(&payload).saturating_add(20);
            header.extend([0x45, 0]);
            header.extend(total.to_be_bytes());
            // No identification, may not be fragmented, 64 hops.
            header.extend([0, 0, 0x40, 0, 64, protocol.number, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            put(&mut header, 10, sum);
            pseudo.extend(from.octets());
            pseudo.extend(to.octets());
        }
        (from, to) => {
            let (from, to) = (as_v6(from), as_v6(to));
            header.extend([0x60, 0, 0, 0]);
            header.extend(length_u16(&payload).to_be_bytes());
            header.extend([protocol.number, 64]);
            header.extend(from);
            header.extend(to);
            pseudo.extend(from);
            pseudo.extend(to);
        }
    }
    pseudo.extend(u32::from(protocol.number).to_be_bytes());
    pseudo.extend(length_u32(&payload).to_be_bytes());
    pseudo.extend(&payload);
    // RFC 768: a sum of zero is sent as ones.
    let sum = match checksum(&pseudo) {
        0 if protocol.number == 17 => u16::MAX,
        sum => sum,
    };
    put(&mut payload, protocol.checksum_at, sum);
    header.extend(payload);
    header
}

fn as_v6(addr: IpAddr) -> [u8; 16] {
    match addr {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => [0; 16],
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum = 0_u64;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u64::from(u16::from_be_bytes([high, low]));
    }
    while sum > u64::from(u16::MAX) {
        sum = (sum & u64::from(u16::MAX)) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or(0)
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    for (byte, value) in bytes.iter_mut().skip(at).zip(value.to_be_bytes()) {
        *byte = value;
    }
}

fn block(out: &mut Vec<u8>, kind: u32, body: &[u8]) {
    // Type and twice the length come on top.
    let length = length_u32(body) + 12;
    out.extend(kind.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(body);
    out.extend(length.to_le_bytes());
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// A comment that fits its field, cut between two characters.
fn shortened(comment: &str) -> &[u8] {
    let limit = comment.len().min(COMMENT_LIMIT);
    let end = (0..=limit).rev().find(|end| comment.is_char_boundary(*end)).unwrap_or(0);
    comment.as_bytes().get(..end).unwrap_or_default()
}

fn low_u32(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(0)
}

fn length_u32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn length_u16(bytes: &[u8]) -> u16 {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX)
}

/// What of a stream goes into one packet.
pub(crate) const SEGMENT_LIMIT: usize = 32 << 10;
/// RFC 768 over IPv4: 65,535 bytes less both headers.
const DATAGRAM_LIMIT: usize = 65_507;
const COMMENT_LIMIT: usize = 4096;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const OPTION_COMMENT: u16 = 1;
const LINK_TYPE_RAW_IP: u16 = 101;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 1071 §3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0xab]), !0xab00);
    }

    #[test]
    fn a_comment_is_cut_between_two_characters() {
        let long = "ä".repeat(COMMENT_LIMIT);
        let cut = shortened(&long);
        assert!(std::str::from_utf8(cut).is_ok());
        assert_eq!(cut.len(), COMMENT_LIMIT);
    }

    #[test]
    fn blocks_are_padded_to_whole_words() {
        for length in 0..8 {
            let mut out = Vec::new();
            packet_block(&mut out, 1, &vec![0; length], &["note".to_owned()]);
            assert_eq!(out.len() % 4, 0);
            assert_eq!(out[4..8], out[out.len() - 4..]);
        }
    }
}
