//! Fetchers of configuration files, and the task that carries out what provisioning decides.
//!
//! - A [`Fetcher`] moves bytes over HTTP, HTTPS, TFTP and FTP. It follows no redirect, repeats
//!   nothing but for a password, and takes no more than it is told to.
//! - A [`Store`] keeps what a phone was given, whole, so that it survives a crash at any moment.
//! - A [`Provisioning`] runs the machine of [`params::provision`] with both; its [`Owner`] applies
//!   what comes.

mod connect;
mod fetcher;
#[cfg(feature = "ftp")]
mod ftp;
mod http;
mod names;
mod password;
mod service;
mod store;
mod tftp;

pub use fetcher::{Fetcher, FetcherConfig, FetcherError};
pub use names::NameSettings;
pub use service::{Ended, Owner, Provisioning, ServiceConfig, Taken};
pub use store::{Loaded, Store};
