//! Pages that are made from the tree: written with `UPDATE=1`, else compared.

use std::fs;

use crate::tree::root;

/// Whether pages are to be written.
pub(crate) fn updating() -> bool {
    std::env::var_os("UPDATE").is_some_and(|value| value != "0")
}

/// Fails if the page at `path` is not `wanted`; `same` makes of a page what has to agree.
pub(crate) fn check(path: &str, wanted: &str, same: fn(&str) -> String) {
    let file = root().join(path);
    if updating() {
        fs::write(&file, wanted).unwrap_or_else(|error| panic!("{path}: {error}"));
        return;
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    let (found, wanted) = (same(&found), same(wanted));
    let lines = || found.lines().map(Some).chain(std::iter::repeat(None));
    let differs = wanted
        .lines()
        .map(Some)
        .chain(std::iter::repeat(None))
        .zip(lines())
        .take(wanted.lines().count().max(found.lines().count()))
        .enumerate()
        .find(|(_, (wanted, found))| wanted != found);
    if let Some((line, (wanted, found))) = differs {
        panic!(
            "{path} is stale at line {}: run `UPDATE=1 cargo test -p house` and commit it.\n  \
             there: {}\n  wanted: {}",
            line + 1,
            found.unwrap_or("nothing"),
            wanted.unwrap_or("nothing"),
        );
    }
}

/// The page as it is.
pub(crate) fn whole(page: &str) -> String {
    page.to_owned()
}

/// The page without the line numbers behind file names, which any edit above a place moves.
pub(crate) fn without_lines(page: &str) -> String {
    let mut parts = page.split(".rs:");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(".rs");
        text.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    text
}

mod tests {
    use super::*;

    #[test]
    fn line_numbers_do_not_count() {
        assert_eq!(without_lines("a.rs:12 b, c.rs:3"), "a.rs b, c.rs");
    }
}
