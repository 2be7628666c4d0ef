use std::time::Duration;

use lab::{Command, Fault};
use sip::Method;

use crate::ua::*;

fn order(bench: &mut Bench, id: u64, fault: &str, method: Option<Method>, lasts_s: Option<u64>) {
    let fault: Fault = fault.parse().unwrap();
    let lasts = lasts_s.map(Duration::from_secs);
    bench.world.command(bench.server, Command::Fault { id, fault, method, lasts });
}

fn ask(bench: &mut Bench) -> Option<sip::Response> {
    let request = bench.register(0, "1001", &[("Contact", "<sip:1001@10.0.0.11>")]);
    bench.send(0, request);
    bench.response(0)
}

fn options(bench: &mut Bench) -> Option<sip::Response> {
    let request = bench
        .begin(0, &Method::Options, "sip:lab.test")
        .header("From", "<sip:1001@lab.test>;tag=f")
        .header("To", "<sip:lab.test>")
        .header("Call-ID", "o")
        .finish(None);
    bench.send(0, request);
    bench.response(0)
}

#[test]
fn a_mute_server_counts_but_does_not_answer() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "mute", None, None);
    assert!(ask(&mut bench).is_none());
    let rows: Vec<_> = bench.world.node(bench.server).requests().cloned().collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].answered, None);
    assert!(bench.world.node(bench.server).bindings(bench.world.now()).is_empty());
}

#[test]
fn a_mute_server_still_takes_connections() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "mute", None, None);
    bench.connect(0, net::Transport::Tcp, SERVER);
    let request = bench.register_over(net::Transport::Tcp, 0, "1001", &[]);
    bench.send(0, [&b"\r\n\r\n"[..], &request].concat().into());
    assert!(bench.hear(0, 1000).is_empty(), "not even a pong");
    assert_eq!(bench.world.node(bench.server).requests().count(), 1);
}

#[test]
fn a_fault_concerns_its_method_and_ends_with_its_time() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "mute", Some(Method::Register), Some(20));
    assert!(ask(&mut bench).is_none());
    assert_eq!(options(&mut bench).unwrap().status(), 200);
    assert_eq!(bench.world.node(bench.server).faults(bench.world.now()).count(), 1);
    bench.world.run_for(Duration::from_secs(20));
    assert_eq!(ask(&mut bench).unwrap().status(), 200);
    assert_eq!(bench.world.node(bench.server).faults(bench.world.now()).count(), 0);
}

#[test]
fn a_status_is_given_with_its_retry_after_until_the_fault_is_healed() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 7, "status 503 30", None, None);
    let response = ask(&mut bench).unwrap();
    assert_eq!((response.status(), response.retry_after()), (503, Some(30)));
    bench.world.command(bench.server, Command::Heal(7));
    assert_eq!(ask(&mut bench).unwrap().status(), 200);
    order(&mut bench, 8, "status 403", None, None);
    let response = ask(&mut bench).unwrap();
    assert_eq!((response.status(), response.retry_after()), (403, None));
    order(&mut bench, 9, "heal", None, None);
    assert_eq!(ask(&mut bench).unwrap().status(), 200);
}

#[test]
fn credentials_are_asked_for_again_and_again() {
    for (fault, stale) in [("loop401", false), ("stale", true)] {
        let mut bench = Bench::new(config());
        order(&mut bench, 1, fault, None, None);
        let mut challenged = ask(&mut bench).unwrap();
        assert!(!challenged.challenges()[0].stale, "nothing was answered yet");
        for _ in 0..3 {
            let (name, value) = Bench::credentials(&challenged, ("1001", "pw1"), 1);
            let request = bench.register(0, "1001", &[(name, &value)]);
            challenged = bench.ask(0, request);
            assert_eq!((challenged.status(), challenged.challenges()[0].stale), (401, stale));
        }
    }
}

#[test]
fn a_server_without_passwords_can_ask_for_them_by_a_fault() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "loop401", None, None);
    assert_eq!(ask(&mut bench).unwrap().challenges().len(), 2);
}

#[test]
fn a_slow_server_answers_later() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "slow 2000", None, None);
    assert!(ask(&mut bench).is_none());
    bench.world.run_for(Duration::from_millis(1_890));
    assert!(bench.world.events(bench.uas[0]).is_empty());
    assert_eq!(bench.response(0).unwrap().status(), 200);
    let rows: Vec<_> = bench.world.node(bench.server).requests().cloned().collect();
    assert_eq!((rows[0].at.as_micros(), rows[0].answered), (200, Some(200)));
}

#[test]
fn a_lossy_server_loses_datagrams_in_both_directions() {
    let mut bench = Bench::new(open_config());
    order(&mut bench, 1, "loss 50", None, None);
    let answered = (0..400).filter(|_| options(&mut bench).is_some()).count();
    let received = bench.world.node(bench.server).requests().count();
    assert!((160..240).contains(&received), "{received}");
    assert!((70..130).contains(&answered), "{answered}");
}

#[test]
fn what_the_executor_carries_out_does_nothing_here() {
    let mut bench = Bench::new(open_config());
    for (id, fault) in (1..).zip(["kill", "blackhole", "tls expired", "nxdomain"]) {
        order(&mut bench, id, fault, None, None);
    }
    assert_eq!(ask(&mut bench).unwrap().status(), 200);
}
