use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Data, DomainName, Malformed, Naptr, RecordType, Soa, Srv};

/// Reads a message from the left; every step checks that there is enough left.
pub(crate) struct Reader<'a> {
    /// The whole message, which pointers point into.
    message: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(message: &'a [u8]) -> Self {
        Self { message, at: 0, end: message.len() }
    }

    /// The next `length` bytes as a reader of their own, in which names may still point back.
    pub(crate) fn part(&mut self, length: usize) -> Result<Self, Malformed> {
        let start = self.at;
        self.take(length)?;
        Ok(Self { message: self.message, at: start, end: self.at })
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.end);
        let end = end.ok_or(Malformed::Short)?;
        let bytes = self.message.get(self.at..end).ok_or(Malformed::Short)?;
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed::Short)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(u8::from_be_bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A character-string of RFC 1035 §3.3: a length and that many bytes.
    fn text(&mut self) -> Result<Box<str>, Malformed> {
        let length = usize::from(self.u8()?);
        Ok(String::from_utf8_lossy(self.take(length)?).into())
    }

    /// A name, its pointers followed.
    pub(crate) fn name(&mut self) -> Result<DomainName, Malformed> {
        let mut wire = Vec::with_capacity(64);
        let mut pointed = None;
        // RFC 1035 §4.1.4: a pointer means a prior occurrence. Each has to point before the last one,
        // so that following them ends.
        let mut floor = self.at;
        loop {
            let length = self.u8()?;
            match length >> 6 {
                0 if length == 0 => break,
                0 => {
                    wire.push(length);
                    wire.extend_from_slice(self.take(usize::from(length))?);
                }
                3 => {
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, self.u8()?]));
                    if target >= floor {
                        return Err(Malformed::Pointer);
                    }
                    pointed.get_or_insert(self.at);
                    (floor, self.at) = (target, target);
                }
                _ => return Err(Malformed::Label),
            }
            if wire.len() >= DomainName::WIRE_MAX {
                return Err(Malformed::NameTooLong);
            }
        }
        wire.push(0);
        self.at = pointed.unwrap_or(self.at);
        DomainName::from_wire(&wire).map_err(|_| Malformed::NameTooLong)
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The bytes between `start` and here.
    pub(crate) fn since(&self, start: usize) -> &'a [u8] {
        self.message.get(start..self.at).unwrap_or_default()
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.at == self.end
    }

    fn rest(&mut self) -> Result<&'a [u8], Malformed> {
        self.take(self.end.saturating_sub(self.at))
    }
}

impl Data {
    /// Reads the content of a record of type `kind`.
    pub(crate) fn read(kind: RecordType, reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match kind {
            RecordType::A => Self::A(Ipv4Addr::from(reader.array::<4>()?)),
            RecordType::Aaaa => Self::Aaaa(Ipv6Addr::from(reader.array::<16>()?)),
            RecordType::Cname => Self::Cname(reader.name()?),
            RecordType::Ns => Self::Ns(reader.name()?),
            RecordType::Soa => Self::Soa(Box::new(Soa {
                mname: reader.name()?,
                rname: reader.name()?,
                serial: reader.u32()?,
                refresh: reader.u32()?,
                retry: reader.u32()?,
                expire: reader.u32()?,
                minimum: reader.u32()?,
            })),
            RecordType::Srv => Self::Srv(Srv {
                priority: reader.u16()?,
                weight: reader.u16()?,
                port: reader.u16()?,
                target: reader.name()?,
            }),
            RecordType::Naptr => Self::Naptr(Box::new(Naptr {
                order: reader.u16()?,
                preference: reader.u16()?,
                flags: reader.text()?,
                service: reader.text()?,
                regexp: reader.text()?,
                replacement: reader.name()?,
            })),
            RecordType::Other(code) => Self::Other { kind: code, bytes: reader.rest()?.into() },
        })
    }
}
