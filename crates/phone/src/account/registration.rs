//! One lease at one server: what a REGISTER says, what its 200 OK grants (behaviour §7).

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use net::{Conn, Instant, Rng, Transport};
use params::Mac;
use sip::{Method, Response, Writer};

use super::attempt::Attempt;
use super::rules::Identity;
use crate::auth::{Auth, Said};
use crate::context::{Context, Hop};
use crate::text;

/// Shortest granted time that is believed: never refreshed faster than once in 5 s (behaviour §9).
const GRANT_MIN_S: u32 = 5;

/// Our view of a binding: where, until when.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    pub(crate) hop: Hop,
    /// Since when it has been held at this next hop.
    pub(crate) since: Instant,
    pub(crate) until: Instant,
    pub(crate) refresh_at: Instant,
    /// The connection it was granted over.
    pub(crate) conn: Option<Conn>,
    /// RFC 3608, for requests that use this lease.
    pub(crate) service_route: Box<[Box<str>]>,
    /// RFC 5626 §4.4.1: the registrar said `Require: outbound`; from one keep-alive to the next.
    pub(crate) keep_alive: Option<Duration>,
}

/// What a 200 OK granted.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) expires: Duration,
    pub(crate) service_route: Box<[Box<str>]>,
    pub(crate) keep_alive: Option<Duration>,
}

/// What a REGISTER asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// A binding for the configured time.
    Bind,
    /// The end of the binding.
    Remove,
    /// The end of every binding of the address-of-record (`unregister_on_reboot`).
    RemoveAll,
}

/// The registration of an account at one server.
#[derive(Debug)]
pub(crate) struct Registration {
    /// Y of the `sip_server.Y` whose domain is registered at.
    pub(crate) server: u8,
    pub(crate) lease: Option<Lease>,
    /// Since when a request has been unanswered by every next hop (A15).
    pub(crate) doubt: Option<Instant>,
    pub(crate) call_id: u64,
    tag: u64,
    cseq: u32,
    /// The `line` parameter of our Contact.
    pub(crate) line: u64,
    pub(crate) auth: Auth,
    /// Min-Expires of a 423, seconds.
    expires_min: u32,
    /// A 439 came: RFC 5626 is not asked for.
    without_outbound: bool,
    /// The next REGISTER removes what is left of the time before the start.
    clears: bool,
    /// Our address as the registrar sees it, where `nat.rport` asks for that.
    seen_as: Option<Box<SocketAddr>>,
}

impl Registration {
    pub(crate) fn new(server: u8, line: u64, rng: &mut Rng) -> Self {
        Self {
            server,
            lease: None,
            doubt: None,
            call_id: rng.next_u64(),
            tag: rng.next_u64(),
            cseq: 0,
            line,
            auth: Auth::default(),
            expires_min: 0,
            without_outbound: false,
            clears: false,
            seen_as: None,
        }
    }

    /// The first REGISTER removes every binding (`unregister_on_reboot`).
    pub(crate) const fn clear_first(&mut self) {
        self.clears = true;
    }

    /// Whether the answered REGISTER was the one that removes; the binding is asked for next.
    pub(crate) fn has_cleared(&mut self) -> bool {
        std::mem::take(&mut self.clears)
    }

    /// Takes our address from a response (`nat.rport`, RFC 3581); `true` where the Contact that was
    /// just registered has another.
    pub(crate) fn learn_own_address(&mut self, attempt: &Attempt, response: &Response) -> bool {
        let (Some(local), Some(port)) = (attempt.local(), response.via_rport()) else {
            return false;
        };
        let seen = SocketAddr::new(response.via_received().unwrap_or(local.ip()), port);
        let known = self.seen_as.as_deref().copied().unwrap_or(local);
        self.seen_as = Some(Box::new(seen));
        seen != known && attempt.transport() == Transport::Udp
    }

