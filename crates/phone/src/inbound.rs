//! Requests that come to the phones: whom they are for, whether they are taken, what is answered.
//!
//! Answers are stateless (RFC 3261 §8.2.7): a repeated request gets the same answer with the same tag.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use net::{Conn, Instant, Output, Rng, Socket};
use params::{NotifyReboot, Strangers};
use sip::{Abilities, Method, ParseFault, Request, Writer};

use crate::account::Account;
use crate::endpoint::Endpoint;
use crate::event::{Event, EventKind, Refusal};

/// A refusal is told at most this often for each kind.
const TOLD_EVERY: Duration = Duration::from_secs(10);
/// check-sync is followed at most this often (behaviour §9).
const CHECK_SYNC_EVERY: Duration = Duration::from_secs(60);

/// Counts what was not taken, and tells it at a bounded rate.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    kinds: Vec<(Refusal, Instant, u32)>,
    /// When a check-sync may be followed again.
    check_sync_from: Instant,
}

impl Refusals {
    /// Counts one; gives the count to tell, at most once in [`TOLD_EVERY`].
    pub(crate) fn count(&mut self, now: Instant, what: Refusal) -> Option<u32> {
        let Some((_, tell_from, count)) = self.kinds.iter_mut().find(|(kind, _, _)| *kind == what)
        else {
            self.kinds.push((what, now + TOLD_EVERY, 0));
            return Some(1);
        };
        *count += 1;
        if now < *tell_from {
            return None;
        }
        *tell_from = now + TOLD_EVERY;
        Some(std::mem::take(count))
    }
}

/// How something came, and how its answer goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Udp { socket: Socket, from: SocketAddr },
    Stream { conn: Conn, from: SocketAddr },
}

impl Way {
    const fn from(self) -> SocketAddr {
        match self {
            Self::Udp { from, .. } | Self::Stream { from, .. } => from,
        }
    }

    fn output(self, bytes: Bytes) -> Output<Event> {
        match self {
            // RFC 3581 §4: back to where it came from.
            Self::Udp { socket, from } => Output::Datagram { socket, to: from, bytes },
            Self::Stream { conn, .. } => Output::Write { conn, bytes },
        }
    }
}

/// Whom a request is for.
enum Owner {
    Account {
        phone: u32,
        account: u8,
    },
    /// Its sender is in the trusted set, but nothing says which account it means.
    Nobody,
    Stranger,
}

impl Endpoint {
    pub(crate) fn on_request(&mut self, now: Instant, way: Way, request: &Request) {
        if *request.method() == Method::Ack {
            return; // RFC 3261 §17.2.1: of an answer that was not 2xx; nothing is kept for it.
        }
        match self.owner_of(now, way.from().ip(), request) {
            Owner::Stranger => self.on_stranger(now, way, request),
            Owner::Nobody => self.answer(way, request, 404, "Not Found"),
            Owner::Account { phone, account } => {
                self.on_trusted(now, way, request, (phone, account))
            }
        }
    }

