//! The boot file: which files a phone fetches, in which order.

use std::str::FromStr as _;

use crate::file::{NotAConfig, refuse_other_formats};
use crate::layers::Blank;
use crate::model::Model;
use crate::value::BLANKS;

/// What a boot file tells one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boot {
    /// The files, in order: what comes later wins.
    pub includes: Vec<Include>,
    /// `overwrite_mode`.
    pub blank: Blank,
    /// What was read over.
    pub notes: Vec<BootNote>,
}

/// One file that a boot file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// A path or an address, as written.
    pub target: Box<str>,
    /// The line, from 1.
    pub line: u32,
}

/// Something of a boot file that does not act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BootNote {
    /// The first line is not `#!version:1.0.0.1`, without which the vendor's phones take no boot
    /// file.
    NoVersion,
    /// A line that says nothing to this phone, and how it begins.
    Unread {
        /// From 1.
        line: u32,
        /// Its beginning.
        text: Box<str>,
    },
    /// More than [`INCLUDES_MAX`] files are named; the rest is left out.
    TooMany,
}

/// Why a file is no boot file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABoot {
    /// It is something else.
    #[error("{0}")]
    Other(#[from] NotAConfig),
    /// It is empty.
    #[error("the file is empty")]
    Empty,
    /// No line of it is one of a boot file.
    #[error("the file has neither #!version:1.0.0.1 nor an include:config line")]
    NothingKnown,
}

/// Files that one boot file may name.
pub const INCLUDES_MAX: usize = 32;

impl Boot {
    /// Reads a boot file as `model` does.
    ///
    /// # Errors
    /// Says why it is none.
    pub fn parse(bytes: &[u8], model: Model) -> Result<Self, NotABoot> {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        refuse_other_formats(bytes, text)?;
        if text.trim_ascii().is_empty() {
            return Err(NotABoot::Empty);
        }
        let text = String::from_utf8_lossy(text);
        let mut reading = Reading::default();
        for (number, line) in (1..).zip(text.split('\n')) {
            reading.line(number, line.trim_end_matches('\r').trim_matches(BLANKS), model);
        }
        reading.finish()
    }
}

/// Whether a file is a boot file rather than one with settings, where its name does not tell.
pub(crate) fn is_boot(bytes: &[u8]) -> bool {
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_start);
    let mut includes = lines.filter(|line| !line.starts_with(b"#"));
    includes.any(|line| {
        let behind = line.iter().position(|byte| *byte == b']').map_or(0, |end| end + 1);
        let line =
            if line.starts_with(b"[") { line.get(behind..).unwrap_or_default() } else { line };
        line.trim_ascii_start().starts_with(b"include:config")
    })
}

#[derive(Default)]
struct Reading {
    has_version: bool,
    has_known: bool,
    /// Whether lines for this model shut out those for all.
    excluded_mode: bool,
    blank: Blank,
    /// Each with whether it is for models by name.
    includes: Vec<(bool, Include)>,
    notes: Vec<BootNote>,
}

impl Reading {
    fn line(&mut self, number: u32, line: &str, model: Model) {
        if line.is_empty() {
            return;
        }
        if let Some(comment) = line.strip_prefix('#') {
            let version = comment.strip_prefix("!version:").map(str::trim);
            self.has_version |= number == 1 && version.is_some_and(|v| v.starts_with("1.0.0."));
            return;
        }
        let (models, rest) = match line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((models, rest)) => (Some(models), rest.trim_start_matches(BLANKS)),
            None => (None, line),
        };
        if let Some(target) = rest.strip_prefix("include:config") {
            self.has_known = true;
            if models.is_none_or(|models| names(models, model)) {
                self.include(number, models.is_some(), target);
            }
        } else if let Some((key, value)) = rest.split_once('=') {
            self.setting(number, key.trim_matches(BLANKS), value.trim_matches(BLANKS));
        } else {
            self.unread(number, rest);
        }
    }

    fn include(&mut self, line: u32, by_name: bool, target: &str) {
        let target = bare(target);
        if target.is_empty() {
            self.unread(line, "include:config");
        } else if self.includes.len() < INCLUDES_MAX {
            self.includes.push((by_name, Include { target: target.into(), line }));
        } else if !self.notes.contains(&BootNote::TooMany) {
            self.notes.push(BootNote::TooMany);
        }
    }

    fn setting(&mut self, line: u32, key: &str, value: &str) {
        let is_on = match value {
            "1" => Some(true),
            "0" => Some(false),
            _ => None,
        };
        match (key, is_on) {
            ("overwrite_mode", Some(is_on)) => {
                self.has_known = true;
                self.blank = if is_on { Blank::Resets } else { Blank::Keeps };
            }
            (
                "specific_model.excluded_mode" | "static.specific_model.excluded_mode",
                Some(is_on),
            ) => {
                self.has_known = true;
                self.excluded_mode = is_on;
            }
            (other, _) => self.unread(line, other),
        }
    }

    fn unread(&mut self, line: u32, text: &str) {
        if self.notes.len() < NOTES_MAX {
            let text = text.chars().take(EXCERPT_CHARACTERS).filter(|c| !c.is_control()).collect();
            self.notes.push(BootNote::Unread { line, text });
        }
    }

    fn finish(mut self) -> Result<Boot, NotABoot> {
        if !self.has_version && !self.has_known {
            return Err(NotABoot::NothingKnown);
        }
        if !self.has_version {
            self.notes.insert(0, BootNote::NoVersion);
        }
        let own_only = self.excluded_mode && self.includes.iter().any(|(by_name, _)| *by_name);
        let includes = self.includes.into_iter().filter(|(by_name, _)| *by_name || !own_only);
        let includes = includes.map(|(_, include)| include).collect();
        Ok(Boot { includes, blank: self.blank, notes: self.notes })
    }
}

