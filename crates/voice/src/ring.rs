use std::collections::VecDeque;

/// Sound between two clocks that do not run alike: a sound card's and ours.
#[derive(Debug)]
pub(crate) struct Ring {
    samples: VecDeque<i16>,
    /// So much is gathered before any is given, and after nothing was left.
    start: usize,
    /// When there is more, the oldest goes, down to `start`.
    most: usize,
    running: bool,
}

impl Ring {
    pub(crate) fn new(start: usize, most: usize) -> Self {
        Self { samples: VecDeque::with_capacity(most), start, most, running: false }
    }

    pub(crate) fn push(&mut self, sound: impl IntoIterator<Item = i16>) {
        self.samples.extend(sound);
        if self.samples.len() > self.most {
            self.samples.drain(..self.samples.len() - self.start);
        }
    }

    /// The next `count` samples; none while there are too few.
    pub(crate) fn take(&mut self, count: usize) -> Option<impl Iterator<Item = i16> + '_> {
        let needed = if self.running { count } else { count.max(self.start) };
        self.running = self.samples.len() >= needed;
        self.running.then(|| self.samples.drain(..count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(ring: &mut Ring, count: usize) -> Option<Vec<i16>> {
        ring.take(count).map(Iterator::collect)
    }

    #[test]
    fn sound_is_given_in_order_once_enough_has_gathered_and_again_after_a_gap() {
        let mut ring = Ring::new(4, 8);
        ring.push(0..3);
        assert_eq!(taken(&mut ring, 2), None);
        ring.push(3..5);
        assert_eq!(taken(&mut ring, 2), Some(vec![0, 1]));
        assert_eq!(taken(&mut ring, 2), Some(vec![2, 3]));
        assert_eq!(taken(&mut ring, 2), None);
        ring.push(5..7);
        assert_eq!(taken(&mut ring, 2), None);
        ring.push(7..8);
        assert_eq!(taken(&mut ring, 2), Some(vec![4, 5]));
    }

    #[test]
    fn what_nobody_takes_does_not_pile_up() {
        let mut ring = Ring::new(4, 8);
        ring.push(0..8);
        ring.push(8..9);
        assert_eq!(taken(&mut ring, 4), Some(vec![5, 6, 7, 8]));
    }
}
