//! Every transport with every fault, and the faults of the phone's own machine.

use std::time::Duration;

use dns::NameServerCommand;
use net::{Instant, Transport};
use phone::RegisterStatus;
use sim::{Fault, Network, Trouble};

use super::guide::FAILOVER;
use super::scene::*;

fn over(transport: Transport) -> String {
    let number = match transport {
        Transport::Udp => 3,
        Transport::Tcp => 1,
        Transport::Tls => 2,
    };
    format!("{FAILOVER}account.1.sip_server.1.transport_type = {number}\n")
}

/// How long it takes from the first REGISTER that meets the fault until the secondary is asked.
fn time_to_move(transport: Transport, fault: &str) -> f64 {
    let mut scene = Scene::new(&over(transport));
    scene.run_to(5.0);
    assert_eq!(scene.registered(0), [PRIMARY], "{transport} {fault}");
    assert_eq!(scene.registers(PRIMARY).last().unwrap().transport, transport);
    scene.fault(PRIMARY, fault);
    let began = scene.world.now();
    scene.until_registered(0, &[SECONDARY], 90);
    let sent = |to: usize| {
        let place = scene.places.of(lab::Role::ALL[to]);
        let here = |row: &&sim::Row| row.at >= began && row.to.ip() == place.sip.ip();
        scene.world.trace().rows().find(here).map(|row| row.at)
    };
    sent(SECONDARY).unwrap().since(sent(PRIMARY).unwrap()).as_secs_f64()
}

// A5 A32
#[test]
fn every_transport_leaves_a_lost_server_in_its_time() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        for (fault, least, most) in [
            ("mute", 7.49, 7.51),
            ("blackhole", 7.49, 7.51),
            ("kill", 0.0, 2.2),
            ("status 503", 0.0, 0.1),
        ] {
            let took = time_to_move(transport, fault);
            assert!((least..most).contains(&took), "{transport} {fault}: {took}");
        }
    }
}

#[test]
fn a_bad_certificate_is_left_and_the_transport_never_downgraded() {
    for fault in ["tls wronghost", "tls expired", "tls selfsigned", "tls otherca"] {
        let mut scene = Scene::new(&over(Transport::Tls));
        scene.fault(PRIMARY, fault);
        scene.run_to(20.0);
        assert_eq!(scene.registered(0), [SECONDARY], "{fault}");
        let rows = scene.world.trace().messages();
        assert!(rows.filter(|row| row.to.port() == 5060).count() == 0, "nothing in the clear");
    }
}

#[test]
fn a_wrong_password_is_no_outage() {
    let mut scene = Scene::new(&format!("{FAILOVER}account.1.password = wrong\n"));
    scene.run_to(600.0);
    assert_eq!(scene.status(0), RegisterStatus::RegisterFailed);
    assert!(scene.registers(SECONDARY).is_empty());
    let tries = scene.registers(PRIMARY).iter().filter(|row| row.answered == Some(403)).count();
    assert!((2..=11).contains(&tries), "once a minute at the most: {tries}");
}

#[test]
fn a_loop_of_challenges_ends() {
    for fault in ["loop401", "stale"] {
        let mut scene = Scene::new(FAILOVER);
        scene.fault(PRIMARY, fault);
        scene.run_to(600.0);
        let asked = scene.registers(PRIMARY).len();
        assert!(asked <= 40, "{fault}: {asked} in ten minutes");
        assert!(scene.registers(SECONDARY).is_empty(), "{fault} is no failure of the next hop");
    }
}

#[test]
fn what_our_own_system_refuses_never_counts_against_a_next_hop() {
    for trouble in [Trouble::SendDenied, Trouble::NoRoute, Trouble::QueueFull] {
        let mut scene = Scene::new(FAILOVER);
        scene.run_to(5.0);
        let end = secs(90.0);
        scene.world.fault(Fault::at(scene.phones[0], trouble).until(end));
        scene.run_to(90.0);
        let downs = scene.world.events(scene.phones[0]).iter().filter(|(_, event)| {
            let state = phone::HealthState::Down;
            matches!(event.kind, phone::EventKind::Health { state: now, .. } if now == state)
        });
        assert_eq!(downs.count(), 0, "{trouble:?}");
        scene.until_registered(0, &[PRIMARY], 60);
    }
}

