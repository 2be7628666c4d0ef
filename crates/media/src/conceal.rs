//! What is played where nothing came: the last period repeated, then quiet noise.

use std::collections::VecDeque;

use net::Rng;

use crate::Rate;
use crate::pitch::{PERIOD_MAX_MS, cross_fade, period_at_end};

/// Sound that is remembered: two longest periods and what they are compared over.
const MEMORY_MS: usize = 3 * PERIOD_MAX_MS;
/// A loss is repeated at full level so long (ITU-T G.711 appendix I) …
const FULL_MS: usize = 10;
/// … and has faded out after so long.
const FADED_MS: usize = 60;
/// How long the seam to the sound that follows a loss is.
const SEAM_MS: usize = 5;
/// Comfort noise is no louder than this (−55 dB), whatever the line sounded like before.
const NOISE_RMS_MAX: f32 = 58.0;

/// Fills gaps in a running signal.
#[derive(Clone, Debug)]
pub(crate) struct Concealer {
    rate: Rate,
    memory: VecDeque<i16>,
    noise: Noise,
    /// The loss being filled.
    gap: Option<Gap>,
}

#[derive(Clone, Debug)]
struct Gap {
    period: Vec<i16>,
    /// Samples filled so far.
    filled: usize,
}

impl Concealer {
    pub(crate) fn new(rate: Rate, rng: Rng) -> Self {
        let noise = Noise { rng, level: 0.0, floor: f32::MAX, heard_ms: 0, last: 0.0 };
        Self { rate, memory: VecDeque::new(), noise, gap: None }
    }

    /// Takes sound that was received, and mends its beginning if a gap has just ended.
    pub(crate) fn heard(&mut self, mut sound: Vec<i16>) -> Vec<i16> {
        if self.gap.is_some() {
            let seam = self.go_on(self.rate.samples(SEAM_MS).min(sound.len()));
            let mended = cross_fade(&seam, &sound);
            sound.splice(..mended.len(), mended);
            self.gap = None;
        }
        self.noise.listen(&sound, self.rate);
        self.remember(&sound);
        sound
    }

    /// What to play for `count` samples that are missing.
    pub(crate) fn fill(&mut self, count: usize) -> Vec<i16> {
        let sound = self.go_on(count);
        self.remember(&sound);
        sound
    }

    /// What to play while the other side sends nothing on purpose.
    pub(crate) fn comfort(&mut self, count: usize) -> Vec<i16> {
        // As after a loss that has faded, so that the sound after it gets its seam.
        let faded = self.rate.samples(FADED_MS);
        self.gap.get_or_insert(Gap { period: Vec::new(), filled: faded });
        self.fill(count)
    }

    /// Sets the level of comfort noise as told, in dB below full scale (RFC 3389 §3.1).
    pub(crate) fn noise_level(&mut self, below_db: u8) {
        let level = 32_767.0 * 10_f32.powf(-f32::from(below_db & 0x7f) / 20.0);
        self.noise.level = level.min(NOISE_RMS_MAX);
    }

    fn go_on(&mut self, count: usize) -> Vec<i16> {
        let mut gap = self.gap.take().unwrap_or_else(|| self.begin());
        let (full, faded) = (self.rate.samples(FULL_MS), self.rate.samples(FADED_MS));
        let len = gap.period.len().max(1);
        let mut sound = Vec::with_capacity(count);
        for _ in 0..count {
            let past_full = gap.filled.saturating_sub(full) as f32;
            let gain = (1.0 - past_full / (faded - full) as f32).max(0.0);
            let repeated = gap.period.get(gap.filled % len).map_or(0.0, |&old| f32::from(old));
            let noise = self.noise.next_sample() * (1.0 - gain);
            sound.push((repeated * gain + noise).round() as i16);
            gap.filled = gap.filled.saturating_add(1);
        }
        self.gap = Some(gap);
        sound
    }

