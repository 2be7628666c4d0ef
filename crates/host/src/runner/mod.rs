use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::net::IpAddr;
use std::task::{Context, Poll};

use net::{Cause, Conn, Input, Instant, Node, Output, Socket};

use crate::alarm::Alarm;
use crate::handle::{Done, Inbox, Order};
use crate::wire::Mute;
use crate::{BindError, Bindings, Bound, Clock, Handle, Plan, Turn, udp};
use datagrams::{Datagram, Slot};
use streams::Streams;
use watch::Watch;

mod datagrams;
mod streams;
mod watch;

/// A node with its sockets: the one loop that runs phones, registrars and name servers alike.
///
/// A turn reads at most so many datagrams, chunks and orders, wakes the node if something is due,
/// and then sends. Sockets are read before a due time is acted on, so that an answer that has come
/// is seen before the timer that would call it missing.
pub(crate) struct Runner<N: Node> {
    node: N,
    clock: Clock,
    watch: Watch<N::Event>,
    bindings: Bindings,
    fate: Fate,
    alarm: Alarm,
    ports: BTreeMap<Socket, Slot>,
    streams: Streams,
    inbox: Inbox<N>,
    orders: Vec<Order<N>>,
    /// Turns of the switch that are done here, and take effect once the sessions have run.
    turned: Vec<(Done, Result<(), BindError>)>,
    outbox: VecDeque<Datagram>,
    answers: VecDeque<Answer>,
    buffer: Vec<u8>,
    quote: Vec<u8>,
}

/// What the switch of the sockets says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Up,
    Down,
    Blackhole,
    Stopped,
}

/// What the node hears at once, after what it has put out was taken.
enum Answer {
    Route { to: IpAddr, from: Result<IpAddr, Cause> },
    Closed { conn: Conn, cause: Cause },
}

/// Whether more work waits than one turn may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Load {
    Done,
    More,
}

