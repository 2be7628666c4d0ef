//! Phones at the servers of the lab: what is kept when servers, network or name server fail.

mod faults;
mod guide;
mod random;
mod scene;
mod transcripts;
