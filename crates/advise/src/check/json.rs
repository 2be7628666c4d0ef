//! A report as JSON.

use serde::Serialize;

use super::files::without_secrets;
use super::finding::{Edit, Finding, Fix, LineChange, Mark, Safety, Severity};
use super::report::Report;

#[derive(Serialize)]
struct Output<'a> {
    errors: usize,
    warnings: usize,
    infos: usize,
    findings: Vec<FindingOut<'a>>,
}

#[derive(Serialize)]
struct FindingOut<'a> {
    code: &'static str,
    severity: &'static str,
    file: &'a str,
    line: u32,
    column: u32,
    length: u32,
    message: &'a str,
    label: &'a str,
    notes: &'a [String],
    help: Option<&'a str>,
    accounts: &'a [u8],
    related: Vec<MarkOut<'a>>,
    fix: Option<FixOut<'a>>,
}

#[derive(Serialize)]
struct MarkOut<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    length: u32,
    label: &'a str,
}

#[derive(Serialize)]
struct FixOut<'a> {
    title: &'a str,
    safe: bool,
    edits: Vec<EditOut<'a>>,
}

#[derive(Serialize)]
struct EditOut<'a> {
    file: &'a str,
    line: u32,
    #[serde(flatten)]
    change: ChangeOut<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum ChangeOut<'a> {
    Becomes(&'a [String]),
    FollowedBy(&'a [String]),
}

impl Report {
    /// The report as one JSON object; lines and columns as in [`Finding`], blank texts where there is
    /// nothing to say.
    #[must_use]
    pub fn json(&self) -> String {
        let output = Output {
            errors: self.count(Severity::Error),
            warnings: self.count(Severity::Warning),
            infos: self.count(Severity::Info),
            findings: self.findings.iter().map(finding_out).collect(),
        };
        serde_json::to_string_pretty(&output).unwrap_or_default()
    }
}

fn finding_out(finding: &Finding) -> FindingOut<'_> {
    FindingOut {
        code: finding.code,
        severity: finding.severity.as_str(),
        file: &finding.file,
        line: finding.line,
        column: finding.column,
        length: finding.length,
        message: &finding.message,
        label: &finding.label,
        notes: &finding.notes,
        help: finding.help.as_deref(),
        accounts: &finding.accounts,
        related: finding.related.iter().map(mark_out).collect(),
        fix: finding.fix.as_ref().filter(|fix| is_open(fix)).map(fix_out),
    }
}

fn mark_out(mark: &Mark) -> MarkOut<'_> {
    let Mark { file, line, column, length, label } = mark;
    MarkOut { file, line: *line, column: *column, length: *length, label }
}

fn fix_out(fix: &Fix) -> FixOut<'_> {
    FixOut {
        title: &fix.title,
        safe: fix.safety == Safety::Safe,
        edits: fix.edits.iter().map(edit_out).collect(),
    }
}

fn edit_out(edit: &Edit) -> EditOut<'_> {
    let change = match &edit.change {
        LineChange::Becomes(lines) => ChangeOut::Becomes(lines),
        LineChange::FollowedBy(lines) => ChangeOut::FollowedBy(lines),
    };
    EditOut { file: &edit.file, line: edit.line, change }
}

/// Whether a fix writes no password: reports are read by others than those who wrote the file.
pub(super) fn is_open(fix: &Fix) -> bool {
    fix.edits.iter().all(|edit| {
        let (LineChange::Becomes(lines) | LineChange::FollowedBy(lines)) = &edit.change;
        lines.iter().all(|line| without_secrets(line) == *line)
    })
}
