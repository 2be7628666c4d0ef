//! One door to all ways of fetching.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use host::{BindError, Clock, TlsError, TlsSettings};
use net::Rng;
use params::provision::{Answer, FetchFault, Request, Scheme, Url};
use tokio::sync::OnceCell;
use tokio_rustls::rustls::ClientConfig;

use crate::connect::{self, Stream};
use crate::names::{NameSettings, Names};
use crate::{http, tftp};

/// What a fetcher works with.
#[derive(Clone, Debug)]
pub struct FetcherConfig {
    /// How names are resolved.
    pub names: NameSettings,
    /// Whom HTTPS trusts, and the certificate that the phone shows.
    pub tls: TlsSettings,
    /// The clock of the resolver.
    pub clock: Clock,
    /// Differs from start to start.
    pub seed: u64,
}

/// Why a fetcher cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FetcherError {
    /// The resolver has no event loop.
    #[error("the resolver cannot start: {0}")]
    Resolver(#[from] BindError),
    /// The resolver has no thread.
    #[error("the resolver cannot start: {0}")]
    Thread(io::Error),
    /// The certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Moves files; cheap to clone.
#[derive(Clone)]
pub struct Fetcher(Arc<Inner>);

struct Inner {
    names: Names,
    settings: TlsSettings,
    /// Made with the first HTTPS request: reading the system's authorities takes a while.
    tls: OnceCell<Arc<ClientConfig>>,
    rng: Mutex<Rng>,
}

impl Fetcher {
    /// A fetcher; its resolver has a thread of its own.
    ///
    /// # Errors
    /// Where the system has no room for it, or a certificate cannot be used.
    pub fn new(config: FetcherConfig) -> Result<Self, FetcherError> {
        let FetcherConfig { names, tls: settings, clock, seed } = config;
        let rng = Rng::new(seed);
        let names = Names::start(names, clock, rng.fork("names").next_u64())?;
        let rng = Mutex::new(rng.fork("nonces"));
        Ok(Self(Arc::new(Inner { names, settings, tls: OnceCell::new(), rng })))
    }

    /// Carries out a request. It takes as long as the server likes: whoever asks gives it up at
    /// [`Request::deadline`] by dropping it.
    pub async fn fetch(&self, request: &Request) -> Answer {
        let answer = match request.url.scheme() {
            Scheme::Http | Scheme::Https => self.http(request).await,
            Scheme::Tftp => self.tftp(request).await,
            Scheme::Ftp => self.ftp(request).await,
        };
        answer.unwrap_or_else(Answer::Failed)
    }

    async fn http(&self, request: &Request) -> Result<Answer, FetchFault> {
        let addresses = self.addresses(&request.url).await?;
        let connect = || self.connect(&request.url, &addresses);
        http::fetch(request, connect, || self.nonce()).await
    }

    async fn tftp(&self, request: &Request) -> Result<Answer, FetchFault> {
        let addresses = self.addresses(&request.url).await?;
        tftp::fetch(request, &addresses).await
    }

    #[cfg(feature = "ftp")]
    async fn ftp(&self, request: &Request) -> Result<Answer, FetchFault> {
        let addresses = self.addresses(&request.url).await?;
        crate::ftp::fetch(request, &addresses).await
    }

    #[cfg(not(feature = "ftp"))]
    #[expect(clippy::unused_async, reason = "as with the feature")]
    async fn ftp(&self, request: &Request) -> Result<Answer, FetchFault> {
        Err(FetchFault::Unsupported(request.url.scheme()))
    }

    async fn connect(&self, url: &Url, addresses: &[SocketAddr]) -> Result<Stream, FetchFault> {
        let stream = connect::tcp(addresses).await?;
        if url.scheme() != Scheme::Https {
            return Ok(Stream::Plain(stream));
        }
        let inner = Arc::clone(&self.0);
        let config = self.0.tls.get_or_try_init(|| async {
            let read = tokio::task::spawn_blocking(move || inner.settings.client_config());
            read.await
                .ok()
                .and_then(Result::ok)
                .ok_or(FetchFault::Protocol("no authority is trusted"))
        });
        connect::tls(stream, config.await?, url).await
    }

    async fn addresses(&self, url: &Url) -> Result<Vec<SocketAddr>, FetchFault> {
        let addresses = self.0.names.find(url.host(), url.port()).await;
        if addresses.is_empty() { Err(FetchFault::NoAddress) } else { Ok(addresses) }
    }

    fn nonce(&self) -> String {
        let mut rng = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{:016x}", rng.next_u64())
    }
}
