//! What happens in cells.

mod custom;
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
        "nameless" => Some(failover::without_dns),
        "failback" => Some(failback::play),
        "successive" => Some(fallback::successive),
        "concurrent" => Some(fallback::concurrent),
        "proxy" => Some(proxy::play),
        "nonce" => Some(custom::old_nonce),
        "digest" => Some(custom::sha256),
        "lease" => Some(custom::long_lease),
        "password" => Some(refusal::wrong_password),
        "certificate" => Some(refusal::wrong_certificate),
        _ => None,
    }
}
