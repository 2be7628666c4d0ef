//! A field of a form: its control, its help and what is wrong with it, from the row of the table.

use desk::{Field, Settings, Sheet};
use params::{Between, Key, Kind, State};

use super::place::{Layout, Place, Records, Section};

/// One field as the page shows it.
#[derive(Debug)]
pub(super) struct FieldView {
    pub(super) key: String,
    pub(super) label: String,
    /// What a screen reader calls it, where the label alone says too little.
    pub(super) spoken: Option<String>,
    pub(super) value: String,
    /// Where there is a list to choose from.
    pub(super) options: Vec<Choice>,
    pub(super) is_secret: bool,
    /// A secret that has a value can be removed.
    pub(super) has_secret: bool,
    pub(super) is_number: bool,
    pub(super) placeholder: String,
    pub(super) effect: &'static str,
    pub(super) permitted: String,
    pub(super) default: String,
    pub(super) source: Option<String>,
    /// Why it does nothing as things are, unless the field above says the same.
    pub(super) idle: Option<String>,
    pub(super) is_idle: bool,
    pub(super) unused: Option<&'static str>,
    pub(super) fixed: Option<String>,
    pub(super) at_start: bool,
    pub(super) error: Option<String>,
    /// What somebody else has set meanwhile.
    pub(super) meanwhile: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) chosen: bool,
}

/// A heading with its fields.
#[derive(Debug)]
pub(super) struct SectionView {
    pub(super) title: String,
    /// Why none of them does anything as things are.
    pub(super) idle: Option<String>,
    pub(super) lines: Vec<Vec<FieldView>>,
}

/// A table of records.
#[derive(Debug)]
pub(super) struct RecordsView {
    pub(super) title: String,
    pub(super) columns: Vec<&'static str>,
    /// Those with a value, and two blank ones.
    pub(super) shown: Vec<RecordView>,
    pub(super) further: Vec<RecordView>,
}

#[derive(Debug)]
pub(super) struct RecordView {
    pub(super) number: usize,
    pub(super) cells: Vec<FieldView>,
}

/// What fields show instead of what the sheet says.
#[derive(Debug, Default)]
pub(super) struct Entered {
    /// As typed.
    pub(super) values: Settings,
    pub(super) errors: Settings,
    /// By key, in words.
    pub(super) meanwhile: Settings,
}

/// All of a form.
#[derive(Debug)]
pub(super) struct FormView {
    pub(super) sections: Vec<SectionView>,
    pub(super) records: Vec<RecordsView>,
    pub(super) idle: Vec<FieldView>,
}

impl FormView {
    pub(super) fn new(layout: &Layout, sheet: &Sheet, entered: &Entered) -> Self {
        let view = |place: &Place| FieldView::new(place, sheet, entered);
        let line = |line: &Vec<Place>| line.iter().map(view).collect();
        let section = |section: &Section| SectionView::new(section, &line);
        Self {
            sections: layout.sections.iter().map(section).collect(),
            records: layout.records.iter().map(|it| records(it, sheet, entered)).collect(),
            idle: layout.idle.lines.iter().flatten().map(view).collect(),
        }
    }

    /// Every field with an error, for the list above the form.
    pub(super) fn wrong(&self) -> Vec<&FieldView> {
        let lines = self.sections.iter().flat_map(|section| section.lines.iter().flatten());
        let records = self.records.iter().flat_map(|it| it.shown.iter().chain(&it.further));
        let all = lines.chain(records.flat_map(|it| &it.cells)).chain(&self.idle);
        all.filter(|field| field.error.is_some()).collect()
    }
}

