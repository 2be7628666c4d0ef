//! The pages at the root say what is so.

use std::collections::{BTreeMap, BTreeSet};

use params::{Device, Interner, Layer, Layers, Source};

use crate::tree::{read, root};

/// How much of the README a reader sees at once.
const FIRST_SCREEN: usize = 24;
/// The commands that it takes to have a phone.
const SET_UP: [&str; 2] = ["cargo run --release -- demo", "./test.sh"];
const ARCHITECTURE_LINES_MAX: usize = 150;
const COLUMNS_MAX: usize = 140;
const PAGES: [&str; 7] = [
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/parameters.md",
    "docs/rules.md",
    "docs/rfc.md",
    "LICENSE-MIT",
];

#[test]
fn the_first_screen_of_the_readme_has_exactly_the_two_commands() {
    let text = read("README.md");
    let screen: Vec<&str> = text.lines().take(FIRST_SCREEN).collect();
    let mut blocks = screen.split(|line| line.starts_with("```")).skip(1).step_by(2);
    let commands: Vec<&str> = blocks.next().unwrap_or_default().to_vec();
    assert_eq!(commands, SET_UP, "README.md, first {FIRST_SCREEN} lines: the set-up commands");
    assert_eq!(blocks.next(), None, "README.md has a second block of code on its first screen");
}

#[test]
fn the_file_in_the_readme_loads_without_a_finding() {
    let text = read("README.md");
    let file = text.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next());
    let file = file.expect("README.md shows a configuration file");
    let source = Source { name: "phone.cfg", layer: Layer::Mac, bytes: file.as_bytes() };
    let (layers, findings) = Layers::load(&[source]);
    assert!(findings.is_empty(), "README.md, phone.cfg: {findings:?}");
    let (settings, errors) = layers.settings(&Device::default(), &mut Interner::default());
    assert!(errors.is_empty(), "README.md, phone.cfg: {errors:?}");
    assert_eq!(settings.accounts.len(), 1, "README.md, phone.cfg: one account");
    assert_eq!(file.lines().count(), 10, "README.md promises nothing longer than ten lines");
}

#[test]
fn the_architecture_fits_on_its_pages() {
    let text = read("ARCHITECTURE.md");
    let lines = text.lines().count();
    assert!(
        lines <= ARCHITECTURE_LINES_MAX,
        "ARCHITECTURE.md has {lines} lines, more than {ARCHITECTURE_LINES_MAX}: shorten it"
    );
    let long =
        text.lines().find(|line| !line.starts_with('|') && line.chars().count() > COLUMNS_MAX);
    assert_eq!(long, None, "ARCHITECTURE.md: longer than {COLUMNS_MAX} columns");
}

#[test]
fn links_between_pages_lead_somewhere() {
    for page in PAGES {
        let text = read(page);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let folder = root().join(page);
            let target = folder.parent().expect("a page lies in a folder").join(link);
            assert!(target.exists(), "{page}: no file {link}");
        }
    }
}

#[test]
fn the_licences_are_those_of_the_workspace() {
    let manifest = read("Cargo.toml");
    assert!(manifest.contains("license = \"MIT OR Apache-2.0\""), "Cargo.toml: another licence");
    assert!(read("LICENSE-MIT").starts_with("MIT License"), "LICENSE-MIT is something else");
    assert!(
        read("LICENSE-APACHE").contains("Version 2.0, January 2004"),
        "LICENSE-APACHE is not it"
    );
}

#[test]
fn duplicate_versions_are_those_of_deny_toml() {
    let versions = locked_versions();
    let text = read("deny.toml");
    let skipped: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \""))
        .filter_map(|rest| rest.split('"').next())
        .filter_map(|crate_at| crate_at.split_once('@').map(|(name, _)| name))
        .collect();
    for (name, versions) in versions.iter().filter(|(_, versions)| versions.len() > 1) {
        assert!(
            skipped.contains(name.as_str()),
            "Cargo.lock has {name} {versions:?}: find a set of dependencies with one version, or \
             list the older one in deny.toml with its owner"
        );
    }
    for name in skipped {
        let count = versions.get(name).map_or(0, BTreeSet::len);
        assert!(count > 1, "deny.toml skips {name}, of which there is one version: take it out");
    }
}

/// The versions of each package in `Cargo.lock`.
fn locked_versions() -> BTreeMap<String, BTreeSet<String>> {
    let text = read("Cargo.lock");
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in text.split("[[package]]").skip(1) {
        let field = |name: &str| {
            let line = package.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.trim_matches(|c: char| c == ' ' || c == '=' || c == '"').to_owned())
        };
        if let (Some(name), Some(version)) = (field("name"), field("version")) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions
}
