use std::f64::consts::PI;

use crate::Rate;

/// Taps on each side of the centre, counted in samples of the lower rate.
const HALF_WIDTH: usize = 16;
/// Where the filter cuts, as a share of the lower rate's band.
const CUTOFF: f64 = 0.90;

/// Changes the rate of a running signal between 8, 16 and 48 kHz; every one is a multiple of the
/// lower ones. Delays by 16 samples of the lower rate (2 ms at 8 kHz).
#[derive(Clone, Debug)]
pub struct Resampler {
    step: Step,
    /// What is still needed of the input, the oldest first.
    kept: Vec<f32>,
}

#[derive(Clone, Debug)]
enum Step {
    Same,
    /// One filter for each output sample of an input sample.
    Up(Vec<Vec<f32>>),
    /// One filter, and how many input samples go for each output sample.
    Down(Vec<f32>, usize),
}

impl Resampler {
    /// A converter; nothing is changed where both rates are equal.
    #[must_use]
    pub fn new(from: Rate, to: Rate) -> Self {
        let (from, to) = (from.hz() as usize, to.hz() as usize);
        if from == to {
            return Self { step: Step::Same, kept: Vec::new() };
        }
        let factor = from.max(to) / from.min(to);
        let taps = low_pass(factor);
        if from > to {
            let kept = vec![0.0; taps.len() - factor];
            return Self { step: Step::Down(taps, factor), kept };
        }
        // Of the taps only each factor-th meets an input sample; the others meet inserted zeros.
        let phase = |first: usize| -> Vec<f32> {
            let mut taps: Vec<f32> =
                taps.iter().skip(first).step_by(factor).map(|tap| tap * factor as f32).collect();
            taps.reverse();
            taps
        };
        let phases: Vec<Vec<f32>> = (0..factor).map(phase).collect();
        Self { kept: vec![0.0; taps.len() / factor - 1], step: Step::Up(phases) }
    }

    /// The next samples at the other rate. Going down, a rest that makes no whole output sample
    /// waits for the next call.
    pub fn convert(&mut self, samples: &[i16]) -> Vec<i16> {
        if let Step::Same = self.step {
            return samples.to_vec();
        }
        self.kept.extend(samples.iter().map(|&sample| f32::from(sample)));
        let (out, used) = match &self.step {
            Step::Same => (Vec::new(), 0),
            Step::Up(phases) => {
                let len = phases.first().map_or(1, Vec::len);
                let out = self
                    .kept
                    .windows(len)
                    .flat_map(|window| phases.iter().map(move |taps| dot(window, taps)));
                (out.collect(), (self.kept.len() + 1).saturating_sub(len))
            }
            Step::Down(taps, factor) => {
                let out: Vec<i16> = self
                    .kept
                    .windows(taps.len())
                    .step_by(*factor)
                    .map(|window| dot(window, taps))
                    .collect();
                let used = out.len() * factor;
                (out, used)
            }
        };
        self.kept.drain(..used.min(self.kept.len()));
        out
    }
}

/// A windowed sinc that passes the lower of two rates; its length is a multiple of `factor`.
fn low_pass(factor: usize) -> Vec<f32> {
    let count = 2 * HALF_WIDTH * factor;
    let centre = (count - 1) as f64 / 2.0;
    let tap = |at: usize| {
        let x = (at as f64 - centre) * CUTOFF / factor as f64;
        let sinc = if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
        let turn = (at as f64 + 0.5) / count as f64 * 2.0 * PI;
        // Blackman: stop band below −70 dB.
        let window = 0.42 - 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        sinc * window
    };
    let taps: Vec<f64> = (0..count).map(tap).collect();
    let gain: f64 = taps.iter().sum();
    taps.into_iter().map(|tap| (tap / gain) as f32).collect()
}

/// Eight sums side by side, which the compiler turns into vector instructions; the number of taps
/// is a multiple of eight.
fn dot(window: &[f32], taps: &[f32]) -> i16 {
    let mut sums = [0.0_f32; 8];
    let (windows, _) = window.as_chunks::<8>();
    let (taps, _) = taps.as_chunks::<8>();
    for (samples, taps) in windows.iter().zip(taps) {
        for ((sum, sample), tap) in sums.iter_mut().zip(samples).zip(taps) {
            *sum += sample * tap;
        }
    }
    let sum: f32 = sums.iter().sum();
    sum.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level_db, rms, share_at};

    const RATES: [Rate; 3] = [Rate::Khz8, Rate::Khz16, Rate::Khz48];

    /// A second of tone, converted in pieces of 10 ms.
    fn converted(hz: f64, from: Rate, to: Rate) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to);
        let mut tone = Tone::new(hz, -6.0, from);
        (0..100).flat_map(|_| resampler.convert(&tone.next_samples(from.samples(10)))).collect()
    }

    #[test]
    fn a_tone_keeps_its_level_pitch_and_duration_between_all_rates() {
        for from in RATES {
            for to in RATES {
                let samples = converted(1_000.0, from, to);
                assert_eq!(samples.len(), to.samples(1_000), "{from:?} to {to:?}");
                let settled = &samples[to.samples(100)..];
                assert!((level_db(settled) + 6.0).abs() < 0.1, "{from:?} to {to:?}");
                assert!(share_at(settled, 1_000.0, to) > 0.99, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_taken_away() {
        for (hz, from, to) in [
            (5_000.0, Rate::Khz16, Rate::Khz8),
            (5_000.0, Rate::Khz48, Rate::Khz8),
            (10_000.0, Rate::Khz48, Rate::Khz16),
        ] {
            let samples = converted(hz, from, to);
            assert!(rms(&samples[to.samples(100)..]) < 30.0, "{hz} Hz, {from:?} to {to:?}");
        }
    }

    #[test]
    fn odd_pieces_lose_no_sample() {
        let mut resampler = Resampler::new(Rate::Khz48, Rate::Khz8);
        let count: usize = (0..600).map(|_| resampler.convert(&[1; 7]).len()).sum();
        assert_eq!(count, 700);
    }
}
