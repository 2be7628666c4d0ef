//! When files are fetched by the calendar: on days of the week, or every so many days.

use net::Rng;

/// The time on the wall where the phone hangs: seconds since 1970-01-01T00:00 of local time, as if
/// every day had 86,400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LocalTime(pub i64);

/// A part of certain days, in which one fetching begins at a random time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// The days that it begins on.
    pub days: Days,
    /// Seconds after midnight.
    pub begin_s: u32,
    /// Seconds after midnight; before `begin_s`: on the next day. The same: no longer than a moment.
    pub end_s: u32,
}

/// Which days a window begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Days {
    /// Days of the week, Sunday first.
    OfWeek([bool; 7]),
    /// Every so many days, one of them, which differs from phone to phone.
    Every(u32),
}

const DAY: i64 = 86_400;

impl Window {
    /// The first beginning after `after`; none where no day is named.
    ///
    /// `seed` places it in the window and, with [`Days::Every`], `phone` chooses the day.
    #[must_use]
    pub(crate) fn next(&self, after: LocalTime, seed: &Rng, phone: u64) -> Option<LocalTime> {
        let today = after.0.div_euclid(DAY);
        let span = match &self.days {
            Days::OfWeek(_) => 8,
            Days::Every(days) => i64::from(*days) + 1,
        };
        // A window that began yesterday may reach into today.
        let days = (-1..=span).map(|ahead| today + ahead);
        let times = days.filter(|day| self.has(*day, phone)).map(|day| self.within(day, seed));
        times.filter(|time| *time > after).min()
    }

    fn has(&self, day: i64, phone: u64) -> bool {
        match &self.days {
            // 1970-01-01 was a Thursday.
            Days::OfWeek(days) => {
                let weekday = usize::try_from((day + 4).rem_euclid(7)).unwrap_or_default();
                days.get(weekday).copied().unwrap_or_default()
            }
            Days::Every(days) => {
                let days = u64::from(*days).max(1);
                let own = Rng::new(phone).fork("day").below(days);
                u64::try_from(day).is_ok_and(|day| day % days == own)
            }
        }
    }

    fn within(&self, day: i64, seed: &Rng) -> LocalTime {
        let (begin, end) = (i64::from(self.begin_s), i64::from(self.end_s));
        let length = if end >= begin { end - begin } else { end + DAY - begin };
        let mut rng = seed.fork(&day.to_string());
        let drawn = rng.below(u64::try_from(length).unwrap_or_default() + 1);
        LocalTime(day * DAY + begin + i64::try_from(drawn).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3600;
    /// A Monday.
    const MONDAY: i64 = 20_458;

    fn at(day: i64, hour: i64) -> LocalTime {
        LocalTime(day * DAY + hour * 3600)
    }

    fn weekly(days: &[usize], begin: u32, end: u32) -> Window {
        let mut of_week = [false; 7];
        days.iter().for_each(|day| of_week[*day] = true);
        Window { days: Days::OfWeek(of_week), begin_s: begin * HOUR, end_s: end * HOUR }
    }

    fn next(window: &Window, after: LocalTime) -> Option<LocalTime> {
        window.next(after, &Rng::new(1), 7)
    }

    #[test]
    fn a_weekly_window_begins_on_its_days_at_a_time_within() {
        let window = weekly(&[3], 2, 5);
        let time = next(&window, at(MONDAY, 0)).unwrap();
        assert!((at(MONDAY + 2, 2)..=at(MONDAY + 2, 5)).contains(&time), "{time:?}");
        assert_eq!(next(&window, LocalTime(time.0 - 1)), Some(time));
        let later = next(&window, time).unwrap();
        assert!((at(MONDAY + 9, 2)..=at(MONDAY + 9, 5)).contains(&later), "{later:?}");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let window = weekly(&[1], 22, 3);
        for seed in 0..20 {
            let time = window.next(at(MONDAY, 0), &Rng::new(seed), 7).unwrap();
            assert!((at(MONDAY, 22)..=at(MONDAY + 1, 3)).contains(&time), "{time:?}");
            assert_eq!(window.next(LocalTime(time.0 - 1), &Rng::new(seed), 7), Some(time));
        }
    }

    #[test]
    fn an_empty_window_is_a_moment_and_no_day_is_never() {
        assert_eq!(next(&weekly(&[0, 1], 0, 0), at(MONDAY - 1, 1)), Some(at(MONDAY, 0)));
        assert_eq!(next(&weekly(&[], 0, 0), at(MONDAY, 0)), None);
    }

    #[test]
    fn a_flexible_day_is_the_phones_own_and_comes_once_an_interval() {
        let window = Window { days: Days::Every(30), begin_s: 2 * HOUR, end_s: 7 * HOUR };
        let rng = Rng::new(1);
        let day = |phone| window.next(at(MONDAY, 0), &rng, phone).unwrap().0.div_euclid(DAY);
        let days: std::collections::BTreeSet<i64> = (0..200).map(day).collect();
        assert!(days.len() > 20, "phones spread over {} days", days.len());
        let first = next(&window, at(MONDAY, 0)).unwrap();
        let second = next(&window, first).unwrap();
        assert_eq!(second.0.div_euclid(DAY) - first.0.div_euclid(DAY), 30);
    }
}
