//! What was given survives kill -9 at any moment, a full disk, a read-only folder and a disk that
//! fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fetch::Store;
use net::Rng;
use params::Mac;

use crate::bench::{Process, command, sureline, text};
use crate::phone::{Phone, arguments};
use crate::servers::{Odd, give, has, pause, until};

const MAC: Mac = Mac::new([0x00, 0x15, 0x65, 0x00, 0x00, 0x01]);

/// A server whose every version says the same figure in two files; it goes on to the next with each
/// boot file that is asked for.
fn versions() -> (Odd, Arc<AtomicU64>) {
    let version = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&version);
    let server = Odd::start(move |head, stream| {
        let path = head.split(' ').nth(1).unwrap_or_default();
        let n = counting.load(Ordering::SeqCst);
        let padding = "# a line that takes up room\n".repeat(2000);
        if path.ends_with(".boot") {
            counting.fetch_add(1, Ordering::SeqCst);
            give(stream, "#!version:1.0.0.1\ninclude:config <a.cfg>\ninclude:config <b.cfg>\n");
        } else if path.ends_with("a.cfg") {
            give(stream, &format!("{padding}account.1.label = v{n}\n"));
        } else {
            give(stream, &format!("{padding}account.2.label = v{n}\n"));
        }
    });
    (server, version)
}

/// The version that a state folder holds; panics where it holds half of one, or damage.
fn held(state: &Path) -> Option<String> {
    let loaded = Store::new(state, MAC).load();
    assert_eq!(loaded.problem, None);
    let last = |content: &[u8]| {
        let text = String::from_utf8(content.to_vec()).unwrap();
        text.rsplit(" = ").next().unwrap().trim().to_owned()
    };
    let versions: Vec<String> = loaded.saved.files.iter().map(|file| last(&file.content)).collect();
    match versions.as_slice() {
        [] => None,
        [a, b] if a == b => Some(a.clone()),
        other => panic!("half of a version: {other:?}"),
    }
}

#[test]
fn what_was_given_is_whole_whenever_the_phone_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = versions();
    let url = format!("http://{}/", server.addr);
    let state = dir.path().join("phone");
    let mut rng = Rng::new(7);
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..60 {
        let arguments = arguments(&url, state.to_str().unwrap());
        let mut child =
            command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let heard = server.heard().len();
        // It has begun to fetch; the files come, are written and applied in what follows.
        until("the phone", || (server.heard().len() > heard).then_some(()));
        pause(Duration::from_micros(rng.below(40_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let version = held(&state);
        assert!(round > 20 || version.is_some() || seen.is_empty(), "what was given is gone");
        seen.extend(version);
    }
    assert!(seen.len() > 5, "only {} versions were ever written", seen.len());
    let phone = Phone::start(&url, dir.path(), &[]);
    until("a version", || phone.label(1).strip_prefix('v').map(str::to_owned));
    assert_eq!(phone.label(1), phone.label(2));
}

/// A phone in a mount namespace of its own, whose state folder is a small disk.
struct OnSmallDisk {
    phone: Process,
    state: String,
}

impl OnSmallDisk {
    fn start(url: &str, dir: &Path) -> Self {
        let state = dir.join("phone");
        fs::create_dir_all(&state).unwrap();
        let state = state.to_str().unwrap().to_owned();
        let script = "mount -t tmpfs -o size=400k tmpfs \"$0\" && exec \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, &state, env!("CARGO_BIN_EXE_sureline")]);
        command.args(arguments(url, &state)).env("HOME", "/nonexistent").stdin(Stdio::null());
        let phone = Process::of(&mut command);
        phone.event_named("listening");
        Self { phone, state }
    }

    /// Runs a command where the disk is.
    fn there(&self, words: &[&str]) -> std::process::Output {
        let pid = self.phone.pid().to_string();
        Command::new("nsenter").args(["-t", &pid, "-m", "--"]).args(words).output().unwrap()
    }

    fn provision(&self) -> std::process::Output {
        let binary = env!("CARGO_BIN_EXE_sureline");
        until("the control file", || {
            let found = self.there(&["test", "-e", &format!("{}/control.json", self.state)]);
            found.status.success().then_some(())
        });
        self.there(&[binary, "provision", "--state", &self.state])
    }

    fn label(&self) -> String {
        let binary = env!("CARGO_BIN_EXE_sureline");
        let status = self.there(&[binary, "status", "--json", "--state", &self.state]);
        let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
        status["phones"][0]["accounts"][0]["label"].as_str().unwrap().to_owned()
    }
}

/// Whether this process may make mount namespaces.
fn may_mount() -> bool {
    if !has(&["unshare", "nsenter"]) {
        return false;
    }
    let tried =
        Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).output();
    let may = tried.is_ok_and(|output| output.status.success());
    let is_ci = std::env::var("CI").as_deref() == Ok("true");
    assert!(may || !is_ci, "in CI nothing may be missing: mounting is not permitted");
    if !may {
        println!("skipped: mounting is not permitted");
    }
    may
}

#[test]
fn a_full_disk_is_told_and_changes_nothing() {
    if !may_mount() {
        return;
    }
    let (dir, (server, _)) = (tempfile::tempdir().unwrap(), versions());
    let phone = OnSmallDisk::start(&format!("http://{}/", server.addr), dir.path());
    let before = phone.label();
    let filler = format!("{}/filler", phone.state);
    phone.there(&["sh", "-c", &format!("head -c 1000000 /dev/zero > {filler}")]);
    let output = phone.provision();
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("nothing was changed: cannot write "), "{said}");
    assert!(said.contains("-provisioned: No space left on device"), "{said}");
    assert_eq!(phone.label(), before);

    phone.there(&["rm", &filler]);
    assert!(phone.provision().status.success());
    assert_ne!(phone.label(), before);
}

