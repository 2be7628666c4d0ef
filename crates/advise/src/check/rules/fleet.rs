//! What holds for all accounts and all phones: defaults, passwords, and what many phones do together.

use params::{Layer, TransportType};

use super::{Out, more_lines};
use crate::check::case::Case;
use crate::check::files::File;
use crate::check::finding::{Finding, Mark};
use crate::check::places::Line;

pub(crate) fn behaviour(case: &Case<'_>, out: &mut Out<'_>) {
    out.extend(storm(case));
    out.extend(our_defaults(case));
}

pub(crate) fn secrets(case: &Case<'_>, out: &mut Out<'_>) {
    for name in case.options.readable_by_all {
        out.extend(case.files().named(name).and_then(|file| shown_password(case, file)));
    }
    out.extend(default_password(case));
}

fn storm(case: &Case<'_>) -> Option<Finding> {
    let common = &case.settings().common;
    let is_fixed = |line: &&Line| {
        let policy = line.policy();
        policy.reg_failed_retry_min_time_s == 0 && policy.reg_failed_retry_max_time_s == 0
    };
    if common.reg_surge_prevention_s > 0 {
        return None;
    }
    let line = case.lines.iter().find(is_fixed)?;
    let file = case.files().iter().find(|file| is_for_many(case, file))?;
    let at = case.written("sip.reg_surge_prevention", [0, 0]).unwrap_or_else(|| file.whole());
    let every = line.policy().reg_fail_retry_interval_s.max(1);
    let least = every * 8 / 10;
    Some(
        Finding::warning("storm", at, "many phones with this file register all at once")
            .note(format!(
                "after a power cut all of them begin at the same moment (sip.reg_surge_prevention 0), and \
                 while the server is away each tries again every {least} to {every} s, without growing pauses"
            ))
            .help(
                "set sip.reg_surge_prevention to 60, account.X.reg_failed_retry_min_time to 30 and \
                 account.X.reg_failed_retry_max_time to 1800",
            ),
    )
}

/// Whether a file is for many phones: a common file that names no user.
fn is_for_many(case: &Case<'_>, file: &File) -> bool {
    let names_user = case.layers().assignments().iter().any(|line| {
        *line.origin.file == *file.name
            && line.key.row().pattern == "account.X.user_name"
            && !line.value.is_empty()
    });
    file.layer == Layer::Common && !file.is_boot() && !names_user
}

/// Defaults of ours that are safer than the vendor's, as far as they act on these accounts.
fn our_defaults(case: &Case<'_>) -> Option<Finding> {
    let line = case.lines.first()?;
    let mut notes = Vec::new();
    for row in params::rows() {
        let Some(vendors) = row.vendor_default else { continue };
        let numbers = [if row.is_of_account() { line.number } else { 0 }, 0];
        let Some(key) = Case::key(row.pattern, numbers) else { continue };
        let is_default = case.view.written(key).is_none();
        if is_default && case.view.acts(key) && acts_on(case, row.pattern) {
            notes.push(format!("{key} is {} where the vendor has {vendors}", row.default));
        }
    }
    if notes.is_empty() {
        return None;
    }
    let message = match notes.len() {
        1 => "a default here is safer than the vendor's".to_owned(),
        count => format!("{count} defaults here are safer than the vendor's"),
    };
    let finding = Finding::info("our-default", case.anywhere(), message);
    let finding = notes.into_iter().fold(finding, Finding::note);
    Some(finding.help("a value in a file wins over either"))
}

fn acts_on(case: &Case<'_>, pattern: &str) -> bool {
    let mut places = case.lines.iter().flat_map(|line| line.used());
    match pattern {
        "static.security.cn_validation" => {
            places.any(|place| place.transport == TransportType::Tls)
        }
        "static.network.dns.last_cache_expired.enable" | "sip.skip_redundant_failover_addr" => {
            places.any(|place| place.is_name())
        }
        // The figure belongs to the switch above.
        "static.network.dns.last_cache_expired" => false,
        _ => true,
    }
}

fn shown_password(case: &Case<'_>, file: &File) -> Option<Finding> {
    let mut secrets = case.layers().assignments().iter().filter(|line| {
        *line.origin.file == *file.name && line.key.row().secret && !line.value.is_empty()
    });
    let first = secrets.next()?;
    let marks: Vec<Mark> = secrets.map(|line| case.key_at(line)).collect();
    let finding = Finding::warning(
        "password-shown",
        case.key_at(first).saying("a password"),
        "every user of this machine can read this file, and it holds passwords",
    )
    .help("take the right to read it from others: chmod 640");
    Some(more_lines(finding, marks.iter()))
}

/// Guide: "default password: admin".
fn default_password(case: &Case<'_>) -> Option<Finding> {
    let admin = case.value("static.security.user_name.admin", [0, 0]);
    let line = case.layers().assignments().iter().find(|line| {
        line.key.row().pattern == "static.security.user_password"
            && line.value.split_once(':').is_some_and(|(user, password)| {
                (user == admin || user == "admin") && password == "admin"
            })
    })?;
    Some(
        Finding::warning(
            "default-password",
            case.key_at(line).saying("the password that everybody knows"),
            "the administrator has the default password",
        )
        .note("on a hardware phone anybody in its network can log in with it")
        .help("set another one: static.security.user_password = admin:…"),
    )
}
