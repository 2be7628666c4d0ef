//! The configuration of one phone: its files, what was changed while it ran, and what that means.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use desk::{Provisioned, Refused, Settings};
use host::files::{self, Access};
use params::{
    Device, FILE_BYTES_MAX, Finding, Interner, Key, Layer, Layers, Mac, PhoneSettings, Source,
    View, rows,
};

use super::engine::unreadable;
use super::local::no_account;
use super::sources::{Role, SourceFile};
use crate::cli::Assignment;
use crate::out::Failure;

/// What a file holds, in memory.
struct Read {
    name: String,
    layer: Layer,
    bytes: Vec<u8>,
}

/// Whether what was changed while the phone ran wins over the files.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LocalFile {
    /// It lies above them: a change acts at once.
    Wins,
    /// As `static.auto_provision.custom.protect` says: without it files win again when they are read.
    AsProtected,
}

/// The configuration of one phone.
pub(crate) struct Config {
    device: Device,
    files: Vec<SourceFile>,
    set: Vec<Assignment>,
    local: PathBuf,
    reads: Vec<Read>,
    layers: Layers,
    interner: Interner,
    settings: PhoneSettings,
    problems: Vec<String>,
}

/// The key that decides whether changes outlive provisioning.
const PROTECT: &str = "static.auto_provision.custom.protect";

impl Config {
    /// Reads everything; a file that cannot be read or is none is an error, a wrong value is a
    /// problem and keeps its former one.
    pub(crate) fn load(
        device: Device,
        files: Vec<SourceFile>,
        set: &[Assignment],
        local: PathBuf,
    ) -> Result<Self, Failure> {
        let reads = read_all(&files)?;
        let mut config = Self {
            device,
            files,
            set: set.to_vec(),
            local,
            reads,
            layers: Layers::default(),
            interner: Interner::default(),
            settings: Layers::default().settings(&device, &mut Interner::default()).0,
            problems: Vec::new(),
        };
        let local = config.read_local();
        let findings = config.build(&local, LocalFile::AsProtected);
        let refused = findings.iter().filter(|finding| is_fatal(finding));
        let refused: Vec<_> = refused.map(ToString::to_string).collect();
        if refused.is_empty() { Ok(config) } else { Err(Failure::Misused(refused.join("\n"))) }
    }

    pub(crate) fn mac(&self) -> Mac {
        self.device.mac
    }

    pub(crate) fn settings(&self) -> PhoneSettings {
        self.settings.clone()
    }

    /// What is wrong in the files, a line each.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// The account meant: the one given, else the lowest that is enabled.
    pub(crate) fn line(&self, account: Option<u8>) -> Result<u8, Refused> {
        let accounts = &self.settings.accounts;
        match account {
            Some(number) if number > self.device.model.account_max() || number == 0 => {
                Err(Refused::NotFound(format!(
                    "{} has accounts 1 to {}",
                    self.device.model,
                    self.device.model.account_max()
                )))
            }
            Some(number) => Ok(number),
            None => {
                let lowest = accounts.iter().find(|account| account.enabled);
                lowest.map(|account| account.number).ok_or_else(|| no_account(1))
            }
        }
    }

    /// The values of an account that act on this device, defaults included, secrets left out.
    pub(crate) fn account(&self, account: u8) -> Result<Settings, Refused> {
        let view = View::new(&self.layers, &self.device);
        let of_account = rows().filter(|row| row.is_of_account() && !row.secret);
        let keys = of_account.flat_map(|row| {
            let servers = if row.pattern.contains(".Y.") { 1..=2 } else { 0..=0 };
            servers.filter_map(|y| Key::of(row.pattern, [u16::from(account), y]))
        });
        let settings = keys.filter(|key| view.acts(*key));
        Ok(settings.map(|key| (key.to_string(), view.value(key).to_owned())).collect())
    }

    /// Changes values of an account, all of them or none; gives the keys that changed.
    pub(crate) fn patch(&mut self, account: u8, patch: &Settings) -> Result<Vec<String>, Refused> {
        let mut errors = Settings::new();
        let mut lines = parse_local(&self.read_local());
        for (key, value) in patch {
            match self.checked(account, key, value) {
                Ok(key) => {
                    lines.insert(key.to_string(), value.clone());
                }
                Err(problem) => {
                    errors.insert(key.clone(), problem);
                }
            }
        }
        if !errors.is_empty() {
            return Err(Refused::Invalid(errors));
        }
        let text = written(&lines);
        files::replace(&self.local, text.as_bytes(), Access::Private).map_err(|error| {
            Refused::Conflict(format!("cannot write {}: {error}", self.local.display()))
        })?;
        let before = self.layers.clone();
        self.build(text.as_bytes(), LocalFile::Wins);
        Ok(self.changed_since(&before))
    }

