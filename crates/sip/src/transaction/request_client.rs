use bytes::Bytes;
use net::{Instant, Transport};

use super::{Patience, Reaction, Resending, Timer, Timings, Told};
use crate::message::Response;

/// The client transaction of one request other than INVITE and ACK (RFC 3261 §17.1.2).
///
/// | state | timeout | 1xx | 200–699 |
/// |---|---|---|---|
/// | Trying | E: send; F: tell → Terminated | tell → Proceeding | tell → Completed |
/// | Proceeding | E: send, every T2; F: tell → Terminated | tell | tell → Completed |
/// | Completed | K → Terminated | – | – |
#[derive(Clone, Debug)]
pub struct RequestClient {
    request: Bytes,
    transport: Transport,
    timings: Timings,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Trying { resending: Resending },
    Proceeding { resending: Resending },
    Completed { timer_k: Instant },
    Terminated,
}

impl RequestClient {
    /// Starts the transaction; the caller sends `request` at once.
    #[must_use]
    pub fn new(
        now: Instant,
        request: Bytes,
        transport: Transport,
        patience: Patience,
        timings: Timings,
    ) -> Self {
        let resending = Resending::new(now, transport, patience, &timings);
        Self { request, transport, timings, state: State::Trying { resending } }
    }

    /// Does what is due. Called early it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        match &mut self.state {
            // A1: at one instant giving up comes before sending again.
            State::Trying { resending } | State::Proceeding { resending }
                if now >= resending.give_up =>
            {
                self.state = State::Terminated;
                Reaction::tell(Told::TimedOut)
            }
            State::Trying { resending } if now >= resending.at => {
                // RFC 3261 §17.1.2.2: Timer E doubles, capped at T2.
                resending.interval = self.timings.doubled(resending.interval);
                resending.at = now + resending.interval;
                Reaction::send(self.request.clone())
            }
            State::Proceeding { resending } if now >= resending.at => {
                // RFC 3261 §17.1.2.2: in Proceeding Timer E is T2.
                resending.at = now + self.timings.t2;
                Reaction::send(self.request.clone())
            }
            State::Completed { timer_k } if now >= *timer_k => {
                self.state = State::Terminated;
                Reaction::NONE
            }
            State::Trying { .. }
            | State::Proceeding { .. }
            | State::Completed { .. }
            | State::Terminated => Reaction::NONE,
        }
    }

    /// Takes a response that has this transaction's branch.
    pub fn handle_response(&mut self, now: Instant, response: &Response) -> Reaction {
        match (&self.state, response.is_provisional()) {
            (State::Trying { resending } | State::Proceeding { resending }, true) => {
                self.state = State::Proceeding { resending: resending.clone() };
                Reaction::tell(Told::Response)
            }
            (State::Trying { .. } | State::Proceeding { .. }, false) => {
                let timer_k = now + self.timings.absorb(self.transport);
                self.state = State::Completed { timer_k };
                Reaction::tell(Told::Response)
            }
            (State::Completed { .. } | State::Terminated, _) => Reaction::NONE,
        }
    }

    /// Ends it because the request could not be delivered; what is told is the caller's.
    pub fn handle_undelivered(&mut self) {
        self.state = State::Terminated;
    }

    /// When it wants [`RequestClient::handle_timeout`], and by which timer.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Timer)> {
        match &self.state {
            State::Trying { resending } | State::Proceeding { resending } => {
                let again = resending.at < resending.give_up;
                Some((resending.next(), if again { Timer::E } else { Timer::F }))
            }
            State::Completed { timer_k } => Some((*timer_k, Timer::K)),
            State::Terminated => None,
        }
    }

    /// Whether it is over and can be dropped.
    #[must_use]
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }
}
