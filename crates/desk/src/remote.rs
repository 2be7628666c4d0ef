//! A desk in another process, asked over HTTP/1.1 on a connection for each question.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::call::{CallAct, CallName, Dial, WhichCall};
use crate::control::ControlFile;
use crate::desk::{
    Desk, Events, Line, Pending, Provisioned, Reading, Refused, Settings, TraceLine,
};
use crate::log::Held;
use crate::sheet::{Patch, Scope, Sheet};
use crate::status::Status;

/// A running phone, found by its control file.
#[derive(Clone, Debug)]
pub struct Remote {
    authority: Arc<str>,
    token: Arc<str>,
}

/// The body of a request.
struct Payload {
    kind: &'static str,
    bytes: Bytes,
}

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long fetching files may take: each has its attempts.
const PROVISIONED_WITHIN: Duration = Duration::from_secs(600);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The longest line of an event stream.
const LINE_BYTES_MAX: usize = 1 << 20;

impl Remote {
    /// The process that `control` names; nothing is asked yet.
    #[must_use]
    pub fn new(control: &ControlFile) -> Self {
        let authority = control.api.trim_start_matches("http://").trim_end_matches('/');
        Self { authority: authority.into(), token: control.token.as_str().into() }
    }

    /// Asks anything of the API; `body` is JSON, the answer too.
    ///
    /// # Errors
    /// What the API refused, or that nobody answered.
    pub async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<T, Refused> {
        let body = body.map(|json| Payload { kind: "application/json", bytes: json.into() });
        self.ask_with(method, path, body).await
    }

    async fn ask_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Payload>,
    ) -> Result<T, Refused> {
        self.ask_within(ANSWER_WITHIN, method, path, body).await
    }

    async fn ask_within<T: DeserializeOwned>(
        &self,
        span: Duration,
        method: Method,
        path: &str,
        body: Option<Payload>,
    ) -> Result<T, Refused> {
        let answer = tokio::time::timeout(span, self.ask_bytes(method, path, body));
        let bytes = answer.await.map_err(|_| self.silent())??;
        let bytes = if bytes.is_empty() { Bytes::from_static(b"null") } else { bytes };
        serde_json::from_slice(&bytes).map_err(|_| self.foreign())
    }

    async fn ask_bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<Payload>,
    ) -> Result<Bytes, Refused> {
        let response = self.send(method, path, body).await?;
        let status = response.status();
        let collected = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let bytes = collected.map_err(|_| self.foreign())?.to_bytes();
        if status.is_success() { Ok(bytes) } else { Err(refusal(status, &bytes)) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Payload>,
    ) -> Result<Response<Incoming>, Refused> {
        let stream = TcpStream::connect(&*self.authority).await.map_err(|_| self.silent())?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|_| self.foreign())?;
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", &*self.authority)
            .header("authorization", format!("Bearer {}", self.token));
        if let Some(body) = &body {
            request = request.header("content-type", body.kind);
        }
        let body = body.map(|body| body.bytes).unwrap_or_default();
        let request = request.body(Full::new(body)).map_err(|_| Refused::Malformed(path.into()))?;
        sender.send_request(request).await.map_err(|_| self.foreign())
    }

    async fn follow(&self, path: &str) -> Result<Events, Refused> {
        let asked = tokio::time::timeout(ANSWER_WITHIN, self.send(Method::GET, path, None));
        let response = asked.await.map_err(|_| self.silent())??;
        if !response.status().is_success() {
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|_| self.foreign())?;
            return Err(refusal(status, &body.to_bytes()));
        }
        let (sender, events) = Events::channel();
        tokio::spawn(read_stream(response.into_body(), sender));
        Ok(events)
    }

    fn silent(&self) -> Refused {
        Refused::Unreachable(format!("nobody answers at http://{}", self.authority))
    }

    fn foreign(&self) -> Refused {
        Refused::Unreachable(format!(
            "what answers at http://{} is not this version of sureline",
            self.authority
        ))
    }
}

