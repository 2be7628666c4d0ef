//! All phones of one process as one [`Node`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use locate::{Located, LocationId, Locator, ResolverConfig};
use net::{Cause, Conn, Input, Instant, Node, Output, Reason, Rng, Socket, Transport};
use params::{IcmpScope, Mac, PhoneSettings};
use sip::transaction::{ServerTransactions, Timings};
use sip::{Frame, Message, Response};

use crate::account::{Account, Arrival, Bound, Taken};
use crate::call::CallId;
use crate::command::Command;
use crate::connections::Connections;
use crate::context::{Context, Locals, OpenAttempts, Outputs, Shared};
use crate::event::{Event, EventKind, Refusal, Why};
use crate::inbound::Refusals;
use crate::phone::Phone;
use crate::policy::PolicyPool;
use crate::view::PhoneView;

/// A stop waits this long for bindings to be removed.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Restarts of one phone after a panic, and the time that they are counted in.
const CRASHES_MAX: usize = 3;
const CRASHES_WITHIN: Duration = Duration::from_secs(600);
/// A next hop is refusing for this long after an ICMP error.
const REFUSING_FOR: Duration = Duration::from_secs(1);
/// Attempts at a refusing next hop are given this long for an answer.
const REFUSING_PATIENCE: Duration = Duration::from_millis(50);
/// An answer that our own socket may have dropped suspends verdicts for this long (T1).
const OVERFLOW_GRACE: Duration = Duration::from_millis(500);

/// A message that has begun on a stream has to be whole after this time (behaviour §9).
const UNFINISHED_MAX: Duration = Duration::from_secs(10);

/// What an endpoint is made of.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// Seed of everything random.
    pub seed: u64,
    /// Kept in the state folder: it makes the `line` parameter of our Contacts.
    pub secret: [u8; 16],
    /// The bound UDP sockets with their addresses.
    pub sockets: Vec<(Socket, SocketAddr)>,
    /// The listening stream sockets.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// The address that stands in Via and Contact, where it is not the local one.
    pub advertise: Option<IpAddr>,
    /// The name servers.
    pub resolver: ResolverConfig,
}

/// The phones of one process.
pub struct Endpoint {
    pub(crate) shared: Shared,
    pub(crate) phones: Vec<Phone>,
    pub(crate) by_mac: BTreeMap<Mac, u32>,
    pub(crate) by_line: BTreeMap<u64, (u32, u8)>,
    pub(crate) refusals: Refusals,
    wakes: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Next hops that an ICMP error named lately, with the end of their time.
    refusing: BTreeMap<SocketAddr, Instant>,
    /// What each location looked like last.
    generations: BTreeMap<LocationId, u64>,
    /// When phones panicked.
    crashes: BTreeMap<u32, Vec<Instant>>,
    /// Calls of the process so far.
    calls: u64,
    stop_by: Option<Instant>,
    stopped: bool,
    now: Instant,
}

impl Endpoint {
    /// An endpoint without phones; they come by [`Command::Apply`].
    #[must_use]
    pub fn new(config: EndpointConfig) -> Self {
        let rng = Rng::new(config.seed);
        let shared = Shared {
            locator: Locator::new(config.resolver, rng.fork("dns")),
            rng: rng.fork("phone"),
            out: Outputs::new(),
            conns: Connections::default(),
            open: OpenAttempts::default(),
            locals: Locals {
                udp: config.sockets,
                listen: config.listen,
                advertise: config.advertise,
                routes: BTreeMap::new(),
            },
            pool: PolicyPool::default(),
            attempts: 0,
            verdicts_from: Instant::ZERO,
            secret: config.secret,
            waiting: BTreeMap::new(),
            routes_wanted: BTreeMap::new(),
            uas: ServerTransactions::new(TRANSACTIONS_MAX, Timings::default()),
            large_told: false,
        };
        Self {
            shared,
            phones: Vec::new(),
            by_mac: BTreeMap::new(),
            by_line: BTreeMap::new(),
            refusals: Refusals::default(),
            wakes: BinaryHeap::new(),
            refusing: BTreeMap::new(),
            generations: BTreeMap::new(),
            crashes: BTreeMap::new(),
            calls: 0,
            stop_by: None,
            stopped: false,
            now: Instant::ZERO,
        }
    }

    /// Every phone as it stands at `now`.
    #[must_use]
    pub fn views(&self, now: Instant) -> Vec<PhoneView> {
        self.phones.iter().map(|phone| phone.view(&self.shared, now)).collect()
    }

