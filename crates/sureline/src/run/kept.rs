//! What was changed while the phone ran, in files that outlive it: `MAC-local.cfg`, and beside it
//! `MAC-static.cfg`, since the local file keeps no `static.` keys.
//!
//! A change of both is written to `MAC-pending.json` before, so that a crash between the two files
//! leaves no half of it: whoever opens them next finishes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use fetch::Store;
use host::files::{self, Access};
use params::{Change, EditFault, Key, Layer, edit};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::out::Failure;

/// The files of one phone in the state folder.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    local: PathBuf,
    fixed: PathBuf,
    pending: PathBuf,
    given: Store,
    /// A secret of the state folder: what is derived from passwords tells nothing about them.
    key: [u8; 16],
}

/// What the files hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    /// `MAC-local.cfg`.
    pub(crate) local: Vec<u8>,
    /// `MAC-static.cfg`.
    pub(crate) fixed: Vec<u8>,
}

const HEAD: &[u8] = b"# What was changed while the phone ran.\n";
/// Before the digest of the files that were read last.
const READ: &str = "# Read last: ";

impl Kept {
    /// The files of `mac` in `folder`.
    pub(crate) fn new(folder: &Path, mac: params::Mac, key: [u8; 16]) -> Self {
        let file = |name: &str| folder.join(format!("{mac}-{name}"));
        let (local, fixed) = (file("local.cfg"), file("static.cfg"));
        let given = Store::new(folder, mac);
        Self { local, fixed, pending: file("pending.json"), given, key }
    }

    /// Where what provisioning gave is kept.
    pub(crate) fn given(&self) -> &Store {
        &self.given
    }

    /// Finishes what a crash has left, and reads the files; one that is not there is empty.
    pub(crate) fn open(&self) -> Result<Changes, Failure> {
        let pending = fs::read(&self.pending).ok();
        // A draft that cannot be read was never complete, so that neither file was touched yet.
        let pending: Option<Changes> =
            pending.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(changes) = &pending {
            self.write_both(changes).map_err(|error| Failure::misused(self.unwritten(&error)))?;
        }
        let local = of_file(&self.local)?;
        Ok(Changes { local, fixed: of_file(&self.fixed)? })
    }

    /// Writes what differs from `before`: all of it, or nothing and why not.
    pub(crate) fn write(&self, before: &Changes, changes: &Changes) -> Result<(), String> {
        let written = match (before.local != changes.local, before.fixed != changes.fixed) {
            (false, false) => Ok(()),
            (true, false) => files::replace(&self.local, &changes.local, Access::Private),
            (false, true) => files::replace(&self.fixed, &changes.fixed, Access::Private),
            (true, true) => self.write_together(before, changes),
        };
        written.map_err(|error| self.unwritten(&error))
    }

    fn write_together(&self, before: &Changes, changes: &Changes) -> io::Result<()> {
        let draft = serde_json::to_vec(changes)?;
        files::replace(&self.pending, &draft, Access::Private)?;
        let written = self.write_both(changes);
        if written.is_err() {
            // What was refused must not come true at the next start.
            drop(files::remove(&self.pending));
            drop(files::replace(&self.local, &before.local, Access::Private));
        }
        written
    }

    /// The names under which messages know the two files.
    pub(crate) fn names(&self) -> [String; 2] {
        [self.local.display().to_string(), self.fixed.display().to_string()]
    }

    /// A number for `text` that only who has the secret of the state folder can compute.
    pub(crate) fn mark(&self, text: &str) -> String {
        let digest = Sha256::new().chain_update(self.key).chain_update(text).finalize();
        hex(digest.get(..8).unwrap_or_default())
    }

    fn write_both(&self, changes: &Changes) -> io::Result<()> {
        files::replace(&self.local, &changes.local, Access::Private)?;
        files::replace(&self.fixed, &changes.fixed, Access::Private)?;
        files::remove(&self.pending)
    }

    fn unwritten(&self, error: &io::Error) -> String {
        format!("cannot write {}: {error}", self.local.display())
    }
}

impl Changes {
    /// The same with other values; a blank one takes its key back to the default.
    pub(crate) fn with(&self, values: &[(Key, &str)]) -> Result<Self, Vec<EditFault>> {
        let all = values.iter().map(|(key, value)| (*key, Change::Set(value)));
        self.edited(all)
    }

    /// The same without these keys.
    pub(crate) fn without(&self, keys: &[Key]) -> Result<Self, Vec<EditFault>> {
        self.edited(keys.iter().map(|key| (*key, Change::Remove)))
    }

    /// Whether the files that were read last are those with this digest.
    pub(crate) fn were_read_with(&self, digest: &str) -> bool {
        String::from_utf8_lossy(&self.local)
            .lines()
            .any(|line| line.strip_prefix(READ) == Some(digest))
    }

    /// The same, with a note that the files with this digest were read.
    pub(crate) fn read_with(&self, digest: &str) -> Self {
        let head = [HEAD, READ.as_bytes(), digest.as_bytes(), b"\n"];
        let local = head.concat().into_iter().chain(self.for_server()).collect();
        Self { local, fixed: self.fixed.clone() }
    }

