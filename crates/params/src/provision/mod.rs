//! Auto provisioning: what a phone fetches from its server, when, and what it keeps.
//!
//! [`Provisioner`] is the machine: it is told of triggers, of settings and of what came of its
//! requests, and asks for the next file, for taking all of them, or reports. It knows neither clock
//! nor socket; whoever moves the bytes follows no redirect and repeats nothing. Files are taken all
//! together or not at all; [`Saved`] is what is kept of them between starts.

mod aes_ecb;
mod boot;
mod calendar;
mod inspect;
mod machine;
mod plan;
mod report;
mod run;
mod saved;
mod settings;
mod url;

pub use aes_ecb::{AesKey, NotAnAesKey};
pub use boot::{Boot, BootNote, INCLUDES_MAX, Include, NotABoot};
pub use calendar::{Days, LocalTime, Window};
pub use inspect::{Ending, Unfit};
pub use machine::{Answer, FetchId, Input, Moment, Origins, Output, Provisioner, Request, Verb};
pub use plan::product_name;
pub use report::{ChangedKey, FetchFault, FileLine, News, Note, Outcome, Report, Trigger, Trouble};
pub use saved::{Damaged, Digest, Saved, SavedFile, digest};
pub use settings::{AesKeys, ProvisionSettings, UploadMethod};
pub use url::{Login, NotAUrl, Scheme, Url};
