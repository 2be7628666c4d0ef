//! The files of a check, line by line, as they are shown: passwords are not.

use std::borrow::Cow;
use std::ops::Range;

use params::{HIDDEN, Key, Layer, Source};

use super::finding::Mark;

/// All files of a check.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Vec<File>);

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) name: Box<str>,
    pub(crate) layer: Layer,
    pub(crate) bytes: Vec<u8>,
    /// Where each line lies in the bytes, its end and a byte order mark left out.
    lines: Vec<Range<usize>>,
}

impl Files {
    pub(crate) fn new(sources: &[Source<'_>]) -> Self {
        Self(sources.iter().map(File::new).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &File> {
        self.0.iter()
    }

    pub(crate) fn named(&self, name: &str) -> Option<&File> {
        self.0.iter().find(|file| *file.name == *name)
    }

    pub(crate) fn line_count(&self) -> usize {
        self.0.iter().map(|file| file.lines.len()).sum()
    }
}

impl File {
    fn new(source: &Source<'_>) -> Self {
        let bytes = source.bytes.to_vec();
        let mut at = if bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let mut lines = Vec::new();
        for raw in bytes.get(at..).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            let text = raw.strip_suffix(b"\n").unwrap_or(raw);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            lines.push(at..at + text.len());
            at += raw.len();
        }
        Self { name: source.name.into(), layer: source.layer, bytes, lines }
    }

    /// Whether it is a boot file, which names others and holds no parameters.
    pub(crate) fn is_boot(&self) -> bool {
        self.name.to_ascii_lowercase().ends_with(".boot")
    }

    /// Line `number`, from 1, without its end.
    pub(crate) fn raw_line(&self, number: u32) -> Option<&[u8]> {
        let place = usize::try_from(number).ok()?.checked_sub(1)?;
        self.bytes.get(self.lines.get(place)?.clone())
    }

    /// Line `number`, from 1, as written; bytes that are no UTF-8 are read as Latin-1.
    pub(crate) fn line(&self, number: u32) -> Option<Cow<'_, str>> {
        let raw = self.raw_line(number)?;
        Some(match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => Cow::Owned(raw.iter().map(|byte| char::from(*byte)).collect()),
        })
    }

    /// Every line with its number.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u32, Cow<'_, str>)> {
        (1..=self.line_count()).filter_map(|number| Some((number, self.line(number)?)))
    }

    pub(crate) fn line_count(&self) -> u32 {
        u32::try_from(self.lines.len()).unwrap_or(u32::MAX)
    }

    /// Line `number` as it may be shown.
    pub(crate) fn shown_line(&self, number: u32) -> Option<String> {
        self.line(number).map(|line| printable(&line))
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Mark {
        self.at(0, 0, 0)
    }

    /// A line as a whole, from its first character that is not blank to its last.
    pub(crate) fn whole_line(&self, number: u32) -> Mark {
        let line = self.line(number).unwrap_or_default();
        let text = line.trim();
        let before = line.chars().take_while(|c| c.is_whitespace()).count();
        self.at(number, count(before) + 1, count(text.chars().count()))
    }

    pub(crate) fn at(&self, line: u32, column: u32, length: u32) -> Mark {
        Mark { file: self.name.clone(), line, column, length, label: Box::default() }
    }
}

/// How many, as marks count.
pub(crate) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A line as it may be shown: its password hidden, nothing that could steer a terminal.
pub(crate) fn printable(line: &str) -> String {
    let is_odd = |c: char| c.is_control() && c != '\t';
    without_secrets(line).chars().map(|c| if is_odd(c) { '\u{fffd}' } else { c }).collect()
}

