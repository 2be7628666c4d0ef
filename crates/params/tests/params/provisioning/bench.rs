//! A phone's provisioning machine, its owner, and a scripted server, on one virtual clock.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use net::{Instant, Rng};
use params::provision::{
    Answer, ChangedKey, Ending, FetchFault, FetchId, Input, LocalTime, Moment, Origins, Outcome,
    Output, Provisioner, Report, Request, Saved, Trigger, Verb,
};
use params::{Device, Layer, Layers, Source};

/// What a server does with a request for one path.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// It sends a file.
    File(Vec<u8>),
    /// It sends a file and ends by closing the connection.
    Closing(Vec<u8>),
    /// It sends a file after so many seconds.
    Late(u64, Vec<u8>),
    /// It says nothing.
    Silent,
    /// It dies half-way.
    Cut,
    /// It answers with a status.
    Status(u16),
    /// It leads elsewhere.
    Moved(&'static str),
    /// It wants this password.
    Guarded(&'static str, Vec<u8>),
    /// It refuses the connection.
    Fails(FetchFault),
}

impl Reply {
    pub(crate) fn file(text: &str) -> Self {
        Self::File(text.as_bytes().to_vec())
    }
}

/// What is under way at the server.
struct UnderWay {
    id: FetchId,
    at: Instant,
    answer: Answer,
}

/// Machine, owner, server, clock.
pub(crate) struct Bench {
    pub(crate) machine: Provisioner,
    pub(crate) now: Instant,
    /// Local time at the start of the clock.
    pub(crate) wall: i64,
    /// By address; each reply is used up but the last. What is not here is not there.
    pub(crate) script: BTreeMap<String, VecDeque<Reply>>,
    /// Requests as `12.000 GET http://…`, with the user where a password is at hand.
    pub(crate) log: Vec<String>,
    pub(crate) agents: Vec<String>,
    pub(crate) reports: Vec<Report>,
    pub(crate) stored: BTreeMap<String, Vec<u8>>,
    /// What the owner holds: files, and the local file.
    pub(crate) held: Saved,
    pub(crate) local: Vec<u8>,
    /// What the owner answers instead of taking the files.
    pub(crate) refuses: Option<&'static str>,
    pub(crate) set: String,
    under_way: Vec<UnderWay>,
    device: Device,
}

pub(crate) const SERVER: &str = "http://pbx.test/cfg/";
pub(crate) const OWN_BOOT: &str = "http://pbx.test/cfg/001565000001.boot";
pub(crate) const SHARED_BOOT: &str = "http://pbx.test/cfg/y000000000000.boot";
pub(crate) const COMMON: &str = "http://pbx.test/cfg/y000000000028.cfg";
pub(crate) const MAC: &str = "http://pbx.test/cfg/001565000001.cfg";
pub(crate) const LOCAL: &str = "http://pbx.test/cfg/001565000001-local.cfg";

/// A Monday, 00:00.
pub(crate) const MONDAY: i64 = 20_458 * 86_400;

impl Bench {
    /// A phone that the command line gives the server and `set`.
    pub(crate) fn new(set: &str) -> Self {
        Self::of(Device::default(), Some(SERVER), set, Saved::default(), 1)
    }

    pub(crate) fn of(
        device: Device,
        given: Option<&str>,
        set: &str,
        saved: Saved,
        seed: u64,
    ) -> Self {
        let origins = Origins {
            device,
            given: given.map(Into::into),
            set: set.into(),
            version: "0.1.0".into(),
        };
        let mut bench = Self {
            machine: Provisioner::new(origins, saved.clone(), &Rng::new(seed)),
            now: Instant::ZERO,
            wall: MONDAY,
            script: BTreeMap::new(),
            log: Vec::new(),
            agents: Vec::new(),
            reports: Vec::new(),
            stored: BTreeMap::new(),
            held: saved,
            local: Vec::new(),
            refuses: None,
            set: set.to_owned(),
            under_way: Vec::new(),
            device,
        };
        bench.tell_settings();
        bench
    }

    /// The server gives these files and no others.
    pub(crate) fn serve(&mut self, files: &[(&str, &str)]) {
        self.script.clear();
        for (url, text) in files {
            self.script(url, vec![Reply::file(text)]);
        }
    }

    pub(crate) fn script(&mut self, url: &str, replies: Vec<Reply>) {
        self.script.insert(url.to_owned(), replies.into());
    }

    /// Begins a run and lets time pass until it is over.
    pub(crate) fn run(&mut self, trigger: Trigger) -> Report {
        let before = self.reports.len();
        self.handle(Input::Trigger(trigger));
        for _ in 0..10_000 {
            if let Some(report) = self.reports.get(before) {
                return report.clone();
            }
            let at = self.next().expect("a run that is not over waits for something");
            self.pass_to(at);
        }
        panic!("the run does not end");
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now + span;
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.pass_to(at);
        }
        self.now = end;
        self.handle(Input::Timeout);
    }

    pub(crate) fn user_changes(&mut self, local: &str) {
        self.local = local.as_bytes().to_vec();
        self.tell_settings();
        self.handle(Input::LocalFile(self.local.clone()));
    }

    pub(crate) fn value(&self, key: &str) -> String {
        let key = key.parse().unwrap();
        let layers = self.layers();
        layers.effective(key).map_or(String::new(), |effective| effective.value.to_owned())
    }

    pub(crate) fn layers(&self) -> Layers {
        let local = Source { name: "local", layer: Layer::Local, bytes: &self.local };
        let set = Source { name: "--set", layer: Layer::Set, bytes: self.set.as_bytes() };
        let sources: Vec<_> = self.held.sources().chain([local, set]).collect();
        Layers::load_with(&sources, self.held.blank).0
    }

    pub(crate) fn handle(&mut self, input: Input) {
        let wall = LocalTime(self.wall + i64::try_from(self.now.as_micros() / 1_000_000).unwrap());
        let mut out = VecDeque::new();
        self.machine.handle(Moment { now: self.now, wall }, input, &mut out);
        for output in out {
            match output {
                Output::Fetch(request) => self.serve_request(&request),
                Output::Cancel(id) => {
                    self.log.push(format!("{} cancel", shown(self.now)));
                    self.under_way.retain(|other| other.id != id);
                }
                Output::Take { saved, local } => self.take(&saved, local),
                Output::Report(report) => self.reports.push(*report),
            }
        }
    }

    fn tell_settings(&mut self) {
        let settings = self.layers().provision_settings(&self.device);
        self.handle(Input::Settings(Box::new(settings)));
    }

    /// The owner: it keeps and applies, then says what changed.
    fn take(&mut self, saved: &Saved, local: Option<Vec<u8>>) {
        if let Some(why) = self.refuses {
            return self.handle(Input::Taken(Err(why.into())));
        }
        let before = self.layers();
        self.held = Saved::parse(&saved.to_bytes()).unwrap();
        self.local = local.unwrap_or(std::mem::take(&mut self.local));
        let after = self.layers();
        let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let value = |layers: &Layers, key| layers.effective(key).map(|it| it.value.to_owned());
        let changed = keys.into_iter().filter(|key| value(&before, *key) != value(&after, *key));
        let changed = changed
            .map(|key| ChangedKey {
                key: key.to_string().into(),
                from: after.effective(key).map_or(String::new(), |it| it.origin.to_string()).into(),
            })
            .collect();
        self.tell_settings();
        self.handle(Input::Taken(Ok(changed)));
    }

    fn serve_request(&mut self, request: &Request) {
        let url = request.url.to_string();
        let user =
            request.login.as_ref().map_or(String::new(), |login| format!(" as {}", login.user));
        let verb = match &request.verb {
            Verb::Get => "GET",
            Verb::Store(_, bytes) => {
                self.stored.insert(url.clone(), bytes.to_vec());
                "PUT"
            }
        };
        self.log.push(format!("{} {verb} {url}{user}", shown(self.now)));
        self.agents.push(request.user_agent.to_string());
        assert!(request.deadline > self.now);
        let replies = self.script.get_mut(&url);
        let reply = replies.and_then(|replies| match replies.len() {
            0 | 1 => replies.front().cloned(),
            _ => replies.pop_front(),
        });
        let (delay, answer) = match reply {
            None if verb == "PUT" => (0, Answer::Stored),
            None => (0, Answer::Missing),
            Some(reply) => match answer(reply, request) {
                Some(answered) => answered,
                None => return,
            },
        };
        let at = self.now + Duration::from_secs(delay) + ROUND_TRIP;
        self.under_way.push(UnderWay { id: request.id, at, answer });
    }

    fn next(&self) -> Option<Instant> {
        let answers = self.under_way.iter().map(|it| it.at);
        answers.chain(self.machine.next_timeout().map(|(at, _)| at)).min()
    }

    fn pass_to(&mut self, at: Instant) {
        self.now = self.now.max(at);
        let due = self.under_way.iter().position(|it| it.at <= self.now);
        match due.map(|place| self.under_way.remove(place)) {
            Some(it) => self.handle(Input::Fetched { id: it.id, answer: it.answer }),
            None => self.handle(Input::Timeout),
        }
    }
}

