//! What the address, port and transport of a server or proxy come to.

use params::{DnsCacheType, FailbackMode, TransportType};

use super::Out;
use crate::check::case::Case;
use crate::check::finding::{Finding, Fix, Mark, Safety};
use crate::check::places::{Known, Line, Place, Role, Together};

pub(crate) fn check(case: &Case<'_>, line: &Line, out: &mut Out<'_>) {
    for place in line.used() {
        out.extend(port_and_transport(case, line, place));
        out.extend(tls_name(case, line, place));
        out.extend(no_next_hop(case, line, place));
        out.extend(ttl(case, line, place));
    }
    out.extend(transports_differ(case, line));
}

/// The place of one of a server's keys: where it is written, else where its address is.
pub(crate) fn at(case: &Case<'_>, line: &Line, place: &Place, rest: &str) -> Mark {
    written(case, line, place, rest)
        .or_else(|| written(case, line, place, "address"))
        .unwrap_or_else(|| case.account_at(line.number))
}

/// Where one of a server's keys is written, for a proxy's -1 that of its server.
pub(crate) fn written(case: &Case<'_>, line: &Line, place: &Place, rest: &str) -> Option<Mark> {
    if !inherits(case, line, place, rest) {
        return case.written(&place.pattern(rest), [line.number, place.y]);
    }
    let server = format!("{}.{rest}", Role::Server.pattern());
    // A18: the transport of a proxy is that of server 1.
    let y = if rest == "transport_type" { 1 } else { place.y };
    case.written(&server, [line.number, y])
}

/// The same, saying what is written there or that it is the default.
pub(crate) fn at_saying(
    case: &Case<'_>,
    line: &Line,
    place: &Place,
    (rest, written_says, default_says): (&str, &str, &str),
) -> Mark {
    match written(case, line, place, rest) {
        Some(mark) => mark.saying(written_says),
        None => at(case, line, place, "address").saying(default_says),
    }
}

/// The key that decides for a place, as people write it: for a proxy's -1 that of its server.
pub(crate) fn key(case: &Case<'_>, line: &Line, place: &Place, rest: &str) -> String {
    let pattern = match inherits(case, line, place, rest) {
        true => format!("{}.{rest}", Role::Server.pattern()),
        false => place.pattern(rest),
    };
    pattern.replace(".X.", &format!(".{}.", line.number)).replace(".Y.", &format!(".{}.", place.y))
}

fn inherits(case: &Case<'_>, line: &Line, place: &Place, rest: &str) -> bool {
    place.role == Role::Proxy
        && !matches!(rest, "address" | "port")
        && matches!(case.value(&place.pattern(rest), [line.number, place.y]), "" | "-1")
}

fn port_and_transport(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let found = match (place.transport, place.is_name(), place.port) {
        (TransportType::DnsNaptr, false, _) => naptr_on_ip(case, line, place),
        (TransportType::DnsNaptr, true, 0) => return None,
        (TransportType::DnsNaptr, true, _) => port_hides_srv(case, line, place),
        (_, true, 0) => port_zero_fixed(case, line, place),
        (TransportType::Udp | TransportType::Tcp | TransportType::Tls, _, _) => return None,
    };
    Some(found.of_account(line.number))
}

fn naptr_on_ip(case: &Case<'_>, line: &Line, place: &Place) -> Finding {
    let port = if place.port == 0 { 5060 } else { place.port };
    Finding::warning(
        "naptr-on-ip",
        at(case, line, place, "transport_type").saying("DNS-NAPTR"),
        format!("{} is an address: DNS is not asked, and no failover is possible", place.address),
    )
    .note(format!(
        "{} is reached by UDP at port {port}, and there is nothing to fail over to",
        place.title()
    ))
    .help("write a domain name in place of the address, or a transport of 0, 1 or 2")
}

fn port_hides_srv(case: &Case<'_>, line: &Line, place: &Place) -> Finding {
    let port = written(case, line, place, "port");
    let at = match &port {
        Some(mark) => mark.clone().saying("a port other than 0"),
        None => at(case, line, place, "transport_type").saying("asks for NAPTR and SRV"),
    };
    let default = if port.is_none() { " by default" } else { "" };
    let message = format!(
        "the port is {}{default}: NAPTR and SRV of {} are not asked for",
        place.port, place.address
    );
    let is_meant = has_static_address(case, place);
    let finding = match is_meant {
        // Guide, Appendix B, Example 1: static A records of the name are all that is wanted.
        true => Finding::warning("port-hides-srv", at, message),
        false => Finding::error("port-hides-srv", at, message),
    };
    let finding = finding.note(format!(
        "{} is looked up by {} records alone and reached by UDP; transport 3 does nothing more",
        place.title(),
        address_records(place),
    ));
    let address = written(case, line, place, "address");
    let fix = address
        .and_then(|mark| case.set((&place.pattern("port"), [line.number, place.y]), "0", &mark));
    let fix = fix.map(|edit| Fix::new("set the port to 0", Safety::Suggested, vec![edit]));
    match is_meant {
        true => finding.help("if static A records are all that is wanted, transport 0 says so"),
        false => finding.fix(fix),
    }
}

