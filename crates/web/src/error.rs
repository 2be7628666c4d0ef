//! Answers as JSON, refusals too: `{"error":"…"}`, or `{"errors":{"KEY":"what is permitted"}}`.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use desk::Refused;
use serde::Serialize;
use serde_json::json;

/// A refusal on its way out.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Refused);

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self(refused)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match &self.0 {
            Refused::Unauthorized => StatusCode::UNAUTHORIZED,
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Conflict(_) => StatusCode::CONFLICT,
            Refused::Stale => {
                let body = json!({ "error": self.0.to_string(), "stale": true });
                return answer_json(StatusCode::CONFLICT, &body);
            }
            Refused::Invalid(errors) => {
                return answer_json(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "errors": errors }));
            }
            Refused::Malformed(_) => StatusCode::BAD_REQUEST,
            Refused::Unreachable(_) => StatusCode::BAD_GATEWAY,
        };
        let mut response = answer_error(status, &self.0.to_string());
        if status == StatusCode::UNAUTHORIZED {
            let scheme = header::HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

/// `{"error":"…"}` with this status.
#[must_use]
pub fn answer_error(status: StatusCode, text: &str) -> Response {
    answer_json(status, &json!({ "error": text }))
}

/// A JSON answer that nobody keeps.
#[must_use]
pub fn answer_json(status: StatusCode, body: &impl Serialize) -> Response {
    let headers =
        [(header::CACHE_CONTROL, "no-store"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, axum::Json(body)).into_response()
}

pub(crate) fn forbidden(text: &str) -> Response {
    answer_error(StatusCode::FORBIDDEN, text)
}
