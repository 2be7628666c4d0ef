//! What a key of the configuration changes on the wire: proxies, old names, strangers, long requests.

use crate::support::{Bench, Does, Invite, hops, server, settings_for};
use net::Transport;
use params::{Device, Firmware};
use phone::Command;
use sim::What;

const ONE: &str = "account.1.sip_server.1.address = 192.0.2.1";

/// A bench whose phone has firmware 80.
fn firmware_80(lines: &str, does: &[Does]) -> Bench {
    let mut bench = Bench::without_phone(1, ([192, 0, 2, 100], 5060).into(), does);
    let device = Device { firmware: Firmware::V80, ..Device::default() };
    let settings = Box::new(settings_for(&device, lines));
    bench.world.command(bench.phone, Command::Apply(settings));
    bench
}

/// What reached or missed a port of server `last`, by transport.
fn sent_to(bench: &Bench, last: u8, port: u16) -> Vec<Transport> {
    let to = std::net::SocketAddr::new(server(last).ip(), port);
    let rows = bench.world.trace().to(to);
    rows.filter(|row| matches!(row.what, What::Datagram | What::Write))
        .map(|row| row.transport)
        .collect()
}

// account.X.sip_server_host, account.X.sip_server_port, account.X.expires
#[test]
fn old_names_of_server_1_count_for_firmware_80() {
    let old = "account.1.sip_server_host = 192.0.2.1\naccount.1.expires = 90";
    let mut bench = firmware_80(old, &[Does::Grant(3600)]);
    bench.run_to(1.0);
    assert_eq!(bench.got(1)[0].expires, Some(90));
    let mut bench = firmware_80(&format!("{old}\naccount.1.sip_server_port = 5070"), &[Does::Mute]);
    bench.run_to(1.0);
    assert_eq!(sent_to(&bench, 1, 5060), []);
    assert_eq!(sent_to(&bench, 1, 5070)[0], Transport::Udp);
}

// account.X.outbound_host, account.X.outbound_port, account.X.backup_outbound_host,
// account.X.backup_outbound_port
#[test]
fn firmware_80_has_its_proxies_by_their_old_names() {
    let lines = "account.1.sip_server.1.address = pbx.example\naccount.1.outbound_proxy_enable = 1\n\
                 account.1.outbound_host = 192.0.2.1\naccount.1.outbound_port = 5070\n\
                 account.1.backup_outbound_host = 192.0.2.2\naccount.1.backup_outbound_port = 5080";
    let mut bench = firmware_80(lines, &[Does::Grant(60), Does::Grant(60)]);
    bench.run_to(9.0);
    let first = |last, port| sent_to(&bench, last, port).first().copied();
    assert_eq!((first(1, 5070), first(2, 5080)), (Some(Transport::Udp), Some(Transport::Udp)));
    assert_eq!((first(1, 5060), first(2, 5060)), (None, None));
}

/// A phone behind the two next hops of outbound proxy 1, with one key of that proxy. Server 1 has the
/// other value of it, so that only the proxy's can be what acts.
fn behind_proxy(key: &str, (proxy, server): (&str, &str)) -> String {
    hops(2).replace("sip_server.1.address", "outbound_proxy.1.address")
        + &format!(
            "account.1.outbound_proxy_enable = 1\naccount.1.sip_server.1.address = pbx.example\n\
             account.1.outbound_proxy.1.{key} = {proxy}\naccount.1.sip_server.1.{key} = {server}\n"
        )
}

const GRANTS: [Does; 2] = [Does::Grant(3600), Does::Grant(3600)];

/// A call whose INVITE the first next hop leaves without an answer.
fn unanswered_invite(lines: &str) -> Bench {
    let mut bench = Bench::new(lines, &GRANTS);
    bench.run_to(10.0);
    bench.order_invite(1, Invite::Mute);
    bench.dial("1002");
    bench
}

// account.X.outbound_proxy.Y.retry_counts
#[test]
fn a_proxy_has_a_retry_count_of_its_own_or_that_of_the_server() {
    let times = |values| {
        let lines = behind_proxy("retry_counts", values);
        let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(60)]);
        bench.run_to(8.0);
        (bench.times(1), bench.times(2)[0])
    };
    assert_eq!(times(("1", "2")), (vec![0.0, 0.5], 1.5));
    assert_eq!(times(("-1", "2")), (vec![0.0, 0.5, 1.5], 3.5));
}

// account.X.outbound_proxy.Y.invite_retry_counts
#[test]
fn a_proxy_has_a_retry_count_for_invites() {
    let sent = |values| {
        let mut bench = unanswered_invite(&behind_proxy("invite_retry_counts", values));
        bench.run_to(30.0);
        (bench.got_of(1, "INVITE").len(), bench.got_of(2, "INVITE").len())
    };
    assert_eq!(sent(("1", "3")), (2, 1));
    assert_eq!(sent(("-1", "3")), (4, 1));
}

