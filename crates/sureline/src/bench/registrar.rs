//! The registrar of a measurement, in a process of its own: it does digest with all checks, accepts a
//! nonce once, and keeps nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use host::certs::{Authority, Validity};
use host::{Bindings, Clock, ConnectionLimit, Host, Plan, ServerCheck, TlsSettings};
use net::{Conn, Input, Instant, Node, Output, Reason, Rng, Socket, Transport};
use serde::{Deserialize, Serialize};
use sip::digest::{Algorithm, Authorization, Challenge, Qop};
use sip::{Frame, Framer, Message, Method, NameAddr, Request, Uri, Writer};

use super::fleet::{DOMAIN, password_of};
use super::part::{tell, wait_for_end};
use crate::out::{Failure, Outcome};
use crate::state::random;

/// What a registrar is to be.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) carrier: Carrier,
    pub(crate) at: SocketAddr,
    pub(crate) passwords: Passwords,
}

/// What carries SIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Carrier {
    Udp,
    Tcp,
    Tls,
}

/// Whether the registrar asks for passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Passwords {
    Asked,
    Ignored,
}

/// What it tells when it is there.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    /// The authority of its certificate.
    pub(crate) authority: Option<String>,
}

/// The process.
pub(crate) fn run(order: &Order) -> Outcome {
    let mut bindings =
        Bindings { connections_from_one: ConnectionLimit(u32::MAX), ..Bindings::default() };
    let mut ready = Ready { authority: None };
    match order.carrier {
        Carrier::Udp => bindings.udp = vec![order.at],
        Carrier::Tcp => bindings.listen = vec![(Transport::Tcp, order.at)],
        Carrier::Tls => {
            let authority = Authority::new("sureline bench").map_err(Failure::failed)?;
            let own = authority.issue(&[DOMAIN], Validity::Present).map_err(Failure::failed)?;
            let check = ServerCheck::Nothing;
            bindings.tls = TlsSettings { server: Some(own), check, ..TlsSettings::default() };
            bindings.listen = vec![(Transport::Tls, order.at)];
            ready.authority = Some(authority.pem().to_owned());
        }
    }
    let node = Registrar {
        passwords: order.passwords,
        nonces: BTreeMap::new(),
        framers: BTreeMap::new(),
        rng: Rng::new(u64::from_be_bytes(random()?)),
        out: VecDeque::new(),
    };
    let events = Box::new(|_, ()| {});
    let plan = Plan { bindings, clock: Clock::start(), events, tap: None };
    let mut host = Host::new().map_err(Failure::failed)?;
    let _handle = host.add(plan, |_| node).map_err(Failure::failed)?;
    let _thread = host.spawn("registrar").map_err(Failure::failed)?;
    tell(&ready)?;
    wait_for_end();
    Ok(())
}

struct Registrar {
    passwords: Passwords,
    /// The nonce that a user was given last, until it is used.
    nonces: BTreeMap<Box<str>, u64>,
    framers: BTreeMap<Conn, (SocketAddr, Framer)>,
    rng: Rng,
    out: VecDeque<Output<()>>,
}

/// Whether a request may be granted.
enum Verdict {
    Granted,
    Unproved,
    Forbidden,
}

impl Registrar {
    fn answer(&mut self, request: &Request, from: SocketAddr) -> Bytes {
        if *request.method() != Method::Register {
            return Writer::response(request, 405, "Method Not Allowed", Some("b"), from)
                .header("Allow", "REGISTER")
                .finish(None);
        }
        let user = Uri::parse(request.to_uri()).and_then(|to| to.user().map(Box::<str>::from));
        let Some(user) = user else {
            return Writer::response(request, 404, "Not Found", Some("b"), from).finish(None);
        };
        match self.judge(request, &user) {
            Verdict::Granted => granted(request, from),
            Verdict::Unproved => self.challenge(request, from, user),
            Verdict::Forbidden => {
                Writer::response(request, 403, "Forbidden", Some("b"), from).finish(None)
            }
        }
    }

    fn judge(&mut self, request: &Request, user: &str) -> Verdict {
        if self.passwords == Passwords::Ignored {
            return Verdict::Granted;
        }
        let answers = request.headers("Authorization").filter_map(Authorization::parse);
        let Some(answer) = answers.into_iter().find(|answer| &*answer.realm == DOMAIN) else {
            return Verdict::Unproved;
        };
        // RFC 7616 §3.4.6: the URI has to be the one of the request.
        let about_this = &*answer.user == user && *answer.uri == *request.uri();
        let password = password_of(user);
        let is_right = answer.qop == Qop::Auth
            && answer.algorithm.strength() > 0
            && answer.verify(&password, request.method(), request.body());
        if !about_this || !is_right {
            return Verdict::Forbidden;
        }
        let nonce = u64::from_str_radix(&answer.nonce, 16).ok();
        let is_fresh = answer.nc == 1 && nonce.is_some() && self.nonces.get(user) == nonce.as_ref();
        if !is_fresh {
            return Verdict::Unproved;
        }
        self.nonces.remove(user);
        Verdict::Granted
    }