/// Whether a list such as `T46S,T23G` names the model.
fn names(models: &str, model: Model) -> bool {
    models.split(',').any(|name| Model::from_str(name) == Ok(model))
}

/// The path between `<` and `>`, quotes, or nothing.
fn bare(target: &str) -> &str {
    let target = target.trim_matches(BLANKS);
    let pairs = [('<', '>'), ('"', '"'), ('\'', '\''), ('\u{201c}', '\u{201d}')];
    let between = |(open, close)| target.strip_prefix(open)?.strip_suffix(close);
    pairs.into_iter().find_map(between).unwrap_or(target).trim_matches(BLANKS)
}

const NOTES_MAX: usize = 20;
const EXCERPT_CHARACTERS: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(text: &str) -> Boot {
        Boot::parse(text.as_bytes(), Model::SIP_T46G).unwrap()
    }

    fn targets(text: &str) -> Vec<String> {
        boot(text).includes.iter().map(|include| include.target.to_string()).collect()
    }

    const HEAD: &str = "#!version:1.0.0.1\n";

    #[test]
    fn includes_stand_in_brackets_quotes_or_alone_and_keep_their_order() {
        let text = format!(
            "{HEAD}## a comment\r\ninclude:config <a.cfg>\r\ninclude:config \"b/c d.cfg\"\n\
             include:config http://x/e.cfg\ninclude:config<f.cfg>\n#include:config <no.cfg>"
        );
        assert_eq!(targets(&text), ["a.cfg", "b/c d.cfg", "http://x/e.cfg", "f.cfg"]);
        assert_eq!(boot(&text).notes, []);
        assert_eq!(boot(&text).includes[1].line, 4);
    }

    #[test]
    fn lines_for_other_models_are_left_out() {
        let text = format!(
            "{HEAD}include:config <all.cfg>\n[T46G,T23G]include:config <ours.cfg>\n\
             [T46S]include:config <other.cfg>\n[SIP-T46G] include:config <too.cfg>"
        );
        assert_eq!(targets(&text), ["all.cfg", "ours.cfg", "too.cfg"]);
        let excluded = format!("{text}\nspecific_model.excluded_mode = 1");
        assert_eq!(targets(&excluded), ["ours.cfg", "too.cfg"]);
        let only_others = format!(
            "{HEAD}static.specific_model.excluded_mode=1\ninclude:config <all.cfg>\n\
             [T46S]include:config <other.cfg>"
        );
        assert_eq!(targets(&only_others), ["all.cfg"]);
    }

    #[test]
    fn overwrite_mode_says_what_blank_values_do() {
        assert_eq!(boot(HEAD).blank, Blank::Resets);
        assert_eq!(boot(&format!("{HEAD}overwrite_mode = 0")).blank, Blank::Keeps);
        assert_eq!(boot(&format!("{HEAD}overwrite_mode=1\n")).blank, Blank::Resets);
    }

    #[test]
    fn a_boot_file_without_includes_is_one() {
        assert_eq!(boot(HEAD).includes, []);
        assert_eq!(boot("include:config <a.cfg>").notes, [BootNote::NoVersion]);
    }

    #[test]
    fn what_is_no_boot_file_is_refused() {
        for (bytes, why) in [
            (&b""[..], NotABoot::Empty),
            (b" \r\n", NotABoot::Empty),
            (b"OK", NotABoot::NothingKnown),
            (b"account.1.enable = 1", NotABoot::NothingKnown),
            (b"<html>include:config <a.cfg>", NotABoot::Other(NotAConfig::WebPage)),
            (b"\0\0\0\0", NotABoot::Other(NotAConfig::Binary)),
        ] {
            assert_eq!(Boot::parse(bytes, Model::SIP_T46G), Err(why));
        }
    }

    #[test]
    fn lines_that_say_nothing_are_told_and_files_are_bounded() {
        let notes =
            boot(&format!("{HEAD}overwrite_mode = 2\ninclude <a.cfg>\ninclude:config <>")).notes;
        let lines: Vec<_> = notes
            .iter()
            .map(|note| match note {
                BootNote::Unread { line, text } => (*line, &**text),
                BootNote::NoVersion | BootNote::TooMany => panic!("{note:?}"),
            })
            .collect();
        assert_eq!(lines, [(2, "overwrite_mode"), (3, "include <a.cfg>"), (4, "include:config")]);
        let many = boot(&format!("{HEAD}{}", "include:config <a.cfg>\n".repeat(40)));
        assert_eq!((many.includes.len(), many.notes), (INCLUDES_MAX, vec![BootNote::TooMany]));
    }

    #[test]
    fn a_boot_file_is_told_from_settings_by_its_lines() {
        assert!(is_boot(b"#!version:1.0.0.1\n[T46G] include:config <a>"));
        assert!(!is_boot(
            b"#!version:1.0.0.1\n#include:config <a>\naccount.1.label = include:config"
        ));
    }
}
