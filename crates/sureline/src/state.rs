//! The state folder: what outlives a run, who runs in it now, and where that one is reached.

use std::env;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use host::files::{self, Access};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::out::Failure;

/// A folder that only its owner reads.
#[derive(Clone, Debug)]
pub(crate) struct StateDir(PathBuf);

/// Held by the one process that runs in a state folder; let go by the system when it ends, however.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl StateDir {
    /// The folder given, or `$XDG_STATE_HOME/sureline`; nothing is made.
    pub(crate) fn locate(given: Option<&Path>) -> Result<Self, Failure> {
        if let Some(given) = given {
            return Ok(Self(given.to_owned()));
        }
        let base = env::var_os("XDG_STATE_HOME").filter(|base| Path::new(base).is_absolute());
        let home = || env::var_os("HOME").map(|home| Path::new(&home).join(".local/state"));
        let base = base.map(PathBuf::from).or_else(home);
        base.map(|base| Self(base.join("sureline"))).ok_or_else(|| {
            Failure::misused(
                "neither XDG_STATE_HOME nor HOME is set: name a folder with --state DIR",
            )
        })
    }

    /// Makes the folder where it is missing.
    pub(crate) fn open(given: Option<&Path>) -> Result<Self, Failure> {
        let dir = Self::locate(given)?;
        files::make_private_folder(&dir.0).map_err(|error| dir.unusable("make", &error))?;
        Ok(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Takes the folder for a process of this kind, or names the one that has it.
    pub(crate) fn lock(&self, kind: &str) -> Result<Lock, Failure> {
        let path = self.file(&format!("{kind}.lock"));
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.map_err(|error| self.unusable("open", &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // A holder that has not written its number yet is named without it.
                drop(file.read_to_string(&mut pid));
                return Err(Failure::failed(format!(
                    "{kind} is already running with the state folder {} (pid {}): stop it or name \
                     another folder with --state DIR",
                    self.0.display(),
                    pid.trim()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(self.unusable("lock", &error)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| writeln!(file, "{}", std::process::id()));
        written.map_err(|error| self.unusable("write", &error))?;
        Ok(Lock { _file: file })
    }

    /// Writes a file that only its owner reads, whole or not at all.
    pub(crate) fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let written = files::replace(&self.file(name), content, Access::Private);
        written.map_err(|error| self.unusable("write", &error))
    }

    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), Failure> {
        let json = serde_json::to_string(value).map_err(Failure::failed)?;
        self.write(name, format!("{json}\n").as_bytes())
    }

    /// What `name` holds; none where it is missing or something else.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.file(name)).ok()?).ok()
    }

    /// Puts a finished file into its place, in one step.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        fs::rename(self.file(from), self.file(to)).map_err(Failure::failed)
    }

    pub(crate) fn remove(&self, name: &str) {
        // What stays behind names a process that is gone, and is seen to.
        drop(files::remove(&self.file(name)));
    }

    /// The secret that line tokens are made with: made once, kept for good, so that a restarted
    /// phone keeps its Contact.
    pub(crate) fn secret(&self) -> Result<[u8; 16], Failure> {
        const NAME: &str = "secret";
        if let Some(kept) = fs::read(self.file(NAME)).ok().and_then(|kept| kept.try_into().ok()) {
            return Ok(kept);
        }
        let secret = random()?;
        self.write(NAME, &secret)?;
        Ok(secret)
    }

    fn unusable(&self, what: &str, error: &io::Error) -> Failure {
        Failure::misused(format!("cannot {what} in the state folder {}: {error}", self.0.display()))
    }
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|error| Failure::failed(format!("cannot read /dev/urandom: {error}")))?;
    Ok(bytes)
}

/// A token of 128 bits for the control API.
pub(crate) fn token() -> Result<String, Failure> {
    Ok(format!("{:032x}", u128::from_be_bytes(random()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn state() -> (tempfile::TempDir, StateDir) {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(Some(&dir.path().join("deep/state"))).unwrap();
        (dir, state)
    }

    #[test]
    fn files_are_for_their_owner_alone() {
        let (_dir, state) = state();
        state.write_json("control.json", &7).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&state.file("control.json")), 0o600);
        assert_eq!(mode(state.path()), 0o700);
        assert_eq!(state.read_json::<u32>("control.json"), Some(7));
    }

    #[test]
    fn the_secret_is_made_once() {
        let (_dir, state) = state();
        assert_eq!(state.secret().unwrap(), state.secret().unwrap());
        assert_ne!(state.secret().unwrap(), [0; 16]);
    }

    #[test]
    fn a_second_holder_is_refused_with_the_number_of_the_first() {
        let (_dir, state) = state();
        let held = state.lock("run").unwrap();
        let Err(Failure::Failed(text)) = state.lock("run") else { panic!("locked twice") };
        assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
        drop(held);
        assert!(state.lock("run").is_ok());
    }
}
