//! Late answers: what becomes of INVITEs that were left for another next hop (behaviour §1). At most
//! one phone keeps ringing, and no ghost call stays up.

use sip::Response;
use sip::transaction::ack_of;

use super::ask::{Ask, Asked, ack_bytes, answer_asked, asked_on_time, send_raw};
use super::dialling::{Dialling, Left, send_cancel};
use super::dialog::Dialog;
use super::{Call, CallWhy, Line, Stage};
use crate::account::{Arrival, Core, Taken};
use crate::context::{Context, Hop};
use crate::event::Why;

/// What a late response was.
#[derive(Debug)]
pub(crate) enum LateAnswer {
    /// It has been seen to.
    Done,
    /// A 2xx: of the dialog that stands, or of another one.
    Accepted { group: usize, hop: Hop },
}

impl Dialling {
    /// An answer of a transaction that was left (behaviour §1).
    pub(super) fn answered_late(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (index, response): (usize, &Response),
    ) {
        let Some(left) = self.left.get_mut(index) else { return };
        let status = response.status();
        let hop = left.attempt.hop().clone();
        ctx.heard(&hop, None);
        match status {
            0..=199 => {
                let wanted = call.is_live() && !self.cancelled && !self.heard;
                if wanted && left.ack.is_none() && !left.cancelled {
                    return self.left_wins(call, ctx, (index, response));
                }
                if !left.cancelled {
                    left.cancelled = true;
                    send_cancel(ctx, &left.attempt);
                }
                call.stage = Stage::Dialling(self);
            }
            200..=299 => {
                let group = left.group;
                left.cancelled = true;
                let wanted = call.is_live() && !self.cancelled && !self.heard;
                if !wanted {
                    if let Some(dialog) = Dialog::of_response(response, self.seq) {
                        self.dismiss(line.core, ctx, (group, &hop, dialog));
                    }
                    call.stage = Stage::Dialling(self);
                    return;
                }
                self.abandon_open(ctx);
                call.reached_through(&hop);
                self.talk(call, line, ctx, (group, hop, response));
            }
            _ => {
                let ack = ack_of(left.attempt.bytes(), response);
                left.attempt.send_along(ctx, ack.clone());
                left.ack = Some(ack);
                self.end_if_nothing_rings(call, ctx, status);
                call.stage = Stage::Dialling(self);
            }
        }
    }

    /// After a 482 the call ends when the transaction that rang ends.
    fn end_if_nothing_rings(&self, call: &mut Call, ctx: &mut Context<'_>, status: u16) {
        if self.walk.trying.is_none()
            && !self.has_unanswered_left()
            && self.walk.candidate().is_none()
        {
            call.end(ctx, Some(status), CallWhy::Failed(Why::Status(status)));
        }
    }

    /// A next hop that was given up rings while the later one is silent: it is taken again, the
    /// later one is CANCELled.
    fn left_wins(
        mut self: Box<Self>,
        call: &mut Call,
        ctx: &mut Context<'_>,
        (index, response): (usize, &Response),
    ) {
        self.abandon_open(ctx);
        let left = self.left.swap_remove(index);
        self.walk.stop_after_this();
        self.walk.trying = Some((left.group, left.attempt));
        self.provisional(call, ctx, response);
    }

    /// The open attempt is not wanted any longer: CANCELled as soon as it answers.
    fn abandon_open(&mut self, ctx: &mut Context<'_>) {
        self.walk.stop_after_this();
        if let Some((group, mut attempt)) = self.walk.trying.take() {
            if self.heard {
                send_cancel(ctx, &attempt);
            }
            attempt.give_up(ctx, Why::Abandoned);
            let until = ctx.now + ctx.device.timers().t1 * 64;
            let cancelled = self.heard;
            self.left.push(Left { group, attempt, until, ack: None, cancelled });
        }
        self.heard = false;
    }

    /// ACK and BYE to an answer that nobody wants.
    pub(super) fn dismiss(
        &mut self,
        core: &Core,
        ctx: &mut Context<'_>,
        way: (usize, &Hop, Dialog),
    ) {
        let (group, hop, mut dialog) = way;
        let ack = ack_bytes(core, ctx, (group, hop), &dialog, self.seq);
        if let Some(ack) = ack {
            send_raw(core, ctx, (hop, &dialog), ack);
        }
        let seq = dialog.next_seq();
        let bye = Ask::bye(seq);
        self.orphans.extend(Asked::begin(core, ctx, (group, hop), dialog, bye));
    }

    /// A repeated 2xx, or any late message after the call is up; `true` where it was ours.
    pub(crate) fn late(
        &mut self,
        core: &Core,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Option<LateAnswer> {
        let response = arrival.response;
        let index = self.left.iter().position(|left| {
            left.attempt.is_named(arrival.number, arrival.guard)
                && left.attempt.is_answered_from(arrival.from, arrival.conn)
        });
        let Some(index) = index else {
            let taken = answer_asked(&mut self.orphans, (core, ctx), arrival);
            return (taken == Taken::Yes).then_some(LateAnswer::Done);
        };
        let left = self.left.get_mut(index)?;
        match response.status() {
            0..=199 => {
                if !std::mem::replace(&mut left.cancelled, true) {
                    send_cancel(ctx, &left.attempt);
                }
                Some(LateAnswer::Done)
            }
            200..=299 => {
                let (group, hop) = (left.group, left.attempt.hop().clone());
                Some(LateAnswer::Accepted { group, hop })
            }
            _ => {
                let ack = ack_of(left.attempt.bytes(), response);
                left.attempt.send_along(ctx, ack.clone());
                left.ack = Some(ack);
                Some(LateAnswer::Done)
            }
        }
    }

    /// ACK and BYE for a further 2xx of a forked INVITE.
    pub(crate) fn dismiss_late(
        &mut self,
        core: &Core,
        ctx: &mut Context<'_>,
        (group, hop, response): (usize, &Hop, &Response),
    ) {
        if let Some(dialog) = Dialog::of_response(response, self.seq) {
            self.dismiss(core, ctx, (group, hop, dialog));
        }
    }

    /// What is due of what was left behind.
    pub(crate) fn past_on_time(&mut self, core: &Core, ctx: &mut Context<'_>) {
        self.left.retain(|left| left.until > ctx.now);
        asked_on_time(&mut self.orphans, core, ctx);
    }
}
