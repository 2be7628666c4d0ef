//! The routes of the control API; each is described in `openapi.json`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, get, post};
use desk::{CallAct, Desk, Dial, Events, Line, Reading, Refused, Scope, Settings, WhichCall};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;

use crate::access::{Access, guarded};
use crate::error::{Failure, answer_error, answer_json};

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 256 << 10;
/// The largest configuration file that is imported.
const FILE_BYTES_MAX: usize = 4 << 20;
/// A silent event stream gets a comment this often, so that a dead reader is noticed.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

type Shared = State<Arc<dyn Desk>>;
type Answer = Result<Response, Failure>;

/// The control API of `desk`, for whoever `access` lets in.
pub fn router(desk: Arc<dyn Desk>, access: Access) -> Router {
    let router =
        routes().into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    let router = router
        .fallback(nowhere)
        .method_not_allowed_fallback(not_so)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(desk);
    guarded(router, access)
}

fn routes() -> Vec<(&'static str, MethodRouter<Arc<dyn Desk>>)> {
    vec![
        ("/api/openapi.json", get(openapi)),
        ("/api/status", get(status)),
        ("/api/accounts/{account}", get(settings).patch(apply)),
        ("/api/accounts/{account}/register", post(register)),
        ("/api/calls", post(dial)),
        ("/api/calls/{id}/{act}", post(act)),
        ("/api/events", get(events)),
        ("/api/trace", get(trace)),
        ("/api/provision", post(provision)),
        ("/api/settings", get(sheet).patch(revise)),
        ("/api/export", get(export)),
        ("/api/import", post(import).layer(DefaultBodyLimit::max(FILE_BYTES_MAX))),
    ]
}

/// The description of the API.
const OPENAPI: &str = include_str!("openapi.json");

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}

async fn status(State(desk): Shared) -> Answer {
    Ok(answer_json(StatusCode::OK, &desk.status().await?))
}

async fn settings(
    State(desk): Shared,
    Path(account): Path<String>,
    query: Result<Query<Which>, QueryRejection>,
) -> Answer {
    let line = line(&account, query)?;
    Ok(answer_json(StatusCode::OK, &desk.settings(line).await?))
}

async fn apply(
    State(desk): Shared,
    Path(account): Path<String>,
    query: Result<Query<Which>, QueryRejection>,
    body: Bytes,
) -> Answer {
    let line = line(&account, query)?;
    let patch = patch(&body)?;
    Ok(answer_json(StatusCode::OK, &desk.apply(line, patch).await?))
}

async fn register(
    State(desk): Shared,
    Path(account): Path<String>,
    query: Result<Query<Which>, QueryRejection>,
) -> Answer {
    let line = desk.register(line(&account, query)?).await?;
    Ok(answer_json(StatusCode::ACCEPTED, &line))
}

async fn dial(
    State(desk): Shared,
    query: Result<Query<Which>, QueryRejection>,
    body: Bytes,
) -> Answer {
    let Query(Which { phone }) = query.map_err(|problem| malformed(&problem))?;
    let order: Dial = serde_json::from_slice(&body).map_err(|problem| {
        Refused::Malformed(format!("the body has to be {{\"to\":…,\"account\":…}}: {problem}"))
    })?;
    Ok(answer_json(StatusCode::CREATED, &desk.dial(phone, order).await?))
}

async fn act(
    State(desk): Shared,
    Path((id, act)): Path<(String, String)>,
    query: Result<Query<Which>, QueryRejection>,
    body: Bytes,
) -> Answer {
    let Query(Which { phone }) = query.map_err(|problem| malformed(&problem))?;
    let call = WhichCall { phone, id: (id != "default").then_some(id) };
    Ok(answer_json(StatusCode::ACCEPTED, &desk.act(call, call_act(&act, &body)?).await?))
}

async fn provision(State(desk): Shared) -> Answer {
    Ok(answer_json(StatusCode::OK, &desk.provision().await?))
}

async fn sheet(State(desk): Shared, query: Result<Query<Scope>, QueryRejection>) -> Answer {
    let Query(scope) = query.map_err(|problem| malformed(&problem))?;
    Ok(answer_json(StatusCode::OK, &desk.sheet(scope).await?))
}

async fn revise(
    State(desk): Shared,
    query: Result<Query<Scope>, QueryRejection>,
    body: Bytes,
) -> Answer {
    let Query(scope) = query.map_err(|problem| malformed(&problem))?;
    let patch = serde_json::from_slice(&body).map_err(|problem| {
        Refused::Malformed(format!("the body has to be an object with values: {problem}"))
    })?;
    Ok(answer_json(StatusCode::OK, &desk.revise(scope, patch).await?))
}

async fn export(State(desk): Shared, query: Result<Query<Which>, QueryRejection>) -> Answer {
    let Query(Which { phone }) = query.map_err(|problem| malformed(&problem))?;
    Ok(answer_json(StatusCode::OK, &desk.export(phone).await?))
}

