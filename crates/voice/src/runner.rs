//! The thread: orders, packets, time.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use host::Clock;
use media::Port;
use net::{Instant, Rng};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use tokio::sync::oneshot;

use crate::call::{Began, Call};
use crate::order::{Act, Order};
use crate::pair::{Pair, Scratch};
use crate::report::Reports;
use crate::{CallKey, Figures, Report};

pub(crate) struct Runner {
    clock: Clock,
    rng: Rng,
    reports: Reports,
    /// By serial number; the sockets of a running stream are known to `readable` by it.
    calls: BTreeMap<u64, Call>,
    serials: BTreeMap<CallKey, u64>,
    next_serial: u64,
    readable: Epoll,
    events: Vec<EpollEvent>,
    scratch: Scratch,
    /// Recordings that may not be complete.
    writers: Vec<JoinHandle<()>>,
}

impl Runner {
    pub(crate) fn new(clock: Clock, rng: Rng, reports: Reports) -> std::io::Result<Self> {
        Ok(Self {
            clock,
            rng,
            reports,
            calls: BTreeMap::new(),
            serials: BTreeMap::new(),
            next_serial: 0,
            readable: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            events: vec![EpollEvent::empty(); EVENTS_MAX],
            scratch: Scratch::new(),
            writers: Vec::new(),
        })
    }

    /// Runs until nobody is left who could give an order.
    pub(crate) fn run(mut self, orders: &Receiver<Order>) {
        while let Ok(first) = self.wait(orders) {
            for order in first.into_iter().chain(orders.try_iter()).take(ORDERS_MAX) {
                self.obey(order);
            }
            self.turn();
        }
        let all: Vec<CallKey> = self.serials.keys().copied().collect();
        for call in all {
            self.close(call, None);
        }
        self.writers.drain(..).for_each(|writer| drop(writer.join()));
    }

    /// Waits for an order or for the next frame; where no stream runs, for an order alone.
    fn wait(&self, orders: &Receiver<Order>) -> Result<Option<Order>, Abandoned> {
        let due = self.calls.values().filter_map(Call::due).min();
        let Some(due) = due else { return orders.recv().map(Some).map_err(|_| Abandoned) };
        let left = self.clock.real(self.clock.now().until(due));
        match orders.recv_timeout(left) {
            Ok(order) => Ok(Some(order)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Abandoned),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Open(call, pair, manner) => {
                // The former call of this key would never be closed otherwise.
                self.close(call, None);
                let opened = Call::new(call, pair, manner, self.reports.clone());
                self.serials.insert(call, self.next_serial);
                self.calls.insert(self.next_serial, opened);
                self.next_serial += 1;
            }
            Order::Close(call, answer) => self.close(call, Some(answer)),
            Order::Act(call, act) => {
                if let Some(serial) = self.serials.get(&call).copied() {
                    self.guarded(serial, |runner| runner.act(serial, act));
                }
            }
        }
    }

    fn act(&mut self, serial: u64, act: Act) {
        let now = self.clock.now();
        let Some(call) = self.calls.get_mut(&serial) else { return };
        match act {
            Act::Run(stream) => {
                let rng = self.rng.fork(&format!("call {serial}"));
                if call.agree(now, *stream, &rng) == Began::Yes && self.watch(serial).is_err() {
                    self.give_up(serial);
                }
            }
            Act::Digits(digits, length) => call.press(digits, length),
            Act::Source(source) => call.set_source(source),
            Act::Sink(sink) => call.set_sink(sink),
            Act::Record(path) => {
                let writer = call.record(path);
                self.writers.retain(|writer| !writer.is_finished());
                self.writers.extend(writer);
            }
            Act::StopRecording => call.stop_recording(),
            // Whoever asked may have gone away.
            Act::Figures(answer) => drop(answer.send(call.figures())),
        }
    }

    /// Reads what has come, and lets time pass.
    fn turn(&mut self) {
        let now = self.clock.now();
        let wall_us = self.clock.wall(now).as_unix_micros();
        let mut events = std::mem::take(&mut self.events);
        let count = self.readable.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        let ready = events.get(..count).unwrap_or_default().iter().map(EpollEvent::data);
        // Reports first: they bear the time of their coming, which frames must not overtake.
        let (reports, sound): (Vec<u64>, Vec<u64>) = ready.partition(|token| token % 2 == 1);
        for token in reports.into_iter().chain(sound) {
            self.guarded(token / 2, |runner| runner.read(token, now, wall_us));
        }
        self.events = events;
        let serials: Vec<u64> = self.calls.keys().copied().collect();
        for serial in serials {
            self.guarded(serial, |runner| {
                if let Some(call) = runner.calls.get_mut(&serial) {
                    call.advance(now);
                }
            });
        }
    }

    /// Hands over a part of what waits in a socket, the rest comes in the next turn; `wall_us` is
    /// the time of day at `now`.
    fn read(&mut self, token: u64, now: Instant, wall_us: u64) {
        let Some(call) = self.calls.get_mut(&(token / 2)) else { return };
        for _ in 0..DATAGRAMS_MAX {
            let (port, wire) = if token % 2 == 1 {
                (Port::Rtcp, &call.pair().rtcp)
            } else {
                (Port::Rtp, &call.pair().rtp)
            };
            let Some(received) = wire.receive(&mut self.scratch) else { return };
            let stamp_us = received.stamp_us.unwrap_or(wall_us);
            let age = Duration::from_micros(wall_us.saturating_sub(stamp_us));
            let at = now - age * self.clock.speed().get();
            call.take(at, port, received.from, received.bytes);
        }
    }

    /// Has the sockets of a stream that begins read from here on.
    fn watch(&self, serial: u64) -> nix::Result<()> {
        let Some(call) = self.calls.get(&serial) else { return Ok(()) };
        let Pair { rtp, rtcp, .. } = call.pair();
        self.readable.add(rtp, EpollEvent::new(EpollFlags::EPOLLIN, 2 * serial))?;
        self.readable.add(rtcp, EpollEvent::new(EpollFlags::EPOLLIN, 2 * serial + 1))
    }

    fn close(&mut self, call: CallKey, answer: Option<oneshot::Sender<Figures>>) {
        let now = self.clock.now();
        let serial = self.serials.remove(&call);
        let Some(closed) = serial.and_then(|serial| self.calls.remove(&serial)) else { return };
        let figures = catch_unwind(AssertUnwindSafe(|| closed.close(now)));
        if let (Ok(figures), Some(answer)) = (figures, answer) {
            drop(answer.send(figures));
        }
    }

    /// A fault in one call ends that call alone.
    fn guarded(&mut self, serial: u64, act: impl FnOnce(&mut Self)) {
        if catch_unwind(AssertUnwindSafe(|| act(self))).is_err() {
            self.give_up(serial);
        }
    }

    fn give_up(&mut self, serial: u64) {
        self.calls.remove(&serial);
        let named = self.serials.iter().find(|(_, known)| **known == serial);
        if let Some(call) = named.map(|(call, _)| *call) {
            self.serials.remove(&call);
            self.reports.tell(call, Report::Broken);
        }
    }
}

/// Nobody can give orders any more.
struct Abandoned;

/// Orders that are obeyed before sound is served again.
const ORDERS_MAX: usize = 64;
/// Datagrams of one socket that are read in one turn: three times what any stream sends in 200 ms.
const DATAGRAMS_MAX: usize = 64;
/// Sockets that are looked into in one turn.
const EVENTS_MAX: usize = 1_024;
