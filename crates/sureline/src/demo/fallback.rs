//! Guide, "REGISTER Fallback".

use std::time::Duration;

use lab::{Fault, Places, Role};

use super::scene::{Names, Scene, Stopped, granted, is_first};
use crate::lab::requests::Received;

/// What the phone of this scene is told: both servers by their addresses.
pub(crate) fn phone(places: &Places) -> String {
    let (working, fallback) = (places.of(Role::Primary).sip, places.of(Role::Fallback).sip);
    format!(
        "account.1.enable = 1
account.1.label = 1002
account.1.user_name = 1002
account.1.auth_name = 1002
account.1.password = pw
account.1.sip_server.1.address = {}
account.1.sip_server.1.port = {}
account.1.sip_server.1.expires = 30
account.1.sip_server.1.retry_counts = 3
account.1.sip_server.2.address = {}
account.1.sip_server.2.port = {}
account.1.sip_server.2.expires = 60
account.1.fallback.redundancy_type = 1
account.1.fallback.timeout = 15
",
        working.ip(),
        working.port(),
        fallback.ip(),
        fallback.port()
    )
}

/// What the servers are called here.
pub(crate) const NAMES: Names = ["working", "secondary", "fallback"];

/// The registration time at the working server.
const EXPIRES: Duration = Duration::from_secs(30);
/// `account.X.fallback.timeout`.
const PROBE_EVERY: Duration = Duration::from_secs(15);
/// No step of the scene takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Plays the scene.
pub(crate) async fn play(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    register(scene).await?;
    let moved = fall_back(scene).await?;
    probe(scene, &moved).await?;
    recover(scene).await
}

async fn register(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    let what = "the phone registers at the working server";
    let row = scene.until(what, PATIENCE, granted(Role::Primary)).await?;
    let others = scene.at(Role::Fallback, 0).len();
    let found = format!("{others} requests at the fallback server");
    scene.claim(
        "the phone registers at the working server, and nowhere else",
        others == 0,
        (Some(row.seq), found),
    )?;
    Ok(())
}

/// Gives the first request that the fallback server heard.
async fn fall_back(scene: &mut Scene<'_>) -> Result<Received, Stopped> {
    scene.say(
        "The working server falls silent. The guide: after three retries without an answer the phone \
         turns to the fallback server, once the registration time at the working server has run out.",
    )?;
    let grant = scene.rows().last().cloned();
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Mute, "the working server goes mute").await?;
    scene
        .until("the registration at the working server runs out", PATIENCE, granted(Role::Fallback))
        .await?;
    let unanswered = scene.at(Role::Primary, since);
    let of_one: Vec<_> = unanswered
        .iter()
        .filter(|it| unanswered.first().is_some_and(|first| first.row.branch == it.row.branch))
        .collect();
    let seq = of_one.first().map(|it| it.seq);
    scene.claim(
        "4 datagrams to the working server: a request and three retries",
        of_one.len() == 4,
        (seq, format!("{} datagrams", of_one.len())),
    )?;
    let asked = scene.at(Role::Fallback, 0).into_iter().next();
    let (Some(asked), Some(grant)) = (asked, grant) else { return Err(Stopped::Missed) };
    let after = asked.row.at.since(grant.row.at);
    let tolerance = scene.tolerance();
    scene.claim(
        "the fallback server is asked when those 30 s have run out",
        after + tolerance >= EXPIRES && after <= EXPIRES + tolerance,
        (Some(asked.seq), format!("after {:.2} s", after.as_secs_f64())),
    )?;
    let other = asked.row.call_id != grant.row.call_id;
    let found = "the same Call-ID".into();
    scene.claim(
        "as a registration of its own: another Call-ID",
        other,
        (Some(asked.seq), found),
    )?;
    Ok(asked)
}

async fn probe(scene: &mut Scene<'_>, moved: &Received) -> Result<(), Stopped> {
    scene.say(
        "From now on the phone asks every 15 s (account.X.fallback.timeout) whether the working server \
         is there again. As long as it is not, nothing changes.",
    )?;
    let is_probe = |it: &Received| it.role == Role::Primary && is_first(it);
    let probe = scene.until("the first probe", PATIENCE, is_probe).await?;
    let after = probe.row.at.since(moved.row.at);
    let tolerance = scene.tolerance();
    scene.claim(
        "the working server is asked again 15 s after the move",
        after + tolerance >= PROBE_EVERY && after <= PROBE_EVERY + tolerance,
        (Some(probe.seq), format!("after {:.2} s", after.as_secs_f64())),
    )?;
    scene.pass(Duration::from_secs(8)).await?;
    let same = scene.at(Role::Primary, 0);
    let same = same.iter().filter(|it| it.row.branch == probe.row.branch).count();
    scene.claim(
        "with 4 datagrams, like any request",
        same == 4,
        (Some(probe.seq), format!("{same} datagrams")),
    )?;
    Ok(())
}

async fn recover(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    let probes = |scene: &Scene<'_>| scene.at(Role::Primary, 0).into_iter().rfind(is_first);
    let before = probes(scene);
    scene.strike(Role::Primary, Fault::Heal, "the working server answers again").await?;
    let since = scene.last_seq();
    let what = "the next probe is answered";
    let back = scene.until(what, PATIENCE, granted(Role::Primary)).await?;
    let next = scene.at(Role::Primary, since).into_iter().next().unwrap_or_else(|| back.clone());
    let after = before.map(|it| next.row.at.since(it.row.at)).unwrap_or_default();
    let tolerance = scene.tolerance();
    scene.claim(
        "the next probe comes 15 s after the last, start to start",
        after + tolerance >= PROBE_EVERY && after <= PROBE_EVERY + tolerance,
        (Some(next.seq), format!("after {:.2} s", after.as_secs_f64())),
    )?;
    scene.claim("it is answered: the phone is back", true, (Some(back.seq), String::new()))?;
    let left = |it: &Received| {
        it.role == Role::Fallback && it.row.expires_s == Some(0) && it.row.answered == Some(200)
    };
    let what = "the phone leaves the fallback server: REGISTER with Expires 0";
    let gone = scene.until_since(back.seq, what, Duration::from_secs(5), left).await?;
    scene.claim(what, true, (Some(gone.seq), String::new()))?;
    let bindings = bindings(scene, Role::Fallback).await;
    let found = format!("{bindings} bindings");
    scene.claim("and is known there no more", bindings == 0, (Some(gone.seq), found))?;
    Ok(())
}

async fn bindings(scene: &Scene<'_>, role: Role) -> usize {
    let Some(registrar) = scene.servers().registrar(role.as_str()) else { return 0 };
    registrar.inspect(|registrar, now| registrar.bindings(now).len()).await.unwrap_or_default()
}
