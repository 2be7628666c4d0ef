//! What a face may ask of running phones.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::call::{CallAct, CallName, Dial, WhichCall};
use crate::log::{Follower, Held};
use crate::sheet::{Patch, Scope, Sheet};
use crate::status::Status;

/// An answer under way.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Refused>> + Send + 'a>>;

/// Running phones, in this process or in another: what a face may ask of them.
pub trait Desk: Send + Sync {
    /// What all phones do now.
    fn status(&self) -> Pending<'_, Status>;
    /// Registers an account at once, from the top; tells which one was meant.
    fn register(&self, line: Line) -> Pending<'_, Line>;
    /// Calls somebody; `phone` is the MAC, needed where several phones run. Events tell how it goes.
    fn dial(&self, phone: Option<String>, order: Dial) -> Pending<'_, CallName>;
    /// Does something with a call, or says why that is not possible now.
    fn act(&self, call: WhichCall, act: CallAct) -> Pending<'_, CallName>;
    /// The settings of an account by parameter key; secrets are left out.
    fn settings(&self, line: Line) -> Pending<'_, Settings>;
    /// Changes settings of an account: all of them, or none and every error by key.
    fn apply(&self, line: Line, patch: Settings) -> Pending<'_, Settings>;
    /// The settings of a scope as a form shows them; secrets are left out.
    fn sheet(&self, scope: Scope) -> Pending<'_, Sheet>;
    /// Changes settings of a scope: checks all, writes them where they outlive a crash, then tells
    /// the phone; gives the keys that changed.
    fn revise(&self, scope: Scope, patch: Patch) -> Pending<'_, Vec<String>>;
    /// What differs from the defaults, as a file without secrets.
    fn export(&self, phone: Option<String>) -> Pending<'_, String>;
    /// Takes over what a configuration file says, as if it were typed into forms: all that this
    /// phone reads, or nothing where a value is not permitted.
    fn import(&self, phone: Option<String>, file: Vec<u8>) -> Pending<'_, Provisioned>;
    /// Reads the configuration files again.
    fn provision(&self) -> Pending<'_, Provisioned>;
    /// Events after `since` (or all that are held), and those to come where `reading` says so.
    fn events(&self, since: Option<u64>, reading: Reading) -> Pending<'_, Events>;
    /// The messages around an event.
    fn trace(&self, around: u64) -> Pending<'_, Vec<TraceLine>>;
}

/// Which account of which phone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The MAC; needed where several phones run.
    pub phone: Option<String>,
    /// The account; without it the lowest that is enabled.
    pub account: Option<u8>,
}

/// Values by parameter key.
pub type Settings = BTreeMap<String, String>;

/// Whether a reader of events waits for those to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// What is held, then the end.
    Held,
    /// For ever.
    Following,
}

/// What reading the configuration again changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// The keys whose values differ from before.
    pub changed: Vec<String>,
    /// What was wrong in the files, each with file and line.
    pub problems: Vec<String>,
    /// Where a server was asked: what came of it, which value changed by which file and line, and
    /// every file that came, a line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fetched: Vec<String>,
}

/// One message of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TraceLine {
    /// Seconds since the start of the process.
    pub t: f64,
    /// `in` or `out`.
    pub direction: String,
    /// The far end: `udp/192.0.2.1:5060`.
    pub next_hop: String,
    /// The message, secrets blanked.
    pub message: String,
}

/// Events on their way to a reader; dropping it ends the reading.
#[derive(Debug)]
pub struct Events(mpsc::Receiver<Held>);

impl Events {
    /// How many events may wait between source and reader.
    const QUEUE_MAX: usize = 64;

    /// A source and its reader.
    #[must_use]
    pub fn channel() -> (mpsc::Sender<Held>, Self) {
        let (sender, receiver) = mpsc::channel(Self::QUEUE_MAX);
        (sender, Self(receiver))
    }

    /// The events of a log in this process; needs a tokio runtime around it.
    #[must_use]
    pub fn of(mut follower: Follower, reading: Reading) -> Self {
        let (sender, events) = Self::channel();
        tokio::spawn(async move {
            loop {
                let next = match reading {
                    Reading::Held => follower.next_held(),
                    Reading::Following => tokio::select! {
                        next = follower.next() => next,
                        () = sender.closed() => None,
                    },
                };
                let Some(held) = next else { return };
                if sender.send(held).await.is_err() {
                    return;
                }
            }
        });
        events
    }

    /// The next event; none at the end.
    pub async fn next(&mut self) -> Option<Held> {
        self.0.recv().await
    }
}

/// Why a desk did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token is missing or wrong (401).
    #[error("the token is not the one of the running phone")]
    Unauthorized,
    /// There is no such thing (404); the text names it.
    #[error("{0}")]
    NotFound(String),
    /// Not possible now (409); the text says why.
    #[error("{0}")]
    Conflict(String),
    /// Other values hold than those that a change was decided on (409).
    #[error("the settings were changed meanwhile; read them again")]
    Stale,
    /// Values that are not permitted, with what is (422).
    #[error("{}", list(.0))]
    Invalid(BTreeMap<String, String>),
    /// The request itself cannot be read (400); the text says why.
    #[error("{0}")]
    Malformed(String),
    /// Nobody answers, or not in words that are understood.
    #[error("{0}")]
    Unreachable(String),
}

fn list(errors: &BTreeMap<String, String>) -> String {
    let each: Vec<_> =
        errors.iter().map(|(key, permitted)| format!("{key}: {permitted}")).collect();
    each.join("; ")
}
