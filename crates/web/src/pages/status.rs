//! Status → Accounts, live, and Status → Log.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{self, Sse};
use axum::response::{IntoResponse as _, Response};
use desk::{MoveLine, Weight};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::watch;

use super::doors::Guest;
use super::frame::{Frame, Tab};
use super::ladder::{Ladder, Parties};
use super::live::{Drawing, ENDED, PAUSE, RENEW, no_phone};
use super::picture::MoveView;
use super::words::clock;
use super::{Pages, refusal, refused, render, render_with};

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    phone: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct AskedMove {
    phone: Option<String>,
    account: u8,
    seq: u64,
}

#[derive(Template)]
#[template(path = "status.html")]
struct StatusPage {
    frame: Frame,
    stream: String,
    content: String,
}

#[derive(Template)]
#[template(path = "move.html")]
struct MovePage {
    frame: Frame,
    account: u8,
    moved: MoveView,
    ladder: Option<Ladder>,
}

#[derive(Template)]
#[template(path = "ladder.html")]
struct LadderPart {
    account: u8,
    ladder: Option<Ladder>,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogPage {
    frame: Frame,
    lines: Vec<LogLine>,
}

struct LogLine {
    at: String,
    stamp: String,
    text: String,
    class: &'static str,
    sign: &'static str,
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    let first = match &asked.phone {
        Some(phone) => Some(phone.clone()),
        None => match pages.desk.status().await {
            Ok(status) => status.phones.first().map(|phone| phone.mac.clone()),
            Err(problem) => return refused(&problem),
        },
    };
    let drawing = match pages.live.draw(first.as_deref()).await {
        Ok(drawing) => drawing,
        Err(problem) => return refused(&problem),
    };
    let query = first.as_ref().map_or(String::new(), |mac| format!("?phone={mac}"));
    let frame = Frame::new(&pages, &guest, Tab::Accounts, first).await;
    let stream = format!("/status/live{query}");
    render(&StatusPage { frame, stream, content: aged(&drawing) })
}

/// The stream of an open page: the whole part each time, as htmx takes in what differs.
pub(super) async fn live(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    let changes = pages.live.changes();
    let watcher = Watcher { pages, guest, phone: asked.phone, changes, is_first: true };
    let messages = stream::unfold(watcher, |mut watcher| async move {
        let message = watcher.next().await?;
        Some((Ok::<_, Infallible>(sse::Event::default().data(message)), watcher))
    });
    Sse::new(messages).into_response()
}

/// Somebody who looks.
struct Watcher {
    pages: Arc<Pages>,
    guest: Guest,
    phone: Option<String>,
    changes: watch::Receiver<u64>,
    is_first: bool,
}

impl Watcher {
    /// The next drawing; none at the end of the phone or of the session.
    async fn next(&mut self) -> Option<String> {
        if !std::mem::take(&mut self.is_first) {
            tokio::time::sleep(PAUSE).await;
            if let Ok(Err(_gone)) = tokio::time::timeout(RENEW, self.changes.changed()).await {
                return None;
            }
        }
        if *self.changes.borrow_and_update() == ENDED {
            return None;
        }
        self.pages.doors.guest(self.guest.token())?;
        let drawing = self.pages.live.draw(self.phone.as_deref()).await.ok()?;
        Some(aged(&drawing))
    }
}

/// A drawing with its age, so that countdowns start right.
fn aged(drawing: &Drawing) -> String {
    format!(
        "<div id=\"drawn\" data-age=\"{:.2}\">{}</div>",
        drawing.age.as_secs_f64(),
        drawing.html
    )
}

/// The messages around a move: a page of its own, or the part of one for htmx.
pub(super) async fn moved(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    headers: HeaderMap,
    Query(asked): Query<AskedMove>,
) -> Response {
    let status = match pages.desk.status().await {
        Ok(status) => status,
        Err(problem) => return refused(&problem),
    };
    let Some(phone) = status.phone(asked.phone.as_deref()) else {
        return refused(&no_phone(asked.phone.as_deref()));
    };
    let account = phone.accounts.iter().find(|account| account.account == asked.account);
    let is_it = |moved: &&MoveLine| moved.seq == asked.seq;
    let line = account.and_then(|account| account.last_moves.iter().find(is_it));
    let Some(line) = line else {
        let text = format!("There is no move {} of account {}.", asked.seq, asked.account);
        return refusal(StatusCode::NOT_FOUND, &text);
    };
    let memory = pages.live.memory(phone, asked.account);
    let trace = pages.desk.trace(asked.seq).await.unwrap_or_default();
    let ladder = Ladder::new(asked.seq, &trace, &Parties::of(line, memory.as_ref()));
    if headers.contains_key("hx-request") {
        return render_with(StatusCode::OK, &LadderPart { account: asked.account, ladder });
    }
    let moved = MoveView::new(line, memory.as_ref());
    let frame = Frame::new(&pages, &guest, Tab::Accounts, asked.phone).await;
    render(&MovePage { frame, account: asked.account, moved, ladder })
}

pub(super) async fn log(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    let line = |(at, sentence): &(String, desk::Sentence)| {
        let (class, sign) = match sentence.weight {
            Weight::Warning => ("warn", "!"),
            Weight::Plain => ("plain", ""),
            Weight::Detail => ("detail", ""),
        };
        LogLine { at: clock(at), stamp: at.clone(), text: sentence.text.clone(), class, sign }
    };
    let lines = pages.live.chronicle().told.iter().rev().map(line).collect();
    let frame = Frame::new(&pages, &guest, Tab::Log, asked.phone).await;
    render(&LogPage { frame, lines })
}
