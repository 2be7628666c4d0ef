use std::collections::VecDeque;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use net::{Instant, Reason, Rng};
use sdp::{Codec, Key, Security, Stream, Suite};

use crate::receive::{News, Receiver};
use crate::report::{Reports, Sent};
use crate::rtp::is_rtcp;
use crate::send::Sender;
use crate::srtp::Protector;
use crate::{Digit, Discard, FRAME, Figures, Latching, Rate, quality};

/// After a longer stop of its owner a session does not catch up frame by frame.
const LAG_MAX: Duration = Duration::from_millis(200);

/// Keys of earlier agreements that are remembered.
const RETIRED_MAX: usize = 16;

/// What does not come from the session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The rate of captured and played sound.
    pub rate: Rate,
    /// Whether the source of packets is followed.
    pub latching: Latching,
    /// How digits are sent.
    pub dtmf: DtmfMode,
    /// A stream that should be heard and is not for so long is said to be silent.
    pub silence_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: Rate::Khz16,
            latching: Latching::Follow,
            dtmf: DtmfMode::Events,
            silence_after: Duration::from_secs(10),
        }
    }
}

/// How digits are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtmfMode {
    /// As telephone events; as tones where the other side has none.
    Events,
    /// As tones in the sound.
    Tones,
}

/// One of the two ports of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// RTP; RTCP too, where it is multiplexed.
    Rtp,
    /// RTCP.
    Rtcp,
}

/// What happens to a session.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// Time has passed.
    Timeout,
    /// A datagram came.
    Datagram {
        /// To which port.
        port: Port,
        /// From where.
        from: SocketAddr,
        /// Its content.
        bytes: &'a [u8],
    },
    /// Sound to send, at the session's rate. It is sent at the pace of [`Output::Played`]; of
    /// what is more than 200 ms ahead the oldest is dropped. Without sound, silence is sent.
    Captured(&'a [i16]),
    /// A digit to send for so long; it waits for those before it.
    Digit {
        /// The digit.
        digit: Digit,
        /// Its length, 40 ms at the least.
        length: Duration,
    },
}

/// What a session wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a datagram.
    Datagram {
        /// From which port.
        port: Port,
        /// To where.
        to: SocketAddr,
        /// Its content.
        bytes: Bytes,
    },
    /// The next 10 ms of received sound at the session's rate; silence where there is none.
    Played(Vec<i16>),
    /// Something its owner should know.
    Event(Event),
}

/// What the owner of a session should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The first packet came, or the first after [`Event::Silent`].
    Heard,
    /// Nothing has been heard for the time set, although the other side should send.
    Silent,
    /// The other side pressed a key.
    Digit(Digit),
    /// Packets come from, and go to, another address than before.
    Moved {
        /// The address.
        to: SocketAddr,
    },
    /// The other side ended its stream by RTCP.
    Goodbye,
    /// A digit was not taken, because the stream does not send or too many wait.
    DigitRefused(Digit),
}

/// This build cannot speak a codec that was agreed; offer only [`crate::codecs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodecMissing(pub Codec);

impl fmt::Display for CodecMissing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the codec {} is not part of this build", self.0)
    }
}

impl std::error::Error for CodecMissing {}

/// RTP, RTCP and sound of one [`Stream`]: an RTP session (RFC 3550) of two.
///
/// | input | what follows |
/// |---|---|
/// | timeout, each 10 ms | `Played`; a packet where one is complete; a report each 5 s |
/// | datagram | kept for its time, or counted as discarded; `Heard`, `Digit`, `Moved` |
/// | captured sound, digit | waits for the next packet |
///
/// After each call [`Session::poll_output`] is drained and [`Session::next_timeout`] asked.
pub struct Session {
    settings: Settings,
    stream: Stream,
    sender: Sender,
    receiver: Receiver,
    reports: Reports,
    secret: Option<Secret>,
    /// Keys used earlier, the latest first, for the case that one of them comes back.
    retired: VecDeque<Secret>,
    /// When the next 10 ms are due.
    frame_due: Instant,
    silence: Silence,
    outputs: VecDeque<Output>,
}

/// Our side of SRTP.
struct Secret {
    suite: Suite,
    key: Key,
    protector: Protector,
}

/// Whether the other side is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    /// Nothing came since then.
    Since(Instant),
    /// It was said that nothing comes.
    Told,
}

