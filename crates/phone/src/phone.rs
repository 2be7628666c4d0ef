//! One device: its accounts, what they share, and what reaches them.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use locate::LocationId;
use net::{Cause, Conn, Instant, Output};
use params::{AccountSettings, Mac, PhoneSettings};

use crate::account::{Account, Arrival, Taken};
use crate::context::{Context, Device, Shared};
use crate::event::{Event, EventKind, Why};
use crate::health::HealthTable;
use crate::view::{AccountView, PhoneView};

/// One phone of an endpoint.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) device: Device,
    pub(crate) settings: PhoneSettings,
    pub(crate) accounts: Vec<Account>,
    /// Accounts that were replaced or disabled, until their bindings are removed.
    retiring: Vec<Account>,
    stopping: bool,
    foreign_calls: u16,
    /// Settings of an account wait for the end of its call.
    deferred: bool,
    /// The wake-up that the endpoint holds for it.
    pub(crate) woken_at: Option<Instant>,
}

impl Phone {
    /// A phone without accounts; [`Phone::apply`] follows.
    pub(crate) fn new(index: u32, settings: PhoneSettings) -> Self {
        let device = Device {
            index,
            mac: settings.mac,
            common: Arc::clone(&settings.common),
            attempts: 0,
            health: HealthTable::default(),
            busy: 0,
        };
        Self {
            device,
            settings: PhoneSettings { accounts: Vec::new(), ..settings },
            accounts: Vec::new(),
            retiring: Vec::new(),
            stopping: false,
            foreign_calls: 0,
            deferred: false,
            woken_at: None,
        }
    }

    pub(crate) const fn mac(&self) -> Mac {
        self.device.mac
    }

    /// Takes settings; accounts whose settings are the same keep their registrations.
    pub(crate) fn apply(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        settings: PhoneSettings,
        why: Why,
    ) {
        let common_changed = self.device.common != settings.common;
        self.device.common = Arc::clone(&settings.common);
        let mut changed = Vec::new();
        let enabled = settings.accounts.iter().filter(|account| account.enabled).count();
        // A process may have 100,000 phones: there is no room to spare.
        let before = std::mem::replace(&mut self.accounts, Vec::with_capacity(enabled));
        for account in before {
            let wanted = settings.accounts.iter().find(|wanted| wanted.number == account.number());
            let unchanged = !common_changed && wanted.is_some_and(|wanted| account.is_as(wanted));
            if unchanged {
                self.accounts.push(account);
                continue;
            }
            changed.push(account.number());
            if account.live_calls() > 0 {
                // An account in a call is changed when the call has ended.
                self.deferred = true;
                self.accounts.push(account);
            } else {
                self.retire(now, shared, account, why, wanted);
            }
        }
        let surge = Duration::from_secs(settings.common.reg_surge_prevention_s.into());
        for wanted in settings.accounts.iter().filter(|wanted| wanted.enabled) {
            if self.accounts.iter().any(|account| account.number() == wanted.number) {
                continue;
            }
            if !changed.contains(&wanted.number) {
                changed.push(wanted.number);
            }
            let mut ctx = self.context(now, shared, wanted.number);
            let at_start = why == Why::Start;
            let delay =
                if at_start { surge.mul_f64(ctx.shared.rng.unit()) } else { Duration::ZERO };
            match Account::new(wanted, &mut ctx, (delay, why)) {
                Some(account) => self.accounts.push(account),
                None => ctx.event(EventKind::Notice(
                    "the account is enabled, but neither SIP server has an address".to_owned(),
                )),
            }
        }
        self.accounts.sort_by_key(Account::number);
        changed.sort_unstable();
        self.settings = settings;
        if why != Why::Start {
            let kind = EventKind::SettingsApplied { accounts: changed };
            let event = Event { phone: self.device.mac, account: None, kind };
            shared.out.push_back(Output::Event(event));
        }
        self.on_time(now, shared);
    }

    fn retire(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        mut account: Account,
        why: Why,
        successor: Option<&AccountSettings>,
    ) {
        let mut ctx = self.context(now, shared, account.number());
        account.stop(&mut ctx, why, successor);
        self.retiring.push(account);
    }

    /// Removes every binding; [`Phone::is_stopped`] tells when.
    pub(crate) fn stop(&mut self, now: Instant, shared: &mut Shared) {
        self.stopping = true;
        for account in std::mem::take(&mut self.accounts) {
            self.retire(now, shared, account, Why::Command, None);
        }
        self.sweep(now, shared);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopping && self.retiring.is_empty()
    }

    /// Carries out what is due.
    pub(crate) fn on_time(&mut self, now: Instant, shared: &mut Shared) {
        self.each(now, shared, |account, ctx| account.on_time(ctx));
        self.sweep(now, shared);
    }

    pub(crate) fn on_response(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        arrival: Arrival<'_>,
    ) -> Taken {
        let mut taken = Taken::No;
        self.each(now, shared, |account, ctx| {
            if taken == Taken::No {
                taken = account.on_response(ctx, arrival);
            }
        });
        self.sweep(now, shared);
        taken
    }

    /// A transport fault of attempt `number`.
    pub(crate) fn on_unreachable(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        number: u32,
        why: Why,
    ) -> Taken {
        let mut taken = Taken::No;
        self.each(now, shared, |account, ctx| {
            if taken == Taken::No {
                taken = account.on_unreachable(ctx, number, why);
            }
        });
        self.sweep(now, shared);
        taken
    }

    pub(crate) fn on_connected(&mut self, now: Instant, shared: &mut Shared, conn: Conn) {
        self.each(now, shared, |account, ctx| account.on_connected(ctx, conn));
    }

