//! One configuration file, line by line.
//!
//! `key = value`, blanks around both cut, LF or CRLF, `#` in the first column starts a comment;
//! there are no quotes and no comments behind a value.

use std::borrow::Cow;

use crate::value::BLANKS;

/// A file larger than this is refused: no phone has so much to be told.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// A line longer than this is left out.
pub const LINE_BYTES_MAX: usize = 8 << 10;

/// Why a file is refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAConfig {
    /// The old dialect with sections.
    #[error(
        "this is the old INI dialect ([ section ], path = /config/…); it needs to be rewritten as \
         lines of the form account.1.enable = 1"
    )]
    IniDialect,
    /// Bytes that look encrypted.
    #[error("the file looks encrypted; it needs to be decrypted with its AES key first")]
    Encrypted,
    /// A NUL, or mostly control characters.
    #[error("the file is binary, not a configuration file")]
    Binary,
    /// UTF-16, as some editors save.
    #[error("the file is UTF-16; it needs to be saved as UTF-8")]
    Utf16,
    /// A page of a web server, mostly its error page.
    #[error("the file is a web page, not a configuration file")]
    WebPage,
    /// More than [`FILE_BYTES_MAX`].
    #[error("the file is larger than {} MiB", FILE_BYTES_MAX >> 20)]
    TooLarge,
}

/// A line that is neither blank nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) content: Content<'a>,
    /// Whether it held bytes that are no UTF-8; they were read as Latin-1.
    pub(crate) mended: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    /// Columns count characters from 1.
    Assignment { key: Cow<'a, str>, key_column: u32, value: Cow<'a, str>, value_column: u32 },
    /// No `=`.
    Torn(Cow<'a, str>),
    /// More than [`LINE_BYTES_MAX`].
    TooLong,
}

/// The lines of a file.
///
/// # Errors
/// Says why the file is refused as a whole, and the line that shows it (0: no certain one).
pub(crate) fn lines(bytes: &[u8]) -> Result<Vec<Line<'_>>, (NotAConfig, u32)> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    refuse_other_formats(bytes, text).map_err(|why| (why, 0))?;
    let mut lines = Vec::new();
    for (number, raw) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        let Some(line) = line(number, raw) else { continue };
        if is_ini_dialect(&line.content) {
            return Err((NotAConfig::IniDialect, number));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn line(number: u32, raw: &[u8]) -> Option<Line<'_>> {
    if raw.first() == Some(&b'#') || raw.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
        return None;
    }
    if raw.len() > LINE_BYTES_MAX {
        return Some(Line { number, content: Content::TooLong, mended: false });
    }
    let (content, mended) = match std::str::from_utf8(raw) {
        Ok(text) => (content(text), false),
        Err(_) => {
            let latin_1: String = raw.iter().map(|byte| char::from(*byte)).collect();
            (content(&latin_1).into_owned(), true)
        }
    };
    Some(Line { number, content, mended })
}

fn content(text: &str) -> Content<'_> {
    let Some((before, after)) = text.split_once('=') else {
        return Content::Torn(text.trim_matches(BLANKS).into());
    };
    let value = after.trim_start_matches(BLANKS);
    let value_start = text.len() - value.len();
    let key_start = before.len() - before.trim_start_matches(BLANKS).len();
    Content::Assignment {
        key: before.trim_matches(BLANKS).into(),
        key_column: column(text, key_start),
        value: value.trim_end_matches(BLANKS).into(),
        value_column: column(text, value_start),
    }
}

impl Content<'_> {
    fn into_owned<'b>(self) -> Content<'b> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Assignment { key, key_column, value, value_column } => Content::Assignment {
                key: owned(key),
                key_column,
                value: owned(value),
                value_column,
            },
            Self::Torn(text) => Content::Torn(owned(text)),
            Self::TooLong => Content::TooLong,
        }
    }
}

/// The column of a byte, in characters from 1.
fn column(text: &str, byte: usize) -> u32 {
    let before = text.get(..byte).unwrap_or(text).chars().count();
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

fn is_ini_dialect(content: &Content<'_>) -> bool {
    match content {
        Content::Assignment { key, value, .. } => key == "path" && value.starts_with("/config/"),
        Content::Torn(text) => text.starts_with('[') && text.ends_with(']'),
        Content::TooLong => false,
    }
}

/// Says what other format the bytes of a file have, if any; `text` is the file without its mark.
pub(crate) fn refuse_other_formats(bytes: &[u8], text: &[u8]) -> Result<(), NotAConfig> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(NotAConfig::TooLarge);
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(NotAConfig::Utf16);
    }
    if bytes.starts_with(b"Salted__") {
        return Err(NotAConfig::Encrypted);
    }
    let head = text.get(..SAMPLE_BYTES).unwrap_or(text);
    let start = head.trim_ascii_start().to_ascii_lowercase();
    if start.starts_with(b"<!doctype html") || start.starts_with(b"<html") {
        return Err(NotAConfig::WebPage);
    }
    let odd = head
        .iter()
        .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'));
    // A text has hardly a control character; of random bytes every ninth is one.
    let mostly_odd = odd.count() * 20 > head.len();
    let looks_random = mostly_odd && std::str::from_utf8(head).is_err();
    match () {
        // AES in ECB mode keeps whole blocks of 16 bytes.
        () if looks_random && bytes.len().is_multiple_of(16) => Err(NotAConfig::Encrypted),
        () if mostly_odd || text.contains(&0) => Err(NotAConfig::Binary),
        () => Ok(()),
    }
}

