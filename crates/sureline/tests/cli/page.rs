//! The web page asked by hand: who gets in, which forms are taken, what is never told.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::bench::Process;

/// A phone whose server does not exist, with its page.
struct Page {
    process: Process,
    addr: String,
    dir: tempfile::TempDir,
}

/// What came back.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

const PASSWORD: &str = "hidden-in-the-file";
const FILE: &str = "account.1.enable = 1\naccount.1.label = desk\naccount.1.user_name = 1001\n\
    account.1.password = hidden-in-the-file\naccount.1.sip_server.1.address = 127.0.0.1\n\
    account.1.sip_server.1.port = 9\n";
/// Every page that somebody can look at, and those for the administrator alone.
const SEEN: [&str; 3] = ["/status", "/status/log", "/security/password"];
const ADMINISTERED: [&str; 7] = [
    "/account/register",
    "/account/advanced?account=2",
    "/network/dns",
    "/settings/sip",
    "/settings/provision",
    "/settings/configuration",
    "/settings/configuration/export",
];

impl Page {
    fn start(more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("001565000001.cfg");
        fs::write(&file, format!("{FILE}{more}")).unwrap();
        let state = dir.path().join("state");
        let process = Process::start(&[
            "run",
            file.to_str().unwrap(),
            "--sip",
            "127.0.0.1:0",
            "--no-dns",
            "--web",
            "127.0.0.1:0",
            "--json",
            "--state",
            state.to_str().unwrap(),
        ]);
        let said = process.event_named("notice");
        let said = said["text"].as_str().unwrap();
        let addr = said.split("http://").nth(1).unwrap().trim_end_matches('/').to_owned();
        Self { process, addr, dir }
    }

