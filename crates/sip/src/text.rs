//! Scanning of header values: lists, parameters, quoted strings, escapes. Nothing here copies unless
//! an escape forces it to.

use std::borrow::Cow;

/// `value` without surrounding linear white space.
pub(crate) fn trim(value: &str) -> &str {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let bytes = value.as_bytes();
    if is_blank(bytes.first()) || is_blank(bytes.last()) {
        return value.trim_matches([' ', '\t']);
    }
    value
}

/// `line` without the CR that ends it.
pub(crate) fn trim_line(line: &str) -> &str {
    line.strip_suffix('\r').unwrap_or(line)
}

/// The parts of `value` between occurrences of `separator` that stand outside quoted strings and
/// angle brackets, trimmed. An empty value has one empty part.
pub(crate) fn split(value: &str, separator: u8) -> Split<'_> {
    Split { rest: Some(value), separator }
}

/// See [`split`].
#[derive(Clone, Debug)]
pub(crate) struct Split<'a> {
    rest: Option<&'a str>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let rest = self.rest?;
        let (part, tail) = match position_outside(rest, self.separator) {
            Some(at) => (before(rest, at), Some(after(rest, at))),
            None => (rest, None),
        };
        self.rest = tail;
        Some(trim(part))
    }
}

/// Where `wanted` first stands outside quoted strings and angle brackets.
pub(crate) fn position_outside(value: &str, wanted: u8) -> Option<usize> {
    let bytes = value.as_bytes();
    // Most values have neither quotes nor brackets before what is looked for.
    let first = memchr::memchr3(wanted, b'"', b'<', bytes)?;
    if bytes.get(first) == Some(&wanted) {
        return Some(first);
    }
    let (mut quoted, mut escaped, mut bracketed) = (false, false, false);
    for (at, &byte) in bytes.iter().enumerate().skip(first) {
        if escaped {
            escaped = false;
        } else if quoted {
            escaped = byte == b'\\';
            quoted = byte != b'"';
        } else if byte == wanted && !bracketed {
            return Some(at);
        } else {
            match byte {
                b'"' => quoted = !bracketed,
                b'<' => bracketed = true,
                b'>' => bracketed = false,
                _ => {}
            }
        }
    }
    None
}

/// Where the quoted string that begins `value` ends: the position after its closing quote.
pub(crate) fn quoted_end(value: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in value.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// The text before byte `at`, which has to be the position of an ASCII byte.
pub(crate) fn before(value: &str, at: usize) -> &str {
    value.get(..at).unwrap_or_default()
}

/// The text after byte `at`, which has to be the position of an ASCII byte.
pub(crate) fn after(value: &str, at: usize) -> &str {
    value.get(at + 1..).unwrap_or_default()
}

/// The text of a token or quoted string; of the latter without quotes and escapes.
pub(crate) fn unquote(value: &str) -> Cow<'_, str> {
    let Some(quoted) = value.strip_prefix('"') else { return Cow::Borrowed(value) };
    let quoted = quoted.strip_suffix('"').unwrap_or(quoted);
    if !quoted.contains('\\') {
        return Cow::Borrowed(quoted);
    }
    let mut text = String::with_capacity(quoted.len());
    let mut chars = quoted.chars();
    while let Some(char) = chars.next() {
        // RFC 3261 §25.1: quoted-pair = "\" any character but CR and LF.
        text.push(if char == '\\' { chars.next().unwrap_or('\\') } else { char });
    }
    Cow::Owned(text)
}

/// `value` with each `%xx` replaced once; as it stands where the result would not be UTF-8.
pub(crate) fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex_digit(*high), hex_digit(*low))
        {
            bytes.push(high << 4 | low);
            rest = after;
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(value), Cow::Owned)
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A number of decimal digits alone; one that is too large counts as `u32::MAX`.
pub(crate) fn seconds(value: &str) -> Option<u32> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(value.parse().unwrap_or(u32::MAX))
}

/// Parameters after a `;`, as `name`, `name=token` or `name="quoted"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// Takes what follows the first `;`, without that `;`; an empty text has no parameters.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Every parameter in order: name and value as written, the value empty where there is none.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        split(self.0, b';').filter(|part| !part.is_empty()).map(name_and_value)
    }

    /// The value of the first parameter of that name, in any case; empty where it has none. A
    /// quoted value stands without its quotes, its escapes kept.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| bare(value))
    }

    /// Whether a parameter of that name is there, with or without a value.
    #[must_use]
    pub fn has(self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the grammar is kept: no empty parameter, no open quote.
    pub(crate) fn is_sound(self) -> bool {
        self.0.is_empty()
            || split(self.0, b';').all(|part| {
                let (name, value) = name_and_value(part);
                let open = || quoted_end(value) != Some(value.len());
                is_token(name) && !(value.starts_with('"') && open())
            })
    }
}

fn name_and_value(param: &str) -> (&str, &str) {
    match param.bytes().position(|byte| byte == b'=') {
        Some(at) => (trim(before(param, at)), trim(after(param, at))),
        None => (param, ""),
    }
}

/// A quoted value without its quotes, its escapes kept; any other value as it is.
pub(crate) fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// Whether `value` is a token (RFC 3261 §25.1).
pub(crate) fn is_token(value: &str) -> bool {
    !value.is_empty()
        && value.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
                )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_split_only_outside_quotes_and_brackets() {
        let parts: Vec<_> = split(r#""a, \" b" <sip:x,y@h>;q=1 , <sip:c>, d"#, b',').collect();
        assert_eq!(parts, [r#""a, \" b" <sip:x,y@h>;q=1"#, "<sip:c>", "d"]);
    }

    // RFC 4475 §3.1.1.3: an escaped percent sign is unescaped once.
    #[test]
    fn escapes_are_undone_once_and_only_where_they_are_whole() {
        assert_eq!(unescape("value%2541"), "value%41");
        assert_eq!(unescape("a%4"), "a%4");
        assert_eq!(unescape("null-%00-null"), "null-\0-null");
        assert_eq!(unescape("%ff"), "%ff");
    }

    #[test]
    fn quoted_strings_lose_quotes_and_escapes() {
        assert_eq!(unquote(r#""J \"M\" \\ U""#), r#"J "M" \ U"#);
        assert_eq!(unquote("plain"), "plain");
    }

    #[test]
    fn parameters_are_found_in_any_case_and_quotes_are_taken_off() {
        let params = Params::new(r#"Tag = a ; lr;+sip.instance="<urn:uuid:1;2>""#);
        assert_eq!(params.get("tag"), Some("a"));
        assert_eq!(params.get("LR"), Some(""));
        assert_eq!(params.get("+SIP.instance"), Some("<urn:uuid:1;2>"));
        assert_eq!(params.get("ta"), None);
        assert!(params.is_sound());
        assert!(!Params::new("a;;b").is_sound());
        assert!(!Params::new("a=\"b").is_sound());
    }

    #[test]
    fn seconds_saturate_and_refuse_what_is_no_number() {
        assert_eq!(seconds("0060"), Some(60));
        assert_eq!(seconds("99999999999999999999"), Some(u32::MAX));
        assert_eq!(seconds("-1"), None);
        assert_eq!(seconds(""), None);
    }
}