impl Session {
    /// Opens a session; its 10 ms frames count from `now`. Each session needs an `rng` of its own
    /// (a fork of another label): source number, sequence and timestamp are drawn from it, and two
    /// sessions that share a key must not share these.
    pub fn open(
        now: Instant,
        stream: Stream,
        settings: Settings,
        rng: &Rng,
    ) -> Result<Self, CodecMissing> {
        let mut draw = rng.fork("rtp");
        let sender = Sender::new(&stream, settings.rate, settings.dtmf, &mut draw)?;
        let noise = rng.fork("noise");
        let receiver = Receiver::new(now, &stream, settings.rate, settings.latching, noise)?;
        Ok(Self {
            settings,
            sender,
            receiver,
            reports: Reports::new(now, rng.fork("rtcp")),
            secret: secret(&stream.security),
            retired: VecDeque::new(),
            stream,
            frame_due: now + FRAME,
            silence: Silence::Since(now),
            outputs: VecDeque::new(),
        })
    }

    /// Goes on with what a re-offer agreed on. After an error the session is as it was.
    pub fn change(&mut self, now: Instant, stream: Stream) -> Result<(), CodecMissing> {
        if !crate::codec::is_built(stream.send.codec) {
            return Err(CodecMissing(stream.send.codec));
        }
        self.receiver.change(now, &stream, self.settings.latching)?;
        self.sender.change(&stream)?;
        self.retire_secret();
        self.secret = self.secret_for(&stream.security);
        if !self.stream.direction.receives() && stream.direction.receives() {
            self.silence = Silence::Since(now);
        }
        self.stream = stream;
        Ok(())
    }

    /// Says goodbye by RTCP; nothing is sent after it.
    pub fn close(&mut self, now: Instant) {
        let sent = self.sent();
        let block = self.receiver.source_mut().map(|source| source.block(now));
        let report = self.reports.goodbye(now, sent, block);
        self.send_report(report);
        self.frame_due = Instant::FAR;
        self.reports.due = Instant::FAR;
    }

