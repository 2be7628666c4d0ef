//! What is wrong with files and values, as data; each shows itself as one line.

use std::fmt;

use crate::file::{LINE_BYTES_MAX, NotAConfig};
use crate::key::{Key, KeyFault};
use crate::model::{Firmware, Model};
use crate::origin::Origin;
use crate::suggest::suggestion;
use crate::value::Fault;

/// A value that does not act as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamError {
    /// The key.
    pub key: Key,
    /// The value as written; of a secret nothing but [`crate::HIDDEN`].
    pub value: Box<str>,
    /// Where it was written; the column is that of the value.
    pub origin: Origin,
    /// What is wrong.
    pub problem: Problem,
}

/// Why a value does not act as written, and what holds in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The key does not permit it.
    Refused {
        /// What is permitted.
        fault: Fault,
        /// The value that still holds.
        kept: Box<str>,
    },
    /// The nearest permitted value is taken (A13).
    Mended {
        /// That value.
        taken: Box<str>,
    },
    /// This model and firmware does not read the key.
    NotRead {
        /// The model.
        model: Model,
        /// Its firmware.
        firmware: Firmware,
        /// The key to write.
        instead: Option<Box<str>>,
    },
    /// The key is an old name, and its successor is set too.
    Superseded {
        /// The successor, whose value holds.
        by: Key,
    },
    /// The model has no such account.
    AccountRange {
        /// The model.
        model: Model,
    },
    /// A static record lacks a part without which it says nothing.
    RecordNotWhole {
        /// The key that is missing.
        missing: Key,
    },
    /// The range of RTP ports is empty.
    PortsReversed,
    /// SIP over TLS has the port of SIP over TCP.
    SamePort,
}

impl Problem {
    /// The code of the rule in `lint.md`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } | Self::Mended { .. } | Self::PortsReversed | Self::SamePort => {
                "out-of-range"
            }
            Self::NotRead { .. } | Self::Superseded { .. } => "old-key",
            Self::AccountRange { .. } => "account-range",
            Self::RecordNotWhole { .. } => "static-limits",
        }
    }
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = {}: {}", self.origin, self.key, Excerpt(&self.value), self.problem)
    }
}

impl std::error::Error for ParamError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { fault, kept } => match &**kept {
                "" => write!(f, "{fault}; it stays blank"),
                kept => write!(f, "{fault}; {} is kept", Excerpt(kept)),
            },
            Self::Mended { taken } => write!(f, "{taken} is taken, the least but 0"),
            Self::NotRead { model, firmware, instead } => {
                write!(f, "{model} with firmware {firmware} does not read it; ")?;
                match instead {
                    Some(key) => write!(f, "write {key}"),
                    None => f.write_str("it has no effect"),
                }
            }
            Self::Superseded { by } => write!(f, "an old name; {by} is set too and wins"),
            Self::AccountRange { model } => {
                write!(f, "{model} has ")?;
                match model.account_max() {
                    1 => f.write_str("account 1 only")?,
                    max => write!(f, "accounts 1 to {max}")?,
                }
                f.write_str("; the account is left out")
            }
            Self::RecordNotWhole { missing } => {
                write!(f, "the record has no {missing} and is left out")
            }
            Self::PortsReversed => f.write_str(
                "static.network.port.min_rtpport must lie below max_rtpport; 11780 to 12780 are \
                 kept",
            ),
            Self::SamePort => f.write_str(
                "SIP over TLS cannot share the port of SIP over TCP; it takes any free port",
            ),
        }
    }
}

/// Something that reading the files has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where; the column is that of the key or value at fault.
    pub origin: Origin,
    /// What.
    pub found: Found,
}

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// The file is refused: nothing of it is taken.
    Refused(NotAConfig),
    /// A line without `=` is left out; this is how it begins.
    TornLine(Box<str>),
    /// A line with more than [`LINE_BYTES_MAX`] bytes is left out.
    LineTooLong,
    /// A line holds bytes that are no UTF-8; they were read as Latin-1.
    Encoding,
    /// A comment does not start in the first column, so that the line is none.
    IndentedComment,
    /// An `include:` line, which belongs in a boot file.
    BootLine,
    /// A key of no pattern, or with a number that is not permitted, is left out.
    NoKey {
        /// As written, up to a blank or a colon.
        key: Box<str>,
        /// What is wrong with it.
        fault: KeyFault,
    },
    /// A `static.` key in the local file is left out.
    StaticInLocal(Key),
    /// A value that does not act as written.
    Value(Box<ParamError>),
    /// So many further findings of the file are not listed.
    More(u32),
}

impl Finding {
    /// Whether the whole file was refused, so that a running phone must keep what it has.
    #[must_use]
    pub const fn refuses_file(&self) -> bool {
        matches!(self.found, Found::Refused(_))
    }

    /// The code of the rule in `lint.md`; `limit` where findings were left out.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match &self.found {
            Found::Refused(NotAConfig::IniDialect) => "ini-dialect",
            Found::Refused(_) => "not-a-config",
            Found::TornLine(_) | Found::LineTooLong | Found::IndentedComment => "torn-line",
            Found::Encoding => "encoding",
            Found::BootLine | Found::StaticInLocal(_) => "boot-file",
            Found::NoKey { fault: KeyFault::Number { placeholder: 'X', .. }, .. } => {
                "account-range"
            }
            Found::NoKey { key, fault: KeyFault::Number { .. } }
                if key.starts_with("dns_cache_") =>
            {
                "static-limits"
            }
            Found::NoKey { .. } => "unknown-key",
            Found::More(_) => "limit",
            Found::Value(error) => error.problem.code(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Found::Value(error) = &self.found {
            return error.fmt(f);
        }
        write!(f, "{}: ", self.origin)?;
        match &self.found {
            Found::Refused(why) => write!(f, "{why}; nothing of it is taken"),
            Found::TornLine(text) => {
                write!(f, "{}: a line needs the form key = value; it is left out", Excerpt(text))
            }
            Found::LineTooLong => {
                write!(f, "the line has over {LINE_BYTES_MAX} bytes and is left out")
            }
            Found::Encoding => {
                f.write_str("bytes that are no UTF-8 were read as Latin-1; save the file as UTF-8")
            }
            Found::IndentedComment => {
                f.write_str("a comment starts with # in the first column; the line is left out")
            }
            Found::BootLine => f.write_str("include: belongs in a boot file; the line is left out"),
            Found::NoKey { key, fault } => {
                write!(f, "{} {fault}; the line is left out", Excerpt(key))?;
                match suggestion(key).filter(|_| *fault == KeyFault::Unknown) {
                    Some(known) => write!(f, " (did you mean {known}?)"),
                    None => Ok(()),
                }
            }
            Found::StaticInLocal(key) => {
                write!(f, "{key}: the local file keeps no static. keys; the line is left out")
            }
            Found::Value(_) => Ok(()),
            Found::More(count) => write!(f, "{count} further findings in this file are not listed"),
        }
    }
}

/// The beginning of a text from a file, without control characters.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut characters = self.0.chars();
        for c in characters.by_ref().take(EXCERPT_CHARACTERS) {
            write!(f, "{}", if c.is_control() { '\u{fffd}' } else { c })?;
        }
        if characters.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

const EXCERPT_CHARACTERS: usize = 80;
