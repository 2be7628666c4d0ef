//! Parameters that claim to act are named in a test, and their manual is current.

use std::collections::{BTreeMap, BTreeSet};

use crate::generated::{check, whole};
use crate::source::Source;
use crate::token::{Kind, Token};
use crate::tree::SOURCES;

/// Where the table lies: its own tests do not count.
const OWNER: &str = "params";
/// The folder in which keys are made into settings, as in `field: at.number("key")`.
const READERS: &str = "crates/params/src/read";
/// A machine beside the table, which acts by settings of its own, and its tests.
const FETCHER: [&str; 2] = ["/src/provision/", "/tests/params/provisioning/"];
/// It looks at settings, but nothing acts by it.
const ONLOOKER: &str = "advise";

fn is_of_fetcher(source: &Source) -> bool {
    FETCHER.iter().any(|folder| source.path.contains(folder))
}

/// The keys that texts and comments of tests outside the table's crate name, with `#` for each number.
fn named_in_tests() -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    let counts = |source: &&Source| source.owner != OWNER || is_of_fetcher(source);
    for source in SOURCES.iter().filter(counts) {
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

/// The keys of settings, each with the field that it fills.
fn fields() -> BTreeMap<String, String> {
    let readers = SOURCES.iter().filter(|source| source.path.starts_with(READERS));
    readers.flat_map(fields_of).collect()
}

fn fields_of(source: &Source) -> Vec<(String, String)> {
    let code = source.product_tokens();
    let code: Vec<&Token> =
        code.into_iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
    let is_colon = |at: usize| code.get(at).is_some_and(|token| token.is_mark(':'));
    let field = |at: usize| {
        let name = code[at].word()?;
        let before = at.checked_sub(1).map(|before| code[before]);
        let is_other = |token: &Token| token.is_mark(':') || token.word() == Some("let");
        let begins = is_colon(at + 1) && !is_colon(at + 2) && !before.is_some_and(is_other);
        let key = begins.then(|| first_text(&code[at + 2..]))??;
        Some((key, name.to_owned()))
    };
    (0..code.len()).filter_map(field).collect()
}

/// The first text of an expression that ends with a comma or a closing bracket.
fn first_text(code: &[&Token]) -> Option<String> {
    let mut depth = 0;
    for token in code {
        match &token.kind {
            Kind::Text(text) => return Some(text.clone()),
            Kind::Mark('(') => depth += 1,
            Kind::Mark(')') if depth > 0 => depth -= 1,
            Kind::Mark(')' | '{' | '}' | ';') => return None,
            Kind::Mark(',') if depth == 0 => return None,
            Kind::Mark(_) | Kind::Word(_) | Kind::Other | Kind::Comment(_) => {}
        }
    }
    None
}

#[test]
fn what_a_key_that_claims_to_act_sets_is_read() {
    let fields = fields();
    assert!(fields.len() > 50, "{READERS} has another form than this test reads");
    let mut read: BTreeSet<&str> = BTreeSet::new();
    let acting = |source: &&Source| {
        let looks_on = [OWNER, ONLOOKER].contains(&source.owner.as_str());
        !looks_on || is_of_fetcher(source)
    };
    for source in SOURCES.iter().filter(acting) {
        let code = source.product_tokens();
        let accesses = code.windows(2).filter(|pair| pair[0].is_mark('.'));
        read.extend(accesses.filter_map(|pair| pair[1].word()));
    }
    let unread: Vec<String> = params::works_keys()
        .filter_map(|key| fields.get(key).map(|field| (key, field)))
        .filter(|(_, field)| !read.contains(field.as_str()))
        .map(|(key, field)| format!("{key} (`{field}`)"))
        .collect();
    assert!(
        unread.is_empty(),
        "keys that claim to act (`State::Works`), but nothing outside `{OWNER}` and `{ONLOOKER}` reads \
         what they set: use it, or say in the row that it does nothing here:\n  {}",
        unread.join("\n  ")
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
