use std::fmt;
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use dns::{NameServer, Zone, ZoneError};
use net::{Name, Rng, Transport};

use crate::authentication::{Authentication, DigestPolicy, User};
use crate::config::{Config, ExpiresLimits};
use crate::location::Database;
use crate::registrar::Registrar;

/// A server of the lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The first server that DNS names.
    Primary,
    /// The second.
    Secondary,
    /// The one that phones know by its address.
    Fallback,
}

impl Role {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Primary, Self::Secondary, Self::Fallback];

    /// The name in commands and answers of the lab.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Fallback => "fallback",
        }
    }

    /// Reads the name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which servers know each other's bindings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Primary and secondary have one database, as clusters do.
    Cluster,
    /// Each server has its own.
    Separate,
}

/// Where one server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// UDP and TCP.
    pub sip: SocketAddr,
    /// TLS; without it the server speaks none.
    pub tls: Option<SocketAddr>,
}

/// Where all of them listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// Primary, secondary and fallback.
    pub servers: [Place; 3],
    /// The name server, UDP and TCP.
    pub dns: SocketAddr,
}

impl Places {
    /// The addresses of a block of 256: `.1`, `.2`, `.3` with port 5060 and, for TLS, 5061; the name
    /// server is `.53` with port 5353.
    #[must_use]
    pub fn block([a, b, c]: [u8; 3], tls: TlsChoice) -> Self {
        let addr = |last, port| SocketAddr::from((Ipv4Addr::new(a, b, c, last), port));
        let place = |last| Place {
            sip: addr(last, 5060),
            tls: (tls == TlsChoice::Offered).then(|| addr(last, 5061)),
        };
        Self { servers: [place(1), place(2), place(3)], dns: addr(53, 5353) }
    }

    /// The place of one server.
    #[must_use]
    pub const fn of(&self, role: Role) -> Place {
        let [primary, secondary, fallback] = self.servers;
        match role {
            Role::Primary => primary,
            Role::Secondary => secondary,
            Role::Fallback => fallback,
        }
    }
}

impl Default for Places {
    fn default() -> Self {
        Self::block([127, 0, 1], TlsChoice::Without)
    }
}

/// Whether servers speak TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsChoice {
    /// They do.
    Offered,
    /// They do not.
    Without,
}

/// What can be chosen about a lab.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The domain of the users.
    pub domain: Box<str>,
    /// Who may register.
    pub users: Vec<User>,
    /// The times of registration that are granted.
    pub expires: ExpiresLimits,
    /// How primary and secondary ask for passwords.
    pub authentication: Authentication,
    /// How the fallback server does.
    pub fallback_authentication: Authentication,
    /// Which servers share their bindings.
    pub sharing: Sharing,
    /// Where everything listens.
    pub places: Places,
    /// The zone in place of [`zone_text`]'s.
    pub zone: Option<String>,
    /// How many requests each server remembers.
    pub log_limit: usize,
}

impl Default for LabOptions {
    fn default() -> Self {
        let digest = Authentication::Digest(DigestPolicy::default());
        Self {
            domain: "lab.test".into(),
            users: vec![User::new("1001", "pw"), User::new("1002", "pw")],
            expires: ExpiresLimits::default(),
            authentication: digest.clone(),
            fallback_authentication: digest,
            sharing: Sharing::Cluster,
            places: Places::default(),
            zone: None,
            log_limit: 10_000,
        }
    }
}

/// The standard set-up: three servers and a name server, to be run by any executor.
#[derive(Debug)]
pub struct Lab {
    /// Primary, secondary and fallback.
    pub servers: [LabServer; 3],
    /// The name server.
    pub dns: NameServer,
    /// Where the name server listens, UDP and TCP.
    pub dns_addr: SocketAddr,
    /// The zone that the name server has, in the form in which it was read.
    pub zone_text: String,
}

/// One server of a [`Lab`].
#[derive(Debug)]
pub struct LabServer {
    /// Which.
    pub role: Role,
    /// The server itself.
    pub node: Registrar,
    /// Its datagram sockets, the first of which is [`net::Socket`] 0.
    pub udp: Vec<SocketAddr>,
    /// Its listeners.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// What its certificate names.
    pub certificate_names: Vec<Name>,
}

impl Lab {
    /// Builds the set-up; each server draws from a generator of its own.
    ///
    /// # Errors
    /// Where the zone cannot be read.
    pub fn new(options: &LabOptions, rng: &Rng) -> Result<Self, ZoneError> {
        let zone_text =
            options.zone.clone().unwrap_or_else(|| zone_text(&options.domain, &options.places));
        let zone = Zone::parse(&zone_text)?;
        let cluster = Database::new();
        let servers = Role::ALL.map(|role| {
            let shared = options.sharing == Sharing::Cluster && role != Role::Fallback;
            let database = if shared { cluster.clone() } else { Database::new() };
            LabServer::new(role, options, database, rng.fork(role.as_str()))
        });
        Ok(Self {
            servers,
            dns: NameServer::new(zone, rng.fork("dns")),
            dns_addr: options.places.dns,
            zone_text,
        })
    }
}

