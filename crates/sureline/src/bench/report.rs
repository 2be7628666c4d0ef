//! The figures as a table or as JSON.

use std::io;

use serde::Serialize;

use super::figure::{Figure, Limit};
use super::machine::Machine;
use crate::cli::BenchArgs;
use crate::out::{Failure, Outcome, say, say_raw};
use crate::show::{Cell, Grid, Ink, Paint, width};

#[derive(Serialize)]
struct Report<'a> {
    version: &'static str,
    machine: &'a Machine,
    figures: &'a [Figure],
}

/// Prints all figures.
pub(crate) fn print(args: &BenchArgs, machine: &Machine, figures: &[Figure]) -> Outcome {
    if args.json {
        let report = Report { version: env!("CARGO_PKG_VERSION"), machine, figures };
        return say(&serde_json::to_string_pretty(&report).map_err(Failure::failed)?);
    }
    let paint = Paint::on(&io::stdout());
    let mut text = String::new();
    let mut grid = Grid::default().dropping(&[7, 3]);
    grid.row(
        ["", "median", "p99", "worst", "", "limit", "", "samples"]
            .map(|head| Cell::inked(Ink::Dim, head)),
    );
    for (number, figure) in (1..).zip(figures) {
        grid.row(row(number, figure));
    }
    text += &grid.render(paint, width());
    text.push('\n');
    for (number, figure) in (1..).zip(figures) {
        let Figure { figure, what, note, .. } = figure;
        let note = if note.is_empty() { String::new() } else { format!(" ({note})") };
        text += &format!("{} {what}{note}\n", name(number, *figure));
    }
    say_raw(&format!("{text}\n{machine}\n"))
}

fn row(number: usize, figure: &Figure) -> Vec<Cell> {
    let [median, p99, worst] = match figure.spread {
        Some(spread) => [spread.median, spread.p99, spread.worst].map(shown),
        None => ["not measured".into(), String::new(), String::new()],
    };
    let limit = match figure.limit {
        Some(Limit::P99Below(value)) => format!("p99 < {}", shown(value)),
        Some(Limit::WorstBelow(value)) => format!("worst < {}", shown(value)),
        Some(Limit::MedianAbove(value)) => format!("median > {}", shown(value)),
        Some(Limit::AtMost(value)) => format!("at most {}", shown(value)),
        None => String::new(),
    };
    let met = match figure.is_met() {
        Some(true) => Cell::inked(Ink::Good, "kept"),
        Some(false) => Cell::inked(Ink::Bad, "missed"),
        None => Cell::default(),
    };
    let cells = [name(number, figure.figure), median, p99, worst, figure.unit.into(), limit];
    let samples = if figure.samples == 0 { String::new() } else { figure.samples.to_string() };
    cells.into_iter().map(Cell::new).chain([met, Cell::new(samples)]).collect()
}

/// The letter of the figure and the number of the row, which the legend repeats.
fn name(number: usize, letter: char) -> String {
    format!("{number:>2} ({letter})")
}

/// Three digits that count, or all before the point.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_count() {
        for (value, text) in
            [(0.0, "0.00"), (0.0042, "0.004"), (-0.2, "-0.20"), (42.16, "42.2"), (12345.6, "12346")]
        {
            assert_eq!(shown(value), text);
        }
    }
}
