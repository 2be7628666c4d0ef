//! Who may speak SIP: one crate names the parser beneath, and the executors name no header field.

use std::fmt::Write as _;

use crate::manifest::Manifest;
use crate::token::Kind;
use crate::tree::{SOURCES, crates};

/// The only crate that names `sipx-sip`.
const SPEAKER: &str = "sip";
/// The executors: they carry bytes.
const CARRIERS: [&str; 2] = ["host", "sim"];

/// What only who knows SIP writes: header fields, methods, the version.
const WORDS: [&str; 35] = [
    "ACK",
    "Allow-Events",
    "Authorization",
    "BYE",
    "CANCEL",
    "CSeq",
    "Call-ID",
    "Contact",
    "Event",
    "Expires",
    "INFO",
    "INVITE",
    "MESSAGE",
    "Max-Forwards",
    "NOTIFY",
    "OPTIONS",
    "PRACK",
    "PUBLISH",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Proxy-Require",
    "REFER",
    "REGISTER",
    "Record-Route",
    "Require",
    "Retry-After",
    "Route",
    "SIP/2.0",
    "SUBSCRIBE",
    "Service-Route",
    "Supported",
    "UPDATE",
    "Via",
    "WWW-Authenticate",
    "z9hG4bK",
];

#[test]
fn only_crate_sip_names_its_parser() {
    for owner in crates().iter().filter(|owner| *owner != SPEAKER) {
        let manifest = Manifest::of(owner);
        let named = manifest.dependencies().into_iter().chain(manifest.dev_dependencies());
        for name in named {
            assert!(
                !name.starts_with("sipx"),
                "crates/{owner}/Cargo.toml: `{name}`: ask crate `{SPEAKER}` for what is needed"
            );
        }
    }
    for source in SOURCES.iter().filter(|source| source.owner != SPEAKER) {
        let named = source.tokens.iter().find(|token| token.is_word("sipx_sip"));
        if let Some(token) = named {
            panic!("{}:{}: ask crate `{SPEAKER}` for what is needed", source.path, token.line);
        }
    }
}

#[test]
fn executors_name_no_part_of_sip() {
    let mut found = String::new();
    for source in SOURCES.iter().filter(|source| CARRIERS.contains(&source.owner.as_str())) {
        for token in source.product_tokens() {
            let Kind::Text(text) = &token.kind else { continue };
            if let Some(word) = WORDS.iter().find(|word| has_word(text, word)) {
                writeln!(found, "  {}:{}: `{word}`", source.path, token.line).expect("a String");
            }
        }
        let named = source.product_tokens().into_iter().find(|token| token.is_word("sip"));
        if let Some(token) = named {
            writeln!(found, "  {}:{}: crate `sip`", source.path, token.line).expect("a String");
        }
    }
    assert!(found.is_empty(), "an executor that knows SIP is cut in the wrong place:\n{found}");
}

/// Whether `word` stands in `text` with nothing of a word beside it.
fn has_word(text: &str, word: &str) -> bool {
    let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) =
            (text[..at].chars().next_back(), text[at + word.len()..].chars().next());
        !goes_on(before) && (!goes_on(after) || word.starts_with("z9"))
    })
}

mod tests {
    use super::*;

    #[test]
    fn words_are_whole() {
        assert!(has_word("Via: SIP/2.0/UDP", "Via") && has_word("z9hG4bK1", "z9hG4bK"));
        assert!(!has_word("a Record-Route", "Route") && !has_word("Viaduct", "Via"));
    }
}
