//! What to fetch, when, and what to keep.
//!
//! | state | leaves it by | for |
//! |---|---|---|
//! | idle | a trigger, or its time | fetching the first file |
//! | fetching | a file, or that there is none | the next file; taking after the last |
//! | fetching | a failure, or the attempt's time | pausing; idle after the last attempt |
//! | pausing | its time | fetching the same file again |
//! | taking | the owner's answer | uploading, or idle |
//!
//! A trigger that comes meanwhile begins another run at the end of this one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use net::{Instant, Reason, Rng};

use super::calendar::{LocalTime, Window};
use super::inspect::Ending;
use super::plan::Server;
use super::report::{ChangedKey, FetchFault, Outcome, Report, Trigger, Trouble};
use super::run::{Progress, Run};
use super::saved::{Digest, Saved, digest};
use super::settings::{ProvisionSettings, UploadMethod};
use super::url::{Login, Url};
use crate::choices::ProvisionAgent;
use crate::mac::Mac;
use crate::view::Device;

/// A point in time: on the machine's clock, and on the wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Never runs backwards.
    pub now: Instant,
    /// May be set at any time.
    pub wall: LocalTime,
}

/// What happens to the machine.
#[derive(Clone, Debug)]
pub enum Input {
    /// Time has passed.
    Timeout,
    /// Files are wanted.
    Trigger(Trigger),
    /// Something came of a request; one that is cancelled or not known any more is ignored.
    Fetched {
        /// Which.
        id: FetchId,
        /// What.
        answer: Answer,
    },
    /// The owner has kept and applied what it was given, or has left everything as it was.
    Taken(Result<Vec<ChangedKey>, Box<str>>),
    /// The settings that hold, at the start and whenever they change.
    Settings(Box<ProvisionSettings>),
    /// What the local file holds, at the start and whenever the user changes it; blank: nothing.
    LocalFile(Vec<u8>),
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Fetch or store a file; [`Input::Fetched`] follows.
    Fetch(Request),
    /// Give up a request; no answer is awaited any more.
    Cancel(FetchId),
    /// Write this down, then apply it, whole or not at all: [`Input::Settings`] with what holds
    /// then follows, and [`Input::Taken`]. Without `static.auto_provision.custom.protect` these
    /// files win over what was changed on the phone.
    Take {
        /// The files.
        saved: Arc<Saved>,
        /// The local file, where it came back from the server; it is to be written first.
        local: Option<Vec<u8>>,
    },
    /// A run is over.
    Report(Box<Report>),
}

/// The number of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u64);

/// One request to one server: no redirect is followed, nothing is repeated but for a password.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its number.
    pub id: FetchId,
    /// The file.
    pub url: Url,
    /// What is done with it.
    pub verb: Verb,
    /// The password for this very server, if there is one: sent where the server asks for it.
    pub login: Option<Login>,
    /// The User-Agent of HTTP.
    pub user_agent: Arc<str>,
    /// The most bytes that are taken.
    pub bytes_max: usize,
    /// Until when an answer is awaited.
    pub deadline: Instant,
}

/// What is done with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verb {
    /// It is fetched.
    Get,
    /// It is stored.
    Store(UploadMethod, Arc<[u8]>),
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The file.
    File {
        /// Its bytes.
        bytes: Vec<u8>,
        /// How its end was known.
        ending: Ending,
    },
    /// It is stored.
    Stored,
    /// It lies elsewhere: the Location as the server wrote it.
    Moved(Box<str>),
    /// It is not there.
    Missing,
    /// The server does not give it to this user: 401 or 403.
    Denied(u16),
    /// Nothing came of it.
    Failed(FetchFault),
}

/// The provisioning of one phone; see the table above.
#[derive(Debug)]
pub struct Provisioner {
    device: Device,
    /// The address that the command line gives: it wins over the settings.
    given: Option<Box<str>>,
    /// What the command line sets, as a file.
    set: Vec<u8>,
    version: Box<str>,
    pub(super) settings: ProvisionSettings,
    pub(super) saved: Saved,
    pub(super) local: Vec<u8>,
    /// The local file that the server has.
    pub(super) uploaded: Option<Digest>,
    rng: Rng,
    fetches: u64,
    run: Option<Box<Run>>,
    /// What comes after this run.
    next: VecDeque<Trigger>,
    timers: BTreeMap<Timer, Instant>,
    /// The last moment that was seen.
    seen: Option<Moment>,
    /// Runs that failed in a row while the phone has no files at all.
    failures: u32,
}

