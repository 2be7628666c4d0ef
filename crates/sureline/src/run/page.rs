//! The web page of a running phone: who may log in, and where that is kept.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use desk::Desk;
use host::files::{self, Access};
use tokio::net::TcpListener;
use web::{Doors, Vault};

use super::config::Config;
use crate::out::{Failure, complain};
use crate::state::StateDir;

/// A listener and the users of what it will serve.
pub(crate) struct Page {
    listener: TcpListener,
    addr: SocketAddr,
    doors: Doors,
}

/// Passwords and sessions in the state folder.
struct KeptDoors(PathBuf);

impl Page {
    /// Takes the passwords that the files give. Where other machines reach the page and nobody has
    /// set a password, one is made and said once.
    pub(crate) fn open(
        listener: TcpListener,
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
        format!("the web page is at http://{}/", self.addr)
    }

    /// The pages of `desk`, and its API for whoever has the token or has logged in.
    pub(crate) fn serve(self, desk: Arc<dyn Desk>, token: &str) -> (TcpListener, Router) {
        let access = web::Access::by_token(token).or_by_session(self.doors.clone());
        let api = web::router(Arc::clone(&desk), access);
        (self.listener, web::site(desk, self.doors, api))
    }
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