    fn begin(&mut self) -> Gap {
        let memory = self.memory.make_contiguous();
        let longest = self.rate.samples(PERIOD_MAX_MS);
        let period = period_at_end(memory, longest, self.rate);
        let from = period.and_then(|period| memory.len().checked_sub(period.len));
        let period = from.and_then(|from| memory.get(from..)).unwrap_or_default();
        Gap { period: period.to_vec(), filled: 0 }
    }

    fn remember(&mut self, sound: &[i16]) {
        self.memory.extend(sound);
        let surplus = self.memory.len().saturating_sub(self.rate.samples(MEMORY_MS));
        self.memory.drain(..surplus);
    }
}

/// Soft noise at the level of the quietest moments heard.
#[derive(Clone, Debug)]
struct Noise {
    rng: Rng,
    /// Root mean square of what is made.
    level: f32,
    /// The quietest piece since the last look.
    floor: f32,
    heard_ms: usize,
    last: f32,
}

impl Noise {
    fn listen(&mut self, sound: &[i16], rate: Rate) {
        self.floor = self.floor.min(crate::tone::rms(sound) as f32);
        self.heard_ms += sound.len() / rate.samples(1);
        if self.heard_ms >= 1_000 {
            self.level = self.floor.min(NOISE_RMS_MAX);
            (self.floor, self.heard_ms) = (f32::MAX, 0);
        }
    }

    fn next_sample(&mut self) -> f32 {
        let white = self.rng.unit() as f32 - 0.5;
        // A one-pole low pass; the factor brings its output back to a root mean square of 1.
        self.last = 0.5 * self.last + white;
        self.last * self.level * 3.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone::{Tone, level_db, rms, share_at};

    fn concealer() -> Concealer {
        Concealer::new(Rate::Khz8, Rng::new(5))
    }

    #[test]
    fn a_lost_packet_of_a_tone_is_not_heard() {
        for hz in [200.0, 350.0, 1_000.0] {
            let (mut concealer, mut tone) = (concealer(), Tone::new(hz, -10.0, Rate::Khz8));
            let mut sound = Vec::new();
            for packet in 0..50 {
                let sent = tone.next_samples(160);
                sound.extend(match packet % 10 {
                    9 => concealer.fill(160),
                    _ => concealer.heard(sent),
                });
            }
            assert!((level_db(&sound) + 10.0).abs() < 0.7, "{}", level_db(&sound));
            let largest_step = sound.windows(2).map(|w| (w[1] - w[0]).unsigned_abs()).max();
            let of_tone =
                32_767.0 * 10_f64.powf(-0.5) * 2.0 * (std::f64::consts::PI * hz / 8_000.0).sin();
            assert!(f64::from(largest_step.unwrap()) < 1.7 * of_tone, "a click at {hz} Hz");
        }
    }

    #[test]
    fn a_long_loss_fades_into_noise_at_the_level_of_the_line() {
        let mut concealer = concealer();
        let mut rng = Rng::new(2);
        let mut tone = Tone::new(300.0, -10.0, Rate::Khz8);
        for packet in 0..100 {
            let mut sent = tone.next_samples(160);
            if packet % 4 == 0 {
                sent.iter_mut().for_each(|sample| *sample = (rng.below(60) as i16) - 30);
            }
            concealer.heard(sent);
        }
        let gap = concealer.fill(8_000);
        assert!(rms(&gap[..160]) > 3_000.0);
        let tail = rms(&gap[800..]);
        assert!((8.0..35.0).contains(&tail), "{tail}");
        assert!(share_at(&gap[800..], 300.0, Rate::Khz8) < 0.05);
    }

    #[test]
    fn comfort_noise_is_never_louder_than_its_limit() {
        let mut concealer = concealer();
        concealer.noise_level(0);
        assert!(rms(&concealer.comfort(8_000)) < 75.0);
        concealer.noise_level(127);
        assert!(rms(&concealer.comfort(8_000)) < 1.0);
    }

    #[test]
    fn a_loss_before_anything_came_is_silence() {
        assert_eq!(rms(&concealer().fill(800)), 0.0);
    }
}
