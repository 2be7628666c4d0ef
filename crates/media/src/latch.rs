//! Symmetric RTP (RFC 4961): packets are answered to where they come from, within bounds.

use std::net::SocketAddr;
use std::time::Duration;

use net::Instant;

/// A source that was heard is replaced only after so much silence.
const QUIET: Duration = Duration::from_secs(1);
/// Another host than the described one is believed only so long after the description.
const WINDOW: Duration = Duration::from_secs(10);
/// Packets in sequence by which an unproven host shows that it is no stray.
const PROBATION: u8 = 4;
/// Moves of one description; more is somebody's game.
const MOVES_MAX: u8 = 8;

/// Whether a stream follows the source of its packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Latching {
    /// Only the described address and port are heard and sent to.
    Strict,
    /// A NAT between may change both: another port of the host is followed when the former one is
    /// silent, another host only at the beginning, while nothing came from the described one, or
    /// if its packets are authenticated.
    Follow,
}

/// Whether a packet is known to be made by the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Authenticated,
    None,
}

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It comes from where it should.
    Known,
    /// It is believed, and answers go there from here on.
    Moved,
    /// It is not believed.
    Stranger,
}

#[derive(Clone, Debug)]
pub(crate) struct Latch {
    latching: Latching,
    described: SocketAddr,
    current: SocketAddr,
    since: Instant,
    heard: Option<Instant>,
    candidate: Option<Candidate>,
    moves: u8,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    from: SocketAddr,
    ssrc: u32,
    next: u16,
    count: u8,
}

impl Latch {
    pub(crate) fn new(latching: Latching, described: SocketAddr, now: Instant) -> Self {
        let (heard, candidate) = (None, None);
        Self { latching, described, current: described, since: now, heard, candidate, moves: 0 }
    }

    /// Where packets go.
    pub(crate) const fn current(&self) -> SocketAddr {
        self.current
    }

    pub(crate) const fn described(&self) -> SocketAddr {
        self.described
    }

    /// Judges the source of a well-formed packet with this source number and sequence.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        from: SocketAddr,
        proof: Proof,
        (ssrc, sequence): (u32, u16),
    ) -> Verdict {
        if from == self.current {
            self.heard = Some(now);
            return Verdict::Known;
        }
        let quiet = self.heard.is_none_or(|heard| now.since(heard) >= QUIET);
        if self.latching == Latching::Strict || !quiet || self.moves == MOVES_MAX {
            return Verdict::Stranger;
        }
        let same_host = from.ip() == self.current.ip() || from.ip() == self.described.ip();
        let early = self.heard.is_none() && now.since(self.since) <= WINDOW;
        let believed = same_host
            || proof == Proof::Authenticated
            || (early && self.passes_probation(from, ssrc, sequence));
        if !believed {
            return Verdict::Stranger;
        }
        self.current = from;
        self.heard = Some(now);
        self.candidate = None;
        self.moves += 1;
        Verdict::Moved
    }

    fn passes_probation(&mut self, from: SocketAddr, ssrc: u32, sequence: u16) -> bool {
        let count = match self.candidate {
            Some(known) if (known.from, known.ssrc, known.next) == (from, ssrc, sequence) => {
                known.count + 1
            }
            Some(_) | None => 1,
        };
        self.candidate = Some(Candidate { from, ssrc, next: sequence.wrapping_add(1), count });
        count >= PROBATION
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: fn(u64) -> Instant = |ms| Instant::from_micros(ms * 1_000);

    fn at(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    fn latch() -> Latch {
        Latch::new(Latching::Follow, at("192.0.2.9:4000"), Instant::ZERO)
    }

    #[test]
    fn the_described_address_is_known_and_another_port_of_it_is_followed() {
        let mut latch = latch();
        let moved = latch.judge(SEEN(20), at("192.0.2.9:61000"), Proof::None, (1, 1));
        assert_eq!((moved, latch.current()), (Verdict::Moved, at("192.0.2.9:61000")));
        let known = latch.judge(SEEN(40), at("192.0.2.9:61000"), Proof::None, (1, 2));
        assert_eq!(known, Verdict::Known);
    }

    #[test]
    fn a_source_that_speaks_is_not_pushed_aside_even_by_its_own_host() {
        let mut latch = latch();
        latch.judge(SEEN(0), at("192.0.2.9:4000"), Proof::None, (1, 1));
        for (from, proof) in [
            ("192.0.2.9:9999", Proof::None),
            ("198.51.100.6:4000", Proof::None),
            ("198.51.100.6:4000", Proof::Authenticated),
        ] {
            assert_eq!(latch.judge(SEEN(900), at(from), proof, (1, 2)), Verdict::Stranger);
        }
        let silent_since = latch.judge(SEEN(1_000), at("192.0.2.9:9999"), Proof::None, (1, 3));
        assert_eq!(silent_since, Verdict::Moved);
    }

    #[test]
    fn another_host_is_believed_only_early_and_after_packets_in_sequence() {
        let (nat, mut latch) = (at("203.0.113.5:5004"), latch());
        let mut judge =
            |ms, from, sequence| latch.judge(SEEN(ms), from, Proof::None, (7, sequence));
        assert_eq!(judge(0, nat, 65_534), Verdict::Stranger);
        assert_eq!(judge(20, nat, 65_535), Verdict::Stranger);
        assert_eq!(judge(25, at("198.51.100.6:1"), 9), Verdict::Stranger);
        for sequence in 0..3 {
            assert_eq!(judge(30, nat, sequence), Verdict::Stranger);
        }
        assert_eq!(judge(90, nat, 3), Verdict::Moved);

        let mut latch = self::latch();
        for sequence in 0..20 {
            let late = latch.judge(SEEN(10_001), nat, Proof::None, (7, sequence));
            assert_eq!(late, Verdict::Stranger);
        }
    }

    #[test]
    fn another_host_is_never_believed_after_the_described_one_was_heard_unless_proven() {
        let (other, mut latch) = (at("198.51.100.6:4000"), latch());
        latch.judge(SEEN(0), at("192.0.2.9:4000"), Proof::None, (1, 1));
        for sequence in 0..20 {
            let verdict = latch.judge(SEEN(5_000), other, Proof::None, (1, sequence));
            assert_eq!(verdict, Verdict::Stranger);
        }
        let proven = latch.judge(SEEN(5_000), other, Proof::Authenticated, (1, 20));
        assert_eq!(proven, Verdict::Moved);
    }

    #[test]
    fn a_strict_stream_and_a_source_that_moves_too_often_follow_nothing() {
        let mut strict = Latch::new(Latching::Strict, at("192.0.2.9:4000"), Instant::ZERO);
        let verdict = strict.judge(SEEN(0), at("192.0.2.9:4002"), Proof::Authenticated, (1, 1));
        assert_eq!(verdict, Verdict::Stranger);
        let mut latch = latch();
        let moves = (0..20)
            .filter(|&n: &u16| {
                let from = SocketAddr::new(at("192.0.2.9:1").ip(), 5_000 + n);
                let now = Instant::from_secs(2 * u64::from(n));
                latch.judge(now, from, Proof::None, (1, n)) == Verdict::Moved
            })
            .count();
        assert_eq!(moves, usize::from(MOVES_MAX));
    }
}
