//! Printing to standard output, and how a command ends.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use desk::Refused;

/// How a command ends where it does not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What was asked for failed (exit 1); the text says what and what to do.
    Failed(String),
    /// Wrong use or configuration (exit 2); the text says where.
    Misused(String),
    /// It failed and has been said already (exit 1).
    Said,
    /// The reader of the output went away: nobody is left to be told.
    Unread,
}

pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    pub(crate) fn failed(text: impl fmt::Display) -> Self {
        Self::Failed(text.to_string())
    }

    pub(crate) fn misused(text: impl fmt::Display) -> Self {
        Self::Misused(text.to_string())
    }

    /// Says it on standard error and gives the exit status.
    pub(crate) fn conclude(&self) -> ExitCode {
        let (text, code) = match self {
            Self::Failed(text) => (text, 1),
            Self::Misused(text) => (text, 2),
            Self::Said => return ExitCode::from(1),
            Self::Unread => return ExitCode::SUCCESS,
        };
        complain(&format!("sureline: {text}"));
        ExitCode::from(code)
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(_) | Refused::Malformed(_) => Self::misused(refused),
            Refused::Unauthorized
            | Refused::NotFound(_)
            | Refused::Conflict(_)
            | Refused::Stale
            | Refused::Unreachable(_) => Self::failed(refused),
        }
    }
}

/// Writes one line to standard output and flushes it.
pub(crate) fn say(line: &str) -> Outcome {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| unwritten(&error))
}

/// Writes text as it is to standard output and flushes it.
pub(crate) fn say_raw(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| unwritten(&error))
}

/// What it means that a line could not be written.
pub(crate) fn unwritten(error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Unread;
    }
    Failure::failed(format!("cannot write: {error}"))
}

/// Writes one line to standard error; whether anybody reads it does not matter.
pub(crate) fn complain(line: &str) {
    drop(writeln!(io::stderr().lock(), "{line}"));
}
