//! The table of all keys: the single place where a key is declared.
//!
//! Adding a key means a row here and the field in [`crate::settings`] that it fills.

mod account;
mod call;
mod dns;
mod provisioning;
mod redundancy;
mod sip;
mod system;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::choices::Choice;
use crate::row::{Row, State, WebPage};
use crate::value::Kind;

/// The rows by subject, each with its title.
pub const GROUPS: [(&str, &[Row]); 7] = [
    ("Account", account::ROWS),
    ("Redundancy", redundancy::ROWS),
    ("DNS", dns::ROWS),
    ("SIP", sip::ROWS),
    ("Calls", call::ROWS),
    ("Provisioning", provisioning::ROWS),
    ("System", system::ROWS),
];

/// All rows.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLE.rows.iter().copied()
}

/// The patterns of the keys that claim to act, for a test that looks for the code behind each.
pub fn works_keys() -> impl Iterator<Item = &'static str> {
    rows().filter(|row| row.state == State::Works).map(|row| row.pattern)
}

/// The row with this place in the table; a place comes from [`place`] alone.
#[expect(clippy::expect_used, reason = "keys are made from places of this table")]
pub(crate) fn row_at(place: u16) -> &'static Row {
    TABLE.rows.get(usize::from(place)).expect("a key's place is one of the table")
}

/// The place of the row with this very pattern, and how many placeholders it has.
pub(crate) fn place_of_pattern(pattern: &str) -> Option<(u16, usize)> {
    TABLE.patterns.get(pattern).copied()
}

/// The place of the row whose pattern, with `#` for each number, is `shape`.
pub(crate) fn place(shape: &str) -> Option<u16> {
    TABLE.places.get(shape).copied()
}

/// Every pattern with `#` for each number, and its place.
pub(crate) fn shapes() -> impl Iterator<Item = (&'static str, u16)> {
    TABLE.places.iter().map(|(shape, place)| (shape.as_str(), *place))
}

/// The old names of a row: the places of the rows that stand for it, and the number that a second
/// placeholder must have for them to do so.
pub(crate) fn old_names(place: u16) -> &'static [(u16, u16)] {
    TABLE.old_names.get(&place).map_or(&[], Vec::as_slice)
}

/// A pattern with `#` in place of every placeholder and number.
pub(crate) fn shape(pattern: &str) -> String {
    let segments =
        pattern.split('.').map(|segment| if stands_for_number(segment) { "#" } else { segment });
    segments.collect::<Vec<_>>().join(".")
}

/// Whether a segment is a placeholder or a number.
pub(crate) fn stands_for_number(segment: &str) -> bool {
    matches!(segment, "X" | "Y" | "N")
        || (!segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit()))
}

struct Table {
    rows: Vec<&'static Row>,
    patterns: BTreeMap<&'static str, (u16, usize)>,
    places: BTreeMap<String, u16>,
    old_names: BTreeMap<u16, Vec<(u16, u16)>>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let rows: Vec<&'static Row> = GROUPS.into_iter().flat_map(|(_, rows)| rows).collect();
    let places: BTreeMap<String, u16> =
        (0..).zip(&rows).map(|(place, row)| (shape(row.pattern), place)).collect();
    let placeholders = |row: &Row| row.pattern.split('.').filter(|s| stands_for_number(s)).count();
    let patterns =
        (0..).zip(&rows).map(|(place, row)| (row.pattern, (place, placeholders(row)))).collect();
    let mut old_names: BTreeMap<u16, Vec<(u16, u16)>> = BTreeMap::new();
    for (old, row) in (0..).zip(&rows) {
        for (successor, number) in row.stands_for {
            if let Some(place) = places.get(&shape(successor)) {
                old_names.entry(*place).or_default().push((old, *number));
            }
        }
    }
    Table { rows, patterns, places, old_names }
});

const ACCOUNT_ADVANCED: WebPage = WebPage::AccountAdvanced;
const SIP_PAGE: WebPage = WebPage::SettingsSip;
const PORT: Kind = Kind::Integer { min: 0, max: 65535 };

/// The heading of the guide under which the table without a heading of its own stands.
const REGISTRATION: &str = "Configuring Server Redundancy Using Configuration Files";

// Why a key is accepted without effect.
const CALLS: &str = "it concerns calls, which this phone does not make";
const SUBSCRIPTIONS: &str = "it concerns subscriptions, which this phone does not make";
const PROVISIONING: &str = "the provisioning server is found by its address alone";
const WEB: &str = "the option --web says it";
const WEB_USERS: &str =
    "the web page has two users, admin and user, and an hour without use logs out";
const NO_DEVICE: &str = "this phone has no screen of its own";
const OPERATING_SYSTEM: &str = "the operating system does it";

const URL: Kind = text(512);

const fn of(choices: &'static [Choice]) -> Kind {
    Kind::Choice(choices)
}

const fn text(max: u16) -> Kind {
    Kind::Text { max }
}
