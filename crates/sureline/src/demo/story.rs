//! What the demo says while it goes on, and how it looks.

use std::io::{self, IsTerminal as _, Write as _};

use desk::span;

use super::scene::{Claim, Told};
use crate::out::{Outcome, unwritten};
use crate::show::{Cell, Grid, Ink, Paint, width};

/// Where the story goes: standard output, or standard error where standard output is for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Tells the story, a line for each thing that happens.
#[derive(Debug)]
pub(crate) struct Story {
    stream: Stream,
    paint: Paint,
    width: usize,
    /// A line that is overwritten while nothing happens; on a terminal only.
    waiting: bool,
    turns: usize,
    /// An empty line comes before the next one.
    gap: bool,
}

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// The width of the story; a wider terminal would only spread it.
const WIDTH_MAX: usize = 96;

impl Story {
    pub(crate) fn new(stream: Stream) -> Self {
        let (paint, watched) = match stream {
            Stream::Out => (Paint::on(&io::stdout()), io::stdout().is_terminal()),
            Stream::Err => (Paint::on(&io::stderr()), io::stderr().is_terminal()),
        };
        Self {
            stream,
            paint,
            width: width().min(WIDTH_MAX),
            waiting: watched,
            turns: 0,
            gap: false,
        }
    }

    /// The heading of a scene.
    pub(crate) fn heading(&mut self, title: &str, setting: &str) -> Outcome {
        let rule = self.paint.sign("━", "=").repeat(self.width.saturating_sub(title.len() + 4));
        let lead = self.paint.sign("━━", "==");
        let line = format!("{lead} {title} {rule}");
        self.blank();
        self.put(&self.paint.ink(Ink::Bold, &line))?;
        self.paragraph(setting)
    }

    /// Sentences, broken at the width of the terminal.
    pub(crate) fn paragraph(&mut self, text: &str) -> Outcome {
        for line in broken(text, self.width.saturating_sub(2)) {
            self.put(&format!("  {line}"))?;
        }
        Ok(())
    }

    /// Something to type, never broken.
    pub(crate) fn command(&mut self, command: &str) -> Outcome {
        self.put(&format!("    {}", self.paint.ink(Ink::Bold, command)))
    }

    /// An empty line before what comes next; several are one.
    pub(crate) const fn blank(&mut self) {
        self.gap = true;
    }

    /// Something that somebody does to a server.
    pub(crate) fn stroke(&mut self, at_s: f64, text: &str) -> Outcome {
        let line = format!("{at_s:>7.2} s  {} {text}", self.paint.sign("▲", "!"));
        self.blank();
        self.put(&self.paint.ink(Ink::Warn, &line))
    }

    /// A request that a server received.
    pub(crate) fn received(&mut self, told: &Told) -> Outcome {
        let ink = match told.answered {
            None => Ink::Bad,
            Some(200..=299) => Ink::Good,
            Some(_) => Ink::Dim,
        };
        let arrow = self.paint.sign("→", "->");
        let line = format!(
            "{:>7.2} s  {arrow} {:<10} {:<33} {}",
            told.at_s,
            told.server,
            told.what,
            self.paint.ink(ink, &told.answer),
        );
        self.put(&line)
    }

    /// A claim, checked.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Outcome {
        let (ink, sign) = if claim.ok {
            (Ink::Good, self.paint.sign("✓", "ok "))
        } else {
            (Ink::Bad, self.paint.sign("✗", "NOT"))
        };
        let mut line = format!("           {} {}", self.paint.ink(ink, sign), claim.claim);
        if !claim.ok {
            line += &self.paint.ink(Ink::Bad, &format!(": {}", claim.found));
        }
        self.put(&line)
    }

    /// While nothing happens: one line that changes, on a terminal only.
    pub(crate) fn wait(&mut self, next: Option<(String, f64)>) {
        if !self.waiting {
            return;
        }
        self.turns += 1;
        let turn = SPINNER.get(self.turns / 2 % SPINNER.len()).copied().unwrap_or_default();
        let next = next.map_or("waiting".into(), |(act, in_s)| format!("{act} in {}", span(in_s)));
        let line: String = format!("         {turn}  {next}").chars().take(self.width).collect();
        let line = self.paint.ink(Ink::Dim, &line);
        // A line that is lost is followed by the next one at once.
        drop(self.write(&format!("\r\x1b[K{line}")));
    }

    /// The table at the end.
    pub(crate) fn summary(&mut self, rows: &[(String, &[Claim], f64)]) -> Outcome {
        let mut grid = Grid::indented("  ");
        grid.row(["scene", "claims", "took", "outcome"].map(|head| Cell::inked(Ink::Dim, head)));
        for (title, claims, took_s) in rows {
            let came_true = claims.iter().filter(|claim| claim.ok).count();
            let all = came_true == claims.len();
            let (ink, outcome) = if all {
                (Ink::Good, "as the guide says")
            } else {
                (Ink::Bad, "NOT as the guide says")
            };
            grid.row([
                Cell::inked(Ink::Bold, title),
                Cell::new(format!("{came_true} of {}", claims.len())),
                Cell::new(span(*took_s)),
                Cell::inked(ink, outcome),
            ]);
        }
        self.blank();
        let text = grid.render(self.paint, self.width);
        self.put(text.trim_end())
    }

    fn put(&mut self, line: &str) -> Outcome {
        let clear = if self.waiting { "\r\x1b[K" } else { "" };
        let gap = if std::mem::take(&mut self.gap) { "\n" } else { "" };
        self.write(&format!("{clear}{gap}{line}\n")).map_err(|error| unwritten(&error))
    }

    fn write(&self, text: &str) -> io::Result<()> {
        match self.stream {
            Stream::Out => {
                let mut out = io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
            Stream::Err => io::stderr().lock().write_all(text.as_bytes()),
        }
    }
}

/// `text` in lines of at most `width` characters, broken between words.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let fits =
            lines.last().is_some_and(|line| line.chars().count() + word.chars().count() < width);
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if fits => *line += &format!(" {word}"),
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_broken_between_words() {
        assert_eq!(broken("one two  three", 8), ["one two", "three"]);
        assert_eq!(broken("", 8), [""]);
    }
}
