//! The executor on real sockets of the loopback interface, with nodes made for the purpose.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test that is surprised has to fail"
)]

mod capture;
mod datagrams;
mod faults;
mod loops;
mod networks;
mod streams;
mod support;
mod tls;
