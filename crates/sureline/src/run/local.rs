//! The desk of the engine in this process.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use desk::{
    About, CallAct, CallName, Desk, Dial, EventBody, EventLine, EventLog, Events, Line, Patch,
    Pending, PhoneStatus, Provisioned, Reading, Refused, Scope, Settings, Sheet, Status, TraceLine,
    WhichCall,
};
use fetch::Provisioning;
use host::{Clock, Handle};
use net::Instant;
use params::provision::{ChangedKey, Outcome as Came, Saved, Trigger, Trouble};
use params::{Mac, PhoneSettings};
use phone::{Command, Endpoint, Order, PhoneView, RegisterStatus};

use super::audio::Audio;
use super::calls::{audio_status, dialable, pick_call, pressable};
use super::config::Config;
use super::engine::{Engine, resolver, stamp};
use super::import::import;
use super::journal::Journal;
use super::sheet::{revision, sheet};
use crate::name_servers::NameServers;

/// How much longer than a move itself its messages are looked for, in seconds.
const TRACE_MARGIN_S: f64 = 1.0;

/// Answers from the engine, the log and the configuration of this process.
#[derive(Clone)]
pub(crate) struct Local {
    handle: Handle<Endpoint>,
    audio: Audio,
    name_servers: NameServers,
    clock: Clock,
    log: EventLog,
    journal: Journal,
    /// By MAC; every one a phone of the engine.
    configs: Arc<Mutex<Vec<Config>>>,
    /// Fetches the files of the one phone of `run`.
    provisioning: Arc<OnceLock<Provisioning>>,
}

impl Local {
    /// The desk of `engine`, whose phones are those of `configs`.
    pub(crate) fn new(engine: &Engine, configs: Vec<Config>) -> Self {
        Self {
            handle: engine.handle.clone(),
            audio: engine.audio.clone(),
            name_servers: engine.name_servers.clone(),
            clock: engine.clock.clone(),
            log: engine.log.clone(),
            journal: engine.journal.clone(),
            configs: Arc::new(Mutex::new(configs)),
            provisioning: Arc::default(),
        }
    }

    /// Says who fetches files from a server; the first word counts.
    pub(super) fn use_provisioning(&self, provisioning: Provisioning) {
        drop(self.provisioning.set(provisioning));
    }

    /// What each phone is to be told.
    pub(crate) fn all_settings(&self) -> Vec<PhoneSettings> {
        self.configs().iter().map(Config::settings).collect()
    }

    async fn views(&self) -> Result<(Vec<PhoneView>, Instant), Refused> {
        let look = self.handle.inspect(|endpoint, now| (endpoint.views(now), now));
        look.await.map_err(|_| ending())
    }

    async fn statuses(&self) -> Result<Status, Refused> {
        let (views, now) = self.views().await?;
        let stamp = stamp(&self.clock, now);
        let mut phones: Vec<_> =
            views.iter().map(|view| PhoneStatus::from_view(view, &stamp)).collect();
        for (phone, view) in phones.iter_mut().zip(&views) {
            for (call, seen) in phone.calls.iter_mut().zip(&view.calls) {
                call.audio = self.audio.figures(seen.id).await.and_then(audio_status);
            }
            for account in &mut phone.accounts {
                account.last_moves = self.log.moves(&phone.mac, account.account);
            }
        }
        Ok(Status { version: env!("CARGO_PKG_VERSION").into(), phones })
    }

    async fn order_register(&self, line: Line) -> Result<Line, Refused> {
        let (phone, account) = self.enabled(line).await?;
        let order = Command::Register { phone, account };
        self.handle.command(order).await.map_err(|_| ending())?;
        Ok(Line { phone: Some(phone.to_string()), account: Some(account) })
    }

    async fn order_call(&self, line: Line, to: &str) -> Result<CallName, Refused> {
        let target = dialable(to)?;
        let (phone, account) = self.enabled(line).await?;
        let number = self.handle.inspect(|endpoint, _| endpoint.new_call_id());
        let call = number.await.map_err(|_| ending())?;
        let order = Command::Dial { phone, account, call, target };
        self.handle.command(order).await.map_err(|_| ending())?;
        Ok(CallName { id: call.to_string(), phone: phone.to_string(), account })
    }

