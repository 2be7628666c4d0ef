//! One line: its registrations and how they move (behaviour §4 to §7).
//!
//! The guide's three things have a file each and do not mix: [`failover`] (next hop to next hop inside
//! one server), [`fallback`] (server 1 and server 2), [`failback`] (when to go up again). [`upkeep`]
//! is the machine that applies them, [`pass`] one walk over candidates, [`attempt`] one request at one
//! next hop.

mod answer;
mod arriving;
mod attempt;
mod bound;
mod candidates;
mod core;
mod failback;
mod failover;
mod fallback;
mod group;
mod pass;
mod probing;
mod registration;
mod removal;
mod rules;
mod upkeep;
mod view;
mod walk;
mod watch;

use std::net::IpAddr;
use std::time::Duration;

use locate::{Ahead, LocationId};
use net::{Cause, Conn, Instant};
use params::{AccountSettings, DnsCacheType};
use sip::transaction::TransactionKey;

pub use self::bound::{Bound, BoundCase};

pub(crate) use self::answer::{Arrival, block_if_asked};
pub(crate) use self::attempt::Attempt;
pub(crate) use self::candidates::{Course, LastBudget, Leg};
pub(crate) use self::core::Core;
pub(crate) use self::failover::{Judgement, judge};
pub(crate) use self::fallback::{FIRST, SECOND};
pub(crate) use self::group::in_order;
pub(crate) use self::registration::contact_address;
pub(crate) use self::rules::Mode;
pub(crate) use self::upkeep::{Taken, Upkeep};
pub(crate) use self::walk::{Gate, Request, Step, Walk};

use self::group::Group;
use self::registration::Registration;
use self::removal::Farewell;
use self::rules::Rules;
use self::upkeep::{Removal, earliest};
use crate::call::{
    Call, CallId, Line, MediaReport, News, Offered, Order, Stage, new_tag, request_uri,
};
use crate::context::Context;
use crate::event::{Place, Why};
use crate::view::CallView;

/// An enabled account with at least one server.
#[derive(Debug)]
pub(crate) struct Account {
    core: Core,
    upkeeps: Box<[Upkeep]>,
    farewells: Vec<Farewell>,
    calls: Vec<Call>,
    stopping: bool,
}

impl Account {
    /// The account of `settings`, which registers after `delay`; none where no server has an address.
    pub(crate) fn new(
        settings: &AccountSettings,
        ctx: &mut Context<'_>,
        (delay, why): (Duration, Why),
    ) -> Option<Self> {
        let policy = settings.policy.clone();
        let (mode, places) = Mode::of(&policy);
        if places.is_empty() {
            return None;
        }
        let locating = ctx.shared.pool.locating(&policy, &ctx.device.common);
        let groups: Vec<Group> = places
            .iter()
            .map(|place| {
                let target = rules::target_of(&policy, *place);
                let location = ctx.shared.locator.location(target, locating.clone());
                // Names of enabled accounts are resolved ahead, but not in real time (type 0).
                if policy.dns_cache_type != DnsCacheType::Bypass {
                    ctx.shared.locator.keep_ahead(location, Ahead::On);
                }
                Group::new(*place, location, Rules::of(&policy, *place))
            })
            .collect();
        let registrations: Vec<Registration> = registered_servers(mode, &places)
            .into_iter()
            .map(|server| {
                let line =
                    crate::line::token(&ctx.shared.secret, ctx.device.mac, settings.number, server);
                let mut registration = Registration::new(server, line, &mut ctx.shared.rng);
                if policy.unregister_on_reboot && why == Why::Start {
                    registration.clear_first();
                }
                registration
            })
            .collect();
        let at = ctx.now + delay;
        let upkeeps: Vec<Upkeep> = match mode {
            Mode::Concurrent => (0..groups.len()).map(|on| Upkeep::new(on, at, why)).collect(),
            Mode::Single | Mode::Successive | Mode::Proxies => vec![Upkeep::new(0, at, why)],
        };
        let who = (settings.identity.clone(), policy);
        Some(Self {
            core: Core::new(settings.number, who, (mode, locating), groups, registrations),
            upkeeps: upkeeps.into_boxed_slice(),
            farewells: Vec::new(),
            calls: Vec::new(),
            stopping: false,
        })
    }

    pub(crate) const fn number(&self) -> u8 {
        self.core.number
    }

    /// Whether `settings` say the same as those it was made of.
    pub(crate) fn is_as(&self, settings: &AccountSettings) -> bool {
        settings.enabled
            && self.core.user == settings.identity
            && self.core.policy == settings.policy
    }

    /// The `line` tokens of its Contacts.
    pub(crate) fn lines(&self) -> impl Iterator<Item = u64> {
        self.core.registrations().iter().map(|registration| registration.line)
    }

