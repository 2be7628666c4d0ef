//! The web page of a running phone: who may log in, and where that is kept.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use desk::Desk;
use host::files::{self, Access};
use host::{Credentials, certs};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;
use web::{Doors, Listener, Vault};

use super::config::Config;
use crate::cli::RunArgs;
use crate::out::{Failure, complain};
use crate::state::StateDir;

/// A listener and the users of what it will serve.
pub(crate) struct Page {
    listener: Listener,
    addr: SocketAddr,
    doors: Doors,
}

/// Passwords and sessions in the state folder.
struct KeptDoors(PathBuf);

impl Page {
    /// Takes the passwords that the files give. Where other machines reach the page and nobody has
    /// set a password, one is made and said once.
    pub(crate) fn open(
        listener: Listener,
        state: &StateDir,
        configs: &[Config],
    ) -> Result<Self, Failure> {
        let addr = listener.local_addr().map_err(Failure::failed)?;
        let doors = Doors::open(Arc::new(KeptDoors(state.file("web.json"))));
        let users: Vec<_> = configs.iter().flat_map(Config::web_users).collect();
        let users = users
            .iter()
            .map(|(name, password, mark)| (name.as_str(), password.reveal(), mark.as_str()));
        doors.configure(users).map_err(Failure::failed)?;
        if !addr.ip().is_loopback()
            && let Some(password) = doors.first_password().map_err(Failure::failed)?
        {
            complain(&format!(
                "the web page can be reached from other machines, so it has a first password, \
                 said this once: user admin, password {password}"
            ));
        }
        Ok(Self { listener, addr, doors })
    }

    /// Where the page is.
    pub(crate) fn invitation(&self) -> String {
        let scheme = if self.listener.is_in_tls() { "https" } else { "http" };
        format!("the web page is at {scheme}://{}/", self.addr)
    }

    /// The pages of `desk`, and its API for whoever has the token or has logged in.
    pub(crate) fn serve(self, desk: Arc<dyn Desk>, token: &str) -> (Listener, Router) {
        let access = web::Access::by_token(token).or_by_session(self.doors.clone());
        let api = web::router(Arc::clone(&desk), access);
        (self.listener, web::site(desk, self.doors, api))
    }
}

/// As `--web-tls` says: plain, or in TLS with a certificate of the user's, or with one that is made
/// once and kept, so that a browser has to be told to trust it only once.
pub(crate) fn listener(
    tcp: TcpListener,
    args: &RunArgs,
    state: &StateDir,
) -> Result<Listener, Failure> {
    let credentials = match &args.web_tls {
        None => return Ok(tcp.into()),
        Some(Some(file)) => Credentials::from_files(file, file),
        Some(None) => {
            let addr = tcp.local_addr().map_err(Failure::failed)?;
            let file = own(addr, state)?;
            Credentials::from_files(&file, &file)
        }
    };
    let wrong = |error| Failure::misused(format!("--web-tls: {error}"));
    let credentials = credentials.map_err(wrong)?;
    if let Some(certificate) = credentials.chain().first() {
        let digest = Sha256::digest(certificate);
        let pairs: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        complain(&format!("the certificate of the web page has the SHA-256 {}", pairs.join(":")));
    }
    Ok(Listener::in_tls(tcp, host::server_config(&credentials).map_err(wrong)?))
}

/// The file with the certificate that was made for the page.
fn own(addr: SocketAddr, state: &StateDir) -> Result<PathBuf, Failure> {
    const NAME: &str = "web.pem";
    let path = state.file(NAME);
    if path.exists() {
        return Ok(path);
    }
    let address = addr.ip().to_string();
    let made = certs::self_signed_pem(&["localhost", "127.0.0.1", "::1", &address]);
    let pem = made.map_err(Failure::failed)?;
    state.write(NAME, format!("{}{}", pem.certificate, pem.key).as_bytes())?;
    Ok(path)
}

impl Vault for KeptDoors {
    fn read(&self) -> Option<Vec<u8>> {
        fs::read(&self.0).ok()
    }

    fn keep(&self, content: &[u8]) -> Result<(), String> {
        files::replace(&self.0, content, Access::Private)
            .map_err(|error| format!("cannot write {}: {error}", self.0.display()))
    }
}
