//! The settings of a phone as a form shows them.

use desk::{Field, Refused, Sheet};
use params::{Key, Row, When, rows};

use super::config::{Config, keys_of};

/// What is read once, when the sockets are bound and the phone registers first.
const AT_START: [&str; 8] = [
    "sip.listen_mode",
    "sip.listen_port",
    "sip.reg_surge_prevention",
    "sip.tls_listen_port",
    "static.security.ca_cert",
    "static.security.cn_validation",
    "static.security.trust_certificates",
    "static.trusted_certificates.url",
];

/// Everything of one account, or of none, that has a place on the web page.
pub(super) fn sheet(config: &Config, account: Option<u8>) -> Result<Sheet, Refused> {
    let account = account.map(|number| config.existing(number)).transpose()?;
    let view = config.view();
    let device = view.device();
    let fields = keys(config, account).map(|key| (key.to_string(), field(config, key)));
    Ok(Sheet {
        phone: device.mac.to_string(),
        model: device.model.to_string(),
        firmware: device.firmware.number(),
        profile: view.profile().value().into(),
        account_max: device.model.account_max(),
        revision: revision(config, account),
        fields: fields.collect(),
    })
}

/// What the values of a scope are known by: another value is another revision, of a secret too.
pub(super) fn revision(config: &Config, account: Option<u8>) -> String {
    let view = config.view();
    let lines = keys(config, account).map(|key| format!("{key}={}\n", view.value(key)));
    config.kept().mark(&lines.collect::<String>())
}

fn keys(config: &Config, account: Option<u8>) -> impl Iterator<Item = Key> {
    let device = *config.view().device();
    let shown = move |row: &&'static Row| {
        let belongs = row.is_of_account() == account.is_some();
        belongs && row.web.is_some() && row.is_read_by(device.model, device.firmware)
    };
    rows().filter(shown).flat_map(move |row| keys_of(row, account))
}

fn field(config: &Config, key: Key) -> Field {
    let (view, row) = (config.view(), key.row());
    let value = if row.secret { "" } else { view.value(key) };
    Field {
        value: value.to_owned(),
        default: row.default_in(view.profile()).to_owned(),
        source: view.written(key).map(|written| written.origin.to_string()),
        idle: view.unmet(key).map(|when| unmet(key, when)),
        fixed: config.is_open(key).err(),
        at_start: AT_START.contains(&row.pattern),
    }
}

/// What would have to be so, in the words of the page.
fn unmet(key: Key, when: When) -> String {
    match when {
        When::Is(pattern, values) => is(key, pattern, values),
        When::Set(pattern) => format!("{} is set", named(key, pattern)),
        When::Name(pattern) => format!("{} is a domain name", named(key, pattern)),
        When::AnyIs(pairs) => {
            let each: Vec<_> =
                pairs.iter().map(|(pattern, value)| is(key, pattern, &[value])).collect();
            each.join(" or ")
        }
    }
}

fn is(key: Key, pattern: &str, values: &[&str]) -> String {
    let labelled = |value: &&str| {
        let choices = key.related(pattern).map_or(&[][..], |it| it.row().kind.choices());
        let choice = choices.iter().find(|choice| choice.value == *value);
        choice.map_or_else(|| (*value).to_owned(), |choice| choice.label.to_owned())
    };
    let values: Vec<_> = values.iter().map(labelled).collect();
    format!("{} is {}", named(key, pattern), values.join(" or "))
}

/// The field of the page: its heading and label, or the key where no page has it.
fn named(key: Key, pattern: &str) -> String {
    let Some(related) = key.related(pattern) else { return pattern.to_owned() };
    let Some(place) = related.row().web else { return related.to_string() };
    // Beside the field itself its heading need not be said.
    let is_near = key.row().web.is_some_and(|own| own.section == place.section);
    let section = if is_near && key.numbers() == related.numbers() { "" } else { place.section };
    let parts = [section, place.label].into_iter().filter(|part| !part.is_empty());
    let name = parts.collect::<Vec<_>>().join(" → ");
    let [_, server] = related.numbers();
    name.replace("Server Y", &format!("Server {server}"))
}