    fn on_trusted(&mut self, now: Instant, way: Way, request: &Request, owner: (u32, u8)) {
        if request.to_tag().is_some() {
            // No dialog of ours exists that it could belong to.
            return self.answer(way, request, 481, "Call/Transaction Does Not Exist");
        }
        if let Some(declined) = ABILITIES.inspect(request) {
            let said = (declined.status, declined.reason);
            return match declined.explanation {
                Some((name, value)) => self.answer_with(way, request, said, (name, &value)),
                None => self.answer(way, request, declined.status, declined.reason),
            };
        }
        match request.method() {
            Method::Options => self.answer_with(way, request, (200, "OK"), ("Allow", crate::ALLOW)),
            Method::Notify => self.on_notify(now, way, request, owner),
            Method::Invite => self.answer(way, request, 480, "Temporarily Unavailable"),
            Method::Cancel | Method::Bye => {
                self.answer(way, request, 481, "Call/Transaction Does Not Exist");
            }
            Method::Register
            | Method::Ack
            | Method::Subscribe
            | Method::Refer
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                let allow = ("Allow", crate::ALLOW);
                self.answer_with(way, request, (405, "Method Not Allowed"), allow);
            }
        }
    }

    fn on_notify(
        &mut self,
        now: Instant,
        way: Way,
        request: &Request,
        (phone, account): (u32, u8),
    ) {
        let event = request.header("Event").unwrap_or_default();
        let (package, params) = event.split_once(';').unwrap_or((event, ""));
        if !package.trim().eq_ignore_ascii_case("check-sync") {
            return self.answer(way, request, 481, "Subscription Does Not Exist");
        }
        self.answer(way, request, 200, "OK");
        let Some(phone) = usize::try_from(phone).ok().and_then(|index| self.phones.get(index))
        else {
            return;
        };
        let policy = phone.device.common.notify_reboot;
        let ignored = policy == NotifyReboot::Ignore || phone.device.busy > 0;
        if ignored || now < self.refusals.check_sync_from {
            return;
        }
        self.refusals.check_sync_from = now + CHECK_SYNC_EVERY;
        let asked = params.split(';').any(|param| param.trim().eq_ignore_ascii_case("reboot=true"));
        let kind = EventKind::CheckSync {
            reboot: asked || policy == NotifyReboot::Always,
            from: way.from(),
        };
        let event = Event { phone: phone.mac(), account: Some(account), kind };
        self.shared.out.push_back(Output::Event(event));
    }

    fn on_stranger(&mut self, now: Instant, way: Way, request: &Request) {
        self.refuse(now, Refusal::Stranger, way.from());
        let policy = self.phones.first().map(|phone| phone.device.common.strangers);
        match policy {
            Some(Strangers::Forbid) => self.answer(way, request, 403, "Forbidden"),
            Some(Strangers::Accept) => self.answer(way, request, 404, "Not Found"),
            Some(Strangers::Drop) | None => {}
        }
    }

    /// Bytes that are no message: answered where they came from a next hop and can be answered.
    pub(crate) fn on_fault(&mut self, now: Instant, way: Way, fault: &ParseFault) {
        self.refuse(now, Refusal::Malformed, way.from());
        let trusted = self.trusting(now, way.from().ip(), |_| true).is_some();
        if let Some(refusal) = fault.refusal.as_ref().filter(|_| trusted) {
            let tag = self.tag_of(way.from(), "fault");
            let bytes = refusal.to_bytes(&tag, way.from());
            self.shared.out.push_back(way.output(bytes));
        }
    }

    /// The account by the `line` of the request-URI; else by its user among the accounts whose
    /// trusted set has the sender, if exactly one.
    fn owner_of(&mut self, now: Instant, from: IpAddr, request: &Request) -> Owner {
        let line = request.uri_param("line").and_then(|line| u64::from_str_radix(line, 16).ok());
        let strangers_welcome = |endpoint: &Self, phone: u32| {
            let phone = usize::try_from(phone).ok().and_then(|index| endpoint.phones.get(index));
            phone.is_some_and(|phone| {
                !phone.device.common.trust_ctrl
                    || phone.device.common.strangers == Strangers::Accept
            })
        };
        if let Some((phone, account)) = line.and_then(|line| self.by_line.get(&line).copied()) {
            let wanted = |candidate: &Account| candidate.number() == account;
            let trusted = self.trusts(now, phone, from, wanted).is_some();
            return if trusted || strangers_welcome(self, phone) {
                Owner::Account { phone, account }
            } else {
                Owner::Stranger
            };
        }
        let user = request.uri_user().unwrap_or_default().to_owned();
        match self.trusting(now, from, |account| account.user() == user) {
            Some((phone, account)) => Owner::Account { phone, account },
            None if self.trusting(now, from, |_| true).is_some() => Owner::Nobody,
            None => Owner::Stranger,
        }
    }

    /// The one account among those that `wanted` names whose trusted set has `from`.
    fn trusting(
        &mut self,
        now: Instant,
        from: IpAddr,
        wanted: impl Fn(&Account) -> bool,
    ) -> Option<(u32, u8)> {
        let phones = u32::try_from(self.phones.len()).unwrap_or(u32::MAX).min(SEARCHED_MAX);
        (0..phones).find_map(|phone| Some((phone, self.trusts(now, phone, from, &wanted)?)))
    }

    fn trusts(
        &mut self,
        now: Instant,
        phone: u32,
        from: IpAddr,
        wanted: impl Fn(&Account) -> bool,
    ) -> Option<u8> {
        let phone = usize::try_from(phone).ok().and_then(|index| self.phones.get_mut(index))?;
        phone.account_that_trusts(now, &mut self.shared, from, wanted)
    }

    fn answer(&mut self, way: Way, request: &Request, status: u16, reason: &str) {
        let tag = self.tag_of(way.from(), request.branch());
        let writer = Writer::response(request, status, reason, Some(&tag), way.from());
        let bytes = writer.header("User-Agent", crate::USER_AGENT).finish(None);
        self.shared.out.push_back(way.output(bytes));
    }

    fn answer_with(
        &mut self,
        way: Way,
        request: &Request,
        (status, reason): (u16, &str),
        (name, value): (&str, &str),
    ) {
        let tag = self.tag_of(way.from(), request.branch());
        let writer = Writer::response(request, status, reason, Some(&tag), way.from());
        let writer = writer.header(name, value).header("User-Agent", crate::USER_AGENT);
        self.shared.out.push_back(way.output(writer.finish(None)));
    }

    /// A To tag that is the same for a repeated request and not to be guessed.
    fn tag_of(&self, from: SocketAddr, branch: &str) -> String {
        let secret = u64::from_le_bytes(*self.shared.secret.first_chunk().unwrap_or(&[0; 8]));
        format!("{:016x}", Rng::new(secret).fork(&format!("{from} {branch}")).next_u64())
    }
}

/// Phones that are searched for a request without a `line`; a fleet is addressed by `line` alone.
const SEARCHED_MAX: u32 = 64;

/// What the phone understands (RFC 3261 §8.2).
const ABILITIES: Abilities<'static> = Abilities {
    methods: &[Method::Options, Method::Notify, Method::Invite, Method::Cancel, Method::Bye],
    option_tags: &["path", "outbound"],
    content_types: &["application/sdp"],
};
