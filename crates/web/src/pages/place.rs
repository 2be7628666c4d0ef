//! Which fields stand on a page, in which order and under which heading: from the table of
//! parameters alone.

use std::collections::BTreeSet;

use params::{Key, Row, State, WebPage, rows};

/// A heading and the fields below it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    /// Blank where the page itself is the heading.
    pub(super) title: String,
    /// Fields that stand on one line, such as a host and its port.
    pub(super) lines: Vec<Vec<Place>>,
}

/// A field and what it is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: Key,
    pub(super) label: String,
}

/// A table of numbered records, one key a cell.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Records {
    pub(super) title: String,
    pub(super) columns: Vec<&'static str>,
    pub(super) rows: Vec<Vec<Key>>,
}

/// Everything on one page.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) sections: Vec<Section>,
    pub(super) records: Vec<Records>,
    /// What is accepted without doing anything here.
    pub(super) idle: Section,
}

impl Layout {
    /// The page `page` of an account, or of none, with those keys that `is_there` says are read.
    pub(super) fn of(page: WebPage, account: Option<u8>, is_there: impl Fn(Key) -> bool) -> Self {
        let mut layout = Self::default();
        let on_page = rows().filter(|row| row.web.is_some_and(|place| place.page == page));
        let (numbered, single): (Vec<_>, Vec<_>) = on_page.partition(|row| row.n_max > 0);
        for key in expanded(&single, account).into_iter().filter(|key| is_there(*key)) {
            layout.put(key);
        }
        layout.records = records(&numbered);
        layout
    }

    /// Every key of the page.
    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        let sections = self.sections.iter().chain([&self.idle]);
        let places = sections.flat_map(|section| section.lines.iter().flatten());
        let records = self.records.iter().flat_map(|records| records.rows.iter().flatten());
        places.map(|place| place.key).chain(records.copied())
    }

    fn put(&mut self, key: Key) {
        let row = key.row();
        let Some(web) = row.web else { return };
        let (title, label) = (numbered_text(web.section, key), numbered_text(web.label, key));
        let place = Place { key, label };
        // What the guide shows stays where the guide shows it.
        if row.state != State::Works && !web.in_guide {
            let label = [title.as_str(), &place.label].into_iter().filter(|part| !part.is_empty());
            let label = label.collect::<Vec<_>>().join(": ");
            return self.idle.lines.push(vec![Place { label, ..place }]);
        }
        let last = self.sections.last_mut().and_then(|section| section.lines.last_mut());
        if let Some(line) = last.filter(|line| belongs_beside(line, &title)) {
            return line.push(place);
        }
        let section = match title.is_empty() {
            true => self.sections.last_mut().filter(|section| section.title.is_empty()),
            false => self.sections.iter_mut().find(|section| section.title == title),
        };
        match section {
            Some(section) => section.lines.push(vec![place]),
            None => self.sections.push(Section { title, lines: vec![vec![place]] }),
        }
    }
}

/// A port stands beside its host: its heading is the host's label.
fn belongs_beside(line: &[Place], title: &str) -> bool {
    line.first().is_some_and(|first| first.label == title)
}

