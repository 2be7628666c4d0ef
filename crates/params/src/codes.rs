use std::fmt;

/// Which final answers count as the failure of a next hop, from `sureline.failover_codes`.
///
/// Blank matches nothing: 500, 502 and 504 are final then, as most answers are (A6).
#[derive(Clone, Default, Debug, PartialEq, Eq, Hash)]
pub struct FailoverCodes(Box<[[u8; 3]]>);

impl FailoverCodes {
    /// Reads a list such as `500,502,5??`, `None` for anything but three-figure patterns of 4xx and
    /// 5xx and for a code that never fails over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let patterns = text.split(',').map(str::trim).filter(|pattern| !pattern.is_empty());
        let codes = patterns.map(pattern).collect::<Option<Vec<_>>>()?;
        (codes.len() <= CODES_MAX).then(|| Self(codes.into()))
    }

    /// Whether a final answer with this status sends the request to the next candidate.
    #[must_use]
    pub fn matches(&self, status: u16) -> bool {
        let digits = [status / 100, status / 10 % 10, status % 10];
        let fits = |pattern: &[u8; 3]| {
            pattern.iter().zip(digits).all(|(p, d)| *p == b'?' || u16::from(*p - b'0') == d)
        };
        // A6: what is listed fails over, but never an answer with a cure of its own.
        status < 1000 && !NEVER.contains(&status) && self.0.iter().any(fits)
    }

    /// Whether nothing is listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FailoverCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, pattern) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            f.write_str(comma)?;
            pattern.iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))?;
        }
        Ok(())
    }
}

fn pattern(text: &str) -> Option<[u8; 3]> {
    let pattern: [u8; 3] = text.as_bytes().try_into().ok()?;
    let [class, rest @ ..] = pattern;
    let figures = rest.iter().all(|byte| byte.is_ascii_digit() || *byte == b'?');
    let never = text.parse().is_ok_and(|status| NEVER.contains(&status));
    (matches!(class, b'4' | b'5') && figures && !never).then_some(pattern)
}

/// behaviour.md §2: a challenge, a refusal of the user, and answers with a cure of their own say
/// nothing about the next hop; 482 and 487 belong to one call.
const NEVER: [u16; 8] = [401, 403, 404, 407, 423, 439, 482, 487];

/// More patterns than there are sensible ones.
const CODES_MAX: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    // A6
    #[test]
    fn listed_codes_fail_over_and_a_question_mark_stands_for_any_figure() {
        let codes = FailoverCodes::parse("500, 502,48?").unwrap();
        let matched: Vec<u16> = (0..2000).filter(|status| codes.matches(*status)).collect();
        assert_eq!(matched, [480, 481, 483, 484, 485, 486, 488, 489, 500, 502]);
        assert_eq!(codes.to_string(), "500,502,48?");
    }

    // A6
    #[test]
    fn blank_matches_nothing() {
        let codes = FailoverCodes::parse(" ").unwrap();
        assert!(codes.is_empty() && (0..700).all(|status| !codes.matches(status)));
    }

    #[test]
    fn codes_that_never_fail_over_cannot_be_listed() {
        for text in
            ["401", "403", "404", "423", "439", "301", "600", "200", "5?", "5xx", "5000", "500;502"]
        {
            assert_eq!(FailoverCodes::parse(text), None, "{text}");
        }
        assert!(!FailoverCodes::parse("4??").unwrap().matches(403));
    }
}
