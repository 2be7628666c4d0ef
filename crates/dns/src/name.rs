use std::fmt;
use std::sync::Arc;

/// A domain name as RFC 1035 §3.1 sends it, folded to lower case; cheap to clone.
///
/// Two names are equal as RFC 4343 §3 says: ASCII letters compare without case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainName(Arc<[u8]>);

impl DomainName {
    /// The longest label, in bytes.
    pub const LABEL_MAX: usize = 63;
    /// The longest name, in bytes, length bytes and root included.
    pub const WIRE_MAX: usize = 255;

    /// The root of the name space, printed `.`.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::from([0_u8].as_slice()))
    }

    /// Reads a name as people write it; a dot at its end changes nothing, `\.` and `\046` are a dot
    /// inside a label.
    ///
    /// # Errors
    /// When a label is empty or too long, the name too long, or a character has to be escaped.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        let mut label = Vec::new();
        let mut rest = text.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'.' => Self::end_label(&mut wire, &mut label)?,
                b'\\' => label.push(unescape(&mut rest)?),
                0x21..=0x7e => label.push(byte),
                _ => return Err(NameError::Character),
            }
        }
        if !text.ends_with('.') || text.ends_with("\\.") {
            Self::end_label(&mut wire, &mut label)?;
        }
        wire.push(0);
        Self::from_wire(&wire)
    }

    /// A name from its wire bytes, the root's zero included.
    pub(crate) fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire.len() > Self::WIRE_MAX {
            return Err(NameError::TooLong);
        }
        // A length byte is at most 63 and so below `A`: folding the whole string folds labels only.
        Ok(Self(wire.to_ascii_lowercase().into()))
    }

    fn end_label(wire: &mut Vec<u8>, label: &mut Vec<u8>) -> Result<(), NameError> {
        match u8::try_from(label.len()) {
            Ok(0) => Err(NameError::EmptyLabel),
            Ok(length) if usize::from(length) <= Self::LABEL_MAX => {
                wire.push(length);
                wire.append(label);
                Ok(())
            }
            Ok(_) | Err(_) => Err(NameError::LabelTooLong),
        }
    }

    /// The wire bytes, in lower case.
    #[must_use]
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from the left, without the root's.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let (label, next) = tail.split_at_checked(usize::from(*length))?;
            rest = next;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The name without its first label; none above the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        let (length, tail) = self.0.split_first()?;
        let (label, rest) = tail.split_at_checked(usize::from(*length))?;
        (!label.is_empty()).then(|| Self(rest.into()))
    }

    /// The name with `label` before it.
    ///
    /// # Errors
    /// When the label or the whole gets too long.
    pub fn child(&self, label: &[u8]) -> Result<Self, NameError> {
        let mut wire = Vec::with_capacity(self.0.len() + label.len() + 1);
        Self::end_label(&mut wire, &mut label.to_vec())?;
        wire.extend_from_slice(&self.0);
        Self::from_wire(&wire)
    }

    /// The name with `origin` behind its last label.
    ///
    /// # Errors
    /// When the whole gets too long.
    pub fn below(&self, origin: &Self) -> Result<Self, NameError> {
        let mut wire = self.0.strip_suffix(&[0]).unwrap_or_default().to_vec();
        wire.extend_from_slice(&origin.0);
        Self::from_wire(&wire)
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether the name is `ancestor` or lies below it.
    #[must_use]
    pub fn is_within(&self, ancestor: &Self) -> bool {
        let mut name = Some(self.clone());
        while let Some(this) = name {
            if this == *ancestor {
                return true;
            }
            name = this.parent();
        }
        false
    }

    /// The name without its leading labels that begin with an underscore: the domain that a service
    /// name such as `_sip._udp.example.com` belongs to.
    #[must_use]
    pub fn domain(&self) -> Self {
        let mut name = self.clone();
        while name.labels().next().is_some_and(|label| label.starts_with(b"_")) {
            match name.parent() {
                Some(parent) => name = parent,
                None => break,
            }
        }
        name
    }
}

