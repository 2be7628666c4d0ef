//! nginx as provisioning server: boot file, common and MAC file, passwords, uploads.

use std::fs;
use std::path::Path;

use crate::bench::Lab;
use crate::phone::Phone;
use crate::servers::{Nginx, free_tcp_port, has, until};

const MAC: &str = "001565000001";

/// A `server` block for the folder's files.
fn block(folder: &Path, port: u16, more: &str) -> String {
    let root = folder.join("root");
    format!("server {{ listen 127.0.0.1:{port}; root {}; {more} }}", root.display())
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder.join("root")).unwrap();
    fs::write(folder.join("root").join(name), text).unwrap();
}

/// The account that registers at the lab.
fn account(number: u8, user: &str) -> String {
    format!(
        "account.{number}.enable = 1\naccount.{number}.user_name = {user}\n\
         account.{number}.auth_name = {user}\naccount.{number}.password = pw\n\
         account.{number}.sip_server.1.address = lab.test\n\
         account.{number}.sip_server.1.port = 0\n\
         account.{number}.sip_server.1.transport_type = 3\n\
         account.{number}.sip_server.1.expires = 60\n"
    )
}

#[test]
fn a_phone_starts_from_a_url_registers_and_takes_only_what_changes() {
    if !has(&["nginx"]) {
        return;
    }
    let lab = Lab::start(&[]);
    let (dir, port) = (lab.dir.path(), free_tcp_port());
    write(
        dir,
        &format!("{MAC}.boot"),
        "#!version:1.0.0.1\noverwrite_mode = 1\ninclude:config <all.cfg>\n\
         [T46S]include:config <never.cfg>\n[T46G]include:config \"$MAC.cfg\"\n",
    );
    write(dir, "all.cfg", "account.1.label = all\naccount.2.label = two\n");
    write(dir, &format!("{MAC}.cfg"), &account(1, "1001"));
    let nginx = Nginx::start(dir, port, &block(dir, port, ""));
    let url = format!("http://127.0.0.1:{port}/");
    let phone = Phone::start(&url, dir, &["--dns", lab.dns()]);

    assert_eq!(phone.process.event_named("registered")["account"], 1);
    assert_eq!(phone.label(1), "all");
    let heard = nginx.heard();
    let asked: Vec<&str> = heard.iter().filter_map(|line| line.split('|').next()).collect();
    assert_eq!(
        asked,
        [
            format!("GET /{MAC}.boot 200 -"),
            "GET /all.cfg 200 -".to_owned(),
            format!("GET /{MAC}.cfg 200 -")
        ]
    );
    assert!(heard[0].ends_with("|sureline/0.1.0 00:15:65:00:00:01"), "{heard:?}");

    let said = phone.provision().unwrap();
    assert!(said.starts_with("no file has changed\n"), "{said}");

    // Another account appears; the first keeps its registration.
    let more = format!("{}{}", account(1, "1001"), account(2, "1002"));
    write(dir, &format!("{MAC}.cfg"), &more);
    let said = phone.provision().unwrap();
    assert!(said.contains(&format!("account.2.user_name from {url}{MAC}.cfg:10")), "{said}");
    assert!(said.contains(&format!("{url}all.cfg: unchanged (common file")), "{said}");
    assert!(said.contains(&format!("{url}{MAC}.cfg: changed (MAC file")), "{said}");
    assert_eq!(phone.process.event_named("registered")["account"], 2);
    let registers = lab.get("/api/requests?server=primary&method=REGISTER");
    let calls: std::collections::BTreeSet<String> =
        registers.as_array().unwrap().iter().map(|row| row["call_id"].to_string()).collect();
    assert_eq!(calls.len(), 2, "each account has one series of REGISTERs");

    // What is deleted goes back to its default.
    write(dir, "all.cfg", "# nothing\n");
    let said = phone.provision().unwrap();
    assert!(said.contains("account.1.label is back at its default"), "{said}");
}

#[test]
fn a_phone_starts_with_what_it_was_given_when_its_server_is_dead() {
    if !has(&["nginx"]) {
        return;
    }
    let lab = Lab::start(&[]);
    let (dir, port) = (lab.dir.path(), free_tcp_port());
    write(dir, &format!("{MAC}.cfg"), &account(1, "1001"));
    let nginx = Nginx::start(dir, port, &block(dir, port, ""));
    let url = format!("http://127.0.0.1:{port}/");
    let phone = Phone::start(&url, dir, &["--dns", lab.dns()]);
    phone.process.event_named("registered");
    assert_eq!(phone.process.end().0, Some(0));
    drop(nginx);

    let phone = Phone::start(&url, dir, &["--dns", lab.dns()]);
    phone.process.event_named("registered");
    let said = phone.provision().unwrap_err();
    assert!(said.contains("nothing was changed: ") && said.contains("refused"), "{said}");
    let _nginx = Nginx::start(dir, port, &block(dir, port, ""));
    assert!(phone.provision().unwrap().starts_with("no file has changed"));
}

