//! Behaviour §3, row by row: what is asked, what is found, in which order.

#![cfg(test)]

mod ahead;
mod appendix;
mod families;
mod limits;
mod naptr;
mod noise;
mod order;
mod sharing;
mod sources;
mod trail;
mod world;
