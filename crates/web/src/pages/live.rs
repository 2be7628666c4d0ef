//! The status as it changes: one rendering of each phone for all who look, and a wake-up for them
//! when an event says that something is different.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use askama::Template;
use desk::{Desk, EventLine, MoveLine, PhoneStatus, Reading, Refused};
use tokio::sync::watch;
use tokio::time::Instant;

use super::chronicle::{Chronicle, Memory};
use super::ladder::{Ladder, Parties};
use super::picture::{AccountView, PhoneView};

/// How often a page that is open is renewed at most.
pub(super) const PAUSE: Duration = Duration::from_millis(100);
/// How often it is renewed where nothing happens: clocks drift, and so do countdowns.
pub(super) const RENEW: Duration = Duration::from_secs(5);
/// After this there are no changes: the phone has ended.
pub(super) const ENDED: u64 = u64::MAX;
/// A move whose last messages may still come is drawn anew.
const TRACE_GROWS: Duration = Duration::from_secs(2);

/// What pages show of running phones.
pub(super) struct Live {
    desk: Arc<dyn Desk>,
    chronicle: Arc<Mutex<Chronicle>>,
    changed: watch::Sender<u64>,
    shots: tokio::sync::Mutex<BTreeMap<String, Shot>>,
}

/// A phone as it was drawn.
#[derive(Clone)]
struct Shot {
    seq: u64,
    at: Instant,
    html: Arc<str>,
    ladders: BTreeMap<u8, (u64, Instant, Option<Ladder>)>,
}

/// A drawing and how old it is.
pub(super) struct Drawing {
    pub(super) html: Arc<str>,
    pub(super) age: Duration,
}

#[derive(Template)]
#[template(path = "phone.html")]
struct PhonePart {
    phone: PhoneView,
}

impl Live {
    /// Listens to the events of `desk` from now on; needs a tokio runtime around it.
    pub(super) fn begin(desk: Arc<dyn Desk>) -> Self {
        let chronicle = Arc::new(Mutex::new(Chronicle::default()));
        let changed = watch::Sender::new(0);
        tokio::spawn(listen(Arc::clone(&desk), Arc::clone(&chronicle), changed.clone()));
        Self { desk, chronicle, changed, shots: tokio::sync::Mutex::default() }
    }

    /// Rises with each event that may change what is shown.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn chronicle(&self) -> MutexGuard<'_, Chronicle> {
        self.chronicle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The phone with this MAC, or the only one, as it is.
    pub(super) async fn draw(&self, phone: Option<&str>) -> Result<Drawing, Refused> {
        let mut shots = self.shots.lock().await;
        let slot = phone.unwrap_or_default().to_owned();
        let seq = *self.changed.borrow();
        let known = shots.get(&slot).filter(|shot| shot.seq == seq && shot.at.elapsed() < RENEW);
        if let Some(shot) = known {
            return Ok(Drawing { html: Arc::clone(&shot.html), age: shot.at.elapsed() });
        }
        let former = shots.remove(&slot).map(|shot| shot.ladders).unwrap_or_default();
        let shot = self.shoot(phone, seq, former).await?;
        let html = Arc::clone(&shot.html);
        shots.insert(slot, shot);
        Ok(Drawing { html, age: Duration::ZERO })
    }

    async fn shoot(
        &self,
        phone: Option<&str>,
        seq: u64,
        mut ladders: BTreeMap<u8, (u64, Instant, Option<Ladder>)>,
    ) -> Result<Shot, Refused> {
        let status = self.desk.status().await?;
        let at = Instant::now();
        let phone = status.phone(phone).ok_or_else(|| no_phone(phone))?;
        let mut views = Vec::new();
        for account in phone.enabled() {
            let memory = self.memory(phone, account.account);
            let ladder = match account.last_moves.last() {
                Some(last) => {
                    self.ladder(&mut ladders, account.account, last, memory.as_ref()).await
                }
                None => None,
            };
            let now = self.now();
            views.push(AccountView::new(account, memory.as_ref(), now, ladder));
        }
        let part = PhonePart { phone: PhoneView::new(phone, views) };
        let html = part.render().map_err(|error| Refused::Conflict(error.to_string()))?;
        Ok(Shot { seq, at, html: html.into(), ladders })
    }

    /// The ladder of a move, drawn once its messages are complete.
    async fn ladder(
        &self,
        known: &mut BTreeMap<u8, (u64, Instant, Option<Ladder>)>,
        account: u8,
        moved: &MoveLine,
        memory: Option<&Memory>,
    ) -> Option<Ladder> {
        let seq = moved.seq;
        let first_seen = match known.get(&account) {
            Some((of, first_seen, ladder)) if *of == seq => {
                if first_seen.elapsed() > TRACE_GROWS {
                    return ladder.clone();
                }
                *first_seen
            }
            Some(_) | None => Instant::now(),
        };
        let trace = self.desk.trace(seq).await.unwrap_or_default();
        let ladder = Ladder::new(seq, &trace, &Parties::of(moved, memory));
        known.insert(account, (seq, first_seen, ladder.clone()));
        ladder
    }

    /// What is remembered of an account.
    pub(super) fn memory(&self, phone: &PhoneStatus, account: u8) -> Option<Memory> {
        self.chronicle().of(&phone.mac, account).cloned()
    }

    /// Seconds since the start of the process that has the phones.
    fn now(&self) -> f64 {
        self.chronicle().now()
    }
}

/// Follows the events until the phone ends.
async fn listen(
    desk: Arc<dyn Desk>,
    chronicle: Arc<Mutex<Chronicle>>,
    changed: watch::Sender<u64>,
) {
    let Ok(mut events) = desk.events(None, Reading::Following).await else { return };
    // The phone ends when nobody holds its desk any more.
    drop(desk);
    while let Some(held) = events.next().await {
        let Ok(line) = serde_json::from_str::<EventLine>(&held.json) else { continue };
        let mut chronicle = chronicle.lock().unwrap_or_else(PoisonError::into_inner);
        if chronicle.hear(line) {
            changed.send_replace(held.seq);
        }
    }
    changed.send_replace(ENDED);
}

pub(super) fn no_phone(phone: Option<&str>) -> Refused {
    Refused::NotFound(match phone {
        Some(mac) => format!("no phone {mac} runs here"),
        None => "several phones run here: choose one".to_owned(),
    })
}
