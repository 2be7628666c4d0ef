use bytes::Bytes;

use crate::reader::Reader;
use crate::writer::Writer;
use crate::{Data, DomainName, Question, Record, RecordType};

/// One DNS message (RFC 1035 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What ties a response to its query.
    pub id: u16,
    /// The bits of the header.
    pub flags: Flags,
    /// How it went.
    pub rcode: Rcode,
    /// What is asked, if anything is.
    pub asked: Option<Asked>,
    /// The records that answer.
    pub answers: Vec<Record>,
    /// The records that tell of authority.
    pub authority: Vec<Record>,
    /// The records that may spare a question.
    pub additional: Vec<Record>,
    /// The largest datagram that the sender takes, if it speaks EDNS (RFC 6891).
    pub udp_size: Option<u16>,
}

/// The bits of the header that have a meaning here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// QR: it is a response.
    pub response: bool,
    /// Not a standard query: another opcode than 0.
    pub other_opcode: bool,
    /// AA: the answer is the zone's own.
    pub authoritative: bool,
    /// TC: there is more than fits.
    pub truncated: bool,
    /// RD: the server should ask others.
    pub recursion_desired: bool,
    /// RA: the server does.
    pub recursion_available: bool,
}

/// A question with the case of its letters, which a response has to repeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The question.
    pub question: Question,
    /// The name as it was sent.
    pub spelled: Bytes,
}

/// How a query went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rcode {
    /// 0: the name exists.
    NoError,
    /// 1: the server did not understand.
    FormErr,
    /// 2: the server has trouble of its own.
    ServFail,
    /// 3: the name does not exist.
    NxDomain,
    /// 4: the server does not do this.
    NotImp,
    /// 5: the server will not.
    Refused,
    /// Any other.
    Other(u8),
}

impl Rcode {
    pub(crate) const fn from_code(code: u8) -> Self {
        match code & 0x0f {
            0 => Self::NoError,
            1 => Self::FormErr,
            2 => Self::ServFail,
            3 => Self::NxDomain,
            4 => Self::NotImp,
            5 => Self::Refused,
            other => Self::Other(other),
        }
    }

    const fn code(self) -> u8 {
        match self {
            Self::NoError => 0,
            Self::FormErr => 1,
            Self::ServFail => 2,
            Self::NxDomain => 3,
            Self::NotImp => 4,
            Self::Refused => 5,
            Self::Other(code) => code & 0x0f,
        }
    }
}

impl std::fmt::Display for Rcode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoError => "NOERROR",
            Self::FormErr => "FORMERR",
            Self::ServFail => "SERVFAIL",
            Self::NxDomain => "NXDOMAIN",
            Self::NotImp => "NOTIMP",
            Self::Refused => "REFUSED",
            Self::Other(code) => return write!(f, "RCODE{code}"),
        })
    }
}

/// Why bytes are no DNS message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It ends in the middle.
    #[error("the message ends before it is complete")]
    Short,
    /// A compression pointer that does not point backwards (RFC 1035 §4.1.4).
    #[error("a compression pointer does not point backwards")]
    Pointer,
    /// A label that is neither text nor pointer.
    #[error("a label is of no known type")]
    Label,
    /// A name of more than 255 bytes.
    #[error("a name is longer than 255 bytes")]
    NameTooLong,
    /// A record whose content does not fill its length.
    #[error("the content of a record does not fit its length")]
    RecordLength,
    /// More than one question.
    #[error("there is more than one question")]
    Questions,
}

impl Message {
    /// The bytes before the question (RFC 1035 §4.1.1).
    pub(crate) const HEADER: usize = 12;
    /// The largest datagram without EDNS (RFC 1035 §4.2.1).
    pub const UDP_MAX: u16 = 512;
    /// The datagram size that passes everywhere without fragments (DNS flag day 2020).
    pub const EDNS_MAX: u16 = 1232;