    async fn order_act(&self, which: WhichCall, act: CallAct) -> Result<CallName, Refused> {
        let order = match &act {
            CallAct::Answer => Order::Answer,
            CallAct::HangUp => Order::HangUp,
            CallAct::Hold => Order::Hold,
            CallAct::Resume => Order::Resume,
            CallAct::Transfer(to) => Order::Transfer(dialable(to)?),
            CallAct::Digits(digits) => Order::Digits(pressable(digits)?),
        };
        let (views, now) = self.views().await?;
        let views = match &which.phone {
            None => views.as_slice(),
            phone => std::slice::from_ref(pick(&views, phone.as_deref())?),
        };
        let stamp = stamp(&self.clock, now);
        let statuses: Vec<_> =
            views.iter().map(|view| PhoneStatus::from_view(view, &stamp)).collect();
        let (name, place) = pick_call(&statuses, which.id.as_deref(), &act)?;
        let call = views.iter().flat_map(|view| &view.calls).nth(place).ok_or_else(ending)?;
        let order = Command::Order { call: call.id, order };
        self.handle.command(order).await.map_err(|_| ending())?;
        Ok(name)
    }

    /// The line that is meant, which has to be enabled.
    async fn enabled(&self, line: Line) -> Result<(Mac, u8), Refused> {
        let (views, _) = self.views().await?;
        let view = pick(&views, line.phone.as_deref())?;
        let enabled = |number: u8| {
            let account = view.accounts.iter().find(|it| it.number == number);
            account.map(|account| account.status != RegisterStatus::Disabled)
        };
        let lowest = view.accounts.iter().map(|it| it.number).find(|it| enabled(*it) == Some(true));
        let Some(account) = line.account.or(lowest) else {
            return Err(Refused::Conflict("no account is enabled".into()));
        };
        match enabled(account) {
            None => Err(no_account(account)),
            Some(false) => Err(Refused::Conflict(format!(
                "account {account} is not enabled: set account.{account}.enable = 1"
            ))),
            Some(true) => Ok((view.mac, account)),
        }
    }

    /// Applies what `change` makes of the configuration of a phone.
    async fn change<T>(
        &self,
        phone: Option<&str>,
        source: &str,
        change: impl FnOnce(&mut Config) -> Result<(T, Vec<String>), Refused>,
    ) -> Result<T, Refused> {
        let done = self.change_silently(phone, source, change).await?;
        if let Some(provisioning) = self.provisioning.get() {
            let (settings, local) =
                self.look(|config| (config.provision_settings(), config.local()));
            // A provisioning that has ended needs to know nothing.
            drop(provisioning.settings(settings).await);
            drop(provisioning.local_file(local).await);
        }
        Ok(done)
    }

    async fn change_silently<T>(
        &self,
        phone: Option<&str>,
        source: &str,
        change: impl FnOnce(&mut Config) -> Result<(T, Vec<String>), Refused>,
    ) -> Result<T, Refused> {
        let (settings, changed, done, mac) = {
            let mut configs = self.configs();
            let config = pick_config(&mut configs, phone)?;
            let (done, changed) = change(config)?;
            (config.settings(), changed, done, config.mac())
        };
        if !changed.is_empty() {
            self.audio.know(&settings);
            let dns = &settings.common.dns;
            let order = Command::Resolve(resolver(self.name_servers.with(dns), dns));
            self.handle.command(order).await.map_err(|_| ending())?;
            let order = Command::Apply(Box::new(settings));
            self.handle.command(order).await.map_err(|_| ending())?;
            self.tell_settings(mac, changed, source);
        }
        Ok(done)
    }

    /// Applies what provisioning gives to a phone.
    pub(super) async fn give(
        &self,
        mac: Mac,
        given: &Saved,
        local: Option<&[u8]>,
    ) -> Result<Vec<ChangedKey>, String> {
        let phone = mac.to_string();
        let taken = self.change_silently(Some(&phone), "provisioning", |config| {
            let changed = config.give(given, local).map_err(Refused::Conflict)?;
            let keys = changed.iter().map(|it| it.key.to_string()).collect();
            Ok((changed, keys))
        });
        taken.await.map_err(|refused| refused.to_string())
    }

