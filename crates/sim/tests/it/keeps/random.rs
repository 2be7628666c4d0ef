//! Faults drawn from a seed, and what has to hold whatever they are.

use std::time::Duration;

use net::{Instant, Rng};
use sim::{Fault, Trouble};

use super::guide::{FAILOVER, FALLBACK_LINES};
use super::scene::*;

/// How long the phones may take to be registered at the best server after the last fault has ended:
/// the longest wait for a retry, a probe or a refresh, and the longest pass before it.
const RECOVERY_S: u64 = 180;
const CHAOS_S: u64 = 900;

/// Draws a fault of the network or of a server for a part of the time of chaos.
fn bring_trouble(scene: &mut Scene, rng: &mut Rng) {
    let server = usize::try_from(rng.below(3)).unwrap();
    let begin = Instant::from_secs(10 + rng.below(CHAOS_S - 200));
    let end = begin + Duration::from_secs(1 + rng.below(180));
    let handle = scene.servers[server];
    let phone = scene.phones[usize::try_from(rng.below(scene.phones.len() as u64)).unwrap()];
    let fault = match rng.below(12) {
        0 => Fault::at(handle, Trouble::Down),
        1 => Fault::at(handle, Trouble::Blackhole),
        2 => Fault::one_way(phone, handle, Trouble::Loss(1.0)),
        3 => Fault::one_way(handle, phone, Trouble::Loss(1.0)),
        4 => Fault::at(handle, Trouble::HostUnreachable),
        5 => Fault::everywhere(Trouble::Loss(0.3)),
        6 => Fault::at(phone, Trouble::SendDenied),
        7 => Fault::at(phone, Trouble::NoRoute),
        8 => Fault::at(phone, Trouble::Suspended),
        9 => Fault::at(handle, Trouble::Slow(Duration::from_millis(1 + rng.below(3_000)))),
        10 => Fault::at(scene.dns, Trouble::Blackhole),
        _ => {
            let words = ["mute", "status 503 20", "status 500", "loop401", "slow 900", "loss 60"];
            let word = words[usize::try_from(rng.below(6)).unwrap()];
            let order = lab::Command::Fault {
                id: 1_000 + rng.below(1_000_000),
                fault: word.parse().unwrap(),
                method: None,
                lasts: Some(end.since(begin)),
            };
            scene.world.script(begin, move |world| world.command(handle, order));
            return;
        }
    };
    scene.world.fault(fault.from(begin).until(end));
}

/// Runs a time of chaos, then a time of peace, and checks what has to hold.
fn chaos(seed: u64, lines: &str) {
    let mut scene = Scene::seeded(seed, lines, 3);
    let mut rng = scene.world.rng("chaos");
    for _ in 0..8 {
        bring_trouble(&mut scene, &mut rng);
    }
    let limit = Instant::from_secs(CHAOS_S + RECOVERY_S);
    while scene.world.now() < limit {
        scene.world.run_for(Duration::from_secs(5));
        for phone in 0..scene.phones.len() {
            check_one_server(&scene, phone, seed);
        }
    }
    for phone in 0..scene.phones.len() {
        assert_eq!(
            scene.registered(phone),
            [PRIMARY],
            "seed {seed}, phone {phone}: registered at the best server\n{:?}\n{}",
            scene.moves(phone),
            scene.world.ladder(limit - Duration::from_secs(100))
        );
        assert!(scene.bound_at(phone).iter().any(|(at, _)| *at == PRIMARY), "seed {seed}");
    }
    check_rate(&scene, seed);
}

/// Successive registration and failover hold one registration at a time.
fn check_one_server(scene: &Scene, phone: usize, seed: u64) {
    let registered = scene.registered(phone);
    assert!(registered.len() <= 1, "seed {seed}: {registered:?} at {}", scene.world.now());
}

/// No storm: a phone sends a server at most so many REGISTERs in any ten seconds.
fn check_rate(scene: &Scene, seed: u64) {
    for server in [PRIMARY, SECONDARY, FALLBACK] {
        let rows = scene.registers(server);
        let mut froms: Vec<_> = rows.iter().map(|row| row.from).collect();
        froms.sort_unstable();
        froms.dedup();
        for from in froms {
            let times: Vec<Instant> =
                rows.iter().filter(|row| row.from == from).map(|row| row.at).collect();
            for window in times.windows(STORM + 1) {
                let within = window[STORM].since(window[0]);
                assert!(within >= Duration::from_secs(10), "seed {seed}: {STORM} in {within:?}");
            }
        }
    }
}

/// Two passes and a probe with their retries and challenges.
const STORM: usize = 24;

#[test]
fn failover_recovers_from_whatever_happens() {
    for seed in 0..40 {
        chaos(seed, FAILOVER);
    }
}

#[test]
fn successive_fallback_recovers_from_whatever_happens() {
    for seed in 0..40 {
        chaos(seed, FALLBACK_LINES);
    }
}

#[test]
fn the_other_failback_modes_recover_from_whatever_happens() {
    for mode in 1..=3 {
        let lines = format!(
            "{FAILOVER}account.1.sip_server.1.failback_mode = {mode}\n\
             account.1.sip_server.1.failback_timeout = 60\n"
        );
        for seed in 0..15 {
            chaos(seed, &lines);
        }
    }
}

#[test]
fn the_fast_profile_recovers_from_whatever_happens() {
    for seed in 0..15 {
        chaos(seed, &format!("{FAILOVER}sureline.profile = fast\n"));
        chaos(seed, &format!("{FALLBACK_LINES}sureline.profile = fast\n"));
    }
}

#[test]
fn streams_recover_from_whatever_happens() {
    for transport in [1, 2] {
        let lines = format!("{FAILOVER}account.1.sip_server.1.transport_type = {transport}\n");
        for seed in 0..15 {
            chaos(seed, &lines);
        }
    }
}

#[test]
fn a_seed_gives_the_same_world_again() {
    let run = || {
        let mut scene = Scene::seeded(7, FAILOVER, 3);
        let mut rng = scene.world.rng("chaos");
        for _ in 0..8 {
            bring_trouble(&mut scene, &mut rng);
        }
        scene.world.run_until(Instant::from_secs(CHAOS_S));
        scene.world.trace().rows().cloned().collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
