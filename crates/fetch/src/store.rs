//! What a phone was given, on the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use host::files::{self, Access};
use params::Mac;
use params::provision::{Saved, digest, overwritten};

/// The files of one phone in its state folder. What is there at any moment is whole: a crash leaves
/// the former state or the new one.
#[derive(Clone, Debug)]
pub struct Store {
    given: PathBuf,
    local: PathBuf,
}

/// What was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// What the phone was given.
    pub saved: Saved,
    /// The local file; blank where there is none.
    pub local: Vec<u8>,
    /// What could not be read, and what that means.
    pub problems: Vec<String>,
}

const LOCAL_BYTES_MAX: u64 = 4 << 20;

impl Store {
    /// The store of the phone `mac` in a folder; `local` is its local file.
    #[must_use]
    pub fn new(folder: &Path, mac: Mac, local: &Path) -> Self {
        Self { given: folder.join(format!("{mac}-provisioned")), local: local.to_owned() }
    }

    /// Reads what was kept, and ends what a crash has left half done.
    ///
    /// What is damaged counts as never given: the phone fetches it again.
    #[must_use]
    pub fn load(&self) -> Loaded {
        let mut loaded = Loaded::default();
        let limit = u64::try_from(Saved::BYTES_MAX).unwrap_or(u64::MAX);
        match read(&self.given, limit) {
            Ok(None) => {}
            Ok(Some(bytes)) => match Saved::parse(&bytes) {
                Ok(saved) => loaded.saved = saved,
                Err(damaged) => loaded.problem(&self.given, &damaged),
            },
            Err(error) => loaded.problem(&self.given, &error),
        }
        match read(&self.local, LOCAL_BYTES_MAX) {
            Ok(local) => loaded.local = local.unwrap_or_default(),
            Err(error) => loaded.problem(&self.local, &error),
        }
        if loaded.saved.overwrites == Some(digest(&loaded.local)) && !loaded.local.is_empty() {
            loaded.local = overwritten(&loaded.local, &loaded.saved.files);
            if let Err(error) = self.keep_local(&loaded.local) {
                loaded.problem(&self.local, &error);
            }
        }
        loaded
    }

    /// Writes down what a phone is given and, where that changes, its local file; both are on the
    /// disk when this returns.
    ///
    /// # Errors
    /// Nothing has changed then, unless the disk failed at the very end.
    pub fn keep(&self, saved: &Saved, local: Option<&[u8]>) -> io::Result<()> {
        let write = || files::replace(&self.given, &saved.to_bytes(), Access::Private);
        match local {
            // What was given says itself what is to become of the local file.
            Some(local) if saved.overwrites.is_some() => {
                write()?;
                // `load` makes up for it.
                drop(self.keep_local(local));
                Ok(())
            }
            // A local file that came from the server would not come a second time.
            Some(local) => {
                self.keep_local(local)?;
                write()
            }
            None => write(),
        }
    }

    /// Writes the local file.
    ///
    /// # Errors
    /// The former one is there then.
    pub fn keep_local(&self, local: &[u8]) -> io::Result<()> {
        files::replace(&self.local, local, Access::Private)
    }

    /// Where what the phone was given lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.given
    }
}

impl Loaded {
    fn problem(&mut self, path: &Path, why: &dyn std::fmt::Display) {
        self.problems.push(format!("{}: {why}", path.display()));
    }
}

fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    match files::read(path, limit) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !fs::exists(path)? => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use params::Layer;
    use params::provision::SavedFile;

    use super::*;

    struct Bench {
        folder: tempfile::TempDir,
        store: Store,
    }

    impl Bench {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let local = folder.path().join("local.cfg");
            let store = Store::new(folder.path(), Mac::new([0, 0x15, 0x65, 0, 0, 1]), &local);
            Self { folder, store }
        }
    }

    fn saved(text: &str, local: Option<&[u8]>) -> Saved {
        let content = text.as_bytes().to_vec();
        Saved {
            files: vec![SavedFile { name: "http://a/x.cfg".into(), layer: Layer::Mac, content }],
            overwrites: local.map(digest),
            ..Saved::default()
        }
    }

    #[test]
    fn what_is_kept_is_loaded() {
        let bench = Bench::new();
        assert_eq!(bench.store.load(), Loaded::default());
        bench
            .store
            .keep(&saved("account.1.label = a\n", None), Some(b"account.2.label = b\n"))
            .unwrap();
        let loaded = bench.store.load();
        assert_eq!(loaded.saved, saved("account.1.label = a\n", None));
        assert_eq!(loaded.local, b"account.2.label = b\n");
        assert_eq!(loaded.problems, [""; 0]);
    }

    #[test]
    fn a_crash_before_the_local_file_was_written_is_made_up_for() {
        let bench = Bench::new();
        let local = b"account.1.label = user\naccount.2.label = too\n";
        bench.store.keep_local(local).unwrap();
        let given = saved("account.1.label = a\n", Some(local));
        files::replace(bench.store.path(), &given.to_bytes(), Access::Private).unwrap();

        assert_eq!(bench.store.load().local, b"account.2.label = too\n");
        assert_eq!(bench.store.load().local, b"account.2.label = too\n");
        bench.store.keep_local(b"account.1.label = later\n").unwrap();
        assert_eq!(bench.store.load().local, b"account.1.label = later\n");
    }

    #[test]
    fn damage_is_told_and_counts_as_nothing() {
        let bench = Bench::new();
        bench.store.keep(&saved("account.1.label = a\n", None), None).unwrap();
        let mut bytes = fs::read(bench.store.path()).unwrap();
        bytes[40] ^= 1;
        fs::write(bench.store.path(), bytes).unwrap();
        let loaded = bench.store.load();
        assert_eq!(loaded.saved, Saved::default());
        assert!(loaded.problems[0].contains("-provisioned: what provisioning had kept is damaged"));
        fs::create_dir(bench.folder.path().join("local.cfg")).unwrap();
        assert_eq!(bench.store.load().problems.len(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_told_and_leaves_the_former_state() {
        let bench = Bench::new();
        bench.store.keep(&saved("account.1.label = a\n", None), Some(b"x.y = 1\n")).unwrap();
        let before = bench.store.load();
        fs::create_dir(bench.folder.path().join("blocked")).unwrap();
        let blocked =
            Store { given: bench.folder.path().join("blocked"), local: bench.store.local.clone() };
        assert!(blocked.keep(&saved("account.1.label = b\n", None), None).is_err());
        assert_eq!(bench.store.load(), before);
    }
}
