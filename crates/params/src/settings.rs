//! Settings as the engine takes them: typed, checked, with firmware and profile already applied.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::choices::{
    AddressMode, CaList, CallerIdSource, DnsCacheType, DtmfInfo, DtmfType, FailbackMode,
    FallbackAt, IcmpScope, KeepAlive, ListenMode, Liveness, NatTraversal, NotifyReboot, Profile,
    Redundancy, Refresher, SharedLine, SrtpMode, SrvWeight, Strangers, TransportType,
};
use crate::codes::FailoverCodes;
use crate::mac::Mac;
use crate::model::{Firmware, Model};
use crate::secret::Secret;

/// Everything one phone is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneSettings {
    /// Its hardware address.
    pub mac: Mac,
    /// Its model.
    pub model: Model,
    /// Its firmware.
    pub firmware: Firmware,
    /// What holds for all accounts, shared between phones with equal settings.
    pub common: Arc<CommonSettings>,
    /// Every account with any value, enabled or not, by number.
    pub accounts: Vec<AccountSettings>,
    /// The programmable keys that have a type, by number.
    pub line_keys: Vec<LineKey>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSettings {
    /// X of `account.X`, from 1.
    pub number: u8,
    /// Whether the line is active; only then does anything of it act.
    pub enabled: bool,
    /// Who the user is.
    pub identity: Arc<Identity>,
    /// How servers are used, shared between accounts with equal settings.
    pub policy: Arc<Policy>,
}

/// Who the user of an account is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Shown beside the line key.
    pub label: Box<str>,
    /// The display name of From.
    pub display_name: Box<str>,
    /// User part of the address-of-record, or with `@` the whole of it.
    pub user_name: Box<str>,
    /// The digest user; blank: `user_name`.
    pub auth_name: Box<str>,
    /// The digest password.
    pub password: Secret,
}

/// How an account uses its servers; equal policies of one process are one [`Arc`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Server 1 and server 2; a blank address means that there is none.
    pub servers: [ServerPolicy; 2],
    /// The outbound proxies.
    pub proxies: ProxiesPolicy,
    /// Whether server 1 and 2 are registered at together or one after the other.
    pub redundancy: Redundancy,
    /// Seconds from the start of one probe of server 1 to the next while on server 2.
    pub fallback_timeout_s: u32,
    /// Whether a final failure of a REGISTER moves to server 2.
    pub redundancy_with_reg_fail: bool,
    /// What DNS answers are kept.
    pub dns_cache_type: DnsCacheType,
    /// Whether static records come before DNS.
    pub static_cache_pri: bool,
    /// Whether SRV is asked for UDP, TCP and TLS where NAPTR has no answer.
    pub naptr_build: bool,
    /// Seconds between registration attempts where both of the next two are 0.
    pub reg_fail_retry_interval_s: u32,
    /// Base of the RFC 5626 back-off, seconds.
    pub reg_failed_retry_min_time_s: u32,
    /// Maximum of the RFC 5626 back-off, seconds.
    pub reg_failed_retry_max_time_s: u32,
    /// Seconds before the end of a lease at which it is refreshed; `None`: by behaviour.md §7.
    pub register_expires_overlap_s: Option<u32>,
    /// The same for subscriptions.
    pub subscribe_expires_overlap_s: Option<u32>,
    /// Seconds until a failed SUBSCRIBE is tried again.
    pub sub_fail_retry_interval_s: u32,
    /// Whether the `reg` event package is subscribed to.
    pub subscribe_register: bool,
    /// Whether the first request after a start removes old bindings.
    pub unregister_on_reboot: bool,
    /// Whether REGISTER has a `Mac` header.
    pub register_mac: bool,
    /// Whether REGISTER has a `Line` header.
    pub register_line: bool,
    /// The User-Agent; blank: the phone's own.
    pub custom_ua: Box<str>,
    /// The Proxy-Require header; blank: none.
    pub proxy_require: Box<str>,
    /// Whether requests are taken from the trusted set alone, by the phone's or the account's key.
    pub trust_ctrl: bool,
    /// NAT traversal.
    pub nat: NatPolicy,
    /// Session timers (RFC 4028).
    pub session_timer: SessionTimer,
    /// Whether reliable provisional responses are offered (RFC 3262).
    pub rel100: bool,
    /// Whether request URIs carry `user=phone`.
    pub user_equal_phone: bool,
    /// Which headers name the caller.
    pub cid_source: CallerIdSource,
    /// Whether calls are answered without the user.
    pub auto_answer: bool,
    /// Whether missed calls are kept.
    pub missed_calllog: bool,
    /// Enabled codecs, preferred first.
    pub codecs: Vec<Codec>,
    /// Milliseconds of audio in a packet; 0: as the other side wants.
    pub ptime_ms: u8,
    /// How keys pressed in a call are sent.
    pub dtmf: DtmfPolicy,
    /// Whether media is encrypted.
    pub srtp: SrtpMode,
    /// Message waiting.
    pub mwi: MwiPolicy,
    /// Busy lamps.
    pub blf: BlfPolicy,
    /// Whether the line is shared.
    pub shared_line: SharedLine,
    /// Which final answers count as failure of a next hop.
    pub failover_codes: FailoverCodes,
    /// How an idle registration is probed.
    pub liveness: Liveness,
    /// Seconds between probes.
    pub liveness_period_s: u32,
    /// Unanswered probes until a next hop is down.
    pub liveness_misses: u8,
    /// Whether the budget of an attempt follows measured round trips.
    pub adaptive_budget: bool,
    /// The least first interval of an adaptive budget, milliseconds.
    pub adaptive_floor_ms: u32,
    /// Retries of an adaptive budget.
    pub adaptive_retries: u8,
    /// When successive fallback goes to server 2.
    pub fallback_at: FallbackAt,
    /// Good probes before a failback.
    pub failback_good_probes: u8,
    /// Whether mode 0 remembers a dead primary until it answers a probe.
    pub sticky_new_requests: bool,
}

