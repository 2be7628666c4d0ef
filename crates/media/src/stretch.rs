//! Playing a little faster or slower without a change of pitch, one period at a time.

use crate::Rate;
use crate::pitch::{PERIOD_MAX_MS, cross_fade, period_at_end};

/// A period is taken out or repeated only where the sound repeats itself this well …
const LIKENESS_MIN: f32 = 0.6;
/// … or is so quiet that nobody hears the seam.
const QUIET_RMS: f64 = 100.0;

/// Takes one period out of `sound`; unchanged where that would be heard.
pub(crate) fn shorten(sound: &[i16], rate: Rate) -> Vec<i16> {
    let Some((before, a, b)) = last_two_periods(sound, rate) else { return sound.to_vec() };
    [before, &cross_fade(a, b)].concat()
}

/// Repeats one period of `sound`; unchanged where that would be heard.
pub(crate) fn lengthen(sound: &[i16], rate: Rate) -> Vec<i16> {
    let Some((before, a, b)) = last_two_periods(sound, rate) else { return sound.to_vec() };
    // After `a` the seam goes from what follows it to what it began with, and so to `b` again.
    [before, a, &cross_fade(b, a), b].concat()
}

/// The sound before its last two periods, and these two.
fn last_two_periods(sound: &[i16], rate: Rate) -> Option<(&[i16], &[i16], &[i16])> {
    let found = period_at_end(sound, rate.samples(PERIOD_MAX_MS), rate)?;
    if found.likeness < LIKENESS_MIN && crate::tone::rms(sound) > QUIET_RMS {
        return None;
    }
    let (rest, last) = sound.split_at_checked(sound.len().checked_sub(found.len)?)?;
    let (before, first) = rest.split_at_checked(rest.len().checked_sub(found.len)?)?;
    Some((before, first, last))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level_db, share_at};

    /// A second of tone of which each piece of 20 ms went through `change`.
    fn changed(hz: f64, change: fn(&[i16], Rate) -> Vec<i16>) -> Vec<i16> {
        let mut tone = Tone::new(hz, -10.0, Rate::Khz8);
        (0..50).flat_map(|_| change(&tone.next_samples(160), Rate::Khz8)).collect()
    }

    #[test]
    fn a_tone_gets_shorter_or_longer_and_keeps_pitch_and_level() {
        for hz in [200.0, 400.0, 1_000.0] {
            let (short, long) = (changed(hz, shorten), changed(hz, lengthen));
            assert!(short.len() < 7_500 && long.len() > 8_500, "{} {}", short.len(), long.len());
            for sound in [short, long] {
                assert!((level_db(&sound) + 10.0).abs() < 0.5, "{}", level_db(&sound));
                assert!(share_at(&sound[..1_600], hz, Rate::Khz8) > 0.8, "{hz} Hz");
            }
        }
    }

    #[test]
    fn noise_is_left_alone_and_near_silence_is_not() {
        let mut rng = net::Rng::new(1);
        let mut noise = |amplitude: i16| -> Vec<i16> {
            let range = 2 * u64::from(amplitude.unsigned_abs());
            (0..160).map(|_| i16::try_from(rng.below(range)).unwrap() - amplitude).collect()
        };
        let loud = noise(8_000);
        assert_eq!(shorten(&loud, Rate::Khz8), loud);
        let quiet = noise(20);
        assert!(shorten(&quiet, Rate::Khz8).len() < 160);
        assert!(lengthen(&quiet, Rate::Khz8).len() > 160);
    }
}
