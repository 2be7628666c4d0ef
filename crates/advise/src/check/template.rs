//! Templates of provisioning systems: files whose values are filled in for each phone.

use std::collections::BTreeMap;
use std::fmt;

use params::Key;

use super::files::{File, Files, count};
use super::finding::Mark;

/// The language of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    Smarty,
    TwigOrJinja,
    Erb,
    Php,
    DoublePercent,
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Smarty => "Smarty placeholders ({$name}), as FusionPBX has them",
            Self::TwigOrJinja => {
                "Jinja or Twig placeholders ({{ name }}), as Wazo and NethVoice have them"
            }
            Self::Erb => "ERB placeholders (<%= name %>)",
            Self::Php => "PHP placeholders (<?= name ?>)",
            Self::DoublePercent => "placeholders (%%name%%), as 3CX has them",
        })
    }
}

/// The files of a check that are templates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Templates(BTreeMap<Box<str>, Template>);

/// What makes a file a template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) dialect: Dialect,
    /// The first placeholder.
    pub(crate) first: Mark,
    /// The lines that hold one.
    pub(crate) lines: usize,
}

impl Templates {
    pub(crate) fn find(files: &Files) -> Self {
        let found = files.iter().filter_map(|file| Some((file.name.clone(), template(file)?)));
        Self(found.collect())
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.0.contains_key(file)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Template> {
        self.0.values()
    }
}

/// Whether something is filled in or steered in this line.
pub(crate) fn has_tag(line: &str) -> bool {
    !tags(line).is_empty()
}

fn template(file: &File) -> Option<Template> {
    let mut found: Option<Template> = None;
    for (number, line) in file.lines() {
        if line.starts_with('#') || is_secret(&line) {
            continue;
        }
        let Some(tag) = tags(&line).into_iter().next() else { continue };
        match &mut found {
            Some(template) => template.lines += 1,
            None => {
                let before = line.get(..tag.start).unwrap_or_default().chars().count();
                let length = line.get(tag.start..tag.end).unwrap_or_default().chars().count();
                let first = file.at(number, count(before) + 1, count(length));
                found = Some(Template { dialect: tag.dialect, first, lines: 1 });
            }
        }
    }
    found
}

/// A password may look like anything.
fn is_secret(line: &str) -> bool {
    let key = line.split_once('=').and_then(|(key, _)| key.trim().parse::<Key>().ok());
    key.is_some_and(|key| key.row().secret)
}

/// A placeholder or a statement in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    dialect: Dialect,
    /// Whether a value comes in its place; else it steers.
    is_value: bool,
    start: usize,
    end: usize,
}

/// How tags begin and end; of several beginnings at one place the first counts.
const FORMS: [(&str, &str, Dialect, bool); 10] = [
    ("{{", "}}", Dialect::TwigOrJinja, true),
    ("{%", "%}", Dialect::TwigOrJinja, false),
    ("{#", "#}", Dialect::TwigOrJinja, false),
    ("{$", "}", Dialect::Smarty, true),
    ("{*", "*}", Dialect::Smarty, false),
    ("<%=", "%>", Dialect::Erb, true),
    ("<%", "%>", Dialect::Erb, false),
    ("<?=", "?>", Dialect::Php, true),
    ("<?php", "?>", Dialect::Php, false),
    ("%%", "%%", Dialect::DoublePercent, true),
];

fn tags(line: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(rest) = line.get(at..) {
        let Some(offset) = rest.find(['{', '<', '%']) else { break };
        let start = at + offset;
        let tag = tag_at(line, start);
        at = tag.map_or(start + 1, |tag| tag.end);
        tags.extend(tag);
    }
    tags
}

fn tag_at(line: &str, start: usize) -> Option<Tag> {
    let rest = line.get(start..)?;
    if let Some(end) = smarty_statement(rest) {
        return Some(Tag { dialect: Dialect::Smarty, is_value: false, start, end: start + end });
    }
    let (opens, closes, dialect, is_value) =
        FORMS.into_iter().find(|(opens, ..)| rest.starts_with(opens))?;
    let inside = rest.get(opens.len()..)?;
    let length = inside.find(closes);
    if dialect == Dialect::DoublePercent {
        let name = inside.get(..length?)?;
        let is_name = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b':'));
        if !is_name {
            return None;
        }
    }
    let end = match length {
        Some(length) => start + opens.len() + length + closes.len(),
        None => line.len(), // It goes on in the next line.
    };
    Some(Tag { dialect, is_value, start, end })
}