    /// The longest time until `account` of `phone` is registered at the best next hop that can be
    /// reached, by case; `None` where there is no such account.
    #[must_use]
    pub fn bound(&self, phone: Mac, account: u8) -> Option<Bound> {
        let index = usize::try_from(*self.by_mac.get(&phone)?).ok()?;
        let phone = self.phones.get(index)?;
        let account = phone.accounts.iter().find(|candidate| candidate.number() == account)?;
        Some(account.bound(&self.shared, &phone.device))
    }

    /// The number of a call that is to be dialled.
    pub const fn new_call_id(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// Whether a stop is complete.
    #[must_use]
    pub const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How many phones there are.
    #[must_use]
    pub fn phone_count(&self) -> usize {
        self.phones.len()
    }

    fn apply(&mut self, now: Instant, settings: PhoneSettings) {
        let known = self.by_mac.get(&settings.mac).copied();
        let (index, why) = match known {
            Some(index) => (index, Why::Settings),
            None => (u32::try_from(self.phones.len()).unwrap_or(u32::MAX), Why::Start),
        };
        if known.is_none() {
            self.by_mac.insert(settings.mac, index);
            self.phones.push(Phone::new(index, settings.clone()));
        }
        if let Some(phone) = at(&mut self.phones, index) {
            phone.apply(now, &mut self.shared, settings, why);
            if known.is_some() {
                self.by_line.retain(|_, (owner, _)| *owner != index);
            }
            for account in &phone.accounts {
                for line in account.lines() {
                    self.by_line.insert(line, (index, account.number()));
                }
            }
        }
        self.schedule(index);
    }

    /// Lends one phone what is shared, then sees to its next wake-up.
    pub(crate) fn with<T>(
        &mut self,
        index: u32,
        act: impl FnOnce(&mut Phone, &mut Shared) -> T,
    ) -> Option<T> {
        let shared = &mut self.shared;
        let done = at(&mut self.phones, index).map(|phone| {
            // One phone's panic must not end the others; what it was doing is lost with its slot.
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(phone, shared)))
        });
        let done = match done {
            Some(Ok(done)) => Some(done),
            Some(Err(_)) => {
                self.restart(index);
                None
            }
            None => None,
        };
        self.schedule(index);
        done
    }

    /// A phone panicked: its slot begins anew, three times in ten minutes, then it stays down (a
    /// crash loop would be a storm of REGISTERs).
    fn restart(&mut self, index: u32) {
        let now = self.now;
        let Some(phone) = at(&mut self.phones, index) else { return };
        let mac = phone.mac();
        let crashes = self.crashes.entry(index).or_default();
        crashes.retain(|at| now.since(*at) < CRASHES_WITHIN);
        crashes.push(now);
        let goes_on = crashes.len() <= CRASHES_MAX;
        let settings = phone.settings.clone();
        *phone = Phone::new(index, settings.clone());
        let told = if goes_on {
            "a fault of this program stopped the phone; it starts anew"
        } else {
            "a fault of this program stopped the phone again and again; it stays down"
        };
        let kind = EventKind::Notice(told.to_owned());
        self.shared.out.push_back(Output::Event(Event { phone: mac, account: None, kind }));
        if goes_on {
            phone.apply(now, &mut self.shared, settings, Why::Start);
        }
    }

    /// Every account of every phone with calls, until one takes it.
    fn each_account(
        &mut self,
        now: Instant,
        mut act: impl FnMut(&mut Account, &mut Context<'_>) -> bool,
    ) {
        for index in 0..u32::try_from(self.phones.len()).unwrap_or(u32::MAX) {
            let taken = self.with(index, |phone, shared| phone.until_taken(now, shared, &mut act));
            if taken == Some(true) {
                return;
            }
        }
    }

    fn schedule(&mut self, index: u32) {
        let now = self.now;
        let Some(phone) = at(&mut self.phones, index) else { return };
        let next = phone.next_timeout(now).map(|(due, _)| due);
        if phone.woken_at != next {
            phone.woken_at = next;
            if let Some(due) = next {
                self.wakes.push(Reverse((due, index)));
                self.drop_stale_wakes();
            }
        }
    }

    /// Lazy deletion must not let entries that are not due for an hour pile up.
    fn drop_stale_wakes(&mut self) {
        let phones = &self.phones;
        if self.wakes.len() > 2 * phones.len() + WAKES_KEPT {
            self.wakes.retain(|Reverse((due, index))| {
                let phone = usize::try_from(*index).ok().and_then(|index| phones.get(index));
                phone.is_some_and(|phone| phone.woken_at == Some(*due))
            });
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.end_refused(now);
        self.end_unfinished(now);
        self.answers_on_time(now);
        while let Some(Reverse((due, index))) = self.wakes.peek().copied().filter(|w| w.0.0 <= now)
        {
            self.wakes.pop();
            let current = at(&mut self.phones, index).is_some_and(|p| p.woken_at == Some(due));
            if current {
                if let Some(phone) = at(&mut self.phones, index) {
                    phone.woken_at = None;
                }
                self.with(index, |phone, shared| phone.on_time(now, shared));
            }
        }
        self.check_stop(now);
    }

    fn check_stop(&mut self, now: Instant) {
        let Some(stop_by) = self.stop_by else { return };
        let done = self.phones.iter().all(Phone::is_stopped);
        if !self.stopped && (done || now >= stop_by) {
            self.stopped = true;
            self.tell(EventKind::Stopped);
        }
    }

    fn on_response(
        &mut self,
        now: Instant,
        from: SocketAddr,
        conn: Option<Conn>,
        response: &Response,
    ) {
        // RFC 3261 §18.1.2: with more than one Via it was not meant for us.
        let branch = parse_branch(response.branch()).filter(|_| response.is_for_client());
        let taken = branch.and_then(|(phone, number, guard)| {
            let arrival = Arrival { number, guard, from, conn, response };
            self.with(phone, |phone, shared| phone.on_response(now, shared, arrival))
        });
        match taken {
            Some(Taken::Yes) => {}
            Some(Taken::Spoofed) => self.refuse(now, Refusal::Spoofed, from),
            Some(Taken::No) | None => self.refuse(now, Refusal::UnknownBranch, from),
        }
    }

    pub(crate) fn refuse(&mut self, now: Instant, what: Refusal, from: SocketAddr) {
        if let Some(count) = self.refusals.count(now, what) {
            self.tell(EventKind::Refused { what, from, count });
        }
    }

    /// Tells what concerns the whole process, in the name of its first phone.
    fn tell(&mut self, kind: EventKind) {
        let phone = self.phones.first().map_or(Mac::new([0; 6]), Phone::mac);
        self.shared.out.push_back(Output::Event(Event { phone, account: None, kind }));
    }

    fn on_datagram(&mut self, now: Instant, socket: Socket, from: SocketAddr, bytes: &[u8]) {
        if bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return; // A keep-alive (RFC 5626 §3.5.1 has CRLF for streams; NATs get it over UDP, too).
        }
        match sip::parse_datagram(bytes) {
            Ok(Message::Response(response)) => self.on_response(now, from, None, &response),
            Ok(Message::Request(request)) => {
                let way = crate::inbound::Way::Udp { socket, from };
                self.on_request(now, way, &request);
            }
            Err(fault) => {
                let way = crate::inbound::Way::Udp { socket, from };
                self.on_fault(now, way, &fault);
            }
        }
    }

    fn on_chunk(&mut self, now: Instant, conn: Conn, bytes: &[u8]) {
        let Some((_, from)) = self.shared.conns.far(conn) else { return };
        if let Some(framer) = self.shared.conns.framer(conn) {
            framer.push(bytes);
        }
        while let Some(frame) = self.shared.conns.framer(conn).and_then(sip::Framer::next) {
            let way = crate::inbound::Way::Stream { conn, from };
            match frame {
                Frame::Message(Message::Response(response)) => {
                    self.on_response(now, from, Some(conn), &response);
                }
                Frame::Message(Message::Request(request)) => self.on_request(now, way, &request),
                // RFC 5626 §3.5.1: a double CRLF is answered with a single one.
                Frame::Ping => {
                    let bytes = bytes::Bytes::from_static(b"\r\n");
                    self.shared.out.push_back(Output::Write { conn, bytes });
                }
                Frame::Pong => {
                    for index in self.shared.conns.users(conn) {
                        self.with(index, |phone, shared| phone.on_pong(now, shared, conn));
                    }
                }
                Frame::Fault(fault) => {
                    self.on_fault(now, way, &fault);
                    self.shared.out.push_back(Output::Close { conn });
                    self.on_closed(now, conn, Cause::PeerClosed);
                    return;
                }
            }
        }
        self.shared.conns.note_unfinished(now, conn);
    }

    /// Closes connections on which a message has been unfinished for too long.
    fn end_unfinished(&mut self, now: Instant) {
        for conn in self.shared.conns.unfinished_before(now - UNFINISHED_MAX) {
            self.shared.out.push_back(Output::Close { conn });
            self.on_closed(now, conn, Cause::PeerClosed);
        }
    }

    pub(crate) fn on_closed(&mut self, now: Instant, conn: Conn, cause: Cause) {
        for index in self.shared.conns.closed(conn) {
            self.with(index, |phone, shared| phone.on_closed(now, shared, conn, cause));
        }
    }

    fn on_unreachable(&mut self, now: Instant, to: SocketAddr, cause: Cause, quoted: &[u8]) {
        let named = find_branch(quoted).map(|(phone, number, _)| (phone, number));
        // 8 quoted bytes: the destination with exactly one open attempt.
        let short = quoted.len() <= QUOTED_SHORT && !cause.is_ours();
        let found = named.or_else(|| self.shared.open.only(to).filter(|_| short));
        let Some((phone, number)) = found else { return };
        let why = Why::from_cause(cause);
        let ended =
            self.with(phone, |phone, shared| phone.on_unreachable(now, shared, number, why));
        if ended == Some(Taken::Yes) && !cause.is_ours() && self.shares_errors(phone) {
            self.refusing.insert(to, now + REFUSING_FOR);
            self.end_refused(now);
        }
    }

    fn shares_errors(&mut self, phone: u32) -> bool {
        at(&mut self.phones, phone)
            .is_some_and(|phone| phone.device.common.icmp == IcmpScope::Shared)
    }

    /// Ends the attempts at refusing next hops that have waited long enough: senders of ICMP are
    /// rate-limited, so one error speaks for all.
    fn end_refused(&mut self, now: Instant) {
        // What was sent at the end of the time is judged a little later.
        self.refusing.retain(|_, until| *until + REFUSING_PATIENCE >= now);
        let hops: Vec<(SocketAddr, Instant)> =
            self.refusing.iter().map(|(to, until)| (*to, *until)).collect();
        for (to, until) in hops {
            while let Some((sent, phone, number)) = self.shared.open.oldest(to) {
                if sent + REFUSING_PATIENCE > now || sent > until {
                    break;
                }
                let why = Why::UnreachableShared;
                let ended = self
                    .with(phone, |phone, shared| phone.on_unreachable(now, shared, number, why));
                if ended != Some(Taken::Yes) {
                    self.shared.open.remove(to, sent, phone, number);
                }
            }
        }
    }

    fn next_refused(&self) -> Option<Instant> {
        let due = |(to, until): (&SocketAddr, &Instant)| {
            let oldest = self.shared.open.oldest(*to).map(|(sent, _, _)| sent);
            oldest.filter(|sent| sent <= until)
        };
        self.refusing.iter().filter_map(due).min().map(|sent| sent + REFUSING_PATIENCE)
    }

    fn drain_locator(&mut self, now: Instant) {
        while let Some(output) = self.shared.locator.poll_output() {
            let located = match output {
                Output::Event(located) => located,
                Output::Datagram { socket, to, bytes } => {
                    self.shared.out.push_back(Output::Datagram { socket, to, bytes });
                    continue;
                }
                Output::Connect { conn, to, deadline } => {
                    self.shared.out.push_back(Output::Connect { conn, to, deadline });
                    continue;
                }
                Output::Write { conn, bytes } => {
                    self.shared.out.push_back(Output::Write { conn, bytes });
                    continue;
                }
                Output::Close { conn } => {
                    self.shared.out.push_back(Output::Close { conn });
                    continue;
                }
                Output::OpenAsk { socket, to } => {
                    self.shared.out.push_back(Output::OpenAsk { socket, to });
                    continue;
                }
                Output::CloseAsk { socket } => {
                    self.shared.out.push_back(Output::CloseAsk { socket });
                    continue;
                }
                Output::Route { to } => {
                    self.shared.out.push_back(Output::Route { to });
                    continue;
                }
            };
            self.on_located(now, located);
        }
    }

    fn on_located(&mut self, now: Instant, Located { id, progress }: Located) {
        if let locate::Progress::Ready(hops) = &progress
            && self
                .generations
                .insert(id, hops.generation())
                .is_some_and(|g| g != hops.generation())
        {
            for index in 0..u32::try_from(self.phones.len()).unwrap_or(u32::MAX) {
                self.with(index, |phone, shared| phone.on_relocated(now, shared, id));
            }
        }
        for index in self.shared.waiting.remove(&id).unwrap_or_default() {
            self.with(index, |phone, shared| phone.on_located(now, shared, id, &progress));
        }
    }
}

