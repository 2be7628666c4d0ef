//! Servers that stall, do not end, lead elsewhere or lie: a phone keeps what it has and says why.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::bench::Process;
use crate::phone::{HASTY, Phone, arguments};
use crate::servers::{Odd, drain, give, pause, until};

/// A server that first gives a good file, then does as `then` says.
fn good_first(then: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> Odd {
    let count = AtomicUsize::new(0);
    Odd::start(move |_, stream| match count.fetch_add(1, Ordering::SeqCst) {
        0 => give(stream, "account.1.label = good\n"),
        _ => then(stream),
    })
}

/// What the phone says when its server, after a good file, does as `then` says.
fn refusal(then: impl Fn(&mut std::net::TcpStream) + Send + Sync + 'static) -> String {
    let (dir, server) = (tempfile::tempdir().unwrap(), good_first(then));
    let phone = Phone::start(&server.url(), dir.path(), &HASTY);
    assert_eq!(phone.label(1), "good");
    let clock = host::Clock::start();
    let said = phone.provision().unwrap_err();
    assert!(clock.now().as_secs_f64() < 5.0, "it takes {} s: {said}", clock.now());
    assert!(said.contains(&format!("nothing was changed: {}: ", server.url())), "{said}");
    assert_eq!(phone.label(1), "good");
    assert_eq!(phone.process.end().0, Some(0));
    // And so it is after a restart.
    let phone = Phone::start(&server.url(), dir.path(), &HASTY);
    assert_eq!(phone.label(1), "good");
    said
}

const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";

#[test]
fn a_byte_a_second_is_too_slow() {
    let said = refusal(|stream| {
        drop(stream.write_all(HEAD));
        for _ in 0..60 {
            if stream.write_all(b"#").is_err() {
                return;
            }
            pause(Duration::from_secs(1));
        }
    });
    assert!(said.contains("it takes too long"), "{said}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    assert!(refusal(drain).contains("it takes too long"));
}

#[test]
fn a_body_without_end_is_cut() {
    let said = refusal(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        let piece = [b'#'; 65_536];
        while stream.write_all(&piece).is_ok() {}
    });
    assert!(said.contains("larger than a configuration file may be"), "{said}");
}

#[test]
fn a_hundred_megabytes_are_not_even_read() {
    let said = refusal(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"));
        drain(stream);
    });
    assert!(said.contains("larger than a configuration file may be"), "{said}");
}

#[test]
fn a_server_that_dies_half_way_gives_nothing() {
    let said =
        refusal(|stream| drop(stream.write_all(&[HEAD, b"account.1.label = bad\n"].concat())));
    assert!(said.contains("the connection ended before the file did"), "{said}");
    let said =
        refusal(|stream| drop(stream.write_all(b"HTTP/1.0 200 OK\r\n\r\naccount.1.label = ba")));
    assert!(said.contains("cut off"), "{said}");
}

#[test]
fn pages_empty_files_and_foreign_keys_are_refused_by_name() {
    for (body, why) in [
        ("", "the file is empty"),
        ("<!DOCTYPE html>\n<title>Welcome</title>\n", "the file is a web page"),
        ("Service unavailable\n", "no line of the file has the form key = value"),
        ("[ account ]\npath = /config/x.cfg\n", "this is the old INI dialect"),
    ] {
        let said = refusal(move |stream| give(stream, body));
        assert!(said.contains(why), "{said}");
    }
    let key = params::provision::AesKey::new(&params::Secret::new("fedcba9876543210")).unwrap();
    let sealed = key.encrypt(b"account.1.label = bad\n");
    let said = refusal(move |stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sealed.len());
        drop(stream.write_all(&[head.as_bytes(), &sealed].concat()));
    });
    assert!(said.contains("aes_key_16.com is not set"), "{said}");
}

#[test]
fn an_encrypted_file_needs_its_key() {
    let key = params::provision::AesKey::new(&params::Secret::new("fedcba9876543210")).unwrap();
    let sealed = key.encrypt(b"account.1.label = sealed\n");
    let server = Odd::start(move |_, stream| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", sealed.len());
        drop(stream.write_all(&[head.as_bytes(), &sealed].concat()));
    });
    let set = |key: &str| format!("static.auto_provision.aes_key_16.com={key}");
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::start(&server.url(), dir.path(), &["--set", &set("0123456789abcdef")]);
    let said = phone.provision().unwrap_err();
    assert!(said.contains("encrypted with another key, or is damaged"), "{said}");
    drop(phone);
    let phone = Phone::start(&server.url(), dir.path(), &["--set", &set("fedcba9876543210")]);
    assert_eq!(phone.label(1), "sealed");
}

#[test]
fn a_redirect_takes_no_password_to_another_host() {
    let thief = Arc::new(Odd::start(|_, stream| {
        drop(stream.write_all(
            b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"files\"\r\n\
              Content-Length: 0\r\n\r\n",
        ));
    }));
    let to = thief.url().replace("127.0.0.1", "localhost.thief.test");
    let server = Odd::start(move |head, stream| {
        let answer = if head.contains("authorization: Basic") {
            format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
        } else {
            "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"files\"\r\n\
             Content-Length: 0\r\n\r\n"
                .to_owned()
        };
        drop(stream.write_all(answer.as_bytes()));
    });
    let dir = tempfile::tempdir().unwrap();
    let url = server.url().replace("http://", "http://bob:hush@");
    let named =
        ["--set", "dns_cache_a.1.name=localhost.thief.test", "--set", "dns_cache_a.1.ip=127.0.0.1"];
    let phone = Phone::start(&url, dir.path(), &[&named[..], &HASTY[..]].concat());
    let said = phone.provision().unwrap_err();
    assert!(said.contains("localhost.thief.test") && said.contains("401"), "{said}");
    assert!(server.heard().iter().any(|head| head.contains("authorization: Basic")));
    let stolen = thief.heard();
    assert!(!stolen.is_empty());
    assert!(stolen.iter().all(|head| !head.contains("authorization")), "{stolen:?}");
}

#[test]
fn a_value_that_is_not_permitted_is_said_and_keeps_its_default() {
    let server = Odd::start(|_, stream| {
        give(stream, "account.1.label = x\naccount.1.sip_server.1.expires = 5\nno such line\n");
    });
    let dir = tempfile::tempdir().unwrap();
    let phone = Phone::start(&server.url(), dir.path(), &[]);
    assert_eq!(phone.label(1), "x");
    let (_, said) = phone.process.end();
    let line = format!("{}:2: account.1.sip_server.1.expires = 5: permitted are 30", server.url());
    assert!(said.contains(&line), "{said}");
    assert!(said.contains(&format!("{}:3: no", server.url())), "{said}");
}

#[test]
fn a_phone_that_waits_for_its_first_files_can_be_ended() {
    let server = Odd::start(|_, stream| drain(stream));
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("phone");
    let process = Process::start(&arguments(&server.url(), state.to_str().unwrap()));
    until("the request", || (!server.heard().is_empty()).then_some(()));
    let (code, said) = process.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(said, format!("fetching configuration files from {}\n", server.url()));
}
