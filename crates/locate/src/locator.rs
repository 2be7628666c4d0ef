use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dns::{Answered, Freshness, Question, Resolver, ResolverConfig};
use net::{Input, Instant, Output, Reason, Rng};

use crate::records::FailedFamily;
use crate::search::{Missing, Nothing, Search, locate};
use crate::{AddressMode, CacheType, Hops, LocatePolicy, NextHop, Records, Target};

/// A target as one policy locates it; accounts that agree in both share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocationId(u32);

/// How far locating has come.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The next hops are known.
    Ready(Arc<Hops>),
    /// DNS is being asked; a [`Located`] event follows.
    Pending,
    /// No source knows a next hop.
    Nothing(Arc<Nothing>),
}

/// The end of a pass that was [`Progress::Pending`] or was made ahead of time.
#[derive(Clone, Debug)]
pub struct Located {
    /// Which location.
    pub id: LocationId,
    /// What was found, never `Pending`.
    pub progress: Progress,
}

/// Whether a location is resolved again before its records run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// At 90 % of each TTL of 30 s or more; not with `dns_cache_type` 0.
    On,
    /// Only when asked.
    Off,
}

/// Locates targets for all accounts of a process, with one resolver and one cache.
#[derive(Debug)]
pub struct Locator {
    resolver: Resolver,
    locations: BTreeMap<u32, Location>,
    /// Hashed without the process's randomness, never iterated.
    ids: HashMap<(Target, Arc<LocatePolicy>), u32, BuildHasherDefault<DefaultHasher>>,
    next_id: u32,
    /// Locations that wait for the answer to a question.
    waiting: BTreeMap<Question, BTreeSet<u32>>,
    /// Locations that wait for the route to an address.
    routing: BTreeMap<IpAddr, BTreeSet<u32>>,
    /// When locations are resolved ahead.
    ahead: BTreeSet<(Instant, u32)>,
    rng: Rng,
    out: VecDeque<Output<Located>>,
}

#[derive(Debug)]
struct Location {
    target: Target,
    policy: Arc<LocatePolicy>,
    holders: u32,
    /// The last good answer.
    last: Option<Arc<Hops>>,
    /// What the last pass found, and until when another would find the same.
    latest: Option<(Progress, Instant)>,
    pass: Option<Pass>,
    consulted: BTreeMap<Question, Instant>,
    failed_family: Option<FailedFamily>,
    ahead: Ahead,
    /// When the last pass wants a further one so that nobody waits.
    ahead_at: Instant,
    /// Its place in [`Locator::ahead`].
    planned: Option<Instant>,
}

/// A pass under way.
#[derive(Debug)]
struct Pass {
    records: Records,
    freshness: Freshness,
    /// Questions asked whose answers are missing.
    missing: BTreeSet<Question>,
}

impl Locator {
    /// A locator that asks the name servers of `config`.
    #[must_use]
    pub fn new(config: ResolverConfig, rng: Rng) -> Self {
        Self {
            resolver: Resolver::new(config, rng.fork("dns")),
            locations: BTreeMap::new(),
            ids: HashMap::default(),
            next_id: 0,
            waiting: BTreeMap::new(),
            routing: BTreeMap::new(),
            ahead: BTreeSet::new(),
            rng: rng.fork("die"),
            out: VecDeque::new(),
        }
    }

    /// Changes the name servers and times; passes under way end with those they began with.
    pub fn configure(&mut self, config: ResolverConfig) {
        self.resolver.configure(config);
    }

    /// The location of `target` under `policy`; it is held until [`Locator::release`] has been
    /// called as often.
    pub fn location(&mut self, target: Target, policy: Arc<LocatePolicy>) -> LocationId {
        let key = (target, policy);
        if let Some(&id) = self.ids.get(&key)
            && let Some(location) = self.locations.get_mut(&id)
        {
            location.holders = location.holders.saturating_add(1);
            return LocationId(id);
        }
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        self.locations.insert(id, Location::new(key.0.clone(), key.1.clone()));
        self.ids.insert(key, id);
        LocationId(id)
    }

    /// Gives up one hold; with the last the location is forgotten, a pass under way ends unsaid.
    pub fn release(&mut self, id: LocationId) {
        let Some(location) = self.locations.get_mut(&id.0) else { return };
        location.holders -= 1;
        if location.holders > 0 {
            return;
        }
        if let Some(location) = self.locations.remove(&id.0) {
            if let Some(at) = location.planned {
                self.ahead.remove(&(at, id.0));
            }
            self.ids.remove(&(location.target, location.policy));
        }
        for waiting in self.waiting.values_mut().chain(self.routing.values_mut()) {
            waiting.remove(&id.0);
        }
    }

