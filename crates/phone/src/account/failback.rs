//! Failback: when an account goes up again (behaviour §5).

use std::time::Duration;

use params::FailbackMode;

use super::candidates::Course;
use super::group::{Clock, Group};
use crate::context::Context;
use crate::event::{EventKind, Why};

/// From the moment that the phone is idle to the failback that waited for it.
const AFTER_IDLE: Duration = Duration::from_secs(1);

/// How a REGISTER refresh walks over its group: in mode 2 the refresh is the failback (A11), if the
/// phone is idle.
pub(crate) fn refresh_walk(group: &Group, ctx: &Context<'_>) -> Course {
    match group.rules.failback_mode {
        FailbackMode::Registration if ctx.is_idle() => Course::FromTop,
        FailbackMode::NewRequests
        | FailbackMode::DnsTtl
        | FailbackMode::Registration
        | FailbackMode::Duration => Course::FromStart,
    }
}

/// Why a lease that was found higher up than the last one moved there.
pub(crate) const fn reason_to_climb(mode: FailbackMode, pass: Why) -> Why {
    match (mode, pass) {
        (FailbackMode::NewRequests, Why::Renewal | Why::Retry | Why::Doubt) => Why::NewRequest,
        (_, why) => why,
    }
}

// A29: the clocks are each server's own, and modes 1 to 3 act only when the phone is idle.
/// Whether the clock of `group` is due and the phone idle; a due clock of a busy phone is parked and
/// told once.
pub(crate) fn is_due(group: &mut Group, ctx: &mut Context<'_>) -> bool {
    let Some(clock) = group.clock.as_mut().filter(|clock| clock.due <= ctx.now) else {
        return false;
    };
    if ctx.is_idle() {
        return true;
    }
    if !clock.parked {
        clock.parked = true;
        let due = ctx.now - clock.due;
        ctx.event(EventKind::FailbackParked { due });
    }
    false
}

/// The phone has become idle: what waited for it follows a second later.
pub(crate) fn unpark(group: &mut Group, ctx: &Context<'_>) {
    if let Some(clock) = group.clock.as_mut().filter(|clock| clock.parked) {
        *clock = Clock { due: ctx.now + AFTER_IDLE, parked: false, ..*clock };
    }
}
