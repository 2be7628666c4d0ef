//! Keys that this phone does not have, does not read, or has for fewer accounts.

use std::collections::BTreeSet;

use params::{Assignment, Found, Key, KeyFault, Origin, ParamError, Problem, Readers, State};

use super::{Out, account_of, more_lines};
use crate::check::Detail;
use crate::check::case::{Case, Grouped};
use crate::check::files::File;
use crate::check::finding::{Edit, Finding, Fix, LineChange, Mark, Safety, listed, shown};
use crate::check::prepare::is_blank;

pub(crate) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    beyond(case, out);
    not_read(case, out);
    old_names(case, out);
    if case.options.detail == Detail::All {
        not_used(case, out);
    }
}

/// What was found to be no key, with what is wrong with it.
pub(super) fn no_keys<'a>(
    case: &'a Case<'_>,
) -> impl Iterator<Item = (&'a params::Finding, &'a str, &'a KeyFault)> {
    case.read.findings.iter().filter_map(|finding| match &finding.found {
        Found::NoKey { key, fault } => Some((finding, &**key, fault)),
        Found::Refused(_)
        | Found::TornLine(_)
        | Found::LineTooLong
        | Found::Encoding
        | Found::IndentedComment
        | Found::BootLine
        | Found::StaticInLocal(_)
        | Found::Value(_)
        | Found::More(_) => None,
    })
}

/// The line with another key; blanks and value stay.
pub(super) fn renamed(file: &File, number: u32, key: &str, meant: &str) -> Option<Edit> {
    let line = file.line(number)?;
    let (before, after) = line.split_once('=')?;
    if before.trim() != key {
        return None;
    }
    let text = format!("{}={after}", before.replacen(key, meant, 1));
    Some(Edit { file: file.name.clone(), line: number, change: LineChange::Becomes(vec![text]) })
}

/// Accounts beyond those that the model has.
fn beyond(case: &Case<'_>, out: &mut Out<'_>) {
    let mut groups = Grouped::new();
    for (finding, key, fault) in no_keys(case) {
        let KeyFault::Number { placeholder, found, max } = fault else { continue };
        let Some(file) = case.files().named(&finding.origin.file) else { continue };
        let line = finding.origin.line;
        let at = case.key_mark(&finding.origin, finding.origin.column);
        let is_blank = is_blank(file, line);
        let group = (*placeholder, found.clone(), *max);
        groups.add((file.name.clone(), group.clone()), (at, key.to_owned(), is_blank, group));
    }
    for lines in groups.groups() {
        let Some((at, key, _, (placeholder, found, max))) =
            lines.iter().find(|(_, _, is_blank, _)| !is_blank)
        else {
            continue;
        };
        let (code, what, is_error) = match placeholder {
            'X' => ("account-range", "account", true),
            'Y' => ("unknown-key", "server", false),
            _ if key.starts_with("dns_cache_") => ("static-limits", "static record", true),
            _ => ("unknown-key", "number", false),
        };
        let message = match found.parse::<u16>() {
            Ok(_) => format!("{what} {} does not exist: there are 1 to {max}", shown(found)),
            Err(_) => format!("{} stands for a number from 1 to {max}", shown(found)),
        };
        let at = at.clone();
        let finding = match is_error {
            true => Finding::error(code, at, message),
            false => Finding::warning(code, at, message),
        };
        let finding = finding.note("the phone leaves these lines out");
        out.push(more_lines(finding, lines.iter().map(|(at, ..)| at)));
    }
    let beyond: Vec<&ParamError> = case
        .read
        .errors
        .iter()
        .filter(|error| matches!(error.problem, Problem::AccountRange { .. }))
        .collect();
    let (used, unused): (Vec<&ParamError>, Vec<&ParamError>) =
        beyond.into_iter().partition(|error| is_meant(case, error.key));
    for error in used {
        let Some(number) = error.key.account() else { continue };
        let model = case.read.device.model;
        let at = case.account_at(number);
        out.push(
            Finding::error(
                "account-range",
                at,
                format!("account {number} does not exist: {model} has {}", accounts(model)),
            )
            .note("nothing of this account is taken")
            .help("name the model of the phone with --model, or move the account"),
        );
    }
    let numbers: Vec<u8> = unused.iter().filter_map(|error| error.key.account()).collect();
    if let (Some(first), Some(last), Some(error)) =
        (numbers.first(), numbers.last(), unused.first())
    {
        let which = match first == last {
            true => format!("account {first} does"),
            false => format!("accounts {first} to {last} do"),
        };
        let model = case.read.device.model;
        out.push(
            Finding::info(
                "account-range",
                case.value_at(&error.origin),
                format!("{which} not exist on {model}, and nothing puts them into service"),
            )
            .note(format!("{model} has {}; the lines are left out", accounts(model))),
        );
    }
}

fn accounts(model: params::Model) -> String {
    match model.account_max() {
        1 => "account 1 alone".to_owned(),
        max => format!("accounts 1 to {max}"),
    }
}