    /// The local file without the notes that stand in it for this phone alone.
    pub(crate) fn for_server(&self) -> Vec<u8> {
        let is_note = |line: &[u8]| line.starts_with(READ.as_bytes()) || line == HEAD;
        let lines = self.local.split_inclusive(|byte| *byte == b'\n');
        lines.filter(|line| !is_note(line)).flatten().copied().collect()
    }

    fn edited<'a>(
        &self,
        changes: impl Iterator<Item = (Key, Change<'a>)>,
    ) -> Result<Self, Vec<EditFault>> {
        let (fixed, local): (Vec<_>, Vec<_>) =
            changes.partition(|(key, _)| key.row().pattern.starts_with("static."));
        let of = |file: &[u8], layer, changes: &[_]| match changes.is_empty() {
            true => Ok(file.to_vec()),
            false => edit(file, layer, changes),
        };
        let (local, fixed) =
            (of(&self.local, Layer::Local, &local), of(&self.fixed, Layer::Mac, &fixed));
        match (local, fixed) {
            (Ok(local), Ok(fixed)) => Ok(Self { local, fixed }),
            (local, fixed) => {
                let mut faults = local.err().unwrap_or_default();
                faults.extend(fixed.err().unwrap_or_default());
                Err(faults)
            }
        }
    }
}

/// Tells files apart by what is in them.
pub(crate) fn digest<'a>(files: impl Iterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for file in files {
        digest.update(Sha256::digest(file));
    }
    hex(&digest.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn of_file(path: &Path) -> Result<Vec<u8>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(super::engine::unreadable(path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use params::Device;

    const SERVER: &str = "account.1.sip_server.2.address";
    const TIMEOUT: &str = "static.network.dns.query_timeout";

    fn kept() -> (tempfile::TempDir, Kept) {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::new(dir.path(), Device::default().mac, [7; 16]);
        (dir, kept)
    }

    fn changes(values: &[(&str, &str)]) -> Changes {
        let values: Vec<_> =
            values.iter().map(|(key, value)| (key.parse().unwrap(), *value)).collect();
        Changes::default().with(&values).unwrap()
    }

    #[test]
    fn static_keys_have_a_file_of_their_own() {
        let (_dir, kept) = kept();
        let both = changes(&[(SERVER, "pbx.test"), (TIMEOUT, "5")]);
        kept.write(&Changes::default(), &both).unwrap();
        let read = kept.open().unwrap();
        assert_eq!(read.local, b"account.1.sip_server.2.address = pbx.test\n");
        assert_eq!(read.fixed, b"static.network.dns.query_timeout = 5\n");
        assert!(!kept.pending.exists());
    }

    #[test]
    fn a_change_that_a_crash_cut_in_half_is_finished() {
        let (_dir, kept) = kept();
        let both = changes(&[(SERVER, "pbx.test"), (TIMEOUT, "5")]);
        files::replace(&kept.pending, &serde_json::to_vec(&both).unwrap(), Access::Private)
            .unwrap();
        files::replace(&kept.local, &both.local, Access::Private).unwrap();
        assert_eq!(kept.open().unwrap(), both);
        assert!(!kept.pending.exists());
    }

    #[test]
    fn what_cannot_be_written_is_said_and_changes_nothing() {
        let (dir, kept) = kept();
        fs::create_dir(&kept.pending).unwrap();
        let both = changes(&[(SERVER, "pbx.test"), (TIMEOUT, "5")]);
        let why = kept.write(&Changes::default(), &both).unwrap_err();
        assert!(why.contains("cannot write"), "{why}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_note_of_what_was_read_is_renewed_and_nothing_else_changes() {
        let changed = changes(&[(SERVER, "pbx.test")]);
        let noted = changed.read_with("aa").read_with("bb");
        assert!(noted.were_read_with("bb") && !noted.were_read_with("aa"));
        assert_eq!(
            String::from_utf8(noted.local.clone()).unwrap(),
            "# What was changed while the phone ran.\n# Read last: bb\n\
             account.1.sip_server.2.address = pbx.test\n"
        );
        let key = SERVER.parse().unwrap();
        assert_eq!(noted.without(&[key]).unwrap(), Changes::default().read_with("bb"));
    }

    #[test]
    fn a_mark_depends_on_the_secret() {
        let (_dir, kept) = kept();
        let other = Kept { key: [8; 16], ..kept.clone() };
        assert_eq!(kept.mark("a").len(), 16);
        assert_ne!(kept.mark("a"), other.mark("a"));
        assert_ne!(kept.mark("a"), kept.mark("b"));
    }

    #[test]
    fn files_with_the_same_bytes_in_other_places_are_others() {
        let of = |files: &[&'static [u8]]| digest(files.iter().copied());
        assert_ne!(of(&[b"ab", b"c"]), of(&[b"a", b"bc"]));
        assert_eq!(of(&[b"ab"]), of(&[b"ab"]));
    }
}
