//! Faults on command: who carries each out, for how long, and how it ends.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dns::{NameServerCommand, Zone};
use host::Turn;
use host::certs::{Authority, Validity, self_signed};
use lab::{Bearer, Command, Fault, Role, TlsFault};
use net::Instant;
use sip::Method;

use super::servers::{DNS, Servers, valid};
use crate::out::Failure;

/// The faults in force, and the servers that have them.
#[derive(Clone)]
pub(crate) struct Faults {
    servers: Arc<Servers>,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    last: u64,
    active: BTreeMap<u64, Active>,
}

/// One fault in force.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Active {
    pub(crate) server: &'static str,
    pub(crate) fault: Fault,
    pub(crate) method: Option<Method>,
    pub(crate) since: Instant,
    pub(crate) until: Option<Instant>,
}

/// A fault as it is ordered.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Order {
    pub(crate) server: String,
    pub(crate) fault: Fault,
    pub(crate) method: Option<Method>,
    pub(crate) lasts: Option<Duration>,
}

/// Why a fault cannot be ordered, with what is permitted.
pub(crate) type Unfit = (&'static str, String);

impl Faults {
    pub(crate) fn new(servers: Arc<Servers>) -> Self {
        Self { servers, plan: Arc::default() }
    }

    pub(crate) fn servers(&self) -> &Arc<Servers> {
        &self.servers
    }

    /// Begins a fault; the numbers of what is in force by it, one for each server.
    pub(crate) async fn begin(&self, order: &Order) -> Result<Vec<u64>, Unfit> {
        let targets = targets(&order.server)?;
        for server in &targets {
            fits(server, &order.fault, self.servers.authority.is_some())?;
        }
        if order.fault == Fault::Heal {
            for server in targets {
                self.end_where(|active| active.server == server).await;
            }
            return Ok(Vec::new());
        }
        let zone = records(&order.fault)?;
        let now = self.servers.clock.now();
        let mut ids = Vec::new();
        for server in targets {
            let active = Active {
                server,
                fault: order.fault.clone(),
                method: order.method.clone(),
                since: now,
                until: order.lasts.map(|lasts| now + lasts),
            };
            let id = self.plan().add(active.clone());
            self.carry_out(id, &active, zone.clone()).await.map_err(|why| ("fault", why))?;
            ids.push(id);
        }
        if let Some(lasts) = order.lasts {
            self.end_later(ids.clone(), self.servers.clock.real(lasts));
        }
        Ok(ids)
    }

    /// What is in force, by number.
    pub(crate) fn active(&self) -> BTreeMap<u64, Active> {
        self.plan().active.clone()
    }

    /// Ends one fault; whether there was one.
    pub(crate) async fn end(&self, id: u64) -> bool {
        let ended = self.plan().active.remove(&id);
        let Some(active) = ended else { return false };
        self.after_end(active.server, BTreeMap::from([(id, active)])).await;
        true
    }

    /// Ends every fault.
    pub(crate) async fn end_all(&self) {
        self.end_where(|_| true).await;
    }

    async fn end_where(&self, is_meant: impl Fn(&Active) -> bool) {
        for server in names() {
            let ended = self.plan().take(|active| active.server == server && is_meant(active));
            self.after_end(server, ended).await;
        }
    }

    fn end_later(&self, ids: Vec<u64>, after: Duration) {
        let faults = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            for id in ids {
                faults.end(id).await;
            }
        });
    }

    async fn carry_out(&self, id: u64, active: &Active, zone: Option<Zone>) -> Result<(), String> {
        match active.fault.bearer() {
            Bearer::Registrar => {
                let (fault, method) = (active.fault.clone(), active.method.clone());
                let order = Command::Fault { id, fault, method, lasts: None };
                let Some(registrar) = self.servers.registrar(active.server) else {
                    return self.slow_dns(&active.fault).await;
                };
                registrar.command(order).await.map_err(|error| error.to_string())
            }
            Bearer::NameServer => self.command_dns(&active.fault, zone).await,
            Bearer::Executor => self.turn(active.server).await,
            Bearer::Everyone => Ok(()),
        }
    }

    /// Undoes what ended, and does again what is left where it cannot be undone one by one.
    async fn after_end(&self, server: &'static str, ended: BTreeMap<u64, Active>) {
        if ended.is_empty() {
            return;
        }
        if server == DNS {
            let left: Vec<_> =
                self.active().into_iter().filter(|(_, it)| it.server == DNS).collect();
            // A name server that has stopped has no faults any more.
            let _ended = self.servers.dns.command(NameServerCommand::Heal).await;
            for (id, active) in left {
                let zone = records(&active.fault).unwrap_or_default();
                drop(self.carry_out(id, &active, zone).await);
            }
        }
        if let Some(registrar) = self.servers.registrar(server) {
            for id in ended.keys() {
                let _ended = registrar.command(Command::Heal(*id)).await;
            }
        }
        // A server that cannot be brought back says so when it is next asked for.
        drop(self.turn(server).await);
    }

    /// Puts the sockets of a server into the state that its faults want.
    async fn turn(&self, server: &'static str) -> Result<(), String> {
        let active = self.active();
        let own = || active.values().filter(|active| active.server == server).map(|it| &it.fault);
        let wanted = if own().any(|fault| *fault == Fault::Kill) {
            Turn::Down
        } else if own().any(|fault| *fault == Fault::Blackhole) {
            Turn::Blackhole
        } else {
            Turn::Up
        };
        let shown = own()
            .rev()
            .find_map(|fault| if let Fault::Tls(fault) = fault { Some(*fault) } else { None });
        let Some(switch) = self.servers.switch(server) else { return Ok(()) };
        if let Some(authority) = self.servers.authority.as_ref().filter(|_| server != DNS) {
            let names = self.servers.certificate_names(server);
            let credentials = shown_certificate(authority, shown, names).map_err(text_of)?;
            let shown = switch.turn(Turn::Certificate(credentials)).await;
            shown.map_err(|error| error.to_string())?;
        }
        switch.turn(wanted).await.map_err(|error| error.to_string())
    }

    async fn command_dns(&self, fault: &Fault, zone: Option<Zone>) -> Result<(), String> {
        let order = match (fault, zone) {
            (Fault::NxDomain, _) => NameServerCommand::Nxdomain,
            (Fault::ServFail, _) => NameServerCommand::Servfail,
            (Fault::Silent, _) => NameServerCommand::Silent,
            (Fault::Ttl(ttl_s), _) => NameServerCommand::Ttl(*ttl_s),
            (Fault::Records(_), Some(zone)) => NameServerCommand::Records(zone),
            _ => return Ok(()),
        };
        self.servers.dns.command(order).await.map_err(|error| error.to_string())
    }

    /// The faults of a registrar that a name server can have as well; mute is silent there.
    async fn slow_dns(&self, fault: &Fault) -> Result<(), String> {
        let order = if let Fault::Slow(by) = fault {
            NameServerCommand::Slow(*by)
        } else if let Fault::Loss(percent) = fault {
            NameServerCommand::Loss(*percent)
        } else {
            NameServerCommand::Silent
        };
        self.servers.dns.command(order).await.map_err(|error| error.to_string())
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    fn add(&mut self, active: Active) -> u64 {
        self.last += 1;
        self.active.insert(self.last, active);
        self.last
    }

    fn take(&mut self, is_meant: impl Fn(&Active) -> bool) -> BTreeMap<u64, Active> {
        let (taken, left) =
            std::mem::take(&mut self.active).into_iter().partition(|(_, active)| is_meant(active));
        self.active = left;
        taken
    }
}

