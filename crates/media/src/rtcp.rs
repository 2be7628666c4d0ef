use crate::read::{array_at, u16_at, u32_at};

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;

/// What a compound RTCP packet says, as far as a phone needs it (RFC 3550 §6).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compound {
    /// The source that the first report comes from.
    pub from: Option<u32>,
    /// The sender's part of a sender report.
    pub sender: Option<SenderInfo>,
    /// What the reporter received from others.
    pub blocks: Vec<Block>,
    /// Whether a source says goodbye.
    pub goodbye: bool,
}

/// The sender's part of a sender report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderInfo {
    /// Time of the report on the sender's clock, as an NTP time stamp.
    pub ntp: u64,
    /// The same time on the clock of its RTP packets.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
}

/// A report on one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The source reported on.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost altogether; negative where duplicates outnumber losses.
    pub lost: i32,
    /// The highest sequence number received, cycles in the upper half.
    pub highest: u32,
    /// Interarrival jitter in ticks of the payload's clock.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time stamp of the last sender report; 0 before one came.
    pub last_report: u32,
    /// Time since that report came, in 65536ths of a second.
    pub delay: u32,
}

impl Compound {
    /// Reads a datagram; `None` if it is no chain of whole RTCP packets of version 2.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut compound = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let [first, kind] = array_at(rest, 0)?;
            let len = 4 * (usize::from(u16_at(rest, 2)?) + 1);
            let (packet, after) = rest.split_at_checked(len)?;
            if first >> 6 != 2 {
                return None;
            }
            compound.take(kind, usize::from(first & 0x1f), packet)?;
            rest = after;
        }
        (!bytes.is_empty()).then_some(compound)
    }

    fn take(&mut self, kind: u8, count: usize, packet: &[u8]) -> Option<()> {
        let blocks_at = match kind {
            SENDER_REPORT => {
                self.sender = Some(SenderInfo {
                    ntp: array_at(packet, 8).map(u64::from_be_bytes)?,
                    timestamp: u32_at(packet, 16)?,
                    packets: u32_at(packet, 20)?,
                    octets: u32_at(packet, 24)?,
                });
                28
            }
            RECEIVER_REPORT => 8,
            GOODBYE => {
                self.goodbye = true;
                return Some(());
            }
            // RFC 3550 §6.1: packets of types that are not known are passed over.
            _ => return Some(()),
        };
        let from = u32_at(packet, 4)?;
        self.from = self.from.or(Some(from));
        for at in 0..count {
            self.blocks.push(Block::parse(packet.get(blocks_at + 24 * at..)?)?);
        }
        Some(())
    }

    /// The datagram: a report, the name of its source (RFC 3550 §6.5.1) and a goodbye if wanted.
    #[must_use]
    pub fn write(&self, cname: &str) -> Vec<u8> {
        let ssrc = self.from.unwrap_or(0);
        let blocks = self.blocks.get(..31).unwrap_or(&self.blocks);
        let kind = if self.sender.is_some() { SENDER_REPORT } else { RECEIVER_REPORT };
        let mut body = Vec::with_capacity(128);
        body.extend(ssrc.to_be_bytes());
        if let Some(sender) = self.sender {
            body.extend(sender.ntp.to_be_bytes());
            for field in [sender.timestamp, sender.packets, sender.octets] {
                body.extend(field.to_be_bytes());
            }
        }
        blocks.iter().for_each(|block| block.write(&mut body));
        let mut bytes = packet(kind, blocks.len(), &body);
        bytes.extend(source_description(ssrc, cname));
        if self.goodbye {
            bytes.extend(packet(GOODBYE, 1, &ssrc.to_be_bytes()));
        }
        bytes
    }
}

impl Block {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let fraction_and_lost = u32_at(bytes, 4)?;
        Some(Self {
            ssrc: u32_at(bytes, 0)?,
            fraction_lost: fraction_and_lost.to_be_bytes()[0],
            // The lower 24 bits, sign included.
            lost: (fraction_and_lost << 8).cast_signed() >> 8,
            highest: u32_at(bytes, 8)?,
            jitter: u32_at(bytes, 12)?,
            last_report: u32_at(bytes, 16)?,
            delay: u32_at(bytes, 20)?,
        })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        let lost = self.lost.clamp(-0x80_0000, 0x7f_ffff).cast_unsigned() & 0xff_ffff;
        let fraction_and_lost = u32::from(self.fraction_lost) << 24 | lost;
        let fields =
            [self.ssrc, fraction_and_lost, self.highest, self.jitter, self.last_report, self.delay];
        bytes.extend(fields.into_iter().flat_map(u32::to_be_bytes));
    }
}

fn packet(kind: u8, count: usize, body: &[u8]) -> Vec<u8> {
    let words = u16::try_from(body.len() / 4).unwrap_or(u16::MAX);
    let count = u8::try_from(count).unwrap_or(31) & 0x1f;
    let mut bytes = vec![0x80 | count, kind];
    bytes.extend(words.to_be_bytes());
    bytes.extend(body);
    bytes
}

fn source_description(ssrc: u32, cname: &str) -> Vec<u8> {
    let name = cname.as_bytes().get(..255).unwrap_or(cname.as_bytes());
    let mut body = ssrc.to_be_bytes().to_vec();
    body.extend([1, u8::try_from(name.len()).unwrap_or(u8::MAX)]);
    body.extend(name);
    // RFC 3550 §6.5: one null ends the list, more fill the word.
    body.push(0);
    body.resize(body.len().next_multiple_of(4), 0);
    packet(SOURCE_DESCRIPTION, 1, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Compound {
        Compound {
            from: Some(7),
            sender: Some(SenderInfo {
                ntp: 0x0001_0002_0003_0004,
                timestamp: 160,
                packets: 5,
                octets: 800,
            }),
            blocks: vec![Block {
                ssrc: 9,
                fraction_lost: 64,
                lost: -3,
                highest: 0x1_0005,
                jitter: 12,
                last_report: 0x0002_0003,
                delay: 65_536,
            }],
            goodbye: false,
        }
    }

    #[test]
    fn a_report_is_read_as_it_was_written() {
        let sent = report();
        let bytes = sent.write("a@b");
        assert_eq!(bytes.len() % 4, 0);
        assert_eq!(Compound::parse(&bytes), Some(sent));
        let leaving = Compound { sender: None, goodbye: true, ..report() };
        assert_eq!(Compound::parse(&leaving.write("")), Some(leaving));
    }

    #[test]
    fn a_chain_cut_short_is_refused() {
        let bytes = report().write("a@b");
        for len in (1..bytes.len()).filter(|len| *len != 52) {
            assert_eq!(Compound::parse(&bytes[..len]), None, "{len} bytes");
        }
        assert!(Compound::parse(&bytes[..52]).is_some(), "the report alone is whole");
        assert_eq!(Compound::parse(&[]), None);
    }

    #[test]
    fn packets_of_other_types_are_passed_over() {
        let mut bytes = vec![0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend(report().write("x"));
        assert_eq!(Compound::parse(&bytes).unwrap().from, Some(7));
    }
}
