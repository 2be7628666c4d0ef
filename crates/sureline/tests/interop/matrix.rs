//! The matrix: what happens in each cell.

use net::Transport;

use crate::cell::Cell;
use crate::kamailio::{Custom, Fault};
use crate::stories;

/// One row of `matrix.tsv`.
pub(crate) struct Row {
    /// The name of the cell.
    pub(crate) cell: String,
    /// What happens in it.
    pub(crate) play: fn(Cell<'_>),
    /// How the phone speaks to its servers.
    pub(crate) transport: Transport,
    /// How it finds them.
    pub(crate) dns: Dns,
    /// What is wrong.
    pub(crate) trouble: Trouble,
    /// Keys of account 1, without `account.1.`, and their values.
    pub(crate) settings: Vec<(String, String)>,
}

/// Where the phone begins to look for the next hops of server 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dns {
    /// `transport_type` 3 and port 0.
    Naptr,
    /// Port 0.
    Srv,
    /// A port of its own.
    A,
}

/// What is wrong in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Servers fail while the phone is registered.
    Fault(Fault),
    /// The primary shows this certificate.
    Certificate(BadCertificate),
    /// Registrars are set up like this.
    Custom(Custom),
    /// Nothing but what the settings say.
    Settings,
}

/// A certificate that is not to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadCertificate {
    /// It names another domain.
    OtherName,
    /// Another authority signed it.
    OtherAuthority,
    /// Its time is over.
    Expired,
}

impl Row {
    /// The fault of the cell.
    pub(crate) fn fault(&self) -> Fault {
        match self.trouble {
            Trouble::Fault(fault) => fault,
            other => panic!("{}: {other:?} where a fault belongs", self.cell),
        }
    }

    /// A setting of the row.
    pub(crate) fn setting(&self, key: &str) -> &str {
        let found = self.settings.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| &**value).unwrap_or_else(|| panic!("{} has no {key}", self.cell))
    }
}

/// The rows of the matrix, or those that the variable `INTEROP` names (a part of their names).
pub(crate) fn rows() -> Vec<Row> {
    let wanted = std::env::var("INTEROP").unwrap_or_default();
    let lines = include_str!("matrix.tsv").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let rows: Vec<Row> = lines.map(read).filter(|row| row.cell.contains(&wanted)).collect();
    let mut names: Vec<&str> = rows.iter().map(|row| row.cell.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), rows.len(), "the name of a cell is also that of its folder");
    rows
}

fn read(line: &str) -> Row {
    let columns: Vec<&str> = line.split('\t').filter(|column| !column.is_empty()).collect();
    let [story, transport, dns, trouble, settings] = columns[..] else {
        panic!("five columns: {line}");
    };
    let modes = settings.split_once("failback_mode=").map(|(_, rest)| &rest[..1]);
    let mode = modes.map_or(String::new(), |mode| format!("-mode{mode}"));
    let settings = settings.split_whitespace().filter_map(|pair| pair.split_once('='));
    Row {
        cell: format!("{story}{mode}-{transport}-{trouble}").replace("-settings", ""),
        play: stories::of(story).unwrap_or_else(|| panic!("no such story: {line}")),
        transport: match transport {
            "udp" => Transport::Udp,
            "tcp" => Transport::Tcp,
            "tls" => Transport::Tls,
            _ => panic!("no such transport: {line}"),
        },
        dns: match dns {
            "naptr" => Dns::Naptr,
            "srv" => Dns::Srv,
            "a" => Dns::A,
            _ => panic!("no such way to find servers: {line}"),
        },
        trouble: trouble_of(trouble).unwrap_or_else(|| panic!("no such trouble: {line}")),
        settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    }
}

fn trouble_of(name: &str) -> Option<Trouble> {
    let other = match name {
        "settings" => Some(Trouble::Settings),
        "other-name" => Some(Trouble::Certificate(BadCertificate::OtherName)),
        "other-authority" => Some(Trouble::Certificate(BadCertificate::OtherAuthority)),
        "expired" => Some(Trouble::Certificate(BadCertificate::Expired)),
        "short-nonce" => Some(Trouble::Custom(Custom::ShortNonce)),
        "stale-nonce" => Some(Trouble::Custom(Custom::StaleNonce)),
        "sha-256" => Some(Trouble::Custom(Custom::Sha256)),
        "long-lease" => Some(Trouble::Custom(Custom::LongLease)),
        _ => None,
    };
    let fault = Fault::NAMES.into_iter().find(|(known, _)| *known == name);
    other.or(fault.map(|(_, fault)| Trouble::Fault(fault)))
}
