//! What the phone does when, row by row (behaviour.md §1 to §7), in virtual time.

mod failover;
mod fallback;
mod requests;
mod support;
