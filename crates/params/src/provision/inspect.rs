//! Whether bytes that came from a server are a whole file with settings.

use super::aes_ecb::AesKey;
use crate::file::{Content, NotAConfig, lines};
use crate::value::BLANKS;

/// How the end of a file was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The server said how long it is, or marked its end.
    Told,
    /// The connection was closed, which a dying server does too.
    Closed,
}

/// Why bytes are no file with settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// There is nothing in it.
    #[error("the file is empty (one that is to say nothing needs a comment line)")]
    Empty,
    /// It ends in the middle of a line.
    #[error("the file is cut off: its last line is not whole")]
    CutOff,
    /// It is something else.
    #[error("{0}")]
    Other(NotAConfig),
    /// No line has the form of a setting.
    #[error("no line of the file has the form key = value")]
    NothingKnown,
    /// It is encrypted with another key, or damaged.
    #[error("the file cannot be decrypted: it was encrypted with another key, or is damaged")]
    WrongKey,
    /// It is encrypted, and there is no key.
    #[error("the file is encrypted, and {0} is not set")]
    NoKey(&'static str),
    /// It is not encrypted, and only encrypted files are to be taken.
    #[error("the file is not encrypted, and static.auto_provision.update_file_mode is 1")]
    NotEncrypted,
}

/// What is done about encryption.
#[derive(Clone, Debug)]
pub(crate) struct Sealing<'a> {
    pub(crate) key: Option<&'a AesKey>,
    /// Where the key would be set.
    pub(crate) key_name: &'static str,
    pub(crate) only_encrypted: bool,
}

/// The plain text of a file with settings.
pub(crate) fn plain(
    bytes: Vec<u8>,
    ending: Ending,
    sealing: &Sealing<'_>,
) -> Result<Vec<u8>, Unfit> {
    if bytes.trim_ascii().is_empty() {
        return Err(Unfit::Empty);
    }
    if let Some(opened) = sealing.key.and_then(|key| key.decrypt(&bytes).ok()) {
        match lines(&opened) {
            // Whole blocks and their padding: nothing is missing at the end.
            Ok(_) => return check(&opened, Ending::Told).map(|()| opened),
            Err((why @ (NotAConfig::IniDialect | NotAConfig::WebPage), _)) => {
                return Err(Unfit::Other(why));
            }
            // What another key makes of a file looks like noise.
            Err((
                NotAConfig::Encrypted
                | NotAConfig::Binary
                | NotAConfig::Utf16
                | NotAConfig::TooLarge,
                _,
            )) => {}
        }
    }
    match (lines(&bytes), sealing.key) {
        (Err((NotAConfig::Encrypted | NotAConfig::Binary, _)), Some(_)) => Err(Unfit::WrongKey),
        (Err((NotAConfig::Encrypted, _)), None) => Err(Unfit::NoKey(sealing.key_name)),
        (Err((other, _)), _) => Err(Unfit::Other(other)),
        (Ok(_), _) if sealing.only_encrypted => Err(Unfit::NotEncrypted),
        (Ok(_), key) => match check(&bytes, ending) {
            // A few blocks of noise may hold no control character.
            Err(Unfit::NothingKnown | Unfit::CutOff) if is_noise(&bytes) => {
                Err(key.map_or(Unfit::NoKey(sealing.key_name), |_| Unfit::WrongKey))
            }
            checked => checked.map(|()| bytes),
        },
    }
}

/// Whether it may be encrypted: whole blocks, and no text in UTF-8.
fn is_noise(bytes: &[u8]) -> bool {
    bytes.len().is_multiple_of(16) && std::str::from_utf8(bytes).is_err()
}

fn check(bytes: &[u8], ending: Ending) -> Result<(), Unfit> {
    if bytes.trim_ascii().is_empty() {
        return Err(Unfit::Empty);
    }
    let read = lines(bytes).map_err(|(why, _)| Unfit::Other(why))?;
    let is_setting = |content: &Content<'_>| match content {
        Content::Assignment { key, .. } => looks_like_key(key),
        Content::Torn(_) | Content::TooLong => false,
    };
    if !read.is_empty() && !read.iter().any(|line| is_setting(&line.content)) {
        return Err(Unfit::NothingKnown);
    }
    let ends_whole = bytes.ends_with(b"\n");
    let last = bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_torn = !ends_whole && !last.starts_with(b"#") && !last.contains(&b'=');
    let is_blank = last.iter().all(|byte| BLANKS.contains(&char::from(*byte)));
    // Without length, a last line without its end may be half a value.
    if (ending == Ending::Closed && !ends_whole) || (is_torn && !is_blank) {
        return Err(Unfit::CutOff);
    }
    Ok(())
}

