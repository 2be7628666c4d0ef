use std::time::Duration;

use bytes::Bytes;
use net::{Cause, Instant, Output, Socket, Transport};
use sim::{Addresses, Fate, Fault, Loss, Trouble, World};

use crate::probe::*;

const SECOND: Duration = Duration::from_secs(1);

fn count(world: &mut World, probe: sim::Handle<Probe>) -> usize {
    heard(world, probe).iter().filter(|heard| matches!(heard, Heard::Datagram { .. })).count()
}

#[test]
fn a_datagram_arrives_after_the_latency() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    let expected =
        Heard::Datagram { socket: Socket(0), from: addr(CLIENT), bytes: b"hello".to_vec() };
    assert_eq!(world.events(server), [(Instant::from_micros(200), expected)]);
    assert_eq!(count(&mut world, client), 1, "the echo");
    assert_eq!(world.now(), Instant::from_secs(1));
}

#[test]
fn a_dead_process_answers_with_port_unreachable_and_a_quotation() {
    for (quote, expected) in [(520, 520), (8, 8)] {
        let network = sim::Network { icmp_quote: quote, ..sim::Network::default() };
        let mut world = World::with(1, network);
        let (client, server) = pair(&mut world);
        world.fault(Fault::at(server, Trouble::Down));
        send(&mut world, client, SERVER, &"x".repeat(700));
        world.run_for(SECOND);
        let cause = Cause::PortUnreachable;
        let error = Heard::Unreachable { to: addr(SERVER), cause, quoted: expected };
        assert_eq!(world.events(client), [(Instant::from_micros(400), error)]);
        assert!(world.events(server).is_empty());
    }
}

#[test]
fn a_dead_process_keeps_its_state_and_lives_again_at_the_end_of_the_fault() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.command(server, Order::WakeAt(Instant::from_secs(3)));
    world.fault(
        Fault::at(server, Trouble::Down).from(Instant::from_secs(1)).until(Instant::from_secs(5)),
    );
    for second in [0, 2, 6] {
        world.run_until(Instant::from_secs(second));
        send(&mut world, client, SERVER, "hello");
    }
    world.run_for(SECOND);
    assert_eq!(
        world.events(server).iter().map(|(at, _)| at.as_micros()).collect::<Vec<_>>(),
        [200, 5_000_000, 6_000_200],
        "the wake-up of second 3 comes when the process lives again"
    );
}

#[test]
fn a_thousand_datagrams_to_a_dead_process_get_six_errors_but_all_on_loopback() {
    for (here, there, errors) in
        [("10.0.0.8:1", "10.0.0.9:1", 6), ("127.0.0.1:1", "127.0.1.1:1", 1000)]
    {
        let mut world = World::new(1);
        let client = world.add("client", Probe::default(), Addresses::udp(addr(here)));
        let server = world.add("server", Probe::default(), Addresses::udp(addr(there)));
        world.fault(Fault::at(server, Trouble::Down));
        for _ in 0..1000 {
            send(&mut world, client, there, "hello");
        }
        world.run_for(SECOND);
        assert_eq!(heard(&mut world, client).len(), errors);
    }
}

#[test]
fn a_firewall_that_drops_icmp_makes_a_dead_process_silent() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(server, Trouble::Down));
    world.fault(Fault::at(server, Trouble::NoIcmp));
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    assert!(world.events(client).is_empty());
}

#[test]
fn nothing_answers_where_no_machine_is() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    send(&mut world, client, "10.9.9.9:5060", "hello");
    send(&mut world, client, "10.0.0.2:9", "hello");
    world.run_for(SECOND);
    let cause = Cause::PortUnreachable;
    let error = Heard::Unreachable { to: addr("10.0.0.2:9"), cause, quoted: 5 };
    assert_eq!(heard(&mut world, client), [error], "a machine says that it has no such port");
}

