//! One row of the table: all that is known of a key.

use std::fmt;

use crate::choices::Profile;
use crate::model::{Firmware, Model};
use crate::value::Kind;

/// One key, or the family that a pattern such as `account.X.sip_server.Y.port` names.
///
/// Reader, writer, manual, lint, web form and phone menu are made from rows alone.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The key with `X` for an account, `Y` for server 1 or 2, `N` for any other number.
    pub pattern: &'static str,
    /// What it permits.
    pub kind: Kind,
    /// The value while nothing is set; blank where none is.
    pub default: &'static str,
    /// The default in profile `fast`, where it differs.
    pub fast_default: Option<&'static str>,
    /// The vendor's default, where ours is another one.
    pub vendor_default: Option<&'static str>,
    /// The greatest number that stands for `N`.
    pub n_max: u16,
    /// What it does, in a sentence.
    pub effect: &'static str,
    /// What has to be so for it to act; all of them.
    pub only_when: &'static [When],
    /// Where it stands on the web page.
    pub web: Option<WebPlace>,
    /// Its label under Menu → Advanced → Account of the phone.
    pub phone: Option<&'static str>,
    /// The keys that it is an old name of, each with the number that stands for `Y` there.
    pub stands_for: &'static [(&'static str, u16)],
    /// Which models and firmware read it.
    pub readers: Readers,
    /// What to write in its place where it is not read.
    pub instead: Option<&'static str>,
    /// In which file it belongs.
    pub file: HomeFile,
    /// Where it is described.
    pub source: Described,
    /// Whether its value is a password or a key.
    pub secret: bool,
    /// Whether several lines of one file all count.
    pub repeated: bool,
    /// Whether it does anything here.
    pub state: State,
}

/// Whether a key does anything in sureline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It acts.
    Works,
    /// It is accepted without effect, for this reason.
    NotUsed(&'static str),
}

/// Which models and firmware read a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// All of the guide.
    All,
    /// Firmware 81 or later.
    From81,
    /// Firmware 81 or later; T58V, T58A and T56A from firmware 80.
    From81OrAndroid,
    /// Firmware 80 or before, but not T58V, T58A and T56A.
    To80,
    /// None: older firmware did, or nobody ever.
    Nobody,
}

/// The file that a key is usually found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HomeFile {
    /// The file of all phones of a model.
    Common,
    /// The file of one phone.
    Mac,
    /// The boot file.
    Boot,
}

/// Where a key is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Described {
    /// In the guide, under this heading.
    Guide(&'static str),
    /// In the vendor's other documents and templates.
    Vendor,
    /// Here: it is a key of sureline.
    Ours,
}

/// What has to be so for a key to act; its numbers are those of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The key has one of these values.
    Is(&'static str, &'static [&'static str]),
    /// The key is not blank.
    Set(&'static str),
    /// The key is a domain name, no IP address.
    Name(&'static str),
    /// At least one of the keys has the value beside it.
    AnyIs(&'static [(&'static str, &'static str)]),
}

/// A page of the web interface with a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WebPage {
    /// Account → Register.
    AccountRegister,
    /// Account → Advanced.
    AccountAdvanced,
    /// Network → DNS.
    NetworkDns,
    /// Settings → SIP.
    SettingsSip,
    /// Settings → Auto Provision.
    SettingsProvision,
}

/// The place of a key on the web page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebPlace {
    /// The page.
    pub page: WebPage,
    /// The heading above the field, as in `SIP Server Y`, or blank.
    pub section: &'static str,
    /// The field.
    pub label: &'static str,
    /// Whether the guide gives this place; else it is ours.
    pub in_guide: bool,
}

impl WebPage {
    /// The path of the page in a menu.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::AccountRegister => "Account → Register",
            Self::AccountAdvanced => "Account → Advanced",
            Self::NetworkDns => "Network → DNS",
            Self::SettingsSip => "Settings → SIP",
            Self::SettingsProvision => "Settings → Auto Provision",
        }
    }
}

impl fmt::Display for WebPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.page.title())?;
        for part in [self.section, self.label].iter().filter(|part| !part.is_empty()) {
            write!(f, " → {part}")?;
        }
        Ok(())
    }
}

