//! What a phone is told about provisioning.

use std::time::Duration;

use super::calendar::Window;
use crate::choices::ProvisionAgent;
use crate::secret::Secret;

/// `static.auto_provision.*` and what belongs to it, as [`crate::Layers::provision_settings`] reads
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionSettings {
    /// `server.url` as written; blank: there is none.
    pub url: Box<str>,
    /// `server.username`; blank: nobody logs in, unless the address says who.
    pub user: Box<str>,
    /// `server.password`.
    pub password: Secret,
    /// `static.custom_mac_cfg.url` as written: where the MAC file lies, if not beside the others.
    pub mac_file: Box<str>,
    /// Whether files are fetched at each start.
    pub power_on: bool,
    /// The time from one fetching to the next; `None`: it is not repeated.
    pub repeat: Option<Duration>,
    /// The window of certain days of the week.
    pub weekly: Option<Window>,
    /// The window of a day of the phone's own.
    pub flexible: Option<Window>,
    /// Whether local changes outlive provisioning.
    pub protect: bool,
    /// How local changes are uploaded; `None`: they are not.
    pub sync: Option<UploadMethod>,
    /// The keys of encrypted files.
    pub keys: AesKeys,
    /// Whether only encrypted files are taken.
    pub only_encrypted: bool,
    /// Whether local changes are encrypted when they are uploaded.
    pub encrypt_upload: bool,
    /// Attempts to fetch a file.
    pub attempts: u32,
    /// What one attempt gets.
    pub attempt_time: Duration,
    /// The time between attempts.
    pub retry_delay: Duration,
    /// Whether User-Agent names the phone's address.
    pub tells_mac: bool,
    /// As whom the phone presents itself.
    pub agent: ProvisionAgent,
    /// The file with the certificate that the phone shows; blank: it shows none.
    pub client_certificate: Box<str>,
}

/// How a file is uploaded over HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UploadMethod {
    /// PUT.
    Put,
    /// POST.
    Post,
}

/// The keys of encrypted files, as written; blank ones are not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AesKeys {
    /// `aes_key_16.com`, or `aes_key.com` of later firmware.
    pub common: Secret,
    /// `aes_key_16.mac`, or `aes_key.mac`.
    pub mac: Secret,
}