#[test]
fn a_black_hole_is_silent_in_both_directions() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    let hole = world.fault(Fault::at(server, Trouble::Blackhole));
    send(&mut world, client, SERVER, "one");
    send(&mut world, server, CLIENT, "two");
    world.run_for(SECOND);
    assert!(world.events(client).is_empty() && world.events(server).is_empty());
    assert!(world.trace().rows().all(|row| row.fate == Fate::Lost(Loss::Way)));
    world.heal(hole);
    send(&mut world, client, SERVER, "three");
    world.run_for(SECOND);
    assert_eq!(count(&mut world, client), 1);
}

#[test]
fn one_way_loss_lets_the_other_way_through() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::one_way(server, client, Trouble::Loss(1.0)));
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    assert_eq!((count(&mut world, server), count(&mut world, client)), (1, 0));
}

#[test]
fn a_fault_of_one_transport_leaves_the_others_alone() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::between(client, server, Trouble::Blackhole).only(Transport::Tcp));
    send(&mut world, client, SERVER, "hello");
    connect(&mut world, client, Transport::Tcp, SERVER, "");
    world.run_for(SECOND);
    assert_eq!(count(&mut world, client), 1);
    assert!(!heard(&mut world, server).iter().any(|heard| matches!(heard, Heard::Accepted(..))));
}

#[test]
fn a_router_reports_an_unreachable_host() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(server, Trouble::HostUnreachable));
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    let error = Heard::Unreachable { to: addr(SERVER), cause: Cause::HostUnreachable, quoted: 5 };
    assert_eq!(heard(&mut world, client), [error]);
    send(&mut world, server, CLIENT, "hello");
    world.run_for(SECOND);
    assert_eq!(count(&mut world, client), 1, "the way out is open");
}

#[test]
fn loss_and_duplicates_strike_their_share() {
    let mut world = World::new(7);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(server, Trouble::Loss(0.3)).until(Instant::from_secs(1)));
    world.fault(Fault::everywhere(Trouble::Duplicate(0.2)).from(Instant::from_secs(1)));
    let mut arrived = Vec::new();
    for second in [0, 1] {
        world.run_until(Instant::from_secs(second));
        for _ in 0..1000 {
            send(&mut world, client, SERVER, "hello");
        }
        world.run_for(SECOND / 2);
        arrived.push(count(&mut world, server));
    }
    assert!((650..750).contains(&arrived[0]), "{arrived:?}");
    assert!((1150..1250).contains(&arrived[1]), "{arrived:?}");
}

#[test]
fn slow_and_reordered_datagrams_arrive_later() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(server, Trouble::Slow(SECOND / 2)).until(Instant::from_micros(1)));
    send(&mut world, client, SERVER, "slow");
    world.run_until(Instant::from_secs(1));
    let late = world.fault(Fault::at(server, Trouble::Reorder(1.0, SECOND / 10)));
    send(&mut world, client, SERVER, "first");
    world.heal(late);
    send(&mut world, client, SERVER, "second");
    world.run_for(SECOND);
    let came: Vec<_> = world
        .take_events(server)
        .into_iter()
        .map(|(at, event)| {
            let Heard::Datagram { bytes, .. } = event else { panic!("{event:?}") };
            (at.as_micros(), String::from_utf8(bytes).unwrap())
        })
        .collect();
    let expected = [(500_200, "slow"), (1_000_200, "second"), (1_100_200, "first")];
    assert_eq!(came, expected.map(|(at, text)| (at, text.to_owned())));
}

#[test]
fn what_our_own_system_refuses_is_said_at_once() {
    for (trouble, cause) in [
        (Trouble::SendDenied, Cause::SendDenied),
        (Trouble::NoRoute, Cause::NoRoute),
        (Trouble::QueueFull, Cause::QueueFull),
    ] {
        let mut world = World::new(1);
        let (client, _) = pair(&mut world);
        world.fault(Fault::at(client, trouble));
        send(&mut world, client, SERVER, "hello");
        let error = Heard::Unreachable { to: addr(SERVER), cause, quoted: 5 };
        assert_eq!(heard(&mut world, client), [error], "before any time has passed");
        assert!(world.trace().rows().all(|row| row.fate == Fate::Lost(Loss::Ours)));
    }
}

