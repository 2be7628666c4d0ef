//! The laboratory from outside.

use crate::bench::{Lab, sureline, text};

#[test]
fn the_first_line_says_what_was_taken_and_the_phone_file_fits() {
    let lab = Lab::start(&["--print-config", "1002"]);
    assert_eq!(lab.taken["event"], "listening");
    assert_eq!(lab.taken["domain"], "lab.test");
    let config = lab.taken["config"].as_str().unwrap();
    assert!(config.contains("account.1.user_name = 1002\n"), "{config}");
    let written = std::fs::read_to_string(lab.dir.path().join("lab/1002.cfg")).unwrap();
    assert_eq!(written, config);
    let (code, said) = lab.process.end();
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_second_lab_on_the_same_state_folder_is_refused_with_the_pid() {
    let lab = Lab::start(&[]);
    let output = sureline(&["lab", "--port", "0", "--state", &lab.path("lab")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("(pid {})", lab.process.pid())));
}

#[test]
fn faults_begin_are_listed_and_end() {
    let lab = Lab::start(&[]);
    let order = r#"{"server":"primary","fault":"mute","method":"INVITE","for_s":20}"#;
    let (status, body) = lab.ask("POST", "/api/faults", order);
    assert_eq!(status, 201, "{body}");
    let begun: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(begun["at"].as_str().unwrap().ends_with('Z'), "{body}");
    let listed = lab.get("/api/faults");
    assert_eq!(listed[0]["id"], begun["id"]);
    assert_eq!((&listed[0]["fault"], &listed[0]["method"]), (&"mute".into(), &"INVITE".into()));
    let path = format!("/api/faults/{}", begun["id"]);
    assert_eq!(lab.ask("DELETE", &path, "").0, 200);
    assert_eq!(lab.ask("GET", &path, "").0, 404);
    assert_eq!(lab.get("/api/faults"), serde_json::json!([]));
}

#[test]
fn a_fault_for_a_time_ends_by_itself() {
    let lab = Lab::start(&[]);
    lab.fault(&["secondary", "status", "503", "30", "--for", "0.2"]);
    assert_eq!(lab.get("/api/faults")[0]["fault"], "status 503 30");
    let is_over = |_| lab.get("/api/faults") == serde_json::json!([]);
    assert!((0..20_000).any(is_over), "it lasts");
}

#[test]
fn what_is_no_fault_is_wrong_use_and_says_what_there_is() {
    let lab = Lab::start(&[]);
    let state = lab.path("lab");
    for (words, says) in [
        (&["primary", "explode"][..], "kill, mute, blackhole"),
        (&["tertiary", "mute"], "primary, secondary, fallback, dns"),
        (&["primary", "nxdomain"], "for dns only"),
        (&["dns", "status", "503"], "for registrars only"),
        (&["primary", "tls", "expired"], "--tls"),
        (&["primary", "status", "200"], "300 to 699"),
    ] {
        let output = sureline(&[&["lab", "fault"], words, &["--state", &state]].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains(says), "{words:?}: {said}");
    }
    let (status, body) = lab.ask("POST", "/api/faults", "{}");
    assert_eq!(status, 400, "{body}");
}

#[test]
fn a_foreign_page_may_not_break_servers() {
    let lab = Lab::start(&[]);
    let api = lab.taken["api"].as_str().unwrap().strip_prefix("http://").unwrap();
    let order = r#"{"server":"primary","fault":"kill"}"#;
    let foreign = ("/api/faults", "Origin: http://evil.test\r\n");
    assert_eq!(crate::bench::ask(api, "POST", foreign, order).0, 403);
    assert_eq!(lab.get("/api/faults"), serde_json::json!([]));
}
