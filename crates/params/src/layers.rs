//! Files one over the other, each value with its origin.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use crate::file::{Content, Line, lines};
use crate::key::Key;
use crate::origin::{Layer, Origin};
use crate::problem::{Finding, Found, ParamError, Problem};
use crate::secret::{HIDDEN, Secret, without_login};
use crate::value::Fault;

/// One file, or the command line, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// How messages name it.
    pub name: &'a str,
    /// What it is.
    pub layer: Layer,
    /// Its content; for [`Layer::Set`] lines of the same form.
    pub bytes: &'a [u8],
}

/// What a blank value does, `overwrite_mode` of the boot file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blank {
    /// It takes the key back to its default (1).
    #[default]
    Resets,
    /// It changes nothing, but `%NULL%` and `%EMPTY%` do (0).
    Keeps,
}

/// A line that assigns a value to a key.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The key.
    pub key: Key,
    /// The value as written, blanks cut; a password stands here in full.
    pub value: Box<str>,
    /// What became of it.
    pub verdict: Verdict,
    /// Where it was written; the column is that of the value.
    pub origin: Origin,
    /// The column of the key.
    pub key_column: u32,
}

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is permitted as written.
    Taken,
    /// It is taken in this form: a number without leading zeros, an address without brackets.
    TakenAs(Box<str>),
    /// The nearest permitted value is taken.
    Mended(Box<str>),
    /// It is blank.
    Blank,
    /// It is blank by `%NULL%` or `%EMPTY%`.
    Null,
    /// It is not permitted, and what held before still holds.
    Refused(Fault),
}

impl Assignment {
    /// The value that it gives the key: blank where it resets it, `None` where it does nothing.
    fn gives(&self, blank: Blank) -> Option<&str> {
        match &self.verdict {
            Verdict::Taken => Some(&self.value),
            Verdict::TakenAs(value) | Verdict::Mended(value) => Some(value),
            Verdict::Null => Some(""),
            // `overwrite_mode` is about files of a server; what the user leaves blank is blank.
            Verdict::Blank => {
                (blank == Blank::Resets || self.origin.layer >= Layer::Local).then_some("")
            }
            Verdict::Refused(_) => None,
        }
    }

    pub(crate) fn error(&self, problem: Problem) -> ParamError {
        ParamError {
            key: self.key,
            value: self.shown().into(),
            origin: self.origin.clone(),
            problem,
        }
    }

    /// The value for messages: nothing of a secret, nor of an address with a password in it.
    #[must_use]
    pub fn shown(&self) -> &str {
        let is_blank = self.value.is_empty();
        let tells = self.key.row().secret || without_login(&self.value) != *self.value;
        if tells && !is_blank { HIDDEN } else { &self.value }
    }
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = {}", self.origin, self.key, self.shown())
    }
}

/// A value that holds, and where it was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Effective<'a> {
    /// The value in the form that settings take; never blank.
    pub value: &'a str,
    /// Where it was written.
    pub origin: &'a Origin,
}

/// All assignments of all files, in order.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    assignments: Vec<Assignment>,
    by_key: BTreeMap<Key, Vec<usize>>,
    blank: Blank,
}

impl Layers {
    /// Reads the sources in the order given: later lines win over earlier ones, whatever their
    /// layer. A blank value takes its key back to the default.
    ///
    /// A finding that refuses a file means that nothing of that file is here; the caller decides
    /// whether to go on without it.
    #[must_use]
    pub fn load(sources: &[Source<'_>]) -> (Self, Vec<Finding>) {
        Self::load_with(sources, Blank::Resets)
    }

    /// As [`Layers::load`], with blank values as the boot file wants them.
    #[must_use]
    pub fn load_with(sources: &[Source<'_>], blank: Blank) -> (Self, Vec<Finding>) {
        let mut layers = Self { blank, ..Self::default() };
        let mut findings = Vec::new();
        for source in sources {
            let mut found = Findings::default();
            layers.read(source, &mut found);
            found.append_to(&mut findings, source);
        }
        (layers, findings)
    }

    /// Every assignment, in order, those that were refused or overridden included.
    #[must_use]
    pub fn assignments(&self) -> &[Assignment] {
        &self.assignments
    }

    /// The assignments of one key, in order; the last one that was not refused holds.
    pub fn assignments_of(&self, key: Key) -> impl DoubleEndedIterator<Item = &Assignment> {
        let places = self.by_key.get(&key).map_or(&[][..], Vec::as_slice);
        places.iter().filter_map(|place| self.assignments.get(*place))
    }

    /// The value that the files give a key; `None`: its default holds.
    #[must_use]
    pub fn effective(&self, key: Key) -> Option<Effective<'_>> {
        let holds = |assignment: &'_ Assignment| assignment.gives(self.blank).is_some();
        let assignment = self.assignments_of(key).rev().find(|assignment| holds(assignment))?;
        let value = assignment.gives(self.blank).filter(|value| !value.is_empty())?;
        Some(Effective { value, origin: &assignment.origin })
    }

    /// The keys that have a value, in the order of the table.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.by_key.keys().copied().filter(|key| self.effective(*key).is_some())
    }

    /// The accounts that have any value.
    #[must_use]
    pub fn accounts(&self) -> BTreeSet<u8> {
        self.keys().filter_map(Key::account).collect()
    }

