//! A phone against the laboratory, over sockets of loopback.

use std::fs;

use crate::bench::{Lab, ask, sureline, text};

/// Retries that make a silent server cost 1.5 s.
const ONE_RETRY: &str = "account.1.sip_server.1.retry_counts = 1\n";

#[test]
fn the_phone_registers_fails_over_comes_back_and_leaves() {
    let lab = Lab::start(&[]);
    lab.fault(&["primary", "mute"]);
    let pcap = lab.path("phone.pcapng");
    let phone = lab.run(&lab.phone_file(ONE_RETRY), &["--pcap", &pcap]);
    let listening = phone.event(|_| true);
    assert_eq!((&listening["event"], &listening["seq"]), (&"listening".into(), &1.into()));

    let (primary, secondary) = (lab.hop("primary", "udp"), lab.hop("secondary", "udp"));
    let silent = phone.event_named("attempt_ended");
    assert_eq!((&silent["next_hop"], &silent["sent"]), (&primary.clone().into(), &2.into()));
    assert_eq!((&silent["outcome"], &silent["status"]), (&"timed_out".into(), &().into()));
    let registered = phone.event_named("registered");
    assert_eq!(registered["next_hop"], secondary.as_str());
    let rows = lab.get("/api/requests?server=primary");
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["answered"].is_null() && row["branch"] == rows[0]["branch"]));

    lab.fault(&["primary", "heal"]);
    let output = lab.tell_phone(&["register"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains(&primary), "{}", text(&output.stdout));
    let bound = lab.get("/api/bindings");
    assert_eq!((bound.as_array().unwrap().len(), &bound[0]["server"]), (1, &"primary".into()));

    let (code, said) = phone.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(lab.get("/api/bindings"), serde_json::json!([]));
    assert!(!lab.dir.path().join("phone/control.json").exists());
    assert!(said.contains("1.5 s without an answer"), "{said}");
    let capture = fs::read(pcap).unwrap();
    assert!(capture.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]));
    let comment = format!("timed_out after 1.5 s) -> {secondary}");
    assert!(capture.windows(comment.len()).any(|bytes| bytes == comment.as_bytes()));
}

#[test]
fn status_is_for_people_for_machines_and_for_scripts_that_wait() {
    let lab = Lab::start(&[]);
    let phone = lab.run(&lab.phone_file("account.1.label = desk\n"), &[]);
    let waited = lab.tell_phone(&["status", "--wait", "registered", "--timeout", "20", "--json"]);
    assert!(waited.status.success(), "{}", text(&waited.stderr));
    let status: serde_json::Value = serde_json::from_slice(&waited.stdout).unwrap();
    let account = &status["phones"][0]["accounts"][0];
    assert_eq!((&account["status"], &account["label"]), (&"Registered".into(), &"desk".into()));
    let server = &account["servers"][0];
    assert_eq!(server["lease"]["next_hop"], lab.hop("primary", "udp").as_str());
    assert_eq!(server["next_hops"][1]["role"], "secondary");
    assert_eq!(account["next"][0]["what"], "REGISTER");

    let page = text(&lab.tell_phone(&["status"]).stdout);
    assert!(page.contains("desk") && page.contains("Registered at udp/127.0.1.1:"), "{page}");
    assert!(!page.contains('\x1b'), "colours without a terminal");
    let other = lab.tell_phone(&["status", "--wait", "server=2", "--timeout", "0.2"]);
    assert_eq!(other.status.code(), Some(1));
    assert_eq!(lab.tell_phone(&["status", "--phone", "001565000009"]).status.code(), Some(1));
    assert_eq!(lab.tell_phone(&["status", "--account", "9"]).status.code(), Some(1));

    let lines = text(&lab.tell_phone(&["events", "--since", "1"]).stdout);
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["seq"], 2);
    let told = text(&lab.tell_phone(&["events", "--human"]).stdout);
    assert!(told.contains("account 1: registered at"), "{told}");
    assert_eq!(phone.end().0, Some(0));
}

