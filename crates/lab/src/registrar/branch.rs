use bytes::Bytes;
use net::{Instant, Transport};
use sip::transaction::{InviteClient, Patience, Reaction, RequestClient, Timings};
use sip::{Method, Response};

use crate::location::Flow;

/// One of the ways on which a request was forwarded.
#[derive(Debug)]
pub(super) struct Branch {
    /// The branch parameter of its Via.
    pub(super) id: Box<str>,
    pub(super) flow: Flow,
    client: Client,
    /// The transaction of its CANCEL.
    cancel: Option<RequestClient>,
    /// It is to be cancelled as soon as a provisional response has come.
    cancel_wanted: bool,
    /// When it has rung too long (RFC 3261 §16.6 step 11).
    timer_c: Instant,
    /// It has its final response.
    pub(super) done: bool,
    transport: Transport,
    timings: Timings,
}

#[derive(Debug)]
enum Client {
    Invite(Box<InviteClient>),
    Other(Box<RequestClient>),
}

impl Branch {
    /// Starts the transaction of a forwarded request, which the caller sends at once.
    pub(super) fn new(
        now: Instant,
        (id, flow, transport): (Box<str>, Flow, Transport),
        (method, bytes): (&Method, Bytes),
        timings: Timings,
        timer_c: Instant,
    ) -> Self {
        let patience = Patience::full(&timings);
        let (client, timer_c) = if *method == Method::Invite {
            let client = InviteClient::new(now, bytes, transport, patience, timings);
            (Client::Invite(Box::new(client)), timer_c)
        } else {
            let client = RequestClient::new(now, bytes, transport, patience, timings);
            (Client::Other(Box::new(client)), Instant::FAR)
        };
        Self {
            id,
            flow,
            client,
            cancel: None,
            cancel_wanted: false,
            timer_c,
            done: false,
            transport,
            timings,
        }
    }

    pub(super) fn take(&mut self, now: Instant, response: &Response) -> Reaction {
        match (&mut self.client, &mut self.cancel) {
            (_, Some(cancel)) if *response.method() == Method::Cancel => {
                cancel.handle_response(now, response);
                Reaction::default()
            }
            (Client::Invite(client), _) => client.handle_response(now, response),
            (Client::Other(client), _) => client.handle_response(now, response),
        }
    }

    /// Lets it ring on: RFC 3261 §16.7 step 2.
    pub(super) fn renew_timer_c(&mut self, until: Instant) {
        if self.timer_c != Instant::FAR {
            self.timer_c = until;
        }
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> BranchDue {
        let reaction = match &mut self.client {
            Client::Invite(client) => client.handle_timeout(now),
            Client::Other(client) => client.handle_timeout(now),
        };
        let cancel = self.cancel.as_mut().and_then(|cancel| cancel.handle_timeout(now).send);
        let expiry = if reaction.tell.is_some() {
            Expiry::Silent
        } else if now >= self.timer_c {
            self.timer_c = Instant::FAR;
            Expiry::RangTooLong
        } else {
            Expiry::None
        };
        BranchDue { request: reaction.send, cancel, expiry }
    }

    /// Wants the branch ended: the CANCEL to send, if it may be sent already.
    pub(super) fn cancel(&mut self, now: Instant) -> Option<Bytes> {
        let Client::Invite(client) = &mut self.client else { return None };
        if self.done || self.cancel.is_some() {
            return None;
        }
        // RFC 3261 §9.1: not before a provisional response.
        self.cancel_wanted = true;
        let bytes = client.cancel(now)?;
        let patience = Patience::full(&self.timings);
        self.cancel =
            Some(RequestClient::new(now, bytes.clone(), self.transport, patience, self.timings));
        Some(bytes)
    }

    pub(super) const fn wants_cancel(&self) -> bool {
        self.cancel_wanted && self.cancel.is_none() && !self.done
    }

    /// Ends it because the request could not be delivered; says whether that is its final outcome.
    pub(super) fn undelivered(&mut self) -> bool {
        match &mut self.client {
            Client::Invite(client) => client.handle_undelivered(),
            Client::Other(client) => client.handle_undelivered(),
        }
        let failed = self.is_over() && !self.done;
        self.done |= failed;
        failed
    }

    /// Whether nothing more is to come of it.
    pub(super) fn is_over(&self) -> bool {
        match &self.client {
            Client::Invite(client) => client.is_terminated(),
            Client::Other(client) => client.is_terminated(),
        }
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let client = match &self.client {
            Client::Invite(client) => client.next_timeout(),
            Client::Other(client) => client.next_timeout(),
        };
        let cancel = self.cancel.as_ref().and_then(RequestClient::next_timeout);
        let timer_c = (!self.done && self.timer_c != Instant::FAR).then_some(self.timer_c);
        [client.map(|(at, _)| at), cancel.map(|(at, _)| at), timer_c].into_iter().flatten().min()
    }
}

/// What is to be done with a branch when time has passed.
pub(super) struct BranchDue {
    /// The request, to be sent again.
    pub(super) request: Option<Bytes>,
    /// Its CANCEL, to be sent again.
    pub(super) cancel: Option<Bytes>,
    pub(super) expiry: Expiry,
}

/// How time ended a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expiry {
    None,
    /// No answer came.
    Silent,
    /// Timer C.
    RangTooLong,
}
