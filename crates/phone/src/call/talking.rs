//! A call that is up: its dialog, the requests of both sides, and its end.
//!
//! In-dialog requests follow the dialog's route set; a route that is a name is located with failover,
//! an IP address has none (A26). A server that died costs the call nothing but its signalling.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use locate::{LocationId, Progress as Located};
use net::{Cause, Conn, Instant};
use sdp::Wish;
use sip::transaction::TransactionKey;
use sip::{Method, Request as SipRequest, Response};

use super::ask::{
    About, Ask, Asked, Ended, Hold, Way, ack_bytes, asked_on_connection, send_raw, way,
};
use super::dialling::{Dialling, request_uri};
use super::dialog::Dialog;
use super::late::LateAnswer;
use super::{Call, CallState, CallWhy, Line, News, Order, Stage};
use crate::account::{Arrival, Taken};
use crate::context::{Context, Hop};
use crate::event::Why;

/// A re-INVITE that met one of the other side is tried again within this time (RFC 3261 §14.1).
const GLARE_WAIT: Duration = Duration::from_millis(2500);

/// The call that is up.
#[derive(Debug)]
pub(crate) struct Talking {
    dialog: Dialog,
    group: usize,
    hop: Hop,
    /// The INVITE that made it, for late and repeated answers.
    past: Option<Box<Dialling>>,
    /// Our ACK, sent again with each repeated 2xx.
    ack: Option<Bytes>,
    /// The transaction of our 2xx, until its ACK comes.
    unacknowledged: Option<TransactionKey>,
    asked: Vec<Asked>,
    /// Requests that wait for the way to be located.
    waiting: Vec<(LocationId, Ask)>,
    /// A re-INVITE that met one of the other side is tried again then (RFC 3261 §14.1).
    again_at: Option<(Instant, Hold)>,
    holding: Hold,
    /// Our address in this dialog, for session descriptions.
    local: IpAddr,
}

impl Talking {
    pub(crate) fn new(ctx: &Context<'_>, (group, hop): (usize, Hop), dialog: Dialog) -> Self {
        let local = ctx.shared.locals.udp_for(hop.addr).map_or(hop.addr.ip(), |(_, a)| a.ip());
        Self {
            dialog,
            group,
            hop,
            past: None,
            ack: None,
            unacknowledged: None,
            asked: Vec::new(),
            waiting: Vec::new(),
            again_at: None,
            holding: Hold::Off,
            local,
        }
    }

    /// Keeps the INVITE that made the dialog, for late answers.
    pub(crate) fn remember(&mut self, past: Box<Dialling>) {
        self.past = Some(past);
    }

    /// Our 2xx waits for its ACK.
    pub(crate) fn await_ack(&mut self, key: TransactionKey) {
        self.unacknowledged = Some(key);
    }

    /// Sends the ACK for a 2xx of the dialog and keeps it.
    pub(crate) fn acknowledge(
        &mut self,
        core: &crate::account::Core,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        let seq = response.cseq();
        let ack = ack_bytes(core, ctx, (self.group, &self.hop), &self.dialog, seq);
        if let Some(ack) = &ack {
            send_raw(core, ctx, (&self.hop, &self.dialog), ack.clone());
        }
        self.ack = ack;
    }

    fn ask(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>, ask: Ask) -> Option<Ended> {
        match way(line.core, ctx, &self.hop, &self.dialog) {
            Way::Hops(hops) => {
                let dialog = self.dialog.clone();
                match Asked::over(line.core, ctx, (self.group, hops), dialog, ask) {
                    Some(asked) => {
                        self.asked.push(asked);
                        None
                    }
                    None => Some(Ended::Unanswered(Why::Abandoned)),
                }
            }
            Way::Locating(id) => {
                self.waiting.push((id, ask));
                None
            }
            Way::Nowhere => Some(Ended::Unanswered(Why::Dns)),
        }
    }

    // RFC 3261 §15.1: the session ends with the BYE, whether that is answered or not.
    /// The end from our side: BYE on the route set, the media closed at once.
    pub(crate) fn hang_up(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        why: CallWhy,
    ) {
        if call.is_live() {
            let ask = Ask::bye(self.dialog.next_seq());
            self.ask(line, ctx, ask);
            call.end(ctx, None, why);
        }
        self.again_at = None;
        call.stage = Stage::Talking(self);
    }

