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

pub use self::bound::{Bound, BoundCase};

pub(crate) use self::answer::Arrival;
pub(crate) use self::core::Core;
pub(crate) use self::upkeep::Taken;

use self::group::Group;
use self::registration::Registration;
use self::removal::Farewell;
use self::rules::{Mode, Rules};
use self::upkeep::{Removal, Upkeep, earliest};
use crate::context::Context;
use crate::event::{Place, Why};
use crate::policy::PolicyPool;

/// An enabled account with at least one server.
#[derive(Debug)]
pub(crate) struct Account {
    core: Core,
    upkeeps: Box<[Upkeep]>,
    farewells: Vec<Farewell>,
    stopping: bool,
}

impl Account {
    /// The account of `settings`, which registers after `delay`; none where no server has an address.
    pub(crate) fn new(
        settings: &AccountSettings,
        pool: &mut PolicyPool,
        ctx: &mut Context<'_>,
        (delay, why): (Duration, Why),
    ) -> Option<Self> {
        let policy = settings.policy.clone();
        let (mode, places) = Mode::of(&policy);
        if places.is_empty() {
            return None;
        }
        let locating = pool.locating(&policy, &ctx.device.common);
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
            core: Core::new(settings.number, who, mode, groups, registrations),
            upkeeps: upkeeps.into_boxed_slice(),
            farewells: Vec::new(),
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
    }

    /// A response with a branch of this phone.
    pub(crate) fn on_response(&mut self, ctx: &mut Context<'_>, arrival: Arrival<'_>) -> Taken {
        for upkeep in &mut self.upkeeps {
            match upkeep.on_response(&mut self.core, ctx, arrival) {
                Taken::No => {}
                taken @ (Taken::Yes | Taken::Spoofed) => {
                    self.begin_removals(ctx);
                    return taken;
                }
            }
        }
        removal::on_response(&mut self.farewells, &mut self.core, ctx, arrival)
    }

    /// The open attempt with `number` cannot reach its next hop.
    pub(crate) fn on_unreachable(&mut self, ctx: &mut Context<'_>, number: u32, why: Why) -> Taken {
        for upkeep in &mut self.upkeeps {
            if upkeep.on_unreachable(&mut self.core, ctx, number, why) == Taken::Yes {
                return Taken::Yes;
            }
        }
        removal::on_unreachable(&mut self.farewells, ctx, number, why)
    }

    pub(crate) fn on_connected(&mut self, ctx: &mut Context<'_>, conn: Conn) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_connected(&mut self.core, ctx, conn);
        }
        removal::on_connected(&mut self.farewells, &mut self.core, ctx, conn);
    }

    pub(crate) fn on_closed(&mut self, ctx: &mut Context<'_>, conn: Conn, cause: Cause) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_closed(&mut self.core, ctx, conn, cause);
        }
        removal::on_closed(&mut self.farewells, &mut self.core, ctx, conn, cause);
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
    }

    /// A route that was asked for is known, or there is none.
    pub(crate) fn on_route(&mut self, ctx: &mut Context<'_>) {
        for upkeep in &mut self.upkeeps {
            upkeep.on_route(&mut self.core, ctx);
        }
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

    /// Removes its bindings; [`Account::is_done`] tells when.
    pub(crate) fn stop(&mut self, ctx: &mut Context<'_>, why: Why) {
        self.stopping = true;
        for upkeep in &mut self.upkeeps {
            upkeep.abandon(ctx);
        }
        for group in 0..self.core.registrations().len() {
            let registration = self.core.registration_mut(group);
            registration.doubt = None;
            if let Some(lease) = registration.lease.take().filter(|lease| lease.until > ctx.now) {
                let removal = Removal { group, lease };
                let farewell = Farewell::begin(ctx, &mut self.core, removal, why);
                self.farewells.extend(farewell);
            }
        }
    }

    /// Whether nothing of it is left to be done.
    pub(crate) fn is_done(&self) -> bool {
        self.stopping && self.farewells.is_empty()
    }

    /// Gives back what it holds of the endpoint.
    pub(crate) fn release(&self, ctx: &mut Context<'_>) {
        for group in &self.core.groups {
            ctx.shared.locator.release(group.location);
        }
    }

    /// Whether `ip` is one of the next hops that its servers and proxies have or had last.
    pub(crate) fn trusts(&self, ctx: &Context<'_>, ip: IpAddr) -> bool {
        let located = self.core.groups.iter().any(|group| {
            let last = ctx.shared.locator.last(group.location);
            last.is_some_and(|hops| hops.iter().any(|hop| hop.addr.ip() == ip))
        });
        let mut leases = self.core.registrations().iter().filter_map(|r| r.lease.as_ref());
        located || leases.any(|lease| lease.hop.addr.ip() == ip)
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
        earliest([upkeep, farewell])
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
