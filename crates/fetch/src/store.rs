//! What a phone was given, on the disk.

use std::io;
use std::path::{Path, PathBuf};

use host::files::{self, Access};
use params::Mac;
use params::provision::Saved;

/// What one phone was given, in its state folder. It is whole at any moment: a crash leaves the
/// former state or the new one.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What the phone was given.
    pub saved: Saved,
    /// Why it could not be read, with the file.
    pub problem: Option<String>,
}

impl Store {
    /// The store of the phone `mac` in a folder.
    #[must_use]
    pub fn new(folder: &Path, mac: Mac) -> Self {
        Self(folder.join(format!("{mac}-provisioned")))
    }

    /// Reads what was kept. What is damaged counts as never given: the phone fetches it again.
    #[must_use]
    pub fn load(&self) -> Loaded {
        let limit = u64::try_from(Saved::BYTES_MAX).unwrap_or(u64::MAX);
        let problem = |why: &dyn std::fmt::Display| Loaded {
            problem: Some(format!("{}: {why}", self.0.display())),
            ..Loaded::default()
        };
        match files::read(&self.0, limit) {
            Ok(bytes) => match Saved::parse(&bytes) {
                Ok(saved) => Loaded { saved, problem: None },
                Err(damaged) => problem(&damaged),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Loaded::default(),
            Err(error) => problem(&error),
        }
    }

    /// Writes down what a phone is given; it is on the disk when this returns.
    ///
    /// # Errors
    /// The former state is there then, unless the disk failed at the very end.
    pub fn keep(&self, saved: &Saved) -> io::Result<()> {
        files::replace(&self.0, &saved.to_bytes(), Access::Private)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use params::Layer;
    use params::provision::SavedFile;

    use super::*;

    const MAC: Mac = Mac::new([0, 0x15, 0x65, 0, 0, 1]);

    fn saved(text: &str) -> Saved {
        let content = text.as_bytes().to_vec();
        let file = SavedFile { name: "http://a/x.cfg".into(), layer: Layer::Mac, content };
        Saved { files: vec![file], ..Saved::default() }
    }

    #[test]
    fn what_is_kept_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), MAC);
        assert_eq!(store.load(), Loaded::default());
        for text in ["account.1.label = a\n", "account.1.label = b\n"] {
            store.keep(&saved(text)).unwrap();
            assert_eq!(store.load(), Loaded { saved: saved(text), problem: None });
        }
    }

    #[test]
    fn damage_is_told_and_counts_as_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path(), MAC);
        store.keep(&saved("account.1.label = a\n")).unwrap();
        let mut bytes = fs::read(store.path()).unwrap();
        bytes[40] ^= 1;
        fs::write(store.path(), bytes).unwrap();
        let loaded = store.load();
        assert_eq!(loaded.saved, Saved::default());
        let problem = loaded.problem.unwrap();
        assert!(problem.contains("001565000001-provisioned: what provisioning had"), "{problem}");
        fs::remove_file(store.path()).unwrap();
        fs::create_dir(store.path()).unwrap();
        assert!(store.load().problem.unwrap().contains("directory"));
    }

    #[test]
    fn what_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(&folder.path().join("gone"), MAC);
        assert!(store.keep(&saved("account.1.label = b\n")).is_err());
        assert_eq!(store.load(), Loaded::default());
    }
}
