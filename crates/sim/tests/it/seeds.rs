use std::time::Duration;

use net::{Conn, Instant, Transport};
use sim::{Addresses, Fault, Network, Row, Trouble, World};

use crate::probe::*;

/// Traffic over datagrams and streams with every fault that draws by chance.
fn noisy(seed: u64) -> Vec<Row> {
    let network = Network { jitter: Duration::from_millis(5), ..Network::default() };
    let mut world = World::with(seed, network);
    let (client, server) = pair(&mut world);
    world.fault(Fault::everywhere(Trouble::Loss(0.2)));
    world.fault(Fault::everywhere(Trouble::Duplicate(0.2)));
    world.fault(Fault::at(server, Trouble::Reorder(0.2, Duration::from_millis(9))));
    world.fault(Fault::at(server, Trouble::Overflow(0.1)));
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.run_while(Instant::from_secs(60), |world| world.events(client).is_empty());
    for round in 0..50 {
        send(&mut world, client, SERVER, &format!("datagram {round}"));
        write(&mut world, client, Conn(1), format!("message {round}").as_bytes());
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_secs(60));
    world.trace().rows().cloned().collect()
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    let first = noisy(1);
    assert!(first.len() > 100);
    assert_eq!(first, noisy(1));
    assert_ne!(first, noisy(2));
}

#[test]
fn nodes_get_generators_of_their_own() {
    let world = World::new(1);
    let draw = |world: &World, label| world.rng(label).next_u64();
    assert_eq!(draw(&world, "phone"), draw(&World::new(1), "phone"));
    assert_ne!(draw(&world, "phone"), draw(&world, "lab"));
    assert_ne!(draw(&world, "phone"), draw(&World::new(2), "phone"));
}

#[test]
fn ten_thousand_nodes_share_a_world_for_a_day() {
    let mut world = World::with(1, Network { trace_limit: 0, ..Network::default() });
    let (_, server) = pair(&mut world);
    for number in 0..10_000_u32 {
        let [_, high, mid, low] = (number + 1).to_be_bytes();
        let own = std::net::SocketAddr::from(([11, high, mid, low], 5060));
        let node = world.add("phone", Probe::default(), Addresses::udp(own));
        let at = Instant::from_micros(u64::from(number) * 8_000_000);
        world.script(at, move |world| send(world, node, SERVER, "hello"));
    }
    world.run_until(Instant::from_secs(86_400));
    assert_eq!(world.events(server).len(), 10_000);
}
