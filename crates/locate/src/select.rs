//! The order of a name's addresses where both families are asked for.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};

/// What a destination is sorted by: smaller comes first. Equal keys keep the answer's order
/// (RFC 6724 §6 rule 10).
pub(crate) type Key = (bool, bool, bool, Reverse<u8>, u8, Reverse<u32>);

/// RFC 6724 §6, with the source address from which `destination` is reached; without one it is
/// unusable. Rules 3, 4 and 7 need what the system does not tell.
pub(crate) fn key(destination: IpAddr, source: Option<IpAddr>) -> Key {
    let to = mapped(destination);
    let (precedence, label) = policy(to);
    let Some(from) = source.map(mapped) else {
        // Rule 1: avoid unusable destinations.
        return (true, false, false, Reverse(precedence), scope(to), Reverse(0));
    };
    let is_v6 = destination.is_ipv6();
    (
        false,
        // Rule 2: prefer matching scope.
        scope(to) != scope(from),
        // Rule 5: prefer matching label.
        label != policy(from).1,
        // Rule 6: prefer higher precedence.
        Reverse(precedence),
        // Rule 8: prefer smaller scope.
        scope(to),
        // Rule 9: longest matching prefix.
        // Departs from RFC 6724 §6: IPv4 addresses keep the order of the answer, which the zone's
        // owner chose; their prefixes say nothing of nearness.
        Reverse(if is_v6 { common_prefix(to, from) } else { 0 }),
    )
}

const fn mapped(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

/// Precedence and label of RFC 6724 §2.1.
fn policy(ip: Ipv6Addr) -> (u8, u8) {
    POLICY
        .iter()
        .filter(|(prefix, length, ..)| common_bits(ip, *prefix) >= *length)
        .max_by_key(|(_, length, ..)| *length)
        .map_or((40, 1), |(_, _, precedence, label)| (*precedence, *label))
}

/// Prefix, its length, precedence, label.
const POLICY: [(Ipv6Addr, u32, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
];

/// RFC 6724 §3.1 and §3.2: 2 link-local, 5 site-local, 14 global.
fn scope(ip: Ipv6Addr) -> u8 {
    if let Some(v4) = ip.to_ipv4_mapped() {
        return if v4.is_loopback() || v4.is_link_local() { 2 } else { 14 };
    }
    if ip.is_loopback() || ip.is_unicast_link_local() {
        2
    } else if common_bits(ip, Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0)) >= 10 {
        5
    } else {
        14
    }
}

/// Leading bits in common, of the subnet prefix at the most (RFC 6724 §2.2).
fn common_prefix(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    common_bits(a, b).min(64)
}

const fn common_bits(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(pairs: &[(&str, Option<&str>)]) -> Vec<String> {
        let mut keyed: Vec<(Key, &str)> = pairs
            .iter()
            .map(|(to, from)| {
                (key(to.parse().unwrap(), from.map(|from| from.parse().unwrap())), *to)
            })
            .collect();
        keyed.sort_by_key(|(key, _)| *key);
        keyed.into_iter().map(|(_, to)| to.to_owned()).collect()
    }

    /// The examples of RFC 6724 §10.2 that need no state of interfaces.
    #[test]
    fn the_examples_of_rfc_6724_come_out() {
        let row = |pairs: &[(&str, Option<&str>)], first: &str| assert_eq!(sorted(pairs)[0], first);
        row(
            &[("2001:db8:1::1", Some("2001:db8:1::2")), ("198.51.100.121", Some("169.254.13.78"))],
            "2001:db8:1::1",
        );
        row(
            &[("2001:db8:1::1", Some("fe80::1")), ("198.51.100.121", Some("198.51.100.117"))],
            "198.51.100.121",
        );
        row(
            &[("2001:db8:1::1", Some("2001:db8:1::2")), ("10.1.2.3", Some("10.1.2.4"))],
            "2001:db8:1::1",
        );
        row(&[("2001:db8:1::1", Some("2001:db8:1::2")), ("fe80::1", Some("fe80::2"))], "fe80::1");
        row(
            &[
                ("2002:c633:6401::1", Some("2002:c633:6401::2")),
                ("2001:db8:1::1", Some("2002:c633:6401::2")),
            ],
            "2002:c633:6401::1",
        );
    }

    #[test]
    fn an_address_without_a_route_goes_to_the_end() {
        assert_eq!(
            sorted(&[("2001:db8::1", None), ("192.0.2.1", Some("192.0.2.9"))]),
            ["192.0.2.1", "2001:db8::1"]
        );
    }

    #[test]
    fn equals_keep_the_order_of_the_answer() {
        let from = Some("192.0.2.9");
        assert_eq!(
            sorted(&[("203.0.113.7", from), ("192.0.2.1", from), ("192.0.2.2", from)]),
            ["203.0.113.7", "192.0.2.1", "192.0.2.2"]
        );
    }
}
