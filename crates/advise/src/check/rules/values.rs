//! Values that are not permitted, comments behind values, lines that were joined.

use params::{Assignment, Blank, Key, Kind, ParamError, Problem, Verdict};

use super::{Out, account_of};
use crate::check::case::Case;
use crate::check::finding::{Edit, Finding, Fix, LineChange, Safety, shown};

pub(crate) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    for line in case.layers().assignments() {
        if let Some(found) = joined(case, line).or_else(|| commented(case, line)) {
            out.push(found);
        } else {
            out.extend(refused(case, line));
        }
    }
    for error in &case.read.errors {
        out.extend(inconsistent(case, error));
    }
}

fn refused(case: &Case<'_>, line: &Assignment) -> Option<Finding> {
    let (key, at) = (line.key, case.value_at(&line.origin));
    let finding = match &line.verdict {
        Verdict::Mended(taken) => {
            let edit = case.with_value(&at, taken);
            let fix = edit.map(|edit| Fix::new(format!("write {taken}"), Safety::Safe, vec![edit]));
            Finding::warning(
                code_of(key),
                at.saying(format!("counts as {taken}")),
                format!("{key} = {} counts as {taken}", shown(line.shown())),
            )
            .fix(fix)
        }
        Verdict::Refused(fault) => {
            let kept = match kept(case, line) {
                "" => "it stays blank".to_owned(),
                _ if key.row().secret => "the phone keeps the former one".to_owned(),
                kept => format!("the phone keeps {}", shown(kept)),
            };
            let finding = Finding::error(
                code_of(key),
                at.saying(fault.to_string()),
                format!("{} is not permitted for {key}", shown(line.shown())),
            );
            advised(case, line, finding.note(kept))
        }
        Verdict::Taken | Verdict::TakenAs(_) | Verdict::Blank | Verdict::Null => return None,
    };
    Some(account_of(key, finding))
}

/// The value that a key keeps where a line is refused.
fn kept<'a>(case: &Case<'a>, line: &Assignment) -> &'a str {
    let mut kept = line.key.row().default;
    for earlier in case.layers().assignments_of(line.key) {
        if earlier.origin == line.origin {
            break;
        }
        match &earlier.verdict {
            Verdict::Taken => kept = &earlier.value,
            Verdict::TakenAs(value) | Verdict::Mended(value) => kept = value,
            Verdict::Null => kept = line.key.row().default,
            Verdict::Blank if case.read.blank == Blank::Resets => kept = line.key.row().default,
            Verdict::Blank | Verdict::Refused(_) => {}
        }
    }
    kept
}

/// Limits of static records have a rule of their own.
fn code_of(key: Key) -> &'static str {
    if key.row().pattern.starts_with("dns_cache_") { "static-limits" } else { "out-of-range" }
}

/// What was most likely meant by a value that is not permitted.
fn advised(case: &Case<'_>, line: &Assignment, finding: Finding) -> Finding {
    let value = line.value.trim();
    let permitted = |meant: &str| line.key.check(meant).is_ok().then(|| meant.to_owned());
    let unquoted = ['"', '\''].into_iter().find_map(|quote| {
        value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)).and_then(permitted)
    });
    let without_port = host_and_port(value);
    let meant = unquoted
        .map(|meant| (meant, "there are no quotes in this format"))
        .or_else(|| {
            word_for(line.key.row().kind, value).map(|meant| (meant, "figures stand for words"))
        })
        .or_else(|| {
            let (host, _) = without_port?;
            permitted(host).map(|host| (host, "an address has no port and no sip: before it"))
        });
    let Some((meant, reason)) = meant else { return finding };
    let edit = case.with_value(&case.value_at(&line.origin), &meant);
    let title = match without_port.filter(|(host, _)| *host == meant) {
        Some((_, Some(port))) => format!("write {meant}, and {port} as its port"),
        Some((_, None)) | None => format!("write {}", shown(&meant)),
    };
    finding.note(reason).fix(edit.map(|edit| Fix::new(title, Safety::Suggested, vec![edit])))
}

fn word_for(kind: Kind, value: &str) -> Option<String> {
    let word = value.to_ascii_lowercase();
    let on_or_off = match word.as_str() {
        "true" | "yes" | "on" | "enable" | "enabled" => Some("1"),
        "false" | "no" | "off" | "disable" | "disabled" => Some("0"),
        _ => None,
    };
    if kind == Kind::Switch {
        return on_or_off.map(str::to_owned);
    }
    let choice = kind.choices().iter().find(|choice| choice.label.eq_ignore_ascii_case(&word));
    choice.map(|choice| choice.value.to_owned())
}

