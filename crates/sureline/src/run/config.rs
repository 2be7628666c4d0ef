//! The configuration of one phone: its files, what was changed while it ran, and what that means.

use std::collections::BTreeSet;

use desk::{Provisioned, Refused, Settings};
use fetch::Loaded;
use host::files;
use params::provision::{ChangedKey, ProvisionSettings, Saved};
use params::{
    Device, EditFault, FILE_BYTES_MAX, Finding, Interner, Key, Layer, Layers, Mac, ParamError,
    PhoneSettings, Problem, Row, Source, View, rows,
};

use super::engine::unreadable;
use super::kept::{Changes, Kept, digest};
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

/// The configuration of one phone.
pub(crate) struct Config {
    device: Device,
    files: Vec<SourceFile>,
    set: Vec<Assignment>,
    kept: Kept,
    reads: Vec<Read>,
    /// What provisioning gave; it lies above the files.
    given: Saved,
    /// Lies above the files, so that a change acts at once; what new files say is taken out of it.
    changes: Changes,
    layers: Layers,
    settings: PhoneSettings,
    errors: Vec<ParamError>,
    problems: Vec<String>,
}

/// What the layers come to.
struct Drawn {
    layers: Layers,
    settings: PhoneSettings,
    findings: Vec<Finding>,
    errors: Vec<ParamError>,
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
        kept: Kept,
    ) -> Result<Self, Failure> {
        let reads = read_all(&files)?;
        let changes = kept.open()?;
        let Loaded { saved: given, problem: damaged } = kept.given().load();
        let mut config = Self {
            device,
            files,
            set: set.to_vec(),
            kept,
            reads,
            given,
            changes,
            layers: Layers::default(),
            settings: Layers::default().settings(&device, &mut Interner::default()).0,
            errors: Vec::new(),
            problems: Vec::new(),
        };
        let unwritten = config.make_way_for_files();
        let drawn = config.draw(&config.reads, &config.given, &config.changes);
        let refused = drawn.findings.iter().filter(|finding| is_fatal(finding));
        let refused: Vec<_> = refused.map(ToString::to_string).collect();
        if !refused.is_empty() {
            return Err(Failure::Misused(refused.join("\n")));
        }
        config.adopt(drawn);
        config.problems.extend(unwritten.into_iter().chain(damaged));
        Ok(config)
    }

    pub(crate) fn mac(&self) -> Mac {
        self.device.mac
    }

    pub(crate) fn settings(&self) -> PhoneSettings {
        self.settings.clone()
    }

    /// The users of the web page and their passwords, and what stands for each and tells nothing.
    pub(crate) fn web_users(&self) -> Vec<(String, params::Secret, String)> {
        let users = self.layers.user_passwords().into_iter();
        users
            .map(|(name, password)| {
                let mark = self.kept.mark(password.reveal());
                (name.to_owned(), password, mark)
            })
            .collect()
    }

    /// What is wrong in the files, a line each.
    pub(crate) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// What this device makes of the layers.
    pub(super) fn view(&self) -> View<'_> {
        View::new(&self.layers, &self.device)
    }

    pub(super) fn kept(&self) -> &Kept {
        &self.kept
    }

    /// What differs from the defaults, as a file without secrets.
    pub(crate) fn export(&self) -> String {
        let Device { mac, model, firmware, .. } = self.device;
        self.layers.export(&format!("{model}, firmware {firmware}, {mac}"))
    }

    /// The account meant: the one given, else the lowest that is enabled.
    pub(crate) fn line(&self, account: Option<u8>) -> Result<u8, Refused> {
        let accounts = &self.settings.accounts;
        match account {
            Some(number) => self.existing(number),
            None => {
                let lowest = accounts.iter().find(|account| account.enabled);
                lowest.map(|account| account.number).ok_or_else(|| no_account(1))
            }
        }
    }

    /// The account, if the model has it.
    pub(super) fn existing(&self, account: u8) -> Result<u8, Refused> {
        let Device { model, .. } = self.device;
        if (1..=model.account_max()).contains(&account) {
            return Ok(account);
        }
        let text = format!("{model} has accounts 1 to {}", model.account_max());
        Err(Refused::NotFound(text))
    }

    /// The values of an account that act on this device, defaults included, secrets left out.
    pub(crate) fn account(&self, account: u8) -> Result<Settings, Refused> {
        let view = self.view();
        let of_account = rows().filter(|row| row.is_of_account() && !row.secret);
        let keys = of_account.flat_map(|row| keys_of(row, Some(account)));
        let settings = keys.filter(|key| view.acts(*key));
        Ok(settings.map(|key| (key.to_string(), view.value(key).to_owned())).collect())
    }

    /// Changes values of an account, all of them or none; gives the keys that changed.
    pub(crate) fn patch(&mut self, account: u8, patch: &Settings) -> Result<Vec<String>, Refused> {
        self.revise(Some(account), patch)
    }

    /// Changes values of an account, or those that belong to none: all of them, or none and every
    /// error by key.
    pub(super) fn revise(
        &mut self,
        account: Option<u8>,
        patch: &Settings,
    ) -> Result<Vec<String>, Refused> {
        let (mut values, mut errors) = (Vec::new(), Settings::new());
        for (name, value) in patch {
            match self.checked(account, name, value) {
                Ok(key) => values.push((key, value.as_str())),
                Err(problem) => {
                    errors.insert(name.clone(), problem);
                }
            }
        }
        if errors.is_empty() { self.take(&values) } else { Err(Refused::Invalid(errors)) }
    }

    /// Takes values that were checked one by one: sees whether they fit together, writes them, and
    /// only then lets them hold; gives the keys that changed.
    pub(super) fn take(&mut self, values: &[(Key, &str)]) -> Result<Vec<String>, Refused> {
        let changes = self.changes.with(values).map_err(|faults| refusal(&faults))?;
        let changes = changes.read_with(&self.digest());
        let drawn = self.draw(&self.reads, &self.given, &changes);
        let arisen = drawn.errors.iter().filter(|error| !self.is_known(error));
        let errors: Settings = arisen.map(error_at_field).collect();
        if !errors.is_empty() {
            return Err(Refused::Invalid(errors));
        }
        self.kept.write(&self.changes, &changes).map_err(Refused::Conflict)?;
        self.changes = changes;
        let before = self.layers.clone();
        self.adopt(drawn);
        Ok(keys(&self.changed_since(&before)))
    }

    /// Reads the files again; where one cannot be read or is none, everything stays as it is.
    pub(crate) fn reload(&mut self) -> Result<Provisioned, Refused> {
        let reads = read_all(&self.files).map_err(|failure| Refused::Conflict(text_of(failure)))?;
        let trial = self.draw(&reads, &self.given, &self.changes);
        if let Some(refused) = trial.findings.iter().find(|finding| finding.refuses_file()) {
            return Err(Refused::Conflict(refused.to_string()));
        }
        self.reads = reads;
        let changed = self.read_anew();
        let (changed, problems) = (keys(&changed), self.problems.clone());
        Ok(Provisioned { changed, problems, ..Provisioned::default() })
    }

    /// Takes what provisioning gives: writes it down, and only then lets it hold. `local` is the
    /// local file where it came back from the server. Where something is refused or cannot be
    /// written, everything stays as it is.
    pub(crate) fn give(
        &mut self,
        given: &Saved,
        local: Option<&[u8]>,
    ) -> Result<Vec<ChangedKey>, String> {
        let changes = match local {
            Some(local) => Changes { local: local.to_vec(), ..self.changes.clone() },
            None => self.changes.clone(),
        };
        let trial = self.draw(&self.reads, given, &changes);
        if let Some(refused) = trial.findings.iter().find(|finding| finding.refuses_file()) {
            return Err(refused.to_string());
        }
        self.kept.write(&self.changes, &changes)?;
        self.changes = changes;
        let store = self.kept.given();
        let unwritten = |error| format!("cannot write {}: {error}", store.path().display());
        store.keep(given).map_err(unwritten)?;
        self.given = given.clone();
        Ok(self.read_anew())
    }

    /// Whether files were named on the command line.
    pub(crate) fn has_files(&self) -> bool {
        !self.files.is_empty()
    }

    /// What provisioning gave.
    pub(crate) fn given(&self) -> &Saved {
        &self.given
    }

    /// How files are to be fetched.
    pub(crate) fn provision_settings(&self) -> ProvisionSettings {
        self.layers.provision_settings(&self.device)
    }

    /// What was changed on the phone, as a server is to keep it.
    pub(crate) fn local(&self) -> Vec<u8> {
        self.changes.for_server()
    }

    /// What the command line sets, as a file.
    pub(crate) fn set(&self) -> String {
        self.set.iter().map(|it| format!("{} = {}\n", it.key, it.value)).collect()
    }

    pub(crate) fn device(&self) -> Device {
        self.device
    }

    /// Lets the files hold as they are; gives the keys that changed.
    fn read_anew(&mut self) -> Vec<ChangedKey> {
        let unwritten = self.make_way_for_files();
        let before = self.layers.clone();
        self.adopt(self.draw(&self.reads, &self.given, &self.changes));
        self.problems.extend(unwritten);
        self.changed_since(&before)
    }

    /// Files that were not read before win over what was changed on the phone, unless that is
    /// protected; files that are as they were are not applied again. Says what cannot be written.
    fn make_way_for_files(&mut self) -> Option<String> {
        let digest = self.digest();
        if self.changes == Changes::default() || self.changes.were_read_with(&digest) {
            return None;
        }
        let sources: Vec<_> = sources(&self.reads, &self.given).collect();
        let (files, _) = Layers::load(&sources);
        let protected = self.protects(&files);
        let written: BTreeSet<Key> = files.assignments().iter().map(|it| it.key).collect();
        let is_static = |key: &Key| key.row().pattern.starts_with("static.");
        let overruled: Vec<_> =
            written.into_iter().filter(|key| !protected || is_static(key)).collect();
        // What is no configuration file any more is left as it is, and said when it is read.
        let changes = self.changes.without(&overruled).unwrap_or_else(|_| self.changes.clone());
        let changes = changes.read_with(&digest);
        let unwritten = self.kept.write(&self.changes, &changes).err();
        self.changes = changes;
        unwritten
    }

    fn protects(&self, files: &Layers) -> bool {
        let Some(key) = Key::of(PROTECT, [0, 0]) else { return false };
        let ordered = self.set.iter().rfind(|it| it.key == PROTECT);
        let written = || files.effective(key).map(|protect| protect.value);
        ordered.map(|it| it.value.as_str()).or_else(written) == Some("1")
    }

    fn digest(&self) -> String {
        digest(sources(&self.reads, &self.given).map(|source| source.bytes))
    }

    /// Lays the layers over one another and draws the settings from them.
    fn draw(&self, reads: &[Read], given: &Saved, changes: &Changes) -> Drawn {
        let set = self.set();
        let [local, fixed] = self.kept.names();
        let above = [
            Source { name: &fixed, layer: Layer::Mac, bytes: &changes.fixed },
            Source { name: &local, layer: Layer::Local, bytes: &changes.local },
            Source { name: "--set", layer: Layer::Set, bytes: set.as_bytes() },
        ];
        let sources: Vec<_> = sources(reads, given).chain(above).collect();
        let (layers, findings) = Layers::load_with(&sources, given.blank);
        let (settings, errors) = layers.settings(&self.device, &mut Interner::default());
        Drawn { layers, settings, findings, errors }
    }

    fn adopt(&mut self, drawn: Drawn) {
        self.problems = drawn.findings.iter().map(ToString::to_string).collect();
        self.problems.extend(drawn.errors.iter().map(ToString::to_string));
        (self.layers, self.settings) = (drawn.layers, drawn.settings);
        self.errors = drawn.errors;
    }

    fn is_known(&self, error: &ParamError) -> bool {
        self.errors.iter().any(|it| (it.key, &it.problem) == (error.key, &error.problem))
    }

    fn checked(&self, account: Option<u8>, name: &str, value: &str) -> Result<Key, String> {
        let key: Key = name.parse().map_err(|fault: params::KeyFault| fault.to_string())?;
        match (key.account() == account, account) {
            (true, _) => {}
            (false, Some(account)) => return Err(format!("is no key of account {account}")),
            (false, None) => return Err("is a key of an account".into()),
        }
        if !value.is_empty() {
            key.check(value).map_err(|fault| fault.to_string())?;
        }
        self.is_open(key)?;
        Ok(key)
    }

    /// Says why a change of the key would do nothing.
    pub(super) fn is_open(&self, key: Key) -> Result<(), String> {
        let on_command_line = |it: &params::Assignment| it.origin.layer == Layer::Set;
        if self.layers.assignments_of(key).any(on_command_line) {
            return Err("was set with --set, which wins for this run".into());
        }
        let Device { model, firmware, .. } = self.device;
        if !key.row().is_read_by(model, firmware) {
            return Err(format!("has no effect on {model} with firmware {firmware}"));
        }
        Ok(())
    }

    fn changed_since(&self, before: &Layers) -> Vec<ChangedKey> {
        let keys: BTreeSet<Key> = before.keys().chain(self.layers.keys()).collect();
        let (old, new) = (View::new(before, &self.device), self.view());
        let changed = keys.into_iter().filter(|key| old.value(*key) != new.value(*key));
        let from = |key| new.written(key).map_or(String::new(), |it| it.origin.to_string());
        changed
            .map(|key| ChangedKey { key: key.to_string().into(), from: from(key).into() })
            .collect()
    }
}

