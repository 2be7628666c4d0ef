//! SIP as bytes: parsing, framing, writing, digest and transactions. No sockets, no clock.
//!
//! [`parse_datagram`] and [`Framer`] make [`Message`]s of bytes, [`Writer`] makes bytes of header
//! fields, [`Abilities`] says what a user agent has to decline, [`digest`] answers and checks
//! challenges, [`transaction`] holds the machines of RFC 3261 §17, which keep their messages as
//! bytes. `sipx-sip` is the parser beneath; no other crate names it.

mod address;
pub mod digest;
mod fault;
mod fields;
mod framer;
mod message;
mod method;
mod text;
pub mod transaction;
mod uas;
mod uri;
mod via;
mod wire;
mod writer;

pub use address::{Contact, NameAddr};
pub use fault::{FaultKind, Mended, ParseFault, Refusal};
pub use fields::Fields;
pub use framer::{Frame, Framer};
pub use message::{Message, Request, Response};
pub use method::Method;
pub use text::Params;
pub use uas::{Abilities, Declined};
pub use uri::Uri;
pub use via::{BRANCH_COOKIE, Via};
pub use wire::parse_datagram;
pub use writer::Writer;

/// The largest message that is read, in bytes (behaviour §9).
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The most header fields of a message (behaviour §9).
pub const HEADER_FIELDS_MAX: usize = 256;
/// The most Via hops of a message (behaviour §9).
pub const VIA_MAX: usize = 64;
