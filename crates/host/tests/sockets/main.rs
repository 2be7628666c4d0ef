//! The executor on real sockets of the loopback interface, with nodes made for the purpose.

mod datagrams;
mod faults;
mod streams;
mod support;
mod tls;