/// ICMP errors that quote at most this much may lack the branch (RFC 792: 8 bytes of UDP header).
const QUOTED_SHORT: usize = 64;

impl Node for Endpoint {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = self.now.max(now);
        let now = self.now;
        if self.shared.locator.owns(&input) {
            self.shared.locator.handle(now, input);
            self.drain_locator(now);
            return;
        }
        match input {
            Input::Timeout => {
                self.shared.locator.handle(now, Input::Timeout);
                self.drain_locator(now);
                self.on_time(now);
            }
            Input::Datagram { socket, from, bytes } => self.on_datagram(now, socket, from, bytes),
            Input::Unreachable { to, cause, quoted, .. } => {
                self.on_unreachable(now, to, cause, quoted);
            }
            Input::Overflow { dropped, .. } => {
                self.shared.verdicts_from = now + OVERFLOW_GRACE;
                self.tell(EventKind::Notice(format!(
                    "the system dropped {dropped} datagrams that had come for us"
                )));
            }
            Input::Route { to, from } => {
                self.shared.locals.learn_route(to, from.ok());
                for index in self.shared.routes_wanted.remove(&to).unwrap_or_default() {
                    self.with(index, |phone, shared| phone.on_route(now, shared));
                }
            }
            Input::Connected { conn, local, .. } => {
                for index in connected(&mut self.shared, conn, local) {
                    self.with(index, |phone, shared| phone.on_connected(now, shared, conn));
                }
            }
            Input::Accepted { conn, transport, local, from } => {
                if self.shared.conns.accepted(conn, transport, local, from).is_err() {
                    self.shared.out.push_back(Output::Close { conn });
                }
            }
            Input::Chunk { conn, bytes } => self.on_chunk(now, conn, bytes),
            Input::Closed { conn, cause } => self.on_closed(now, conn, cause),
        }
        self.drain_locator(now);
        self.check_stop(now);
    }

    fn command(&mut self, now: Instant, command: Command) {
        self.now = self.now.max(now);
        let now = self.now;
        match command {
            Command::Apply(settings) => self.apply(now, *settings),
            Command::Resolve(config) => self.shared.locator.configure(config),
            Command::Register { phone, account } => {
                let index = self.by_mac.get(&phone).copied();
                if let Some(index) = index {
                    self.with(index, |phone, shared| phone.order_register(now, shared, account));
                }
            }
            Command::SetBusy { phone, calls } => {
                let index = self.by_mac.get(&phone).copied();
                if let Some(index) = index {
                    self.with(index, |phone, shared| phone.set_busy(now, shared, calls));
                }
            }
            Command::Dial { phone, account, call, target } => {
                let index = self.by_mac.get(&phone).copied();
                if let Some(index) = index {
                    self.with(index, |phone, shared| {
                        phone.with_account(now, shared, account, |account, ctx| {
                            account.dial(ctx, call, target);
                        })
                    });
                }
            }
            Command::Order { call, order } => {
                self.each_account(now, |account, ctx| account.order(ctx, call, order.clone()));
            }
            Command::Media { call, report } => {
                self.each_account(now, |account, ctx| {
                    account.on_media(ctx, call, report);
                    false
                });
            }
            Command::Stop => {
                self.stop_by = Some(now + STOP_WITHIN);
                for index in 0..u32::try_from(self.phones.len()).unwrap_or(u32::MAX) {
                    self.with(index, |phone, shared| phone.stop(now, shared));
                }
            }
        }
        self.drain_locator(now);
        self.check_stop(now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        let output = self.shared.out.pop_front();
        if output.is_none() && self.shared.out.capacity() > OUT_KEPT {
            self.shared.out.shrink_to(OUT_KEPT); // A used queue keeps its room otherwise.
        }
        output
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        let wake = self.wakes.peek().map(|Reverse((due, index))| {
            let phone = usize::try_from(*index).ok().and_then(|index| self.phones.get(index));
            let reason = phone.and_then(|phone| phone.next_timeout(self.now));
            (*due, Reason(reason.map_or("nothing any longer", |(_, reason)| reason)))
        });
        let refused = self.next_refused().map(|due| (due, Reason("next hop is refusing")));
        let stop = self.stop_by.filter(|_| !self.stopped).map(|due| (due, Reason("stop")));
        let dns = self.shared.locator.next_timeout();
        let unfinished = self.shared.conns.oldest_unfinished();
        let unfinished = unfinished.map(|at| (at + UNFINISHED_MAX, Reason("unfinished message")));
        let answers = self.shared.uas.next_timeout().map(|(at, _)| (at, Reason("answers")));
        [wake, refused, stop, dns, unfinished, answers]
            .into_iter()
            .flatten()
            .min_by_key(|(due, _)| *due)
    }
}

