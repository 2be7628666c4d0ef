//! Calls: out through whichever server lives, in from any next hop of the account.
//!
//! | stage | meaning | left by |
//! |---|---|---|
//! | [`Stage::Opening`] | out: a port for media is asked for | port, no port, hang-up |
//! | [`Stage::Dialling`] | an INVITE walks over its candidates | 2xx, refusal, exhaustion, hang-up |
//! | [`Stage::Offered`] | in: it rings | answer, reject, CANCEL |
//! | [`Stage::Talking`] | a dialog stands | BYE of either side |
//! | [`Stage::Over`] | nothing is left but late messages | their time |

mod answers;
mod ask;
mod dialling;
mod dialog;
mod late;
mod media;
mod offered;
mod registering;
mod talking;

use std::fmt;
use std::net::SocketAddr;

use net::{Cause, Conn, Instant};
use sip::transaction::TransactionKey;
use sip::{Request, Response};

pub(crate) use self::dialling::{Dialling, request_uri};
pub(crate) use self::dialog::{new_tag, phone_of_tag};
pub(crate) use self::media::Media;
pub use self::media::{MediaOrder, MediaReport};
pub(crate) use self::offered::Offered;
pub(crate) use self::talking::Talking;

use crate::account::{Arrival, Core, Taken, Upkeep};
use crate::context::{Context, name_of};
use crate::event::{EventKind, HopName, Why};

/// A call of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// Who began a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// This phone.
    Out,
    /// The other side.
    In,
}

impl Direction {
    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

/// What a call is doing, as its user sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallState {
    /// An INVITE is out and nothing rings yet.
    Dialling,
    /// It rings, here or there.
    Ringing,
    /// Both sides talk.
    Up,
    /// Held by this side.
    Held,
    /// It is over.
    Ended,
}

impl CallState {
    /// The word in the event stream.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dialling => "dialling",
            Self::Ringing => "ringing",
            Self::Up => "up",
            Self::Held => "held",
            Self::Ended => "ended",
        }
    }
}

/// Why a call ended, or could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallWhy {
    /// The user hung up.
    HungUp,
    /// The other side hung up.
    OtherHungUp,
    /// The caller gave up before it was answered.
    Cancelled,
    /// A final answer, or a failure of every candidate.
    Failed(Why),
    /// It rang for 180 s and nobody answered (A27).
    NoAnswer,
    /// 482: it already rings through the earlier next hop.
    AlreadyRinging,
    /// There was no port for media.
    NoPort,
    /// The two sides have no media in common.
    NoCommonMedia,
    /// No ACK came for our answer.
    NotAcknowledged,
    /// The other side was transferred.
    Transferred,
}

impl fmt::Display for CallWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HungUp => "hung_up",
            Self::OtherHungUp => "other_hung_up",
            Self::Cancelled => "cancelled",
            Self::Failed(why) => return why.fmt(f),
            Self::NoAnswer => "no_answer",
            Self::AlreadyRinging => "already_ringing",
            Self::NoPort => "no_port",
            Self::NoCommonMedia => "no_common_media",
            Self::NotAcknowledged => "not_acknowledged",
            Self::Transferred => "transferred",
        })
    }
}

/// The machines of an account that a call uses.
pub(crate) struct Line<'a> {
    pub(crate) core: &'a mut Core,
    pub(crate) upkeeps: &'a mut [Upkeep],
}

impl Line<'_> {
    /// The machine that keeps the registration of `group`.
    pub(crate) fn upkeep(&mut self, group: usize) -> Option<(&mut Upkeep, &mut Core)> {
        let index = group.min(self.upkeeps.len().saturating_sub(1));
        Some((self.upkeeps.get_mut(index)?, self.core))
    }

    /// The group that the account is on; in concurrent mode the first that is sound.
    pub(crate) fn on(&self, now: Instant) -> usize {
        match &*self.upkeeps {
            [only] => only.on,
            _ => {
                let mut groups = 0..self.core.groups.len();
                groups.find(|group| self.core.registration(*group).is_sound(now)).unwrap_or(0)
            }
        }
    }
}

/// What a call is doing.
#[derive(Debug)]
pub(crate) enum Stage {
    Opening {
        target: String,
    },
    Dialling(Box<Dialling>),
    Offered(Box<Offered>),
    Talking(Box<Talking>),
    /// Its user has been told that it ended; `Dialling` and `Talking` still see to late messages.
    Over,
}

/// A call.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) id: CallId,
    pub(crate) direction: Direction,
    /// Whom it is with, as a SIP URI.
    pub(crate) peer: String,
    pub(crate) media: Media,
    pub(crate) stage: Stage,
    pub(crate) state: CallState,
    pub(crate) since: Instant,
    pub(crate) next_hop: Option<HopName>,
    told_end: bool,
}

