//! One walk of a REGISTER, with what it is for.

use super::candidates::{LastBudget, Leg};
use super::core::Core;
use super::fallback::Purpose;
use super::registration::Ask;
use super::walk::{Gate, Request, Step, Walk};
use crate::budget::Kind;
use crate::context::{Context, Hop};
use crate::event::Why;

/// The pass.
#[derive(Debug)]
pub(crate) struct Pass {
    pub(crate) purpose: Purpose,
    /// A lease stood when the pass began.
    pub(crate) began_live: bool,
    pub(crate) walk: Walk,
}

impl Pass {
    /// Begins to locate; [`Pass::go_on`] with [`Walk::advance`] follows.
    pub(crate) fn begin(
        ctx: &mut Context<'_>,
        core: &mut Core,
        purpose: Purpose,
        on: usize,
        legs: (Vec<Leg>, LastBudget),
    ) -> Self {
        let began_live = core.registration(on).is_live(ctx.now);
        let request =
            Request { method: "REGISTER", kind: Kind::NonInvite, call_id: 0, gate: Gate::Open };
        Self { purpose, began_live, walk: Walk::begin(ctx, core, request, legs) }
    }

    /// A pass at one next hop, which another request wants to be registered at (A8).
    pub(crate) fn directed(ctx: &Context<'_>, group: usize, hop: Hop, why: Why) -> Self {
        let request =
            Request { method: "REGISTER", kind: Kind::NonInvite, call_id: 0, gate: Gate::Open };
        let walk = Walk::over(ctx, request, (group, vec![hop]), LastBudget::Retries);
        Self { purpose: Purpose::Directed(why), began_live: false, walk }
    }

    /// Writes requests as long as `step` asks for them; `true` where no candidate is left.
    pub(crate) fn is_over(
        &mut self,
        ctx: &mut Context<'_>,
        core: &mut Core,
        mut step: Step,
    ) -> bool {
        while step == Step::Write {
            let Some((group, attempt)) = self.walk.trying.as_ref() else { return false };
            let bytes = core.write_register(ctx, *group, attempt, Ask::Bind);
            step = self.walk.transmit(ctx, core, bytes);
        }
        step == Step::Exhausted
    }
}
