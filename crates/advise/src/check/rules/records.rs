//! The static DNS cache: records that are never asked for, or do not say what they seem to.

use locate::Source;
use params::{SrvWeight, StaticNaptr, StaticRecords, StaticSrv, TransportType};

use super::reach::{Asked, Reach, bare};
use super::servers::same_name;
use super::{Out, more_lines};
use crate::check::case::{Case, Grouped};
use crate::check::finding::{Finding, Fix, Mark, Safety, shown};
use crate::check::places::Known;

pub(crate) fn check(case: &Case<'_>, out: &mut Out<'_>) {
    let records = &case.settings().common.static_records;
    let reach = Reach::of(case);
    let all: Vec<Record<'_>> = records_of(records, &reach).collect();
    let mut sets = Grouped::new();
    for record in &all {
        sets.add((record.kind, bare(record.name)), record);
    }
    for set in sets.groups() {
        out.extend(never(case, set));
    }
    for record in &records.naptr {
        let asked = reach.naptr(&record.name);
        out.extend(dead_flag(case, record).filter(|_| asked != Asked::Never));
        out.extend(service_differs(case, record));
    }
    let mut names = Grouped::new();
    for record in &records.naptr {
        names.add(
            bare(&record.replacement),
            (NAPTR_REPLACEMENT, record.index, &*record.replacement),
        );
    }
    for record in &records.srv {
        names.add(bare(&record.name), ("dns_cache_srv.N.name", record.index, &*record.name));
    }
    for places in names.groups() {
        out.extend(spelled(case, places));
    }
    out.extend(equal_rank(case, &records.naptr));
    out.extend(unused_while_dns_answers(case, &all));
    out.extend(weights(case, &records.srv));
}

const NAPTR_REPLACEMENT: &str = "dns_cache_naptr.N.replace";

/// One static record, whatever it says.
struct Record<'a> {
    /// `naptr`, `srv` or `a`, as in its key.
    kind: &'static str,
    index: u8,
    name: &'a str,
    asked: Asked,
}

impl Record<'_> {
    fn at(&self, case: &Case<'_>) -> Mark {
        record_at(case, &format!("dns_cache_{}.N.name", self.kind), self.index)
    }
}

fn records_of<'a>(
    records: &'a StaticRecords,
    reach: &'a Reach,
) -> impl Iterator<Item = Record<'a>> {
    let record = |kind, index, name: &'a str, asked| Record { kind, index, name, asked };
    let naptr = records.naptr.iter();
    let naptr = naptr.map(move |it| record("naptr", it.index, &it.name, reach.naptr(&it.name)));
    let srv = records.srv.iter();
    let srv = srv.map(move |it| record("srv", it.index, &it.name, reach.srv(&it.name)));
    let a = records.a.iter();
    let a = a.map(move |it| record("a", it.index, &it.name, reach.address(&it.name)));
    naptr.chain(srv).chain(a)
}

/// The key of a record, `dns_cache_srv.3.name`, marked.
fn record_at(case: &Case<'_>, pattern: &str, index: u8) -> Mark {
    case.written(pattern, [index, 0]).unwrap_or_else(|| case.anywhere())
}

/// What is to be said of the records of one name and kind that nothing asks for.
fn never(case: &Case<'_>, set: &[&Record<'_>]) -> Option<Finding> {
    let first = set.first()?;
    let (at, name) = (first.at(case), shown(first.name));
    let finding = match first.asked {
        Asked::Yes | Asked::Perhaps => return None,
        Asked::WithNaptrBuild => Finding::info(
            "never-asked",
            at.saying("asked for here"),
            format!("{name} is asked for here, though naptr_build is 0"),
        )
        .note(
            "without NAPTR records, naptr_build 0 asks DNS for _sip._udp alone; static records of the \
             other services are taken all the same, as the guide's Example 2 wants",
        )
        .help("hardware phones may need account.X.naptr_build = 1 for it"),
        Asked::Never => Finding::error(
            "never-asked",
            at.saying("never asked for"),
            format!("no account asks for {} records of {name}", first.kind.to_ascii_uppercase()),
        )
        .note(wanted(case))
        .help(remedy(first.kind)),
    };
    let marks: Vec<Mark> = set.iter().map(|record| record.at(case)).collect();
    Some(more_lines(finding, marks.iter()))
}

/// What the accounts do ask for, in place of a record that nobody does.
fn wanted(case: &Case<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for place in case.lines.iter().flat_map(|line| line.used()) {
        let what = match (place.is_name(), place.port, place.transport) {
            (false, _, _) => format!("{} is an address", place.address),
            (true, 0, TransportType::DnsNaptr) => {
                format!("{} is asked for by NAPTR, SRV and address", place.address)
            }
            (true, 0, _) => format!(
                "{} is asked for by SRV of {} and address",
                place.address,
                place.transport_name()
            ),
            (true, port, _) => {
                format!("{} has port {port}: it is asked for by address alone", place.address)
            }
        };
        if !names.contains(&what) {
            names.push(what);
        }
    }
    names.truncate(3);
    names.join("; ")
}

