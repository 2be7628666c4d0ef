//! An INVITE that has to wait for a registration: A8, A9, and the move to server 2 (A14).

use super::dialling::Dialling;
use super::{Call, CallWhy, Line, Stage};
use crate::account::{Gate, LastBudget, Mode, Request, SECOND, Step, Walk};
use crate::budget::Kind;
use crate::context::Context;
use crate::event::{Place, Why};

impl Dialling {
    // A9: with no lease it waits for the running pass, then fails as "not registered".
    pub(super) fn wait_for_lease(
        self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        let on = line.on(ctx.now);
        let passing = line.upkeep(on).is_some_and(|(upkeep, _)| upkeep.is_passing());
        if passing {
            call.stage = Stage::Dialling(self);
        } else {
            call.end(ctx, None, CallWhy::Failed(Why::NotRegistered));
        }
    }

    /// The next candidate wants a registration first: the move to server 2, or A8.
    pub(super) fn register(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>) {
        self.registering = true;
        let Some((group, hop)) = self.walk.candidate() else { return };
        let (hop, mode) = (hop.clone(), line.core.mode);
        let Some((upkeep, core)) = line.upkeep(group) else { return };
        if mode == Mode::Successive && group == SECOND {
            upkeep.move_to_second(core, ctx);
        } else {
            upkeep.register_at(core, ctx, (group, hop));
        }
    }

    /// The registration that the next candidate waited for has come, or will not.
    pub(super) fn registered(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        let Some((group, _)) = self.walk.candidate() else {
            self.registering = false;
            return self.advance(call, line, ctx);
        };
        let passing = line.upkeep(group).is_some_and(|(upkeep, _)| upkeep.is_passing());
        if passing {
            call.stage = Stage::Dialling(self);
            return;
        }
        self.registering = false;
        let step = self.walk.advance(ctx, line.core);
        if step == Step::Register {
            // It failed: A8, the next candidate; in successive mode all of server 2.
            let why = Why::NotRegistered;
            if line.core.mode == Mode::Successive && group == SECOND {
                self.walk.skip_group(SECOND);
                self.walk.last_failure.get_or_insert((Place::Server(2), None, why));
            } else {
                self.walk.skip(line.core, why);
            }
            return self.advance(call, line, ctx);
        }
        self.go_on(call, line, ctx, step);
    }

    pub(super) fn lease_came(
        mut self: Box<Self>,
        call: &mut Call,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
    ) {
        let on = line.on(ctx.now);
        let lease = line.core.registration(on).lease.as_ref();
        let sound = line.core.registration(on).is_sound(ctx.now);
        let hop = lease.filter(|_| sound).map(|lease| lease.hop.clone());
        match hop {
            Some(hop) => {
                self.awaits_lease = false;
                let request = Request {
                    method: "INVITE",
                    kind: Kind::Invite,
                    call_id: self.call_id,
                    gate: Gate::Open,
                };
                self.walk = Walk::over(ctx, request, (on, vec![hop]), LastBudget::Full);
                self.advance(call, line, ctx);
            }
            None => self.wait_for_lease(call, line, ctx),
        }
    }
}
