//! `sureline resolve`: how a name leads to servers, with every record, its TTL and its source.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use desk::{EventBody, LocatedHopLine};
use dns::{NameServer, Zone};
use host::{Bindings, Clock, Handle, Host, Plan};
use locate::{
    LocatePolicy, Located, LocationId, Locator, NextHop, Progress, ResolverConfig, Target, Trail,
    TransportType,
};
use net::{Input, Instant, Node, Output, Reason, Rng};
use params::Device;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::attached::block_on;
use crate::cli::{ResolveArgs, TransportArg};
use crate::hosted::hosted;
use crate::lab::read_zone;
use crate::name_servers::name_servers;
use crate::out::{Failure, Outcome, complain, say, say_raw};
use crate::state::random;

/// All servers silent, each question of a chain asked in turn.
const ANSWER_WITHIN: Duration = Duration::from_secs(120);
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The locator of the engine, alone.
struct Finder {
    locator: Locator,
    location: LocationId,
    found: Option<Located>,
}

impl Finder {
    fn new(target: Target, name_servers: Vec<SocketAddr>, seed: u64) -> Self {
        let config = ResolverConfig { name_servers, ..ResolverConfig::default() };
        let mut locator = Locator::new(config, Rng::new(seed));
        let location = locator.location(target, Arc::new(LocatePolicy::default()));
        Self { locator, location, found: None }
    }
}

impl Node for Finder {
    type Command = ();
    type Event = Located;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.locator.handle(now, input);
    }

    fn command(&mut self, now: Instant, (): ()) {
        let id = self.location;
        match self.locator.locate(now, id) {
            Progress::Pending => {}
            progress @ (Progress::Ready(_) | Progress::Nothing(_)) => {
                self.found = Some(Located { id, progress });
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output<Located>> {
        self.found.take().map(Output::Event).or_else(|| self.locator.poll_output())
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.locator.next_timeout()
    }
}

/// `sureline resolve`.
pub(crate) fn resolve(args: &ResolveArgs) -> Outcome {
    block_on(async {
        let clock = Clock::start();
        let located = locate(args, &clock).await?;
        let now = clock.now();
        match located.progress {
            Progress::Ready(hops) => {
                let seed = Device::default().mac.seed();
                let hops_in_order = hops.order(seed);
                show(args, hops.trail(), &hops_in_order, now)
            }
            Progress::Nothing(nothing) => {
                show(args, &nothing.trail, &[], now)?;
                complain(&format!("sureline: no next hop for {}: {}", args.name, nothing.why));
                Err(Failure::Said)
            }
            Progress::Pending => Err(Failure::failed("DNS does not answer")),
        }
    })
}

async fn locate(args: &ResolveArgs, clock: &Clock) -> Result<Located, Failure> {
    let zone = args.zone.as_deref().map(zone_of).transpose()?;
    let (target, servers) = (target(args), name_servers(&args.dns));
    let seed = u64::from_be_bytes(random()?);
    let (found, mut finding) = mpsc::unbounded_channel();
    let plan = Plan {
        bindings: Bindings::default(),
        clock: clock.clone(),
        // Nobody waits any more once it has taken too long.
        events: Box::new(move |_, located| drop(found.send(located))),
        tap: None,
    };
    let zone_clock = clock.clone();
    let (handles, _thread) = hosted("resolver", move |host| {
        let server = zone.map(|zone| serve_zone(host, zone, zone_clock)).transpose()?;
        let servers = server.as_ref().map_or(servers, |server| server.bound().udp.clone());
        let handle = host.add(plan, |_| Finder::new(target, servers, seed));
        Ok((handle.map_err(Failure::failed)?, server))
    })?;
    handles.0.command(()).await.map_err(Failure::failed)?;
    let answer = tokio::time::timeout(ANSWER_WITHIN, finding.recv()).await;
    answer.ok().flatten().ok_or_else(|| Failure::failed("DNS does not answer"))
}

fn zone_of(path: &Path) -> Result<Zone, Failure> {
    Zone::parse(&read_zone(path)?)
        .map_err(|error| Failure::misused(format!("{}: {error}", path.display())))
}

/// A name server for a zone, at a free port of loopback; it lives as long as its handle.
fn serve_zone(host: &mut Host, zone: Zone, clock: Clock) -> Result<Handle<NameServer>, Failure> {
    let plan = Plan {
        bindings: Bindings { udp: vec![LOOPBACK], ..Bindings::default() },
        clock,
        events: Box::new(|_, _| {}),
        tap: None,
    };
    host.add(plan, |_| NameServer::new(zone, Rng::new(0))).map_err(Failure::failed)
}

fn target(args: &ResolveArgs) -> Target {
    let transport = match args.transport {
        TransportArg::Udp => TransportType::Udp,
        TransportArg::Tcp => TransportType::Tcp,
        TransportArg::Tls => TransportType::Tls,
        TransportArg::Naptr => TransportType::DnsNaptr,
    };
    Target { host: args.name.as_str().into(), port: args.port, transport }
}

/// A `located` object, with the way that led there.
#[derive(Serialize)]
struct LocatedObject {
    #[serde(flatten)]
    located: EventBody,
    trail: Vec<String>,
}

fn show(args: &ResolveArgs, trail: &Trail, hops: &[&NextHop], now: Instant) -> Outcome {
    if args.json {
        let located = EventBody::Located {
            server: "1".into(),
            name: args.name.clone(),
            next_hops: hops.iter().map(|hop| hop_line(hop, now)).collect(),
        };
        let trail = trail.to_string().lines().skip(1).map(|line| line.trim().to_owned()).collect();
        let object = LocatedObject { located, trail };
        return say(&serde_json::to_string(&object).map_err(Failure::failed)?);
    }
    say_raw(&trail.to_string())?;
    for (place, hop) in (1..).zip(hops) {
        let role = if place == 1 { "primary" } else { "secondary" };
        let ttl = ttl(hop, now).map_or(String::new(), |ttl| format!(", {ttl} s left"));
        say(&format!("{place}. {hop}  {role}, {}{ttl}", hop.source))?;
    }
    Ok(())
}

fn hop_line(hop: &NextHop, now: Instant) -> LocatedHopLine {
    LocatedHopLine {
        transport: hop.transport.to_string(),
        addr: hop.addr.to_string(),
        priority: hop.priority,
        weight: hop.weight,
        source: hop.source.to_string(),
        ttl: ttl(hop, now),
    }
}

/// Seconds that the address record has left; a literal has none.
fn ttl(hop: &NextHop, now: Instant) -> Option<u32> {
    let left = (hop.expires != Instant::FAR).then(|| now.until(hop.expires));
    left.map(|left| u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
}
