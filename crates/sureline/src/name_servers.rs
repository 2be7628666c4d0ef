//! Which name servers are asked.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use params::DnsSettings;

use crate::cli::NameServer;

/// How many name servers are taken from the system, as its own resolver does.
const NAME_SERVERS_MAX: usize = 3;

/// Who says which name servers a phone asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NameServers {
    /// The command line, whatever the settings say.
    Given(Vec<SocketAddr>),
    /// The settings, else the system.
    AsConfigured,
}

impl NameServers {
    /// As `--no-dns` and `--dns` say.
    pub(crate) fn of(no_dns: bool, given: &[NameServer]) -> Self {
        match (no_dns, given) {
            (true, _) => Self::Given(Vec::new()),
            (false, []) => Self::AsConfigured,
            (false, given) => Self::Given(name_servers(given)),
        }
    }

    /// Those that are asked with these settings.
    pub(crate) fn with(&self, settings: &DnsSettings) -> Vec<SocketAddr> {
        match self {
            Self::Given(servers) => servers.clone(),
            Self::AsConfigured if settings.servers.is_empty() => name_servers(&[]),
            Self::AsConfigured => {
                settings.servers.iter().map(|server| SocketAddr::new(*server, 53)).collect()
            }
        }
    }
}

/// Those given, else those of the system; none is a valid answer.
pub(crate) fn name_servers(given: &[NameServer]) -> Vec<SocketAddr> {
    if given.is_empty() {
        return parse(&fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
    }
    given.iter().map(|server| server.0).collect()
}

fn parse(text: &str) -> Vec<SocketAddr> {
    let addresses = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("nameserver")).then(|| words.next())?
    });
    // A zone (fe80::1%eth0) names an interface; such a server is left out.
    addresses
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .map(|address| SocketAddr::new(address, 53))
        .take(NAME_SERVERS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_before_the_settings() {
        let settings = params::Layers::load(&[params::Source {
            name: "phone.cfg",
            layer: params::Layer::Mac,
            bytes:
                b"static.network.static_dns_enable = 1\nstatic.network.primary_dns = 192.0.2.9\n",
        }]);
        let device = params::Device::default();
        let settings = settings.0.settings(&device, &mut params::Interner::default()).0;
        let asked = |no_dns, given: &[&str]| {
            let given: Vec<NameServer> = given.iter().map(|it| it.parse().unwrap()).collect();
            let servers = NameServers::of(no_dns, &given).with(&settings.common.dns);
            servers.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(asked(false, &[]), ["192.0.2.9:53"]);
        assert_eq!(asked(false, &["192.0.2.1:5353"]), ["192.0.2.1:5353"]);
        assert!(asked(true, &[]).is_empty());
    }

    #[test]
    fn the_first_three_servers_of_the_system_are_taken() {
        let text = "# nameserver 192.0.2.9\nsearch example.com\nnameserver 192.0.2.1\n\
                    nameserver\t2001:db8::1\nnameserver fe80::1%eth0\nnameserver 192.0.2.2 # x\n\
                    nameserver 192.0.2.3\n";
        let servers: Vec<_> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
        assert!(parse("").is_empty());
    }
}
