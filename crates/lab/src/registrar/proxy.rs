use std::collections::{BTreeMap, BTreeSet};

use net::{Instant, Output, Transport};
use sip::digest::Asker;
use sip::transaction::{Told, TransactionKey};
use sip::{BRANCH_COOKIE, Method, Request, Response};

use super::branch::{Branch, Expiry};
use super::forward::{self, Leaving};
use super::targets::{Hop, Target};
use super::{Arrival, Event, Pending, Registrar};
use crate::location::Flow;
use crate::reply::Reply;

/// The requests that were sent on and wait for their answers.
#[derive(Debug, Default)]
pub(super) struct Proxy {
    contexts: BTreeMap<u64, Context>,
    by_key: BTreeMap<TransactionKey, u64>,
    /// When each branch that waits for something wants to wake.
    wakes: BTreeSet<(Instant, u64, usize)>,
    taken: u64,
}

/// A request with the branches on which it was sent on (RFC 3261 §16.2).
#[derive(Debug)]
struct Context {
    key: TransactionKey,
    request: Request,
    arrival: Arrival,
    route: super::Route,
    branches: Vec<Branch>,
    /// The status and bytes of the best final response so far.
    best: Option<Best>,
    /// What the 401s and 407s asked for.
    challenges: Vec<(&'static str, String)>,
    /// The final response has been sent.
    answered: bool,
}

#[derive(Debug)]
struct Best {
    status: u16,
    /// The response to send on; `None` where the branch gave none.
    response: Option<Response>,
}

/// What became of a branch.
enum Outcome {
    Provisional,
    Success,
    Failure(Best),
}

impl Proxy {
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.wakes.first().map(|(at, _, _)| *at)
    }

    /// The context and branch that a branch parameter of ours names.
    fn find(&self, branch: &str) -> Option<(u64, usize)> {
        let mut parts = branch.strip_prefix(BRANCH_COOKIE)?.split('.');
        let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
        let (id, index) = (number()?, usize::try_from(number()?).ok()?);
        let known = self.contexts.get(&id)?.branches.get(index)?;
        (*known.id == *branch).then_some((id, index))
    }
}

impl Registrar {
    /// Serves a request that no fault concerns: answers it here or sends it on.
    pub(super) fn serve(&mut self, now: Instant, pending: Pending) {
        let request = &pending.request;
        let routed = self.routed(request);
        let uri = sip::Uri::parse(&routed.uri);
        let for_us = routed.routes.is_empty()
            && uri.is_some_and(|uri| uri.is_sip() && self.config.serves(uri.host()));
        let user = uri.and_then(|uri| uri.user());
        if for_us && *request.method() == Method::Register {
            return self.register(now, &pending);
        }
        if for_us && *request.method() == Method::Options && user.is_none() {
            let reply = Reply::new(200).with("Allow", ALLOW).with("Supported", "path");
            return self.respond(now, &pending, reply);
        }
        let refusal = self.refusal(now, &pending, &routed.uri);
        let targets = match refusal {
            Some(reply) => Err(reply),
            None => self.targets(now, routed).map_err(Reply::new),
        };
        match targets {
            Ok(targets) => self.forward(now, pending, targets),
            Err(reply) => self.respond(now, &pending, reply),
        }
    }

    /// RFC 3261 §16.3: why a request is not sent on.
    fn refusal(&mut self, now: Instant, pending: &Pending, uri: &str) -> Option<Reply> {
        let request = &pending.request;
        if request.max_forwards() == Some(0) {
            return Some(Reply::new(483));
        }
        if self.is_loop(request, uri) {
            return Some(Reply::new(482));
        }
        let unknown: Vec<&str> = request.list("Proxy-Require").collect();
        if !unknown.is_empty() {
            return Some(Reply::new(420).with("Unsupported", unknown.join(", ")));
        }
        if !self.needs_credentials(pending) {
            return None;
        }
        let from = sip::Uri::parse(request.from_uri()).and_then(|from| from.user_unescaped());
        match self.authenticate(now, request, Asker::Proxy) {
            Ok(Some(prover)) if from.as_deref() != Some(&*prover) => Some(Reply::new(403)),
            Ok(_) => None,
            Err(reply) => Some(reply),
        }
    }

    fn is_loop(&self, request: &Request, uri: &str) -> bool {
        let mark = format!("{:x}", forward::loop_mark(request, uri));
        request.vias().any(|via| {
            self.config.is_own_via(&via) && via.branch().split('.').nth(2) == Some(&*mark)
        })
    }

