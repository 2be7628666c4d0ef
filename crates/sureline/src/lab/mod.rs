//! `sureline lab`: servers to try a phone against, with faults on command.

pub(crate) mod api;
pub(crate) mod faults;
pub(crate) mod requests;
pub(crate) mod servers;

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use desk::remote::Remote;
use desk::{ControlFile, Refused};
use host::Clock;
use lab::{Authentication, ExpiresLimits, LabOptions, Role, TlsChoice, User, phone_file};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::attached::block_on;
use crate::cli::{FaultArgs, LabAct, LabArgs};
use crate::out::{Failure, Outcome, say, say_raw};
use crate::state::StateDir;
use faults::Faults;
use servers::{Servers, places};

/// Where a running lab is found, in its state folder.
pub(crate) const LAB_FILE: &str = "lab.json";
/// The authority of a running lab, in its state folder.
const CA_FILE: &str = "ca.pem";

/// What `LAB_FILE` holds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LabFile {
    pub(crate) pid: u32,
    pub(crate) api: String,
}

/// `sureline lab`.
pub(crate) fn lab(args: &LabArgs) -> Outcome {
    match &args.act {
        Some(LabAct::Fault(args)) => fault(args),
        None => {
            let state = StateDir::open(args.state.as_deref())?;
            let _lock = state.lock("lab")?;
            block_on(serve(args, &state))
        }
    }
}

async fn serve(args: &LabArgs, state: &StateDir) -> Outcome {
    let clock = Clock::start();
    let options = options(args)?;
    let servers = Arc::new(Servers::start(&options, &clock)?);
    if let Some(authority) = &servers.authority {
        state.write(CA_FILE, authority.pem().as_bytes())?;
    }
    let listener = TcpListener::bind(args.api).await;
    let listener =
        listener.map_err(|error| Failure::misused(format!("--api {}: {error}", args.api)))?;
    let api = format!("http://{}", listener.local_addr().map_err(Failure::failed)?);
    let (end, mut ending) = watch::channel(false);
    let router = api::router(Faults::new(Arc::clone(&servers)));
    let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
    let serving = tokio::spawn(web::serve(listener, router, ended));

    for user in &options.users {
        let text = file_for(user, &servers, state);
        state.write(&format!("{}.cfg", user.name), text.as_bytes())?;
    }
    state.write_json(LAB_FILE, &LabFile { pid: std::process::id(), api: api.clone() })?;
    let announced = announce(args, (&options, &servers), state, &api);
    let ended = match announced {
        Ok(()) => until_ended().await,
        Err(failure) => Err(failure),
    };
    state.remove(LAB_FILE);
    end.send_replace(true);
    drop(serving.await);
    if let Ok(servers) = Arc::try_unwrap(servers) {
        servers.stop().await;
    }
    ended
}

fn options(args: &LabArgs) -> Result<LabOptions, Failure> {
    let tls = if args.tls { TlsChoice::Offered } else { TlsChoice::Without };
    let defaults = LabOptions::default();
    let authentication =
        if args.no_auth { Authentication::None } else { defaults.authentication.clone() };
    let max_s = args.expires_max;
    Ok(LabOptions {
        domain: args.domain.trim_end_matches('.').to_ascii_lowercase().into(),
        users: args.users.iter().map(|user| User::new(&user.name, &user.password)).collect(),
        expires: ExpiresLimits { max_s, default_s: max_s, ..ExpiresLimits::default() },
        fallback_authentication: authentication.clone(),
        authentication,
        places: places(args.listen.0, args.port, tls)?,
        zone: args.zone.as_deref().map(read_zone).transpose()?,
        ..defaults
    })
}

/// The text of a zone file.
pub(crate) fn read_zone(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::misused(format!("{}: {error}", path.display())))
}

/// A ready phone file: short registrations, so that something is to be seen, and the lab's own
/// authority where it speaks TLS.
fn file_for(user: &User, servers: &Servers, state: &StateDir) -> String {
    let mut file = phone_file(user, &servers.domain, &servers.places);
    file += "account.1.sip_server.1.expires = 60\naccount.1.sip_server.2.expires = 60\n";
    if servers.authority.is_some() {
        file += &format!(
            "static.security.ca_cert = 2\nstatic.trusted_certificates.url = {}\n",
            state.file(CA_FILE).display()
        );
    }
    file
}

/// Ends with SIGTERM and SIGINT.
pub(crate) async fn until_ended() -> Outcome {
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// What the lab took, as its first line with `--json` says it.
#[derive(Serialize)]
struct Taken<'a> {
    event: &'static str,
    domain: &'a str,
    servers: Vec<TakenServer>,
    dns: SocketAddr,
    api: &'a str,
    ca: Option<String>,
    users: Vec<&'a str>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<String>,
}

