//! What the tests stand on: processes that end with their test, and a client for the lab's API.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// The longest that anything may take; what takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the command to its end.
pub(crate) fn sureline(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sureline"));
    command.args(args).env_remove("XDG_STATE_HOME").env("HOME", "/nonexistent");
    command.stdin(Stdio::null());
    command
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A process that prints lines; it is killed when its test is over.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
}

impl Process {
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::of(&mut command(args))
    }

    pub(crate) fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line in time")
    }

    /// The next event that fits, as JSON.
    pub(crate) fn event(&self, fits: impl Fn(&Value) -> bool) -> Value {
        let mut first = None;
        loop {
            let event: Value = serde_json::from_str(&self.line()).unwrap();
            if fits(&event) {
                return event;
            }
            // What happens meanwhile tells the time.
            let t = event["t"].as_f64().unwrap();
            assert!(t - *first.get_or_insert(t) < PATIENCE.as_secs_f64(), "the event in time");
        }
    }

    pub(crate) fn event_named(&self, name: &str) -> Value {
        self.event(|event| event["event"] == name)
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM; the exit status and everything said on standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        self.signal("-TERM");
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A laboratory at free ports, and a folder for its state and that of the phone.
pub(crate) struct Lab {
    pub(crate) process: Process,
    pub(crate) taken: Value,
    pub(crate) dir: tempfile::TempDir,
}

impl Lab {
    pub(crate) fn start(options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("lab");
        let state = state.to_str().unwrap();
        let fixed = ["lab", "--port", "0", "--json", "--state", state];
        let process = Process::start(&[&fixed, options].concat());
        let taken = serde_json::from_str(&process.line()).unwrap();
        Self { process, taken, dir }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn dns(&self) -> &str {
        self.taken["dns"].as_str().unwrap()
    }

    /// `udp/…` or `tls/…` of a server.
    pub(crate) fn hop(&self, server: &str, transport: &str) -> String {
        let servers = self.taken["servers"].as_array().unwrap();
        let server = servers.iter().find(|it| it["server"] == server).unwrap();
        format!("{transport}/{}", server[transport].as_str().unwrap())
    }

    pub(crate) fn fault(&self, words: &[&str]) {
        let state = self.path("lab");
        let args = [&["lab", "fault"], words, &["--state", &state]].concat();
        let output = sureline(&args);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (_, body) = self.ask("GET", path, "");
        serde_json::from_str(&body).unwrap()
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let api = self.taken["api"].as_str().unwrap().strip_prefix("http://").unwrap();
        ask(api, method, (path, ""), body)
    }

    /// A phone file with these lines besides an account that registers at the lab.
    pub(crate) fn phone_file(&self, lines: &str) -> PathBuf {
        let path = self.dir.path().join("001565000001.cfg");
        let text = format!(
            "account.1.enable = 1\naccount.1.user_name = 1001\naccount.1.auth_name = 1001\n\
             account.1.password = pw\naccount.1.sip_server.1.address = lab.test\n\
             account.1.sip_server.1.port = 0\naccount.1.sip_server.1.transport_type = 3\n\
             account.1.sip_server.1.expires = 60\n{lines}"
        );
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A file for the phone of `user`, which is 1001, 1002 and so on, with these lines besides.
    pub(crate) fn user_file(&self, user: &str, lines: &str) -> PathBuf {
        let path = self.dir.path().join(format!("00156500{user}.cfg"));
        let account = format!(
            "account.1.enable = 1\naccount.1.user_name = {user}\naccount.1.auth_name = {user}\n\
             account.1.password = pw\naccount.1.sip_server.1.address = lab.test\n\
             account.1.sip_server.1.port = 0\naccount.1.sip_server.1.transport_type = 3\n\
             account.1.sip_server.1.expires = 60\n{lines}"
        );
        std::fs::write(&path, account).unwrap();
        path
    }

    /// A phone on this file, its events on standard output.
    pub(crate) fn run(&self, file: &Path, options: &[&str]) -> Process {
        self.run_in(&self.path("phone"), file, options)
    }

    /// As [`Lab::run`], with another state folder.
    pub(crate) fn run_in(&self, state: &str, file: &Path, options: &[&str]) -> Process {
        let fixed = [
            "run",
            file.to_str().unwrap(),
            "--sip",
            "127.0.0.1:0",
            "--dns",
            self.dns(),
            "--no-web",
            "--json",
            "--state",
            state,
        ];
        Process::start(&[&fixed, options].concat())
    }

    /// A command for the running phone.
    pub(crate) fn tell_phone(&self, args: &[&str]) -> Output {
        let state = self.path("phone");
        sureline(&[args, &["--state", &state]].concat())
    }
}

/// One HTTP request written by hand; `head` is the path and further header lines.
pub(crate) fn ask(
    addr: &str,
    method: &str,
    (path, headers): (&str, &str),
    body: &str,
) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {addr}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}
