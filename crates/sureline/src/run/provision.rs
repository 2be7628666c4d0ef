//! Configuration files from a server: who fetches them, and who takes them.

use std::sync::{Arc, Mutex, PoisonError};

use desk::{EventBody, EventLine, EventLog};
use fetch::{Fetcher, FetcherConfig, NameSettings, Owner, Provisioning, ServiceConfig, Taken};
use host::{Clock, Credentials};
use locate::LocatePolicy;
use params::provision::{
    ChangedKey, Origins, Outcome as Came, ProvisionSettings, Report, Saved, Trigger,
};
use params::{
    AddressMode, DnsSettings, Mac, PhoneSettings, StaticRecords, TlsSettings, without_login,
};
use tokio::task::{JoinHandle, JoinSet};

use super::config::Config;
use super::engine::{resolver, tls};
use super::local::Local;
use crate::cli::{LogLevel, NameServer, RunArgs};
use crate::name_servers::NameServers;
use crate::out::{Failure, complain};
use crate::state::random;

/// What the command line says about fetching.
#[derive(Clone)]
pub(super) struct Setup {
    /// The server that is named there.
    pub(super) url: Option<String>,
    dns: Vec<NameServer>,
    no_dns: bool,
    log: LogLevel,
}

/// A provisioning that goes on as long as the phone runs.
pub(super) struct Running {
    service: JoinHandle<()>,
    listening: JoinSet<()>,
}

/// Problems of new files that are said one by one.
const PROBLEMS_MAX: usize = 20;

/// What a fetcher is made of: where that changes, another one is made.
#[derive(Clone, PartialEq)]
struct Basis {
    dns: DnsSettings,
    records: StaticRecords,
    family: AddressMode,
    tls: TlsSettings,
    client: Box<str>,
}

/// Who has the configuration.
enum Holder {
    /// It waits for its first files; there is no engine yet.
    Before(Arc<Mutex<Config>>),
    /// The desk of a running phone.
    Running(Local),
}

/// Keeps and applies what comes.
struct Keeper {
    holder: Holder,
    mac: Mac,
    setup: Setup,
    clock: Clock,
    basis: Option<Basis>,
}

impl Setup {
    pub(super) fn new(args: &RunArgs, url: Option<String>) -> Self {
        Self { url, dns: args.dns.clone(), no_dns: args.no_dns, log: args.log }
    }

    fn fetcher(&self, basis: &Basis, clock: &Clock) -> Result<Fetcher, Failure> {
        let servers = NameServers::of(self.no_dns, &self.dns).with(&basis.dns);
        let policy = LocatePolicy {
            static_records: Arc::new(phone::static_records(&basis.records)),
            address_mode: match basis.family {
                AddressMode::V4 => locate::AddressMode::V4,
                AddressMode::V6 => locate::AddressMode::V6,
                AddressMode::Both => locate::AddressMode::Both,
            },
            ..LocatePolicy::default()
        };
        let names =
            NameSettings { resolver: resolver(servers, &basis.dns), policy: Arc::new(policy) };
        let mut tls = tls(&basis.tls)?;
        if !basis.client.is_empty() {
            let path = std::path::Path::new(&*basis.client);
            let own = Credentials::from_files(path, path).map_err(|error| {
                Failure::misused(format!("sureline.client_certificate = {}: {error}", basis.client))
            })?;
            tls.client = Some(own);
        }
        let seed = u64::from_be_bytes(random()?);
        let config = FetcherConfig { names, tls, clock: clock.clone(), seed };
        Fetcher::new(config).map_err(Failure::failed)
    }
}

impl Basis {
    fn of(settings: &PhoneSettings, provision: &ProvisionSettings) -> Self {
        let common = &settings.common;
        Self {
            dns: common.dns.clone(),
            records: common.static_records.clone(),
            family: common.address_mode,
            tls: common.tls.clone(),
            client: provision.client_certificate.clone(),
        }
    }
}

/// Fetches the first files of a phone that has none, so that it starts with them. Where none come,
/// it starts without.
pub(super) async fn first(setup: &Setup, config: Config) -> Result<Config, Failure> {
    let provision = config.provision_settings();
    let has_server = setup.url.is_some() || !provision.url.is_empty();
    let has_none = config.given().files.is_empty() && !config.has_files();
    if !has_server || !has_none || !provision.power_on {
        return Ok(config);
    }
    if setup.log >= LogLevel::Info {
        let server = setup.url.as_deref().unwrap_or(&provision.url);
        complain(&format!("fetching configuration files from {}", without_login(server)));
    }
    let (clock, held) = (Clock::start(), Arc::new(Mutex::new(config)));
    let service = spawn(Holder::Before(Arc::clone(&held)), setup, &clock)?;
    // How it went was told to the owner.
    drop(service.0.run(Trigger::Start).await);
    service.1.abort();
    drop(service.1.await);
    drop(service.0);
    let config = Arc::into_inner(held).map(Mutex::into_inner);
    let config = config.ok_or_else(|| Failure::failed("the first provisioning does not end"))?;
    Ok(config.unwrap_or_else(PoisonError::into_inner))
}

