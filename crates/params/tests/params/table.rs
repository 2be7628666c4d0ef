//! Walks over the table: what must hold for every row.

use std::collections::BTreeSet;

use params::{
    Device, GROUPS, Key, KeyFault, Kind, Readers, Row, State, When, list, manual, markdown, rows,
    works_keys,
};

use super::settings_on;

fn key_of(row: &Row) -> Key {
    Key::of(row.pattern, [1, 1]).expect("a pattern of the table")
}

#[test]
fn keys_are_unique() {
    let all: BTreeSet<String> = rows().map(|row| key_of(row).to_string()).collect();
    assert_eq!(all.len(), rows().count());
    assert_eq!(GROUPS.iter().map(|(_, rows)| rows.len()).sum::<usize>(), rows().count());
}

#[test]
fn every_key_of_the_list_is_known() {
    for name in include_str!("../known_keys.txt").lines() {
        let key = Key::of(name, [1, 1]).unwrap_or_else(|| panic!("{name} is not in the table"));
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}

#[test]
fn every_default_is_permitted_and_written_as_settings_take_it() {
    for row in rows() {
        let defaults = [Some(row.default), row.fast_default, row.vendor_default];
        for default in defaults.into_iter().flatten().filter(|default| !default.is_empty()) {
            let permitted = row.kind.check(default).expect(row.pattern);
            assert_eq!((&*permitted.value, permitted.mended), (default, false), "{}", row.pattern);
        }
    }
}

#[test]
fn what_a_row_refers_to_exists() {
    let exists = |pattern: &str| Key::of(pattern, [1, 1]).is_some();
    for row in rows() {
        let conditions = row.only_when.iter().flat_map(|when| match when {
            When::Is(pattern, values) => {
                let key = Key::of(pattern, [1, 1]).expect(pattern);
                assert!(values.iter().all(|value| key.check(value).is_ok()), "{}", row.pattern);
                vec![*pattern]
            }
            When::Set(pattern) | When::Name(pattern) => vec![*pattern],
            When::AnyIs(pairs) => pairs.iter().map(|(pattern, _)| *pattern).collect(),
        });
        assert!(conditions.into_iter().all(exists), "{}", row.pattern);
        assert!(row.stands_for.iter().all(|(pattern, _)| exists(pattern)), "{}", row.pattern);
        assert!(
            row.instead.into_iter().flat_map(|keys| keys.split(" or ")).all(exists),
            "{}",
            row.pattern
        );
    }
}

#[test]
fn an_old_name_permits_what_its_successor_permits_and_names_it() {
    for row in rows().filter(|row| !row.stands_for.is_empty()) {
        for (successor, _) in row.stands_for {
            assert_eq!(key_of(row).related(successor).unwrap().row().kind, row.kind);
        }
        assert!(row.instead.is_some(), "{}", row.pattern);
    }
}

#[test]
fn a_key_that_nobody_reads_does_not_claim_to_work() {
    let nobody = |row: &&Row| row.readers == Readers::Nobody;
    assert!(rows().filter(nobody).all(|row| matches!(row.state, State::NotUsed(_))));
    assert!(works_keys().count() >= 46);
}

#[test]
fn every_row_says_what_it_does_in_sentences() {
    for row in rows() {
        assert!(row.effect.ends_with('.') && row.effect.len() > 10, "{}", row.pattern);
        assert!(!row.effect.contains("  "), "{}", row.pattern);
        let numbered = row.pattern.split('.').any(|segment| segment == "N");
        assert_eq!(numbered, row.n_max > 0, "{}", row.pattern);
    }
}

#[test]
fn every_edge_of_every_row_fits_the_field_that_it_fills() {
    for row in rows() {
        for value in edges(row.kind) {
            let text = format!("{} = {value}\n", key_of(row));
            let (layers, findings) = super::load(&text);
            assert_eq!(findings, [], "{text}");
            assert_eq!(layers.effective(key_of(row)).map(|e| e.value.to_owned()), Some(value));
            let _settings = settings_on(&Device::default(), &text);
        }
    }
}

fn edges(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Integer { min, max } => vec![min.to_string(), max.to_string()],
        Kind::ZeroOr { min, max, .. } => vec!["0".to_owned(), min.to_string(), max.to_string()],
        Kind::MinusOneOr(inner) => {
            let mut edges = edges(*inner);
            edges.push("-1".to_owned());
            edges
        }
        Kind::Decimal { min, max } => {
            [min, max].map(|n| format!("{}.{:03}", n / 1000, n % 1000)).to_vec()
        }
        Kind::Switch | Kind::Choice(_) => {
            kind.choices().iter().map(|c| c.value.to_owned()).collect()
        }
        Kind::Text { max } => vec!["é".repeat(usize::from(max))],
        Kind::Host
        | Kind::Domain
        | Kind::Address
        | Kind::NaptrFlag
        | Kind::FailoverCodes
        | Kind::TimeOfDay
        | Kind::Weekdays => vec![kind.example().to_owned()],
    }
}

#[test]
fn every_row_has_a_page_and_stands_in_list_and_document() {
    let (list, document) = (list(), markdown());
    for row in rows() {
        let page = manual(row.pattern).unwrap();
        assert!(page.starts_with(row.pattern) && page.contains("Permitted"), "{page}");
        assert!(
            page.lines().all(|line| line.chars().count() <= 80
                || line.contains(" = ")
                || line.contains("account.X")),
            "{page}"
        );
        assert!(list.contains(row.pattern) && document.contains(&format!("`{}`", row.pattern)));
    }
}

#[test]
fn the_page_of_a_key_tells_all_there_is() {
    let page = manual("account.3.sip_server.2.failback_timeout").unwrap();
    assert_eq!(page, include_str!("../manual/failback_timeout.txt"));
    let page = manual("account.X.outbound_proxy.Y.address").unwrap();
    assert_eq!(page, include_str!("../manual/outbound_proxy_address.txt"));
}

#[test]
fn a_part_of_a_name_shows_all_that_have_it() {
    let page = manual("failback_mode").unwrap();
    let found: Vec<&str> = page.lines().filter(|line| line.starts_with("account.")).collect();
    assert_eq!(
        found,
        [
            "account.X.sip_server.Y.failback_mode",
            "account.X.outbound_proxy.Y.failback_mode",
            "account.X.failback_mode",
        ]
    );
    assert_eq!(manual("account.1.fallback").unwrap().matches("Permitted").count(), 2);
}

#[test]
fn an_unknown_key_has_no_page_but_a_neighbour() {
    let error = manual("account.1.sip_server.1.retry_counter").unwrap_err();
    assert_eq!(
        error.to_string(),
        "account.1.sip_server.1.retry_counter is no key of this phone; \
         did you mean account.1.sip_server.1.retry_counts?"
    );
    assert!(manual("").is_err() && manual("zzz").is_err());
    assert_eq!("zzz".parse::<Key>(), Err(KeyFault::Unknown));
}
