//! Processes of a measurement: this program again, which tells what it finds as lines of JSON.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::ValueEnum as _;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cli::PartRole;
use crate::out::{Failure, Outcome, say};

/// A process that serves a measurement; it ends when this is dropped.
pub(crate) struct Part {
    child: Child,
    /// Its standard input: when it closes, the process ends.
    orders: Option<ChildStdin>,
    told: BufReader<ChildStdout>,
}

impl Part {
    /// Starts a process with this order.
    pub(crate) fn start(role: PartRole, order: &impl Serialize) -> Result<Self, Failure> {
        let order = serde_json::to_string(order).map_err(Failure::failed)?;
        let role = role.to_possible_value().unwrap_or_default();
        let role = role.get_name();
        let program = std::env::current_exe().map_err(Failure::failed)?;
        let mut command = Command::new(program);
        command.args(["bench-part", role, &order]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::failed(format!("cannot start {role}: {error}")))?;
        let (orders, told) = (child.stdin.take(), child.stdout.take());
        let told = told.ok_or_else(|| Failure::failed("a process without standard output"))?;
        Ok(Self { child, orders, told: BufReader::new(told) })
    }

    /// The next thing it tells; it has said on standard error what kept it from it.
    pub(crate) fn hear<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut line = String::new();
        self.told.read_line(&mut line).map_err(Failure::failed)?;
        if line.is_empty() {
            return Err(Failure::failed("a process of the measurement ended too early"));
        }
        read(&line)
    }

    /// Lets it go on.
    pub(crate) fn go_on(&mut self) -> Outcome {
        let Some(orders) = &mut self.orders else { return Ok(()) };
        writeln!(orders).and_then(|()| orders.flush()).map_err(Failure::failed)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.orders = None;
        // It ends by itself as its input has; what its status is does not matter any more.
        drop(self.child.wait());
    }
}

/// Reads what the other side said.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::misused(format!("{text}: {error}")))
}

/// Tells the measuring process something.
pub(crate) fn tell(what: &impl Serialize) -> Outcome {
    say(&serde_json::to_string(what).map_err(Failure::failed)?)
}

/// Waits until the measuring process lets this one go on; `false` where it wants its end.
pub(crate) fn may_go_on() -> bool {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0)
}

/// Waits until the measuring process has what it wanted.
pub(crate) fn wait_for_end() {
    while may_go_on() {}
}

/// Lets real time pass.
#[expect(clippy::disallowed_methods, reason = "a measurement takes its time, and has no executor")]
pub(crate) fn pause(span: Duration) {
    std::thread::sleep(span);
}
