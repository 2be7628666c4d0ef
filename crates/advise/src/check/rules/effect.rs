//! Keys that do nothing because another key has the wrong value.

use std::collections::BTreeMap;

use params::{FailbackMode, Key, When};

use super::Out;
use super::servers::{at, key};
use crate::check::case::Case;
use crate::check::finding::{Finding, Mark, shown};
use crate::check::places::{Line, Place, Role, Together};

pub(crate) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    let mut pointless: BTreeMap<(u8, Role2), Vec<(Key, Mark)>> = BTreeMap::new();
    for key in case.layers().keys().filter(|key| is_looked_at(*key)) {
        let row = key.row();
        let value = case.view.value(key);
        let usual = [row.default_in(case.view.profile()), row.default];
        let is_usual = usual.contains(&value) || row.vendor_default == Some(value);
        let Some(effective) = case.view.written(key).filter(|_| !is_usual) else { continue };
        let mark = case.value_at(effective.origin);
        let line = key.account().map(|number| case.lines.iter().find(|line| line.number == number));
        let line = match line {
            Some(None) => continue, // An account that is out of service, or has no server.
            Some(Some(line)) => Some(line),
            None => None,
        };
        match (line.and_then(|line| place_of(line, key)), line) {
            (Some(None), _) => {} // A server or proxy without an address.
            (Some(Some(place)), Some(line)) if needs_name(key) && cannot_fail_over(line, place) => {
                let at = (line.number, (place.role == Role::Proxy, place.y));
                pointless.entry(at).or_default().push((key, mark));
            }
            (_, line) => out.extend(unmet(case, line, key, mark)),
        }
    }
    for ((number, (is_proxy, y)), keys) in pointless {
        let line = case.lines.iter().find(|line| line.number == number);
        let places = line.map(|line| if is_proxy { &line.proxies } else { &line.servers });
        let place = places.and_then(|places| places.iter().find(|place| place.y == y));
        if let Some(place) = place {
            out.extend(needs_a_name(number, place, &keys));
        }
    }
    for line in &case.lines {
        for place in line.used() {
            out.extend(later_firmware(case, line, place));
        }
    }
}

/// A place by whether it is a proxy, and its number.
type Role2 = (bool, u8);

/// Keys whose conditions are about redundancy and name servers; calls and provisioning have their own
/// pages, and templates write them all.
fn is_looked_at(key: Key) -> bool {
    let row = key.row();
    if row.only_when.is_empty() || !row.stands_for.is_empty() {
        return false;
    }
    let groups = params::GROUPS.iter().filter(|(title, _)| GROUPS.contains(title));
    groups.flat_map(|(_, rows)| *rows).any(|of| of.pattern == row.pattern)
        || row.pattern == "account.X.reg_fail_retry_interval"
}

const GROUPS: [&str; 3] = ["Account", "Redundancy", "DNS"];

/// The server or proxy that a key is about: nothing for a key about none, an empty place for one
/// without an address.
#[expect(clippy::option_option, reason = "about no place and about a missing one are told apart")]
fn place_of(line: &Line, key: Key) -> Option<Option<&Place>> {
    let pattern = key.row().pattern;
    let text = key.to_string();
    let y: u8 = text.split('.').nth(3)?.parse().ok()?;
    let find = |places: &'_ [Place]| places.iter().position(|place| place.y == y);
    if pattern.starts_with("account.X.outbound_proxy.Y.") {
        if pattern.ends_with(".address") {
            return None; // That it is not used is said of itself.
        }
        return Some(find(&line.proxies).and_then(|place| line.proxies.get(place)));
    }
    if !pattern.starts_with("account.X.sip_server.Y.") {
        return None;
    }
    // A18: with proxies, the keys of a server act on the next hops of its proxy.
    if line.together == Together::Proxies {
        return Some(find(&line.proxies).and_then(|place| line.proxies.get(place)));
    }
    Some(find(&line.servers).and_then(|place| line.servers.get(place)))
}

