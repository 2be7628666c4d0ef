//! Taking connections: HTTP/1.1 only, plain or in TLS, few at a time, and none that is slow in
//! asking.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use crate::pages::Peer;

/// How many connections are served at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 128;
/// How long a client may take for a TLS handshake.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The pause after the system refused a connection, so as not to spin.
const PAUSE: Duration = Duration::from_millis(100);
/// How long answers under way may take after the end was ordered.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Where connections are taken.
pub struct Listener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl From<TcpListener> for Listener {
    /// Plain connections.
    fn from(tcp: TcpListener) -> Self {
        Self { tcp, tls: None }
    }
}

impl Listener {
    /// Connections in TLS alone.
    #[must_use]
    pub fn in_tls(tcp: TcpListener, config: Arc<ServerConfig>) -> Self {
        Self { tcp, tls: Some(config.into()) }
    }

    /// Whether connections are in TLS.
    #[must_use]
    pub const fn is_in_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Where it listens.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}

/// Serves `router` until `end` is ready, then lets answers under way finish, one second at most.
pub async fn serve(listener: impl Into<Listener>, router: Router, end: impl Future<Output = ()>) {
    let Listener { tcp, tls } = listener.into();
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = watch::Sender::new(false);
    let mut end = pin!(end);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, tcp.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = &mut end => break,
        };
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let peer = Peer { ip: from.ip(), is_in_tls: tls.is_some() };
        let (router, tls) = (router.clone().layer(Extension(peer)), tls.clone());
        let ending = ending.subscribe();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, router, ending).await,
                Some(tls) => {
                    if let Some(stream) = shake_hands(tls, stream).await {
                        converse(stream, router, ending).await;
                    }
                }
            }
            drop(permit);
        });
    }
    ending.send_replace(true);
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    // Whoever has not finished by then is cut off.
    drop(tokio::time::timeout(END_WITHIN, permits.acquire_many(all)).await);
}

/// The stream within; none where the client is no TLS client, or too slow.
async fn shake_hands(
    tls: TlsAcceptor,
    stream: TcpStream,
) -> Option<tokio_rustls::server::TlsStream<TcpStream>> {
    tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await.ok()?.ok()
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    router: Router,
    mut ending: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = async { drop(ending.wait_for(|ending| *ending).await) };
    // A client that breaks the protocol or leaves ends its own connection; nobody needs to know.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = ended => connection.as_mut().graceful_shutdown(),
    }
    drop(connection.await);
}