    /// Whether a lease stands at `now`, in doubt or not.
    pub(crate) fn is_live(&self, now: Instant) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.until > now)
    }

    /// Whether calls can be expected to work: a live lease without an unanswered request since.
    pub(crate) fn is_sound(&self, now: Instant) -> bool {
        self.is_live(now) && self.doubt.is_none()
    }

    /// The REGISTER for `attempt`, whose flow has to be ready.
    pub(crate) fn write(
        &mut self,
        ctx: &mut Context<'_>,
        identity: Identity<'_>,
        attempt: &Attempt,
        ask: Ask,
    ) -> Bytes {
        let transport = attempt.transport();
        let local = attempt.local().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        let local = contact_address(ctx, transport, local, attempt.hop().addr);
        let reached_at =
            self.seen_as.as_deref().filter(|_| !transport.is_stream()).copied().unwrap_or(local);
        let ask = if self.clears && ask == Ask::Bind { Ask::RemoveAll } else { ask };
        let server = identity.server(self.server);
        let request_uri = format!("sip:{}", text::host(&server.address));
        let aor = identity.aor(&server.address);
        self.cseq = self.cseq.wrapping_add(1).max(1); // RFC 3261 §10.2: rises with every REGISTER.
        let branch = attempt.branch(ctx.device.index);
        let mut writer = Writer::request(&Method::Register, &request_uri)
            .via(transport, local, &branch)
            .header("Max-Forwards", 70);
        if let Some(route) = identity.route(attempt.place()) {
            writer = writer.header("Route", route);
        }
        writer = writer
            .header("From", format_args!("{}<{aor}>;tag={:016x}", identity.display(), self.tag));
        writer = writer.header("To", format_args!("<{aor}>"));
        writer = writer.header("Call-ID", format_args!("{:016x}", self.call_id));
        writer = writer.header("CSeq", format_args!("{} REGISTER", self.cseq));
        let contact = match ask {
            Ask::Bind | Ask::Remove => {
                self.contact(identity, transport, reached_at, ctx.device.mac)
            }
            Ask::RemoveAll => "*".to_owned(),
        };
        writer = writer.header("Contact", contact);
        let expires = match ask {
            Ask::Bind => server.expires_s.max(self.expires_min),
            Ask::Remove | Ask::RemoveAll => 0,
        };
        writer = writer.header("Expires", expires);
        let supported = if self.without_outbound { "path" } else { "path, outbound" };
        writer = writer.header("Supported", supported);
        writer = writer.header("Allow", crate::ALLOW);
        writer = identity.optional_headers(writer, ctx.device);
        let said = Said { method: &Method::Register, uri: &request_uri, body: b"" };
        let who = identity.credentials();
        let rng = &mut ctx.shared.rng;
        if let Some((name, value)) = self.auth.credentials(rng, &who, attempt.hop(), &said) {
            writer = writer.header(name, value);
        }
        writer.finish(None)
    }

    /// An OPTIONS, or a NOTIFY that keeps a NAT open, for `attempt`, whose flow has to be ready.
    pub(crate) fn write_options(
        &self,
        ctx: &Context<'_>,
        identity: Identity<'_>,
        attempt: &Attempt,
    ) -> Bytes {
        let transport = attempt.transport();
        let local = attempt.local().unwrap_or(SocketAddr::from(([0, 0, 0, 0], 0)));
        let local = contact_address(ctx, transport, local, attempt.hop().addr);
        let host = &identity.server(self.server).address;
        let (uri, aor) = (format!("sip:{}", text::host(host)), identity.aor(host));
        let method = Method::parse(attempt.method());
        let mut writer = Writer::request(&method, &uri)
            .via(transport, local, &attempt.branch(ctx.device.index))
            .header("Max-Forwards", 70);
        if let Some(route) = identity.route(attempt.place()) {
            writer = writer.header("Route", route);
        }
        // RFC 3608 §5: the Service-Route of the lease follows the proxy.
        for route in self.lease.iter().flat_map(|lease| &*lease.service_route) {
            writer = writer.header("Route", route);
        }
        if method == Method::Notify {
            writer = writer.header("Event", "keep-alive");
        }
        let contact = identity.contact_uri(transport, local, self.line);
        writer
            .header("From", format_args!("<{aor}>;tag={:016x}", self.tag))
            .header("To", format_args!("<{uri}>"))
            .header("Call-ID", format_args!("{:016x}", attempt.call_id()))
            .header("CSeq", format_args!("1 {method}"))
            .header("Contact", format_args!("<{contact}>"))
            .header("Accept", "application/sdp")
            .header("User-Agent", crate::USER_AGENT)
            .finish(None)
    }

    /// The Contact: the user part stays the AoR's, our own mark is the `line` parameter.
    fn contact(
        &self,
        identity: Identity<'_>,
        transport: Transport,
        local: SocketAddr,
        mac: Mac,
    ) -> String {
        let mut contact = format!("<{}", identity.contact_uri(transport, local, self.line));
        contact.push('>');
        if !self.without_outbound {
            // RFC 5626 §4.1: the instance outlives restarts; reg-id 1 and 2 for the two servers.
            let _ = write!(
                contact,
                ";reg-id={};+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-{mac}>\"",
                self.server
            );
        }
        contact
    }

    /// A 423: its Min-Expires is asked for from now on. `false` where it says nothing new.
    pub(crate) fn too_brief(&mut self, response: &Response, asked_s: u32) -> bool {
        match response.min_expires() {
            Some(least) if least > asked_s.max(self.expires_min) => {
                self.expires_min = least;
                true
            }
            Some(_) | None => false,
        }
    }

    /// A 439: the first hop cannot do RFC 5626. `false` where it was not asked for.
    pub(crate) fn refuse_outbound(&mut self) -> bool {
        !std::mem::replace(&mut self.without_outbound, true)
    }

    /// Reads a 2xx. `None`: no binding of ours is in it.
    pub(crate) fn read_grant(&self, response: &Response, asked_s: u32) -> Option<Grant> {
        let contacts = response.contacts();
        let token = format!("{:016x}", self.line);
        let ours = contacts.iter().find(|c| c.uri_param("line") == Some(token.as_str()));
        // Of several Contacts ours is found by its `line` parameter; a registrar that lists none
        // grants by the Expires header alone (RFC 3261 §10.2.4).
        if ours.is_none() && !contacts.is_empty() {
            return None;
        }
        let granted = ours.and_then(|contact| contact.expires).or_else(|| response.expires());
        let granted = granted.unwrap_or(asked_s.max(self.expires_min));
        if granted == 0 {
            return None;
        }
        Some(Grant {
            expires: Duration::from_secs(
                granted.clamp(GRANT_MIN_S, i32::MAX.unsigned_abs()).into(),
            ),
            service_route: response.service_routes().into_boxed_slice(),
            keep_alive: response.requires("outbound").then(|| flow_timer(response)),
        })
    }
}

