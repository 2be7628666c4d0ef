//! The way back from the secondary in modes 1, 2 and 3 (guide, `failback_mode`): the primary lives
//! again at once, and nobody asks it before its time.

use super::expect::{TOLERANCE_S, assert_given_up, assert_refresh, begin, next_contact};
use crate::cell::Cell;
use crate::knot::TTL_S;
use crate::servers::Server::{Primary, Secondary};
use crate::wire::Request;

pub(crate) fn play(mut cell: Cell<'_>) {
    begin(&mut cell, &[]);
    let failed_s = cell.fail(&[Primary]);
    let moved = cell.granted(Secondary, failed_s);
    assert_given_up(&cell, (Primary, Secondary), failed_s);
    cell.heal(&[Primary]);

    let back = cell.turned_to(Primary, moved.at_s);
    let after_s = back.at_s - moved.at_s;
    let refreshes = refreshes_until(&cell, &moved, back.at_s);
    match cell.row.setting("sip_server.1.failback_mode") {
        // A10: the TTL of the record when the phone moved, at least 30 s.
        "1" => assert_due(after_s, f64::from(TTL_S)),
        // A11: the next refresh.
        "2" => assert_refresh(&moved, &back),
        // A12, A13: from the answer that completed the move; 1 to 59 count as 60.
        "3" => assert_due(after_s, 60.0),
        other => panic!("mode {other}"),
    }
    // Guide: "requests to the last used server first", here its refreshes.
    let least = usize::from(after_s > 30.0) + usize::from(after_s > 15.5);
    assert!(refreshes.len() >= least, "{refreshes:#?}");

    cell.granted(Primary, back.at_s);
    cell.finish(&[Primary]);
}

/// The leases that the secondary renewed before the phone went back, each when it was due.
fn refreshes_until(cell: &Cell<'_>, moved: &Request, end_s: f64) -> Vec<Request> {
    let mut all = Vec::new();
    let mut last = moved.clone();
    loop {
        let next = next_contact(cell, &last);
        if next.at_s >= end_s {
            return all;
        }
        assert_eq!(next.to, Secondary);
        assert_refresh(&last, &next);
        last = cell.granted(Secondary, next.at_s - 0.001);
        all.push(last.clone());
    }
}

fn assert_due(after_s: f64, due_s: f64) {
    assert!((after_s - due_s).abs() < TOLERANCE_S, "back after {after_s} s of {due_s} s");
}
