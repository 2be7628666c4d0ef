//! A request as it was seen on the wire.

use crate::servers::Server;

/// A request of the phone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Request {
    /// When, in seconds of the time of day.
    pub(crate) at_s: f64,
    /// To whom it was sent.
    pub(crate) to: Server,
    pub(crate) method: String,
    pub(crate) uri: String,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) branch: String,
    pub(crate) expires: Option<u32>,
    /// Blank where there is no Route.
    pub(crate) route: String,
    /// The user of the credentials; blank without any.
    pub(crate) digest_user: String,
    pub(crate) contact: String,
    pub(crate) seen: Seen,
}

/// Where a request was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The server got it, and gave this answer.
    ByServer { answer: Option<u16> },
    /// It was on the cable; whether anybody got it is not known.
    OnCable,
}

impl Request {
    /// Whether the server granted a registration.
    pub(crate) fn is_granted(&self) -> bool {
        self.answer() == Some(200) && !self.removes()
    }

    /// What the server answered, where it got the request.
    pub(crate) fn answer(&self) -> Option<u16> {
        match self.seen {
            Seen::ByServer { answer } => answer,
            Seen::OnCable => None,
        }
    }

    /// Whether it removes a binding.
    pub(crate) fn removes(&self) -> bool {
        self.expires == Some(0) || self.contact.contains(";expires=0")
    }

    /// Reads a request from the bytes of a datagram or the beginning of a segment.
    pub(crate) fn read(at_s: f64, to: Server, bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (start, rest) = text.split_once("\r\n")?;
        let (fields, _) = rest.split_once("\r\n\r\n")?;
        let [method, uri, "SIP/2.0"] = start.split(' ').collect::<Vec<_>>()[..] else {
            return None;
        };
        let field = |name: &str| {
            let mut all = fields.lines().filter_map(|line| line.split_once(':'));
            let found = all.find(|(key, _)| key.trim().eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim().to_owned())
        };
        let credentials = field("Authorization").unwrap_or_default();
        let user = credentials.split("username=\"").nth(1).and_then(|it| it.split('"').next());
        Some(Self {
            at_s,
            to,
            method: method.to_owned(),
            uri: uri.to_owned(),
            call_id: field("Call-ID")?,
            cseq: field("CSeq")?.split(' ').next()?.parse().ok()?,
            branch: branch_of(&field("Via")?),
            expires: field("Expires").and_then(|value| value.parse().ok()),
            route: field("Route").unwrap_or_default(),
            digest_user: user.unwrap_or_default().to_owned(),
            contact: field("Contact").unwrap_or_default(),
            seen: Seen::OnCable,
        })
    }
}

/// The branch of a Via.
pub(crate) fn branch_of(via: &str) -> String {
    let branch = via.split(";branch=").nth(1).and_then(|rest| rest.split([';', ',']).next());
    branch.unwrap_or_default().to_owned()
}

/// RFC 3261 §10.2: the requests of one registration have one Call-ID, and a CSeq that rises with
/// each. RFC 3263 §4.3: each next hop has its own transaction.
pub(crate) fn assert_one_registration<'a>(requests: impl IntoIterator<Item = &'a Request>) {
    let mut last: Option<&Request> = None;
    for request in requests {
        if let Some(last) = last {
            assert_eq!(request.call_id, last.call_id, "{request:#?} after {last:#?}");
            let retransmitted = request.branch == last.branch;
            let (cseq, to) = (request.cseq, request.to);
            assert_eq!(retransmitted, cseq == last.cseq, "{request:#?} after {last:#?}");
            assert!(cseq >= last.cseq, "{request:#?} after {last:#?}");
            assert!(!retransmitted || to == last.to, "{request:#?} after {last:#?}");
        }
        last = Some(request);
    }
}
