//! `sureline demo`: the guide's registration scenes, played on real sockets with servers of our own.
//! What is claimed is computed from what the servers received, never from what the phone says.

mod failover;
mod fallback;
mod invite;
mod keep;
mod scene;
mod story;

use std::fs;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use host::Clock;
use host::files::make_private_folder;
use lab::{LabOptions, TlsChoice};
use params::{Device, Mac, PhoneSettings};
use serde::Serialize;

use crate::attached::block_on;
use crate::cli::DemoArgs;
use crate::lab::faults::Faults;
use crate::lab::servers::{Servers, places};
use crate::lab::until_ended;
use crate::name_servers::NameServers;
use crate::out::{Failure, Outcome, say};
use crate::run::audio::{AudioConfig, Play};
use crate::run::config::Config;
use crate::run::engine::{Engine, EngineConfig};
use crate::run::kept::Kept;
use crate::run::sources::{Role, SourceFile};
use crate::state::random;
use scene::{Claim, Scene, Stopped};
use story::{Story, Stream};

/// How much faster `--fast` lets time go by.
const FAST: NonZeroU32 = NonZeroU32::MIN.saturating_add(3);
const FIRST_PHONE: &str = "001565000001";
const SECOND_PHONE: &str = "001565000002";
/// Where the servers of the demo are.
const BLOCK: [u8; 3] = [127, 0, 1];

/// The scenes with calls: name, title, setting.
const INVITE_SCENES: [(&str, &str, &str); 2] = [
    (
        "invite-failover",
        "INVITE failover",
        "Phone A calls phone B; both use lab.test. Phone A plays a tone, phone B answers by itself.",
    ),
    (
        "invite-fallback",
        "INVITE fallback",
        "Both phones are registered at the working and the fallback server at once \
         (fallback.redundancy_type 0, concurrent).",
    ),
];

/// Which phone of a call.
enum Side<'a> {
    Caller,
    /// Records what it hears.
    Called(&'a Path),
}

/// The outcome as `--json` prints it.
#[derive(Serialize)]
struct Outcomes<'a> {
    scenes: Vec<SceneOutcome<'a>>,
    ok: bool,
}

#[derive(Serialize)]
struct SceneOutcome<'a> {
    scene: &'static str,
    ok: bool,
    claims: &'a [Claim],
}

/// A scene that was played.
struct Played {
    name: &'static str,
    title: &'static str,
    claims: Vec<Claim>,
    took_s: f64,
}

/// `sureline demo`.
pub(crate) fn demo(args: &DemoArgs) -> Outcome {
    let stream = if args.json { Stream::Err } else { Stream::Out };
    let mut story = Story::new(stream);
    block_on(async {
        tokio::select! {
            played = play_all(args, &mut story) => played,
            stopped = interrupted(), if !args.keep => stopped,
        }
    })
}

/// Ctrl-C leaves nothing behind.
async fn interrupted() -> Outcome {
    until_ended().await?;
    Err(Failure::failed("the demo was stopped before its end"))
}

async fn play_all(args: &DemoArgs, story: &mut Story) -> Outcome {
    let clock = if args.fast { Clock::start_at_speed(FAST) } else { Clock::start() };
    let options =
        LabOptions { places: places(BLOCK, 0, TlsChoice::Without)?, ..LabOptions::default() };
    let servers = Arc::new(Servers::start(&options, &clock)?);
    let faults = Faults::new(Arc::clone(&servers));
    introduce(story, &options, args)?;
    let folder = Folder::new()?;

    let mut played = Vec::new();
    let phone = phone_of(&servers, &folder, (FIRST_PHONE, failover::PHONE))?;
    story.heading(
        "REGISTER failover",
        "One server by its domain name, lab.test: DNS leads to a primary and a secondary. Three \
         retries, failback_mode 0 (newRequests).",
    )?;
    story.blank();
    let mut scene = Scene::begin(&faults, story, phone, failover::NAMES).await?;
    let outcome = failover::play(&mut scene).await;
    played.push(finish(scene, outcome, ("register-failover", "REGISTER failover")).await?);
    faults.end_all().await;

    let phone = fallback::phone(&options.places);
    let phone = phone_of(&servers, &folder, (SECOND_PHONE, &phone))?;
    story.heading(
        "REGISTER fallback",
        "Two servers by their addresses: a working and a fallback server, one registration at a time \
         (fallback.redundancy_type 1, successive).",
    )?;
    story.blank();
    let mut scene = Scene::begin(&faults, story, phone, fallback::NAMES).await?;
    let outcome = fallback::play(&mut scene).await;
    played.push(finish(scene, outcome, ("register-fallback", "REGISTER fallback")).await?);
    faults.end_all().await;

    for (name, title, setting) in INVITE_SCENES {
        story.heading(title, setting)?;
        story.blank();
        let of = |user: &str| match name {
            "invite-failover" => invite::by_name(user),
            _ => invite::concurrent(user, &options.places),
        };
        let record = folder.0.join(format!("{name}.wav"));
        let caller = (FIRST_PHONE, of("1001"), Side::Caller);
        let called = (SECOND_PHONE, of("1002"), Side::Called(&record));
        let names = if name == "invite-failover" { failover::NAMES } else { fallback::NAMES };
        let caller = talker(&servers, &folder, caller)?;
        let mut scene = Scene::begin(&faults, story, caller, names).await?;
        scene.join(talker(&servers, &folder, called)?).await?;
        let outcome = match name {
            "invite-failover" => invite::failover(&mut scene, &record).await,
            _ => invite::fallback(&mut scene, &record).await,
        };
        played.push(finish(scene, outcome, (name, title)).await?);
        faults.end_all().await;
    }

    conclude(args, story, &played)?;
    if args.keep {
        keep::keep(args, story, &folder, &faults).await?;
    }
    drop(faults);
    if let Ok(servers) = Arc::try_unwrap(servers) {
        servers.stop().await;
    }
    let all = played.iter().all(Played::came_true);
    if all { Ok(()) } else { Err(Failure::Said) }
}