    /// Carries out what is due.
    pub(crate) fn on_time(&mut self, ctx: &mut Context<'_>) {
        if !self.stopping {
            for upkeep in &mut self.upkeeps {
                upkeep.on_time(&mut self.core, ctx);
            }
        }
        removal::on_time(&mut self.farewells, &mut self.core, ctx);
        self.begin_removals(ctx);
        self.each_call(ctx, |call, line, ctx| call.on_time(line, ctx));
        self.tell_calls(ctx);
    }

    /// A response with a branch of this phone.
    pub(crate) fn on_response(&mut self, ctx: &mut Context<'_>, arrival: Arrival<'_>) -> Taken {
        for upkeep in &mut self.upkeeps {
            match upkeep.on_response(&mut self.core, ctx, arrival) {
                Taken::No => {}
                taken @ (Taken::Yes | Taken::Spoofed) => {
                    self.begin_removals(ctx);
                    self.tell_calls(ctx);
                    return taken;
                }
            }
        }
        let mut taken = removal::on_response(&mut self.farewells, &mut self.core, ctx, arrival);
        self.each_call(ctx, |call, line, ctx| {
            if taken == Taken::No {
                taken = call.on_response(line, ctx, arrival);
            }
        });
        self.tell_calls(ctx);
        taken
    }

    /// The open attempt with `number` cannot reach its next hop.
    pub(crate) fn on_unreachable(&mut self, ctx: &mut Context<'_>, number: u32, why: Why) -> Taken {
        for upkeep in &mut self.upkeeps {
            if upkeep.on_unreachable(&mut self.core, ctx, number, why) == Taken::Yes {
                self.tell_calls(ctx);
                return Taken::Yes;
            }
        }
        let mut taken = removal::on_unreachable(&mut self.farewells, ctx, number, why);
        self.each_call(ctx, |call, line, ctx| {
            if taken == Taken::No {
                taken = call.on_unreachable(line, ctx, number, why);
            }
        });
        self.tell_calls(ctx);
        taken
    }

