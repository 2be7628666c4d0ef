//! Waiting for what other programs do, with an end.

use std::time::Duration;

use host::Clock;
use net::Instant;

/// How long something may take; only a failing test takes so long.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// What a program does by itself.
    Short,
    /// What waits for timers of the phone: a lease of 30 s, a pass, a clock of 60 s.
    Long,
}

impl Patience {
    const fn span(self) -> Duration {
        match self {
            Self::Short => Duration::from_secs(15),
            Self::Long => Duration::from_secs(90),
        }
    }
}

/// Asks again and again until there is something.
pub(crate) fn until<T>(what: &str, patience: Patience, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    let end = Instant::ZERO + patience.span();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.now() < end, "waited {:?} for {what}", patience.span());
        pause();
    }
}

/// The time of day in seconds, as captures and logs have it.
pub(crate) fn wall_s() -> f64 {
    let clock = Clock::start();
    let micros = clock.wall(clock.now()).as_unix_micros();
    Duration::from_micros(micros).as_secs_f64()
}

#[expect(clippy::disallowed_methods, reason = "other programs do not say when they have written")]
fn pause() {
    std::thread::sleep(Duration::from_millis(25));
}
