//! Parameters of the phone: declared once, read from files in layers, handed out as typed settings.
//!
//! - A [`Row`] of the table says all that is known of a key; [`rows`] walks them, [`manual`] prints
//!   them, [`works_keys`] names those that act.
//! - [`Layers::load`] reads files and the command line, keeps every assignment with its origin, and
//!   says what it found. A [`View`] is what one [`Device`], model and firmware, makes of them.
//! - [`Layers::settings`] turns them into [`PhoneSettings`]; the engine sees no key and no text to
//!   parse. Equal policies are one through the [`Interner`].
//! - [`Layers::export`] and [`edit`] write files.
//! - [`provision`] decides which files are fetched from a server, when, and what is kept of them.

mod choices;
mod codes;
mod edit;
mod export;
mod file;
mod interner;
mod key;
mod layers;
mod mac;
mod manual;
mod model;
mod origin;
mod problem;
pub mod provision;
mod read;
mod row;
mod secret;
mod settings;
mod suggest;
mod table;
mod value;
mod view;

pub use choices::{
    AddressMode, CaList, CallerIdSource, Choice, DnsCacheType, DtmfInfo, DtmfType, FailbackMode,
    FallbackAt, IcmpScope, KeepAlive, ListenMode, Liveness, NatTraversal, NotifyReboot, Profile,
    ProvisionAgent, Redundancy, Refresher, SharedLine, SrtpMode, SrvWeight, Strangers,
    TransportType,
};
pub use codes::FailoverCodes;
pub use edit::{Change, EditFault, edit};
pub use file::{FILE_BYTES_MAX, LINE_BYTES_MAX, NotAConfig};
pub use interner::Interner;
pub use key::{Key, KeyFault};
pub use layers::{Assignment, Blank, Effective, Layers, Source, Verdict};
pub use mac::{Mac, NotAMac};
pub use manual::{NoSuchKey, list, manual, markdown};
pub use model::{Firmware, Model, NotAFirmware, UnknownModel};
pub use origin::{Layer, Origin};
pub use problem::{Finding, Found, ParamError, Problem};
pub use row::{Described, HomeFile, Readers, Row, State, WebPage, WebPlace, When};
pub use secret::{HIDDEN, Secret, without_login};
pub use settings::{
    AccountSettings, BlfPolicy, Codec, CommonSettings, DnsSettings, DtmfPolicy, Identity, LineKey,
    ListenSettings, MwiPolicy, NatPolicy, PhoneSettings, Policy, ProxiesPolicy, ProxyPolicy,
    QosSettings, ServerPolicy, SessionTimer, StaticA, StaticNaptr, StaticRecords, StaticSrv,
    StunSettings, TlsSettings,
};
pub use suggest::suggestion;
pub use table::{GROUPS, rows, works_keys};
pub use value::{Between, Fault, INTEGER_MAX, Kind, Permitted, is_address};
pub use view::{Device, View};
