use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Asks the runtime to wake for `fd`. The descriptor must be the same as long as `fd` lives, as
/// those of sockets and timers are.
#[expect(deprecated, reason = "what replaces it is unsafe, for types whose descriptor may change")]
pub(crate) fn register<T: AsRawFd>(fd: T, interest: Interest) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(fd, interest)
}
