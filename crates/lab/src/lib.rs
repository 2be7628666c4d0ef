//! The servers that a phone needs to have something to register at: primary, secondary and fallback,
//! with a zone that names them and faults on command.
//!
//! A [`Registrar`] is one server as a [`net::Node`]: registrar with digest, and transaction-stateful,
//! record-routing, forking proxy. It keeps what it received in a log ([`RequestRow`]), so that what a
//! phone did can be judged from the other side. A [`Database`] of contacts belongs to one server, or to
//! several as in a cluster. [`Lab`] is the standard set-up as plain data and nodes.
//!
//! Nothing here knows a socket: an executor (`host` or `sim`) runs the nodes. It also carries out
//! the faults that concern sockets, as [`Fault::bearer`] says.

mod authentication;
mod config;
mod fault;
mod location;
mod registrar;
mod reply;
mod requests;
mod setup;
mod streams;

pub use authentication::{Authentication, DigestPolicy, DigestScope, User};
pub use config::{Config, ExpiresLimits, RecordRoute};
pub use fault::{ActiveFault, Bearer, Fault, FaultProblem, TlsFault};
pub use location::Database;
pub use registrar::{BindingRow, Command, Event, Registrar};
pub use requests::RequestRow;
pub use setup::{
    Lab, LabOptions, LabServer, Place, Places, Role, Sharing, TlsChoice, phone_file, zone_text,
};
