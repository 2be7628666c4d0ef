//! Watching what servers receive, and claiming something about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use host::Clock;
use lab::{Fault, Role};
use net::Instant;
use params::{Mac, PhoneSettings};
use phone::{CallId, Command};
use serde::Serialize;

use super::story::Story;
use crate::lab::faults::{Faults, Order};
use crate::lab::requests::{Received, Sequence, received};
use crate::lab::servers::Servers;
use crate::out::{Failure, Outcome};
use crate::run::engine::Engine;

/// How often the servers are looked at, in real time.
const LOOK_EVERY: Duration = Duration::from_millis(40);
/// What a busy machine may add to any interval, in real time.
const TOLERANCE: Duration = Duration::from_millis(100);

/// Something said about what servers received, and whether it was so.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Claim {
    pub(crate) claim: String,
    pub(crate) ok: bool,
    /// The request of the lab's sequence that shows it.
    pub(crate) seq: Option<u64>,
    /// What was found instead.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) found: String,
}

/// How a request is told.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) at_s: f64,
    pub(crate) server: &'static str,
    pub(crate) what: String,
    pub(crate) answered: Option<u16>,
    pub(crate) answer: String,
}

/// Why a scene does not go on.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// What was waited for did not come; the claim that says so is noted.
    Missed,
    /// The demo itself cannot go on.
    Broken(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Broken(failure)
    }
}

/// What the registrars are called in a scene, in the order of [`Role::ALL`].
pub(crate) type Names = [&'static str; 3];

/// One scene while it is played.
pub(crate) struct Scene<'a> {
    names: Names,
    faults: &'a Faults,
    story: &'a mut Story,
    engine: Engine,
    mac: Mac,
    /// Phones that are called.
    others: Vec<Engine>,
    began: Instant,
    sequence: Sequence,
    /// Requests before this one belong to earlier scenes.
    first: u64,
    told: u64,
    rows: Vec<Received>,
    claims: Vec<Claim>,
}

impl<'a> Scene<'a> {
    /// Lets a phone begin that has not sent anything yet.
    pub(crate) async fn begin(
        faults: &'a Faults,
        story: &'a mut Story,
        (engine, settings): (Engine, PhoneSettings),
        names: Names,
    ) -> Result<Self, Failure> {
        let mut sequence = Sequence::default();
        let before = sequence.number(received(faults.servers()).await);
        let first = before.last().map_or(0, |last| last.seq);
        let began = engine.clock.now();
        let mac = settings.mac;
        engine.apply(settings).await?;
        let (rows, claims) = (Vec::new(), Vec::new());
        Ok(Self {
            names,
            faults,
            story,
            engine,
            mac,
            others: Vec::new(),
            began,
            sequence,
            first,
            told: first,
            rows,
            claims,
        })
    }

    pub(crate) fn servers(&self) -> &Arc<Servers> {
        self.faults.servers()
    }

    pub(crate) fn say(&mut self, text: &str) -> Outcome {
        self.story.blank();
        self.story.paragraph(text)?;
        self.story.blank();
        Ok(())
    }

    /// Does something to a server, and says so.
    pub(crate) async fn strike(
        &mut self,
        role: Role,
        fault: Fault,
        text: &str,
    ) -> Result<Instant, Failure> {
        let order = Order { server: role.as_str().into(), fault, method: None, lasts: None };
        let begun = self.faults.begin(&order).await;
        begun.map_err(|(_, why)| Failure::failed(format!("{role}: {why}")))?;
        let now = self.clock().now();
        self.story.stroke(self.seconds(now), text)?;
        Ok(now)
    }

    /// Waits until a request that fits has come, telling every one that comes; `limit` is the
    /// phone's time. What does not come is noted as a claim that is not true.
    pub(crate) async fn until(
        &mut self,
        what: &str,
        limit: Duration,
        is_it: impl Fn(&Received) -> bool,
    ) -> Result<Received, Stopped> {
        self.until_since(self.last_seq(), what, limit, is_it).await
    }

