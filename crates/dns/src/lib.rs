//! DNS for a machine without clock and socket: a resolver and, for laboratories, a name server.

mod message;
mod name;
mod reader;
mod record;
mod resolver;
mod writer;

pub use message::{Asked, Flags, Malformed, Message, Rcode};
pub use name::{DomainName, NameError};
pub use record::{Data, Naptr, Question, Record, RecordType, Soa, Srv};
pub use resolver::Mode;
