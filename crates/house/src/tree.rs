//! The workspace as files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::source::Source;

/// The crates that know neither socket nor clock.
pub(crate) const CORE: [&str; 11] =
    ["net", "sip", "dns", "sdp", "media", "params", "locate", "phone", "lab", "sim", "advise"];

/// The Rust files of all crates but this one, in the order of their paths.
pub(crate) static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut sources: Vec<Source> = Vec::new();
    for name in crates().iter().filter(|name| *name != env!("CARGO_PKG_NAME")) {
        for part in ["benches", "examples", "src", "tests"] {
            for path in files(&root().join("crates").join(name).join(part), "rs") {
                sources.push(Source::read(&path, &shown(&path)));
            }
        }
    }
    let only_in_tests: Vec<String> = sources.iter().flat_map(Source::test_modules).collect();
    for source in &mut sources {
        let in_tests = |path: &String| {
            source.path == format!("{path}.rs") || source.path.starts_with(&format!("{path}/"))
        };
        source.is_test |= only_in_tests.iter().any(in_tests);
    }
    sources
});

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the crate lies two folders below the workspace")
}

/// The folders of the crates, in order.
pub(crate) fn crates() -> Vec<String> {
    let folder = root().join("crates");
    let mut names: Vec<String> = entries(&folder)
        .into_iter()
        .filter(|path| path.join("Cargo.toml").is_file())
        .map(|path| path.file_name().expect("an entry has a name").to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// A file of the workspace, by its path from the root.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files of a folder that have this extension, in the order of their paths.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if !folder.is_dir() {
        return found;
    }
    for path in entries(folder) {
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.expect("an entry can be read").path()).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/")
}