/// Where a phone's files come from, beside its settings.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The phone.
    pub device: Device,
    /// The address that the command line gives; it wins over `static.auto_provision.server.url`.
    pub given: Option<Box<str>>,
    /// `KEY = VALUE` lines of the command line, which lie above all files.
    pub set: Vec<u8>,
    /// The version of the program, for User-Agent.
    pub version: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Repeat,
    Again,
    Calendar,
}

impl Provisioner {
    /// A machine for one phone that was given `saved` before; `rng` differs from start to start.
    #[must_use]
    pub fn new(origins: Origins, saved: Saved, rng: &Rng) -> Self {
        let Origins { device, given, set, version } = origins;
        Self {
            device,
            given,
            set,
            version,
            settings: ProvisionSettings::default(),
            saved,
            local: Vec::new(),
            uploaded: None,
            rng: rng.fork("provision"),
            fetches: 0,
            run: None,
            next: VecDeque::new(),
            timers: BTreeMap::new(),
            seen: None,
            failures: 0,
        }
    }

    /// Takes one input and says what is to be done.
    pub fn handle(&mut self, at: Moment, input: Input, out: &mut VecDeque<Output>) {
        match input {
            Input::Timeout => self.on_time(at.now, out),
            Input::Trigger(trigger) => self.on_trigger(at.now, trigger, out),
            Input::Fetched { id, answer } => {
                self.with_run(at.now, out, |run, cx| run.on_answer(id, answer, cx));
            }
            Input::Taken(taken) => self.with_run(at.now, out, |run, cx| run.on_taken(taken, cx)),
            Input::Settings(settings) => self.on_settings(at.now, *settings),
            Input::LocalFile(bytes) => self.on_local(at.now, bytes, out),
        }
        if let Some(trigger) = self.calendar_due(at) {
            self.on_trigger(at.now, trigger, out);
        }
        self.plan_calendar(at);
    }

    /// When it wants to be woken with [`Input::Timeout`], and why.
    #[must_use]
    pub fn next_timeout(&self) -> Option<(Instant, Reason)> {
        let timers = self.timers.iter().map(|(timer, at)| (*at, timer.reason()));
        timers.chain(self.run.as_deref().and_then(Run::next_timeout)).min()
    }

    /// What the phone has been given.
    #[must_use]
    pub fn saved(&self) -> &Saved {
        &self.saved
    }

    /// The server, without password; `None` where no address is known.
    #[must_use]
    pub fn server(&self) -> Option<Url> {
        Server::of(self.given.as_deref(), &self.settings, &self.device)
            .ok()
            .map(|server| server.url)
    }

