//! The rules, by what they look at.

pub(crate) mod boot;
mod effect;
mod files;
mod fleet;
mod keys;
mod layers;
mod reach;
mod records;
mod servers;
mod times;
mod together;
mod unknown;
mod values;
pub(crate) mod vendor;

use std::collections::{BTreeMap, BTreeSet};

use params::Key;

use super::case::Case;
use super::finding::{Finding, Mark};
use super::report::Work;

/// What rules write to.
pub(crate) struct Out<'a> {
    findings: &'a mut Vec<Finding>,
    work: &'a mut Work,
}

impl Out<'_> {
    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(crate) fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
    }

    /// The key that an unknown one was most likely meant to be; none once many were looked for, so
    /// that a file of nothing but unknown keys takes no longer than others.
    pub(crate) fn suggestion(&mut self, key: &str) -> Option<String> {
        if self.work.suggestions >= SUGGESTIONS_MAX {
            return None;
        }
        self.work.suggestions += 1;
        params::suggestion(key)
    }
}

/// Runs every rule.
pub(crate) fn run(case: &Case<'_>) -> (Vec<Finding>, Work) {
    let mut findings = Vec::new();
    let lines = case.files().line_count();
    let mut work = Work { lines, locations: case.located, ..Work::default() };
    boot::check(case.files(), &mut findings);
    files::check(case, &mut findings);
    let mut out = Out { findings: &mut findings, work: &mut work };
    unknown::check(case, &mut out);
    keys::check(case, &mut out);
    values::check(case, &mut out);
    layers::check(case, &mut out);
    fleet::secrets(case, &mut out);
    // What follows from values is unknown where a provisioning system fills them in.
    if case.read.templates.is_empty() {
        findings.extend(behaviour(case, &mut work));
    }
    (findings, work)
}

/// What follows from the values of all files together.
fn behaviour(case: &Case<'_>, work: &mut Work) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut out = Out { findings: &mut findings, work };
    for line in &case.lines {
        servers::check(case, line, &mut out);
        together::check(case, line, &mut out);
        times::check(case, line, &mut out);
    }
    effect::check(case, &mut out);
    records::check(case, &mut out);
    fleet::behaviour(case, &mut out);
    merged(findings)
}

/// Joins findings that say the same of several accounts.
fn merged(findings: Vec<Finding>) -> Vec<Finding> {
    let mut places: BTreeMap<(&'static str, String), usize> = BTreeMap::new();
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        let [account] = finding.accounts[..] else {
            merged.push(finding);
            continue;
        };
        let key = (finding.code, said_of_any(&finding, account));
        match places.get(&key).and_then(|place| merged.get_mut(*place)) {
            Some(first) => first.accounts.push(account),
            None => {
                places.insert(key, merged.len());
                merged.push(finding);
            }
        }
    }
    merged
}

/// What a finding says, with the number of its account left open.
fn said_of_any(finding: &Finding, account: u8) -> String {
    let texts = [finding.severity.as_str(), &finding.file, &finding.label, &finding.message];
    let texts = texts.into_iter().chain(finding.help.as_deref());
    let all: Vec<&str> = texts.chain(finding.notes.iter().map(String::as_str)).collect();
    all.join("\n")
        .replace(&format!("account.{account}."), "account.X.")
        .replace(&format!("account {account} "), "account X ")
}

/// Says where else the same was found, if it was; the first mark is the finding's own.
fn more_lines<'m>(finding: Finding, marks: impl Iterator<Item = &'m Mark>) -> Finding {
    let others: BTreeSet<u32> =
        marks.map(|mark| mark.line).filter(|line| *line != finding.line).collect();
    let listed: Vec<String> = others.iter().take(LINES_LISTED).map(u32::to_string).collect();
    match (others.len(), listed.as_slice()) {
        (_, []) => finding,
        (_, [only]) => finding.note(format!("the same in line {only}")),
        (count, listed) if count > listed.len() => {
            finding.note(format!("the same in {count} further lines: {}, …", listed.join(", ")))
        }
        (_, [before @ .., last]) => {
            finding.note(format!("the same in lines {} and {last}", before.join(", ")))
        }
    }
}

/// The finding with the account of its key, if that has one.
fn account_of(key: Key, finding: Finding) -> Finding {
    match key.account() {
        Some(account) => finding.of_account(account),
        None => finding,
    }
}

/// Unknown keys for which a known one is looked for: each look compares it with the whole table.
pub(crate) const SUGGESTIONS_MAX: usize = 200;
/// Further lines that a note names.
const LINES_LISTED: usize = 8;
