//! A phone that runs from a URL.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::bench::{Process, sureline, text};
use crate::servers::until;

/// One attempt that is given up after a second: a bad server costs no more.
pub(crate) const HASTY: [&str; 4] = [
    "--set",
    "static.auto_provision.attempt_before_failed=1",
    "--set",
    "static.auto_provision.attempt_expired_time=1",
];

/// A name that leads to loopback without DNS.
pub(crate) const NAMED: [&str; 4] =
    ["--set", "dns_cache_a.1.name=files.test", "--set", "dns_cache_a.1.ip=127.0.0.1"];

/// A running phone and its state folder.
pub(crate) struct Phone {
    pub(crate) process: Process,
    state: PathBuf,
}

impl Phone {
    /// Runs from `url`, with a state folder in `folder`.
    pub(crate) fn start(url: &str, folder: &Path, options: &[&str]) -> Self {
        let state = folder.join("phone");
        let process = Process::start(&[&arguments(url, state.to_str().unwrap()), options].concat());
        let phone = Self { process, state };
        let pid = phone.process.pid();
        // One of a process that was killed may lie there.
        until("the control file", || phone.control().filter(|control| control["pid"] == pid));
        phone
    }

    fn control(&self) -> Option<Value> {
        let control = std::fs::read(self.state.join("control.json")).ok()?;
        serde_json::from_slice(&control).ok()
    }

    /// Fetches files; what is printed, and whether it went well.
    pub(crate) fn provision(&self) -> Result<String, String> {
        let Output { status, stdout, stderr } = self.tell(&["provision"]);
        if status.success() { Ok(text(&stdout)) } else { Err(text(&stderr)) }
    }

    pub(crate) fn tell(&self, words: &[&str]) -> Output {
        sureline(&[words, &["--state", self.state.to_str().unwrap()]].concat())
    }

    /// The label of an account, as `status` shows it; blank where there is no such account.
    pub(crate) fn label(&self, account: u64) -> String {
        let status: Value =
            serde_json::from_slice(&self.tell(&["status", "--json"]).stdout).unwrap();
        let accounts = status["phones"][0]["accounts"].as_array().unwrap().clone();
        let found = accounts.iter().find(|it| it["account"] == account);
        found.map_or(String::new(), |it| it["label"].as_str().unwrap().to_owned())
    }

    /// Changes a value as the page does.
    pub(crate) fn change(&self, key: &str, value: &str) {
        let control = self.control().unwrap();
        let api = control["api"].as_str().unwrap().strip_prefix("http://").unwrap();
        let token = format!("Authorization: Bearer {}\r\n", control["token"].as_str().unwrap());
        let body = format!("{{\"{key}\":\"{value}\"}}");
        let (status, body) = crate::bench::ask(api, "PATCH", ("/api/accounts/1", &token), &body);
        assert_eq!(status, 200, "{body}");
    }

    /// Where it takes SIP over UDP.
    pub(crate) fn sip(&self) -> String {
        let control = self.control().unwrap();
        let all = control["sip"].as_array().unwrap().clone();
        let udp = all.iter().find_map(|it| it.as_str().unwrap().strip_prefix("udp/"));
        udp.unwrap().to_owned()
    }
}

pub(crate) fn arguments<'a>(url: &'a str, state: &'a str) -> [&'a str; 8] {
    ["run", url, "--state", state, "--sip", "127.0.0.1:0", "--no-web", "--json"]
}

/// What a phone says of its first provisioning, which fails; it goes on without files.
pub(crate) fn first_failure(url: &str, folder: &Path, options: &[&str]) -> String {
    let phone = Phone::start(url, folder, options);
    let (code, said) = phone.process.end();
    assert_eq!(code, Some(0), "{said}");
    let line = said.lines().find(|line| line.starts_with("provisioning (start): "));
    line.unwrap_or_else(|| panic!("no word of provisioning: {said}")).to_owned()
}