/// `sip:pbx.example.com:5060` without what an address does not have.
fn host_and_port(value: &str) -> Option<(&str, Option<&str>)> {
    let bare = value.strip_prefix("sips:").or_else(|| value.strip_prefix("sip:")).unwrap_or(value);
    let bare = bare.split_once(';').map_or(bare, |(bare, _)| bare);
    let (host, port) = match bare.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.parse::<u16>().is_ok() => {
            (host, Some(port))
        }
        Some(_) | None => (bare, None),
    };
    (host != value).then_some((host, port))
}

/// `… = 60 # one minute`: there are no comments behind values.
fn commented(case: &Case<'_>, line: &Assignment) -> Option<Finding> {
    if line.key.row().secret {
        return None;
    }
    let is_refused = matches!(line.verdict, Verdict::Refused(_));
    let (value, comment) = match is_refused {
        true => cut_where_permitted(line)?,
        false if matches!(line.key.row().kind, Kind::Text { .. }) => cut_at_words(&line.value)?,
        false => return None,
    };
    let file = case.files().named(&line.origin.file)?;
    let column = line.origin.column + count(line.value.get(..line.value.len() - comment.len())?);
    let at = file.at(line.origin.line, column, count(comment));
    let text = file.line(line.origin.line)?;
    let assignment = text.get(..text.rfind(comment)?)?.trim_end().to_owned();
    let comment_line = format!("# {}", comment.trim_start_matches(['#', ';', '/', ' ', '\t']));
    let safety = if is_refused { Safety::Safe } else { Safety::Suggested };
    let edit = Edit {
        file: file.name.clone(),
        line: line.origin.line,
        change: LineChange::Becomes(vec![comment_line, assignment]),
    };
    let message = "a comment behind a value is part of the value";
    let finding = match is_refused {
        true => Finding::error("inline-comment", at.saying("no comment here"), message)
            .note(format!("the phone cannot take it; {} was meant", shown(value))),
        false => Finding::warning("inline-comment", at.saying("no comment here"), message)
            .note("the phone shows and sends the whole text"),
    };
    Some(account_of(
        line.key,
        finding.fix(Some(Fix::new("put the comment on a line of its own", safety, vec![edit]))),
    ))
}

fn cut_where_permitted(line: &Assignment) -> Option<(&str, &str)> {
    let starts = ["#", ";", "//"].into_iter().filter_map(|mark| line.value.find(mark));
    let (value, comment) = line.value.split_at_checked(starts.min()?)?;
    let value = value.trim_end();
    (!value.is_empty() && line.key.check(value).is_ok()).then_some((value, comment))
}

/// A text may hold #, as in `Desk # 4`: only several words behind it look like a comment.
fn cut_at_words(value: &str) -> Option<(&str, &str)> {
    let (value, comment) = value.split_at_checked(value.find(" # ")? + 1)?;
    let words = comment.split_whitespace().skip(1);
    let is_sentence = words.filter(|word| word.chars().all(char::is_alphabetic)).count() > 1;
    (is_sentence && !value.trim().is_empty()).then_some((value.trim_end(), comment))
}

fn count(text: &str) -> u32 {
    crate::check::files::count(text.chars().count())
}

/// A value that holds another assignment: two lines became one.
fn joined(case: &Case<'_>, line: &Assignment) -> Option<Finding> {
    let (before, second) = second_assignment(&line.value)?;
    let file = case.files().named(&line.origin.file)?;
    let column = line.origin.column + count(before);
    let key = second.split('=').next().unwrap_or(second).trim();
    let at = file.at(line.origin.line, column, count(key));
    let text = file.line(line.origin.line)?;
    let first = text.get(..text.rfind(second)?)?.trim_end().to_owned();
    let edit = Edit {
        file: file.name.clone(),
        line: line.origin.line,
        change: LineChange::Becomes(vec![first, second.to_owned()]),
    };
    Some(account_of(
        line.key,
        Finding::error(
            "torn-line",
            at.saying("another key"),
            format!("the value of {} holds another line", line.key),
        )
        .note("the end of the first line is missing: both are read as one value")
        .fix(Some(Fix::new("make two lines of it", Safety::Suggested, vec![edit]))),
    ))
}

