//! What comments cite: decisions (`A14`), steps of the guide's scenarios, sections of RFCs.

use crate::source::Source;
use crate::token::Kind;

/// Something cited in a comment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cited {
    /// A decision of the behaviour's text, by number.
    Rule(u32),
    /// A part of one of the guide's scenarios.
    Scenario(String, Part),
    /// An RFC, and a section of it where one is named.
    Rfc(u32, Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A numbered step.
    Step(u32),
    /// A message of the list below the steps.
    Message(u32),
    /// What stands below steps and messages: how the phone comes back.
    Recovery,
}

/// Comments that belong together: a run of comment lines, or one comment behind code.
#[derive(Debug)]
pub(crate) struct Remark {
    text: String,
    /// The line of each byte of the text.
    lines: Vec<usize>,
}

impl Remark {
    fn line(&self, at: usize) -> usize {
        self.lines.get(at).or(self.lines.last()).copied().unwrap_or_default()
    }

    fn push(&mut self, line: usize, text: &str) {
        for (offset, part) in text.split('\n').enumerate() {
            self.text.push_str(part.trim());
            self.text.push(' ');
            self.lines.resize(self.text.len(), line + offset);
        }
    }

    /// What it cites, each with its line.
    pub(crate) fn citations(&self) -> Vec<(usize, Cited)> {
        let mut cited = self.rules();
        cited.extend(self.scenarios());
        cited.extend(self.rfcs());
        cited.sort();
        cited.dedup();
        cited
    }

    fn rules(&self) -> Vec<(usize, Cited)> {
        let mut found = Vec::new();
        for (at, _) in self.text.match_indices('A') {
            let before = self.text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '§')) {
                continue;
            }
            let (number, rest) = number(&self.text[at + 1..]);
            let goes_on = rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if let Some(number) = number.filter(|_| !goes_on) {
                found.push((self.line(at), Cited::Rule(number)));
            }
        }
        found
    }

    fn scenarios(&self) -> Vec<(usize, Cited)> {
        let mut found = Vec::new();
        for (at, opening) in self.text.match_indices("Guide, \"") {
            let Some((name, rest)) = self.text[at + opening.len()..].split_once('"') else {
                continue;
            };
            let parts = parts(rest.trim_start_matches([' ', ',']));
            let cited = parts.into_iter().map(|part| Cited::Scenario(name.to_owned(), part));
            found.extend(cited.map(|cited| (self.line(at), cited)));
        }
        found
    }

    fn rfcs(&self) -> Vec<(usize, Cited)> {
        let mut found = Vec::new();
        for (at, opening) in self.text.match_indices("RFC ") {
            let from = at + opening.len();
            let (Some(rfc), rest) = number(&self.text[from..]) else { continue };
            let sections = sections(rest);
            if sections.is_empty() {
                found.push((self.line(at), Cited::Rfc(rfc, None)));
            }
            for section in sections {
                found.push((self.line(at), Cited::Rfc(rfc, Some(section))));
            }
        }
        found
    }

    /// Sentences that say where we depart from an RFC, each with its line.
    pub(crate) fn departures(&self) -> Vec<(usize, &str)> {
        let places = self.text.match_indices("Departs from ").map(|(at, _)| at);
        let sentence = |at: usize| {
            let rest = &self.text[at..];
            rest.find(". ").map_or(rest.trim_end(), |end| &rest[..=end])
        };
        places.map(|at| (self.line(at), sentence(at))).collect()
    }
}

/// The remarks of a file.
pub(crate) fn remarks(source: &Source) -> Vec<Remark> {
    let mut remarks: Vec<Remark> = Vec::new();
    let mut code_line = 0;
    let mut open_until = None;
    for token in &source.tokens {
        let Kind::Comment(text) = &token.kind else {
            code_line = token.line;
            continue;
        };
        let trails = code_line == token.line;
        let goes_on = !trails && open_until.is_some_and(|last| last + 1 == token.line);
        if !goes_on {
            remarks.push(Remark { text: String::new(), lines: Vec::new() });
        }
        if let Some(remark) = remarks.last_mut() {
            remark.push(token.line, text);
        }
        open_until = (!trails).then(|| token.line + text.matches('\n').count());
    }
    remarks
}

