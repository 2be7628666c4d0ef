//! The phones of a process: accounts that stay registered while servers die.
//!
//! [`Endpoint`] is a [`net::Node`]: an executor feeds it time, datagrams and connections and carries
//! out what it wants. Begin reading at `account/upkeep.rs`, the machine that keeps a registration.

mod account;
mod auth;
mod budget;
mod call;
mod command;
mod connections;
mod context;
mod endpoint;
mod event;
mod health;
mod inbound;
mod line;
mod phone;
mod policy;
mod text;
mod view;

pub use account::{Bound, BoundCase};
pub use budget::{Budget, Kind, Plan, SipTimers};
pub use call::{CallId, CallState, CallWhy, Direction, MediaOrder, MediaReport, Order};
pub use command::Command;
pub use endpoint::{Endpoint, EndpointConfig};
pub use event::{
    AttemptName, Event, EventKind, Evidence, HealthState, HopName, LocatedHop, MoveKind, Outcome,
    Place, Refusal, RtpCounts, Why,
};
pub use policy::static_records;
pub use view::{
    AccountView, CallView, HopView, LeaseView, NextAct, PhoneView, RegisterStatus, ServerView,
};

/// The methods that are taken.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, INFO, UPDATE, REFER";
/// What the phone calls itself.
pub const USER_AGENT: &str = concat!("sureline/", env!("CARGO_PKG_VERSION"));
