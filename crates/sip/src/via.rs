use std::net::IpAddr;

use crate::text::{self, Params};
use crate::uri::{host_and_port, unbracket};

/// The cookie that begins every branch made after RFC 3261 (§8.1.1.7).
pub const BRANCH_COOKIE: &str = "z9hG4bK";

/// One hop of a Via header field, taken apart in place (RFC 3261 §20.42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    transport: &'a str,
    host: &'a str,
    port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one hop; a comma-separated list has to be split before.
    #[must_use]
    pub fn parse(hop: &'a str) -> Option<Self> {
        Self::read(hop).filter(|via| {
            via.params.is_sound() && !hop.ends_with(';') && text::is_token(via.transport)
        })
    }

    /// Reads one hop that has been parsed before.
    pub(crate) fn read(hop: &'a str) -> Option<Self> {
        let (sent, params) = match text::position_outside(hop, b';') {
            Some(at) => (text::before(hop, at), Params::new(text::after(hop, at))),
            None => (hop, Params::default()),
        };
        let (protocol, rest) = sent.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        let rest = text::trim(rest);
        let (transport, sent_by) = rest.split_at_checked(rest.find([' ', '\t'])?)?;
        let (host, port) = host_and_port(text::trim(sent_by))?;
        let sound =
            [protocol, version, transport].into_iter().all(|t| text::is_token(text::trim(t)));
        sound.then_some(Self { transport, host, port, params })
    }

    /// The transport as written.
    #[must_use]
    pub const fn transport(&self) -> &'a str {
        self.transport
    }

    /// The host of the sent-by, an IPv6 address without its brackets.
    #[must_use]
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port of the sent-by, where one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        self.params
    }

    /// The branch; empty where there is none, as in RFC 2543.
    #[must_use]
    pub fn branch(&self) -> &'a str {
        self.params.get("branch").unwrap_or_default()
    }

    /// The `received` parameter, with or without brackets round an IPv6 address (RFC 5118 §4.5).
    #[must_use]
    pub fn received(&self) -> Option<IpAddr> {
        unbracket(self.params.get("received")?).parse().ok()
    }

    /// The value of `rport` (RFC 3581); `None` where it is missing or empty.
    #[must_use]
    pub fn rport(&self) -> Option<u16> {
        self.params.get("rport")?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 4475 §3.1.1.1: white space is allowed round the slashes and the colon.
    #[test]
    fn white_space_is_allowed_nearly_everywhere() {
        let via = Via::parse("SIP  /   2.0  /UDP    192.0.2.2 : 5070 ;branch=390skdjuw").unwrap();
        assert_eq!((via.transport(), via.host(), via.port()), ("UDP", "192.0.2.2", Some(5070)));
        assert_eq!(via.branch(), "390skdjuw");
    }

    // RFC 5118 §4.5.
    #[test]
    fn received_is_read_with_and_without_brackets() {
        for value in ["[2001:db8::9:255]", "2001:db8::9:255"] {
            let hop =
                format!("SIP/2.0/UDP [2001:db8::9:1];received={value};rport=5;branch=z9hG4bKas");
            let via = Via::parse(&hop).unwrap();
            assert_eq!(via.received(), Some("2001:db8::9:255".parse().unwrap()));
            assert_eq!(via.rport(), Some(5));
            assert_eq!(via.host(), "2001:db8::9:1");
        }
    }

    #[test]
    fn malformed_hops_are_refused() {
        for hop in
            ["", "SIP/2.0/UDP", "SIP/2.0 h", "SIP/2.0/UDP h;;", "SIP/2.0/UDP h;", "SIP/2.0/UDP h:x"]
        {
            assert_eq!(Via::parse(hop), None, "{hop}");
        }
    }
}