impl SectionView {
    fn new(section: &Section, line: &impl Fn(&Vec<Place>) -> Vec<FieldView>) -> Self {
        let mut lines: Vec<Vec<FieldView>> = section.lines.iter().map(line).collect();
        let fields = || lines.iter().flatten();
        let first = fields().next().and_then(|field| field.idle.clone());
        let shared = first.filter(|idle| {
            fields().count() > 1 && fields().all(|field| field.idle.as_ref() == Some(idle))
        });
        let mut before = shared.clone();
        for field in lines.iter_mut().flatten() {
            if field.idle.is_some() && field.idle == before {
                field.idle = None;
            } else {
                before.clone_from(&field.idle);
            }
        }
        let spoken = |field: &FieldView| format!("{} {}", section.title, field.label);
        for line in &mut lines {
            let host = line.first().map(|first| first.label.clone());
            for (nth, field) in line.iter_mut().enumerate() {
                field.spoken = match &host {
                    Some(host) if nth > 0 => Some(format!("{host} {}", field.label)),
                    _ => (!section.title.is_empty()).then(|| spoken(field)),
                };
            }
        }
        Self { title: section.title.clone(), idle: shared, lines }
    }
}

impl FieldView {
    fn new(place: &Place, sheet: &Sheet, entered: &Entered) -> Self {
        let (key, row) = (place.key.to_string(), place.key.row());
        let none = Field::default();
        let field = sheet.fields.get(&key).unwrap_or(&none);
        let value = entered.values.get(&key).unwrap_or(&field.value).clone();
        let value = if row.secret { String::new() } else { value };
        Self {
            options: options(row.kind, place.key, &value),
            is_secret: row.secret,
            has_secret: row.secret && field.source.is_some(),
            is_number: is_number(row.kind),
            placeholder: if row.secret && field.source.is_some() {
                "••••••••"
            } else {
                ""
            }
            .to_owned(),
            effect: row.effect,
            permitted: permitted(row.kind),
            default: labelled(row.kind, &field.default),
            source: field.source.clone(),
            idle: field.idle.clone(),
            is_idle: field.idle.is_some() || row.state != State::Works,
            unused: match row.state {
                State::Works => None,
                State::NotUsed(reason) => Some(reason),
            },
            fixed: field.fixed.clone(),
            at_start: field.at_start,
            error: entered.errors.get(&key).cloned(),
            meanwhile: entered.meanwhile.get(&key).cloned(),
            label: place.label.clone(),
            spoken: None,
            value,
            key,
        }
    }

    /// Whether the value is not the default.
    pub(super) fn is_set(&self) -> bool {
        self.source.is_some()
    }
}

fn records(records: &Records, sheet: &Sheet, entered: &Entered) -> RecordsView {
    let cell = |number: usize, key: &Key, label: &&'static str| {
        let place = Place { key: *key, label: (*label).to_owned() };
        let spoken = format!("{} {number} {label}", records.title);
        FieldView { spoken: Some(spoken), ..FieldView::new(&place, sheet, entered) }
    };
    let rows = (1..).zip(&records.rows).map(|(number, keys)| {
        let cells = keys.iter().zip(&records.columns);
        RecordView { number, cells: cells.map(|(key, label)| cell(number, key, label)).collect() }
    });
    let mut shown: Vec<_> = rows.collect();
    let is_filled = |cell: &FieldView| !cell.value.is_empty() && cell.value != cell.default;
    let is_used = |row: &RecordView| {
        row.cells.iter().any(|cell| cell.is_set() || cell.error.is_some() || is_filled(cell))
    };
    let used = shown.iter().rposition(is_used).map_or(0, |last| last + 1);
    let further = shown.split_off((used + BLANK_ROWS).min(shown.len()));
    RecordsView { title: records.title.clone(), columns: records.columns.clone(), shown, further }
}

/// How many blank rows follow those in use.
const BLANK_ROWS: usize = 2;

