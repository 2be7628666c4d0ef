//! A report for people: each finding with its line, the place marked, in the look of rustc.

use std::ops::Range;

use annotate_snippets::{
    Annotation, AnnotationKind, Group, Level, Origin, Padding, Patch, Renderer, Snippet,
};

use super::files::{File, printable};
use super::finding::{Edit, Finding, Fix, LineChange, Mark, Safety, Severity, listed};
use super::report::{Colour, Report};

impl Report {
    /// The report as text, at most `width` columns wide where lines of files allow it.
    #[must_use]
    pub fn render(&self, colour: Colour, width: usize) -> String {
        let renderer = match colour {
            Colour::Never => Renderer::plain(),
            Colour::Always => Renderer::styled(),
        };
        let width = width.max(WIDTH_MIN);
        let renderer = renderer.term_width(width);
        let mut text = String::new();
        for finding in &self.findings {
            text.push_str(&renderer.render(&self.groups(finding, width)));
            text.push_str("\n\n");
        }
        text.push_str(&self.summary());
        text.push('\n');
        text
    }

    /// One line that says what it comes to: `1 error, 2 warnings and 3 notes`.
    #[must_use]
    pub fn summary(&self) -> String {
        let named = [
            (self.count(Severity::Error), "error"),
            (self.count(Severity::Warning), "warning"),
            (self.count(Severity::Info), "note"),
        ];
        let counted: Vec<String> = named
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
            .collect();
        let files = self.files.iter().count();
        let lines = self.work.lines;
        let read = format!(
            "{lines} line{} of {files} file{}",
            if lines == 1 { "" } else { "s" },
            if files == 1 { "" } else { "s" },
        );
        let fixable = self.files.iter().filter(|file| self.fixed(&file.name).is_some()).count();
        let fix = if fixable > 0 { "; --fix mends what is safe to mend" } else { "" };
        match counted.is_empty() {
            true => format!("nothing to say about {read}"),
            false => format!("{} in {read}{fix}", listed(&counted)),
        }
    }

    fn groups<'a>(&'a self, finding: &'a Finding, width: usize) -> Vec<Group<'a>> {
        let level = match finding.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        let title = level.primary_title(&finding.message).id(finding.code);
        let mut group = Group::with_title(title);
        for snippet in self.snippets(finding) {
            group = group.element(snippet);
        }
        let places_without_lines = [finding.mark()].into_iter().filter(|mark| mark.line == 0);
        for mark in places_without_lines.filter(|mark| !mark.file.is_empty()) {
            group = group.element(Origin::path(mark.file.into_string()));
        }
        let has_more = !finding.notes.is_empty() || finding.help.is_some();
        if finding.line > 0 && has_more {
            group = group.element(Padding);
        }
        for note in notes(finding) {
            group = group.element(Level::NOTE.message(wrapped(&note, width)));
        }
        if let Some(help) = &finding.help {
            group = group.element(Level::HELP.message(wrapped(help, width)));
        }
        let mut groups = vec![group];
        groups.extend(finding.fix.as_ref().and_then(|fix| self.diff(fix)));
        groups
    }

    /// The lines of a finding, one snippet for each stretch of neighbouring lines.
    fn snippets(&self, finding: &Finding) -> Vec<Snippet<'_, Annotation<'_>>> {
        let marks = [(finding.mark(), AnnotationKind::Primary)].into_iter();
        let related = finding.related.iter().map(|mark| (mark.clone(), AnnotationKind::Context));
        let marks: Vec<(Mark, AnnotationKind)> =
            marks.chain(related).filter(|(mark, _)| mark.line > 0).collect();
        let mut snippets = Vec::new();
        let mut taken: Vec<bool> = marks.iter().map(|_| false).collect();
        for place in 0..marks.len() {
            if taken.get(place).copied().unwrap_or(true) {
                continue;
            }
            let Some((first, _)) = marks.get(place) else { continue };
            let Some(file) = self.files.named(&first.file) else { continue };
            let together: Vec<&(Mark, AnnotationKind)> = marks
                .iter()
                .zip(&mut taken)
                .filter(|((mark, _), taken)| {
                    !**taken && mark.file == first.file && mark.line.abs_diff(first.line) <= NEAR
                })
                .map(|(mark, taken)| {
                    *taken = true;
                    mark
                })
                .collect();
            snippets.push(snippet(file, &together));
        }
        snippets
    }

    fn diff(&self, fix: &Fix) -> Option<Group<'_>> {
        let first = fix.edits.first()?;
        let file = self.files.named(&first.file)?;
        let note = match fix.safety {
            Safety::Safe => "",
            Safety::Suggested => " (not made by --fix)",
        };
        let mut group =
            Group::with_title(Level::HELP.secondary_title(format!("{}{note}", fix.title)));
        for edit in fix.edits.iter().take(EDITS_SHOWN) {
            group = group.element(patch(file, edit)?);
        }
        let left = fix.edits.len().saturating_sub(EDITS_SHOWN);
        if left > 0 {
            let text = format!("and {left} further lines likewise");
            group = group.element(Level::NOTE.message(text));
        }
        Some(group)
    }
}

