//! Requests that come to the phones: whom they are for, whether they are taken, what is answered.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use net::{Conn, Instant, Output, Rng, Socket, Transport};
use params::{NotifyReboot, Strangers};
use sip::transaction::{Received, ServerEvent, TransactionKey};
use sip::{Abilities, Method, ParseFault, Request, Writer};

use crate::account::{Account, Taken};
use crate::call::phone_of_tag;
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
    pub(crate) const fn from(self) -> SocketAddr {
        match self {
            Self::Udp { from, .. } | Self::Stream { from, .. } => from,
        }
    }

    const fn transport(self) -> Transport {
        match self {
            Self::Udp { .. } => Transport::Udp,
            Self::Stream { .. } => Transport::Tcp,
        }
    }

    pub(crate) fn output(self, bytes: Bytes) -> Output<Event> {
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

/// A request with what is needed to answer it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    way: Way,
    request: &'a Request,
    key: &'a TransactionKey,
}

impl Endpoint {
    pub(crate) fn on_request(&mut self, now: Instant, way: Way, request: &Request) {
        // In-dialog requests are judged by the dialog alone, others by who sent them (behaviour §9).
        let in_dialog = request.to_tag().and_then(phone_of_tag);
        let owner = match in_dialog {
            Some(_) => Owner::Nobody,
            None => self.owner_of(now, way.from().ip(), request),
        };
        if let Owner::Stranger = owner {
            return self.on_stranger(now, way, request);
        }
        let received = self.shared.uas.receive(now, request, way.transport(), way);
        let (key, cancels) = match received {
            Received::New { key, cancels } => (key, cancels),
            Received::Repeated(bytes) => {
                self.shared.out.extend(bytes.map(|bytes| way.output(bytes)));
                return;
            }
            Received::Acknowledged => return,
            Received::Ack => {
                if let Some(phone) = in_dialog {
                    self.dialog_request(now, phone, request, None);
                }
                return;
            }
            Received::Full => return self.refuse(now, Refusal::Stranger, way.from()),
        };
        let asked = Asked { way, request, key: &key };
        if *request.method() == Method::Cancel {
            return self.on_cancel(now, asked, cancels.as_ref());
        }
        match (in_dialog, owner) {
            (Some(phone), _) => {
                if self.dialog_request(now, phone, request, Some(&key)) != Taken::Yes {
                    self.answer(now, asked, (481, "Call/Transaction Does Not Exist"));
                }
            }
            (None, Owner::Account { phone, account }) => {
                self.on_trusted(now, asked, (phone, account))
            }
            (None, Owner::Nobody | Owner::Stranger) => self.answer(now, asked, (404, "Not Found")),
        }
    }

    fn dialog_request(
        &mut self,
        now: Instant,
        phone: u32,
        request: &Request,
        key: Option<&TransactionKey>,
    ) -> Taken {
        let taken = self.with(phone, |phone, shared| {
            phone.until_taken(now, shared, |account, ctx| {
                account.on_dialog_request(ctx, request, key) == Taken::Yes
            })
        });
        if taken == Some(true) { Taken::Yes } else { Taken::No }
    }

    // RFC 3261 §9.2: the CANCEL is answered 200, the INVITE 487.
    fn on_cancel(&mut self, now: Instant, asked: Asked<'_>, invite: Option<&TransactionKey>) {
        let Some(invite) = invite else {
            return self.answer(now, asked, (481, "Call/Transaction Does Not Exist"));
        };
        self.answer(now, asked, (200, "OK"));
        for index in 0..u32::try_from(self.phones.len()).unwrap_or(u32::MAX) {
            let taken = self.with(index, |phone, shared| {
                phone.until_taken(now, shared, |account, ctx| account.on_cancel(ctx, invite))
            });
            if taken == Some(true) {
                return;
            }
        }
    }

    fn on_trusted(&mut self, now: Instant, asked: Asked<'_>, (phone, account): (u32, u8)) {
        let request = asked.request;
        if request.to_tag().is_some() {
            // No dialog of ours exists that it could belong to.
            return self.answer(now, asked, (481, "Call/Transaction Does Not Exist"));
        }
        if let Some(declined) = ABILITIES.inspect(request) {
            let field = declined.explanation.as_ref().map(|(name, value)| (*name, value.as_str()));
            return self.answer_with(now, asked, (declined.status, declined.reason), field);
        }
        match request.method() {
            Method::Options => {
                self.answer_with(now, asked, (200, "OK"), Some(("Allow", crate::ALLOW)));
            }
            Method::Notify => self.on_notify(now, asked, (phone, account)),
            Method::Invite => self.on_invite(now, asked, (phone, account)),
            Method::Register
            | Method::Ack
            | Method::Bye
            | Method::Cancel
            | Method::Subscribe
            | Method::Refer
            | Method::Info
            | Method::Update
            | Method::Prack
            | Method::Message
            | Method::Publish
            | Method::Other(_) => {
                self.answer(now, asked, (481, "Call/Transaction Does Not Exist"));
            }
        }
    }

