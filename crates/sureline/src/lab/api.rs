//! The API of the lab: faults on command, and what the servers received.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use lab::{BindingRow, Fault};
use net::Instant;
use serde::{Deserialize, Serialize};
use serde_json::json;
use web::{Access, answer_error, answer_json};

use super::faults::{Active, Faults, Order};
use super::requests::{Received, Sequence, received};

/// What the routes share.
#[derive(Clone)]
pub(crate) struct Api {
    faults: Faults,
    sequence: Arc<Mutex<Sequence>>,
}

/// The API over `faults`, for anybody on this machine.
pub(crate) fn router(faults: Faults) -> Router {
    let router = Router::new()
        .route("/api/faults", get(list).post(begin).delete(end_all))
        .route("/api/faults/{id}", get(show).delete(end))
        .route("/api/requests", get(requests))
        .route("/api/bindings", get(bindings))
        .route("/api/queries", get(queries))
        .with_state(Api { faults, sequence: Arc::default() });
    web::guarded(router, Access::open())
}

type Shared = State<Api>;

#[derive(Deserialize)]
struct FaultBody {
    server: String,
    fault: String,
    method: Option<String>,
    for_s: Option<f64>,
}

async fn begin(State(api): Shared, body: Bytes) -> Response {
    let order = match read_order(&body) {
        Ok(order) => order,
        Err(refusal) => return *refusal,
    };
    match api.faults.begin(&order).await {
        Ok(ids) => {
            let clock = &api.faults.servers().clock;
            let now = clock.now();
            let at = clock.wall(now).to_string();
            let begun = Begun { id: ids.first().copied(), at, t: seconds(now), ids };
            answer_json(StatusCode::CREATED, &begun)
        }
        Err((key, permitted)) => unfit(key, &permitted),
    }
}

fn read_order(body: &[u8]) -> Result<Order, Box<Response>> {
    let body: FaultBody = serde_json::from_slice(body).map_err(|problem| {
        let text = format!("expected {{\"server\":…,\"fault\":…}}: {problem}");
        Box::new(answer_error(StatusCode::BAD_REQUEST, &text))
    })?;
    let fault: Fault = body
        .fault
        .parse()
        .map_err(|problem: lab::FaultProblem| Box::new(unfit("fault", &problem.to_string())))?;
    let lasts = body.for_s.map(Duration::try_from_secs_f64).transpose();
    let lasts = lasts.map_err(|_| Box::new(unfit("for_s", "seconds, 0 or more")))?;
    let method = body.method.map(|method| sip::Method::parse(&method.to_ascii_uppercase()));
    Ok(Order { server: body.server, fault, method, lasts })
}

async fn list(State(api): Shared) -> Response {
    let now = api.faults.servers().clock.now();
    let active: Vec<_> =
        api.faults.active().iter().map(|(id, active)| fault_row(*id, active, now)).collect();
    answer_json(StatusCode::OK, &active)
}

async fn show(State(api): Shared, Path(id): Path<u64>) -> Response {
    let now = api.faults.servers().clock.now();
    match api.faults.active().get(&id) {
        Some(active) => answer_json(StatusCode::OK, &fault_row(id, active, now)),
        None => no_fault(id),
    }
}

async fn end(State(api): Shared, Path(id): Path<u64>) -> Response {
    if api.faults.end(id).await { answer_json(StatusCode::OK, &json!({})) } else { no_fault(id) }
}

async fn end_all(State(api): Shared) -> Response {
    api.faults.end_all().await;
    answer_json(StatusCode::OK, &json!({}))
}

fn no_fault(id: u64) -> Response {
    answer_error(StatusCode::NOT_FOUND, &format!("fault {id} is not in force"))
}

fn unfit(key: &str, permitted: &str) -> Response {
    answer_json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "errors": { key: permitted } }))
}

/// The answer to an order: the number of the fault, or one for each server with `all`.
#[derive(Serialize)]
struct Begun {
    id: Option<u64>,
    at: String,
    t: f64,
    ids: Vec<u64>,
}

