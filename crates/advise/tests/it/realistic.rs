//! Files as provisioning systems write them: no error that is none, and each warning was looked at.

use std::fmt::Write as _;

use advise::check::{Report, Severity};
use params::Layer;

use crate::styles::{
    DOUBLE_PERCENT, ERB, JINJA, SMARTY, TWIG, fusion_pbx, fusion_pbx_80, neth_voice,
    neth_voice_mac, three_cx, wazo,
};
use crate::support::{Wanted, check_as, folder, matches_kept};

/// What a report says, a line a finding.
fn said(report: &Report) -> String {
    let mut text = String::new();
    for finding in &report.findings {
        let _ = writeln!(
            text,
            "{}[{}] {}:{}: {}",
            finding.severity, finding.code, finding.file, finding.line, finding.message
        );
        for note in &finding.notes {
            let _ = writeln!(text, "    {note}");
        }
    }
    text
}

fn reviewed(name: &str, files: &[(&str, Layer, &[u8])]) {
    let report = check_as(&Wanted::default(), files);
    assert_eq!(errors(&report), [""; 0], "{}", said(&report));
    kept(name, &report);
}

fn errors(report: &Report) -> Vec<&str> {
    let errors = report.findings.iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.code).collect()
}

fn kept(name: &str, report: &Report) {
    matches_kept(&folder("tests/styles").join(format!("{name}.txt")), &said(report));
}

#[test]
fn a_file_of_fusion_pbx() {
    let text = fusion_pbx();
    assert!(text.lines().count() >= 2995, "{}", text.lines().count());
    reviewed("fusion_pbx", &[("001565000001.cfg", Layer::Mac, text.as_bytes())]);
}

#[test]
fn a_file_of_wazo() {
    let text = wazo();
    assert!(text.lines().count() >= 2995);
    reviewed("wazo", &[("001565000001.cfg", Layer::Mac, text.as_bytes())]);
}

#[test]
fn a_file_of_3cx() {
    let text = three_cx();
    assert!(text.lines().count() >= 2995);
    reviewed("three_cx", &[("001565000001.cfg", Layer::Mac, text.as_bytes())]);
}

#[test]
fn a_common_file_of_neth_voice_with_that_of_a_phone() {
    let (common, own) = (neth_voice(), neth_voice_mac());
    assert!(common.lines().count() >= 2995);
    reviewed(
        "neth_voice",
        &[
            ("y000000000028.cfg", Layer::Common, common.as_bytes()),
            ("001565000001.cfg", Layer::Mac, own.as_bytes()),
        ],
    );
}

#[test]
fn a_file_of_fusion_pbx_for_firmware_80() {
    let text = fusion_pbx_80();
    assert!(text.lines().count() >= 2995);
    let mut wanted = Wanted::default();
    wanted.device.firmware = "80".parse().unwrap();
    let files = [("001565000001.cfg", Layer::Mac, text.as_bytes())];
    let report = check_as(&wanted, &files);
    // No firmware of the guide reads codecs by number: it is true, and one finding for all of them.
    assert_eq!(errors(&report), ["old-key"]);
    kept("fusion_pbx_80", &report);
    // On firmware 81 the same file registers nowhere, and that is said.
    let report = check_as(&Wanted::default(), &files);
    let unread = report.findings.iter().filter(|finding| finding.code == "old-key");
    assert!(unread.clone().any(|finding| finding.message.contains("sip_server_host")));
}

#[test]
fn templates_are_recognised_and_nothing_is_made_up_about_their_values() {
    for (name, text) in [
        ("smarty", SMARTY),
        ("jinja", JINJA),
        ("twig", TWIG),
        ("erb", ERB),
        ("double_percent", DOUBLE_PERCENT),
    ] {
        let file = (name, Layer::Common, text.as_bytes());
        let report = check_as(&Wanted::default(), &[file]);
        let more: Vec<_> =
            report.findings.iter().filter(|finding| finding.severity != Severity::Info).collect();
        assert!(more.is_empty(), "{name}: {more:#?}");
        assert!(report.findings.iter().any(|finding| finding.code == "template"), "{name}");
    }
}

#[test]
fn a_mistyped_key_of_a_template_is_found_all_the_same() {
    let text = SMARTY.replace("failback_timeout", "failback_timout");
    let report = check_as(&Wanted::default(), &[("smarty", Layer::Common, text.as_bytes())]);
    assert!(report.findings.iter().any(|finding| finding.code == "unknown-key"));
}
