use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::task::{Context, Poll};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use net::Instant;

use crate::Clock;
use crate::reactor::register;

/// One wake-up of a node. It counts boot time, which the runtime's own timers do not: a machine that
/// was suspended past a due time wakes the node at once. While nothing is due it costs nothing.
pub(crate) struct Alarm {
    timer: AsyncFd<Timer>,
    armed: Option<Instant>,
}

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_BOOTTIME, flags)?);
        Ok(Self { timer: register(timer, Interest::READABLE)?, armed: None })
    }

    /// Sets the wake-up to `due`, or to never. The same time again costs no system call.
    pub(crate) fn set(&mut self, due: Option<Instant>, clock: &Clock) -> io::Result<()> {
        let due = due.filter(|due| *due != Instant::FAR);
        if due == self.armed {
            return Ok(());
        }
        match due {
            Some(due) => {
                // Zero would disarm the timer.
                let boot = Duration::from_micros(clock.boot_us(due).max(1));
                let time = TimeSpec::from_duration(boot);
                let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME;
                self.timer.get_ref().0.set(Expiration::OneShot(time), flags)?;
            }
            None => self.timer.get_ref().0.unset()?,
        }
        self.armed = due;
        Ok(())
    }

    /// Ready once when the wake-up has come; it is then to be set anew.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Its count is not read: setting the timer anew clears it.
        match self.timer.poll_read_ready(cx) {
            Poll::Ready(Ok(mut ready)) => {
                ready.clear_ready();
                self.armed = None;
                Poll::Ready(())
            }
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Pending => Poll::Pending,
        }
    }
}
