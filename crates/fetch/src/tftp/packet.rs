//! The packets of TFTP.

/// What a request asks for besides the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Block size and transfer size.
    Options,
    Nothing,
}

/// What a server sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Packet {
    Data(u16, Vec<u8>),
    Acknowledgement(u16),
    Error(u16, String),
    Options(Granted),
    Unknown,
}

/// The options that a server grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) block_size: Option<usize>,
    pub(super) transfer_size: Option<usize>,
}

pub(super) const READ: u16 = 1;
pub(super) const WRITE: u16 = 2;
const DATA: u16 = 3;
const ACKNOWLEDGEMENT: u16 = 4;
const ERROR: u16 = 5;
const OPTIONS: u16 = 6;

/// A request has to fit a datagram of 512 bytes (RFC 2347).
const REQUEST_BYTES_MAX: usize = 512;

impl Wish {
    /// Names and values of the options.
    pub(super) fn options(
        self,
        block_size: usize,
        transfer_size: usize,
    ) -> Vec<(&'static str, usize)> {
        match self {
            Self::Options => vec![("blksize", block_size), ("tsize", transfer_size)],
            Self::Nothing => Vec::new(),
        }
    }
}

impl Packet {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let (Some(code), Some(rest)) = (number(bytes), bytes.get(2..)) else {
            return Self::Unknown;
        };
        let (first, behind) = (number(rest), rest.get(2..).unwrap_or_default());
        match (code, first) {
            (DATA, Some(number)) => Self::Data(number, behind.to_vec()),
            (ACKNOWLEDGEMENT, Some(number)) => Self::Acknowledgement(number),
            (ERROR, Some(code)) => {
                let text = behind.split(|byte| *byte == 0).next().unwrap_or_default();
                Self::Error(code, String::from_utf8_lossy(text).into_owned())
            }
            (OPTIONS, _) => Self::Options(Granted::parse(rest)),
            _ => Self::Unknown,
        }
    }
}

impl Granted {
    fn parse(bytes: &[u8]) -> Self {
        let mut granted = Self::default();
        let mut words = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let value = value.parse().ok();
            if name.eq_ignore_ascii_case("blksize") {
                granted.block_size = value.or(Some(0));
            } else if name.eq_ignore_ascii_case("tsize") {
                granted.transfer_size = value;
            }
        }
        granted
    }
}

/// A request for a file; none where it does not fit a datagram.
pub(super) fn request(code: u16, name: &str, options: Vec<(&str, usize)>) -> Option<Vec<u8>> {
    let mut packet = code.to_be_bytes().to_vec();
    let options = options.iter().flat_map(|(name, value)| [(*name).to_owned(), value.to_string()]);
    for word in [name.to_owned(), "octet".to_owned()].into_iter().chain(options) {
        if word.contains('\0') {
            return None;
        }
        packet.extend(word.bytes());
        packet.push(0);
    }
    (packet.len() <= REQUEST_BYTES_MAX).then_some(packet)
}

pub(super) fn acknowledgement(number: u16) -> Vec<u8> {
    [ACKNOWLEDGEMENT.to_be_bytes(), number.to_be_bytes()].concat()
}

pub(super) fn data(number: u16, piece: &[u8]) -> Vec<u8> {
    let mut packet = [DATA.to_be_bytes(), number.to_be_bytes()].concat();
    packet.extend_from_slice(piece);
    packet
}

pub(super) fn error(code: u16) -> Vec<u8> {
    let mut packet = [ERROR.to_be_bytes(), code.to_be_bytes()].concat();
    packet.push(0);
    packet
}

fn number(bytes: &[u8]) -> Option<u16> {
    let two = bytes.get(..2)?;
    Some(u16::from_be_bytes(two.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_file_mode_and_options() {
        let options = Wish::Options.options(1428, 0);
        assert_eq!(
            request(READ, "a/b.cfg", options).unwrap(),
            b"\0\x01a/b.cfg\0octet\0blksize\x001428\0tsize\x000\0"
        );
        assert_eq!(request(WRITE, "x", Wish::Nothing.options(1, 1)).unwrap(), b"\0\x02x\0octet\0");
        assert_eq!(request(READ, &"x".repeat(600), Vec::new()), None);
        assert_eq!(request(READ, "a\0b", Vec::new()), None);
    }

    #[test]
    fn packets_are_read() {
        for (bytes, packet) in [
            (&b"\0\x03\x01\x02abc"[..], Packet::Data(258, b"abc".to_vec())),
            (b"\0\x03\0\x01", Packet::Data(1, Vec::new())),
            (b"\0\x04\0\x07", Packet::Acknowledgement(7)),
            (b"\0\x05\0\x01File not found\0", Packet::Error(1, "File not found".into())),
            (b"\0\x05\0\x01", Packet::Error(1, String::new())),
            (
                b"\0\x06BLKSIZE\x001024\0tsize\x0099\0other\x001\0",
                Packet::Options(Granted { block_size: Some(1024), transfer_size: Some(99) }),
            ),
            (
                b"\0\x06blksize\0x\0",
                Packet::Options(Granted { block_size: Some(0), transfer_size: None }),
            ),
            (b"\0\x06", Packet::Options(Granted::default())),
            (b"\0\x03\0", Packet::Unknown),
            (b"\0\x09\0\x01", Packet::Unknown),
            (b"\0", Packet::Unknown),
            (b"", Packet::Unknown),
        ] {
            assert_eq!(Packet::parse(bytes), packet, "{bytes:?}");
        }
    }
}
