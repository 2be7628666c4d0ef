//! The pitch of a piece of sound, and cross-fades along it.

use crate::Rate;

/// The lowest period looked for: 2.5 ms, a voice of 400 Hz.
const PERIOD_MIN_TENTHS_MS: usize = 25;
/// The longest period looked for: 15 ms, a voice of 67 Hz.
pub(crate) const PERIOD_MAX_MS: usize = 15;

/// A period, and how well the sound repeats with it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Period {
    /// In samples.
    pub(crate) len: usize,
    /// 1 for a perfect repetition, 0 for none.
    pub(crate) likeness: f32,
}

/// The period with which the end of `sound` repeats what came before it, at most `longest`
/// samples; it may be a multiple of the shortest one. `None` if there is too little sound.
pub(crate) fn period_at_end(sound: &[i16], longest: usize, rate: Rate) -> Option<Period> {
    let shortest = rate.samples(PERIOD_MIN_TENTHS_MS) / 10;
    // Compared over one longest period, or over the half that is there.
    let span = longest.min(sound.len() / 2);
    if span < shortest {
        return None;
    }
    // First on every sixth sample of 48 kHz (every second of 16 kHz), then exactly around it.
    let stride = rate.samples(1) / 8;
    let coarse = best((shortest..=span).step_by(stride), sound, span, stride)?;
    let from = coarse.len.saturating_sub(stride).max(shortest);
    best(from..=(coarse.len + stride).min(span), sound, span, 1)
}

fn best(
    periods: impl Iterator<Item = usize>,
    sound: &[i16],
    span: usize,
    stride: usize,
) -> Option<Period> {
    let mut found: Option<Period> = None;
    for len in periods {
        let likeness = likeness(sound, len, span, stride)?;
        if found.is_none_or(|best| likeness > best.likeness) {
            found = Some(Period { len, likeness });
        }
    }
    found
}

/// Normalised correlation of the last `span` samples with those `len` earlier.
fn likeness(sound: &[i16], len: usize, span: usize, stride: usize) -> Option<f32> {
    let end = sound.get(sound.len().checked_sub(span)?..)?;
    let earlier = sound.get(sound.len().checked_sub(span + len)?..)?;
    let (mut cross, mut energy, mut other) = (0.0_f32, 1.0_f32, 1.0_f32);
    for (&a, &b) in end.iter().zip(earlier).step_by(stride) {
        let (a, b) = (f32::from(a), f32::from(b));
        cross += a * b;
        energy += a * a;
        other += b * b;
    }
    Some(cross / (energy * other).sqrt())
}

/// Goes over from one sound to another along the shorter of them.
pub(crate) fn cross_fade(from: &[i16], to: &[i16]) -> Vec<i16> {
    let len = from.len().min(to.len());
    let mix = |(at, (&a, &b)): (usize, (&i16, &i16))| {
        let share = (at as f32 + 0.5) / len as f32;
        (f32::from(a) * (1.0 - share) + f32::from(b) * share).round() as i16
    };
    from.iter().zip(to).enumerate().map(mix).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::Tone;

    #[test]
    fn the_period_of_a_tone_is_found_at_every_rate() {
        for rate in [Rate::Khz8, Rate::Khz16, Rate::Khz48] {
            for hz in [100.0, 200.0, 390.0] {
                let sound = Tone::new(hz, -10.0, rate).next_samples(rate.samples(40));
                let found = period_at_end(&sound, rate.samples(15), rate).unwrap();
                let turns = found.len as f64 * hz / f64::from(rate.hz());
                assert!((turns - turns.round()).abs() < 0.03, "{hz} Hz at {rate:?}: {found:?}");
                assert!(found.likeness > 0.95, "{found:?}");
            }
        }
    }

    #[test]
    fn too_little_sound_has_no_period() {
        assert_eq!(period_at_end(&[1; 30], 120, Rate::Khz8), None);
        assert_eq!(period_at_end(&[], 120, Rate::Khz8), None);
    }

    #[test]
    fn a_cross_fade_begins_as_the_one_and_ends_as_the_other() {
        let mixed = cross_fade(&[1_000; 100], &[-1_000; 120]);
        assert_eq!((mixed.len(), mixed[0], mixed[99]), (100, 990, -990));
    }
}