#[derive(Serialize)]
struct FaultRow {
    id: u64,
    server: &'static str,
    fault: String,
    method: Option<String>,
    since: f64,
    left_s: Option<f64>,
}

fn fault_row(id: u64, active: &Active, now: Instant) -> FaultRow {
    FaultRow {
        id,
        server: active.server,
        fault: active.fault.to_string(),
        method: active.method.as_ref().map(ToString::to_string),
        since: seconds(active.since),
        left_s: active.until.map(|until| until.since(now).as_secs_f64()),
    }
}

#[derive(Deserialize)]
struct RequestFilter {
    server: Option<String>,
    method: Option<String>,
    since: Option<u64>,
}

async fn requests(State(api): Shared, Query(filter): Query<RequestFilter>) -> Response {
    let rows = received(api.faults.servers()).await;
    let rows = api.sequence.lock().unwrap_or_else(PoisonError::into_inner).number(rows);
    let wanted = |it: &&Received| {
        filter.since.is_none_or(|since| it.seq > since)
            && filter.server.as_ref().is_none_or(|server| server == it.role.as_str())
            && filter
                .method
                .as_ref()
                .is_none_or(|method| method.eq_ignore_ascii_case(it.row.method.as_str()))
    };
    let rows: Vec<_> = rows.iter().filter(wanted).map(request_row).collect();
    answer_json(StatusCode::OK, &rows)
}

/// One datagram or message, muted ones too.
#[derive(Serialize)]
struct Requested<'a> {
    seq: u64,
    t: f64,
    server: &'a str,
    from: SocketAddr,
    transport: &'static str,
    method: String,
    call_id: &'a str,
    cseq: u32,
    branch: &'a str,
    expires: Option<u32>,
    retransmission: u32,
    answered: Option<u16>,
}

fn request_row(it: &Received) -> Requested<'_> {
    let Received { seq, role, row } = it;
    Requested {
        seq: *seq,
        t: seconds(row.at),
        server: role.as_str(),
        from: row.from,
        transport: row.transport.as_str(),
        method: row.method.to_string(),
        call_id: &row.call_id,
        cseq: row.cseq,
        branch: &row.branch,
        expires: row.expires_s,
        retransmission: row.retransmission,
        answered: row.answered,
    }
}

#[derive(Serialize)]
struct Bound {
    server: Box<str>,
    aor: Box<str>,
    contact: Box<str>,
    expires_in_s: u64,
}

#[derive(Serialize)]
struct Asked {
    seq: u64,
    t: f64,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    from: SocketAddr,
    transport: &'static str,
    answered: Option<String>,
}

async fn bindings(State(api): Shared) -> Response {
    let mut rows = Vec::new();
    for running in api.faults.servers().registrars.values() {
        let found = running.handle.inspect(|registrar, now| registrar.bindings(now)).await;
        rows.extend(found.unwrap_or_default().into_iter().map(|row| {
            let BindingRow { server, aor, contact, expires_in_s } = row;
            Bound { server, aor, contact, expires_in_s }
        }));
    }
    answer_json(StatusCode::OK, &rows)
}

#[derive(Deserialize)]
struct QueryFilter {
    since: Option<u64>,
}

async fn queries(State(api): Shared, Query(filter): Query<QueryFilter>) -> Response {
    let dns = &api.faults.servers().dns;
    let found = dns.inspect(|server, _| server.queries().cloned().collect::<Vec<_>>()).await;
    let found = found.unwrap_or_default().into_iter();
    let wanted = found.filter(|query| filter.since.is_none_or(|since| query.seq > since));
    let rows: Vec<_> = wanted
        .map(|query| Asked {
            seq: query.seq,
            t: seconds(query.at),
            name: query.name.to_string(),
            kind: query.kind.to_string(),
            from: query.from,
            transport: query.transport.as_str(),
            answered: query.answered.map(|rcode| rcode.to_string()),
        })
        .collect();
    answer_json(StatusCode::OK, &rows)
}

fn seconds(at: Instant) -> f64 {
    at.as_secs_f64()
}
