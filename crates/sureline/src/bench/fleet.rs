//! The phones of a measurement, in a process of their own: the engine on real sockets, its events
//! counted and dropped.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use host::{
    Bindings, Bound, Clock, Handle, Host, Plan, ServerCheck, SystemRoots, TlsSettings,
    certificates_from_pem,
};
use locate::ResolverConfig;
use net::{Instant, Node as _, Socket, Transport};
use nix::time::{ClockId, clock_gettime};
use params::{
    Device, Identity, Interner, Layer, Layers, Mac, PhoneSettings, Policy, Secret, Source,
};
use phone::{Command, Endpoint, EndpointConfig, Event, EventKind};
use serde::{Deserialize, Serialize};

use super::part::{may_go_on, pause, tell, wait_for_end};
use super::registrar::Carrier;
use super::usage;
use crate::out::{Failure, Outcome};
use crate::state::random;

/// The domain of the servers where they have one.
pub(crate) const DOMAIN: &str = "pbx.bench";

/// What the phones are to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) from: SocketAddr,
    pub(crate) servers: Servers,
    pub(crate) carrier: Carrier,
    /// The authority that TLS trusts.
    pub(crate) authority: Option<String>,
    pub(crate) count: u32,
    pub(crate) pace: Pace,
    /// Processor time is noted at every so many registrations; 0: never.
    pub(crate) slice: u32,
    /// Whether the first attempt of each phone is told.
    pub(crate) attempts: Attempts,
}

/// Which servers the phones register at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Servers {
    /// All at the next hops of one name.
    Same(Vec<SocketAddr>),
    /// Each at an address of its own: the first phone at this one, the others at those that follow.
    Own(SocketAddrV4),
}

/// How the phones begin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// So many at once are under way.
    Window(u32),
    /// One after so much time, whatever became of the last.
    EveryMicros(u64),
    /// All at one instant.
    Together,
}

/// Whether attempts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Attempts {
    Told,
    Dropped,
}

/// What the phones tell before they begin.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ready {
    pub(crate) resident: u64,
}

/// What they tell when all are registered.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) resident: u64,
    /// Registrations for a second of processor time, slice by slice.
    pub(crate) rates: Vec<f64>,
    /// The first attempt of each phone: its Call-ID, and its begin in nanoseconds since 1970.
    pub(crate) begun: Vec<(String, i64)>,
    /// From the first phone's begin to the last one's registration.
    pub(crate) took_s: f64,
}

/// The process: it tells [`Ready`], waits to go on, tells [`Done`], waits for its end.
pub(crate) fn run(order: &Order) -> Outcome {
    let template = template(order)?;
    let clock = Clock::start();
    let tally = Arc::new(Tally::default());
    let handle = start(order, &clock, &tally)?;
    tell(&Ready { resident: usage::resident_bytes() })?;
    if !may_go_on() {
        return Ok(());
    }
    let began = clock.now();
    begin_all(order, &template, &handle, &tally)?;
    tally.wait_for(order.count)?;
    let took_s = clock.now().since(began).as_secs_f64();
    pause(SETTLE);
    tell(&tally.done(&clock, took_s))?;
    wait_for_end();
    Ok(())
}

fn start(order: &Order, clock: &Clock, tally: &Arc<Tally>) -> Result<Handle<Endpoint>, Failure> {
    let bindings = Bindings {
        udp: vec![order.from],
        listen: vec![(Transport::Tcp, order.from)],
        tls: tls(order)?,
        ..Bindings::default()
    };
    let (slice, attempts) = (order.slice, order.attempts);
    let tally = Arc::clone(tally);
    let events =
        Box::new(move |now, event: Event| tally.lock().take(now, &event.kind, slice, attempts));
    let seed = u64::from_be_bytes(random()?);
    let secret = random()?;
    let mut host = Host::new().map_err(Failure::failed)?;
    let make = |bound: &Bound| {
        Endpoint::new(EndpointConfig {
            seed,
            secret,
            sockets: (0..).map(Socket).zip(bound.udp.iter().copied()).collect(),
            listen: bound.listen.clone(),
            advertise: None,
            resolver: ResolverConfig {
                name_servers: Vec::new(),
                query_timeout: Duration::from_secs(3),
                retry_times: 2,
                serve_stale: None,
                over_tcp: false,
            },
        })
    };
    let plan = Plan { bindings, clock: clock.clone(), events, tap: None };
    let handle = host.add(plan, make).map_err(Failure::failed)?;
    // The loop ends with the process.
    drop(host.spawn("engine").map_err(Failure::failed)?);
    Ok(handle)
}

