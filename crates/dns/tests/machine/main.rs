//! The resolver machine against handmade name servers, the messages byte by byte, and the zone.

#![cfg(test)]

mod aliases;
mod bench;
mod cache;
mod hostile;
mod servers;
mod stream;
mod wire;
mod zone;
