//! Two servers of an account, and outbound proxies beside them.

use std::collections::BTreeSet;

use params::{Policy, SharedLine};

use super::Out;
use super::servers::{at, same_name};
use crate::check::case::Case;
use crate::check::finding::{Finding, Mark, listed};
use crate::check::places::{Known, Line, Place, Together};

pub(crate) fn check(case: &Case<'_>, line: &Line, out: &mut Out<'_>) {
    match line.together {
        Together::Concurrent => {
            out.extend(both_now(case, line));
            out.extend(double_ring(case, line));
        }
        Together::Successive => out.extend(loud_failure(case, line)),
        Together::Proxies => out.extend(behind_proxy(case, line)),
        Together::Single => {}
    }
    out.extend(lost_subscriptions(case, line));
}

fn redundancy_at(case: &Case<'_>, line: &Line) -> Mark {
    let own = case.written("account.X.fallback.redundancy_type", [line.number, 0]);
    own.or_else(|| case.written("account.X.sip_server.2.address", [line.number, 0]))
        .unwrap_or_else(|| case.account_at(line.number))
}

fn both_now(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let (first, second) = (line.server(1)?, line.server(2)?);
    Some(
        Finding::info(
            "both-servers-now",
            redundancy_at(case, line).saying("concurrent registration"),
            format!("the phone registers at {} and {} at the same time", first.address, second.address),
        )
        .note("calls out go to server 1 while it is registered, and to server 2 within the same call where server 1 is silent; calls in are taken from both")
        .help("with fallback.redundancy_type 1 it registers at server 2 only while server 1 fails")
        .of_account(line.number),
    )
}

fn double_ring(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let (first, second) = (line.server(1)?, line.server(2)?);
    if !share_users(first, second) {
        return None;
    }
    Some(
        Finding::info(
            "double-ring",
            at(case, line, second, "address").saying("looks like the same system"),
            "if the two servers share their users, a call in reaches the phone twice",
        )
        .see([at(case, line, first, "address")])
        .note("it rings once where both branches have one Call-ID and From tag; a server that makes new ones rings it twice")
        .help("for servers that share their registrations use one name with several addresses, or fallback.redundancy_type 1")
        .of_account(line.number),
    )
}

/// Whether two servers look like one system: one next hop or name, one domain, or one network.
fn share_users(first: &Place, second: &Place) -> bool {
    let addresses = |place: &Place| -> BTreeSet<std::net::IpAddr> {
        match &place.known {
            Known::Literal => place.lookup.target.literal().into_iter().collect(),
            Known::Exactly(hops) | Known::WithoutDns(hops) => {
                hops.iter().map(|hop| hop.addr.ip()).collect()
            }
            Known::Nothing(_) | Known::Unknown => BTreeSet::new(),
        }
    };
    let domain = |place: &Place| {
        let parts = place.address.trim_end_matches('.').to_ascii_lowercase();
        parts.split_once('.').map(|(_, domain)| domain.to_owned())
    };
    let same_domain = first.is_name()
        && second.is_name()
        && domain(first) == domain(second)
        && domain(first).is_some_and(|domain| domain.contains('.'));
    same_name(&first.address, &second.address)
        || same_domain
        || addresses(first).intersection(&addresses(second)).next().is_some()
}

fn loud_failure(case: &Case<'_>, line: &Line) -> Option<Finding> {
    if line.policy().redundancy_with_reg_fail {
        return None;
    }
    let server = line.server(1)?;
    Some(
        Finding::info(
            "loud-failure",
            redundancy_at(case, line).saying("successive registration"),
            format!(
                "the phone stays at {} as long as that answers, if only with failures",
                server.address
            ),
        )
        .note("silence, a refused connection and 503 move it to server 2; any other answer to REGISTER, such as 403 or 500, does not")
        .help(format!(
            "account.{}.redundancy_with_reg_fail.enable = 1 moves it then, too",
            line.number
        ))
        .of_account(line.number),
    )
}

fn behind_proxy(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let second = line.server(2)?;
    let proxies: Vec<String> = line.proxies.iter().map(|proxy| proxy.address.to_string()).collect();
    let enable = case.written("account.X.outbound_proxy_enable", [line.number, 0]);
    Some(
        Finding::warning(
            "server2-behind-proxy",
            at(case, line, second, "address").saying("not used"),
            "server 2 is not used while outbound proxies are enabled",
        )
        .see(enable.map(|mark| mark.saying("proxies are enabled")))
        .note(format!(
            "there is one registration, in the domain of server 1, through {}",
            listed(&proxies)
        ))
        .help("redundancy comes from two proxies, or from a proxy whose name has several addresses")
        .of_account(line.number),
    )
}

fn lost_subscriptions(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let (what, at) = subscribed(case, line)?;
    let can_fail_over = line.used().iter().find(|place| place.means_failover());
    let moved = can_fail_over.filter(|place| !place.failback_subscribe);
    let (message, note, help) = match (line.together, moved) {
        (Together::Concurrent | Together::Successive, _) => (
            format!("{what} stay at server 1: while it fails there are none"),
            "the phone subscribes at server 1 alone, never at server 2".to_owned(),
            "for lamps that go on use one name with several addresses and failback_subscribe.enable 1",
        ),
        (Together::Single | Together::Proxies, Some(_)) => (
            format!("{what} stay where they were when the phone moves to another next hop"),
            format!(
                "they are made anew with their next refresh, up to {} s later",
                period(line.policy())
            ),
            "set failback_mode to 1, 2 or 3 and failback_subscribe.enable to 1 (firmware 81 or later)",
        ),
        (Together::Single | Together::Proxies, None) => return None,
    };
    Some(
        Finding::warning("lost-subscriptions", at, message)
            .note(note)
            .help(help)
            .of_account(line.number),
    )
}

/// What an account subscribes to, and where that is written.
fn subscribed(case: &Case<'_>, line: &Line) -> Option<(&'static str, Mark)> {
    let policy = line.policy();
    let number = line.number;
    let written = |pattern| case.written(pattern, [number, 0]);
    let mwi = policy.mwi.subscribe.then(|| written("account.X.subscribe_mwi")).flatten();
    let list = written("account.X.blf.blf_list_uri").filter(|_| !policy.blf.list_uri.is_empty());
    let shared = written("account.X.shared_line").filter(|_| policy.shared_line != SharedLine::Off);
    let lamp = case.settings().line_keys.iter().find(|key| {
        key.function == BLF && (key.account == number || (key.account == 0 && number == 1))
    });
    let lamp = lamp.and_then(|key| {
        let number = u8::try_from(key.number).ok()?;
        case.written("linekey.N.type", [number, 0])
    });
    match (lamp.or(list), shared, mwi) {
        (Some(at), _, Some(_)) => Some(("busy lamps and message waiting", at)),
        (Some(at), _, None) => Some(("busy lamps", at)),
        (None, Some(at), _) => Some(("the shared line's subscriptions", at)),
        (None, None, Some(at)) => Some(("notifications of waiting messages", at)),
        (None, None, None) => None,
    }
}

fn period(policy: &Policy) -> u32 {
    match policy.mwi.subscribe {
        true => policy.blf.period_s.max(policy.mwi.expires_s),
        false => policy.blf.period_s,
    }
}

/// The vendor's number of a busy-lamp key.
const BLF: u16 = 16;
