//! Addresses of servers, by the phone's own resolver.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use host::{BindError, Bindings, Clock, Handle, Host, Plan};
use locate::{
    LocatePolicy, Located, LocationId, Locator, Progress, ResolverConfig, Target, TransportType,
};
use net::{Input, Instant, Node, Output, Reason, Rng};
use tokio::sync::oneshot;

use crate::FetcherError;

/// How names of servers are resolved: as those of SIP servers are, static records included.
#[derive(Clone, Debug, Default)]
pub struct NameSettings {
    /// The name servers.
    pub resolver: ResolverConfig,
    /// Static records, address families, caching.
    pub policy: Arc<LocatePolicy>,
}

/// A resolver in a thread of its own.
pub(crate) struct Names {
    handle: Handle<Finder>,
    _thread: JoinHandle<()>,
}

/// A host and port whose addresses are wanted, and where to say them.
pub(crate) struct Wanted {
    host: Box<str>,
    port: u16,
    answer: oneshot::Sender<Vec<SocketAddr>>,
}

/// An answer that is ready, on its way out of the node.
pub(crate) struct Said {
    answer: oneshot::Sender<Vec<SocketAddr>>,
    addresses: Vec<SocketAddr>,
}

/// The locator of the engine, alone.
pub(crate) struct Finder {
    locator: Locator,
    policy: Arc<LocatePolicy>,
    waiting: BTreeMap<LocationId, Vec<oneshot::Sender<Vec<SocketAddr>>>>,
    said: Vec<Said>,
}

impl Names {
    pub(crate) fn start(
        settings: NameSettings,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, FetcherError> {
        let (sender, made) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("file servers".to_owned());
        // Its event loop begins and ends in its own thread.
        let live = move || match node(settings, clock, seed) {
            Ok((host, handle)) => {
                if sender.send(Ok(handle)).is_ok() {
                    host.run();
                }
            }
            Err(error) => drop(sender.send(Err(error))),
        };
        let thread = thread.spawn(live).map_err(FetcherError::Thread)?;
        let made = made.recv().map_err(|_| FetcherError::Thread(io::ErrorKind::BrokenPipe.into()));
        Ok(Self { handle: made??, _thread: thread })
    }

    /// The addresses of a host, the best first; none where nobody knows any.
    pub(crate) async fn find(&self, host: &str, port: u16) -> Vec<SocketAddr> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return vec![SocketAddr::new(ip, port)];
        }
        let (answer, answered) = oneshot::channel();
        let wanted = Wanted { host: host.into(), port, answer };
        match self.handle.command(wanted).await {
            Ok(()) => answered.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        }
    }
}

fn node(
    settings: NameSettings,
    clock: Clock,
    seed: u64,
) -> Result<(Host, Handle<Finder>), BindError> {
    let NameSettings { resolver, policy } = settings;
    let mut host = Host::new()?;
    let plan = Plan {
        bindings: Bindings::default(),
        clock,
        // Nobody waits any more where an attempt was given up.
        events: Box::new(|_, said: Said| drop(said.answer.send(said.addresses))),
        tap: None,
    };
    let finder = Finder {
        locator: Locator::new(resolver, Rng::new(seed)),
        policy,
        waiting: BTreeMap::new(),
        said: Vec::new(),
    };
    let handle = host.add(plan, |_| finder)?;
    Ok((host, handle))
}

impl Finder {
    fn say(&mut self, located: &Located) {
        let addresses = addresses(&located.progress);
        for answer in self.waiting.remove(&located.id).unwrap_or_default() {
            self.locator.release(located.id);
            self.said.push(Said { answer, addresses: addresses.clone() });
        }
    }
}

impl Node for Finder {
    type Command = Wanted;
    type Event = Said;

    fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.locator.handle(now, input);
    }

    fn command(&mut self, now: Instant, wanted: Wanted) {
        let Wanted { host, port, answer } = wanted;
        // A port that is given means address records alone (RFC 3263 §4.2).
        let target = Target { host, port, transport: TransportType::Tcp };
        let id = self.locator.location(target, Arc::clone(&self.policy));
        self.waiting.entry(id).or_default().push(answer);
        match self.locator.locate(now, id) {
            Progress::Pending => {}
            progress @ (Progress::Ready(_) | Progress::Nothing(_)) => {
                self.say(&Located { id, progress });
            }
        }
    }

    fn poll_output(&mut self) -> Option<Output<Said>> {
        loop {
            if let Some(said) = self.said.pop() {
                return Some(Output::Event(said));
            }
            match relayed(self.locator.poll_output()?) {
                Ok(output) => return Some(output),
                Err(located) => self.say(&located),
            }
        }
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.locator.next_timeout()
    }
}

fn addresses(progress: &Progress) -> Vec<SocketAddr> {
    match progress {
        Progress::Ready(hops) => hops.order(0).iter().map(|hop| hop.addr).collect(),
        Progress::Pending | Progress::Nothing(_) => Vec::new(),
    }
}

fn relayed(output: Output<Located>) -> Result<Output<Said>, Located> {
    Ok(match output {
        Output::Event(located) => return Err(located),
        Output::Datagram { socket, to, bytes } => Output::Datagram { socket, to, bytes },
        Output::Connect { conn, to, deadline } => Output::Connect { conn, to, deadline },
        Output::Write { conn, bytes } => Output::Write { conn, bytes },
        Output::Close { conn } => Output::Close { conn },
        Output::OpenAsk { socket, to } => Output::OpenAsk { socket, to },
        Output::CloseAsk { socket } => Output::CloseAsk { socket },
        Output::Route { to } => Output::Route { to },
    })
}
