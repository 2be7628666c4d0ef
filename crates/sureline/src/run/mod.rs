//! `sureline run`: a phone on real sockets.

pub(crate) mod log;
