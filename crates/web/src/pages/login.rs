//! Logging in and out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, RequestExt as _};
use serde::Deserialize;

use super::doors::{Guest, Turned};
use super::gate::{Peer, forget_cookie, guest, is_own_form, set_cookie};
use super::{Pages, render, render_with};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    style: String,
    icon: String,
    next: String,
    name: String,
    error: Option<String>,
    is_default: bool,
}

#[derive(Deserialize)]
pub(super) struct Wanted {
    next: Option<String>,
}

#[derive(Deserialize)]
struct LogIn {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    next: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LogOut {
    csrf: Option<String>,
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response {
    let next = own_path(wanted.next);
    if guest(&pages.doors, &headers).is_some() {
        return Redirect::to(&next).into_response();
    }
    render(&page(&pages, next, String::new(), None))
}

pub(super) async fn log_in(State(pages): State<Arc<Pages>>, request: Request) -> Response {
    let (peer, headers) = (Peer::of(&request), request.headers().clone());
    let Ok(Form(form)) = request.extract::<Form<LogIn>, _>().await else {
        return super::refusal(StatusCode::BAD_REQUEST, "The form could not be read.");
    };
    let next = own_path(form.next);
    match pages.doors.log_in(form.username.trim(), &form.password, peer.ip).await {
        Ok(guest) => {
            let cookie = [(header::SET_COOKIE, set_cookie(&headers, peer, guest.token()))];
            (cookie, Redirect::to(&next)).into_response()
        }
        Err(turned) => {
            let (status, text) = words(&turned);
            render_with(status, &page(&pages, next, form.username, Some(text)))
        }
    }
}

pub(super) async fn log_out(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    headers: HeaderMap,
    Form(form): Form<LogOut>,
) -> Response {
    if !is_own_form(&guest, form.csrf.as_deref()) {
        return super::refusal(StatusCode::FORBIDDEN, "This form is not from this page.");
    }
    pages.doors.log_out(&guest);
    let cookie = [(header::SET_COOKIE, forget_cookie(&headers))];
    (cookie, Redirect::to("/login")).into_response()
}

fn page(pages: &Pages, next: String, name: String, error: Option<String>) -> LoginPage {
    LoginPage {
        style: super::assets::address("style.css"),
        icon: super::assets::address("icon.svg"),
        next,
        name,
        error,
        is_default: pages.doors.is_default(),
    }
}

pub(super) fn words(turned: &Turned) -> (StatusCode, String) {
    match turned {
        Turned::Wrong => (StatusCode::UNAUTHORIZED, "User name or password is wrong.".to_owned()),
        Turned::DefaultFromElsewhere => (
            StatusCode::FORBIDDEN,
            "The first password works only on the machine of the phone. Change it there, on \
             Security → Password, and log in with the new one."
                .to_owned(),
        ),
        Turned::Wait(wait) => {
            let seconds = wait.as_secs() + 1;
            let text = format!("Too many wrong passwords. Try again in {seconds} s.");
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
        Turned::Fault(text) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{text}.")),
    }
}

/// A path of this site, so that nobody is sent elsewhere after the log-in.
fn own_path(next: Option<String>) -> String {
    let is_own = |path: &String| {
        let plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        plain && path.starts_with('/') && !path.starts_with("//")
    };
    next.filter(is_own).unwrap_or_else(|| "/status".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        let path = |next: &str| own_path(Some(next.to_owned()));
        assert_eq!(path("/account/register?account=2"), "/account/register?account=2");
        for foreign in
            ["//evil.test", "https://evil.test", "evil", "/\\evil.test", "", "/a\r\nSet-Cookie: x"]
        {
            assert_eq!(path(foreign), "/status", "{foreign}");
        }
    }
}
