//! Certificates for the embedded lab: an authority, and what a server may show, good or bad.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};
use rustls::pki_types::CertificateDer;

use crate::{Credentials, TlsError};

/// An authority that signs certificates for servers.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

/// A certificate and its private key in PEM form.
pub struct Pem {
    /// The certificate.
    pub certificate: String,
    /// The key; whoever has it can pass for the server.
    pub key: String,
}

/// When a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// At present, and for as long as anybody will care.
    Present,
    /// In the past.
    Expired,
}

impl Authority {
    /// A new authority with a key of its own.
    pub fn new(name: &str) -> Result<Self, TlsError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.der().clone(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Its certificate, for those who are to trust it.
    #[must_use]
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    /// Its certificate as a file's content.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server of these names: domains, addresses, or SIP URIs.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Result<Credentials, TlsError> {
        let Pem { certificate, key } = self.issue_pem(names, validity)?;
        Credentials::from_pem(certificate.as_bytes(), key.as_bytes(), "a certificate just made")
    }

    /// As [`Authority::issue`], as the contents of two files: for servers that are other programs.
    pub fn issue_pem(&self, names: &[&str], validity: Validity) -> Result<Pem, TlsError> {
        let key = KeyPair::generate()?;
        let certificate = params(names, validity)?.signed_by(&key, &self.issuer)?;
        Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}

/// The self-signed certificate of an authority that is a server itself, as many tools make it, and
/// its key.
pub fn authority_as_server(names: &[&str]) -> Result<Credentials, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = params(names, Validity::Present)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key)?;
    Ok(Credentials::new(vec![certificate.der().clone()], key.into()))
}

/// A certificate for these names that nobody but its owner signed.
pub fn self_signed(names: &[&str]) -> Result<Credentials, TlsError> {
    let key = KeyPair::generate()?;
    let certificate = params(names, Validity::Present)?.self_signed(&key)?;
    Ok(Credentials::new(vec![certificate.der().clone()], key.into()))
}

/// As [`self_signed`], as the contents of two files: for a certificate that is to last.
pub fn self_signed_pem(names: &[&str]) -> Result<Pem, TlsError> {
    let key = KeyPair::generate()?;
    let certificate = params(names, Validity::Present)?.self_signed(&key)?;
    Ok(Pem { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn params(names: &[&str], validity: Validity) -> Result<CertificateParams, TlsError> {
    let (uris, others): (Vec<&str>, Vec<&str>) =
        names.iter().partition(|name| name.starts_with("sip:"));
    let others: Vec<String> = others.into_iter().map(ToOwned::to_owned).collect();
    let mut params = CertificateParams::new(others)?;
    for uri in uris {
        params.subject_alt_names.push(SanType::URI(uri.try_into()?));
    }
    if validity == Validity::Expired {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    }
    Ok(params)
}
