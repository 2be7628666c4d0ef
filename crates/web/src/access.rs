//! Who may ask: the token, and the two headers that betray a browser led here by somebody else.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use desk::Refused;

use crate::error::{Failure, forbidden};
use crate::pages::Doors;

/// What a request has to show.
#[derive(Clone)]
pub struct Access {
    token: Option<Arc<str>>,
    doors: Option<Doors>,
}

impl Access {
    /// Requests have to carry `Authorization: Bearer TOKEN`.
    #[must_use]
    pub fn by_token(token: &str) -> Self {
        Self { token: Some(token.into()), doors: None }
    }

    /// Anybody on this machine may ask; foreign pages still may not.
    #[must_use]
    pub const fn open() -> Self {
        Self { token: None, doors: None }
    }

    /// As well as this, the administrator of the page may ask: with the cookie of the session, and to
    /// change anything with the token of its forms as `X-CSRF-Token`.
    #[must_use]
    pub fn or_by_session(self, doors: Doors) -> Self {
        Self { doors: Some(doors), ..self }
    }

    fn permits(&self, method: &Method, headers: &HeaderMap) -> bool {
        let by_session = self.doors.as_ref().is_some_and(|doors| doors.permit(method, headers));
        by_session || self.is_token(headers)
    }

    fn is_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| {
            let (scheme, shown) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
        });
        shown.is_some_and(|shown| same(shown.as_bytes(), token.as_bytes()))
    }
}

/// `router`, for whoever `access` lets in.
pub fn guarded(router: Router, access: Access) -> Router {
    router.layer(middleware::from_fn_with_state(access, guard))
}

/// Lets a request through that names this machine as its host, comes from no foreign page, and
/// carries the token.
async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(host) = host.filter(|host| is_address_or_localhost(host)) else {
        return forbidden("ask by IP address or as localhost");
    };
    if let Some(origin) = headers.get(header::ORIGIN) {
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if own.is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host)) {
            return forbidden("a page of another origin may not ask");
        }
    }
    if !access.permits(request.method(), headers) {
        return Failure(Refused::Unauthorized).into_response();
    }
    next.run(request).await
}

/// A name that somebody else's DNS can point at this machine is not taken (DNS rebinding).
pub(crate) fn is_address_or_localhost(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Compares without telling by its duration how much agrees.
fn same(shown: &[u8], token: &[u8]) -> bool {
    let differing = shown.iter().zip(token).fold(0, |sum, (a, b)| sum | (a ^ b));
    shown.len() == token.len() && differing == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_nobody_can_rebind_are_taken_as_host() {
        for host in ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "[::1]:8080", "192.0.2.1"] {
            assert!(is_address_or_localhost(host), "{host}");
        }
        for host in ["evil.test", "127.0.0.1.evil.test", "", "localhost.evil.test:80"] {
            assert!(!is_address_or_localhost(host), "{host}");
        }
    }

    #[test]
    fn a_token_has_to_agree_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"ab", b"abc") && !same(b"abd", b"abc") && !same(b"", b"abc"));
    }
}