    pub(crate) fn order(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        order: Order,
    ) {
        match order {
            Order::HangUp => return self.hang_up(call, line, ctx, CallWhy::HungUp),
            Order::Hold => self.reinvite(call, line, ctx, Hold::On),
            Order::Resume => self.reinvite(call, line, ctx, Hold::Off),
            Order::Transfer(target) => {
                let identity = line.core.identity();
                let server = identity.server(line.core.registration(self.group).server);
                let target = request_uri(&target, &server.address);
                let seq = self.dialog.next_seq();
                let ask = Ask { about: About::Refer, seq, body: None, refer_to: Some(target) };
                self.ask(line, ctx, ask);
            }
            Order::Digits(digits) => self.digits(call, line, ctx, digits),
            Order::Answer => {}
        }
        call.stage = Stage::Talking(self);
    }

    fn digits(&mut self, call: &Call, line: &mut Line<'_>, ctx: &mut Context<'_>, digits: String) {
        let by_info = matches!(
            line.core.policy.dtmf.dtmf_type,
            params::DtmfType::Info | params::DtmfType::Rfc2833AndInfo
        );
        if by_info {
            for digit in digits.chars() {
                let body = format!("Signal={digit}\r\nDuration=160\r\n");
                let body = Some(("application/dtmf-relay", body));
                let seq = self.dialog.next_seq();
                self.ask(line, ctx, Ask { about: About::Info, seq, body, refer_to: None });
            }
        }
        if line.core.policy.dtmf.dtmf_type != params::DtmfType::Info {
            call.media.digits(ctx, call.id, digits);
        }
    }

    fn reinvite(
        &mut self,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        hold: Hold,
    ) {
        let wish = match hold {
            Hold::On => Wish::Hold,
            Hold::Off => Wish::Talk,
        };
        let Some(offer) = call.media.offer(line.core, self.local, wish) else { return };
        let seq = self.dialog.next_seq();
        let body = Some(("application/sdp", offer));
        let ask = Ask { about: About::Media(hold), seq, body, refer_to: None };
        if self.ask(line, ctx, ask).is_some() {
            call.media.withdraw();
        }
    }

    /// A request of ours has its final answer.
    fn asked_ended(
        &mut self,
        call: &mut Call,
        line: &Line<'_>,
        ctx: &mut Context<'_>,
        (about, ended, response): (About, Ended, Option<&Response>),
    ) -> Option<CallWhy> {
        match (about, ended) {
            (About::Media(hold), Ended::Status(200..=299)) => {
                if let Some(response) = response {
                    call.media.answered(ctx, call.id, response.body());
                    let target = response.contacts().into_iter().next();
                    self.dialog.refresh_target(target.as_ref().map(|contact| &*contact.uri));
                    self.acknowledge(line.core, ctx, response);
                }
                self.holding = hold;
                let state = if hold == Hold::On { CallState::Held } else { CallState::Up };
                call.tell(ctx, state, None, None);
                None
            }
            (About::Media(hold), Ended::Status(491)) => {
                // RFC 3261 §14.1: both sides asked; tried again after a random time.
                call.media.withdraw();
                let wait = GLARE_WAIT.mul_f64(0.2 + 0.8 * ctx.shared.rng.unit());
                self.again_at = Some((ctx.now + wait, hold));
                None
            }
            // RFC 3261 §14.1, §12.2.1.2: the dialog is gone on the other side.
            (_, Ended::Status(408 | 481)) if about != About::Bye => {
                Some(CallWhy::Failed(Why::Status(481)))
            }
            (About::Media(_), Ended::Status(_) | Ended::Unanswered(_)) => {
                call.media.withdraw();
                None
            }
            (About::Refer, Ended::Status(200..=299)) => Some(CallWhy::Transferred),
            (About::Bye | About::Refer | About::Info, Ended::Status(_) | Ended::Unanswered(_)) => {
                None
            }
        }
    }

