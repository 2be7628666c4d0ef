//! One figure: what was measured, how it is spread, and what it is to keep.

use std::time::Duration;

use serde::Serialize;

/// What the samples of a figure are to keep.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(tag = "of", content = "value", rename_all = "snake_case")]
pub(crate) enum Limit {
    /// The 99th percentile stays below.
    P99Below(f64),
    /// The worst sample stays below.
    WorstBelow(f64),
    /// The median stays above.
    MedianAbove(f64),
    /// No sample is larger.
    AtMost(f64),
}

/// Which end of the samples is the bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Better {
    Less,
    More,
}

/// A measured figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The letter of the list of figures.
    pub(crate) figure: char,
    /// What was measured, from where to where.
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) samples: usize,
    /// None where it could not be measured; the note says why.
    pub(crate) spread: Option<Spread>,
    pub(crate) limit: Option<Limit>,
    pub(crate) met: Option<bool>,
    /// What a reader should know to judge it.
    pub(crate) note: String,
}

/// How samples are spread. Ranks are nearest ranks: with fewer than a hundred samples the 99th
/// percentile is the worst one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) best: f64,
    pub(crate) median: f64,
    /// 99 of 100 samples are as good or better.
    pub(crate) p99: f64,
    pub(crate) worst: f64,
}

impl Spread {
    /// The spread of `samples`; none of no samples.
    pub(crate) fn of(samples: &[f64], better: Better) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        if better == Better::More {
            sorted.reverse();
        }
        let rank = |percent: usize| sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1);
        Some(Self {
            best: *sorted.first()?,
            median: *rank(50)?,
            p99: *rank(99)?,
            worst: *sorted.last()?,
        })
    }

    fn keeps(&self, limit: Limit) -> bool {
        match limit {
            Limit::P99Below(value) => self.p99 < value,
            Limit::WorstBelow(value) => self.worst < value,
            Limit::MedianAbove(value) => self.median > value,
            Limit::AtMost(value) => self.worst <= value,
        }
    }
}

impl Figure {
    /// A figure of these samples.
    pub(crate) fn of(
        figure: char,
        what: impl Into<String>,
        (unit, better): (&'static str, Better),
        samples: &[f64],
    ) -> Self {
        Self {
            figure,
            what: what.into(),
            unit,
            samples: samples.len(),
            spread: Spread::of(samples, better),
            limit: None,
            met: None,
            note: String::new(),
        }
    }

    /// A figure that this machine does not give.
    pub(crate) fn missing(figure: char, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { note: why.into(), ..Self::of(figure, what, ("", Better::Less), &[]) }
    }

    pub(crate) fn limited(mut self, limit: Limit) -> Self {
        self.met = self.spread.map(|spread| spread.keeps(limit));
        self.limit = Some(limit);
        self
    }

    pub(crate) fn noted(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Whether it keeps its limit, where it has one and was measured.
    pub(crate) const fn is_met(&self) -> Option<bool> {
        self.met
    }
}

/// Milliseconds with fraction.
pub(crate) fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_99th_percentile_of_a_hundred_leaves_one_out() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&samples, Better::Less).unwrap();
        assert_eq!(spread, Spread { best: 1.0, median: 50.0, p99: 99.0, worst: 100.0 });
        let spread = Spread::of(&samples, Better::More).unwrap();
        assert_eq!(spread, Spread { best: 100.0, median: 51.0, p99: 2.0, worst: 1.0 });
    }

    #[test]
    fn of_few_samples_the_99th_percentile_is_the_worst() {
        let spread = Spread::of(&[3.0, 1.0, 2.0], Better::Less).unwrap();
        assert_eq!((spread.median, spread.p99), (2.0, 3.0));
        assert_eq!(Spread::of(&[], Better::Less), None);
    }

    #[test]
    fn a_limit_is_judged_by_what_it_names() {
        let figure = |limit| {
            Figure::of('a', "", ("ms", Better::Less), &[1.0, 2.0, 9.0]).limited(limit).is_met()
        };
        assert_eq!(figure(Limit::P99Below(9.0)), Some(false));
        assert_eq!(figure(Limit::WorstBelow(9.5)), Some(true));
        assert_eq!(figure(Limit::MedianAbove(1.5)), Some(true));
        assert_eq!(figure(Limit::AtMost(9.0)), Some(true));
        assert_eq!(Figure::missing('a', "", "no").limited(Limit::AtMost(0.0)).is_met(), None);
    }
}
