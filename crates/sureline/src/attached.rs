//! Commands that ask a phone which runs in another process.

use std::future::Future;
use std::io;
use std::time::Duration;

use desk::remote::Remote;
use desk::{
    ControlFile, Desk as _, EventBody, EventLine, Line, Narrator, Reading, Refused, Status, Weight,
};
use params::Mac;
use tokio::time::{Instant, sleep, timeout};

use crate::cli::{EventsArgs, ReachArgs, RegisterArgs, StatusArgs, WaitFor};
use crate::out::{Failure, Outcome, complain, say, say_raw};
use crate::run::log::timed;
use crate::show::{Paint, status_page, width};
use crate::state::StateDir;

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// `sureline status`.
pub(crate) fn status(args: &StatusArgs) -> Outcome {
    block_on(async {
        let status = match &args.wait {
            None => asked(args).await?,
            Some(wait) => waited(args, wait).await?,
        };
        show(args, &status)?;
        if args.wait.is_some() || status.all_registered() { Ok(()) } else { Err(Failure::Said) }
    })
}

fn show(args: &StatusArgs, status: &Status) -> Outcome {
    if args.json {
        return say(&serde_json::to_string(status).map_err(Failure::failed)?);
    }
    say_raw(&status_page(status, args.account, Paint::on(&io::stdout()), width()))
}

/// The status, cut down to the phone and account that were asked for.
async fn asked(args: &StatusArgs) -> Result<Status, Failure> {
    let mut status = reach(&args.reach)?.status().await?;
    if let Some(mac) = args.reach.phone {
        status.phones.retain(|phone| phone.mac == mac.to_string());
        if status.phones.is_empty() {
            return Err(Failure::failed(format!("no phone {mac} runs there")));
        }
    }
    if let Some(number) = args.account {
        for phone in &mut status.phones {
            phone.accounts.retain(|account| account.account == number);
        }
        if status.phones.iter().all(|phone| phone.accounts.is_empty()) {
            return Err(Failure::failed(format!("account {number} has no settings")));
        }
    }
    Ok(status)
}

/// Waits for a phone to be there, too: it may be starting.
async fn waited(args: &StatusArgs, wait: &WaitFor) -> Result<Status, Failure> {
    let deadline = Instant::now() + Duration::from_secs_f64(args.timeout);
    loop {
        let asked = asked(args).await;
        if asked.as_ref().is_ok_and(|status| is_so(status, wait)) {
            return asked;
        }
        if Instant::now() >= deadline {
            let status = asked?;
            show(args, &status)?;
            return Err(Failure::failed(format!("{} within {} s", not_so(wait), args.timeout)));
        }
        sleep(LOOK_EVERY).await;
    }
}

fn is_so(status: &Status, wait: &WaitFor) -> bool {
    match wait {
        WaitFor::Registered => status.all_registered(),
        WaitFor::Idle => status.phones.iter().all(|phone| phone.idle),
        WaitFor::Server(wanted) => {
            let mut enabled = status.phones.iter().flat_map(|phone| phone.enabled()).peekable();
            enabled.peek().is_some()
                && enabled.all(|it| {
                    it.is_registered()
                        && [&it.current_server, &it.current_proxy].contains(&&Some(wanted.clone()))
                })
        }
    }
}

fn not_so(wait: &WaitFor) -> String {
    match wait {
        WaitFor::Registered => "not registered".into(),
        WaitFor::Idle => "not idle".into(),
        WaitFor::Server(place) => format!("not registered with {place} as the current server"),
    }
}

/// `sureline register`.
pub(crate) fn register(args: &RegisterArgs) -> Outcome {
    block_on(async {
        let remote = reach(&args.reach)?;
        // Following begins before the order, so that no outcome is missed.
        let mut events = remote.events(Some(u64::MAX), Reading::Following).await?;
        let wanted =
            Line { phone: args.reach.phone.map(|mac| mac.to_string()), account: args.account };
        let line = remote.register(wanted).await?;
        if args.no_wait {
            return Ok(());
        }
        let outcome = async {
            while let Some(held) = events.next().await {
                let Ok(event) = serde_json::from_str::<EventLine>(&held.json) else { continue };
                if event.phone != line.phone || event.account != line.account {
                    continue;
                }
                match ended(&event) {
                    Some(Ok(text)) => return say(&text),
                    Some(Err(text)) => return Err(Failure::failed(text)),
                    None => {}
                }
            }
            Err(Failure::failed("the phone ended before it was registered"))
        };
        let limit = Duration::from_secs_f64(args.timeout);
        timeout(limit, outcome).await.unwrap_or_else(|_| {
            Err(Failure::failed(format!("not registered within {} s", args.timeout)))
        })
    })
}

/// What an event says of the registration that was ordered, if it is its end.
fn ended(event: &EventLine) -> Option<Result<String, String>> {
    let sentence = Narrator::new().tell(event)?.text;
    if let EventBody::Registered { .. } = event.body {
        Some(Ok(sentence))
    } else if let EventBody::RegistrationFailed { .. } = event.body {
        Some(Err(sentence))
    } else {
        None
    }
}

/// `sureline provision`.
pub(crate) fn provision(args: &ReachArgs) -> Outcome {
    block_on(async {
        let done = match reach(args)?.provision().await {
            Err(Refused::Conflict(why)) => {
                return Err(Failure::failed(format!("nothing was changed: {why}")));
            }
            answer => answer?,
        };
        for problem in &done.problems {
            complain(problem);
        }
        for line in &done.fetched {
            say(line)?;
        }
        match done.changed.as_slice() {
            _ if !done.fetched.is_empty() => Ok(()),
            [] => say("nothing changed"),
            keys => say(&format!("changed: {}", keys.join(", "))),
        }
    })
}

/// `sureline events`.
pub(crate) fn events(args: &EventsArgs) -> Outcome {
    block_on(async {
        let reading = if args.follow { Reading::Following } else { Reading::Held };
        let mut events = reach(&args.reach)?.events(args.since, reading).await?;
        let wanted = args.reach.phone.map(|mac: Mac| mac.to_string());
        let mut narrator = Narrator::new();
        while let Some(held) = events.next().await {
            let event = serde_json::from_str::<EventLine>(&held.json).ok();
            let of_another = |event: &EventLine| {
                wanted.is_some() && event.phone.is_some() && event.phone != wanted
            };
            if event.as_ref().is_some_and(of_another) {
                continue;
            }
            match event.filter(|_| args.human) {
                None => say(&held.json)?,
                Some(event) => {
                    if let Some(sentence) = narrator.tell(&event)
                        && sentence.weight < Weight::Detail
                    {
                        say(&timed(&event.at, &sentence.text))?;
                    }
                }
            }
        }
        Ok(())
    })
}

/// The phone that runs with this state folder.
pub(crate) fn reach(args: &ReachArgs) -> Result<Remote, Failure> {
    let state = StateDir::locate(args.state.as_deref())?;
    let control: ControlFile = state.read_json(ControlFile::NAME).ok_or_else(|| {
        let dir = state.path().display();
        Failure::failed(format!(
            "no phone runs with the state folder {dir}: start one with `sureline run FILE`, or name \
             its folder with --state DIR"
        ))
    })?;
    Ok(Remote::new(&control))
}

/// Runs a command that asks and waits.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("no event loop: {error}")))?;
    runtime.block_on(work)
}
