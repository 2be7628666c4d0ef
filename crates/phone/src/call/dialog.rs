//! A dialog (RFC 3261 §12): what both sides agreed to call it, and the way to the other side.

use net::Transport;
use sip::{Method, Request, Response, Uri, Writer};

use crate::context::Context;

/// Which call, in a dialog or before one: Call-ID, our tag, the other side's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DialogId {
    pub(crate) call_id: String,
    pub(crate) local_tag: String,
    pub(crate) remote_tag: String,
}

/// The dialog.
#[derive(Clone, Debug)]
pub(crate) struct Dialog {
    pub(crate) id: DialogId,
    local_uri: String,
    remote_uri: String,
    pub(crate) remote_target: String,
    route_set: Vec<Box<str>>,
    pub(crate) local_seq: u32,
    remote_seq: Option<u32>,
}

/// Where a request of a dialog goes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Towards {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) transport: Option<Transport>,
}

impl Dialog {
    /// The dialog that `response` makes of our INVITE (RFC 3261 §12.1.2).
    pub(crate) fn of_response(response: &Response, local_seq: u32) -> Option<Self> {
        let mut route_set: Vec<Box<str>> = response.record_routes();
        route_set.reverse();
        let target = response.contacts().into_iter().next()?;
        Some(Self {
            id: DialogId {
                call_id: response.call_id().to_owned(),
                local_tag: response.from_tag()?.to_owned(),
                remote_tag: response.to_tag().unwrap_or_default().to_owned(),
            },
            local_uri: response.from_uri().to_owned(),
            remote_uri: response.to_uri().to_owned(),
            remote_target: target.uri.to_string(),
            route_set,
            local_seq,
            remote_seq: None,
        })
    }

    /// The dialog that our answer with `local_tag` makes of their INVITE (RFC 3261 §12.1.1).
    pub(crate) fn of_request(request: &Request, local_tag: &str, local_seq: u32) -> Option<Self> {
        let target = request.contacts().into_iter().next()?;
        Some(Self {
            id: DialogId {
                call_id: request.call_id().to_owned(),
                local_tag: local_tag.to_owned(),
                remote_tag: request.from_tag().unwrap_or_default().to_owned(),
            },
            local_uri: request.to_uri().to_owned(),
            remote_uri: request.from_uri().to_owned(),
            remote_target: target.uri.to_string(),
            route_set: request.record_routes(),
            local_seq,
            remote_seq: Some(request.cseq()),
        })
    }

    /// Whether `request` belongs to it: Call-ID and both tags (behaviour §9).
    pub(crate) fn owns(&self, request: &Request) -> bool {
        request.call_id() == self.id.call_id
            && request.to_tag() == Some(self.id.local_tag.as_str())
            && request.from_tag().unwrap_or_default() == self.id.remote_tag
    }

    /// Takes the CSeq of a request of the dialog; `false` where it does not rise
    /// (RFC 3261 §12.2.2).
    pub(crate) fn takes_seq(&mut self, request: &Request) -> bool {
        let rises = self.remote_seq.is_none_or(|last| request.cseq() > last);
        if rises {
            self.remote_seq = Some(request.cseq());
        }
        rises
    }

    /// A target refresh: the other side's Contact has changed (RFC 3261 §12.2).
    pub(crate) fn refresh_target(&mut self, uri: Option<&str>) {
        if let Some(uri) = uri {
            self.remote_target = uri.to_owned();
        }
    }

    /// Where its requests go: the first loose route, else the remote target.
    pub(crate) fn towards(&self) -> Option<Towards> {
        let route = self.route_set.first().and_then(|route| sip::NameAddr::parse(route));
        let uri = route.as_ref().map_or(self.remote_target.as_str(), |route| route.uri());
        let uri = Uri::parse(uri)?;
        let transport = match uri.transport() {
            Some(name) if name.eq_ignore_ascii_case("tcp") => Some(Transport::Tcp),
            Some(name) if name.eq_ignore_ascii_case("tls") => Some(Transport::Tls),
            Some(name) if name.eq_ignore_ascii_case("udp") => Some(Transport::Udp),
            Some(_) | None if uri.is_sips() => Some(Transport::Tls),
            Some(_) | None => None,
        };
        let host = uri.maddr().unwrap_or(uri.host()).to_owned();
        Some(Towards { host, port: uri.port().unwrap_or(0), transport })
    }

    /// The start of a request of the dialog, with everything that the dialog decides
    /// (RFC 3261 §12.2.1.1); the caller adds Via first through `via`.
    pub(crate) fn request(
        &self,
        method: &Method,
        seq: u32,
        via: impl FnOnce(Writer) -> Writer,
    ) -> Writer {
        let mut writer = via(Writer::request(method, &self.remote_target));
        writer = writer.header("Max-Forwards", 70);
        for route in &self.route_set {
            writer = writer.header("Route", route);
        }
        let (local, remote) = (&self.local_uri, &self.remote_uri);
        writer = writer.header("From", format_args!("<{local}>;tag={}", self.id.local_tag));
        writer = if self.id.remote_tag.is_empty() {
            writer.header("To", format_args!("<{remote}>"))
        } else {
            writer.header("To", format_args!("<{remote}>;tag={}", self.id.remote_tag))
        };
        writer.header("Call-ID", &self.id.call_id).header("CSeq", format_args!("{seq} {method}"))
    }

    /// The next CSeq of ours.
    pub(crate) const fn next_seq(&mut self) -> u32 {
        self.local_seq += 1;
        self.local_seq
    }
}

/// A tag of ours: the phone, so that requests of the dialog find it, and 64 random bits.
pub(crate) fn new_tag(ctx: &mut Context<'_>) -> String {
    format!("{:x}.{:016x}", ctx.device.index, ctx.shared.rng.next_u64())
}

/// The phone that a tag of ours names.
pub(crate) fn phone_of_tag(tag: &str) -> Option<u32> {
    let (phone, random) = tag.split_once('.')?;
    (random.len() == 16).then_some(())?;
    u32::from_str_radix(phone, 16).ok()
}
