use std::fmt;
use std::str::FromStr;

/// The hardware address by which a phone, its files and its events are named.
///
/// Shown as twelve lower-case digits (`001565000001`), as file names and events have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The address with these bytes, in the order they are written.
    #[must_use]
    pub const fn new(bytes: [u8; 6]) -> Self {
        Self(bytes)
    }

    /// The bytes in the order they are written.
    #[must_use]
    pub const fn bytes(self) -> [u8; 6] {
        self.0
    }

    /// A number that differs between any two phones: the seed for everything that must be stable
    /// for one phone and spread over a fleet.
    #[must_use]
    pub fn seed(self) -> u64 {
        self.0.iter().fold(0, |seed, byte| (seed << 8) | u64::from(*byte))
    }

    /// The address with colons (`00:15:65:00:00:01`), as a `User-Agent` has it.
    #[must_use]
    pub fn with_colons(self) -> String {
        self.0.map(|byte| format!("{byte:02x}")).join(":")
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The text is not a hardware address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a MAC address is twelve hexadecimal digits, as in 001565000001 or 00:15:65:00:00:01")]
pub struct NotAMac;

impl FromStr for Mac {
    type Err = NotAMac;

    /// Takes twelve hexadecimal digits, plain or in pairs joined by `:` or `-`.
    fn from_str(text: &str) -> Result<Self, NotAMac> {
        let separator = text.chars().find(|c| matches!(c, ':' | '-'));
        let digits = match separator {
            None => text.to_owned(),
            Some(separator) => {
                let pairs: Vec<&str> = text.split(separator).collect();
                if pairs.len() != 6 || pairs.iter().any(|pair| pair.len() != 2) {
                    return Err(NotAMac);
                }
                pairs.concat()
            }
        };
        if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(NotAMac);
        }
        let number = u64::from_str_radix(&digits, 16).map_err(|_| NotAMac)?;
        let [_, _, bytes @ ..] = number.to_be_bytes();
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_way_of_writing_is_the_same_address() {
        let mac = Mac::new([0x00, 0x15, 0x65, 0xaa, 0x00, 0x01]);
        for text in ["001565aa0001", "00:15:65:AA:00:01", "00-15-65-aa-00-01"] {
            assert_eq!(text.parse(), Ok(mac));
        }
        assert_eq!(mac.to_string(), "001565aa0001");
        assert_eq!(mac.with_colons(), "00:15:65:aa:00:01");
        assert_eq!(mac.seed(), 0x0015_65aa_0001);
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "0015",
            "00:15:65:aa:00:0",
            "00:15-65:aa:00:01",
            "+01565aa0001",
            "g01565aa0001",
            "0015:65aa:0001",
        ] {
            assert_eq!(text.parse::<Mac>(), Err(NotAMac), "{text}");
        }
    }
}
