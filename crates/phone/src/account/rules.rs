//! The settings of an account as its machines read them: places, groups, identity on the wire.

use std::net::SocketAddr;

use net::Transport;
use params::{FailbackMode, Policy, ServerPolicy, TransportType};
use sip::Writer;
use sip::digest::Credentials;

use crate::context::Device;
use crate::event::Place;
use crate::text;

/// How the servers of an account are used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One server.
    Single,
    /// Two registrations side by side.
    Concurrent,
    /// One registration at a time.
    Successive,
    /// Outbound proxies: one registration, through proxy 1 or proxy 2 (A18).
    Proxies,
}

impl Mode {
    /// The mode and the places in order; empty where no server has an address. A server without an
    /// address does not exist; the other one is then server 1.
    pub(crate) fn of(policy: &Policy) -> (Self, Vec<Place>) {
        let servers = numbered(policy.servers.iter().map(|server| &*server.address));
        if policy.proxies.enabled {
            let proxies = numbered(policy.proxies.proxies.iter().map(|proxy| &*proxy.address));
            if !proxies.is_empty() && !servers.is_empty() {
                return (Self::Proxies, proxies.into_iter().map(Place::Proxy).collect());
            }
        }
        let places: Vec<Place> = servers.into_iter().map(Place::Server).collect();
        let mode = match (places.len(), policy.redundancy) {
            (0 | 1, _) => Self::Single,
            (_, params::Redundancy::Concurrent) => Self::Concurrent,
            (_, params::Redundancy::Successive) => Self::Successive,
        };
        (mode, places)
    }
}

fn numbered<'a>(addresses: impl Iterator<Item = &'a str>) -> Vec<u8> {
    (1..).zip(addresses).filter(|(_, address)| !address.is_empty()).map(|(y, _)| y).collect()
}

/// The keys of a server or proxy that act on redundancy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) retry_counts: u8,
    pub(crate) invite_retry_counts: u8,
    pub(crate) register_on_enable: bool,
    pub(crate) only_signal_with_registered: bool,
    pub(crate) failback_mode: FailbackMode,
    pub(crate) failback_timeout_s: u32,
}

impl Rules {
    pub(crate) fn of(policy: &Policy, place: Place) -> Self {
        let [server1, server2] = &policy.servers;
        let [proxy1, proxy2] = &policy.proxies.proxies;
        let from_server = |server: &ServerPolicy| Self {
            retry_counts: server.retry_counts,
            invite_retry_counts: server.invite_retry_counts,
            register_on_enable: server.register_on_enable,
            only_signal_with_registered: server.only_signal_with_registered,
            failback_mode: server.failback_mode,
            failback_timeout_s: server.failback_timeout_s,
        };
        let from_proxy = |proxy: &params::ProxyPolicy| Self {
            retry_counts: proxy.retry_counts,
            invite_retry_counts: proxy.invite_retry_counts,
            register_on_enable: proxy.register_on_enable,
            only_signal_with_registered: proxy.only_signal_with_registered,
            failback_mode: proxy.failback_mode,
            failback_timeout_s: proxy.failback_timeout_s,
        };
        match place {
            Place::Server(2) => from_server(server2),
            Place::Server(_) => from_server(server1),
            Place::Proxy(2) => from_proxy(proxy2),
            Place::Proxy(_) => from_proxy(proxy1),
        }
    }
}

/// The address, port and transport of a place, as configured.
pub(crate) fn target_of(policy: &Policy, place: Place) -> locate::Target {
    let [server1, server2] = &policy.servers;
    let [proxy1, proxy2] = &policy.proxies.proxies;
    let (host, port, transport) = match place {
        Place::Server(2) => (&server2.address, server2.port, server2.transport),
        Place::Server(_) => (&server1.address, server1.port, server1.transport),
        // A18: a proxy is located with its own address and port and the transport of server 1.
        Place::Proxy(2) => (&proxy2.address, proxy2.port, server1.transport),
        Place::Proxy(_) => (&proxy1.address, proxy1.port, server1.transport),
    };
    let transport = match transport {
        TransportType::Udp => locate::TransportType::Udp,
        TransportType::Tcp => locate::TransportType::Tcp,
        TransportType::Tls => locate::TransportType::Tls,
        TransportType::DnsNaptr => locate::TransportType::DnsNaptr,
    };
    locate::Target { host: host.clone(), port, transport }
}

/// Who the account is, on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) number: u8,
    pub(crate) user: &'a params::Identity,
    pub(crate) policy: &'a Policy,
}

impl<'a> Identity<'a> {
    pub(crate) const fn server(&self, y: u8) -> &'a ServerPolicy {
        let [server1, server2] = &self.policy.servers;
        if y == 2 { server2 } else { server1 }
    }

    /// The address-of-record: `user_name` with an `@` is the whole of it (behaviour §7).
    pub(crate) fn aor(&self, host: &str) -> String {
        match self.user.user_name.split_once('@') {
            Some((user, domain)) => format!("sip:{}@{}", text::user(user), text::host(domain)),
            None => format!("sip:{}@{}", text::user(&self.user.user_name), text::host(host)),
        }
    }

    /// The URI of our Contact.
    pub(crate) fn contact_uri(&self, transport: Transport, local: SocketAddr, line: u64) -> String {
        let user = self.user.user_name.split('@').next().unwrap_or_default();
        let transport = match transport {
            Transport::Udp => "",
            Transport::Tcp => ";transport=tcp",
            Transport::Tls => ";transport=tls",
        };
        format!("sip:{}@{local}{transport};line={line:016x}", text::user(user))
    }

    pub(crate) fn display(&self) -> String {
        text::display(&self.user.display_name)
    }

    /// The digest user (`auth_name`, blank: `user_name`) and the password.
    pub(crate) fn credentials(&self) -> Credentials<'a> {
        let blank = self.user.auth_name.is_empty();
        let user = if blank { &self.user.user_name } else { &self.user.auth_name };
        Credentials { user, password: self.user.password.reveal() }
    }

    /// The Route to a proxy; none to a server (A18).
    pub(crate) fn route(&self, place: Place) -> Option<String> {
        match place {
            Place::Server(_) => None,
            Place::Proxy(_) => {
                let target = target_of(self.policy, place);
                let port = match target.port {
                    0 | 5060 => String::new(),
                    port => format!(":{port}"),
                };
                let transport = match target.transport {
                    locate::TransportType::Tcp => ";transport=tcp",
                    locate::TransportType::Tls => ";transport=tls",
                    locate::TransportType::Udp | locate::TransportType::DnsNaptr => "",
                };
                Some(format!("<sip:{}{port}{transport};lr>", text::host(&target.host)))
            }
        }
    }

    /// Headers that the account's keys ask for.
    pub(crate) fn optional_headers(&self, mut writer: Writer, device: &Device) -> Writer {
        if self.policy.register_mac {
            writer = writer.header("Mac", device.mac.with_colons());
        }
        if self.policy.register_line {
            writer = writer.header("Line", self.number);
        }
        if !self.policy.proxy_require.is_empty() {
            writer = writer.header("Proxy-Require", &self.policy.proxy_require);
        }
        if self.policy.custom_ua.is_empty() {
            writer.header("User-Agent", crate::USER_AGENT)
        } else {
            writer.header("User-Agent", &self.policy.custom_ua)
        }
    }
}
