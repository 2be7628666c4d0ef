//! What the core does without: it has no socket, clock, thread, file, environment or chance of its own.

use std::fmt::Write as _;

use crate::manifest::Manifest;
use crate::source::Source;
use crate::token::{Kind, Token};
use crate::tree::{CORE, SOURCES};

/// Modules of `std` with what may be used of them, and what to do instead of the rest.
const STD: [(&str, &[&str], &str); 9] = [
    ("time", &["Duration"], "take `net::Instant` as an argument"),
    ("net", ADDRESSES, "put out `net::Output` and let the executor own the socket"),
    ("fs", &[], "take text or bytes; `host` reads files"),
    ("io", &["Cursor"], "take and give bytes"),
    ("path", &[], "take text or bytes; `host` reads files"),
    ("env", &[], "take the value as an argument"),
    ("process", &[], "give an event; the binary decides"),
    ("thread", &[], "let the executor call"),
    ("os", &[], "leave the operating system to `host`"),
];
const ADDRESSES: &[&str] = &[
    "AddrParseError",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "SocketAddrV4",
    "SocketAddrV6",
];

/// Words that may not stand in the core at all.
const WORDS: [(&str, &str); 26] = [
    ("UdpSocket", "the executor owns sockets"),
    ("TcpStream", "the executor owns sockets"),
    ("TcpListener", "the executor owns sockets"),
    ("UnixStream", "the executor owns sockets"),
    ("UnixListener", "the executor owns sockets"),
    ("UnixDatagram", "the executor owns sockets"),
    ("ToSocketAddrs", "it asks the system's resolver; `locate` resolves names"),
    ("SystemTime", "take `net::Instant` as an argument"),
    ("UNIX_EPOCH", "take `net::Instant` as an argument"),
    ("async", "the core has no runtime"),
    ("await", "the core has no runtime"),
    ("RwLock", "a node has one owner"),
    ("Condvar", "a node has one owner"),
    ("mpsc", "a node has one owner"),
    ("Mutex", "a node has one owner"),
    ("thread_local", "state belongs to a node"),
    ("RandomState", "draw from the `net::Rng` that is passed in"),
    ("rand", "draw from the `net::Rng` that is passed in"),
    ("getrandom", "draw from the `net::Rng` that is passed in"),
    ("HashMap", "take a `BTreeMap`: its order is the same in every run"),
    ("HashSet", "take a `BTreeSet`: its order is the same in every run"),
    ("println", "give an event"),
    ("eprintln", "give an event"),
    ("print", "give an event"),
    ("eprint", "give an event"),
    ("unsafe", "there is a safe way"),
];

/// Words that stand where they may not, each with file and reason.
const EXCEPTIONS: [(&str, &str, &str); 4] = [
    ("HashSet", "crates/params/src/interner.rs", "asked for a member, never walked"),
    ("HashSet", "crates/phone/src/policy.rs", "asked for a member, never walked"),
    ("HashMap", "crates/locate/src/locator.rs", "asked by key, never walked"),
    ("Mutex", "crates/lab/src/location.rs", "several registrars of a lab share one database"),
];

/// Macros that may not stand in any crate, tests included.
const NOWHERE: [(&str, &str); 2] = [
    ("todo", "do it, or say what is missing as an error"),
    ("unimplemented", "do it, or say what is missing as an error"),
];

/// Marks of unfinished work in comments.
const UNFINISHED: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// What the core needs from outside, each free of sockets, clocks and threads as it is used.
const OUTSIDE: [&str; 14] = [
    "aes",
    "annotate-snippets",
    "audio-codec",
    "bytes",
    "ctr",
    "hmac",
    "md-5",
    "memchr",
    "serde",
    "serde_json",
    "sha1",
    "sha2",
    "sipx-sip",
    "thiserror",
];

