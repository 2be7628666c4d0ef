//! What the phone does when, row by row (behaviour.md §1 to §7), in virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    unreachable_pub,
    reason = "a test that goes wrong shall panic"
)]

mod bound;
mod calls;
mod failover;
mod fallback;
mod guide;
mod hostile;
mod keys;
mod names;
mod probes;
mod requests;
mod settings;
mod sockets;
mod support;
