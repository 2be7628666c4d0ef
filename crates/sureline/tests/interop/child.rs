//! Processes of a cell: each ends with it, and with the test program, however that ends.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::wait::{Patience, until};

/// A running program with its children.
pub(crate) struct Child {
    name: String,
    process: std::process::Child,
}

/// Whether a program has children, which must end with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Single,
    Forks,
}

impl Child {
    /// Starts a program; what it says goes to the end of `log`.
    pub(crate) fn start(program: &str, args: &[&str], family: Family, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log).unwrap();
        // The kernel ends it when the thread that started it ends, a killed test included.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        if family == Family::Forks {
            // The children live in a namespace that ends with the first of them.
            command.args(["unshare", "--pid", "--fork", "--kill-child=KILL", "--"]);
        }
        command.arg(program).args(args);
        command.stdout(log.try_clone().unwrap()).stderr(log).process_group(0);
        let process = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
        Self { name: program.to_owned(), process }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().unwrap()
    }

    /// Sends a signal to it and to its children.
    pub(crate) fn signal(&self, signal: Signal) {
        killpg(self.group(), signal).unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        until(&what, Patience::Short, || self.has_ended())
    }

    fn group(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            // It may end at this very moment.
            killpg(self.group(), Signal::SIGKILL).ok();
            drop(self.process.wait());
        }
    }
}