    fn challenge(&mut self, request: &Request, from: SocketAddr, user: Box<str>) -> Bytes {
        let nonce = self.rng.next_u64();
        self.nonces.insert(user, nonce);
        let challenge = |algorithm| Challenge {
            realm: DOMAIN.into(),
            nonce: format!("{nonce:016x}").into(),
            opaque: None,
            domain: None,
            algorithm,
            qop: Qop::Auth,
            stale: request.header("Authorization").is_some(),
            proxy: false,
        };
        Writer::response(request, 401, "Unauthorized", Some("b"), from)
            .header("WWW-Authenticate", challenge(Algorithm::Sha256))
            .header("WWW-Authenticate", challenge(Algorithm::Md5))
            .finish(None)
    }

    fn take_chunk(&mut self, conn: Conn, bytes: &[u8]) {
        let Some((from, mut framer)) = self.framers.remove(&conn) else { return };
        framer.push(bytes);
        while let Some(frame) = framer.next() {
            if let Frame::Message(Message::Request(request)) = frame {
                let bytes = self.answer(&request, from);
                self.out.push_back(Output::Write { conn, bytes });
            }
        }
        self.framers.insert(conn, (from, framer));
    }

    fn take_datagram(&mut self, socket: Socket, from: SocketAddr, bytes: &[u8]) {
        if let Ok(Message::Request(request)) = sip::parse_datagram(bytes) {
            let bytes = self.answer(&request, from);
            self.out.push_back(Output::Datagram { socket, to: from, bytes });
        }
    }
}

impl Node for Registrar {
    type Command = ();
    type Event = ();

    fn handle(&mut self, _now: Instant, input: Input<'_>) {
        match input {
            Input::Datagram { socket, from, bytes } => self.take_datagram(socket, from, bytes),
            Input::Accepted { conn, from, .. } => {
                self.framers.insert(conn, (from, Framer::default()));
            }
            Input::Chunk { conn, bytes } => self.take_chunk(conn, bytes),
            Input::Closed { conn, .. } => {
                self.framers.remove(&conn);
            }
            Input::Timeout
            | Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Route { .. }
            | Input::Connected { .. } => {}
        }
    }

    fn command(&mut self, _now: Instant, (): ()) {}

    fn poll_output(&mut self) -> Option<Output<()>> {
        self.out.pop_front()
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        None
    }
}

/// RFC 3261 §10.3 step 8, with the one binding that was asked for.
fn granted(request: &Request, from: SocketAddr) -> Bytes {
    let writer = Writer::response(request, 200, "OK", Some("b"), from);
    let contact = request.header("Contact").and_then(NameAddr::parse);
    let Some(contact) = contact else { return writer.finish(None) };
    let expires = request.expires().unwrap_or(3600);
    writer.header("Contact", format_args!("<{}>;expires={expires}", contact.uri())).finish(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sip::digest::{Credentials, authorization};

    fn registrar() -> Registrar {
        Registrar {
            passwords: Passwords::Asked,
            nonces: BTreeMap::new(),
            framers: BTreeMap::new(),
            rng: Rng::new(1),
            out: VecDeque::new(),
        }
    }

    fn ask(registrar: &mut Registrar, credentials: Option<&str>) -> sip::Response {
        let local = "127.0.0.1:5060".parse().unwrap();
        let mut writer = Writer::request(&Method::Register, &format!("sip:{DOMAIN}"))
            .via(Transport::Udp, local, "z9hG4bK1")
            .header("Max-Forwards", 70)
            .header("From", format!("<sip:7@{DOMAIN}>;tag=a"))
            .header("To", format!("<sip:7@{DOMAIN}>"))
            .header("Call-ID", "a")
            .header("CSeq", "1 REGISTER")
            .header("Contact", "<sip:7@127.0.0.1;line=1>");
        if let Some(credentials) = credentials {
            writer = writer.header("Authorization", credentials);
        }
        registrar.take_datagram(Socket(0), local, &writer.finish(None));
        let Some(Output::Datagram { bytes, .. }) = registrar.poll_output() else {
            panic!("silent")
        };
        let Ok(Message::Response(response)) = sip::parse_datagram(&bytes) else { panic!("none") };
        response
    }

    fn prove(challenged: &sip::Response, password: &str) -> String {
        let challenges = challenged.challenges();
        let challenge = sip::digest::choose(&challenges).unwrap();
        let who = Credentials { user: "7", password };
        let uri = format!("sip:{DOMAIN}");
        authorization(challenge, &who, &Method::Register, &uri, 1, "c", b"").1
    }

    #[test]
    fn a_nonce_registers_once() {
        let mut registrar = registrar();
        let challenged = ask(&mut registrar, None);
        assert_eq!(challenged.status(), 401);
        let proof = prove(&challenged, &password_of("7"));
        assert_eq!(ask(&mut registrar, Some(&proof)).status(), 200);
        let again = ask(&mut registrar, Some(&proof));
        assert_eq!(again.status(), 401);
        assert!(again.challenges().iter().all(|challenge| challenge.stale));
    }

    #[test]
    fn a_wrong_password_is_forbidden() {
        let mut registrar = registrar();
        let challenged = ask(&mut registrar, None);
        let proof = prove(&challenged, "guess");
        assert_eq!(ask(&mut registrar, Some(&proof)).status(), 403);
    }
}