#[test]
fn the_core_knows_no_socket_clock_thread_file_or_chance() {
    let mut found = String::new();
    for source in SOURCES.iter().filter(|source| is_core_product(source)) {
        let code = source.product_tokens();
        let code: Vec<&Token> =
            code.into_iter().filter(|token| !matches!(token.kind, Kind::Comment(_))).collect();
        for (at, token) in code.iter().enumerate() {
            let Some(word) = token.word() else { continue };
            let place = format!("{}:{}", source.path, token.line);
            let banned = WORDS.iter().find(|(banned, _)| *banned == word);
            if let Some((word, instead)) = banned.filter(|_| !is_excepted(word, &source.path)) {
                writeln!(found, "  {place}: `{word}`: {instead}").expect("a String");
            }
            for (used, instead) in beyond(&code, at) {
                writeln!(found, "  {place}: `{used}`: {instead}").expect("a String");
            }
        }
    }
    assert!(
        found.is_empty(),
        "the core crates run on any executor, so they have nothing of their own to run on:\n{found}"
    );
}

#[test]
fn the_core_needs_little_from_outside() {
    for owner in CORE {
        for name in Manifest::of(owner).dependencies() {
            let is_known = OUTSIDE.contains(&name.as_str()) || CORE.contains(&name.as_str());
            assert!(
                is_known,
                "crates/{owner}/Cargo.toml: `{name}` is new to the core: if it has neither socket, \
                 clock nor thread, add it to OUTSIDE in crates/house/src/pure.rs"
            );
        }
    }
}

#[test]
fn every_exception_is_still_needed() {
    for (word, path, reason) in EXCEPTIONS {
        let source = SOURCES.iter().find(|source| source.path == path);
        let stands = source
            .is_some_and(|source| source.product_tokens().iter().any(|token| token.is_word(word)));
        assert!(stands, "{path} has no `{word}` ({reason}): take the line out of EXCEPTIONS");
    }
}

