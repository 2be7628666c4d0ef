//! The machine in virtual time, against a server that does what a script says.

mod bench;
mod calendar;
mod faults;
mod files;
mod local;
mod seeds;