// account.X.outbound_proxy.Y.register_on_enable
#[test]
fn a_secondary_of_a_proxy_is_registered_at_before_a_call_where_the_key_says_so() {
    let registers = |values| {
        let mut bench = unanswered_invite(&behind_proxy("register_on_enable", values));
        bench.run_to(18.5);
        assert_eq!(bench.got_of(2, "INVITE").len(), 1);
        bench.got_of(2, "REGISTER").len()
    };
    assert_eq!((registers(("1", "0")), registers(("0", "1")), registers(("-1", "1"))), (1, 0, 1));
}

// account.X.outbound_proxy.Y.only_signal_with_registered
#[test]
fn without_a_registration_a_proxy_gets_no_call_where_the_key_says_so() {
    let invites = |values| {
        let lines = behind_proxy("only_signal_with_registered", values);
        let mut bench = Bench::new(&lines, &[Does::Status(403, ""), Does::Grant(60)]);
        bench.run_to(5.0);
        bench.dial("1002");
        bench.run_to(6.0);
        bench.got_of(1, "INVITE").len()
    };
    assert_eq!((invites(("1", "0")), invites(("0", "1")), invites(("-1", "1"))), (0, 1, 0));
}

// account.X.outbound_proxy.Y.failback_mode, account.X.outbound_proxy.Y.failback_timeout
#[test]
fn the_next_hops_of_a_proxy_fail_back_by_its_own_mode_and_timeout() {
    let back = |mode: &str, timeout: &str| {
        let lines = behind_proxy("failback_mode", (mode, "0"))
            + &behind_proxy("failback_timeout", (timeout, "60"))
            + "account.1.sip_server.1.expires = 60";
        let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(60)]);
        bench.run_to(8.0);
        bench.order(1, Does::Grant(60));
        let before = bench.got(1).len();
        bench.run_to(200.0);
        bench.got(1).get(before).map(|got| got.at.as_secs_f64())
    };
    let (ninety, sixty) = (back("3", "90").unwrap(), back("3", "-1").unwrap());
    assert!((97.0..98.5).contains(&ninety), "90 s after 7.5 s: {ninety}");
    assert!((67.0..68.5).contains(&sixty), "60 s after 7.5 s: {sixty}");
    let as_server_1 = back("-1", "90").unwrap();
    assert!(as_server_1 < 40.0, "mode 0: with the refresh: {as_server_1}");
}

/// An OPTIONS from server 2, which is none of the account's, to the Contact that server 1 was told;
/// the first line of the answer.
fn stranger_is_told(keys: &str) -> Option<String> {
    let mut bench = Bench::new(&format!("{ONE}\n{keys}"), &GRANTS);
    bench.run_to(1.0);
    let contact = bench.got(1)[0].contact.clone();
    let uri = contact.split(['<', '>']).nth(1).unwrap();
    bench.send(
        2,
        format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKstranger\r\n\
             Max-Forwards: 70\r\nFrom: <sip:x@192.0.2.2>;tag=1\r\nTo: <{uri}>\r\nCall-ID: s1\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        ),
    );
    bench.run_to(2.0);
    bench.world.trace().to(server(2)).next().map(sim::Row::first_line)
}

// sip.trust_ctrl, account.X.sip_trust_ctrl, sureline.strangers
#[test]
fn a_stranger_gets_what_the_keys_say() {
    let trusting = "sip.trust_ctrl = 1\nsureline.strangers =";
    assert_eq!(stranger_is_told(&format!("{trusting} drop")), None);
    assert_eq!(stranger_is_told(&format!("{trusting} 403")).unwrap(), "SIP/2.0 403 Forbidden");
    assert_eq!(stranger_is_told(&format!("{trusting} accept")).unwrap(), "SIP/2.0 200 OK");
    assert_eq!(stranger_is_told("sip.trust_ctrl = 0").unwrap(), "SIP/2.0 200 OK");
    let own = "sip.trust_ctrl = 0\naccount.1.sip_trust_ctrl = 1";
    assert_eq!(stranger_is_told(own), None);
}

// sureline.udp_to_tcp
#[test]
fn a_request_of_more_than_1300_bytes_goes_by_tcp_where_the_key_says_so() {
    let transports = |name_len: usize, key: u8| {
        let name = "n".repeat(name_len);
        let keys = format!("account.1.display_name = {name}\nsureline.udp_to_tcp = {key}");
        let mut bench = Bench::new(&format!("{ONE}\n{keys}"), &[Does::Grant(60)]);
        bench.run_to(1.0);
        assert_eq!(bench.registered(), [1]);
        sent_to(&bench, 1, 5060)
    };
    assert_eq!(transports(1000, 1), [Transport::Tcp]);
    assert_eq!(transports(1000, 0), [Transport::Udp]);
    assert_eq!(transports(10, 1), [Transport::Udp]);
}
