//! Locating SIP servers: RFC 3263 with the guide's static DNS cache.

mod hops;
mod locator;
mod policy;
mod target;
mod trail;

pub use hops::{Hops, NextHop, Source};
pub use locator::{Ahead, Located, LocationId, Locator, Nothing, Progress, ResolverConfig, Why};
pub use policy::{
    AddressMode, CacheType, LocatePolicy, NaptrBuild, SrvWeight, StaticA, StaticNaptr,
    StaticRecords, StaticSrv,
};
pub use target::{Target, TransportType};
pub use trail::Trail;