impl LabServer {
    fn new(role: Role, options: &LabOptions, database: Database, rng: Rng) -> Self {
        let place = options.places.of(role);
        let mut sockets = vec![(Transport::Udp, place.sip), (Transport::Tcp, place.sip)];
        sockets.extend(place.tls.map(|addr| (Transport::Tls, addr)));
        let mut config = Config::new(role.as_str(), &options.domain, sockets.clone());
        config.users.clone_from(&options.users);
        config.expires = options.expires;
        config.log_limit = options.log_limit;
        config.authentication = match role {
            Role::Primary | Role::Secondary => options.authentication.clone(),
            Role::Fallback => options.fallback_authentication.clone(),
        };
        let [primary, secondary, _] = options.places.servers.map(|place| place.sip.ip());
        config.peers = match role {
            Role::Primary => vec![secondary],
            Role::Secondary => vec![primary],
            Role::Fallback => Vec::new(),
        };
        let host = format!("{role}.{}", options.domain);
        config.aliases.push(host.as_str().into());
        Self {
            role,
            node: Registrar::new(config, database, rng),
            udp: vec![place.sip],
            listen: sockets.into_iter().filter(|(transport, _)| transport.is_stream()).collect(),
            certificate_names: vec![
                (&*options.domain).into(),
                host.into(),
                place.sip.ip().to_string().into(),
            ],
        }
    }
}

/// The zone of the standard set-up: NAPTR for UDP, SRV with the primary before the secondary, and
/// addresses, all with a TTL of 30 s.
#[must_use]
pub fn zone_text(domain: &str, places: &Places) -> String {
    let mut zone = format!(
        "$ORIGIN {domain}.\n\
         $TTL 30\n\
         @ SOA ns hostmaster 1 3600 600 86400 30\n\
         @ NS ns\n\
         @ NAPTR 10 50 \"s\" \"SIP+D2U\" \"\" _sip._udp\n"
    );
    let cluster = [(Role::Primary, 10), (Role::Secondary, 20)];
    for (role, priority) in cluster {
        let place = places.of(role);
        let port = place.sip.port();
        put(&mut zone, format_args!("_sip._udp SRV {priority} 0 {port} {role}"));
        put(&mut zone, format_args!("_sip._tcp SRV {priority} 0 {port} {role}"));
        if let Some(tls) = place.tls {
            put(&mut zone, format_args!("_sips._tcp SRV {priority} 0 {} {role}", tls.port()));
        }
    }
    for role in [Role::Primary, Role::Secondary] {
        put_address(&mut zone, "@", places.of(role).sip.ip());
    }
    for role in Role::ALL {
        put_address(&mut zone, role.as_str(), places.of(role).sip.ip());
    }
    put_address(&mut zone, "ns", places.dns.ip());
    zone
}

/// The configuration file of a phone that registers `user` at the lab, with the fallback server as
/// its second one.
#[must_use]
pub fn phone_file(user: &User, domain: &str, places: &Places) -> String {
    let fallback = places.of(Role::Fallback).sip;
    let User { name, auth_name, password } = user;
    let mut file = String::from("#!version:1.0.0.1\n");
    for (key, value) in [
        ("enable", "1"),
        ("label", name),
        ("display_name", name),
        ("user_name", name),
        ("auth_name", auth_name),
        ("password", password),
        ("sip_server.1.address", domain),
        ("sip_server.1.port", "0"),
        ("sip_server.1.transport_type", "3"),
        ("sip_server.2.address", &fallback.ip().to_string()),
        ("sip_server.2.port", &fallback.port().to_string()),
        ("sip_server.2.transport_type", "0"),
    ] {
        put(&mut file, format_args!("account.1.{key} = {value}"));
    }
    file
}

fn put_address(zone: &mut String, name: &str, ip: IpAddr) {
    let kind = if ip.is_ipv4() { "A" } else { "AAAA" };
    put(zone, format_args!("{name} {kind} {ip}"));
}

fn put(text: &mut String, line: fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    writeln!(text, "{line}").unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_zone_can_be_read_and_names_the_servers_in_order() {
        let places = Places::block([127, 0, 1], TlsChoice::Offered);
        let zone = Zone::parse(&zone_text("lab.test", &places)).unwrap();
        let mut srv = Vec::new();
        for record in zone.records() {
            if let dns::Data::Srv(data) = &record.data {
                srv.push(format!("{} {} {}", record.name, data.priority, data.port));
            }
        }
        assert!(srv.iter().any(|line| line.contains("_sips._tcp") && line.ends_with("20 5061")));
        assert!(zone.records().all(|record| record.ttl_s == 30));
    }

    #[test]
    fn a_phone_file_has_what_a_phone_needs() {
        let file = phone_file(&User::new("1001", "pw"), "lab.test", &Places::default());
        assert!(file.contains("account.1.sip_server.1.transport_type = 3\n"));
        assert!(file.contains("account.1.sip_server.2.address = 127.0.1.3\n"));
        assert!(file.contains("account.1.password = pw\n"));
    }
}
