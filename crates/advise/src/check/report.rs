//! All findings of a check: what they come to, and the files mended.

use super::files::{File, Files};
use super::finding::{Edit, Finding, LineChange, Safety, Severity};

/// What a check has found.
#[derive(Clone, Debug)]
pub struct Report {
    /// Errors first, then warnings, then the rest; within each by file and line.
    pub findings: Vec<Finding>,
    /// What it took.
    pub work: Work,
    pub(super) files: Files,
}

/// What a check took, in steps that are the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Lines that were read.
    pub lines: usize,
    /// Unknown keys that were compared with the whole table.
    pub suggestions: usize,
    /// Servers that were located.
    pub locations: usize,
}

/// Whether warnings count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strictness {
    /// Errors alone make a check fail.
    Lenient,
    /// Warnings do as well.
    Strict,
}

/// Whether a text has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Plain text.
    Never,
    /// ANSI sequences.
    Always,
}

impl Report {
    pub(super) fn new(files: Files, mut findings: Vec<Finding>, work: Work) -> Self {
        let place = |name: &str| files.iter().position(|file| *file.name == *name);
        // What is said of a file as a whole comes behind what is said of its lines.
        let line = |finding: &Finding| finding.line.wrapping_sub(1);
        findings.sort_by_key(|finding| (finding.severity, place(&finding.file), line(finding)));
        Self { findings, work, files }
    }

    /// How many findings have this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The exit status of `sureline check`: 2 for errors, 1 for warnings where they count, else 0.
    #[must_use]
    pub fn exit_status(&self, strictness: Strictness) -> u8 {
        if self.count(Severity::Error) > 0 {
            2
        } else if strictness == Strictness::Strict && self.count(Severity::Warning) > 0 {
            1
        } else {
            0
        }
    }

    /// The changes to a file that `--fix` makes: those that are safe.
    pub fn safe_edits(&self, file: &str) -> impl Iterator<Item = &Edit> {
        let fixes = self.findings.iter().filter_map(|finding| finding.fix.as_ref());
        let safe = fixes.filter(|fix| fix.safety == Safety::Safe);
        safe.flat_map(|fix| &fix.edits).filter(move |edit| *edit.file == *file)
    }

    /// A file with every safe change made; `None` where there is none to make.
    ///
    /// Where two findings change one line, the first does; another check finds the rest.
    #[must_use]
    pub fn fixed(&self, file: &str) -> Option<Vec<u8>> {
        let mut edits: Vec<&Edit> = self.safe_edits(file).collect();
        edits.sort_by_key(|edit| edit.line);
        edits.dedup_by_key(|edit| edit.line);
        if edits.is_empty() {
            return None;
        }
        Some(edited(self.files.named(file)?, &edits))
    }
}

fn edited(file: &File, edits: &[&Edit]) -> Vec<u8> {
    let is_windows = file.bytes.windows(2).any(|pair| pair == b"\r\n");
    let default_end: &[u8] = if is_windows { b"\r\n" } else { b"\n" };
    let mut bytes = Vec::with_capacity(file.bytes.len());
    let mut edits = edits.iter().peekable();
    for (number, raw) in (1..).zip(file.bytes.split_inclusive(|byte| *byte == b'\n')) {
        let Some(edit) = edits.next_if(|edit| edit.line == number) else {
            bytes.extend(raw);
            continue;
        };
        let text = raw.strip_suffix(b"\n").unwrap_or(raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let end = raw.get(text.len()..).unwrap_or_default();
        let lines = match &edit.change {
            LineChange::Becomes(lines) => lines.clone(),
            LineChange::FollowedBy(lines) => {
                bytes.extend(text);
                if !lines.is_empty() {
                    bytes.extend(if end.is_empty() { default_end } else { end });
                }
                lines.clone()
            }
        };
        let between = if end.is_empty() { default_end } else { end };
        for (place, line) in lines.iter().enumerate() {
            bytes.extend(if place == 0 { &[][..] } else { between });
            bytes.extend(line.as_bytes());
        }
        bytes.extend(end);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use params::{Layer, Source};

    fn file(text: &str) -> Files {
        Files::new(&[Source { name: "a.cfg", layer: Layer::Mac, bytes: text.as_bytes() }])
    }

    fn with(text: &str, changes: &[(u32, LineChange)]) -> String {
        let files = file(text);
        let edits: Vec<Edit> = changes
            .iter()
            .map(|(line, change)| Edit {
                file: "a.cfg".into(),
                line: *line,
                change: change.clone(),
            })
            .collect();
        let edits: Vec<&Edit> = edits.iter().collect();
        String::from_utf8(edited(files.named("a.cfg").unwrap(), &edits)).unwrap()
    }

    #[test]
    fn an_edit_keeps_line_ends_and_all_other_lines() {
        let becomes = |text: &str| LineChange::Becomes(vec![text.to_owned()]);
        assert_eq!(with("a\r\nb\r\nc", &[(2, becomes("x"))]), "a\r\nx\r\nc");
        assert_eq!(with("a\nb", &[(2, becomes("x"))]), "a\nx");
        let two = LineChange::Becomes(vec!["x".to_owned(), "y".to_owned()]);
        assert_eq!(with("a\r\nb", &[(1, two)]), "x\r\ny\r\nb");
        let after = LineChange::FollowedBy(vec!["x".to_owned()]);
        assert_eq!(with("a\nb", &[(2, after)]), "a\nb\nx");
        assert_eq!(with("a\nb\n", &[(1, LineChange::Becomes(Vec::new()))]), "\nb\n");
    }
}
