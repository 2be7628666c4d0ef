//! check-sync: a server that asks for provisioning, and a stranger who does.

use std::net::UdpSocket;
use std::time::Duration;

use crate::bench::Lab;
use crate::phone::Phone;
use crate::servers::{Odd, give};

fn notify(phone: &Phone, from: &UdpSocket, event: &str, branch: u32) {
    let (to, own) = (phone.sip(), from.local_addr().unwrap());
    let message = format!(
        "NOTIFY sip:1001@{to} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:lab.test>;tag=t{branch}\r\nTo: <sip:1001@lab.test>\r\n\
         Call-ID: sync{branch}\r\nCSeq: 1 NOTIFY\r\nContact: <sip:{own}>\r\nEvent: {event}\r\n\
         Subscription-State: terminated\r\nContent-Length: 0\r\n\r\n"
    );
    from.send_to(message.as_bytes(), to).unwrap();
}

fn answer(socket: &UdpSocket) -> Option<String> {
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..length]).lines().next().unwrap().to_owned())
}

fn socket(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    socket
}

/// A lab, a server of files that counts, and a phone that has registered.
fn registered(lab: &Lab) -> (Odd, Phone) {
    let file = std::fs::read_to_string(lab.phone_file("account.1.label = a\n")).unwrap();
    let server = Odd::start(move |_, stream| give(stream, &file));
    let phone = Phone::start(&server.url(), lab.dir.path(), &["--dns", lab.dns()]);
    phone.process.event_named("registered");
    (server, phone)
}

#[test]
fn the_server_of_an_account_may_ask_and_a_stranger_may_not() {
    let lab = Lab::start(&[]);
    let (server, phone) = registered(&lab);
    let asked = server.heard().len();
    let stranger = socket("127.0.0.99");
    notify(&phone, &stranger, "check-sync", 1);
    assert_eq!(answer(&stranger), None);

    let primary = lab.hop("primary", "udp");
    let (ip, _) = primary.strip_prefix("udp/").unwrap().split_once(':').unwrap();
    let own = socket(ip);
    notify(&phone, &own, "check-sync", 2);
    assert_eq!(answer(&own).as_deref(), Some("SIP/2.0 200 OK"));
    phone.process.event_named("check_sync");
    crate::servers::until("files are asked for", || (server.heard().len() > asked).then_some(()));
    // At most once a minute.
    notify(&phone, &own, "check-sync", 3);
    assert_eq!(answer(&own).as_deref(), Some("SIP/2.0 200 OK"));
    assert!(phone.provision().unwrap().starts_with("no file has changed"));
    assert_eq!(server.heard().len(), asked + 2);
}

#[test]
fn a_restart_that_is_asked_for_registers_anew() {
    let lab = Lab::start(&[]);
    let (_server, phone) = registered(&lab);
    let primary = lab.hop("primary", "udp");
    let (ip, _) = primary.strip_prefix("udp/").unwrap().split_once(':').unwrap();
    notify(&phone, &socket(ip), "check-sync;reboot=true", 1);
    assert_eq!(phone.process.event_named("check_sync")["reboot"], true);
    phone.process.event_named("registered");
}
