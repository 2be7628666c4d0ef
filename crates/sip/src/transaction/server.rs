use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use net::{Instant, Transport};

use super::{Timer, Timings, TransactionKey};
use crate::message::Request;
use crate::method::Method;

/// The server transactions of one endpoint (RFC 3261 §17.2, RFC 6026 §7.1), `limit` at the most.
///
/// `R` says where responses to a transaction are sent. A request that comes again is answered from
/// here; its user sees it once. The user answers an INVITE within 200 ms, if only with 100
/// (RFC 3261 §17.2.1), and has 64·T1 to answer anything else.
///
/// A 2xx to an INVITE is sent again from here until [`ServerTransactions::confirm`] is told of its
/// ACK (RFC 3261 §13.3.1.4), since the bytes are here.
#[derive(Debug)]
pub struct ServerTransactions<R> {
    timings: Timings,
    limit: usize,
    table: BTreeMap<TransactionKey, Transaction<R>>,
    /// The next due time of each INVITE transaction that has one.
    invites: BTreeSet<(Instant, TransactionKey)>,
    /// When the others lapse: always 64·T1 after they are put here, so the oldest is first.
    lapses: VecDeque<(Instant, TransactionKey)>,
}

#[derive(Debug)]
struct Transaction<R> {
    route: R,
    transport: Transport,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Not INVITE, not answered finally; `latest` is the provisional response.
    Trying { lapse: Instant, latest: Option<Bytes> },
    /// Not INVITE, answered; Timer J runs.
    Answered { timer_j: Instant, response: Bytes },
    /// INVITE, not answered finally.
    Proceeding { latest: Option<Bytes> },
    /// INVITE, answered 300–699; Timers G and H run.
    Completed { response: Bytes, again: Again },
    /// INVITE, ACK received; Timer I runs.
    Confirmed { timer_i: Instant },
    /// INVITE, answered 2xx; Timer L runs, and the 2xx is sent again until `again` ends.
    Accepted { response: Bytes, again: Option<Again>, timer_l: Instant },
}

/// A response that is sent again until its ACK comes.
#[derive(Clone, Copy, Debug)]
struct Again {
    at: Instant,
    interval: Duration,
    give_up: Instant,
}

/// What a request is to the server transactions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A request that has not been seen: answer it by [`ServerTransactions::respond`] with this key.
    New {
        /// Its transaction.
        key: TransactionKey,
        /// Of a CANCEL, the INVITE transaction that it is about, where it still runs.
        cancels: Option<TransactionKey>,
    },
    /// A request that came before; send the response again, if there is one yet.
    Repeated(Option<Bytes>),
    /// An ACK to a response other than 2xx: nothing is to be done.
    Acknowledged,
    /// An ACK that belongs to a dialog, or to nothing.
    Ack,
    /// The table is full; the request was not taken.
    Full,
}

/// What became of a response that the user gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent<R> {
    /// Send it there.
    To(R),
    /// The transaction is over, or has its final response: nothing is sent.
    TooLate,
}

/// What server transactions want when time has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent<R> {
    /// Send these bytes again.
    Send {
        /// Where to.
        route: R,
        /// What.
        bytes: Bytes,
    },
    /// No ACK came for the final response to an INVITE; after a 2xx the user ends the dialog.
    NotAcknowledged(TransactionKey),
}

impl<R: Clone> ServerTransactions<R> {
    /// An empty table for `limit` transactions.
    #[must_use]
    pub const fn new(limit: usize, timings: Timings) -> Self {
        Self {
            timings,
            limit,
            table: BTreeMap::new(),
            invites: BTreeSet::new(),
            lapses: VecDeque::new(),
        }
    }

    /// Takes a request that came over `transport`; its responses are sent to `route`.
    pub fn receive(
        &mut self,
        now: Instant,
        request: &Request,
        transport: Transport,
        route: R,
    ) -> Received {
        let key = TransactionKey::of(request);
        if *request.method() == Method::Ack {
            return self.acknowledge(now, &key);
        }
        if let Some(known) = self.table.get(&key) {
            return Received::Repeated(known.repeated());
        }
        if self.table.len() >= self.limit && !self.forget_oldest_answered() {
            return Received::Full;
        }
        let state = if *request.method() == Method::Invite {
            State::Proceeding { latest: None }
        } else {
            let lapse = now + self.timings.long();
            self.lapses.push_back((lapse, key.clone()));
            State::Trying { lapse, latest: None }
        };
        self.table.insert(key.clone(), Transaction { route, transport, state });
        let cancels = (*request.method() == Method::Cancel)
            .then(|| TransactionKey::of_cancelled(request))
            .filter(|invite| self.table.contains_key(invite));
        Received::New { key, cancels }
    }

