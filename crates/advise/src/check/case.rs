//! What rules look at: files, values with their places, accounts with their servers.

use std::collections::BTreeMap;

use params::{
    Assignment, Blank, Device, Interner, Key, Layers, Origin, ParamError, PhoneSettings, View,
};

use super::Options;
use super::files::{File, Files, count};
use super::finding::{Edit, LineChange, Mark};
use super::places::{Line, lines};
use super::prepare::{UnknownKeys, prepared};
use super::template::Templates;

/// Everything that was read, before rules look at it.
pub(crate) struct Read<'a> {
    pub(crate) files: &'a Files,
    pub(crate) device: &'a Device,
    pub(crate) layers: Layers,
    pub(crate) blank: Blank,
    /// What reading the files has found.
    pub(crate) findings: Vec<params::Finding>,
    /// Keys that the table does not have.
    pub(crate) unknown: UnknownKeys,
    /// What the device does not take as written.
    pub(crate) errors: Vec<ParamError>,
    pub(crate) settings: PhoneSettings,
    pub(crate) templates: Templates,
}

impl<'a> Read<'a> {
    pub(crate) fn new(files: &'a Files, device: &'a Device) -> Self {
        let templates = Templates::find(files);
        let blank = super::rules::boot::blank_of(files);
        let mut unknown = UnknownKeys::default();
        let bytes: Vec<_> = files
            .iter()
            .filter(|file| !file.is_boot())
            .map(|file| (file, prepared(file, &templates, &mut unknown)))
            .collect();
        let sources: Vec<_> = bytes
            .iter()
            .map(|(file, bytes)| params::Source { name: &file.name, layer: file.layer, bytes })
            .collect();
        let (layers, findings) = Layers::load_with(&sources, blank);
        let (settings, errors) = layers.settings(device, &mut Interner::default());
        Self { files, device, layers, blank, findings, unknown, errors, settings, templates }
    }
}

/// A check under way.
pub(crate) struct Case<'a> {
    pub(crate) read: &'a Read<'a>,
    pub(crate) view: View<'a>,
    pub(crate) options: &'a Options<'a>,
    /// The accounts that are in service or may be, each with its servers.
    pub(crate) lines: Vec<Line>,
    /// How many servers were located for them.
    pub(crate) located: usize,
}

impl<'a> Case<'a> {
    pub(crate) fn new(read: &'a Read<'a>, options: &'a Options<'a>) -> Self {
        let view = View::new(&read.layers, read.device);
        let case = Self { read, view, options, lines: Vec::new(), located: 0 };
        let (lines, located) = lines(&case);
        Self { lines, located, ..case }
    }

