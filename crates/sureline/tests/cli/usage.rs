//! Wrong use and wrong files: what is said, where, and with which exit status.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use crate::bench::{command, sureline, text};

fn refused(args: &[&str]) -> String {
    let output = sureline(args);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    said
}

/// A file, and arguments that run it without touching anything else.
fn with_file(name: &str, content: &str) -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

fn run_refused(dir: &tempfile::TempDir, args: &[&str]) -> String {
    let state = dir.path().join("state");
    let fixed = ["run", "--no-web", "--sip", "127.0.0.1:0", "--state", state.to_str().unwrap()];
    refused(&[&fixed, args].concat())
}

#[test]
fn nothing_at_all_prints_what_there_is() {
    let said = refused(&[]);
    assert!(said.contains("demo") && said.contains("resolve"), "{said}");
}

#[test]
fn unknown_commands_and_options_are_wrong_use() {
    assert!(refused(&["statsu"]).contains("status"));
    assert!(refused(&["run", "--colour"]).contains("--colour"));
    assert!(refused(&["status", "--wait", "lunch"]).contains("registered, idle"));
    assert!(refused(&["run", "--set", "account.1.label"]).contains("KEY=VALUE"));
    assert!(refused(&["run", "--model", "T99"]).contains("SIP-T46G"));
    assert!(refused(&["run", "--mac", "xyz"]).contains("twelve hexadecimal digits"));
}

#[test]
fn a_run_of_nothing_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    assert!(run_refused(&dir, &[]).contains("name configuration files"));
    let said = run_refused(&dir, &["ldap://192.0.2.1/y000000000028.cfg"]);
    assert!(said.contains("tftp://, ftp://, http:// or https://"), "{said}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let said = run_refused(&dir, &["/nonexistent/phone.cfg"]);
    assert!(said.contains("/nonexistent/phone.cfg: No such file"), "{said}");
}

#[test]
fn a_file_of_the_old_dialect_is_refused_by_name_and_line() {
    let (dir, path) = with_file("phone.cfg", "#!version:1.0.0.1\n[ account ]\npath = /config/x\n");
    let said = run_refused(&dir, &[&path]);
    assert!(said.contains("phone.cfg:2: ") && said.contains("INI dialect"), "{said}");
}

#[test]
fn a_mistake_on_the_command_line_is_wrong_use() {
    let dir = tempfile::tempdir().unwrap();
    let said = run_refused(&dir, &["--set", "account.1.sip_server.1.retry_counter=3"]);
    assert!(said.contains("did you mean account.1.sip_server.1.retry_counts"), "{said}");
    let said = run_refused(&dir, &["--set", "account.1.sip_server.1.expires=5"]);
    assert!(said.contains("30 to 2147483647"), "{said}");
}

#[test]
fn an_address_in_use_is_named_with_the_option_that_helps() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let (dir, path) = with_file("phone.cfg", "account.1.enable = 0\n");
    let said = run_refused(&dir, &[&path, "--sip", &addr]);
    assert!(said.contains(&addr) && said.contains("--sip"), "{said}");
}

#[test]
fn a_state_folder_that_cannot_be_made_is_named() {
    let said = refused(&["run", "--set", "account.1.enable=1", "--state", "/proc/none/state"]);
    assert!(said.contains("/proc/none/state"), "{said}");
}

#[test]
fn commands_for_a_phone_that_does_not_run_say_how_to_start_one() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().to_str().unwrap();
    for args in [&["status"][..], &["register"], &["events"], &["provision"]] {
        let output = sureline(&[args, &["--state", state]].concat());
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(text(&output.stderr).contains("sureline run"), "{args:?}");
    }
    let output = sureline(&["lab", "fault", "primary", "mute", "--state", state]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("sureline lab"));
}

#[test]
fn a_stale_control_file_is_seen_through() {
    let dir = tempfile::tempdir().unwrap();
    let stale = r#"{"pid":999999,"api":"http://127.0.0.1:1","sip":[],"token":"x"}"#;
    fs::write(dir.path().join("control.json"), stale).unwrap();
    let output = sureline(&["status", "--state", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nobody answers at http://127.0.0.1:1"));
}

#[test]
fn without_a_place_for_state_the_option_is_named() {
    let output = command(&["status"]).env_remove("HOME").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--state DIR"));
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let mut child = command(&["parameters", "--markdown"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with('#'), "{first}");
    assert!(output.status.success());
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_manual_of_a_key_is_printed_and_an_unknown_one_is_wrong_use() {
    let output = sureline(&["parameters", "account.1.sip_server.1.failback_timeout"]);
    assert!(text(&output.stdout).contains("account.X.sip_server.Y.failback_timeout"));
    assert!(refused(&["parameters", "account.X.sip_server.Y.prot"]).contains("did you mean"));
}

const ZONE: &str = "$ORIGIN lab.test.\n$TTL 300\n@ SOA ns h 1 1 1 1 30\n\
    @ NAPTR 10 10 \"s\" \"SIP+D2T\" \"\" _sip._tcp\n_sip._tcp SRV 20 0 5070 b\n\
    _sip._tcp SRV 10 0 5060 a\na A 192.0.2.1\nb A 192.0.2.2\n";

#[test]
fn a_name_is_resolved_with_every_record_on_the_way() {
    let (_dir, zone) = with_file("zone", ZONE);
    let output = sureline(&["resolve", "lab.test", "--zone", &zone]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}");
    for part in ["NAPTR lab.test", "SIP+D2T", "20 0 5070 b.lab.test", "1. tcp/192.0.2.1:5060"] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
}

#[test]
fn a_name_is_resolved_for_machines_as_one_located_object() {
    let (_dir, zone) = with_file("zone", ZONE);
    let output = sureline(&["resolve", "lab.test", "--zone", &zone, "--json"]);
    let located: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(located["event"], "located");
    let hops = located["next_hops"].as_array().unwrap();
    let hops: Vec<_> = hops.iter().map(|hop| (&hop["transport"], &hop["addr"])).collect();
    assert_eq!(
        hops,
        [(&"tcp".into(), &"192.0.2.1:5060".into()), (&"tcp".into(), &"192.0.2.2:5070".into())]
    );
    assert_eq!(located["next_hops"][1]["priority"], 20);
}

#[test]
fn a_name_without_servers_fails_and_a_broken_zone_is_wrong_use() {
    let (_dir, zone) = with_file("zone", ZONE);
    let output = sureline(&["resolve", "none.lab.test", "--zone", &zone]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("DNS knows no such name"), "{}", text(&output.stderr));
    let (_dir, broken) = with_file("zone", "$TTL 30\n@ A x\n");
    assert!(refused(&["resolve", "lab.test", "--zone", &broken]).contains("zone: "));
}
