//! Guide, "REGISTER Failover": the primary has no response, the secondary takes over, and the next
//! REGISTER attempt is at the primary again.

use super::expect::{
    TOLERANCE_S, assert_challenged, assert_given_up, assert_refresh, begin, next_contact,
};
use crate::cell::Cell;
use crate::kamailio::Fault;
use crate::knot::TTL_S;
use crate::servers::Server::{self, Primary, Secondary};

pub(crate) fn play(mut cell: Cell<'_>) {
    begin(&mut cell, &[]);

    // Guide, "REGISTER Failover" steps 1 to 4.
    let failed_s = cell.fail(&[Primary]);
    let moved = cell.granted(Secondary, failed_s);
    let (tried, _) = assert_given_up(&cell, (Primary, Secondary), failed_s);
    if cell.row.fault() == Fault::Stopped && cell.row.transport.is_stream() {
        // Behaviour §7: a connection that closes while idle is a reason to REGISTER within 2 s.
        assert!(tried.at_s - failed_s < 2.0 + TOLERANCE_S, "{tried:?} after {failed_s}");
    }
    assert_challenged(&cell, &moved);
    assert_holds(&cell, Secondary);

    // "The phone waits until next REGISTER attempt and then sends [it] to the primary server."
    let healed_s = cell.heal(&[Primary]);
    if cell.row.fault() == Fault::Frozen {
        // Behaviour §1: a late 2xx to an abandoned REGISTER changes no lease.
        let late = cell.granted(Primary, healed_s);
        assert!(late.cseq < moved.cseq, "{late:#?}");
        assert_holds(&cell, Secondary);
    }
    let next = next_contact(&cell, &moved);
    assert_refresh(&moved, &next);
    let back = if cell.row.fault() == Fault::UnavailableForAWhile {
        // Behaviour §2: not before its Retry-After has run.
        assert_eq!(next.to, Secondary);
        let kept = cell.granted(Secondary, next.at_s);
        let later = next_contact(&cell, &kept);
        assert_refresh(&kept, &later);
        later
    } else {
        next
    };
    assert_eq!(back.to, Primary);
    cell.granted(Primary, back.at_s);
    assert_holds(&cell, Primary);
    cell.finish(&[Primary]);
}

/// The same while the name server does not answer either, and the time of its records is over.
/// Behaviour §3: the next hop of a live lease stays usable, and the last good answer is served.
pub(crate) fn without_dns(mut cell: Cell<'_>) {
    let lease = begin(&mut cell, &[]);
    cell.fail_names();
    let failed_s = cell.fail(&[Primary]);
    let next = next_contact(&cell, &lease);
    assert_refresh(&lease, &next);
    let moved = cell.granted(Secondary, failed_s);
    assert!(moved.at_s - lease.at_s > f64::from(TTL_S), "{moved:#?}");
    assert_given_up(&cell, (Primary, Secondary), failed_s);
    assert_challenged(&cell, &moved);
    cell.finish(&[Secondary]);
}

/// What the phone shows has a 200 OK behind it.
fn assert_holds(cell: &Cell<'_>, server: Server) {
    let addr = server.addr(cell.row.transport);
    let (account, code) = cell.phone().status();
    let shown = account["servers"][0]["lease"]["next_hop"].as_str().unwrap_or_default();
    assert_eq!(shown, format!("{}/{addr}", cell.row.transport), "{account}");
    assert_eq!(code, Some(0));
}
