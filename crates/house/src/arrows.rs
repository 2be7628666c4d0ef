//! Arrows point downward only: each crate uses what the table of ARCHITECTURE.md lets it use.

use std::collections::BTreeSet;

use crate::manifest::Manifest;
use crate::tree::{crates, read};

/// A row of the table.
struct Row {
    name: String,
    may_use: BTreeSet<String>,
    tests_also: BTreeSet<String>,
}

/// The table below "## Crates", from the bottom up.
fn table() -> Vec<Row> {
    let text = read("ARCHITECTURE.md");
    let below =
        text.split("\n## Crates").nth(1).expect("ARCHITECTURE.md has a heading \"## Crates\"");
    let section = below.split("\n## ").next().unwrap_or_default();
    let rows: Vec<Row> = section.lines().filter_map(row).collect();
    assert!(!rows.is_empty(), "ARCHITECTURE.md has no table of crates below \"## Crates\"");
    rows
}

fn row(line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.strip_prefix('|')?.split('|').map(str::trim).collect();
    let name = cells.first()?.strip_prefix('`')?.strip_suffix('`')?.to_owned();
    Some(Row { name, may_use: names(cells.get(2)?), tests_also: names(cells.get(3)?) })
}

fn names(cell: &str) -> BTreeSet<String> {
    let names = cell.split(['`', ' ', ',']).filter(|word| !word.is_empty() && *word != "—");
    names.map(str::to_owned).collect()
}

fn ours(names: BTreeSet<String>) -> BTreeSet<String> {
    let crates = crates();
    names.into_iter().filter(|name| crates.contains(name)).collect()
}

#[test]
fn every_crate_stands_in_the_table_below_what_it_uses() {
    let table = table();
    let order: Vec<&str> = table.iter().map(|row| row.name.as_str()).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        crates(),
        "the table of crates in ARCHITECTURE.md and the folder `crates` differ"
    );
    for (at, Row { name, may_use, tests_also }) in table.iter().enumerate() {
        for used in may_use {
            assert!(
                order[..at].contains(&used.as_str()),
                "ARCHITECTURE.md: `{name}` may use `{used}`, which is no crate above it in the table: \
                 that goes from the bottom up, so this arrow would point upward"
            );
        }
        for used in tests_also {
            assert!(order.contains(&used.as_str()), "ARCHITECTURE.md: `{name}`: no crate `{used}`");
        }
    }
}

#[test]
fn no_crate_uses_more_than_the_table_lets_it() {
    for Row { name, may_use, tests_also } in table() {
        let manifest = Manifest::of(&name);
        for used in ours(manifest.dependencies()) {
            assert!(
                may_use.contains(&used),
                "crates/{name}/Cargo.toml: `{name}` may not use `{used}` (ARCHITECTURE.md, Crates)"
            );
        }
        for used in ours(manifest.dev_dependencies()) {
            assert!(
                may_use.contains(&used) || tests_also.contains(&used),
                "crates/{name}/Cargo.toml: tests of `{name}` may not use `{used}` (ARCHITECTURE.md, \
                 Crates)"
            );
        }
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let text = read("ARCHITECTURE.md");
    let below = text.split("\n## Dependencies").nth(1).unwrap_or_default();
    let section = below.split("\n## ").next().unwrap_or_default();
    let ours = crates();
    let root = Manifest::parse(&read("Cargo.toml"));
    for name in root.table("workspace.dependencies") {
        let has_reason = ours.contains(&name) || section.contains(&format!("`{name}`"));
        assert!(
            has_reason,
            "ARCHITECTURE.md, Dependencies: say why `{name}` is taken and not written"
        );
    }
}
