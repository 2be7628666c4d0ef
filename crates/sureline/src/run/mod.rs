//! `sureline run`: a phone on real sockets.

pub(crate) mod audio;
mod calls;
mod capture;
pub(crate) mod config;
pub(crate) mod engine;
mod import;
mod journal;
pub(crate) mod kept;
pub(crate) mod live;
mod local;
pub(crate) mod log;
mod page;
mod provision;
mod sheet;
pub(crate) mod sources;
mod teller;
mod writer;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use desk::Desk as _;
use host::Clock;
use params::{Device, Profile};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use voice::Sound;

use crate::attached::block_on;
use crate::cli::{LogLevel, ProfileArg, RunArgs};
use crate::name_servers::NameServers;
use crate::out::{Failure, Outcome, complain};
use crate::state::StateDir;
use audio::{AudioConfig, Play};
use config::Config;
use engine::{Engine, EngineConfig, sip_addresses, tls};
use kept::Kept;
use live::Live;
use local::Local;
use provision::{AtStart, Setup};
use sources::Sources;
use writer::{Target, Writer};

/// Where the control API is served besides its own port, unless it is said otherwise.
const WEB: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// `sureline run`.
pub(crate) fn run(args: &RunArgs) -> Outcome {
    let sources = Sources::find(args)?;
    let state = StateDir::open(args.state.as_deref())?;
    let _lock = state.lock("run")?;
    let device = Device {
        mac: sources.mac,
        model: args.model,
        firmware: args.firmware,
        profile: args.profile.map(profile),
    };
    let kept = Kept::new(state.path(), sources.mac, state.secret()?);
    let setup = Setup::new(args, sources.url);
    let config = Config::load(device, sources.files, &args.set, kept)?;
    if args.log > LogLevel::Off {
        for problem in config.problems() {
            complain(problem);
        }
    }
    block_on(live(args, &state, setup, config))
}

const fn profile(profile: ProfileArg) -> Profile {
    match profile {
        ProfileArg::Compat => Profile::Compat,
        ProfileArg::Fast => Profile::Fast,
    }
}

/// From the first socket to the last line of the log.
async fn live(args: &RunArgs, state: &StateDir, setup: Setup, config: Config) -> Outcome {
    let mut orders = Orders::begin()?;
    let had_none = config.given().files.is_empty();
    let config = tokio::select! {
        config = provision::first(&setup, config) => config?,
        () = orders.end() => return Ok(()),
    };
    let has_some = !config.given().files.is_empty();
    let at_start = if had_none && has_some { AtStart::Fetched } else { AtStart::Fetch };
    let settings = config.settings();
    let engine = Engine::start(engine_config(args, state, &settings)?)?;
    let web = web_listener(args).await?;
    let web = web.map(|web| page::listener(web, args, state)).transpose()?;
    let live = Live::begin(engine, vec![config], web, state).await?;
    let writer = Writer::start(&live.engine().log, args.log, event_target(args)?)?;
    warn_if_idle(args, &settings);
    live.start().await?;
    let Engine { log, clock, .. } = live.engine();
    let provisioning = provision::begin(&setup, &live.desk, log, clock, at_start)?;
    orders.obey(&live.desk).await;
    provisioning.end().await;
    live.end().await;
    writer.finish();
    Ok(())
}

fn engine_config(
    args: &RunArgs,
    state: &StateDir,
    settings: &params::PhoneSettings,
) -> Result<EngineConfig, Failure> {
    let clock = Clock::start();
    Ok(EngineConfig {
        audio: audio(args, settings)?,
        capture: args.pcap.as_deref().map(|path| capture::begin(path, &clock)).transpose()?,
        sip: sip_addresses(&args.sip, settings.common.listen.port),
        advertise: args.advertise,
        name_servers: NameServers::of(args.no_dns, &args.dns),
        dns: settings.common.dns.clone(),
        secret: state.secret()?,
        tls: tls(&settings.common.tls)?,
        clock,
    })
}

fn audio(args: &RunArgs, settings: &params::PhoneSettings) -> Result<AudioConfig, Failure> {
    let play =
        match &args.play {
            None => Play::Silence,
            Some(path) => Play::Sound(Arc::new(Sound::load(path).map_err(|error| {
                Failure::misused(format!("{} (--play): {error}", path.display()))
            })?)),
        };
    Ok(AudioConfig {
        advertise: args.advertise,
        play,
        record: args.record.clone(),
        auto_answer: args.auto_answer.map(Duration::from_secs_f64),
        ..AudioConfig::of(&settings.common)
    })
}

/// The listener of `--web`. Where nobody asked for it, a port in use is no reason not to run.
async fn web_listener(args: &RunArgs) -> Result<Option<TcpListener>, Failure> {
    if args.no_web {
        return Ok(None);
    }
    match (TcpListener::bind(args.web.unwrap_or(WEB)).await, args.web) {
        (Ok(listener), _) => Ok(Some(listener)),
        (Err(error), Some(addr)) => {
            Err(Failure::misused(format!("cannot listen at {addr} (--web): {error}")))
        }
        (Err(error), None) => {
            if args.log >= LogLevel::Warn {
                complain(&format!("the API is not served at {WEB}: {error}; choose with --web"));
            }
            Ok(None)
        }
    }
}

fn event_target(args: &RunArgs) -> Result<Option<Target>, Failure> {
    match &args.events {
        _ if args.json => Ok(Some(Target::Stdout)),
        None => Ok(None),
        Some(path) if path.as_os_str() == "-" => Ok(Some(Target::Stdout)),
        Some(path) => Target::file(path).map(Some),
    }
}

fn warn_if_idle(args: &RunArgs, settings: &params::PhoneSettings) {
    if args.log == LogLevel::Off || settings.accounts.iter().any(|account| account.enabled) {
        return;
    }
    complain("no account is enabled, so nothing will be registered: set account.1.enable = 1");
}

/// The signals that a phone obeys, from its first moment on: none is lost between two looks.
struct Orders {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Orders {
    fn begin() -> Result<Self, Failure> {
        let of = |kind| signal(kind).map_err(Failure::failed);
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
            hang_up: of(SignalKind::hangup())?,
        })
    }

    /// Waits for the order to end.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the order to end; SIGHUP reads the files again meanwhile.
    async fn obey(self, desk: &Local) {
        let Self { terminate, interrupt, mut hang_up } = self;
        let reading = async {
            while hang_up.recv().await.is_some() {
                match desk.provision().await {
                    Ok(done) => done.problems.iter().for_each(|problem| complain(problem)),
                    Err(refused) => complain(&format!("nothing was changed: {refused}")),
                }
            }
        };
        let (mut terminate, mut interrupt) = (terminate, interrupt);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            // No more signals will come.
            () = reading => {}
        }
    }
}
