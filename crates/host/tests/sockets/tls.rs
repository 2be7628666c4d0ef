use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use host::certs::{Authority, Validity, authority_as_server, self_signed};
use host::{
    BindError, Bindings, Clock, Credentials, Host, Plan, ServerCheck, SystemRoots, TlsError,
    TlsSettings, Turn,
};
use net::{Cause, CertificateFault, Conn, Peer, Transport};
use rustls::ProtocolVersion;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::support::{Heard, Manners, PATIENCE, Probe, Running};

#[test]
fn a_certificate_has_to_name_the_server() {
    let ca = Authority::new("lab").unwrap();
    let own = ca.issue(&["sip.lab.test", "127.0.0.1"], Validity::Present).unwrap();
    let server = server(own);
    for (name, verdict) in [
        ("sip.lab.test", Ok("sip.lab.test")),
        ("SIP.Lab.Test.", Ok("SIP.Lab.Test.")),
        ("127.0.0.1", Ok("127.0.0.1")),
        ("lab.test", Err(CertificateFault::WrongName)),
        ("other.test", Err(CertificateFault::WrongName)),
        ("127.0.0.2", Err(CertificateFault::WrongName)),
        ("not a name", Err(CertificateFault::WrongName)),
    ] {
        assert_eq!(verdict_of(&server, trusting(&ca), name), verdict.map(Some).map_err(refused));
    }
}

#[test]
fn a_sip_uri_in_the_certificate_names_its_domain() {
    // RFC 5922 §7.1.
    let ca = Authority::new("lab").unwrap();
    let server = server(ca.issue(&["sip:lab.test"], Validity::Present).unwrap());

    assert_eq!(verdict_of(&server, trusting(&ca), "lab.test"), Ok(Some("lab.test")));
    let wrong = Err(refused(CertificateFault::WrongName));
    assert_eq!(verdict_of(&server, trusting(&ca), "other.test"), wrong);
}

#[test]
fn each_kind_of_bad_certificate_has_its_name() {
    let (ca, other) = (Authority::new("lab").unwrap(), Authority::new("other").unwrap());
    let names = ["lab.test"];
    let server = server(ca.issue(&names, Validity::Present).unwrap());
    for (own, fault) in [
        (ca.issue(&names, Validity::Expired), CertificateFault::Expired),
        (other.issue(&names, Validity::Present), CertificateFault::UnknownIssuer),
        (self_signed(&names), CertificateFault::UnknownIssuer),
        (ca.issue(&["wrong.test"], Validity::Present), CertificateFault::WrongName),
    ] {
        server.turn(Turn::Certificate(own.unwrap()));

        let verdict = verdict_of(&server, trusting(&ca), "lab.test");

        assert_eq!(verdict, Err(refused(fault)));
    }
    server.turn(Turn::Certificate(ca.issue(&names, Validity::Present).unwrap()));
    assert_eq!(verdict_of(&server, trusting(&ca), "lab.test"), Ok(Some("lab.test")));
}

#[test]
fn a_certificate_that_is_switched_is_checked_anew_by_a_client_that_knew_the_former() {
    let (ca, other) = (Authority::new("lab").unwrap(), Authority::new("other").unwrap());
    let server = server(ca.issue(&["lab.test"], Validity::Present).unwrap());
    let client = client(trusting(&ca));
    client.connect(1, Transport::Tls, server.listen(), "lab.test");
    assert!(matches!(client.next(), Heard::Connected { .. }));

    server.turn(Turn::Certificate(other.issue(&["lab.test"], Validity::Present).unwrap()));
    client.connect(2, Transport::Tls, server.listen(), "lab.test");

    let cause = refused(CertificateFault::UnknownIssuer);
    assert_eq!(client.next(), Heard::Closed { conn: Conn(2), cause });
}

#[test]
fn the_name_alone_can_be_left_unchecked() {
    let (ca, other) = (Authority::new("lab").unwrap(), Authority::new("other").unwrap());
    let server = server(ca.issue(&["elsewhere.test"], Validity::Present).unwrap());
    let lenient = |ca| TlsSettings { check: ServerCheck::ChainOnly, ..trusting(ca) };

    assert_eq!(verdict_of(&server, lenient(&ca), "lab.test"), Ok(None));
    let unknown = Err(refused(CertificateFault::UnknownIssuer));
    assert_eq!(verdict_of(&server, lenient(&other), "lab.test"), unknown);
}

#[test]
fn nothing_is_checked_where_nothing_is_to_be() {
    let server = server(self_signed(&["elsewhere.test"]).unwrap());
    let check = ServerCheck::Nothing;
    let settings =
        TlsSettings { check, system_roots: SystemRoots::Ignored, ..TlsSettings::default() };

    assert_eq!(verdict_of(&server, settings, "lab.test"), Ok(None));
}