fn options(kind: Kind, key: Key, value: &str) -> Vec<Choice> {
    let choices = kind.choices();
    if choices.is_empty() {
        return Vec::new();
    }
    let mut options: Vec<(String, String)> =
        choices.iter().map(|choice| (choice.value.to_owned(), choice.label.to_owned())).collect();
    if let Kind::MinusOneOr(_) = kind {
        let [_, server] = key.numbers();
        options.insert(0, ("-1".to_owned(), format!("as SIP Server {server}")));
    }
    if !options.iter().any(|(known, _)| known == value) {
        options.insert(0, (value.to_owned(), value.to_owned()));
    }
    options
        .into_iter()
        .map(|(known, label)| Choice { chosen: known == value, value: known, label })
        .collect()
}

fn is_number(kind: Kind) -> bool {
    match kind {
        Kind::Integer { .. } | Kind::ZeroOr { .. } | Kind::Decimal { .. } => true,
        Kind::MinusOneOr(inner) => is_number(*inner),
        Kind::Switch
        | Kind::Choice(_)
        | Kind::Text { .. }
        | Kind::Host
        | Kind::Domain
        | Kind::Address
        | Kind::NaptrFlag
        | Kind::FailoverCodes
        | Kind::TimeOfDay
        | Kind::Weekdays => false,
    }
}

fn permitted(kind: Kind) -> String {
    let choices = kind.choices();
    if !choices.is_empty() {
        let each = choices.iter().map(|choice| format!("{} {}", choice.value, choice.label));
        return each.collect::<Vec<_>>().join(", ");
    }
    if let Kind::ZeroOr { min, between: Between::CountsAsLeast, .. } = kind {
        return format!("{kind}; 1 to {} count as {min}", min - 1);
    }
    kind.to_string()
}