    /// Starts a pass, or joins the one under way.
    ///
    /// With `dns_cache_type` 0 every pass asks DNS; otherwise what was found counts until the first
    /// of its records has run out, without a look at any. A location that was given up is never
    /// found.
    pub fn locate(&mut self, now: Instant, id: LocationId) -> Progress {
        let Some(location) = self.locations.get_mut(&id.0) else { return Progress::Pending };
        if let Some((latest, until)) = &location.latest
            && now < *until
        {
            return latest.clone();
        }
        if location.pass.is_some() {
            return Progress::Pending;
        }
        self.begin(now, id.0, Freshness::Valid);
        let progress = self.advance(now, id.0).unwrap_or(Progress::Pending);
        self.pump(now);
        progress
    }

    /// The last next hops that were found, whatever has happened since.
    #[must_use]
    pub fn last(&self, id: LocationId) -> Option<&Arc<Hops>> {
        self.locations.get(&id.0)?.last.as_ref()
    }

    /// Whether the location is resolved ahead: the last word counts, whoever says it.
    pub fn keep_ahead(&mut self, id: LocationId, on: Ahead) {
        if let Some(location) = self.locations.get_mut(&id.0) {
            location.ahead = on;
            self.plan(id.0);
        }
    }

    /// Notes that a next hop did not answer: with address mode 2 its address family goes to the end
    /// of each name's addresses until the TTL of its record has run (RFC 7984).
    pub fn note_failure(&mut self, now: Instant, id: LocationId, hop: &NextHop) {
        let Some(location) = self.locations.get_mut(&id.0) else { return };
        if location.policy.address_mode == AddressMode::Both && now < hop.expires {
            let is_v6 = hop.addr.is_ipv6();
            location.failed_family = Some(FailedFamily { is_v6, until: hop.expires });
            location.latest = None;
        }
    }

    /// Whether `input` is for this machine: its sockets, its connections, and the routes it has
    /// asked for and not been told yet.
    #[must_use]
    pub fn owns(&self, input: &Input<'_>) -> bool {
        match input {
            Input::Route { to, .. } => self.routing.contains_key(to),
            Input::Timeout
            | Input::Datagram { .. }
            | Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Connected { .. }
            | Input::Accepted { .. }
            | Input::Chunk { .. }
            | Input::Closed { .. } => Resolver::owns(input),
        }
    }