#[test]
fn a_self_signed_certificate_can_be_trusted_by_itself() {
    // As `openssl req -x509` makes it: an authority's certificate that a server shows.
    let own = authority_as_server(&["lab.test"]).unwrap();
    let certificate = own.chain()[0].clone();
    let server = server(own);
    let trusting = |certificate| TlsSettings {
        authorities: vec![certificate],
        system_roots: SystemRoots::Ignored,
        ..TlsSettings::default()
    };

    let verdict = verdict_of(&server, trusting(certificate.clone()), "lab.test");
    assert_eq!(verdict, Ok(Some("lab.test")));
    let verdict = verdict_of(&server, trusting(certificate.clone()), "other.test");
    assert_eq!(verdict, Err(refused(CertificateFault::WrongName)));
    let stranger = Authority::new("stranger").unwrap().certificate();
    let verdict = verdict_of(&server, trusting(stranger), "lab.test");
    assert_eq!(verdict, Err(refused(CertificateFault::UnknownIssuer)));
}

#[test]
fn bytes_go_both_ways_over_tls_in_large_pieces() {
    let ca = Authority::new("lab").unwrap();
    let server = server(ca.issue(&["lab.test"], Validity::Present).unwrap());
    let client = client(trusting(&ca));
    client.connect(1, Transport::Tls, server.listen(), "lab.test");
    assert!(matches!(client.next(), Heard::Connected { .. }));
    let text: Vec<u8> = (0..60_000_u32).map(|n| n.to_le_bytes()[0]).collect();

    client.write(Conn(1), &text);

    client.expect_bytes(Conn(1), &text);
}

#[test]
fn a_server_that_speaks_no_tls_fails_the_handshake() {
    let ca = Authority::new("lab").unwrap();
    let plain = Running::start(crate::support::tcp_at("127.0.0.1"), Manners::Echo);
    let client = client(trusting(&ca));

    client.connect(1, Transport::Tls, plain.listen(), "lab.test");

    assert_eq!(client.next(), Heard::Closed { conn: Conn(1), cause: Cause::Handshake });
}

// A5
#[test]
fn a_server_that_says_nothing_fails_the_handshake_in_time() {
    let ca = Authority::new("lab").unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = client(trusting(&ca));
    let addr = silent.local_addr().unwrap();
    let to = Peer { transport: Transport::Tls, addr, name: "lab.test".into(), owner: 0 };

    client.connect_within(1, to, Duration::from_millis(100));

    assert_eq!(client.next(), Heard::Closed { conn: Conn(1), cause: Cause::HandshakeTimeout });
}

#[test]
fn a_peer_that_shakes_no_hands_is_never_told_of() {
    let ca = Authority::new("lab").unwrap();
    let server = server(ca.issue(&["lab.test"], Validity::Present).unwrap());

    let mut peer = TcpStream::connect(server.listen()).unwrap();
    std::io::Write::write_all(&mut peer, b"REGISTER sip:lab.test SIP/2.0\r\n\r\n").unwrap();

    let mut answer = Vec::new();
    // The end may be an alert and a close, or a reset.
    drop(std::io::Read::read_to_end(&mut peer, &mut answer));
    assert_eq!(server.heard_so_far(), []);
}

#[test]
fn both_versions_of_tls_are_spoken_and_a_client_certificate_is_shown() {
    let ca = Authority::new("lab").unwrap();
    let own = ca.issue(&["phone.test"], Validity::Present).unwrap();
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (addr, seen) = asking_server(&ca, version);
        let client = client(TlsSettings { client: Some(own.clone()), ..trusting(&ca) });

        client.connect(1, Transport::Tls, addr, "lab.test");

        assert!(matches!(client.next(), Heard::Connected { .. }));
        let (spoken, certificates) = seen.join().unwrap();
        assert_eq!(spoken, Some(version.version));
        assert_eq!(certificates.as_deref(), Some(own.chain()));
    }
}

#[test]
fn a_peer_that_starts_no_handshake_is_dropped_in_time() {
    let own = self_signed(&["lab.test"]).unwrap();
    let tls = TlsSettings { server: Some(own), ..TlsSettings::default() };
    let mut host = Host::new().unwrap();
    let plan = Plan {
        bindings: listening(tls),
        // Ten seconds take as many milliseconds.
        clock: Clock::start_at_speed(NonZeroU32::new(1000).unwrap()),
        events: Box::new(|_, _| {}),
        tap: None,
    };
    let handle = host.add(plan, |_| Probe::default()).unwrap();
    let thread = host.spawn("impatient").unwrap();

    let mut peer = TcpStream::connect(handle.bound().listen[0].1).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();

    assert_eq!(std::io::Read::read(&mut peer, &mut [0; 10]).unwrap(), 0);
    drop(handle);
    thread.join().unwrap();
}