    /// Takes one input. `now` never runs backwards.
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        match input {
            Input::Timeout => self.pass_time(now),
            Input::Captured(sound) => self.sender.capture(sound),
            Input::Digit { digit, length } => {
                if !self.sends() || !self.sender.digit(digit, length) {
                    self.tell(Event::DigitRefused(digit));
                }
            }
            Input::Datagram { port, from, bytes } => {
                let rtcp = port == Port::Rtcp || (self.stream.local.muxed() && is_rtcp(bytes));
                let taken = if rtcp {
                    self.take_report(now, from, bytes)
                } else {
                    self.take_packet(now, from, bytes)
                };
                if let Err(why) = taken {
                    self.receiver.discard(why);
                }
            }
        }
    }

    /// The next thing to carry out, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When it wants [`Input::Timeout`], and why.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Reason)> {
        [(self.frame_due, Reason("next sound")), (self.reports.due, Reason("next RTCP report"))]
            .into_iter()
            .filter(|(due, _)| *due < Instant::FAR)
            .min_by_key(|(due, _)| *due)
    }

    /// The agreement in force.
    #[must_use]
    pub const fn stream(&self) -> &Stream {
        &self.stream
    }

    /// How the stream is doing.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let (expected, lost) = self.receiver.totals();
        let counts = self.receiver.playout.counts;
        let received = i64::try_from(expected).unwrap_or(i64::MAX) - lost;
        // A duplicate makes up for a loss in RFC 3550's count, but not in the ear.
        let lost = lost.saturating_add_unsigned(counts.duplicate);
        let lost = u64::try_from(lost).unwrap_or(0);
        let missed = lost + counts.late + counts.undecodable;
        let loss = if expected == 0 { 0.0 } else { (missed as f64 / expected as f64).min(1.0) };
        let codec = self.receiver.playing().map(|payload| payload.codec);
        let buffered = self.receiver.playout.waited();
        let jitter = self.receiver.source().zip(codec).map(|(source, codec)| {
            let ticks = u64::from(source.jitter_ticks()) * 1_000_000;
            Duration::from_micros(ticks / u64::from(codec.clock_hz()))
        });
        let way = self.reports.round_trip.unwrap_or_default() / 2;
        let packet = Duration::from_millis(u64::from(self.stream.ptime_ms));
        Figures {
            sent_codec: self.sender.codec(),
            received_codec: codec,
            remote: self.receiver.rtp_to(),
            sent: u64::from(self.sender.packets),
            received: u64::try_from(received).unwrap_or(0),
            lost,
            late: counts.late,
            duplicate: counts.duplicate,
            unplayable: counts.undecodable + counts.overflown,
            loss,
            jitter: jitter.unwrap_or_default(),
            buffered,
            concealed: Duration::from_millis(counts.concealed_ms),
            round_trip: self.reports.round_trip,
            reported: self.reports.reported,
            mos: codec.map(|codec| quality::mos(codec, loss, way + packet + buffered)),
            discarded: self.receiver.discarded.clone(),
        }
    }

    fn retire_secret(&mut self) {
        if let Some(secret) = self.secret.take() {
            self.retired.push_front(secret);
            self.retired.truncate(RETIRED_MAX);
        }
    }

    /// A key that was used before goes on with its counters, so that no two packets are ever
    /// protected with one number (RFC 3711 §9.1).
    fn secret_for(&mut self, security: &Security) -> Option<Secret> {
        let known = self.retired.iter().position(|known| match security {
            Security::Plain => false,
            Security::Srtp(srtp) => (known.suite, known.key) == (srtp.suite, srtp.send),
        });
        known.and_then(|at| self.retired.remove(at)).or_else(|| secret(security))
    }

    fn pass_time(&mut self, now: Instant) {
        if self.frame_due < Instant::FAR && now.since(self.frame_due) > LAG_MAX {
            self.frame_due = now;
        }
        while self.frame_due <= now {
            self.pass_frame(self.frame_due);
            self.frame_due += FRAME;
        }
        if self.reports.due <= now {
            let sent = self.sent();
            let block = self.receiver.source_mut().map(|source| source.block(now));
            let report = self.reports.write(now, sent, block);
            self.send_report(report);
        }
        if let Silence::Since(since) = self.silence
            && self.stream.direction.receives()
            && now.since(since) >= self.settings.silence_after
        {
            self.silence = Silence::Told;
            self.tell(Event::Silent);
        }
    }

    fn pass_frame(&mut self, now: Instant) {
        let sound = self.receiver.playout.frame(now);
        self.outputs.push_back(Output::Played(sound));
        if self.sends() {
            if let Some(packet) = self.sender.tick() {
                let to = self.receiver.rtp_to();
                self.send(Port::Rtp, to, packet, Protector::rtp);
            }
        } else {
            self.sender.idle();
        }
    }

    fn take_packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), Discard> {
        if !self.stream.direction.receives() {
            return Err(Discard::Held);
        }
        let first = self.receiver.heard_at.is_none();
        let News { digit, moved_to } = self.receiver.rtp(now, from, bytes, self.sender.ssrc())?;
        if first || self.silence == Silence::Told {
            self.tell(Event::Heard);
        }
        self.silence = Silence::Since(now);
        if let Some(to) = moved_to {
            self.tell(Event::Moved { to });
        }
        if let Some(digit) = digit {
            self.tell(Event::Digit(digit));
        }
        Ok(())
    }

    fn take_report(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) -> Result<(), Discard> {
        let compound = self.receiver.rtcp(now, from, bytes)?;
        let clock_hz = self.sender.codec().clock_hz();
        self.reports.read(now, &compound, self.sender.ssrc(), clock_hz);
        if compound.goodbye {
            self.tell(Event::Goodbye);
        }
        Ok(())
    }

    fn send_report(&mut self, report: Vec<u8>) {
        let (port, to) = if self.stream.remote.muxed() {
            (Port::Rtp, self.receiver.rtp_to())
        } else {
            (Port::Rtcp, self.receiver.rtcp_to())
        };
        self.send(port, to, report, Protector::rtcp);
    }

    /// The only way out: where there is a key, nothing leaves unprotected.
    fn send(
        &mut self,
        port: Port,
        to: SocketAddr,
        packet: Vec<u8>,
        protect: fn(&mut Protector, Vec<u8>) -> Option<Vec<u8>>,
    ) {
        if to.ip().is_unspecified() || to.port() == 0 {
            return;
        }
        let sealed = match &mut self.secret {
            None => Some(packet),
            Some(secret) => protect(&mut secret.protector, packet),
        };
        if let Some(sealed) = sealed {
            self.outputs.push_back(Output::Datagram { port, to, bytes: Bytes::from(sealed) });
        }
    }

    fn sends(&self) -> bool {
        self.stream.direction.sends()
    }

    fn sent(&self) -> Sent {
        Sent {
            ssrc: self.sender.ssrc(),
            timestamp: self.sender.timestamp(),
            packets: self.sender.packets,
            octets: self.sender.octets,
        }
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

fn secret(security: &Security) -> Option<Secret> {
    match security {
        Security::Plain => None,
        Security::Srtp(srtp) => Some(Secret {
            suite: srtp.suite,
            key: srtp.send,
            protector: Protector::new(srtp.suite, &srtp.send),
        }),
    }
}
