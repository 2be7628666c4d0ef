//! All rules, for the manual and for tools.

use super::finding::Severity;

/// What a rule is about.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// Its usual severity; a finding may have a lower one.
    pub severity: Severity,
    /// What it finds, as a clause.
    pub title: &'static str,
    /// Why that matters and what to do.
    pub why: &'static str,
}

/// Every rule, by code.
pub const RULES: &[Rule] = &[];

/// The manual of the rules in Markdown.
#[must_use]
pub fn rules_manual() -> String {
    String::new()
}