fn needs_name(key: Key) -> bool {
    key.row().only_when.iter().any(|when| matches!(when, When::Name(_)))
}

fn cannot_fail_over(line: &Line, place: &Place) -> bool {
    let is_used = line.used().iter().any(|used| used.role == place.role && used.y == place.y);
    is_used && (!place.is_name() || place.hop_count() == Some(1))
}

fn needs_a_name(number: u8, place: &Place, keys: &[(Key, Mark)]) -> Option<Finding> {
    let ((key, mark), others) = keys.split_first()?;
    let (message, help) = match place.is_name() {
        false => (
            format!("{} is an address: there is nothing to fail over to", place.address),
            "write a domain name that DNS or static records resolve to several addresses"
                .to_owned(),
        ),
        true => (
            format!("{} has one next hop: there is nothing to fail over to", place.address),
            format!("give {} several addresses or SRV records", place.address),
        ),
    };
    let count = match keys.len() {
        1 => format!("{key} has no effect"),
        count => format!("{count} keys have no effect"),
    };
    Some(
        Finding::warning("failover-needs-name", mark.clone().saying("no effect"), message)
            .see(others.iter().map(|(_, mark)| mark.clone().saying("nor this")))
            .note(format!("failover goes from one next hop of a name to another: {count}"))
            .help(help)
            .of_account(number),
    )
}

fn unmet(case: &Case<'_>, line: Option<&Line>, key: Key, mark: Mark) -> Option<Finding> {
    let when = case.view.unmet(key)?;
    let (reason, other) = match when {
        // Said of the server: failover-needs-name. With proxies it is their names that count.
        When::Name(_) => return None,
        When::Set(pattern) => {
            let other = key.related(pattern)?;
            (format!("{other} is blank"), Some(other))
        }
        When::Is("account.X.outbound_proxy_enable", ["0"]) => (
            "outbound proxies are enabled, and it is about servers 1 and 2".to_owned(),
            key.related("account.X.outbound_proxy_enable"),
        ),
        When::Is(pattern, wanted) => {
            let other = key.related(pattern)?;
            (
                format!("{other} is {}, not {}", shown(case.view.value(other)), any_of(wanted)),
                Some(other),
            )
        }
        When::AnyIs(pairs) => {
            let wants: Vec<String> =
                pairs.iter().map(|(pattern, value)| format!("{pattern} = {value}")).collect();
            (format!("it takes {}", wants.join(" or ")), None)
        }
    };
    let other = other.and_then(|other| case.view.written(other));
    let other = other.map(|effective| case.value_at(effective.origin));
    let finding =
        Finding::warning("no-effect", mark.saying("no effect"), format!("{key} has no effect"))
            .see(other.filter(|_| line.is_some()).map(|mark| mark.saying("because of this")))
            .note(reason)
            .help("remove it, or set the other key");
    Some(super::account_of(key, finding))
}

fn any_of(values: &[&str]) -> String {
    match values {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [before @ .., last] => format!("{} or {last}", before.join(", ")),
    }
}

/// `only_signal_with_registered` acts here whatever the other keys say (A9).
fn later_firmware(case: &Case<'_>, line: &Line, place: &Place) -> Option<Finding> {
    let acts_later = place.register_on_enable && place.failback_mode != FailbackMode::NewRequests;
    let is_name = place.is_name() && place.hop_count() != Some(1);
    if !place.only_signal_with_registered || acts_later || !is_name {
        return None;
    }
    let mode = place.failback_mode.value();
    let on = u8::from(place.register_on_enable);
    Some(
        Finding::info(
            "later-firmware",
            at(case, line, place, "only_signal_with_registered").saying("acts here"),
            "later firmware reads only_signal_with_registered only with register_on_enable 1 and failback_mode 1 to 3",
        )
        .note(format!(
            "here it acts as the guide says, with register_on_enable {on} and failback_mode {mode}; \
             on a phone with firmware 84 it may do nothing"
        ))
        .help(format!("set {} to 1 if all are to do the same", key(case, line, place, "register_on_enable")))
        .of_account(line.number),
    )
}