    /// Reads the files again; where one cannot be read or is none, everything stays as it is.
    pub(crate) fn reload(&mut self) -> Result<Provisioned, Refused> {
        let reads = read_all(&self.files).map_err(|failure| Refused::Conflict(text_of(failure)))?;
        let before = (self.layers.clone(), std::mem::replace(&mut self.reads, reads));
        let local = self.read_local();
        let findings = self.build(&local, LocalFile::AsProtected);
        if let Some(refused) = findings.iter().find(|finding| finding.refuses_file()) {
            let text = refused.to_string();
            self.reads = before.1;
            self.build(&local, LocalFile::AsProtected);
            return Err(Refused::Conflict(text));
        }
        Ok(Provisioned { changed: self.changed_since(&before.0), problems: self.problems.clone() })
    }

    fn read_local(&self) -> Vec<u8> {
        // It is there only once something was changed.
        fs::read(&self.local).unwrap_or_default()
    }

    /// Lays the layers over one another and draws the settings from them.
    fn build(&mut self, local: &[u8], place: LocalFile) -> Vec<Finding> {
        let set: String =
            self.set.iter().map(|it| format!("{} = {}\n", it.key, it.value)).collect();
        let name = self.local.display().to_string();
        let local = Source { name: &name, layer: Layer::Local, bytes: local };
        let set = Source { name: "--set", layer: Layer::Set, bytes: set.as_bytes() };
        let files = self.reads.iter();
        let mut sources: Vec<_> = files
            .map(|read| Source { name: &read.name, layer: read.layer, bytes: &read.bytes })
            .collect();
        if place == LocalFile::Wins || is_protected(&sources, set) {
            sources.push(local);
        } else {
            sources.insert(0, local);
        }
        sources.push(set);
        let (layers, findings) = Layers::load(&sources);
        let (settings, errors) = layers.settings(&self.device, &mut self.interner);
        self.interner.sweep();
        self.problems = findings.iter().map(ToString::to_string).collect();
        self.problems.extend(errors.iter().map(ToString::to_string));
        (self.layers, self.settings) = (layers, settings);
        findings
    }

    fn checked(&self, account: u8, key: &str, value: &str) -> Result<Key, String> {
        let parsed: Key = key.parse().map_err(|fault: params::KeyFault| fault.to_string())?;
        if parsed.account() != Some(account) {
            return Err(format!("is no key of account {account}"));
        }
        if !value.is_empty() {
            parsed.check(value).map_err(|fault| fault.to_string())?;
        }
        let on_command_line = |it: &params::Assignment| it.origin.layer == Layer::Set;
        if self.layers.assignments_of(parsed).any(on_command_line) {
            return Err("was set with --set, which wins for this run".into());
        }
        let view = View::new(&self.layers, &self.device);
        if !view.acts(parsed) {
            let Device { model, firmware, .. } = self.device;
            return Err(format!("has no effect on {model} with firmware {firmware}"));
        }
        Ok(parsed)
    }

    fn changed_since(&self, before: &Layers) -> Vec<String> {
        let keys: BTreeSet<Key> = before.keys().chain(self.layers.keys()).collect();
        let (old, new) = (View::new(before, &self.device), View::new(&self.layers, &self.device));
        let changed = keys.into_iter().filter(|key| old.value(*key) != new.value(*key));
        changed.map(|key| key.to_string()).collect()
    }
}

/// Wrong use rather than a wrong value: a file that is none, or a mistake on the command line.
fn is_fatal(finding: &Finding) -> bool {
    finding.refuses_file() || finding.origin.layer == Layer::Set
}

fn is_protected(sources: &[Source<'_>], set: Source<'_>) -> bool {
    let sources: Vec<_> = sources.iter().copied().chain([set]).collect();
    let (layers, _) = Layers::load(&sources);
    let protect = Key::of(PROTECT, [0, 0]).and_then(|key| layers.effective(key));
    protect.is_some_and(|protect| protect.value == "1")
}

fn read_all(files: &[SourceFile]) -> Result<Vec<Read>, Failure> {
    let read = |file: &SourceFile| {
        let limit = u64::try_from(FILE_BYTES_MAX).unwrap_or(u64::MAX);
        let bytes =
            files::read(&file.path, limit).map_err(|error| unreadable(&file.path, &error))?;
        let layer = match file.role {
            Role::Common => Layer::Common,
            Role::Mac => Layer::Mac,
        };
        Ok(Read { name: file.path.display().to_string(), layer, bytes })
    };
    files.iter().map(read).collect()
}

fn parse_local(bytes: &[u8]) -> Settings {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())).collect()
}

fn written(lines: &Settings) -> String {
    let lines = lines.iter().map(|(key, value)| format!("{key} = {value}\n"));
    format!("# What was changed while the phone ran.\n{}", lines.collect::<String>())
}

