//! The words that nodes and executors share: time, randomness, transports, inputs and outputs.
//!
//! A [`Node`] is a state machine without clock, socket or thread. An executor (real sockets in
//! `host`, virtual time in `sim`) feeds it [`Input`]s and carries out its [`Output`]s.

mod cause;
mod instant;
mod node;
mod peer;
mod rng;

pub use cause::{Cause, CertificateFault};
pub use instant::Instant;
pub use node::{Input, Node, Output, Reason};
pub use peer::{Conn, Name, Peer, Socket, Transport};
pub use rng::Rng;