#[test]
fn a_folder_that_becomes_read_only_is_told_and_changes_nothing() {
    if !may_mount() {
        return;
    }
    let (dir, (server, _)) = (tempfile::tempdir().unwrap(), versions());
    let phone = OnSmallDisk::start(&format!("http://{}/", server.addr), dir.path());
    let before = phone.label();
    let mount = |words: &[&str]| {
        let output = phone.there(&[&["mount"], words, &[&phone.state]].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    mount(&["--bind", &phone.state]);
    mount(&["-o", "remount,bind,ro"]);
    let said = text(&phone.provision().stderr);
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(phone.label(), before);
    mount(&["-o", "remount,bind,rw"]);
    assert!(phone.provision().status.success());
}

/// A phone under a tracer, which lets it go on when it is killed itself.
struct Traced {
    process: Process,
    state: PathBuf,
}

impl Drop for Traced {
    fn drop(&mut self) {
        let control = fs::read(self.state.join("control.json")).unwrap_or_default();
        let control: serde_json::Value = serde_json::from_slice(&control).unwrap_or_default();
        if let Some(pid) = control["pid"].as_u64() {
            // It may have ended by itself.
            drop(Command::new("kill").args(["-KILL", &pid.to_string()]).status());
        }
    }
}

#[test]
fn a_disk_that_fails_at_the_end_of_writing_is_told_and_changes_nothing() {
    if !has(&["strace"]) {
        return;
    }
    let (dir, (server, version)) = (tempfile::tempdir().unwrap(), versions());
    let url = format!("http://{}/", server.addr);
    let phone = Phone::start(&url, dir.path(), &[]);
    phone.process.end();
    let state = dir.path().join("phone");
    let before = held(&state).unwrap();

    // The control file is synced twice at the start, the file and its folder; then the disk fails.
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "trace=fsync"]);
    command.args(["-e", "inject=fsync:error=EIO:when=3+", env!("CARGO_BIN_EXE_sureline")]);
    command.args(arguments(&url, state.to_str().unwrap())).env("HOME", "/nonexistent");
    let process = Process::of(command.stdin(Stdio::null()));
    let phone = Traced { process, state: state.clone() };
    let notice = phone.process.event(|event| {
        event["event"] == "notice"
            && event["text"].as_str().unwrap().contains("nothing was changed")
    });
    let notice = notice["text"].as_str().unwrap();
    assert!(notice.contains("-provisioned: Input/output error"), "{notice}");
    assert!(version.load(Ordering::SeqCst) >= 2);
    assert_eq!(held(&state).unwrap(), before);
    let label = sureline(&["status", "--json", "--state", state.to_str().unwrap()]);
    assert!(
        text(&label.stdout).contains(&format!("\"label\":\"{before}\"")),
        "{}",
        text(&label.stdout)
    );
    let drafts = fs::read_dir(&state)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp"));
    assert_eq!(drafts.count(), 0);
}

#[test]
fn two_fetchings_at_once_give_one_version() {
    let dir = tempfile::tempdir().unwrap();
    let (server, _) = versions();
    let phone = Phone::start(&format!("http://{}/", server.addr), dir.path(), &[]);
    let state = dir.path().join("phone");
    let state = state.to_str().unwrap();
    let asking = [(); 4].map(|()| {
        let mut asking = command(&["provision", "--state", state]);
        asking.stdout(Stdio::null()).spawn().unwrap()
    });
    for mut asked in asking {
        assert!(asked.wait().unwrap().success());
    }
    assert_eq!(phone.label(1), phone.label(2));
}