fn introduce(story: &mut Story, options: &LabOptions, args: &DemoArgs) -> Outcome {
    let places = &options.places;
    let at = |role| places.of(role).sip;
    story.blank();
    story.paragraph(&format!(
        "A phone keeps its registration while its servers die. Everything runs on this machine: a name \
         server at {}, a primary at {}, a secondary at {}, a fallback server at {}.",
        places.dns,
        at(lab::Role::Primary),
        at(lab::Role::Secondary),
        at(lab::Role::Fallback),
    ))?;
    story.paragraph(
        "Each line is a datagram as a server received it; each tick is computed from those.",
    )?;
    if args.fast {
        story.paragraph(&format!("Time runs {FAST} times as fast; all times are the phone's."))?;
    }
    Ok(())
}

async fn finish(
    scene: Scene<'_>,
    outcome: Result<(), Stopped>,
    (name, title): (&'static str, &'static str),
) -> Result<Played, Failure> {
    let broken = match outcome {
        Ok(()) | Err(Stopped::Missed) => None,
        Err(Stopped::Broken(failure)) => Some(failure),
    };
    let (claims, took_s) = scene.end().await;
    match broken {
        None => Ok(Played { name, title, claims, took_s }),
        Some(failure) => Err(failure),
    }
}

impl Played {
    fn came_true(&self) -> bool {
        !self.claims.is_empty() && self.claims.iter().all(|claim| claim.ok)
    }
}

fn conclude(args: &DemoArgs, story: &mut Story, played: &[Played]) -> Outcome {
    let rows: Vec<_> =
        played.iter().map(|it| (it.title.to_owned(), it.claims.as_slice(), it.took_s)).collect();
    story.summary(&rows)?;
    let claims: usize = played.iter().map(|it| it.claims.len()).sum();
    story.blank();
    if played.iter().all(Played::came_true) {
        story.paragraph(&format!(
            "All {claims} claims came true: the four scenes of the guide, as it tells them."
        ))?;
        story.paragraph(
            "Next: `sureline lab` runs these servers for a phone of your own, and says how.",
        )?;
    } else {
        story.paragraph("Not all claims came true: see the lines marked above.")?;
    }
    if !args.json {
        return Ok(());
    }
    let scenes = played.iter().map(|it| SceneOutcome {
        scene: it.name,
        ok: it.came_true(),
        claims: &it.claims,
    });
    let outcomes = Outcomes { scenes: scenes.collect(), ok: played.iter().all(Played::came_true) };
    say(&serde_json::to_string(&outcomes).map_err(Failure::failed)?)
}

/// The engine of a phone of the demo, and what it is to be told.
fn phone_of(
    servers: &Servers,
    folder: &Folder,
    (mac, text): (&str, &str),
) -> Result<(Engine, PhoneSettings), Failure> {
    let settings = config_of(folder, (mac, text))?.settings();
    Ok((engine_of(servers, &settings)?, settings))
}

fn config_of(folder: &Folder, (mac, text): (&str, &str)) -> Result<Config, Failure> {
    let mac: Mac = mac.parse().map_err(Failure::failed)?;
    let path = folder.0.join(format!("{mac}.cfg"));
    fs::write(&path, text).map_err(Failure::failed)?;
    let files = vec![SourceFile { path, role: Role::Mac }];
    let device = Device { mac, ..Device::default() };
    Config::load(device, files, &[], Kept::new(&folder.0, mac, random()?))
}

/// A phone that calls, or is called.
fn talker(
    servers: &Servers,
    folder: &Folder,
    (mac, text, side): (&str, String, Side<'_>),
) -> Result<(Engine, PhoneSettings), Failure> {
    let settings = config_of(folder, (mac, &text))?.settings();
    let audio = AudioConfig::of(&settings.common);
    let audio = match side {
        Side::Caller => {
            let (hz, level_db) = invite::TONE;
            AudioConfig { play: Play::Tone { hz, level_db }, ..audio }
        }
        Side::Called(record) => AudioConfig {
            record: Some(record.to_owned()),
            auto_answer: Some(invite::RINGS),
            ..audio
        },
    };
    Ok((engine_with(servers, &settings, audio)?, settings))
}

fn engine_of(servers: &Servers, settings: &PhoneSettings) -> Result<Engine, Failure> {
    engine_with(servers, settings, AudioConfig::of(&settings.common))
}

fn engine_with(
    servers: &Servers,
    settings: &PhoneSettings,
    audio: AudioConfig,
) -> Result<Engine, Failure> {
    Engine::start(EngineConfig {
        sip: vec![([127, 0, 0, 1], 0).into()],
        advertise: None,
        name_servers: NameServers::Given(vec![servers.places.dns]),
        dns: settings.common.dns.clone(),
        secret: random()?,
        tls: host::TlsSettings::default(),
        capture: None,
        audio,
        clock: servers.clock.clone(),
    })
}

/// A folder that is gone when the demo is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("sureline-demo-{}", std::process::id()));
        make_private_folder(&path).map_err(Failure::failed)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays behind is a phone file in the folder for temporary files.
        drop(fs::remove_dir_all(&self.0));
    }
}
