//! check-sync: a server that asks for provisioning, through Kamailio too, and a stranger who does.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use crate::bench::Lab;
use crate::phone::Phone;
use crate::servers::{Odd, Program, free_udp_port, give, has, until};

fn notify(phone: &Phone, from: &UdpSocket, event: &str, branch: u32) {
    notify_at(&phone.sip(), from, event, branch);
}

fn notify_at(to: &str, from: &UdpSocket, event: &str, branch: u32) {
    let own = from.local_addr().unwrap();
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

/// A registrar that passes on what comes for those who are registered.
const KAMAILIO: &str = r#"#!KAMAILIO
debug=0
log_stderror=yes
children=1
dns=no
rev_dns=no
auto_aliases=no
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
modparam("usrloc", "db_mode", 0)
request_route {
    if ($rm == "REGISTER") { save("location"); exit; }
    if (!lookup("location")) { sl_send_reply("404", "Not Found"); exit; }
    t_relay();
}
"#;

#[test]
fn kamailio_passes_a_check_sync_on_and_the_phone_obeys() {
    if !has(&["kamailio"]) {
        return;
    }
    let (dir, port) = (tempfile::tempdir().unwrap(), free_udp_port());
    let config = dir.path().join("kamailio.cfg");
    std::fs::write(&config, KAMAILIO).unwrap();
    let mut command = Command::new("kamailio");
    command.args(["-DD", "-E", "-m", "16", "-M", "4", "-w"]).arg(dir.path());
    command.args(["-Y"]).arg(dir.path()).args(["-l", &format!("udp:127.0.0.1:{port}"), "-f"]);
    let _kamailio = Program::start(command.arg(&config));
    let own = socket("127.0.0.1");
    until("Kamailio", || {
        let ask = format!(
            "OPTIONS sip:nobody@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {0};branch=z9hG4bKo\r\n\
             Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:nobody@b>\r\nCall-ID: o\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            own.local_addr().unwrap()
        );
        own.send_to(ask.as_bytes(), ("127.0.0.1", port)).ok()?;
        answer(&own)
    });
    let file = format!(
        "account.1.enable = 1\naccount.1.user_name = 1001\n\
         account.1.sip_server.1.address = 127.0.0.1\naccount.1.sip_server.1.port = {port}\n"
    );
    let server = Odd::start(move |_, stream| give(stream, &file));
    let phone = Phone::start(&server.url(), dir.path(), &["--no-dns"]);
    phone.process.event_named("registered");
    let asked = server.heard().len();

    notify_at(&format!("127.0.0.1:{port}"), &own, "check-sync", 9);

    assert_eq!(answer(&own).as_deref(), Some("SIP/2.0 200 OK"));
    phone.process.event_named("check_sync");
    until("files are asked for", || (server.heard().len() > asked).then_some(()));
}
