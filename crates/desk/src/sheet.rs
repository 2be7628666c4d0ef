//! The settings of a phone as a form shows them, and what comes back from it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::desk::Settings;

/// Which settings of a phone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The MAC; needed where several phones run.
    pub phone: Option<String>,
    /// Those of this account; without it those that belong to no account.
    pub account: Option<u8>,
}

/// Everything of one scope that has a place on the web page, as it was at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sheet {
    /// The MAC.
    pub phone: String,
    /// `SIP-T46G` and the like.
    pub model: String,
    /// 80, 81 …
    pub firmware: u16,
    /// `compat` or `fast`.
    pub profile: String,
    /// The highest account number of the model.
    pub account_max: u8,
    /// Other values have another revision; it says nothing about secrets.
    pub revision: String,
    /// Every key that this model and firmware reads.
    pub fields: BTreeMap<String, Field>,
}

/// One key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The value that holds, the default included; blank for a secret.
    pub value: String,
    /// The default of this profile.
    pub default: String,
    /// Where the value was written; none: nowhere, the default holds.
    pub source: Option<String>,
    /// Why the value does nothing as things are, in the words of the page.
    pub idle: Option<String>,
    /// Why it cannot be changed.
    pub fixed: Option<String>,
    /// A change acts when the phone is started again.
    pub at_start: bool,
}

/// Values to be set: all of them, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// By key; a blank value means the default.
    pub values: Settings,
    /// The revision that they were decided on; where another one holds, they are refused.
    pub read_at: Option<String>,
}
