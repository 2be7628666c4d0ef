//! Fetchers against servers that do what a test wants, over sockets of loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod ftp;
mod http;
mod service;
mod support;
mod tftp;
mod tls;