    /// Reads a message; bytes after its end are ignored.
    ///
    /// # Errors
    /// When it is not whole or breaks a rule of its form.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let id = reader.u16()?;
        let bits = reader.u16()?;
        let counts = [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?];
        let [questions, answers, authority, additional] = counts;
        let asked = match questions {
            0 => None,
            1 => Some(read_question(&mut reader)?),
            _ => return Err(Malformed::Questions),
        };
        let mut message = Self {
            id,
            flags: Flags::from_bits(bits),
            rcode: Rcode::from_code((bits & 0x0f).to_be_bytes()[1]),
            asked,
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            udp_size: None,
        };
        for (count, section) in [
            (answers, &mut message.answers),
            (authority, &mut message.authority),
            (additional, &mut message.additional),
        ] {
            for _ in 0..count {
                match read_record(&mut reader)? {
                    Entry::Record(record) => section.push(record),
                    Entry::Opt { udp_size } => message.udp_size = Some(udp_size),
                    Entry::OtherClass => {}
                }
            }
        }
        Ok(message)
    }

    /// The message in at most `limit` bytes; where it does not fit it is cut to its question and
    /// marked as truncated.
    #[must_use]
    pub fn encode(&self, limit: usize) -> Bytes {
        let whole = self.write();
        if whole.len() <= limit {
            return whole;
        }
        // RFC 2181 §9: what is left out of a truncated response is better left out as a whole.
        let cut = Self {
            flags: Flags { truncated: true, ..self.flags },
            answers: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            ..self.clone()
        };
        cut.write()
    }

    fn write(&self) -> Bytes {
        let mut writer = Writer::new();
        writer.u16(self.id);
        writer.u16(self.flags.bits() | u16::from(self.rcode.code()));
        let opt = usize::from(self.udp_size.is_some());
        for count in [
            usize::from(self.asked.is_some()),
            self.answers.len(),
            self.authority.len(),
            self.additional.len() + opt,
        ] {
            writer.u16(u16::try_from(count).unwrap_or(u16::MAX));
        }
        if let Some(asked) = &self.asked {
            writer.bytes(&asked.spelled);
            writer.remember(&asked.question.name);
            writer.u16(asked.question.kind.code());
            writer.u16(CLASS_IN);
        }
        for record in self.answers.iter().chain(&self.authority).chain(&self.additional) {
            writer.record(record);
        }
        if let Some(udp_size) = self.udp_size {
            // RFC 6891 §6.1.2: root, OPT, size, extended rcode and flags, no options.
            writer.bytes(&[0]);
            writer.u16(OPT);
            writer.u16(udp_size);
            writer.bytes(&[0; 6]);
        }
        writer.finish()
    }
}

impl Asked {
    /// The question in lower case.
    #[must_use]
    pub fn plain(question: Question) -> Self {
        let spelled = Bytes::copy_from_slice(question.name.as_wire());
        Self { question, spelled }
    }

    /// The question with the letters of its name in upper case where `upper` says so.
    pub(crate) fn mixed(question: Question, mut upper: impl FnMut() -> bool) -> Self {
        let mut spelled = question.name.as_wire().to_vec();
        for byte in &mut spelled {
            // Length bytes are at most 63 and so no letters.
            if byte.is_ascii_lowercase() && upper() {
                byte.make_ascii_uppercase();
            }
        }
        Self { question, spelled: spelled.into() }
    }
}

impl Flags {
    const fn from_bits(bits: u16) -> Self {
        Self {
            response: bits & 0x8000 != 0,
            other_opcode: bits & 0x7800 != 0,
            authoritative: bits & 0x0400 != 0,
            truncated: bits & 0x0200 != 0,
            recursion_desired: bits & 0x0100 != 0,
            recursion_available: bits & 0x0080 != 0,
        }
    }

    fn bits(self) -> u16 {
        [
            (self.response, 0x8000),
            (self.authoritative, 0x0400),
            (self.truncated, 0x0200),
            (self.recursion_desired, 0x0100),
            (self.recursion_available, 0x0080),
        ]
        .iter()
        .filter(|(set, _)| *set)
        .fold(0, |bits, (_, bit)| bits | bit)
    }
}

fn read_question(reader: &mut Reader<'_>) -> Result<Asked, Malformed> {
    let start = reader.position();
    let name = reader.name()?;
    let spelled = Bytes::copy_from_slice(reader.since(start));
    let kind = RecordType::from_code(reader.u16()?);
    let class = reader.u16()?;
    let kind = if class == CLASS_IN { kind } else { RecordType::Other(0) };
    Ok(Asked { question: Question::new(name, kind), spelled })
}

enum Entry {
    Record(Record),
    Opt { udp_size: u16 },
    OtherClass,
}

fn read_record(reader: &mut Reader<'_>) -> Result<Entry, Malformed> {
    let name = reader.name()?;
    let code = reader.u16()?;
    let class = reader.u16()?;
    let ttl_s = reader.u32()?;
    let length = usize::from(reader.u16()?);
    let mut content = reader.part(length)?;
    if code == OPT {
        return Ok(Entry::Opt { udp_size: class });
    }
    if class != CLASS_IN {
        return Ok(Entry::OtherClass);
    }
    let data = Data::read(RecordType::from_code(code), &mut content)?;
    if !content.is_at_end() {
        return Err(Malformed::RecordLength);
    }
    // RFC 2181 §8: a TTL with its top bit set means zero.
    let ttl_s = if ttl_s > i32::MAX.unsigned_abs() { 0 } else { ttl_s };
    Ok(Entry::Record(Record { name, ttl_s, data }))
}

/// Names in a message are compressed against what was written before.
pub(crate) type Suffix = (DomainName, u16);

const CLASS_IN: u16 = 1;
const OPT: u16 = 41;