/// The length of a Smarty statement such as `{if $x}` or `{/foreach}` at the beginning of `rest`.
fn smarty_statement(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('{')?;
    let end = inside.find('}')?;
    let statement = inside.get(..end)?;
    let word: String = statement
        .strip_prefix('/')
        .unwrap_or(statement)
        .chars()
        .take_while(char::is_ascii_lowercase)
        .collect();
    let after = statement.trim_start_matches('/').get(word.len()..)?;
    let ends_there = after.is_empty() || after.starts_with([' ', '=', '(']);
    (SMARTY_WORDS.contains(&word.as_str()) && ends_there).then_some(end + 2)
}

const SMARTY_WORDS: [&str; 11] = [
    "if",
    "else",
    "elseif",
    "foreach",
    "foreachelse",
    "section",
    "for",
    "assign",
    "literal",
    "include",
    "capture",
];

/// A line of a template as far as it is the same for every phone.
pub(crate) fn plain(line: &str) -> String {
    let tags = tags(line);
    if tags.is_empty() || line.starts_with('#') {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    let mut at = 0;
    for tag in tags {
        text.push_str(line.get(at..tag.start).unwrap_or_default());
        match tag.is_value {
            // Any number is permitted where a key has one.
            true => text.push('1'),
            false => {
                let length = line.get(tag.start..tag.end).unwrap_or_default().chars().count();
                text.extend(std::iter::repeat_n(' ', length));
            }
        }
        at = tag.end;
    }
    text.push_str(line.get(at..).unwrap_or_default());
    match text.split_once('=') {
        Some((key, _)) if looks_like_a_key(key.trim()) => format!("{key}="),
        Some(_) | None => "#".to_owned(),
    }
}

fn looks_like_a_key(text: &str) -> bool {
    text.contains('.')
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use params::{Layer, Source};

    fn found(text: &str) -> Option<(Dialect, u32, usize)> {
        let source = Source { name: "t.cfg", layer: Layer::Common, bytes: text.as_bytes() };
        let templates = Templates::find(&Files::new(&[source]));
        templates.iter().next().map(|t| (t.dialect, t.first.line, t.lines))
    }

    #[test]
    fn templates_are_told_by_their_placeholders() {
        for (text, dialect) in [
            ("account.1.label = {$account.1.display_name}", Dialect::Smarty),
            ("{if isset($x)}\naccount.1.enable = 1\n{/if}", Dialect::Smarty),
            ("account.{{ line_no }}.enable = 1", Dialect::TwigOrJinja),
            ("{% for l in lines -%}", Dialect::TwigOrJinja),
            ("account.1.label = <%= label %>", Dialect::Erb),
            ("account.1.label = %%extension_number%%", Dialect::DoublePercent),
            ("account.1.label = <?= $label ?>", Dialect::Php),
        ] {
            assert_eq!(found(text).map(|(dialect, ..)| dialect), Some(dialect), "{text}");
        }
    }

    #[test]
    fn what_only_looks_alike_is_none() {
        for text in [
            "account.1.auto_label.rule = {L}_{1}",
            "account.1.password = {{x}}{$y}%%z%%",
            "# {$microtime}",
            "dialplan.replace.line_id.1 = <8>",
            "voice.tone.dial = 100%%",
            "account.1.label = {iffy}",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn a_line_of_a_template_keeps_its_key() {
        for (line, expected) in [
            ("account.1.label = {$x}", "account.1.label ="),
            ("account.{{ n }}.enable = 1", "account.1.enable ="),
            (
                "{if $t == 'udp'}account.1.transport = 0{/if}",
                "                account.1.transport =",
            ),
            ("{% if a == b %}", "#"),
            ("{{ XX_fkeys }}", "#"),
            ("account.1.enable = 1", "account.1.enable = 1"),
        ] {
            assert_eq!(plain(line), expected);
        }
    }
}
