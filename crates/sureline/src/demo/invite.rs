//! Guide, "INVITE Failover" and "INVITE Fallback": two phones, and a tone that the other one hears.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lab::{Fault, Places, Role};
use media::{Wav, level_db};
use phone::CallId;

use super::failover::{self, close, offsets};
use super::scene::{Scene, Stopped, granted, is_first};
use crate::lab::requests::Received;

/// What phone A says in every call: a tone of this pitch and level.
pub(crate) const TONE: (f64, f64) = (440.0, -12.0);
/// How long phone B rings, in its time.
pub(crate) const RINGS: Duration = Duration::from_secs(1);

/// Three retries at a next hop that says nothing (A1).
const BUDGET: Duration = Duration::from_millis(7500);
/// How long a call is up, in real time: what is said is said at its own pace.
const TALK: Duration = Duration::from_millis(1500);
/// A busy machine is late with a file.
const WRITTEN_WITHIN: Duration = Duration::from_secs(3);
/// No step of the scenes takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Phone A or B, which DNS leads to primary and secondary.
pub(crate) fn by_name(user: &str) -> String {
    failover::PHONE.replace("1001", user).replace("expires = 30", "expires = 3600")
}

/// Phone A or B, which registers at the working and the fallback server at once.
pub(crate) fn concurrent(user: &str, places: &Places) -> String {
    super::fallback::phone(places)
        .replace("1002", user)
        .replace("redundancy_type = 1", "redundancy_type = 0")
        .replace("expires = 30", "expires = 3600")
        .replace("expires = 60", "expires = 3600")
}

/// Plays the failover.
pub(crate) async fn failover(scene: &mut Scene<'_>, record: &Path) -> Result<(), Stopped> {
    both_register(scene, &[Role::Primary], "both phones register at the primary").await?;
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Mute, "the primary goes mute").await?;
    let call = scene.dial("phone A calls phone B").await?;
    moved(scene, since, Role::Secondary).await?;
    talk(scene, call, (Role::Secondary, record)).await?;
    scene.say(
        "The primary recovers. The guide: the next call goes to the primary first, and fails back \
         at once.",
    )?;
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Heal, "the primary answers again").await?;
    returned(scene, since, Role::Secondary).await
}

/// Plays the fallback, in concurrent mode.
pub(crate) async fn fallback(scene: &mut Scene<'_>, record: &Path) -> Result<(), Stopped> {
    let both = [Role::Primary, Role::Fallback];
    both_register(scene, &both, "both phones register at both servers at once").await?;
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Mute, "the working server goes mute").await?;
    let call = scene.dial("phone A calls phone B").await?;
    moved(scene, since, Role::Fallback).await?;
    talk(scene, call, (Role::Fallback, record)).await?;
    scene.say(
        "The guide: phone A sends REGISTER to the working server to find out whether it is there \
         again, and then sends calls there again.",
    )?;
    let caller = scene.addr();
    let asks = |it: &Received| {
        it.role == Role::Primary && it.row.from == caller && it.row.method.as_str() == "REGISTER"
    };
    let asked =
        scene.until_since(since, "REGISTER asks the working server", PATIENCE, asks).await?;
    let (what, seq) = ("phone A asks the working server by REGISTER", Some(asked.seq));
    scene.claim(what, asked.row.answered != Some(200), (seq, "it was answered".into()))?;
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Heal, "the working server answers again").await?;
    let is_back = |it: &Received| it.row.from == caller && granted(Role::Primary)(it);
    let what = "the working server grants the registration again";
    let back = scene.until_since(since, what, PATIENCE, is_back).await?;
    scene.claim(what, true, (Some(back.seq), String::new()))?;
    returned(scene, scene.last_seq(), Role::Fallback).await
}

async fn both_register(scene: &mut Scene<'_>, roles: &[Role], what: &str) -> Result<(), Stopped> {
    let mut last = None;
    for addr in scene.addrs() {
        for role in roles {
            let is_it = |it: &Received| it.row.from == addr && granted(*role)(it);
            last = Some(scene.until_since(0, what, PATIENCE, is_it).await?.seq);
        }
    }
    scene.claim(what, true, (last, String::new()))?;
    Ok(())
}

