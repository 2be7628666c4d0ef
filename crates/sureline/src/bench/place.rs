//! Where phones and registrars of a measurement are: addresses of loopback that nobody else uses.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};

use crate::out::Failure;

/// A block of loopback, with a port that is free at its addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    block: u8,
    port: u16,
}

/// Blocks 127.B.0.0/16 are looked for from here on, so that benches side by side keep apart.
const FIRST_BLOCK: u32 = 64;
const BLOCKS: u32 = 128;

impl Place {
    pub(crate) fn find() -> Result<Self, Failure> {
        let pid = std::process::id();
        let blocks = (0..BLOCKS).map(|step| FIRST_BLOCK + (pid + step) % BLOCKS);
        let blocks = blocks.filter_map(|block| u8::try_from(block).ok());
        let found = blocks.into_iter().find_map(|block| {
            let socket = UdpSocket::bind((Ipv4Addr::new(127, block, 0, 1), 0)).ok()?;
            let place = Self { block, port: socket.local_addr().ok()?.port() };
            drop(socket);
            place.is_free().then_some(place)
        });
        found.ok_or_else(|| Failure::failed("no addresses of loopback are free"))
    }

    /// Where the phones are.
    pub(crate) fn phones(&self) -> SocketAddr {
        SocketAddr::from((self.ip(0, 9), 0))
    }

    /// The first server that phones ask.
    pub(crate) fn primary(&self) -> SocketAddr {
        SocketAddr::from((self.ip(0, 1), self.port))
    }

    /// The one they move to.
    pub(crate) fn secondary(&self) -> SocketAddr {
        SocketAddr::from((self.ip(0, 2), self.port))
    }

    /// The first of 65,000 addresses that a server at [`Place::every`] answers.
    pub(crate) fn first_of_many(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.ip(1, 0), self.port)
    }

    /// All addresses of this machine at the port.
    pub(crate) fn every(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::UNSPECIFIED, self.port))
    }

    /// The first half of every address here.
    pub(crate) fn prefix(&self) -> [u8; 2] {
        [127, self.block]
    }

    fn ip(&self, high: u8, low: u8) -> Ipv4Addr {
        Ipv4Addr::new(127, self.block, high, low)
    }

    fn is_free(&self) -> bool {
        let free = |addr| UdpSocket::bind(addr).is_ok() && TcpListener::bind(addr).is_ok();
        free(self.primary()) && free(self.secondary()) && free(self.every())
    }
}
