//! The task that carries out what the machine of provisioning decides.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use host::Clock;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use net::{Instant, Rng};
use params::provision::{
    Answer, ChangedKey, FetchId, Input, LocalTime, Moment, Origins, Output, ProvisionSettings,
    Provisioner, Report, Request, Saved, Trigger,
};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use crate::Fetcher;

/// Who has the files: keeps and applies them.
///
/// It is called in the task of the provisioning, so it never waits for a [`Provisioning`].
pub trait Owner: Send + 'static {
    /// Writes the files down, as [`crate::Store::keep`] does, then applies them, whole or not at
    /// all; `local` is the local file where it came back from the server, to be written first.
    ///
    /// # Errors
    /// Says why everything stays as it was.
    fn take(
        &mut self,
        saved: &Saved,
        local: Option<&[u8]>,
    ) -> impl Future<Output = Result<Taken, String>> + Send;

    /// Hears how a run went, whoever asked for it.
    fn reported(&mut self, report: &Report) -> impl Future<Output = ()> + Send;
}

/// What taking files has come to.
pub struct Taken {
    /// The keys whose values changed, each with file and line.
    pub changed: Vec<ChangedKey>,
    /// How files are fetched from now on.
    pub settings: ProvisionSettings,
    /// Another fetcher, where name servers or certificates have changed.
    pub fetcher: Option<Fetcher>,
}

/// What a provisioning begins with.
pub struct ServiceConfig {
    /// Phone, address and command line.
    pub origins: Origins,
    /// What the phone was given before.
    pub saved: Saved,
    /// Its local file; blank where there is none.
    pub local: Vec<u8>,
    /// How files are fetched, as the settings have it.
    pub settings: ProvisionSettings,
    /// The clock of the process.
    pub clock: Clock,
    /// Differs from start to start.
    pub seed: u64,
}

/// The provisioning of one phone, as others reach it; cheap to clone. With the last clone it ends.
#[derive(Clone, Debug)]
pub struct Provisioning(mpsc::Sender<Order>);

/// The provisioning has ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the phone is ending")]
pub struct Ended;

enum Order {
    Run(Trigger, Option<oneshot::Sender<Report>>),
    Settings(Box<ProvisionSettings>),
    LocalFile(Vec<u8>),
}

/// Orders that wait.
const ORDERS_MAX: usize = 16;

impl Provisioning {
    /// Starts the task. It fetches nothing until it is told [`Trigger::Start`], or its time comes.
    #[must_use]
    pub fn spawn(
        config: ServiceConfig,
        fetcher: Fetcher,
        owner: impl Owner,
    ) -> (Self, JoinHandle<()>) {
        let (orders, taking) = mpsc::channel(ORDERS_MAX);
        let ServiceConfig { origins, saved, local, settings, clock, seed } = config;
        let rng = Rng::new(seed);
        let mut service = Service {
            machine: Provisioner::new(origins, saved, &rng),
            fetcher,
            owner,
            clock,
            requests: JoinSet::new(),
            under_way: Vec::new(),
            waiting: Vec::new(),
        };
        let first = [Input::LocalFile(local), Input::Settings(Box::new(settings))];
        let task = tokio::spawn(async move {
            for input in first {
                service.handle(input).await;
            }
            service.run(taking).await;
        });
        (Self(orders), task)
    }

    /// Fetches files, and waits for what comes of it.
    ///
    /// # Errors
    /// Where the phone ends.
    pub async fn run(&self, trigger: Trigger) -> Result<Report, Ended> {
        let (answer, report) = oneshot::channel();
        self.0.send(Order::Run(trigger, Some(answer))).await.map_err(|_| Ended)?;
        report.await.map_err(|_| Ended)
    }

    /// Fetches files; what comes of it is told to the owner.
    ///
    /// # Errors
    /// Where the phone ends.
    pub async fn begin(&self, trigger: Trigger) -> Result<(), Ended> {
        self.0.send(Order::Run(trigger, None)).await.map_err(|_| Ended)
    }

    /// Says how files are fetched from now on.
    ///
    /// # Errors
    /// Where the phone ends.
    pub async fn settings(&self, settings: ProvisionSettings) -> Result<(), Ended> {
        self.0.send(Order::Settings(Box::new(settings))).await.map_err(|_| Ended)
    }

