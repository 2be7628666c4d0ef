use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use media::Ports;
use net::Rng;

use crate::OpenError;
use crate::pair::{Pair, Wire};

/// Which port pairs are in use, and how their sockets are made.
pub(crate) struct Book {
    range: (u16, u16),
    dscp: u8,
    ports: Mutex<Ports>,
}

impl Book {
    pub(crate) fn new(range: (u16, u16), dscp: u8, rng: &Rng) -> Self {
        let ports = Mutex::new(Ports::new(range.0, range.1, &mut rng.fork("ports")));
        Self { range, dscp, ports }
    }

    /// Binds an even port of the range and the next at `local`.
    pub(crate) fn bind(self: &Arc<Self>, local: IpAddr) -> Result<Pair, OpenError> {
        // What another program holds is kept here meanwhile, so that it is tried once.
        let mut refused = Vec::new();
        loop {
            let Some(port) = self.ports().take() else {
                return Err(OpenError::NoPort { first: self.range.0, last: self.range.1 });
            };
            let lease = PortLease { book: Arc::clone(self), port };
            // The port after an even one exists: the last is odd.
            let at = [port, port + 1].map(|port| SocketAddr::new(local, port));
            let wires = Wire::bind(at[0], self.dscp)
                .and_then(|rtp| Ok((rtp, Wire::bind(at[1], self.dscp)?)));
            match wires {
                Ok((rtp, rtcp)) => return Ok(Pair { rtp, rtcp, lease }),
                Err(error) if is_taken(&error) => refused.push(lease),
                Err(error) => return Err(OpenError::System { local, error }),
            }
        }
    }

    fn ports(&self) -> MutexGuard<'_, Ports> {
        // Nothing that holds the lock can stop halfway.
        self.ports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port pair in use; given back when dropped.
pub(crate) struct PortLease {
    book: Arc<Book>,
    port: u16,
}

impl Drop for PortLease {
    fn drop(&mut self) {
        self.book.ports().release(self.port);
    }
}

/// Whether another port may be free: this one is another program's, or for the privileged.
fn is_taken(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{AddrInUse, PermissionDenied};
    matches!(error.kind(), AddrInUse | PermissionDenied)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    /// A book of two pairs, and an address of this machine that nobody else uses.
    fn small() -> (Arc<Book>, IpAddr) {
        static COUNT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = std::process::id().to_be_bytes();
        let here = Ipv4Addr::new(127, high, low, COUNT.fetch_add(1, Ordering::Relaxed));
        (Arc::new(Book::new((11_780, 11_783), 46, &Rng::new(1))), here.into())
    }

    fn port(pair: &Pair) -> u16 {
        pair.rtp.local().unwrap().port()
    }

    #[test]
    fn ports_lie_in_the_range_and_are_given_back() {
        let (book, here) = small();
        let (one, other) = (book.bind(here).unwrap(), book.bind(here).unwrap());
        let mut ports = [port(&one), port(&other)];
        ports.sort_unstable();
        assert_eq!(ports, [11_780, 11_782]);
        assert_eq!(one.rtcp.local().unwrap(), SocketAddr::new(here, port(&one) + 1));
        let none = book.bind(here).map(drop);
        assert!(matches!(none, Err(OpenError::NoPort { first: 11_780, last: 11_783 })));
        drop(one);
        assert!(book.bind(here).is_ok());
    }

    #[test]
    fn a_pair_of_which_another_program_has_one_port_is_passed_over() {
        let (book, here) = small();
        let others = UdpSocket::bind((here, 11_781)).unwrap();
        let pair = book.bind(here).unwrap();
        assert_eq!(port(&pair), 11_782);
        assert!(matches!(book.bind(here).map(drop), Err(OpenError::NoPort { .. })));
        drop(others);
        assert_eq!(port(&book.bind(here).unwrap()), 11_780);
    }

    #[test]
    fn an_address_that_is_not_ours_is_told() {
        let (book, here) = small();
        let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let error = book.bind(elsewhere).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::System { local, .. } if local == elsewhere));
        assert!(book.bind(here).is_ok());
    }
}