/// The INVITE of phone A leaves the silent primary for `to`.
async fn moved(scene: &mut Scene<'_>, since: u64, to: Role) -> Result<(), Stopped> {
    let what = "phone B answers";
    let answered = scene.until_since(since, what, PATIENCE, answered(scene.addr(), to)).await?;
    let silent: Vec<_> = invites(scene, Role::Primary, since);
    let seq = silent.first().map(|it| it.seq);
    let name = called(scene, Role::Primary);
    scene.claim(
        format!("4 datagrams to {name}: an INVITE and three retries"),
        silent.len() == 4,
        (seq, format!("{} datagrams", silent.len())),
    )?;
    let found = offsets(&silent);
    let on_time = close(&found, &[0.0, 0.5, 1.5, 3.5], scene.tolerance().as_secs_f64());
    scene.claim("sent at 0, 0.5, 1.5 and 3.5 s", on_time, (seq, format!("at {found:.2?} s")))?;
    let asked = invites(scene, to, since);
    let (Some(first), Some(asked)) = (silent.first(), asked.first()) else {
        return Err(Stopped::Missed);
    };
    let after = asked.row.at.since(first.row.at);
    let name = called(scene, to);
    scene.claim(
        format!("{name} is asked 7.5 s after the first datagram"),
        after.abs_diff(BUDGET) <= scene.tolerance(),
        (Some(asked.seq), format!("after {:.2} s", after.as_secs_f64())),
    )?;
    let same = first.row.call_id == asked.row.call_id && first.row.branch != asked.row.branch;
    let found = "branch and Call-ID say otherwise".into();
    scene.claim("with a new branch and the same Call-ID", same, (Some(asked.seq), found))?;
    scene.claim(what, true, (Some(answered.seq), String::new()))?;
    Ok(())
}

/// Both talk, phone A hangs up, and what phone B heard is looked at.
async fn talk(
    scene: &mut Scene<'_>,
    call: CallId,
    (through, record): (Role, &Path),
) -> Result<(), Stopped> {
    scene.pass_real(TALK).await?;
    let since = scene.last_seq();
    scene.hang_up(call, "phone A hangs up").await?;
    let is_bye = |it: &Received| it.row.method.as_str() == "BYE" && it.row.answered == Some(200);
    let bye = scene.until_since(since, "BYE is answered", PATIENCE, is_bye).await?;
    scene.claim(
        "the call ends by BYE, the way that it came",
        bye.role == through,
        (Some(bye.seq), format!("at the {}", bye.role)),
    )?;
    let heard = written(record).await;
    let (level, wanted) = (heard.as_deref().map(level_db), TONE.1);
    let found = level.map_or("nothing was recorded".into(), |level| format!("{level:.1} dB"));
    scene.claim(
        format!("phone B heard the tone of phone A: {wanted} dB, within 3 dB"),
        level.is_some_and(|level| (level - wanted).abs() < 3.0),
        (None, found),
    )?;
    Ok(())
}

/// The next call goes to the primary alone.
async fn returned(scene: &mut Scene<'_>, since: u64, other: Role) -> Result<(), Stopped> {
    let call = scene.dial("phone A calls phone B again").await?;
    let what = "the call is answered through the first server";
    let found =
        scene.until_since(since, what, PATIENCE, answered(scene.addr(), Role::Primary)).await?;
    let elsewhere = invites(scene, other, since).len();
    let name = called(scene, Role::Primary);
    scene.claim(
        format!("the next call goes to {name}, and nowhere else"),
        elsewhere == 0,
        (Some(found.seq), format!("{elsewhere} elsewhere")),
    )?;
    let count = invites(scene, Role::Primary, since).iter().filter(|it| is_first(it)).count();
    scene.claim(
        "it is answered there at once",
        count <= 2 && found.row.answered == Some(200),
        (Some(found.seq), format!("{count} requests")),
    )?;
    let since = scene.last_seq();
    scene.hang_up(call, "phone A hangs up").await?;
    let is_bye = |it: &Received| it.row.method.as_str() == "BYE" && it.row.answered == Some(200);
    scene.until_since(since, "BYE is answered", PATIENCE, is_bye).await?;
    Ok(())
}

/// The server's name in a sentence.
fn called(scene: &Scene<'_>, role: Role) -> String {
    match scene.name(role) {
        name @ ("working" | "fallback") => format!("the {name} server"),
        name => format!("the {name}"),
    }
}

fn answered(caller: SocketAddr, role: Role) -> impl Fn(&Received) -> bool {
    move |it| {
        it.role == role
            && it.row.from == caller
            && it.row.method.as_str() == "INVITE"
            && it.row.answered == Some(200)
    }
}

fn invites(scene: &Scene<'_>, role: Role, since: u64) -> Vec<Received> {
    let caller = scene.addr();
    let mut rows = scene.at(role, since);
    rows.retain(|it| it.row.from == caller && it.row.method.as_str() == "INVITE");
    rows
}

/// What a recording holds once it is complete, its first and last 200 ms left out.
async fn written(path: &Path) -> Option<Vec<i16>> {
    let read = async {
        loop {
            match fs::read(path) {
                Ok(bytes) => return Wav::parse(&bytes).ok(),
                Err(_) => tokio::time::sleep(Duration::from_millis(40)).await,
            }
        }
    };
    let wav = tokio::time::timeout(WRITTEN_WITHIN, read).await.ok().flatten()?;
    let edge = usize::try_from(wav.hz / 5).ok()?;
    Some(wav.samples.get(edge..wav.samples.len().checked_sub(edge)?)?.to_vec())
}