async fn import(
    State(desk): Shared,
    query: Result<Query<Which>, QueryRejection>,
    body: Bytes,
) -> Answer {
    let Query(Which { phone }) = query.map_err(|problem| malformed(&problem))?;
    Ok(answer_json(StatusCode::OK, &desk.import(phone, body.to_vec()).await?))
}

async fn trace(State(desk): Shared, query: Result<Query<Around>, QueryRejection>) -> Answer {
    let Query(query) = query.map_err(|problem| malformed(&problem))?;
    Ok(answer_json(StatusCode::OK, &desk.trace(query.around).await?))
}

async fn events(
    State(desk): Shared,
    headers: HeaderMap,
    query: Result<Query<Since>, QueryRejection>,
) -> Answer {
    let Query(query) = query.map_err(|problem| malformed(&problem))?;
    let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let follow = query.follow.unwrap_or(true);
    let reading = if follow { Reading::Following } else { Reading::Held };
    let events = desk.events(resumed.or(query.since), reading).await?;
    let stream = stream::unfold(events, next_message);
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(COMMENT_EVERY)).into_response())
}

async fn next_message(mut events: Events) -> Option<(Result<sse::Event, Infallible>, Events)> {
    let held = events.next().await?;
    let message = sse::Event::default().id(held.seq.to_string()).data(&*held.json);
    Some((Ok(message), events))
}

async fn nowhere() -> Response {
    answer_error(StatusCode::NOT_FOUND, "there is nothing here; see /api/openapi.json")
}

async fn not_so() -> Response {
    answer_error(StatusCode::METHOD_NOT_ALLOWED, "not with this method; see /api/openapi.json")
}

#[derive(Deserialize)]
struct Which {
    phone: Option<String>,
}

#[derive(Deserialize)]
struct Since {
    since: Option<u64>,
    follow: Option<bool>,
}

#[derive(Deserialize)]
struct Around {
    around: u64,
}

fn line(account: &str, query: Result<Query<Which>, QueryRejection>) -> Result<Line, Failure> {
    let Query(Which { phone }) = query.map_err(|problem| malformed(&problem))?;
    let account = match account {
        "default" => None,
        number => Some(number.parse().map_err(|_| {
            Refused::NotFound(format!("{number} is not an account; accounts are 1 to 16"))
        })?),
    };
    Ok(Line { phone, account })
}

#[derive(Deserialize)]
struct Target {
    to: String,
}

#[derive(Deserialize)]
struct Keys {
    digits: String,
}

/// The act with this word, with what the body says to it.
fn call_act(word: &str, body: &[u8]) -> Result<CallAct, Failure> {
    let wants = |shape: &str| Refused::Malformed(format!("the body has to be {shape}"));
    Ok(match word {
        "answer" => CallAct::Answer,
        "hangup" => CallAct::HangUp,
        "hold" => CallAct::Hold,
        "resume" => CallAct::Resume,
        "transfer" => {
            let target = serde_json::from_slice(body).map_err(|_| wants("{\"to\":…}"))?;
            let Target { to } = target;
            CallAct::Transfer(to)
        }
        "dtmf" => {
            let keys = serde_json::from_slice(body).map_err(|_| wants("{\"digits\":…}"))?;
            let Keys { digits } = keys;
            CallAct::Digits(digits)
        }
        other => {
            return Err(Refused::NotFound(format!(
                "{other} is nothing that can be done with a call: answer, hangup, hold, resume, \
                 transfer, dtmf"
            ))
            .into());
        }
    })
}

/// `{"KEY":"VALUE"}`; numbers are taken as written, null as blank.
fn patch(body: &[u8]) -> Result<Settings, Failure> {
    let values: serde_json::Map<String, Value> =
        serde_json::from_slice(body).map_err(|problem| {
            Refused::Malformed(format!(
                "the body has to be an object of keys and values: {problem}"
            ))
        })?;
    let (mut patch, mut errors) = (Settings::new(), Settings::new());
    for (key, value) in values {
        match value {
            Value::String(text) => drop(patch.insert(key, text)),
            Value::Number(number) => drop(patch.insert(key, number.to_string())),
            Value::Null => drop(patch.insert(key, String::new())),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                errors.insert(key, "a text or a number".into());
            }
        }
    }
    if errors.is_empty() { Ok(patch) } else { Err(Refused::Invalid(errors).into()) }
}

fn malformed(problem: &QueryRejection) -> Failure {
    Refused::Malformed(problem.body_text()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let described: Value = serde_json::from_str(OPENAPI).unwrap();
        let mut described: Vec<_> =
            described["paths"].as_object().unwrap().keys().cloned().collect();
        let mut served: Vec<_> = routes().iter().map(|(path, _)| (*path).to_owned()).collect();
        described.sort();
        served.sort();
        assert_eq!(described, served);
    }
}
