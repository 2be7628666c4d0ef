//! What of a file is given to `params`: lines with unknown keys are taken out and grouped first, so that
//! a thousand keys of a screen do not hide the one that matters.

use std::borrow::Cow;
use std::collections::BTreeMap;

use params::{Key, KeyFault};

use super::files::{File, count};
use super::template::{Templates, plain};

/// Lines of one file with one unknown key, whatever its numbers.
#[derive(Clone, Debug)]
pub(crate) struct UnknownKey {
    pub(crate) file: Box<str>,
    /// As the first line has it.
    pub(crate) key: Box<str>,
    /// Where it stands in the first line, in characters from 1.
    pub(crate) column: u32,
    /// The first lines, in order; never none.
    pub(crate) lines: Vec<u32>,
    /// How many lines there are.
    pub(crate) count: usize,
    /// Whether they give the key nothing: old exports write hundreds of such.
    pub(crate) is_blank: bool,
}

impl UnknownKey {
    pub(crate) fn first_line(&self) -> u32 {
        self.lines.first().copied().unwrap_or(0)
    }
}

/// All unknown keys, in order of first sight.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnknownKeys {
    pub(crate) keys: Vec<UnknownKey>,
    places: BTreeMap<(Box<str>, String, bool), usize>,
    /// Lines with keys beyond [`KEYS_MAX`].
    pub(crate) left_out: usize,
}

impl UnknownKeys {
    fn add(&mut self, file: &File, line: u32, key: &str, column: u32, is_blank: bool) {
        let place = (file.name.clone(), shape(key), is_blank);
        if let Some(known) = self.places.get(&place).and_then(|at| self.keys.get_mut(*at)) {
            known.count += 1;
            if known.lines.len() < LINES_KEPT {
                known.lines.push(line);
            }
        } else if self.keys.len() < KEYS_MAX {
            self.places.insert(place, self.keys.len());
            self.keys.push(UnknownKey {
                file: file.name.clone(),
                key: key.into(),
                column,
                lines: vec![line],
                count: 1,
                is_blank,
            });
        } else {
            self.left_out += 1;
        }
    }
}

/// The bytes of a file with the same lines. Those with unknown keys are comments; where a template
/// fills something in, the key stays and its value is blank.
pub(crate) fn prepared<'f>(
    file: &'f File,
    templates: &Templates,
    unknown: &mut UnknownKeys,
) -> Cow<'f, [u8]> {
    let is_template = templates.has(&file.name);
    let mut lines: Vec<Cow<'_, [u8]>> = Vec::new();
    let mut is_changed = is_template;
    for number in 1..=file.line_count() {
        let raw = file.raw_line(number).unwrap_or_default();
        let Ok(text) = std::str::from_utf8(raw) else {
            lines.push(Cow::Borrowed(raw));
            continue;
        };
        let text = if is_template { Cow::Owned(plain(text)) } else { Cow::Borrowed(text) };
        if let Some((key, column)) = unknown_key(&text) {
            unknown.add(file, number, key, column, is_blank(file, number));
            lines.push(Cow::Borrowed(b"#"));
            is_changed = true;
            continue;
        }
        lines.push(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        });
    }
    if is_changed { Cow::Owned(lines.join(&b'\n')) } else { Cow::Borrowed(&file.bytes) }
}

/// The key of a line and its column, if it has the form of a key and the table does not have it.
fn unknown_key(text: &str) -> Option<(&str, u32)> {
    if text.starts_with('#') {
        return None;
    }
    let (before, _) = text.split_once('=')?;
    let key = before.trim_matches([' ', '\t']);
    let looks_like_a_key =
        key.contains('.') && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !looks_like_a_key || key.parse::<Key>() != Err(KeyFault::Unknown) {
        return None;
    }
    let blanks = before.chars().take_while(|c| matches!(c, ' ' | '\t')).count();
    Some((key, count(blanks) + 1))
}

/// Whether a line gives its key nothing.
pub(crate) fn is_blank(file: &File, line: u32) -> bool {
    let line = file.line(line).unwrap_or_default();
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    matches!(value, "" | "%NULL%" | "%EMPTY%")
}

/// A key with `#` for every number, so that lines of all accounts are one.
fn shape(key: &str) -> String {
    let is_number =
        |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let segments = key.split('.').map(|segment| if is_number(segment) { "#" } else { segment });
    segments.collect::<Vec<_>>().join(".")
}

/// Unknown keys that are told apart; more is no configuration of a phone.
const KEYS_MAX: usize = 10_000;
/// Lines of one key that are kept.
const LINES_KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_the_table_has_or_that_is_none_is_left_to_params() {
        for line in [
            "account.1.label = x",
            "# account.1.lable = x",
            "torn",
            "account.17.label = x",
            "path = /config/x",
            "a b.c = d",
        ] {
            assert_eq!(unknown_key(line), None, "{line}");
        }
        assert_eq!(unknown_key("  account.1.lable = x"), Some(("account.1.lable", 3)));
    }

    #[test]
    fn lines_of_all_accounts_are_one_key() {
        assert_eq!(shape("account.16.x.2.y"), "account.#.x.#.y");
        assert_eq!(shape("a..b"), "a..b");
    }
}
