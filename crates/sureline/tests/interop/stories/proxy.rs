//! A18: with outbound proxies there is one registration, which moves from proxy 1 to proxy 2 without
//! waiting for its end, and back by a REGISTER each `outbound_proxy_fallback_interval`.

use super::expect::{
    TOLERANCE_S, assert_challenged, assert_given_up, assert_refresh, next_contact, register,
};
use crate::cell::Cell;
use crate::knot::DOMAIN;
use crate::servers::Server::{self, Primary, Secondary};
use crate::wire::Request;

pub(crate) fn play(mut cell: Cell<'_>) {
    let interval_s = 20.0;
    let lines = [
        "account.1.outbound_proxy_enable = 1".to_owned(),
        format!("account.1.outbound_proxy.1.address = primary.{DOMAIN}"),
        "account.1.outbound_proxy.1.port = 0".to_owned(),
        format!("account.1.outbound_proxy.2.address = secondary.{DOMAIN}"),
        "account.1.outbound_proxy.2.port = 0".to_owned(),
        format!("account.1.outbound_proxy_fallback_interval = {interval_s}"),
    ];
    let first = register(&mut cell, &lines);
    assert_routed(&first);

    let failed_s = cell.fail(&[Primary]);
    let moved = cell.granted(Secondary, failed_s);
    assert_given_up(&cell, (Primary, Secondary), failed_s);
    assert_challenged(&cell, &moved);
    assert_routed(&moved);
    cell.heal(&[Primary]);

    // Until then refreshes go to proxy 2.
    let refresh = next_contact(&cell, &moved);
    assert_eq!(refresh.to, Secondary);
    assert_refresh(&moved, &refresh);
    let back = cell.turned_to(Primary, moved.at_s);
    let after_s = back.at_s - moved.at_s;
    assert!((after_s - interval_s).abs() < TOLERANCE_S, "back after {after_s} s");
    assert_routed(&cell.granted(Primary, back.at_s));
    assert!(!cell.requests().iter().any(Request::removes), "no un-REGISTER between proxies");
    cell.finish(&[Primary]);
}

/// The request names the proxy in its Route and the domain in its URI.
fn assert_routed(request: &Request) {
    let proxy = Server::name(request.to);
    assert_eq!(request.uri, format!("sip:{DOMAIN}"));
    assert!(request.route.starts_with(&format!("<sip:{proxy}.{DOMAIN}")), "{request:#?}");
    assert!(request.route.contains(";lr>"), "{request:#?}");
}
