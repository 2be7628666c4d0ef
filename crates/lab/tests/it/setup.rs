use std::time::Duration;

use lab::{Authentication, Lab, LabOptions, Role, Sharing};
use net::Transport;
use sim::{Addresses, Certificate, Handle, World};
use sip::{Method, Writer};

use crate::ua::*;

struct Standard {
    world: World,
    servers: [Handle<lab::Registrar>; 3],
    ua: Handle<Ua>,
}

fn standard(sharing: Sharing) -> Standard {
    let mut world = World::new(1);
    let options =
        LabOptions { authentication: Authentication::None, sharing, ..LabOptions::default() };
    let lab = Lab::new(&options, &world.rng("lab")).unwrap();
    let servers = lab.servers.map(|server| {
        let place = Addresses {
            udp: server.udp,
            listen: server.listen,
            machine: Vec::new(),
            certificate: Certificate::Names(server.certificate_names),
        };
        world.add(server.role.as_str(), server.node, place)
    });
    world.add("dns", lab.dns, Addresses::server(lab.dns_addr));
    let ua = world.add("ua", Ua::default(), Addresses::server(addr("127.0.0.1:5060")));
    Standard { world, servers, ua }
}

fn request(method: &Method, uri: &str, branch: &str) -> Writer {
    Writer::request(method, uri)
        .via(Transport::Udp, addr("127.0.0.1:5060"), branch)
        .header("From", "<sip:1001@lab.test>;tag=f")
        .header("Call-ID", branch)
        .header("CSeq", format_args!("1 {method}"))
}

impl Standard {
    fn send(&mut self, to: &str, bytes: bytes::Bytes) -> Vec<Heard> {
        self.world.command(self.ua, Order::Send(addr(to), bytes));
        self.world.run_for(Duration::from_millis(100));
        self.world.take_events(self.ua).into_iter().map(|(_, heard)| heard).collect()
    }

    fn register(&mut self, to: &str) {
        let register = request(&Method::Register, "sip:lab.test", "z9hG4bKreg")
            .header("To", "<sip:1001@lab.test>")
            .header("Contact", "<sip:1001@127.0.0.1:5060>")
            .finish(None);
        let heard = self.send(to, register);
        assert!(
            matches!(&heard[..], [Heard::Message(sip::Message::Response(r))] if r.status() == 200)
        );
    }

    /// Whether a text for 1001 that is sent to a server comes back to its phone.
    fn reaches(&mut self, to: &str, branch: &str) -> bool {
        let message = request(&Method::Message, "sip:1001@lab.test", branch)
            .header("To", "<sip:1001@lab.test>")
            .finish(None);
        let heard = self.send(to, message);
        heard.iter().any(|heard| matches!(heard, Heard::Message(sip::Message::Request(_))))
    }
}

#[test]
fn a_cluster_shares_its_bindings_and_separate_servers_do_not() {
    for (sharing, shared) in [(Sharing::Cluster, true), (Sharing::Separate, false)] {
        let mut lab = standard(sharing);
        lab.register("127.0.1.1:5060");
        assert!(lab.reaches("127.0.1.1:5060", "z9hG4bK1"));
        assert_eq!(lab.reaches("127.0.1.2:5060", "z9hG4bK2"), shared);
        assert!(!lab.reaches("127.0.1.3:5060", "z9hG4bK3"), "the fallback server is its own");
        let now = lab.world.now();
        let rows: Vec<_> =
            lab.servers.iter().flat_map(|s| lab.world.node(*s).bindings(now)).collect();
        assert_eq!(rows.len(), 1, "shown by the server that took it");
        assert_eq!(&*rows[0].server, "primary");
    }
}

#[test]
fn a_stream_at_the_primary_is_reached_through_the_secondary() {
    let mut lab = standard(Sharing::Cluster);
    let to = net::Peer {
        transport: Transport::Tcp,
        addr: addr("127.0.1.1:5060"),
        name: "".into(),
        owner: 0,
    };
    let phone = lab.world.add("phone", Ua::default(), Addresses::server(addr("127.0.0.2:5060")));
    lab.world.command(phone, Order::Connect(to));
    lab.world.run_for(Duration::from_millis(100));
    let register = request(&Method::Register, "sip:lab.test", "z9hG4bKreg")
        .header("To", "<sip:1001@lab.test>")
        .header("Contact", "<sip:1001@127.0.0.2:9;transport=tcp>")
        .finish(None);
    lab.world.command(phone, Order::Send(addr("127.0.1.1:5060"), register));
    lab.world.run_for(Duration::from_millis(100));
    lab.world.take_events(phone);
    assert!(!lab.reaches("127.0.1.2:5060", "z9hG4bKtext"), "not at the sender");
    let heard = lab.world.take_events(phone);
    assert!(matches!(&heard[..], [(_, Heard::Message(sip::Message::Request(_)))]), "{heard:?}");
}

#[test]
fn roles_read_back_as_their_names() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
    assert_eq!(Role::parse("dns"), None);
}
