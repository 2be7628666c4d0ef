//! What is written is read back as it was.

use std::collections::BTreeMap;

use params::{Change, Key, Kind, Layer, Layers, Source, edit, rows};
use proptest::prelude::*;

use super::load;

fn value(kind: Kind) -> BoxedStrategy<String> {
    match kind {
        Kind::Switch | Kind::Choice(_) => {
            let values: Vec<_> =
                kind.choices().iter().map(|choice| choice.value.to_owned()).collect();
            proptest::sample::select(values).boxed()
        }
        Kind::Integer { min, max } => (min..=max).prop_map(|n| n.to_string()).boxed(),
        Kind::ZeroOr { min, max, .. } => {
            prop_oneof![Just("0".to_owned()), (min..=max).prop_map(|n| n.to_string())].boxed()
        }
        Kind::Decimal { min, max } => {
            (min..=max).prop_map(|n| format!("{}.{:03}", n / 1000, n % 1000)).boxed()
        }
        Kind::MinusOneOr(inner) => prop_oneof![Just("-1".to_owned()), value(*inner)].boxed(),
        Kind::Text { max } => {
            proptest::string::string_regex(&format!("\\PC{{0,{}}}x", max.min(60) - 1))
                .unwrap()
                .boxed()
        }
        Kind::Host => {
            "([a-z0-9_-]{1,9}\\.){0,3}[a-z]{1,9}|10\\.[1-9]\\.0\\.1|2001:db8::[1-9]".boxed()
        }
        Kind::Domain => "([A-Za-z0-9_-]{1,9}\\.){0,3}[a-z]{1,9}\\.?".boxed(),
        Kind::Address => "10\\.[1-9]\\.0\\.1|2001:db8::[1-9]".boxed(),
        Kind::NaptrFlag => "[SAUP]".boxed(),
        Kind::FailoverCodes => "5[0-9?][0-9?](,5[0-9?]{2}){0,3}".boxed(),
        Kind::TimeOfDay => "[01][0-9]:[0-5][0-9]".boxed(),
        Kind::Weekdays => "[0-6]{1,7}".boxed(),
    }
}

prop_compose! {
    fn key()(place in 0..rows().count(), x in 1..=16u16, y in 1..=2u16) -> Key {
        let row = rows().nth(place).unwrap();
        let second = if row.pattern.contains(".Y.") { y } else { x.min(row.n_max.max(1)) };
        let first = if row.pattern.contains('X') { x } else { x.min(row.n_max.max(1)) };
        Key::of(row.pattern, [first, second]).unwrap()
    }
}

fn assignment() -> impl Strategy<Value = (Key, String)> {
    key().prop_flat_map(|key| (Just(key), value(key.row().kind)))
}

fn written(assignments: &[(Key, String)]) -> String {
    assignments.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

fn effective(layers: &Layers) -> BTreeMap<String, String> {
    let value = |key| layers.effective(key).map(|e| e.value.to_owned()).unwrap_or_default();
    layers.keys().map(|key| (key.to_string(), value(key))).collect()
}

proptest! {
    #[test]
    fn a_permitted_value_is_read_as_it_was_written((key, value) in assignment()) {
        let text = format!("{key} = {value}\r\n");
        let (layers, findings) = load(&text);
        prop_assert_eq!(findings, []);
        let permitted = key.check(&value).unwrap();
        let read = layers.effective(key).map(|e| e.value.to_owned());
        prop_assert_eq!(read.as_deref(), Some(&*permitted.value));
        prop_assert_eq!(key.to_string().parse(), Ok(key));
    }

    #[test]
    fn a_checked_value_is_its_own_canonical_form((key, value) in assignment()) {
        let once = key.check(&value).unwrap().value.into_owned();
        let twice = key.check(&once).unwrap();
        prop_assert_eq!(&*twice.value, once.as_str());
        prop_assert!(!twice.mended);
    }

    #[test]
    fn an_export_loads_to_what_differs_from_the_defaults(
        assignments in proptest::collection::vec(assignment(), 0..40)
    ) {
        let text = written(&assignments);
        let (layers, _) = load(&text);
        let (again, findings) = load(&layers.export("test"));
        prop_assert_eq!(findings, []);
        let mut expected = effective(&layers);
        expected.retain(|name, value| {
            let row = name.parse::<Key>().unwrap().row();
            let is_default = row.default_in(layers.profile()) == value;
            !row.secret && row.file != params::HomeFile::Boot && !is_default
        });
        prop_assert_eq!(effective(&again), expected);
    }

    #[test]
    fn an_edit_sets_its_keys_and_no_others(
        before in proptest::collection::vec(assignment(), 0..20),
        changes in proptest::collection::vec(assignment(), 1..8),
    ) {
        let text = written(&before);
        let changes: Vec<_> = changes.iter().filter(|(key, _)| !key.row().repeated).collect();
        let set: Vec<_> = changes.iter().map(|(key, value)| (*key, Change::Set(value))).collect();
        let edited = edit(text.as_bytes(), Layer::Mac, &set).unwrap();
        let mut expected = effective(&load(&text).0);
        for (key, value) in &changes {
            expected.insert(key.to_string(), key.check(value).unwrap().value.into_owned());
        }
        let (layers, _) = Layers::load(&[Source { name: "a", layer: Layer::Mac, bytes: &edited }]);
        prop_assert_eq!(effective(&layers), expected);
    }
}
