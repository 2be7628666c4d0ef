//! The executor in virtual time: any set of [`net::Node`]s, a network between them, and its faults.
//!
//! A [`World`] is given nodes with [`World::add`], each with the addresses it listens at
//! ([`Addresses`]). It feeds them inputs and carries out their outputs as `host` does on real
//! sockets, but time jumps from one event to the next, so that a day takes about a second. All that
//! happens by chance (latency, loss, ports, the cutting of streams) is drawn from one seed: the same
//! seed gives the same trace.
//!
//! - [`World::run_until`], [`World::run_until_quiet`] and [`World::run_while`] let time pass; each is
//!   bounded by [`Network::event_limit`] and panics beyond it.
//! - [`World::fault`] takes a [`Fault`]: a [`Trouble`] at some place of the network, for a time.
//! - [`World::trace`] holds what was sent, and [`World::ladder`] draws it.
//!
//! Nothing here knows SIP: a trace shows the first line of what was sent.

mod addresses;
mod connect;
mod datagram;
mod erased;
mod fault;
mod icmp;
mod ladder;
mod link;
mod network;
mod queue;
mod stream;
mod trace;
mod turn;
mod world;

pub use addresses::{Addresses, Certificate};
pub use erased::Handle;
pub use fault::{Fault, FaultId, Place, Trouble};
pub use network::{Chunking, Network};
pub use trace::{Fate, Loss, Row, Trace, What};
pub use world::World;
