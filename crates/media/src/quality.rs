//! The E-model (ITU-T G.107) in the form for what a phone can measure.

use std::time::Duration;

use sdp::Codec;

/// The mean opinion score, 1.0 to 4.5, of speech that arrives like this.
///
/// `loss` is the share of packets that were not played, lost or late; `delay` is from mouth to ear.
#[must_use]
pub fn mos(codec: Codec, loss: f64, delay: Duration) -> f64 {
    score(rating(codec, loss, delay))
}

/// The transmission rating R, 0 to 93.2.
fn rating(codec: Codec, loss: f64, delay: Duration) -> f64 {
    // ITU-T G.113: equipment impairment and robustness against random loss, with concealment.
    let (impairment, robustness) = match codec {
        Codec::Pcmu | Codec::Pcma => (0.0, 25.1),
        Codec::G722 => (0.0, 20.0),
        Codec::G729 => (11.0, 19.0),
        Codec::Opus => (0.0, 28.0),
    };
    let percent = 100.0 * loss.clamp(0.0, 1.0);
    let equipment = impairment + (95.0 - impairment) * percent / (percent + robustness);
    let ms = 1_000.0 * delay.as_secs_f64();
    // Cole and Rosenbluth's fit of the delay impairment of G.107.
    let delay = 0.024 * ms + if ms > 177.3 { 0.11 * (ms - 177.3) } else { 0.0 };
    (93.2 - delay - equipment).clamp(0.0, 93.2)
}

/// ITU-T G.107 annex B.
fn score(rating: f64) -> f64 {
    (1.0 + 0.035 * rating + 7e-6 * rating * (rating - 60.0) * (100.0 - rating)).clamp(1.0, 4.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(codec: Codec, loss: f64, ms: u64) -> f64 {
        mos(codec, loss, Duration::from_millis(ms))
    }

    #[test]
    fn a_clean_call_scores_as_g_107_says() {
        assert!((at(Codec::Pcma, 0.0, 0) - 4.41).abs() < 0.01);
        assert!((at(Codec::G729, 0.0, 0) - 4.10).abs() < 0.02);
    }

    #[test]
    fn loss_and_delay_only_ever_lower_the_score() {
        for codec in Codec::ALL {
            let by_loss: Vec<f64> = (0..=20).map(|n| at(codec, f64::from(n) / 20.0, 50)).collect();
            let by_delay: Vec<f64> = (0..20).map(|n| at(codec, 0.0, 50 * n)).collect();
            for scores in [by_loss, by_delay] {
                assert!(scores.is_sorted_by(|a, b| a >= b), "{codec}: {scores:?}");
                assert!(scores.iter().all(|score| (1.0..=4.5).contains(score)));
            }
        }
    }
}
