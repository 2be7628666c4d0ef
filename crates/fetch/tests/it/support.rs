//! Requests, a fetcher, and servers that read a request and send bytes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dns::DomainName;
use fetch::{Fetcher, FetcherConfig, NameSettings};
use host::{Clock, SystemRoots, TlsSettings};
use locate::{LocatePolicy, StaticA, StaticRecords};
use net::Instant;
use params::provision::{Answer, FetchId, Request, Url, Verb};
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// The name that leads to loopback.
pub(crate) const NAME: &str = "files.test";
/// No file of a test is larger.
pub(crate) const BYTES_MAX: usize = 100_000;

pub(crate) fn fetcher() -> Fetcher {
    fetcher_with(TlsSettings { system_roots: SystemRoots::Ignored, ..TlsSettings::default() })
}

pub(crate) fn fetcher_trusting(authorities: Vec<CertificateDer<'static>>) -> Fetcher {
    let system_roots = SystemRoots::Ignored;
    fetcher_with(TlsSettings { authorities, system_roots, ..TlsSettings::default() })
}

pub(crate) fn fetcher_with(tls: TlsSettings) -> Fetcher {
    let record =
        StaticA { name: DomainName::parse(NAME).unwrap(), ip: [127, 0, 0, 1].into(), ttl_s: 300 };
    let static_records = Arc::new(StaticRecords { a: vec![record], ..StaticRecords::default() });
    let policy = Arc::new(LocatePolicy { static_records, ..LocatePolicy::default() });
    let names = NameSettings { policy, ..NameSettings::default() };
    Fetcher::new(FetcherConfig { names, tls, clock: Clock::start(), seed: 1 }).unwrap()
}

pub(crate) fn get(url: &str) -> Request {
    let (url, login) = Url::parse(url).unwrap();
    Request {
        id: FetchId(1),
        url,
        verb: Verb::Get,
        login,
        user_agent: "sureline/test".into(),
        bytes_max: BYTES_MAX,
        deadline: Instant::FAR,
    }
}

/// What comes of a request; a test waits no longer than it takes anything to be wrong.
pub(crate) async fn fetched(fetcher: &Fetcher, request: &Request) -> Answer {
    tokio::time::timeout(Duration::from_secs(10), fetcher.fetch(request)).await.expect("an answer")
}

pub(crate) fn bytes_of(answer: Answer) -> Vec<u8> {
    match answer {
        Answer::File { bytes, .. } => bytes,
        other @ (Answer::Stored
        | Answer::Moved(_)
        | Answer::Missing
        | Answer::Denied(_)
        | Answer::Failed(_)) => panic!("no file: {other:?}"),
    }
}

/// A server that answers the nth connection with the nth bytes, the last ones for ever, and keeps
/// what it was sent.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) async fn start(answers: Vec<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hearing = Arc::clone(&heard);
        tokio::spawn(async move {
            for nth in 0.. {
                let (mut stream, _) = listener.accept().await.unwrap();
                let answer = answers.get(nth).or(answers.last()).cloned().unwrap_or_default();
                let hearing = Arc::clone(&hearing);
                tokio::spawn(async move {
                    let request = read_request(&mut stream).await;
                    hearing.lock().unwrap().push(request);
                    // A peer that has heard enough closes.
                    drop(stream.write_all(&answer).await);
                });
            }
        });
        Self { addr, heard }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{NAME}:{}{path}", self.addr.port())
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

/// Reads head and body of a request.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}
