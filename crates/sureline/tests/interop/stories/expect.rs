//! What several stories expect to see.

use net::Transport;

use crate::capture::Content;
use crate::cell::{Cell, Contact, sends_icmp};
use crate::kamailio::Fault;
use crate::knot::DOMAIN;
use crate::matrix::Dns;
use crate::phone::{EXPIRES_S, USER};
use crate::servers::Server;
use crate::wait::{Patience, until, wall_s};
use crate::wire::Request;

/// Behaviour §1: four datagrams, or a connection and its answer, get this long.
pub(crate) const BUDGET_S: f64 = 7.5;

/// What happens at once happens within this, on a machine that runs many cells.
pub(crate) const AT_ONCE_S: f64 = 0.25;

/// How far a timer of the phone may be off, on a machine that runs many cells.
pub(crate) const TOLERANCE_S: f64 = 0.15;

/// Starts the phone; it registers at the primary, with digest.
pub(crate) fn begin(cell: &mut Cell<'_>, lines: &[String]) -> Request {
    let begun = wall_s();
    cell.start_phone(lines);
    let granted = cell.granted(Server::Primary, begun);
    assert_challenged(cell, &granted);
    assert_located(cell);
    granted
}

/// `granted` is the answer to a challenge: the request before it at this server had no
/// credentials that count.
pub(crate) fn assert_challenged(cell: &Cell<'_>, granted: &Request) {
    let mut received = cell.received().into_iter();
    let before = received.rfind(|it| it.to == granted.to && it.at_s < granted.at_s);
    let challenged = before.expect("a REGISTER without credentials comes first");
    assert_eq!(challenged.answer(), Some(401), "{challenged:#?}");
    assert_eq!(granted.digest_user, USER);
    assert_eq!(granted.cseq, challenged.cseq + 1);
}

/// The phone asked for what its settings say, in this order.
fn assert_located(cell: &Cell<'_>) {
    let (prefix, _) = match cell.row.transport {
        Transport::Udp => ("_sip._udp", 17),
        Transport::Tcp => ("_sip._tcp", 6),
        Transport::Tls => ("_sips._tcp", 6),
    };
    let naptr = (DOMAIN.to_owned(), 35);
    let srv = (format!("{prefix}.{DOMAIN}"), 33);
    let a = |name: &str| (format!("{name}{DOMAIN}"), 1);
    let expected = match cell.row.dns {
        Dns::Naptr => vec![naptr, srv, a("primary."), a("secondary.")],
        Dns::Srv => vec![srv, a("primary."), a("secondary.")],
        Dns::A => vec![a("")],
    };
    assert_eq!(cell.questions(), expected, "questions to the name server");
}

/// The phone turns to `from`, gives it up as its budget and the fault of the cell have it, and turns
/// to `to`. Gives the first contact with each.
pub(crate) fn assert_given_up(
    cell: &Cell<'_>,
    (from, to): (Server, Server),
    after_s: f64,
) -> (Contact, Contact) {
    let contacts: Vec<Contact> =
        cell.contacts().into_iter().filter(|it| it.at_s > after_s).collect();
    let begun = *contacts.iter().find(|it| it.to == from).expect("the phone tries");
    let next = contacts.iter().find(|it| it.to == to && it.at_s > begun.at_s);
    let next = *next.expect("the phone moves on");
    let fault = cell.row.fault();
    let took = next.at_s - begun.at_s;
    if fault.is_told() {
        assert!(took < AT_ONCE_S, "told at once, moved after {took} s");
    } else {
        assert!((took - BUDGET_S).abs() < TOLERANCE_S, "silence was given {took} s");
    }
    let window = begun.at_s..next.at_s;
    assert_tries(cell, from, &window);
    if sends_icmp(fault, cell.row.transport) {
        let packets = cell.packets();
        let mut errors = packets.iter().filter(|it| window.contains(&it.at_s));
        assert!(errors.any(|it| matches!(it.content, Content::Unreachable { .. })));
    }
    (begun, next)
}

/// One transaction at `server` in this window; over UDP it is sent again as RFC 3261 §17.1.2.2 has
/// it.
fn assert_tries(cell: &Cell<'_>, server: Server, window: &std::ops::Range<f64>) {
    let fault = cell.row.fault();
    let requests: Vec<Request> = cell
        .requests()
        .into_iter()
        .filter(|it| it.to == server && window.contains(&it.at_s))
        .collect();
    if cell.row.transport == Transport::Udp {
        let offsets: Vec<f64> = requests.iter().map(|it| it.at_s - window.start).collect();
        let expected: &[f64] = if fault.is_told() { &[0.0] } else { &[0.0, 0.5, 1.5, 3.5] };
        let near = |(is, should): (&f64, &f64)| (is - should).abs() < TOLERANCE_S;
        assert_eq!(offsets.len(), expected.len(), "datagrams at {offsets:?}");
        assert!(offsets.iter().zip(expected).all(near), "datagrams at {offsets:?}");
    }
    let mut branches: Vec<&str> = requests.iter().map(|it| &*it.branch).collect();
    branches.dedup();
    let is_read = match (cell.row.transport, fault) {
        (Transport::Udp, _) => true,
        // Its connection went with it, and another one is refused.
        (_, Fault::Stopped) => false,
        (Transport::Tcp, _) => true,
        (Transport::Tls, Fault::Frozen | Fault::Blackholed) => false,
        (Transport::Tls, _) => true,
    };
    assert_eq!(branches.len(), usize::from(is_read), "{requests:#?}");
}

/// Nothing is sent to any server in this window.
pub(crate) fn assert_quiet(cell: &Cell<'_>, window: std::ops::Range<f64>) {
    let contacts = cell.contacts().into_iter();
    let within: Vec<Contact> = contacts.filter(|it| window.contains(&it.at_s)).collect();
    assert!(within.is_empty(), "silence of {window:?}: {within:?}");
}

/// Behaviour §7: half of the lease, up to 10 % of the lease earlier, counted from its request.
pub(crate) fn assert_refresh(granted: &Request, next: &Contact) {
    let lease_s = f64::from(EXPIRES_S);
    let after = next.at_s - granted.at_s;
    let window = (0.4 * lease_s - TOLERANCE_S)..(0.5 * lease_s + TOLERANCE_S);
    assert!(window.contains(&after), "the next REGISTER comes after {after} s");
}

/// The first contact with any server after `granted` was.
pub(crate) fn next_contact(cell: &Cell<'_>, granted: &Request) -> Contact {
    until("the next REGISTER", Patience::Long, || {
        cell.contacts().into_iter().find(|contact| contact.at_s > granted.at_s)
    })
}