/// A line with its password, if it has one, hidden.
///
/// Files are shown on terminals and in reports that others read; behaviour.md §9: secrets are never
/// logged.
pub(crate) fn without_secrets(line: &str) -> String {
    let (key, value) = match line.split_once('=') {
        Some((key, _)) => (key, line.get(key.len() + 1..).unwrap_or_default()),
        // A password that lost its `=` stands behind the first blank or colon.
        None => {
            let start = line.len() - line.trim_start().len();
            let text = line.get(start..).unwrap_or_default();
            let end = start + text.find([' ', '\t', ':']).unwrap_or(text.len());
            line.split_at_checked(end).unwrap_or((line, ""))
        }
    };
    let from = line.len() - value.len();
    if is_secret(key.trim()) || key.trim_start().starts_with('#') && sounds_secret(key) {
        return hidden_from(line, from);
    }
    // Two lines that became one: `… = Deskaccount.1.password = …`.
    for (equals, _) in value.match_indices('=') {
        let before = value.get(..equals).unwrap_or_default().trim_end();
        let word = before.rsplit([' ', '\t', '=']).next().unwrap_or(before);
        if sounds_secret(word) {
            return hidden_from(line, from + equals + 1);
        }
    }
    without_url_password(line)
}

/// The line up to a byte and the blanks behind it; what follows is hidden.
fn hidden_from(line: &str, from: usize) -> String {
    let (shown, hidden) = line.split_at_checked(from).unwrap_or((line, ""));
    let secret = hidden.trim_start();
    if secret.trim().is_empty() {
        return line.to_owned();
    }
    let blanks = hidden.get(..hidden.len() - secret.len()).unwrap_or_default();
    let blanks = if blanks.is_empty() && !shown.ends_with('=') { " " } else { blanks };
    format!("{shown}{blanks}{HIDDEN}")
}

fn is_secret(key: &str) -> bool {
    match key.parse::<Key>() {
        Ok(key) => key.row().secret,
        Err(_) => sounds_secret(key),
    }
}

/// Whether a key that is not in the table holds something that nobody else should read.
fn sounds_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let last = key.rsplit('.').next().unwrap_or(&key);
    let like_password = last.contains("pas") && last.contains('w') && last.contains('d');
    like_password || SECRET_WORDS.iter().any(|word| key.contains(word))
}

const SECRET_WORDS: [&str; 7] =
    ["passwd", "pwd", "secret", "aes_key", "pin_code", "passphrase", ".pin"];

/// The line with the password of a URL such as `http://user:password@host/` hidden.
fn without_url_password(line: &str) -> String {
    let Some(scheme) = line.find("://") else { return line.to_owned() };
    let start = scheme + 3;
    let authority = line.get(start..).unwrap_or_default();
    let end = authority.find(['/', '?', ' ']).unwrap_or(authority.len());
    let authority = authority.get(..end).unwrap_or_default();
    let Some((user_and_password, _)) = authority.rsplit_once('@') else { return line.to_owned() };
    let Some((user, password)) = user_and_password.split_once(':') else { return line.to_owned() };
    let from = start + user.len() + 1;
    let mut hidden = line.to_owned();
    hidden.replace_range(from..from + password.len(), HIDDEN);
    hidden
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> File {
        File::new(&Source { name: "a.cfg", layer: Layer::Mac, bytes })
    }

    #[test]
    fn lines_are_counted_as_params_counts_them() {
        let file = file(b"\xef\xbb\xbfone\r\n\ntwo = Z\xfcrich\nlast");
        let lines: Vec<_> = file.lines().map(|(n, line)| (n, line.into_owned())).collect();
        let expected = [(1, "one"), (2, ""), (3, "two = Z\u{fc}rich"), (4, "last")];
        assert_eq!(lines, expected.map(|(n, line)| (n, line.to_owned())));
    }

    #[test]
    fn secrets_are_hidden_however_they_are_written() {
        for (line, shown) in [
            ("account.1.password = s3cret", "account.1.password = •••"),
            ("account.1.password=s3cret", "account.1.password=•••"),
            ("account.1.password =", "account.1.password ="),
            ("account.1.password s3cret", "account.1.password •••"),
            ("account.1.passwort_password = x", "account.1.passwort_password = •••"),
            ("static.security.user_password = admin:x", "static.security.user_password = •••"),
            (
                "static.auto_provision.server.url = http://u:p@h/x",
                "static.auto_provision.server.url = http://u:•••@h/x",
            ),
            ("account.1.label = 4605", "account.1.label = 4605"),
        ] {
            assert_eq!(without_secrets(line), shown);
        }
    }

    #[test]
    fn a_whole_line_is_marked_without_the_blanks_around_it() {
        let mark = file(b"  abc  \n").whole_line(1);
        assert_eq!((mark.column, mark.length), (3, 3));
    }
}