    /// Whether files are being fetched or taken.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.run.is_some()
    }

    fn on_time(&mut self, now: Instant, out: &mut VecDeque<Output>) {
        self.with_run(now, out, Run::on_time);
        for (timer, trigger) in [(Timer::Repeat, Trigger::Repeat), (Timer::Again, Trigger::Again)] {
            if self.timers.get(&timer).is_some_and(|at| *at <= now) {
                self.timers.remove(&timer);
                self.on_trigger(now, trigger, out);
            }
        }
    }

    fn on_trigger(&mut self, now: Instant, trigger: Trigger, out: &mut VecDeque<Output>) {
        if self.run.is_some() {
            // One more run serves all who ask meanwhile, but a restart is not forgotten.
            let is_known = self.next.contains(&trigger)
                || (trigger == Trigger::LocalChange && !self.next.is_empty());
            if !is_known && self.next.len() < TRIGGERS_MAX {
                self.next.push_back(trigger);
            }
            return;
        }
        self.timers.remove(&Timer::Again);
        let is_asked = trigger == Trigger::Demand;
        let server = Server::of(self.given.as_deref(), &self.settings, &self.device);
        let is_off = trigger == Trigger::Start && !self.settings.power_on;
        match server {
            Ok(_) if is_off => self.end_at_once(now, trigger, Outcome::NotDue, out),
            Ok(server) => {
                self.run = Some(Box::new(Run::new(trigger, now, server)));
                self.with_run(now, out, Run::begin);
            }
            Err(trouble) if *trouble == Trouble::NoServer && !is_asked => {
                self.end_at_once(now, trigger, Outcome::NotDue, out);
            }
            Err(trouble) => self.end_at_once(now, trigger, Outcome::Failed(trouble), out),
        }
    }

    fn on_settings(&mut self, now: Instant, settings: ProvisionSettings) {
        let before = std::mem::replace(&mut self.settings, settings);
        if before.repeat != self.settings.repeat {
            self.plan_repeat(now);
        }
    }

    fn on_local(&mut self, now: Instant, bytes: Vec<u8>, out: &mut VecDeque<Output>) {
        let is_first = self.seen.is_none();
        let has_changed = self.local != bytes;
        self.local = bytes;
        if has_changed && !is_first && self.wants_upload() {
            self.on_trigger(now, Trigger::LocalChange, out);
        }
    }

    /// Whether the server is to have the local file and has it not.
    pub(super) fn wants_upload(&self) -> bool {
        self.settings.protect
            && self.settings.sync.is_some()
            && !self.local.is_empty()
            && self.uploaded != Some(digest(&self.local))
    }

    /// Lets the run take a step, and ends it where that was the last.
    fn with_run(
        &mut self,
        now: Instant,
        out: &mut VecDeque<Output>,
        step: impl FnOnce(&mut Run, &mut Context<'_>) -> Progress,
    ) {
        let Some(mut run) = self.run.take() else { return };
        let mut cx = Context { now, own: &mut *self, out: &mut *out };
        match step(&mut run, &mut cx) {
            Progress::Open => self.run = Some(run),
            Progress::Over(outcome) => {
                let report = run.report(outcome);
                self.end(now, report, out);
            }
        }
    }

    /// Says how a run went, plans what follows, and begins what has waited.
    fn end(&mut self, now: Instant, report: Report, out: &mut VecDeque<Output>) {
        if report.trigger != Trigger::LocalChange {
            self.plan_repeat(now);
            self.plan_again(now, &report);
        }
        out.push_back(Output::Report(Box::new(report)));
        if let Some(next) = self.next.pop_front() {
            self.on_trigger(now, next, out);
        }
    }

    /// The end of a run that was none.
    fn end_at_once(
        &mut self,
        now: Instant,
        trigger: Trigger,
        outcome: Outcome,
        out: &mut VecDeque<Output>,
    ) {
        let (files, notes) = (Vec::new(), Vec::new());
        self.end(now, Report { trigger, began: now, outcome, files, notes }, out);
    }

    fn plan_repeat(&mut self, now: Instant) {
        match self.settings.repeat {
            Some(every) => self.timers.insert(Timer::Repeat, now + every),
            None => self.timers.remove(&Timer::Repeat),
        };
    }

    /// A phone without any files tries again by itself; one that has files waits for its time.
    fn plan_again(&mut self, now: Instant, report: &Report) {
        let may_pass = match &report.outcome {
            Outcome::Failed(trouble) => match **trouble {
                Trouble::NoServer | Trouble::Address { .. } | Trouble::AesKey(_) => false,
                Trouble::Fetch { .. }
                | Trouble::Denied { .. }
                | Trouble::Missing { .. }
                | Trouble::Gone { .. }
                | Trouble::NothingThere { .. }
                | Trouble::Unfit { .. }
                | Trouble::NotABoot { .. }
                | Trouble::Redirects { .. }
                | Trouble::Redirect { .. }
                | Trouble::TooMuch
                | Trouble::NotTaken(_) => self.saved.files.is_empty(),
            },
            Outcome::Taken { .. }
            | Outcome::Unchanged
            | Outcome::NothingNamed
            | Outcome::NotDue => false,
        };
        if !may_pass {
            self.failures = 0;
            return;
        }
        let longest = AGAIN_MIN.saturating_mul(1 << self.failures.min(8)).min(AGAIN_MAX);
        self.failures = self.failures.saturating_add(1);
        let fifth = u64::try_from(longest.as_millis() / 5).unwrap_or_default();
        let less = Duration::from_millis(self.rng.below(fifth));
        self.timers.insert(Timer::Again, now + longest.saturating_sub(less));
    }

    fn windows(&self) -> impl Iterator<Item = (&Window, Trigger)> {
        let weekly = self.settings.weekly.iter().map(|window| (window, Trigger::Weekly));
        weekly.chain(self.settings.flexible.iter().map(|window| (window, Trigger::Flexible)))
    }

    /// The window whose time lies between the last moment and this one.
    fn calendar_due(&mut self, at: Moment) -> Option<Trigger> {
        let seen = self.seen.replace(at)?;
        let passed = i64::try_from(at.now.since(seen.now).as_secs()).unwrap_or(i64::MAX);
        let on_wall = at.wall.0.saturating_sub(seen.wall.0);
        // A wall clock that was set skips what lies between; summer time does not.
        if on_wall.abs_diff(passed) > CLOCK_STEP_S {
            return None;
        }
        let phone = self.device.mac.seed();
        let is_due = |window: &Window| {
            window.next(seen.wall, &self.rng, phone).is_some_and(|time| time <= at.wall)
        };
        self.windows().find(|(window, _)| is_due(window)).map(|(_, trigger)| trigger)
    }

    fn plan_calendar(&mut self, at: Moment) {
        let phone = self.device.mac.seed();
        let times = self.windows().filter_map(|(window, _)| window.next(at.wall, &self.rng, phone));
        let Some(time) = times.min() else {
            self.timers.remove(&Timer::Calendar);
            return;
        };
        let wait = u64::try_from(time.0.saturating_sub(at.wall.0)).unwrap_or_default();
        // The wall clock is looked at again before long, since nobody tells when it is set.
        let wait = Duration::from_secs(wait).min(CALENDAR_LOOK);
        self.timers.insert(Timer::Calendar, at.now + wait);
    }
}

