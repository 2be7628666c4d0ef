//! The transactions of RFC 3261 §17, amended by RFC 6026, on the caller's clock.
//!
//! A machine keeps the bytes that it may have to send again, not the message. It is fed what comes
//! and the time, and says what to send and what to tell its transaction user; sending is the
//! caller's. Client transactions are [`InviteClient`] and [`RequestClient`], one value each; server
//! transactions live in one table, [`ServerTransactions`].
//!
//! | timer | owner | start value | meaning |
//! |---|---|---|---|
//! | A | INVITE client, UDP | T1, doubled | send the INVITE again |
//! | B | INVITE client | 64·T1 | no answer |
//! | D | INVITE client | 32 s at least, streams 0 | answer repeated final responses with ACK |
//! | E | other client, UDP | T1, doubled to T2 | send the request again |
//! | F | other client | 64·T1 | no final answer |
//! | G | INVITE server, UDP | T1, doubled to T2 | send the final response again |
//! | H | INVITE server | 64·T1 | no ACK |
//! | I | INVITE server | T4, streams 0 | absorb repeated ACKs |
//! | J | other server | 64·T1, streams 0 | answer repeated requests |
//! | K | other client | T4, streams 0 | absorb repeated responses |
//! | L | INVITE server, 2xx | 64·T1 | absorb repeated INVITEs (RFC 6026) |
//! | M | INVITE client, 2xx | 64·T1 | take the 2xx of other branches (RFC 6026) |

mod derived;
mod invite_client;
mod key;
mod request_client;
mod server;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::Bytes;
use net::{Instant, Transport};

pub use derived::{ack_of, cancel_of};
pub use invite_client::InviteClient;
pub use key::TransactionKey;
pub use request_client::RequestClient;
pub use server::{Received, Sent, ServerEvent, ServerTransactions};

/// The values that all timers are made of (RFC 3261 §17.1.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timings {
    /// The estimate of the round-trip time.
    pub t1: Duration,
    /// The longest interval between two sendings.
    pub t2: Duration,
    /// How long a message stays in the network.
    pub t4: Duration,
}

impl Timings {
    /// 64·T1: timers B, F, H, J, L and M.
    #[must_use]
    pub fn long(&self) -> Duration {
        self.t1.saturating_mul(64)
    }

    /// Timers I and K.
    fn absorb(&self, transport: Transport) -> Duration {
        if transport.is_stream() { Duration::ZERO } else { self.t4 }
    }

    /// The interval after `interval`; never none at all, whatever T1 and T2 are set to.
    fn doubled(&self, interval: Duration) -> Duration {
        interval.saturating_mul(2).min(self.t2).max(Duration::from_millis(1))
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

/// A timer of RFC 3261 §17; the table is in the module's documentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the letters are those of the table above")]
pub enum Timer {
    A,
    B,
    D,
    E,
    F,
    G,
    H,
    I,
    J,
    K,
    L,
    M,
}

/// How long a client waits for the first answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The time to the first retransmission.
    pub first: Duration,
    /// When to give up, counted from the first sending; at most Timer B or F counts.
    pub give_up: Duration,
}

impl Patience {
    /// What RFC 3261 says: T1 and 64·T1.
    #[must_use]
    pub fn full(timings: &Timings) -> Self {
        Self { first: timings.t1, give_up: timings.long() }
    }
}

/// What a client transaction wants after an input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// To be sent to the next hop of the request.
    pub send: Option<Bytes>,
    /// To be told the transaction user.
    pub tell: Option<Told>,
}

/// What a client transaction tells its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The response that was fed is new to the user.
    Response,
    /// No answer within the patience.
    TimedOut,
}

impl Reaction {
    const NONE: Self = Self { send: None, tell: None };

    const fn send(bytes: Bytes) -> Self {
        Self { send: Some(bytes), tell: None }
    }

    const fn tell(told: Told) -> Self {
        Self { send: None, tell: Some(told) }
    }
}

/// A request that is sent again and again until something answers.
#[derive(Clone, Debug)]
struct Resending {
    /// When to send again; never on streams.
    at: Instant,
    interval: Duration,
    give_up: Instant,
}

impl Resending {
    fn new(now: Instant, transport: Transport, patience: Patience, timings: &Timings) -> Self {
        let at = if transport.is_stream() { Instant::FAR } else { now + patience.first };
        let give_up = now + patience.give_up.min(timings.long());
        Self { at, interval: patience.first, give_up }
    }

    fn next(&self) -> Instant {
        self.at.min(self.give_up)
    }
}
