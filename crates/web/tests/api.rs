//! The control API over real connections, asked by the client that the commands use.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use desk::remote::Remote;
use desk::{
    About, AccountStatus, CallAct, CallName, ControlFile, Desk, Dial, EventBody, EventLog, Events,
    Field, Line, Patch, Pending, PhoneStatus, Provisioned, Reading, Refused, Scope, Settings,
    Sheet, Stamp, Status, TraceLine, WhichCall,
};
use net::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use web::Access;

/// A desk with one phone of one account.
struct Table {
    log: EventLog,
    ordered: Mutex<Vec<Line>>,
    settings: Mutex<Settings>,
}

impl Desk for Table {
    fn status(&self) -> Pending<'_, Status> {
        Box::pin(async { Ok(status()) })
    }

    fn register(&self, line: Line) -> Pending<'_, Line> {
        Box::pin(async move {
            if line.account == Some(9) {
                return Err(Refused::NotFound("there is no account 9".into()));
            }
            if line.account == Some(8) {
                return Err(Refused::Conflict("account 8 is not enabled".into()));
            }
            self.ordered.lock().unwrap().push(line.clone());
            Ok(line)
        })
    }

    fn dial(&self, phone: Option<String>, order: Dial) -> Pending<'_, CallName> {
        let account = order.account.unwrap_or(1);
        Box::pin(
            async move { Ok(CallName { id: order.to, phone: phone.unwrap_or_default(), account }) },
        )
    }

    fn act(&self, call: WhichCall, act: CallAct) -> Pending<'_, CallName> {
        Box::pin(async move {
            if call.id.as_deref() == Some("c9") {
                return Err(Refused::Conflict("c9 is not up".into()));
            }
            let phone = call.phone.unwrap_or_default();
            Ok(CallName { id: format!("{:?} {act:?}", call.id), phone, account: 1 })
        })
    }

    fn settings(&self, _line: Line) -> Pending<'_, Settings> {
        Box::pin(async { Ok(self.settings.lock().unwrap().clone()) })
    }

    fn apply(&self, _line: Line, patch: Settings) -> Pending<'_, Settings> {
        Box::pin(async move {
            if patch.contains_key("account.1.sip_server.1.expires") {
                let error = ("account.1.sip_server.1.expires".into(), "30 to 2147483647".into());
                return Err(Refused::Invalid([error].into()));
            }
            self.settings.lock().unwrap().extend(patch);
            Ok(self.settings.lock().unwrap().clone())
        })
    }

    fn sheet(&self, scope: Scope) -> Pending<'_, Sheet> {
        let field = Field { value: "4605".into(), ..Field::default() };
        let fields = [(format!("{:?}", scope.account), field)].into();
        let sheet = Sheet {
            phone: scope.phone.unwrap_or_default(),
            model: "SIP-T46G".into(),
            firmware: 81,
            profile: "compat".into(),
            account_max: 16,
            revision: "r1".into(),
            fields,
        };
        Box::pin(async { Ok(sheet) })
    }

    fn revise(&self, _scope: Scope, patch: Patch) -> Pending<'_, Vec<String>> {
        Box::pin(async move {
            match patch.read_at.as_deref() {
                Some("r1") => Ok(patch.values.into_keys().collect()),
                _ => Err(Refused::Stale),
            }
        })
    }

    fn export(&self, phone: Option<String>) -> Pending<'_, String> {
        Box::pin(async { Ok(format!("# {}\n", phone.unwrap_or_default())) })
    }

    fn import(&self, _phone: Option<String>, file: Vec<u8>) -> Pending<'_, Provisioned> {
        let changed = vec![String::from_utf8(file).unwrap()];
        Box::pin(async { Ok(Provisioned { changed, ..Provisioned::default() }) })
    }

    fn provision(&self) -> Pending<'_, Provisioned> {
        Box::pin(async {
            Ok(Provisioned { changed: vec!["account.1.label".into()], ..Provisioned::default() })
        })
    }

    fn events(&self, since: Option<u64>, reading: Reading) -> Pending<'_, Events> {
        Box::pin(async move { Ok(Events::of(self.log.follow(since), reading)) })
    }

    fn trace(&self, around: u64) -> Pending<'_, Vec<TraceLine>> {
        let line = TraceLine {
            t: 1.0,
            direction: "out".into(),
            next_hop: "udp/192.0.2.1:5060".into(),
            message: format!("around {around}"),
        };
        Box::pin(async { Ok(vec![line]) })
    }
}

