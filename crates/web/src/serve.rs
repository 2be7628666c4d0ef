//! Taking connections: HTTP/1.1 only, few at a time, and none that is slow in asking.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::pages::Peer;

/// How many connections are served at once; more wait in the system's queue.
const CONNECTIONS_MAX: usize = 128;
/// How long a client may take for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// The pause after the system refused a connection, so as not to spin.
const PAUSE: Duration = Duration::from_millis(100);
/// How long answers under way may take after the end was ordered.
const END_WITHIN: Duration = Duration::from_secs(1);

/// Serves `router` until `end` is ready, then lets answers under way finish, one second at most.
pub async fn serve(listener: TcpListener, router: Router, end: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let ending = watch::Sender::new(false);
    let mut end = pin!(end);
    loop {
        let next = async {
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            next = next => next,
            () = &mut end => break,
        };
        let Ok((stream, from)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let router = router.clone().layer(Extension(Peer(from.ip())));
        let ending = ending.subscribe();
        tokio::spawn(async move {
            converse(stream, router, ending).await;
            drop(permit);
        });
    }
    ending.send_replace(true);
    let all = u32::try_from(CONNECTIONS_MAX).unwrap_or(u32::MAX);
    // Whoever has not finished by then is cut off.
    drop(tokio::time::timeout(END_WITHIN, permits.acquire_many(all)).await);
}

async fn converse(stream: TcpStream, router: Router, mut ending: watch::Receiver<bool>) {
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
