//! Commands that make and steer the calls of a phone which runs in another process.

use std::time::Duration;

use desk::{
    CallAct, CallName, Desk as _, Dial, EventBody, EventLine, Events, Narrator, Reading, Sentence,
    Weight, WhichCall,
};
use tokio::time::{Instant, sleep_until};

use crate::attached::{block_on, reach};
use crate::cli::{CallArgs, DialArgs};
use crate::out::{Failure, Outcome, say};
use crate::show::harmless;

/// How long a command waits to see what it ordered come about.
const SEEN_WITHIN: Duration = Duration::from_secs(40);

/// `sureline dial`.
pub(crate) fn dial(args: &DialArgs) -> Outcome {
    block_on(async {
        let remote = reach(&args.reach)?;
        // Following begins before the order, so that nothing of the call is missed.
        let events = remote.events(Some(u64::MAX), Reading::Following).await?;
        let phone = args.reach.phone.map(|mac| mac.to_string());
        let order = Dial { account: args.account, to: args.target.clone() };
        let call = remote.dial(phone, order).await?;
        if args.no_wait {
            return say(&call.id);
        }
        let mut watch = Watch::new(events, &call);
        watch.until_up().await?;
        let Some(for_s) = args.for_s else { return Ok(()) };
        let over = watch.until_over();
        let hang_up = sleep_until(Instant::now() + Duration::from_secs_f64(for_s));
        tokio::pin!(over);
        tokio::select! {
            over = &mut over => return over,
            () = hang_up => {}
        }
        let which = WhichCall { phone: Some(call.phone.clone()), id: Some(call.id.clone()) };
        // It may have ended in this moment.
        let hung_up = remote.act(which, CallAct::HangUp).await;
        match tokio::time::timeout(SEEN_WITHIN, over).await {
            Ok(over) => over,
            Err(_) => hung_up.map(drop).map_err(Failure::from),
        }
    })
}

/// `sureline answer`, `hangup`, `hold`, `resume`, `transfer`, `dtmf`.
pub(crate) fn act(args: &CallArgs, act: CallAct) -> Outcome {
    block_on(async {
        let remote = reach(&args.reach)?;
        let phone = args.reach.phone.map(|mac| mac.to_string());
        let call = remote.act(WhichCall { phone, id: args.call.clone() }, act).await?;
        say(&call.id)
    })
}

/// Follows one call and says what becomes of it.
struct Watch<'a> {
    events: Events,
    narrator: Narrator,
    call: &'a CallName,
}

/// What a state of the call means to whoever dialled.
enum Step {
    Goes,
    Up,
    Over { reason: String, told: String },
}

impl<'a> Watch<'a> {
    fn new(events: Events, call: &'a CallName) -> Self {
        Self { events, narrator: Narrator::new(), call }
    }

    async fn until_up(&mut self) -> Outcome {
        loop {
            match self.next().await? {
                Step::Goes => {}
                Step::Up => return Ok(()),
                Step::Over { told, .. } => return Err(Failure::failed(harmless(&told))),
            }
        }
    }

    /// Ends well where somebody hung up.
    async fn until_over(&mut self) -> Outcome {
        loop {
            match self.next().await? {
                Step::Goes | Step::Up => {}
                Step::Over { reason, told } => {
                    let well = ["hung_up", "other_hung_up", "transferred"];
                    if well.contains(&reason.as_str()) {
                        return say(&harmless(&told));
                    }
                    return Err(Failure::failed(harmless(&told)));
                }
            }
        }
    }

    async fn next(&mut self) -> Result<Step, Failure> {
        let Some(held) = self.events.next().await else {
            return Err(Failure::failed("the phone ended"));
        };
        let Ok(event) = serde_json::from_str::<EventLine>(&held.json) else {
            return Ok(Step::Goes);
        };
        if event.phone.as_ref() != Some(&self.call.phone)
            || event.account != Some(self.call.account)
        {
            return Ok(Step::Goes);
        }
        let Some(Sentence { weight, text: told }) = self.narrator.tell(&event) else {
            return Ok(Step::Goes);
        };
        if let EventBody::AttemptStarted { .. } | EventBody::AttemptEnded { .. } = &event.body
            && weight < Weight::Detail
        {
            say(&harmless(&told))?;
        }
        let EventBody::Call { id, state, reason, .. } = &event.body else {
            return Ok(Step::Goes);
        };
        if *id != self.call.id {
            return Ok(Step::Goes);
        }
        if state == "ended" {
            return Ok(Step::Over { reason: reason.clone().unwrap_or_default(), told });
        }
        if state != "dialling" {
            say(&harmless(&told))?;
        }
        Ok(if state == "up" { Step::Up } else { Step::Goes })
    }
}