/// The part of a value from which on it reads `key = value`, where the key is one of the table.
fn second_assignment(value: &str) -> Option<(&str, &str)> {
    for (equals, _) in value.match_indices('=') {
        let before = value.get(..equals)?.trim_end();
        let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        let token_start = before.rfind(|c| !is_key(c)).map_or(0, |at| {
            at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        });
        let token = before.get(token_start..)?;
        let starts = ROOTS.iter().filter_map(|root| token.rfind(root));
        let found = starts.filter(|start| token.get(*start..).is_some_and(is_table_key)).min();
        if let Some(start) = found {
            return value.split_at_checked(token_start + start);
        }
    }
    None
}

fn is_table_key(text: &str) -> bool {
    text.parse::<Key>().is_ok()
}

/// How keys of the table begin.
const ROOTS: [&str; 9] = [
    "account.",
    "dns_cache_",
    "features.",
    "linekey.",
    "phone_setting.",
    "sip.",
    "static.",
    "sureline.",
    "voice_mail.",
];

/// What two values together make impossible, and static records that lack a part.
fn inconsistent(case: &Case<'_>, error: &ParamError) -> Option<Finding> {
    match &error.problem {
        Problem::PortsReversed => Some(
            Finding::error(
                "out-of-range",
                case.value_at(&error.origin),
                "static.network.port.min_rtpport does not lie below max_rtpport",
            )
            .note("the phone keeps 11780 to 12780"),
        ),
        Problem::SamePort => Some(
            Finding::error(
                "out-of-range",
                case.value_at(&error.origin),
                "SIP over TLS cannot share the port of SIP over TCP",
            )
            .note("TLS takes any free port")
            .help("give sip.tls_listen_port another value than sip.listen_port, 5061 as a rule"),
        ),
        Problem::RecordNotWhole { missing } => not_whole(case, error, *missing),
        Problem::Refused { .. }
        | Problem::Mended { .. }
        | Problem::NotRead { .. }
        | Problem::Superseded { .. }
        | Problem::AccountRange { .. } => None,
    }
}

/// Templates write the numbers of records that nobody uses, each with its default: they say nothing.
fn not_whole(case: &Case<'_>, error: &ParamError, missing: Key) -> Option<Finding> {
    let pattern = error.key.row().pattern;
    let family = pattern.rsplit_once('.').map(|(family, _)| family)?;
    let says_something = params::rows()
        .filter(|row| row.pattern.rsplit_once('.').is_some_and(|(of, _)| of == family))
        .filter_map(|row| error.key.related(row.pattern))
        .filter_map(|key| Some((key, case.layers().effective(key)?)))
        .any(|(key, effective)| effective.value != key.row().default);
    says_something.then(|| {
        Finding::error(
            "static-limits",
            case.value_at(&error.origin),
            format!("this static record has no {missing}"),
        )
        .note("without it the record says nothing and is left out")
        .help(format!("set {missing}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_assignment_is_found_where_the_line_end_was_lost() {
        for (value, second) in [
            ("1account.1.label = 4605", Some("account.1.label = 4605")),
            ("1 account.1.label=4605", Some("account.1.label=4605")),
            ("Desk sip.timer_t1 = 1", Some("sip.timer_t1 = 1")),
            ("a = b", None),
            ("http://h/?account=1", None),
            ("account.1.label", None),
            ("x account.99.label = 1", None),
        ] {
            assert_eq!(second_assignment(value).map(|(_, second)| second), second, "{value}");
        }
    }

    #[test]
    fn a_text_with_a_figure_behind_its_mark_is_no_comment() {
        assert_eq!(cut_at_words("Desk # 4"), None);
        assert_eq!(cut_at_words("Desk #4 left"), None);
        let cut = cut_at_words("Desk 4 # the reception desk");
        assert_eq!(cut, Some(("Desk 4", "# the reception desk")));
    }

    #[test]
    fn an_address_with_a_port_is_taken_apart() {
        assert_eq!(host_and_port("pbx.test:5080"), Some(("pbx.test", Some("5080"))));
        assert_eq!(host_and_port("sip:pbx.test"), Some(("pbx.test", None)));
        assert_eq!(host_and_port("2001:db8::1"), None);
        assert_eq!(host_and_port("pbx.test"), None);
    }
}