    fn forward(&mut self, now: Instant, pending: Pending, targets: Vec<Target>) {
        if self.proxy.contexts.len() >= CONTEXTS_MAX {
            self.outputs.push_back(Output::Event(Event::LimitReached("forwarded requests")));
            return self.respond(now, &pending, Reply::new(503));
        }
        if *pending.request.method() == Method::Invite {
            // RFC 3261 §17.2.1: within 200 ms.
            self.respond(now, &pending, Reply::new(100));
        }
        self.proxy.taken += 1;
        let id = self.proxy.taken;
        let Pending { key, request, arrival, route } = pending;
        self.proxy.by_key.insert(key.clone(), id);
        self.proxy.contexts.insert(
            id,
            Context {
                key,
                request,
                arrival,
                route,
                branches: Vec::new(),
                best: None,
                challenges: Vec::new(),
                answered: false,
            },
        );
        for target in &targets {
            self.open_branch(now, id, target);
        }
        self.settle(now, id);
    }

    fn open_branch(&mut self, now: Instant, id: u64, target: &Target) {
        let Some((flow, transport)) = self.way_to(now, target.hop) else {
            return self.note_failure(id, 503);
        };
        let random = self.rng.next_u64();
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        let peer = match target.hop {
            Hop::Address(_, addr) => addr.ip(),
            Hop::Flow(Flow::Datagram { to, .. }, _) => to.ip(),
            Hop::Flow(Flow::Stream(conn), _) => {
                self.streams.peer(conn).map_or(context.arrival.from.ip(), |(_, addr)| addr.ip())
            }
        };
        let Some(sent_by) = self.config.own(transport, peer) else {
            return self.note_failure(id, 503);
        };
        let index = context.branches.len();
        let mark = forward::loop_mark(&context.request, context.request.uri());
        let branch = format!("{BRANCH_COOKIE}{id:x}.{index:x}.{mark:x}.{random:016x}");
        let leaving = Leaving { config: &self.config, transport, sent_by, branch: &branch };
        let bytes = leaving.request(&context.request, &context.arrival, target);
        let method = context.request.method().clone();
        context.branches.push(Branch::new(
            now,
            (branch.into(), flow, transport),
            (&method, bytes.clone()),
            self.config.timings,
            now + self.config.timer_c,
        ));
        self.send(now, flow, &method, bytes);
        self.note_wake(id, index);
    }

    fn way_to(&mut self, now: Instant, hop: Hop) -> Option<(Flow, Transport)> {
        match hop {
            Hop::Flow(flow, transport) => Some((flow, transport)),
            Hop::Address(Transport::Udp, to) => {
                let socket = self.config.socket(to.ip())?;
                Some((Flow::Datagram { socket, to }, Transport::Udp))
            }
            Hop::Address(transport, to) => Some((self.stream_to(now, transport, to), transport)),
        }
    }

    /// RFC 3261 §16.11 is for stateless proxies, but an ACK to a 2xx has no transaction: it is sent
    /// on along the route of its dialog.
    pub(super) fn forward_ack(&mut self, now: Instant, arrival: &Arrival, ack: &Request) {
        let routed = self.routed(ack);
        if ack.max_forwards() == Some(0) || self.is_loop(ack, &routed.uri) {
            return;
        }
        let Ok(targets) = self.targets(now, routed) else { return };
        for target in &targets {
            let Some((flow, transport)) = self.way_to(now, target.hop) else { continue };
            let Some(sent_by) = self.config.own(transport, arrival.from.ip()) else { continue };
            let mark = forward::loop_mark(ack, ack.uri());
            let branch = format!("{BRANCH_COOKIE}0.0.{mark:x}.{:016x}", self.rng.next_u64());
            let leaving = Leaving { config: &self.config, transport, sent_by, branch: &branch };
            let bytes = leaving.request(ack, arrival, target);
            self.send(now, flow, &Method::Ack, bytes);
        }
    }

    /// RFC 3261 §16.7. A response that belongs to no branch of ours goes nowhere (RFC 6026 §7.3).
    pub(super) fn act_on_response(&mut self, now: Instant, response: &Response) {
        let Some((id, index)) = self.proxy.find(response.branch()) else { return };
        let Some(branch) = self.branch_mut(id, index) else { return };
        let flow = branch.flow;
        let reaction = branch.take(now, response);
        if let Some(ack) = reaction.send {
            self.send(now, flow, &Method::Ack, ack);
        }
        if reaction.tell == Some(Told::Response) && *response.method() != Method::Cancel {
            self.take_outcome(now, (id, index), response);
        }
        self.note_wake(id, index);
        self.settle(now, id);
    }

