//! What one device makes of the layers: which keys it reads, and the value of each.

use crate::choices::Profile;
use crate::key::Key;
use crate::layers::{Effective, Layers};
use crate::mac::Mac;
use crate::model::{Firmware, Model};
use crate::problem::{ParamError, Problem};
use crate::row::{State, When};
use crate::table::old_names;
use crate::value::is_address;

/// The device that settings are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its hardware address.
    pub mac: Mac,
    /// Its model.
    pub model: Model,
    /// Its firmware.
    pub firmware: Firmware,
    /// The profile, where the command line names one: it wins over `sureline.profile`.
    pub profile: Option<Profile>,
}

impl Default for Device {
    /// The guide's example: a SIP-T46G with firmware 81.
    fn default() -> Self {
        Self {
            mac: Mac::new([0x00, 0x15, 0x65, 0x00, 0x00, 0x01]),
            model: Model::default(),
            firmware: Firmware::default(),
            profile: None,
        }
    }
}

/// The values that one device takes from the layers.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    layers: &'a Layers,
    device: &'a Device,
    profile: Profile,
}

impl<'a> View<'a> {
    /// What `device` makes of `layers`.
    #[must_use]
    pub fn new(layers: &'a Layers, device: &'a Device) -> Self {
        let profile = device.profile.unwrap_or_else(|| layers.profile());
        Self { layers, device, profile }
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// The layers.
    #[must_use]
    pub fn layers(&self) -> &'a Layers {
        self.layers
    }

    /// The profile whose defaults hold.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// The value of a key, its default included; blank where there is neither.
    #[must_use]
    pub fn value(&self, key: Key) -> &'a str {
        let written = self.written(key).map(|effective| effective.value);
        written.unwrap_or_else(|| key.row().default_in(self.profile))
    }

    /// The value that the files give a key, under its own or, where this device reads that, its old
    /// name.
    #[must_use]
    pub fn written(&self, key: Key) -> Option<Effective<'a>> {
        let own = self.is_read(key).then(|| self.layers.effective(key)).flatten();
        let old = || {
            let mut names = self.old_names(key).filter(|old| self.is_read(*old));
            names.find_map(|old| self.layers.effective(old))
        };
        own.or_else(old)
    }

    /// The first condition under which the key acts and which is not met.
    #[must_use]
    pub fn unmet(&self, key: Key) -> Option<When> {
        key.row().only_when.iter().copied().find(|when| !self.is_met(*when, key))
    }

    /// Everything written that this device does not take as written.
    ///
    /// What the files alone can tell is a finding of [`Layers::load`].
    #[must_use]
    pub fn errors(&self) -> Vec<ParamError> {
        let mut errors = Vec::new();
        let mut accounts_left_out = Vec::new();
        for key in self.layers.keys() {
            let beyond = key.account().filter(|number| *number > self.device.model.account_max());
            let problem = match beyond {
                Some(number) if accounts_left_out.contains(&number) => continue,
                Some(number) => {
                    accounts_left_out.push(number);
                    Some(Problem::AccountRange { model: self.device.model })
                }
                None => self.problem(key),
            };
            errors.extend(problem.and_then(|problem| self.error(key, problem)));
        }
        errors
    }

    /// The error at the line that gives `key` its value; `None` where no line does.
    pub(crate) fn error(&self, key: Key, problem: Problem) -> Option<ParamError> {
        let at = self.layers.effective(key)?.origin;
        let mut lines = self.layers.assignments_of(key);
        lines.find(|line| line.origin == *at).map(|line| line.error(problem))
    }

    fn problem(&self, key: Key) -> Option<Problem> {
        let row = key.row();
        if !self.is_read(key) {
            let Device { model, firmware, .. } = *self.device;
            let instead = self.instead(key).map(|name| name.to_string().into());
            return Some(Problem::NotRead { model, firmware, instead });
        }
        let successors = row.stands_for.iter();
        let successors =
            successors.filter_map(|(pattern, y)| Key::of(pattern, [key.numbers()[0], *y]));
        let set = |by: &Key| self.is_read(*by) && self.layers.effective(*by).is_some();
        successors.into_iter().find(set).map(|by| Problem::Superseded { by })
    }

    /// The name under which this device reads what a key that it does not read would say.
    fn instead(&self, key: Key) -> Option<Key> {
        let old = self.old_names(key).find(|old| self.is_read(*old));
        old.or_else(|| key.related(key.row().instead?))
    }

    fn old_names(&self, key: Key) -> impl Iterator<Item = Key> + use<> {
        let [first, second] = key.numbers();
        let stand_for_it = old_names(key.place()).iter().filter(move |(_, y)| *y == second);
        stand_for_it.map(move |(place, _)| Key::at(*place, [first, 0]))
    }

    fn is_read(&self, key: Key) -> bool {
        key.row().is_read_by(self.device.model, self.device.firmware)
    }

    fn is_met(&self, when: When, key: Key) -> bool {
        let value = |pattern| key.related(pattern).map_or("", |related| self.value(related));
        match when {
            When::Is(pattern, values) => values.contains(&value(pattern)),
            When::Set(pattern) => !value(pattern).is_empty(),
            When::Name(pattern) => !value(pattern).is_empty() && !is_address(value(pattern)),
            When::AnyIs(pairs) => pairs.iter().any(|(pattern, wanted)| value(pattern) == *wanted),
        }
    }

    /// Whether the key does anything on this device at all, conditions aside.
    #[must_use]
    pub fn acts(&self, key: Key) -> bool {
        key.row().state == State::Works && self.is_read(key)
    }
}
