//! What a check takes, counted in steps that do not depend on the machine, on files of 5,000 lines made
//! to take long.

use std::fmt::Write as _;

use advise::check::{Colour, Report, Severity};

use crate::styles::{fusion_pbx, neth_voice};
use crate::support::{Wanted, check_as, check_text};

const LINES: usize = 5000;

fn lines(line: impl Fn(usize) -> String) -> String {
    (0..LINES).fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number));
        text
    })
}

/// Nothing is listed without end, and unknown keys are compared with the table a bounded number of
/// times: that is what a check of many lines spends its time with.
fn is_bounded(report: &Report, name: &str) {
    assert!(report.work.suggestions <= 200, "{name}: {:?}", report.work);
    assert!(report.work.locations <= 64, "{name}: {:?}", report.work);
    let listed = report.findings.iter().map(|finding| finding.related.len()).sum::<usize>();
    assert!(listed <= 10_000, "{name}: {listed} places");
    let notes = report.findings.iter().flat_map(|finding| &finding.notes).map(String::len);
    assert!(notes.sum::<usize>() < 1_000_000, "{name}");
}

#[test]
fn hostile_files_take_no_more_steps_than_others() {
    let files = [
        ("unknown keys", lines(|n| format!("account.1.key_{n}.x = {n}"))),
        ("near misses", lines(|n| format!("account.1.sip_server.1.expire{n} = {n}"))),
        ("one key", lines(|n| format!("account.1.label = {n}"))),
        ("one value refused", lines(|_| "account.1.sip_server.1.expires = 1".to_owned())),
        ("torn lines", lines(|n| format!("torn {n}"))),
        ("blank", lines(|_| String::new())),
        ("comments behind values", lines(|n| format!("account.1.sip_server.1.port = {n} # {n}"))),
        ("placeholders", lines(|n| format!("account.{{$n}}.label = {{$l{n}}}"))),
        (
            "many equal signs",
            lines(|_| format!("account.1.label = {}", "account.1.x=".repeat(300))),
        ),
        (
            "sixteen accounts",
            lines(|n| match n % 4 {
                0 => format!("account.{}.enable = 1", n / 4 % 16 + 1),
                1 => format!(
                    "account.{}.sip_server.1.address = pbx{}.test",
                    n / 4 % 16 + 1,
                    n / 4 % 16
                ),
                2 => format!(
                    "account.{}.sip_server.2.address = pbx{}.test",
                    n / 4 % 16 + 1,
                    n / 4 % 16 + 16
                ),
                _ => format!("account.{}.sip_server.1.failback_mode = 3", n / 4 % 16 + 1),
            }),
        ),
    ];
    for (name, text) in files {
        let report = check_text(&text);
        assert_eq!(report.work.lines, LINES, "{name}");
        is_bounded(&report, name);
        assert!(!report.render(Colour::Never, 100).is_empty());
    }
}

#[test]
fn what_matters_is_found_behind_any_number_of_lines_that_do_not() {
    let mut text = fusion_pbx();
    text += &lines(|n| format!("phone_setting.screen.{n} = 1"));
    text += "account.1.sip_server.1.expires = 5\naccount.1.sip_server.1.retry_counter = 5\n";
    let report = check_text(&text);
    is_bounded(&report, "long");
    for code in ["out-of-range", "unknown-key"] {
        let found = report
            .findings
            .iter()
            .find(|finding| finding.code == code && finding.severity != Severity::Info);
        assert!(found.is_some_and(|finding| finding.line > 7900), "{code}");
    }
}

#[test]
fn the_same_files_give_the_same_report() {
    let text = neth_voice();
    assert_eq!(check_text(&text).json(), check_text(&text).json());
}

/// Bytes of a file changed, doubled, cut out and swapped at random.
fn mangled(bytes: &[u8], rng: &mut net::Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.below(8) {
        let place = rng.below(bytes.len().max(1) as u64) as usize;
        match rng.below(5) {
            0 => bytes.insert(place.min(bytes.len()), rng.below(256) as u8),
            1 if place < bytes.len() => bytes[place] = rng.below(256) as u8,
            2 => bytes.truncate(place),
            3 => {
                let part: Vec<u8> = bytes.iter().skip(place).take(40).copied().collect();
                bytes.extend(part);
            }
            _ => {
                let words =
                    ["=", "\n", " # ", "{{", "é", "\u{9b}", "account.1.", "::1", "\r\n", "65536"];
                let word = words[rng.below(words.len() as u64) as usize];
                bytes.splice(place.min(bytes.len())..place.min(bytes.len()), word.bytes());
            }
        }
    }
    bytes
}

#[test]
fn no_bytes_make_a_check_fail() {
    let mut rng = net::Rng::new(7);
    for rule in advise::check::RULES {
        for example in rule.examples {
            for _ in 0..12 {
                let bytes = mangled(example, &mut rng);
                let file = ("a.cfg", params::Layer::Mac, &*bytes);
                let report = check_as(&Wanted::default(), &[file]);
                let shown = report.render(Colour::Never, 80);
                assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
                assert!(report.json().starts_with('{') && report.sarif().starts_with('{'));
                if let Some(fixed) = report.fixed("a.cfg") {
                    let again =
                        check_as(&Wanted::default(), &[("a.cfg", params::Layer::Mac, &fixed)]);
                    assert!(
                        again.safe_edits("a.cfg").count() <= report.safe_edits("a.cfg").count()
                    );
                }
            }
        }
    }
}