/// How much of a file is looked at to tell a text from other bytes.
const SAMPLE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn assignments(bytes: &[u8]) -> Vec<(u32, String, String)> {
        let all = lines(bytes).unwrap().into_iter();
        all.filter_map(|line| match line.content {
            Content::Assignment { key, value, .. } => {
                Some((line.number, key.into_owned(), value.into_owned()))
            }
            Content::Torn(_) | Content::TooLong => None,
        })
        .collect()
    }

    fn one(line: &str) -> (String, String) {
        let [(_, key, value)] = assignments(line.as_bytes()).try_into().unwrap();
        (key, value)
    }

    #[test]
    fn blanks_around_key_and_value_are_cut_and_nothing_else() {
        for (line, key, value) in [
            ("a = b", "a", "b"),
            ("a=b", "a", "b"),
            ("\ta \t=  b c  ", "a", "b c"),
            ("a =", "a", ""),
            ("a = b = c", "a", "b = c"),
            ("a = b # no comment", "a", "b # no comment"),
            ("a = #1", "a", "#1"),
            ("a = \"b\"", "a", "\"b\""),
            ("a = 1|2%3", "a", "1|2%3"),
            ("a = Zoë", "a", "Zoë"),
        ] {
            assert_eq!(one(line), (key.to_owned(), value.to_owned()));
        }
    }

    #[test]
    fn both_line_ends_are_taken_and_the_last_may_lack() {
        let expected = [(1, "a".to_owned(), "1".to_owned()), (3, "b".to_owned(), "2".to_owned())];
        assert_eq!(assignments(b"a = 1\r\n\r\nb = 2"), expected);
        assert_eq!(assignments(b"\xef\xbb\xbfa = 1\n#b = 9\nb = 2\n"), expected);
    }

    #[test]
    fn a_comment_starts_in_the_first_column_alone() {
        assert_eq!(assignments(b"#a = 1\n##a = 1\n"), []);
        assert_eq!(one(" # a = 1").0, "# a");
    }

    #[test]
    fn columns_count_characters() {
        let [line] = &lines("  Zoë =  x".as_bytes()).unwrap()[..] else { panic!("one line") };
        assert!(matches!(
            line.content,
            Content::Assignment { key_column: 3, value_column: 10, .. }
        ));
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_read_as_latin_1_and_said() {
        let [line] = &lines(b"account.1.label = B\xfcro").unwrap()[..] else { panic!("one line") };
        assert!(line.mended);
        assert!(matches!(&line.content, Content::Assignment { value, .. } if value == "Büro"));
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        let random: Vec<u8> = (0..160_u64).map(|n| net::Rng::new(n).next_u64() as u8).collect();
        for (bytes, why) in [
            (
                b"\n[ account ]\npath = /config/voip/sipAccount0.cfg\n".as_slice(),
                NotAConfig::IniDialect,
            ),
            (b"path = /config/Setting/Setting.cfg", NotAConfig::IniDialect),
            (b"a = 1\0", NotAConfig::Binary),
            (&[b'x', 1, 2, 3, 4, 5], NotAConfig::Binary),
            (&random, NotAConfig::Encrypted),
            (b"Salted__abcdefgh", NotAConfig::Encrypted),
            (b"\xff\xfea\0=\0", NotAConfig::Utf16),
            (b" <!DOCTYPE HTML>\n<title>404</title>", NotAConfig::WebPage),
            (&vec![b'\n'; FILE_BYTES_MAX + 1], NotAConfig::TooLarge),
        ] {
            assert_eq!(lines(bytes).map_err(|(why, _)| why), Err(why));
        }
        assert_eq!(lines(b"a = 1\n[ account ]").unwrap_err(), (NotAConfig::IniDialect, 2));
    }

    #[test]
    fn a_monstrous_line_is_left_out_and_the_rest_is_read() {
        let mut bytes = vec![b'a'; LINE_BYTES_MAX + 1];
        bytes.extend(b"\nb = 1");
        assert_eq!(lines(&bytes).unwrap()[0].content, Content::TooLong);
        assert_eq!(assignments(&bytes).len(), 1);
    }
}
