//! `sureline lab`: servers to try a phone against, with faults on command.

mod api;
pub(crate) mod faults;
mod phone_file;
pub(crate) mod servers;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use desk::remote::Remote;
use desk::{ControlFile, Refused};
use dns::Zone;
use host::Clock;
use net::Transport;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::attached::block_on;
use crate::cli::{FaultArgs, LabAct, LabArgs};
use crate::out::{Failure, Outcome, say, say_raw};
use crate::state::StateDir;
use faults::Faults;
use phone_file::{phone_file, run_command};
use servers::{Plans, REGISTRARS, Servers};

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
    let plans = plans(args)?;
    let servers = Arc::new(Servers::start(&plans, &clock)?);
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

    for (user, password) in &plans.users {
        let text = phone_file(&servers, state, (user, password));
        state.write(&format!("{user}.cfg"), text.as_bytes())?;
    }
    state.write_json(LAB_FILE, &LabFile { pid: std::process::id(), api: api.clone() })?;
    let announced = announce(args, &servers, state, &api);
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

fn plans(args: &LabArgs) -> Result<Plans, Failure> {
    Ok(Plans {
        domain: args.domain.trim_end_matches('.').to_ascii_lowercase(),
        users: args.users.iter().map(|it| (it.name.clone(), it.password.clone())).collect(),
        expires_max_s: args.expires_max,
        asks_for_passwords: !args.no_auth,
        block: args.listen,
        port: args.port,
        tls: args.tls,
        zone: args.zone.as_deref().map(read_zone).transpose()?,
    })
}

/// Reads a zone file, or says where it is wrong.
pub(crate) fn read_zone(path: &Path) -> Result<Zone, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::misused(format!("{}: {error}", path.display())))?;
    Zone::parse(&text).map_err(|error| Failure::misused(format!("{}: {error}", path.display())))
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
    dns: Option<String>,
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
    udp: Option<String>,
    tcp: Option<String>,
    tls: Option<String>,
}

fn announce(args: &LabArgs, servers: &Servers, state: &StateDir, api: &str) -> Outcome {
    let wanted = args.print_config.as_deref();
    let user = wanted.map(|wanted| {
        args.users.iter().find(|user| user.name == wanted).ok_or_else(|| {
            Failure::misused(format!("--print-config {wanted}: no such user; see --users"))
        })
    });
    let user = user.transpose()?;
    let config = user.map(|user| phone_file(servers, state, (&user.name, &user.password)));
    let addr = |name, transport| servers.addr(name, transport).map(|addr| addr.to_string());
    if args.json {
        let servers_taken = REGISTRARS.map(|server| TakenServer {
            server,
            udp: addr(server, Transport::Udp),
            tcp: addr(server, Transport::Tcp),
            tls: addr(server, Transport::Tls),
        });
        let taken = Taken {
            event: "listening",
            domain: &servers.domain,
            servers: servers_taken.into(),
            dns: servers.dns_addr().map(|addr| addr.to_string()),
            api,
            ca: args.tls.then(|| state.file(CA_FILE).display().to_string()),
            users: args.users.iter().map(|user| user.name.as_str()).collect(),
            state: state.path().display().to_string(),
            config,
        };
        return say(&serde_json::to_string(&taken).map_err(Failure::failed)?);
    }
    let mut text = format!("# The lab of {}\n", servers.domain);
    for name in REGISTRARS {
        text += &format!("# {name:<10} {}\n", addr(name, Transport::Udp).unwrap_or_default());
        let streams = [(Transport::Tcp, "TCP"), (Transport::Tls, "TLS")];
        for (transport, word) in streams {
            let same = addr(name, transport) == addr(name, Transport::Udp);
            if let Some(addr) = addr(name, transport).filter(|_| !same) {
                text += &format!("# {:<10} {addr} ({word})\n", "");
            }
        }
    }
    text += &format!(
        "# {:<10} {}\n",
        "dns",
        servers.dns_addr().map_or(String::new(), |it| it.to_string())
    );
    if args.tls {
        text += &format!("# {:<10} {}\n", "authority", state.file(CA_FILE).display());
    }
    let first = args.users.first().map(|user| user.name.as_str());
    if let Some(user) = wanted.or(first) {
        text += &format!("#\n# A phone for it:  {}\n", run_command(servers, state, user));
    }
    let state_option = match &args.state {
        Some(_) => format!(" --state {}", state.path().display()),
        None => String::new(),
    };
    text += &format!("# A fault:         sureline lab fault primary mute{state_option}\n");
    if let Some(config) = config {
        text += &format!("\n{config}\n");
    }
    say_raw(&text)?;
    say(&format!("listening, API at {api}"))
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
