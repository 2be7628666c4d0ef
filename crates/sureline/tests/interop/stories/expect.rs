//! What several stories expect to see.

use std::ops::Range;

use net::Transport;

use crate::capture::Content;
use crate::cell::{Cell, Contact, sends_icmp};
use crate::kamailio::Fault;
use crate::knot::DOMAIN;
use crate::matrix::Dns;
use crate::phone::USER;
use crate::servers::Server;
use crate::wait::{Patience, until, wall_s};
use crate::wire::Request;

/// Behaviour §1: four datagrams, or a connection and its answer, get this long.
pub(crate) const BUDGET_S: f64 = 7.5;

/// When a request is sent that gets no answer, with three retries (A1).
pub(crate) const RETRIED: [f64; 4] = [0.0, 0.5, 1.5, 3.5];

/// The same until Timer F ends it. RFC 3261 §17.1.2.2: Timer E doubles, capped at T2.
pub(crate) const TO_THE_END: [f64; 11] =
    [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5];

/// Timer F.
pub(crate) const LAST_BUDGET_S: f64 = 32.0;

/// What happens at once happens within this, on a machine that runs many cells.
pub(crate) const AT_ONCE_S: f64 = 0.5;

/// How far a timer of the phone may be off, on a machine that runs many cells.
pub(crate) const TOLERANCE_S: f64 = 0.3;

/// Starts the phone; it finds the primary and registers there.
pub(crate) fn begin(cell: &mut Cell<'_>, lines: &[String]) -> Request {
    let granted = register(cell, lines);
    assert_located(cell);
    granted
}

/// Starts the phone; it registers at the primary, with digest.
pub(crate) fn register(cell: &mut Cell<'_>, lines: &[String]) -> Request {
    let begun = wall_s();
    cell.start_phone(lines);
    let granted = cell.granted(Server::Primary, begun);
    assert_challenged(cell, &granted);
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
    assert_tries(cell, from, &window, &RETRIED);
    if sends_icmp(fault, cell.row.transport) {
        let packets = cell.packets();
        let mut errors = packets.iter().filter(|it| window.contains(&it.at_s));
        assert!(errors.any(|it| matches!(it.content, Content::Unreachable { .. })));
    }
    (begun, next)
}

/// One transaction at `server` in this window; over UDP, where nobody answers, its datagrams leave
/// at `offsets`.
pub(crate) fn assert_tries(cell: &Cell<'_>, server: Server, window: &Range<f64>, offsets: &[f64]) {
    let fault = cell.row.fault();
    let requests = cell.requests().into_iter();
    let tries = requests.filter(|it| it.to == server && window.contains(&it.at_s));
    let tries: Vec<Request> = tries.collect();
    if cell.row.transport == Transport::Udp {
        let sent: Vec<f64> = tries.iter().map(|it| it.at_s - window.start).collect();
        let expected = if fault.is_told() { &offsets[..1] } else { offsets };
        assert_eq!(sent.len(), expected.len(), "datagrams at {sent:?}");
        for (is, should) in sent.windows(2).zip(expected.windows(2)) {
            let gap = (is[1] - is[0]) - (should[1] - should[0]);
            assert!(gap.abs() < TOLERANCE_S, "datagrams at {sent:?}");
        }
    }
    let mut branches: Vec<&str> = tries.iter().map(|it| &*it.branch).collect();
    branches.dedup();
    assert_eq!(branches.len(), usize::from(is_readable(cell, server)), "{tries:#?}");
}

/// Whether a request to a failing server can be read: on the cable, or by the server itself.
fn is_readable(cell: &Cell<'_>, server: Server) -> bool {
    match (cell.row.transport, cell.row.fault()) {
        (Transport::Udp, _) => true,
        (_, Fault::Mute | Fault::Unavailable | Fault::UnavailableForAWhile) => true,
        // Connections went with the process, and none is made.
        (_, Fault::Stopped) | (Transport::Tls, Fault::Frozen | Fault::Blackholed) => false,
        (Transport::Tcp, Fault::Frozen) => true,
        // Only the primary was registered at: there is a connection.
        (Transport::Tcp, Fault::Blackholed) => server == Server::Primary,
    }
}

/// Behaviour §7: half of the lease, up to 10 % of the lease earlier, counted from its request.
pub(crate) fn assert_refresh(granted: &Request, next: &Contact) {
    let lease_s = f64::from(granted.expires.expect("a REGISTER says for how long"));
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
