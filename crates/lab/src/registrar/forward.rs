use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;

use bytes::Bytes;
use net::Transport;
use sip::{Method, Request, Response, Via, Writer};

use super::Arrival;
use super::targets::Target;
use crate::config::{Config, RecordRoute};
use crate::reply::Reply;

/// What a forwarded request is given by this server.
pub(super) struct Leaving<'a> {
    pub(super) config: &'a Config,
    pub(super) transport: Transport,
    pub(super) sent_by: SocketAddr,
    pub(super) branch: &'a str,
}

impl Leaving<'_> {
    /// RFC 3261 §16.6: the request as it is sent on.
    pub(super) fn request(&self, request: &Request, arrival: &Arrival, target: &Target) -> Bytes {
        let mut writer = Writer::request(request.method(), &target.uri).via(
            self.transport,
            self.sent_by,
            self.branch,
        );
        for (index, hop) in request.list("Via").enumerate() {
            let stamped = (index == 0).then(|| stamp(hop, arrival.from));
            writer = writer.header("Via", stamped.as_deref().unwrap_or(hop));
        }
        for route in &target.routes {
            writer = writer.header("Route", route);
        }
        for route in self.record_routes(request, arrival) {
            writer = writer.header("Record-Route", route);
        }
        let hops = request.max_forwards().map_or(70, |hops| hops.saturating_sub(1));
        writer = writer.header("Max-Forwards", hops);
        for (name, value) in request.iter().filter(|(name, _)| is_kept(name)) {
            if !(name.eq_ignore_ascii_case("Proxy-Authorization") && self.is_ours(value)) {
                writer = writer.header(name, value);
            }
        }
        writer.finish(body_of(request.header("Content-Type"), request.body()))
    }

    /// RFC 3261 §16.6 step 4; two where the transports differ (RFC 5658 §3).
    fn record_routes(&self, request: &Request, arrival: &Arrival) -> Vec<String> {
        let opens = request.method().opens_dialog() && request.to_tag().is_none();
        match (&self.config.record_route, opens) {
            (RecordRoute::Nothing, _) | (_, false) => Vec::new(),
            (RecordRoute::Name(name), true) => vec![format!("<sip:{name};lr>")],
            (RecordRoute::Address, true) => {
                let came = self.config.own(arrival.transport, arrival.from.ip());
                let mut routes = vec![own_route(self.sent_by, self.transport)];
                if let Some(came) = came.filter(|_| arrival.transport != self.transport) {
                    routes.push(own_route(came, arrival.transport));
                }
                routes
            }
        }
    }

    /// RFC 3261 §22.3: credentials for this server go no further.
    fn is_ours(&self, credentials: &str) -> bool {
        sip::digest::Authorization::parse(credentials)
            .is_some_and(|answer| *answer.realm == *self.config.domain)
    }
}

/// The response of a branch as it is sent on to where its request came from (RFC 3261 §16.7 step 9).
pub(super) fn response(request: &Request, from: SocketAddr, response: &Response) -> Bytes {
    let status = response.status();
    let mut writer = Writer::response(request, status, response.reason(), response.to_tag(), from);
    for (name, value) in response.iter().filter(|(name, _)| !is_echoed(name)) {
        writer = writer.header(name, value);
    }
    writer.finish(body_of(response.header("Content-Type"), response.body()))
}

/// The answer that this server gives when all branches have failed, with what they said.
pub(super) fn failure(status: u16, challenges: &[(&'static str, String)]) -> Reply {
    challenges.iter().fold(Reply::new(status), |reply, (name, value)| reply.with(name, value))
}

/// A number that is the same for every pass of a request through this server (RFC 3261 §16.6
/// step 8), so that a loop is seen.
pub(super) fn loop_mark(request: &Request, uri: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (uri, request.from_tag(), request.to_tag(), request.call_id(), request.cseq())
        .hash(&mut hasher);
    let method = if *request.method() == Method::Ack { &Method::Invite } else { request.method() };
    method.hash(&mut hasher);
    request.routes().hash(&mut hasher);
    hasher.finish()
}

/// RFC 3261 §18.2.1, RFC 3581 §4: what was seen of the sender goes into its Via.
fn stamp(hop: &str, from: SocketAddr) -> String {
    let Some(via) = Via::parse(hop) else { return hop.to_owned() };
    let params = via.params();
    let sent = hop.split(';').next().unwrap_or(hop).trim_end();
    let mut stamped = sent.to_owned();
    for (name, value) in params.iter() {
        let rport = name.eq_ignore_ascii_case("rport");
        if name.eq_ignore_ascii_case("received") {
            continue;
        }
        let value = if rport { from.port().to_string() } else { value.to_owned() };
        let equals = if value.is_empty() { "" } else { "=" };
        stamped.push_str(&format!(";{name}{equals}{value}"));
    }
    let source = from.ip().to_canonical();
    if params.has("rport") || via.host().parse() != Ok(source) {
        stamped.push_str(&format!(";received={source}"));
    }
    stamped
}

fn own_route(addr: SocketAddr, transport: Transport) -> String {
    match transport {
        Transport::Udp => format!("<sip:{addr};lr>"),
        Transport::Tcp | Transport::Tls => format!("<sip:{addr};transport={transport};lr>"),
    }
}

/// Whether a header field of a request is sent on as it is.
fn is_kept(name: &str) -> bool {
    let replaced = ["Via", "Route", "Max-Forwards", "Content-Length", "Content-Type"];
    !replaced.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// Whether a header field of a response is taken from its request, or written anew.
fn is_echoed(name: &str) -> bool {
    let echoed = ["Via", "From", "To", "Call-ID", "CSeq", "Content-Length", "Content-Type"];
    echoed.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn body_of<'a>(content_type: Option<&'a str>, body: &'a [u8]) -> Option<(&'a str, &'a [u8])> {
    let content_type = content_type.unwrap_or("application/octet-stream");
    (!body.is_empty()).then_some((content_type, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_via_is_given_what_was_seen_of_its_sender() {
        let from: SocketAddr = "10.0.0.9:40001".parse().unwrap();
        for (hop, stamped) in [
            (
                "SIP/2.0/UDP 10.0.0.9:40001;branch=z9hG4bKa;rport",
                "SIP/2.0/UDP 10.0.0.9:40001;branch=z9hG4bKa;rport=40001;received=10.0.0.9",
            ),
            ("SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa", "SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKa"),
            (
                "SIP/2.0/UDP phone.test;received=1.1.1.1;branch=z9hG4bKa",
                "SIP/2.0/UDP phone.test;branch=z9hG4bKa;received=10.0.0.9",
            ),
        ] {
            assert_eq!(stamp(hop, from), stamped);
        }
    }
}