    /// Says what the local file holds, once it is written.
    ///
    /// # Errors
    /// Where the phone ends.
    pub async fn local_file(&self, bytes: Vec<u8>) -> Result<(), Ended> {
        self.0.send(Order::LocalFile(bytes)).await.map_err(|_| Ended)
    }
}

struct Service<O> {
    machine: Provisioner,
    fetcher: Fetcher,
    owner: O,
    clock: Clock,
    requests: JoinSet<(FetchId, Answer)>,
    under_way: Vec<(FetchId, AbortHandle)>,
    /// Who waits for a run that began after they asked.
    waiting: Vec<(Instant, oneshot::Sender<Report>)>,
}

impl<O: Owner> Service<O> {
    async fn run(&mut self, mut orders: mpsc::Receiver<Order>) {
        loop {
            let due = self.machine.next_timeout().map(|(at, _)| self.clock.now().until(at));
            let wait = async {
                match due {
                    Some(due) => tokio::time::sleep(self.clock.real(due)).await,
                    None => pending().await,
                }
            };
            let input = tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => self.input_of(order),
                    None => return,
                },
                Some(answered) = self.requests.join_next() => match answered {
                    Ok((id, answer)) => Input::Fetched { id, answer },
                    // One that was given up.
                    Err(_) => continue,
                },
                () = wait => Input::Timeout,
            };
            self.handle(input).await;
        }
    }

    fn input_of(&mut self, order: Order) -> Input {
        match order {
            Order::Run(trigger, answer) => {
                let now = self.clock.now();
                self.waiting.extend(answer.map(|answer| (now, answer)));
                Input::Trigger(trigger)
            }
            Order::Settings(settings) => Input::Settings(settings),
            Order::LocalFile(bytes) => Input::LocalFile(bytes),
        }
    }

    /// Lets the machine take an input, and carries out what it wants, and what that leads to.
    async fn handle(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut out = VecDeque::new();
            self.machine.handle(self.moment(), input, &mut out);
            for output in out {
                match output {
                    Output::Fetch(request) => self.fetch(request),
                    Output::Cancel(id) => self.cancel(id),
                    Output::Take { saved, local } => {
                        inputs.extend(self.take(&saved, local.as_deref()).await);
                    }
                    Output::Report(report) => self.report(&report).await,
                }
            }
        }
    }

    fn fetch(&mut self, request: Request) {
        let (fetcher, id) = (self.fetcher.clone(), request.id);
        let task = self.requests.spawn(async move { (id, fetcher.fetch(&request).await) });
        self.under_way.retain(|(_, task)| !task.is_finished());
        self.under_way.push((id, task));
    }

    fn cancel(&mut self, id: FetchId) {
        for (_, task) in self.under_way.extract_if(.., |(other, _)| *other == id) {
            task.abort();
        }
    }

    async fn take(&mut self, saved: &Arc<Saved>, local: Option<&[u8]>) -> Vec<Input> {
        match self.owner.take(saved, local).await {
            Ok(Taken { changed, settings, fetcher }) => {
                self.fetcher = fetcher.unwrap_or_else(|| self.fetcher.clone());
                vec![Input::Settings(Box::new(settings)), Input::Taken(Ok(changed))]
            }
            Err(why) => vec![Input::Taken(Err(why.into()))],
        }
    }

    async fn report(&mut self, report: &Report) {
        if report.trigger != Trigger::LocalChange {
            let served = |(asked, _): &mut (Instant, _)| *asked <= report.began;
            for (_, answer) in self.waiting.extract_if(.., served) {
                // Who does not wait any more needs no answer.
                drop(answer.send(report.clone()));
            }
        }
        self.owner.reported(report).await;
    }

    fn moment(&self) -> Moment {
        let now = self.clock.now();
        let unix_us = i64::try_from(self.clock.wall(now).as_unix_micros()).unwrap_or(i64::MAX);
        let stamp = Timestamp::from_microsecond(unix_us).unwrap_or(Timestamp::MAX);
        let offset = TimeZone::system().to_offset(stamp);
        Moment { now, wall: LocalTime(stamp.as_second() + i64::from(offset.seconds())) }
    }
}