    fn ask(&self, head: &str, more: &[&str], body: &str) -> Answer {
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let host = more.iter().any(|line| line.starts_with("Host:"));
        let mut request = format!("{head} HTTP/1.1\r\nConnection: close\r\n");
        if !host {
            request.push_str(&format!("Host: {}\r\n", self.addr));
        }
        more.iter().for_each(|line| request.push_str(&format!("{line}\r\n")));
        if !body.is_empty() {
            let form = "application/x-www-form-urlencoded";
            request
                .push_str(&format!("Content-Type: {form}\r\nContent-Length: {}\r\n", body.len()));
        }
        stream.write_all(format!("{request}\r\n{body}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    /// Logs in and gives the header that shows it.
    fn log_in(&self, name: &str, password: &str) -> String {
        let form = format!("username={name}&password={password}&next=/network/dns");
        let answer = self.ask("POST /login", &[], &form);
        assert_eq!((answer.status, answer.field("location")), (303, Some("/network/dns")));
        let cookie = answer.field("set-cookie").unwrap();
        assert!(cookie.contains("; httponly") && cookie.contains("; samesite=strict"), "{cookie}");
        format!("Cookie: {}", cookie.split(';').next().unwrap())
    }

    /// The form of a page as a browser would send it back, with some of its fields changed.
    fn form(&self, cookie: &str, path: &str, changed: &[(&str, &str)]) -> String {
        let page = self.ask(&format!("GET {path}"), &[cookie], "");
        assert_eq!(page.status, 200);
        let hidden = ["csrf", "revision", "read"].map(|name| (name, page.value(name)));
        let changed = changed.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let pairs: Vec<_> = hidden.into_iter().chain(changed).collect();
        let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", escaped(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The value of a hidden field.
    fn value(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&start).nth(1).unwrap_or_else(|| panic!("no {name}"));
        rest.split('"').next().unwrap().replace("&#34;", "\"").replace("&quot;", "\"")
    }
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    let each =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}

#[test]
fn nobody_sees_or_changes_anything_without_logging_in() {
    let page = Page::start("");
    for path in SEEN.iter().chain(&ADMINISTERED) {
        let answer = page.ask(&format!("GET {path}"), &[], "");
        assert_eq!(answer.status, 303, "{path}");
        assert!(answer.field("location").unwrap().starts_with("/login?next=/"), "{path}");
        assert_eq!(page.ask(&format!("POST {path}"), &[], "csrf=x").status, 401, "{path}");
    }
    assert_eq!(page.ask("GET /status/live", &["HX-Request: true"], "").status, 401);
    assert_eq!(page.ask("GET /api/status", &["Cookie: sureline_1=x"], "").status, 401);
    assert_eq!(page.ask("GET /nothing", &[], "").status, 404);
}

#[test]
fn guessing_passwords_takes_longer_each_time() {
    let page = Page::start("");
    let guess = || page.ask("POST /login", &[], "username=admin&password=guess").status;
    let statuses: Vec<_> = (0..5).map(|_| guess()).collect();
    assert_eq!(statuses[..3], [401, 401, 401]);
    assert!(statuses[3..].contains(&429), "{statuses:?}");
}

#[test]
fn pages_keep_to_themselves_and_tell_no_password() {
    let page = Page::start("");
    let cookie = page.log_in("admin", "admin");
    for path in
        SEEN.iter().chain(&ADMINISTERED).chain(&["/nothing", "/status/move?account=1&seq=1"])
    {
        let answer = page.ask(&format!("GET {path}"), &[&cookie], "");
        let policy = answer.field("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.field("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.field("cache-control"), Some("no-store"), "{path}");
        assert!(!answer.body.contains(PASSWORD), "{path} tells the password");
    }
    let kept = fs::read_to_string(page.dir.path().join("state/web.json")).unwrap();
    let token = cookie.split('=').nth(1).unwrap();
    assert!(!kept.contains(token), "the session's token is kept");
    let (code, said) = page.process.end();
    assert_eq!(code, Some(0));
    assert!(!said.contains(PASSWORD) && !said.contains(token), "{said}");
}

#[test]
fn a_form_is_taken_from_its_own_page_alone() {
    let page = Page::start("");
    let cookie = page.log_in("admin", "admin");
    let path = "/account/register?account=1";
    let post = format!("POST {path}");
    let label = [("account.1.label", "changed")];
    let form = page.form(&cookie, path, &label);
    let origin = format!("Origin: http://{}", page.addr);
    for (more, body) in [
        (vec![cookie.as_str()], form.replace("csrf=", "csrf=0")),
        (vec![&cookie], "account.1.label=changed".to_owned()),
        (vec![&cookie, "Origin: http://evil.test"], form.clone()),
        (vec![&cookie, "Origin: null"], form.clone()),
        (vec![&cookie, "Sec-Fetch-Site: cross-site"], form.clone()),
        (vec![&cookie, "Host: evil.test"], form.clone()),
    ] {
        assert_eq!(page.ask(&post, &more, &body).status, 403, "{more:?}");
    }
    let export = || page.ask("GET /settings/configuration/export", &[&cookie], "").body;
    assert!(export().contains("account.1.label = desk"));
    let answer = page.ask(&post, &[&cookie, &origin], &form);
    assert_eq!((answer.status, answer.field("location").is_some()), (303, true));
    assert!(export().contains("account.1.label = changed"));
    // What others send with the form belongs to other pages, and is left out.
    let stray = page.form(&cookie, path, &[("account.2.label", "x"), ("sip.timer_t1", "1")]);
    assert_eq!(page.ask(&post, &[&cookie], &stray).status, 303);
    assert!(!export().contains("account.2") && !export().contains("sip.timer_t1"));
}

#[test]
fn the_lowest_user_looks_and_changes_nothing() {
    // static.security.user_password gives the user a password; without one it cannot log in.
    let page = Page::start("static.security.user_password = user:reception\n");
    let cookie = page.log_in("user", "reception");
    for path in SEEN {
        assert_eq!(page.ask(&format!("GET {path}"), &[&cookie], "").status, 200, "{path}");
    }
    for path in ADMINISTERED {
        assert_eq!(page.ask(&format!("GET {path}"), &[&cookie], "").status, 403, "{path}");
        let answer = page.ask(&format!("POST {path}"), &[&cookie], "csrf=x");
        assert!([403, 405].contains(&answer.status), "{path}");
    }
    assert_eq!(page.ask("GET /api/status", &[&cookie], "").status, 401);
    let own = page.ask("GET /security/password", &[&cookie], "");
    assert!(!own.body.contains("<option value=\"admin\""), "another's password is offered");
    let form = format!(
        "csrf={}&user=admin&old_password=reception&new_password=long-enough&confirm_password=long-enough",
        own.value("csrf")
    );
    assert_eq!(page.ask("POST /security/password", &[&cookie], &form).status, 403);
}

#[test]
fn the_api_takes_the_session_of_the_page_and_its_form_token() {
    let page = Page::start("");
    let cookie = page.log_in("admin", "admin");
    let status = page.ask("GET /api/status", &[&cookie], "");
    let status: Value = serde_json::from_str(&status.body).unwrap();
    assert_eq!(status["phones"][0]["mac"], "001565000001");
    let patch = r#"{"account.1.label":"by api"}"#;
    let head = "PATCH /api/accounts/1";
    assert_eq!(page.ask(head, &[&cookie], patch).status, 401);
    assert_eq!(page.ask(head, &[&cookie, "X-CSRF-Token: 0"], patch).status, 401);
    let csrf = page.ask("GET /status", &[&cookie], "").value("csrf");
    let shown = format!("X-CSRF-Token: {csrf}");
    assert_eq!(page.ask(head, &[&cookie, &shown], patch).status, 200);
    let form = format!("csrf={csrf}");
    assert_eq!(page.ask("POST /logout", &[&cookie], &form).status, 303);
    assert_eq!(page.ask("GET /api/status", &[&cookie], "").status, 401);
}

#[test]
fn a_form_that_is_too_large_or_torn_is_refused() {
    let page = Page::start("");
    let cookie = page.log_in("admin", "admin");
    let large = format!("csrf={}", "x".repeat(6 << 20));
    assert_eq!(page.ask("POST /account/register", &[&cookie], &large).status, 413);
    assert_eq!(page.ask("POST /settings/configuration", &[&cookie], "csrf=x").status, 400);
    assert_eq!(page.ask("GET /account/register?account=17", &[&cookie], "").status, 404);
    assert_eq!(page.ask("GET /account/register?account=x", &[&cookie], "").status, 400);
    assert_eq!(page.ask("GET /status?phone=evil", &[&cookie], "").status, 404);
}