impl Row {
    /// Whether this model with this firmware reads the key.
    #[must_use]
    pub fn is_read_by(&self, model: Model, firmware: Firmware) -> bool {
        let from_81 = firmware >= Firmware::V81;
        match self.readers {
            Readers::All => true,
            Readers::From81 => from_81,
            Readers::From81OrAndroid => from_81 || model.is_android(),
            Readers::To80 => !from_81 && !model.is_android(),
            Readers::Nobody => false,
        }
    }

    /// The account's part of the pattern, if it has one: such keys exist for each account.
    #[must_use]
    pub fn is_of_account(&self) -> bool {
        self.pattern.split('.').any(|segment| segment == "X")
    }
}

/// A row in its simplest form: it works, everybody reads it, no page shows it.
pub(crate) const fn row(
    pattern: &'static str,
    kind: Kind,
    default: &'static str,
    effect: &'static str,
) -> Row {
    Row {
        pattern,
        kind,
        default,
        fast_default: None,
        vendor_default: None,
        n_max: 0,
        effect,
        only_when: &[],
        web: None,
        phone: None,
        stands_for: &[],
        readers: Readers::All,
        instead: None,
        file: HomeFile::Common,
        source: Described::Vendor,
        secret: false,
        repeated: false,
        state: State::Works,
    }
}

impl Row {
    pub(crate) const fn fast(mut self, default: &'static str) -> Self {
        self.fast_default = Some(default);
        self
    }

    pub(crate) const fn vendor(mut self, default: &'static str) -> Self {
        self.vendor_default = Some(default);
        self
    }

    pub(crate) const fn n_to(mut self, max: u16) -> Self {
        self.n_max = max;
        self
    }

    pub(crate) const fn when(mut self, conditions: &'static [When]) -> Self {
        self.only_when = conditions;
        self
    }

    /// A place that the guide gives.
    pub(crate) const fn web(
        mut self,
        page: WebPage,
        section: &'static str,
        label: &'static str,
    ) -> Self {
        self.web = Some(WebPlace { page, section, label, in_guide: true });
        self
    }

    /// A place of our own, for a key that the guide gives none.
    pub(crate) const fn our_web(
        mut self,
        page: WebPage,
        section: &'static str,
        label: &'static str,
    ) -> Self {
        self.web = Some(WebPlace { page, section, label, in_guide: false });
        self
    }

    pub(crate) const fn phone(mut self, label: &'static str) -> Self {
        self.phone = Some(label);
        self
    }

    pub(crate) const fn stands_for(mut self, successors: &'static [(&'static str, u16)]) -> Self {
        self.stands_for = successors;
        self
    }

    pub(crate) const fn read(mut self, readers: Readers) -> Self {
        self.readers = readers;
        self
    }

    /// Nobody reads the key; `instead` is what to write, where there is such a key.
    pub(crate) const fn never_read(mut self, instead: Option<&'static str>) -> Self {
        self.readers = Readers::Nobody;
        self.instead = instead;
        self.state = State::NotUsed("no firmware of the guide reads it");
        self
    }

    pub(crate) const fn instead(mut self, key: &'static str) -> Self {
        self.instead = Some(key);
        self
    }

    pub(crate) const fn in_file(mut self, file: HomeFile) -> Self {
        self.file = file;
        self
    }

    pub(crate) const fn guide(mut self, heading: &'static str) -> Self {
        self.source = Described::Guide(heading);
        self
    }

    pub(crate) const fn ours(mut self) -> Self {
        self.source = Described::Ours;
        self
    }

    pub(crate) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    pub(crate) const fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }

    pub(crate) const fn not_used(mut self, reason: &'static str) -> Self {
        self.state = State::NotUsed(reason);
        self
    }
}

impl Row {
    /// The default in a profile.
    #[must_use]
    pub fn default_in(&self, profile: Profile) -> &'static str {
        match (profile, self.fast_default) {
            (Profile::Fast, Some(fast)) => fast,
            (Profile::Fast, None) | (Profile::Compat, _) => self.default,
        }
    }
}
