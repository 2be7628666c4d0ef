//! The sound of an engine's calls: what the engine orders is carried out on real sockets, in a
//! thread that binds, starts and ends streams, so that the engine waits for none of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use desk::EventBody;
use host::{Clock, Handle};
use media::DtmfMode;
use net::{Instant, Transport};
use params::{CommonSettings, DtmfType, Mac, PhoneSettings};
use phone::{
    CallId, CallState, Command, Direction, Endpoint, Event, EventKind, MediaOrder, MediaReport,
    Order,
};
use tokio::sync::oneshot;
use voice::{CallKey, Figures, Manner, Repeat, Sound, Source, Voice, VoiceConfig, srtp_keys};

use super::teller::Teller;
use crate::out::Failure;
use crate::state::random;

/// How calls sound.
#[derive(Clone, Debug, Default)]
pub(crate) struct AudioConfig {
    /// The first and the last RTP port.
    pub(crate) ports: (u16, u16),
    pub(crate) dscp: u8,
    /// The address that the other side is told instead of ours.
    pub(crate) advertise: Option<IpAddr>,
    pub(crate) play: Play,
    /// What is heard in the first call; further calls get `-c2` and so on before the ending.
    pub(crate) record: Option<PathBuf>,
    /// Calls are answered after this time.
    pub(crate) auto_answer: Option<Duration>,
}

/// What is said in every call.
#[derive(Clone, Debug, Default)]
pub(crate) enum Play {
    #[default]
    Silence,
    /// A sound, over and over.
    Sound(Arc<Sound>),
    Tone {
        hz: f64,
        level_db: f64,
    },
}

/// The way to the sound of calls; shared by cloning.
#[derive(Clone)]
pub(crate) struct Audio(Sender<Word>);

/// Audio that has no engine yet.
pub(crate) struct Prepared {
    words: Receiver<Word>,
    config: AudioConfig,
    clock: Clock,
    teller: Teller,
}

enum Word {
    Settings(Box<PhoneSettings>),
    Media { phone: Mac, account: Option<u8>, call: CallId, order: MediaOrder },
    Rings(CallId),
    Over(CallId),
    Figures(CallId, oneshot::Sender<Figures>),
    End,
}

impl AudioConfig {
    /// What the settings of a phone say of it.
    pub(crate) fn of(common: &CommonSettings) -> Self {
        Self { ports: common.rtp_ports, dscp: common.qos.rtp_dscp, ..Self::default() }
    }
}

impl Play {
    fn source(&self) -> Source {
        match self {
            Self::Silence => Source::Silence,
            Self::Sound(sound) => Source::Sound(Arc::clone(sound), Repeat::Forever),
            Self::Tone { hz, level_db } => Source::Tone { hz: *hz, level_db: *level_db },
        }
    }
}

impl Audio {
    /// `clock` is the engine's.
    pub(crate) fn prepare(config: AudioConfig, clock: &Clock, teller: Teller) -> (Self, Prepared) {
        let (sender, words) = channel();
        (Self(sender), Prepared { words, config, clock: clock.clone(), teller })
    }

    /// Tells the settings of a phone, which come before its calls.
    pub(crate) fn know(&self, settings: &PhoneSettings) {
        self.say(Word::Settings(Box::new(settings.clone())));
    }

    /// Takes what concerns the sound of calls out of an event of the engine.
    pub(crate) fn event(&self, event: &Event) {
        if let EventKind::Media { call, order } = &event.kind {
            let (phone, account) = (event.phone, event.account);
            self.say(Word::Media { phone, account, call: *call, order: order.clone() });
        } else if let EventKind::Call { id, direction, state, .. } = &event.kind {
            match (direction, state) {
                (Direction::In, CallState::Ringing) => self.say(Word::Rings(*id)),
                (_, CallState::Ended) => self.say(Word::Over(*id)),
                (Direction::In | Direction::Out, _) => {}
            }
        }
    }

