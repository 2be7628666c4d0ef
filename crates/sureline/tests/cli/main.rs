//! The command as people and scripts use it: processes, files and sockets of loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so"
)]

mod bench;
mod calls;
mod demo;
mod lab;
mod page;
mod run;
mod usage;
