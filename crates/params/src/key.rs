//! A key with its numbers filled in.

use std::fmt;
use std::str::FromStr;

use crate::row::Row;
use crate::table::{place, place_of_pattern, row_at, shape, stands_for_number};
use crate::value::{Fault, Permitted};

/// A key of the table with its numbers, as `account.1.sip_server.2.port`.
///
/// Ordered by the table, not by the alphabet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    place: u16,
    /// What stands for the first and the second placeholder; 0 where the pattern has none.
    numbers: [u16; 2],
}

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No pattern fits.
    #[error("is no key of this phone")]
    Unknown,
    /// A pattern fits, but a number is not permitted in it.
    #[error("has {found} where 1 to {max} are permitted")]
    Number {
        /// The placeholder: `X` for an account, `Y` for a server, `N` for anything else.
        placeholder: char,
        /// What was written.
        found: Box<str>,
        /// The greatest permitted number.
        max: u16,
    },
}

/// Accounts that the largest model has; a smaller model's limit is checked with its settings.
pub(crate) const ACCOUNTS_MAX: u16 = 16;
const SERVERS_MAX: u16 = 2;

impl Key {
    /// The key of a pattern, with these numbers for its placeholders; surplus ones are ignored.
    ///
    /// `None` for a pattern that the table does not have.
    #[must_use]
    pub fn of(pattern: &str, numbers: [u16; 2]) -> Option<Self> {
        if let Some((place, placeholders)) = place_of_pattern(pattern) {
            let [first, second] = numbers;
            let numbers = match placeholders {
                0 => [0, 0],
                1 => [first, 0],
                _ => [first, second],
            };
            return Some(Self { place, numbers });
        }
        let mut key = Self { place: place(&shape(pattern))?, numbers: [0, 0] };
        let wanted = numbered(pattern).zip(numbers.into_iter().chain([0; 2]));
        for (slot, (segment, number)) in key.numbers.iter_mut().zip(wanted) {
            *slot = segment.parse().unwrap_or(number);
        }
        Some(key)
    }

    /// The row of the table.
    #[must_use]
    pub fn row(self) -> &'static Row {
        row_at(self.place)
    }

    /// The account that the key belongs to, if it belongs to one.
    #[must_use]
    pub fn account(self) -> Option<u8> {
        let [first, _] = self.numbers;
        self.row().is_of_account().then(|| u8::try_from(first).unwrap_or(u8::MAX))
    }

    /// The key of another pattern with the same numbers; a number in `pattern` stays as it is.
    #[must_use]
    pub fn related(self, pattern: &str) -> Option<Self> {
        Self::of(pattern, self.numbers)
    }

    /// Checks a value that is not blank.
    ///
    /// # Errors
    /// Says what is permitted.
    pub fn check(self, value: &str) -> Result<Permitted<'_>, Fault> {
        self.row().kind.check(value)
    }

    pub(crate) fn place(self) -> u16 {
        self.place
    }

    /// The numbers in place of X, Y and N, in the order of the pattern; 0 where there is none.
    #[must_use]
    pub fn numbers(self) -> [u16; 2] {
        self.numbers
    }

    pub(crate) const fn at(place: u16, numbers: [u16; 2]) -> Self {
        Self { place, numbers }
    }
}

impl FromStr for Key {
    type Err = KeyFault;

    fn from_str(text: &str) -> Result<Self, KeyFault> {
        let place = place(&shape(text)).ok_or(KeyFault::Unknown)?;
        let row = row_at(place);
        let mut key = Self { place, numbers: [0, 0] };
        let pairs = numbered(row.pattern).zip(numbered(text));
        for (slot, (placeholder, found)) in key.numbers.iter_mut().zip(pairs) {
            let (placeholder, max) = match placeholder {
                "X" => ('X', ACCOUNTS_MAX),
                "Y" => ('Y', SERVERS_MAX),
                _ => ('N', row.n_max),
            };
            let fault = || KeyFault::Number { placeholder, found: found.into(), max };
            let number =
                found.parse().ok().filter(|n| (1..=max).contains(n) && !found.starts_with('0'));
            *slot = number.ok_or_else(fault)?;
        }
        Ok(key)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut numbers = self.numbers.iter();
        for (nth, segment) in self.row().pattern.split('.').enumerate() {
            if nth > 0 {
                f.write_str(".")?;
            }
            match stands_for_number(segment).then(|| numbers.next()).flatten() {
                Some(number) => write!(f, "{number}")?,
                None => f.write_str(segment)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn numbered(pattern: &str) -> impl Iterator<Item = &str> {
    pattern.split('.').filter(|segment| stands_for_number(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_and_prints_its_numbers() {
        for text in [
            "account.16.sip_server.2.port",
            "sip.timer_t1",
            "dns_cache_srv.12.weight",
            "voice_mail.number.3",
            "account.3.codec.7.rtpmap",
            "account.1.100rel_enable",
        ] {
            let key: Key = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
        }
        let key: Key = "account.7.sip_server.2.port".parse().unwrap();
        assert_eq!((key.account(), key.row().pattern), (Some(7), "account.X.sip_server.Y.port"));
        assert_eq!(
            key.related("account.X.sip_server.1.expires").unwrap().to_string(),
            "account.7.sip_server.1.expires"
        );
        assert_eq!(key.related("account.X.enable").unwrap().to_string(), "account.7.enable");
    }

    #[test]
    fn numbers_beyond_the_table_are_told_from_unknown_keys() {
        let fault = |text: &str| text.parse::<Key>().unwrap_err();
        assert_eq!(fault("account.1.sip_server.1.prot"), KeyFault::Unknown);
        assert_eq!(fault("Account.1.enable"), KeyFault::Unknown);
        assert_eq!(fault(""), KeyFault::Unknown);
        for (text, placeholder, found, max) in [
            ("account.17.enable", 'X', "17", 16),
            ("account.0.enable", 'X', "0", 16),
            ("account.01.enable", 'X', "01", 16),
            ("account.X.enable", 'X', "X", 16),
            ("account.1.sip_server.3.port", 'Y', "3", 2),
            ("dns_cache_a.13.ip", 'N', "13", 12),
            ("account.99999999999999999999.enable", 'X', "99999999999999999999", 16),
        ] {
            assert_eq!(fault(text), KeyFault::Number { placeholder, found: found.into(), max });
        }
    }
}
