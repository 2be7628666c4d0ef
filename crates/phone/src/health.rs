//! What a phone knows of each next hop, shared by its accounts (behaviour §2).

use std::time::Duration;

use net::Instant;

use crate::event::{Evidence, HealthState, HopName, Why};

/// Next hops that a phone remembers; the one heard longest ago makes room.
pub(crate) const HOPS_MAX: usize = 64;

/// One next hop.
#[derive(Clone, Debug)]
pub(crate) struct HopHealth {
    /// Which.
    pub(crate) hop: HopName,
    /// What is known.
    pub(crate) state: HealthState,
    /// Why it is down.
    pub(crate) why: Option<Why>,
    /// When something valid was last heard.
    pub(crate) heard: Option<Instant>,
    /// Smoothed round trip and its deviation (RFC 6298 §2), in microseconds.
    pub(crate) round_trip_us: Option<(u32, u32)>,
    /// Not to be asked before (503 with Retry-After).
    pub(crate) blocked_until: Option<Instant>,
}

/// A change to be told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    /// Which next hop.
    pub(crate) hop: HopName,
    /// What it is now.
    pub(crate) state: HealthState,
    /// What said so.
    pub(crate) evidence: Evidence,
}

/// The next hops of one phone.
#[derive(Clone, Debug, Default)]
pub(crate) struct HealthTable(Vec<HopHealth>);

impl HealthTable {
    /// What is known of `hop`, if anything.
    #[must_use]
    pub(crate) fn find(&self, hop: HopName) -> Option<&HopHealth> {
        self.0.iter().find(|entry| entry.hop == hop)
    }

    /// Whether it was given up and not heard since.
    #[must_use]
    pub(crate) fn is_down(&self, hop: HopName) -> bool {
        self.find(hop).is_some_and(|entry| entry.state == HealthState::Down)
    }

    /// Until when it asked to be left alone, where that is still to come.
    #[must_use]
    pub(crate) fn blocked_until(&self, hop: HopName, now: Instant) -> Option<Instant> {
        self.find(hop).and_then(|entry| entry.blocked_until).filter(|until| *until > now)
    }

    /// Something valid was heard; `round_trip` where it could be measured (RFC 6298 §3: not from a
    /// retransmitted request).
    pub(crate) fn heard(
        &mut self,
        now: Instant,
        hop: HopName,
        round_trip: Option<Duration>,
    ) -> Option<Change> {
        let entry = self.entry(hop);
        entry.heard = Some(now);
        if let Some(sample) = round_trip {
            entry.round_trip_us = Some(smooth(entry.round_trip_us, sample));
        }
        entry.set(HealthState::Up, None).then_some(Change {
            hop,
            state: HealthState::Up,
            evidence: Evidence::Heard,
        })
    }

    /// A retransmission went out unanswered.
    pub(crate) fn suspect(&mut self, hop: HopName) -> Option<Change> {
        let entry = self.entry(hop);
        let worse = matches!(entry.state, HealthState::Up | HealthState::Unknown);
        (worse && entry.set(HealthState::Suspect, None)).then_some(Change {
            hop,
            state: HealthState::Suspect,
            evidence: Evidence::Unanswered,
        })
    }

    /// An attempt that began at `since` was given up. What was heard meanwhile withholds the verdict
    /// (RFC 4321).
    pub(crate) fn gave_up(&mut self, hop: HopName, since: Instant, why: Why) -> Option<Change> {
        let entry = self.entry(hop);
        if why == Why::TimedOut && entry.heard.is_some_and(|heard| heard > since) {
            return None;
        }
        entry.set(HealthState::Down, Some(why)).then_some(Change {
            hop,
            state: HealthState::Down,
            evidence: Evidence::Gave(why),
        })
    }

    /// It answered 503 and asked to be left alone until `until`.
    pub(crate) fn block(&mut self, hop: HopName, until: Instant) {
        self.entry(hop).blocked_until = Some(until);
    }

    fn entry(&mut self, hop: HopName) -> &mut HopHealth {
        let index = self.0.iter().position(|entry| entry.hop == hop).unwrap_or_else(|| {
            if self.0.len() >= HOPS_MAX {
                let oldest = self.0.iter().enumerate().min_by_key(|(_, entry)| entry.heard);
                if let Some(oldest) = oldest.map(|(index, _)| index) {
                    self.0.swap_remove(oldest);
                }
            }
            // Most phones know one or two: no room to spare.
            self.0.reserve_exact(1);
            self.0.push(HopHealth::unknown(hop));
            self.0.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was found or pushed above")]
        &mut self.0[index]
    }
}

impl HopHealth {
    const fn unknown(hop: HopName) -> Self {
        Self {
            hop,
            state: HealthState::Unknown,
            why: None,
            heard: None,
            round_trip_us: None,
            blocked_until: None,
        }
    }

    fn set(&mut self, state: HealthState, why: Option<Why>) -> bool {
        let changed = self.state != state;
        self.state = state;
        self.why = why;
        changed
    }

    /// The interval after which an answer is overdue: smoothed round trip plus four deviations.
    #[must_use]
    pub(crate) fn patience(&self) -> Option<Duration> {
        let (smoothed, deviation) = self.round_trip_us?;
        Some(Duration::from_micros(u64::from(smoothed) + 4 * u64::from(deviation)))
    }
}

/// RFC 6298 §2: SRTT and RTTVAR with alpha 1/8 and beta 1/4.
fn smooth(known: Option<(u32, u32)>, sample: Duration) -> (u32, u32) {
    let sample = u32::try_from(sample.as_micros()).unwrap_or(u32::MAX);
    match known {
        None => (sample, sample / 2),
        Some((smoothed, deviation)) => {
            let error = smoothed.abs_diff(sample);
            (smoothed - smoothed / 8 + sample / 8, deviation - deviation / 4 + error / 4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::Transport;

    fn hop() -> HopName {
        HopName { transport: Transport::Udp, addr: "127.0.0.1:5060".parse().unwrap() }
    }

    #[test]
    fn a_next_hop_that_was_heard_meanwhile_is_not_called_down() {
        let mut table = HealthTable::default();
        table.heard(Instant::from_secs(5), hop(), None);
        assert_eq!(table.gave_up(hop(), Instant::from_secs(1), Why::TimedOut), None);
        let change = table.gave_up(hop(), Instant::from_secs(6), Why::TimedOut).unwrap();
        assert_eq!(change.state, HealthState::Down);
        assert!(table.is_down(hop()));
    }

    #[test]
    fn anything_heard_brings_it_up_again_and_is_told_once() {
        let mut table = HealthTable::default();
        table.gave_up(hop(), Instant::ZERO, Why::Refused);
        assert!(table.heard(Instant::from_secs(1), hop(), None).is_some());
        assert!(table.heard(Instant::from_secs(2), hop(), None).is_none());
    }

    #[test]
    fn the_table_keeps_its_limit() {
        let mut table = HealthTable::default();
        for port in 1..=200 {
            let addr = std::net::SocketAddr::from(([127, 0, 0, 1], port));
            table.heard(
                Instant::from_secs(port.into()),
                HopName { transport: Transport::Udp, addr },
                None,
            );
        }
        assert_eq!(table.0.len(), HOPS_MAX);
    }
}