#[test]
fn a_suspended_phone_sees_its_lease_expired_and_registers_again() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    let wakes = secs(10_000.0);
    let asleep = Fault::at(scene.phones[0], Trouble::Suspended).from(secs(6.0)).until(wakes);
    scene.world.fault(asleep);
    scene.run_to(9_999.0);
    assert!(scene.bound_at(0).is_empty());
    scene.run_to(10_002.0);
    assert_eq!(scene.registered(0), [PRIMARY]);
    assert!(scene.times_since(PRIMARY, wakes)[0] < 0.1);
}

#[test]
fn a_phone_that_is_killed_and_started_again_has_one_binding() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    scene.restart_phone(0, FAILOVER);
    scene.run_to(10.0);
    assert_eq!(scene.bound_at(0).len(), 1, "the contact is the same as before");
    assert_eq!(scene.registered(0), [PRIMARY]);
}

#[test]
fn a_server_that_lost_its_bindings_gets_them_back_with_the_next_register() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    let mut config = scene.world.node(scene.servers[PRIMARY]).config().clone();
    config.name = "primary".into();
    let fresh = lab::Registrar::new(config, lab::Database::new(), scene.world.rng("again"));
    scene.world.restart(scene.servers[PRIMARY], fresh);
    assert!(scene.bound_at(0).is_empty());
    scene.world.run_for(Duration::from_secs(60));
    assert_eq!(scene.bound_at(0).len(), 1);
}

// A24
#[test]
fn a_name_server_that_dies_takes_nothing_that_is_registered_with_it() {
    for order in
        [NameServerCommand::Silent, NameServerCommand::Servfail, NameServerCommand::Nxdomain]
    {
        let mut scene = Scene::new(FAILOVER);
        scene.run_to(5.0);
        scene.world.command(scene.dns, order.clone());
        for minute in 1..30 {
            scene.run_to(f64::from(minute) * 60.0);
            assert_eq!(scene.registered(0), [PRIMARY], "{order:?} after {minute} min");
        }
    }
}

#[test]
fn datagrams_lost_duplicated_and_overtaken_cost_no_registration() {
    for seed in 0..10 {
        let mut scene = Scene::seeded(seed, FAILOVER, 1);
        scene.world.fault(Fault::everywhere(Trouble::Loss(0.2)));
        scene.world.fault(Fault::everywhere(Trouble::Duplicate(0.3)));
        let late = Duration::from_millis(700);
        scene.world.fault(Fault::everywhere(Trouble::Reorder(0.2, late)));
        scene.run_to(3_600.0);
        assert_eq!(scene.registered(0).len(), 1, "seed {seed}");
        assert!(!scene.bound_at(0).is_empty(), "seed {seed}");
    }
}

#[test]
fn an_overflow_of_our_own_buffer_suspends_verdicts() {
    let mut scene = Scene::new(FAILOVER);
    scene.run_to(5.0);
    let full = Fault::at(scene.phones[0], Trouble::Overflow(0.5)).until(secs(3_600.0));
    scene.world.fault(full);
    scene.run_to(3_600.0);
    let times = scene.world.events(scene.phones[0]).iter();
    let told = times.filter(|(_, event)| matches!(event.kind, phone::EventKind::Notice(_)));
    assert!(told.count() > 0, "the overflow is said");
    scene.until_registered(0, &[PRIMARY], 120);
}

