//! What every request has to pass, and what every answer carries.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::chance::same;
use super::doors::{Doors, Guest, IDLE_MAX};
use super::passwords::User;
use super::{Pages, refusal};
use crate::access::is_address_or_localhost;

/// Where a connection comes from, and how; put into each request by whoever took the connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    pub(crate) ip: IpAddr,
    pub(crate) is_in_tls: bool,
}

impl Peer {
    /// The peer of a request; whoever is not known counts as far away.
    pub(super) fn of(request: &Request) -> Self {
        let far = Self { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), is_in_tls: false };
        request.extensions().get::<Self>().copied().unwrap_or(far)
    }
}

/// Only what is served here is shown, run or asked; nobody may frame it.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; \
     frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Without a referrer a browser sends forms with the origin "null".
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Adds the headers that keep a page to itself.
pub(super) async fn cover(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let kept = HeaderValue::from_static("no-store");
    headers.entry(header::CACHE_CONTROL).or_insert(kept);
    response
}

/// Turns away who calls this machine by another's name, and forms that another page sends.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let Some(host) = host(headers).filter(|host| is_address_or_localhost(host)) else {
        return refusal(StatusCode::FORBIDDEN, "Ask by IP address or as localhost.");
    };
    let from_here = |name: HeaderName| {
        let origin = headers.get(name)?.to_str().ok()?;
        let (_, authority) = origin.split_once("://")?;
        Some(authority.eq_ignore_ascii_case(host))
    };
    let foreign = headers.contains_key(header::ORIGIN) && from_here(header::ORIGIN) != Some(true);
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let crossing = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    if foreign || (crossing && request.method() != Method::GET) {
        return refusal(StatusCode::FORBIDDEN, "A page of another origin may not ask.");
    }
    next.run(request).await
}

/// Lets in who is logged in; sends others to the log-in.
pub(super) async fn logged_in(
    State(pages): State<Arc<Pages>>,
    mut request: Request,
    next: Next,
) -> Response {
    match guest(&pages.doors, request.headers()) {
        Some(guest) => {
            request.extensions_mut().insert(guest);
            next.run(request).await
        }
        None if is_page(&request) => {
            let wanted = request.uri().path_and_query().map_or("/", |wanted| wanted.as_str());
            Redirect::to(&format!("/login?next={}", escaped(wanted))).into_response()
        }
        None => refusal(StatusCode::UNAUTHORIZED, "Log in first."),
    }
}

/// Lets the administrator in, and nobody else.
pub(super) async fn admin_only(request: Request, next: Next) -> Response {
    let guest = request.extensions().get::<Guest>();
    if guest.is_some_and(|guest| guest.user == User::Admin) {
        return next.run(request).await;
    }
    refusal(StatusCode::FORBIDDEN, "Only the administrator sees this page.")
}

/// Who asks.
pub(super) fn guest(doors: &Doors, headers: &HeaderMap) -> Option<Guest> {
    let token = cookie(headers, &cookie_name(headers))?;
    doors.guest(token)
}

impl Doors {
    /// Whether a request to the API comes from the administrator's own page.
    pub(crate) fn permit(&self, method: &Method, headers: &HeaderMap) -> bool {
        let Some(guest) = guest(self, headers).filter(|guest| guest.user == User::Admin) else {
            return false;
        };
        let shown = headers.get("x-csrf-token").and_then(|shown| shown.to_str().ok());
        method.is_safe() || is_own_form(&guest, shown)
    }
}

/// Whether a form was sent from a page of this guest.
pub(super) fn is_own_form(guest: &Guest, shown: Option<&str>) -> bool {
    shown.is_some_and(|shown| same(shown, &guest.form_token()))
}

/// The header that makes the browser show `token` from now on.
pub(super) fn set_cookie(headers: &HeaderMap, peer: Peer, token: &str) -> HeaderValue {
    let (name, age) = (cookie_name(headers), IDLE_MAX.as_secs() * 12);
    let secure = if peer.is_in_tls { "; Secure" } else { "" };
    let cookie =
        format!("{name}={token}; Path=/; Max-Age={age}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

/// The header that makes it forget.
pub(super) fn forget_cookie(headers: &HeaderMap) -> HeaderValue {
    let cookie = format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict", cookie_name(headers));
    HeaderValue::from_str(&cookie).unwrap_or(HeaderValue::from_static(""))
}

/// Cookies know no ports: two phones on one machine would log each other out.
fn cookie_name(headers: &HeaderMap) -> String {
    let host = host(headers).unwrap_or_default();
    let port = host.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
    format!("sureline_{}", port.unwrap_or(80))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.find(|(known, _)| known.trim() == name).map(|(_, value)| value.trim())
}

fn host(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|value| value.to_str().ok())
}

/// Whether a browser asks for a page to show, not for a part of one.
fn is_page(request: &Request) -> bool {
    let part = request.headers().contains_key("hx-request");
    request.method() == Method::GET && !part
}

/// A path as the value of a query.
fn escaped(text: &str) -> String {
    let keep =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_');
    text.bytes()
        .map(|b| if keep(&b) { char::from(b).into() } else { format!("%{b:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn each_port_has_a_cookie_of_its_own() {
        let name = |host| cookie_name(&headers(&[(header::HOST, host)]));
        assert_eq!(name("127.0.0.1:8080"), "sureline_8080");
        assert_eq!(name("[::1]:8081"), "sureline_8081");
        assert_eq!(
            (name("192.0.2.1"), name("[::1]")),
            ("sureline_80".into(), "sureline_80".into())
        );
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[(header::COOKIE, "a=1; sureline_80=token ;b=2")]);
        assert_eq!(cookie(&headers, "sureline_80"), Some("token"));
        assert_eq!(cookie(&headers, "sureline_8"), None);
    }

    #[test]
    fn a_wanted_page_is_escaped_whole() {
        assert_eq!(
            escaped("/account/register?account=2&x=%41"),
            "/account/register%3Faccount%3D2%26x%3D%2541"
        );
    }
}
