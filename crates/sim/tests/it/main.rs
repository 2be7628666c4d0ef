//! The executor on its own: what the network does to what nodes send, and its faults. Then the phone
//! at the servers of the lab.

#[cfg(test)]
mod datagrams;
#[cfg(test)]
mod keeps;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod time;
