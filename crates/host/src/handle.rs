use std::net::SocketAddr;
use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use net::{Instant, Node, Transport};

use crate::{BindError, Credentials};

/// The addresses that a node is reached at, in the order of its [`crate::Bindings`], with the ports
/// that the system chose where 0 was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// Datagram sockets: the first is `net::Socket(0)`.
    pub udp: Vec<SocketAddr>,
    /// Listeners.
    pub listen: Vec<(Transport, SocketAddr)>,
}

/// The owner's hold on a running node. The node stops when the last clone is dropped.
pub struct Handle<N: Node> {
    orders: mpsc::Sender<Order<N>>,
    switch: Switch,
    bound: Arc<Bound>,
}

impl<N: Node> Clone for Handle<N> {
    fn clone(&self) -> Self {
        Self {
            orders: self.orders.clone(),
            switch: self.switch.clone(),
            bound: Arc::clone(&self.bound),
        }
    }
}

impl<N: Node + 'static> Handle<N> {
    /// A handle and what its node listens to.
    pub(crate) fn new(bound: Bound) -> (Self, Inbox<N>) {
        let (orders, taken) = mpsc::channel(ORDER_LIMIT);
        let (switch, turned) = mpsc::channel(SWITCH_LIMIT);
        let handle = Self { orders, switch: Switch(switch), bound: Arc::new(bound) };
        (handle, Inbox { orders: taken, switch: turned })
    }

    /// Where the node is reached.
    #[must_use]
    pub fn bound(&self) -> &Bound {
        &self.bound
    }

    /// The switch of its sockets; outlives no node, and keeps none running.
    #[must_use]
    pub fn switch(&self) -> Switch {
        self.switch.clone()
    }

    /// Hands a command to the node without waiting.
    pub fn try_command(&self, command: N::Command) -> Result<(), Refused> {
        self.orders.try_send(Order::Command(command)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Refused::Full,
            mpsc::error::TrySendError::Closed(_) => Refused::Stopped,
        })
    }

    /// Hands a command to the node, waiting for room.
    pub async fn command(&self, command: N::Command) -> Result<(), Refused> {
        self.orders.send(Order::Command(command)).await.map_err(|_| Refused::Stopped)
    }

    /// As [`Handle::command`], from a thread that runs no async code.
    pub fn command_blocking(&self, command: N::Command) -> Result<(), Refused> {
        self.orders.blocking_send(Order::Command(command)).map_err(|_| Refused::Stopped)
    }

    /// Runs `look` between two turns of the node, after the commands given before it; what it makes
    /// the node put out is carried out.
    pub async fn inspect<R: Send + 'static>(
        &self,
        look: impl FnOnce(&mut N, Instant) -> R + Send + 'static,
    ) -> Result<R, Refused> {
        let (order, seen) = inspection(look);
        self.orders.send(order).await.map_err(|_| Refused::Stopped)?;
        seen.await.map_err(|_| Refused::Stopped)
    }

    /// As [`Handle::inspect`], from a thread that runs no async code.
    pub fn inspect_blocking<R: Send + 'static>(
        &self,
        look: impl FnOnce(&mut N, Instant) -> R + Send + 'static,
    ) -> Result<R, Refused> {
        let (order, seen) = inspection(look);
        self.orders.blocking_send(order).map_err(|_| Refused::Stopped)?;
        seen.blocking_recv().map_err(|_| Refused::Stopped)
    }
}

/// Turns a node's sockets off and on, as faults of a server do, and stops it.
#[derive(Clone)]
pub struct Switch(mpsc::Sender<(Turn, Done)>);

impl Switch {
    /// Does `turn`; returns when it has taken effect.
    pub async fn turn(&self, turn: Turn) -> Result<(), BindError> {
        let (done, outcome) = oneshot::channel();
        self.0.send((turn, done)).await.map_err(|_| BindError::Stopped)?;
        outcome.await.map_err(|_| BindError::Stopped)?
    }

    /// As [`Switch::turn`], from a thread that runs no async code.
    pub fn turn_blocking(&self, turn: Turn) -> Result<(), BindError> {
        let (done, outcome) = oneshot::channel();
        self.0.blocking_send((turn, done)).map_err(|_| BindError::Stopped)?;
        outcome.blocking_recv().map_err(|_| BindError::Stopped)?
    }
}

/// What a [`Switch`] can do.
#[derive(Clone, Debug)]
pub enum Turn {
    /// Opens every socket again, at the addresses that were bound first, and lets packets through.
    Up,
    /// Closes every socket as a killed process does: datagrams meet ICMP, connections a reset.
    Down,
    /// Keeps the sockets and lets nothing through, in or out: no answer, no ICMP, no reset.
    Blackhole,
    /// Shows another certificate to those who connect from then on.
    Certificate(Credentials),
    /// Ends the node: what it has put out is sent, connections are closed in order.
    Stop,
}

/// Why an order did not reach its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// 256 orders wait already.
    #[error("the node is busy")]
    Full,
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
}

/// What a node's owner sends it.
pub(crate) enum Order<N: Node> {
    Command(N::Command),
    Inspect(Look<N>),
}

/// What an owner does with its node between two turns.
type Look<N> = Box<dyn FnOnce(&mut N, Instant) + Send>;

/// The receiving ends of a [`Handle`].
pub(crate) struct Inbox<N: Node> {
    pub(crate) orders: mpsc::Receiver<Order<N>>,
    pub(crate) switch: mpsc::Receiver<(Turn, Done)>,
}

/// Where the outcome of a turn of the switch is waited for.
pub(crate) type Done = oneshot::Sender<Result<(), BindError>>;

fn inspection<N: Node, R: Send + 'static>(
    look: impl FnOnce(&mut N, Instant) -> R + Send + 'static,
) -> (Order<N>, oneshot::Receiver<R>) {
    let (show, seen) = oneshot::channel();
    let look = move |node: &mut N, now: Instant| {
        // Whoever asked may have gone away meanwhile.
        drop(show.send(look(node, now)));
    };
    (Order::Inspect(Box::new(look)), seen)
}

const ORDER_LIMIT: usize = 256;
const SWITCH_LIMIT: usize = 8;