fn targets(server: &str) -> Result<Vec<&'static str>, Unfit> {
    if server == "all" {
        return Ok(Role::ALL.map(Role::as_str).to_vec());
    }
    let known = names().find(|known| *known == server);
    known.map(|known| vec![known]).ok_or_else(|| {
        (
            "server",
            "permitted are primary, secondary, fallback, dns and all (the three registrars)".into(),
        )
    })
}

fn fits(server: &str, fault: &Fault, has_tls: bool) -> Result<(), Unfit> {
    let for_dns = matches!(
        fault,
        Fault::Mute | Fault::Slow(_) | Fault::Loss(_) | Fault::Kill | Fault::Blackhole
    );
    let unfit = match (fault.bearer(), server == DNS) {
        (Bearer::Everyone, _) | (Bearer::NameServer, true) => None,
        (Bearer::NameServer, false) => Some(format!("{fault} is for dns only")),
        (Bearer::Registrar | Bearer::Executor, true) if !for_dns => {
            Some(format!("{fault} is for registrars only"))
        }
        (Bearer::Executor, false) if matches!(fault, Fault::Tls(_)) && !has_tls => {
            Some("start the lab with --tls to try certificates".into())
        }
        (Bearer::Registrar | Bearer::Executor, _) => None,
    };
    unfit.map_or(Ok(()), |why| Err(("fault", why)))
}

fn records(fault: &Fault) -> Result<Option<Zone>, Unfit> {
    let Fault::Records(file) = fault else { return Ok(None) };
    let text = fs::read_to_string(file).map_err(|error| ("fault", format!("{file}: {error}")))?;
    Zone::parse(&text).map(Some).map_err(|error| ("fault", format!("{file}: {error}")))
}

fn shown_certificate(
    authority: &Authority,
    fault: Option<TlsFault>,
    names: &[net::Name],
) -> Result<host::Credentials, Failure> {
    let texts: Vec<&str> = names.iter().map(|name| &**name).collect();
    match fault {
        None => valid(authority, names),
        Some(TlsFault::WrongHost) => valid(authority, &["wrong.invalid".into()]),
        Some(TlsFault::Expired) => {
            authority.issue(&texts, Validity::Expired).map_err(Failure::failed)
        }
        Some(TlsFault::SelfSigned) => self_signed(&texts).map_err(Failure::failed),
        Some(TlsFault::OtherCa) => {
            valid(&Authority::new("another authority").map_err(Failure::failed)?, names)
        }
    }
}

/// Every server that can have faults.
fn names() -> impl Iterator<Item = &'static str> {
    Role::ALL.map(Role::as_str).into_iter().chain([DNS])
}

fn text_of(failure: Failure) -> String {
    match failure {
        Failure::Failed(text) | Failure::Misused(text) => text,
        Failure::Said | Failure::Unread => String::new(),
    }
}
