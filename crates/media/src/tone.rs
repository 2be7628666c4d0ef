use std::f64::consts::TAU;

use crate::{Digit, Rate};

/// One or two sine waves that go on without a seam from call to call.
#[derive(Clone, Debug)]
pub struct Tone {
    waves: Vec<Wave>,
    amplitude: f64,
}

#[derive(Clone, Debug)]
struct Wave {
    /// In turns.
    phase: f64,
    step: f64,
}

impl Tone {
    /// A wave of `hz`, its level in dB below a wave that just does not clip (so 0 or less).
    #[must_use]
    pub fn new(hz: f64, level_db: f64, rate: Rate) -> Self {
        Self::of(&[hz], level_db, rate)
    }

    /// The two waves of a DTMF digit (ITU-T Q.23), each at `level_db`.
    #[must_use]
    pub fn dtmf(digit: Digit, level_db: f64, rate: Rate) -> Self {
        let (low, high) = digit.frequencies();
        Self::of(&[low, high], level_db, rate)
    }

    fn of(hz: &[f64], level_db: f64, rate: Rate) -> Self {
        let wave = |hz: &f64| Wave { phase: 0.0, step: hz / f64::from(rate.hz()) };
        let amplitude = 32_767.0 * 10_f64.powf(level_db / 20.0);
        Self { waves: hz.iter().map(wave).collect(), amplitude }
    }

    /// The next `count` samples.
    pub fn next_samples(&mut self, count: usize) -> Vec<i16> {
        (0..count).map(|_| self.next_sample()).collect()
    }

    fn next_sample(&mut self) -> i16 {
        let mut sum = 0.0;
        for wave in &mut self.waves {
            sum += (TAU * wave.phase).sin();
            wave.phase = (wave.phase + wave.step).fract();
        }
        (sum * self.amplitude).round().clamp(-32_768.0, 32_767.0) as i16
    }
}

/// The root mean square of samples; 0 of none.
#[must_use]
pub fn rms(samples: &[i16]) -> f64 {
    let squares: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    if samples.is_empty() { 0.0 } else { (squares / samples.len() as f64).sqrt() }
}

/// Their level in dB below a sine wave that just does not clip; −∞ for silence.
#[must_use]
pub fn level_db(samples: &[i16]) -> f64 {
    20.0 * (rms(samples) / (32_767.0 / 2_f64.sqrt())).log10()
}

/// The share of their energy that lies at `hz`, 0 to 1 (Goertzel).
#[must_use]
pub fn share_at(samples: &[i16], hz: f64, rate: Rate) -> f64 {
    let omega = TAU * hz / f64::from(rate.hz());
    let coefficient = 2.0 * omega.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for &sample in samples {
        let next = f64::from(sample) + coefficient * last - before;
        (before, last) = (last, next);
    }
    let power = last * last + before * before - coefficient * last * before;
    let total: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum();
    if total == 0.0 { 0.0 } else { (2.0 * power / (total * samples.len() as f64)).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_has_the_level_and_the_pitch_it_was_asked_for() {
        for rate in [Rate::Khz8, Rate::Khz16, Rate::Khz48] {
            let mut tone = Tone::new(1_000.0, -10.0, rate);
            let mut samples = tone.next_samples(rate.samples(33));
            samples.extend(tone.next_samples(rate.samples(967)));
            assert!((level_db(&samples) + 10.0).abs() < 0.01, "{}", level_db(&samples));
            assert!(share_at(&samples, 1_000.0, rate) > 0.999);
            assert!(share_at(&samples, 1_300.0, rate) < 0.001);
        }
    }

    #[test]
    fn a_digit_has_its_two_pitches_and_silence_has_none() {
        let five = Digit::from_char('5').unwrap();
        let samples = Tone::dtmf(five, -12.0, Rate::Khz8).next_samples(8_000);
        let shares = [770.0, 1_336.0].map(|hz| share_at(&samples, hz, Rate::Khz8));
        assert!(shares.iter().all(|share| (0.49..0.51).contains(share)), "{shares:?}");
        assert_eq!(rms(&[]), 0.0);
        assert_eq!(share_at(&[0; 80], 1_000.0, Rate::Khz8), 0.0);
        assert!(level_db(&[0; 80]) < -1_000.0);
    }
}