impl Desk for Remote {
    fn status(&self) -> Pending<'_, Status> {
        Box::pin(self.ask(Method::GET, "/api/status", None))
    }

    fn register(&self, line: Line) -> Pending<'_, Line> {
        Box::pin(async move { self.ask(Method::POST, &path_of(&line, "/register"), None).await })
    }

    fn dial(&self, phone: Option<String>, order: Dial) -> Pending<'_, CallName> {
        Box::pin(async move {
            let path = query("/api/calls", &[("phone", phone)]);
            self.ask(Method::POST, &path, serde_json::to_string(&order).ok()).await
        })
    }

    fn act(&self, call: WhichCall, act: CallAct) -> Pending<'_, CallName> {
        Box::pin(async move {
            let id = call.id.as_deref().unwrap_or("default");
            if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(Refused::NotFound(format!("there is no call {id}")));
            }
            let path = format!("/api/calls/{id}/{}", act.as_str());
            let body = match &act {
                CallAct::Transfer(to) => Some(serde_json::json!({ "to": to }).to_string()),
                CallAct::Digits(digits) => {
                    Some(serde_json::json!({ "digits": digits }).to_string())
                }
                CallAct::Answer | CallAct::HangUp | CallAct::Hold | CallAct::Resume => None,
            };
            self.ask(Method::POST, &query(&path, &[("phone", call.phone)]), body).await
        })
    }

    fn settings(&self, line: Line) -> Pending<'_, Settings> {
        Box::pin(async move { self.ask(Method::GET, &path_of(&line, ""), None).await })
    }

    fn apply(&self, line: Line, patch: Settings) -> Pending<'_, Settings> {
        Box::pin(async move {
            let body = serde_json::to_string(&patch).ok();
            self.ask(Method::PATCH, &path_of(&line, ""), body).await
        })
    }

    fn sheet(&self, scope: Scope) -> Pending<'_, Sheet> {
        Box::pin(async move {
            self.ask(Method::GET, &query("/api/settings", &scope_pairs(&scope)), None).await
        })
    }

    fn revise(&self, scope: Scope, patch: Patch) -> Pending<'_, Vec<String>> {
        Box::pin(async move {
            let path = query("/api/settings", &scope_pairs(&scope));
            self.ask(Method::PATCH, &path, serde_json::to_string(&patch).ok()).await
        })
    }

    fn export(&self, phone: Option<String>) -> Pending<'_, String> {
        Box::pin(async move {
            self.ask(Method::GET, &query("/api/export", &[("phone", phone)]), None).await
        })
    }

    fn import(&self, phone: Option<String>, file: Vec<u8>) -> Pending<'_, Provisioned> {
        Box::pin(async move {
            let path = query("/api/import", &[("phone", phone)]);
            let body = Payload { kind: "text/plain", bytes: file.into() };
            self.ask_with(Method::POST, &path, Some(body)).await
        })
    }

    fn provision(&self) -> Pending<'_, Provisioned> {
        Box::pin(self.ask_within(PROVISIONED_WITHIN, Method::POST, "/api/provision", None))
    }

    fn events(&self, since: Option<u64>, reading: Reading) -> Pending<'_, Events> {
        let follow = reading == Reading::Following;
        let since = since.map_or(String::new(), |seq| format!("&since={seq}"));
        Box::pin(async move { self.follow(&format!("/api/events?follow={follow}{since}")).await })
    }

    fn trace(&self, around: u64) -> Pending<'_, Vec<TraceLine>> {
        let path = format!("/api/trace?around={around}");
        Box::pin(async move { self.ask(Method::GET, &path, None).await })
    }
}

/// `/api/accounts/default` stands for the lowest enabled account.
fn path_of(line: &Line, act: &str) -> String {
    let account = line.account.map_or("default".into(), |number| number.to_string());
    let phone = line.phone.as_ref().map_or(String::new(), |mac| format!("?phone={mac}"));
    format!("/api/accounts/{account}{act}{phone}")
}

fn scope_pairs(scope: &Scope) -> [(&'static str, Option<String>); 2] {
    let account = scope.account.map(|number| number.to_string());
    [("phone", scope.phone.clone()), ("account", account)]
}

fn query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let said: Vec<_> = pairs
        .iter()
        .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name}={value}")))
        .collect();
    if said.is_empty() { path.to_owned() } else { format!("{path}?{}", said.join("&")) }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    error: Option<String>,
    errors: Option<Settings>,
    #[serde(default)]
    stale: bool,
}

fn refusal(status: StatusCode, body: &[u8]) -> Refused {
    let body: ErrorBody = serde_json::from_slice(body).unwrap_or_default();
    let text = body.error.unwrap_or_else(|| status.to_string());
    match status {
        StatusCode::UNAUTHORIZED => Refused::Unauthorized,
        StatusCode::NOT_FOUND => Refused::NotFound(text),
        StatusCode::CONFLICT if body.stale => Refused::Stale,
        StatusCode::CONFLICT => Refused::Conflict(text),
        StatusCode::UNPROCESSABLE_ENTITY => Refused::Invalid(body.errors.unwrap_or_default()),
        _ => Refused::Malformed(text),
    }
}

/// Takes `id:` and `data:` lines of server-sent events; comments keep the connection and say nothing.
async fn read_stream(mut body: Incoming, sender: mpsc::Sender<Held>) {
    let (mut pending, mut seq) = (Vec::new(), 0);
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = sender.closed() => return,
        };
        let Some(Ok(frame)) = frame else { return };
        let Ok(chunk) = frame.into_data() else { continue };
        pending.extend_from_slice(&chunk);
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end();
            if let Some(id) = line.strip_prefix("id:") {
                seq = id.trim().parse().unwrap_or(seq);
            } else if let Some(json) = line.strip_prefix("data:") {
                let held = Held { seq, json: json.trim_start().into() };
                if sender.send(held).await.is_err() {
                    return;
                }
            }
        }
        if pending.len() > LINE_BYTES_MAX {
            return;
        }
    }
}