    /// Takes one input; a timeout before its time does nothing.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Route { to, from } => self.on_route(now, to, from.ok()),
            Input::Timeout => {
                self.resolver.handle(now, input);
                self.resolve_ahead(now);
            }
            Input::Datagram { .. }
            | Input::Unreachable { .. }
            | Input::Overflow { .. }
            | Input::Connected { .. }
            | Input::Accepted { .. }
            | Input::Chunk { .. }
            | Input::Closed { .. } => self.resolver.handle(now, input),
        }
        self.pump(now);
    }

    /// The next thing to carry out, oldest first.
    pub fn poll_output(&mut self) -> Option<Output<Located>> {
        self.out.pop_front()
    }

    /// When it wants to be woken, and why.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Reason)> {
        let ahead = self.ahead.first().map(|(at, _)| (*at, Reason("resolve a name ahead")));
        self.resolver.next_timeout().into_iter().chain(ahead).min()
    }

    /// What the resolver has done and refused.
    #[must_use]
    pub fn counters(&self) -> dns::Counters {
        self.resolver.counters()
    }

    fn begin(&mut self, now: Instant, id: u32, freshness: Freshness) {
        let die = self.rng.next_u64();
        if let Some(location) = self.locations.get_mut(&id) {
            let records = Records {
                consulted: location.due_consulted(now, freshness),
                failed_family: location.failed_family,
                previous: location.last.clone(),
                die,
                ..Records::default()
            };
            location.pass = Some(Pass { records, freshness, missing: BTreeSet::new() });
        }
    }

    /// Goes as far as the known records lead; none while answers are missing.
    fn advance(&mut self, now: Instant, id: u32) -> Option<Progress> {
        loop {
            let location = self.locations.get_mut(&id)?;
            let pass = location.pass.as_ref()?;
            match locate(&location.target, &location.policy, &pass.records, now) {
                Search::Ask(missing) => {
                    if !self.ask(now, id, missing) {
                        return None;
                    }
                }
                Search::Ready(hops) => {
                    location.consulted.extend(hops.consulted.iter().map(|set| (set.clone(), now)));
                    location.last = Some(hops.clone());
                    let ends = (hops.fresh_until, hops.ahead_at);
                    return Some(self.finish(now, id, Progress::Ready(hops), ends));
                }
                Search::Nothing(nothing) => {
                    let ends = (nothing.fresh_until, nothing.ahead_at);
                    return Some(self.finish(now, id, Progress::Nothing(nothing), ends));
                }
            }
        }
    }

    /// Gets what is missing; true where some of it was at hand.
    fn ask(&mut self, now: Instant, id: u32, missing: Missing) -> bool {
        let Some(location) = self.locations.get_mut(&id) else { return false };
        let Some(pass) = &mut location.pass else { return false };
        let mode = location.policy.cache_type.mode();
        let mut has_more = false;
        for question in missing.questions {
            if pass.missing.contains(&question) {
                continue;
            }
            if let Some(reply) = self.resolver.look(now, &question, mode, pass.freshness) {
                pass.records.replies.insert(question, reply);
                has_more = true;
            } else {
                self.resolver.ask(now, &question, mode);
                pass.missing.insert(question.clone());
                self.waiting.entry(question).or_default().insert(id);
            }
        }
        for to in missing.routes {
            let waiting = self.routing.entry(to).or_default();
            if waiting.is_empty() {
                self.out.push_back(Output::Route { to });
            }
            waiting.insert(id);
        }
        has_more
    }

    fn finish(
        &mut self,
        now: Instant,
        id: u32,
        progress: Progress,
        (fresh_until, ahead_at): (Instant, Instant),
    ) -> Progress {
        if let Some(location) = self.locations.get_mut(&id) {
            location.pass = None;
            location.latest = Some((progress.clone(), fresh_until));
            location.ahead_at = ahead_at.max(now + AHEAD_PAUSE);
            self.plan(id);
        }
        progress
    }

    fn pump(&mut self, now: Instant) {
        while let Some(output) = self.resolver.poll_output() {
            match output {
                Output::Event(answered) => self.on_answered(now, &answered),
                Output::Datagram { socket, to, bytes } => {
                    self.out.push_back(Output::Datagram { socket, to, bytes });
                }
                Output::Connect { conn, to, deadline } => {
                    self.out.push_back(Output::Connect { conn, to, deadline });
                }
                Output::Write { conn, bytes } => self.out.push_back(Output::Write { conn, bytes }),
                Output::Close { conn } => self.out.push_back(Output::Close { conn }),
                Output::OpenAsk { socket, to } => {
                    self.out.push_back(Output::OpenAsk { socket, to });
                }
                Output::CloseAsk { socket } => self.out.push_back(Output::CloseAsk { socket }),
                Output::Route { to } => self.out.push_back(Output::Route { to }),
            }
        }
    }

    fn on_answered(&mut self, now: Instant, answered: &Answered) {
        for id in self.waiting.remove(&answered.question).unwrap_or_default() {
            if let Some(pass) = self.locations.get_mut(&id).and_then(|place| place.pass.as_mut()) {
                pass.missing.remove(&answered.question);
                pass.records.replies.insert(answered.question.clone(), answered.reply.clone());
            }
            self.resume(now, id);
        }
    }

    fn on_route(&mut self, now: Instant, to: IpAddr, from: Option<IpAddr>) {
        for id in self.routing.remove(&to).unwrap_or_default() {
            if let Some(pass) = self.locations.get_mut(&id).and_then(|place| place.pass.as_mut()) {
                pass.records.sources.insert(to, from);
            }
            self.resume(now, id);
        }
    }

    fn resume(&mut self, now: Instant, id: u32) {
        if let Some(progress) = self.advance(now, id) {
            self.out.push_back(Output::Event(Located { id: LocationId(id), progress }));
        }
    }

    fn resolve_ahead(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.ahead.first().filter(|(at, _)| *at <= now) {
            self.ahead.remove(&(at, id));
            let Some(location) = self.locations.get_mut(&id) else { continue };
            location.planned = None;
            if location.pass.is_none() {
                self.begin(now, id, Freshness::NotDue);
                self.resume(now, id);
            }
        }
    }

    /// Puts a location where its next pass ahead of time is due.
    fn plan(&mut self, id: u32) {
        let Some(location) = self.locations.get_mut(&id) else { return };
        if let Some(at) = location.planned.take() {
            self.ahead.remove(&(at, id));
        }
        let is_wanted =
            location.ahead == Ahead::On && location.policy.cache_type != CacheType::RealTime;
        if is_wanted && location.ahead_at < Instant::FAR {
            location.planned = Some(location.ahead_at);
            self.ahead.insert((location.ahead_at, id));
        }
    }
}

impl Location {
    const fn new(target: Target, policy: Arc<LocatePolicy>) -> Self {
        Self {
            target,
            policy,
            holders: 1,
            last: None,
            latest: None,
            pass: None,
            consulted: BTreeMap::new(),
            failed_family: None,
            ahead: Ahead::Off,
            ahead_at: Instant::FAR,
            planned: None,
        }
    }

    /// When static records were consulted, without those that a pass ahead of time renews.
    fn due_consulted(&self, now: Instant, freshness: Freshness) -> BTreeMap<Question, Instant> {
        let mut consulted = self.consulted.clone();
        if freshness == Freshness::NotDue {
            consulted.retain(|set, at| {
                let lifetime = self.policy.static_records.lifetime(set);
                lifetime.is_some_and(|lifetime| now < *at + lifetime * 9 / 10)
            });
        }
        consulted
    }
}

/// The least time between two passes that nobody asked for.
const AHEAD_PAUSE: Duration = Duration::from_secs(1);