/// Reads what follows a backslash: three decimal digits or one character (RFC 1035 §5.1).
fn unescape(rest: &mut std::str::Bytes<'_>) -> Result<u8, NameError> {
    let first = rest.next().ok_or(NameError::Escape)?;
    if !first.is_ascii_digit() {
        return Ok(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = rest.next().filter(u8::is_ascii_digit).ok_or(NameError::Escape)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).map_err(|_| NameError::Escape)
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.pad(".");
        }
        let mut text = String::with_capacity(self.0.len());
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            for &byte in label {
                match byte {
                    b'.' | b'\\' => text.extend(['\\', char::from(byte)]),
                    0x21..=0x7e => text.push(char::from(byte)),
                    _ => text.push_str(&format!("\\{byte:03}")),
                }
            }
        }
        f.pad(&text)
    }
}

impl fmt::Debug for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a text is no domain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing stands before, after or between dots.
    #[error("a part between dots is empty")]
    EmptyLabel,
    /// More than 63 bytes between dots.
    #[error("a part between dots is longer than 63 characters")]
    LabelTooLong,
    /// More than 255 bytes in all.
    #[error("the name is longer than 253 characters")]
    TooLong,
    /// A space, a control character or a letter outside ASCII.
    #[error("a character is not permitted in a domain name")]
    Character,
    /// A backslash without three digits or a character after it.
    #[error("a backslash is not followed by a character or three digits up to 255")]
    Escape,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn letters_compare_without_case_and_a_last_dot_changes_nothing() {
        assert_eq!(name("Sip.Example.COM."), name("sip.example.com"));
        assert_eq!(name("Sip.Example.COM.").to_string(), "sip.example.com");
        assert_eq!(name("."), DomainName::root());
    }

    #[test]
    fn what_is_no_name_says_why() {
        assert_eq!(DomainName::parse(""), Err(NameError::EmptyLabel));
        assert_eq!(DomainName::parse("a..b"), Err(NameError::EmptyLabel));
        assert_eq!(DomainName::parse(".a"), Err(NameError::EmptyLabel));
        assert_eq!(DomainName::parse("a b"), Err(NameError::Character));
        assert_eq!(DomainName::parse("bücher.example"), Err(NameError::Character));
        assert_eq!(DomainName::parse("a\\25"), Err(NameError::Escape));
        assert_eq!(DomainName::parse("a\\256"), Err(NameError::Escape));
        assert_eq!(DomainName::parse(&"a".repeat(64)), Err(NameError::LabelTooLong));
        assert_eq!(DomainName::parse(&"abcdefg.".repeat(32)), Err(NameError::TooLong));
    }

    #[test]
    fn an_escaped_dot_stays_inside_its_label() {
        let escaped = name("a\\.b\\046c.d");
        assert_eq!(escaped.labels().collect::<Vec<_>>(), [b"a.b.c".as_slice(), b"d".as_slice()]);
        assert_eq!(escaped.to_string(), "a\\.b\\.c.d");
        assert_eq!(name("a\\.").to_string(), "a\\.");
    }

    #[test]
    fn ancestors_are_found_label_by_label() {
        assert!(name("a.example.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&name("example.com")));
        assert!(!name("anexample.com").is_within(&name("example.com")));
        assert!(name("example.com").is_within(&DomainName::root()));
        assert_eq!(name("_sip._udp.example.com").domain(), name("example.com"));
        assert_eq!(name("_sip_udp.example.com").domain(), name("example.com"));
        assert_eq!(name("example.com").child(b"www"), Ok(name("www.example.com")));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..8)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(u8::try_from(label.len()).unwrap());
                wire.extend_from_slice(label);
            }
            wire.push(0);
            let read = DomainName::from_wire(&wire).unwrap();
            prop_assert_eq!(DomainName::parse(&read.to_string()), Ok(read));
        }
    }
}