/// `step 3`, `steps 1 to 4`, `steps 1 and 2, messages 1 to 4`; nothing of this is the recovery.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
        let (part, after): (fn(u32) -> Part, &str) = if let Some(after) = rest.strip_prefix("step")
        {
            (Part::Step, after)
        } else if let Some(after) = rest.strip_prefix("message") {
            (Part::Message, after)
        } else {
            break;
        };
        let (numbers, after) = numbers(after.trim_start_matches('s'));
        if numbers.is_empty() {
            break;
        }
        parts.extend(numbers.into_iter().map(part));
        rest = after;
    }
    if parts.is_empty() { vec![Part::Recovery] } else { parts }
}

/// `3`, `1 to 4`, `1, 2 and 4`.
fn numbers(text: &str) -> (Vec<u32>, &str) {
    let mut numbers: Vec<u32> = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches([' ', ',']);
        let is_range = trimmed.starts_with("to ");
        let after = trimmed.strip_prefix("to ").or(trimmed.strip_prefix("and ")).unwrap_or(trimmed);
        let (Some(next), after) = number(after) else { return (numbers, rest) };
        match numbers.last() {
            Some(last) if is_range => numbers.extend(last + 1..=next),
            _ => numbers.push(next),
        }
        rest = after;
    }
}

/// ` §17.1.1.2, §17.2 and §A.3 says` gives three sections.
fn sections(text: &str) -> Vec<String> {
    let mut sections = Vec::new();
    let mut rest = text;
    loop {
        let mut next = rest.trim_start_matches([' ', ',', '(']);
        if !sections.is_empty() {
            next = next.strip_prefix("and ").or(next.strip_prefix("to ")).unwrap_or(next);
        }
        let Some(after) = next.strip_prefix('§') else { return sections };
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '.';
        let end = after.find(|c| !is_part(c)).unwrap_or(after.len());
        sections.push(after[..end].trim_end_matches('.').to_owned());
        rest = &after[end..];
        if after[..end].ends_with('.') {
            return sections;
        }
    }
}

fn number(text: &str) -> (Option<u32>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

mod tests {
    use super::*;

    fn cited(text: &str) -> Vec<Cited> {
        let source = Source::of("crates/x/src/y.rs", text);
        let remarks = remarks(&source);
        remarks.iter().flat_map(Remark::citations).map(|(_, cited)| cited).collect()
    }

    fn rfc(rfc: u32, section: &str) -> Cited {
        Cited::Rfc(rfc, (!section.is_empty()).then(|| section.to_owned()))
    }

    #[test]
    fn rules_are_whole_words_in_comments() {
        let text = "let a = \"A1\"; // A2, A13: the SIP-T58A, BA4 and §A.5, A6b and RFC 3550 §A7\n";
        let expected = [Cited::Rule(2), Cited::Rule(13)];
        assert_eq!(&cited(text)[..2], expected);
        assert_eq!(cited(text).len(), 3);
    }

    #[test]
    fn steps_and_messages_are_counted_out() {
        let scenario = |part| Cited::Scenario("REGISTER Failover".to_owned(), part);
        let expected = [1, 2, 3].map(Part::Step).map(scenario);
        assert_eq!(cited("// Guide, \"REGISTER Failover\" steps 1 to 3."), expected);
        let text = "// Guide, \"REGISTER Failover\", step 2 and\n// messages 1, 2 and 4: so.";
        let expected = [Part::Step(2), Part::Message(1), Part::Message(2), Part::Message(4)];
        assert_eq!(cited(text), expected.map(scenario));
        let text = "// Guide, \"REGISTER Failover\": the next REGISTER goes up.";
        assert_eq!(cited(text), [scenario(Part::Recovery)]);
    }

    #[test]
    fn sections_follow_their_rfc_over_the_end_of_a_line() {
        let text =
            "// RFC 3261 §17.1.1.2, §17.2 and RFC\n// 6026 §7.1. Behaviour §4. RFC 2782 says\n";
        let expected = [rfc(3261, "17.1.1.2"), rfc(3261, "17.2"), rfc(2782, ""), rfc(6026, "7.1")];
        let mut found = cited(text);
        found.sort();
        let mut expected = expected.to_vec();
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_comment_behind_code_stands_alone() {
        let text = "let a = 1; // RFC\n// 3261\n";
        assert_eq!(cited(text), []);
    }

    #[test]
    fn departures_are_one_sentence() {
        let text = "// Departs from RFC 3261 §18.1.1: it stays\n// on UDP. More.\n";
        let source = Source::of("crates/x/src/y.rs", text);
        let remarks = remarks(&source);
        let said = "Departs from RFC 3261 §18.1.1: it stays on UDP.";
        assert_eq!(remarks[0].departures(), [(1, said)]);
    }
}
