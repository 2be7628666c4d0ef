//! `sureline demo --keep`: phones and servers stay up, reachable like any others.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::story::Story;
use super::{FIRST_PHONE, Folder, SECOND_PHONE, config_of, engine_of, failover, fallback};
use crate::cli::DemoArgs;
use crate::lab::faults::Faults;
use crate::lab::{LAB_FILE, LabFile, api, until_ended};
use crate::out::{Failure, Outcome};
use crate::run::live::Live;
use crate::state::StateDir;

/// Runs both phones of the demo until SIGINT or SIGTERM.
pub(super) async fn keep(
    args: &DemoArgs,
    story: &mut Story,
    folder: &Folder,
    faults: &Faults,
) -> Outcome {
    let servers = Arc::clone(faults.servers());
    let state = StateDir::open(Some(&folder.0))?;
    let second = fallback::phone(&servers.places);
    let configs = vec![
        config_of(folder, (FIRST_PHONE, failover::PHONE))?,
        config_of(folder, (SECOND_PHONE, &second))?,
    ];
    let engine = match configs.first() {
        Some(first) => engine_of(&servers, &first.settings())?,
        None => return Ok(()),
    };
    let web = match args.web {
        Some(addr) => Some(TcpListener::bind(addr).await.map_err(|error| {
            Failure::misused(format!("cannot listen at {addr} (--web): {error}"))
        })?),
        None => None,
    };
    let (end, mut ending) = watch::channel(false);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Failure::failed)?;
    let lab = LabFile {
        pid: std::process::id(),
        api: format!("http://{}", listener.local_addr().map_err(Failure::failed)?),
    };
    let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
    let lab_api = tokio::spawn(web::serve(listener, api::router(faults.clone()), ended));
    let live = Live::begin(engine, configs, web.map(Into::into), &state).await?;
    live.start().await?;
    state.write_json(LAB_FILE, &lab)?;
    invite(story, &state)?;
    let outcome = until_ended().await;
    live.end().await;
    end.send_replace(true);
    drop(lab_api.await);
    outcome
}

/// What can be typed now.
fn invite(story: &mut Story, state: &StateDir) -> Outcome {
    let dir = state.path().display();
    story.blank();
    story.paragraph("Both phones and all servers stay up until Ctrl-C. In another terminal:")?;
    for command in [
        format!("sureline status --state {dir}"),
        format!("sureline events --human --follow --state {dir}"),
        format!("sureline lab fault primary mute --state {dir}"),
        format!("sureline lab fault primary heal --state {dir}"),
    ] {
        story.command(&command)?;
    }
    Ok(())
}