#[test]
fn nothing_is_unfinished_or_left_out() {
    let mut found = String::new();
    for source in SOURCES.iter() {
        let in_core = CORE.contains(&source.owner.as_str());
        for (at, token) in source.tokens.iter().enumerate() {
            let what = match &token.kind {
                Kind::Word(word) if word == "ignore" && is_attribute(&source.tokens, at) => {
                    Some("`#[ignore]`: a test runs or is not there".to_owned())
                }
                Kind::Word(word) if word == "thread" && is_sleep(&source.tokens, at) && in_core => {
                    Some("`thread::sleep`: the core's tests have virtual time".to_owned())
                }
                Kind::Word(word) => NOWHERE
                    .iter()
                    .find(|(banned, _)| banned == word && is_macro(&source.tokens, at))
                    .map(|(banned, instead)| format!("`{banned}`: {instead}")),
                Kind::Comment(text) => UNFINISHED
                    .iter()
                    .find(|mark| text.split(|c: char| !c.is_alphanumeric()).any(|w| w == **mark))
                    .map(|mark| format!("{mark} in a comment: do it, or put it into an issue")),
                Kind::Mark(_) | Kind::Text(_) | Kind::Other => None,
            };
            if let Some(what) = what {
                writeln!(found, "  {}:{}: {what}", source.path, token.line).expect("a String");
            }
        }
    }
    assert!(found.is_empty(), "unfinished work:\n{found}");
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace() {
    for owner in crate::tree::crates() {
        let lints = Manifest::of(&owner).table("lints");
        assert!(
            lints.contains("workspace"),
            "crates/{owner}/Cargo.toml: add `[lints]` with `workspace = true`: it forbids unsafe code"
        );
    }
}

#[test]
fn a_file_stops_at_six_hundred_lines_without_its_tests() {
    let mut found = String::new();
    for source in SOURCES.iter().filter(|source| !source.is_test) {
        let code = source.product_tokens();
        let code = code.iter().filter(|token| !matches!(token.kind, Kind::Comment(_)));
        let mut lines: Vec<usize> = code.map(|token| token.line).collect();
        lines.dedup();
        if lines.len() > FILE_LINES_MAX {
            writeln!(found, "  {}: {} lines", source.path, lines.len()).expect("a String");
        }
    }
    assert!(
        found.is_empty(),
        "more than {FILE_LINES_MAX} lines of code without tests: split\n{found}"
    );
}

fn is_core_product(source: &Source) -> bool {
    CORE.contains(&source.owner.as_str()) && !source.is_test && source.path.contains("/src/")
}

fn is_excepted(word: &str, path: &str) -> bool {
    EXCEPTIONS.iter().any(|(excepted, file, _)| *excepted == word && *file == path)
}

/// What a path that begins with `std` at `at` uses beyond the permitted parts of its module.
fn beyond(code: &[&Token], at: usize) -> Vec<(String, &'static str)> {
    if !code[at].is_word("std") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for path in paths(code, at + 1) {
        let Some((module, rest)) = path.split_first() else { continue };
        let Some((_, permitted, instead)) = STD.iter().find(|(name, ..)| name == module) else {
            continue;
        };
        let used = rest.first().map_or("self", String::as_str);
        if !permitted.contains(&used) {
            found.push((format!("std::{module}::{used}"), *instead));
        }
    }
    found
}

/// The paths that begin at the `::` at `at`, `{a, b::c}` counted out.
fn paths(code: &[&Token], at: usize) -> Vec<Vec<String>> {
    let mut at = at;
    let mut path: Vec<String> = Vec::new();
    loop {
        let is_joined = [at, at + 1].iter().all(|i| code.get(*i).is_some_and(|t| t.is_mark(':')));
        let Some(next) = code.get(at + 2).filter(|_| is_joined) else { return vec![path] };
        if next.is_mark('{') {
            return group(code, at + 2, &path);
        }
        path.push(next.word().unwrap_or("*").to_owned());
        at += 3;
    }
}

/// The paths of a group that opens at `open`, each behind `before`.
fn group(code: &[&Token], open: usize, before: &[String]) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = Vec::new();
    let mut stack: Vec<Vec<String>> = vec![before.to_vec()];
    let mut path = before.to_vec();
    for token in code.iter().skip(open + 1) {
        match &token.kind {
            Kind::Word(word) => path.push(word.clone()),
            Kind::Mark('*') => path.push("*".to_owned()),
            Kind::Mark('{') => stack.push(path.clone()),
            Kind::Mark(mark @ (',' | '}')) => {
                if stack.last().is_some_and(|prefix| path.len() > prefix.len()) {
                    paths.push(path.clone());
                }
                if *mark == '}' {
                    stack.pop();
                }
                let Some(prefix) = stack.last() else { return paths };
                path.clone_from(prefix);
            }
            Kind::Mark(_) | Kind::Text(_) | Kind::Other | Kind::Comment(_) => {}
        }
    }
    paths
}

fn is_attribute(tokens: &[Token], at: usize) -> bool {
    at >= 2 && tokens[at - 1].is_mark('[') && tokens[at - 2].is_mark('#')
}

fn is_macro(tokens: &[Token], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|token| token.is_mark('!'))
}

fn is_sleep(tokens: &[Token], at: usize) -> bool {
    tokens.get(at + 3).is_some_and(|token| token.is_word("sleep"))
}

const FILE_LINES_MAX: usize = 600;

mod tests {
    use super::*;
    use crate::token::tokens;

    fn used(text: &str) -> Vec<String> {
        let tokens = tokens(text);
        let code: Vec<&Token> = tokens.iter().collect();
        (0..code.len()).flat_map(|at| beyond(&code, at)).map(|(used, _)| used).collect()
    }

    #[test]
    fn paths_of_std_are_followed_into_groups() {
        assert_eq!(used("use std::time::{Duration, Instant};"), ["std::time::Instant"]);
        assert_eq!(
            used("use std::{fs::{self, File}, net::IpAddr};"),
            ["std::fs::self", "std::fs::File"]
        );
        assert_eq!(used("let a = std::env::var(b); use std::sync::Arc;"), ["std::env::var"]);
        assert_eq!(used("use std::time;"), ["std::time::self"]);
        assert_eq!(used("use std::net::*;"), ["std::net::*"]);
    }
}