    pub(crate) fn on_connected(&mut self, ctx: &mut Context<'_>, conn: Conn) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_connected(&mut self.core, ctx, conn);
        }
        removal::on_connected(&mut self.farewells, &mut self.core, ctx, conn);
        if let Some(local) = ctx.shared.conns.local(conn) {
            self.each_call(ctx, |call, line, ctx| call.on_connection(line, ctx, conn, Ok(local)));
        }
    }

    pub(crate) fn on_closed(&mut self, ctx: &mut Context<'_>, conn: Conn, cause: Cause) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_closed(&mut self.core, ctx, conn, cause);
        }
        removal::on_closed(&mut self.farewells, &mut self.core, ctx, conn, cause);
        self.each_call(ctx, |call, line, ctx| call.on_connection(line, ctx, conn, Err(cause)));
        self.tell_calls(ctx);
    }

    /// A pong came over a connection of this phone.
    pub(crate) fn on_pong(&mut self, ctx: &mut Context<'_>, conn: Conn) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_pong(&mut self.core, ctx, conn);
        }
    }

    pub(crate) fn on_located(
        &mut self,
        ctx: &mut Context<'_>,
        id: LocationId,
        progress: &locate::Progress,
    ) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_located(&mut self.core, ctx, id, progress);
        }
        let news = News::Located(id, progress);
        self.each_call(ctx, |call, line, ctx| call.on_news(line, ctx, news));
        self.tell_calls(ctx);
    }

    /// A route that was asked for is known, or there is none.
    pub(crate) fn on_route(&mut self, ctx: &mut Context<'_>) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_route(&mut self.core, ctx);
        }
        self.each_call(ctx, |call, line, ctx| call.on_news(line, ctx, News::Route));
    }

    /// The next hops of a location have changed.
    pub(crate) fn on_relocated(&mut self, ctx: &mut Context<'_>, id: LocationId) {
        for upkeep in &self.upkeeps {
            upkeep.on_relocated(&mut self.core, ctx, id);
        }
    }

    /// Registers at once, from the top.
    pub(crate) fn order_register(&mut self, ctx: &mut Context<'_>) {
        for upkeep in &mut self.upkeeps {
            upkeep.order_register(&mut self.core, ctx);
        }
    }

    /// The phone has become idle.
    pub(crate) fn on_idle(&mut self, ctx: &Context<'_>) {
        for group in &mut self.core.groups {
            failback::unpark(group, ctx);
        }
    }

    /// Removes its bindings; [`Account::is_done`] tells when. Those that its successor will hold are
    /// left to it: the removal could overtake the new REGISTER.
    pub(crate) fn stop(
        &mut self,
        ctx: &mut Context<'_>,
        why: Why,
        successor: Option<&AccountSettings>,
    ) {
        self.stopping = true;
        self.each_call(ctx, |call, line, ctx| call.order(line, ctx, Order::HangUp));
        for upkeep in &mut self.upkeeps {
            upkeep.abandon(ctx);
        }
        for group in 0..self.core.registrations().len() {
            let registration = self.core.registration_mut(group);
            registration.doubt = None;
            let server = registration.server;
            let lease = registration.lease.take().filter(|lease| lease.until > ctx.now);
            if successor.is_some_and(|successor| self.core.hands_over(server, successor)) {
                if let Some(conn) = lease.and_then(|lease| lease.conn) {
                    ctx.release(conn);
                }
                continue;
            }
            if let Some(lease) = lease {
                let removal = Removal { group, lease };
                let farewell = Farewell::begin(ctx, &mut self.core, removal, why);
                self.farewells.extend(farewell);
            }
        }
    }

    /// Whether nothing of it is left to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.stopping && self.farewells.is_empty() && self.calls.iter().all(Call::is_done)
    }

    /// Gives back what it holds of the endpoint.
    pub(crate) fn release(&self, ctx: &mut Context<'_>) {
        for group in &self.core.groups {
            ctx.shared.locator.release(group.location);
        }
    }

    /// Whether `ip` is one of the next hops that its servers and proxies have or had last.
    pub(crate) fn trusts(&self, ctx: &Context<'_>, ip: IpAddr) -> bool {
        self.core.trusts_ip(ctx, ip)
    }

    /// Whether requests are taken from the trusted set alone (`sip.trust_ctrl`,
    /// `account.X.sip_trust_ctrl`).
    pub(crate) fn takes_trusted_only(&self) -> bool {
        self.core.policy.trust_ctrl
    }

    /// The user part of the address-of-record.
    pub(crate) fn user(&self) -> &str {
        self.core.user.user_name.split('@').next().unwrap_or_default()
    }

    /// When it has to be woken, and why.
    pub(crate) fn next_timeout(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let upkeeps = self.upkeeps.iter().filter(|_| !self.stopping);
        let upkeep = upkeeps.filter_map(|upkeep| upkeep.next_timeout(&self.core, now)).min();
        let farewell = self.farewells.iter().map(Farewell::next_timeout).min();
        let call = self.calls.iter().filter_map(Call::next_timeout).min();
        earliest([upkeep, farewell, call])
    }

    // Guide, "INVITE Failover" step 1: phone A places a call to phone B.
    // Guide, "INVITE Fallback" step 1: the same.
    /// Calls somebody.
    pub(crate) fn dial(&mut self, ctx: &mut Context<'_>, id: CallId, target: String) {
        let server = self.core.identity().server(self.core.registration(FIRST).server);
        let peer = request_uri(&target, &server.address);
        self.calls.push(Call::out(ctx, id, target, peer));
    }

    /// Does something with a call; `false` where it is none of this account or cannot be done now.
    pub(crate) fn order(&mut self, ctx: &mut Context<'_>, id: CallId, order: Order) -> bool {
        let mut order = Some(order);
        let mut done = false;
        self.each_call(ctx, |call, line, ctx| {
            if call.id != id {
                return;
            }
            if let Some(order) = order.take().filter(|order| call.permits(order)) {
                call.order(line, ctx, order);
                done = true;
            }
        });
        self.tell_calls(ctx);
        done
    }

    pub(crate) fn on_media(&mut self, ctx: &mut Context<'_>, id: CallId, report: MediaReport) {
        self.each_call(ctx, |call, line, ctx| {
            if call.id == id {
                call.on_media(line, ctx, report);
            }
        });
        self.tell_calls(ctx);
    }

    /// An INVITE that opens a call, from `from`.
    pub(crate) fn on_invite(
        &mut self,
        ctx: &mut Context<'_>,
        id: CallId,
        (request, key): (&sip::Request, &TransactionKey),
        from: IpAddr,
    ) {
        let mut live = self.calls.iter().filter(|call| call.is_live());
        let same = live.any(|call| match &call.stage {
            Stage::Offered(offered) => offered.is_same_call(request),
            Stage::Opening { .. } | Stage::Dialling(_) | Stage::Talking(_) | Stage::Over => false,
        });
        if same {
            // The same call came twice: it rings once (RFC 3261 §8.2.2.2).
            return ctx.answer(key, request, (482, "Loop Detected"), None);
        }
        if self.calls.len() >= CALLS_MAX {
            return ctx.answer(key, request, (486, "Busy Here"), None);
        }
        let Some((group, hop)) = self.core.hop_at(ctx, from).or_else(|| self.leased_hop()) else {
            return ctx.answer(key, request, (480, "Temporarily Unavailable"), None);
        };
        let tag = new_tag(ctx);
        let offered = Offered::new(request, key.clone(), tag, (group, hop));
        offered.ring(ctx);
        self.calls.push(Call::of_invite(ctx, id, offered));
        if self.core.policy.auto_answer {
            self.order(ctx, id, Order::Answer);
        }
    }

    fn leased_hop(&self) -> Option<(usize, crate::context::Hop)> {
        let mut groups = 0..self.core.registrations().len();
        groups.find_map(|group| {
            Some((group, self.core.registration(group).lease.as_ref()?.hop.clone()))
        })
    }

    /// A CANCEL of the INVITE transaction `key`.
    pub(crate) fn on_cancel(&mut self, ctx: &mut Context<'_>, key: &TransactionKey) -> bool {
        let mut taken = false;
        self.each_call(ctx, |call, _, ctx| taken = taken || call.on_cancel(ctx, key));
        taken
    }

    /// A request of one of its dialogs; without a transaction it is an ACK.
    pub(crate) fn on_dialog_request(
        &mut self,
        ctx: &mut Context<'_>,
        request: &sip::Request,
        key: Option<&TransactionKey>,
    ) -> Taken {
        let mut taken = Taken::No;
        self.each_call(ctx, |call, line, ctx| {
            if taken == Taken::No {
                taken = call.on_request(line, ctx, request, key);
            }
        });
        taken
    }

    pub(crate) fn on_not_acknowledged(&mut self, ctx: &mut Context<'_>, key: &TransactionKey) {
        self.each_call(ctx, |call, line, ctx| call.on_not_acknowledged(line, ctx, key));
    }

    /// Calls, ringing and dialling: the phone is idle where no account has any.
    pub(crate) fn live_calls(&self) -> usize {
        self.calls.iter().filter(|call| call.is_live()).count()
    }

    /// The account's calls that its user has to do with.
    pub(crate) fn call_views(&self, now: Instant) -> Vec<CallView> {
        let live = self.calls.iter().filter(|call| call.is_live());
        live.map(|call| CallView {
            id: call.id,
            account: self.core.number,
            direction: call.direction,
            state: call.state,
            peer: call.peer.clone(),
            next_hop: call.next_hop,
            held_for: now - call.since,
        })
        .collect()
    }

    fn each_call(
        &mut self,
        ctx: &mut Context<'_>,
        mut act: impl FnMut(&mut Call, &mut Line<'_>, &mut Context<'_>),
    ) {
        let Self { core, upkeeps, calls, .. } = self;
        for call in calls.iter_mut() {
            act(call, &mut Line { core: &mut *core, upkeeps: &mut *upkeeps }, ctx);
        }
        calls.retain(|call| !call.is_done());
    }

    /// Registrations may have come or gone: calls that waited for one go on.
    fn tell_calls(&mut self, ctx: &mut Context<'_>) {
        if !self.calls.is_empty() {
            self.each_call(ctx, |call, line, ctx| call.on_news(line, ctx, News::Registration));
        }
    }

    fn begin_removals(&mut self, ctx: &mut Context<'_>) {
        for upkeep in &mut self.upkeeps {
            for removal in std::mem::take(&mut upkeep.removals) {
                let farewell = Farewell::begin(ctx, &mut self.core, removal, Why::Probe);
                self.farewells.extend(farewell);
            }
        }
    }
}

