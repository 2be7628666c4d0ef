use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::Transport;
use sip::transaction::Timings;

use crate::authentication::{Authentication, User};

/// What a registrar is given at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its name in logs and answers of the lab: `primary`, `secondary` …
    pub name: Box<str>,
    /// The domain that it serves, which is also its realm.
    pub domain: Box<str>,
    /// Further hosts that mean the same domain. Its own addresses always do.
    pub aliases: Vec<Box<str>>,
    /// Who may register and be called.
    pub users: Vec<User>,
    /// Whether it asks for passwords.
    pub authentication: Authentication,
    /// Which times of registration it grants.
    pub expires: ExpiresLimits,
    /// Its datagram sockets and listeners. The first of UDP is [`net::Socket`] 0, and so on.
    pub sockets: Vec<(Transport, SocketAddr)>,
    /// Other servers of the cluster, which need no password.
    pub peers: Vec<IpAddr>,
    /// What it puts into Record-Route.
    pub record_route: RecordRoute,
    /// What a 200 to REGISTER gives as Service-Route (RFC 3608).
    pub service_route: Vec<Box<str>>,
    /// Whether it takes part in SIP Outbound (RFC 5626), and the seconds of Flow-Timer.
    pub outbound: Option<u32>,
    /// T1, T2 and T4.
    pub timings: Timings,
    /// How long a call may ring (RFC 3261 §16.6 step 11).
    pub timer_c: Duration,
    /// How many requests the log keeps; 0 turns it off.
    pub log_limit: usize,
}

/// Which times of registration a registrar grants, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpiresLimits {
    /// Less is refused with 423.
    pub min_s: u32,
    /// More is cut to this.
    pub max_s: u32,
    /// What is granted where nothing is asked for.
    pub default_s: u32,
}

impl Default for ExpiresLimits {
    fn default() -> Self {
        Self { min_s: 0, max_s: 3_600, default_s: 3_600 }
    }
}

/// What a proxy puts into Record-Route (RFC 3261 §16.6 step 4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordRoute {
    /// Its own address.
    Address,
    /// A name that leads to it or to another server of the cluster.
    Name(Box<str>),
    /// Nothing: it leaves the dialog.
    Nothing,
}

impl Config {
    /// A registrar of `domain` without users, that asks for passwords, at these sockets.
    #[must_use]
    pub fn new(name: &str, domain: &str, sockets: Vec<(Transport, SocketAddr)>) -> Self {
        Self {
            name: name.into(),
            domain: domain.into(),
            aliases: Vec::new(),
            users: Vec::new(),
            authentication: Authentication::Digest(crate::DigestPolicy::default()),
            expires: ExpiresLimits::default(),
            sockets,
            peers: Vec::new(),
            record_route: RecordRoute::Address,
            service_route: Vec::new(),
            outbound: None,
            timings: Timings::default(),
            timer_c: Duration::from_secs(180),
            log_limit: 10_000,
        }
    }

    /// Whether a host of a URI means the domain.
    pub(crate) fn serves(&self, host: &str) -> bool {
        let named = |name: &str| name.eq_ignore_ascii_case(host);
        named(&self.domain)
            || self.aliases.iter().any(|alias| named(alias))
            || host.parse().is_ok_and(|ip: IpAddr| self.sockets.iter().any(|(_, a)| a.ip() == ip))
    }

    /// Whether a URI of a Route names this server.
    pub(crate) fn is_own_route(&self, uri: &sip::Uri<'_>) -> bool {
        let Some(ip) = uri.ip() else { return self.serves(uri.host()) };
        self.sockets.iter().any(|(transport, addr)| {
            let default = if *transport == Transport::Tls { 5061 } else { 5060 };
            addr.ip() == ip && addr.port() == uri.port().unwrap_or(default)
        })
    }

    /// Whether host and port of a Via are this server's.
    pub(crate) fn is_own_via(&self, via: &sip::Via<'_>) -> bool {
        let Ok(ip) = via.host().parse::<IpAddr>() else { return false };
        self.sockets.iter().any(|(_, addr)| addr.ip() == ip && via.port() == Some(addr.port()))
    }

    /// The address of its own that messages over `transport` to the family of `to` come from.
    pub(crate) fn own(&self, transport: Transport, to: IpAddr) -> Option<SocketAddr> {
        let fits = |addr: &SocketAddr| addr.is_ipv4() == to.is_ipv4();
        self.sockets.iter().find(|(known, addr)| *known == transport && fits(addr)).map(|s| s.1)
    }

    /// The datagram socket for the family of `to`.
    pub(crate) fn socket(&self, to: IpAddr) -> Option<net::Socket> {
        let udp = self.sockets.iter().filter(|(transport, _)| *transport == Transport::Udp);
        (0..)
            .zip(udp)
            .find(|(_, (_, addr))| addr.is_ipv4() == to.is_ipv4())
            .map(|(index, _)| net::Socket(index))
    }

    /// The address-of-record that a URI names in this domain, as bindings are filed by; `None` where
    /// it has no user or is of another domain.
    pub(crate) fn aor(&self, uri: &sip::Uri<'_>) -> Option<(String, String)> {
        let user = uri.user_unescaped()?;
        let known = uri.is_sip() && self.serves(uri.host());
        known.then(|| (user.to_string(), format!("sip:{user}@{}", self.domain)))
    }
}
