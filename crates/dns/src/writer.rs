use bytes::{BufMut, Bytes, BytesMut};

use crate::message::Suffix;
use crate::{Data, DomainName, Record};

/// Writes a message; names are compressed where RFC 3597 §4 permits it.
pub(crate) struct Writer {
    bytes: BytesMut,
    /// Names written so far and where.
    suffixes: Vec<Suffix>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self { bytes: BytesMut::with_capacity(512), suffixes: Vec::new() }
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.bytes.put_u16(value);
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.put_slice(bytes);
    }

    /// Notes that `name` has just been written in full.
    pub(crate) fn remember(&mut self, name: &DomainName) {
        let start = self.bytes.len().saturating_sub(name.as_wire().len());
        self.note(name, start);
    }

    pub(crate) fn record(&mut self, record: &Record) {
        self.name(&record.name);
        self.u16(record.data.kind().code());
        self.u16(1);
        self.bytes.put_u32(record.ttl_s);
        let length_at = self.bytes.len();
        self.u16(0);
        self.data(&record.data);
        let length = self.bytes.len() - length_at - 2;
        if let (Ok(length), Some(field)) =
            (u16::try_from(length), self.bytes.get_mut(length_at..length_at + 2))
        {
            field.copy_from_slice(&length.to_be_bytes());
        }
    }

    pub(crate) fn finish(self) -> Bytes {
        self.bytes.freeze()
    }

    fn data(&mut self, data: &Data) {
        match data {
            Data::A(ip) => self.bytes(&ip.octets()),
            Data::Aaaa(ip) => self.bytes(&ip.octets()),
            Data::Cname(name) | Data::Ns(name) => self.name(name),
            Data::Soa(soa) => {
                self.name(&soa.mname);
                self.name(&soa.rname);
                for value in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                    self.bytes.put_u32(value);
                }
            }
            Data::Srv(srv) => {
                for value in [srv.priority, srv.weight, srv.port] {
                    self.u16(value);
                }
                // RFC 2782: name compression is not to be used for the target.
                self.bytes(srv.target.as_wire());
            }
            Data::Naptr(naptr) => {
                self.u16(naptr.order);
                self.u16(naptr.preference);
                for text in [&naptr.flags, &naptr.service, &naptr.regexp] {
                    self.text(text.as_bytes());
                }
                self.bytes(naptr.replacement.as_wire());
            }
            Data::Other { bytes, .. } => self.bytes(bytes),
        }
    }

    fn text(&mut self, text: &[u8]) {
        let (text, length) = match u8::try_from(text.len()) {
            Ok(length) => (text, length),
            Err(_) => (text.get(..255).unwrap_or_default(), 255),
        };
        self.bytes.put_u8(length);
        self.bytes(text);
    }

    fn name(&mut self, name: &DomainName) {
        let start = self.bytes.len();
        let mut rest = name.clone();
        while !rest.is_root() {
            if let Some((_, at)) = self.suffixes.iter().find(|(known, _)| *known == rest) {
                self.bytes.put_u16(0xc000 | at);
                return self.note_until(name, &rest, start);
            }
            let Some(label) = rest.labels().next() else { break };
            // A label of a `DomainName` has at most 63 bytes.
            self.bytes.put_u8(u8::try_from(label.len()).unwrap_or(0));
            self.bytes.put_slice(label);
            match rest.parent() {
                Some(parent) => rest = parent,
                None => break,
            }
        }
        self.bytes.put_u8(0);
        self.note(name, start);
    }

    fn note(&mut self, name: &DomainName, start: usize) {
        self.note_until(name, &DomainName::root(), start);
    }

    /// Notes where `name` and its ancestors up to `last`, which is left out, begin.
    fn note_until(&mut self, name: &DomainName, last: &DomainName, start: usize) {
        let mut at = start;
        let mut rest = name.clone();
        while rest != *last && !rest.is_root() {
            let Some(offset) = u16::try_from(at).ok().filter(|at| *at < 0x4000) else { return };
            at += 1 + rest.labels().next().map_or(0, <[u8]>::len);
            let parent = rest.parent();
            self.suffixes.push((rest, offset));
            match parent {
                Some(parent) => rest = parent,
                None => return,
            }
        }
    }
}
