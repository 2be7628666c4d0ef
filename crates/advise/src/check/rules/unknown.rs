//! Keys that the table does not have: mistyped, of a function that is not here, or of nobody.

use std::collections::BTreeSet;

use params::{Key, KeyFault};

use super::keys::{no_keys, renamed};
use super::vendor::{family, is_near_the_table, is_vendors};
use super::{Out, more_lines};
use crate::check::Detail;
use crate::check::case::{Case, Grouped};
use crate::check::files::{File, count};
use crate::check::finding::{Finding, Fix, Mark, Safety, shown};
use crate::check::prepare::UnknownKey;

pub(super) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    let is_all = case.options.detail == Detail::All;
    let mut foreign = Grouped::new();
    let mut without_static = Grouped::new();
    let mut no_function = Grouped::new();
    for key in case.read.unknown.keys.iter().filter(|key| is_all || !key.is_blank) {
        let Some(file) = case.files().named(&key.file) else { continue };
        let is_far = is_vendors(&key.key) && !is_near_the_table(&key.key);
        let suggestion = if is_far { None } else { out.suggestion(&key.key) };
        match suggestion.filter(|meant| !is_another(case, key, meant)) {
            Some(meant) if meant == format!("static.{}", key.key) => {
                without_static.add(key.file.clone(), (file, key));
            }
            Some(meant) => out.push(mistyped(file, key, &meant)),
            None if is_vendors(&key.key) => no_function.add(key.file.clone(), (file, key)),
            None => foreign.add(key.file.clone(), (file, key)),
        }
    }
    for keys in without_static.groups() {
        out.extend(lacking_static(keys));
    }
    for keys in foreign.groups() {
        of_nobody(case, keys, out);
    }
    for keys in no_function.groups() {
        out.extend(of_other_functions(case, keys));
    }
    misshapen(case, out);
}

/// An unknown key with its file.
type InFile<'a> = (&'a File, &'a UnknownKey);

fn at_key(file: &File, key: &UnknownKey) -> Mark {
    file.at(key.first_line(), key.column, count(key.key.chars().count()))
}

/// The finding with the other lines of its key.
fn and_lines(file: &File, key: &UnknownKey, finding: Finding) -> Finding {
    let marks: Vec<Mark> = key.lines.iter().map(|line| file.at(*line, 0, 0)).collect();
    match key.count > key.lines.len() {
        true => finding.note(format!("the same in {} further lines", key.count - 1)),
        false => more_lines(finding, marks.iter()),
    }
}

/// Keys of which not even the form is that of a key.
fn misshapen(case: &Case<'_>, out: &mut Out<'_>) {
    for (finding, key, fault) in no_keys(case) {
        if *fault == KeyFault::Unknown {
            let at = case.key_mark(&finding.origin, finding.origin.column);
            let message = format!("{} is no key of this phone", shown(key));
            out.push(Finding::warning("unknown-key", at, message).note(LEFT_OUT));
        }
    }
}

/// Whether a key of the vendor's is one of its own, however near it is to `meant`: it has more or
/// fewer parts, or the file has both.
fn is_another(case: &Case<'_>, unknown: &UnknownKey, meant: &str) -> bool {
    let Ok(key) = meant.parse::<Key>() else { return true };
    let parts = |text: &str| text.split('.').count();
    let is_other_form = parts(&unknown.key) != parts(meant) && !meant.ends_with(&*unknown.key);
    let mut lines = case.layers().assignments_of(key);
    is_vendors(&unknown.key)
        && (is_other_form || lines.any(|line| *line.origin.file == *unknown.file))
}

fn mistyped(file: &File, key: &UnknownKey, meant: &str) -> Finding {
    let edit = renamed(file, key.first_line(), &key.key, meant);
    let fix = edit.map(|edit| Fix::new(format!("write {meant}"), Safety::Suggested, vec![edit]));
    let finding = Finding::warning(
        "unknown-key",
        at_key(file, key).saying(format!("did you mean {meant}?")),
        format!("{} is no key of this phone", shown(&key.key)),
    )
    .note(LEFT_OUT)
    .fix(fix);
    and_lines(file, key, finding)
}

const LEFT_OUT: &str = "the phone leaves this line out";

/// Firmware 81 put `static.` before many keys.
fn lacking_static(keys: &[InFile<'_>]) -> Option<Finding> {
    let (file, first) = keys.first()?;
    let edits = keys.iter().filter_map(|(file, key)| {
        renamed(file, key.first_line(), &key.key, &format!("static.{}", key.key))
    });
    let fix = Fix::new("put static. before them", Safety::Suggested, edits.collect());
    let (count, them) = match keys.len() {
        1 => ("this key lacks".to_owned(), "the line"),
        count => (format!("{count} keys of this file lack"), "these lines"),
    };
    let finding = Finding::warning(
        "unknown-key",
        at_key(file, first).saying(format!("write static.{}", first.key)),
        format!("{count} static. at the beginning"),
    )
    .note(format!("firmware 80 and before wrote them so; the phone leaves {them} out"))
    .fix(Some(fix));
    let marks: Vec<Mark> = keys.iter().map(|(file, key)| at_key(file, key)).collect();
    Some(more_lines(finding, marks.iter()))
}

/// Keys of functions that this phone does not have.
fn of_other_functions(case: &Case<'_>, keys: &[InFile<'_>]) -> Option<Finding> {
    let (file, _) = keys.first()?;
    let families: BTreeSet<String> = keys.iter().map(|(_, key)| family(&key.key)).collect();
    let families: Vec<String> = families.into_iter().collect();
    let message = match keys.iter().map(|(_, key)| key.count).sum::<usize>() {
        1 => "1 line sets a function that this phone does not have".to_owned(),
        count => format!("{count} lines set functions that this phone does not have"),
    };
    let finding = Finding::info("unknown-key", file.whole(), message)
        .note(format!("they are left out: {}", families.join(", ")));
    Some(match case.options.detail {
        Detail::Usual => finding,
        Detail::All => finding.note(keys.iter().map(named).collect::<Vec<_>>().join(", ")),
    })
}

fn named((_, key): &InFile<'_>) -> String {
    let lines = match key.count {
        1 => format!("line {}", key.first_line()),
        count => format!("line {} and {} more", key.first_line(), count - 1),
    };
    format!("{} ({lines})", shown(&key.key))
}

/// Keys of no family that anybody knows.
fn of_nobody(case: &Case<'_>, keys: &[InFile<'_>], out: &mut Out<'_>) {
    let most = match case.options.detail {
        Detail::Usual => FOREIGN_LISTED,
        Detail::All => FOREIGN_LISTED * 100,
    };
    for (file, key) in keys.iter().take(most) {
        let message = format!("{} is no key of this phone", shown(&key.key));
        let finding = Finding::warning("unknown-key", at_key(file, key), message).note(LEFT_OUT);
        out.push(and_lines(file, key, finding));
    }
    let left = keys.get(most..).unwrap_or_default();
    let Some((file, first)) = left.first() else { return };
    let names: Vec<String> = left.iter().take(KEYS_LISTED).map(named).collect();
    let count = left.len() + case.read.unknown.left_out;
    out.push(
        Finding::warning(
            "unknown-key",
            at_key(file, first),
            format!("{count} further keys of this file are none of this phone"),
        )
        .note(format!("the phone leaves them out: {}, …", names.join(", "))),
    );
}

/// Unknown keys of no family that are listed one by one.
const FOREIGN_LISTED: usize = 10;
/// Keys that are named in a note.
const KEYS_LISTED: usize = 12;
