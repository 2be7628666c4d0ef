use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use tokio::task::JoinSet;

use net::{Instant, Node, Transport};

use crate::runner::Runner;
use crate::{Bound, Clock, Handle, ReceiveBuffer, Tap};

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
