//! One run: from the first file asked for to the report.

use std::collections::VecDeque;
use std::sync::Arc;

use net::{Instant, Reason};

use super::aes_ecb::AesKey;
use super::boot::{Boot, is_boot};
use super::inspect::{Ending, Sealing, plain};
use super::machine::{Answer, Context, FetchId, Output, Request, Verb};
use super::plan::{Server, Target, key_of};
use super::report::{
    ChangedKey, FetchFault, FileLine, News, Note, Outcome, Report, Trigger, Trouble,
};
use super::saved::{Saved, SavedFile, digest};
use super::settings::{ProvisionSettings, UploadMethod};
use super::url::{Login, Scheme, Url};
use crate::file::FILE_BYTES_MAX;
use crate::layers::{Blank, Layers, Source};
use crate::model::Firmware;
use crate::origin::Layer;

/// Files fetched one after the other, then taken together.
#[derive(Debug)]
pub(super) struct Run {
    trigger: Trigger,
    began: Instant,
    server: Server,
    phase: Phase,
    todo: VecDeque<Step>,
    files: Vec<SavedFile>,
    blank: Blank,
    outcome: Option<Outcome>,
    lines: Vec<FileLine>,
    notes: Vec<Note>,
    /// Whether the local file was asked for already.
    back: Back,
    upload: Upload,
}

