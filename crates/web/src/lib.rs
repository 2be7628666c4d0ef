//! The face over HTTP: the control API under `/api`, for local commands and scripts.
//!
//! [`router`] answers with what a [`desk::Desk`] says; [`serve`] takes connections for it. Who asks
//! has to show the token, and neither a foreign web page nor a rebound name gets that far.

mod access;
mod api;
mod error;
mod serve;

pub use access::{Access, guarded};
pub use api::router;
pub use error::{answer_error, answer_json};
pub use serve::serve;