/// `sip_server.Y` of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerPolicy {
    /// IP address or domain name; blank: there is no such server.
    pub address: Box<str>,
    /// 0: the port comes from DNS.
    pub port: u16,
    /// How the server is talked to.
    pub transport: TransportType,
    /// The Expires of REGISTER, seconds.
    pub expires_s: u32,
    /// Retransmissions of requests other than INVITE before the next hop is given up (A3).
    pub retry_counts: u8,
    /// Retransmissions of INVITE; with firmware 80 the same as `retry_counts` (A3).
    pub invite_retry_counts: u8,
    /// Whether a secondary is registered at before another request is sent to it.
    pub register_on_enable: bool,
    /// Whether requests go to the registered next hop alone; never with firmware 80 (A9).
    pub only_signal_with_registered: bool,
    /// When requests go to the primary again.
    pub failback_mode: FailbackMode,
    /// The clock of [`FailbackMode::Duration`], seconds; 0: none runs (A12).
    pub failback_timeout_s: u32,
    /// Whether subscriptions move at once; never in mode 0 and never with firmware 80.
    pub failback_subscribe: bool,
}

/// The outbound proxies of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxiesPolicy {
    /// Whether out-of-dialog requests go through a proxy.
    pub enabled: bool,
    /// Proxy 1 and proxy 2; a blank address means that there is none.
    pub proxies: [ProxyPolicy; 2],
    /// Seconds from the start of one probe of proxy 1 to the next while on proxy 2; 0: never.
    pub fallback_interval_s: u32,
}