    fn take_outcome(&mut self, now: Instant, (id, index): (u64, usize), response: &Response) {
        let timer_c = now + self.config.timer_c;
        let Some(branch) = self.branch_mut(id, index) else { return };
        let outcome = match response.status() {
            ..200 => Outcome::Provisional,
            200..300 => Outcome::Success,
            status => Outcome::Failure(Best { status, response: Some(response.clone()) }),
        };
        match outcome {
            Outcome::Provisional => {
                // RFC 3261 §16.7 step 2.
                if response.status() > 100 {
                    branch.renew_timer_c(timer_c);
                }
                if branch.wants_cancel() {
                    self.cancel_branch(now, id, index);
                }
                if response.status() > 100 {
                    self.send_on(now, id, response);
                }
            }
            Outcome::Success => {
                branch.done = true;
                self.send_on(now, id, response);
                // RFC 3261 §16.7 step 10.
                self.cancel_branches(now, id);
            }
            Outcome::Failure(best) => {
                branch.done = true;
                let everywhere = best.status >= 600;
                self.weigh(id, best);
                if everywhere {
                    self.cancel_branches(now, id);
                }
            }
        }
    }

    /// Sends a response on to where its request came from.
    fn send_on(&mut self, now: Instant, id: u64, response: &Response) {
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        let bytes = forward::response(&context.request, context.arrival.from, response);
        let status = response.status();
        if status < 200 {
            if !context.answered {
                let key = context.key.clone();
                self.send_response(now, &key, status, bytes);
            }
            return;
        }
        let again = std::mem::replace(&mut context.answered, true);
        let (key, route) = (context.key.clone(), context.route.clone());
        if again {
            // RFC 3261 §16.7 step 5: every 2xx to an INVITE is sent on.
            self.send(now, route.flow, &route.method, bytes);
        } else {
            self.send_response(now, &key, status, bytes);
            // Who answered sends its 2xx again until the ACK; this server only passes it on.
            self.transactions.confirm(&key);
        }
    }

    /// Answers the request of a context when every branch is done; drops contexts that are over.
    fn settle(&mut self, now: Instant, id: u64) {
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        let done = context.branches.iter().all(|branch| branch.done);
        if done && !context.answered {
            context.answered = true;
            self.send_best(now, id);
        }
        let Some(context) = self.proxy.contexts.get(&id) else { return };
        if context.answered && context.branches.iter().all(Branch::is_over) {
            let key = context.key.clone();
            self.proxy.by_key.remove(&key);
            self.proxy.contexts.remove(&id);
        }
    }

    /// RFC 3261 §16.7 steps 6 and 7.
    fn send_best(&mut self, now: Instant, id: u64) {
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        let best = context.best.take().unwrap_or(Best { status: 480, response: None });
        let key = context.key.clone();
        let from = context.arrival.from;
        let asks = matches!(best.status, 401 | 407);
        let bytes = match &best.response {
            // RFC 3261 §16.7 step 6: a 503 says that a server is to be left, and this one is not.
            Some(response) if best.status != 503 && !asks => {
                forward::response(&context.request, from, response)
            }
            Some(_) | None => {
                let request = context.request.clone();
                let status = if best.status == 503 { 500 } else { best.status };
                let challenges = if asks { context.challenges.clone() } else { Vec::new() };
                self.write(&request, from, forward::failure(status, &challenges))
            }
        };
        let status = if best.status == 503 { 500 } else { best.status };
        self.send_response(now, &key, status, bytes);
    }

    /// RFC 3261 §16.7 step 6: keeps the better of two final responses.
    fn weigh(&mut self, id: u64, fresh: Best) {
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        if let (401 | 407, Some(response)) = (fresh.status, &fresh.response) {
            for name in ["WWW-Authenticate", "Proxy-Authenticate"] {
                let asked = response.headers(name).map(|value| (name, value.to_owned()));
                context.challenges.extend(asked);
            }
        }
        let better =
            context.best.as_ref().is_none_or(|best| rank(fresh.status) < rank(best.status));
        if better {
            context.best = Some(fresh);
        }
    }

    fn note_failure(&mut self, id: u64, status: u16) {
        self.weigh(id, Best { status, response: None });
    }