fn status() -> Status {
    let account = AccountStatus {
        account: 1,
        status: "Registered".into(),
        label: "4605".into(),
        current_server: Some("1".into()),
        current_proxy: None,
        redundancy: None,
        servers: vec![],
        next: vec![],
        subscriptions: vec![],
        last_moves: vec![],
        reason: None,
    };
    Status {
        version: "0.1.0".into(),
        phones: vec![PhoneStatus {
            mac: "001565000001".into(),
            model: "SIP-T46G".into(),
            firmware: 81,
            profile: "compat".into(),
            idle: true,
            accounts: vec![account],
            calls: vec![],
        }],
    }
}

fn notice(log: &EventLog, text: &str) {
    let stamp = Stamp::new(Instant::ZERO, "2026-01-01T00:00:00Z".parse().unwrap());
    let body = EventBody::Notice { text: text.into() };
    log.push(Instant::ZERO, &stamp, About::default(), body);
}

struct Running {
    table: Arc<Table>,
    addr: SocketAddr,
    end: oneshot::Sender<()>,
}

async fn running() -> Running {
    let table = Arc::new(Table {
        log: EventLog::new(),
        ordered: Mutex::default(),
        settings: Mutex::new([("account.1.label".into(), "4605".into())].into()),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = web::router(table.clone(), Access::by_token("secret"));
    let (end, ended) = oneshot::channel();
    tokio::spawn(web::serve(listener, router, async { drop(ended.await) }));
    Running { table, addr, end }
}

fn remote(running: &Running, token: &str) -> Remote {
    Remote::new(&ControlFile {
        pid: 1,
        api: format!("http://{}", running.addr),
        sip: vec![],
        token: token.into(),
    })
}

/// The answer to a request written by hand, head and body.
async fn raw(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn status_and_orders_arrive_as_they_were_meant() {
    let running = running().await;
    let remote = remote(&running, "secret");
    assert_eq!(remote.status().await.unwrap(), status());
    let line = Line { phone: Some("001565000001".into()), account: Some(1) };
    remote.register(line.clone()).await.unwrap();
    remote.register(Line::default()).await.unwrap();
    assert_eq!(*running.table.ordered.lock().unwrap(), [line, Line::default()]);
    assert_eq!(remote.provision().await.unwrap().changed, ["account.1.label"]);
    assert_eq!(remote.trace(7).await.unwrap()[0].message, "around 7");
}

#[tokio::test]
async fn calls_are_ordered_as_they_were_meant() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let phone = || Some("001565000001".to_owned());
    let order = Dial { account: Some(2), to: "1002@lab.test;x=1&y".into() };
    let call = remote.dial(phone(), order).await.unwrap();
    let name = |id: &str, account| CallName { id: id.into(), phone: phone().unwrap(), account };
    assert_eq!(call, name("1002@lab.test;x=1&y", 2));
    for act in [
        CallAct::Answer,
        CallAct::HangUp,
        CallAct::Hold,
        CallAct::Resume,
        CallAct::Transfer("sip:1003@lab.test".into()),
        CallAct::Digits("12#".into()),
    ] {
        let any = WhichCall { phone: phone(), id: None };
        let done = remote.act(any, act.clone()).await.unwrap();
        assert_eq!(done, name(&format!("None {act:?}"), 1));
    }
    let of = |id: &str| WhichCall { phone: None, id: Some(id.into()) };
    let refused = remote.act(of("c9"), CallAct::Hold).await;
    assert_eq!(refused, Err(Refused::Conflict("c9 is not up".into())));
    let refused = remote.act(of("c1/../x"), CallAct::Hold).await;
    assert!(matches!(refused, Err(Refused::NotFound(_))));
}

#[tokio::test]
async fn refusals_keep_their_kind_and_their_words() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let at = |account| Line { phone: None, account: Some(account) };
    let refused = remote.register(at(9)).await.unwrap_err();
    assert_eq!(refused, Refused::NotFound("there is no account 9".into()));
    let refused = remote.register(at(8)).await.unwrap_err();
    assert_eq!(refused, Refused::Conflict("account 8 is not enabled".into()));
}

#[tokio::test]
async fn settings_change_all_together_or_not_at_all() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let label: Settings = [("account.1.label".into(), "desk".into())].into();
    let after = remote.apply(Line::default(), label).await.unwrap();
    assert_eq!(after["account.1.label"], "desk");
    let wrong: Settings = [("account.1.sip_server.1.expires".into(), "5".into())].into();
    let Refused::Invalid(errors) = remote.apply(Line::default(), wrong).await.unwrap_err() else {
        panic!("an impossible value was taken");
    };
    assert_eq!(errors["account.1.sip_server.1.expires"], "30 to 2147483647");
}

