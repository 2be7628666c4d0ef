//! Locating SIP servers: RFC 3263 with the guide's static DNS cache.
//!
//! [`locate`] is the whole of it: a pure function from a target, a policy and the records known so
//! far to next hops, or to the questions that are missing. [`Locator`] owns the resolver, keeps what
//! has to be kept between passes, and runs that function from the top after each answer.

mod hops;
mod locator;
mod look;
mod policy;
mod records;
mod search;
mod select;
mod target;
mod trail;
mod walk;

pub use dns::ResolverConfig;
pub use hops::{Hops, NextHop, Source};
pub use locator::{Ahead, Located, LocationId, Locator, Progress};
pub use policy::{
    AddressMode, CacheType, LocatePolicy, NaptrBuild, SrvWeight, StaticA, StaticNaptr,
    StaticRecords, StaticSrv,
};
pub use records::{FailedFamily, Records};
pub use search::{Missing, Nothing, Search, Why, locate};
pub use target::{Target, TransportType};
pub use trail::{Consulted, Decision, Finding, SkippedNaptr, Step, Trail};
