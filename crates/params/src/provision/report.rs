//! How a provisioning went, as data; it shows itself in sentences.

use std::fmt;

use net::{Cause, Instant};

use super::boot::{BootNote, INCLUDES_MAX, NotABoot};
use super::inspect::Unfit;
use super::saved::Digest;
use super::url::{NotAUrl, Scheme, Url};
use crate::origin::Layer;

/// Why files are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// The phone has started.
    Start,
    /// Somebody asked for it, by command, signal, web page or menu.
    Demand,
    /// A server sent `check-sync`.
    CheckSync {
        /// Whether it wants a restart.
        restart: bool,
    },
    /// The time of `repeat.minutes` has run.
    Repeat,
    /// The weekly window is there.
    Weekly,
    /// The phone's own day is there.
    Flexible,
    /// The phone has never got any files, and tries again.
    Again,
    /// Local changes are uploaded; nothing is fetched.
    LocalChange,
}

/// How one provisioning went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Why it was begun.
    pub trigger: Trigger,
    /// When it was begun.
    pub began: Instant,
    /// What came of it.
    pub outcome: Outcome,
    /// The files that came, in order.
    pub files: Vec<FileLine>,
    /// What should be known besides.
    pub notes: Vec<Note>,
}

/// What came of a provisioning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Files differed, and all of them are taken.
    Taken {
        /// The keys whose values changed.
        changed: Vec<ChangedKey>,
    },
    /// Every file is as it was.
    Unchanged,
    /// A boot file names no file.
    NothingNamed,
    /// It was not to be done: no address is known, or `power_on` is 0.
    NotDue,
    /// Nothing is changed, because of this.
    Failed(Box<Trouble>),
}

/// A key whose value changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedKey {
    /// The key.
    pub key: Box<str>,
    /// File and line of the value; blank: its default holds.
    pub from: Box<str>,
}

/// A file that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileLine {
    /// Its address.
    pub name: Box<str>,
    /// What it is.
    pub layer: Layer,
    /// Of its plain text.
    pub bytes: usize,
    /// Of its plain text.
    pub digest: Digest,
    /// Whether it is as it was.
    pub news: News,
}

/// Whether a file differs from what was taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// There was none of this address.
    New,
    /// It differs.
    Changed,
    /// It is the same.
    Same,
}

/// What one fetching gave no file for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchFault {
    /// The host's name has no address.
    NoAddress,
    /// The connection did not come about, or broke.
    Connection(Cause),
    /// It did not end in the time that an attempt gets.
    TooSlow,
    /// It ended before its end.
    CutOff,
    /// It is larger than is taken.
    TooLarge,
    /// The server answered with this status (HTTP, FTP) or error code (TFTP).
    Status(u16),
    /// The server's answer is none of the protocol; a word for what is wrong.
    Protocol(&'static str),
    /// This program was built without this way of fetching.
    Unsupported(Scheme),
}

impl FetchFault {
    /// Whether another attempt may do better.
    #[must_use]
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::NoAddress | Self::TooSlow | Self::CutOff => true,
            Self::Connection(cause) => !matches!(cause, Cause::Certificate(_)),
            Self::Status(status) => *status >= 500 || matches!(*status, 408 | 429),
            Self::Protocol(_) | Self::TooLarge | Self::Unsupported(_) => false,
        }
    }
}

/// Why nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No address of a server is known.
    NoServer,
    /// An address is none.
    Address {
        /// As written, without password.
        text: Box<str>,
        /// The key or file and line.
        from: Box<str>,
        /// What is wrong with it.
        why: NotAUrl,
    },
    /// A key of encrypted files has the wrong length.
    AesKey(&'static str),
    /// A file could not be fetched.
    Fetch {
        /// Which.
        url: Url,
        /// How often it was tried.
        attempts: u32,
        /// What happened the last time.
        why: FetchFault,
    },
    /// The server wants a password, or another one.
    Denied {
        /// Which file.
        url: Url,
        /// 401 or 403.
        status: u16,
        /// Whether a password was there to be sent.
        had_login: bool,
    },
    /// A file that a boot file names is not there.
    Missing {
        /// Which.
        url: Url,
    },
    /// A file that was taken before is not there any more.
    Gone {
        /// Which.
        url: Url,
    },
    /// There is neither a boot file nor one with settings.
    NothingThere {
        /// Where it was looked.
        server: Url,
    },
    /// A file is none with settings.
    Unfit {
        /// Which.
        url: Url,
        /// What is wrong with it.
        why: Unfit,
    },
    /// A boot file is none.
    NotABoot {
        /// Which.
        url: Url,
        /// What is wrong with it.
        why: NotABoot,
    },
    /// A server sends from address to address.
    Redirects {
        /// The file that was wanted.
        url: Url,
    },
    /// A server sends to where it must not.
    Redirect {
        /// The file that was wanted.
        url: Url,
        /// Where to.
        to: Box<str>,
        /// What is wrong with that.
        why: &'static str,
    },
    /// All files together are larger than is taken.
    TooMuch,
    /// They could not be kept or applied; the owner says why.
    NotTaken(Box<str>),
}