/// Two hundred phones of one process at one address refresh at once: the kernel of the dead server
/// sends six errors for all of them.
#[test]
fn one_icmp_error_speaks_for_all_phones_of_a_process() {
    let mut scene = Scene::seeded(1, FAILOVER, 0);
    let fleet = Fleet::start(&mut scene, 200);
    scene.run_to(10.0);
    assert_eq!(fleet.registered(&scene, PRIMARY), 200);
    scene.fault(PRIMARY, "kill");
    for phone in 0..200 {
        let order = phone::Command::Register { phone: mac(phone), account: 1 };
        scene.world.command(fleet.0, order);
    }
    scene.run_to(11.0);
    assert_eq!(fleet.registered(&scene, SECONDARY), 200);
    let longest = fleet.longest_attempt_at(&scene, PRIMARY);
    assert!(longest <= Duration::from_millis(70), "{longest:?}");
}

/// Many phones in one process, at one address.
struct Fleet(sim::Handle<phone::Endpoint>);

impl Fleet {
    fn start(scene: &mut Scene, count: usize) -> Self {
        Self(scene.add_fleet(count, FAILOVER))
    }

    fn registered(&self, scene: &Scene, server: usize) -> usize {
        let views = scene.world.node(self.0).views(scene.world.now());
        let ip = scene.places.servers[server].sip.ip();
        let servers = views.iter().flat_map(|view| &view.accounts).flat_map(|a| &a.servers);
        let leases = servers.filter(|server| server.registered).filter_map(|s| s.lease.as_ref());
        leases.filter(|lease| lease.next_hop.addr.ip() == ip).count()
    }

    fn longest_attempt_at(&self, scene: &Scene, server: usize) -> Duration {
        let ip = scene.places.servers[server].sip.ip();
        let mut longest = Duration::ZERO;
        for (_, event) in scene.world.events(self.0) {
            if let phone::EventKind::AttemptEnded { attempt, outcome, elapsed, .. } = &event.kind
                && attempt.next_hop.addr.ip() == ip
                && *outcome != phone::Outcome::Answered
            {
                longest = longest.max(*elapsed);
            }
        }
        longest
    }
}

/// Two thousand phones lose their primary: all move, and the secondary meets no storm beyond what
/// their refreshes make, which are spread over the lease.
#[test]
fn two_thousand_phones_move_without_a_storm() {
    const COUNT: usize = 2_000;
    let network = Network { trace_limit: 0, ..Network::default() };
    let users = (0..COUNT).map(|n| lab::User::new(&format!("u{n}"), "pw")).collect();
    let options = lab::LabOptions { users, log_limit: 200_000, ..options() };
    let mut scene = Scene::with(1, network, &options, FAILOVER, 0);
    let lines =
        format!("{FAILOVER}sip.reg_surge_prevention = 20\naccount.1.sip_server.1.expires = 600\n");
    let fleet = Fleet(scene.add_fleet(COUNT, &lines));
    scene.run_to(25.0);
    assert_eq!(fleet.registered(&scene, PRIMARY), COUNT);
    scene.fault(PRIMARY, "kill");
    scene.run_to(700.0);
    assert_eq!(fleet.registered(&scene, SECONDARY), COUNT);
    let mut per_second = std::collections::BTreeMap::new();
    for row in scene.registers(SECONDARY) {
        *per_second.entry(row.at.as_micros() / 1_000_000).or_insert(0_usize) += 1;
    }
    let busiest = per_second.values().copied().max().unwrap_or(0);
    assert!(busiest < COUNT / 10, "{busiest} requests in one second");
}

#[test]
fn a_day_of_one_phone_passes_quickly() {
    let network = Network { trace_limit: 1_000, ..Network::default() };
    let mut scene = Scene::with(1, network, &options(), FAILOVER, 1);
    scene.world.run_until(Instant::from_secs(86_400));
    assert_eq!(scene.registered(0), [PRIMARY]);
    let count = scene.registers(PRIMARY).len();
    assert!((2_800..=3_600).contains(&count), "{count} in a day with leases of 60 s");
}
