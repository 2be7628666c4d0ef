//! Taking over what a configuration file says, as if it were typed into forms.

use std::collections::BTreeMap;

use desk::{Provisioned, Refused, Settings};
use params::{Found, Key, Layer, Layers, Problem, Source, Verdict};

use super::config::Config;

/// How problems name the file.
const NAME: &str = "imported file";

/// Takes all that this phone reads; nothing where the file is none or a value is not permitted.
pub(super) fn import(config: &mut Config, file: &[u8]) -> Result<Provisioned, Refused> {
    let source = Source { name: NAME, layer: Layer::Mac, bytes: file };
    let (layers, findings) = Layers::load(&[source]);
    if let Some(refused) = findings.iter().find(|finding| finding.refuses_file()) {
        return Err(Refused::Conflict(refused.to_string()));
    }
    let mut errors = Settings::new();
    let mut problems = Vec::new();
    for finding in &findings {
        if let Found::Value(error) = &finding.found
            && matches!(error.problem, Problem::Refused { .. })
        {
            errors.insert(error.key.to_string(), finding.to_string());
        } else {
            problems.push(finding.to_string());
        }
    }
    if !errors.is_empty() {
        return Err(Refused::Invalid(errors));
    }
    let mut values = BTreeMap::new();
    for line in layers.assignments() {
        match open(config, line.key) {
            Ok(()) => {
                let value = match &line.verdict {
                    Verdict::Taken => &*line.value,
                    Verdict::TakenAs(value) | Verdict::Mended(value) => value,
                    Verdict::Blank | Verdict::Null | Verdict::Refused(_) => "",
                };
                values.insert(line.key, value);
            }
            Err(why) => {
                problems.push(format!("{}: {} {why}; it is left out", line.origin, line.key))
            }
        }
    }
    let values: Vec<_> = values.into_iter().collect();
    Ok(Provisioned { changed: config.take(&values)?, problems, ..Provisioned::default() })
}

fn open(config: &Config, key: Key) -> Result<(), String> {
    if key.row().repeated {
        return Err("has several lines, which cannot be imported".into());
    }
    if let Some(account) = key.account() {
        config.existing(account).map_err(|refused| format!("is not taken: {refused}"))?;
    }
    config.is_open(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::kept::Kept;
    use params::Device;

    const LABEL: &str = "account.1.label";

    fn config() -> (tempfile::TempDir, Config) {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::new(dir.path(), Device::default().mac, [0; 16]);
        (dir, Config::load(Device::default(), Vec::new(), &[], kept).unwrap())
    }

    #[test]
    fn what_the_phone_reads_is_taken_and_the_rest_is_said() {
        let (_dir, mut config) = config();
        let file = b"# from another phone\n\
            account.1.label = Desk\n\
            account.1.sip_server.1.failback_timeout = 5\n\
            static.network.dns.query_timeout = 4\n\
            account.1.lable = x\n\
            account.1.outbound_host = 192.0.2.1\n\
            static.security.user_password = admin:x\n";
        let done = import(&mut config, file).unwrap();
        assert_eq!(
            done.changed,
            [LABEL, "account.1.sip_server.1.failback_timeout", "static.network.dns.query_timeout"]
        );
        assert_eq!(config.account(1).unwrap()[LABEL], "Desk");
        assert_eq!(config.account(1).unwrap()["account.1.sip_server.1.failback_timeout"], "60");
        for part in ["lable", "failback_timeout", "outbound_host has no effect", "user_password"] {
            assert!(done.problems.iter().any(|it| it.contains(part)), "{part}: {done:?}");
        }
    }

    #[test]
    fn one_wrong_value_keeps_the_whole_file_out() {
        let (_dir, mut config) = config();
        let file = b"account.1.label = Desk\naccount.1.sip_server.1.expires = 5\n";
        let Err(Refused::Invalid(errors)) = import(&mut config, file) else { panic!("taken") };
        assert!(errors["account.1.sip_server.1.expires"].contains("imported file:2"), "{errors:?}");
        assert_eq!(config.account(1).unwrap()[LABEL], "");
    }

    #[test]
    fn what_is_no_configuration_file_changes_nothing() {
        let (_dir, mut config) = config();
        let page = import(&mut config, b"<!doctype html><title>404</title>");
        assert!(matches!(page, Err(Refused::Conflict(text)) if text.contains("web page")));
    }

    #[test]
    fn an_export_is_taken_back_without_a_change() {
        let (_dir, mut config) = config();
        let file = b"account.1.label = Desk\naccount.1.password = hush\n";
        import(&mut config, file).unwrap();
        let export = config.export();
        assert!(export.contains("account.1.label = Desk") && !export.contains("hush"), "{export}");
        assert!(import(&mut config, export.as_bytes()).unwrap().changed.is_empty());
    }
}
