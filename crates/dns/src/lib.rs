//! DNS for a machine without clock and socket: a resolver and, for laboratories, a name server.

mod answer;
mod ask;
mod cache;
mod message;
mod name;
mod reader;
mod record;
mod resolver;
mod writer;
mod zone;

pub use answer::{Answer, Failure, Fault, Reply, Verdict, WhyFailed};
pub use message::{Asked, Flags, Malformed, Message, Rcode};
pub use name::{DomainName, NameError};
pub use record::{Data, Naptr, Question, Record, RecordType, Soa, Srv};
pub use resolver::{Answered, Counters, Freshness, Mode, Resolver, ResolverConfig};
pub use zone::{NameServer, NameServerCommand, Query, Zone, ZoneError, ZoneProblem};