fn tls(order: &Order) -> Result<TlsSettings, Failure> {
    let Some(pem) = &order.authority else { return Ok(TlsSettings::default()) };
    let authorities = certificates_from_pem(pem.as_bytes(), "the registrar");
    let check = match order.servers {
        Servers::Same(_) => ServerCheck::ChainAndName,
        // The registrar's certificate names the domain, not each of its addresses.
        Servers::Own(_) => ServerCheck::ChainOnly,
    };
    Ok(TlsSettings {
        authorities: authorities.map_err(Failure::failed)?,
        system_roots: SystemRoots::Ignored,
        check,
        ..TlsSettings::default()
    })
}

fn begin_all(
    order: &Order,
    template: &PhoneSettings,
    handle: &Handle<Endpoint>,
    tally: &Tally,
) -> Outcome {
    match order.pace {
        Pace::Together => begin(order, template, handle, 0..order.count),
        Pace::EveryMicros(micros) => (0..order.count).try_for_each(|index| {
            begin(order, template, handle, index..index + 1)?;
            pause(Duration::from_micros(micros));
            Ok(())
        }),
        Pace::Window(window) => {
            let step = window.div_ceil(4).max(1);
            let mut begun = 0;
            while begun < order.count {
                tally.wait_for((begun + step).saturating_sub(window))?;
                let next = (begun + step).min(order.count);
                begin(order, template, handle, begun..next)?;
                begun = next;
            }
            Ok(())
        }
    }
}

/// Gives the engine the phones of `range`, all at one instant of its clock.
fn begin(
    order: &Order,
    template: &PhoneSettings,
    handle: &Handle<Endpoint>,
    range: std::ops::Range<u32>,
) -> Outcome {
    let phones: Vec<_> = range.map(|index| Box::new(phone(order, template, index))).collect();
    let begin = |endpoint: &mut Endpoint, now: Instant| {
        for phone in phones {
            endpoint.command(now, Command::Apply(phone));
        }
    };
    handle.inspect_blocking(begin).map_err(Failure::failed)
}

/// The settings that all phones have in common, read as from a file.
fn template(order: &Order) -> Result<PhoneSettings, Failure> {
    let transport = match order.carrier {
        Carrier::Udp => 0,
        Carrier::Tcp => 1,
        Carrier::Tls => 2,
    };
    let (hops, host) = match &order.servers {
        Servers::Same(hops) => (hops.clone(), DOMAIN.to_owned()),
        Servers::Own(first) => (vec![SocketAddr::V4(*first)], first.ip().to_string()),
    };
    let first = hops.first().ok_or_else(|| Failure::failed("phones without a server"))?;
    let mut text = format!(
        "account.1.enable = 1\n\
         account.1.sip_server.1.address = {host}\n\
         account.1.sip_server.1.port = {}\n\
         account.1.sip_server.1.transport_type = {transport}\n\
         account.1.sip_server.1.expires = 3600\n",
        first.port(),
    );
    if host == DOMAIN {
        for (number, hop) in (1..).zip(hops) {
            text += &format!(
                "dns_cache_a.{number}.name = {host}\ndns_cache_a.{number}.ip = {}\n",
                hop.ip()
            );
        }
    }
    let source = Source { name: "bench.cfg", layer: Layer::Mac, bytes: text.as_bytes() };
    let (layers, findings) = Layers::load(&[source]);
    let (settings, errors) = layers.settings(&Device::default(), &mut Interner::default());
    let problems = findings.iter().map(ToString::to_string);
    match problems.chain(errors.iter().map(ToString::to_string)).next() {
        Some(problem) => Err(Failure::failed(problem)),
        None => Ok(settings),
    }
}

