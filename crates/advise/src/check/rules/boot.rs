//! Boot files: they name the files of a phone and hold nothing else.

use params::Blank;

use crate::check::files::{File, Files};
use crate::check::finding::{Edit, Finding, Fix, LineChange, Safety, shown};
use crate::check::template;

const CODE: &str = "boot-file";

/// What blank values do: `overwrite_mode` of the last boot file.
pub(crate) fn blank_of(files: &Files) -> Blank {
    let modes = files.iter().filter(|file| file.is_boot()).flat_map(|file| {
        let lines = file.lines().map(|(_, line)| line.into_owned());
        lines.filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == OVERWRITE).then(|| value.trim().to_owned())
        })
    });
    match modes.last().as_deref() {
        Some("0") => Blank::Keeps,
        Some(_) | None => Blank::Resets,
    }
}

pub(crate) fn check(files: &Files, out: &mut Vec<Finding>) {
    for file in files.iter().filter(|file| file.is_boot()) {
        let before = out.len();
        let mut includes = 0;
        for (number, line) in file.lines() {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let is_filled_in = template::has_tag(text);
            match include_of(text) {
                Some(rest) => {
                    includes += 1;
                    out.extend(include(file, number, text, rest));
                }
                None if is_filled_in => {}
                None => out.extend(other(file, number, text)),
            }
        }
        if includes == 0 {
            out.push(
                Finding::error(CODE, file.whole(), "this boot file includes nothing")
                    .note(
                        "a boot file that is found ends the search: the phone fetches no other file",
                    )
                    .help("name the files: include:config <y000000000028.cfg>"),
            );
        }
        if file.line(1).is_none_or(|line| line.trim_end() != VERSION) && out.len() == before {
            out.push(
                Finding::warning(CODE, file.at(1, 0, 0), "the first line is not the version")
                    .help(format!("begin the file with {VERSION}")),
            );
        }
    }
}

/// What stands behind `include:config`, models in brackets before it or not.
fn include_of(text: &str) -> Option<&str> {
    let text = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.1.trim_start(),
        None => text,
    };
    text.strip_prefix("include:config").map(str::trim)
}

fn include(file: &File, number: u32, text: &str, target: &str) -> Option<Finding> {
    let at = file.whole_line(number);
    let bare = target
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'))
        .or_else(|| target.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')));
    match bare {
        None => {
            let name = target.trim_matches(['<', '>', '"', '\'', ' ']);
            let before = text.get(..text.len() - target.len()).unwrap_or_default().trim_end();
            let edit = Edit {
                file: file.name.clone(),
                line: number,
                change: LineChange::Becomes(vec![format!("{before} <{name}>")]),
            };
            let fix = Fix::new("write the file between < and >", Safety::Safe, vec![edit]);
            Some(
                Finding::error(CODE, at, "the file of an include stands between < and > or quotes")
                    .note("the phone does not read this line, so that the file is not fetched")
                    .fix((!name.is_empty()).then_some(fix)),
            )
        }
        Some(name) if !is_config(name) => Some(
            Finding::error(CODE, at, format!("{} is no .cfg file", shown(name)))
                .note("a boot file includes configuration files alone"),
        ),
        Some(_) => None,
    }
}

/// Whether a path or URL names a `.cfg` file; a query does not count.
fn is_config(name: &str) -> bool {
    let path = name.split(['?', '#']).next().unwrap_or(name);
    path.to_ascii_lowercase().ends_with(".cfg")
}

fn other(file: &File, number: u32, text: &str) -> Option<Finding> {
    let at = file.whole_line(number);
    let Some((key, value)) = text.split_once('=') else {
        return Some(
            Finding::error(CODE, at, "neither an include nor a setting of a boot file")
                .help("write include:config <FILE>, or begin a comment with #"),
        );
    };
    let (key, value) = (key.trim(), value.trim());
    if key == OVERWRITE {
        return (!matches!(value, "0" | "1"))
            .then(|| Finding::error(CODE, at, "overwrite_mode is 0 or 1; 1 holds"));
    }
    (!BOOT_KEYS.contains(&key)).then(|| {
        Finding::error(CODE, at, format!("{} is a parameter, and a boot file has none", shown(key)))
            .note("the phone does not read this line")
            .help("write it into a .cfg file that this one includes")
    })
}

const VERSION: &str = "#!version:1.0.0.1";
const OVERWRITE: &str = "overwrite_mode";
/// What later firmware reads in a boot file besides.
const BOOT_KEYS: [&str; 1] = ["specific_model.excluded_mode"];
