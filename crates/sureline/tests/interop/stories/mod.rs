//! What happens in cells.

mod expect;
mod failback;
mod failover;
mod fallback;
mod proxy;
mod refusal;

use crate::cell::Cell;

/// The story of a name.
pub(crate) fn of(name: &str) -> Option<fn(Cell<'_>)> {
    match name {
        "failover" => Some(failover::play),
        "failback" => Some(failback::play),
        "successive" => Some(fallback::successive),
        "concurrent" => Some(fallback::concurrent),
        "proxy" => Some(proxy::play),
        "password" => Some(refusal::wrong_password),
        "certificate" => Some(refusal::wrong_certificate),
        _ => None,
    }
}
