//! A report as SARIF 2.1.0, for code-scanning services and editors.

use serde_json::{Value, json};

use super::catalogue::RULES;
use super::finding::{Edit, Finding, Fix, LineChange, Mark, Severity};
use super::json::is_open;
use super::report::Report;

impl Report {
    /// The report as a SARIF 2.1.0 log with one run.
    #[must_use]
    pub fn sarif(&self) -> String {
        let log = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "sureline check",
                    "semanticVersion": env!("CARGO_PKG_VERSION"),
                    "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
                } },
                "columnKind": "unicodeCodePoints",
                "results": self.findings.iter().map(|finding| self.result(finding)).collect::<Vec<_>>(),
            }],
        });
        serde_json::to_string_pretty(&log).unwrap_or_default()
    }

    fn result(&self, finding: &Finding) -> Value {
        let texts = [finding.message.clone()].into_iter();
        let texts = texts.chain(finding.notes.iter().cloned()).chain(finding.help.clone());
        let mut result = json!({
            "ruleId": finding.code,
            "level": level(finding.severity),
            "message": { "text": texts.map(sentence).collect::<Vec<_>>().join(" ") },
        });
        if let Some(index) = RULES.iter().position(|rule| rule.code == finding.code) {
            set(&mut result, "ruleIndex", json!(index));
        }
        if !finding.file.is_empty() {
            set(&mut result, "locations", json!([location(&finding.mark())]));
        }
        if !finding.related.is_empty() {
            let related = finding.related.iter().enumerate().map(|(id, mark)| {
                let mut location = location(mark);
                set(&mut location, "id", json!(id));
                if !mark.label.is_empty() {
                    set(&mut location, "message", json!({ "text": &*mark.label }));
                }
                location
            });
            set(&mut result, "relatedLocations", related.collect());
        }
        if let Some(fix) = finding.fix.as_ref().filter(|fix| is_open(fix)) {
            set(&mut result, "fixes", json!([self.fix(fix)]));
        }
        result
    }

    fn fix(&self, fix: &Fix) -> Value {
        let replacements: Vec<Value> =
            fix.edits.iter().filter_map(|edit| self.replacement(edit)).collect();
        let uri = fix.edits.first().map_or_else(String::new, |edit| uri(&edit.file));
        json!({
            "description": { "text": fix.title },
            "artifactChanges": [{
                "artifactLocation": { "uri": uri },
                "replacements": replacements,
            }],
        })
    }

    fn replacement(&self, edit: &Edit) -> Option<Value> {
        let line = self.files.named(&edit.file)?.line(edit.line)?;
        let end = line.chars().count() + 1;
        let (start, text) = match &edit.change {
            LineChange::Becomes(lines) => (1, lines.join("\n")),
            LineChange::FollowedBy(lines) => (end, format!("\n{}", lines.join("\n"))),
        };
        Some(json!({
            "deletedRegion": {
                "startLine": edit.line, "startColumn": start, "endLine": edit.line, "endColumn": end,
            },
            "insertedContent": { "text": text },
        }))
    }
}

fn rule(rule: &super::Rule) -> Value {
    json!({
        "id": rule.code,
        "shortDescription": { "text": sentence(rule.title.to_owned()) },
        "fullDescription": { "text": rule.why },
        "defaultConfiguration": { "level": level(rule.severity) },
    })
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

fn location(mark: &Mark) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri(&mark.file) } });
    if mark.line > 0 {
        let region = match mark.column {
            0 => json!({ "startLine": mark.line }),
            column => json!({
                "startLine": mark.line,
                "startColumn": column,
                "endColumn": column.saturating_add(mark.length.max(1)),
            }),
        };
        set(&mut place, "region", region);
    }
    json!({ "physicalLocation": place })
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

/// A path as a relative or file URI (RFC 3986): whatever is not unreserved is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// A clause as a sentence.
fn sentence(text: String) -> String {
    let mut characters = text.chars();
    let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if text.ends_with(['.', '?', '!', '…']) { "" } else { "." };
    format!("{first}{}{end}", characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("cfg/phone 1.cfg"), "cfg/phone%201.cfg");
        assert_eq!(uri("/etc/a.cfg"), "file:///etc/a.cfg");
        assert_eq!(uri("{$mac}.cfg"), "%7B%24mac%7D.cfg");
    }

    #[test]
    fn a_clause_becomes_a_sentence() {
        assert_eq!(sentence("the last line wins".to_owned()), "The last line wins.");
    }
}
