//! The pages for people: log-in, status, forms of parameters, import and export, passwords.
//!
//! Which fields a form has, their checks and their help come from the table of parameters; what is
//! shown of running phones comes from a [`desk::Desk`]. Every page works without JavaScript; with it
//! the status is live.

mod assets;
mod chance;
mod chronicle;
mod configuration;
mod doors;
mod facts;
mod field;
mod form;
mod frame;
mod gate;
mod ladder;
mod live;
mod login;
mod note;
mod parts;
mod password;
mod passwords;
mod picture;
mod place;
mod status;
mod throttle;
mod words;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use desk::{Desk, Refused};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

pub use doors::{Doors, Vault};
use frame::path_of;
pub(crate) use gate::Peer;
use live::Live;

/// The largest form, a configuration file included.
const BODY_BYTES_MAX: usize = 5 << 20;

/// What the pages work with.
struct Pages {
    desk: Arc<dyn Desk>,
    doors: Doors,
    live: Live,
}

/// The pages of `desk` for the users of `doors`, and `api` below `/api`; needs a tokio runtime
/// around it.
pub fn site(desk: Arc<dyn Desk>, doors: Doors, api: Router) -> Router {
    let live = Live::begin(Arc::clone(&desk));
    let pages = Arc::new(Pages { desk, doors, live });
    let forms = place::pages().into_iter().fold(Router::new(), |router, page| {
        let shown = get(move |state, guest, asked| form::show(page, state, guest, asked));
        let taken = shown
            .post(move |state, guest, asked, sent| form::take(page, state, guest, asked, sent));
        router.route(path_of(page), taken)
    });
    let admins = forms
        .route("/settings/configuration", get(configuration::show).post(configuration::import))
        .route("/settings/configuration/export", get(configuration::export))
        .route("/settings/provision/now", post(configuration::provision))
        .layer(from_fn(gate::admin_only));
    let guests = Router::new()
        .route("/", get(|| async { Redirect::to("/status") }))
        .route("/status", get(status::show))
        .route("/status/live", get(status::live))
        .route("/status/move", get(status::moved))
        .route("/status/log", get(status::log))
        .route("/security/password", get(password::show).post(password::take))
        .route("/logout", post(login::log_out))
        .merge(admins)
        .layer(from_fn_with_state(Arc::clone(&pages), gate::logged_in));
    Router::new()
        .route("/login", get(login::show).post(login::log_in))
        .route("/assets/{digest}/{name}", get(assets::serve))
        .merge(guests)
        .fallback(nowhere)
        .layer(from_fn(gate::same_site))
        .layer(from_fn(gate::cover))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(pages)
        .layer(from_fn_with_state(api, api_apart))
}

/// Hands what is asked of the API over to it: it has its own rules for who may ask, and its routes
/// take no part of an address that another router has found.
async fn api_apart(State(api): State<Router>, request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    match TowerToHyperService::new(api).call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn nowhere() -> Response {
    refusal(StatusCode::NOT_FOUND, "There is no such page.")
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct RefusalPage<'a> {
    style: String,
    icon: String,
    status: StatusCode,
    text: &'a str,
}

/// A page that says why there is none.
fn refusal(status: StatusCode, text: &str) -> Response {
    let [style, icon] = ["style.css", "icon.svg"].map(assets::address);
    render_with(status, &RefusalPage { style, icon, status, text })
}

fn refused(problem: &Refused) -> Response {
    let status = match problem {
        Refused::NotFound(_) => StatusCode::NOT_FOUND,
        Refused::Malformed(_) => StatusCode::BAD_REQUEST,
        Refused::Conflict(_) | Refused::Stale => StatusCode::CONFLICT,
        Refused::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Refused::Unauthorized | Refused::Unreachable(_) => StatusCode::BAD_GATEWAY,
    };
    refusal(status, &format!("{problem}."))
}

fn render(page: &impl Template) -> Response {
    render_with(StatusCode::OK, page)
}

fn render_with(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
