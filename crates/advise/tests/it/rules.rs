//! Each rule finds what is in its bad file and nothing in its good one; the report of the bad file is
//! kept beside it as people see it.

use std::collections::BTreeSet;
use std::fs;

use advise::check::{Colour, RULES, Report, Severity};
use params::Layer;

use crate::support::{Wanted, check_as, check_text, codes, folder, matches_kept};

fn checked(code: &str, which: &str) -> Report {
    let dir = folder("tests/rules").join(code);
    let extension = if code == "boot-file" { "boot" } else { "cfg" };
    let name = format!("{which}.{extension}");
    let bytes = fs::read(dir.join(&name)).unwrap();
    let wanted = Wanted::by(&bytes);
    let common = fs::read(dir.join("common.cfg")).ok();
    let mut files: Vec<(&str, Layer, &[u8])> = Vec::new();
    files.extend(common.as_deref().map(|bytes| ("common.cfg", Layer::Common, bytes)));
    files.push((&name, wanted.layer, &bytes));
    check_as(&wanted, &files)
}

fn with_examples() -> impl Iterator<Item = &'static advise::check::Rule> {
    RULES.iter().filter(|rule| !rule.examples[0].is_empty())
}

#[test]
fn every_rule_finds_its_bad_file_and_not_its_good_one() {
    for rule in with_examples() {
        let bad = checked(rule.code, "bad");
        let found = bad.findings.iter().filter(|finding| finding.code == rule.code);
        let worst = found.map(|finding| finding.severity).min();
        assert_eq!(worst, Some(rule.severity), "{}: {:?}", rule.code, codes(&bad));
        let good = checked(rule.code, "good");
        assert!(!codes(&good).contains(&rule.code), "{}: {:#?}", rule.code, good.findings);
    }
}

#[test]
fn good_files_have_no_error() {
    for rule in with_examples() {
        let good = checked(rule.code, "good");
        let errors = good.findings.iter().filter(|finding| finding.severity == Severity::Error);
        assert_eq!(
            errors.collect::<Vec<_>>(),
            Vec::<&advise::check::Finding>::new(),
            "{}",
            rule.code
        );
    }
}

#[test]
fn reports_look_as_they_were_reviewed() {
    for rule in with_examples() {
        let path = folder("tests/rules").join(rule.code).join("bad.txt");
        matches_kept(&path, &checked(rule.code, "bad").render(Colour::Never, 100));
    }
}

#[test]
fn every_finding_of_every_file_has_a_rule() {
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    for rule in with_examples() {
        for which in ["bad", "good"] {
            let report = checked(rule.code, which);
            let unknown = report.findings.iter().find(|finding| !known.contains(finding.code));
            assert_eq!(unknown, None);
        }
    }
}

/// lint.md names these.
#[test]
fn no_rule_is_missing() {
    let known: BTreeSet<&str> = RULES.iter().map(|rule| rule.code).collect();
    for code in [
        "port-hides-srv",
        "port-zero-fixed",
        "naptr-on-ip",
        "failover-needs-name",
        "both-servers-now",
        "lost-subscriptions",
        "double-ring",
        "late-fallback",
        "attempt-time",
        "dead-air",
        "no-effect",
        "later-firmware",
        "server2-behind-proxy",
        "our-default",
        "static-naptr-flag",
        "loud-failure",
        "transports-differ",
        "old-key",
        "twice",
        "layered",
        "torn-line",
        "inline-comment",
        "boot-file",
        "srv-name",
        "never-asked",
        "static-unused",
        "static-limits",
        "tls-name",
        "weights",
        "pass-exceeds-lease",
        "ttl",
        "storm",
        "unknown-key",
        "out-of-range",
        "account-range",
        "ini-dialect",
        "not-a-config",
        "encoding",
        "password-shown",
        "default-password",
    ] {
        assert!(known.contains(code), "{code}");
    }
}

#[test]
fn a_clean_file_has_nothing_to_say() {
    let report = check_text("# nothing\n");
    assert_eq!(report.findings, []);
    assert_eq!(report.render(Colour::Never, 80), "nothing to say about 1 line of 1 file\n");
}