    /// The first number of each key below `prefix` that has a value.
    pub(crate) fn numbers_below(&self, prefix: &str) -> BTreeSet<u16> {
        let below = |key: &Key| key.row().pattern.starts_with(prefix);
        self.keys().filter(below).map(|key| key.numbers()[0]).collect()
    }

    /// The web users and their passwords, from all lines of `static.security.user_password`.
    #[must_use]
    pub fn user_passwords(&self) -> BTreeMap<&str, Secret> {
        let Some(key) = Key::of("static.security.user_password", [0, 0]) else {
            return BTreeMap::new();
        };
        let pairs = self.assignments_of(key).filter_map(|line| line.value.split_once(':'));
        pairs.map(|(user, password)| (user, Secret::new(password))).collect()
    }

    fn read(&mut self, source: &Source<'_>, found: &mut Findings) {
        let file: Arc<str> = source.name.into();
        let at =
            |line, column| Origin { layer: source.layer, file: Arc::clone(&file), line, column };
        let lines = match lines(source.bytes) {
            Ok(lines) => lines,
            Err((why, line)) => return found.push(at(line, 0), Found::Refused(why)),
        };
        for Line { number, content, mended } in lines {
            if mended {
                found.push(at(number, 0), Found::Encoding);
            }
            match content {
                Content::TooLong => found.push(at(number, 0), Found::LineTooLong),
                Content::Torn(text) => found.push(at(number, 1), torn(&text)),
                Content::Assignment { key, key_column, value, value_column } => {
                    match permitted_key(&key, source.layer) {
                        Ok(key) => {
                            let verdict = verdict(key, &value);
                            let origin = at(number, value_column);
                            let value = value.into();
                            self.assign(
                                Assignment { key, value, verdict, origin, key_column },
                                found,
                            );
                        }
                        Err(fault) => found.push(at(number, key_column), fault),
                    }
                }
            }
        }
    }

    fn assign(&mut self, assignment: Assignment, found: &mut Findings) {
        if let Some(problem) = self.problem(&assignment) {
            let error = assignment.error(problem);
            found.push(error.origin.clone(), Found::Value(Box::new(error)));
        }
        self.by_key.entry(assignment.key).or_default().push(self.assignments.len());
        self.assignments.push(assignment);
    }

    fn problem(&self, assignment: &Assignment) -> Option<Problem> {
        match &assignment.verdict {
            Verdict::Refused(fault) => {
                let former = self.effective(assignment.key).map(|former| former.value);
                let kept = former.unwrap_or(assignment.key.row().default);
                Some(Problem::Refused { fault: fault.clone(), kept: kept.into() })
            }
            Verdict::Mended(taken) => Some(Problem::Mended { taken: taken.clone() }),
            Verdict::Taken | Verdict::TakenAs(_) | Verdict::Blank | Verdict::Null => None,
        }
    }
}

fn verdict(key: Key, value: &str) -> Verdict {
    match value {
        "" => return Verdict::Blank,
        "%NULL%" | "%EMPTY%" => return Verdict::Null,
        _ => {}
    }
    match key.check(value) {
        Ok(permitted) if permitted.mended => Verdict::Mended(permitted.value.into()),
        Ok(permitted) if permitted.value == value => Verdict::Taken,
        Ok(permitted) => Verdict::TakenAs(permitted.value.into()),
        Err(fault) => Verdict::Refused(fault),
    }
}

fn permitted_key(text: &str, layer: Layer) -> Result<Key, Found> {
    match text.parse::<Key>() {
        Ok(key) if layer == Layer::Local && text.starts_with("static.") => {
            Err(Found::StaticInLocal(key))
        }
        Ok(key) => Ok(key),
        Err(_) if text.starts_with('#') => Err(Found::IndentedComment),
        Err(_) if text.starts_with("include:") => Err(Found::BootLine),
        Err(fault) => {
            Err(Found::NoKey { key: shortened(text, |c| matches!(c, ' ' | '\t' | ':')), fault })
        }
    }
}

fn torn(text: &str) -> Found {
    if text.starts_with('#') {
        return Found::IndentedComment;
    }
    if text.contains("include:config") {
        return Found::BootLine;
    }
    Found::TornLine(shortened(text, |c| !c.is_alphanumeric() && !matches!(c, '_' | '.')))
}

/// The text before the first character that ends a key, marked if something was left out.
///
/// What stands behind it may be a password that lost its `=`, and secrets are never logged
/// (behaviour.md §9).
fn shortened(text: &str, ends_key: fn(char) -> bool) -> Box<str> {
    match text.split_once(ends_key) {
        Some((key, _)) => format!("{key}…").into(),
        None => text.into(),
    }
}

/// What was found in one file; a hostile one fills no memory with it.
#[derive(Default)]
struct Findings {
    kept: Vec<Finding>,
    left_out: u32,
}

/// Findings of one file that are listed.
pub(crate) const FINDINGS_MAX: usize = 1000;

impl Findings {
    fn push(&mut self, origin: Origin, found: Found) {
        if self.kept.len() < FINDINGS_MAX {
            self.kept.push(Finding { origin, found });
        } else {
            self.left_out = self.left_out.saturating_add(1);
        }
    }

    fn append_to(mut self, all: &mut Vec<Finding>, source: &Source<'_>) {
        all.append(&mut self.kept);
        if self.left_out > 0 {
            let origin =
                Origin { layer: source.layer, file: source.name.into(), line: 0, column: 0 };
            all.push(Finding { origin, found: Found::More(self.left_out) });
        }
    }
}
