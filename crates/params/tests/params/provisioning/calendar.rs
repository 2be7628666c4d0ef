//! When files are fetched.

use std::time::Duration;

use params::Device;
use params::provision::{Input, Outcome, Report, Saved, Trigger};

use super::bench::{Bench, MAC, OWN_BOOT, Reply, SERVER};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// A phone that has its files.
fn provisioned(set: &str, seed: u64) -> Bench {
    let mut bench = Bench::of(Device::default(), Some(SERVER), set, Saved::default(), seed);
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.run(Trigger::Start);
    bench
}

fn times(bench: &Bench, trigger: Trigger) -> Vec<u64> {
    let of_trigger = |report: &&Report| report.trigger == trigger;
    let began = bench.reports.iter().filter(of_trigger).map(|report| report.began);
    began.map(|at| at.as_micros() / 1_000_000).collect()
}

#[test]
fn nothing_is_fetched_by_itself_unless_the_settings_say_so() {
    let mut bench = provisioned("", 1);
    bench.pass(40 * DAY);
    assert_eq!(bench.reports.len(), 1);
    assert_eq!(bench.machine.next_timeout(), None);
}

#[test]
fn power_on_0_fetches_nothing_at_the_start() {
    let mut bench = Bench::new("static.auto_provision.power_on = 0\n");
    assert_eq!(bench.run(Trigger::Start).outcome, Outcome::NotDue);
    assert!(bench.log.is_empty());
    bench.serve(&[(MAC, "account.1.label = a\n")]);
    assert!(!bench.run(Trigger::Demand).failed());
}

#[test]
fn files_are_fetched_again_every_so_many_minutes() {
    let set =
        "static.auto_provision.repeat.enable = 1\nstatic.auto_provision.repeat.minutes = 10\n";
    let mut bench = provisioned(set, 1);
    bench.pass(HOUR);
    let times = times(&bench, Trigger::Repeat);
    assert_eq!(times.len(), 5, "{times:?}");
    assert!(times.windows(2).all(|pair| (600..=601).contains(&(pair[1] - pair[0]))), "{times:?}");
}

#[test]
fn a_fetching_for_another_reason_puts_the_repetition_off() {
    let set =
        "static.auto_provision.repeat.enable = 1\nstatic.auto_provision.repeat.minutes = 10\n";
    let mut bench = provisioned(set, 1);
    bench.pass(Duration::from_secs(500));
    bench.run(Trigger::CheckSync { restart: false });
    bench.pass(Duration::from_secs(599));
    assert_eq!(times(&bench, Trigger::Repeat), [0; 0]);
    bench.pass(Duration::from_secs(2));
    assert_eq!(times(&bench, Trigger::Repeat).len(), 1);
}

#[test]
fn settings_from_the_server_plan_the_next_fetching() {
    let mut bench = Bench::new("");
    let text =
        "static.auto_provision.repeat.enable = 1\nstatic.auto_provision.repeat.minutes = 1\n";
    bench.serve(&[(MAC, text)]);
    bench.run(Trigger::Start);
    bench.pass(Duration::from_secs(61));
    assert_eq!(times(&bench, Trigger::Repeat).len(), 1);
    bench.serve(&[(MAC, "static.auto_provision.repeat.enable = 0\n")]);
    bench.pass(Duration::from_secs(600));
    assert_eq!(times(&bench, Trigger::Repeat).len(), 2);
}

#[test]
fn the_weekly_window_opens_on_its_days_and_spreads_phones_over_it() {
    let set = "static.auto_provision.weekly.enable = 1\n\
        static.auto_provision.weekly.dayofweek = 35\n\
        static.auto_provision.weekly.begin_time = 02:00\n\
        static.auto_provision.weekly.end_time = 04:30\n";
    let mut firsts = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let mut bench = provisioned(set, seed);
        bench.pass(14 * DAY);
        let times = times(&bench, Trigger::Weekly);
        // Wednesday and Friday of two weeks that begin on Monday.
        for (at, day) in times.iter().zip([2, 4, 9, 11]) {
            let window = day * 86_400 + 7200..=day * 86_400 + 16_201;
            assert!(window.contains(at), "{at} on day {day}");
        }
        assert_eq!(times.len(), 4, "{times:?}");
        firsts.insert(times[0]);
    }
    assert!(firsts.len() > 5, "{firsts:?}");
}

#[test]
fn the_flexible_day_comes_once_an_interval() {
    let set = "static.auto_provision.flexible.enable = 1\n\
        static.auto_provision.flexible.interval = 5\n\
        static.auto_provision.flexible.begin_time = 02:00\n\
        static.auto_provision.flexible.end_time = 07:00\n";
    let mut bench = provisioned(set, 1);
    bench.pass(20 * DAY);
    let times = times(&bench, Trigger::Flexible);
    assert_eq!(times.len(), 4, "{times:?}");
    for pair in times.windows(2) {
        assert_eq!(pair[1] / 86_400 - pair[0] / 86_400, 5);
    }
    assert!(times.iter().all(|at| (7200..=25_201).contains(&(at % 86_400))), "{times:?}");
}

#[test]
fn a_wall_clock_that_is_set_skips_windows_and_summer_time_does_not() {
    let set = "static.auto_provision.weekly.enable = 1\n\
        static.auto_provision.weekly.begin_time = 02:30\n\
        static.auto_provision.weekly.end_time = 02:30\n";
    let mut bench = provisioned(set, 1);
    bench.wall += 3 * 86_400;
    bench.pass(HOUR);
    assert_eq!(times(&bench, Trigger::Weekly), [0; 0]);

    let mut bench = provisioned(set, 1);
    bench.pass(2 * HOUR - Duration::from_secs(10));
    // 02:00 becomes 03:00.
    bench.wall += 3600;
    bench.pass(HOUR);
    assert_eq!(times(&bench, Trigger::Weekly).len(), 1);
}

#[test]
fn a_phone_without_any_files_tries_again_ever_more_rarely() {
    let mut bench = Bench::new("");
    bench.script(OWN_BOOT, vec![Reply::Status(400)]);
    bench.run(Trigger::Start);
    bench.pass(2 * HOUR);
    let again = times(&bench, Trigger::Again);
    let gaps: Vec<u64> = again.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((24..=30).contains(&again[0]), "{again:?}");
    assert!(gaps.iter().all(|gap| (48..=900).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().skip(5).all(|gap| *gap >= 720), "{gaps:?}");

    bench.serve(&[(MAC, "account.1.label = a\n")]);
    bench.pass(HOUR);
    let done = bench.reports.len();
    bench.pass(DAY);
    assert_eq!((bench.value("account.1.label").as_str(), bench.reports.len()), ("a", done));
}

#[test]
fn who_asks_during_a_run_gets_one_more() {
    let mut bench = Bench::new("");
    bench.script(MAC, vec![Reply::Late(3, b"account.1.label = a\n".to_vec())]);
    bench.handle(Input::Trigger(Trigger::Start));
    bench.pass(Duration::from_secs(1));
    for _ in 0..3 {
        bench.handle(Input::Trigger(Trigger::CheckSync { restart: false }));
        bench.handle(Input::Trigger(Trigger::CheckSync { restart: true }));
    }
    bench.pass(Duration::from_secs(20));
    let triggers: Vec<_> = bench.reports.iter().map(|report| report.trigger).collect();
    assert_eq!(
        triggers,
        [
            Trigger::Start,
            Trigger::CheckSync { restart: false },
            Trigger::CheckSync { restart: true }
        ]
    );
    assert!(!bench.machine.is_busy());
}
