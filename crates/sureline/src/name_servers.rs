//! The name servers that the system uses.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use crate::cli::NameServer;

/// How many name servers are taken from the system, as its own resolver does.
const NAME_SERVERS_MAX: usize = 3;

/// Those given, else those of the system; none is a valid answer.
pub(crate) fn name_servers(given: &[NameServer]) -> Vec<SocketAddr> {
    if given.is_empty() {
        return parse(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    }
    given.iter().map(|server| server.0).collect()
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next())?
    });
    // A zone (fe80::1%eth0) names an interface; such a server is left out.
    addresses
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .take(NAME_SERVERS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_servers_of_the_system_are_taken() {
        let text = "# nameserver 192.0.2.9\nsearch example.com\nnameserver 192.0.2.1\n\
                    nameserver\t2001:db8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.2 # x\n\
                    nameserver 192.0.2.3\n";
        let servers: Vec<_> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
        assert!(parse("").is_empty());
    }
}
