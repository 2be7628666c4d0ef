use std::fmt::Write as _;
use std::sync::Arc;

use crate::message::Request;
use crate::method::Method;
use crate::via::BRANCH_COOKIE;

/// What tells one server transaction from another (RFC 3261 §17.2.3); cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransactionKey(Arc<str>);

impl TransactionKey {
    /// The transaction that `request` belongs to; an ACK belongs to its INVITE's.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        Self::with_method(request, request.method())
    }

    /// The INVITE transaction that this CANCEL is about (RFC 3261 §9.2).
    pub(super) fn of_cancelled(cancel: &Request) -> Self {
        Self::with_method(cancel, &Method::Invite)
    }

    fn with_method(request: &Request, method: &Method) -> Self {
        let method = if *method == Method::Ack { &Method::Invite } else { method };
        let branch = request.branch();
        // A bare cookie names nothing (RFC 4475 §3.2.1).
        let key = if branch.starts_with(BRANCH_COOKIE) && branch.len() > BRANCH_COOKIE.len() {
            Self::by_branch(request, method, branch)
        } else {
            Self::by_fields(request, method)
        };
        Self(key.into())
    }

    fn by_branch(request: &Request, method: &Method, branch: &str) -> String {
        let mut key = String::with_capacity(96);
        let via = request.top_via();
        let host = via.map_or("", |via| via.host()).to_ascii_lowercase();
        let port = via.and_then(|via| via.port());
        // Writing to a `String` cannot fail. No part can hold the separator, a line end.
        write!(key, "{method}\n{branch}\n{host}\n{port:?}").unwrap_or_default();
        key
    }

    /// RFC 3261 §17.2.3, for a request of RFC 2543. The To tag is left out for INVITE and ACK: the
    /// ACK bears the one that our response gave.
    fn by_fields(request: &Request, method: &Method) -> String {
        let via = request.header("Via").unwrap_or_default();
        let to_tag = if *method == Method::Invite { None } else { request.to_tag() };
        let mut key = String::with_capacity(256);
        let (uri, cseq, call_id) = (request.uri(), request.cseq(), request.call_id());
        let from_tag = request.from_tag();
        write!(key, "{method}\n{uri}\n{via}\n{from_tag:?}\n{to_tag:?}\n{call_id}\n{cseq}")
            .unwrap_or_default();
        key
    }
}
