//! Security → Password.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::{Extension, RequestExt as _};
use serde::Deserialize;

use super::doors::Guest;
use super::frame::{Frame, Tab};
use super::gate::{Peer, is_own_form};
use super::login::words;
use super::passwords::{CHARACTERS_MIN, User, fault};
use super::{Pages, refusal, render, render_with};

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
    users: Vec<UserChoice>,
    errors: Errors,
    done: bool,
    characters_min: usize,
}

struct UserChoice {
    name: &'static str,
    is_chosen: bool,
    /// Nobody can log in by this name yet.
    is_closed: bool,
}

#[derive(Default)]
struct Errors {
    old: Option<String>,
    new: Option<String>,
    again: Option<String>,
    other: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    done: Option<u8>,
}

#[derive(Deserialize)]
struct Change {
    csrf: Option<String>,
    cancel: Option<String>,
    #[serde(default)]
    user: String,
    #[serde(default)]
    old_password: String,
    #[serde(default)]
    new_password: String,
    #[serde(default)]
    confirm_password: String,
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = page(&pages, &guest, guest.user, Errors::default()).await;
    render(&PasswordPage { done: asked.done.is_some(), ..page })
}

pub(super) async fn take(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    request: Request,
) -> Response {
    let from = Peer::of(&request).ip;
    let Ok(Form(form)) = request.extract::<Form<Change>, _>().await else {
        return refusal(StatusCode::BAD_REQUEST, "The form could not be read.");
    };
    if !is_own_form(&guest, form.csrf.as_deref()) {
        return refusal(StatusCode::FORBIDDEN, "This form is not from this page; open it again.");
    }
    if form.cancel.is_some() {
        return Redirect::to(Tab::Password.path()).into_response();
    }
    let user = User::from_name(&form.user).filter(|user| *user <= guest.user);
    let Some(user) = user else {
        return refusal(StatusCode::FORBIDDEN, "This user cannot be changed from here.");
    };
    let mut errors = Errors {
        new: fault(&form.new_password),
        again: (form.new_password != form.confirm_password)
            .then(|| "both have to be the same".to_owned()),
        ..Errors::default()
    };
    if let Err(turned) = pages.doors.verify(Some(guest.user), &form.old_password, from).await {
        errors.old = Some(words(&turned).1);
    }
    if errors.old.is_none() && errors.new.is_none() && errors.again.is_none() {
        match pages.doors.set_password(&guest, user, form.new_password).await {
            Ok(()) => return Redirect::to("/security/password?done=1").into_response(),
            Err(why) => errors.other = Some(format!("Nothing was changed: {why}.")),
        }
    }
    render_with(StatusCode::UNPROCESSABLE_ENTITY, &page(&pages, &guest, user, errors).await)
}

async fn page(pages: &Pages, guest: &Guest, chosen: User, errors: Errors) -> PasswordPage {
    let users = User::ALL.into_iter().filter(|user| *user <= guest.user);
    let users = users.map(|user| UserChoice {
        name: user.name(),
        is_chosen: user == chosen,
        is_closed: !pages.doors.has_password(user),
    });
    PasswordPage {
        users: users.collect(),
        frame: Frame::new(pages, guest, Tab::Password, None).await,
        errors,
        done: false,
        characters_min: CHARACTERS_MIN,
    }
}
