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