#[test]
fn a_listener_without_a_certificate_is_refused() {
    let error = bind_error(listening(TlsSettings::default()));
    assert!(matches!(error, BindError::Tls(TlsError::NoServerCertificate)), "{error}");
}

#[test]
fn trusting_nobody_is_refused() {
    let settings = TlsSettings { system_roots: SystemRoots::Ignored, ..TlsSettings::default() };
    let error = bind_error(Bindings { tls: settings, ..Bindings::default() });
    assert!(matches!(error, BindError::Tls(TlsError::NoAuthority)), "{error}");
}

#[test]
fn certificates_are_read_from_files_and_faults_name_the_file() {
    let dir = std::env::temp_dir().join(format!("host-tls-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (ca_file, other_file) = (dir.join("ca.pem"), dir.join("other.txt"));
    let ca = Authority::new("lab").unwrap();
    std::fs::write(&ca_file, ca.pem()).unwrap();
    std::fs::write(&other_file, "nothing of the kind").unwrap();

    assert_eq!(host::certificates_from_file(&ca_file).unwrap(), [ca.certificate()]);
    for (outcome, said) in [
        (host::certificates_from_file(&other_file).map(drop), "there is no PEM certificate in"),
        (host::certificates_from_file(&dir.join("none")).map(drop), "cannot read"),
        (Credentials::from_files(&ca_file, &other_file).map(drop), "there is no PEM private key"),
    ] {
        let text = outcome.unwrap_err().to_string();
        assert!(text.starts_with(said) && text.contains(dir.to_str().unwrap()), "{text}");
    }
    std::fs::remove_dir_all(&dir).unwrap();
}

fn listening(tls: TlsSettings) -> Bindings {
    let addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    Bindings { listen: vec![(Transport::Tls, addr)], tls, ..Bindings::default() }
}

fn server(own: Credentials) -> Running {
    let tls = TlsSettings { server: Some(own), ..TlsSettings::default() };
    Running::start(listening(tls), Manners::Echo)
}

fn client(tls: TlsSettings) -> Running {
    Running::start(Bindings { tls, ..Bindings::default() }, Manners::Silent)
}

fn trusting(ca: &Authority) -> TlsSettings {
    TlsSettings {
        authorities: vec![ca.certificate()],
        system_roots: SystemRoots::Ignored,
        ..TlsSettings::default()
    }
}

/// The version that was spoken and the certificates that the client showed.
type Saw = (Option<ProtocolVersion>, Option<Vec<CertificateDer<'static>>>);

/// A server, not ours, that speaks one version and wants a certificate of this authority; the thread
/// ends with what it saw.
fn asking_server(
    ca: &Authority,
    version: &'static rustls::SupportedProtocolVersion,
) -> (SocketAddr, JoinHandle<Saw>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(ca.certificate()).unwrap();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(&provider),
    );
    let own = ca.issue_pem(&["lab.test"], Validity::Present).unwrap();
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut server = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        while server.is_handshaking() {
            server.complete_io(&mut stream).unwrap();
        }
        let shown = server.peer_certificates().map(|shown| {
            shown.iter().map(|certificate| certificate.clone().into_owned()).collect()
        });
        (server.protocol_version(), shown)
    });
    (addr, thread)
}

fn refused(fault: CertificateFault) -> Cause {
    Cause::Certificate(fault)
}

/// What a client with these settings makes of the server: the name it verified, or why it refused.
fn verdict_of<'a>(
    server: &Running,
    settings: TlsSettings,
    name: &'a str,
) -> Result<Option<&'a str>, Cause> {
    let client = client(settings);
    client.connect(1, Transport::Tls, server.listen(), name);
    match client.next() {
        Heard::Connected { verified: None, .. } => Ok(None),
        Heard::Connected { verified: Some(verified), .. } => {
            assert_eq!(verified, name);
            Ok(Some(name))
        }
        Heard::Closed { cause, .. } => Err(cause),
        other => panic!("{other:?}"),
    }
}

fn bind_error(bindings: Bindings) -> BindError {
    let plan = Plan { bindings, clock: Clock::start(), events: Box::new(|_, _| {}), tap: None };
    match Host::new().unwrap().add(plan, |_| Probe::default()) {
        Ok(_) => panic!("it was bound"),
        Err(error) => error,
    }
}
