//! How things look in a terminal: colours, columns, and the status of a phone.

mod grid;
mod paint;
mod status;

pub(crate) use grid::{Cell, Grid, harmless};
pub(crate) use paint::{Ink, Paint};
pub(crate) use status::status_page;

/// Columns of the terminal; 100 where there is none.
pub(crate) fn width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| usize::from(width.0)).max(40)
}
