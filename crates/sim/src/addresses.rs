use std::net::{IpAddr, SocketAddr};

use net::{CertificateFault, Name, Transport};

/// Where a node is on the network.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// Datagram sockets; the first is [`net::Socket`] 0.
    pub udp: Vec<SocketAddr>,
    /// Where it takes connections, TCP or TLS.
    pub listen: Vec<(Transport, SocketAddr)>,
    /// Further addresses of its machine, at which it has no socket.
    pub machine: Vec<IpAddr>,
    /// What its TLS listeners show.
    pub certificate: Certificate,
}

impl Addresses {
    /// One datagram socket.
    #[must_use]
    pub fn udp(addr: SocketAddr) -> Self {
        Self { udp: vec![addr], ..Self::default() }
    }

    /// A server: datagrams and TCP at `addr`.
    #[must_use]
    pub fn server(addr: SocketAddr) -> Self {
        Self::udp(addr).listening(Transport::Tcp, addr)
    }

    /// Adds a listener.
    #[must_use]
    pub fn listening(mut self, transport: Transport, addr: SocketAddr) -> Self {
        self.listen.push((transport, addr));
        self
    }

    /// Sets what the TLS listeners show.
    #[must_use]
    pub fn showing(mut self, certificate: Certificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// Every address of the machine, in the order given, with repetitions.
    pub(crate) fn ips(&self) -> impl Iterator<Item = IpAddr> + '_ {
        let udp = self.udp.iter().map(SocketAddr::ip);
        let listen = self.listen.iter().map(|(_, addr)| addr.ip());
        udp.chain(listen).chain(self.machine.iter().copied())
    }
}

/// A server's certificate, as far as a client judges it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    /// Satisfies whatever name a client expects.
    #[default]
    Any,
    /// Names these domains and addresses, and is otherwise good.
    Names(Vec<Name>),
    /// Is refused by every client.
    Bad(CertificateFault),
}

impl Certificate {
    /// Judges the certificate for a client that expects `name`.
    pub(crate) fn check(&self, name: &str) -> Result<(), CertificateFault> {
        match self {
            Self::Any => Ok(()),
            Self::Bad(fault) => Err(*fault),
            Self::Names(names) if names.iter().any(|known| known.eq_ignore_ascii_case(name)) => {
                Ok(())
            }
            Self::Names(_) => Err(CertificateFault::WrongName),
        }
    }
}
