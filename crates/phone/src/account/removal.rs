//! REGISTER with Expires 0: the end of a binding that is not wanted any longer.

use net::{Cause, Conn, Instant};

use super::answer::Arrival;
use super::attempt::{Attempt, Errand, Progress};
use super::core::Core;
use super::failover::{Judgement, judge};
use super::registration::Ask;
use super::upkeep::{Removal, Taken};
use crate::auth::Challenged;
use crate::budget::{Budget, Kind, Plan};
use crate::context::{Context, name_of};
use crate::event::{EventKind, Why};

/// One removal under way; its failure changes nothing, the binding then runs out.
#[derive(Debug)]
pub(crate) struct Farewell {
    removal: Removal,
    attempt: Attempt,
    why: Why,
}

/// What became of a farewell.
enum Step {
    Open(Box<Farewell>),
    Over,
}

impl Farewell {
    /// Begins at the next hop of the lease; none where that failed at once.
    pub(crate) fn begin(
        ctx: &mut Context<'_>,
        core: &mut Core,
        removal: Removal,
        why: Why,
    ) -> Option<Self> {
        let group = core.groups.get(removal.group)?;
        let retries = Budget::Retries(group.rules.retry_counts);
        let errand = Errand {
            method: "REGISTER",
            call_id: core.registration(removal.group).call_id,
            place: group.place,
            nth: 1,
            plan: Plan::new(Kind::NonInvite, retries, ctx.device.timers()),
        };
        let (attempt, progress) = Attempt::begin(ctx, removal.lease.hop.clone(), errand);
        match (Self { removal, attempt, why }).progress(ctx, core, progress) {
            Step::Open(farewell) => Some(*farewell),
            Step::Over => None,
        }
    }

    fn progress(mut self, ctx: &mut Context<'_>, core: &mut Core, progress: Progress) -> Step {
        match progress {
            Progress::Pending => Step::Open(Box::new(self)),
            Progress::Ready => {
                let bytes =
                    core.write_register(ctx, self.removal.group, &self.attempt, Ask::Remove);
                let progress = self.attempt.transmit(ctx, bytes);
                self.progress(ctx, core, progress)
            }
            Progress::Failed(cause) => self.fail(ctx, Why::from_cause(cause)),
        }
    }

    fn fail(self, ctx: &mut Context<'_>, why: Why) -> Step {
        self.tell(ctx);
        let conn = self.removal.lease.conn;
        self.attempt.fail(ctx, why);
        if let Some(conn) = conn {
            ctx.release(conn);
        }
        Step::Over
    }

    fn tell(&self, ctx: &mut Context<'_>) {
        let (place, next_hop) = (self.attempt.place(), name_of(&self.removal.lease.hop));
        ctx.event(EventKind::Unregistered { place, next_hop, why: self.why });
    }

    fn answered(mut self, ctx: &mut Context<'_>, core: &mut Core, arrival: Arrival<'_>) -> Step {
        let response = arrival.response;
        let verdict =
            judge(response.status(), "REGISTER", Kind::NonInvite, &core.policy.failover_codes);
        match verdict {
            Judgement::Provisional => return Step::Open(Box::new(self)),
            Judgement::Challenge => {
                let answered = self.attempt.challenges_answered;
                let has_password = !core.user.password.is_blank();
                self.attempt.challenges_answered += 1;
                let hop = self.attempt.hop().clone();
                let registration = core.registration_mut(self.removal.group);
                let challenged =
                    registration.auth.challenged(&hop, response, answered, has_password);
                if challenged == Challenged::Answer {
                    self.attempt.renew(ctx);
                    return self.progress(ctx, core, Progress::Ready);
                }
            }
            Judgement::Success
            | Judgement::NextHopFailed
            | Judgement::TooBrief
            | Judgement::NoOutbound
            | Judgement::Redirect
            | Judgement::Final => {}
        }
        self.tell(ctx);
        let status = response.status();
        let why = (status >= 300).then_some(Why::Status(status));
        let leased = self.removal.lease.conn;
        for conn in [self.attempt.answered(ctx, status, why), leased].into_iter().flatten() {
            ctx.release_unless_leased(conn, core);
        }
        Step::Over
    }

    pub(crate) fn next_timeout(&self) -> (Instant, &'static str) {
        (self.attempt.next_timeout().0, "binding removal")
    }
}

/// Applies `act` to the first farewell that `is` finds.
fn act_on(
    farewells: &mut Vec<Farewell>,
    is: impl Fn(&Farewell) -> bool,
    act: impl FnOnce(Farewell) -> Step,
) -> Taken {
    let Some(index) = farewells.iter().position(is) else { return Taken::No };
    let farewell = farewells.swap_remove(index);
    if let Step::Open(farewell) = act(farewell) {
        farewells.push(*farewell);
    }
    Taken::Yes
}

pub(crate) fn on_time(farewells: &mut Vec<Farewell>, core: &mut Core, ctx: &mut Context<'_>) {
    for mut farewell in std::mem::take(farewells) {
        let due = farewell.attempt.next_timeout().0 <= ctx.now;
        let progress = if due { farewell.attempt.on_time(ctx) } else { Progress::Pending };
        if let Step::Open(farewell) = farewell.progress(ctx, core, progress) {
            farewells.push(*farewell);
        }
    }
}

pub(crate) fn on_response(
    farewells: &mut Vec<Farewell>,
    core: &mut Core,
    ctx: &mut Context<'_>,
    arrival: Arrival<'_>,
) -> Taken {
    let named = |farewell: &Farewell| farewell.attempt.is_named(arrival.number, arrival.guard);
    let from_there =
        |farewell: &Farewell| farewell.attempt.is_answered_from(arrival.from, arrival.conn);
    if farewells.iter().any(|farewell| named(farewell) && !from_there(farewell)) {
        return Taken::Spoofed;
    }
    act_on(farewells, named, |farewell| farewell.answered(ctx, core, arrival))
}

pub(crate) fn on_unreachable(
    farewells: &mut Vec<Farewell>,
    ctx: &mut Context<'_>,
    number: u32,
    why: Why,
) -> Taken {
    let is = |farewell: &Farewell| farewell.attempt.number() == number;
    act_on(farewells, is, |farewell| farewell.fail(ctx, why))
}

pub(crate) fn on_connected(
    farewells: &mut Vec<Farewell>,
    core: &mut Core,
    ctx: &mut Context<'_>,
    conn: Conn,
) {
    let Some(local) = ctx.shared.conns.local(conn) else { return };
    for mut farewell in std::mem::take(farewells) {
        let progress = farewell.attempt.on_connected(conn, local);
        if let Step::Open(farewell) = farewell.progress(ctx, core, progress) {
            farewells.push(*farewell);
        }
    }
}

pub(crate) fn on_closed(
    farewells: &mut Vec<Farewell>,
    core: &mut Core,
    ctx: &mut Context<'_>,
    conn: Conn,
    cause: Cause,
) {
    for mut farewell in std::mem::take(farewells) {
        let progress = farewell.attempt.on_closed(ctx, conn, cause);
        if let Step::Open(farewell) = farewell.progress(ctx, core, progress) {
            farewells.push(*farewell);
        }
    }
}