/// Files, and what provisioning gave above them.
fn sources<'a>(reads: &'a [Read], given: &'a Saved) -> impl Iterator<Item = Source<'a>> {
    reads.iter().map(Read::source).chain(given.sources())
}

fn keys(changed: &[ChangedKey]) -> Vec<String> {
    changed.iter().map(|it| it.key.to_string()).collect()
}

impl Read {
    fn source(&self) -> Source<'_> {
        Source { name: &self.name, layer: self.layer, bytes: &self.bytes }
    }
}

/// The keys of a row that belong to an account, or to none.
pub(super) fn keys_of(row: &Row, account: Option<u8>) -> impl Iterator<Item = Key> + use<> {
    let pattern = row.pattern;
    let has = |placeholder| pattern.split('.').any(|segment| segment == placeholder);
    let below = match (has("Y"), row.n_max) {
        (true, _) => 1..=2,
        (false, 0) => 0..=0,
        (false, n_max) => 1..=n_max,
    };
    below.filter_map(move |number| {
        let numbers = account.map_or([number, 0], |account| [u16::from(account), number]);
        Key::of(pattern, numbers)
    })
}

/// What is wrong, at the field where it can be mended.
fn error_at_field(error: &ParamError) -> (String, String) {
    if let Problem::RecordNotWhole { missing } = &error.problem {
        return (missing.to_string(), format!("is needed, since {} is set", error.key));
    }
    (error.key.to_string(), error.problem.to_string())
}

