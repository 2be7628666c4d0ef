//! What is wrong from the start, and is no outage: a password; and a certificate, which is one.

use super::expect::{AT_ONCE_S, assert_challenged};
use crate::cell::{Cell, ContactKind};
use crate::servers::Server::{Fallback, Primary, Secondary};
use crate::wait::{Patience, until, wall_s};

/// Behaviour §9: a wrong password moves nowhere and is tried once a minute at the most.
pub(crate) fn wrong_password(mut cell: Cell<'_>) {
    let begun = wall_s();
    cell.start_phone(&[]);
    let got = until("a REGISTER a minute later", Patience::Long, || {
        let received = cell.received();
        (received.len() > 2).then_some(received)
    });
    // Once without, once with credentials.
    assert!(got.iter().all(|request| request.to == Primary), "{got:#?}");
    assert!(got.iter().all(|request| request.answer() == Some(401)), "{got:#?}");
    assert_eq!(got[0].digest_user, "");
    assert_eq!(got[1].digest_user, crate::phone::USER);
    assert!(got[1].at_s - begun < 5.0, "{got:#?}");
    let waited = got[2].at_s - got[1].at_s;
    assert!(waited >= 59.5, "asked again after {waited} s");
    let (account, code) = cell.phone().status();
    assert_eq!(code, Some(1), "{account}");
    assert_eq!(account["status"], "Register Failed", "{account}");
    cell.finish(&[]);
}

/// A server whose certificate cannot be trusted is passed over; nothing is said to it, and nothing
/// goes to any server without TLS.
pub(crate) fn wrong_certificate(mut cell: Cell<'_>) {
    let begun = wall_s();
    cell.start_phone(&[]);
    let granted = cell.granted(Secondary, begun);
    assert_challenged(&cell, &granted);
    let contacts = cell.contacts();
    assert_eq!((contacts[0].to, contacts[0].kind), (Primary, ContactKind::Connection));
    let moved = contacts.iter().find(|contact| contact.to == Secondary).expect("it moves on");
    assert!(moved.at_s - contacts[0].at_s < AT_ONCE_S, "{contacts:#?}");
    assert!(cell.received().iter().all(|request| request.to == Secondary));
    let sip = |port: u16| (5060..=5061).contains(&port);
    for packet in cell.packets() {
        assert!(!sip(packet.to.port()) || packet.to.port() == 5061, "{packet:?}");
        assert_ne!(*packet.to.ip(), Fallback.ip());
    }
    cell.finish(&[Secondary]);
}
