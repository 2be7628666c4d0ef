//! Phones that get their configuration from a server: nginx, tftpd-hpa, and servers that misbehave;
//! disks that fail and processes that are killed.
//!
//! What is asserted is what the command prints, what the phone registers as, and what servers heard.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test that is surprised has to fail, and one that is skipped says so"
)]

#[path = "../cli/bench.rs"]
#[expect(dead_code, reason = "the tests of the command use all of it")]
mod bench;

mod disk;
mod https;
mod nginx;
mod odd;
mod phone;
mod servers;
mod sync;
mod tftp;
