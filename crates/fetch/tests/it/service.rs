//! The task of provisioning, from an order to files on the disk.

use std::sync::{Arc, Mutex};

use fetch::{Loaded, Owner, Provisioning, ServiceConfig, Store, Taken};
use host::Clock;
use params::provision::{Origins, Outcome, ProvisionSettings, Report, Saved, Trigger};
use params::{Device, Layers};

use crate::support::{Server, fetcher, ok};

/// Keeps what comes in a folder, and counts.
#[derive(Clone)]
struct Keeper {
    store: Store,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Owner for Keeper {
    async fn take(&mut self, saved: &Saved, _local: Option<&[u8]>) -> Result<Taken, String> {
        self.store.keep(saved).map_err(|error| error.to_string())?;
        let sources: Vec<_> = saved.sources().collect();
        let (layers, _) = Layers::load_with(&sources, saved.blank);
        let settings = layers.provision_settings(&Device::default());
        Ok(Taken { changed: Vec::new(), settings, fetcher: None })
    }

    async fn reported(&mut self, report: &Report) {
        self.reports.lock().unwrap().push(report.clone());
    }
}

fn begin(url: String, folder: &std::path::Path) -> (Provisioning, Keeper) {
    let device = Device::default();
    let store = Store::new(folder, device.mac);
    let keeper = Keeper { store, reports: Arc::default() };
    let config = ServiceConfig {
        origins: Origins {
            device,
            given: Some(url.into()),
            set: Vec::new(),
            version: "0.1.0".into(),
        },
        saved: keeper.store.load().saved,
        local: Vec::new(),
        settings: ProvisionSettings::default(),
        clock: Clock::start(),
        seed: 1,
    };
    let (provisioning, _task) = Provisioning::spawn(config, fetcher(), keeper.clone());
    (provisioning, keeper)
}

#[tokio::test]
async fn files_are_fetched_kept_and_known_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![ok("account.1.label = a\n")]).await;
    let (provisioning, keeper) = begin(server.url("/x.cfg"), folder.path());

    let report = provisioning.run(Trigger::Start).await.unwrap();
    assert!(matches!(report.outcome, Outcome::Taken { .. }), "{report}");
    assert_eq!(keeper.store.load().saved.files[0].content, b"account.1.label = a\n");
    assert_eq!(keeper.reports.lock().unwrap().len(), 1);

    let (provisioning, _) = begin(server.url("/x.cfg"), folder.path());
    let report = provisioning.run(Trigger::Demand).await.unwrap();
    assert_eq!(report.outcome, Outcome::Unchanged);
}

#[tokio::test]
async fn everybody_who_asks_gets_a_run_that_began_later() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![ok("account.1.label = a\n")]).await;
    let (provisioning, keeper) = begin(server.url("/x.cfg"), folder.path());
    provisioning.begin(Trigger::Start).await.unwrap();
    let (one, other) =
        tokio::join!(provisioning.run(Trigger::Demand), provisioning.run(Trigger::Demand));
    assert_eq!(one.unwrap().outcome, Outcome::Unchanged);
    assert_eq!(other.unwrap().outcome, Outcome::Unchanged);
    assert!(keeper.reports.lock().unwrap().len() <= 3);
}

#[tokio::test]
async fn files_that_cannot_be_kept_are_not_taken_and_the_disk_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(vec![ok("account.1.label = a\n")]).await;
    let gone = folder.path().join("gone");
    let (provisioning, keeper) = begin(server.url("/x.cfg"), &gone);
    let report = provisioning.run(Trigger::Start).await.unwrap();
    assert!(report.headline().contains("No such file or directory"), "{report}");
    assert_eq!(keeper.store.load(), Loaded::default());
}
