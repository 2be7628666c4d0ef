//! Changing single keys of a file and leaving the rest of it as it is.

use std::str;

use crate::export::by_segment;
use crate::file::{NotAConfig, lines};
use crate::key::Key;
use crate::origin::Layer;
use crate::value::{BLANKS, Fault};

/// What becomes of a key in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change<'a> {
    /// It has this value; a blank one takes it back to the default, whatever other files say.
    Set(&'a str),
    /// The file says nothing of it.
    Remove,
}

/// Why a change is not made; none of a set is made where one is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditFault {
    /// The file is none that could be changed.
    #[error("{0}")]
    NotAConfig(NotAConfig),
    /// The value is not permitted.
    #[error("{key}: {fault}")]
    Value {
        /// The key.
        key: Key,
        /// What is permitted.
        fault: Fault,
    },
    /// The local file keeps no `static.` keys.
    #[error("{0}: the local file keeps no static. keys")]
    StaticInLocal(Key),
    /// Each line of such a key counts, so that none is the one to change.
    #[error("{0} stands on several lines; it cannot be changed in a file")]
    Repeated(Key),
}

/// The file with the changes made: comments, order, line ends and all other lines stay. A key that
/// stands on several lines keeps its last one; a key that is not there is added at the end.
///
/// # Errors
/// Every change that cannot be made.
pub fn edit(
    file: &[u8],
    layer: Layer,
    changes: &[(Key, Change<'_>)],
) -> Result<Vec<u8>, Vec<EditFault>> {
    if let Err((why, _)) = lines(file) {
        return Err(vec![EditFault::NotAConfig(why)]);
    }
    let checked: Vec<_> = changes.iter().map(|change| permitted(*change, layer)).collect();
    let faults: Vec<_> =
        checked.iter().filter_map(|change| change.as_ref().err().cloned()).collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut edited: Vec<(Option<Key>, Vec<u8>)> = file
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| (key_of(line), line.to_vec()))
        .collect();
    let mut added = Vec::new();
    for (key, value) in checked.into_iter().flatten() {
        let last = edited.iter().rposition(|(of, _)| *of == Some(key));
        let keeps = last.filter(|_| value.is_some());
        let mut place = 0;
        edited.retain(|(of, _)| {
            place += 1;
            *of != Some(key) || keeps == Some(place - 1)
        });
        let line = edited.iter_mut().find(|(of, _)| *of == Some(key));
        match (line, value) {
            (Some((_, line)), Some(value)) => *line = with_value(line, &value),
            (None, Some(value)) => {
                added.retain(|(other, _)| *other != key);
                added.push((key, value));
            }
            (Some(_) | None, None) => added.retain(|(other, _)| *other != key),
        }
    }
    let mut bytes: Vec<u8> = edited.into_iter().flat_map(|(_, line)| line).collect();
    append(&mut bytes, added, line_end(file));
    Ok(bytes)
}

type Checked = (Key, Option<String>);

fn permitted((key, change): (Key, Change<'_>), layer: Layer) -> Result<Checked, EditFault> {
    if key.row().repeated {
        return Err(EditFault::Repeated(key));
    }
    if layer == Layer::Local && key.row().pattern.starts_with("static.") {
        return Err(EditFault::StaticInLocal(key));
    }
    match change {
        Change::Remove => Ok((key, None)),
        Change::Set(value) if value.trim_matches(BLANKS).is_empty() => {
            Ok((key, Some(String::new())))
        }
        Change::Set(value) => match key.check(value) {
            Ok(permitted) => Ok((key, Some(permitted.value.into_owned()))),
            Err(fault) => Err(EditFault::Value { key, fault }),
        },
    }
}

/// The key that a raw line assigns, if it does.
fn key_of(line: &[u8]) -> Option<Key> {
    let equals = line.iter().position(|byte| *byte == b'=')?;
    let before = str::from_utf8(line.get(..equals)?).ok()?;
    let before = before.strip_prefix('\u{feff}').unwrap_or(before);
    before.trim_matches(BLANKS).parse().ok()
}

/// The line with another value: what stands before it and its end stay.
fn with_value(line: &[u8], value: &str) -> Vec<u8> {
    let equals = line.iter().position(|byte| *byte == b'=').unwrap_or_default();
    let (before, after) = line.split_at_checked(equals + 1).unwrap_or((line, &[]));
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let end: &[u8] = match line {
        [.., b'\r', b'\n'] => b"\r\n",
        [.., b'\n'] => b"\n",
        _ => b"",
    };
    let mut edited = before.to_vec();
    edited.extend(blanks);
    edited.extend(value.as_bytes());
    while edited.last().is_some_and(|byte| value.is_empty() && matches!(byte, b' ' | b'\t')) {
        edited.pop();
    }
    edited.extend(end);
    edited
}

fn append(bytes: &mut Vec<u8>, mut added: Vec<(Key, String)>, end: &[u8]) {
    added.sort_by(|(a, _), (b, _)| by_segment(&a.to_string(), &b.to_string()));
    if !added.is_empty() && bytes.last().is_some_and(|byte| *byte != b'\n') {
        bytes.extend(end);
    }
    for (key, value) in added {
        bytes.extend(format!("{key} = {value}").trim_end().as_bytes());
        bytes.extend(end);
    }
}

fn line_end(file: &[u8]) -> &'static [u8] {
    let first = file.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    if first.ends_with(b"\r\n") { b"\r\n" } else { b"\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    fn edited(file: &str, changes: &[(&str, Change<'_>)]) -> String {
        let changes: Vec<_> = changes.iter().map(|(name, change)| (key(name), *change)).collect();
        String::from_utf8(edit(file.as_bytes(), Layer::Local, &changes).unwrap()).unwrap()
    }

    #[test]
    fn only_the_value_of_the_line_changes() {
        let file =
            "# mine\r\n  account.1.label  =  4605  \r\n\r\nunknown line\r\naccount.2.label=B";
        assert_eq!(
            edited(
                file,
                &[
                    ("account.1.label", Change::Set("Desk")),
                    ("account.2.label", Change::Set(" C "))
                ]
            ),
            "# mine\r\n  account.1.label  =  Desk\r\n\r\nunknown line\r\naccount.2.label=C"
        );
    }

    #[test]
    fn new_keys_are_added_at_the_end_in_order() {
        let changes =
            [("account.10.enable", Change::Set("1")), ("account.2.enable", Change::Set("1"))];
        assert_eq!(
            edited("a = b", &changes),
            "a = b\naccount.2.enable = 1\naccount.10.enable = 1\n"
        );
        assert_eq!(edited("", &changes[1..]), "account.2.enable = 1\n");
        assert_eq!(edited("#\r\n", &changes[1..]), "#\r\naccount.2.enable = 1\r\n");
    }

    #[test]
    fn a_key_on_several_lines_keeps_its_last_and_a_removed_one_none() {
        let file = "account.1.label = a\naccount.2.label = x\naccount.1.label = b\n";
        assert_eq!(
            edited(file, &[("account.1.label", Change::Set("c"))]),
            "account.2.label = x\naccount.1.label = c\n"
        );
        assert_eq!(edited(file, &[("account.1.label", Change::Remove)]), "account.2.label = x\n");
        assert_eq!(
            edited(file, &[("account.2.label", Change::Set(""))]),
            "account.1.label = a\naccount.2.label =\naccount.1.label = b\n"
        );
    }

    #[test]
    fn the_last_of_two_changes_of_one_key_holds() {
        let twice = [("account.1.label", Change::Set("a")), ("account.1.label", Change::Set("b"))];
        assert_eq!(edited("", &twice), "account.1.label = b\n");
        let undone = [("account.1.label", Change::Set("a")), ("account.1.label", Change::Remove)];
        assert_eq!(edited("", &undone), "");
    }

    #[test]
    fn a_refused_change_changes_nothing_and_each_is_named() {
        let changes = [
            (key("account.1.enable"), Change::Set("1")),
            (key("account.1.display_name"), Change::Set("a\r\nVia: b")),
            (key("account.1.sip_server.1.port"), Change::Set("65536")),
            (key("static.network.ip_address_mode"), Change::Set("2")),
            (key("static.security.user_password"), Change::Set("admin:x")),
        ];
        let faults = edit(b"", Layer::Local, &changes).unwrap_err();
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                "account.1.display_name: the control character U+000D is not permitted",
                "account.1.sip_server.1.port: permitted are 0 to 65535",
                "static.network.ip_address_mode: the local file keeps no static. keys",
                "static.security.user_password stands on several lines; it cannot be changed in \
                 a file",
            ]
        );
        assert_eq!(
            edit(b"\0", Layer::Mac, &[]),
            Err(vec![EditFault::NotAConfig(NotAConfig::Binary)])
        );
    }

    #[test]
    fn bytes_that_are_no_utf_8_outlive_an_edit() {
        let changes = [(key("account.2.label"), Change::Set("x"))];
        let edited = edit(b"account.1.label = B\xfcro\n", Layer::Local, &changes).unwrap();
        assert_eq!(edited, b"account.1.label = B\xfcro\naccount.2.label = x\n");
    }
}