#[derive(Serialize)]
struct TakenServer {
    server: &'static str,
    udp: SocketAddr,
    tcp: SocketAddr,
    tls: Option<SocketAddr>,
}

fn announce(
    args: &LabArgs,
    (options, servers): (&LabOptions, &Servers),
    state: &StateDir,
    api: &str,
) -> Outcome {
    let wanted = args.print_config.as_deref();
    let user = wanted.map(|wanted| {
        options.users.iter().find(|user| &*user.name == wanted).ok_or_else(|| {
            Failure::misused(format!("--print-config {wanted}: no such user; see --users"))
        })
    });
    let config = user.transpose()?.map(|user| file_for(user, servers, state));
    if args.json {
        let taken = Taken {
            event: "listening",
            domain: &servers.domain,
            servers: Role::ALL.map(|role| taken_server(role, servers)).into(),
            dns: servers.places.dns,
            api,
            ca: args.tls.then(|| state.file(CA_FILE).display().to_string()),
            users: options.users.iter().map(|user| &*user.name).collect(),
            state: state.path().display().to_string(),
            config,
        };
        return say(&serde_json::to_string(&taken).map_err(Failure::failed)?);
    }
    let mut text = format!("# The lab of {}, API at {api}\n", servers.domain);
    for role in Role::ALL {
        let place = servers.places.of(role);
        let tls = place.tls.map_or(String::new(), |tls| format!(", TLS at {tls}"));
        text += &format!("#   {:<10} {} over UDP and TCP{tls}\n", role.as_str(), place.sip);
    }
    text += &format!("#   {:<10} {}\n", "dns", servers.places.dns);
    if args.tls {
        text += &format!("#   {:<10} {}\n", "authority", state.file(CA_FILE).display());
    }
    text += &hints(args, options, servers, state);
    if let Some(config) = config {
        text += &format!("\n{config}\n");
    }
    say_raw(&text)?;
    say(&format!("listening for phones of {}", servers.domain))
}

fn taken_server(role: Role, servers: &Servers) -> TakenServer {
    let place = servers.places.of(role);
    TakenServer { server: role.as_str(), udp: place.sip, tcp: place.sip, tls: place.tls }
}

/// What to type next.
fn hints(args: &LabArgs, options: &LabOptions, servers: &Servers, state: &StateDir) -> String {
    let first = options.users.first().map(|user| &*user.name);
    let Some(user) = args.print_config.as_deref().or(first) else { return String::new() };
    let state_option = match &args.state {
        Some(_) => format!(" --state {}", state.path().display()),
        None => String::new(),
    };
    format!(
        "# A phone:  sureline run {} --sip 127.0.0.1:0 --dns {}\n\
         # A fault:  sureline lab fault primary mute{state_option}\n",
        state.file(&format!("{user}.cfg")).display(),
        servers.places.dns,
    )
}

/// `sureline lab fault`.
fn fault(args: &FaultArgs) -> Outcome {
    let state = StateDir::locate(args.state.as_deref())?;
    let lab: LabFile = state.read_json(LAB_FILE).ok_or_else(|| {
        Failure::failed(format!(
            "no lab runs with the state folder {}: start one with `sureline lab`, or name its folder \
             with --state DIR",
            state.path().display()
        ))
    })?;
    let order = OrderBody {
        server: &args.server,
        fault: args.fault.join(" "),
        method: args.method.as_deref(),
        for_s: args.for_s,
    };
    let body = serde_json::to_string(&order).map_err(Failure::failed)?;
    block_on(async {
        let remote = Remote::new(&ControlFile {
            pid: lab.pid,
            api: lab.api,
            sip: Vec::new(),
            token: String::new(),
        });
        let asked = remote.ask("POST".parse().map_err(Failure::failed)?, "/api/faults", Some(body));
        let begun: Begun = match asked.await {
            Ok(begun) => begun,
            Err(Refused::Invalid(errors)) => {
                let texts: Vec<_> = errors.into_values().collect();
                return Err(Failure::misused(texts.join("; ")));
            }
            Err(refused) => return Err(refused.into()),
        };
        let until = args.for_s.map_or(String::new(), |seconds| format!(" for {seconds} s"));
        match begun.id {
            None => say(&format!("{}: all faults ended", args.server)),
            Some(id) => {
                say(&format!("{}: {}{until} (fault {id})", args.server, args.fault.join(" ")))
            }
        }
    })
}

#[derive(Serialize)]
struct OrderBody<'a> {
    server: &'a str,
    fault: String,
    method: Option<&'a str>,
    for_s: Option<f64>,
}

#[derive(Deserialize)]
struct Begun {
    id: Option<u64>,
}