/// Phone `index`: a user of its own, equal policies shared as the reader of files does.
fn phone(order: &Order, template: &PhoneSettings, index: u32) -> PhoneSettings {
    let mut settings = template.clone();
    let [_, high, middle, low] = index.to_be_bytes();
    settings.mac = Mac::new([0x00, 0x15, 0x65, high, middle, low]);
    let user = format!("{}", FIRST_USER + index);
    for account in &mut settings.accounts {
        if let Servers::Own(first) = order.servers {
            let own = Ipv4Addr::from_bits(first.ip().to_bits().saturating_add(index));
            let mut policy = Policy::clone(&account.policy);
            let [server, _] = &mut policy.servers;
            server.address = own.to_string().into();
            account.policy = Arc::new(policy);
        }
        account.identity = Arc::new(Identity {
            label: user.as_str().into(),
            display_name: format!("Phone {user}").into(),
            user_name: user.as_str().into(),
            auth_name: "".into(),
            password: Secret::new(&password_of(&user)),
        });
    }
    settings
}

/// The password that the registrar expects of a user.
pub(crate) fn password_of(user: &str) -> String {
    format!("secret-{user}")
}

/// What became of the phones.
#[derive(Default)]
struct Tally {
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Default)]
struct Counts {
    registered: u32,
    awaited: u32,
    /// The first thing that went wrong.
    trouble: Option<String>,
    cpu: Vec<Duration>,
    slice: u32,
    begun: Vec<(String, Instant)>,
}

struct Locked<'a>(MutexGuard<'a, Counts>, &'a Condvar);

impl Tally {
    fn lock(&self) -> Locked<'_> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        Locked(counts, &self.changed)
    }

    /// Waits until so many are registered.
    fn wait_for(&self, registered: u32) -> Outcome {
        let Locked(mut counts, changed) = self.lock();
        counts.awaited = registered;
        let wait =
            |counts: &mut Counts| counts.registered < counts.awaited && counts.trouble.is_none();
        let waited = changed.wait_timeout_while(counts, PATIENCE, wait);
        let (counts, timed_out) = waited.unwrap_or_else(PoisonError::into_inner);
        match &counts.trouble {
            Some(trouble) => Err(Failure::failed(trouble)),
            None if timed_out.timed_out() => Err(Failure::failed(format!(
                "{} phones are registered, {registered} were awaited",
                counts.registered
            ))),
            None => Ok(()),
        }
    }

    fn done(&self, clock: &Clock, took_s: f64) -> Done {
        let Locked(counts, _) = self.lock();
        // Both clocks run alike: one look at both is enough.
        let now = clock.now();
        let wall = clock_gettime(ClockId::CLOCK_REALTIME).map_or(Duration::ZERO, Duration::from);
        let wall = |at: Instant| {
            i64::try_from(wall.saturating_sub(now.since(at)).as_nanos()).unwrap_or(i64::MAX)
        };
        let slices = counts.cpu.iter().zip(counts.cpu.iter().skip(1));
        let rates = slices.map(|(from, to)| f64::from(counts.slice) / (*to - *from).as_secs_f64());
        Done {
            resident: usage::resident_bytes(),
            rates: rates.collect(),
            begun: counts.begun.iter().map(|(call_id, at)| (call_id.clone(), wall(*at))).collect(),
            took_s,
        }
    }
}

impl Locked<'_> {
    fn take(mut self, now: Instant, event: &EventKind, slice: u32, attempts: Attempts) {
        let Self(counts, changed) = &mut self;
        if let EventKind::Registered { .. } = event {
            counts.registered += 1;
            if slice > 0 && (counts.registered - 1).is_multiple_of(slice) {
                counts.slice = slice;
                counts.cpu.push(usage::cpu_time());
            }
            if counts.registered == counts.awaited {
                changed.notify_all();
            }
        } else if let EventKind::RegistrationFailed { why, .. } = event {
            counts.trouble.get_or_insert(format!("a registration failed: {why}"));
            changed.notify_all();
        } else if let EventKind::AttemptStarted(attempt) = event
            && attempts == Attempts::Told
            && attempt.nth == 1
        {
            counts.begun.push((attempt.call_id.clone(), now));
        }
    }
}

/// The first phone's user; all have seven figures.
const FIRST_USER: u32 = 2_000_000;
/// No step of a measurement takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// What is under way ends in this time.
const SETTLE: Duration = Duration::from_secs(1);
