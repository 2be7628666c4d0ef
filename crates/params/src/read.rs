//! From layers to typed settings: the only place where keys become fields.

mod common;
mod policy;
mod provision;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use self::common::{common, line_key};
use self::policy::policy;
use crate::choices::Choices;
use crate::interner::Interner;
use crate::key::Key;
use crate::layers::Layers;
use crate::problem::ParamError;
use crate::secret::Secret;
use crate::settings::{
    AccountSettings, CommonSettings, Identity, PhoneSettings, Policy, ServerPolicy,
};
use crate::value::decimal;
use crate::view::{Device, View};

impl Layers {
    /// The settings of one device, and everything that it does not take as written.
    ///
    /// Every value is usable: what is wrong keeps its default and is an error here, or, where the
    /// file alone can tell, a finding of [`Layers::load`].
    #[must_use]
    pub fn settings(
        &self,
        device: &Device,
        interner: &mut Interner,
    ) -> (PhoneSettings, Vec<ParamError>) {
        let view = View::new(self, device);
        let mut errors = view.errors();
        let reader = Reader { view, numbers: [0, 0] };
        let common = interner.intern_common(common(reader, &mut errors));
        let numbers = self.accounts().into_iter().filter(|n| *n <= device.model.account_max());
        let accounts =
            numbers.map(|number| account(reader.of(number, 0), number, interner)).collect();
        let keys = self.numbers_below("linekey.").into_iter();
        let line_keys = keys.filter_map(|n| line_key(reader.of_number(n), n)).collect();
        let Device { mac, model, firmware, profile: _ } = *device;
        (PhoneSettings { mac, model, firmware, common, accounts, line_keys }, errors)
    }
}

impl Default for Policy {
    /// The defaults of the table, profile `compat`.
    fn default() -> Self {
        let (layers, device) = (Layers::default(), Device::default());
        policy(Reader { view: View::new(&layers, &device), numbers: [1, 0] })
    }
}

impl Default for ServerPolicy {
    /// The defaults of the table, profile `compat`: no address.
    fn default() -> Self {
        let [server, _] = Policy::default().servers;
        server
    }
}

impl Default for CommonSettings {
    /// The defaults of the table, profile `compat`.
    fn default() -> Self {
        let (layers, device) = (Layers::default(), Device::default());
        common(Reader { view: View::new(&layers, &device), numbers: [0, 0] }, &mut Vec::new())
    }
}

/// Reads keys as values of the type that a field has.
#[derive(Clone, Copy)]
struct Reader<'a> {
    view: View<'a>,
    numbers: [u16; 2],
}

impl<'a> Reader<'a> {
    fn of(self, first: u8, second: u8) -> Self {
        Self { numbers: [u16::from(first), u16::from(second)], ..self }
    }

    fn of_number(self, number: u16) -> Self {
        Self { numbers: [number, 0], ..self }
    }

    #[expect(clippy::expect_used, reason = "a test reads every pattern of this file")]
    fn key(self, pattern: &'static str) -> Key {
        #[cfg(test)]
        tests::note(pattern);
        Key::of(pattern, self.numbers).expect("a pattern of the table")
    }

    fn text(self, pattern: &'static str) -> &'a str {
        self.view.value(self.key(pattern))
    }

    fn owned(self, pattern: &'static str) -> Box<str> {
        self.text(pattern).into()
    }

    fn switch(self, pattern: &'static str) -> bool {
        self.text(pattern) == "1"
    }

    #[expect(clippy::expect_used, reason = "values are checked by their row when they are read")]
    fn number<T: FromStr>(self, pattern: &'static str) -> T {
        self.text(pattern).parse().ok().expect("a row's values fit the field")
    }

    /// `None` for -1.
    fn number_or_none<T: FromStr>(self, pattern: &'static str) -> Option<T> {
        (self.text(pattern) != "-1").then(|| self.number(pattern))
    }

    #[expect(clippy::expect_used, reason = "values are checked by their row when they are read")]
    fn choice<T: Choices>(self, pattern: &'static str) -> T {
        T::from_value(self.text(pattern)).expect("a row's values are those of the enum")
    }

    fn address(self, pattern: &'static str) -> Option<IpAddr> {
        self.text(pattern).parse().ok()
    }

    fn seconds(self, pattern: &'static str) -> Duration {
        let thousandths = decimal(self.text(pattern)).unwrap_or_default();
        Duration::from_millis(u64::from(thousandths))
    }
}

fn account(reader: Reader<'_>, number: u8, interner: &mut Interner) -> AccountSettings {
    let identity = Identity {
        label: reader.owned("account.X.label"),
        display_name: reader.owned("account.X.display_name"),
        user_name: reader.owned("account.X.user_name"),
        auth_name: reader.owned("account.X.auth_name"),
        password: Secret::new(reader.text("account.X.password")),
    };
    AccountSettings {
        number,
        enabled: reader.switch("account.X.enable"),
        identity: Arc::new(identity),
        policy: interner.intern(policy(reader)),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;
    use crate::table::rows;
    use crate::{HomeFile, State};

    thread_local! {
        static READ: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(pattern: &'static str) {
        READ.with_borrow_mut(|read| read.insert(pattern));
    }

    fn settings(text: &str) -> (PhoneSettings, Vec<ParamError>) {
        on(text, Device::default())
    }

    #[test]
    fn every_key_that_works_fills_a_field() {
        let _all = settings(
            "account.1.enable = 1\nlinekey.1.type = 15\n\
             dns_cache_a.1.name = a.b\ndns_cache_a.1.ip = ::1",
        );
        let _provisioning = Layers::default().provision_settings(&Device::default());
        let read = READ.with_borrow(Clone::clone);
        let fills_itself = |row: &&crate::Row| {
            // Lines that all count are read as lines: `Layers::user_passwords`.
            let in_settings =
                row.stands_for.is_empty() && row.file != HomeFile::Boot && !row.repeated;
            row.state == State::Works && in_settings
        };
        let patterns = rows().filter(fills_itself).map(|row| row.pattern);
        let missing: Vec<_> = patterns.filter(|pattern| !read.contains(pattern)).collect();
        assert_eq!(missing, [""; 0]);
    }

    fn on(text: &str, device: Device) -> (PhoneSettings, Vec<ParamError>) {
        let source =
            crate::Source { name: "phone.cfg", layer: crate::Layer::Mac, bytes: text.as_bytes() };
        let (layers, findings) = Layers::load(&[source]);
        assert_eq!(findings, []);
        layers.settings(&device, &mut Interner::default())
    }
}