    pub(crate) fn on_closed(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        conn: Conn,
        cause: Cause,
    ) {
        self.each(now, shared, |account, ctx| account.on_closed(ctx, conn, cause));
        self.sweep(now, shared);
    }

    pub(crate) fn on_pong(&mut self, now: Instant, shared: &mut Shared, conn: Conn) {
        self.each(now, shared, |account, ctx| account.on_pong(ctx, conn));
    }

    pub(crate) fn on_located(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        id: LocationId,
        progress: &locate::Progress,
    ) {
        self.each(now, shared, |account, ctx| account.on_located(ctx, id, progress));
        self.sweep(now, shared);
    }

    pub(crate) fn on_route(&mut self, now: Instant, shared: &mut Shared) {
        self.each(now, shared, |account, ctx| account.on_route(ctx));
    }

    pub(crate) fn on_relocated(&mut self, now: Instant, shared: &mut Shared, id: LocationId) {
        self.each(now, shared, |account, ctx| account.on_relocated(ctx, id));
    }

    /// Registers `account` at once; `false` where it is not enabled.
    pub(crate) fn order_register(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        account: u8,
    ) -> bool {
        let mut found = false;
        self.each(now, shared, |candidate, ctx| {
            if candidate.number() == account && !found {
                found = true;
                candidate.order_register(ctx);
            }
        });
        found
    }

    /// Calls that another part of the program keeps.
    pub(crate) fn set_busy(&mut self, now: Instant, shared: &mut Shared, calls: u16) {
        self.foreign_calls = calls;
        self.count_calls(now, shared);
    }

    /// Counts calls, ringing and dialling: at 0 the phone is idle.
    fn count_calls(&mut self, now: Instant, shared: &mut Shared) {
        let own: usize = self.accounts.iter().map(Account::live_calls).sum();
        let busy = u16::try_from(own).unwrap_or(u16::MAX).saturating_add(self.foreign_calls);
        let became_idle = self.device.busy != 0 && busy == 0;
        self.device.busy = busy;
        if became_idle {
            self.each(now, shared, |account, ctx| account.on_idle(ctx));
        }
        let in_call = |account: &Account| account.live_calls() > 0;
        if self.deferred && !self.accounts.iter().any(in_call) && !self.stopping {
            self.deferred = false;
            let settings = self.settings.clone();
            self.apply(now, shared, settings, Why::Settings);
        }
    }

    /// The account with this number.
    pub(crate) fn with_account<T>(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        number: u8,
        act: impl FnOnce(&mut Account, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let Self { device, accounts, .. } = self;
        let account = accounts.iter_mut().find(|account| account.number() == number)?;
        let mut ctx = Context { now, shared: &mut *shared, device, account: number };
        let done = act(account, &mut ctx);
        self.sweep(now, shared);
        Some(done)
    }

    /// Every account until one takes it.
    pub(crate) fn until_taken(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        mut act: impl FnMut(&mut Account, &mut Context<'_>) -> bool,
    ) -> bool {
        let mut taken = false;
        self.each(now, shared, |account, ctx| taken = taken || act(account, ctx));
        self.sweep(now, shared);
        taken
    }

    /// Whether `ip` is a next hop of any of its accounts.
    pub(crate) fn account_that_trusts(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        ip: IpAddr,
        wanted: impl Fn(&Account) -> bool,
    ) -> Option<u8> {
        let mut found = None;
        self.each(now, shared, |account, ctx| {
            if found.is_none() && wanted(account) && account.trusts(ctx, ip) {
                found = Some(account.number());
            }
        });
        found
    }

    /// The phone as it stands at `now`, disabled accounts included.
    pub(crate) fn view(&self, shared: &Shared, now: Instant) -> PhoneView {
        let settings = &self.settings;
        let accounts = settings.accounts.iter().map(|wanted| {
            let account = self.accounts.iter().find(|account| account.number() == wanted.number);
            account.map_or_else(
                || AccountView::disabled(wanted.number, &wanted.identity.label),
                |account| account.view(shared, &self.device, now),
            )
        });
        PhoneView {
            mac: self.device.mac,
            model: settings.model,
            firmware: settings.firmware,
            profile: settings.common.profile.value(),
            idle: self.device.busy == 0,
            accounts: accounts.collect(),
            calls: self.accounts.iter().flat_map(|account| account.call_views(now)).collect(),
        }
    }

    /// When it has to be woken, and why.
    pub(crate) fn next_timeout(&self, now: Instant) -> Option<(Instant, &'static str)> {
        let accounts = self.accounts.iter().chain(&self.retiring);
        accounts.filter_map(|account| account.next_timeout(now)).min()
    }

    fn each(
        &mut self,
        now: Instant,
        shared: &mut Shared,
        mut act: impl FnMut(&mut Account, &mut Context<'_>),
    ) {
        let Self { device, accounts, retiring, .. } = self;
        for account in accounts.iter_mut().chain(retiring) {
            let number = account.number();
            let mut ctx =
                Context { now, shared: &mut *shared, device: &mut *device, account: number };
            act(account, &mut ctx);
        }
    }

    fn sweep(&mut self, now: Instant, shared: &mut Shared) {
        let (done, open) =
            std::mem::take(&mut self.retiring).into_iter().partition(Account::is_done);
        self.retiring = open;
        for account in Vec::<Account>::from_iter(done) {
            let mut ctx = self.context(now, shared, account.number());
            account.release(&mut ctx);
        }
        self.count_calls(now, shared);
    }

    fn context<'a>(&'a mut self, now: Instant, shared: &'a mut Shared, account: u8) -> Context<'a> {
        Context { now, shared, device: &mut self.device, account }
    }
}