    pub(crate) fn on_time(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        if let Some(past) = self.past.as_mut() {
            past.past_on_time(line.core, ctx);
        }
        let mut ended = Vec::new();
        for mut asked in std::mem::take(&mut self.asked) {
            match asked.on_time(line.core, ctx) {
                None => self.asked.push(asked),
                Some(end) => ended.push((asked.ask.about, end)),
            }
        }
        for (about, end) in ended {
            self.asked_ended(call, line, ctx, (about, end, None));
        }
        if let Some((_, hold)) = self.again_at.filter(|(at, _)| *at <= ctx.now) {
            self.again_at = None;
            self.reinvite(call, line, ctx, hold);
        }
        call.stage = Stage::Talking(self);
    }

    pub(crate) fn on_response(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        let response = arrival.response;
        for index in 0..self.asked.len() {
            let Some(asked) = self.asked.get_mut(index) else { break };
            let Some(heard) = asked.on_response(line.core, ctx, arrival) else { continue };
            let (about, dialog_seq) = (asked.ask.about, asked.dialog.local_seq);
            self.dialog.local_seq = self.dialog.local_seq.max(dialog_seq);
            let taken = if heard.is_ok() { Taken::Yes } else { Taken::Spoofed };
            if let Ok(Some(end)) = heard {
                self.asked.remove(index);
                let about = (about, end, Some(response));
                if let Some(why) = self.asked_ended(call, line, ctx, about) {
                    self.hang_up(call, line, ctx, why);
                    return taken;
                }
            }
            call.stage = Stage::Talking(self);
            return taken;
        }
        let late = self.past.as_mut().and_then(|past| past.late(line.core, ctx, arrival));
        let taken = match late {
            None => Taken::No,
            Some(LateAnswer::Done) => Taken::Yes,
            Some(LateAnswer::Accepted { group, hop }) => {
                self.accepted_again(line, ctx, (group, &hop, response));
                Taken::Yes
            }
        };
        call.stage = Stage::Talking(self);
        taken
    }

    /// A 2xx to the INVITE came again: our ACK was lost, or another phone answered, too.
    fn accepted_again(
        &mut self,
        line: &Line<'_>,
        ctx: &mut Context<'_>,
        (group, hop, response): (usize, &Hop, &Response),
    ) {
        if response.to_tag().unwrap_or_default() == self.dialog.id.remote_tag {
            if let Some(ack) = self.ack.clone() {
                send_raw(line.core, ctx, (&self.hop, &self.dialog), ack);
            }
        } else if let Some(past) = self.past.as_mut() {
            past.dismiss_late(line.core, ctx, (group, hop, response));
        }
    }

    pub(crate) fn on_unreachable(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (number, why): (u32, Why),
    ) -> Taken {
        let mut taken = Taken::No;
        let mut ended = Vec::new();
        self.asked.retain_mut(|asked| {
            let Some(step) = asked.walk.on_unreachable(ctx, line.core, number, why) else {
                return true;
            };
            taken = Taken::Yes;
            let end = asked.go_on(line.core, ctx, step);
            ended.extend(end.map(|end| (asked.ask.about, end)));
            end.is_none()
        });
        for (about, end) in ended {
            self.asked_ended(call, line, ctx, (about, end, None));
        }
        call.stage = Stage::Talking(self);
        taken
    }

    pub(crate) fn on_connection(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        way: (Conn, Result<SocketAddr, Cause>),
    ) {
        asked_on_connection(&mut self.asked, line.core, ctx, way);
        call.stage = Stage::Talking(self);
    }

    pub(crate) fn on_news(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        news: News<'_>,
    ) {
        if let News::Located(id, progress) = news {
            for (waited, ask) in std::mem::take(&mut self.waiting) {
                if waited != id {
                    self.waiting.push((waited, ask));
                    continue;
                }
                ctx.shared.locator.release(id);
                if let Located::Ready(hops) = progress {
                    let hops = crate::account::in_order(hops, ctx);
                    let way = (self.group, hops);
                    let asked = Asked::over(line.core, ctx, way, self.dialog.clone(), ask);
                    self.asked.extend(asked);
                }
            }
        }
        for asked in &mut self.asked {
            let step = asked.walk.advance(ctx, line.core);
            asked.go_on(line.core, ctx, step);
        }
        call.stage = Stage::Talking(self);
    }

