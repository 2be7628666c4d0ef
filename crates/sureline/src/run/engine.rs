//! The engine on real sockets, in a thread of its own, with its events in a log.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use desk::{About, EventBody, EventLog, Stamp};
use host::pcap::Capture;
use host::{Bindings, Bound, Clock, Handle, Plan, ServerCheck, SystemRoots, Turn};
use jiff::Timestamp;
use locate::ResolverConfig;
use net::{Instant, Socket, Transport};
use params::{CaList, PhoneSettings};
use phone::{Command, Endpoint, EndpointConfig};
use tokio::sync::watch;

use super::audio::{Audio, AudioConfig};
use super::capture::{Annotator, Onlookers};
use super::journal::Journal;
use super::teller::Teller;
use crate::hosted::hosted;
use crate::name_servers::NameServers;
use crate::out::{Failure, Outcome, complain};
use crate::state::random;

/// What an engine is made of.
pub(crate) struct EngineConfig {
    /// Where SIP is taken, UDP and TCP.
    pub(crate) sip: Vec<SocketAddr>,
    pub(crate) advertise: Option<IpAddr>,
    pub(crate) name_servers: NameServers,
    pub(crate) dns: params::DnsSettings,
    pub(crate) secret: [u8; 16],
    pub(crate) tls: host::TlsSettings,
    pub(crate) capture: Option<Capture>,
    pub(crate) audio: AudioConfig,
    pub(crate) clock: Clock,
}

/// A running engine.
pub(crate) struct Engine {
    pub(crate) handle: Handle<Endpoint>,
    pub(crate) clock: Clock,
    pub(crate) log: EventLog,
    pub(crate) journal: Journal,
    pub(crate) audio: Audio,
    pub(crate) name_servers: NameServers,
    teller: Teller,
    capture: Option<Capture>,
    stopped: watch::Receiver<bool>,
    thread: JoinHandle<()>,
    audio_thread: JoinHandle<()>,
}

/// The engine ends itself within 2 s; past this it is ended.
const STOP_WITHIN: Duration = Duration::from_millis(2500);

impl Engine {
    /// Binds the sockets and starts the thread; there are no phones yet.
    pub(crate) fn start(config: EngineConfig) -> Result<Self, Failure> {
        let EngineConfig { sip, advertise, name_servers, dns, secret, tls, capture, audio, clock } =
            config;
        let resolver = resolver(name_servers.with(&dns), &dns);
        let seed = u64::from_be_bytes(random()?);
        let (log, journal) = (EventLog::new(), Journal::default());
        let (stop, stopped) = watch::channel(false);
        let teller = Teller::new(log.clone(), clock.clone(), stop);
        let (audio, prepared) = Audio::prepare(audio, &clock, teller.clone());
        let plan = Plan {
            bindings: Bindings {
                listen: sip.iter().map(|addr| (Transport::Tcp, *addr)).collect(),
                udp: sip,
                tls,
                ..Bindings::default()
            },
            clock: clock.clone(),
            events: sink(teller.clone(), audio.clone(), capture.clone()),
            tap: Some(Box::new(Onlookers { journal: journal.clone(), capture: capture.clone() })),
        };
        let make = move |bound: &Bound| {
            Endpoint::new(EndpointConfig {
                seed,
                secret,
                sockets: (0..).map(Socket).zip(bound.udp.iter().copied()).collect(),
                listen: bound.listen.clone(),
                advertise,
                resolver,
            })
        };
        let (handle, thread) = hosted("engine", |host| {
            host.add(plan, make).map_err(|error| {
                Failure::misused(format!("{error}: name another address with --sip ADDR:PORT"))
            })
        })?;
        let audio_thread = prepared.start(handle.clone())?;
        Ok(Self {
            handle,
            clock,
            log,
            journal,
            audio,
            name_servers,
            teller,
            capture,
            stopped,
            thread,
            audio_thread,
        })
    }

    /// Where SIP is taken, as events name it.
    pub(crate) fn sip(&self) -> Vec<String> {
        let bound = self.handle.bound();
        let udp = bound.udp.iter().map(|addr| (Transport::Udp, *addr));
        let all = udp.chain(bound.listen.iter().copied());
        all.map(|(transport, addr)| format!("{transport}/{addr}")).collect()
    }