    /// Looks at the configuration of the phone that files are fetched for.
    #[expect(clippy::expect_used, reason = "a desk has a phone")]
    pub(super) fn look<T>(&self, look: impl FnOnce(&Config) -> T) -> T {
        let configs = self.configs();
        look(configs.first().expect("a desk has a phone"))
    }

    /// Registers every enabled account of a phone at once.
    pub(super) async fn register_all(&self, mac: Mac) {
        let Ok((views, _)) = self.views().await else { return };
        let accounts = views.iter().filter(|view| view.mac == mac).flat_map(|view| &view.accounts);
        for account in accounts.filter(|it| it.status != RegisterStatus::Disabled) {
            let order = Command::Register { phone: mac, account: account.number };
            if self.handle.command(order).await.is_err() {
                return;
            }
        }
    }

    /// Fetches the files of a server, where one is known, and adds what came of it.
    async fn fetch(&self, all: &mut Provisioned) -> Result<(), Refused> {
        let Some(provisioning) = self.provisioning.get() else { return Ok(()) };
        let report = provisioning.run(Trigger::Demand).await.map_err(|_| ending())?;
        match &report.outcome {
            Came::Failed(trouble)
                if **trouble == Trouble::NoServer && self.look(Config::has_files) => {}
            Came::Failed(trouble) if all.changed.is_empty() => {
                return Err(Refused::Conflict(trouble.to_string()));
            }
            Came::Failed(trouble) => all.problems.push(trouble.to_string()),
            Came::Taken { changed } => {
                all.changed.extend(changed.iter().map(|it| it.key.to_string()));
                all.problems.extend(self.look(|config| config.problems().to_vec()));
            }
            Came::Unchanged | Came::NothingNamed | Came::NotDue => {}
        }
        all.fetched = report.to_string().lines().map(|line| line.trim().to_owned()).collect();
        Ok(())
    }

    pub(super) fn tell_notice(&self, mac: Mac, text: &str) {
        let now = self.clock.now();
        let about = About { phone: Some(mac.to_string()), account: None };
        let body = EventBody::Notice { text: text.to_owned() };
        self.log.push(now, &stamp(&self.clock, now), about, body);
    }

    fn tell_settings(&self, mac: Mac, changed: Vec<String>, source: &str) {
        let now = self.clock.now();
        let about = About { phone: Some(mac.to_string()), account: None };
        let body = EventBody::Settings { changed, source: source.into() };
        self.log.push(now, &stamp(&self.clock, now), about, body);
    }

    fn configs(&self) -> MutexGuard<'_, Vec<Config>> {
        self.configs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn messages(&self, around: u64) -> Result<Vec<TraceLine>, Refused> {
        let held = self.log.follow(Some(around.saturating_sub(1))).next_held();
        let event = held.filter(|held| held.seq == around);
        let event: Option<EventLine> = event.and_then(|it| serde_json::from_str(&it.json).ok());
        let event =
            event.ok_or_else(|| Refused::NotFound(format!("event {around} is not held")))?;
        let before = event.body.elapsed_s().unwrap_or_default() + TRACE_MARGIN_S;
        Ok(self.journal.between(event.t - before, event.t + TRACE_MARGIN_S))
    }
}

