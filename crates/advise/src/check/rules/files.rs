//! Files and lines that cannot be read as they stand.

use params::{Found, NotAConfig};

use crate::check::case::{Case, Grouped};
use crate::check::files::File;
use crate::check::finding::{Edit, Finding, Fix, LineChange, Safety};

pub(crate) fn check(case: &Case<'_>, out: &mut Vec<Finding>) {
    let mut recoded = Grouped::new();
    for finding in &case.read.findings {
        let Some(file) = case.files().named(&finding.origin.file) else { continue };
        let line = finding.origin.line;
        match &finding.found {
            Found::Refused(why) => out.push(refused(file, line, *why, finding.code())),
            Found::TornLine(_) => out.push(torn(file, line)),
            Found::LineTooLong => out.push(
                Finding::error(
                    "torn-line",
                    file.at(line, 0, 0),
                    "this line is too long to be read",
                )
                .note(format!(
                    "the phone leaves out lines of over {} bytes",
                    params::LINE_BYTES_MAX
                )),
            ),
            Found::IndentedComment => out.push(indented(file, line)),
            Found::Encoding => recoded.add(file.name.clone(), (file, line)),
            Found::BootLine => out.push(
                Finding::error(
                    "boot-file",
                    file.whole_line(line),
                    "an include belongs in a boot file",
                )
                .note("the phone leaves this line out; the named file is not fetched")
                .help("write it into MAC.boot or y000000000000.boot"),
            ),
            Found::StaticInLocal(key) => out.push(
                Finding::error(
                    "boot-file",
                    file.whole_line(line),
                    format!("the local file keeps no static. keys: {key} is left out"),
                )
                .help("write it into the common file or the MAC file"),
            ),
            Found::More(count) => out.push(
                Finding::info(
                    "limit",
                    file.whole(),
                    format!("{count} further lines with findings are not listed"),
                )
                .help("mend those above and check again"),
            ),
            Found::NoKey { .. } | Found::Value(_) => {}
        }
    }
    for lines in recoded.groups() {
        out.extend(encoding(lines));
    }
    templates(case, out);
}

fn refused(file: &File, line: u32, why: NotAConfig, code: &'static str) -> Finding {
    let at = if line == 0 { file.whole() } else { file.whole_line(line) };
    let message = why.to_string();
    let (message, help) = match message.split_once("; ") {
        Some((message, help)) => (message.to_owned(), Some(help.to_owned())),
        None => (message, None),
    };
    let help = help.unwrap_or_else(|| match why {
        NotAConfig::WebPage => {
            "look at what the server sends for this file: it may ask for a log-in or not have the file"
                .to_owned()
        }
        NotAConfig::IniDialect
        | NotAConfig::Encrypted
        | NotAConfig::Binary
        | NotAConfig::Utf16
        | NotAConfig::TooLarge => "give the file as text: lines of the form key = value".to_owned(),
    });
    Finding::error(code, at, message)
        .note("nothing of this file is taken; a running phone keeps what it has")
        .help(help)
}

fn torn(file: &File, number: u32) -> Finding {
    let at = file.whole_line(number);
    let finding = Finding::error("torn-line", at, "a line needs the form key = value")
        .note("the phone leaves this line out");
    let line = file.line(number).unwrap_or_default();
    match mended(line.trim()) {
        Some(mended) => {
            let edit = Edit {
                file: file.name.clone(),
                line: number,
                change: LineChange::Becomes(vec![mended]),
            };
            finding.fix(Some(Fix::new("put = behind the key", Safety::Suggested, vec![edit])))
        }
        None => finding.help("join it with the line it was torn from, or begin a comment with #"),
    }
}

/// The assignment that `account.1.enable 1` or `account.1.enable: 1` was meant to be.
fn mended(text: &str) -> Option<String> {
    let (key, value) = text.split_once([' ', '\t', ':'])?;
    key.parse::<params::Key>().ok()?;
    Some(format!("{key} = {}", value.trim_start_matches([' ', '\t', ':'])))
}

fn indented(file: &File, number: u32) -> Finding {
    let line = file.line(number).unwrap_or_default();
    let edit = Edit {
        file: file.name.clone(),
        line: number,
        change: LineChange::Becomes(vec![line.trim_start().to_owned()]),
    };
    let at = file.whole_line(number);
    Finding::warning("torn-line", at, "a comment starts with # in the first column")
        .note("the phone leaves this line out, but other phones may read it")
        .fix(Some(Fix::new("move the comment to the first column", Safety::Safe, vec![edit])))
}

fn encoding(lines: &[(&File, u32)]) -> Option<Finding> {
    let (file, first) = *lines.first()?;
    let edits = lines
        .iter()
        .filter_map(|(file, line)| {
            let text = file.line(*line)?.into_owned();
            let change = LineChange::Becomes(vec![text]);
            Some(Edit { file: file.name.clone(), line: *line, change })
        })
        .collect();
    let what = match lines.len() {
        1 => "this line holds".to_owned(),
        count => format!("{count} lines of this file hold"),
    };
    Some(
        Finding::warning(
            "encoding",
            file.whole_line(first),
            format!("{what} bytes that are no UTF-8"),
        )
        .note("the phone reads them as Latin-1, as this line is shown; other phones may not")
        .help("save the file as UTF-8")
        .fix(Some(Fix::new("write the file as UTF-8", Safety::Safe, edits))),
    )
}

/// Says once for each template what cannot be said about it.
fn templates(case: &Case<'_>, out: &mut Vec<Finding>) {
    for template in case.read.templates.iter() {
        let count = match template.lines {
            1 => "1 line is".to_owned(),
            count => format!("{count} lines are"),
        };
        out.push(
            Finding::info(
                "template",
                template.first.clone().saying("filled in by the provisioning system"),
                format!("this file is a template with {}", template.dialect),
            )
            .note(format!(
                "{count} filled in for each phone: their keys are checked here, their values are not, \
                 and nothing is said of what follows from them"
            ))
            .help("check a file as the phone gets it, too"),
        );
    }
}