    /// Tells a phone its settings: a phone that is not known is added.
    pub(crate) async fn apply(&self, settings: PhoneSettings) -> Outcome {
        self.audio.know(&settings);
        let order = Command::Apply(Box::new(settings));
        self.handle.command(order).await.map_err(Failure::failed)
    }

    /// Tells something of the process itself.
    pub(crate) fn tell(&self, about: About, body: EventBody) {
        let now = self.clock.now();
        self.log.push(now, &stamp(&self.clock, now), about, body);
    }

    /// Unregisters everything, ends the thread and closes the log.
    pub(crate) async fn stop(mut self) {
        if self.handle.command(Command::Stop).await.is_ok() {
            let stopped = self.stopped.wait_for(|stopped| *stopped);
            // Whatever the servers do, the process ends.
            drop(tokio::time::timeout(STOP_WITHIN, stopped).await);
        }
        drop(self.handle.switch().turn(Turn::Stop).await);
        drop(self.handle);
        drop(self.thread.join());
        self.audio.end();
        drop(self.audio_thread.join());
        self.teller.flush();
        self.log.close();
        if let Some(Err(error)) = self.capture.map(|capture| capture.finish()) {
            complain(&format!("the capture is not complete: {error}"));
        }
    }
}

/// The wall clock of an instant.
pub(crate) fn stamp(clock: &Clock, at: Instant) -> Stamp {
    let micros = i64::try_from(clock.wall(at).as_unix_micros()).unwrap_or(i64::MAX);
    Stamp::new(at, Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX))
}

fn sink(
    teller: Teller,
    audio: Audio,
    capture: Option<Capture>,
) -> Box<dyn FnMut(Instant, phone::Event) + Send> {
    let mut annotator = capture.map(Annotator::new);
    Box::new(move |now, event| {
        if let Some(annotator) = &mut annotator {
            annotator.event(&event);
        }
        audio.event(&event);
        teller.event(now, event);
    })
}

/// The addresses given; else those of IPv4 and, where this machine has it, of IPv6, so that servers
/// of both families are reached.
pub(crate) fn sip_addresses(given: &[SocketAddr], port: u16) -> Vec<SocketAddr> {
    if !given.is_empty() {
        return given.to_vec();
    }
    let four = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), port);
    let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    let has_six = std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    if has_six { vec![four, six] } else { vec![four] }
}

/// Whom TLS connections of the phone trust, as its settings say.
pub(crate) fn tls(settings: &params::TlsSettings) -> Result<host::TlsSettings, Failure> {
    let own = &settings.ca_url;
    let authorities = match (settings.ca_cert, own.is_empty()) {
        (CaList::BuiltIn, _) | (_, true) => Vec::new(),
        (CaList::Custom | CaList::All, false) => host::certificates_from_file(Path::new(&**own))
            .map_err(|error| {
                Failure::misused(format!("static.trusted_certificates.url = {own}: {error}"))
            })?,
    };
    let check = match (settings.trust_certificates, settings.cn_validation) {
        (true, true) => ServerCheck::ChainAndName,
        (true, false) => ServerCheck::ChainOnly,
        (false, _) => ServerCheck::Nothing,
    };
    let system_roots = match settings.ca_cert {
        CaList::BuiltIn | CaList::All => SystemRoots::Trusted,
        CaList::Custom => SystemRoots::Ignored,
    };
    Ok(host::TlsSettings { authorities, system_roots, check, client: None, server: None })
}

/// A resolver that asks these name servers, as the settings of the phone say.
pub(crate) fn resolver(
    name_servers: Vec<SocketAddr>,
    settings: &params::DnsSettings,
) -> ResolverConfig {
    ResolverConfig {
        name_servers,
        query_timeout: Duration::from_secs(settings.query_timeout_s.into()),
        retry_times: u16::try_from(settings.retry_times).unwrap_or(u16::MAX),
        serve_stale: settings.last_cache_expired_s.map(|s| Duration::from_secs(s.into())),
        over_tcp: settings.over_tcp,
    }
}

/// What an I/O error means to somebody who named `path`.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::misused(format!("{}: {error}", path.display()))
}
