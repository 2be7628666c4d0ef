use std::fmt;

use crate::base64;

/// An SRTP crypto suite (RFC 4568 §6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Suite {
    /// `AES_CM_128_HMAC_SHA1_80`.
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`: the tag of RTP has 4 bytes, that of RTCP 10.
    AesCm128HmacSha1_32,
}

impl Suite {
    /// Its name in `a=crypto` and in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    /// The suite of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32]
            .into_iter()
            .find(|suite| name.eq_ignore_ascii_case(suite.name()))
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Master key (16 bytes) and master salt (14 bytes) of one direction. Its `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; Key::LEN]);

impl Key {
    /// Bytes of key and salt together.
    pub const LEN: usize = 30;
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(secret)")
    }
}

/// One `a=crypto` line that this phone can use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crypto {
    /// The tag by which an answer names the line of the offer.
    pub tag: u32,
    /// The suite.
    pub suite: Suite,
    /// The key of whoever wrote the line, for what it sends.
    pub key: Key,
    /// Bytes of the master key identifier in each packet of the writer; 0 without one.
    pub mki_len: u8,
}

impl Crypto {
    /// Reads what follows `a=crypto:`; `None` for a suite, key or parameter that is not ours.
    #[must_use]
    pub fn from_attribute(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let tag = words.next()?.parse().ok()?;
        let suite = Suite::from_name(words.next()?)?;
        let keys = words.next()?;
        if !words.all(may_be_ignored) {
            return None;
        }
        // Several keys (`inline:…;inline:…`) differ by MKI; the first is the one in use.
        let mut parts = keys.split(';').next()?.split('|');
        let inline = parts.next()?;
        let (method, text) = inline.split_at_checked("inline:".len())?;
        if !method.eq_ignore_ascii_case("inline:") {
            return None;
        }
        let key = Key(base64::decode(text)?.try_into().ok()?);
        Some(Self { tag, suite, key, mki_len: mki_len(parts)? })
    }

    /// What follows `a=crypto:`.
    #[must_use]
    pub fn attribute(&self) -> String {
        format!("{} {} inline:{}", self.tag, self.suite, base64::encode(&self.key.0))
    }
}

/// RFC 4568 §6.3: a session parameter that is not understood refuses the line, unless it begins
/// with a hyphen; `WSH` is a hint. Those that would take encryption away refuse it in any case.
fn may_be_ignored(parameter: &str) -> bool {
    parameter.starts_with('-')
        || parameter.get(..4).is_some_and(|name| name.eq_ignore_ascii_case("WSH="))
        || parameter.eq_ignore_ascii_case("KDR=0")
}

/// The MKI among lifetime (`2^31`, `1000`) and MKI (`1:4`); `None` for one that cannot be.
fn mki_len<'a>(parts: impl Iterator<Item = &'a str>) -> Option<u8> {
    let mut found = 0;
    for part in parts {
        if let Some((value, length)) = part.split_once(':') {
            if value.is_empty() || !value.bytes().all(|digit| digit.is_ascii_digit()) {
                return None;
            }
            // RFC 4568 §6.1: 1 to 128 bytes.
            found = length.parse().ok().filter(|length| (1..=128).contains(length))?;
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line printed in RFC 4568 §6.1.
    const PRINTED: &str = "1 AES_CM_128_HMAC_SHA1_80 \
        inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^20|1:32";

    #[test]
    fn the_line_of_rfc_4568_is_read() {
        let crypto = Crypto::from_attribute(PRINTED).unwrap();
        assert_eq!((crypto.tag, crypto.suite), (1, Suite::AesCm128HmacSha1_80));
        assert_eq!(crypto.mki_len, 32);
        assert_eq!(&crypto.key.0[..4], b"wDfv");
    }

    #[test]
    fn a_line_is_written_as_it_is_read_and_its_debug_form_hides_the_key() {
        let crypto = Crypto::from_attribute(PRINTED).unwrap();
        let again = Crypto::from_attribute(&crypto.attribute()).unwrap();
        assert_eq!(again.key, crypto.key);
        assert!(format!("{crypto:?}").contains("Key(secret)"));
    }

    #[test]
    fn lines_that_weaken_or_are_not_understood_are_refused() {
        let key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
        for bad in [
            format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNENCRYPTED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key} UNAUTHENTICATED_SRTP"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key} KDR=4"),
            format!("1 F8_128_HMAC_SHA1_80 {key}"),
            format!("x AES_CM_128_HMAC_SHA1_80 {key}"),
            format!("1 AES_CM_128_HMAC_SHA1_80 {key}|1:200"),
            "1 AES_CM_128_HMAC_SHA1_80 inline:c2hvcnQ=".to_owned(),
            "1 AES_CM_128_HMAC_SHA1_80 inline".to_owned(),
            "1".to_owned(),
        ] {
            assert_eq!(Crypto::from_attribute(&bad), None, "{bad}");
        }
        let fine = format!("1 AES_CM_128_HMAC_SHA1_32 {key}|2^31 WSH=64 -extra");
        assert!(Crypto::from_attribute(&fine).is_some());
    }
}
