//! Random servers: whatever they do, files are taken whole or not at all, and every run ends.

use net::{Cause, Rng};
use params::Device;
use params::provision::{FetchFault, Outcome, Saved, Trigger};

use super::bench::{Bench, COMMON, MAC, OWN_BOOT, Reply, SERVER, SHARED_BOOT};

/// Every version of the two files goes together: the same figure stands in both.
fn version(n: u64) -> [(&'static str, String); 2] {
    [
        (COMMON, format!("account.1.label = {n}\naccount.1.enable = 1\n")),
        (MAC, format!("account.2.label = {n}\naccount.2.enable = 1\n")),
    ]
}

fn mischief(rng: &mut Rng, text: &str) -> Reply {
    let bytes = text.as_bytes();
    let place = usize::try_from(rng.below(bytes.len() as u64)).unwrap();
    match rng.below(14) {
        0 => Reply::Silent,
        1 => Reply::Cut,
        2 => Reply::Status(503),
        3 => Reply::Status(404),
        4 => Reply::Status(401),
        5 => Reply::Moved("/loop"),
        6 => Reply::Closing(bytes[..place].to_vec()),
        7 => Reply::file(""),
        8 => Reply::file("<html>"),
        9 => Reply::Late(rng.below(12), bytes.to_vec()),
        10 => Reply::Fails(FetchFault::Connection(Cause::Reset)),
        11 => Reply::File(vec![0xfe; 32]),
        _ => Reply::file(text),
    }
}

#[test]
fn a_phone_has_all_of_one_version_or_all_of_another() {
    let mut taken = 0;
    for seed in 0..300 {
        let mut rng = Rng::new(seed);
        let mut bench = Bench::of(Device::default(), Some(SERVER), "", Saved::default(), seed);
        bench.script("http://pbx.test/loop", vec![Reply::Moved("/loop")]);
        for n in 1..=6 {
            for (url, text) in version(n) {
                let replies = (0..3).map(|_| mischief(&mut rng, &text)).collect();
                bench.script(url, replies);
            }
            for boot in [OWN_BOOT, SHARED_BOOT] {
                let often =
                    if rng.below(4) == 0 { mischief(&mut rng, "OK") } else { Reply::Status(404) };
                bench.script(boot, vec![often, Reply::Status(404)]);
            }
            let before = bench.held.clone();

            let report = bench.run(Trigger::Demand);

            let labels = ["account.1.label", "account.2.label"].map(|key| bench.value(key));
            match report.outcome {
                Outcome::Taken { .. } => {
                    taken += 1;
                    let own = n.to_string();
                    let has_both = bench.held.files.len() == 2;
                    assert!(labels.contains(&own), "seed {seed}: {labels:?}");
                    assert!(!has_both || labels[0] == labels[1], "seed {seed}: {labels:?}");
                }
                Outcome::Failed(_) => assert_eq!(bench.held, before, "seed {seed}"),
                other @ (Outcome::Unchanged | Outcome::NothingNamed | Outcome::NotDue) => {
                    panic!("seed {seed}: {other:?}")
                }
            }
        }
    }
    assert!(taken > 50, "only {taken} runs were taken: the server is too bad to say anything");
}