/// Whether somebody wants an account beyond the model's: it is in service, or has a server and is not
/// said to be out of it.
fn is_meant(case: &Case<'_>, key: Key) -> bool {
    let effective = |pattern| {
        let key = key.related(pattern)?;
        case.layers().effective(key).map(|effective| effective.value)
    };
    match effective("account.X.enable") {
        Some(enable) => enable == "1",
        None => effective("account.X.sip_server.1.address").is_some(),
    }
}

/// Keys that this model and firmware does not read.
fn not_read(case: &Case<'_>, out: &mut Out<'_>) {
    let mut harmful = Grouped::new();
    let mut harmless = Grouped::new();
    let errors: Vec<&ParamError> = case.read.errors.iter().collect();
    for error in errors {
        let Problem::NotRead { instead, .. } = &error.problem else { continue };
        let Some(line) = line_of(case, error.key, &error.origin) else { continue };
        let successor = successor(error.key, instead.as_deref());
        match says_what_holds(case, line, successor) {
            true => harmless.add(error.origin.file.clone(), line),
            false => {
                harmful.add((error.origin.file.clone(), kin(error.key)), (line, successor));
            }
        }
    }
    for lines in harmful.groups() {
        out.extend(harmful_old(case, lines));
    }
    for lines in harmless.groups() {
        let Some(first) = lines.first() else { continue };
        let keys: BTreeSet<&str> = lines.iter().map(|line| line.key.row().pattern).collect();
        let mut keys: Vec<&str> = keys.into_iter().collect();
        let left_out = keys.len().saturating_sub(KEYS_LISTED);
        keys.truncate(KEYS_LISTED);
        let and = if left_out > 0 { format!(" and {left_out} more") } else { String::new() };
        let message = match lines.len() {
            1 => "1 line has an old key and says what holds anyway".to_owned(),
            count => format!("{count} lines have old keys and say what holds anyway"),
        };
        out.push(
            Finding::info("old-key", case.key_at(first), message)
                .note(format!("no harm is done: {}{and}", keys.join(", "))),
        );
    }
}

/// Keys that are told of together: those of one numbered thing, else one alone.
fn kin(key: Key) -> &'static str {
    let pattern = key.row().pattern;
    match pattern.split_once(".N.") {
        Some((family, _)) => family,
        None => pattern,
    }
}

fn line_of<'a>(case: &Case<'a>, key: Key, origin: &Origin) -> Option<&'a Assignment> {
    case.layers().assignments_of(key).find(|line| line.origin == *origin)
}

/// The key to write in place of an old one, with its numbers.
fn successor(key: Key, instead: Option<&str>) -> Option<Key> {
    // account.3.dns_cache_a.7.ip lacks nothing but has the account too many.
    let text = key.to_string();
    let below = text.split_once('.').and_then(|(_, rest)| rest.split_once('.'));
    if let Some((_, below)) = below
        && below.starts_with("dns_cache_")
        && key.row().pattern.starts_with("account.X.dns_cache_")
    {
        return below.parse().ok();
    }
    instead.and_then(|instead| instead.parse().ok())
}

/// Whether an unread line changes nothing: its value is the one that holds, or what it is about is not
/// used.
fn says_what_holds(case: &Case<'_>, line: &Assignment, successor: Option<Key>) -> bool {
    let holds = match successor {
        Some(successor) => case.view.value(successor) == &*line.value,
        None => line.key.row().default == &*line.value,
    };
    let is_idle = successor.is_some_and(|successor| case.view.unmet(successor).is_some());
    holds || is_idle || line.key.account().is_some_and(|account| is_out_of_service(case, account))
}

fn is_out_of_service(case: &Case<'_>, account: u8) -> bool {
    case.written("account.X.enable", [account, 0]).is_some()
        && case.value("account.X.enable", [account, 0]) == "0"
}

type Old<'a> = (&'a Assignment, Option<Key>);

fn harmful_old(case: &Case<'_>, lines: &[Old<'_>]) -> Option<Finding> {
    let (first, successor) = lines.first()?;
    let params::Device { model, firmware, .. } = case.read.device;
    let reason = match first.key.row().readers {
        Readers::Nobody => "no firmware of the guide reads it".to_owned(),
        Readers::All | Readers::From81 | Readers::From81OrAndroid | Readers::To80 => {
            format!("{model} with firmware {firmware} does not read it")
        }
    };
    let finding = Finding::error(
        "old-key",
        case.key_at(first).saying("not read"),
        format!("{} has no effect: {reason}", first.key),
    );
    let finding = match successor {
        Some(successor) if case.view.written(*successor).is_some() => {
            finding.help(format!("remove it: {successor} is set and holds"))
        }
        Some(successor) => {
            let edits = lines.iter().filter_map(|(line, to)| rewritten(case, line, *to)).collect();
            finding.fix(Some(Fix::new(format!("write {successor}"), Safety::Suggested, edits)))
        }
        None => finding.help("remove it"),
    };
    let marks: Vec<Mark> = lines.iter().map(|(line, _)| case.key_at(line)).collect();
    Some(more_lines(finding, marks.iter()))
}

