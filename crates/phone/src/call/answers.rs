//! What the answers to an INVITE lead to (behaviour §2).

use sip::Response;
use sip::transaction::ack_of;

use super::dialling::{Dialling, Left, REDIRECTIONS_MAX, RINGS_FOR, send_cancel};
use super::dialog::Dialog;
use super::talking::Talking;
use super::{Call, CallState, CallWhy, Line, Stage, status_of};
use crate::account::{Judgement, Step, block_if_asked, judge};
use crate::auth::Challenged;
use crate::budget::Kind;
use crate::context::{Context, Hop};
use crate::event::Why;

impl Dialling {
    pub(super) fn answered(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        let Some((group, attempt)) = self.walk.trying.as_mut() else { return };
        let (group, status) = (*group, response.status());
        let verdict = judge(status, "INVITE", Kind::Invite, &line.core.policy.failover_codes);
        if verdict != Judgement::NextHopFailed {
            let (hop, round_trip) = (attempt.hop().clone(), attempt.round_trip(ctx.now));
            ctx.heard(&hop, round_trip);
        }
        match verdict {
            Judgement::Provisional => self.provisional(call, ctx, response),
            Judgement::Success => self.accepted(call, line, ctx, response),
            Judgement::Challenge => {
                let (hop, answered) = (attempt.hop().clone(), attempt.challenges_answered);
                attempt.challenges_answered += 1;
                let has_password = !line.core.user.password.is_blank();
                let challenged = self.auth.challenged(&hop, response, answered, has_password);
                if challenged == Challenged::Refused || self.cancelled {
                    return self.refused(call, ctx, response);
                }
                self.acknowledge(ctx, response);
                if let Some((_, attempt)) = self.walk.trying.as_mut() {
                    attempt.renew(ctx);
                }
                self.seq += 1; // CSeq + 1 only with credentials (behaviour §7).
                self.go_on(call, line, ctx, Step::Write);
            }
            Judgement::NextHopFailed if !self.cancelled => {
                if let Some((_, attempt)) = self.walk.trying.as_ref() {
                    let hop = attempt.hop().clone();
                    block_if_asked(ctx, &hop, response);
                }
                self.acknowledge(ctx, response);
                self.walk.hop_refused(ctx, status);
                self.advance(call, line, ctx);
            }
            Judgement::Redirect if !self.cancelled => {
                self.redirected(call, line, ctx, (group, response))
            }
            Judgement::Final if status == 482 && self.has_unanswered_left() => {
                self.already_ringing(call, ctx, response);
            }
            Judgement::NextHopFailed
            | Judgement::Redirect
            | Judgement::TooBrief
            | Judgement::NoOutbound
            | Judgement::Final => self.refused(call, ctx, response),
        }
    }

    pub(super) fn provisional(
        mut self: Box<Self>,
        call: &mut Call,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        let cancelled = self.cancelled;
        if let Some((_, attempt)) = self.walk.trying.as_mut() {
            let first = !std::mem::replace(&mut self.heard, true);
            attempt.hold_until(ctx.now + RINGS_FOR);
            call.reached_through(attempt.hop());
            if cancelled && first {
                send_cancel(ctx, attempt);
            }
        }
        if !cancelled && call.is_live() {
            if response.status() > 100 && !response.body().is_empty() {
                call.media.answered(ctx, call.id, response.body()); // Early media.
            }
            if matches!(response.status(), 180..=183) && call.state == CallState::Dialling {
                call.tell(ctx, CallState::Ringing, status_of(response), None);
            }
        }
        call.stage = Stage::Dialling(self);
    }

    // Guide, "INVITE Failover" step 2 and message 4: phone B has taken the call, by the secondary.
    // Guide, "INVITE Fallback" step 2 and message 4: the same by the fallback server.
    /// A 2xx on the open attempt.
    pub(super) fn accepted(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        let Some((group, mut attempt)) = self.walk.trying.take() else { return };
        attempt.close(ctx, response.status(), None);
        self.tell_move(ctx, group, attempt.hop());
        let hop = attempt.hop().clone();
        if let Some(entry) = line.core.groups.get_mut(group) {
            entry.last_used = Some(hop.clone());
        }
        call.reached_through(&hop);
        let until = ctx.now + ctx.device.timers().t1 * 64;
        self.left.push(Left { group, attempt, until, ack: None, cancelled: true });
        self.settle();
        self.talk(call, line, ctx, (group, hop, response));
    }