    /// As [`Scene::until`], with every request after `since`, those that have come included.
    pub(crate) async fn until_since(
        &mut self,
        since: u64,
        what: &str,
        limit: Duration,
        is_it: impl Fn(&Received) -> bool,
    ) -> Result<Received, Stopped> {
        let deadline = self.clock().now() + limit;
        loop {
            self.look().await?;
            let found = self.rows.iter().find(|it| it.seq > since && is_it(it)).cloned();
            if let Some(found) = found {
                return Ok(found);
            }
            if self.clock().now() >= deadline {
                let found = format!("not within {} s", limit.as_secs());
                self.note(Claim { claim: what.into(), ok: false, seq: None, found })?;
                return Err(Stopped::Missed);
            }
            let next = self.next_act().await;
            self.story.wait(next);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Lets the phone's time pass, telling what comes.
    pub(crate) async fn pass(&mut self, span: Duration) -> Outcome {
        let deadline = self.clock().now() + span;
        while self.clock().now() < deadline {
            self.look().await?;
            let next = self.next_act().await;
            self.story.wait(next);
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.look().await
    }

    /// Notes whether something was so; `found` says what was, where it was not.
    pub(crate) fn claim(
        &mut self,
        claim: impl Into<String>,
        ok: bool,
        (seq, found): (Option<u64>, String),
    ) -> Outcome {
        let found = if ok { String::new() } else { found };
        self.note(Claim { claim: claim.into(), ok, seq, found })
    }

    /// Lets another phone begin.
    pub(crate) async fn join(&mut self, (engine, settings): (Engine, PhoneSettings)) -> Outcome {
        engine.apply(settings).await?;
        self.others.push(engine);
        Ok(())
    }

    /// Where the first phone sends from.
    pub(crate) fn addr(&self) -> SocketAddr {
        addr(&self.engine)
    }

    /// Where all phones send from.
    pub(crate) fn addrs(&self) -> Vec<SocketAddr> {
        std::iter::once(&self.engine).chain(&self.others).map(addr).collect()
    }

    /// Lets the first phone call 1002.
    pub(crate) async fn dial(&mut self, text: &str) -> Result<CallId, Failure> {
        let now = self.clock().now();
        self.story.stroke(self.seconds(now), text)?;
        let number = self.engine.handle.inspect(|endpoint, _| endpoint.new_call_id());
        let call = number.await.map_err(Failure::failed)?;
        let order = Command::Dial { phone: self.mac, account: 1, call, target: "1002".into() };
        self.engine.handle.command(order).await.map_err(Failure::failed)?;
        Ok(call)
    }

    /// Ends a call of the first phone.
    pub(crate) async fn hang_up(&mut self, call: CallId, text: &str) -> Outcome {
        let now = self.clock().now();
        self.story.stroke(self.seconds(now), text)?;
        let order = Command::Order { call, order: phone::Order::HangUp };
        self.engine.handle.command(order).await.map_err(Failure::failed)
    }

    /// Lets real time pass, telling what comes.
    pub(crate) async fn pass_real(&mut self, span: Duration) -> Outcome {
        self.pass(span * self.clock().speed().get()).await
    }

    /// The requests of this scene, in order.
    pub(crate) fn rows(&self) -> &[Received] {
        &self.rows
    }

    /// Those that a server received after `seq`.
    pub(crate) fn at(&self, role: Role, seq: u64) -> Vec<Received> {
        self.rows.iter().filter(|it| it.role == role && it.seq > seq).cloned().collect()
    }

    /// The number of the last request so far.
    pub(crate) fn last_seq(&self) -> u64 {
        self.rows.last().map_or(self.first, |last| last.seq)
    }

    /// What this machine may add to an interval of the phone's time.
    pub(crate) fn tolerance(&self) -> Duration {
        TOLERANCE * self.clock().speed().get()
    }

    /// Switches the phone off, as SIGTERM does.
    pub(crate) async fn switch_off(&mut self) -> Outcome {
        let now = self.clock().now();
        self.story.stroke(self.seconds(now), "the phone is switched off")?;
        // A phone that has gone already has nothing to end.
        let _gone = self.engine.handle.command(Command::Stop).await;
        Ok(())
    }

    /// Ends the phone; gives what was claimed and how long it took.
    pub(crate) async fn end(self) -> (Vec<Claim>, f64) {
        let took = self.seconds(self.clock().now());
        let Self { engine, others, claims, .. } = self;
        engine.stop().await;
        for other in others {
            other.stop().await;
        }
        (claims, took)
    }

    fn note(&mut self, claim: Claim) -> Outcome {
        self.story.claim(&claim)?;
        self.claims.push(claim);
        Ok(())
    }

    /// Reads the servers' logs and tells what is new.
    async fn look(&mut self) -> Outcome {
        let rows = self.sequence.number(received(self.faults.servers()).await);
        self.rows = rows.into_iter().filter(|it| it.seq > self.first).collect();
        let told: Vec<_> = self.rows.iter().filter(|it| it.seq > self.told).collect();
        let told: Vec<_> = told.into_iter().map(|it| (it.seq, self.tell(it))).collect();
        for (seq, told) in told {
            self.story.received(&told)?;
            self.told = seq;
        }
        Ok(())
    }

    fn tell(&self, it: &Received) -> Told {
        let Received { seq, role, row } = it;
        let challenged = |before: &&Received| {
            before.seq < *seq
                && before.role == *role
                && before.row.call_id == row.call_id
                && before.row.cseq + 1 == row.cseq
                && matches!(before.row.answered, Some(401 | 407))
        };
        let method = row.method.as_str();
        let what = match (row.retransmission, row.expires_s) {
            (1.., _) => format!("{method}, retry {}", row.retransmission),
            (0, Some(0)) => format!("{method} with Expires 0: leaving"),
            (0, _) if method != "ACK" && self.rows.iter().any(|it| challenged(&it)) => {
                format!("{method} with the password")
            }
            (0, _) => method.to_owned(),
        };
        let answer = match row.answered {
            None if method == "ACK" => String::new(),
            None => "no answer".into(),
            Some(100) => "100: trying".into(),
            Some(180) => "180: it rings".into(),
            Some(code @ (401 | 407)) => format!("{code}: password?"),
            Some(200) if row.expires_s == Some(0) => "200 OK".into(),
            Some(200) if method != "REGISTER" => "200 OK".into(),
            Some(200) => "200 OK: registered".into(),
            Some(code) => code.to_string(),
        };
        let (at_s, server) = (self.seconds(row.at), self.name(*role));
        Told { at_s, server, what, answered: row.answered, answer }
    }

    /// What the phone will do next, for the line that is shown while nothing happens.
    async fn next_act(&self) -> Option<(String, f64)> {
        let look = |endpoint: &mut phone::Endpoint, now| endpoint.views(now);
        let views = self.engine.handle.inspect(look).await.ok()?;
        let account = views.first()?.accounts.first()?;
        let act = account.next.first()?;
        Some((act.what.to_owned(), act.after.as_secs_f64()))
    }

    pub(crate) fn name(&self, role: Role) -> &'static str {
        let place = Role::ALL.iter().position(|it| *it == role);
        place.and_then(|place| self.names.get(place)).copied().unwrap_or(role.as_str())
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.since(self.began).as_secs_f64()
    }

    fn clock(&self) -> &Clock {
        &self.engine.clock
    }
}

/// Where the phone of an engine sends from; every engine of the demo has a socket.
fn addr(engine: &Engine) -> SocketAddr {
    let first = engine.handle.bound().udp.first();
    first.copied().unwrap_or_else(|| ([127, 0, 0, 1], 0).into())
}

/// Whether a request is the first datagram of one, not a retransmission.
pub(crate) fn is_first(it: &Received) -> bool {
    it.row.retransmission == 0
}

/// Whether a REGISTER was granted a registration by this server.
pub(crate) fn granted(role: Role) -> impl Fn(&Received) -> bool {
    move |it| {
        it.role == role
            && it.row.method.as_str() == "REGISTER"
            && it.row.answered == Some(200)
            && it.row.expires_s != Some(0)
    }
}
