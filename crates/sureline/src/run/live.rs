//! An engine with everything around it: desk, API, control file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use desk::{About, ControlFile, EventBody};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use web::{Access, Listener};

use super::config::Config;
use super::engine::Engine;
use super::local::Local;
use super::page::Page;
use crate::out::{Failure, Outcome};
use crate::state::{StateDir, token};

/// The control file until it is in its place.
const DRAFT: &str = "control.json.new";
const FREE_LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A running phone, or several, that others can reach.
pub(crate) struct Live {
    pub(crate) desk: Arc<Local>,
    engine: Engine,
    state: StateDir,
    file: ControlFile,
    servers: JoinSet<()>,
    end: watch::Sender<bool>,
}

impl Live {
    /// Serves the API on a port of loopback and on `web`; the phones are not told anything yet.
    pub(crate) async fn begin(
        engine: Engine,
        configs: Vec<Config>,
        web: Option<Listener>,
        state: &StateDir,
    ) -> Result<Self, Failure> {
        let control = TcpListener::bind(FREE_LOOPBACK).await.map_err(Failure::failed)?;
        let file = ControlFile {
            pid: std::process::id(),
            api: format!("http://{}", control.local_addr().map_err(Failure::failed)?),
            sip: engine.sip(),
            token: token()?,
        };
        let listening = EventBody::Listening { sip: file.sip.clone(), api: file.api.clone() };
        engine.tell(About::default(), listening);
        let page = web.map(|web| Page::open(web, state, &configs)).transpose()?;
        if let Some(page) = &page {
            engine.tell(About::default(), EventBody::Notice { text: page.invitation() });
        }
        let desk = Arc::new(Local::new(&engine, configs));
        let (end, ending) = watch::channel(false);
        let mut servers = JoinSet::new();
        let api = web::router(desk.clone(), Access::by_token(&file.token));
        let page = page.map(|page| page.serve(desk.clone(), &file.token));
        for (listener, router) in [Some((control.into(), api)), page].into_iter().flatten() {
            let mut ending = ending.clone();
            let ended = async move { drop(ending.wait_for(|ending| *ending).await) };
            servers.spawn(web::serve(listener, router, ended));
        }
        Ok(Self { desk, engine, state: state.clone(), file, servers, end })
    }

    /// Tells the phones their settings, then says where they are found.
    pub(crate) async fn start(&self) -> Outcome {
        // Written and synced before the first REGISTER, in place right behind it: whoever sees that the
        // phone is registered finds it.
        self.state.write_json(DRAFT, &self.file)?;
        for settings in self.desk.all_settings() {
            self.engine.apply(settings).await?;
        }
        self.state.rename(DRAFT, ControlFile::NAME)
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Unregisters, and ends everything that was begun.
    pub(crate) async fn end(mut self) {
        self.state.remove(ControlFile::NAME);
        drop(self.desk);
        self.engine.stop().await;
        self.end.send_replace(true);
        while self.servers.join_next().await.is_some() {}
    }
}
