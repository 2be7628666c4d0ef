//! One key on several lines, of one file or of several.

use std::collections::BTreeMap;

use params::{Assignment, Blank, Key, Verdict};

use super::{Out, account_of};
use crate::check::Detail;
use crate::check::case::Case;
use crate::check::finding::{Edit, Finding, Fix, LineChange, Mark, Safety, shown};

pub(crate) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    let mut by_key: BTreeMap<Key, Vec<&Assignment>> = BTreeMap::new();
    for line in case.layers().assignments() {
        let is_template = case.read.templates.has(&line.origin.file);
        if !line.key.row().repeated && !is_template && !has_no_effect(case, line) {
            by_key.entry(line.key).or_default().push(line);
        }
    }
    let mut overrides = Vec::new();
    for (key, lines) in by_key.into_iter().filter(|(_, lines)| lines.len() > 1) {
        let mut last_of_files: Vec<&Assignment> = Vec::new();
        for of_file in lines.chunk_by(|a, b| a.origin.file == b.origin.file) {
            out.extend(twice(case, key, of_file));
            last_of_files.extend(of_file.last());
        }
        if let [.., below, above] = last_of_files[..]
            && given(below) != given(above)
        {
            overrides.push((key, below, above));
        }
    }
    layered(case, &overrides, out);
}

/// Whether the line leaves the key as it is.
fn has_no_effect(case: &Case<'_>, line: &Assignment) -> bool {
    match line.verdict {
        Verdict::Refused(_) => true,
        Verdict::Blank => case.read.blank == Blank::Keeps,
        Verdict::Null | Verdict::Taken | Verdict::TakenAs(_) | Verdict::Mended(_) => false,
    }
}

/// The value that a line gives its key; blank: the default.
fn given(line: &Assignment) -> &str {
    match &line.verdict {
        Verdict::Taken => &line.value,
        Verdict::TakenAs(value) | Verdict::Mended(value) => value,
        Verdict::Blank | Verdict::Null | Verdict::Refused(_) => "",
    }
}

fn twice(case: &Case<'_>, key: Key, lines: &[&Assignment]) -> Option<Finding> {
    let (last, before) = lines.split_last()?;
    let differs: Vec<&&Assignment> =
        before.iter().filter(|line| given(line) != given(last)).collect();
    let first = differs.first()?;
    let was_blank = differs.iter().all(|line| given(line).is_empty());
    let at = match given(last) {
        "" => case.key_at(last),
        _ => case.value_at(&last.origin),
    };
    let edits = differs.iter().filter_map(|line| commented_out(case, line)).collect();
    let fix = Fix::new(
        format!("keep line {} and make a comment of the other", last.origin.line),
        Safety::Suggested,
        edits,
    );
    let marks = differs.iter().take(MARKS_MAX).map(|line| overridden(case, line));
    let finding = if given(last).is_empty() {
        let default = match key.row().default {
            "" => "it is blank".to_owned(),
            default => format!("its default {default} holds"),
        };
        Finding::error(
            "twice",
            at.saying("takes it back"),
            format!(
                "{key} is set in line {} and emptied in line {}",
                first.origin.line, last.origin.line
            ),
        )
        .note(format!("the last line wins: {default}"))
        .help("remove the line that is not meant")
    } else if was_blank {
        Finding::warning(
            "twice",
            at.saying("holds"),
            format!("{key} stands on two lines, blank in the first"),
        )
        .note("the last line wins")
        .fix(Some(fix))
    } else {
        Finding::error(
            "twice",
            at.saying("holds"),
            format!("{key} is set twice to different values"),
        )
        .note("the last line wins")
        .fix(Some(fix))
    };
    Some(account_of(key, finding.see(marks)))
}

fn overridden(case: &Case<'_>, line: &Assignment) -> Mark {
    let mark = match given(line) {
        "" => case.key_at(line),
        _ => case.value_at(&line.origin),
    };
    mark.saying("does not hold")
}

fn commented_out(case: &Case<'_>, line: &Assignment) -> Option<Edit> {
    let file = case.files().named(&line.origin.file)?;
    let text = file.line(line.origin.line)?;
    Some(Edit {
        file: file.name.clone(),
        line: line.origin.line,
        change: LineChange::Becomes(vec![format!("#{}", text.trim_start())]),
    })
}

type Override<'a> = (Key, &'a Assignment, &'a Assignment);

fn layered(case: &Case<'_>, overrides: &[Override<'_>], out: &mut Out<'_>) {
    let most = match case.options.detail {
        Detail::Usual if overrides.len() > OVERRIDES_LISTED => OVERRIDES_LISTED,
        Detail::Usual | Detail::All => overrides.len(),
    };
    let (listed, left) = overrides.split_at(most);
    for (key, below, above) in listed {
        let value = |line: &Assignment| match given(line) {
            "" => "blank".to_owned(),
            _ => shown(line.shown()),
        };
        let (over, under) = (value(above), value(below));
        let (file, other) = (above.origin.layer.name(), below.origin.layer.name());
        let (file, other) = match file == other {
            true => (shown(&above.origin.file), shown(&below.origin.file)),
            false => (format!("the {file}"), format!("the {other}")),
        };
        out.push(account_of(
            *key,
            Finding::info(
                "layered",
                mark(case, above).saying(format!("{over} holds")),
                format!("{file} overrides {key} of {other}"),
            )
            .see([mark(case, below).saying(format!("{under} does not hold"))]),
        ));
    }
    if let Some((_, _, above)) = left.first() {
        let keys: Vec<String> =
            left.iter().take(KEYS_LISTED).map(|(key, ..)| key.to_string()).collect();
        let more = if left.len() > KEYS_LISTED { ", …" } else { "" };
        out.push(
            Finding::info(
                "layered",
                mark(case, above),
                format!("{} further keys are overridden by a later file", left.len()),
            )
            .note(format!("they are {}{more}", keys.join(", ")))
            .help("--all lists each with both values"),
        );
    }
}

fn mark(case: &Case<'_>, line: &Assignment) -> Mark {
    match given(line) {
        "" => case.key_at(line),
        _ => case.value_at(&line.origin),
    }
}

/// Overridden lines of one key that are shown.
const MARKS_MAX: usize = 8;
/// Overridden keys that are shown one by one.
const OVERRIDES_LISTED: usize = 5;
/// Overridden keys that are named besides.
const KEYS_LISTED: usize = 12;
