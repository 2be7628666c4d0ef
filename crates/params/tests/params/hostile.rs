//! Files that mean no good, and large ones that do.

use std::fmt::Write;

use params::{Device, FILE_BYTES_MAX, Found, Interner, Layer, Layers, Source, suggestion};
use proptest::prelude::*;

use super::load;

#[test]
fn a_file_of_3000_lines_is_read_without_findings() {
    let mut text = String::new();
    for line in 0..3000 {
        let account = line % 16 + 1;
        writeln!(text, "account.{account}.display_name = Phone {line} | 50 % = #{line}").unwrap();
    }
    let (layers, findings) = load(&text);
    assert_eq!((layers.assignments().len(), findings.len()), (3000, 0));
    let (settings, errors) = layers.settings(&Device::default(), &mut Interner::default());
    assert_eq!((settings.accounts.len(), errors.len()), (16, 0));
    assert_eq!(&*settings.accounts[15].identity.display_name, "Phone 2991 | 50 % = #2991");
}

#[test]
fn a_file_of_nothing_but_faults_lists_a_thousand_and_counts_the_rest() {
    let text = "no key at all\n".repeat(FILE_BYTES_MAX / 14);
    let (_, findings) = load(&text);
    assert_eq!(findings.len(), 1001);
    let left_out = u32::try_from(FILE_BYTES_MAX / 14 - 1000).unwrap();
    assert_eq!(findings[1000].found, Found::More(left_out));
    assert_eq!(
        findings[1000].to_string(),
        format!("phone.cfg: {left_out} further findings in this file are not listed")
    );
}

#[test]
fn messages_show_no_control_characters_of_the_file() {
    let (_, findings) =
        load("\u{1b}[31mred\u{7} line without sign of assignment, long enough to be a text\n");
    assert_eq!(findings.len(), 1);
    assert!(!findings[0].to_string().contains(char::is_control));
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let source = Source { name: "x", layer: Layer::Mac, bytes: &bytes };
        let (layers, findings) = Layers::load(&[source]);
        let (_, errors) = layers.settings(&Device::default(), &mut Interner::default());
        let found = findings.iter().map(ToString::to_string);
        for shown in found.chain(errors.iter().map(ToString::to_string)) {
            prop_assert!(!shown.contains(char::is_control), "{shown:?}");
        }
    }

    #[test]
    fn no_lines_of_keys_and_signs_break_the_reader(
        lines in proptest::collection::vec(
            "(account|dns_cache_a|sip|static|X)?(\\.[0-9X]{0,6})?\\.?(sip_server|enable|ip)?\
             (\\.[0-9]{0,2})?\\.?(port|ttl)?[ =#]{0,3}[ -~é\r\t\u{85}]{0,12}",
            0..20,
        )
    ) {
        let text = lines.join("\n");
        let (layers, findings) = load(&text);
        let (_, _) = layers.settings(&Device::default(), &mut Interner::default());
        for finding in findings {
            prop_assert!(!finding.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn a_suggestion_is_always_a_known_key(text in "[a-z0-9_.X]{0,60}") {
        if let Some(known) = suggestion(&text) {
            prop_assert!(params::Key::of(&known, [1, 1]).is_some(), "{known}");
        }
    }
}