    /// How the sound of a call does; none where it has none.
    pub(crate) async fn figures(&self, call: CallId) -> Option<Figures> {
        let (answer, figures) = oneshot::channel();
        self.say(Word::Figures(call, answer));
        let figures = tokio::time::timeout(FIGURES_WITHIN, figures).await;
        figures.ok()?.ok()
    }

    /// Ends the thread, once recordings are on the disk.
    pub(crate) fn end(&self) {
        self.say(Word::End);
    }

    fn say(&self, word: Word) {
        // After the end there is nobody to hear it, and nothing to be done.
        drop(self.0.send(word));
    }
}

impl Prepared {
    /// Carries out orders for `handle` from now on.
    pub(crate) fn start(self, handle: Handle<Endpoint>) -> Result<JoinHandle<()>, Failure> {
        let Self { words, config, clock, teller } = self;
        let reports = teller.clone();
        let voice = VoiceConfig {
            ports: config.ports,
            dscp: config.dscp,
            seed: u64::from_be_bytes(random()?),
            // A faster engine does not speak faster.
            clock: Clock::start(),
        };
        let voice = Voice::start(voice, move |call, report| reports.report(call, report));
        let worker = Worker {
            voice,
            handle,
            config,
            clock,
            teller,
            phones: BTreeMap::new(),
            begun: BTreeSet::new(),
            rings: BTreeMap::new(),
            recorded: false,
        };
        let builder = std::thread::Builder::new().name("audio".to_owned());
        builder.spawn(move || worker.run(&words)).map_err(Failure::failed)
    }
}

struct Worker {
    voice: Voice,
    handle: Handle<Endpoint>,
    config: AudioConfig,
    clock: Clock,
    teller: Teller,
    phones: BTreeMap<Mac, PhoneSettings>,
    /// Calls whose stream has begun.
    begun: BTreeSet<CallId>,
    /// Calls that are answered by themselves, and when.
    rings: BTreeMap<CallId, Instant>,
    recorded: bool,
}

