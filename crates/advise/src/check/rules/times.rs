//! How long things take: an attempt, a call on a dead primary, a fallback, a pass.

use std::time::Duration;

use params::{FailbackMode, FallbackAt};
use phone::Kind;

use super::Out;
use super::servers::{at, at_saying, written};
use crate::check::case::Case;
use crate::check::finding::{Finding, Severity, seconds};
use crate::check::places::{Line, Place, Role, Together};
use crate::check::times::{bound, give_up, last, pass};

pub(crate) fn check(case: &Case<'_>, line: &Line, out: &mut Out<'_>) {
    out.extend(attempt_time(case, line));
    for place in line.used() {
        out.extend(no_gain(case, line, place, Kind::NonInvite));
        out.extend(no_gain(case, line, place, Kind::Invite));
        out.extend(dead_air(case, line, place));
        out.extend(pass_exceeds_lease(case, line, place));
    }
    out.extend(late_fallback(case, line));
}

/// Whether anything can follow a server that is given up.
fn has_another(line: &Line, place: &Place) -> bool {
    place.means_failover() || line.used().len() > 1
}

fn retries(place: &Place, kind: Kind) -> u8 {
    match kind {
        Kind::Invite => place.invite_retry_counts,
        Kind::NonInvite => place.retry_counts,
    }
}

const fn key_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Invite => "invite_retry_counts",
        Kind::NonInvite => "retry_counts",
    }
}

fn attempt_time(case: &Case<'_>, line: &Line) -> Option<Finding> {
    let common = &case.settings().common;
    let places: Vec<&Place> = line.used().iter().filter(|place| has_another(line, place)).collect();
    let first = places.first()?;
    let time = |place: &Place, kind| seconds(give_up(common, kind, retries(place, kind)));
    let same = places.iter().all(|place| {
        (place.retry_counts, place.invite_retry_counts)
            == (first.retry_counts, first.invite_retry_counts)
    });
    let who = if same && places.len() > 1 { "each server".to_owned() } else { first.title() };
    let finding = Finding::info(
        "attempt-time",
        at_saying(case, line, first, ("retry_counts", "", "3 retries by default")),
        format!(
            "{who} is given up after {} of silence for REGISTER, {} for INVITE",
            time(first, Kind::NonInvite),
            time(first, Kind::Invite)
        ),
    );
    let finding = match same {
        true => finding,
        false => places.iter().skip(1).fold(finding, |finding, place| {
            finding.note(format!(
                "{} after {} for REGISTER, {} for INVITE",
                place.title(),
                time(place, Kind::NonInvite),
                time(place, Kind::Invite)
            ))
        }),
    };
    let longest = seconds(last(common, Kind::NonInvite));
    Some(
        finding
            .note(format!(
                "the last one, which nothing can follow, gets {longest} (Timers B and F)"
            ))
            .of_account(line.number),
    )
}

/// Retries that give a server up hardly before the timer of RFC 3261 would.
fn no_gain(case: &Case<'_>, line: &Line, place: &Place, kind: Kind) -> Option<Finding> {
    let common = &case.settings().common;
    let (count, full) = (retries(place, kind), last(common, kind));
    let given_up = give_up(common, kind, count);
    let gain = full.saturating_sub(given_up);
    if !has_another(line, place) || gain > common.t1 * 2 {
        return None;
    }
    let timer = if kind == Kind::Invite { "Timer B" } else { "Timer F" };
    let message = match gain.is_zero() {
        true => format!(
            "{count} retries give a silent server as long as {timer} does: {}",
            seconds(full)
        ),
        false => format!(
            "{count} retries give a silent server {}, only {} less than {timer} ({})",
            seconds(given_up),
            seconds(gain),
            seconds(full)
        ),
    };
    let is_inherited = place.role == Role::Proxy
        && matches!(case.value(&place.pattern(key_of(kind)), [line.number, place.y]), "" | "-1");
    let mark = written(case, line, place, key_of(kind));
    let mark = mark.unwrap_or_else(|| at(case, line, place, "retry_counts"));
    let better = seconds(give_up(common, kind, 3));
    let what = match kind {
        Kind::Invite => "an INVITE waits that long before it goes to the next server",
        Kind::NonInvite => "a REGISTER waits that long before it goes to the next server",
    };
    let finding = Finding::new("attempt-time", Severity::Warning, mark, message)
        .note(what)
        .help(format!("3 retries give it up after {better}"));
    let finding = match is_inherited {
        true => {
            finding.note(format!("{} takes the value of sip_server.{}", place.title(), place.y))
        }
        false => finding,
    };
    Some(finding.of_account(line.number))
}