    /// The dialog of a 2xx that is taken; with a call that has ended, ACK and BYE (no ghost stays up).
    pub(super) fn talk(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (group, hop, response): (usize, Hop, &Response),
    ) {
        let Some(dialog) = Dialog::of_response(response, self.seq) else {
            call.end(ctx, status_of(response), CallWhy::NoCommonMedia);
            call.stage = Stage::Dialling(self);
            return;
        };
        if self.cancelled || !call.is_live() {
            self.dismiss(line.core, ctx, (group, &hop, dialog));
            call.stage = Stage::Dialling(self);
            return;
        }
        let usable = call.media.answered(ctx, call.id, response.body());
        let mut talking = Box::new(Talking::new(ctx, (group, hop), dialog));
        talking.remember(self);
        talking.acknowledge(line.core, ctx, response);
        if usable {
            call.tell(ctx, CallState::Up, status_of(response), None);
            call.stage = Stage::Talking(talking);
        } else {
            talking.hang_up(call, line, ctx, CallWhy::NoCommonMedia);
        }
    }

    /// Sends the ACK of a final answer to the open attempt and keeps it for when the answer comes
    /// again.
    pub(super) fn acknowledge(&mut self, ctx: &mut Context<'_>, response: &Response) {
        let Some((group, attempt)) = self.walk.trying.as_ref() else { return };
        let ack = ack_of(attempt.bytes(), response);
        attempt.send_along(ctx, ack.clone());
        let until = ctx.now + ctx.device.timers().t1 * 64;
        let attempt = attempt.clone();
        self.left.push(Left { group: *group, attempt, until, ack: Some(ack), cancelled: true });
    }

    pub(super) fn refused(
        mut self: Box<Self>,
        call: &mut Call,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        self.acknowledge(ctx, response);
        let status = response.status();
        if let Some((_, attempt)) = self.walk.trying.take() {
            call.reached_through(attempt.hop());
            attempt.answered(ctx, status, Some(Why::Status(status)));
        }
        self.walk.stop_after_this();
        self.settle();
        let why =
            if self.cancelled { CallWhy::HungUp } else { CallWhy::Failed(Why::Status(status)) };
        call.end(ctx, Some(status), why);
        call.stage = Stage::Dialling(self);
    }

    /// 3xx: the target changes where it names a host of the account.
    pub(super) fn redirected(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        (group, response): (usize, &Response),
    ) {
        let identity = line.core.identity();
        let host = &identity.server(line.core.registration(group).server).address;
        let target = response.contacts().into_iter().find(|contact| {
            sip::Uri::parse(&contact.uri).is_some_and(|uri| {
                uri.host().eq_ignore_ascii_case(host)
                    || uri.ip().is_some_and(|ip| line.core.trusts_ip(ctx, ip))
            })
        });
        let Some(target) = target.filter(|_| self.redirections < REDIRECTIONS_MAX) else {
            return self.refused(call, ctx, response);
        };
        self.redirections += 1;
        self.acknowledge(ctx, response);
        if let Some((_, attempt)) = self.walk.trying.take() {
            let (hop, status) = (attempt.hop().clone(), response.status());
            attempt.answered(ctx, status, Some(Why::Status(status)));
            self.walk.redirect(group, hop);
        }
        self.target = target.uri.to_string();
        self.seq += 1;
        self.advance(call, line, ctx);
    }

    // 482 to a failed-over INVITE: the call rings through the next hop that was left.
    pub(super) fn already_ringing(
        mut self: Box<Self>,
        call: &mut Call,
        ctx: &mut Context<'_>,
        response: &Response,
    ) {
        self.acknowledge(ctx, response);
        if let Some((_, attempt)) = self.walk.trying.take() {
            attempt.answered(ctx, 482, Some(Why::Status(482)));
        }
        self.walk.stop_after_this();
        call.tell(ctx, CallState::Ringing, Some(482), Some(CallWhy::AlreadyRinging));
        call.stage = Stage::Dialling(self);
    }
}
