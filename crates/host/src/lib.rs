//! The executor on real sockets: it lends clock, sockets and TLS to any [`net::Node`].
//!
//! A [`Host`] is one thread's loop; each node added to it is owned by it outright and reached through
//! its [`Handle`]. What a node puts out is carried out in order: events go to the owner's sink at
//! once, datagrams leave at the end of the turn, after the sockets were read. A [`Tap`] sees every
//! packet. The executor knows transports only: no message, no policy.

pub mod certs;
pub mod files;
pub mod pcap;

mod alarm;
mod clock;
mod frame;
mod handle;
mod host;
mod icmp;
mod reactor;
mod runner;
mod session;
mod tap;
mod tls;
mod udp;
mod wire;

pub use clock::{Clock, WallTime};
pub use handle::{Bound, Handle, Refused, Switch, Turn};
pub use host::{BindError, Bindings, ConnectionLimit, Host, Plan};
pub use tap::{Channel, Direction, Notice, Packet, Tap};
pub use tls::{
    Credentials, ServerCheck, SystemRoots, TlsError, TlsSettings, certificates_from_file,
    certificates_from_pem, handshake_cause, server_config, server_name,
};
pub use udp::ReceiveBuffer;
pub use wire::connect_cause;
