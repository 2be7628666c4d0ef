//! What `--fix` does: the phone does the same afterwards, or what the line says beyond doubt.

use std::collections::BTreeMap;
use std::fs;

use advise::check::{Report, Safety};
use params::{Device, Interner, Layer, Layers, PhoneSettings, Source};

use crate::styles::{fusion_pbx, fusion_pbx_80, neth_voice, three_cx, wazo};
use crate::support::{Wanted, check_as, folder};

/// Files with their wishes: those of the rules and those of provisioning systems.
fn files() -> Vec<(String, Wanted, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder("tests/rules")).unwrap() {
        let dir = entry.unwrap().path();
        for which in ["bad.cfg", "good.cfg"] {
            let Ok(bytes) = fs::read(dir.join(which)) else { continue };
            let name = format!("{}/{which}", dir.file_name().unwrap().to_str().unwrap());
            files.push((name, Wanted::by(&bytes), bytes));
        }
    }
    files.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    let mut firmware_80 = Wanted::default();
    firmware_80.device.firmware = "80".parse().unwrap();
    let styles = [fusion_pbx(), wazo(), three_cx(), neth_voice(), fusion_pbx_80()];
    for (number, text) in styles.into_iter().enumerate() {
        files.push((format!("style {number}"), firmware_80.clone(), text.into_bytes()));
    }
    files
}

fn checked(wanted: &Wanted, bytes: &[u8]) -> Report {
    check_as(wanted, &[("a.cfg", wanted.layer, bytes)])
}

fn settings(device: &Device, bytes: &[u8]) -> PhoneSettings {
    let source = Source { name: "a.cfg", layer: Layer::Mac, bytes };
    let (layers, _) = Layers::load(&[source]);
    layers.settings(device, &mut Interner::default()).0
}

/// The values of all keys.
fn values(bytes: &[u8]) -> BTreeMap<String, String> {
    let source = Source { name: "a.cfg", layer: Layer::Mac, bytes };
    let (layers, _) = Layers::load(&[source]);
    let keys = layers.keys();
    keys.map(|key| (key.to_string(), layers.effective(key).unwrap().value.to_owned())).collect()
}

#[test]
fn a_fixed_file_makes_the_same_phone_but_for_comments_that_hid_a_value() {
    let mut fixed_files = 0;
    for (name, wanted, bytes) in files() {
        let report = checked(&wanted, &bytes);
        let Some(fixed) = report.fixed("a.cfg") else { continue };
        fixed_files += 1;
        let hidden: Vec<String> = report
            .findings
            .iter()
            .filter(|finding| finding.code == "inline-comment")
            .filter(|finding| finding.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Safe))
            .map(|finding| {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let line = text.lines().nth(finding.line as usize - 1).unwrap().to_owned();
                line.split('=').next().unwrap().trim().to_owned()
            })
            .collect();
        let (mut before, mut after) = (values(&bytes), values(&fixed));
        for key in &hidden {
            before.remove(key);
            after.remove(key);
        }
        // Names may differ, as with _sip_udp and old keys; what the phone makes of them may not.
        let renamed = report.findings.iter().any(|f| matches!(f.code, "old-key" | "srv-name"));
        if renamed {
            let (mut a, mut b) =
                (settings(&wanted.device, &bytes), settings(&wanted.device, &fixed));
            std::sync::Arc::make_mut(&mut a.common).static_records =
                params::StaticRecords::default();
            std::sync::Arc::make_mut(&mut b.common).static_records =
                params::StaticRecords::default();
            assert_eq!(a, b, "{name}");
        } else {
            assert_eq!(before, after, "{name}");
        }
    }
    assert!(fixed_files > 5, "{fixed_files}");
}

#[test]
fn a_fixed_file_has_nothing_left_to_fix() {
    for (name, wanted, bytes) in files() {
        let Some(mut fixed) = checked(&wanted, &bytes).fixed("a.cfg") else { continue };
        for _ in 0..3 {
            match checked(&wanted, &fixed).fixed("a.cfg") {
                Some(again) => fixed = again,
                None => break,
            }
        }
        let report = checked(&wanted, &fixed);
        assert_eq!(report.safe_edits("a.cfg").count(), 0, "{name}");
    }
}

#[test]
fn all_other_lines_stay_as_they_are() {
    for (name, wanted, bytes) in files() {
        let report = checked(&wanted, &bytes);
        let Some(fixed) = report.fixed("a.cfg") else { continue };
        let changed: Vec<usize> =
            report.safe_edits("a.cfg").map(|edit| edit.line as usize).collect();
        let kept = bytes
            .split(|byte| *byte == b'\n')
            .enumerate()
            .filter(|(number, _)| !changed.contains(&(number + 1)));
        let mut rest = fixed.split(|byte| *byte == b'\n');
        for (number, line) in kept {
            assert!(rest.any(|other| other == line), "{name}: line {} is gone", number + 1);
        }
    }
}

#[test]
fn what_changes_the_phone_is_only_suggested() {
    for code in ["port-hides-srv", "unknown-key", "twice", "transports-differ", "static-naptr-flag"]
    {
        let bytes = fs::read(folder("tests/rules").join(code).join("bad.cfg")).unwrap();
        let report = checked(&Wanted::default(), &bytes);
        let fixes = report.findings.iter().filter(|finding| finding.code == code);
        let fixes: Vec<_> = fixes.filter_map(|finding| finding.fix.as_ref()).collect();
        assert!(!fixes.is_empty(), "{code}");
        assert!(fixes.iter().all(|fix| fix.safety == Safety::Suggested), "{code}");
        assert_eq!(report.fixed("a.cfg"), None, "{code}");
    }
}
