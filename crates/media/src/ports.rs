use std::collections::BTreeSet;

use net::Rng;

/// Hands out pairs of ports: an even one for RTP and the next for RTCP (RFC 3550 §11).
///
/// It is data only. Its owner binds the pair, asks for another where the system has it in use,
/// and gives it back when the call is over.
#[derive(Clone, Debug)]
pub struct Ports {
    /// The lowest even port.
    first: u16,
    /// How many pairs there are.
    count: u16,
    /// The pair to try next, counted from the first.
    next: u16,
    taken: BTreeSet<u16>,
}

impl Ports {
    /// The pairs that lie wholly within `min..=max`; the first one handed out is drawn.
    #[must_use]
    pub fn new(min: u16, max: u16, rng: &mut Rng) -> Self {
        let low = min.max(2);
        let first = low.saturating_add(low % 2);
        let count = u16::try_from((u32::from(max) + 1).saturating_sub(u32::from(first)) / 2);
        let count = count.unwrap_or(0);
        let next = u16::try_from(rng.below(u64::from(count))).unwrap_or(0);
        Self { first, count, next, taken: BTreeSet::new() }
    }

    /// The port for RTP of a free pair, the one longest unused by turns; `None` when all are taken.
    pub fn take(&mut self) -> Option<u16> {
        for _ in 0..self.count {
            let port = self.first + 2 * self.next;
            self.next = (self.next + 1) % self.count;
            if self.taken.insert(port) {
                return Some(port);
            }
        }
        None
    }

    /// Gives a pair back.
    pub fn release(&mut self, rtp: u16) {
        self.taken.remove(&rtp);
    }

    /// How many pairs are still free.
    #[must_use]
    pub fn free_count(&self) -> usize {
        usize::from(self.count) - self.taken.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_even_within_the_range_and_never_handed_out_twice() {
        let mut ports = Ports::new(11_781, 11_788, &mut Rng::new(3));
        let mut taken: Vec<u16> = std::iter::from_fn(|| ports.take()).collect();
        taken.sort_unstable();
        assert_eq!(taken, [11_782, 11_784, 11_786]);
        ports.release(11_784);
        assert_eq!((ports.free_count(), ports.take(), ports.take()), (1, Some(11_784), None));
    }

    #[test]
    fn a_port_given_back_is_the_last_to_be_used_again() {
        let mut ports = Ports::new(4_000, 4_007, &mut Rng::new(1));
        let first = ports.take().unwrap();
        ports.release(first);
        let others: Vec<u16> = (0..3).map(|_| ports.take().unwrap()).collect();
        assert!(!others.contains(&first));
        assert_eq!(ports.take(), Some(first));
    }

    #[test]
    fn ranges_without_a_pair_and_at_the_upper_end_are_handled() {
        assert_eq!(Ports::new(5_001, 5_002, &mut Rng::new(1)).take(), None);
        assert_eq!(Ports::new(9, 3, &mut Rng::new(1)).take(), None);
        assert_eq!(Ports::new(65_534, 65_535, &mut Rng::new(1)).take(), Some(65_534));
        assert_eq!(Ports::new(65_535, 65_535, &mut Rng::new(1)).take(), None);
        assert_eq!(Ports::new(0, 3, &mut Rng::new(1)).take(), Some(2));
        assert_eq!(Ports::new(1, 3, &mut Rng::new(1)).take(), Some(2));
    }
}