fn has_static_address(case: &Case<'_>, place: &Place) -> bool {
    let records = &case.settings().common.static_records;
    records.a.iter().any(|record| same_name(&record.name, &place.address))
}

/// Whether two names are one: neither case nor a dot at the end counts.
pub(crate) fn same_name(a: &str, b: &str) -> bool {
    let bare = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    bare(a) == bare(b)
}

fn address_records(place: &Place) -> &'static str {
    match place.lookup.policy.address_mode {
        locate::AddressMode::V4 => "A",
        locate::AddressMode::V6 => "AAAA",
        locate::AddressMode::Both => "A and AAAA",
    }
}

fn port_zero_fixed(case: &Case<'_>, line: &Line, place: &Place) -> Finding {
    let (service, port) = match place.transport {
        TransportType::Tcp => ("_sip._tcp", 5060),
        TransportType::Tls => ("_sips._tcp", 5061),
        TransportType::Udp | TransportType::DnsNaptr => ("_sip._udp", 5060),
    };
    Finding::info(
        "port-zero-fixed",
        at(case, line, place, "port").saying("taken from SRV"),
        format!(
            "port 0 with {}: the SRV records {service}.{} are asked for, then its address with port {port}",
            place.transport_name(),
            place.address
        ),
    )
    .note("NAPTR is not asked for: that takes transport_type 3")
}

fn tls_name(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let by_naptr = matches!(&place.known, Known::Exactly(hops) | Known::WithoutDns(hops)
        if hops.iter().any(|hop| hop.transport == net::Transport::Tls));
    let is_tls = place.transport == TransportType::Tls || by_naptr;
    if !is_tls || !case.settings().common.tls.cn_validation {
        return None;
    }
    let note = match place.is_name() {
        true => "that is the domain name as configured, not the name that SRV leads to",
        false => "a certificate names an address among its alternative names, as an IP address",
    };
    Some(
        Finding::info(
            "tls-name",
            at(case, line, place, "address").saying("has to stand in the certificate"),
            format!("the certificate of {} has to name {}", place.title(), place.address),
        )
        .note(note)
        .note("a certificate without it is refused, and the phone goes to the next server")
        .of_account(line.number),
    )
}

/// DNS was asked and has nothing.
fn no_next_hop(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let Known::Nothing(why) = &place.known else { return None };
    Some(
        Finding::warning(
            "unresolved",
            at(case, line, place, "address").saying("no next hop"),
            format!("{} of account {} cannot be located: {why}", place.title(), line.number),
        )
        .note("this is what DNS says here and today; the phone asks again for ever")
        .of_account(line.number),
    )
}

fn ttl(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let policy = line.policy();
    let is_bypassed = policy.dns_cache_type == DnsCacheType::Bypass;
    if place.failback_mode != FailbackMode::DnsTtl || !is_bypassed || !place.is_name() {
        return None;
    }
    let cache = case.written("account.X.dns_cache_type", [line.number, 0]);
    Some(
        Finding::warning(
            "ttl",
            at(case, line, place, "failback_mode").saying("waits for a TTL"),
            "failback_mode 1 waits for the TTL of DNS, and dns_cache_type 0 keeps no answer for it",
        )
        .see(cache.map(|mark| mark.saying("keeps no answer")))
        .note("each pass asks DNS anew, so that the primary may change at any time; the TTL counts for the way back alone")
        .help("set dns_cache_type to 1, or choose failback_mode 2 or 3")
        .of_account(line.number),
    )
}

fn transports_differ(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let (first, second) = (line.server(1)?, line.server(2)?);
    let is_default = written(case, line, second, "transport_type").is_none();
    let both_used = matches!(line.together, Together::Concurrent | Together::Successive);
    if !is_default || !both_used || second.transport != TransportType::Udp {
        return None;
    }
    let message =
        format!("server 2 is talked to by UDP, while server 1 is by {}", first.transport_name());
    let at = at(case, line, second, "address").saying("UDP by default");
    let finding = match first.transport {
        TransportType::Udp | TransportType::DnsNaptr => return None,
        TransportType::Tls => Finding::error("transports-differ", at, message).note(
            "each server has its own transport_type: what goes to server 2 would not be encrypted",
        ),
        TransportType::Tcp => Finding::warning("transports-differ", at, message)
            .note("each server has its own transport_type"),
    };
    let address = written(case, line, second, "address");
    let key = second.pattern("transport_type");
    let edit = address
        .and_then(|mark| case.set((&key, [line.number, second.y]), first.transport.value(), &mark));
    let other = written(case, line, first, "transport_type");
    let title = format!("talk to server 2 by {}, too", first.transport_name());
    let fix = edit.map(|edit| Fix::new(title, Safety::Suggested, vec![edit]));
    let other = other.map(|mark| mark.saying(format!("{} for server 1", first.transport_name())));
    Some(finding.see(other).fix(fix).of_account(line.number))
}