    pub(crate) fn files(&self) -> &'a Files {
        self.read.files
    }

    pub(crate) fn layers(&self) -> &'a Layers {
        &self.read.layers
    }

    pub(crate) fn settings(&self) -> &'a PhoneSettings {
        &self.read.settings
    }

    /// The key of a pattern; rules name patterns of the table, a test sees to it.
    pub(crate) fn key(pattern: &str, numbers: [u8; 2]) -> Option<Key> {
        Key::of(pattern, numbers.map(u16::from))
    }

    /// The value that an account's key has, its default included.
    pub(crate) fn value(&self, pattern: &str, numbers: [u8; 2]) -> &'a str {
        Self::key(pattern, numbers).map_or("", |key| self.view.value(key))
    }

    /// Where a key's value is written, marked; `None`: its default holds.
    pub(crate) fn written(&self, pattern: &str, numbers: [u8; 2]) -> Option<Mark> {
        let key = Self::key(pattern, numbers)?;
        self.view.written(key).map(|effective| self.value_at(effective.origin))
    }

    /// The first of these keys that is written, marked at its value.
    pub(crate) fn first_written<'p>(
        &self,
        patterns: impl IntoIterator<Item = (&'p str, [u8; 2])>,
    ) -> Option<Mark> {
        patterns.into_iter().find_map(|(pattern, numbers)| self.written(pattern, numbers))
    }

    /// The value at an origin, marked.
    pub(crate) fn value_at(&self, origin: &Origin) -> Mark {
        let Some(file) = self.files().named(&origin.file) else { return nowhere(origin) };
        let line = file.line(origin.line).unwrap_or_default();
        let length = usize::try_from(origin.column)
            .ok()
            .and_then(|column| column.checked_sub(1))
            .map_or(0, |before| {
                let value: String = line.chars().skip(before).collect();
                value.trim_end().chars().count()
            });
        match length {
            0 => file.whole_line(origin.line),
            length => file.at(origin.line, origin.column, count(length)),
        }
    }

    /// The key of an assignment, marked.
    pub(crate) fn key_at(&self, assignment: &Assignment) -> Mark {
        let origin = &assignment.origin;
        self.key_mark(origin, assignment.key_column)
    }

    /// The key that begins at `column` of an origin's line, marked.
    pub(crate) fn key_mark(&self, origin: &Origin, column: u32) -> Mark {
        let Some(file) = self.files().named(&origin.file) else { return nowhere(origin) };
        let line = file.line(origin.line).unwrap_or_default();
        let before = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
        let key: String = line.chars().skip(before).take_while(|c| *c != '=').collect();
        file.at(origin.line, column, count(key.trim_end().chars().count()))
    }

    /// The place that stands for an account as a whole: its address, else its first line.
    pub(crate) fn account_at(&self, number: u8) -> Mark {
        let patterns = [
            ("account.X.sip_server.1.address", [number, 0]),
            ("account.X.sip_server.2.address", [number, 0]),
            ("account.X.enable", [number, 0]),
        ];
        self.first_written(patterns).unwrap_or_else(|| self.anywhere())
    }

    /// The first file as a whole, for what stands nowhere.
    pub(crate) fn anywhere(&self) -> Mark {
        self.files().iter().find(|file| !file.is_boot()).map_or_else(
            || Mark { file: Box::default(), line: 0, column: 0, length: 0, label: Box::default() },
            File::whole,
        )
    }

    /// The line of a mark with another value; the blanks before it stay.
    pub(crate) fn with_value(&self, mark: &Mark, value: &str) -> Option<Edit> {
        let line = self.files().named(&mark.file)?.line(mark.line)?;
        let (key, after) = line.split_once('=')?;
        let blanks: String = after.chars().take_while(|c| matches!(c, ' ' | '\t')).collect();
        let change = LineChange::Becomes(vec![format!("{key}={blanks}{value}")]);
        Some(Edit { file: mark.file.clone(), line: mark.line, change })
    }

    /// The change that gives a key another value: in its last line, blank or not, else in a new line
    /// behind that of a mark.
    pub(crate) fn set(
        &self,
        (pattern, numbers): (&str, [u8; 2]),
        value: &str,
        behind: &Mark,
    ) -> Option<Edit> {
        let key = Self::key(pattern, numbers)?;
        if let Some(line) = self.layers().assignments_of(key).next_back() {
            return self.with_value(&self.value_at(&line.origin), value);
        }
        let change = LineChange::FollowedBy(vec![format!("{key} = {value}")]);
        Some(Edit { file: behind.file.clone(), line: behind.line, change })
    }

    /// The assignment that gives a key its value.
    pub(crate) fn assignment(&self, key: Key) -> Option<&'a Assignment> {
        let at = self.view.written(key)?.origin;
        self.layers().assignments().iter().find(|assignment| assignment.origin == *at)
    }
}

fn nowhere(origin: &Origin) -> Mark {
    Mark { file: (&*origin.file).into(), line: origin.line, column: 0, length: 0, label: "".into() }
}

/// Counts by a key in the order of first sight.
#[derive(Debug)]
pub(crate) struct Grouped<K, V> {
    places: BTreeMap<K, usize>,
    groups: Vec<Vec<V>>,
}

impl<K: Ord, V> Grouped<K, V> {
    pub(crate) const fn new() -> Self {
        Self { places: BTreeMap::new(), groups: Vec::new() }
    }

    pub(crate) fn add(&mut self, key: K, value: V) {
        let place = *self.places.entry(key).or_insert(self.groups.len());
        match self.groups.get_mut(place) {
            Some(group) => group.push(value),
            None => self.groups.push(vec![value]),
        }
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &[V]> {
        self.groups.iter().map(Vec::as_slice)
    }
}
