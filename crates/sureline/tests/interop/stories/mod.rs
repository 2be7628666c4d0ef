//! What happens in cells.

mod expect;
mod failover;

use crate::cell::Cell;

/// The story of a name.
pub(crate) fn of(name: &str) -> Option<fn(Cell<'_>)> {
    match name {
        "failover" => Some(failover::play),
        _ => None,
    }
}
