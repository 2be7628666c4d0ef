use std::any::Any;
use std::fmt;
use std::marker::PhantomData;

use net::{Input, Instant, Node, Output, Reason};

/// Names a node of a [`crate::World`] together with its type.
pub struct Handle<N> {
    pub(crate) index: usize,
    kind: PhantomData<fn() -> N>,
}

impl<N> Handle<N> {
    pub(crate) const fn new(index: usize) -> Self {
        Self { index, kind: PhantomData }
    }
}

impl<N> Clone for Handle<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Handle<N> {}

impl<N> fmt::Debug for Handle<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.index)
    }
}

/// A node whose commands and events are out of sight, so that nodes of any types share a world.
pub(crate) trait Erased {
    fn handle(&mut self, now: Instant, input: Input<'_>);
    /// The next output that concerns the network; events go to the node's log.
    fn poll_network(&mut self, now: Instant) -> Option<Output<()>>;
    fn next_timeout(&self) -> Option<(Instant, Reason)>;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A node and the events it has told so far.
pub(crate) struct Logged<N: Node> {
    pub(crate) node: N,
    pub(crate) events: Vec<(Instant, N::Event)>,
}

impl<N> Erased for Logged<N>
where
    N: Node + 'static,
    N::Event: 'static,
{
    fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.node.handle(now, input);
    }

    fn poll_network(&mut self, now: Instant) -> Option<Output<()>> {
        loop {
            return Some(match self.node.poll_output()? {
                Output::Event(event) => {
                    self.events.push((now, event));
                    continue;
                }
                Output::Datagram { socket, to, bytes } => Output::Datagram { socket, to, bytes },
                Output::Connect { conn, to, deadline } => Output::Connect { conn, to, deadline },
                Output::Write { conn, bytes } => Output::Write { conn, bytes },
                Output::Close { conn } => Output::Close { conn },
                Output::OpenAsk { socket, to } => Output::OpenAsk { socket, to },
                Output::CloseAsk { socket } => Output::CloseAsk { socket },
                Output::Route { to } => Output::Route { to },
            });
        }
    }

    fn next_timeout(&self) -> Option<(Instant, Reason)> {
        self.node.next_timeout()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
