//! What the answer to a REGISTER leads to.

use std::time::Duration;

use net::Conn;
use sip::Response;

use super::core::Core;
use super::failover::{self, Judgement, judge};
use super::fallback::{FIRST, Purpose};
use super::rules::Mode;
use super::upkeep::{Left, State, Taken, Upkeep};
use super::walk::Step;
use crate::auth::Challenged;
use crate::budget::Kind;
use crate::context::{Context, Hop, name_of};
use crate::event::Why;

/// 3xx answers that one pass follows (behaviour §9).
const REDIRECTIONS_MAX: u8 = 5;
/// Longest Retry-After that is believed (behaviour §9).
const RETRY_AFTER_MAX_S: u32 = 3600;

/// A response as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival<'a> {
    pub(crate) number: u32,
    pub(crate) guard: u64,
    pub(crate) from: std::net::SocketAddr,
    pub(crate) conn: Option<Conn>,
    pub(crate) response: &'a Response,
}

impl Upkeep {
    /// A response; `number` and `guard` are those of its branch.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        let taken = self.probe_answered(core, ctx, arrival);
        if taken != Taken::No {
            return taken;
        }
        let State::Passing(pass) = &mut self.state else { return Taken::No };
        let Some((group, attempt)) = pass.walk.trying.as_mut() else { return Taken::No };
        if !attempt.is_named(arrival.number, arrival.guard) {
            return Taken::No;
        }
        if !attempt.is_answered_from(arrival.from, arrival.conn) {
            return Taken::Spoofed;
        }
        let (response, group) = (arrival.response, *group);
        let status = response.status();
        let verdict = judge(status, "REGISTER", Kind::NonInvite, &core.policy.failover_codes);
        if verdict != Judgement::NextHopFailed {
            let (hop, round_trip) = (attempt.hop().clone(), attempt.round_trip(ctx.now));
            ctx.heard(&hop, round_trip);
        }
        let again = match verdict {
            Judgement::Provisional => {
                attempt.proceeding(ctx);
                return Taken::Yes;
            }
            Judgement::Success if core.registration_mut(group).has_cleared() => true,
            Judgement::Success
                if core.policy.nat.rport
                    && core.registration_mut(group).learn_own_address(attempt, response) =>
            {
                true
            }
            Judgement::Success => {
                let asked = core.asked_expires_s(group);
                match core.registration(group).read_grant(response, asked) {
                    Some(grant) => self.granted(core, ctx, grant),
                    None => self.refused(core, ctx, response),
                }
                return Taken::Yes;
            }
            Judgement::NextHopFailed => {
                block_if_asked(ctx, attempt.hop(), response);
                pass.walk.hop_refused(ctx, status);
                self.advance(core, ctx);
                return Taken::Yes;
            }
            Judgement::Challenge => {
                let (hop, answered) = (attempt.hop().clone(), attempt.challenges_answered);
                let has_password = !core.user.password.is_blank();
                let registration = core.registration_mut(group);
                attempt.challenges_answered += 1;
                registration.auth.challenged(&hop, response, answered, has_password)
                    == Challenged::Answer
            }
            Judgement::TooBrief => {
                let asked = core.asked_expires_s(group);
                core.registration_mut(group).too_brief(response, asked)
            }
            Judgement::NoOutbound => core.registration_mut(group).refuse_outbound(),
            Judgement::Redirect => {
                self.redirected(core, ctx, response);
                return Taken::Yes;
            }
            Judgement::Final => false,
        };
        if again {
            attempt.renew(ctx);
            self.go_on(core, ctx, Step::Write);
        } else {
            self.refused(core, ctx, response);
        }
        Taken::Yes
    }

    /// A final answer that no next hop would give otherwise.
    fn refused(&mut self, core: &mut Core, ctx: &mut Context<'_>, response: &Response) {
        let State::Passing(mut pass) = std::mem::replace(&mut self.state, State::Idle) else {
            return;
        };
        let Some((group, attempt)) = pass.walk.trying.take() else { return };
        let (status, why) = (response.status(), Why::Status(response.status()));
        pass.walk.last_failure = Some((attempt.place(), Some(name_of(attempt.hop())), why));
        let hop = name_of(attempt.hop());
        if let Some(conn) = attempt.answered(ctx, status, Some(why)) {
            ctx.release_unless_leased(conn, core);
        }
        match pass.purpose {
            Purpose::Probe | Purpose::Directed(_) => return,
            Purpose::Failback(_) => return self.restart_clock(core, ctx),
            Purpose::Register(_) | Purpose::ToSecond(_) | Purpose::Everywhere(_) => {}
        }
        if failover::ends_lease(status) || status < 300 {
            self.drop_lease(core, ctx, group, why);
        }
        let may_move =
            core.mode == Mode::Successive && group == FIRST && core.policy.redundancy_with_reg_fail;
        if may_move {
            self.left.get_or_insert(Box::new(Left { group, hop, since: pass.walk.started }));
            return self.start(core, ctx, Purpose::ToSecond(why));
        }
        let wrong_password = failover::is_wrong_password(why);
        let at_least = if wrong_password { failover::WRONG_PASSWORD_WAIT_S } else { 0 };
        let asked = response.retry_after().unwrap_or(0).min(RETRY_AFTER_MAX_S);
        let at_least = Duration::from_secs(at_least.max(asked.into()));
        if core.mode != Mode::Concurrent && !core.registration(self.on).is_live(ctx.now) {
            self.on = FIRST;
            self.probe_at = None;
        }
        self.wait_after_failure(core, ctx, &pass, at_least);
    }

    /// A 3xx: followed to a host of the account.
    fn redirected(&mut self, core: &mut Core, ctx: &mut Context<'_>, response: &Response) {
        let State::Passing(pass) = &mut self.state else { return };
        let Some((group, attempt)) = pass.walk.trying.as_ref() else { return };
        let group = *group;
        let target = response
            .contacts()
            .iter()
            .find_map(|contact| ctx.trusted_hop(core, &contact.uri, attempt.hop()));
        let Some(hop) = target.filter(|_| pass.walk.redirections < REDIRECTIONS_MAX) else {
            return self.refused(core, ctx, response);
        };
        if let Some((_, attempt)) = pass.walk.trying.take() {
            let status = response.status();
            if let Some(conn) = attempt.answered(ctx, status, Some(Why::Status(status))) {
                ctx.release_unless_leased(conn, core);
            }
        }
        pass.walk.redirect(group, hop);
        self.advance(core, ctx);
    }
}

pub(crate) fn block_if_asked(ctx: &mut Context<'_>, hop: &Hop, response: &Response) {
    if let Some(seconds) = response.retry_after() {
        let span = Duration::from_secs(seconds.min(RETRY_AFTER_MAX_S).into());
        ctx.device.health.block(name_of(hop), ctx.now + span);
    }
}
