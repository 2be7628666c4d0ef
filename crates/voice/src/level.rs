use media::{FRAME, level_db, rms};

/// The level of silence; that of the least sound of 16 bits is about −87.
const SILENCE_DB: f64 = -96.0;
/// Frames of one reading.
const WINDOW: u32 = 1_000 / FRAME.as_millis() as u32;

/// Measures what is heard, second by second.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    squares: f64,
    frames: u32,
    last_db: Option<f64>,
    loudest_db: f64,
}

impl Meter {
    pub(crate) const fn new() -> Self {
        Self { squares: 0.0, frames: 0, last_db: None, loudest_db: SILENCE_DB }
    }

    /// Takes 10 ms of sound.
    pub(crate) fn hear(&mut self, sound: &[i16]) {
        self.squares += rms(sound).powi(2);
        self.frames += 1;
        if self.frames == WINDOW {
            let level = self.running_db();
            self.last_db = Some(level);
            self.loudest_db = self.loudest_db.max(level);
            (self.squares, self.frames) = (0.0, 0);
        }
    }

    /// The level of the last whole second; before there is one, of what was heard.
    pub(crate) fn last_db(&self) -> f64 {
        self.last_db.unwrap_or_else(|| self.running_db())
    }

    pub(crate) fn loudest_db(&self) -> f64 {
        if self.last_db.is_none() { self.running_db() } else { self.loudest_db }
    }

    fn running_db(&self) -> f64 {
        let mean = (self.squares / f64::from(self.frames.max(1))).sqrt();
        level_db(&[mean.round().min(32_767.0) as i16]).max(SILENCE_DB)
    }
}

#[cfg(test)]
mod tests {
    use media::{Rate, Tone};

    use super::*;

    fn heard(seconds: &[f64]) -> Meter {
        let mut meter = Meter::new();
        for level in seconds {
            let mut tone = Tone::new(440.0, *level, Rate::Khz8);
            (0..100).for_each(|_| meter.hear(&tone.next_samples(80)));
        }
        meter
    }

    #[test]
    fn the_last_second_and_the_loudest_one_are_known() {
        let meter = heard(&[-20.0, -10.0, -30.0]);
        assert!((meter.last_db() + 30.0).abs() < 0.1, "{}", meter.last_db());
        assert!((meter.loudest_db() + 10.0).abs() < 0.1, "{}", meter.loudest_db());
    }

    #[test]
    fn silence_has_a_finite_level_and_a_short_call_has_one_too() {
        assert_eq!(Meter::new().last_db(), SILENCE_DB);
        let mut meter = Meter::new();
        let mut tone = Tone::new(1_000.0, -6.0, Rate::Khz16);
        (0..5).for_each(|_| meter.hear(&tone.next_samples(160)));
        assert!((meter.last_db() + 6.0).abs() < 0.1);
        assert!((meter.loudest_db() + 6.0).abs() < 0.1);
    }
}
