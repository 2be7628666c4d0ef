//! Messages that should not be, from the next hop that holds the registration: the phone stays
//! registered and takes a call after each (RFC 4475, RFC 5118, mutants of both, noise).

use std::path::Path;

use net::{Input, Node, Rng, Socket};

use crate::calls::{invite, sent_to};
use crate::support::{Bench, Does, hops, server};

/// Every message of a folder of the corpus, by name.
fn corpus(folder: &str) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sip/tests/corpus").join(folder);
    let mut messages: Vec<(String, Vec<u8>)> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    messages.sort();
    messages
}

fn registered_phone() -> Bench {
    let lines = format!("{}account.1.auto_answer = 0", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Grant(3600), Does::Grant(3600)]);
    bench.run_to(5.0);
    bench
}

fn hear(bench: &mut Bench, from: u8, bytes: &[u8]) {
    let now = bench.world.now();
    let input = Input::Datagram { socket: Socket(0), from: server(from), bytes };
    Node::handle(bench.world.node_mut(bench.phone), now, input);
    bench.world.run_for(std::time::Duration::from_millis(100));
}

fn takes_a_call(bench: &mut Bench, call_id: &str) -> bool {
    invite(bench, 1, call_id);
    bench.world.run_for(std::time::Duration::from_millis(100));
    let rang = sent_to(bench, 1).iter().any(|line| line == "SIP/2.0 180 Ringing");
    bench.world.clear_trace();
    rang
}

#[test]
fn after_each_torture_message_the_phone_is_registered_and_takes_a_call() {
    let judged: usize = ["rfc4475", "rfc5118"]
        .iter()
        .map(|folder| {
            let messages = corpus(folder);
            for (name, bytes) in &messages {
                let mut bench = registered_phone();
                hear(&mut bench, 1, bytes);
                assert_eq!(bench.registered(), [1], "{folder}/{name}");
                assert!(takes_a_call(&mut bench, name), "{folder}/{name}: no call afterwards");
            }
            messages.len()
        })
        .sum();
    assert_eq!(judged, 50 + 12);
}

#[test]
fn a_stranger_gets_no_answer_to_any_of_them() {
    for (name, bytes) in corpus("rfc4475").into_iter().chain(corpus("rfc5118")) {
        let mut bench = registered_phone();
        hear(&mut bench, 66, &bytes);
        assert_eq!(sent_to(&bench, 66), [] as [&str; 0], "{name}");
    }
}

#[test]
fn mutants_and_noise_harm_nothing() {
    let messages = corpus("rfc4475");
    let mut rng = Rng::new(11);
    let mut bench = registered_phone();
    for round in 0..3000_u32 {
        let (_, original) = &messages[usize::try_from(rng.below(messages.len() as u64)).unwrap()];
        let mut bytes = original.clone();
        for _ in 0..=rng.below(8) {
            let at = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
            bytes[at] = u8::try_from(rng.below(256)).unwrap();
        }
        if round % 7 == 0 {
            bytes.truncate(usize::try_from(rng.below(bytes.len() as u64)).unwrap());
        }
        let now = bench.world.now();
        let input = Input::Datagram { socket: Socket(0), from: server(1), bytes: &bytes };
        Node::handle(bench.world.node_mut(bench.phone), now, input);
    }
    bench.world.run_for(std::time::Duration::from_secs(1));
    assert_eq!(bench.registered(), [1]);
    let faults = bench.events().into_iter().filter(|kind| {
        matches!(kind, phone::EventKind::Notice(text) if text.contains("a fault of this program"))
    });
    assert_eq!(faults.count(), 0, "nothing panicked");
}