impl<N: Node + 'static> Runner<N> {
    /// Opens the sockets of `plan` and makes the node.
    pub(crate) fn bind(
        plan: Plan<N::Event>,
        make: impl FnOnce(&Bound) -> N,
    ) -> Result<(Self, Handle<N>), BindError> {
        let mut bindings = plan.bindings;
        let ports = datagrams::bind(&mut bindings)?;
        let streams = Streams::bind(&mut bindings)?;
        let bound = Bound { udp: bindings.udp.clone(), listen: bindings.listen.clone() };
        let node = make(&bound);
        let (handle, inbox) = Handle::new(bound);
        let runner = Self {
            node,
            clock: plan.clock,
            watch: Watch::new(plan.events, plan.tap),
            bindings,
            fate: Fate::Up,
            alarm: Alarm::new()?,
            ports,
            streams,
            inbox,
            orders: Vec::with_capacity(ORDERS_A_TURN),
            turned: Vec::new(),
            outbox: VecDeque::new(),
            answers: VecDeque::new(),
            buffer: vec![0; DATAGRAM_LIMIT],
            quote: vec![0; QUOTE_LIMIT],
        };
        Ok((runner, handle))
    }

    /// Runs the node until it is stopped.
    pub(crate) async fn run(mut self) {
        let now = self.clock.now();
        self.carry_out(now);
        while self.fate != Fate::Stopped {
            let mut rested = false;
            poll_fn(|cx| {
                let wake = self.poll_wake(cx);
                rested |= wake.is_pending();
                wake
            })
            .await;
            let load = self.turn();
            if load == Load::More || !rested || !self.turned.is_empty() {
                // The runtime looks after sockets and connections only while the node waits.
                tokio::task::yield_now().await;
            }
            if self.fate != Fate::Stopped {
                tell(&mut self.turned);
            }
        }
        self.send_all();
        self.ports.clear();
        self.streams.close().await;
        tell(&mut self.turned);
    }

    /// Ready when there is anything to do. While nothing is, not one system call is made.
    fn poll_wake(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let due = self.next_timeout();
        let mut ready = !self.outbox.is_empty() || due.is_some_and(|due| due <= self.clock.now());
        if !ready {
            // Without its alarm the node would sleep for ever: better it wakes too often.
            ready |= self.alarm.set(due, &self.clock).is_err();
        }
        ready |= self.alarm.poll(cx).is_ready();
        for slot in self.ports.values_mut() {
            ready |= slot.poll(cx).is_ready();
        }
        ready |= self.streams.poll(cx, self.fate).is_ready();
        if self.orders.is_empty() {
            ready |= self.poll_orders(cx).is_ready();
        }
        ready |= self.poll_switch(cx).is_ready();
        if ready { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_orders(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.inbox.orders.poll_recv_many(cx, &mut self.orders, ORDERS_A_TURN) {
            Poll::Ready(0) => {
                // The last handle is gone.
                self.stop();
                Poll::Ready(())
            }
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_switch(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.inbox.switch.poll_recv(cx) {
            Poll::Ready(Some((turn, done))) => {
                let outcome = self.switch(turn);
                self.turned.push((done, outcome));
                Poll::Ready(())
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn turn(&mut self) -> Load {
        let mut load = self.read_datagrams();
        if self.outbox.len() < OUTBOX_LIMIT {
            load = load.max(self.read_streams());
            self.take_orders();
            self.wake_if_due();
        }
        load = self.send_datagrams().max(load);
        if load == Load::Done {
            self.watch.settle(self.clock.now());
        }
        load
    }

    fn take_orders(&mut self) {
        let mut orders = std::mem::take(&mut self.orders);
        for order in orders.drain(..) {
            let now = self.clock.now();
            match order {
                Order::Command(command) => self.node.command(now, command),
                Order::Inspect(look) => look(&mut self.node, now),
            }
            self.carry_out(now);
        }
        self.orders = orders;
    }

    fn wake_if_due(&mut self) {
        let now = self.clock.now();
        if self.node.next_timeout().is_some_and(|(due, _)| due <= now) {
            self.feed(Input::Timeout);
        }
    }

    /// When the node, or the executor itself, is to be woken.
    fn next_timeout(&self) -> Option<Instant> {
        let node = self.node.next_timeout().map(|(due, _)| due);
        node.into_iter().chain(self.streams.next_timeout()).min()
    }

    fn switch(&mut self, turn: Turn) -> Result<(), BindError> {
        match turn {
            Turn::Up => {
                self.open_sockets()?;
                self.streams.mute(Mute::Off);
                self.fate = Fate::Up;
            }
            Turn::Blackhole => {
                self.open_sockets()?;
                self.streams.mute(Mute::On);
                self.fate = Fate::Blackhole;
            }
            Turn::Down => {
                self.fate = Fate::Down;
                self.ports.clear();
                self.outbox.clear();
                for conn in self.streams.cut() {
                    self.feed(Input::Closed { conn, cause: Cause::Reset });
                }
            }
            Turn::Certificate(own) => self.streams.show(&own)?,
            Turn::Stop => self.stop(),
        }
        Ok(())
    }

    fn stop(&mut self) {
        if self.fate != Fate::Up {
            self.outbox.clear();
        }
        self.fate = Fate::Stopped;
    }

    /// Opens what [`Turn::Down`] has closed.
    fn open_sockets(&mut self) -> Result<(), BindError> {
        if self.fate == Fate::Down {
            let ports = datagrams::bind(&mut self.bindings)?;
            self.streams.listen_again(&mut self.bindings)?;
            self.ports = ports;
        }
        Ok(())
    }

    /// Sends what the node has put out before it was stopped, as far as the system takes it.
    fn send_all(&mut self) {
        for _ in 0..LAST_TURNS {
            if self.send_datagrams() == Load::Done {
                return;
            }
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        let now = self.clock.now();
        self.node.handle(now, input);
        self.carry_out(now);
    }

    /// Takes what the node has put out, until it has nothing more to say.
    fn carry_out(&mut self, now: Instant) {
        loop {
            while let Some(output) = self.node.poll_output() {
                self.take_output(now, output);
            }
            let Some(answer) = self.answers.pop_front() else { return };
            match answer {
                Answer::Route { to, from } => self.node.handle(now, Input::Route { to, from }),
                Answer::Closed { conn, cause } => {
                    self.node.handle(now, Input::Closed { conn, cause });
                }
            }
        }
    }

    fn take_output(&mut self, now: Instant, output: Output<N::Event>) {
        match output {
            Output::Datagram { socket, to, bytes } => {
                self.outbox.push_back(Datagram { socket, to, bytes });
            }
            Output::OpenAsk { socket, to } => {
                self.ports.insert(socket, Slot::ask(to));
            }
            // What waits for it in this turn is of no interest any more.
            Output::CloseAsk { socket } => {
                self.ports.remove(&socket);
            }
            Output::Route { to } => {
                let from = self.bindings.source_for(to).map_or_else(|| udp::source_for(to), Ok);
                self.answers.push_back(Answer::Route { to, from });
            }
            Output::Event(event) => self.watch.event(now, event),
            Output::Connect { conn, to, deadline } => self.connect(now, conn, &to, deadline),
            Output::Write { conn, bytes } => self.write(now, conn, bytes),
            Output::Close { conn } => self.close(conn),
        }
    }
}

/// Tells those who turned the switch that it has taken effect.
fn tell(turned: &mut Vec<(Done, Result<(), BindError>)>) {
    for (done, outcome) in turned.drain(..) {
        // They may have gone away meanwhile.
        drop(done.send(outcome));
    }
}

const ORDERS_A_TURN: usize = 16;
/// While so many datagrams wait to be sent, the node is given nothing that makes it send more.
const OUTBOX_LIMIT: usize = 4096;
/// Turns in which a node that was stopped gets rid of what it has put out.
const LAST_TURNS: usize = 256;
const DATAGRAM_LIMIT: usize = 65_536;
/// What an ICMP error quotes is at most this long (RFC 1812 §4.3.2.3: 576; Linux quotes 520 of ours).
const QUOTE_LIMIT: usize = 2048;
