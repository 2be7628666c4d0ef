//! The phone of a cell: the program as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use net::Transport;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::child::{Child, Family};
use crate::knot;
use crate::matrix::{Dns, Row};
use crate::servers::{Server, sip_port};

/// Who the phone is.
pub(crate) const USER: &str = "1001";

/// What the phone asks for, in seconds: the least that the guide permits.
pub(crate) const EXPIRES_S: u32 = 30;

/// A running phone.
pub(crate) struct Phone {
    process: Child,
    state: PathBuf,
}

impl Phone {
    /// Starts it on the side of the network where the calling thread is.
    pub(crate) fn start(row: &Row, lines: &[String], folder: &Path) -> Self {
        let state = folder.join("state");
        fs::create_dir_all(&state).unwrap();
        let file = folder.join("001565000001.cfg");
        fs::write(&file, configuration(row, lines, folder)).unwrap();
        let text = |path: &Path| path.display().to_string();
        let (file, state_folder) = (text(&file), text(&state));
        let (events, dns) = (text(&folder.join("events.jsonl")), knot::ADDRESS.to_string());
        let args = [
            "run",
            &file,
            "--dns",
            &dns,
            "--no-web",
            "--state",
            &state_folder,
            "--events",
            &events,
        ];
        let log = folder.join("phone.log");
        Self { process: Child::start(PROGRAM, &args, Family::Single, &log), state }
    }

    /// What `sureline status` says about account 1, and its exit code.
    pub(crate) fn status(&self) -> (Value, Option<i32>) {
        let output = Command::new(PROGRAM)
            .args(["status", "--json", "--state"])
            .arg(&self.state)
            .output()
            .unwrap();
        let status: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        (status["phones"][0]["accounts"][0].clone(), output.status.code())
    }

    /// Ends it as a system does: it unregisters, and its exit code says that all went well.
    pub(crate) fn stop(self) {
        self.process.signal(Signal::SIGTERM);
        assert_eq!(self.process.wait().code(), Some(0), "SIGTERM is a clean end");
    }
}

/// The configuration file of the phone, written as the guide writes it.
fn configuration(row: &Row, lines: &[String], folder: &Path) -> String {
    let transport = row.transport;
    let (port, kind) = match row.dns {
        Dns::Naptr => (0, 3),
        Dns::Srv => (0, number(transport)),
        Dns::A => (sip_port(transport), number(transport)),
    };
    let mut all = vec![
        "account.1.enable = 1".to_owned(),
        format!("account.1.label = {USER}"),
        format!("account.1.user_name = {USER}"),
        format!("account.1.auth_name = {USER}"),
        "account.1.password = right".to_owned(),
        format!("account.1.sip_server.1.address = {}", knot::DOMAIN),
        format!("account.1.sip_server.1.port = {port}"),
        format!("account.1.sip_server.1.transport_type = {kind}"),
        format!("account.1.sip_server.1.expires = {EXPIRES_S}"),
    ];
    if transport == Transport::Tls {
        let authority = folder.join("ca.pem");
        all.push("static.security.ca_cert = 1".to_owned());
        all.push(format!("static.trusted_certificates.url = {}", authority.display()));
    }
    all.extend_from_slice(lines);
    all.extend(row.settings.iter().map(|(key, value)| format!("account.1.{key} = {value}")));
    all.join("\n") + "\n"
}

/// The lines that make the fallback server the phone's second one.
pub(crate) fn second_server(transport: Transport) -> Vec<String> {
    let server = Server::Fallback.addr(transport);
    vec![
        format!("account.1.sip_server.2.address = {}", server.ip()),
        format!("account.1.sip_server.2.port = {}", server.port()),
        format!("account.1.sip_server.2.transport_type = {}", number(transport)),
        format!("account.1.sip_server.2.expires = {EXPIRES_S}"),
    ]
}

/// `transport_type` of a transport.
const fn number(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 0,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    }
}

const PROGRAM: &str = env!("CARGO_BIN_EXE_sureline");