fn remedy(kind: &str) -> &'static str {
    match kind {
        "a" => "give the record the name of a server, or of the target of one of its SRV records",
        "srv" => {
            "SRV takes port 0, and the name _sip._udp., _sip._tcp. or _sips._tcp. before that of the server"
        }
        _ => "NAPTR takes port 0 and transport_type 3, and the name of the server",
    }
}

fn dead_flag(case: &Case<'_>, record: &StaticNaptr) -> Option<Finding> {
    let leads_on = case.settings().common.static_records.naptr.iter();
    let is_chain = leads_on.clone().any(|other| same_name(&other.name, &record.replacement));
    let (what, why) = match &*record.flags {
        "S" | "A" => return None,
        "" if is_chain => return None,
        "" => (
            "no flag",
            "a blank flag asks for NAPTR records of the replacement, and there are none",
        ),
        "U" => ("flag U", "U says that no further question follows, and SIP needs one"),
        _ => ("flag P", "P is a protocol of its own that the phone does not speak"),
    };
    let at = case
        .written("dns_cache_naptr.N.flags", [record.index, 0])
        .unwrap_or_else(|| record_at(case, "dns_cache_naptr.N.replace", record.index));
    let is_service = record.replacement.starts_with('_');
    let flag = if is_service { "S" } else { "A" };
    let name = record_at(case, "dns_cache_naptr.N.name", record.index);
    let edits = case.set(("dns_cache_naptr.N.flags", [record.index, 0]), flag, &name).into_iter();
    let fix = Fix::new(format!("set the flag to {flag}"), Safety::Suggested, edits.collect());
    Some(
        Finding::warning(
            "static-naptr-flag",
            at,
            format!("static NAPTR record {} has {what}: nothing follows it", record.index),
        )
        .note(why)
        .fix(Some(fix)),
    )
}

/// `_sip_tcp.` for `_sip._tcp.` and other names that RFC 3263 does not have, wherever one stands.
fn spelled(case: &Case<'_>, places: &[(&str, u8, &str)]) -> Option<Finding> {
    let (pattern, index, name) = places.first()?;
    let lower = name.to_ascii_lowercase();
    let begins = |wrong: &str| lower.strip_prefix(wrong).is_some_and(|rest| rest.starts_with('.'));
    let (wrong, right, is_same) = MISSPELLED.into_iter().find(|(wrong, ..)| begins(wrong))?;
    let marks: Vec<Mark> = places
        .iter()
        .filter_map(|(pattern, index, _)| case.written(pattern, [*index, 0]))
        .collect();
    let edits = places.iter().zip(&marks).filter_map(|((_, _, name), mark)| {
        let value = format!("{right}{}", name.get(wrong.len()..)?);
        case.with_value(mark, &value)
    });
    let safety = if is_same { Safety::Safe } else { Safety::Suggested };
    let note = match is_same {
        true => {
            "the guide prints it so, and this phone takes either spelling; DNS and other phones have \
             that of RFC 3263"
        }
        false => "RFC 3263 has no such service: SIP over TLS is _sips._tcp",
    };
    let mark = case.written(pattern, [*index, 0])?;
    let finding = Finding::warning(
        "srv-name",
        mark.saying(format!("{right} in RFC 3263")),
        format!("{wrong} is spelled {right}"),
    )
    .note(note)
    .fix(Some(Fix::new(format!("write {right}"), safety, edits.collect())));
    Some(more_lines(finding, marks.iter()))
}

/// What is written, what is meant, and whether the phone takes both for one (A25).
const MISSPELLED: [(&str, &str, bool); 6] = [
    ("_sip_udp", "_sip._udp", true),
    ("_sip_tcp", "_sip._tcp", true),
    ("_sips_tcp", "_sips._tcp", true),
    ("_sip._tls", "_sips._tcp", false),
    ("_sip_tls", "_sips._tcp", false),
    ("_sips._tls", "_sips._tcp", false),
];

