use std::time::Duration;

use bytes::Bytes;
use net::{Instant, Transport};

use super::derived::{ack_of, cancel_of};
use super::{Patience, Reaction, Resending, Timer, Timings, Told};
use crate::message::Response;

/// The client transaction of one INVITE (RFC 3261 §17.1.1, RFC 6026 §7.2).
///
/// | state | timeout | 1xx | 2xx | 300–699 |
/// |---|---|---|---|---|
/// | Calling | A: send; give up: tell → Abandoned | tell → Proceeding | tell → Accepted | ACK, tell → Completed |
/// | Abandoned | B → Terminated | tell → Proceeding | tell → Accepted | ACK, tell → Completed |
/// | Proceeding | after a CANCEL, 64·T1: tell → Terminated | tell | tell → Accepted | ACK, tell → Completed |
/// | Accepted | M → Terminated | – | tell | – |
/// | Completed | D → Terminated | – | – | ACK |
///
/// Abandoned is ours: patience has run out before Timer B has, and late responses still find their
/// transaction. The ACK for a 2xx is not this machine's (RFC 3261 §13.2.2.4).
#[derive(Clone, Debug)]
pub struct InviteClient {
    invite: Bytes,
    transport: Transport,
    timings: Timings,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Calling { resending: Resending, timer_b: Instant },
    Abandoned { timer_b: Instant },
    Proceeding { until: Instant },
    Accepted { timer_m: Instant },
    Completed { timer_d: Instant, ack: Bytes },
    Terminated,
}

impl InviteClient {
    /// Starts the transaction; the caller sends `invite` at once.
    #[must_use]
    pub fn new(
        now: Instant,
        invite: Bytes,
        transport: Transport,
        patience: Patience,
        timings: Timings,
    ) -> Self {
        let resending = Resending::new(now, transport, patience, &timings);
        let state = State::Calling { resending, timer_b: now + timings.long() };
        Self { invite, transport, timings, state }
    }

    /// Does what is due. Called early it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) -> Reaction {
        match &mut self.state {
            // A1: at one instant giving up comes before sending again: N retries are N + 1 datagrams.
            State::Calling { resending, timer_b } if now >= resending.give_up => {
                self.state = if now >= *timer_b {
                    State::Terminated
                } else {
                    State::Abandoned { timer_b: *timer_b }
                };
                Reaction::tell(Told::TimedOut)
            }
            State::Calling { resending, .. } if now >= resending.at => {
                // RFC 3261 §17.1.1.2: Timer A doubles without a cap.
                resending.interval = resending.interval.saturating_mul(2);
                resending.at = now + resending.interval;
                Reaction::send(self.invite.clone())
            }
            State::Proceeding { until } if now >= *until => {
                self.state = State::Terminated;
                Reaction::tell(Told::TimedOut)
            }
            State::Abandoned { timer_b: until }
            | State::Accepted { timer_m: until }
            | State::Completed { timer_d: until, .. }
                if now >= *until =>
            {
                self.state = State::Terminated;
                Reaction::NONE
            }
            State::Calling { .. }
            | State::Abandoned { .. }
            | State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => Reaction::NONE,
        }
    }

    /// Takes a response that has this transaction's branch.
    pub fn handle_response(&mut self, now: Instant, response: &Response) -> Reaction {
        match (&self.state, response.status()) {
            (State::Terminated, _) => Reaction::NONE,
            (State::Calling { .. } | State::Abandoned { .. }, ..200) => {
                // RFC 3261 §17.1.1.2: no timer runs while the far side is at it.
                self.state = State::Proceeding { until: Instant::FAR };
                Reaction::tell(Told::Response)
            }
            (State::Proceeding { .. }, ..200) => Reaction::tell(Told::Response),
            (
                State::Calling { .. } | State::Abandoned { .. } | State::Proceeding { .. },
                200..300,
            ) => {
                // RFC 6026 §7.2: other branches may answer 2xx as well, each is told.
                self.state = State::Accepted { timer_m: now + self.timings.long() };
                Reaction::tell(Told::Response)
            }
            (State::Accepted { .. }, 200..300) => Reaction::tell(Told::Response),
            (State::Calling { .. } | State::Abandoned { .. } | State::Proceeding { .. }, 300..) => {
                let ack = ack_of(&self.invite, response);
                self.state = State::Completed { timer_d: now + self.timer_d(), ack: ack.clone() };
                Reaction { send: Some(ack), tell: Some(Told::Response) }
            }
            (State::Completed { ack, .. }, 300..) => Reaction::send(ack.clone()),
            (State::Accepted { .. }, ..200 | 300..) | (State::Completed { .. }, ..300) => {
                Reaction::NONE
            }
        }
    }

    /// Ends it because the request could not be delivered; what is told is the caller's, who knows
    /// the cause. Once a provisional response has come it goes on: the answer may come otherwise.
    pub fn handle_undelivered(&mut self) {
        match self.state {
            // RFC 3261 §17.1.1.2.
            State::Calling { .. } | State::Completed { .. } => self.state = State::Terminated,
            State::Abandoned { .. }
            | State::Proceeding { .. }
            | State::Accepted { .. }
            | State::Terminated => {}
        }
    }

    /// The CANCEL to send, and 64·T1 for the final response to come; `None` before a provisional
    /// response (RFC 3261 §9.1) and after a final one.
    pub fn cancel(&mut self, now: Instant) -> Option<Bytes> {
        match &mut self.state {
            State::Proceeding { until } => {
                *until = (*until).min(now + self.timings.long());
                Some(cancel_of(&self.invite))
            }
            State::Calling { .. }
            | State::Abandoned { .. }
            | State::Accepted { .. }
            | State::Completed { .. }
            | State::Terminated => None,
        }
    }

    /// When it wants [`InviteClient::handle_timeout`], and by which timer; giving up is timer B.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Timer)> {
        let (at, timer) = match &self.state {
            State::Calling { resending, .. } if resending.at < resending.give_up => {
                (resending.next(), Timer::A)
            }
            State::Calling { resending, .. } => (resending.next(), Timer::B),
            State::Abandoned { timer_b: at } | State::Proceeding { until: at } => (*at, Timer::B),
            State::Accepted { timer_m } => (*timer_m, Timer::M),
            State::Completed { timer_d, .. } => (*timer_d, Timer::D),
            State::Terminated => return None,
        };
        (at != Instant::FAR).then_some((at, timer))
    }

    /// Whether it is over and can be dropped.
    #[must_use]
    pub const fn is_terminated(&self) -> bool {
        matches!(self.state, State::Terminated)
    }

    /// Whether a provisional and no final response has come, so that it can be cancelled.
    #[must_use]
    pub const fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding { .. })
    }

    fn timer_d(&self) -> Duration {
        if self.transport.is_stream() {
            Duration::ZERO
        } else {
            // RFC 3261 §17.1.1.2: at least 32 s, since the other side's T1 is not known.
            Duration::from_secs(32).max(self.timings.long())
        }
    }
}