/// A value with its label, where it has one.
pub(super) fn labelled(kind: Kind, value: &str) -> String {
    match kind.choices().iter().find(|choice| choice.value == value) {
        Some(choice) if choice.label != value => format!("{value} {}", choice.label),
        Some(_) | None if value.is_empty() => "blank".to_owned(),
        Some(_) | None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use params::WebPage;

    use super::*;

    fn sheet(layout: &Layout, set: &[(&str, &str)]) -> Sheet {
        let set: BTreeMap<&str, &str> = set.iter().copied().collect();
        let field = |key: Key| {
            let name = key.to_string();
            let written = set.get(name.as_str());
            let field = Field {
                value: (*written.unwrap_or(&key.row().default)).to_owned(),
                default: key.row().default.to_owned(),
                source: written.map(|_| "phone.cfg:1".to_owned()),
                ..Field::default()
            };
            (name, field)
        };
        Sheet {
            phone: "001565000001".into(),
            model: "SIP-T46G".into(),
            firmware: 81,
            profile: "compat".into(),
            account_max: 16,
            revision: "r".into(),
            fields: layout.keys().map(field).collect(),
        }
    }

    fn form(
        page: WebPage,
        account: Option<u8>,
        set: &[(&str, &str)],
        entered: &Entered,
    ) -> FormView {
        let layout = Layout::of(page, account, |_| true);
        FormView::new(&layout, &sheet(&layout, set), entered)
    }

    fn find<'a>(form: &'a FormView, key: &str) -> &'a FieldView {
        let lines = form.sections.iter().flat_map(|section| section.lines.iter().flatten());
        let all = lines.chain(&form.idle);
        all.into_iter().find(|field| field.key == key).unwrap_or_else(|| panic!("no {key}"))
    }

    #[test]
    fn controls_help_and_default_come_from_the_table() {
        let set = [("account.1.sip_server.1.transport_type", "3")];
        let form = form(WebPage::AccountRegister, Some(1), &set, &Entered::default());
        let transport = find(&form, "account.1.sip_server.1.transport_type");
        let options: Vec<_> =
            transport.options.iter().map(|it| (it.label.as_str(), it.chosen)).collect();
        assert_eq!(options, [("UDP", false), ("TCP", false), ("TLS", false), ("DNS-NAPTR", true)]);
        assert_eq!(transport.spoken.as_deref(), Some("SIP Server 1 Transport"));
        assert!(transport.is_set() && !transport.effect.is_empty());
        let port = find(&form, "account.1.sip_server.2.port");
        assert!(port.is_number && !port.is_set());
        assert_eq!((port.value.as_str(), port.default.as_str()), ("5060", "5060"));
        assert_eq!(port.permitted, "0 to 65535");
    }

    #[test]
    fn a_secret_shows_that_it_is_there_and_nothing_else() {
        let entered = Entered {
            values: [("account.1.password".to_owned(), "typed".to_owned())].into(),
            ..Entered::default()
        };
        let set = [("account.1.password", "hush")];
        let form = form(WebPage::AccountRegister, Some(1), &set, &entered);
        let password = find(&form, "account.1.password");
        assert!(password.is_secret && password.has_secret);
        assert_eq!(password.value, "");
        assert!(!format!("{form:?}").contains("hush") && !format!("{form:?}").contains("typed"));
    }

    #[test]
    fn a_key_of_a_proxy_can_follow_its_server() {
        let form = form(WebPage::AccountAdvanced, Some(1), &[], &Entered::default());
        let mode = find(&form, "account.1.outbound_proxy.2.failback_mode");
        let [first, ..] = &mode.options[..] else { panic!("no options") };
        assert_eq!((first.value.as_str(), first.label.as_str()), ("-1", "as SIP Server 2"));
        assert!(first.chosen);
        assert!(find(&form, "account.1.outbound_proxy.2.retry_counts").options.is_empty());
    }

    #[test]
    fn records_in_use_are_shown_with_two_blank_ones_behind() {
        let shown = |set: &[(&str, &str)], entered: &Entered| {
            let form = form(WebPage::NetworkDns, None, set, entered);
            let [a, ..] = &form.records[..] else { panic!("no records") };
            (a.shown.len(), a.further.len())
        };
        assert_eq!(shown(&[], &Entered::default()), (2, 10));
        let third = [("dns_cache_a.3.name", "pbx.test")];
        assert_eq!(shown(&third, &Entered::default()), (5, 7));
        let typed = Entered {
            values: [("dns_cache_a.12.ip".to_owned(), "192.0.2.1".to_owned())].into(),
            ..Entered::default()
        };
        assert_eq!(shown(&[], &typed), (12, 0));
    }

    #[test]
    fn a_reason_that_several_fields_share_is_said_once() {
        let layout = Layout::of(WebPage::AccountRegister, Some(1), |_| true);
        let mut sheet = sheet(&layout, &[]);
        for (key, field) in &mut sheet.fields {
            if key.contains("outbound_proxy.") {
                field.idle = Some("Enable Outbound Proxy Server is Enabled".into());
            }
        }
        let form = FormView::new(&layout, &sheet, &Entered::default());
        let said: Vec<_> = form
            .sections
            .iter()
            .flat_map(|section| section.lines.iter().flatten())
            .filter(|field| field.idle.is_some())
            .map(|field| field.key.as_str())
            .collect();
        assert_eq!(said, ["account.1.outbound_proxy.1.address"]);
        assert!(find(&form, "account.1.outbound_proxy.2.port").is_idle);
    }

    #[test]
    fn what_is_wrong_is_listed_wherever_it_stands() {
        let wrong = ["account.1.label", "dns_cache_srv.9.port"];
        let errors = wrong.map(|key| (key.to_owned(), "permitted are".to_owned()));
        let entered = Entered { errors: errors.into(), ..Entered::default() };
        for (page, account, key) in
            [(WebPage::AccountRegister, Some(1), wrong[0]), (WebPage::NetworkDns, None, wrong[1])]
        {
            let form = form(page, account, &[], &entered);
            let listed: Vec<_> = form.wrong().iter().map(|field| field.key.clone()).collect();
            assert_eq!(listed, [key]);
        }
    }
}
