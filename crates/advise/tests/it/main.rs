//! Rules on their own files, on the guide's examples and on files as provisioning systems write them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod bench;
mod claims;
mod fixes;
mod guide;
mod machines;
mod realistic;
mod rules;
mod situations;
mod styles;
mod support;
mod work;