impl Call {
    /// A call to `target`, which asks for a port first.
    pub(crate) fn out(ctx: &mut Context<'_>, id: CallId, target: String, peer: String) -> Self {
        let mut call = Self::new(ctx, id, Direction::Out, peer, Stage::Opening { target });
        call.tell(ctx, CallState::Dialling, None, None);
        call.media.open(ctx, id);
        call
    }

    /// A call that came in.
    pub(crate) fn of_invite(ctx: &mut Context<'_>, id: CallId, offered: Offered) -> Self {
        let peer = offered.peer().to_owned();
        let next_hop = offered.from();
        let stage = Stage::Offered(Box::new(offered));
        let mut call = Self::new(ctx, id, Direction::In, peer, stage);
        call.next_hop = next_hop;
        call.tell(ctx, CallState::Ringing, None, None);
        call.media.open(ctx, id);
        call
    }

    fn new(
        ctx: &mut Context<'_>,
        id: CallId,
        direction: Direction,
        peer: String,
        stage: Stage,
    ) -> Self {
        let media = Media::new(&mut ctx.shared.rng);
        let (state, since) = (CallState::Dialling, ctx.now);
        Self { id, direction, peer, media, stage, state, since, next_hop: None, told_end: false }
    }

    /// Whether its user has to do with it.
    pub(crate) fn is_live(&self) -> bool {
        self.state != CallState::Ended
    }

    /// Whether nothing of it is left.
    pub(crate) fn is_done(&self) -> bool {
        match &self.stage {
            Stage::Over => true,
            Stage::Dialling(dialling) => !self.is_live() && dialling.is_done(),
            Stage::Talking(talking) => !self.is_live() && talking.is_done(),
            Stage::Opening { .. } | Stage::Offered(_) => !self.is_live(),
        }
    }

    /// Tells a new state, once.
    pub(crate) fn tell(
        &mut self,
        ctx: &mut Context<'_>,
        state: CallState,
        status: Option<u16>,
        why: Option<CallWhy>,
    ) {
        if self.told_end {
            return;
        }
        self.told_end = state == CallState::Ended;
        self.state = state;
        if matches!(state, CallState::Up | CallState::Ended) {
            self.since = ctx.now;
        }
        ctx.event(EventKind::Call {
            id: self.id,
            direction: self.direction,
            state,
            peer: self.peer.clone(),
            next_hop: self.next_hop,
            status,
            why,
            rtp: None,
        });
    }

    /// Ends it for its user; late messages are still seen to.
    pub(crate) fn end(&mut self, ctx: &mut Context<'_>, status: Option<u16>, why: CallWhy) {
        self.media.close(ctx, self.id);
        self.tell(ctx, CallState::Ended, status, Some(why));
    }

