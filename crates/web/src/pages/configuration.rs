//! Settings → Configuration: the settings as a file, there and back.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use desk::{Provisioned, Refused};
use serde::Deserialize;

use super::doors::Guest;
use super::frame::{Frame, Tab};
use super::gate::is_own_form;
use super::parts::parts;
use super::{Pages, refusal, refused, render_with};

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage {
    frame: Frame,
    /// What addresses carry on.
    query: String,
    export: String,
    done: Option<Provisioned>,
    errors: Vec<String>,
    problem: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Asked {
    phone: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Order {
    csrf: Option<String>,
}

pub(super) async fn show(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
) -> Response {
    answer(&pages, &guest, asked, None).await
}

/// The file itself.
pub(super) async fn export(
    State(pages): State<Arc<Pages>>,
    Query(asked): Query<Asked>,
) -> Response {
    let mac = match pages.desk.status().await {
        Ok(status) => status.phone(asked.phone.as_deref()).map(|phone| phone.mac.clone()),
        Err(problem) => return refused(&problem),
    };
    match pages.desk.export(asked.phone).await {
        Ok(text) => {
            let name = format!("attachment; filename=\"{}-all.cfg\"", mac.unwrap_or_default());
            let headers = [
                (header::CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()),
                (header::CONTENT_DISPOSITION, name),
            ];
            (headers, text).into_response()
        }
        Err(problem) => refused(&problem),
    }
}

pub(super) async fn import(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let Some(parts) = parts(kind.unwrap_or_default(), &body) else {
        return refusal(StatusCode::BAD_REQUEST, "The form could not be read.");
    };
    let part = |name: &str| parts.iter().find(|(known, _)| known == name).map(|(_, value)| *value);
    let shown = part("csrf").and_then(|shown| std::str::from_utf8(shown).ok());
    if !is_own_form(&guest, shown) {
        return refusal(StatusCode::FORBIDDEN, "This form is not from this page; open it again.");
    }
    let file = part("file").unwrap_or_default();
    if file.is_empty() {
        let none = Refused::Conflict("choose a file first".to_owned());
        return answer(&pages, &guest, asked, Some(Err(none))).await;
    }
    let done = pages.desk.import(asked.phone.clone(), file.to_vec()).await;
    answer(&pages, &guest, asked, Some(done)).await
}

/// Reads the files again.
pub(super) async fn provision(
    State(pages): State<Arc<Pages>>,
    Extension(guest): Extension<Guest>,
    Query(asked): Query<Asked>,
    Form(order): Form<Order>,
) -> Response {
    if !is_own_form(&guest, order.csrf.as_deref()) {
        return refusal(StatusCode::FORBIDDEN, "This form is not from this page; open it again.");
    }
    let done = pages.desk.provision().await;
    answer(&pages, &guest, asked, Some(done)).await
}

async fn answer(
    pages: &Pages,
    guest: &Guest,
    asked: Asked,
    outcome: Option<Result<Provisioned, Refused>>,
) -> Response {
    let export = match pages.desk.export(asked.phone.clone()).await {
        Ok(export) => export,
        Err(problem) => return refused(&problem),
    };
    let frame = Frame::new(pages, guest, Tab::Configuration, asked.phone.clone()).await;
    let mut page = ConfigurationPage {
        frame,
        query: asked.phone.map_or(String::new(), |mac| format!("?phone={mac}")),
        export,
        done: None,
        errors: Vec::new(),
        problem: None,
    };
    let status = match outcome {
        None => StatusCode::OK,
        Some(Ok(done)) => {
            page.done = Some(done);
            StatusCode::OK
        }
        Some(Err(Refused::Invalid(errors))) => {
            page.errors = errors.into_values().collect();
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Some(Err(problem)) => {
            page.problem = Some(problem.to_string());
            StatusCode::CONFLICT
        }
    };
    render_with(status, &page)
}
