//! Parameters that claim to act are named in a test, and their manual is current.

use std::collections::BTreeSet;

use crate::generated::{check, whole};
use crate::token::Kind;
use crate::tree::SOURCES;

/// Where the table lies: its own tests do not count.
const OWNER: &str = "params";

/// The keys that texts and comments of tests outside the table's crate name, with `#` for each number.
fn named_in_tests() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for source in SOURCES.iter().filter(|source| source.owner != OWNER) {
        for token in source.tokens.iter() {
            if let Kind::Text(text) | Kind::Comment(text) = &token.kind
                && (source.is_test_at(token.line) || source.test_at(token.line).is_some())
            {
                named.extend(keys(text));
            }
        }
    }
    named
}

/// What a test may call a key: in full, or without what all keys of an account or server have in front.
fn names(pattern: &str) -> Vec<String> {
    let whole = shape(pattern);
    let mut names = vec![whole.clone()];
    for front in ["account.#.", "sip_server.#.", "sureline.", "static.network.", "static.security."]
    {
        let last = names.last().cloned().unwrap_or_default();
        names.extend(last.strip_prefix(front).filter(|name| name.contains('_')).map(str::to_owned));
    }
    names
}

/// What looks like keys in a text, with `#` for each number and for each `{placeholder}` between dots.
fn keys(text: &str) -> BTreeSet<String> {
    let text = without_placeholders(&text.replace("\\n", "\n"));
    let of_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '#');
    let words = text.split(|c| !of_key(c)).map(|word| word.trim_matches('.'));
    words.filter(|word| word.contains(['.', '_'])).map(shape).collect()
}

/// `account.{n}.label` becomes `account.#.label`; a placeholder elsewhere becomes a blank.
fn without_placeholders(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        plain.push_str(before);
        let Some((_, behind)) = after.split_once('}') else { break };
        plain.push(if before.ends_with('.') { '#' } else { ' ' });
        rest = behind;
    }
    plain.push_str(rest);
    plain
}

fn shape(key: &str) -> String {
    let stands_for_number = |segment: &str| {
        matches!(segment, "X" | "Y" | "N")
            || (!segment.is_empty() && segment.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let segments = key.split('.').map(|part| if stands_for_number(part) { "#" } else { part });
    segments.collect::<Vec<_>>().join(".")
}

#[test]
fn every_key_that_claims_to_act_is_named_in_a_test_of_what_it_acts_on() {
    let named = named_in_tests();
    let is_named = |pattern: &str| names(pattern).iter().any(|name| named.contains(name));
    let missing: Vec<&str> = params::works_keys().filter(|pattern| !is_named(pattern)).collect();
    assert!(
        missing.is_empty(),
        "{} keys claim to act (`State::Works` in crates/params/src/table), but no test outside crate \
         `params` names them: test what they do, or say that they do nothing here:\n  {}",
        missing.len(),
        missing.join("\n  ")
    );
}

#[test]
fn the_manual_of_the_parameters_is_current() {
    check("docs/parameters.md", &params::markdown(), whole);
}

mod tests {
    use super::*;

    #[test]
    fn a_key_has_short_names_where_they_are_clear() {
        let found = names("account.X.sip_server.Y.retry_counts");
        assert_eq!(found[1..], ["sip_server.#.retry_counts", "retry_counts"]);
        assert_eq!(names("account.X.expires"), ["account.#.expires"]);
        let found = names("account.X.outbound_proxy.Y.port");
        assert_eq!(found[1..], ["outbound_proxy.#.port"]);
    }

    #[test]
    fn keys_are_found_in_files_and_sentences() {
        let text = "{LINES}account.1.sip_server.{y}.port = 5060\\nsip.x = 1\nUse account.X.label.";
        let found = Vec::from_iter(keys(text));
        assert_eq!(found, ["account.#.label", "account.#.sip_server.#.port", "sip.x"]);
    }
}
