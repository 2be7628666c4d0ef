//! Reports for machines, and what no report may say.

use std::fs;

use advise::check::{Colour, RULES, Report, Strictness};
use params::Layer;
use serde_json::Value;

use crate::support::{Wanted, check_as, check_text, folder};

/// The report of every rule's bad file.
fn reports() -> impl Iterator<Item = (&'static str, Vec<u8>, Report)> {
    let rules =
        RULES.iter().filter(|rule| !rule.examples[0].is_empty() && rule.code != "boot-file");
    rules.map(|rule| {
        let bytes = fs::read(folder("tests/rules").join(rule.code).join("bad.cfg")).unwrap();
        let wanted = Wanted::by(&bytes);
        let report = check_as(&wanted, &[("cfg/a phone.cfg", wanted.layer, &bytes)]);
        (rule.code, bytes, report)
    })
}

#[test]
fn json_has_every_finding_with_its_place() {
    for (code, _, report) in reports() {
        let json: Value = serde_json::from_str(&report.json()).unwrap();
        let findings = json["findings"].as_array().unwrap();
        assert_eq!(findings.len(), report.findings.len());
        let [errors, warnings, infos] =
            ["errors", "warnings", "infos"].map(|name| json[name].as_u64().unwrap() as usize);
        assert_eq!(errors + warnings + infos, findings.len());
        for (finding, json) in report.findings.iter().zip(findings) {
            assert_eq!(json["code"], finding.code);
            assert_eq!(json["severity"], finding.severity.as_str());
            assert_eq!(json["file"], *finding.file);
            assert_eq!(json["line"], finding.line);
            assert_eq!(json["column"], finding.column);
            assert_eq!(json["message"], finding.message, "{code}");
        }
    }
}

/// The parts of SARIF 2.1.0 that a reader of a log relies on (§3.13, §3.14, §3.19, §3.27 to §3.30,
/// §3.55 to §3.57).
#[test]
fn sarif_is_a_log_of_version_2_1_0() {
    for (code, bytes, report) in reports() {
        let log: Value = serde_json::from_str(&report.sarif()).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let runs = log["runs"].as_array().unwrap();
        let [run] = &runs[..] else { panic!("one run") };
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].is_string());
        let rules = driver["rules"].as_array().unwrap();
        let line_count = bytes.split(|byte| *byte == b'\n').count() as u64;
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), report.findings.len());
        for result in results {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(rules[index]["id"], result["ruleId"], "{code}");
            assert!(matches!(result["level"].as_str(), Some("error" | "warning" | "note")));
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            for location in result["locations"].as_array().unwrap() {
                let place = &location["physicalLocation"];
                assert_eq!(place["artifactLocation"]["uri"], "cfg/a%20phone.cfg");
                let region = &place["region"];
                if region.is_null() {
                    continue;
                }
                let start = region["startLine"].as_u64().unwrap();
                assert!((1..=line_count).contains(&start), "{code}: {region}");
                if let Some(column) = region["startColumn"].as_u64() {
                    assert!(column >= 1 && region["endColumn"].as_u64().unwrap() > column);
                }
            }
            for fix in result["fixes"].as_array().unwrap_or(&Vec::new()) {
                let change = &fix["artifactChanges"][0];
                assert!(change["artifactLocation"]["uri"].is_string());
                let replacements = change["replacements"].as_array().unwrap();
                assert!(!replacements.is_empty());
                for replacement in replacements {
                    assert!(replacement["deletedRegion"]["startLine"].as_u64().unwrap() >= 1);
                    assert!(replacement["insertedContent"]["text"].is_string());
                }
            }
        }
    }
}

// Behaviour §9: secrets are never sent back, logged or exported.
#[test]
fn no_report_shows_a_password() {
    let text = "account.1.enable = 1\naccount.1.password = tops3cret\naccount.1.password = tops3cret2\n\
                account.1.password tops3cret3\n  # account.1.password = tops3cret4\n\
                account.1.pasword = tops3cret5\n\
                account.1.label = xaccount.1.password = tops3cret6\n\
                account.1.retry_counts = 9\naccount.17.password = tops3cret7\n\
                static.auto_provision.server.url = http://u:tops3cret8@h/\n\
                static.auto_provision.server.url = http://u:tops3cret9@h/x\n";
    let all = Wanted {
        detail: advise::check::Detail::All,
        is_readable_by_all: true,
        ..Wanted::default()
    };
    let report = check_as(&all, &[("a.cfg", Layer::Mac, text.as_bytes())]);
    assert!(report.findings.len() > 6, "{report:#?}");
    for shown in [report.render(Colour::Never, 100), report.json(), report.sarif()] {
        assert!(!shown.contains("tops3cret"), "{shown}");
    }
}

#[test]
fn what_a_file_holds_cannot_steer_a_terminal() {
    let text =
        "account.1.label = a\u{1b}[31mb\naccount.\u{1b}]0;x.y = 1\ncolour.\u{9b}x = 1\nx\u{7}y\n";
    let report = check_text(text);
    let shown = report.render(Colour::Never, 100);
    assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{7}']), "{shown:?}");
    assert!(!report.json().contains(['\u{1b}', '\u{7}']));
}

#[test]
fn the_exit_status_says_the_worst() {
    let status = |text: &str| {
        let report = check_text(text);
        [Strictness::Lenient, Strictness::Strict].map(|strictness| report.exit_status(strictness))
    };
    assert_eq!(status("sip.timer_t1 = 0.5\n"), [0, 0]);
    assert_eq!(status("sip.timr_t1 = 0.5\n"), [0, 1]);
    assert_eq!(status("sip.timer_t1 = 99\n"), [2, 2]);
}

#[test]
fn colours_come_only_when_they_are_wanted() {
    let report = check_text("sip.timer_t1 = 99\n");
    assert!(!report.render(Colour::Never, 100).contains('\u{1b}'));
    assert!(report.render(Colour::Always, 100).contains("\u{1b}["));
}