#[test]
fn there_is_no_route_to_another_family() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    send(&mut world, client, "[2001:db8::1]:5060", "hello");
    world.command(client, Order::Do(Output::Route { to: "2001:db8::1".parse().unwrap() }));
    let to = addr("[2001:db8::1]:5060");
    assert_eq!(
        heard(&mut world, client),
        [
            Heard::Unreachable { to, cause: Cause::NoRoute, quoted: 5 },
            Heard::Route(to.ip(), Err(Cause::NoRoute)),
        ]
    );
}

#[test]
fn a_socket_that_takes_nothing_keeps_datagrams_until_it_does() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    world.fault(Fault::at(client, Trouble::WouldBlock).until(Instant::from_secs(1)));
    for _ in 0..4_097 {
        send(&mut world, client, SERVER, "hello");
    }
    let error = Heard::Unreachable { to: addr(SERVER), cause: Cause::QueueFull, quoted: 5 };
    assert_eq!(heard(&mut world, client), [error], "4,096 wait");
    world.run_for(SECOND * 2);
    assert!(world.events(server).iter().all(|(at, _)| *at == Instant::from_micros(1_000_200)));
    assert_eq!(count(&mut world, server), 4_096);
}

#[test]
fn a_full_buffer_is_reported_before_the_next_datagram() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    let full = world.fault(Fault::at(server, Trouble::Overflow(1.0)));
    for _ in 0..3 {
        send(&mut world, client, SERVER, "lost");
    }
    world.run_for(SECOND);
    assert!(world.events(server).is_empty());
    world.heal(full);
    send(&mut world, client, SERVER, "hello");
    world.run_for(SECOND);
    let came = heard(&mut world, server);
    assert_eq!(came[0], Heard::Overflow(3));
    assert!(matches!(came[1], Heard::Datagram { .. }));
}

#[test]
fn sockets_are_opened_and_closed_on_demand() {
    let mut world = World::new(1);
    let (client, server) = pair(&mut world);
    let socket = Socket(Socket::FIRST_ASK);
    world.command(client, Order::Do(Output::OpenAsk { socket, to: addr(SERVER) }));
    let bytes = Bytes::from_static(b"question");
    world.command(client, Order::Do(Output::Datagram { socket, to: addr(SERVER), bytes }));
    world.run_for(SECOND);
    let Some(Heard::Datagram { from, .. }) = heard(&mut world, server).pop() else {
        panic!("the question came")
    };
    assert!(from.port() >= 32_768 && from.ip() == addr(CLIENT).ip());
    assert!(
        matches!(heard(&mut world, client)[..], [Heard::Datagram { socket: to, .. }] if to == socket)
    );
    world.command(client, Order::Do(Output::CloseAsk { socket }));
    send(&mut world, server, &from.to_string(), "late answer");
    world.run_for(SECOND);
    assert!(heard(&mut world, client).is_empty());
    let cause = Cause::PortUnreachable;
    assert_eq!(heard(&mut world, server), [Heard::Unreachable { to: from, cause, quoted: 11 }]);
}

#[test]
fn routes_are_answered_from_the_table_or_with_the_own_address() {
    let mut world = World::new(1);
    let (client, _) = pair(&mut world);
    let (near, far) = (addr(SERVER).ip(), addr("10.7.0.1:1").ip());
    let tunnel = addr("10.8.0.1:1").ip();
    world.route(client, far, Ok(tunnel));
    for to in [near, far] {
        world.command(client, Order::Do(Output::Route { to }));
    }
    assert_eq!(
        heard(&mut world, client),
        [Heard::Route(near, Ok(addr(CLIENT).ip())), Heard::Route(far, Ok(tunnel))]
    );
}
