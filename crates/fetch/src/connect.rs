//! Streams to servers, plain or with TLS.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use net::Cause;
use params::provision::{FetchFault, Url};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;

/// An address that does not answer leaves time for the next one.
const CONNECT_WITHIN: Duration = Duration::from_secs(2);

/// A stream that bytes go through, whatever carries them.
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Connects to the first address that answers.
pub(crate) async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, FetchFault> {
    let mut cause = None;
    for (place, address) in (1..).zip(addresses) {
        let connecting = TcpStream::connect(address);
        let connected = if place == addresses.len() {
            connecting.await
        } else {
            timeout(CONNECT_WITHIN, connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
        };
        match connected {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                cause = Some(Cause::ConnectTimeout);
            }
            Err(error) => cause = Some(host::connect_cause(&error)),
        }
    }
    Err(cause.map_or(FetchFault::NoAddress, FetchFault::Connection))
}

/// Shakes hands over a connection; the certificate has to name the host of `url`.
pub(crate) async fn tls(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    url: &Url,
) -> Result<Stream, FetchFault> {
    let name = host::server_name(&url.host().into());
    let name = name.ok_or(FetchFault::Protocol("the host's name is no name for TLS"))?;
    let connector = TlsConnector::from(Arc::clone(config));
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
        Err(error) => Err(FetchFault::Connection(host::handshake_cause(&error))),
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
