use std::io;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;
use tokio::task::JoinSet;

use net::{Instant, Node, Transport};

use crate::runner::Runner;
use crate::{Bound, Clock, Handle, ReceiveBuffer, Tap, TlsError, TlsSettings};

/// One thread's loop, and the nodes that live in it.
pub struct Host {
    runtime: tokio::runtime::Runtime,
    nodes: JoinSet<()>,
}

/// What a node needs to live in a [`Host`].
pub struct Plan<E> {
    /// Its sockets.
    pub bindings: Bindings,
    /// Its time.
    pub clock: Clock,
    /// Takes its events, in the node's loop: it must not wait for anything.
    pub events: Box<dyn FnMut(Instant, E) + Send>,
    /// Looks on at its packets.
    pub tap: Option<Box<dyn Tap>>,
}

/// The sockets of a node.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// Datagram sockets, `net::Socket(0)` first; port 0 takes a free one.
    pub udp: Vec<SocketAddr>,
    /// How much each of them may hold that was not received yet.
    pub receive_buffer: ReceiveBuffer,
    /// Listeners, TCP or TLS; port 0 takes a free one.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Certificates of TLS, for listeners and for outgoing connections.
    pub tls: TlsSettings,
    /// Connections that one far end (an IPv4 address, an IPv6 /64) may have open here.
    pub connections_from_one: ConnectionLimit,
}

impl Bindings {
    /// The address that everything for `to` leaves from, where the owner chose one: that of the
    /// first datagram socket of its family, unless it is bound to all addresses.
    pub(crate) fn source_for(&self, to: IpAddr) -> Option<IpAddr> {
        let mut family = self.udp.iter().filter(|own| own.is_ipv4() == to.is_ipv4());
        family.next().map(SocketAddr::ip).filter(|own| !own.is_unspecified())
    }
}

/// How many connections one far end may have open at a node. Behaviour §9: 100, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimit(pub u32);

impl Default for ConnectionLimit {
    fn default() -> Self {
        Self(100)
    }
}

/// Why sockets could not be opened.
#[derive(Debug, Error)]
pub enum BindError {
    /// One address could not be bound.
    #[error("cannot listen at {transport}/{addr}: {source}")]
    Address {
        /// For which transport.
        transport: Transport,
        /// Which.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The system gave no event loop or timer.
    #[error("cannot set up an event loop: {0}")]
    System(#[from] io::Error),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

impl Host {
    /// A loop without nodes.
    pub fn new() -> Result<Self, BindError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, nodes: JoinSet::new() })
    }

    /// Binds the sockets of `plan`, makes the node, which may want to know its addresses, and adds
    /// it. It does nothing until [`Host::run`].
    pub fn add<N>(
        &mut self,
        plan: Plan<N::Event>,
        make: impl FnOnce(&Bound) -> N,
    ) -> Result<Handle<N>, BindError>
    where
        N: Node + Send + 'static,
        N::Command: Send,
        N::Event: 'static,
    {
        let _context = self.runtime.enter();
        let (runner, handle) = Runner::bind(plan, make)?;
        self.nodes.spawn_on(runner.run(), self.runtime.handle());
        Ok(handle)
    }

    /// Runs until every node has stopped. A node that panics takes the loop with it.
    pub fn run(mut self) {
        self.runtime.block_on(async {
            while let Some(ended) = self.nodes.join_next().await {
                if let Err(error) = ended
                    && let Ok(panic) = error.try_into_panic()
                {
                    std::panic::resume_unwind(panic);
                }
            }
        });
    }

    /// Runs in a thread of its own.
    pub fn spawn(self, name: &str) -> io::Result<std::thread::JoinHandle<()>> {
        std::thread::Builder::new().name(name.to_owned()).spawn(move || self.run())
    }
}