#[test]
fn a_wrong_password_fails_with_the_reason_and_what_to_do() {
    let lab = Lab::start(&[]);
    let phone = lab.run(&lab.phone_file("account.1.password = wrong\n"), &[]);
    let failed = phone.event_named("registration_failed");
    assert!(["status_401", "status_403"].contains(&failed["reason"].as_str().unwrap()), "{failed}");
    let status = lab.tell_phone(&["status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stdout).contains("Register Failed"), "{}", text(&status.stdout));
    let (code, said) = phone.end();
    assert_eq!(code, Some(0));
    assert!(said.contains("Check account.X.auth_name"), "{said}");
    assert!(!said.contains("wrong"), "{said}");
}

#[test]
fn a_second_phone_on_the_same_state_folder_is_refused_with_the_pid() {
    let lab = Lab::start(&[]);
    let file = lab.phone_file("");
    let stale = r#"{"pid":999999,"api":"http://127.0.0.1:1","sip":[],"token":"x"}"#;
    fs::create_dir_all(lab.dir.path().join("phone")).unwrap();
    fs::write(lab.dir.path().join("phone/control.json"), stale).unwrap();
    let phone = lab.run(&file, &[]);
    phone.event_named("registered");
    let state = lab.path("phone");
    let file = file.to_str().unwrap();
    let second = sureline(&["run", file, "--sip", "127.0.0.1:0", "--no-web", "--state", &state]);
    assert_eq!(second.status.code(), Some(1));
    let said = text(&second.stderr);
    assert!(said.contains(&format!("(pid {})", phone.pid())), "{said}");
    assert!(lab.tell_phone(&["status"]).status.success());
}

#[test]
fn settings_change_by_api_and_by_file_while_the_phone_runs() {
    let lab = Lab::start(&[]);
    let file = lab.phone_file("account.1.label = one\n");
    let phone = lab.run(&file, &[]);
    phone.event_named("registered");
    let control = fs::read(lab.dir.path().join("phone/control.json")).unwrap();
    let control: serde_json::Value = serde_json::from_slice(&control).unwrap();
    let api = control["api"].as_str().unwrap().strip_prefix("http://").unwrap();
    let token = format!("Authorization: Bearer {}\r\n", control["token"].as_str().unwrap());
    let path = ("/api/accounts/1", token.as_str());

    let wrong = r#"{"account.1.label":"two","account.1.sip_server.1.expires":"5"}"#;
    let (status, body) = ask(api, "PATCH", path, wrong);
    assert_eq!(status, 422, "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(body["errors"]["account.1.sip_server.1.expires"].is_string(), "{body}");
    let (status, body) = ask(api, "PATCH", path, r#"{"account.1.label":"two"}"#);
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""account.1.label":"two""#) && !body.contains("password"), "{body}");
    let changed = phone.event_named("settings");
    assert_eq!(changed["changed"], serde_json::json!(["account.1.label"]));
    assert_eq!(changed["source"], "api");
    assert_eq!(ask(api, "GET", ("/api/status", ""), "").0, 401);

    lab.phone_file("account.1.label = three\n");
    phone.signal("-HUP");
    assert_eq!(phone.event_named("settings")["source"], "files");
    let status = text(&lab.tell_phone(&["status"]).stdout);
    assert!(status.contains("three"), "{status}");
    fs::write(&file, "[ account ]\n").unwrap();
    let output = lab.tell_phone(&["provision"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("INI dialect"), "{}", text(&output.stderr));
    assert!(lab.tell_phone(&["status"]).status.success());
}

#[test]
fn the_messages_around_a_move_are_shown_without_secrets() {
    let lab = Lab::start(&[]);
    let phone = lab.run(&lab.phone_file(""), &[]);
    let registered = phone.event_named("registered");
    let control = fs::read(lab.dir.path().join("phone/control.json")).unwrap();
    let control: serde_json::Value = serde_json::from_slice(&control).unwrap();
    let api = control["api"].as_str().unwrap().strip_prefix("http://").unwrap();
    let token = format!("Authorization: Bearer {}\r\n", control["token"].as_str().unwrap());
    let path = format!("/api/trace?around={}", registered["seq"]);
    let (status, body) = ask(api, "GET", (&path, &token), "");
    assert_eq!(status, 200, "{body}");
    let trace: serde_json::Value = serde_json::from_str(&body).unwrap();
    let messages: Vec<_> =
        trace.as_array().unwrap().iter().map(|it| it["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), 4, "two requests, a challenge and a 200: {messages:?}");
    assert!(messages[0].starts_with("REGISTER sip:lab.test SIP/2.0\r\n"));
    assert!(messages[2].contains("response=\"•••\""), "{}", messages[2]);
}

#[test]
fn a_certificate_for_another_name_is_a_security_fault_and_nothing_is_sent() {
    let lab = Lab::start(&["--tls"]);
    let ca = lab.path("lab/ca.pem");
    let lines = format!(
        "account.1.sip_server.1.transport_type = 2\nstatic.security.ca_cert = 1\n\
         static.trusted_certificates.url = {ca}\n"
    );
    let phone = lab.run(&lab.phone_file(&lines), &[]);
    assert_eq!(phone.event_named("registered")["next_hop"], lab.hop("primary", "tls").as_str());
    drop(phone);
    lab.fault(&["primary", "tls", "wronghost"]);
    let before = lab.get("/api/requests?server=primary").as_array().unwrap().len();
    let phone = lab.run(&lab.phone_file(&lines), &[]);
    let refused = phone.event_named("attempt_ended");
    assert_eq!((&refused["outcome"], &refused["reason"]), (&"tls".into(), &"tls".into()));
    assert_eq!(phone.event_named("registered")["next_hop"], lab.hop("secondary", "tls").as_str());
    assert_eq!(lab.get("/api/requests?server=primary").as_array().unwrap().len(), before);
}

// static.security.cn_validation, static.security.trust_certificates, static.security.ca_cert
#[test]
fn a_certificate_is_checked_as_far_as_the_keys_say() {
    let lab = Lab::start(&["--tls"]);
    lab.fault(&["primary", "tls", "wronghost"]);
    let ca = lab.path("lab/ca.pem");
    let first = |keys: &str| {
        let lines = format!("account.1.sip_server.1.transport_type = 2\n{keys}");
        let phone = lab.run(&lab.phone_file(&lines), &[]);
        let ended = phone.event_named("attempt_ended");
        assert_eq!(ended["next_hop"], lab.hop("primary", "tls").as_str());
        assert_eq!(phone.end().0, Some(0));
        ended["outcome"].as_str().unwrap().to_owned()
    };
    let trusted = format!("static.trusted_certificates.url = {ca}\nstatic.security.ca_cert =");
    assert_eq!(first(&format!("{trusted} 1")), "tls", "another name");
    assert_eq!(first(&format!("{trusted} 1\nstatic.security.cn_validation = 0")), "answered");
    assert_eq!(first(&format!("{trusted} 2\nstatic.security.cn_validation = 0")), "answered");
    let of_system = format!("{trusted} 0\nstatic.security.cn_validation = 0");
    assert_eq!(first(&of_system), "tls", "the authority is none of the system's");
    assert_eq!(first("static.security.trust_certificates = 0"), "answered");
}

// sip.listen_port
#[test]
fn the_phone_listens_at_the_port_of_its_file_where_the_command_line_names_none() {
    // Below the ports that outgoing connections are given.
    let is_free = |port: &u16| {
        let any = (std::net::Ipv6Addr::UNSPECIFIED, *port);
        std::net::UdpSocket::bind(any).is_ok() && std::net::TcpListener::bind(any).is_ok()
    };
    let port = (15_060..16_060).find(is_free).unwrap();
    let lab = Lab::start(&[]);
    let file = lab.phone_file(&format!("sip.listen_port = {port}\n"));
    let state = lab.path("phone");
    let file = file.to_str().unwrap();
    let phone = crate::bench::Process::start(&[
        "run",
        file,
        "--dns",
        lab.dns(),
        "--no-web",
        "--json",
        "--state",
        &state,
    ]);
    let listening = phone.event_named("listening").to_string();
    assert!(listening.contains(&format!("udp/0.0.0.0:{port}")), "{listening}");
    assert!(listening.contains(&format!("tcp/0.0.0.0:{port}")), "{listening}");
    let waited = lab.tell_phone(&["status", "--wait", "registered", "--timeout", "20"]);
    assert!(waited.status.success(), "{}", text(&waited.stderr));
    assert_eq!(phone.end().0, Some(0));
}

#[test]
fn events_go_to_a_file_and_a_problem_in_the_phone_file_is_said_with_its_line() {
    let lab = Lab::start(&[]);
    let file = lab.phone_file("account.1.sip_server.1.failback_timeout = 30\nnonsense = 1\n");
    let (state, events) = (lab.path("phone"), lab.path("events.jsonl"));
    let file = file.to_str().unwrap();
    let fixed = ["run", file, "--sip", "127.0.0.1:0", "--dns", lab.dns(), "--no-web"];
    let phone = crate::bench::Process::start(
        &[&fixed[..], &["--state", &state, "--events", &events]].concat(),
    );
    let waited = lab.tell_phone(&["status", "--wait", "registered", "--timeout", "20"]);
    assert!(waited.status.success(), "{}", text(&waited.stderr));
    let (code, said) = phone.end();
    assert_eq!(code, Some(0));
    assert!(
        said.contains(
            "001565000001.cfg:9: account.1.sip_server.1.failback_timeout = 30: 60 is taken"
        ),
        "{said}"
    );
    assert!(said.contains("001565000001.cfg:10: nonsense"), "{said}");
    let lines = fs::read_to_string(events).unwrap();
    let last = lines.lines().last().unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    assert!(last.contains(r#""event":"stopped""#), "{last}");
}