impl Worker {
    fn run(mut self, words: &Receiver<Word>) {
        loop {
            self.answer_due();
            let due = self.rings.values().min();
            let word = match due {
                None => words.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => words.recv_timeout(self.clock.real(self.clock.now().until(*due))),
            };
            match word {
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) | Ok(Word::End) => return,
                Ok(word) => self.take(word),
            }
        }
    }

    fn take(&mut self, word: Word) {
        match word {
            Word::Settings(settings) => drop(self.phones.insert(settings.mac, *settings)),
            Word::Media { phone, account, call, order } => match order {
                MediaOrder::Open { .. } => self.open(phone, account, call),
                MediaOrder::Run(stream) => {
                    self.voice.run(key(call), *stream);
                    if self.begun.insert(call) {
                        self.record(call);
                    }
                }
                MediaOrder::Digits(digits) => {
                    if let Err(problem) = self.voice.digits(key(call), &digits, DIGIT_LASTS) {
                        self.teller.note(call, EventBody::Notice { text: problem.to_string() });
                    }
                }
                MediaOrder::Close => {
                    self.begun.remove(&call);
                    // Its figures come as a report.
                    drop(self.voice.close(key(call)));
                }
            },
            Word::Rings(call) => {
                if let Some(after) = self.config.auto_answer {
                    self.rings.insert(call, self.clock.now() + after);
                }
            }
            Word::Over(call) => drop(self.rings.remove(&call)),
            Word::Figures(call, answer) => {
                // The thread of the sound answers within a frame; whoever asked may have gone.
                if let Ok(figures) = self.voice.figures(key(call)).blocking_recv() {
                    drop(answer.send(figures));
                }
            }
            Word::End => {}
        }
    }

    fn open(&mut self, phone: Mac, account: Option<u8>, call: CallId) {
        let manner = Manner { dtmf: self.dtmf(phone, account), ..Manner::default() };
        let opened = self.voice.open(key(call), self.local(phone, account), manner);
        let report = opened.map_err(|error| error.to_string()).and_then(|opened| {
            let keys = srtp_keys().map_err(|error| error.to_string())?;
            let (_, random) = keys.first().ok_or("there is no suite for SRTP")?;
            let mut rtp = opened.rtp;
            if let Some(ip) = self.config.advertise.filter(|ip| ip.is_ipv4() == rtp.is_ipv4()) {
                rtp.set_ip(ip);
            }
            Ok(MediaReport::Opened { rtp, rtcp_port: opened.rtcp.port(), key: random.0 })
        });
        let report = report.unwrap_or_else(|text| {
            self.teller.note(call, EventBody::Notice { text });
            self.teller.closed(call, None);
            MediaReport::NoPort
        });
        self.voice.source(key(call), self.config.play.source());
        self.command(Command::Media { call, report });
    }

    /// The address of the engine's sockets; where it has both families, of that which the account's
    /// registration uses.
    fn local(&self, phone: Mac, account: Option<u8>) -> IpAddr {
        let bound = self.handle.bound();
        let listen = bound.listen.iter().filter(|(transport, _)| *transport == Transport::Tcp);
        let all: Vec<_> = bound.udp.iter().copied().chain(listen.map(|(_, addr)| *addr)).collect();
        let first = all.first().map_or(IpAddr::from([0, 0, 0, 0]), |addr| addr.ip());
        if all.iter().all(|addr| addr.is_ipv4() == first.is_ipv4()) {
            return first;
        }
        let seen = self.handle.inspect_blocking(move |endpoint, now| {
            let views = endpoint.views(now);
            let view = views.into_iter().find(|view| view.mac == phone)?;
            let account = view.accounts.into_iter().find(|it| Some(it.number) == account)?;
            let used = account.servers.into_iter().find_map(|server| server.last_used)?;
            Some(used.addr.is_ipv4())
        });
        let four = seen.ok().flatten().unwrap_or(true);
        let fitting = all.iter().find(|addr| addr.is_ipv4() == four);
        fitting.map_or(first, |addr| addr.ip())
    }

    fn dtmf(&self, phone: Mac, account: Option<u8>) -> DtmfMode {
        let accounts = self.phones.get(&phone).map(|it| it.accounts.as_slice()).unwrap_or_default();
        let account = accounts.iter().find(|it| Some(it.number) == account);
        match account.map(|account| account.policy.dtmf.dtmf_type) {
            Some(DtmfType::Inband) => DtmfMode::Tones,
            Some(DtmfType::Rfc2833 | DtmfType::Info | DtmfType::Rfc2833AndInfo) | None => {
                DtmfMode::Events
            }
        }
    }

    fn record(&mut self, call: CallId) {
        let Some(path) = &self.config.record else { return };
        let path = if self.recorded { numbered(path, call) } else { path.clone() };
        self.recorded = true;
        self.voice.record(key(call), path);
    }

    fn answer_due(&mut self) {
        let now = self.clock.now();
        let due: Vec<_> =
            self.rings.iter().filter(|(_, at)| **at <= now).map(|(call, _)| *call).collect();
        for call in due {
            self.rings.remove(&call);
            self.command(Command::Order { call, order: Order::Answer });
        }
    }

    fn command(&self, command: Command) {
        // An engine that has stopped has ended its calls.
        let _gone = self.handle.command_blocking(command);
    }
}

const fn key(call: CallId) -> CallKey {
    CallKey(call.0)
}

/// `call.wav` is `call-c2.wav` for the call c2.
fn numbered(path: &Path, call: CallId) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().map(|it| format!(".{}", it.to_string_lossy()));
    path.with_file_name(format!("{stem}-{call}{}", ending.unwrap_or_default()))
}

/// How long a key is pressed.
const DIGIT_LASTS: Duration = Duration::from_millis(160);
/// How long whoever asks for figures waits.
const FIGURES_WITHIN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_of_further_calls_have_names_of_their_own() {
        assert_eq!(numbered(Path::new("a/b.wav"), CallId(2)), Path::new("a/b-c2.wav"));
        assert_eq!(numbered(Path::new("b"), CallId(12)), Path::new("b-c12"));
    }
}
