//! What the machines of one account share: who it is, its groups, its registrations.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use params::{AccountSettings, Policy};

use super::attempt::Attempt;
use super::group::Group;
use super::registration::{Ask, Registration};
use super::rules::{Identity, Mode};
use crate::budget::{Budget, Kind, Plan};
use crate::context::{Context, Hop};

/// The shared part.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) number: u8,
    pub(crate) user: Arc<params::Identity>,
    pub(crate) policy: Arc<Policy>,
    pub(crate) mode: Mode,
    /// How names are located, those of routes included.
    pub(crate) locating: Arc<locate::LocatePolicy>,
    /// Server 1 and 2, or proxy 1 and 2; at least one.
    pub(crate) groups: Box<[Group]>,
    /// One for each server that is registered at; at least one.
    registrations: Box<[Registration]>,
}

impl Core {
    pub(crate) fn new(
        number: u8,
        (user, policy): (Arc<params::Identity>, Arc<Policy>),
        (mode, locating): (Mode, Arc<locate::LocatePolicy>),
        groups: Vec<Group>,
        registrations: Vec<Registration>,
    ) -> Self {
        assert!(!groups.is_empty() && !registrations.is_empty(), "an account has a server");
        let (groups, registrations) = (groups.into_boxed_slice(), registrations.into_boxed_slice());
        Self { number, user, policy, mode, locating, groups, registrations }
    }

    /// Index of the registration that a request through `group` keeps: with proxies there is one.
    pub(crate) fn registration_index(&self, group: usize) -> usize {
        match self.mode {
            Mode::Proxies | Mode::Single => 0,
            Mode::Concurrent | Mode::Successive => group.min(self.registrations.len() - 1),
        }
    }

    #[expect(clippy::indexing_slicing, reason = "registration_index() is below the length")]
    pub(crate) fn registration(&self, group: usize) -> &Registration {
        &self.registrations[self.registration_index(group)]
    }

    #[expect(clippy::indexing_slicing, reason = "registration_index() is below the length")]
    pub(crate) fn registration_mut(&mut self, group: usize) -> &mut Registration {
        &mut self.registrations[self.registration_index(group)]
    }

    pub(crate) fn registrations(&self) -> &[Registration] {
        &self.registrations
    }

    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity { number: self.number, user: &self.user, policy: &self.policy }
    }

    /// The REGISTER for `attempt`, which runs in `group`.
    pub(crate) fn write_register(
        &mut self,
        ctx: &mut Context<'_>,
        group: usize,
        attempt: &Attempt,
        ask: Ask,
    ) -> Bytes {
        let index = self.registration_index(group);
        let identity = Identity { number: self.number, user: &self.user, policy: &self.policy };
        #[expect(clippy::indexing_slicing, reason = "registration_index() is below the length")]
        self.registrations[index].write(ctx, identity, attempt, ask)
    }

    /// An OPTIONS through `group`, to see whether its next hop is alive.
    pub(crate) fn write_options(
        &self,
        ctx: &Context<'_>,
        group: usize,
        attempt: &Attempt,
    ) -> Bytes {
        let registration = self.registration(group);
        registration.write_options(ctx, self.identity(), attempt)
    }

    /// Whether an account of `successor` will hold the same binding at server `y`.
    pub(crate) fn hands_over(&self, y: u8, successor: &AccountSettings) -> bool {
        let address = |policy: &Policy| {
            let [server1, server2] = &policy.servers;
            if y == 2 { server2.address.clone() } else { server1.address.clone() }
        };
        let (mode, _) = Mode::of(&successor.policy);
        let registers = match mode {
            Mode::Concurrent => true,
            Mode::Single | Mode::Successive | Mode::Proxies => y == 1,
        };
        successor.enabled
            && registers
            && self.user.user_name == successor.identity.user_name
            && address(&self.policy) == address(&successor.policy)
    }

    /// The Expires that is asked for through `group`.
    pub(crate) fn asked_expires_s(&self, group: usize) -> u32 {
        self.identity().server(self.registration(group).server).expires_s
    }

    /// Whether `ip` is one of the next hops that its servers and proxies have or had last.
    pub(crate) fn trusts_ip(&self, ctx: &Context<'_>, ip: IpAddr) -> bool {
        let located = self.groups.iter().any(|group| {
            let last = ctx.shared.locator.last(group.location);
            last.is_some_and(|hops| hops.iter().any(|hop| hop.addr.ip() == ip))
        });
        let mut leases = self.registrations().iter().filter_map(|r| r.lease.as_ref());
        located || leases.any(|lease| lease.hop.addr.ip() == ip)
    }

    /// The group and the next hop at `ip`, as far as they are known.
    pub(crate) fn hop_at(&self, ctx: &Context<'_>, ip: IpAddr) -> Option<(usize, Hop)> {
        let mut groups = self.groups.iter().enumerate();
        groups.find_map(|(index, group)| {
            let hops = group.known_hops(ctx);
            let found = hops.into_iter().find(|hop| hop.addr.ip() == ip)?;
            Some((index, found))
        })
    }

    /// The longest pass over `group` as its next hops are known.
    pub(crate) fn longest_pass(&self, ctx: &Context<'_>, group: usize) -> Duration {
        let Some(entry) = self.groups.get(group) else { return Duration::ZERO };
        let timers = ctx.device.timers();
        let retries = Budget::Retries(entry.rules.retry_counts);
        let each = Plan::new(Kind::NonInvite, retries, timers).give_up();
        let last = Plan::new(Kind::NonInvite, Budget::Full, timers).give_up();
        let hops = u32::try_from(entry.known_hops(ctx).len()).unwrap_or(1).max(1);
        each * (hops - 1) + last
    }
}