    fn on_invite(&mut self, now: Instant, asked: Asked<'_>, (phone, account): (u32, u8)) {
        let id = self.new_call_id();
        let (from, invite) = (asked.way.from().ip(), (asked.request, asked.key));
        self.with(phone, |phone, shared| {
            phone.with_account(now, shared, account, |account, ctx| {
                account.on_invite(ctx, id, invite, from);
            })
        });
    }

    fn on_notify(&mut self, now: Instant, asked: Asked<'_>, (phone, account): (u32, u8)) {
        let event = asked.request.header("Event").unwrap_or_default();
        let (package, params) = event.split_once(';').unwrap_or((event, ""));
        if !package.trim().eq_ignore_ascii_case("check-sync") {
            return self.answer(now, asked, (481, "Subscription Does Not Exist"));
        }
        self.answer(now, asked, (200, "OK"));
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
        let reboot =
            params.split(';').any(|param| param.trim().eq_ignore_ascii_case("reboot=true"));
        let kind = EventKind::CheckSync {
            reboot: reboot || policy == NotifyReboot::Always,
            from: asked.way.from(),
        };
        let event = Event { phone: phone.mac(), account: Some(account), kind };
        self.shared.out.push_back(Output::Event(event));
    }

    fn on_stranger(&mut self, now: Instant, way: Way, request: &Request) {
        self.refuse(now, Refusal::Stranger, way.from());
        let policy = self.phones.first().map(|phone| phone.device.common.strangers);
        let said = match policy {
            Some(Strangers::Forbid) => (403, "Forbidden"),
            Some(Strangers::Accept) => (404, "Not Found"),
            Some(Strangers::Drop) | None => return,
        };
        if *request.method() == Method::Ack {
            return;
        }
        // Stateless (RFC 3261 §8.2.7): a stranger costs no memory.
        let tag = self.tag_of(way.from(), request.branch());
        let writer = Writer::response(request, said.0, said.1, Some(&tag), way.from());
        self.shared.out.push_back(way.output(writer.finish(None)));
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

    /// What server transactions want when time has passed.
    pub(crate) fn answers_on_time(&mut self, now: Instant) {
        let mut wanted = Vec::new();
        self.shared.uas.handle_timeout(now, &mut wanted);
        for event in wanted {
            match event {
                ServerEvent::Send { route, bytes } => {
                    self.shared.out.push_back(route.output(bytes));
                }
                ServerEvent::NotAcknowledged(key) => {
                    for index in 0..u32::try_from(self.phones.len()).unwrap_or(u32::MAX) {
                        self.with(index, |phone, shared| {
                            phone.until_taken(now, shared, |account, ctx| {
                                account.on_not_acknowledged(ctx, &key);
                                false
                            })
                        });
                    }
                }
            }
        }
    }

    /// The account by the `line` of the request-URI; else by its user among the accounts whose
    /// trusted set has the sender, if exactly one.
    fn owner_of(&mut self, now: Instant, from: IpAddr, request: &Request) -> Owner {
        let line = request.uri_param("line").and_then(|line| u64::from_str_radix(line, 16).ok());
        if let Some((phone, account)) = line.and_then(|line| self.by_line.get(&line).copied()) {
            let wanted = |candidate: &Account| candidate.number() == account;
            let trusted = self.trusts(now, phone, from, wanted).is_some();
            return if trusted || self.welcomes_strangers(phone, account) {
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

    fn welcomes_strangers(&self, phone: u32, account: u8) -> bool {
        let phone = usize::try_from(phone).ok().and_then(|index| self.phones.get(index));
        phone.is_some_and(|phone| {
            let mut accounts = phone.accounts.iter().filter(|a| a.number() == account);
            phone.device.common.strangers == Strangers::Accept
                || accounts.any(|account| !account.takes_trusted_only())
        })
    }

    /// The first account among those that `wanted` names whose trusted set has `from`.
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

    fn answer(&mut self, now: Instant, asked: Asked<'_>, said: (u16, &str)) {
        self.answer_with(now, asked, said, None);
    }

    fn answer_with(
        &mut self,
        now: Instant,
        Asked { way, request, key }: Asked<'_>,
        (status, reason): (u16, &str),
        field: Option<(&str, &str)>,
    ) {
        let tag = self.tag_of(way.from(), request.branch());
        let mut writer = Writer::response(request, status, reason, Some(&tag), way.from());
        if let Some((name, value)) = field {
            writer = writer.header(name, value);
        }
        let bytes = writer.header("User-Agent", crate::USER_AGENT).finish(None);
        if let sip::transaction::Sent::To(way) = self.shared.uas.respond(now, key, status, &bytes) {
            self.shared.out.push_back(way.output(bytes));
        }
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
    methods: &[
        Method::Invite,
        Method::Ack,
        Method::Cancel,
        Method::Bye,
        Method::Options,
        Method::Notify,
        Method::Info,
        Method::Update,
        Method::Refer,
    ],
    option_tags: &["path", "outbound"],
    content_types: &["application/sdp", "application/dtmf-relay", "message/sipfrag"],
};