/// Requests that are remembered at once, so that their answers can be given again.
const TRANSACTIONS_MAX: usize = 4096;

/// Wake-ups beyond two for each phone are looked through for stale ones.
const WAKES_KEPT: usize = 1024;
/// Room that an empty queue of outputs keeps.
const OUT_KEPT: usize = 1024;

fn connected(shared: &mut Shared, conn: Conn, local: SocketAddr) -> Vec<u32> {
    shared.conns.connected(conn, local, &mut shared.out)
}

fn at(phones: &mut [Phone], index: u32) -> Option<&mut Phone> {
    phones.get_mut(usize::try_from(index).ok()?)
}

/// Reads one of our branches: phone, attempt, guard.
fn parse_branch(branch: &str) -> Option<(u32, u32, u64)> {
    let mut parts = branch.strip_prefix("z9hG4bK")?.split('.');
    let phone = u32::from_str_radix(parts.next()?, 16).ok()?;
    let number = u32::from_str_radix(parts.next()?, 16).ok()?;
    let guard = parts.next()?;
    let guard = u64::from_str_radix(guard.get(..16)?, 16).ok()?;
    parts.next().is_none().then_some((phone, number, guard))
}

/// Finds one of our branches in the quoted part of a datagram.
fn find_branch(quoted: &[u8]) -> Option<(u32, u32, u64)> {
    let start = quoted.windows(7).position(|window| window == b"z9hG4bK")?;
    let rest = quoted.get(start..)?;
    let end = rest.iter().position(|byte| matches!(byte, b';' | b'\r' | b',' | b' '))?;
    parse_branch(std::str::from_utf8(rest.get(..end)?).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stale_wake_ups_do_not_pile_up() {
        let mut endpoint = Endpoint::new(EndpointConfig {
            seed: 1,
            secret: [0; 16],
            sockets: Vec::new(),
            listen: Vec::new(),
            advertise: None,
            resolver: ResolverConfig::default(),
        });
        for second in 0..2 * WAKES_KEPT as u64 {
            endpoint.wakes.push(Reverse((Instant::from_secs(second), 0)));
        }
        endpoint.drop_stale_wakes();
        assert!(endpoint.wakes.is_empty(), "no phone waits for any of them");
    }

    #[test]
    fn a_branch_is_read_back_and_a_guess_does_not_match() {
        assert_eq!(parse_branch("z9hG4bKa.1f.00000000000000ff"), Some((10, 31, 255)));
        for wrong in
            ["z9hG4bK", "z9hG4bKa.1f", "a.1f.00000000000000ff", "z9hG4bKa.1f.ff", "z9hG4bK.."]
        {
            assert_eq!(parse_branch(wrong), None, "{wrong}");
        }
        let quoted = b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa.1f.00000000000000ff;rport\r\n";
        assert_eq!(find_branch(quoted), Some((10, 31, 255)));
    }

    // Design, "Panics": the slot restarts three times, then stays down; the others go on.
    #[test]
    fn a_panic_costs_one_phone_its_slot_and_three_are_forgiven() {
        let mut endpoint = Endpoint::new(EndpointConfig {
            seed: 1,
            secret: [0; 16],
            sockets: vec![(Socket(0), "127.0.0.1:5060".parse().unwrap())],
            listen: Vec::new(),
            advertise: None,
            resolver: ResolverConfig::default(),
        });
        let text = "account.1.enable = 1\naccount.1.user_name = 1\naccount.1.sip_server.1.address = 192.0.2.1";
        let source =
            params::Source { name: "t", layer: params::Layer::Mac, bytes: text.as_bytes() };
        let (layers, _) = params::Layers::load(&[source]);
        let device = params::Device::default();
        let (settings, _) = layers.settings(&device, &mut params::Interner::default());
        endpoint.command(Instant::ZERO, Command::Apply(Box::new(settings)));
        for crash in 1..=4 {
            let done = endpoint.with(0, |_, _| -> u8 { panic!("crash {crash}") });
            assert_eq!(done, None);
            let lives = endpoint.phones.first().is_some_and(|phone| !phone.accounts.is_empty());
            assert_eq!(lives, crash <= 3, "after crash {crash}");
        }
    }
}