const ROUND_TRIP: Duration = Duration::from_millis(1);

fn answer(reply: Reply, request: &Request) -> Option<(u64, Answer)> {
    let file = |bytes| Answer::File { bytes, ending: Ending::Told };
    Some(match reply {
        Reply::File(bytes) => (0, file(bytes)),
        Reply::Closing(bytes) => (0, Answer::File { bytes, ending: Ending::Closed }),
        Reply::Late(seconds, bytes) => (seconds, file(bytes)),
        Reply::Silent => return None,
        Reply::Cut => (0, Answer::Failed(FetchFault::CutOff)),
        Reply::Status(status @ (401 | 403)) => (0, Answer::Denied(status)),
        Reply::Status(404) => (0, Answer::Missing),
        Reply::Status(status) => (0, Answer::Failed(FetchFault::Status(status))),
        Reply::Moved(to) => (0, Answer::Moved(to.into())),
        Reply::Guarded(password, bytes) => {
            let fits = request.login.as_ref().is_some_and(|it| it.password.reveal() == password);
            (0, if fits { file(bytes) } else { Answer::Denied(401) })
        }
        Reply::Fails(fault) => (0, Answer::Failed(fault)),
    })
}

fn shown(at: Instant) -> String {
    format!("{:.1}", at.as_secs_f64())
}

/// The keys that a run changed.
pub(crate) fn changed(report: &Report) -> Vec<String> {
    let Outcome::Taken { changed } = &report.outcome else { panic!("not taken: {report}") };
    changed.iter().map(|it| it.key.to_string()).collect()
}

/// Why a run failed, in words.
pub(crate) fn trouble(report: &Report) -> String {
    let Outcome::Failed(trouble) = &report.outcome else { panic!("not failed: {report}") };
    trouble.to_string()
}
