use std::fmt;
use std::str::FromStr;

/// A phone model of the guide; it decides how many accounts there are and which keys are read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Model(u8);

/// One row of the model table.
struct Facts {
    name: &'static str,
    /// The number in the name of the common file, `y0000000000NN.cfg`.
    code: u8,
    accounts: u8,
    first_firmware: u16,
}

impl Model {
    /// The model that the guide takes as its example.
    pub const SIP_T46G: Self = Self(7);

    /// All models, in the order of the guide.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(MODELS).map(|(number, _)| Self(number))
    }

    /// The name as the guide prints it, `SIP-T46G`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The two figures in the name of the common file, `y0000000000NN.cfg`.
    #[must_use]
    pub fn code(self) -> u8 {
        self.facts().code
    }

    /// The highest account number.
    #[must_use]
    pub fn account_max(self) -> u8 {
        self.facts().accounts
    }

    /// The first firmware to which the guide applies on this model.
    #[must_use]
    pub fn first_firmware(self) -> Firmware {
        Firmware(self.facts().first_firmware)
    }

    /// Whether this is one of T58V, T58A and T56A, whose firmware 80 already reads what others read
    /// from firmware 81.
    #[must_use]
    pub fn is_android(self) -> bool {
        matches!(self.name(), "SIP-T58V" | "SIP-T58A" | "SIP-T56A")
    }

    #[expect(
        clippy::expect_used,
        reason = "a Model is made by `all`, a constant or `from_str` only"
    )]
    fn facts(self) -> &'static Facts {
        MODELS.get(usize::from(self.0)).expect("a model number is a row of the table")
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::SIP_T46G
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No model of the guide has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is no model of the guide; there are {}", known())]
pub struct UnknownModel {
    name: String,
}

fn known() -> String {
    Model::all().map(Model::name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Model {
    type Err = UnknownModel;

    /// Compares without case, blanks and the prefix `SIP-`; `SIP-T21(P) E2` and the like are found
    /// as `T21E2` and `T21PE2`.
    fn from_str(text: &str) -> Result<Self, UnknownModel> {
        let wanted = bare(text);
        let is_wanted = |model: &Self| {
            let name = bare(model.name());
            wanted == name.replace(['(', ')'], "")
                || wanted == name.replace("(P)", "")
                || wanted == name
        };
        Self::all().find(is_wanted).ok_or_else(|| UnknownModel { name: text.to_owned() })
    }
}

fn bare(name: &str) -> String {
    let name = name.to_ascii_uppercase().replace([' ', '-', '_'], "");
    name.strip_prefix("SIP").unwrap_or(&name).to_owned()
}

/// The main number of a firmware, 80 or later: it decides which keys have an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Firmware(u16);

impl Firmware {
    /// The first firmware of the guide; INVITE has no retry count of its own there.
    pub const V80: Self = Self(80);
    /// The firmware that the guide takes as its example.
    pub const V81: Self = Self(81);

    /// The number, as in `--firmware 81`.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl Default for Firmware {
    fn default() -> Self {
        Self::V81
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The text names no firmware that the guide covers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a firmware is a number from 80 to 199, as in 81 or 28.81.0.25")]
pub struct NotAFirmware;

impl FromStr for Firmware {
    type Err = NotAFirmware;

    /// Takes the main number alone or a whole version, `28.81.0.25`.
    fn from_str(text: &str) -> Result<Self, NotAFirmware> {
        let number = text.split('.').nth(usize::from(text.contains('.')));
        match number.and_then(|number| number.parse().ok()) {
            Some(number @ 80..=199) => Ok(Self(number)),
            Some(_) | None => Err(NotAFirmware),
        }
    }
}

const fn model(name: &'static str, code: u8, accounts: u8, first_firmware: u16) -> Facts {
    Facts { name, code, accounts, first_firmware }
}

/// Guide, title page and "Configuring Server Redundancy Using Configuration Files".
const MODELS: [Facts; 26] = [
    model("SIP-T58V", 58, 16, 80),
    model("SIP-T58A", 58, 16, 80),
    model("SIP-T56A", 56, 16, 80),
    model("SIP VP-T49G", 51, 16, 80),
    model("SIP-T54S", 70, 16, 81),
    model("SIP-T48G", 35, 16, 80),
    model("SIP-T48S", 65, 16, 81),
    model("SIP-T46G", 28, 16, 80),
    model("SIP-T46S", 66, 16, 81),
    model("SIP-T29G", 46, 16, 80),
    model("SIP-T52S", 74, 12, 81),
    model("SIP-T42G", 29, 12, 80),
    model("SIP-T42S", 67, 12, 81),
    model("SIP-T41P", 36, 6, 80),
    model("SIP-T41S", 68, 6, 81),
    model("SIP-T27P", 45, 6, 80),
    model("SIP-T27G", 69, 6, 81),
    model("W52P", 25, 5, 81),
    model("W56P", 25, 5, 80),
    model("SIP-T40P", 54, 3, 80),
    model("SIP-T40G", 76, 3, 81),
    model("SIP-T23P", 44, 3, 80),
    model("SIP-T23G", 44, 3, 80),
    model("SIP-T21(P) E2", 52, 2, 80),
    model("SIP-T19(P) E2", 53, 1, 80),
    model("CP860", 37, 1, 80),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_however_they_are_written() {
        for (text, name) in [
            ("SIP-T46G", "SIP-T46G"),
            ("t46g", "SIP-T46G"),
            ("SIP-T21P_E2", "SIP-T21(P) E2"),
            ("T21E2", "SIP-T21(P) E2"),
            ("VP-T49G", "SIP VP-T49G"),
            ("cp860", "CP860"),
        ] {
            assert_eq!(text.parse::<Model>().map(Model::name), Ok(name));
        }
        assert!("T99".parse::<Model>().unwrap_err().to_string().contains("SIP-T58V"));
        assert_eq!(Model::default().name(), "SIP-T46G");
    }

    #[test]
    fn account_limits_are_those_of_the_guide() {
        let with = |limit| Model::all().filter(move |m| m.account_max() == limit).count();
        assert_eq!([16, 12, 6, 5, 3, 2, 1].map(with), [10, 3, 4, 2, 4, 1, 2]);
    }

    #[test]
    fn first_firmware_is_that_of_the_title_page() {
        let later: Vec<&str> =
            Model::all().filter(|m| m.first_firmware() == Firmware::V81).map(Model::name).collect();
        assert_eq!(
            later,
            [
                "SIP-T54S", "SIP-T48S", "SIP-T46S", "SIP-T52S", "SIP-T42S", "SIP-T41S", "SIP-T27G",
                "W52P", "SIP-T40G"
            ]
        );
    }

    #[test]
    fn a_firmware_is_read_from_its_number_or_its_version() {
        assert_eq!("81".parse(), Ok(Firmware::V81));
        assert_eq!("28.80.0.130".parse(), Ok(Firmware::V80));
        for text in ["79", "", "28.", "x", "200"] {
            assert_eq!(text.parse::<Firmware>(), Err(NotAFirmware), "{text}");
        }
    }
}
