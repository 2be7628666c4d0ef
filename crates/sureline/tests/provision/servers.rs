//! Servers: programs of other people, and threads that answer as a test wants.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use host::Clock;
use net::Instant;

/// The longest that a program may take to be ready.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whether the programs are there. Where one is missing the test is skipped, said with its name; in
/// CI it is a failure.
pub(crate) fn has(programs: &[&str]) -> bool {
    for program in programs {
        let found = Command::new(program).arg("-V").stdin(Stdio::null()).output();
        if let Err(error) = found {
            let is_ci = std::env::var("CI").as_deref() == Ok("true");
            assert!(!is_ci, "in CI nothing may be missing: {program}: {error}");
            println!("skipped: the program {program}: {error} (see interop-packages.txt)");
            return false;
        }
    }
    true
}

/// Waits until `look` finds something.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let clock = Clock::start();
    let end = Instant::ZERO + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(clock.now() < end, "waited for {what}");
        pause(Duration::from_millis(20));
    }
}

/// Lets time pass: other programs do not say what they have done.
pub(crate) fn pause(span: Duration) {
    let (sender, never) = channel::<()>();
    assert_eq!(never.recv_timeout(span), Err(RecvTimeoutError::Timeout));
    drop(sender);
}

pub(crate) fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub(crate) fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program that ends with its test.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself. SIGTERM lets nginx end its worker.
        let pid = self.0.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        drop(self.0.wait());
    }
}

/// nginx on ports of its own, with the files of a folder.
pub(crate) struct Nginx {
    _program: Program,
    log: std::path::PathBuf,
}

impl Nginx {
    /// Serves `root` in `folder` with these `server` blocks, the first of which listens at `port`.
    pub(crate) fn start(folder: &Path, port: u16, blocks: &str) -> Self {
        let at = folder.display();
        let config = format!(
            "daemon off; worker_processes 1; user root; pid {at}/nginx.pid; \
             error_log {at}/error.log;\nevents {{}}\nhttp {{\n\
             log_format heard '$request_method $uri $status $remote_user|$http_user_agent';\n\
             access_log {at}/access.log heard;\n\
             client_body_temp_path {at}/body; proxy_temp_path {at}/proxy; \
             fastcgi_temp_path {at}/fastcgi; uwsgi_temp_path {at}/uwsgi; \
             scgi_temp_path {at}/scgi;\n{blocks}\n}}\n"
        );
        fs::create_dir_all(folder.join("root")).unwrap();
        fs::write(folder.join("nginx.conf"), config).unwrap();
        let conf = folder.join("nginx.conf");
        let mut command = Command::new("nginx");
        command.arg("-c").arg(conf).arg("-e").arg(folder.join("error.log"));
        let program = Program::start(&mut command);
        until("nginx", || TcpStream::connect(("127.0.0.1", port)).ok());
        Self { _program: program, log: folder.join("access.log") }
    }

    /// What was asked: method, path, status, user and agent of each request.
    pub(crate) fn heard(&self) -> Vec<String> {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

/// A server in a thread for each connection.
pub(crate) struct Odd {
    pub(crate) addr: SocketAddr,
    pub(crate) heard: Arc<Mutex<Vec<String>>>,
}

impl Odd {
    /// `answer` writes what comes after the head of a request.
    pub(crate) fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (heard, answer) = (Arc::new(Mutex::new(Vec::new())), Arc::new(answer));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
                let hearing: Arc<Mutex<Vec<String>>> = Arc::clone(&hearing);
                std::thread::spawn(move || {
                    let head = head(&mut stream);
                    hearing.lock().unwrap().push(head.clone());
                    answer(&head, &mut stream);
                });
            }
        });
        Self { addr, heard }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/x.cfg", self.addr)
    }

    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn head(stream: &mut TcpStream) -> String {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
    head
}

/// Writes a whole answer.
pub(crate) fn give(stream: &mut TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    // Who has heard enough closes.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

/// Reads what is left and forgets it, until the other side closes.
pub(crate) fn drain(stream: &mut TcpStream) {
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {}
}