/// The local file of the server.
#[derive(Debug)]
enum Back {
    NotAsked,
    Asked,
    Came(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Upload {
    NotTried,
    Tried,
}

/// How far a run is.
pub(super) enum Progress {
    /// Something is awaited.
    Open,
    /// It is over.
    Over(Outcome),
}

#[derive(Debug)]
enum Phase {
    /// Between two steps.
    Ready,
    /// A request is under way.
    Fetching(Attempt),
    /// Another attempt follows.
    Pausing { step: Step, number: u32, until: Instant },
    /// The owner keeps and applies the files.
    Taking { saved: Arc<Saved>, local: Option<Vec<u8>> },
}

/// One attempt at one file, redirects included.
#[derive(Clone, Debug)]
struct Attempt {
    step: Step,
    /// From 1.
    number: u32,
    hops: u32,
    /// Where it has led so far.
    at: Target,
    id: FetchId,
    until: Instant,
}

/// A file, and what it is for.
#[derive(Clone, Debug)]
struct Step {
    goal: Goal,
    target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Goal {
    /// `<mac>.boot`.
    OwnBoot,
    /// `y000000000000.boot`.
    SharedBoot,
    /// The one file that the address names, whatever it is.
    Named,
    /// A file with settings that need not be there.
    Settings,
    /// A file with settings that a boot file names.
    Include,
    /// The local file, for a phone that has none.
    LocalBack,
    /// The local file, for the server; this is what is sent.
    Upload(UploadMethod, Arc<[u8]>),
}

impl Run {
    pub(super) fn new(trigger: Trigger, began: Instant, server: Server) -> Self {
        Self {
            trigger,
            began,
            server,
            phase: Phase::Ready,
            todo: VecDeque::new(),
            files: Vec::new(),
            blank: Blank::Resets,
            outcome: None,
            lines: Vec::new(),
            notes: Vec::new(),
            back: Back::NotAsked,
            upload: Upload::NotTried,
        }
    }

    pub(super) fn report(self, outcome: Outcome) -> Report {
        let Self { trigger, began, lines: files, notes, .. } = self;
        Report { trigger, began, outcome, files, notes }
    }

    pub(super) fn next_timeout(&self) -> Option<(Instant, Reason)> {
        match &self.phase {
            Phase::Fetching(attempt) => Some((attempt.until, Reason("a file takes too long"))),
            Phase::Pausing { until, .. } => Some((*until, Reason("a file is asked for again"))),
            Phase::Ready | Phase::Taking { .. } => None,
        }
    }

    /// Asks for the first file.
    pub(super) fn begin(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.trigger == Trigger::LocalChange {
            self.outcome = Some(Outcome::NotDue);
            return self.upload_or_end(cx);
        }
        // Firmware 80 knows the old mechanism alone.
        let has_boot = cx.device().firmware >= Firmware::V81;
        if self.server.is_one_file() {
            self.add(Goal::Named, self.server.itself());
        } else if has_boot {
            self.add(Goal::OwnBoot, self.server.own_boot());
        } else if let Err(trouble) = self.add_old_files(cx) {
            return Progress::Over(Outcome::Failed(trouble));
        }
        self.go_on(cx)
    }

    /// A time has come.
    pub(super) fn on_time(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.next_timeout().is_none_or(|(due, _)| due > cx.now) {
            return Progress::Open;
        }
        match std::mem::replace(&mut self.phase, Phase::Ready) {
            Phase::Fetching(attempt) => {
                cx.out.push_back(Output::Cancel(attempt.id));
                return self.failed(attempt, FetchFault::TooSlow, cx);
            }
            Phase::Pausing { step, number, .. } => self.ask(step, number, cx),
            waits_for_no_time @ (Phase::Ready | Phase::Taking { .. }) => {
                self.phase = waits_for_no_time;
            }
        }
        Progress::Open
    }

    /// Something came of a request.
    pub(super) fn on_answer(
        &mut self,
        id: FetchId,
        answer: Answer,
        cx: &mut Context<'_>,
    ) -> Progress {
        let Phase::Fetching(attempt) = &self.phase else { return Progress::Open };
        if attempt.id != id {
            return Progress::Open;
        }
        let attempt = attempt.clone();
        self.phase = Phase::Ready;
        match answer {
            Answer::File { bytes, .. } if bytes.len() > FILE_BYTES_MAX => {
                self.failed(attempt, FetchFault::TooLarge, cx)
            }
            Answer::File { bytes, ending } => self.on_file(&attempt, bytes, ending, cx),
            Answer::Stored => self.on_stored(&attempt, cx),
            Answer::Moved(to) => self.on_moved(attempt, &to, cx),
            Answer::Missing => self.on_missing(&attempt, cx),
            Answer::Denied(status) => self.on_denied(&attempt, status, cx),
            Answer::Failed(fault) => self.failed(attempt, fault, cx),
        }
    }

    /// The owner has kept and applied the files, or not.
    pub(super) fn on_taken(
        &mut self,
        taken: Result<Vec<ChangedKey>, Box<str>>,
        cx: &mut Context<'_>,
    ) -> Progress {
        let Phase::Taking { saved, local } = &mut self.phase else { return Progress::Open };
        let (saved, local) = (Arc::clone(saved), local.take());
        self.phase = Phase::Ready;
        match taken {
            Ok(changed) => {
                cx.own.saved = Arc::unwrap_or_clone(saved);
                if let Back::Came(bytes) = &self.back {
                    cx.own.uploaded = Some(digest(bytes));
                }
                if let Some(local) = local {
                    cx.own.local = local;
                }
                self.outcome = Some(Outcome::Taken { changed });
                self.upload_or_end(cx)
            }
            Err(why) => over(Trouble::NotTaken(why)),
        }
    }

    fn add(&mut self, goal: Goal, target: Target) {
        self.todo.push_back(Step { goal, target });
    }

    fn add_old_files(&mut self, cx: &Context<'_>) -> Result<(), Box<Trouble>> {
        self.add(Goal::Settings, self.server.common_file());
        self.add(Goal::Settings, self.server.mac_file(&cx.own.settings)?);
        Ok(())
    }

    /// Asks for the next file; takes them all after the last.
    fn go_on(&mut self, cx: &mut Context<'_>) -> Progress {
        match self.todo.pop_front() {
            Some(step) => {
                self.ask(step, 1, cx);
                Progress::Open
            }
            None if self.outcome.is_some() => self.upload_or_end(cx),
            None => self.conclude(cx),
        }
    }

    fn ask(&mut self, step: Step, number: u32, cx: &mut Context<'_>) {
        let (at, until) = (step.target.clone(), cx.now + cx.own.settings.attempt_time);
        let id = cx.next_id();
        self.send(Attempt { step, number, hops: 0, at, id, until }, cx);
    }

    fn send(&mut self, attempt: Attempt, cx: &mut Context<'_>) {
        let verb = match &attempt.step.goal {
            Goal::Upload(method, bytes) => Verb::Store(*method, Arc::clone(bytes)),
            Goal::OwnBoot
            | Goal::SharedBoot
            | Goal::Named
            | Goal::Settings
            | Goal::Include
            | Goal::LocalBack => Verb::Get,
        };
        let request = Request {
            id: attempt.id,
            url: attempt.at.url.clone(),
            verb,
            login: attempt.at.login.clone(),
            user_agent: cx.user_agent(),
            bytes_max: FILE_BYTES_MAX,
            deadline: attempt.until,
        };
        cx.out.push_back(Output::Fetch(request));
        self.phase = Phase::Fetching(attempt);
    }

    fn on_file(
        &mut self,
        attempt: &Attempt,
        bytes: Vec<u8>,
        ending: Ending,
        cx: &mut Context<'_>,
    ) -> Progress {
        let (at, wanted) = (&attempt.at.url, &attempt.step.target.url);
        let taken = match attempt.step.goal {
            Goal::OwnBoot | Goal::SharedBoot => self.on_boot(at, &bytes, cx),
            Goal::Named if is_boot(&bytes) || wanted.last_segment().ends_with(".boot") => {
                self.on_boot(at, &bytes, cx)
            }
            Goal::Named | Goal::Settings | Goal::Include => {
                self.on_settings(wanted, bytes, ending, cx)
            }
            Goal::LocalBack => {
                self.on_local_back(wanted, bytes, ending, cx);
                Ok(())
            }
            // A server that answers an upload with a file has stored it as well.
            Goal::Upload(..) => return self.on_stored(attempt, cx),
        };
        match taken {
            Ok(()) => self.go_on(cx),
            Err(trouble) => Progress::Over(Outcome::Failed(trouble)),
        }
    }

    fn on_boot(&mut self, at: &Url, bytes: &[u8], cx: &Context<'_>) -> Result<(), Box<Trouble>> {
        let boot = Boot::parse(bytes, cx.device().model)
            .map_err(|why| Box::new(Trouble::NotABoot { url: at.clone(), why }))?;
        self.blank = boot.blank;
        let notes = boot.notes.into_iter();
        self.notes.extend(notes.map(|note| Note::Boot { url: at.clone(), note }));
        self.todo.clear();
        for include in &boot.includes {
            let target = self.server.include(at, &include.target, include.line)?;
            self.add(Goal::Include, target);
        }
        if boot.includes.is_empty() {
            self.outcome = Some(Outcome::NothingNamed);
        }
        Ok(())
    }

    fn on_settings(
        &mut self,
        url: &Url,
        bytes: Vec<u8>,
        ending: Ending,
        cx: &Context<'_>,
    ) -> Result<(), Box<Trouble>> {
        let layer = self.server.layer_of(url);
        let content = opened(url, layer, bytes, ending, &cx.own.settings)?;
        let name: Box<str> = url.to_string().into();
        let before = cx.own.saved.files.iter().find(|file| file.name == name);
        let news = match before {
            None => News::New,
            Some(before) if before.content == content => News::Same,
            Some(_) => News::Changed,
        };
        let (bytes, digest) = (content.len(), digest(&content));
        self.lines.push(FileLine { name: name.clone(), layer, bytes, digest, news });
        self.files.push(SavedFile { name, layer, content });
        let sum: usize = self.files.iter().map(|file| file.content.len()).sum();
        if sum > FILES_BYTES_MAX { Err(Box::new(Trouble::TooMuch)) } else { Ok(()) }
    }

    fn on_local_back(&mut self, url: &Url, bytes: Vec<u8>, ending: Ending, cx: &Context<'_>) {
        match opened(url, Layer::Mac, bytes, ending, &cx.own.settings) {
            Ok(content) => {
                let lines = content.split_inclusive(|byte| *byte == b'\n');
                // `static.` keys are never kept in the local file.
                let kept = lines.filter(|line| !line.trim_ascii_start().starts_with(b"static."));
                self.back = Back::Came(kept.flatten().copied().collect());
                self.notes.push(Note::LocalBack { url: url.clone() });
            }
            Err(trouble) => self.notes.push(Note::NotBack(trouble)),
        }
    }

    fn on_stored(&mut self, attempt: &Attempt, cx: &mut Context<'_>) -> Progress {
        match &attempt.step.goal {
            Goal::Upload(..) => {
                cx.own.uploaded = Some(digest(&cx.own.local));
                self.notes.push(Note::Uploaded { url: attempt.at.url.clone() });
                self.go_on(cx)
            }
            Goal::OwnBoot
            | Goal::SharedBoot
            | Goal::Named
            | Goal::Settings
            | Goal::Include
            | Goal::LocalBack => {
                let why = FetchFault::Protocol("stored, though nothing was sent");
                self.give_up(attempt, fetch_trouble(attempt, why), cx)
            }
        }
    }

    fn on_moved(&mut self, mut attempt: Attempt, to: &str, cx: &mut Context<'_>) -> Progress {
        let wanted = || attempt.step.target.url.clone();
        if attempt.hops >= HOPS_MAX {
            let trouble = Trouble::Redirects { url: wanted() };
            return self.give_up(&attempt, trouble, cx);
        }
        match redirected(&attempt.at, to, &attempt.step.goal) {
            Ok(target) => {
                attempt.hops += 1;
                attempt.at = target;
                attempt.id = cx.next_id();
                self.send(attempt, cx);
                Progress::Open
            }
            Err(why) => {
                let to = to.chars().filter(|c| !c.is_control()).take(LOCATION_MAX).collect();
                let trouble = Trouble::Redirect { url: wanted(), to, why };
                self.give_up(&attempt, trouble, cx)
            }
        }
    }

    fn on_missing(&mut self, attempt: &Attempt, cx: &mut Context<'_>) -> Progress {
        let url = attempt.step.target.url.clone();
        match attempt.step.goal {
            Goal::OwnBoot => self.add(Goal::SharedBoot, self.server.shared_boot()),
            Goal::SharedBoot => {
                if let Err(trouble) = self.add_old_files(cx) {
                    return Progress::Over(Outcome::Failed(trouble));
                }
            }
            Goal::Settings => {
                let name = url.to_string();
                if cx.own.saved.files.iter().any(|file| *file.name == *name) {
                    return over(Trouble::Gone { url });
                }
            }
            Goal::LocalBack => {}
            Goal::Named | Goal::Include | Goal::Upload(..) => {
                return self.give_up(attempt, Trouble::Missing { url }, cx);
            }
        }
        self.go_on(cx)
    }

    fn on_denied(&mut self, attempt: &Attempt, status: u16, cx: &mut Context<'_>) -> Progress {
        let url = attempt.at.url.clone();
        let is_boot = matches!(attempt.step.goal, Goal::OwnBoot | Goal::SharedBoot);
        // Stores of files answer 403 for what is not there.
        if is_boot && status == 403 {
            self.notes.push(Note::BootDenied { url, status });
            return self.on_missing(attempt, cx);
        }
        let had_login = attempt.at.login.is_some();
        self.give_up(attempt, Trouble::Denied { url, status, had_login }, cx)
    }

    fn failed(&mut self, attempt: Attempt, why: FetchFault, cx: &mut Context<'_>) -> Progress {
        if why.may_pass() && attempt.number < cx.own.settings.attempts {
            let until = cx.now + cx.own.settings.retry_delay;
            let (step, number) = (attempt.step, attempt.number + 1);
            self.phase = Phase::Pausing { step, number, until };
            return Progress::Open;
        }
        let trouble = fetch_trouble(&attempt, why);
        self.give_up(&attempt, trouble, cx)
    }

    /// A file will not come: the run is over, unless it was for local changes alone.
    fn give_up(&mut self, attempt: &Attempt, trouble: Trouble, cx: &mut Context<'_>) -> Progress {
        match attempt.step.goal {
            Goal::Upload(..) => self.notes.push(Note::NotUploaded(Box::new(trouble))),
            Goal::LocalBack => self.notes.push(Note::NotBack(Box::new(trouble))),
            Goal::OwnBoot | Goal::SharedBoot | Goal::Named | Goal::Settings | Goal::Include => {
                return over(trouble);
            }
        }
        self.go_on(cx)
    }

    /// All files are there.
    fn conclude(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.files.is_empty() {
            return over(Trouble::NothingThere { server: self.server.url.clone() });
        }
        if cx.own.saved.has_same_files(&self.files, self.blank) {
            self.outcome = Some(Outcome::Unchanged);
            return self.upload_or_end(cx);
        }
        let saved = Saved {
            files: self.files.clone(),
            blank: self.blank,
            kept: cx.own.saved.kept_beside(self.blank),
        };
        if saved.kept.len() > FILES_BYTES_MAX {
            return over(Trouble::TooMuch);
        }
        let coming = coming_settings(&saved, cx);
        let has_local = !cx.own.local.is_empty();
        let is_synced = coming.protect && coming.sync.is_some();
        if is_synced && !has_local && matches!(self.back, Back::NotAsked) {
            self.back = Back::Asked;
            self.add(Goal::LocalBack, self.server.local_file());
            return self.go_on(cx);
        }
        let local = match &self.back {
            Back::Came(bytes) => Some(bytes.clone()),
            Back::NotAsked | Back::Asked => None,
        };
        let saved = Arc::new(saved);
        cx.out.push_back(Output::Take { saved: Arc::clone(&saved), local: local.clone() });
        self.phase = Phase::Taking { saved, local };
        Progress::Open
    }

    fn upload_or_end(&mut self, cx: &mut Context<'_>) -> Progress {
        if self.upload == Upload::NotTried && cx.own.wants_upload() {
            self.upload = Upload::Tried;
            match upload(&cx.own.local, &cx.own.settings) {
                Ok(goal) => {
                    let target = self.server.local_file();
                    self.ask(Step { goal, target }, 1, cx);
                    return Progress::Open;
                }
                Err(trouble) => self.notes.push(Note::NotUploaded(trouble)),
            }
        }
        Progress::Over(self.outcome.take().unwrap_or(Outcome::NotDue))
    }
}

fn over(trouble: Trouble) -> Progress {
    Progress::Over(Outcome::Failed(Box::new(trouble)))
}

fn fetch_trouble(attempt: &Attempt, why: FetchFault) -> Trouble {
    Trouble::Fetch { url: attempt.at.url.clone(), attempts: attempt.number, why }
}

/// Where a server may lead to: never away from HTTP, never out of TLS, and a password of another
/// server stays behind.
fn redirected(from: &Target, to: &str, goal: &Goal) -> Result<Target, &'static str> {
    if matches!(goal, Goal::Upload(..)) {
        return Err("local changes are stored where they are to be, or not at all");
    }
    let (url, _) = from.url.join(to).map_err(|_| "that is no address of a file")?;
    match (from.url.scheme(), url.scheme()) {
        (Scheme::Http, Scheme::Http | Scheme::Https) | (Scheme::Https, Scheme::Https) => {}
        (Scheme::Https, Scheme::Http) => return Err("that would leave TLS"),
        (_, Scheme::Tftp | Scheme::Ftp) | (Scheme::Tftp | Scheme::Ftp, _) => {
            return Err("only HTTP leads elsewhere, and to HTTP alone");
        }
    }
    let login: Option<Login> = from.login.clone().filter(|_| from.url.trusts_with_login(&url));
    Ok(Target { url, login })
}

/// The plain text of a file with settings.
fn opened(
    url: &Url,
    layer: Layer,
    bytes: Vec<u8>,
    ending: Ending,
    settings: &ProvisionSettings,
) -> Result<Vec<u8>, Box<Trouble>> {
    let (written, key_name) = key_of(settings, layer);
    let key = (!written.is_blank()).then(|| AesKey::new(written)).transpose();
    let key = key.map_err(|_| Box::new(Trouble::AesKey(key_name)))?;
    let only_encrypted = settings.only_encrypted;
    let sealing = Sealing { key: key.as_ref(), key_name, only_encrypted };
    plain(bytes, ending, &sealing).map_err(|why| Box::new(Trouble::Unfit { url: url.clone(), why }))
}

/// The local file as it is sent.
fn upload(local: &[u8], settings: &ProvisionSettings) -> Result<Goal, Box<Trouble>> {
    let method = settings.sync.unwrap_or(UploadMethod::Put);
    if !settings.encrypt_upload {
        return Ok(Goal::Upload(method, local.into()));
    }
    let (written, key_name) = key_of(settings, Layer::Mac);
    let key = AesKey::new(written).map_err(|_| Box::new(Trouble::AesKey(key_name)))?;
    Ok(Goal::Upload(method, key.encrypt(local).into()))
}

/// The settings of provisioning as the new files have them.
fn coming_settings(saved: &Saved, cx: &Context<'_>) -> ProvisionSettings {
    let set = Source { name: "--set", layer: Layer::Set, bytes: cx.set() };
    let sources: Vec<_> = saved.sources().chain([set]).collect();
    let (layers, _) = Layers::load_with(&sources, saved.blank);
    layers.provision_settings(cx.device())
}

/// All files of one run together.
const FILES_BYTES_MAX: usize = 3 * FILE_BYTES_MAX;
/// behaviour.md §9: 5 redirects.
const HOPS_MAX: u32 = 5;
const LOCATION_MAX: usize = 200;