/// Something that is to be known besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Something of a boot file.
    Boot {
        /// Which.
        url: Url,
        /// What.
        note: BootNote,
    },
    /// A boot file of the phone's own or of all phones is not readable by it.
    BootDenied {
        /// Which.
        url: Url,
        /// 403.
        status: u16,
    },
    /// The local file came back from the server.
    LocalBack {
        /// From where.
        url: Url,
    },
    /// Local changes are uploaded.
    Uploaded {
        /// To where.
        url: Url,
    },
    /// They could not be; it is tried again next time.
    NotUploaded(Box<Trouble>),
    /// The local file could not be fetched.
    NotBack(Box<Trouble>),
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Demand => "demand",
            Self::CheckSync { restart: false } => "check-sync",
            Self::CheckSync { restart: true } => "check-sync with restart",
            Self::Repeat => "repetition",
            Self::Weekly => "weekly window",
            Self::Flexible => "flexible day",
            Self::Again => "another try",
            Self::LocalChange => "local change",
        })
    }
}

impl Report {
    /// Whether everything stays as it was because something went wrong.
    #[must_use]
    pub const fn failed(&self) -> bool {
        matches!(self.outcome, Outcome::Failed(_))
    }

    /// What came of it in one line.
    #[must_use]
    pub fn headline(&self) -> String {
        match &self.outcome {
            Outcome::Taken { changed } => match changed.len() {
                0 => "new files, but every value is as it was".to_owned(),
                1 => "1 value changed".to_owned(),
                count => format!("{count} values changed"),
            },
            Outcome::Unchanged => "no file has changed".to_owned(),
            Outcome::NothingNamed => {
                "the boot file names no file for this phone: nothing was fetched".to_owned()
            }
            Outcome::NotDue if self.trigger == Trigger::LocalChange => String::new(),
            Outcome::NotDue => "nothing was to be fetched".to_owned(),
            Outcome::Failed(trouble) => format!("nothing was changed: {trouble}"),
        }
    }

    /// What was found, a line each: notes, then files.
    pub fn details(&self) -> impl Iterator<Item = String> {
        let notes = self.notes.iter().map(ToString::to_string);
        notes.chain(self.files.iter().map(ToString::to_string))
    }
}

impl fmt::Display for Report {
    /// The headline, then each changed key, note and file on an indented line of its own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.headline())?;
        if let Outcome::Taken { changed } = &self.outcome {
            changed.iter().try_for_each(|key| write!(f, "\n  {key}"))?;
        }
        self.details().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

impl fmt::Display for ChangedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.from {
            "" => write!(f, "{} is back at its default", self.key),
            from => write!(f, "{} from {from}", self.key),
        }
    }
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let news = match self.news {
            News::New => "new",
            News::Changed => "changed",
            News::Same => "unchanged",
        };
        let Self { name, layer, bytes, digest, .. } = self;
        write!(f, "{name}: {news} ({}, {bytes} bytes, SHA-256 {digest}…)", layer.name())
    }
}

impl fmt::Display for FetchFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the name has no address"),
            Self::Connection(cause) => cause.fmt(f),
            Self::TooSlow => f.write_str("it takes too long"),
            Self::CutOff => f.write_str("the connection ended before the file did"),
            Self::TooLarge => f.write_str("the file is larger than a configuration file may be"),
            Self::Status(status) => write!(f, "the server answers {status}"),
            Self::Protocol(what) => write!(f, "the server's answer is not understood: {what}"),
            Self::Unsupported(scheme) => {
                write!(f, "this program was built without {}", scheme.as_str())
            }
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoServer => f.write_str(
                "no provisioning server is known: set static.auto_provision.server.url, or name \
                 its URL",
            ),
            Self::Address { text, from, why } => write!(f, "{from}: {text}: {why}"),
            Self::AesKey(name) => write!(f, "{name}: {}", super::aes_ecb::NotAnAesKey),
            Self::Fetch { url, attempts: 1, why } => write!(f, "{url}: {why}"),
            Self::Fetch { url, attempts, why } => write!(f, "{url}: {why} ({attempts} attempts)"),
            Self::Denied { url, status, had_login: true } => {
                write!(f, "{url}: the server answers {status}: it does not take the password")
            }
            Self::Denied { url, status, had_login: false } => write!(
                f,
                "{url}: the server answers {status}: set static.auto_provision.server.username \
                 and .password"
            ),
            Self::Missing { url } => write!(f, "{url}: it is not there"),
            Self::Gone { url } => write!(
                f,
                "{url}: it was there before and is not there any more (a file that is to say \
                 nothing needs a comment line)"
            ),
            Self::NothingThere { server } => {
                write!(f, "{server}: there is no file for this phone")
            }
            Self::Unfit { url, why } => write!(f, "{url}: {why}"),
            Self::NotABoot { url, why } => write!(f, "{url}: {why}"),
            Self::Redirects { url } => write!(f, "{url}: it leads from address to address"),
            Self::Redirect { url, to, why } => write!(f, "{url}: it leads to {to}: {why}"),
            Self::TooMuch => f.write_str("all files together are larger than is taken"),
            Self::NotTaken(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot { url, note: BootNote::NoVersion } => write!(
                f,
                "{url}: its first line is not #!version:1.0.0.1; the vendor's phones do not take it"
            ),
            Self::Boot { url, note: BootNote::Unread { line, text } } => {
                write!(f, "{url}:{line}: {text}: no boot file has such a line; it is left out")
            }
            Self::Boot { url, note: BootNote::TooMany } => {
                write!(f, "{url}: only {INCLUDES_MAX} files are fetched")
            }
            Self::BootDenied { url, status } => {
                write!(f, "{url}: the server answers {status}; it counts as not there")
            }
            Self::LocalBack { url } => write!(f, "{url}: local changes came back"),
            Self::Uploaded { url } => write!(f, "{url}: local changes are uploaded"),
            Self::NotUploaded(trouble) => write!(f, "local changes are not uploaded: {trouble}"),
            Self::NotBack(trouble) => write!(f, "local changes did not come back: {trouble}"),
        }
    }
}
