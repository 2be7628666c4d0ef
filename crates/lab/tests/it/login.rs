use std::time::Duration;

use lab::{Authentication, Config, DigestPolicy};
use sip::Response;
use sip::digest::Algorithm;

use crate::ua::*;

const CONTACT: (&str, &str) = ("Contact", "<sip:1001@10.0.0.11>");

fn with_algorithms(algorithms: Vec<Algorithm>) -> Config {
    let policy = DigestPolicy { algorithms, ..DigestPolicy::default() };
    Config { authentication: Authentication::Digest(policy), ..config() }
}

fn challenge(bench: &mut Bench) -> Response {
    let request = bench.register(0, "1001", &[CONTACT]);
    let response = bench.ask(0, request);
    assert_eq!(response.status(), 401);
    response
}

fn log_in(bench: &mut Bench, challenged: &Response, who: (&str, &str), nc: u32) -> Response {
    let (name, value) = Bench::credentials(challenged, who, nc);
    let request = bench.register(0, "1001", &[CONTACT, (name, &value)]);
    bench.ask(0, request)
}

const RIGHT: (&str, &str) = ("1001", "pw1");

#[test]
fn each_hash_function_is_offered_as_configured_and_accepted() {
    for algorithms in [
        vec![Algorithm::Md5],
        vec![Algorithm::Sha256],
        vec![Algorithm::Sha512_256],
        vec![Algorithm::Sha256, Algorithm::Md5],
    ] {
        let mut bench = Bench::new(with_algorithms(algorithms.clone()));
        let challenged = challenge(&mut bench);
        let offered: Vec<_> = challenged.challenges().iter().map(|c| c.algorithm).collect();
        assert_eq!(offered, algorithms);
        assert_eq!(log_in(&mut bench, &challenged, RIGHT, 1).status(), 200);
    }
}

#[test]
fn a_hash_function_that_was_not_offered_is_not_accepted() {
    let mut bench = Bench::new(with_algorithms(vec![Algorithm::Sha256]));
    let challenged = challenge(&mut bench);
    let mut weaker = challenged.challenges()[0].clone();
    weaker.algorithm = Algorithm::Md5;
    let credentials = sip::digest::Credentials { user: "1001", password: "pw1" };
    let method = sip::Method::Register;
    let (name, value) =
        sip::digest::authorization(&weaker, &credentials, &method, "sip:lab.test", 1, "cn", b"");
    let request = bench.register(0, "1001", &[CONTACT, (name, &value)]);
    assert_eq!(bench.ask(0, request).status(), 403);
}

#[test]
fn a_wrong_password_an_unknown_user_and_another_user_are_refused() {
    let mut bench = Bench::new(config());
    for who in [("1001", "pw2"), ("1003", "pw1"), ("1002", "pw2")] {
        let challenged = challenge(&mut bench);
        assert_eq!(log_in(&mut bench, &challenged, who, 1).status(), 403, "{who:?}");
    }
    assert!(bench.world.node(bench.server).bindings(bench.world.now()).is_empty());
}

#[test]
fn a_count_that_does_not_rise_is_a_replay_and_gets_a_fresh_nonce() {
    let mut bench = Bench::new(config());
    let challenged = challenge(&mut bench);
    assert_eq!(log_in(&mut bench, &challenged, RIGHT, 1).status(), 200);
    assert_eq!(log_in(&mut bench, &challenged, RIGHT, 2).status(), 200);
    let again = log_in(&mut bench, &challenged, RIGHT, 2);
    assert_eq!(again.status(), 401);
    assert!(again.challenges()[0].stale);
    assert_ne!(again.challenges()[0].nonce, challenged.challenges()[0].nonce);
    assert_eq!(log_in(&mut bench, &again, RIGHT, 1).status(), 200);
}

#[test]
fn an_old_or_invented_nonce_is_stale() {
    let mut bench = Bench::new(config());
    let challenged = challenge(&mut bench);
    bench.world.run_for(Duration::from_secs(300));
    assert!(log_in(&mut bench, &challenged, RIGHT, 1).challenges()[0].stale);
    let mut invented = challenged.challenges()[0].clone();
    invented.nonce = "0.0000000000000000".into();
    let credentials = sip::digest::Credentials { user: "1001", password: "pw1" };
    let (name, value) = sip::digest::authorization(
        &invented,
        &credentials,
        &sip::Method::Register,
        "sip:lab.test",
        1,
        "cn",
        b"",
    );
    let request = bench.register(0, "1001", &[CONTACT, (name, &value)]);
    assert!(bench.ask(0, request).challenges()[0].stale);
}

#[test]
fn a_retransmission_is_answered_again_and_not_judged_again() {
    let mut bench = Bench::new(config());
    let challenged = challenge(&mut bench);
    let (name, value) = Bench::credentials(&challenged, RIGHT, 1);
    let request = bench.register(0, "1001", &[CONTACT, (name, &value)]);
    assert_eq!(bench.ask(0, request.clone()).status(), 200);
    assert_eq!(bench.ask(0, request).status(), 200);
}