    /// Takes the user's response to a transaction, already written.
    pub fn respond(
        &mut self,
        now: Instant,
        key: &TransactionKey,
        status: u16,
        bytes: &Bytes,
    ) -> Sent<R> {
        let timings = self.timings;
        let Some(transaction) = self.table.get_mut(key) else { return Sent::TooLate };
        let route = transaction.route.clone();
        let stream = transaction.transport.is_stream();
        match (&mut transaction.state, status) {
            (State::Trying { latest, .. } | State::Proceeding { latest }, ..200) => {
                *latest = Some(bytes.clone());
            }
            (State::Trying { .. }, _) if stream => {
                // RFC 3261 §17.2.2: Timer J is zero on streams.
                self.table.remove(key);
            }
            (State::Trying { lapse, .. }, _) => {
                let timer_j = now + timings.long();
                if timer_j != *lapse {
                    self.lapses.push_back((timer_j, key.clone()));
                }
                transaction.state = State::Answered { timer_j, response: bytes.clone() };
            }
            (State::Proceeding { .. }, _) => {
                let give_up = now + timings.long();
                let response = bytes.clone();
                let mut again = Again { at: now + timings.t1, interval: timings.t1, give_up };
                transaction.state = if status < 300 {
                    State::Accepted { response, again: Some(again), timer_l: give_up }
                } else {
                    if stream {
                        // RFC 3261 §17.2.1: Timer G runs on unreliable transports only.
                        again.at = Instant::FAR;
                    }
                    State::Completed { response, again }
                };
                self.schedule(key);
            }
            (
                State::Answered { .. }
                | State::Completed { .. }
                | State::Confirmed { .. }
                | State::Accepted { .. },
                _,
            ) => return Sent::TooLate,
        }
        Sent::To(route)
    }

    /// Where the responses to a transaction are sent.
    #[must_use]
    pub fn route(&self, key: &TransactionKey) -> Option<&R> {
        self.table.get(key).map(|transaction| &transaction.route)
    }

    /// Stops sending the 2xx of an INVITE again: its ACK has come to the dialog.
    pub fn confirm(&mut self, key: &TransactionKey) {
        self.unschedule(key);
        if let Some(Transaction { state: State::Accepted { again, .. }, .. }) =
            self.table.get_mut(key)
        {
            *again = None;
        }
        self.schedule(key);
    }

    /// Does what is due and appends what is wanted to `out`.
    pub fn handle_timeout(&mut self, now: Instant, out: &mut Vec<ServerEvent<R>>) {
        while let Some((due, key)) = self.lapses.front()
            && *due <= now
        {
            let lapsed = self.table.get(key).is_some_and(|found| found.lapse() == Some(*due));
            if lapsed {
                self.table.remove(key);
            }
            self.lapses.pop_front();
        }
        while let Some((due, _)) = self.invites.first()
            && *due <= now
            && let Some((_, key)) = self.invites.pop_first()
        {
            self.invite_due(now, &key, out);
            self.schedule(&key);
        }
    }

