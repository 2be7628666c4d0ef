//! Ways of registrars that are no fault: a nonce that ages, another hash, a least lease.

use super::expect::{assert_refresh, begin, next_contact};
use crate::capture::Content;
use crate::cell::Cell;
use crate::kamailio::Custom;
use crate::matrix::Trouble;
use crate::phone::{EXPIRES_S, USER};
use crate::servers::Server::Primary;
use crate::wait::wall_s;
use crate::wire::Request;

/// RFC 7616 §3.3: a nonce that is too old is no wrong password, whether or not the server says
/// stale=true.
pub(crate) fn old_nonce(mut cell: Cell<'_>) {
    let first = begin(&mut cell, &[]);
    let next = next_contact(&cell, &first);
    assert_refresh(&first, &next);
    let renewed = cell.granted(Primary, next.at_s);
    let [old, fresh] = &since(&cell, next.at_s)[..] else { panic!("{:#?}", cell.received()) };
    assert_eq!((old.answer(), &*old.digest_user), (Some(401), USER));
    assert_eq!(fresh, &renewed);
    let is_said = cell.row.trouble == Trouble::Custom(Custom::StaleNonce);
    assert_eq!(on_cable(&cell, "SIP/2.0 401", "stale=true"), is_said);
    cell.finish(&[Primary]);
}

/// RFC 8760: the hash is the server's choice.
pub(crate) fn sha256(mut cell: Cell<'_>) {
    let first = begin(&mut cell, &[]);
    assert!(on_cable(&cell, "REGISTER", "algorithm=SHA-256"));
    // The nonce is good for more: the refresh is not challenged.
    let next = next_contact(&cell, &first);
    cell.granted(Primary, next.at_s);
    assert_eq!(since(&cell, next.at_s).len(), 1);
    cell.finish(&[Primary]);
}

/// RFC 3261 §10.2.8: 423 is asked again with the least time that is granted.
pub(crate) fn long_lease(mut cell: Cell<'_>) {
    let begun = wall_s();
    cell.start_phone(&[]);
    cell.granted(Primary, begun);
    let asked: Vec<(Option<u16>, Option<u32>)> =
        cell.received().iter().map(|request| (request.answer(), request.expires)).collect();
    let (short, long) = (Some(EXPIRES_S), Some(60));
    assert_eq!(asked, [(Some(401), short), (Some(423), short), (Some(200), long)]);
    cell.finish(&[Primary]);
}

/// What servers got after `at_s`.
fn since(cell: &Cell<'_>, at_s: f64) -> Vec<Request> {
    cell.received().into_iter().filter(|request| request.at_s >= at_s).collect()
}

/// Whether a message that begins so and contains this went over the cable.
fn on_cable(cell: &Cell<'_>, begin: &str, part: &str) -> bool {
    cell.packets().iter().any(|packet| match &packet.content {
        Content::Datagram(bytes) | Content::Segment { payload: bytes, .. } => {
            let text = String::from_utf8_lossy(bytes);
            text.starts_with(begin) && text.contains(part)
        }
        Content::Unreachable { .. } => false,
    })
}
