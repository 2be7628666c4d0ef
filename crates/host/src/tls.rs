use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig,
    SignatureScheme,
};
use thiserror::Error;

use net::{Cause, CertificateFault, Name};

/// Whom TLS connections trust, and who this end is. TLS 1.2 and 1.3 are spoken, nothing older.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Authorities of one's own, and certificates of servers that are trusted as they are.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether the system's authorities count as well.
    pub system_roots: SystemRoots,
    /// What is asked of a server's certificate.
    pub check: ServerCheck,
    /// Shown to servers that ask for a certificate.
    pub client: Option<Credentials>,
    /// Shown by one's own TLS listeners.
    pub server: Option<Credentials>,
}

/// Whether the authorities that the system trusts are trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SystemRoots {
    /// They are; where the system has none, those that Mozilla trusts.
    #[default]
    Trusted,
    /// They are not.
    Ignored,
}

/// What is asked of a server's certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ServerCheck {
    /// A trusted authority signed it, and it names the server.
    #[default]
    ChainAndName,
    /// A trusted authority signed it, for whatever name.
    ChainOnly,
    /// Nothing: whoever answers is believed.
    Nothing,
}

/// A certificate with those that lead to its authority, and its private key.
#[derive(Clone)]
pub struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: Arc<PrivateKeyDer<'static>>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("certificates", &self.chain.len()).finish()
    }
}

/// Why certificates or keys cannot be used.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate in PEM form.
    #[error("there is no PEM certificate in {0}")]
    NoCertificate(String),
    /// There is no private key in PEM form.
    #[error("there is no PEM private key in {0}")]
    NoKey(String),
    /// There is nobody to trust: no authority of one's own, and the system's are not to count.
    #[error("no authority is trusted: give a CA certificate or trust the system's")]
    NoAuthority,
    /// Certificate and key do not fit, or are of a kind that is not supported.
    #[error("the certificate cannot be used: {0}")]
    Unusable(rustls::Error),
    /// A TLS listener needs a certificate.
    #[error("a TLS listener needs a certificate and its key")]
    NoServerCertificate,
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    NotMade(#[from] rcgen::Error),
}

/// Reads the certificates of a PEM file.
pub fn certificates_from_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates_from_pem(&read(path)?, &shown(path))
}

/// Reads the certificates in `pem`; `origin` says in errors where it came from.
pub fn certificates_from_pem(
    pem: &[u8],
    origin: &str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    found
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| TlsError::NoCertificate(origin.to_owned()))
}

impl Credentials {
    /// Reads a certificate chain and a private key from PEM files, which may be one and the same.
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, TlsError> {
        Ok(Self::new(certificates_from_file(chain)?, key_from_pem(&read(key)?, &shown(key))?))
    }

    /// Reads a certificate chain and a private key in PEM form; `origin` says in errors where they
    /// came from.
    pub fn from_pem(chain: &[u8], key: &[u8], origin: &str) -> Result<Self, TlsError> {
        Ok(Self::new(certificates_from_pem(chain, origin)?, key_from_pem(key, origin)?))
    }

    /// The certificates, the own one first.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Certificates, the own one first, and the key of that one.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key: Arc::new(key) }
    }
}

impl TlsSettings {
    /// Finds faults that can be found without the system's authorities, which take a while to read.
    pub(crate) fn check(&self) -> Result<(), TlsError> {
        let own = Self { system_roots: SystemRoots::Ignored, ..self.clone() };
        match (own.client_config(), self.system_roots) {
            (Ok(_), _) | (Err(TlsError::NoAuthority), SystemRoots::Trusted) => Ok(()),
            (Err(error), _) => Err(error),
        }
    }

    /// What outgoing connections use; also for fetchers, which open their own.
    pub fn client_config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Verifier::new(self, &provider)?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.client {
            Some(own) => builder
                .with_client_auth_cert(own.chain.clone(), own.key.clone_key())
                .map_err(TlsError::Unusable)?,
            None => builder.with_no_client_auth(),
        };
        Ok(Arc::new(config))
    }

    fn roots(&self) -> Result<Arc<RootCertStore>, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(self.authorities.iter().cloned());
        if self.system_roots == SystemRoots::Trusted {
            let found = rustls_native_certs::load_native_certs();
            let (added, _) = roots.add_parsable_certificates(found.certs);
            if added == 0 {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
        if roots.is_empty() && self.check == ServerCheck::Nothing {
            // Nobody is asked, yet there must be somebody.
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if roots.is_empty() { Err(TlsError::NoAuthority) } else { Ok(Arc::new(roots)) }
    }
}

/// What accepted connections use; also for faces, which take their own.
pub fn server_config(own: &Credentials) -> Result<Arc<ServerConfig>, TlsError> {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Unusable)?
        .with_no_client_auth()
        .with_single_cert(own.chain.clone(), own.key.clone_key())
        .map_err(TlsError::Unusable)?;
    Ok(Arc::new(config))
}