/// The keys of rows: what exists for server 1 and 2 comes first for server 1, then for server 2.
fn expanded(rows: &[&'static Row], account: Option<u8>) -> Vec<Key> {
    let family = |row: &Row| row.pattern.split_once(".Y.").map(|(prefix, _)| prefix);
    let mut keys = Vec::new();
    for rows in rows.chunk_by(|a, b| family(a) == family(b)) {
        let servers = rows.first().and_then(|row| family(row)).map_or(0..=0, |_| 1..=2);
        for server in servers {
            let numbers = [account.map_or(0, u16::from), server];
            keys.extend(rows.iter().filter_map(|row| Key::of(row.pattern, numbers)));
        }
    }
    keys
}

fn records(rows: &[&'static Row]) -> Vec<Records> {
    let title = |row: &Row| row.web.map_or("", |web| web.section);
    let tables = rows.chunk_by(|a, b| title(a) == title(b));
    let of = |rows: &[&'static Row]| {
        let n_max = rows.iter().map(|row| row.n_max).max().unwrap_or_default();
        let key = |row: &&'static Row, number| Key::of(row.pattern, [number, 0]);
        Records {
            title: rows.first().map_or("", |row| title(row)).trim_end_matches(" N").to_owned(),
            columns: rows.iter().filter_map(|row| row.web.map(|web| web.label)).collect(),
            rows: (1..=n_max)
                .map(|number| rows.iter().filter_map(|row| key(row, number)).collect())
                .collect(),
        }
    };
    tables.map(of).collect()
}

/// A heading or label of the table with the number of the server in it.
fn numbered_text(text: &str, key: Key) -> String {
    let [_, server] = key.numbers();
    let words = text.split(' ');
    let words = words.map(|word| if word == "Y" { server.to_string() } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" ")
}

/// The pages that exist, with their place in the menu.
pub(super) fn pages() -> BTreeSet<WebPage> {
    rows().filter_map(|row| row.web.map(|web| web.page)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use params::{Device, Firmware};

    use super::*;

    fn layout(page: WebPage, account: Option<u8>, firmware: Firmware) -> Layout {
        let model = Device::default().model;
        Layout::of(page, account, |key| key.row().is_read_by(model, firmware))
    }

    fn outline(layout: &Layout) -> Vec<String> {
        let mut lines = Vec::new();
        for section in &layout.sections {
            lines.extend((!section.title.is_empty()).then(|| format!("[{}]", section.title)));
            for line in &section.lines {
                lines.push(line.iter().map(|it| it.label.as_str()).collect::<Vec<_>>().join(" | "));
            }
        }
        lines
    }

    #[test]
    fn account_register_has_the_fields_of_the_guide_in_its_order_and_words() {
        let page = outline(&layout(WebPage::AccountRegister, Some(1), Firmware::V81));
        let server = ["Server Host", "Port", "Transport", "Server Expires", "Server Retry Counts"];
        let mut expected =
            vec!["Line Active", "Label", "Display Name", "Register Name", "User Name", "Password"];
        expected.push("[SIP Server 1]");
        expected.extend(server);
        expected.push("[SIP Server 2]");
        expected.extend(server);
        assert_eq!(page[..expected.len()], expected);
        let rest: Vec<_> = page[expected.len()..].to_vec();
        assert_eq!(
            rest,
            [
                "Enable Outbound Proxy Server",
                "Outbound Proxy Server 1 | Port",
                "Outbound Proxy Server 2 | Port",
                "Proxy Fallback Interval",
                "NAT"
            ]
        );
    }

    #[test]
    fn firmware_80_shows_the_same_fields_under_its_own_keys() {
        let [old, new] = [Firmware::V80, Firmware::V81]
            .map(|firmware| layout(WebPage::AccountRegister, Some(3), firmware));
        assert_eq!(outline(&old), outline(&new));
        let keys: Vec<_> = old.keys().map(|key| key.to_string()).collect();
        assert!(keys.contains(&"account.3.backup_outbound_host".to_owned()), "{keys:?}");
        assert!(!keys.contains(&"account.3.outbound_proxy.1.address".to_owned()));
    }

    #[test]
    fn every_parameter_with_a_place_stands_on_exactly_one_page() {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for page in pages() {
            let of_account = matches!(page, WebPage::AccountRegister | WebPage::AccountAdvanced);
            let layout = Layout::of(page, of_account.then_some(2), |_| true);
            for key in layout.keys() {
                assert_eq!(key.account().is_some(), of_account, "{key}");
                *counts.entry(key.to_string()).or_default() += 1;
            }
        }
        assert!(counts.values().all(|count| *count == 1), "{counts:?}");
        for row in rows().filter(|row| row.web.is_some()) {
            let servers = if row.pattern.contains(".Y.") { 2 } else { 1 };
            let records = row.n_max.max(1);
            for number in 1..=servers.max(records) {
                let account = if row.is_of_account() { 2 } else { number };
                let key = Key::of(row.pattern, [account, number]).unwrap();
                assert_eq!(counts.get(&key.to_string()), Some(&1), "{key}");
            }
        }
    }

    #[test]
    fn static_records_are_tables_of_twelve() {
        let layout = layout(WebPage::NetworkDns, None, Firmware::V81);
        let titles: Vec<_> = layout.records.iter().map(|it| it.title.as_str()).collect();
        assert_eq!(titles, ["Static A Record", "Static SRV Record", "Static NAPTR Record"]);
        let [a, ..] = &layout.records[..] else { panic!("no records") };
        assert_eq!((a.columns.as_slice(), a.rows.len()), (&["Name", "IP Address", "TTL"][..], 12));
        assert_eq!(a.rows[11][1].to_string(), "dns_cache_a.12.ip");
    }

    #[test]
    fn what_does_nothing_here_stands_apart_unless_the_guide_shows_it() {
        let advanced = layout(WebPage::AccountAdvanced, Some(1), Firmware::V81);
        let works = |place: &Place| place.key.row().state == State::Works;
        assert!(advanced.sections.iter().flat_map(|it| it.lines.iter().flatten()).all(works));
        assert!(!advanced.idle.lines.iter().flatten().any(works));
    }
}