    /// Carries out what is due.
    pub(crate) fn on_time(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Dialling(dialling) => dialling.on_time(self, line, ctx),
            Stage::Talking(talking) => talking.on_time(self, line, ctx),
            stage @ (Stage::Opening { .. } | Stage::Offered(_) | Stage::Over) => self.stage = stage,
        }
    }

    /// A response that one of its transactions may have asked for.
    pub(crate) fn on_response(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        arrival: Arrival<'_>,
    ) -> Taken {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Dialling(dialling) => dialling.on_response(self, line, ctx, arrival),
            Stage::Talking(talking) => talking.on_response(self, line, ctx, arrival),
            stage @ (Stage::Opening { .. } | Stage::Offered(_) | Stage::Over) => {
                self.stage = stage;
                Taken::No
            }
        }
    }

    /// A transport fault of one of its attempts.
    pub(crate) fn on_unreachable(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        number: u32,
        why: Why,
    ) -> Taken {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Dialling(dialling) => dialling.on_unreachable(self, line, ctx, (number, why)),
            Stage::Talking(talking) => talking.on_unreachable(self, line, ctx, (number, why)),
            stage @ (Stage::Opening { .. } | Stage::Offered(_) | Stage::Over) => {
                self.stage = stage;
                Taken::No
            }
        }
    }

    /// A connection is ready (`Ok`) or gone.
    pub(crate) fn on_connection(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        conn: Conn,
        local: Result<SocketAddr, Cause>,
    ) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Dialling(dialling) => dialling.on_connection(self, line, ctx, (conn, local)),
            Stage::Talking(talking) => talking.on_connection(self, line, ctx, (conn, local)),
            stage @ (Stage::Opening { .. } | Stage::Offered(_) | Stage::Over) => self.stage = stage,
        }
    }

    /// A location, a route or a registration that it may have waited for.
    pub(crate) fn on_news(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>, news: News<'_>) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Dialling(dialling) => dialling.on_news(self, line, ctx, news),
            Stage::Talking(talking) => talking.on_news(self, line, ctx, news),
            stage @ (Stage::Opening { .. } | Stage::Offered(_) | Stage::Over) => self.stage = stage,
        }
    }

    /// What the executor says of its media.
    pub(crate) fn on_media(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        report: MediaReport,
    ) {
        let opened = self.media.take(ctx, line.core, report);
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Opening { target } if opened == Some(true) => {
                Dialling::begin(self, line, ctx, target);
            }
            Stage::Opening { .. } if opened == Some(false) => {
                self.end(ctx, None, CallWhy::NoPort);
            }
            Stage::Offered(offered) => offered.on_media(self, line, ctx, opened),
            stage @ (Stage::Opening { .. }
            | Stage::Dialling(_)
            | Stage::Talking(_)
            | Stage::Over) => self.stage = stage,
        }
    }

    /// The user's orders.
    pub(crate) fn order(&mut self, line: &mut Line<'_>, ctx: &mut Context<'_>, order: Order) {
        match (std::mem::replace(&mut self.stage, Stage::Over), order) {
            (Stage::Opening { .. }, Order::HangUp) => self.end(ctx, None, CallWhy::HungUp),
            (Stage::Dialling(dialling), Order::HangUp) => dialling.hang_up(self, ctx),
            (Stage::Offered(offered), Order::Answer) => offered.answer(self, line, ctx),
            (Stage::Offered(offered), Order::HangUp) => {
                let status = ctx.device.common.refuse_code;
                offered.refuse(self, ctx, status);
            }
            (Stage::Talking(talking), order) => talking.order(self, line, ctx, order),
            (stage, _) => self.stage = stage,
        }
    }

    /// Whether `order` is possible now.
    pub(crate) fn permits(&self, order: &Order) -> bool {
        match (&self.stage, order) {
            (_, Order::HangUp) => self.is_live(),
            (Stage::Offered(_), Order::Answer) => self.is_live(),
            (Stage::Talking(_), Order::Hold) => self.state == CallState::Up,
            (Stage::Talking(_), Order::Resume) => self.state == CallState::Held,
            (Stage::Talking(_), Order::Transfer(_) | Order::Digits(_)) => self.is_live(),
            (
                Stage::Opening { .. }
                | Stage::Dialling(_)
                | Stage::Offered(_)
                | Stage::Talking(_)
                | Stage::Over,
                Order::Answer | Order::Hold | Order::Resume | Order::Transfer(_) | Order::Digits(_),
            ) => false,
        }
    }

    /// A CANCEL of the INVITE transaction `key`; `true` where it was this call's.
    pub(crate) fn on_cancel(&mut self, ctx: &mut Context<'_>, key: &TransactionKey) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Offered(offered) if offered.key() == key => {
                offered.cancelled(self, ctx);
                true
            }
            stage @ (Stage::Opening { .. }
            | Stage::Dialling(_)
            | Stage::Offered(_)
            | Stage::Talking(_)
            | Stage::Over) => {
                self.stage = stage;
                false
            }
        }
    }

    /// A request of its dialog, with the transaction to answer it by; an ACK has none.
    pub(crate) fn on_request(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        request: &Request,
        key: Option<&TransactionKey>,
    ) -> Taken {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Talking(talking) => talking.on_request(self, line, ctx, (request, key)),
            stage @ (Stage::Opening { .. }
            | Stage::Dialling(_)
            | Stage::Offered(_)
            | Stage::Over) => {
                self.stage = stage;
                Taken::No
            }
        }
    }

    /// No ACK came for the answer to `key`.
    pub(crate) fn on_not_acknowledged(
        &mut self,
        line: &mut Line<'_>,
        ctx: &mut Context<'_>,
        key: &TransactionKey,
    ) {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Talking(talking) => talking.on_not_acknowledged(self, line, ctx, key),
            stage @ (Stage::Opening { .. }
            | Stage::Dialling(_)
            | Stage::Offered(_)
            | Stage::Over) => self.stage = stage,
        }
    }

    /// When it has to be woken, and why.
    pub(crate) fn next_timeout(&self) -> Option<(Instant, &'static str)> {
        match &self.stage {
            Stage::Dialling(dialling) => dialling.next_timeout(),
            Stage::Talking(talking) => talking.next_timeout(),
            Stage::Opening { .. } | Stage::Offered(_) | Stage::Over => None,
        }
    }

    /// Remembers through which next hop the other side answered.
    pub(crate) fn reached_through(&mut self, hop: &locate::NextHop) {
        self.next_hop = Some(name_of(hop));
    }
}

/// What a user can ask of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// To take it.
    Answer,
    /// To end, cancel or reject it.
    HangUp,
    /// To put the other side on hold.
    Hold,
    /// To talk again.
    Resume,
    /// To send the other side elsewhere (REFER).
    Transfer(String),
    /// To press keys.
    Digits(String),
}

/// Something that a walk may have waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News<'a> {
    Located(locate::LocationId, &'a locate::Progress),
    Route,
    /// A machine that keeps a registration has come to an end of what it did.
    Registration,
}

/// The status of a response that ends a call, for its event.
pub(crate) fn status_of(response: &Response) -> Option<u16> {
    Some(response.status())
}