fn looks_like_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    const OPEN: Sealing<'_> = Sealing {
        key: None,
        key_name: "static.auto_provision.aes_key_16.mac",
        only_encrypted: false,
    };

    fn judged(bytes: &[u8], ending: Ending, sealing: &Sealing<'_>) -> Result<String, Unfit> {
        plain(bytes.to_vec(), ending, sealing).map(|plain| String::from_utf8(plain).unwrap())
    }

    fn key(text: &str) -> AesKey {
        AesKey::new(&Secret::new(text)).unwrap()
    }

    #[test]
    fn whole_files_are_taken_as_they_are() {
        for text in [
            "account.1.enable = 1\n",
            "account.1.label = x",
            "# nothing",
            "#!version:1.0.0.1\n\n",
            "x.y=\n  ",
        ] {
            assert_eq!(judged(text.as_bytes(), Ending::Told, &OPEN).as_deref(), Ok(text));
        }
        let latin_1 = b"account.1.label = B\xfcro\n".to_vec();
        assert_eq!(plain(latin_1.clone(), Ending::Told, &OPEN), Ok(latin_1));
    }

    #[test]
    fn what_is_cut_off_empty_or_something_else_is_refused() {
        for (bytes, ending, why) in [
            (&b""[..], Ending::Told, Unfit::Empty),
            (b" \r\n\t", Ending::Told, Unfit::Empty),
            (b"account.1.enable = 1\naccount.1.la", Ending::Told, Unfit::CutOff),
            (b"account.1.enable = 1\naccount.1.label = Re", Ending::Closed, Unfit::CutOff),
            (b"<!DOCTYPE html><html>", Ending::Told, Unfit::Other(NotAConfig::WebPage)),
            (b"Not Found\n", Ending::Told, Unfit::NothingKnown),
            (b"<?xml version=\"1.0\"?>\n", Ending::Told, Unfit::NothingKnown),
            (b"{\"error\": 1}\n", Ending::Told, Unfit::NothingKnown),
            (b"a = 1\0", Ending::Told, Unfit::Other(NotAConfig::Binary)),
        ] {
            assert_eq!(judged(bytes, ending, &OPEN), Err(why), "{bytes:?}");
        }
    }

    #[test]
    fn encrypted_files_are_opened_with_their_key_alone() {
        let text = "account.1.enable = 1\naccount.1.label = Reception\n";
        let own = key("0123456789abcdef");
        let sealed = own.encrypt(text.as_bytes());
        let other = key("fedcba9876543210");
        let with = |key| Sealing { key: Some(key), ..OPEN };
        assert_eq!(judged(&sealed, Ending::Closed, &with(&own)).as_deref(), Ok(text));
        assert_eq!(judged(&sealed, Ending::Told, &with(&other)), Err(Unfit::WrongKey));
        assert_eq!(judged(&sealed[..48], Ending::Told, &with(&own)), Err(Unfit::WrongKey));
        assert_eq!(judged(&sealed, Ending::Told, &OPEN), Err(Unfit::NoKey(OPEN.key_name)));
        assert_eq!(judged(&own.encrypt(b""), Ending::Told, &with(&own)), Err(Unfit::Empty));
        assert_eq!(
            judged(&own.encrypt(b"<html>"), Ending::Told, &with(&own)),
            Err(Unfit::Other(NotAConfig::WebPage))
        );
    }

    #[test]
    fn a_short_encrypted_file_is_known_as_one() {
        let sealed = key("fedcba9876543210").encrypt(b"account.1.label = sealed\n");
        assert_eq!(sealed.len(), 32);
        let other = key("0123456789abcdef");
        let sealing = Sealing { key: Some(&other), ..OPEN };
        assert_eq!(judged(&sealed, Ending::Told, &sealing), Err(Unfit::WrongKey));
        assert_eq!(judged(&sealed, Ending::Told, &OPEN), Err(Unfit::NoKey(OPEN.key_name)));
    }

    #[test]
    fn plain_files_are_taken_beside_a_key_unless_that_is_forbidden() {
        let text = "account.1.enable = 1\n";
        let own = key("0123456789abcdef");
        let sealing = Sealing { key: Some(&own), ..OPEN };
        assert_eq!(judged(text.as_bytes(), Ending::Told, &sealing).as_deref(), Ok(text));
        let strict = Sealing { only_encrypted: true, ..sealing };
        assert_eq!(judged(text.as_bytes(), Ending::Told, &strict), Err(Unfit::NotEncrypted));
        assert!(judged(&own.encrypt(text.as_bytes()), Ending::Told, &strict).is_ok());
    }
}
