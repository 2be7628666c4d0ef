//! The log for people: local time and one sentence a line.

use std::io;

use desk::{EventLine, Narrator, Weight};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::LogLevel;
use crate::out::complain;
use crate::show::{Ink, Paint};

/// Tells events on standard error.
#[derive(Debug)]
pub(crate) struct Log {
    narrator: Narrator,
    level: LogLevel,
    paint: Paint,
}

impl Log {
    pub(crate) fn new(level: LogLevel) -> Self {
        Self { narrator: Narrator::new(), level, paint: Paint::on(&io::stderr()) }
    }

    /// The next event of the stream.
    pub(crate) fn event(&mut self, line: &EventLine) {
        let Some(sentence) = self.narrator.tell(line) else { return };
        let (least, ink) = match sentence.weight {
            Weight::Warning => (LogLevel::Warn, Ink::Warn),
            Weight::Plain => (LogLevel::Info, Ink::Plain),
            Weight::Detail => (LogLevel::Debug, Ink::Dim),
        };
        if self.level >= least {
            let text = crate::show::harmless(&sentence.text);
            complain(&timed(&line.at, &self.paint.ink(ink, &text)));
        }
    }
}

/// `text` behind the local time of day of an RFC 3339 stamp.
pub(crate) fn timed(at: &str, text: &str) -> String {
    format!("{}  {text}", clock_time(at))
}

/// Local time of day of an RFC 3339 stamp; the stamp itself where it is none.
pub(crate) fn clock_time(stamp: &str) -> String {
    stamp.parse::<Timestamp>().map_or_else(
        |_| crate::show::harmless(stamp),
        |at| at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string(),
    )
}
