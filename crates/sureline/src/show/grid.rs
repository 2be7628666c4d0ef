//! Columns that fit the terminal: the least important go first.

use unicode_width::UnicodeWidthStr as _;

use super::{Ink, Paint};

/// One text of a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    ink: Ink,
}

impl Cell {
    /// A plain cell; characters that would steer the terminal are shown as `?`.
    pub(crate) fn new(text: impl AsRef<str>) -> Self {
        Self::inked(Ink::Plain, text)
    }

    pub(crate) fn inked(ink: Ink, text: impl AsRef<str>) -> Self {
        Self { text: harmless(text.as_ref()), ink }
    }
}

/// What came from outside may hold anything; a terminal obeys control characters.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Rows of cells under one another.
#[derive(Debug, Default)]
pub(crate) struct Grid {
    rows: Vec<Vec<Cell>>,
    indent: String,
    dropped_first: Vec<usize>,
}

/// Blanks between columns.
const GAP: usize = 2;

impl Grid {
    /// Rows that begin with `indent`.
    pub(crate) fn indented(indent: impl Into<String>) -> Self {
        Self { indent: indent.into(), ..Self::default() }
    }

    /// Which columns are left out, the first of them first, where the terminal is too narrow.
    pub(crate) fn dropping(mut self, columns: &[usize]) -> Self {
        self.dropped_first = columns.to_vec();
        self
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The lines, each with its end.
    pub(crate) fn render(&self, paint: Paint, width: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut kept: Vec<usize> = (0..columns).collect();
        let mut droppable = self.dropped_first.iter();
        while self.needed(&kept) > width {
            let Some(column) = droppable.next() else { break };
            kept.retain(|it| it != column);
        }
        self.rows.iter().map(|row| self.line(row, &kept, (paint, width))).collect()
    }

    fn line(&self, row: &[Cell], kept: &[usize], (paint, width): (Paint, usize)) -> String {
        let mut line = self.indent.clone();
        let mut used = self.indent.width();
        let mut blanks = 0;
        for &column in kept {
            let cell = row.get(column);
            let text = cell.map_or("", |cell| cell.text.as_str());
            if !text.is_empty() {
                line.push_str(&" ".repeat(blanks));
                used += blanks;
                let text = shortened(text, width.saturating_sub(used));
                used += text.width();
                line.push_str(&paint.ink(cell.map_or(Ink::Plain, |cell| cell.ink), &text));
                blanks = 0;
            }
            blanks +=
                (self.column_width(column) - text.width().min(self.column_width(column))) + GAP;
        }
        line.push('\n');
        line
    }

    fn needed(&self, kept: &[usize]) -> usize {
        let columns: usize = kept.iter().map(|column| self.column_width(*column) + GAP).sum();
        self.indent.width() + columns.saturating_sub(GAP)
    }

    fn column_width(&self, column: usize) -> usize {
        self.rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|it| it.text.width())
            .max()
            .unwrap_or(0)
    }
}

/// `text`, cut with an ellipsis where it is wider than `width`.
fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        if short.width() + 2 > width {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::indented("  ").dropping(&[1]);
        grid.row(["a", "second", "third"].map(Cell::new));
        grid.row(["longer", "", "x"].map(Cell::new));
        grid
    }

    #[test]
    fn columns_stand_under_one_another() {
        assert_eq!(
            grid().render(Paint::plain(), 80),
            "  a       second  third\n  longer          x\n"
        );
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_important_column_first() {
        assert_eq!(grid().render(Paint::plain(), 20), "  a       third\n  longer  x\n");
        assert_eq!(grid().render(Paint::plain(), 13), "  a       th…\n  longer  x\n");
    }

    #[test]
    fn a_text_from_outside_cannot_steer_the_terminal() {
        let mut grid = Grid::default();
        grid.row([Cell::new("\x1b[2Jgone\r\n")]);
        assert_eq!(grid.render(Paint::plain(), 80), "?[2Jgone??\n");
    }
}
