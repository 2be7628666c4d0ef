//! The face over HTTP: pages for people, and the control API under `/api` for local commands and
//! scripts.
//!
//! [`router`] answers with what a [`desk::Desk`] says, [`site`] shows it as pages, and [`serve`] takes
//! connections for them. Who asks the API has to show the token, who looks at a page has to log in,
//! and neither a foreign web page nor a rebound name gets that far.

mod access;
mod api;
mod error;
mod pages;
mod serve;

pub use access::{Access, guarded};
pub use api::router;
pub use error::{answer_error, answer_json};
pub use pages::{Doors, Vault, site};
pub use serve::{Listener, serve};
