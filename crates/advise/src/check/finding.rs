//! One thing that is wrong or worth knowing, with its place and what to do about it.

use std::fmt;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The phone will not do what the line says.
    Error,
    /// It will, but hardly as meant.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The word for it in every output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The file as its source named it.
    pub file: Box<str>,
    /// From 1; 0: the file as a whole.
    pub line: u32,
    /// In characters from 1; 0: the line as a whole.
    pub column: u32,
    /// How many characters are meant; 0 where the column is 0.
    pub length: u32,
    /// What to say at the place; blank: nothing.
    pub label: Box<str>,
}

impl Mark {
    /// The same place with something to say.
    #[must_use]
    pub(crate) fn saying(mut self, label: impl Into<Box<str>>) -> Self {
        self.label = label.into();
        self
    }
}

/// What a check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule; it never changes its meaning.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// The file as its source named it.
    pub file: Box<str>,
    /// From 1; 0: the file as a whole.
    pub line: u32,
    /// In characters from 1; 0: the line as a whole.
    pub column: u32,
    /// How many characters are meant; 0 where the column is 0.
    pub length: u32,
    /// What to say at the place; blank: nothing.
    pub label: Box<str>,
    /// What the phone does, in one sentence without full stop.
    pub message: String,
    /// Further places that belong to it.
    pub related: Vec<Mark>,
    /// More to know.
    pub notes: Vec<String>,
    /// What to do.
    pub help: Option<String>,
    /// A change that would do it.
    pub fix: Option<Fix>,
    /// The accounts that it is about; none where it is about no account.
    pub accounts: Vec<u8>,
}

impl Finding {
    pub(crate) fn new(
        code: &'static str,
        severity: Severity,
        at: Mark,
        message: impl Into<String>,
    ) -> Self {
        let Mark { file, line, column, length, label } = at;
        Self {
            code,
            severity,
            file,
            line,
            column,
            length,
            label,
            message: message.into(),
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: None,
            accounts: Vec::new(),
        }
    }

    pub(crate) fn error(code: &'static str, at: Mark, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, at, message)
    }

    pub(crate) fn warning(code: &'static str, at: Mark, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, at, message)
    }

    pub(crate) fn info(code: &'static str, at: Mark, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Info, at, message)
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    pub(crate) fn see(mut self, marks: impl IntoIterator<Item = Mark>) -> Self {
        self.related.extend(marks);
        self
    }

    pub(crate) fn fix(mut self, fix: Option<Fix>) -> Self {
        self.fix = fix;
        self
    }

    pub(crate) fn of_account(mut self, account: u8) -> Self {
        self.accounts.push(account);
        self
    }

    /// Its place.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            length: self.length,
            label: self.label.clone(),
        }
    }
}

/// Whether a change may be made without a look at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Safety {
    /// The phone does the same afterwards, or what the line says beyond doubt.
    Safe,
    /// It changes what the phone does: somebody has to want it.
    Suggested,
}

/// A change that would do away with a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What it does, in a few words.
    pub title: String,
    /// Whether it may be made unseen.
    pub safety: Safety,
    /// The lines to change, all in one file.
    pub edits: Vec<Edit>,
}

impl Fix {
    pub(crate) fn new(title: impl Into<String>, safety: Safety, edits: Vec<Edit>) -> Self {
        Self { title: title.into(), safety, edits }
    }
}

/// A change to one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file as its source named it.
    pub file: Box<str>,
    /// From 1.
    pub line: u32,
    /// What becomes of it.
    pub change: LineChange,
}

/// What becomes of a line; texts have no line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineChange {
    /// These lines stand in its place.
    Becomes(Vec<String>),
    /// It stays, and these lines follow.
    FollowedBy(Vec<String>),
}

/// A text from a file as messages show it: short, without control characters.
pub(crate) fn shown(text: impl AsRef<str>) -> String {
    let mut characters = text.as_ref().chars();
    let mut shown: String = characters
        .by_ref()
        .take(SHOWN_MAX)
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

const SHOWN_MAX: usize = 80;

/// Seconds as people write them: `7.5 s`, `3607.5 s`, `32 s`.
pub(crate) fn seconds(time: std::time::Duration) -> String {
    let thousandths = (time.as_secs_f64() * 1000.0).round() / 1000.0;
    format!("{thousandths} s")
}

/// `1`, `1 and 2`, `1, 2 and 3`.
pub(crate) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [before @ .., last] => format!("{} and {last}", before.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_short_and_has_no_control_characters() {
        assert_eq!(shown("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert_eq!(shown("x".repeat(81)).chars().count(), 81);
        assert!(shown("x".repeat(81)).ends_with('…'));
    }

    #[test]
    fn seconds_have_no_more_decimals_than_they_need() {
        for (millis, text) in
            [(7500, "7.5 s"), (32_000, "32 s"), (31_500, "31.5 s"), (1, "0.001 s")]
        {
            assert_eq!(seconds(std::time::Duration::from_millis(millis)), text);
        }
    }
}
