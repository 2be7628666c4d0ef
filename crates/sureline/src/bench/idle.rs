//! What an idle phone does: figure (e), every system call of a minute, counted by strace.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use host::files::make_private_folder;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::figure::{Better, Figure, Limit};
use super::fleet::password_of;
use super::part::{Part, pause};
use super::place::Place;
use super::registrar::{self, Carrier, Passwords};
use crate::cli::{BenchArgs, PartRole};
use crate::out::Failure;

const ACCOUNTS: u32 = 16;
const WATCHED: Duration = Duration::from_secs(60);
const WATCHED_QUICKLY: Duration = Duration::from_secs(10);
/// What registering has set going ends in this time.
const SETTLE: Duration = Duration::from_secs(2);

/// `sureline run` with 16 registered accounts. Within the minute no timer is due: the first refresh
/// comes after 54 minutes, and without NAT no keep-alive is sent.
pub(crate) fn measure(args: &BenchArgs, place: &Place) -> Result<Vec<Figure>, Failure> {
    let watched = if args.quick { WATCHED_QUICKLY } else { WATCHED };
    let what = format!(
        "system calls of an idle `sureline run` in {} s: 16 accounts, expires 3600, no timer due",
        watched.as_secs()
    );
    let version = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if let Err(error) = version {
        let why = if error.kind() == ErrorKind::NotFound {
            "strace is not installed".to_owned()
        } else {
            format!("strace: {error}")
        };
        return Ok(vec![Figure::missing('e', what, why)]);
    }
    let folder = Folder::new()?;
    let at = place.secondary();
    let order = registrar::Order { carrier: Carrier::Udp, at, passwords: Passwords::Asked };
    let mut registrar = Part::start(PartRole::Registrar, &order)?;
    registrar.hear::<registrar::Ready>()?;
    let phone = Phone::start(&folder.0, place)?;
    pause(SETTLE);
    let calls = match watch(&folder.0, &phone, watched) {
        Ok(calls) => calls,
        Err(why) => return Ok(vec![Figure::missing('e', what, why)]),
    };
    let count: u32 = calls.iter().map(|(_, count)| count).sum();
    let named: Vec<_> = calls.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let figure = Figure::of('e', what, ("calls", Better::Less), &[f64::from(count)]);
    Ok(vec![figure.limited(Limit::AtMost(0.0)).noted(if named.is_empty() {
        "strace -f -c on every thread of the process".into()
    } else {
        named.join(", ")
    })])
}

/// Watches the phone; gives the system calls that it made, or why it cannot be watched.
fn watch(folder: &Path, phone: &Phone, span: Duration) -> Result<Vec<(String, u32)>, String> {
    let table = folder.join("strace.txt");
    let said = fs::File::create(folder.join("strace.err")).map_err(|error| error.to_string())?;
    let mut strace = Command::new("strace")
        .args(["-f", "-c", "-o"])
        .arg(&table)
        .args(["-p", &phone.0.id().to_string()])
        .stderr(said)
        .spawn()
        .map_err(|error| format!("strace: {error}"))?;
    pause(span);
    interrupt(&strace, Signal::SIGINT);
    strace.wait().map_err(|error| error.to_string())?;
    let said = fs::read_to_string(folder.join("strace.err")).unwrap_or_default();
    if !said.contains("attached") {
        return Err(format!("strace cannot watch the phone: {}", said.trim()));
    }
    Ok(calls(&fs::read_to_string(&table).unwrap_or_default()))
}

/// Reads the table of `strace -c`: share, seconds, microseconds a call, calls, errors, name.
fn calls(table: &str) -> Vec<(String, u32)> {
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let read = |row: Vec<&str>| {
        let [share, _, _, count, .., name] = row.as_slice() else { return None };
        share.parse::<f64>().ok()?;
        (*name != "total").then_some(((*name).to_owned(), count.parse().ok()?))
    };
    rows.filter_map(read).collect()
}

/// A `sureline run` whose accounts are registered; it is ended when this is dropped.
struct Phone(Child);

impl Phone {
    fn start(folder: &Path, place: &Place) -> Result<Self, Failure> {
        let file = folder.join("001565000001.cfg");
        fs::write(&file, settings(place.secondary())).map_err(Failure::failed)?;
        let program = std::env::current_exe().map_err(Failure::failed)?;
        let state = folder.join("state");
        let phone = Command::new(&program)
            .arg("run")
            .arg(&file)
            .args(["--no-web", "--no-dns", "--log", "warn"])
            .args(["--sip", &place.phones().to_string(), "--state"])
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(Failure::failed)?;
        let registered = Command::new(program)
            .args(["status", "--wait", "registered", "--timeout", "30", "--state"])
            .arg(&state)
            .stdout(Stdio::null())
            .status()
            .map_err(Failure::failed)?;
        if registered.success() {
            Ok(phone)
        } else {
            Err(Failure::failed("the phone did not register"))
        }
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        interrupt(&self.0, Signal::SIGTERM);
        // It unregisters and ends by itself.
        drop(self.0.wait());
    }
}

fn settings(server: SocketAddr) -> String {
    let account = |number: u32| {
        let user = 3_000_000 + number;
        format!(
            "account.{number}.enable = 1\n\
             account.{number}.user_name = {user}\n\
             account.{number}.password = {}\n\
             account.{number}.sip_server.1.address = {}\n\
             account.{number}.sip_server.1.port = {}\n\
             account.{number}.sip_server.1.transport_type = 0\n\
             account.{number}.sip_server.1.expires = 3600\n",
            password_of(&user.to_string()),
            server.ip(),
            server.port()
        )
    };
    (1..=ACCOUNTS).map(account).collect()
}

/// Sends a signal to a process that was started here.
fn interrupt(child: &Child, signal: Signal) {
    if let Ok(id) = i32::try_from(child.id()) {
        // Where it has ended already there is nothing to do.
        kill(Pid::from_raw(id), signal).unwrap_or_default();
    }
}

/// A folder that is gone when the measurement is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("sureline-bench-{}", std::process::id()));
        make_private_folder(&path).map_err(Failure::failed)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind lies in the folder for temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read_with_and_without_errors() {
        let table = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000030          10         3           epoll_wait
 40.00    0.000020          10         2         1 recvmsg
------ ----------- ----------- --------- --------- ----------------
100.00    0.000050          10         5         1 total
";
        assert_eq!(calls(table), [("epoll_wait".to_owned(), 3), ("recvmsg".to_owned(), 2)]);
        assert_eq!(calls(""), []);
    }
}
