//! Guide, "REGISTER Failover".

use std::time::Duration;

use lab::{Fault, Role};

use super::scene::{Names, Scene, Stopped, granted, is_first};
use crate::lab::requests::Received;

/// What the phone of this scene is told: `lab.test` leads to primary and secondary by DNS.
pub(crate) const PHONE: &str = "\
account.1.enable = 1
account.1.label = 1001
account.1.user_name = 1001
account.1.auth_name = 1001
account.1.password = pw
account.1.sip_server.1.address = lab.test
account.1.sip_server.1.port = 0
account.1.sip_server.1.transport_type = 3
account.1.sip_server.1.expires = 30
account.1.sip_server.1.retry_counts = 3
account.1.sip_server.1.failback_mode = 0
account.1.sip_server.1.register_on_enable = 0
";

/// What the servers are called here.
pub(crate) const NAMES: Names = ["primary", "secondary", "fallback"];

/// A registration of 30 s is refreshed after 12 to 15 s (behaviour.md §7).
const REFRESH_AFTER: (Duration, Duration) = (Duration::from_secs(12), Duration::from_secs(15));
/// Three retries at a next hop that says nothing (A1).
const BUDGET: Duration = Duration::from_millis(7500);
/// No step of the scene takes longer.
const PATIENCE: Duration = Duration::from_secs(40);

/// Plays the scene.
pub(crate) async fn play(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    register(scene).await?;
    mute(scene).await?;
    recover(scene).await?;
    kill(scene).await?;
    switch_off(scene).await
}

async fn register(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    let what = "the phone registers at the primary";
    let row = scene.until(what, PATIENCE, granted(Role::Primary)).await?;
    let others = scene.at(Role::Secondary, 0).len();
    let asked = asked_of_dns(scene).await;
    let wanted =
        ["NAPTR lab.test", "SRV _sip._udp.lab.test", "A primary.lab.test", "A secondary.lab.test"];
    let all = wanted.iter().all(|question| asked.iter().any(|it| it == question));
    scene.claim(
        "DNS was asked for NAPTR, SRV and both addresses",
        all,
        (None, asked.join(", ")),
    )?;
    let found = format!("{others} requests at the secondary");
    scene.claim(
        "the phone registers at the primary, and nowhere else",
        others == 0,
        (Some(row.seq), found),
    )?;
    Ok(())
}

async fn mute(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.say(
        "Its registration lasts 30 s, so the next REGISTER is due 12 to 15 s after the last. Before \
         that, the primary falls silent: it still receives, but answers nothing.",
    )?;
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Mute, "the primary goes mute").await?;
    let moved = scene.until("the secondary takes over", PATIENCE, granted(Role::Secondary)).await?;
    let unanswered = scene.at(Role::Primary, since);
    let first = unanswered.first().cloned();
    let seq = first.as_ref().map(|it| it.seq);
    let count = unanswered.len();
    scene.claim(
        "4 datagrams to the primary: a request and three retries",
        count == 4,
        (seq, format!("{count} datagrams")),
    )?;
    let one = unanswered.windows(2).all(same_branch);
    scene.claim(
        "all of one transaction: the same branch",
        one && count > 1,
        (seq, "several branches".into()),
    )?;
    let offsets = offsets(&unanswered);
    let on_time = close(&offsets, &[0.0, 0.5, 1.5, 3.5], scene.tolerance().as_secs_f64());
    scene.claim("sent at 0, 0.5, 1.5 and 3.5 s", on_time, (seq, format!("at {offsets:.2?} s")))?;
    let asked = scene.at(Role::Secondary, since).into_iter().find(is_first);
    claim_handover(scene, first.as_ref(), asked.as_ref())?;
    scene.claim(
        "the secondary grants the registration",
        moved.row.answered == Some(200),
        (Some(moved.seq), format!("{:?}", moved.row.answered)),
    )?;
    Ok(())
}

fn claim_handover(
    scene: &mut Scene<'_>,
    first: Option<&Received>,
    asked: Option<&Received>,
) -> Result<(), Stopped> {
    let (Some(first), Some(asked)) = (first, asked) else {
        scene.claim("the secondary is asked next", false, (None, "it was not".into()))?;
        return Err(Stopped::Missed);
    };
    let after = asked.row.at.since(first.row.at);
    // As the servers saw it: the ways of the two datagrams differ by a little.
    let ok = after.abs_diff(BUDGET) <= scene.tolerance();
    scene.claim(
        "the secondary is asked 7.5 s after the first datagram",
        ok,
        (Some(asked.seq), format!("after {:.2} s", after.as_secs_f64())),
    )?;
    let fresh = asked.row.branch != first.row.branch && asked.row.call_id == first.row.call_id;
    let found = "branch and Call-ID say otherwise".into();
    scene.claim("with a new branch and the same Call-ID", fresh, (Some(asked.seq), found))?;
    Ok(())
}