fn dead_air(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let is_sticky = line.policy().sticky_new_requests;
    if place.failback_mode != FailbackMode::NewRequests || !place.means_failover() || is_sticky {
        return None;
    }
    let wait = give_up(&case.settings().common, Kind::Invite, place.invite_retry_counts);
    Some(
        Finding::info(
            "dead-air",
            at_saying(case, line, place, DEAD_AIR),
            format!(
                "while the primary of {} is silent, every call first waits {} for it",
                place.title(),
                seconds(wait)
            ),
        )
        .note("failback_mode 0 sends each new request to the primary first, also while it is down")
        .help("modes 1 to 3 go to the last used server first; fewer invite_retry_counts shorten the wait")
        .of_account(line.number),
    )
}

fn pass_exceeds_lease(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let hops = match place.hop_count() {
        Some(count) if count > 1 => count,
        Some(_) => return None,
        None if place.means_failover() => place.hop_count_at_least().max(2),
        None => return None,
    };
    let settings = case.settings();
    // A proxy registers in the domain of server 1 (A18).
    let y = if place.role == Role::Proxy { 1 } else { place.y };
    let expires = line.policy().servers.get(usize::from(y).checked_sub(1)?)?.expires_s;
    let lease = Duration::from_secs(expires.into());
    let longest = pass(&settings.common, place.retry_counts, hops);
    // The engine's own figure: the latest refresh, R, and the pass behind it.
    let mut account = line.settings.clone();
    let mut policy = (*account.policy).clone();
    policy.liveness = params::Liveness::Off;
    account.policy = policy.into();
    let group = line.used().iter().position(|used| used.y == place.y)?;
    let bound = bound(settings, &account, hops)?;
    let cases = bound.cases.iter().filter(|case| case.case == "the current next hop dies");
    let refresh_and_pass = cases.map(|case| case.within).nth(group)??;
    if refresh_and_pass <= lease {
        return None;
    }
    let many = match place.hop_count() {
        Some(_) => format!("its {hops} next hops"),
        None => format!("{hops} next hops"),
    };
    let refresh = refresh_and_pass.saturating_sub(longest);
    let left = lease.saturating_sub(refresh);
    Some(
        Finding::warning(
            "pass-exceeds-lease",
            at_saying(case, line, place, LEASE),
            format!(
                "a REGISTER that tries {many} takes up to {}, longer than the {} that the registration has left",
                seconds(longest),
                seconds(left)
            ),
        )
        .note("the phone can be unregistered before it has reached a server that works")
        .help(format!("expires of {} or more leaves the time, or fewer retry_counts", enough(longest)))
        .of_account(line.number),
    )
}

/// An expires after whose half there is time for a pass.
fn enough(pass: Duration) -> u64 {
    (pass.as_secs() * 2).div_ceil(60).max(2) * 60
}

fn late_fallback(case: &Case<'_>, line: &Line) -> Option<Finding> {
    if line.together != Together::Successive {
        return None;
    }
    let (first, policy) = (line.server(1)?, line.policy());
    let settings = case.settings();
    let attempt = give_up(&settings.common, Kind::NonInvite, first.retry_counts);
    let expires = Duration::from_secs(policy.servers.first()?.expires_s.into());
    let (longest, formula) = match policy.fallback_at {
        FallbackAt::LeaseEnd => (
            expires + attempt,
            format!("expires {} and one attempt {}", seconds(expires), seconds(attempt)),
        ),
        FallbackAt::Now => {
            let bound = bound(settings, &line.settings, first.hop_count_at_least())?;
            (
                bound.cases.first()?.within?,
                "the next refresh or probe, and a pass over server 1".to_owned(),
            )
        }
    };
    let severity = if longest > LATE { Severity::Warning } else { Severity::Info };
    let message = format!("when server 1 dies, calls in are lost for up to {}", seconds(longest));
    let help = match policy.fallback_at {
        FallbackAt::LeaseEnd => {
            "a shorter expires of server 1, or sureline.fallback_at = now, shortens it"
        }
        FallbackAt::Now => "a shorter expires of server 1 shortens it",
    };
    Some(
        Finding::new("late-fallback", severity, at_saying(case, line, first, LEASE), message)
            .note(format!("{formula}: then the phone registers at server 2"))
            .note("a call out goes to server 2 as soon as server 1 is given up, and takes the registration there")
            .help(help)
            .of_account(line.number),
    )
}

const DEAD_AIR: (&str, &str, &str) =
    ("failback_mode", "each new request begins at the primary", "failback_mode 0 by default");
const LEASE: (&str, &str, &str) =
    ("expires", "the registration lasts this long", "a registration lasts 3600 s by default");
/// Calls that are lost for longer than this are worth a warning.
const LATE: Duration = Duration::from_secs(600);
