use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::{Conn, Instant, Socket, Transport};

/// Where contacts are kept: one for each server, or one that several servers share as clusters do.
/// Clones are the same database.
#[derive(Clone, Debug, Default)]
pub struct Database(Arc<Mutex<Locations>>);

impl Database {
    /// An empty database.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Locations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a message reaches its receiver from a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flow {
    Datagram { socket: Socket, to: SocketAddr },
    Stream(Conn),
}

/// A contact bound to an address-of-record (RFC 3261 §10).
#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub(crate) uri: Box<str>,
    /// The parameters of the Contact but `expires`, as written, each with its semicolon.
    pub(crate) params: Box<str>,
    pub(crate) call_id: Box<str>,
    pub(crate) cseq: u32,
    pub(crate) ends: Instant,
    /// The server that took it, whose flow leads to it.
    pub(crate) home: Home,
    pub(crate) transport: Transport,
    /// Who sent the REGISTER.
    pub(crate) source: SocketAddr,
    pub(crate) path: Vec<Box<str>>,
    /// Identifies the phone rather than its address (RFC 5626 §6): instance and reg-id.
    pub(crate) instance: Option<(Box<str>, u32)>,
}

/// The server that holds the flow of a binding.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) server: Arc<str>,
    pub(crate) flow: Flow,
    /// Where its datagrams are taken by other servers.
    pub(crate) addr: Option<SocketAddr>,
}

/// All bindings, by address-of-record in the form `sip:user@host`.
#[derive(Debug, Default)]
pub(crate) struct Locations {
    aors: BTreeMap<Box<str>, Vec<Binding>>,
}

impl Locations {
    /// The bindings of an address-of-record that have not run out, oldest first.
    pub(crate) fn live(&self, aor: &str, now: Instant) -> impl Iterator<Item = &Binding> {
        self.aors.get(aor).into_iter().flatten().filter(move |binding| now < binding.ends)
    }

    /// All bindings that have not run out, with their addresses-of-record.
    pub(crate) fn all(&self, now: Instant) -> impl Iterator<Item = (&str, &Binding)> {
        self.aors.iter().flat_map(move |(aor, bindings)| {
            bindings.iter().filter(move |binding| now < binding.ends).map(|b| (&**aor, b))
        })
    }

    /// The binding with this contact at an address-of-record.
    pub(crate) fn find(&self, aor: &str, uri: &str, now: Instant) -> Option<&Binding> {
        self.live(aor, now).find(|binding| same_uri(&binding.uri, uri))
    }

    /// Adds a binding, or renews the one that has the same contact or the same instance.
    pub(crate) fn bind(&mut self, aor: &str, fresh: Binding, now: Instant) {
        let bindings = self.aors.entry(aor.into()).or_default();
        bindings.retain(|binding| now < binding.ends);
        match bindings.iter_mut().find(|known| known.is_replaced_by(&fresh)) {
            Some(known) => *known = fresh,
            None => bindings.push(fresh),
        }
    }

    /// Removes the binding with this contact.
    pub(crate) fn unbind(&mut self, aor: &str, uri: &str) {
        self.retain(aor, |binding| !same_uri(&binding.uri, uri));
    }

    /// Removes every binding of an address-of-record.
    pub(crate) fn unbind_all(&mut self, aor: &str) {
        self.aors.remove(aor);
    }

    fn retain(&mut self, aor: &str, keep: impl FnMut(&Binding) -> bool) {
        let Some(bindings) = self.aors.get_mut(aor) else { return };
        bindings.retain(keep);
        if bindings.is_empty() {
            self.aors.remove(aor);
        }
    }
}

impl Binding {
    /// RFC 3261 §10.3 step 7: the same URI; RFC 5626 §6: the same instance and reg-id.
    fn is_replaced_by(&self, fresh: &Self) -> bool {
        let same_instance = self.instance.is_some() && self.instance == fresh.instance;
        same_instance || same_uri(&self.uri, &fresh.uri)
    }

    /// How many whole seconds it has left, rounded up.
    pub(crate) fn seconds_left(&self, now: Instant) -> u64 {
        self.ends.since(now).as_micros().div_ceil(1_000_000).try_into().unwrap_or(u64::MAX)
    }
}

/// Whether two URIs name the same contact. Departs from RFC 3261 §19.1.4 in that a parameter which
/// one of them lacks makes them differ: phones tell their registrations apart by such parameters.
pub(crate) fn same_uri(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let (Some(a), Some(b)) = (sip::Uri::parse(one), sip::Uri::parse(other)) else { return false };
    let params = |uri: &sip::Uri<'_>| {
        let mut params: Vec<(String, String)> = uri
            .params()
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        params.sort_unstable();
        params
    };
    a.scheme().eq_ignore_ascii_case(b.scheme())
        && a.user_unescaped() == b.user_unescaped()
        && a.host().eq_ignore_ascii_case(b.host())
        && a.port() == b.port()
        && params(&a) == params(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_compared_by_their_parts() {
        for (one, other, same) in [
            ("sip:1001@10.0.0.1:5060", "SIP:1001@10.0.0.1:5060", true),
            ("sip:%31001@h;a=1;b", "sip:1001@H;B;A=1", true),
            ("sip:1001@10.0.0.1", "sip:1001@10.0.0.1:5060", false),
            ("sip:1001@10.0.0.1;line=a", "sip:1001@10.0.0.1;line=b", false),
            ("sip:1001@10.0.0.1;line=a", "sip:1001@10.0.0.1", false),
            ("sip:alice@h", "sip:Alice@h", false),
        ] {
            assert_eq!(same_uri(one, other), same, "{one} {other}");
        }
    }
}
