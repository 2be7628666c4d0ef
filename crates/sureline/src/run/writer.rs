//! Writes events where people and programs read them, in a thread of its own: a slow reader never
//! slows the phone.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread::JoinHandle;

use desk::{EventLine, EventLog, Follower};

use super::engine::unreadable;
use super::log::Log;
use crate::cli::LogLevel;
use crate::out::{Failure, complain};

/// Where events go as JSON lines.
pub(crate) enum Target {
    Stdout,
    File(File),
}

/// The thread that writes.
pub(crate) struct Writer(JoinHandle<()>);

impl Target {
    /// A file that is begun anew.
    pub(crate) fn file(path: &Path) -> Result<Self, Failure> {
        File::create(path).map(Self::File).map_err(|error| unreadable(path, &error))
    }

    fn write(&mut self, json: &str) -> io::Result<()> {
        let line = format!("{json}\n");
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush())
            }
            Self::File(file) => file.write_all(line.as_bytes()),
        }
    }
}

impl Writer {
    /// Writes every event of `log` until it is closed.
    pub(crate) fn start(
        log: &EventLog,
        level: LogLevel,
        target: Option<Target>,
    ) -> Result<Self, Failure> {
        let follower = log.follow(None);
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.map_err(Failure::failed)?;
        let work = move || runtime.block_on(write_all(follower, Log::new(level), target));
        let thread = std::thread::Builder::new().name("events".into()).spawn(work);
        thread.map(Self).map_err(Failure::failed)
    }

    /// Waits until everything is written; the log has to be closed.
    pub(crate) fn finish(self) {
        drop(self.0.join());
    }
}

async fn write_all(mut follower: Follower, mut log: Log, mut target: Option<Target>) {
    while let Some(held) = follower.next().await {
        if let Some(Err(error)) = target.as_mut().map(|target| target.write(&held.json)) {
            if error.kind() != io::ErrorKind::BrokenPipe {
                complain(&format!("events are not written any more: {error}"));
            }
            target = None;
        }
        if let Ok(line) = serde_json::from_str::<EventLine>(&held.json) {
            log.event(&line);
        }
    }
}