/// What a run works with.
pub(super) struct Context<'a> {
    pub(super) now: Instant,
    pub(super) own: &'a mut Provisioner,
    pub(super) out: &'a mut VecDeque<Output>,
}

impl Context<'_> {
    pub(super) fn device(&self) -> &Device {
        &self.own.device
    }

    pub(super) fn set(&self) -> &[u8] {
        &self.own.set
    }

    pub(super) fn next_id(&mut self) -> FetchId {
        self.own.fetches += 1;
        FetchId(self.own.fetches)
    }

    pub(super) fn user_agent(&self) -> Arc<str> {
        user_agent(&self.own.settings, &self.own.device, &self.own.version)
    }
}

/// `Yealink SIP-T46G 28.81.0.25 00:15:65:aa:bb:cc` for servers that choose files by it, else ours.
fn user_agent(settings: &ProvisionSettings, device: &Device, version: &str) -> Arc<str> {
    let Device { mac, model, firmware, .. } = device;
    let name = match settings.agent {
        ProvisionAgent::Vendor => format!("Yealink {model} {}.{firmware}.0.25", model.code()),
        ProvisionAgent::Sureline => format!("sureline/{version}"),
    };
    let mac = settings.tells_mac.then(|| format!(" {}", Mac::with_colons(*mac)));
    format!("{name}{}", mac.unwrap_or_default()).into()
}

impl Timer {
    const fn reason(self) -> Reason {
        Reason(match self {
            Self::Repeat => "files are fetched again",
            Self::Again => "files are fetched, as there are none yet",
            Self::Calendar => "a window for fetching files",
        })
    }
}

/// Triggers that wait for a run to end.
const TRIGGERS_MAX: usize = 4;
/// A phone without files tries again after this, then twice as long, and so on.
const AGAIN_MIN: Duration = Duration::from_secs(30);
const AGAIN_MAX: Duration = Duration::from_secs(900);
/// A step of the wall clock of more than two hours is one that somebody made.
const CLOCK_STEP_S: u64 = 7200;
const CALENDAR_LOOK: Duration = Duration::from_secs(3600);
