//! Colours and signs: only where a terminal shows them.

use std::env;
use std::io::IsTerminal;

/// What a text means to the eye.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Ink {
    #[default]
    Plain,
    Bold,
    Dim,
    Good,
    Warn,
    Bad,
}

/// Whether and how to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    colours: bool,
    signs: bool,
}

impl Paint {
    /// What `stream` can show.
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        let unwanted = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { colours: stream.is_terminal() && !dumb && !unwanted, signs: is_utf8() }
    }

    /// No colours; signs as given.
    #[cfg(test)]
    pub(crate) const fn plain() -> Self {
        Self { colours: false, signs: true }
    }

    /// `text` in its colour.
    pub(crate) fn ink(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Plain => "",
            Ink::Bold => "1",
            Ink::Dim => "2",
            Ink::Good => "32",
            Ink::Warn => "33",
            Ink::Bad => "31",
        };
        if !self.colours || code.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    /// A sign, or its stand-in where the terminal has ASCII only.
    pub(crate) const fn sign(self, sign: &'static str, ascii: &'static str) -> &'static str {
        if self.signs { sign } else { ascii }
    }
}

fn is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    // Without any locale most terminals of today still show UTF-8.
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