async fn recover(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.say("The primary recovers. The guide: the phone waits until its next REGISTER, and sends that to the primary.")?;
    let since = scene.last_seq();
    let moved_at = scene.rows().last().map(|it| it.row.at).unwrap_or_default();
    scene.strike(Role::Primary, Fault::Heal, "the primary answers again").await?;
    let back = scene.until("the next REGISTER", PATIENCE, granted(Role::Primary)).await?;
    let next: Vec<_> = scene.rows().iter().filter(|it| it.seq > since).cloned().collect();
    let first = next.first().cloned().unwrap_or_else(|| back.clone());
    let waited = first.row.at.since(moved_at);
    let (least, most) = REFRESH_AFTER;
    let tolerance = scene.tolerance();
    let ok =
        first.role == Role::Primary && waited + tolerance >= least && waited <= most + tolerance;
    scene.claim(
        "the next REGISTER, 12 to 15 s later, goes to the primary first",
        ok,
        (Some(first.seq), format!("{} after {:.1} s", first.role, waited.as_secs_f64())),
    )?;
    let at_primary = next.iter().all(|it| it.role == Role::Primary);
    let found = "the secondary was asked as well".into();
    scene.claim("the primary grants it: the phone is back", at_primary, (Some(back.seq), found))?;
    let left = scene.rows().iter().find(|it| it.row.expires_s == Some(0));
    let (none, seq) = (left.is_none(), left.map(|it| it.seq));
    let found = "a REGISTER with Expires 0".into();
    scene.claim("nothing was unregistered between the two", none, (seq, found))?;
    Ok(())
}

async fn kill(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    scene.say(
        "Silence costs the phone 7.5 s, because an answer might still come. A server whose process is \
         dead is another matter: the system answers with an ICMP error, and the phone believes it.",
    )?;
    let granted_at = scene.rows().last().map(|it| it.row.at).unwrap_or_default();
    let since = scene.last_seq();
    scene.strike(Role::Primary, Fault::Kill, "the primary is killed").await?;
    scene.until("the secondary takes over", PATIENCE, granted(Role::Secondary)).await?;
    let asked = scene.at(Role::Secondary, since).into_iter().next();
    let after = asked.as_ref().map(|it| it.row.at.since(granted_at)).unwrap_or_default();
    let (least, most) = REFRESH_AFTER;
    let tolerance = scene.tolerance();
    let ok = after + tolerance >= least && after <= most + tolerance;
    scene.claim(
        "the secondary is asked when the REGISTER was due, without any wait",
        ok,
        (asked.map(|it| it.seq), format!("{:.2} s after the last", after.as_secs_f64())),
    )?;
    scene.strike(Role::Primary, Fault::Heal, "the primary is started again").await?;
    Ok(())
}

async fn switch_off(scene: &mut Scene<'_>) -> Result<(), Stopped> {
    let since = scene.last_seq();
    scene.switch_off().await?;
    let what = "it unregisters where it was registered: REGISTER with Expires 0";
    let left = |it: &Received| it.row.expires_s == Some(0) && it.row.answered == Some(200);
    let gone = scene.until_since(since, what, Duration::from_secs(5), left).await?;
    let at_secondary = gone.role == Role::Secondary;
    scene.claim(what, at_secondary, (Some(gone.seq), format!("at the {}", gone.role)))?;
    Ok(())
}

async fn asked_of_dns(scene: &Scene<'_>) -> Vec<String> {
    let look = |server: &mut dns::NameServer, _| {
        let questions = server.queries().map(|query| format!("{} {}", query.kind, query.name));
        questions.collect()
    };
    scene.servers().dns.inspect(look).await.unwrap_or_default()
}

fn same_branch(pair: &[Received]) -> bool {
    matches!(pair, [a, b] if a.row.branch == b.row.branch && a.row.call_id == b.row.call_id)
}

/// Seconds after the first.
pub(super) fn offsets(rows: &[Received]) -> Vec<f64> {
    let first = rows.first().map(|it| it.row.at).unwrap_or_default();
    rows.iter().map(|it| it.row.at.since(first).as_secs_f64()).collect()
}

/// Whether times are those wanted, give or take.
pub(super) fn close(found: &[f64], wanted: &[f64], tolerance: f64) -> bool {
    found.len() == wanted.len()
        && found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() <= tolerance)
}