/// The name that a certificate has to carry: a domain, or an address with or without brackets.
pub fn server_name(name: &Name) -> Option<ServerName<'static>> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    let bare = bare.strip_suffix('.').unwrap_or(bare);
    ServerName::try_from(bare).ok().map(|name| name.to_owned())
}

/// Why a handshake failed.
pub fn handshake_cause(error: &io::Error) -> Cause {
    let reported = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match reported {
        Some(rustls::Error::InvalidCertificate(fault)) => {
            Cause::Certificate(certificate_fault(fault))
        }
        Some(_) => Cause::Handshake,
        None if error.kind() == io::ErrorKind::ConnectionReset => Cause::Reset,
        None => Cause::Handshake,
    }
}

fn certificate_fault(error: &CertificateError) -> CertificateFault {
    use CertificateError as Fault;
    if matches!(error, Fault::NotValidForName | Fault::NotValidForNameContext { .. }) {
        return CertificateFault::WrongName;
    }
    if matches!(
        error,
        Fault::Expired
            | Fault::ExpiredContext { .. }
            | Fault::NotValidYet
            | Fault::NotValidYetContext { .. }
    ) {
        return CertificateFault::Expired;
    }
    // An authority's own certificate, used by a server: nobody else signed it.
    if *error == Fault::UnknownIssuer || is_authority(error) {
        return CertificateFault::UnknownIssuer;
    }
    CertificateFault::Invalid
}

/// Whether a server showed the certificate of an authority, which is valid in time: that is checked
/// before.
fn is_authority(error: &CertificateError) -> bool {
    let CertificateError::Other(other) = error else { return false };
    let reason: &(dyn StdError + 'static) = other.0.as_ref();
    matches!(reason.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity))
}

/// Checks a server's certificate as the settings say.
#[derive(Debug)]
struct Verifier {
    webpki: Arc<WebPkiServerVerifier>,
    /// Certificates of servers that are trusted as they are: self-signed ones, mostly.
    trusted: Vec<CertificateDer<'static>>,
    check: ServerCheck,
}

impl Verifier {
    fn new(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let webpki =
            WebPkiServerVerifier::builder_with_provider(settings.roots()?, Arc::clone(provider))
                .build()
                .map_err(|_| TlsError::NoAuthority)?;
        Ok(Self { webpki, trusted: settings.authorities.clone(), check: settings.check })
    }

    fn verify_chain_and_name(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let verified =
            self.webpki.verify_server_cert(end_entity, intermediates, server_name, &[], now);
        match verified {
            Ok(_) => Ok(()),
            Err(rustls::Error::InvalidCertificate(fault)) => {
                let chain_is_good = match certificate_fault(&fault) {
                    // The name is looked at last.
                    CertificateFault::WrongName => true,
                    CertificateFault::UnknownIssuer => {
                        is_authority(&fault) && self.trusted.iter().any(|own| own == end_entity)
                    }
                    CertificateFault::Expired | CertificateFault::Invalid => false,
                };
                if chain_is_good
                    && (self.check == ServerCheck::ChainOnly || names(end_entity, server_name))
                {
                    return Ok(());
                }
                let fault = if chain_is_good { CertificateError::NotValidForName } else { fault };
                Err(rustls::Error::InvalidCertificate(fault))
            }
            Err(other) => Err(other),
        }
    }
}

/// Whether a certificate names the server, as a DNS name, an address or a SIP URI.
fn names(certificate: &CertificateDer<'_>, server: &ServerName<'_>) -> bool {
    let Ok(certificate) = webpki::EndEntityCert::try_from(certificate) else { return false };
    if certificate.verify_is_valid_for_subject_name(server).is_ok() {
        return true;
    }
    // RFC 5922 §7.1: a SIP URI without user part names its domain.
    let ServerName::DnsName(domain) = server else { return false };
    certificate.valid_uri_names().any(|uri| {
        let (scheme, host) = uri.split_once(':').unwrap_or_default();
        scheme.eq_ignore_ascii_case("sip") && host.eq_ignore_ascii_case(domain.as_ref())
    })
}

// Departs from RFC 5922 §7.2: a wildcard for one label is accepted, because providers use them.
impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.check != ServerCheck::Nothing {
            self.verify_chain_and_name(end_entity, intermediates, server_name, now)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn key_from_pem(pem: &[u8], origin: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| TlsError::NoKey(origin.to_owned()))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