#[tokio::test]
async fn forms_are_read_and_revised_as_they_were_meant() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let scope = Scope { phone: Some("001565000001".into()), account: Some(2) };
    let sheet = remote.sheet(scope.clone()).await.unwrap();
    assert_eq!((sheet.phone.as_str(), sheet.revision.as_str()), ("001565000001", "r1"));
    assert_eq!(sheet.fields["Some(2)"].value, "4605");
    assert!(remote.sheet(Scope::default()).await.unwrap().fields.contains_key("None"));
    let values: Settings = [("account.2.label".into(), "desk".into())].into();
    let patch = |read_at: &str| Patch { values: values.clone(), read_at: Some(read_at.into()) };
    assert_eq!(remote.revise(scope.clone(), patch("r1")).await.unwrap(), ["account.2.label"]);
    assert_eq!(remote.revise(scope, patch("r0")).await, Err(Refused::Stale));
    assert_eq!(remote.export(None).await.unwrap(), "# \n");
    let file = b"account.1.label = x\n".to_vec();
    assert_eq!(remote.import(None, file).await.unwrap().changed, ["account.1.label = x\n"]);
}

#[tokio::test]
async fn nobody_without_the_token_gets_anything() {
    let running = running().await;
    assert_eq!(remote(&running, "guess").status().await, Err(Refused::Unauthorized));
    for path in ["/api/status", "/api/events", "/api/openapi.json", "/api/nothing"] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let answer = raw(running.addr, &request).await;
        assert!(answer.starts_with("HTTP/1.1 401 "), "{path}: {answer}");
        assert!(answer.contains(r#"{"error":"#), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_foreign_page_and_a_rebound_name_are_sent_away() {
    let running = running().await;
    for header in ["Host: evil.test", "Host: 127.0.0.1\r\nOrigin: http://evil.test"] {
        let request = format!(
            "GET /api/status HTTP/1.1\r\n{header}\r\nAuthorization: Bearer secret\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = raw(running.addr, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{header}: {answer}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_in_json() {
    let running = running().await;
    for (head, status) in [
        ("GET /api/nothing HTTP/1.1", "404"),
        ("DELETE /api/status HTTP/1.1", "405"),
        ("GET /api/trace HTTP/1.1", "400"),
        ("GET /api/accounts/x HTTP/1.1", "404"),
        ("PATCH /api/accounts/1 HTTP/1.1", "400"),
    ] {
        let request = format!(
            "{head}\r\nHost: 127.0.0.1\r\nAuthorization: Bearer secret\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(running.addr, &request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
        assert!(answer.contains(r#"{"error":"#), "{head}: {answer}");
    }
}

#[tokio::test]
async fn events_come_from_where_the_reader_was_and_go_on() {
    let running = running().await;
    let remote = remote(&running, "secret");
    notice(&running.table.log, "one");
    notice(&running.table.log, "two");
    let mut held = remote.events(None, Reading::Held).await.unwrap();
    let (first, second) = (held.next().await.unwrap(), held.next().await.unwrap());
    assert_eq!((first.seq, second.seq, held.next().await), (1, 2, None));
    let mut following = remote.events(Some(1), Reading::Following).await.unwrap();
    assert_eq!(following.next().await.unwrap(), second);
    notice(&running.table.log, "three");
    assert_eq!(following.next().await.unwrap().seq, 3);
    running.table.log.close();
    assert_eq!(following.next().await, None);
}

#[tokio::test]
async fn the_end_of_the_server_ends_an_open_stream() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let mut following = remote.events(None, Reading::Following).await.unwrap();
    running.table.log.close();
    running.end.send(()).unwrap();
    assert_eq!(following.next().await, None);
}

#[tokio::test]
async fn every_described_method_is_served() {
    let running = running().await;
    let remote = remote(&running, "secret");
    let described: serde_json::Value =
        remote.ask("GET".parse().unwrap(), "/api/openapi.json", None).await.unwrap();
    for (path, methods) in described["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let path = path.replace("{account}", "1").replace("{id}/{act}", "c1/answer");
            let head = format!("{} {path}", method.to_uppercase());
            let request = format!(
                "{head}?around=1&follow=false HTTP/1.1\r\nHost: 127.0.0.1\r\n\
                 Authorization: Bearer secret\r\nConnection: close\r\n\r\n"
            );
            let answer = raw(running.addr, &request).await;
            assert!(
                !answer.starts_with("HTTP/1.1 40") || answer.contains("body"),
                "{head}: {answer}"
            );
        }
    }
}