/// `outbound_proxy.Y` of an account; what was -1 there is the value of `sip_server.Y` (A18).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProxyPolicy {
    /// IP address or domain name; blank: there is no such proxy.
    pub address: Box<str>,
    /// 0: the port comes from DNS.
    pub port: u16,
    /// The transport of `sip_server.1` (A18).
    pub transport: TransportType,
    /// As [`ServerPolicy::retry_counts`].
    pub retry_counts: u8,
    /// As [`ServerPolicy::invite_retry_counts`].
    pub invite_retry_counts: u8,
    /// As [`ServerPolicy::register_on_enable`].
    pub register_on_enable: bool,
    /// As [`ServerPolicy::only_signal_with_registered`].
    pub only_signal_with_registered: bool,
    /// As [`ServerPolicy::failback_mode`], among the next hops of this proxy.
    pub failback_mode: FailbackMode,
    /// As [`ServerPolicy::failback_timeout_s`].
    pub failback_timeout_s: u32,
    /// As [`ServerPolicy::failback_subscribe`].
    pub failback_subscribe: bool,
}

/// NAT traversal of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NatPolicy {
    /// Whether addresses are learned from STUN.
    pub traversal: NatTraversal,
    /// What keeps the NAT's door open.
    pub keep_alive: KeepAlive,
    /// Seconds between keep-alives.
    pub keep_alive_s: u32,
    /// Whether `rport` is asked for (RFC 3581).
    pub rport: bool,
}

/// Session timers of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionTimer {
    /// Whether they are used.
    pub enabled: bool,
    /// The Session-Expires, seconds.
    pub expires_s: u32,
    /// Who refreshes.
    pub refresher: Refresher,
}

/// Keys pressed in a call.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DtmfPolicy {
    /// How they are sent.
    pub dtmf_type: DtmfType,
    /// The RTP payload type of telephone events.
    pub payload: u8,
    /// The body of an INFO request.
    pub info_type: DtmfInfo,
}

/// Message waiting of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MwiPolicy {
    /// Whether it is subscribed to.
    pub subscribe: bool,
    /// The Expires of SUBSCRIBE, seconds.
    pub expires_s: u32,
    /// Whether the mailbox number is subscribed to in place of the user.
    pub to_voice_mail: bool,
    /// The mailbox number.
    pub voice_mail: Box<str>,
}

/// Busy lamps of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlfPolicy {
    /// The Expires of SUBSCRIBE, seconds.
    pub period_s: u32,
    /// A resource list on the server; blank: each lamp is subscribed to by itself.
    pub list_uri: Box<str>,
}

/// An audio codec that the phone speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722.
    G722,
    /// G.729.
    G729,
    /// Opus.
    Opus,
}

/// A programmable key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineKey {
    /// N of `linekey.N`, from 1.
    pub number: u16,
    /// The vendor's number of the function: 13 speed dial, 15 line, 16 BLF.
    pub function: u16,
    /// The account, from 1; 0 where none is named.
    pub account: u8,
    /// What is dialled or watched.
    pub value: Box<str>,
    /// Shown beside the key.
    pub label: Box<str>,
    /// The call pickup code of a BLF key.
    pub extension: Box<str>,
}

/// What holds for all accounts of a phone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CommonSettings {
    /// Which set of defaults applied.
    pub profile: Profile,
    /// The order among SRV records of one priority.
    pub srv_weight: SrvWeight,
    /// What a request from outside the trusted set gets.
    pub strangers: Strangers,
    /// How far one ICMP error reaches.
    pub icmp: IcmpScope,
    /// Whether requests over 1,300 bytes go from UDP to TCP.
    pub udp_to_tcp: bool,
    /// RFC 3261 T1.
    pub t1: Duration,
    /// RFC 3261 T2.
    pub t2: Duration,
    /// RFC 3261 T4.
    pub t4: Duration,
    /// The first REGISTER waits a random time up to this many seconds.
    pub reg_surge_prevention_s: u32,
    /// Whether a pass asks each IP address once, whatever its port and transport.
    pub skip_redundant_failover_addr: bool,
    /// Whether requests are taken from the trusted set alone.
    pub trust_ctrl: bool,
    /// What check-sync does.
    pub notify_reboot: NotifyReboot,
    /// Whether calls from and to bare addresses are permitted.
    pub direct_ip_call: bool,
    /// Which address families are used.
    pub address_mode: AddressMode,
    /// Name servers.
    pub dns: DnsSettings,
    /// The static DNS cache.
    pub static_records: StaticRecords,
    /// TLS.
    pub tls: TlsSettings,
    /// Local ports.
    pub listen: ListenSettings,
    /// The range of RTP ports, first and last.
    pub rtp_ports: (u16, u16),
    /// Packet marking.
    pub qos: QosSettings,
    /// The STUN server.
    pub stun: StunSettings,
    /// The status that refuses a call by hand.
    pub refuse_code: u16,
    /// The status that refuses a call while not disturbed.
    pub dnd_refuse_code: u16,
}

