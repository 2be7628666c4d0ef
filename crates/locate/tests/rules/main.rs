//! Behaviour §3, row by row: what is asked, what is found, in which order.

mod ahead;
mod appendix;
mod families;
mod limits;
mod naptr;
mod order;
mod sharing;
mod sources;
mod trail;
mod world;