/// Calls of one account at once.
const CALLS_MAX: usize = 16;

/// The Y of the servers whose domains are registered at.
fn registered_servers(mode: Mode, places: &[Place]) -> Vec<u8> {
    let servers: Vec<u8> = places
        .iter()
        .filter_map(|place| match place {
            Place::Server(number) => Some(*number),
            Place::Proxy(_) => None,
        })
        .collect();
    // A18: one registration, in server 1's domain, whichever proxy it goes through.
    if mode == Mode::Proxies { vec![1] } else { servers }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Device;
    use crate::health::HopHealth;
    use crate::phone::Phone;

    // Design, "Memory": 100,000 phones fit into 150 MB; what is rare lies in a box.
    #[test]
    fn what_every_phone_keeps_stays_small() {
        for (what, size, most) in [
            ("Phone", size_of::<Phone>(), 200),
            ("Device", size_of::<Device>(), 56),
            ("Account", size_of::<Account>(), 144),
            ("Upkeep", size_of::<Upkeep>(), 120),
            ("Registration", size_of::<Registration>(), 160),
            ("Group", size_of::<Group>(), 64),
            ("HopHealth", size_of::<HopHealth>(), 88),
        ] {
            assert!(size <= most, "{what} has {size} bytes");
        }
    }
}
