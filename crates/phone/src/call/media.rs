//! The media of a call, as far as signalling has to do with it: ports, offer and answer, orders to
//! whoever carries the sound.

use std::net::{IpAddr, SocketAddr};

use net::Rng;
use params::SrtpMode;
use sdp::{Agent, Encryption, Key, Mux, Stream, Suite, Terms, Wish};

use super::CallId;
use crate::account::Core;
use crate::context::Context;
use crate::event::EventKind;

/// What is wanted of whoever carries the sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaOrder {
    /// A pair of ports, RTP even and RTCP next, from this range; [`MediaReport::Opened`] or
    /// [`MediaReport::NoPort`] follows.
    Open {
        /// First and last port.
        ports: (u16, u16),
    },
    /// To carry this stream, or to change over to it.
    Run(Box<Stream>),
    /// To send keys.
    Digits(String),
    /// To stop; the ports are free again.
    Close,
}

/// What whoever carries the sound says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaReport {
    /// The ports are bound; an unspecified address stands for that of the route.
    Opened {
        /// Where RTP is taken.
        rtp: SocketAddr,
        /// The port of RTCP.
        rtcp_port: u16,
        /// Random bytes for keys of ours, from the system.
        key: [u8; 30],
    },
    /// No pair of the range is free.
    NoPort,
}

/// The media of one call.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    session: u64,
    opened: Option<(SocketAddr, u16, [u8; 30])>,
    agent: Option<Agent>,
    running: bool,
    open_ordered: bool,
}

impl Media {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let session = rng.next_u64();
        Self { session, opened: None, agent: None, running: false, open_ordered: false }
    }

    pub(crate) fn open(&mut self, ctx: &mut Context<'_>, id: CallId) {
        self.open_ordered = true;
        let ports = ctx.device.common.rtp_ports;
        ctx.event(EventKind::Media { call: id, order: MediaOrder::Open { ports } });
    }

    /// Takes a report; tells whether ports were opened, or that there are none.
    pub(crate) fn take(
        &mut self,
        _ctx: &mut Context<'_>,
        _core: &Core,
        report: MediaReport,
    ) -> Option<bool> {
        match report {
            MediaReport::Opened { rtp, rtcp_port, key } => {
                self.opened = Some((rtp, rtcp_port, key));
                Some(true)
            }
            MediaReport::NoPort => Some(false),
        }
    }

    pub(crate) const fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// The agent, made on first use with `local` for our address.
    fn agent(&mut self, core: &Core, local: IpAddr) -> Option<&mut Agent> {
        if self.agent.is_none() {
            let (rtp, rtcp_port, key) = self.opened?;
            let ip = if rtp.ip().is_unspecified() { local } else { rtp.ip() };
            let mut terms = Terms::new(SocketAddr::new(ip, rtp.port()));
            terms.rtcp_port = rtcp_port;
            terms.codecs = core.policy.codecs.iter().filter_map(|codec| spoken(*codec)).collect();
            terms.ptime_ms = if core.policy.ptime_ms == 0 { 20 } else { core.policy.ptime_ms };
            terms.events = Some(core.policy.dtmf.payload).filter(|payload| *payload < 128);
            terms.encryption = match core.policy.srtp {
                SrtpMode::Off => Encryption::Off,
                SrtpMode::Optional => Encryption::Optional,
                SrtpMode::Compulsory => Encryption::Required,
            };
            terms.keys = vec![(Suite::AesCm128HmacSha1_80, Key(key))];
            terms.mux = Mux::Accept;
            self.agent = Some(Agent::new(terms, self.session));
        }
        self.agent.as_mut()
    }

    /// An offer of ours.
    pub(crate) fn offer(&mut self, core: &Core, local: IpAddr, wish: Wish) -> Option<String> {
        self.agent(core, local)?.offer(wish).ok()
    }

    /// Their answer to our offer, or early media; `false` where it cannot be used.
    pub(crate) fn answered(&mut self, ctx: &mut Context<'_>, id: CallId, body: &[u8]) -> bool {
        let Some(Ok(stream)) = self.agent.as_mut().map(|agent| agent.answered(body)) else {
            return false;
        };
        self.run(ctx, id, stream);
        true
    }

    /// Our answer to their offer; none where there is nothing in common.
    pub(crate) fn answer(
        &mut self,
        ctx: &mut Context<'_>,
        id: CallId,
        (core, local): (&Core, IpAddr),
        (body, wish): (&[u8], Wish),
    ) -> Option<String> {
        let answer = self.agent(core, local)?.answer(body, wish).ok()?;
        let stream = answer.stream?;
        self.run(ctx, id, stream);
        Some(answer.body)
    }

    /// Our offer was refused: what held before holds again.
    pub(crate) fn withdraw(&mut self) {
        if let Some(agent) = self.agent.as_mut() {
            agent.withdraw();
        }
    }

    pub(crate) fn digits(&self, ctx: &mut Context<'_>, id: CallId, digits: String) {
        ctx.event(EventKind::Media { call: id, order: MediaOrder::Digits(digits) });
    }

    fn run(&mut self, ctx: &mut Context<'_>, id: CallId, stream: Stream) {
        self.running = true;
        let order = MediaOrder::Run(Box::new(stream));
        ctx.event(EventKind::Media { call: id, order });
    }

    /// Stops it, once.
    pub(crate) fn close(&mut self, ctx: &mut Context<'_>, id: CallId) {
        if std::mem::take(&mut self.open_ordered) {
            ctx.event(EventKind::Media { call: id, order: MediaOrder::Close });
        }
    }
}

/// The codec as `sdp` names it, where this phone speaks it.
const fn spoken(codec: params::Codec) -> Option<sdp::Codec> {
    match codec {
        params::Codec::Pcmu => Some(sdp::Codec::Pcmu),
        params::Codec::Pcma => Some(sdp::Codec::Pcma),
        params::Codec::G722 => Some(sdp::Codec::G722),
        params::Codec::G729 | params::Codec::Opus => None,
    }
}
