//! The manual of the keys, from the table alone.

use std::fmt;

use crate::choices::Choice;
use crate::key::{ACCOUNTS_MAX, Key};
use crate::row::{Described, HomeFile, Readers, Row, State, When};
use crate::suggest::suggestion;
use crate::table::{GROUPS, old_names, place, row_at, rows, shape};
use crate::value::{Between, Kind};

/// No key is called so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuchKey {
    /// As asked for.
    pub name: String,
    /// The nearest key.
    pub guess: Option<String>,
}

impl fmt::Display for NoSuchKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is no key of this phone", self.name)?;
        self.guess.iter().try_for_each(|guess| write!(f, "; did you mean {guess}?"))
    }
}

impl std::error::Error for NoSuchKey {}

/// The manual page of one key, named as a pattern or with numbers; else of all keys below a name
/// (`account.X.fallback`), or with a segment of that name (`failback_mode`).
///
/// # Errors
/// No key fits; the nearest is named.
pub fn manual(name: &str) -> Result<String, NoSuchKey> {
    let wanted = shape(name);
    if let Some(place) = place(&wanted) {
        return Ok(page(row_at(place)));
    }
    let fits = |row: &&&Row| is_below(&shape(row.pattern), &wanted);
    let pages: Vec<String> = rows().filter(|row| fits(&row)).map(page).collect();
    if pages.is_empty() || wanted.is_empty() {
        return Err(NoSuchKey { name: name.to_owned(), guess: suggestion(name) });
    }
    Ok(pages.join("\n"))
}

/// All keys by subject: name, permitted values and default, one a line.
#[must_use]
pub fn list() -> String {
    let width = rows().map(|row| row.pattern.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (title, group) in GROUPS {
        line(&mut text, title);
        for row in group {
            let mark = if row.state == State::Works { ' ' } else { '-' };
            let default = shown_default(row);
            line(&mut text, &format!("{mark} {:width$}  {default:<8}  {}", row.pattern, row.kind));
        }
        line(&mut text, "");
    }
    line(
        &mut text,
        "Columns: key, default, permitted values. - before a key: accepted without effect.",
    );
    line(
        &mut text,
        "X stands for an account, Y for server 1 or 2, N for the number of a record or key.",
    );
    text
}

/// The contents of `docs/parameters.md`.
#[must_use]
pub fn markdown() -> String {
    let mut text = String::from(MARKDOWN_HEAD);
    for (title, group) in GROUPS {
        text.push_str(&format!("\n## {title}\n"));
        group.iter().filter(|row| row.state == State::Works).for_each(|row| entry(&mut text, row));
    }
    text.push_str(MARKDOWN_UNUSED);
    for row in rows() {
        if let State::NotUsed(reason) = row.state {
            let reason =
                row.instead.map_or_else(|| reason.to_owned(), |key| format!("write `{key}`"));
            let (meaning, kind) = (cell(row.effect), cell(&row.kind.to_string()));
            let default = shown_default(row);
            let key = row.pattern;
            text.push_str(&format!("| `{key}` | {meaning} | {kind} | {default} | {reason} |\n"));
        }
    }
    text
}

/// One key for a terminal: 80 columns.
fn page(row: &Row) -> String {
    let mut text = format!("{}\n\n", row.pattern);
    for part in wrapped(row.effect, COLUMNS - INDENT) {
        line(&mut text, &format!("{:INDENT$}{part}", ""));
    }
    text.push('\n');
    for (term, meaning) in facts(row) {
        let mut term = term;
        for part in meaning.split('\n').flat_map(|part| wrapped(part, COLUMNS - INDENT - TERM)) {
            line(&mut text, &format!("{:INDENT$}{term:TERM$}{part}", ""));
            term = "";
        }
    }
    text
}

/// One key for `docs/parameters.md`.
fn entry(text: &mut String, row: &Row) {
    text.push_str(&format!("\n### `{}`\n\n{}\n\n", row.pattern, row.effect));
    for (term, meaning) in facts(row).into_iter().filter(|(_, meaning)| meaning != "none") {
        text.push_str(&format!("- **{term}:** {}\n", meaning.replace('\n', "; ")));
    }
}

/// What there is to know of a key, as term and meaning; a meaning may have lines.
fn facts(row: &Row) -> Vec<(&'static str, String)> {
    let mut facts = vec![("Permitted", permitted(row)), ("Default", default(row))];
    facts.extend(numbers(row).map(|meaning| ("Numbers", meaning)));
    if let State::NotUsed(reason) = row.state {
        facts.push(("Here", format!("accepted without effect: {reason}")));
    }
    if !row.only_when.is_empty() {
        let conditions: Vec<String> = row.only_when.iter().map(|when| condition(*when)).collect();
        facts.push(("Acts only", format!("where {}", conditions.join("\nand "))));
    }
    facts.extend(readers(row).map(|meaning| ("Read by", meaning)));
    facts.extend(row.instead.map(|key| ("Otherwise", format!("write {key}"))));
    facts.extend(old(row).map(|names| ("Old names", names)));
    facts.push(("Web page", web(row)));
    facts.push(("Phone", phone(row)));
    facts.push(("File", file(row)));
    facts.push(("Source", source(row)));
    facts.push(("Example", example(row)));
    facts
}

fn permitted(row: &Row) -> String {
    let labelled = |choice: &&Choice| choice.value != choice.label;
    let labels: Vec<&Choice> = row.kind.choices().iter().filter(labelled).collect();
    if !labels.is_empty() && !matches!(row.kind, Kind::MinusOneOr(_)) {
        let lines: Vec<String> =
            labels.iter().map(|choice| format!("{} – {}", choice.value, choice.label)).collect();
        return lines.join("\n");
    }
    let mut text = row.kind.to_string();
    if let Kind::ZeroOr { min, between: Between::CountsAsLeast, .. } = row.kind {
        text.push_str(&format!(" (1 to {} count as {min})", min - 1));
    }
    if row.repeated {
        text.push_str("; may stand on several lines, all of which count");
    }
    text
}

fn default(row: &Row) -> String {
    let mut text = shown_default(row).to_owned();
    if let Some(fast) = row.fast_default {
        text.push_str(&format!(" (profile fast: {fast})"));
    }
    if let Some(vendor) = row.vendor_default {
        text.push_str(&format!(" (ours; the vendor's is {vendor})"));
    }
    text
}

fn shown_default(row: &Row) -> &'static str {
    if row.default.is_empty() { "blank" } else { row.default }
}