    /// A request of the other side; `Taken::No` where it is of another dialog.
    pub(crate) fn on_request(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (request, key): (&SipRequest, Option<&TransactionKey>),
    ) -> Taken {
        if !self.dialog.owns(request) {
            call.stage = Stage::Talking(self);
            return Taken::No;
        }
        let Some(key) = key else {
            self.acknowledged(ctx);
            call.stage = Stage::Talking(self);
            return Taken::Yes;
        };
        if !call.is_live() && *request.method() != Method::Bye {
            ctx.answer(key, request, (481, "Call/Transaction Does Not Exist"), None);
        } else if !self.dialog.takes_seq(request) {
            // RFC 3261 §12.2.2: a CSeq that does not rise changes nothing.
            ctx.answer(key, request, (500, "Server Internal Error"), None);
        } else {
            self.obey(call, line, ctx, (request, key));
        }
        call.stage = Stage::Talking(self);
        Taken::Yes
    }

    fn acknowledged(&mut self, ctx: &mut Context<'_>) {
        if let Some(key) = self.unacknowledged.take() {
            ctx.shared.uas.confirm(&key);
        }
    }

    fn obey(
        &mut self,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (request, key): (&SipRequest, &TransactionKey),
    ) {
        match request.method() {
            Method::Bye => {
                // RFC 3261 §12.3: a BYE ends the dialog.
                ctx.answer(key, request, (200, "OK"), None);
                call.end(ctx, None, CallWhy::OtherHungUp);
            }
            Method::Invite | Method::Update => {
                self.changed_by_other(call, line, ctx, (request, key))
            }
            Method::Info | Method::Options | Method::Notify | Method::Message => {
                ctx.answer(key, request, (200, "OK"), None);
            }
            Method::Refer => ctx.answer(key, request, (603, "Decline"), None),
            Method::Register
            | Method::Ack
            | Method::Cancel
            | Method::Subscribe
            | Method::Prack
            | Method::Publish
            | Method::Other(_) => ctx.answer(key, request, (405, "Method Not Allowed"), None),
        }
    }

    /// A re-INVITE or UPDATE of the other side.
    fn changed_by_other(
        &mut self,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (request, key): (&SipRequest, &TransactionKey),
    ) {
        let is_invite = *request.method() == Method::Invite;
        let pending = self.asked.iter().any(|asked| matches!(asked.ask.about, About::Media(_)));
        if pending {
            // RFC 3261 §14.2: ours is under way.
            return ctx.answer(key, request, (491, "Request Pending"), None);
        }
        let wish = if self.holding == Hold::On { Wish::Hold } else { Wish::Talk };
        let body = if request.body().is_empty() {
            match is_invite {
                true => call.media.offer(line.core, self.local, wish),
                false => None,
            }
        } else {
            let way = (line.core as &crate::account::Core, self.local);
            let answer = call.media.answer(ctx, call.id, way, (request.body(), wish));
            if answer.is_none() {
                return ctx.answer(key, request, (488, "Not Acceptable Here"), None);
            }
            answer
        };
        let target = request.contacts().into_iter().next();
        self.dialog.refresh_target(target.as_ref().map(|contact| &*contact.uri));
        let contact = ctx.contact_for(line.core, self.group, &self.hop);
        ctx.answer_with_contact(key, request, &contact, body.as_deref());
        if is_invite {
            self.unacknowledged = Some(key.clone());
        }
    }

    pub(crate) fn on_not_acknowledged(
        self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        key: &TransactionKey,
    ) {
        if self.unacknowledged.as_ref() == Some(key) {
            return self.hang_up(call, line, ctx, CallWhy::NotAcknowledged);
        }
        call.stage = Stage::Talking(self);
    }

    pub(crate) fn is_done(&self) -> bool {
        let past = self.past.as_ref().is_none_or(|past| past.is_done());
        self.asked.is_empty() && self.waiting.is_empty() && past
    }

    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        let past = self.past.as_ref().and_then(|past| past.next_timeout());
        let asked = self.asked.iter().filter_map(Asked::next_timeout).min();
        let again = self.again_at.map(|(at, _)| (at, "hold again"));
        [past, asked, again].into_iter().flatten().min()
    }
}