fn text_of(failure: Failure) -> String {
    match failure {
        Failure::Failed(text) | Failure::Misused(text) => text,
        Failure::Said | Failure::Unread => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
    }

    impl Bench {
        fn new(text: &str) -> Self {
            let bench = Self { dir: tempfile::tempdir().unwrap() };
            bench.write(text);
            bench
        }

        fn write(&self, text: &str) {
            fs::write(self.dir.path().join("001565000001.cfg"), text).unwrap();
        }

        fn load(&self, set: &[&str]) -> Result<Config, Failure> {
            let path = self.dir.path().join("001565000001.cfg");
            let set: Vec<Assignment> = set.iter().map(|it| it.parse().unwrap()).collect();
            let files = vec![SourceFile { path, role: Role::Mac }];
            Config::load(Device::default(), files, &set, self.dir.path().join("local.cfg"))
        }
    }

    fn patch(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const LABEL: &str = "account.1.label";

    #[test]
    fn a_wrong_value_is_said_with_file_and_line_and_keeps_the_default() {
        let bench = Bench::new("account.1.enable = 1\naccount.1.sip_server.1.expires = 5\n");
        let config = bench.load(&[]).unwrap();
        let [problem] = config.problems() else { panic!("{:?}", config.problems()) };
        assert!(
            problem.contains("001565000001.cfg:2: account.1.sip_server.1.expires = 5"),
            "{problem}"
        );
        assert!(problem.contains("3600 is kept"), "{problem}");
    }

    #[test]
    fn the_command_line_wins_and_a_mistake_there_is_wrong_use() {
        let bench = Bench::new("account.1.label = file\n");
        let config = bench.load(&["account.1.label=line"]).unwrap();
        assert_eq!(config.account(1).unwrap()[LABEL], "line");
        for wrong in ["account.1.sip_server.1.expires=5", "account.1.lable=x"] {
            assert!(matches!(bench.load(&[wrong]), Err(Failure::Misused(_))), "{wrong}");
        }
    }

    #[test]
    fn a_patch_acts_at_once_and_is_kept() {
        let bench = Bench::new("account.1.enable = 1\naccount.1.label = file\n");
        let mut config = bench.load(&[]).unwrap();
        let changed = config.patch(1, &patch(&[(LABEL, "desk")])).unwrap();
        assert_eq!(changed, [LABEL]);
        assert_eq!(config.account(1).unwrap()[LABEL], "desk");
        // Without protection provisioning overwrites it.
        assert_eq!(config.reload().unwrap().changed, [LABEL]);
        assert_eq!(config.account(1).unwrap()[LABEL], "file");
    }

    #[test]
    fn a_protected_change_outlives_provisioning() {
        let bench = Bench::new(&format!("{PROTECT} = 1\naccount.1.label = file\n"));
        bench.load(&[]).unwrap().patch(1, &patch(&[(LABEL, "desk")])).unwrap();
        assert_eq!(bench.load(&[]).unwrap().account(1).unwrap()[LABEL], "desk");
    }

    #[test]
    fn a_patch_with_one_wrong_value_changes_nothing_and_names_every_error() {
        let bench = Bench::new("account.1.label = file\n");
        let mut config = bench.load(&["account.1.display_name=set"]).unwrap();
        let wrong = patch(&[
            (LABEL, "desk"),
            ("account.1.sip_server.1.expires", "5"),
            ("account.2.label", "other"),
            ("account.1.lable", "x"),
            ("account.1.display_name", "x"),
            ("account.1.user_name", "a\r\nb"),
        ]);
        let Err(Refused::Invalid(errors)) = config.patch(1, &wrong) else { panic!("taken") };
        assert_eq!(errors.len(), 5, "{errors:?}");
        assert!(errors["account.1.sip_server.1.expires"].contains("30"), "{errors:?}");
        assert_eq!(config.account(1).unwrap()[LABEL], "file");
        assert!(!bench.dir.path().join("local.cfg").exists());
    }

    #[test]
    fn secrets_are_not_among_the_settings() {
        let bench = Bench::new("account.1.password = hidden\n");
        let settings = bench.load(&[]).unwrap().account(1).unwrap();
        assert!(settings.values().all(|value| value != "hidden"));
        assert!(settings.contains_key("account.1.sip_server.2.port"));
    }

    #[test]
    fn reading_again_tells_what_changed_and_a_broken_file_changes_nothing() {
        let bench = Bench::new("account.1.label = one\n");
        let mut config = bench.load(&[]).unwrap();
        bench.write("account.1.label = two\n");
        assert_eq!(config.reload().unwrap().changed, [LABEL]);
        bench.write("[ account ]\npath = /config/x\n");
        assert!(matches!(config.reload(), Err(Refused::Conflict(_))));
        assert_eq!(config.account(1).unwrap()[LABEL], "two");
    }

    #[test]
    fn a_file_that_is_none_or_missing_is_wrong_use() {
        let bench = Bench::new("[ account ]\n");
        assert!(matches!(bench.load(&[]), Err(Failure::Misused(text)) if text.contains("INI")));
        fs::remove_file(bench.dir.path().join("001565000001.cfg")).unwrap();
        assert!(matches!(bench.load(&[]), Err(Failure::Misused(text)) if text.contains("cfg: ")));
    }
}