fn refusal(faults: &[EditFault]) -> Refused {
    let mut errors = Settings::new();
    for fault in faults {
        match fault {
            EditFault::Value { key, fault } => errors.insert(key.to_string(), fault.to_string()),
            EditFault::StaticInLocal(key) | EditFault::Repeated(key) => {
                errors.insert(key.to_string(), fault.to_string())
            }
            EditFault::NotAConfig(_) => {
                return Refused::Conflict(format!(
                    "what was changed before cannot be read: {fault}"
                ));
            }
        };
    }
    Refused::Invalid(errors)
}

/// Wrong use rather than a wrong value: a file that is none, or a mistake on the command line.
fn is_fatal(finding: &Finding) -> bool {
    finding.refuses_file() || finding.origin.layer == Layer::Set
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

fn text_of(failure: Failure) -> String {
    match failure {
        Failure::Failed(text) | Failure::Misused(text) => text,
        Failure::Said | Failure::Unread => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

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
            let kept = Kept::new(self.dir.path(), Device::default().mac, [0; 16]);
            Config::load(Device::default(), files, &set, kept)
        }
    }

    fn patch(pairs: &[(&str, &str)]) -> Settings {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    const LABEL: &str = "account.1.label";
    const NAME: &str = "account.1.display_name";

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
        // Files that are as they were are not applied again, at a restart neither.
        assert!(config.reload().unwrap().changed.is_empty());
        assert_eq!(bench.load(&[]).unwrap().account(1).unwrap()[LABEL], "desk");
    }

    #[test]
    fn new_files_overwrite_what_they_name_and_leave_the_rest_for_good() {
        let bench = Bench::new("account.1.label = file\n");
        let mut config = bench.load(&[]).unwrap();
        config.patch(1, &patch(&[(LABEL, "desk"), (NAME, "Desk")])).unwrap();
        bench.write("account.1.label = new\n");
        assert_eq!(config.reload().unwrap().changed, [LABEL]);
        for config in [config, bench.load(&[]).unwrap()] {
            let account = config.account(1).unwrap();
            assert_eq!((account[LABEL].as_str(), account[NAME].as_str()), ("new", "Desk"));
        }
        // The next change lies above the new file again.
        bench.load(&[]).unwrap().patch(1, &patch(&[(LABEL, "desk")])).unwrap();
        assert_eq!(bench.load(&[]).unwrap().account(1).unwrap()[LABEL], "desk");
    }

    #[test]
    fn a_key_that_is_static_is_changed_too_but_never_protected() {
        const TIMEOUT: &str = "static.network.dns.query_timeout";
        let bench = Bench::new(&format!("{PROTECT} = 1\n"));
        let mut config = bench.load(&[]).unwrap();
        config.revise(None, &patch(&[(TIMEOUT, "5")])).unwrap();
        assert_eq!(bench.load(&[]).unwrap().settings().common.dns.query_timeout_s, 5);
        bench.write(&format!("{PROTECT} = 1\n{TIMEOUT} = 7\n"));
        assert_eq!(bench.load(&[]).unwrap().settings().common.dns.query_timeout_s, 7);
    }

    #[test]
    fn values_that_do_not_fit_together_are_refused_at_the_field_that_mends_them() {
        let bench = Bench::new("");
        let mut config = bench.load(&[]).unwrap();
        let record = patch(&[("dns_cache_a.1.name", "pbx.test")]);
        let Err(Refused::Invalid(errors)) = config.revise(None, &record) else { panic!("taken") };
        assert_eq!(errors["dns_cache_a.1.ip"], "is needed, since dns_cache_a.1.name is set");
        assert!(config.settings().common.static_records.a.is_empty());
        let whole = patch(&[("dns_cache_a.1.name", "pbx.test"), ("dns_cache_a.1.ip", "192.0.2.1")]);
        assert_eq!(config.revise(None, &whole).unwrap().len(), 2);
        assert_eq!(config.settings().common.static_records.a.len(), 1);
    }

    #[test]
    fn what_cannot_be_kept_does_not_hold() {
        let bench = Bench::new("account.1.label = file\n");
        let mut config = bench.load(&[]).unwrap();
        fs::create_dir(bench.dir.path().join("001565000001-local.cfg")).unwrap();
        let refused = config.patch(1, &patch(&[(LABEL, "desk")]));
        assert!(matches!(refused, Err(Refused::Conflict(text)) if text.contains("cannot write")));
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
        assert!(!bench.dir.path().join("001565000001-local.cfg").exists());
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
