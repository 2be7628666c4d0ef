//! Certificates of servers, six bad ones among them, and the certificate that the phone shows.

use std::sync::Arc;

use host::certs::{Authority, Validity};
use host::{Credentials, SystemRoots, TlsSettings};
use net::{Cause, CertificateFault};
use params::provision::{Answer, FetchFault};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::support::{
    NAME, bytes_of, fetched, fetcher_trusting, fetcher_with, get, ok, read_request,
};

const FILE: &str = "account.1.enable = 1\n";

/// The key of a certificate made here.
struct Own {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

fn issued(authority: &Authority, names: &[&str], validity: Validity) -> Own {
    let pem = authority.issue_pem(names, validity).unwrap();
    Own {
        chain: vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()],
        key: PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap(),
    }
}

/// A certificate that nobody signed but its owner, after `change`.
fn own(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Own {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let chain = vec![params.self_signed(&key).unwrap().der().clone()];
    Own { chain, key: key.into() }
}

/// A server that shows this certificate and gives the file; its port.
async fn server(own: Own, clients: Option<&Authority>) -> u16 {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.certificate()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let acceptor =
        TlsAcceptor::from(Arc::new(builder.with_single_cert(own.chain, own.key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            read_request(&mut stream).await;
            // A client that does not trust this server has left.
            drop(stream.write_all(&ok(FILE)).await);
            drop(stream.shutdown().await);
        }
    });
    port
}

async fn answer_of(own: Own, trusted: &Authority) -> Answer {
    let port = server(own, None).await;
    let fetcher = fetcher_trusting(vec![trusted.certificate()]);
    fetched(&fetcher, &get(&format!("https://{NAME}:{port}/x.cfg"))).await
}

#[tokio::test]
async fn a_server_with_a_good_certificate_is_believed() {
    let authority = Authority::new("ours").unwrap();
    let good = issued(&authority, &[NAME], Validity::Present);
    assert_eq!(bytes_of(answer_of(good, &authority).await), FILE.as_bytes());
}

#[tokio::test]
async fn six_kinds_of_bad_certificate_are_refused_each_by_its_fault() {
    let authority = Authority::new("ours").unwrap();
    let stranger = Authority::new("theirs").unwrap();
    let not_yet = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2095, 1, 1);
    };
    let early = own(&[NAME], not_yet);
    let only_common_name = own(&[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, NAME);
    });
    use CertificateFault::{Expired, UnknownIssuer, WrongName};
    for (what, bad, trusts_it, fault) in [
        ("another name", issued(&authority, &["other.test"], Validity::Present), false, WrongName),
        ("expired", issued(&authority, &[NAME], Validity::Expired), false, Expired),
        ("not valid yet", early, true, Expired),
        ("self-signed", own(&[NAME], |_| {}), false, UnknownIssuer),
        ("another authority", issued(&stranger, &[NAME], Validity::Present), false, UnknownIssuer),
        ("a common name alone", only_common_name, true, WrongName),
    ] {
        let mut trusted = vec![authority.certificate()];
        trusted.extend(bad.chain.iter().filter(|_| trusts_it).cloned());
        let port = server(bad, None).await;
        let url = format!("https://{NAME}:{port}/x.cfg");
        let answer = fetched(&fetcher_trusting(trusted), &get(&url)).await;
        let cause = Cause::Certificate(fault);
        assert_eq!(answer, Answer::Failed(FetchFault::Connection(cause)), "{what}");
    }
}

#[tokio::test]
async fn an_address_has_to_stand_in_the_certificate() {
    let authority = Authority::new("ours").unwrap();
    let fetcher = fetcher_trusting(vec![authority.certificate()]);
    let port = server(issued(&authority, &["127.0.0.1"], Validity::Present), None).await;
    let answer = fetched(&fetcher, &get(&format!("https://127.0.0.1:{port}/"))).await;
    assert_eq!(bytes_of(answer), FILE.as_bytes());
    let port = server(issued(&authority, &[NAME], Validity::Present), None).await;
    let answer = fetched(&fetcher, &get(&format!("https://127.0.0.1:{port}/"))).await;
    let cause = Cause::Certificate(CertificateFault::WrongName);
    assert_eq!(answer, Answer::Failed(FetchFault::Connection(cause)));
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_gets_the_phones() {
    let authority = Authority::new("ours").unwrap();
    let port = server(issued(&authority, &[NAME], Validity::Present), Some(&authority)).await;
    let request = get(&format!("https://{NAME}:{port}/x.cfg"));
    let client: Credentials = authority.issue(&["001565000001"], Validity::Present).unwrap();
    let settings = |client| TlsSettings {
        authorities: vec![authority.certificate()],
        system_roots: SystemRoots::Ignored,
        client,
        ..TlsSettings::default()
    };
    let answer = fetched(&fetcher_with(settings(Some(client))), &request).await;
    assert_eq!(bytes_of(answer), FILE.as_bytes());
    let answer = fetched(&fetcher_with(settings(None)), &request).await;
    assert!(matches!(answer, Answer::Failed(_)), "{answer:?}");
}

#[tokio::test]
async fn a_server_without_tls_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        drop(stream.write_all(&ok(FILE)).await);
    });
    let authority = Authority::new("ours").unwrap();
    let fetcher = fetcher_trusting(vec![authority.certificate()]);
    let answer = fetched(&fetcher, &get(&format!("https://{NAME}:{port}/"))).await;
    assert_eq!(answer, Answer::Failed(FetchFault::Connection(Cause::Handshake)));
}
