//! Files that are whole or not there: what is written replaces the former content at once, and
//! survives a crash from then on.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone (0600).
    Private,
    /// Everybody (0644), as far as the process's umask permits.
    Public,
}

/// Writes `content` to `path`: a reader sees the former content or this, whole, even after a crash.
///
/// The content is on the disk when this returns. Where it fails the former content is untouched,
/// unless the very last step did: the folder's entry could then not be made safe against a crash.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    replace_on(&Disk, path, content, access)
}

/// Reads a file of at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut content = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut content)?;
    if u64::try_from(content.len()).is_ok_and(|length| length <= limit) {
        Ok(content)
    } else {
        Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes")))
    }
}

/// Removes a file, if it is there, so that it stays removed after a crash.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => Disk.sync_folder(folder_of(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// Makes a folder that its owner alone may look into (0700), with those above it, unless it is there.
pub fn make_private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The steps of writing, so that each can be made to fail.
trait Steps {
    type File;
    fn create(&self, path: &Path, access: Access) -> io::Result<Self::File>;
    fn write(&self, file: &mut Self::File, content: &[u8]) -> io::Result<()>;
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
}

fn replace_on<S: Steps>(steps: &S, path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let draft = draft_of(path)?;
    let written =
        write_draft(steps, &draft, content, access).and_then(|()| steps.rename(&draft, path));
    if let Err(error) = written {
        // The error that counts is the first; a draft that stays behind harms nobody.
        drop(fs::remove_file(&draft));
        return Err(error);
    }
    steps.sync_folder(folder_of(path))
}

fn write_draft<S: Steps>(
    steps: &S,
    draft: &Path,
    content: &[u8],
    access: Access,
) -> io::Result<()> {
    let mut file = steps.create(draft, access)?;
    steps.write(&mut file, content)?;
    // Without this a crash after the rename leaves an empty file.
    steps.sync(&file)
}

/// A name beside `path` that nobody else uses.
fn draft_of(path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let draft = format!(".{}.{}.{count}.tmp", name.to_string_lossy(), std::process::id());
    Ok(path.with_file_name(draft))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    }
}

struct Disk;

impl Steps for Disk {
    type File = File;

    fn create(&self, path: &Path, access: Access) -> io::Result<File> {
        let mode = match access {
            Access::Private => 0o600,
            Access::Public => 0o644,
        };
        OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
    }

    fn write(&self, file: &mut File, content: &[u8]) -> io::Result<()> {
        file.write_all(content)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn content_is_replaced_whole_and_readable_by_its_owner_alone() {
        let folder = Folder::new("replace");
        let path = folder.0.join("control.json");
        for content in [&b"first"[..], b"second, longer", b""] {
            replace(&path, content, Access::Private).unwrap();

            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(folder.names(), ["control.json"]);
        }
    }

    #[test]
    fn a_private_file_is_private_even_if_it_was_not_before() {
        let folder = Folder::new("access");
        let path = folder.0.join("secret");
        replace(&path, b"public", Access::Public).unwrap();

        replace(&path, b"private", Access::Private).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_step_that_fails_leaves_the_former_content_and_no_draft() {
        let folder = Folder::new("faults");
        let path = folder.0.join("settings");
        replace(&path, b"former", Access::Private).unwrap();
        for failing in [Step::Create, Step::Write, Step::Sync, Step::Rename] {
            let error = replace_on(&Failing(failing), &path, b"latter", Access::Private);

            assert_eq!(error.unwrap_err().kind(), io::ErrorKind::StorageFull, "{failing:?}");
            assert_eq!(fs::read(&path).unwrap(), b"former", "{failing:?}");
            assert_eq!(folder.names(), ["settings"], "{failing:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_synced_is_told_although_the_content_is_there() {
        let folder = Folder::new("folder");
        let path = folder.0.join("settings");

        let error = replace_on(&Failing(Step::SyncFolder), &path, b"latter", Access::Private);

        assert!(error.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"latter");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let folder = Folder::new("obstacles");
        fs::write(folder.0.join("file"), b"").unwrap();
        fs::create_dir(folder.0.join("folder")).unwrap();
        for path in ["file/below", "none/below", "folder", "folder/.."] {
            assert!(replace(&folder.0.join(path), b"", Access::Public).is_err(), "{path}");
        }
        assert_eq!(folder.names(), ["file", "folder"]);
    }

    #[test]
    fn a_full_disk_is_told() {
        let mut full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let error = Disk.write(&mut full, b"content").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let folder = Folder::new("read");
        let path = folder.0.join("file");
        fs::write(&path, b"12345").unwrap();

        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(
            read(Path::new("/dev/zero"), 100).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
    }

    #[test]
    fn removing_what_is_not_there_is_no_error() {
        let folder = Folder::new("remove");
        let path = folder.0.join("file");
        fs::write(&path, b"").unwrap();

        remove(&path).unwrap();
        remove(&path).unwrap();

        assert!(folder.names().is_empty());
    }

    #[test]
    fn a_private_folder_is_private() {
        let folder = Folder::new("private");
        let path = folder.0.join("a/b");

        make_private_folder(&path).unwrap();
        make_private_folder(&path).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    enum Step {
        Create,
        Write,
        Sync,
        Rename,
        SyncFolder,
    }

    /// A disk that is full at one step.
    struct Failing(Step);

    impl Failing {
        fn at<T>(&self, step: Step, go: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
            if self.0 == step { Err(io::ErrorKind::StorageFull.into()) } else { go() }
        }
    }

    impl Steps for Failing {
        type File = File;

        fn create(&self, path: &Path, access: Access) -> io::Result<File> {
            self.at(Step::Create, || Disk.create(path, access))
        }

        fn write(&self, file: &mut File, content: &[u8]) -> io::Result<()> {
            let half = content.get(..content.len() / 2).unwrap_or_default();
            self.at(Step::Write, || Disk.write(file, content)).inspect_err(|_| {
                Disk.write(file, half).unwrap();
            })
        }

        fn sync(&self, file: &File) -> io::Result<()> {
            self.at(Step::Sync, || Disk.sync(file))
        }

        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.at(Step::Rename, || Disk.rename(from, to))
        }

        fn sync_folder(&self, folder: &Path) -> io::Result<()> {
            self.at(Step::SyncFolder, || Disk.sync_folder(folder))
        }
    }

    /// A folder of a test, removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("host-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.0).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }
}
