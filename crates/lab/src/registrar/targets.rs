use std::net::{IpAddr, SocketAddr};

use net::{Instant, Transport};
use sip::{Request, Uri};

use super::Registrar;
use crate::location::{Binding, Flow};

/// Where a request goes next.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// The request-URI to send.
    pub(super) uri: Box<str>,
    /// What Route then holds.
    pub(super) routes: Vec<Box<str>>,
    pub(super) hop: Hop,
}

/// The way to the next hop.
#[derive(Clone, Copy, Debug)]
pub(super) enum Hop {
    /// Over the flow on which it registered.
    Flow(Flow, Transport),
    /// To an address.
    Address(Transport, SocketAddr),
}

/// A request without the parts of its route that lead to this server.
pub(super) struct Routed {
    pub(super) uri: Box<str>,
    pub(super) routes: Vec<Box<str>>,
}

impl Registrar {
    /// RFC 3261 §16.4: takes the values of Route away that name this server.
    pub(super) fn routed(&self, request: &Request) -> Routed {
        let own = |value: &str| {
            let address = sip::NameAddr::parse(value);
            let uri = address.and_then(|address| Uri::parse(address.uri()));
            uri.is_some_and(|uri| self.config.is_own_route(&uri))
        };
        let routes = request.routes().into_iter().skip_while(|value| own(value)).collect();
        Routed { uri: request.uri().into(), routes }
    }

    /// RFC 3261 §16.5: where a request goes, or the status that says why nowhere.
    pub(super) fn targets(&self, now: Instant, routed: Routed) -> Result<Vec<Target>, u16> {
        if let Some(route) = routed.routes.first() {
            let address = sip::NameAddr::parse(route).ok_or(400_u16)?;
            let uri = Uri::parse(address.uri()).ok_or(400_u16)?;
            let hop = address_hop(&uri).ok_or(404_u16)?;
            return Ok(vec![Target { uri: routed.uri, routes: routed.routes, hop }]);
        }
        let uri = Uri::parse(&routed.uri).ok_or(400_u16)?;
        match self.config.aor(&uri) {
            Some((user, aor)) => self.bound(now, &user, &aor),
            None => {
                let hop = self.contact_hop(now, &uri).or_else(|| address_hop(&uri));
                let hop = hop.ok_or(404_u16)?;
                Ok(vec![Target { uri: routed.uri, routes: routed.routes, hop }])
            }
        }
    }

    /// The contacts bound to an address-of-record.
    fn bound(&self, now: Instant, user: &str, aor: &str) -> Result<Vec<Target>, u16> {
        if !self.users.contains(user) {
            return Err(404);
        }
        let locations = self.database.lock();
        let targets: Vec<Target> = locations
            .live(aor, now)
            .filter_map(|binding| {
                let hop = self.binding_hop(binding)?;
                Some(Target { uri: binding.uri.clone(), routes: binding.path.clone(), hop })
            })
            .collect();
        if targets.is_empty() { Err(480) } else { Ok(targets) }
    }

    /// The way to the phone that registered this very contact.
    fn contact_hop(&self, now: Instant, uri: &Uri<'_>) -> Option<Hop> {
        let user = uri.user_unescaped()?;
        let aor = format!("sip:{user}@{}", self.config.domain);
        let locations = self.database.lock();
        let written = |binding: &&Binding| {
            Uri::parse(&binding.uri).is_some_and(|known| {
                known.host() == uri.host()
                    && known.port() == uri.port()
                    && known.params() == uri.params()
            })
        };
        let binding = locations.live(&aor, now).find(written)?;
        self.binding_hop(binding)
    }

    fn binding_hop(&self, binding: &Binding) -> Option<Hop> {
        // RFC 3327 §5.4: the path leads the way.
        if let Some(first) = binding.path.first() {
            let address = sip::NameAddr::parse(first)?;
            return address_hop(&Uri::parse(address.uri())?);
        }
        let own = binding.home.server == self.name;
        match binding.home.flow {
            Flow::Datagram { .. } if own => Some(Hop::Flow(binding.home.flow, Transport::Udp)),
            Flow::Datagram { .. } => Some(Hop::Address(Transport::Udp, binding.source)),
            Flow::Stream(conn) if own && self.streams.peer(conn).is_some() => {
                Some(Hop::Flow(binding.home.flow, binding.transport))
            }
            // RFC 5626 §5.3: with Outbound a flow that is gone leads nowhere; otherwise the contact
            // says where to connect to.
            Flow::Stream(_) if own && binding.instance.is_some() => None,
            Flow::Stream(_) if own => address_hop(&Uri::parse(&binding.uri)?),
            Flow::Stream(_) => Some(Hop::Address(Transport::Udp, binding.home.addr?)),
        }
    }
}

/// The next hop that a URI with an IP address names.
fn address_hop(uri: &Uri<'_>) -> Option<Hop> {
    let transport = match uri.transport() {
        Some(name) if name.eq_ignore_ascii_case("tcp") && uri.is_sips() => Transport::Tls,
        Some(name) if name.eq_ignore_ascii_case("tcp") => Transport::Tcp,
        Some(name) if name.eq_ignore_ascii_case("tls") => Transport::Tls,
        Some(name) if name.eq_ignore_ascii_case("udp") => Transport::Udp,
        Some(_) => return None,
        None if uri.is_sips() => Transport::Tls,
        None => Transport::Udp,
    };
    let ip: IpAddr = uri.maddr().and_then(|maddr| maddr.parse().ok()).or_else(|| uri.ip())?;
    let default = if transport == Transport::Tls { 5061 } else { 5060 };
    Some(Hop::Address(transport, SocketAddr::new(ip, uri.port().unwrap_or(default))))
}
