use net::Cause;

/// Reads one entry of a socket's error queue: its origin (`SO_EE_ORIGIN_…`), ICMP type and code.
/// `None` for what makes no destination unreachable, such as a report that a packet was too big
/// (the system sends it in fragments from then on).
// A32: an ICMP error is an answer, told as soon as it comes.
pub(crate) const fn cause_of(origin: u8, kind: u8, code: u8) -> Option<Cause> {
    match (origin, kind, code) {
        // RFC 792: code 3 is the port; code 4 asks for fragments.
        (ORIGIN_ICMP, 3, 3) => Some(Cause::PortUnreachable),
        (ORIGIN_ICMP, 3, 4) => None,
        (ORIGIN_ICMP, 3, _) => Some(Cause::HostUnreachable),
        // RFC 792: code 0 is a routing loop, code 1 a fragment that was lost.
        (ORIGIN_ICMP, 11, 0) => Some(Cause::HostUnreachable),
        // RFC 4443 §3.1: code 4 is the port.
        (ORIGIN_ICMP6, 1, 4) => Some(Cause::PortUnreachable),
        (ORIGIN_ICMP6, 1, _) => Some(Cause::HostUnreachable),
        // RFC 4443 §3.3: code 0 is a routing loop, code 1 a fragment that was lost.
        (ORIGIN_ICMP6, 3, 0) => Some(Cause::HostUnreachable),
        _ => None,
    }
}

const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read_as_the_rfcs_number_them() {
        for (entry, cause) in [
            ((2, 3, 3), Some(Cause::PortUnreachable)),
            ((2, 3, 0), Some(Cause::HostUnreachable)),
            ((2, 3, 13), Some(Cause::HostUnreachable)),
            ((2, 3, 4), None),
            ((2, 11, 0), Some(Cause::HostUnreachable)),
            ((2, 11, 1), None),
            ((2, 12, 0), None),
            ((3, 1, 4), Some(Cause::PortUnreachable)),
            ((3, 1, 3), Some(Cause::HostUnreachable)),
            ((3, 2, 0), None),
            ((3, 3, 0), Some(Cause::HostUnreachable)),
            ((1, 0, 0), None),
        ] {
            assert_eq!(cause_of(entry.0, entry.1, entry.2), cause, "{entry:?}");
        }
    }
}