fn rewritten(case: &Case<'_>, line: &Assignment, successor: Option<Key>) -> Option<Edit> {
    let file = case.files().named(&line.origin.file)?;
    let successor = successor?;
    successor.check(&line.value).ok()?;
    renamed(file, line.origin.line, &line.key.to_string(), &successor.to_string())
}

/// Old names that are still read, and those whose successor is set as well.
fn old_names(case: &Case<'_>, out: &mut Out<'_>) {
    let errors: Vec<&ParamError> = case.read.errors.iter().collect();
    for error in errors {
        let Problem::Superseded { by } = &error.problem else { continue };
        let Some(line) = line_of(case, error.key, &error.origin) else { continue };
        if says_what_holds(case, line, Some(*by)) {
            continue;
        }
        let winner = case.view.written(*by).map(|effective| case.value_at(effective.origin));
        out.push(account_of(
            error.key,
            Finding::warning(
                "old-key",
                case.value_at(&error.origin).saying("does not hold"),
                format!("{} is an old name, and {by} is set to another value", error.key),
            )
            .see(winner.map(|mark| mark.saying("holds")))
            .help(format!("remove {}", error.key)),
        ));
    }
    let mut by_name = Grouped::new();
    for key in case.layers().keys() {
        let row = key.row();
        let is_read = row.is_read_by(case.read.device.model, case.read.device.firmware);
        if row.stands_for.is_empty() || !is_read {
            continue;
        }
        let successors: Vec<Key> = row
            .stands_for
            .iter()
            .filter_map(|(pattern, y)| Key::of(pattern, [key.account()?.into(), *y]))
            .filter(|by| by.row().is_read_by(case.read.device.model, case.read.device.firmware))
            .collect();
        let is_set = successors.iter().any(|by| case.layers().effective(*by).is_some());
        let Some(line) = case.assignment(key).or_else(|| own_line(case, key)) else { continue };
        if !successors.is_empty() && !is_set {
            by_name.add((line.origin.file.clone(), row.pattern), (line, successors));
        }
    }
    for lines in by_name.groups() {
        out.extend(still_read(case, lines));
    }
}

fn own_line<'a>(case: &Case<'a>, key: Key) -> Option<&'a Assignment> {
    let origin = case.layers().effective(key)?.origin;
    line_of(case, key, origin)
}

fn still_read(case: &Case<'_>, lines: &[(&Assignment, Vec<Key>)]) -> Option<Finding> {
    let (first, successors) = lines.first()?;
    let names: Vec<String> = successors.iter().map(ToString::to_string).collect();
    let edits = lines.iter().filter_map(|(line, successors)| {
        let file = case.files().named(&line.origin.file)?;
        let text = file.line(line.origin.line)?;
        let (_, value) = text.split_once('=')?;
        let rows = successors.iter().map(|key| format!("{key} ={value}")).collect();
        Some(Edit {
            file: file.name.clone(),
            line: line.origin.line,
            change: LineChange::Becomes(rows),
        })
    });
    // The successor takes the same values, so that the phone does the same afterwards.
    let fix = Fix::new(format!("write {}", listed(&names)), Safety::Safe, edits.collect());
    let finding = Finding::warning(
        "old-key",
        case.key_at(first).saying("an old name"),
        format!("{} is read as {}", first.key, listed(&names)),
    )
    .note("later firmware does not read it: accounts that are set up with it alone do not register there")
    .fix(Some(fix));
    let marks: Vec<Mark> = lines.iter().map(|(line, _)| case.key_at(line)).collect();
    Some(more_lines(finding, marks.iter()))
}

/// Keys of the table that do nothing here, by the reason.
fn not_used(case: &Case<'_>, out: &mut Out<'_>) {
    let mut by_reason = Grouped::new();
    for key in case.layers().keys() {
        let State::NotUsed(reason) = key.row().state else { continue };
        if key.row().readers == Readers::Nobody {
            continue;
        }
        let Some(line) = own_line(case, key) else { continue };
        by_reason.add((line.origin.file.clone(), reason), (line, reason));
    }
    for lines in by_reason.groups() {
        let Some((first, reason)) = lines.first() else { continue };
        let keys: Vec<String> = lines
            .iter()
            .map(|(line, _)| format!("{} (line {})", line.key, line.origin.line))
            .collect();
        let message = match lines.len() {
            1 => format!("1 key is not used by sureline: {reason}"),
            count => format!("{count} keys are not used by sureline: {reason}"),
        };
        let finding = Finding::info("not-used", case.key_at(first), message);
        out.push(if lines.len() > 1 { finding.note(keys.join(", ")) } else { finding });
    }
}

/// Keys that are named in a note.
const KEYS_LISTED: usize = 12;
