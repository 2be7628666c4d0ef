//! Guide, "REGISTER Fallback": both next hops of server 1 fail, and server 2, which asks for no
//! password, takes over.

use super::expect::{
    AT_ONCE_S, BUDGET_S, LAST_BUDGET_S, RETRIED, TO_THE_END, TOLERANCE_S, assert_given_up,
    assert_tries, begin,
};
use crate::cell::Cell;
use crate::phone::{EXPIRES_S, second_server};
use crate::servers::Server::{Fallback, Primary, Secondary};
use crate::wire::Request;

/// One registration at a time.
pub(crate) fn successive(mut cell: Cell<'_>) {
    let timeout_s = 10.0;
    let mut lines = second_server(cell.row.transport);
    lines.push("account.1.fallback.redundancy_type = 1".to_owned());
    lines.push(format!("account.1.fallback.timeout = {timeout_s}"));
    let lease = begin(&mut cell, &lines);

    // Guide, "REGISTER Fallback" steps 1 and 2, at both next hops.
    let failed_s = cell.fail(&[Primary, Secondary]);
    let moved = cell.granted(Fallback, 0.0);
    let (_, last) = assert_given_up(&cell, (Primary, Secondary), failed_s);
    // A28: another pass may follow before the lease ends.
    assert_tries(&cell, Secondary, &(last.at_s..last.at_s + BUDGET_S), &RETRIED);
    // Step 3: after the registration time has run out; a pass ends its current next hop first.
    let end_s = lease.at_s + f64::from(EXPIRES_S);
    let late_s = if cell.row.fault().is_told() { AT_ONCE_S } else { BUDGET_S + TOLERANCE_S };
    let window = end_s - TOLERANCE_S..end_s + late_s;
    assert!(window.contains(&moved.at_s), "lease until {end_s}: {moved:#?}");
    assert_open(&cell, &moved);

    // A probe of server 1 each `fallback.timeout`, from start to start.
    cell.heal(&[Primary, Secondary]);
    let back = cell.turned_to(Primary, moved.at_s);
    let after_s = back.at_s - moved.at_s;
    assert!((after_s - timeout_s).abs() < TOLERANCE_S, "probe after {after_s} s");
    let returned = cell.granted(Primary, back.at_s);
    // A16: after the move one REGISTER with Expires 0 goes to server 2.
    let removed = cell.removed(Fallback);
    assert_eq!(removed.call_id, moved.call_id);
    assert!((0.0..AT_ONCE_S).contains(&(removed.at_s - returned.at_s)), "{removed:#?}");
    cell.finish(&[Primary]);
}

/// Two registrations, which do not touch each other.
pub(crate) fn concurrent(mut cell: Cell<'_>) {
    let mut lines = second_server(cell.row.transport);
    lines.push("account.1.reg_fail_retry_interval = 5".to_owned());
    begin(&mut cell, &lines);
    let second = cell.granted(Fallback, 0.0);
    assert_open(&cell, &second);
    let (one, two) = (cell.turned_to(Primary, 0.0), cell.turned_to(Fallback, 0.0));
    assert!((one.at_s - two.at_s).abs() < AT_ONCE_S, "both at the same time");

    let failed_s = cell.fail(&[Primary, Secondary]);
    cell.turned_to(Secondary, failed_s);
    let (_, last) = assert_given_up(&cell, (Primary, Secondary), failed_s);
    // A15: no next hop of server 1 answered. The pass is repeated until one does; A28: the last
    // next hop of a pass that nothing can follow is given the full time of a transaction.
    let again = cell.turned_to(Primary, last.at_s);
    assert_tries(&cell, Secondary, &(last.at_s..again.at_s), &TO_THE_END);
    let rest_s = again.at_s - last.at_s;
    let expected = if cell.row.fault().is_told() {
        // Start to start, jitter 80–100 %.
        4.0 - AT_ONCE_S - TOLERANCE_S..5.0 + TOLERANCE_S
    } else {
        LAST_BUDGET_S - TOLERANCE_S..LAST_BUDGET_S + 5.0 + TOLERANCE_S
    };
    assert!(expected.contains(&rest_s), "the next pass comes {rest_s} s after the last next hop");

    cell.heal(&[Primary, Secondary]);
    cell.granted(Primary, again.at_s);
    // Meanwhile the other registration was renewed as if nothing had been.
    let kept = cell.granted(Fallback, failed_s);
    assert_eq!(kept.call_id, second.call_id);
    assert!(!cell.requests().iter().any(Request::removes));
    cell.finish(&[Primary, Fallback]);
}

/// The fallback server asks for no password, and is told none.
fn assert_open(cell: &Cell<'_>, granted: &Request) {
    let received = cell.received().into_iter();
    let mut at_fallback = received.filter(|request| request.to == Fallback);
    assert_eq!(at_fallback.next().as_ref(), Some(granted), "granted at once");
    assert_eq!(granted.digest_user, "");
}
