//! The executor on its own: what the network does to what nodes send, and its faults.

#[cfg(test)]
mod datagrams;
#[cfg(test)]
mod probe;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod time;
