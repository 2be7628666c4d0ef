//! Parameters of the phone: declared once, read from files in layers, handed out as typed settings.

mod choices;
mod codes;
mod interner;
mod mac;
mod model;
mod secret;
mod settings;

pub use choices::*;
pub use codes::FailoverCodes;
pub use interner::Interner;
pub use mac::{Mac, NotAMac};
pub use model::{Firmware, Model, NotAFirmware, UnknownModel};
pub use secret::{HIDDEN, Secret};
pub use settings::{
    AccountSettings, BlfPolicy, Codec, CommonSettings, DnsSettings, DtmfPolicy, Identity, LineKey,
    ListenSettings, MwiPolicy, NatPolicy, PhoneSettings, Policy, ProxiesPolicy, ProxyPolicy,
    QosSettings, ServerPolicy, SessionTimer, StaticA, StaticNaptr, StaticRecords, StaticSrv,
    StunSettings, TlsSettings,
};
