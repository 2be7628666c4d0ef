//! What a face may ask of running phones, and the data it gets: the same for faces inside the
//! process and for those that come over HTTP.
//!
//! [`Desk`] is the question, [`Status`] and [`EventLine`] are the answers as JSON spells them,
//! [`EventLog`] keeps the last events for late readers, [`Narrator`] turns events into sentences,
//! and [`remote`] asks a phone in another process.

mod call;
mod calls;
mod control;
mod convert;
mod desk;
mod event;
mod log;
mod narrate;
pub mod remote;
mod sheet;
mod stamp;
mod status;

pub use call::{AudioStatus, CallAct, CallName, CallStatus, Dial, WhichCall};
pub use control::ControlFile;
pub use desk::{Desk, Events, Line, Pending, Provisioned, Reading, Refused, Settings, TraceLine};
pub use event::{EventBody, EventLine, LocatedHopLine, RtpLine};
pub use log::{About, EventLog, Follower, Held};
pub use narrate::{Narrator, Sentence, Weight, reason_hint, reason_words, span};
pub use sheet::{Field, Patch, Scope, Sheet};
pub use stamp::Stamp;
pub use status::{
    AccountStatus, HopStatus, LeaseStatus, MoveLine, NextStatus, PhoneStatus, ServerStatus, Status,
};
