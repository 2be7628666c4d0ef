//! A call that came in and rings.

use std::net::IpAddr;

use sdp::Wish;
use sip::Request;
use sip::transaction::TransactionKey;

use super::dialog::Dialog;
use super::talking::Talking;
use super::{Call, CallState, CallWhy, Line, Stage};
use crate::context::{Context, Hop};
use crate::event::HopName;

/// The INVITE of a call that rings.
#[derive(Debug)]
pub(crate) struct Offered {
    request: Box<Request>,
    key: TransactionKey,
    tag: String,
    group: usize,
    hop: Hop,
    /// The user wants it as soon as media is open.
    wanted: bool,
}

impl Offered {
    pub(crate) fn new(
        request: &Request,
        key: TransactionKey,
        tag: String,
        (group, hop): (usize, Hop),
    ) -> Self {
        Self { request: Box::new(request.clone()), key, tag, group, hop, wanted: false }
    }

    pub(crate) const fn key(&self) -> &TransactionKey {
        &self.key
    }

    /// The caller's URI.
    pub(crate) fn peer(&self) -> &str {
        self.request.from_uri()
    }

    pub(crate) fn from(&self) -> Option<HopName> {
        Some(crate::context::name_of(&self.hop))
    }

    /// Whether `request` is the same call come by another way (behaviour §6).
    pub(crate) fn is_same_call(&self, request: &Request) -> bool {
        request.call_id() == self.request.call_id() && request.from_tag() == self.request.from_tag()
    }

    /// It rings: 180 (RFC 3261 §13.3.1.1).
    pub(crate) fn ring(&self, ctx: &mut Context<'_>) {
        ctx.answer_tagged(&self.key, &self.request, (180, "Ringing"), &self.tag);
    }

    /// The user takes it.
    pub(crate) fn answer(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        if !call.media.is_open() {
            self.wanted = true;
            call.stage = Stage::Offered(self);
            return;
        }
        let local = self.local(ctx);
        let body = self.request.body();
        let answer = if body.is_empty() {
            call.media.offer(line.core, local, Wish::Talk)
        } else {
            let way = (line.core as &crate::account::Core, local);
            call.media.answer(ctx, call.id, way, (body, Wish::Talk))
        };
        let dialog = Dialog::of_request(&self.request, &self.tag, 0);
        let (Some(answer), Some(dialog)) = (answer, dialog) else {
            let said = (488, "Not Acceptable Here");
            ctx.answer_tagged(&self.key, &self.request, said, &self.tag);
            return call.end(ctx, Some(488), CallWhy::NoCommonMedia);
        };
        let contact = ctx.contact_for(line.core, self.group, &self.hop);
        ctx.accept(&self.key, &self.request, (&self.tag, &contact), &answer);
        let way = (self.group, self.hop.clone());
        let mut talking = Box::new(Talking::new(ctx, way, dialog));
        talking.await_ack(self.key);
        call.stage = Stage::Talking(talking);
        call.tell(ctx, CallState::Up, Some(200), None);
    }

    fn local(&self, ctx: &Context<'_>) -> IpAddr {
        let local = ctx.shared.locals.udp_for(self.hop.addr);
        local.map_or(self.hop.addr.ip(), |(_, addr)| addr.ip())
    }

    /// The user does not want it.
    pub(crate) fn refuse(&self, call: &mut Call, ctx: &mut Context<'_>, status: u16) {
        let reason = match status {
            404 => "Not Found",
            480 => "Temporarily Unavailable",
            486 => "Busy Here",
            _ => "Decline",
        };
        ctx.answer_tagged(&self.key, &self.request, (status, reason), &self.tag);
        call.end(ctx, Some(status), CallWhy::HungUp);
    }

    /// The caller gave up (RFC 3261 §9.2).
    pub(crate) fn cancelled(&self, call: &mut Call, ctx: &mut Context<'_>) {
        let said = (487, "Request Terminated");
        ctx.answer_tagged(&self.key, &self.request, said, &self.tag);
        call.end(ctx, Some(487), CallWhy::Cancelled);
    }

    pub(crate) fn on_media(
        self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        opened: Option<bool>,
    ) {
        match opened {
            Some(false) => {
                let said = (480, "Temporarily Unavailable");
                ctx.answer_tagged(&self.key, &self.request, said, &self.tag);
                call.end(ctx, Some(480), CallWhy::NoPort);
            }
            Some(true) if self.wanted => self.answer(call, line, ctx),
            Some(true) | None => call.stage = Stage::Offered(self),
        }
    }
}