fn service_differs(case: &Case<'_>, record: &StaticNaptr) -> Option<Finding> {
    if &*record.flags != "S" {
        return None;
    }
    let replacement = bare(&record.replacement);
    let begins =
        |names: &[&str]| names.iter().any(|name| replacement.starts_with(&format!("{name}.")));
    let fits = match record.service.to_ascii_uppercase().as_str() {
        "SIP+D2U" => begins(&["_sip._udp", "_sip_udp"]),
        "SIP+D2T" => begins(&["_sip._tcp", "_sip_tcp"]),
        "SIPS+D2T" => begins(&["_sips._tcp", "_sips_tcp", "_sip._tls", "_sip_tls"]),
        _ => true,
    };
    let is_service = replacement.starts_with('_');
    if fits || !is_service {
        return None;
    }
    let service = case.written("dns_cache_naptr.N.service", [record.index, 0]);
    Some(
        Finding::warning(
            "srv-name",
            record_at(case, "dns_cache_naptr.N.replace", record.index),
            format!(
                "{} does not fit the service {}",
                shown(&record.replacement),
                shown(&record.service)
            ),
        )
        .see(service)
        .note("the transport comes from the service: what answers there may speak another one")
        .help("SIP+D2U leads to _sip._udp, SIP+D2T to _sip._tcp, SIPS+D2T to _sips._tcp"),
    )
}

fn equal_rank(case: &Case<'_>, records: &[StaticNaptr]) -> Vec<Finding> {
    let mut sets = Grouped::new();
    for record in records {
        sets.add((bare(&record.name), record.order, record.preference), record);
    }
    let findings = sets.groups().filter_map(|set| {
        let (first, others) = set.split_first()?;
        let other =
            others.iter().find(|other| !other.service.eq_ignore_ascii_case(&first.service))?;
        Some(
            Finding::warning(
                "srv-name",
                record_at(case, "dns_cache_naptr.N.name", other.index),
                format!(
                    "{} and {} have the same order and preference",
                    shown(&first.service),
                    shown(&other.service)
                ),
            )
            .see([record_at(case, "dns_cache_naptr.N.name", first.index)])
            .note("which transport comes first is left to the order of the records")
            .help("give the one that is preferred a lower preference"),
        )
    });
    findings.collect()
}

fn unused_while_dns_answers(case: &Case<'_>, records: &[Record<'_>]) -> Option<Finding> {
    let line = case.lines.iter().find(|line| !line.policy().static_cache_pri)?;
    let is_asked =
        |record: &&Record<'_>| matches!(record.asked, Asked::Yes | Asked::WithNaptrBuild);
    let mut asked = records.iter().filter(is_asked);
    let first = asked.next()?;
    let what = match asked.count() {
        0 => "this static record serves".to_owned(),
        more => format!("{} static records serve", more + 1),
    };
    Some(
        Finding::info(
            "static-unused",
            first.at(case),
            format!("{what} where DNS has no answer"),
        )
        .note(
            "static_cache_pri is 0: while DNS answers, its records come first, and next hops of static \
             records follow them at most",
        )
        .help("account.X.static_cache_pri = 1 takes the static records first")
        .of_account(line.number),
    )
}

fn weights(case: &Case<'_>, records: &[StaticSrv]) -> Option<Finding> {
    if case.settings().common.srv_weight != SrvWeight::Guide || case.lines.is_empty() {
        return None;
    }
    let differ = records.iter().find_map(|record| {
        let other = records.iter().find(|other| {
            same_name(&other.name, &record.name)
                && other.priority == record.priority
                && other.weight > record.weight
        })?;
        Some((record, other))
    });
    let finding = match differ {
        Some((light, heavy)) => {
            let at = |record: &StaticSrv| {
                case.written("dns_cache_srv.N.weight", [record.index, 0])
                    .unwrap_or_else(|| record_at(case, "dns_cache_srv.N.name", record.index))
            };
            Finding::info("weights", at(heavy).saying("always first"), of_weights(&heavy.target))
                .see([at(light).saying("only if that fails")])
        }
        None => by_dns(case)?,
    };
    Some(
        finding
            .note("weights do not spread load on this phone: of one priority the heaviest is asked first, as the guide says")
            .help("equal weights spread phones by their MAC; sureline.srv_weight = rfc2782 rolls the weighted die"),
    )
}

fn of_weights(target: &str) -> String {
    format!("every phone asks {} first", shown(target))
}

/// The same of records that DNS gave.
fn by_dns(case: &Case<'_>) -> Option<Finding> {
    for line in &case.lines {
        for place in line.used() {
            let Known::Exactly(hops) = &place.known else { continue };
            let hops = hops.order(0);
            let heavy = hops.iter().find(|hop| {
                hops.iter().any(|other| {
                    other.priority == hop.priority
                        && other.transport == hop.transport
                        && other.weight < hop.weight
                })
            });
            let Some(heavy) = heavy.filter(|hop| hop.source != Source::Static) else { continue };
            let at = super::servers::at(case, line, place, "address");
            return Some(Finding::info("weights", at, of_weights(heavy.server.as_ref())));
        }
    }
    None
}