fn notes(finding: &Finding) -> impl Iterator<Item = String> {
    let others = finding.accounts.get(1..).unwrap_or_default();
    let numbers: Vec<String> = others.iter().map(u8::to_string).collect();
    let also = match others.len() {
        0 => None,
        1 => Some(format!("the same holds for account {}", listed(&numbers))),
        _ => Some(format!("the same holds for accounts {}", listed(&numbers))),
    };
    finding.notes.iter().cloned().chain(also)
}

/// The lines from the first mark to the last with all marks.
fn snippet<'a>(file: &'a File, marks: &[&(Mark, AnnotationKind)]) -> Snippet<'a, Annotation<'a>> {
    let numbers = marks.iter().map(|(mark, _)| mark.line);
    let first = numbers.clone().min().unwrap_or(1);
    let last = numbers.max().unwrap_or(first);
    let mut text = String::new();
    let mut annotations = Vec::new();
    for number in first..=last {
        let start = text.len();
        let line = file.shown_line(number).unwrap_or_default();
        for (mark, kind) in marks.iter().filter(|(mark, _)| mark.line == number) {
            let span = span(&line, mark);
            let annotation = kind.span(start + span.start..start + span.end);
            annotations.push(match mark.label.is_empty() {
                true => annotation,
                false => annotation.label(mark.label.clone().into_string()),
            });
        }
        text.push_str(&line);
        text.push('\n');
    }
    Snippet::source(text)
        .line_start(usize::try_from(first).unwrap_or(1))
        .path(file.name.clone().into_string())
        .annotations(annotations)
}

/// The bytes of a shown line that a mark means. A hidden password is shorter than what was marked.
fn span(line: &str, mark: &Mark) -> Range<usize> {
    let at = |characters: usize| {
        line.char_indices().nth(characters).map_or(line.len(), |(byte, _)| byte)
    };
    let column = usize::try_from(mark.column).unwrap_or(0);
    if column == 0 {
        return 0..line.len();
    }
    let length = usize::try_from(mark.length).unwrap_or(0);
    at(column - 1)..at((column - 1).saturating_add(length))
}

/// The change to a line; none where nothing of it can be seen.
fn patch(file: &File, edit: &Edit) -> Option<Snippet<'static, Patch<'static>>> {
    let line = file.shown_line(edit.line)?;
    let hidden =
        |lines: &[String]| -> Vec<String> { lines.iter().map(|line| printable(line)).collect() };
    let patches = match &edit.change {
        LineChange::Becomes(lines) => between(&line, &hidden(lines)),
        LineChange::FollowedBy(lines) => {
            vec![Patch::new(line.len()..line.len(), format!("\n{}", hidden(lines).join("\n")))]
        }
    };
    if patches.is_empty() {
        return None;
    }
    Some(
        Snippet::source(line)
            .line_start(usize::try_from(edit.line).unwrap_or(1))
            .path(file.name.clone().into_string())
            .patches(patches),
    )
}

/// The smallest patches that make `lines` of `line`.
fn between(line: &str, lines: &[String]) -> Vec<Patch<'static>> {
    // A comment that moves to a line of its own.
    if let [above, kept] = lines
        && let Some(rest) = line.strip_prefix(kept.as_str())
        && !rest.is_empty()
    {
        let cut = line.len() - rest.len();
        return vec![Patch::new(0..0, format!("{above}\n")), Patch::new(cut..line.len(), "")];
    }
    // Two lines that were one.
    if let [first, second] = lines
        && line.starts_with(first.as_str())
        && line.ends_with(second.as_str())
    {
        let cut = Patch::new(first.len()..line.len(), "");
        return vec![cut, Patch::new(line.len()..line.len(), format!("\n{second}"))];
    }
    let new = lines.join("\n");
    let equal_characters = |a: &str, b: &str| -> usize {
        let pairs = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
        pairs.map(|(a, _)| a.len_utf8()).sum()
    };
    let prefix = equal_characters(line, &new);
    let (old_rest, new_rest) = (line.split_at(prefix).1, new.split_at(prefix).1);
    let backwards = |a: &str, b: &str| -> usize {
        let pairs = a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b);
        pairs.map(|(a, _)| a.len_utf8()).sum()
    };
    let suffix = backwards(old_rest, new_rest);
    let old = prefix..line.len() - suffix;
    let added = new_rest.get(..new_rest.len() - suffix).unwrap_or_default().to_owned();
    if old.is_empty() && added.is_empty() {
        return Vec::new();
    }
    vec![Patch::new(old, added)]
}

/// A text in lines that fit behind ` = note: ` and a line number of five figures.
fn wrapped(text: &str, width: usize) -> String {
    let room = width.saturating_sub(MESSAGE_INDENT).max(WIDTH_MIN / 2);
    let (mut wrapped, mut used) = (String::with_capacity(text.len()), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > room {
            wrapped.push('\n');
            used = 0;
        } else if used > 0 {
            wrapped.push(' ');
            used += 1;
        }
        wrapped.push_str(word);
        used += length;
    }
    wrapped
}

/// What stands before a note.
const MESSAGE_INDENT: usize = 15;
/// Marks so many lines apart or less are shown in one piece.
const NEAR: u32 = 4;
/// Changed lines of one fix that are shown.
const EDITS_SHOWN: usize = 3;
/// Less would leave no room for a line at all.
const WIDTH_MIN: usize = 40;