/// Fetches files for a running phone from now on: at once, as the settings say, and when it is
/// asked to.
pub(super) fn begin(
    setup: &Setup,
    desk: &Local,
    log: &EventLog,
    clock: &Clock,
    at_start: AtStart,
) -> Result<Running, Failure> {
    let (provisioning, service) = spawn(Holder::Running(desk.clone()), setup, clock)?;
    desk.use_provisioning(provisioning.clone());
    let mut listening = JoinSet::new();
    if at_start == AtStart::Fetch {
        let provisioning = provisioning.clone();
        listening.spawn(async move { drop(provisioning.begin(Trigger::Start).await) });
    }
    listening.spawn(hear_check_sync(log.clone(), provisioning));
    Ok(Running { service, listening })
}

/// Whether files are fetched at the start, or were a moment ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtStart {
    Fetch,
    Fetched,
}

impl Running {
    /// Gives up what is under way.
    pub(super) async fn end(mut self) {
        self.listening.shutdown().await;
        self.service.abort();
        drop(self.service.await);
    }
}

fn spawn(
    holder: Holder,
    setup: &Setup,
    clock: &Clock,
) -> Result<(Provisioning, JoinHandle<()>), Failure> {
    let (device, set, settings, provision, given, local) = holder.look(|config| {
        let given = config.given().clone();
        let settings = (config.settings(), config.provision_settings());
        (config.device(), config.set(), settings.0, settings.1, given, config.local())
    });
    let basis = Basis::of(&settings, &provision);
    let fetcher = setup.fetcher(&basis, clock)?;
    let config = ServiceConfig {
        origins: Origins {
            device,
            given: setup.url.as_deref().map(Into::into),
            set: set.into_bytes(),
            version: env!("CARGO_PKG_VERSION").into(),
        },
        saved: given,
        local,
        settings: provision,
        clock: clock.clone(),
        seed: u64::from_be_bytes(random()?),
    };
    let (setup, clock) = (setup.clone(), clock.clone());
    let keeper = Keeper { holder, mac: device.mac, setup, clock, basis: Some(basis) };
    Ok(Provisioning::spawn(config, fetcher, keeper))
}

async fn hear_check_sync(log: EventLog, provisioning: Provisioning) {
    let mut events = log.follow(None);
    while let Some(held) = events.next().await {
        // Most events are none, and are not read.
        if !held.json.contains("\"check_sync\"") {
            continue;
        }
        if let Ok(EventLine { body: EventBody::CheckSync { reboot, .. }, .. }) =
            serde_json::from_str(&held.json)
            && provisioning.begin(Trigger::CheckSync { restart: reboot }).await.is_err()
        {
            return;
        }
    }
}

impl Holder {
    fn look<T>(&self, look: impl FnOnce(&Config) -> T) -> T {
        match self {
            Self::Before(config) => look(&config.lock().unwrap_or_else(PoisonError::into_inner)),
            Self::Running(desk) => desk.look(look),
        }
    }

    async fn give(
        &self,
        mac: Mac,
        saved: &Saved,
        local: Option<&[u8]>,
    ) -> Result<Vec<ChangedKey>, String> {
        match self {
            Self::Before(config) => {
                config.lock().unwrap_or_else(PoisonError::into_inner).give(saved, local)
            }
            Self::Running(desk) => desk.give(mac, saved, local).await,
        }
    }
}

impl Owner for Keeper {
    async fn take(&mut self, saved: &Saved, local: Option<&[u8]>) -> Result<Taken, String> {
        let changed = self.holder.give(self.mac, saved, local).await?;
        let (settings, provision) =
            self.holder.look(|config| (config.settings(), config.provision_settings()));
        let basis = Basis::of(&settings, &provision);
        let mut fetcher = None;
        if self.basis.as_ref() != Some(&basis) {
            match self.setup.fetcher(&basis, &self.clock) {
                Ok(made) => fetcher = Some(made),
                Err(Failure::Failed(text) | Failure::Misused(text)) => self.say(&text),
                Err(Failure::Said | Failure::Unread) => {}
            }
            self.basis = Some(basis);
        }
        Ok(Taken { changed, settings: provision, fetcher })
    }

    async fn reported(&mut self, report: &Report) {
        match &report.outcome {
            Came::Taken { .. } | Came::Failed(_) | Came::NothingNamed => {
                self.say(&format!("provisioning ({}): {}", report.trigger, report.headline()));
            }
            Came::Unchanged | Came::NotDue => {}
        }
        for note in &report.notes {
            self.say(&format!("provisioning: {note}"));
        }
        // Who asked for it is told by the answer.
        if matches!(report.outcome, Came::Taken { .. }) && report.trigger != Trigger::Demand {
            let problems = self.holder.look(|config| config.problems().to_vec());
            problems.iter().take(PROBLEMS_MAX).for_each(|problem| self.say(problem));
        }
        if let (Trigger::CheckSync { restart: true }, Holder::Running(desk)) =
            (report.trigger, &self.holder)
        {
            desk.register_all(self.mac).await;
        }
    }
}

impl Keeper {
    fn say(&self, text: &str) {
        match &self.holder {
            Holder::Before(_) if self.setup.log > LogLevel::Off => complain(text),
            Holder::Before(_) => {}
            Holder::Running(desk) => desk.tell_notice(self.mac, text),
        }
    }
}
