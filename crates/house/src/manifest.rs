//! `Cargo.toml` as far as the tests need it: the names of dependencies, table by table.

use std::collections::{BTreeMap, BTreeSet};

use crate::tree::read;

/// The keys of each table of a manifest.
pub(crate) struct Manifest(BTreeMap<String, BTreeSet<String>>);

impl Manifest {
    /// That of a crate of ours.
    pub(crate) fn of(owner: &str) -> Self {
        Self::parse(&read(&format!("crates/{owner}/Cargo.toml")))
    }

    pub(crate) fn parse(text: &str) -> Self {
        let mut tables: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut table = String::new();
        for line in text.lines().map(str::trim) {
            if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                // [dependencies.name] is an entry as well.
                let (outer, inner) = name.split_once("dependencies.").unwrap_or((name, ""));
                table = if inner.is_empty() {
                    outer.to_owned()
                } else {
                    format!("{outer}dependencies")
                };
                tables.entry(table.clone()).or_default().extend(nonempty(inner));
                if !inner.is_empty() {
                    table.push_str(".keys");
                }
            } else if let Some((key, _)) = line.split_once('=')
                && !line.starts_with('#')
            {
                let name = key.trim().split('.').next().unwrap_or_default();
                tables.entry(table.clone()).or_default().extend(nonempty(name));
            }
        }
        Self(tables)
    }

    /// What the product needs, for whichever platform, its build included.
    pub(crate) fn dependencies(&self) -> BTreeSet<String> {
        self.named(|table| table.ends_with("dependencies") && !table.ends_with("dev-dependencies"))
    }

    /// What only tests need.
    pub(crate) fn dev_dependencies(&self) -> BTreeSet<String> {
        self.named(|table| table.ends_with("dev-dependencies"))
    }

    /// The keys of one table.
    pub(crate) fn table(&self, name: &str) -> BTreeSet<String> {
        self.0.get(name).cloned().unwrap_or_default()
    }

    fn named(&self, fits: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let tables = self.0.iter().filter(|(table, _)| fits(table));
        tables.flat_map(|(_, names)| names.iter().cloned()).collect()
    }
}

fn nonempty(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

mod tests {
    use super::*;

    #[test]
    fn dependencies_are_found_in_every_spelling() {
        let text = "[dependencies]\na.workspace = true\nb = { version = \"1\" }\n# c = 1\n\
            [dependencies.d]\nversion = \"1\"\n[target.'cfg(unix)'.dependencies]\ne = \"1\"\n\
            [dev-dependencies]\nf = \"1\"\n[features]\ng = []\n";
        let manifest = Manifest::parse(text);
        assert_eq!(Vec::from_iter(manifest.dependencies()), ["a", "b", "d", "e"]);
        assert_eq!(Vec::from_iter(manifest.dev_dependencies()), ["f"]);
        assert_eq!(Vec::from_iter(manifest.table("features")), ["g"]);
    }
}