    /// RFC 3261 §16.10: the caller has given up.
    pub(super) fn cancel_call(&mut self, now: Instant, invite: &TransactionKey) {
        if let Some(id) = self.proxy.by_key.get(invite).copied() {
            self.cancel_branches(now, id);
            self.settle(now, id);
        }
    }

    fn cancel_branches(&mut self, now: Instant, id: u64) {
        let count = self.proxy.contexts.get(&id).map_or(0, |context| context.branches.len());
        for index in 0..count {
            self.cancel_branch(now, id, index);
        }
    }

    fn cancel_branch(&mut self, now: Instant, id: u64, index: usize) {
        let Some(branch) = self.branch_mut(id, index) else { return };
        let flow = branch.flow;
        if let Some(bytes) = branch.cancel(now) {
            self.send(now, flow, &Method::Cancel, bytes);
        }
        self.note_wake(id, index);
    }

    /// Something that was sent over a flow did not arrive: by the branch that a report quotes, else
    /// by the flow alone.
    pub(super) fn undelivered(&mut self, now: Instant, flow: Flow, quoted: Option<&[u8]>) {
        let contexts = self.proxy.contexts.iter();
        let concerned: Vec<(u64, usize)> = contexts
            .flat_map(|(id, context)| {
                let branches = context.branches.iter().enumerate();
                branches
                    .filter(|(_, branch)| branch.flow == flow && !branch.done)
                    .map(|(i, _)| (*id, i))
            })
            .collect();
        let quotes = |(id, index): &(u64, usize)| {
            let branch = self.proxy.contexts.get(id).and_then(|c| c.branches.get(*index));
            branch.is_some_and(|branch| quoted.is_some_and(|quoted| contains(quoted, &branch.id)))
        };
        let named: Vec<(u64, usize)> = concerned.iter().copied().filter(quotes).collect();
        let failed = if named.is_empty() { concerned } else { named };
        for (id, index) in failed {
            if self.branch_mut(id, index).is_some_and(Branch::undelivered) {
                // RFC 3261 §16.9: as if a 503 had been received.
                self.note_failure(id, 503);
            }
            self.note_wake(id, index);
            self.settle(now, id);
        }
    }

    pub(super) fn branches_due(&mut self, now: Instant) {
        while let Some((at, id, index)) = self.proxy.wakes.first().copied()
            && at <= now
        {
            self.proxy.wakes.remove(&(at, id, index));
            self.branch_due(now, id, index);
            self.note_wake(id, index);
            self.settle(now, id);
        }
    }

    fn branch_due(&mut self, now: Instant, id: u64, index: usize) {
        let Some(context) = self.proxy.contexts.get_mut(&id) else { return };
        let method = context.request.method().clone();
        let Some(branch) = context.branches.get_mut(index) else { return };
        let (flow, due) = (branch.flow, branch.handle_timeout(now));
        let silent = due.expiry == Expiry::Silent && !branch.done;
        branch.done |= silent;
        if let Some(bytes) = due.request {
            self.send(now, flow, &method, bytes);
        }
        if let Some(bytes) = due.cancel {
            self.send(now, flow, &Method::Cancel, bytes);
        }
        if silent {
            // RFC 3261 §16.8: as if a 408 had been received.
            self.note_failure(id, 408);
        }
        if due.expiry == Expiry::RangTooLong {
            // RFC 3261 §16.8: Timer C.
            self.cancel_branch(now, id, index);
        }
    }

    fn branch_mut(&mut self, id: u64, index: usize) -> Option<&mut Branch> {
        self.proxy.contexts.get_mut(&id)?.branches.get_mut(index)
    }

    fn note_wake(&mut self, id: u64, index: usize) {
        let next = self.branch_mut(id, index).and_then(|branch| branch.next_timeout());
        if let Some(at) = next {
            self.proxy.wakes.insert((at, id, index));
        }
    }
}

/// RFC 3261 §16.7 step 6: 6xx first, then the lowest class; within 4xx what lets the caller go on.
const fn rank(status: u16) -> (u16, u16) {
    let class = if status >= 600 { 0 } else { status / 100 };
    let within = match status {
        401 | 407 => 0,
        415 | 420 | 484 => 1,
        408 => 3,
        _ => 2,
    };
    (class, within)
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const ALLOW: &str = "REGISTER, OPTIONS, INVITE, ACK, CANCEL, BYE, SUBSCRIBE, NOTIFY, REFER, MESSAGE, \
                     INFO, UPDATE, PRACK, PUBLISH";
const CONTEXTS_MAX: usize = 10_000;