fn numbers(row: &Row) -> Option<String> {
    let meanings = row.pattern.split('.').filter_map(|segment| match segment {
        "X" => Some(format!("X is the account, 1 to {ACCOUNTS_MAX} by model")),
        "Y" => Some("Y is 1 or 2".to_owned()),
        "N" => Some(format!("N is 1 to {}", row.n_max)),
        _ => None,
    });
    let meanings: Vec<String> = meanings.collect();
    (!meanings.is_empty()).then(|| meanings.join("; "))
}

fn condition(when: When) -> String {
    match when {
        When::Is(pattern, values) => format!("{pattern} is {}", values.join(" or ")),
        When::Set(pattern) => format!("{pattern} is set"),
        When::Name(pattern) => format!("{pattern} is a domain name"),
        When::AnyIs(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(pattern, value)| format!("{pattern} is {value}")).collect();
            pairs.join(" or ")
        }
    }
}

fn readers(row: &Row) -> Option<String> {
    let text = match row.readers {
        Readers::All => return None,
        Readers::From81 => "firmware 81 or later",
        Readers::From81OrAndroid => {
            "firmware 81 or later; SIP-T58V, SIP-T58A and SIP-T56A from firmware 80"
        }
        Readers::To80 => "firmware 80 or before, but not SIP-T58V, SIP-T58A and SIP-T56A",
        Readers::Nobody => "no firmware of the guide",
    };
    Some(text.to_owned())
}

fn old(row: &Row) -> Option<String> {
    let names = old_names(place(&shape(row.pattern))?).iter().map(|(place, number)| {
        let name = row_at(*place).pattern;
        if row.pattern.contains(".Y.") { format!("{name} (Y = {number})") } else { name.to_owned() }
    });
    let names: Vec<String> = names.collect();
    (!names.is_empty()).then(|| names.join(", "))
}

fn web(row: &Row) -> String {
    match row.web {
        Some(place) if place.in_guide => place.to_string(),
        Some(place) => format!("{place} (ours)"),
        None => "none".to_owned(),
    }
}

fn phone(row: &Row) -> String {
    row.phone
        .map_or_else(|| "none".to_owned(), |label| format!("Menu → Advanced → Account → {label}"))
}

fn file(row: &Row) -> String {
    let text = match row.file {
        HomeFile::Common => "common or MAC file",
        HomeFile::Mac => "MAC file",
        HomeFile::Boot => "boot file",
    };
    text.to_owned()
}

fn source(row: &Row) -> String {
    match row.source {
        Described::Guide(heading) => format!("guide, \"{heading}\""),
        Described::Vendor => "the vendor's other documents and templates".to_owned(),
        Described::Ours => "a key of sureline".to_owned(),
    }
}

/// A line that could stand in a file.
fn example(row: &Row) -> String {
    let Some(key) = Key::of(row.pattern, [1, 1]) else { return String::new() };
    let value = match row.default {
        _ if row.secret => "…",
        "0" if row.kind == Kind::Switch => "1",
        "" => row.kind.example(),
        default => default,
    };
    format!("{key} = {value}")
}

/// Whether a key lies below `wanted`, or has it as a segment.
fn is_below(pattern: &str, wanted: &str) -> bool {
    let below = pattern.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('.'));
    below || pattern.split('.').any(|segment| segment == wanted && segment != "#")
}

/// Breaks at blanks into lines of at most `width` characters, longer words excepted.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { continue };
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn line(text: &mut String, content: &str) {
    text.push_str(content.trim_end());
    text.push('\n');
}

const COLUMNS: usize = 80;
const INDENT: usize = 4;
const TERM: usize = 12;

const MARKDOWN_HEAD: &str = "\
# Parameters

Made by `sureline parameters --markdown` from the table in `crates/params/src/table`; the same is
printed key by key by `sureline parameters KEY`.

A key stands in a file as `key = value`. `X` is an account, `Y` server 1 or 2, `N` the number of a
record or key. A blank value means the default. A value that is not permitted is reported with file
and line, and what held before still holds.
";

const MARKDOWN_UNUSED: &str = "
## Accepted without effect

These keys are known, so that files for other phones load without complaint; they do nothing here.

| Key | Meaning | Permitted | Default | Why |
|---|---|---|---|---|
";
