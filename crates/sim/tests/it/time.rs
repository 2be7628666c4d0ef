use std::time::Duration;

use net::{Cause, Conn, Instant, Transport};
use sim::{Fate, Fault, Loss, Network, Trouble, What, World};

use crate::probe::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_node_wakes_when_it_wants_to_and_not_before() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    world.command(client, Order::WakeAt(Instant::from_secs(9)));
    world.command(client, Order::WakeAt(Instant::from_secs(5)));
    world.run_until(Instant::from_secs(60));
    assert_eq!(world.events(client), [(Instant::from_secs(5), Heard::Woke)]);
    world.command(client, Order::WakeAt(Instant::from_secs(70)));
    world.command(client, Order::WakeAt(Instant::from_secs(80)));
    assert_eq!(world.next_timeout(client).map(|(at, _)| at), Some(Instant::from_secs(80)));
    world.run_until(Instant::from_secs(600));
    assert_eq!(world.events(client)[1..], [(Instant::from_secs(80), Heard::Woke)]);
}

#[test]
fn a_suspended_machine_sees_its_clock_jump() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    connect(&mut world, server, Transport::Tcp, CLIENT, "");
    world.run_for(SECOND);
    heard(&mut world, client);
    let wakes = Instant::from_secs(3_600);
    world.fault(Fault::at(client, Trouble::Suspended).from(Instant::from_secs(10)).until(wakes));
    world.command(client, Order::WakeAt(Instant::from_secs(20)));
    world.run_until(Instant::from_secs(30));
    send(&mut world, server, CLIENT, "lost");
    write(&mut world, server, Conn(1), b"kept");
    world.run_until(Instant::from_secs(4_000));
    assert!(world.events(client).iter().all(|(at, _)| *at == wakes));
    let came: Vec<_> = heard(&mut world, client);
    assert!(came.contains(&Heard::Woke));
    assert!(came.iter().any(|heard| matches!(heard, Heard::Chunk(..))));
    assert!(!came.iter().any(|heard| matches!(heard, Heard::Datagram { .. })));
    assert_eq!(
        world
            .trace()
            .to(addr(CLIENT))
            .map(|row| row.fate)
            .find(|fate| matches!(fate, Fate::Lost(_))),
        Some(Fate::Lost(Loss::Node))
    );
}

#[test]
fn a_restarted_node_has_lost_its_state_and_its_connections() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.command(server, Order::WakeAt(Instant::from_secs(5)));
    world.run_for(SECOND);
    heard(&mut world, client);
    heard(&mut world, server);
    world.restart(server, Probe::echo());
    world.run_for(SECOND * 10);
    assert_eq!(heard(&mut world, client), [Heard::Closed(Conn(1), Cause::Reset)]);
    assert!(heard(&mut world, server).is_empty());
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    assert_eq!(heard(&mut world, client).len(), 1, "it answers as before");
}

#[test]
fn scripts_act_at_their_time() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.script(Instant::from_secs(2), move |world| send(world, client, SERVER, "hello"));
    world.run_until(Instant::from_secs(5));
    assert_eq!(world.events(server)[0].0, Instant::from_micros(2_000_200));
}

#[test]
fn running_until_quiet_stops_at_the_last_event_before_a_long_silence() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    world.command(client, Order::WakeAt(Instant::from_secs(100)));
    send(&mut world, client, SERVER, "hello");
    assert_eq!(world.run_until_quiet(SECOND), Instant::from_micros(400));
    assert_eq!(world.run_until_quiet(SECOND * 200), Instant::from_secs(100));
}

#[test]
fn running_while_a_condition_holds_says_whether_it_ceased() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    send(&mut world, client, SERVER, "hello");
    assert!(world.run_while(Instant::from_secs(9), |world| world.events(client).is_empty()));
    assert_eq!(world.now(), Instant::from_micros(400));
    assert!(!world.run_while(Instant::from_secs(9), |world| world.events(client).len() < 2));
    assert_eq!(world.now(), Instant::from_secs(9));
}

#[test]
#[should_panic(expected = "more than 1000 events in one run")]
fn a_run_that_does_not_end_fails_loudly() {
    let mut world = World::with(1, Network { event_limit: 1000, ..Network::default() });
    let (client, server) = pair(&mut world);
    world.restart(client, Probe::echo());
    send(&mut world, server, CLIENT, "for ever");
    world.run_for(SECOND);
}

#[test]
#[should_panic(expected = "which another node has")]
fn two_nodes_cannot_have_one_socket() {
    let mut world = World::new(1);
    pair(&mut world);
    pair(&mut world);
}

#[test]
fn the_trace_is_bounded_and_can_be_drawn() {
    let mut world = World::with(1, Network { trace_limit: 3, ..Network::default() });
    let (client, server) = pair(&mut world);
    for text in ["one\r\ntwo", "two", "three"] {
        send(&mut world, client, SERVER, text);
    }
    assert_eq!(world.trace().rows().next().unwrap().first_line(), "one");
    world.run_for(SECOND);
    assert_eq!(world.trace().len(), 3, "the echoes are left");
    world.fault(Fault::at(server, Trouble::Down));
    world.clear_trace();
    send(&mut world, client, SERVER, "REGISTER sip:lab.test SIP/2.0\r\n");
    world.run_for(SECOND);
    let whats: Vec<_> = world.trace().rows().map(|row| row.what).collect();
    assert_eq!(whats, [What::Datagram, What::Report(Cause::PortUnreachable)]);
    let expected = "
       seconds  client                            server
      1.000000  |--REGISTER sip:lab.test SIP/2.0-x|
      1.000200  |<----icmp: port unreachable------|
";
    assert_eq!(world.ladder(Instant::ZERO), expected.trim_start_matches('\n'));
}