#[test]
fn one_changed_account_of_sixteen_is_registered_within_a_second() {
    if !has(&["nginx"]) {
        return;
    }
    let users: Vec<String> = (1..=16).map(|n| format!("{}:pw", 1000 + n)).collect();
    let lab = Lab::start(&["--users", &users.join(",")]);
    let (dir, port) = (lab.dir.path(), free_tcp_port());
    let all = |label: &str| -> String {
        let accounts = (1..=16).map(|n| account(n, &(1000 + u16::from(n)).to_string()));
        format!("{}account.7.display_name = {label}\n", accounts.collect::<String>())
    };
    write(dir, &format!("{MAC}.cfg"), &all("before"));
    let _nginx = Nginx::start(dir, port, &block(dir, port, ""));
    let url = format!("http://127.0.0.1:{port}/");
    let phone = Phone::start(&url, dir, &["--dns", lab.dns()]);
    for _ in 1..=16 {
        phone.process.event_named("registered");
    }
    write(dir, &format!("{MAC}.cfg"), &all("after"));
    let clock = host::Clock::start();
    phone.provision().unwrap();
    let registered = phone.process.event_named("registered");
    let took = clock.now().as_secs_f64();
    assert_eq!(registered["account"], 7);
    println!("from `sureline provision` to registered, one account of 16: {took:.3} s");
    assert!(took < 1.0, "{took} s");
}

#[test]
fn passwords_are_sent_where_they_are_asked_for() {
    if !has(&["nginx", "openssl"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (dir, port) = (dir.path(), free_tcp_port());
    let hash = std::process::Command::new("openssl").args(["passwd", "-apr1", "hush"]).output();
    let hash = String::from_utf8(hash.unwrap().stdout).unwrap();
    write(dir, &format!("{MAC}.cfg"), "account.1.label = behind\n");
    fs::write(dir.join("users"), format!("bob:{hash}")).unwrap();
    let guarded = format!("auth_basic \"files\"; auth_basic_user_file {}/users;", dir.display());
    let nginx = Nginx::start(dir, port, &block(dir, port, &guarded));

    let url = format!("http://127.0.0.1:{port}/");
    let phone = Phone::start(&url, dir, &[]);
    let said = phone.provision().unwrap_err();
    assert!(said.contains("answers 401: set static.auto_provision.server.username"), "{said}");
    drop(phone);
    let wrong = url.replace("http://", "http://bob:wrong@");
    let phone = Phone::start(&wrong, dir, &[]);
    let said = phone.provision().unwrap_err();
    assert!(said.contains("it does not take the password") && !said.contains("wrong@"), "{said}");
    drop(phone);
    let set = [
        "--set",
        "static.auto_provision.server.username=bob",
        "--set",
        "static.auto_provision.server.password=hush",
        "--set",
        "sureline.provision_user_agent=vendor",
    ];
    let phone = Phone::start(&url, dir, &set);
    assert_eq!(phone.label(1), "behind");
    let (_, said) = phone.process.end();
    assert!(!said.contains("hush"), "{said}");
    let heard = nginx.heard();
    let agent = "200 bob|Yealink SIP-T46G 28.81.0.25 00:15:65:00:00:01";
    assert!(heard.last().unwrap().ends_with(agent), "{heard:?}");
}

#[test]
fn local_changes_are_overwritten_protected_uploaded_and_brought_back() {
    if !has(&["nginx"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (dir, port) = (dir.path(), free_tcp_port());
    let name = format!("{MAC}.cfg");
    write(dir, &name, "account.1.label = server\n");
    let _nginx = Nginx::start(dir, port, &block(dir, port, "dav_methods PUT;"));
    let url = format!("http://127.0.0.1:{port}/");
    let phone = Phone::start(&url, dir, &[]);
    phone.change("account.1.label", "user");
    assert_eq!(phone.label(1), "user");
    assert!(phone.provision().unwrap().starts_with("no file has changed"));
    assert_eq!(phone.label(1), "user");

    write(dir, &name, "account.1.label = again\n");
    phone.provision().unwrap();
    assert_eq!(phone.label(1), "again");

    let protected = "account.1.label = third\nstatic.auto_provision.custom.protect = 1\n\
        static.auto_provision.custom.sync = 1\n";
    write(dir, &name, protected);
    phone.provision().unwrap();
    phone.change("account.1.label", "mine");
    let uploaded = dir.join("root").join(format!("{MAC}-local.cfg"));
    let text = until("the upload", || {
        fs::read_to_string(&uploaded).ok().filter(|text| text.contains("mine"))
    });
    assert_eq!(text, "account.1.label = mine\n");
    write(dir, &name, &format!("{protected}account.2.label = x\n"));
    phone.provision().unwrap();
    assert_eq!(phone.label(1), "mine");
    assert_eq!(phone.process.end().0, Some(0));

    // Another device with the same address gets it back.
    fs::remove_dir_all(dir.join("phone")).unwrap();
    let phone = Phone::start(&url, dir, &[]);
    assert_eq!(phone.label(1), "mine");
    let (_, said) = phone.process.end();
    assert!(said.contains("-local.cfg: local changes came back"), "{said}");
}

#[test]
fn a_hang_up_signal_fetches_files() {
    if !has(&["nginx"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (dir, port) = (dir.path(), free_tcp_port());
    write(dir, &format!("{MAC}.cfg"), "account.1.label = one\n");
    let _nginx = Nginx::start(dir, port, &block(dir, port, ""));
    let phone = Phone::start(&format!("http://127.0.0.1:{port}/"), dir, &[]);
    write(dir, &format!("{MAC}.cfg"), "account.1.label = two\n");
    phone.process.signal("-HUP");
    assert_eq!(phone.process.event_named("settings")["source"], "provisioning");
    assert_eq!(phone.label(1), "two");
}