impl Desk for Local {
    fn status(&self) -> Pending<'_, Status> {
        Box::pin(self.statuses())
    }

    fn register(&self, line: Line) -> Pending<'_, Line> {
        Box::pin(self.order_register(line))
    }

    fn dial(&self, phone: Option<String>, order: Dial) -> Pending<'_, CallName> {
        Box::pin(async move {
            let line = Line { phone, account: order.account };
            self.order_call(line, &order.to).await
        })
    }

    fn act(&self, call: WhichCall, act: CallAct) -> Pending<'_, CallName> {
        Box::pin(self.order_act(call, act))
    }

    fn settings(&self, line: Line) -> Pending<'_, Settings> {
        Box::pin(async move {
            let mut configs = self.configs();
            let config = pick_config(&mut configs, line.phone.as_deref())?;
            config.account(config.line(line.account)?)
        })
    }

    fn apply(&self, line: Line, patch: Settings) -> Pending<'_, Settings> {
        Box::pin(async move {
            self.change(line.phone.as_deref(), "api", |config| {
                let account = config.line(line.account)?;
                let changed = config.patch(account, &patch)?;
                Ok((config.account(account)?, changed))
            })
            .await
        })
    }

    fn sheet(&self, scope: Scope) -> Pending<'_, Sheet> {
        Box::pin(async move {
            let mut configs = self.configs();
            sheet(pick_config(&mut configs, scope.phone.as_deref())?, scope.account)
        })
    }

    fn revise(&self, scope: Scope, patch: Patch) -> Pending<'_, Vec<String>> {
        Box::pin(async move {
            self.change(scope.phone.as_deref(), "page", |config| {
                if patch.read_at.is_some_and(|read| read != revision(config, scope.account)) {
                    return Err(Refused::Stale);
                }
                let changed = config.revise(scope.account, &patch.values)?;
                Ok((changed.clone(), changed))
            })
            .await
        })
    }

    fn export(&self, phone: Option<String>) -> Pending<'_, String> {
        Box::pin(async move {
            let mut configs = self.configs();
            Ok(pick_config(&mut configs, phone.as_deref())?.export())
        })
    }

    fn import(&self, phone: Option<String>, file: Vec<u8>) -> Pending<'_, Provisioned> {
        Box::pin(async move {
            self.change(phone.as_deref(), "import", |config| {
                let done = import(config, &file)?;
                let changed = done.changed.clone();
                Ok((done, changed))
            })
            .await
        })
    }

    fn provision(&self) -> Pending<'_, Provisioned> {
        Box::pin(async move {
            let macs: Vec<_> = self.configs().iter().map(|it| it.mac().to_string()).collect();
            let mut all = Provisioned::default();
            for mac in macs {
                let done = self.change(Some(&mac), "files", |config| {
                    let done = config.reload()?;
                    let changed = done.changed.clone();
                    Ok((done, changed))
                });
                let done = done.await?;
                all.changed.extend(done.changed);
                all.problems.extend(done.problems);
            }
            self.fetch(&mut all).await?;
            Ok(all)
        })
    }

    fn events(&self, since: Option<u64>, reading: Reading) -> Pending<'_, Events> {
        Box::pin(async move { Ok(Events::of(self.log.follow(since), reading)) })
    }

    fn trace(&self, around: u64) -> Pending<'_, Vec<TraceLine>> {
        Box::pin(async move { self.messages(around) })
    }
}

fn pick<'a>(views: &'a [PhoneView], phone: Option<&str>) -> Result<&'a PhoneView, Refused> {
    let place = place(views.iter().map(|view| view.mac), phone)?;
    views.get(place).ok_or_else(ending)
}

fn pick_config<'a>(
    configs: &'a mut [Config],
    phone: Option<&str>,
) -> Result<&'a mut Config, Refused> {
    let place = place(configs.iter().map(Config::mac), phone)?;
    configs.get_mut(place).ok_or_else(ending)
}

/// Which of several phones is meant.
fn place(macs: impl ExactSizeIterator<Item = Mac>, phone: Option<&str>) -> Result<usize, Refused> {
    let count = macs.len();
    let Some(phone) = phone else {
        return match count {
            1 => Ok(0),
            _ => Err(Refused::Conflict(format!("{count} phones run: say which one by its MAC"))),
        };
    };
    let mac: Mac =
        phone.parse().map_err(|problem: params::NotAMac| Refused::NotFound(problem.to_string()))?;
    let mut macs = macs;
    macs.position(|it| it == mac)
        .ok_or_else(|| Refused::NotFound(format!("no phone {mac} runs here")))
}

pub(super) fn no_account(account: u8) -> Refused {
    Refused::NotFound(format!("account {account} has no settings"))
}

fn ending() -> Refused {
    Refused::Conflict("the phone is ending".into())
}