    /// When it wants [`ServerTransactions::handle_timeout`], and by which timer.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Timer)> {
        let lapse = self.lapses.front().map(|(due, _)| (*due, Timer::J));
        let invite = self.invites.first().and_then(|(_, key)| self.table.get(key)?.next());
        match (lapse, invite) {
            (Some(lapse), Some(invite)) => Some(lapse.min(invite)),
            (one, other) => one.or(other),
        }
    }

    /// How many transactions there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn acknowledge(&mut self, now: Instant, key: &TransactionKey) -> Received {
        let Some(transaction) = self.table.get_mut(key) else { return Received::Ack };
        match transaction.state {
            State::Completed { .. } => {
                let timer_i = now + self.timings.absorb(transaction.transport);
                self.unschedule(key);
                if let Some(transaction) = self.table.get_mut(key) {
                    transaction.state = State::Confirmed { timer_i };
                }
                self.schedule(key);
                Received::Acknowledged
            }
            State::Confirmed { .. } => Received::Acknowledged,
            // RFC 6026 §7.1: an ACK for a 2xx is the user's.
            State::Accepted { .. }
            | State::Trying { .. }
            | State::Answered { .. }
            | State::Proceeding { .. } => Received::Ack,
        }
    }

    fn invite_due(&mut self, now: Instant, key: &TransactionKey, out: &mut Vec<ServerEvent<R>>) {
        let timings = self.timings;
        let Some(transaction) = self.table.get_mut(key) else { return };
        let send = |response: &Bytes, again: &mut Again| {
            again.interval = timings.doubled(again.interval);
            again.at = now + again.interval;
            ServerEvent::Send { route: transaction.route.clone(), bytes: response.clone() }
        };
        match &mut transaction.state {
            // RFC 3261 §17.2.1: Timer H; §13.3.1.4: 64·T1 for the ACK to a 2xx.
            State::Completed { again, .. } | State::Accepted { again: Some(again), .. }
                if now >= again.give_up =>
            {
                out.push(ServerEvent::NotAcknowledged(key.clone()));
                self.table.remove(key);
            }
            State::Completed { response, again } if now >= again.at => {
                out.push(send(response, again));
            }
            State::Accepted { response, again: Some(again), .. } if now >= again.at => {
                out.push(send(response, again));
            }
            State::Confirmed { timer_i: end } | State::Accepted { timer_l: end, .. }
                if now >= *end =>
            {
                self.table.remove(key);
            }
            State::Completed { .. }
            | State::Accepted { .. }
            | State::Confirmed { .. }
            | State::Proceeding { .. }
            | State::Trying { .. }
            | State::Answered { .. } => {}
        }
    }

    /// Makes room by what only serves requests that come again.
    fn forget_oldest_answered(&mut self) -> bool {
        let oldest = self.lapses.iter().position(|(due, key)| {
            self.table.get(key).is_some_and(
                |found| matches!(found.state, State::Answered { timer_j, .. } if timer_j == *due),
            )
        });
        match oldest.and_then(|at| self.lapses.remove(at)) {
            Some((_, key)) => self.table.remove(&key).is_some(),
            None => false,
        }
    }

    fn schedule(&mut self, key: &TransactionKey) {
        if let Some((due, _)) = self.table.get(key).and_then(Transaction::next) {
            self.invites.insert((due, key.clone()));
        }
    }

    fn unschedule(&mut self, key: &TransactionKey) {
        if let Some((due, _)) = self.table.get(key).and_then(Transaction::next) {
            self.invites.remove(&(due, key.clone()));
        }
    }
}

impl<R> Transaction<R> {
    fn repeated(&self) -> Option<Bytes> {
        match &self.state {
            State::Trying { latest, .. } | State::Proceeding { latest } => latest.clone(),
            State::Answered { response, .. } | State::Completed { response, .. } => {
                Some(response.clone())
            }
            // RFC 3261 §17.2.1, RFC 6026 §7.1: absorbed.
            State::Confirmed { .. } | State::Accepted { .. } => None,
        }
    }

    fn lapse(&self) -> Option<Instant> {
        match self.state {
            State::Trying { lapse: due, .. } | State::Answered { timer_j: due, .. } => Some(due),
            State::Proceeding { .. }
            | State::Completed { .. }
            | State::Confirmed { .. }
            | State::Accepted { .. } => None,
        }
    }

    /// What an INVITE transaction waits for.
    fn next(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Completed { again, .. } | State::Accepted { again: Some(again), .. } => {
                let timer = if again.at < again.give_up { Timer::G } else { Timer::H };
                Some((again.at.min(again.give_up), timer))
            }
            State::Accepted { again: None, timer_l, .. } => Some((*timer_l, Timer::L)),
            State::Confirmed { timer_i } => Some((*timer_i, Timer::I)),
            State::Trying { .. } | State::Answered { .. } | State::Proceeding { .. } => None,
        }
    }
}
