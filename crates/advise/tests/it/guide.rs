//! The guide's own examples: a reader is told what there is to know about them.

use std::fs;

use advise::check::{Colour, Finding, Report, Severity};
use params::Layer;

use crate::support::{Wanted, check_as, folder, matches_kept};

fn example(name: &str) -> Report {
    let bytes = fs::read(folder("../params/tests/guide").join(format!("{name}.cfg"))).unwrap();
    let report = check_as(&Wanted::default(), &[(&format!("{name}.cfg"), Layer::Mac, &bytes)]);
    matches_kept(
        &folder("tests/guide").join(format!("{name}.txt")),
        &report.render(Colour::Never, 100),
    );
    report
}

fn of<'a>(report: &'a Report, code: &str) -> &'a Finding {
    let found = report.findings.iter().find(|finding| finding.code == code);
    found.unwrap_or_else(|| panic!("no {code}: {report:#?}"))
}

#[test]
fn no_example_has_an_error() {
    for name in ["failover", "static_cache_1", "static_cache_2", "static_cache_3"] {
        assert_eq!(example(name).count(Severity::Error), 0, "{name}");
    }
}

#[test]
fn five_invite_retries_gain_half_a_second_over_timer_b() {
    let report = example("failover");
    let retries = report
        .findings
        .iter()
        .find(|finding| finding.code == "attempt-time" && finding.severity == Severity::Warning);
    let retries = retries.unwrap();
    assert_eq!((retries.line, retries.column), (20, 46));
    assert!(retries.message.contains("31.5 s, only 0.5 s less than Timer B"), "{retries:?}");
}

#[test]
fn only_signal_with_registered_is_read_otherwise_by_later_firmware() {
    let report = example("failover");
    let finding = of(&report, "later-firmware");
    assert_eq!((finding.severity, finding.line), (Severity::Info, 19));
}

// A25
#[test]
fn the_guides_spelling_of_services_is_pointed_out() {
    for (name, lines) in [("static_cache_2", [4, 10]), ("static_cache_3", [8, 15])] {
        let report = example(name);
        let edits: Vec<u32> =
            report.safe_edits(&format!("{name}.cfg")).map(|edit| edit.line).collect();
        assert_eq!(edits, lines);
        assert_eq!(of(&report, "srv-name").severity, Severity::Warning);
    }
}

// A35
#[test]
fn example_2_works_here_and_may_need_naptr_build_elsewhere() {
    let report = example("static_cache_2");
    let finding = of(&report, "never-asked");
    assert_eq!(finding.severity, Severity::Info);
    assert!(finding.help.as_deref().unwrap().contains("naptr_build"), "{finding:?}");
}

#[test]
fn example_1_asks_for_addresses_alone_as_it_wants() {
    let report = example("static_cache_1");
    assert_eq!(of(&report, "port-hides-srv").severity, Severity::Warning);
}