/// From one keep-alive to the next: the Flow-Timer, else two minutes, of which 80 % are used
/// (RFC 5626 §4.4.1 and §5.4).
fn flow_timer(response: &Response) -> Duration {
    let said = response.header("Flow-Timer").and_then(|value| value.trim().parse::<u64>().ok());
    Duration::from_secs(said.unwrap_or(120).clamp(10, 3600)).mul_f64(0.8)
}

/// When a lease of `granted` from `sent` is refreshed (behaviour §7): at its end less an overlap,
/// up to 10 % of it earlier.
pub(crate) fn refresh_at(
    sent: Instant,
    granted: Duration,
    overlap: Duration,
    draw: f64,
) -> Instant {
    let early = granted.mul_f64(0.1 * draw);
    sent + granted.saturating_sub(overlap).saturating_sub(early).max(earliest_refresh(granted))
}

/// Never faster than once in 5 s, and before the lease runs out.
fn earliest_refresh(granted: Duration) -> Duration {
    Duration::from_secs(GRANT_MIN_S.into()).min(granted.mul_f64(0.8))
}

/// The overlap: `register_expires_overlap` where set, else half of a short lease, else the larger of
/// a minute and the longest pass with a margin, at most half.
pub(crate) fn overlap(configured: Option<u32>, granted: Duration, pass: Duration) -> Duration {
    if let Some(seconds) = configured.filter(|seconds| *seconds > 0) {
        return Duration::from_secs(seconds.into()).min(granted);
    }
    if granted <= Duration::from_secs(120) {
        return granted / 2;
    }
    Duration::from_secs(60).max(pass + Duration::from_secs(5)).min(granted / 2)
}

/// What a server can reach us at: our listening port where we have one, so that the Contact of a
/// stream stays the same from connection to connection; else the end of the connection itself.
pub(crate) fn contact_address(
    ctx: &Context<'_>,
    transport: Transport,
    local: SocketAddr,
    to: SocketAddr,
) -> SocketAddr {
    if !transport.is_stream() {
        return local;
    }
    let port = ctx.shared.locals.listen_port(transport, to.ip()).unwrap_or(local.port());
    let ip = ctx.shared.locals.advertise.filter(|ip| ip.is_ipv4() == to.is_ipv4());
    SocketAddr::new(ip.unwrap_or(local.ip()), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_short_lease_is_refreshed_at_half_and_up_to_a_tenth_earlier() {
        let overlap = overlap(None, seconds(60), seconds(40));
        assert_eq!(overlap, seconds(30));
        assert_eq!(refresh_at(Instant::ZERO, seconds(60), overlap, 0.0), Instant::from_secs(30));
        assert_eq!(refresh_at(Instant::ZERO, seconds(60), overlap, 1.0), Instant::from_secs(24));
    }

    #[test]
    fn a_long_lease_leaves_room_for_the_longest_pass() {
        assert_eq!(overlap(None, seconds(3600), seconds(20)), seconds(60));
        assert_eq!(overlap(None, seconds(3600), seconds(100)), seconds(105));
        assert_eq!(overlap(None, seconds(130), seconds(100)), seconds(65));
        assert_eq!(overlap(Some(30), seconds(120), seconds(100)), seconds(30));
    }

    #[test]
    fn no_lease_is_refreshed_faster_than_once_in_five_seconds_nor_after_its_end() {
        assert_eq!(refresh_at(Instant::ZERO, seconds(5), seconds(5), 1.0), Instant::from_secs(4));
        assert_eq!(refresh_at(Instant::ZERO, seconds(8), seconds(8), 1.0), Instant::from_secs(5));
    }
}
