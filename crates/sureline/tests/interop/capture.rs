//! What went over the cable, as tcpdump wrote it down on the phone's side.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use crate::child::{Child, Family};
use crate::network::CABLE;
use crate::wait::{Patience, until};

/// A running capture.
pub(crate) struct Capture {
    file: PathBuf,
    _tcpdump: Child,
}

/// One packet.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    /// When, in seconds of the time of day.
    pub(crate) at_s: f64,
    pub(crate) from: SocketAddrV4,
    pub(crate) to: SocketAddrV4,
    pub(crate) content: Content,
}

/// What a packet carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Datagram(Vec<u8>),
    /// Of TCP; one that the system sends again is left out.
    Segment {
        syn: bool,
        sequence: u32,
        payload: Vec<u8>,
    },
    /// An ICMP error, with the part of the datagram that it quotes.
    Unreachable {
        quoted: Vec<u8>,
    },
}

impl Capture {
    /// Begins, on the side of the network where the calling thread is.
    pub(crate) fn start(folder: &Path) -> Self {
        let file = folder.join("capture.pcap");
        let log = folder.join("tcpdump.log");
        let name = file.display().to_string();
        // Room for a thousand packets of 4 KiB: a burst of many phones is not to be lost here.
        let room = ["-s", "4096", "-B", "4096"];
        let how = ["-U", "--immediate-mode", "-Z", "root", "-n"];
        let what = ["-i", CABLE, "-w", &name, "ip"];
        let args = [&room[..], &how, &what].concat();
        let mut tcpdump = Child::start("tcpdump", &args, Family::Single, &log);
        until(&format!("tcpdump, see {}", log.display()), Patience::Short, || {
            assert_eq!(tcpdump.has_ended(), None, "tcpdump has ended, see {}", log.display());
            fs::read_to_string(&log).ok().filter(|said| said.contains("listening on"))
        });
        Self { file, _tcpdump: tcpdump }
    }

    /// Every packet so far.
    pub(crate) fn packets(&self) -> Vec<Packet> {
        read(&fs::read(&self.file).unwrap_or_default())
    }
}

/// Reads a file of tcpdump; a last record that is not whole yet is left out.
fn read(file: &[u8]) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut known = BTreeSet::new();
    let Some(mut rest) = file.get(FILE_HEADER..) else { return packets };
    assert_eq!(little(&file[..4]), MAGIC, "a file of microseconds");
    while let Some((header, tail)) = rest.split_at_checked(RECORD_HEADER) {
        let length = usize::try_from(little(&header[8..12])).unwrap();
        let Some((frame, tail)) = tail.split_at_checked(length) else { break };
        let at_s = f64::from(little(&header[..4])) + f64::from(little(&header[4..8])) / 1e6;
        let packet = frame.get(ETHERNET_HEADER..).and_then(|packet| packet_of(at_s, packet));
        packets.extend(packet.filter(|packet| match &packet.content {
            Content::Segment { syn, sequence, payload } => {
                let carries = *syn || !payload.is_empty();
                !carries || known.insert((packet.from, packet.to, *sequence))
            }
            Content::Datagram(_) | Content::Unreachable { .. } => true,
        }));
        rest = tail;
    }
    packets
}

/// Reads an IPv4 packet of UDP, TCP or ICMP.
fn packet_of(at_s: f64, packet: &[u8]) -> Option<Packet> {
    let (protocol, from, to, body) = ipv4(packet)?;
    let (from_port, to_port, content) = match protocol {
        ICMP => {
            // RFC 792: type 3 is unreachable; 8 bytes before the quoted datagram.
            let quoted = body.get(8..).filter(|_| body[0] == 3)?;
            (0, 0, Content::Unreachable { quoted: quoted.to_vec() })
        }
        TCP => {
            let offset = usize::from(body.get(12)? >> 4) * 4;
            let (syn, payload) = (body[13] & 0x02 != 0, body.get(offset..)?.to_vec());
            let sequence = u32::from_be_bytes(body[4..8].try_into().unwrap());
            (big(&body[..2]), big(&body[2..4]), Content::Segment { syn, sequence, payload })
        }
        UDP => (big(body.get(..2)?), big(&body[2..4]), Content::Datagram(body.get(8..)?.to_vec())),
        _ => return None,
    };
    let from = SocketAddrV4::new(from, from_port);
    Some(Packet { at_s, from, to: SocketAddrV4::new(to, to_port), content })
}

/// Protocol, source, destination and body of an IPv4 packet.
fn ipv4(packet: &[u8]) -> Option<(u8, Ipv4Addr, Ipv4Addr, &[u8])> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let whole = usize::from(big(packet.get(2..4)?)).min(packet.len());
    let body = packet.get(header..whole)?;
    let address = |at: usize| {
        let bytes: [u8; 4] = packet[at..at + 4].try_into().unwrap();
        Ipv4Addr::from(bytes)
    };
    Some((packet[9], address(12), address(16), body))
}

fn little(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().unwrap())
}

fn big(bytes: &[u8]) -> u16 {
    u16::from_be_bytes(bytes.try_into().unwrap())
}

/// What the library writes on this machine: a file of microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
const ETHERNET_HEADER: usize = 14;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
