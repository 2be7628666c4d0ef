use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::trace::{Fate, Row, What};

/// The width of a column, its life line included.
const COLUMN: usize = 34;

/// Draws rows as a ladder; machines without a name are shown by their address.
pub(crate) fn draw<'a, 'n>(
    rows: impl Iterator<Item = &'a Row> + Clone,
    name_of: impl Fn(SocketAddr) -> Option<&'n str>,
) -> String {
    let name = |addr: SocketAddr| name_of(addr).map_or_else(|| addr.to_string(), str::to_owned);
    let mut columns: Vec<String> = Vec::new();
    for addr in rows.clone().flat_map(|row| [row.from, row.to]) {
        let name = name(addr);
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    let mut text = format!("{:>14}  ", "seconds");
    for column in &columns {
        let _ = write!(text, "{column:<COLUMN$}");
    }
    trim(&mut text);
    for row in rows {
        let place = |addr| columns.iter().position(|column| *column == name(addr)).unwrap_or(0);
        let _ = write!(text, "{:>14}  ", row.at.to_string());
        text.push_str(&rung(row, place(row.from), place(row.to), columns.len()));
        trim(&mut text);
    }
    text
}

/// One row: an arrow between two of the life lines.
fn rung(row: &Row, from: usize, to: usize, columns: usize) -> String {
    let mut line: Vec<char> = vec![' '; columns * COLUMN];
    for column in 0..columns {
        put(&mut line, column * COLUMN, "|");
    }
    let (left, right) = (from.min(to) * COLUMN, from.max(to) * COLUMN);
    if left == right {
        put(&mut line, left + 2, &format!("({})", label(row)));
        return line.into_iter().collect();
    }
    let inside = right - left - 1;
    put(&mut line, left + 1, &"-".repeat(inside));
    let arrived = !matches!(row.fate, Fate::Lost(_));
    match (to > from, arrived) {
        (true, true) => put(&mut line, right - 1, ">"),
        (true, false) => put(&mut line, right - 1, "x"),
        (false, true) => put(&mut line, left + 1, "<"),
        (false, false) => put(&mut line, left + 1, "x"),
    }
    let label: String = label(row).chars().take(inside.saturating_sub(4)).collect();
    put(&mut line, left + 1 + (inside - label.chars().count()) / 2, &label);
    line.into_iter().collect()
}

fn label(row: &Row) -> String {
    match row.what {
        What::Datagram | What::Write => row.first_line(),
        What::Connect => format!("connect {}", row.transport),
        What::Closed(cause) => format!("closed: {cause}"),
        What::Report(cause) => format!("icmp: {cause}"),
    }
}

fn put(line: &mut [char], at: usize, text: &str) {
    for (cell, letter) in line.iter_mut().skip(at).zip(text.chars()) {
        *cell = letter;
    }
}

fn trim(text: &mut String) {
    text.truncate(text.trim_end().len());
    text.push('\n');
}