/// How names are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DnsSettings {
    /// In order; none: the system's.
    pub servers: Vec<IpAddr>,
    /// Seconds that one server gets for one try.
    pub query_timeout_s: u32,
    /// Further tries at one server.
    pub retry_times: u32,
    /// Whether TCP is used from the start.
    pub over_tcp: bool,
    /// Whether the TTL of answers counts.
    pub ttl_enable: bool,
    /// Seconds for which the last good answer is served while DNS is silent; `None`: it is not.
    pub last_cache_expired_s: Option<u32>,
}

/// The static DNS cache, each kind in index order; only whole records are here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StaticRecords {
    /// `dns_cache_a.N`.
    pub a: Vec<StaticA>,
    /// `dns_cache_srv.N`.
    pub srv: Vec<StaticSrv>,
    /// `dns_cache_naptr.N`.
    pub naptr: Vec<StaticNaptr>,
}

/// A static address record, A or AAAA.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticA {
    /// N, from 1.
    pub index: u8,
    /// The name as written.
    pub name: Box<str>,
    /// Its address.
    pub ip: IpAddr,
    /// Seconds for which it counts after it was consulted.
    pub ttl_s: u32,
}

/// A static SRV record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticSrv {
    /// N, from 1.
    pub index: u8,
    /// The name as written, `_sip._udp.example.com`.
    pub name: Box<str>,
    /// The port; 0 counts as the default port.
    pub port: u16,
    /// The lowest is asked first.
    pub priority: u16,
    /// The heaviest of one priority is asked first.
    pub weight: u16,
    /// The host.
    pub target: Box<str>,
    /// Seconds for which it counts after it was consulted.
    pub ttl_s: u32,
}

/// A static NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StaticNaptr {
    /// N, from 1.
    pub index: u8,
    /// The name as written.
    pub name: Box<str>,
    /// `S`, `A`, `U`, `P` in upper case, or blank.
    pub flags: Box<str>,
    /// The lowest is looked at first.
    pub order: u16,
    /// The lowest of one order is looked at first.
    pub preference: u16,
    /// The name asked for next.
    pub replacement: Box<str>,
    /// `SIP+D2U` and the like, as written.
    pub service: Box<str>,
    /// Seconds for which it counts after it was consulted.
    pub ttl_s: u32,
}

/// What is asked of the other side of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsSettings {
    /// Whether the certificate must name the configured domain.
    pub cn_validation: bool,
    /// Whether the certificate must come from a trusted authority.
    pub trust_certificates: bool,
    /// Which authorities are trusted.
    pub ca_cert: CaList,
    /// Where the user's own authorities lie: a file or a URL; blank: none.
    pub ca_url: Box<str>,
    /// OpenSSL names of permitted suites; blank: all that are safe.
    pub cipher_list: Box<str>,
}

/// Local ports of SIP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ListenSettings {
    /// UDP and TCP.
    pub port: u16,
    /// TLS; 0: any.
    pub tls_port: u16,
    /// Which transports are listened on.
    pub mode: ListenMode,
}

/// The code point (DSCP) of outgoing packets.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct QosSettings {
    /// SIP.
    pub signal_dscp: u8,
    /// RTP.
    pub rtp_dscp: u8,
}

/// The STUN server of the phone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StunSettings {
    /// Whether it is used.
    pub enabled: bool,
    /// Its name or address.
    pub server: Box<str>,
    /// Its port.
    pub port: u16,
}
