//! Keys of an account that change what a REGISTER says or what is sent beside it.

use crate::support::{Bench, Does, at, hops};

const ONE: &str = "account.1.sip_server.1.address = 192.0.2.1";

/// The REGISTERs that server 1 got.
fn registers(bench: &Bench) -> Vec<crate::support::Got> {
    bench.got(1).iter().filter(|got| got.method == "REGISTER").cloned().collect()
}

fn field(got: &crate::support::Got, name: &str) -> Option<String> {
    got.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
}

// account.X.register_mac, account.X.register_line, account.X.custom_ua, account.X.proxy_require
#[test]
fn headers_that_keys_ask_for_stand_in_the_register() {
    let lines = format!(
        "{ONE}\naccount.1.register_mac = 1\naccount.1.register_line = 1\naccount.1.custom_ua = Desk 7\n\
         account.1.proxy_require = gruu\naccount.1.display_name = A \"B\""
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(60)]);
    bench.run_to(1.0);
    let got = &registers(&bench)[0];
    assert_eq!(field(got, "Mac").unwrap(), "00:15:65:00:00:01");
    assert_eq!(field(got, "Line").unwrap(), "1");
    assert_eq!(field(got, "User-Agent").unwrap(), "Desk 7");
    assert_eq!(field(got, "Proxy-Require").unwrap(), "gruu");
    assert!(field(got, "From").unwrap().starts_with("\"A \\\"B\\\"\" <sip:1001@192.0.2.1>;tag="));
}

// account.X.unregister_on_reboot
#[test]
fn a_start_removes_old_bindings_where_the_key_says_so() {
    let lines = format!("{ONE}\naccount.1.unregister_on_reboot = 1");
    let mut bench = Bench::new(&lines, &[Does::Grant(60)]);
    bench.run_to(1.0);
    let got = registers(&bench);
    assert_eq!((got[0].contact.as_str(), got[0].expires), ("*", Some(0)));
    assert_eq!(got[1].expires, Some(3600));
    assert_eq!(bench.registered(), [1]);
    bench.apply(ONE);
    bench.run_to(2.0);
    assert!(registers(&bench)[2..].iter().all(|got| got.contact != "*"), "only after a start");
}

// account.X.nat.udp_update_enable, account.X.nat.udp_update_time
#[test]
fn a_nat_is_kept_open_as_the_key_says() {
    let count = |enable: u8, rport: u8| {
        let lines = format!(
            "{ONE}\naccount.1.nat.rport = {rport}\naccount.1.nat.udp_update_enable = {enable}\naccount.1.nat.udp_update_time = 20"
        );
        let mut bench = Bench::new(&lines, &[Does::Grant(3600)]);
        bench.run_to(110.0);
        let server = crate::support::server(1);
        let empty = bench.world.trace().to(server).filter(|row| row.bytes.is_empty()).count();
        let told = |method: &str| bench.got(1).iter().filter(|got| got.method == method).count();
        (empty, told("OPTIONS"), told("NOTIFY"))
    };
    assert_eq!(count(0, 1), (0, 0, 0));
    assert_eq!(count(1, 0), (0, 0, 0), "no NAT, no empty datagrams");
    assert_eq!(count(1, 1), (5, 0, 0));
    assert_eq!(count(2, 0), (0, 5, 0));
    assert_eq!(count(3, 0), (0, 0, 5));
}

// account.X.register_expires_overlap
#[test]
fn the_overlap_of_the_key_decides_when_a_lease_is_refreshed() {
    let lines = format!(
        "{ONE}\naccount.1.sip_server.1.expires = 120\naccount.1.register_expires_overlap = 30"
    );
    let mut bench = Bench::new(&lines, &[Does::Grant(120)]);
    bench.run_to(95.0);
    let second = registers(&bench)[1].at;
    assert!(second >= at(78.0) && second <= at(90.1), "{second}");
}

// account.X.reg_fail_retry_interval, account.X.reg_failed_retry_min_time and _max_time
#[test]
fn a_failed_registration_waits_as_its_keys_say() {
    let starts = |keys: &str| {
        let lines = format!("{ONE}\n{keys}");
        let mut bench = Bench::new(&lines, &[Does::Status(500, "")]);
        bench.run_to(1000.0);
        registers(&bench).iter().map(|got| got.at.as_secs_f64()).collect::<Vec<_>>()
    };
    let steady = starts("account.1.reg_fail_retry_interval = 10");
    assert!(steady.windows(2).all(|pair| (8.0..=10.1).contains(&(pair[1] - pair[0]))));
    let keys =
        "account.1.reg_failed_retry_min_time = 10\naccount.1.reg_failed_retry_max_time = 100";
    let backing_off = starts(keys);
    let gaps: Vec<f64> = backing_off.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(
        (5.0..=10.1).contains(&gaps[0]) && gaps[5..].iter().all(|gap| *gap >= 50.0),
        "{gaps:?}"
    );
    assert!(gaps.iter().all(|gap| *gap <= 100.1));
}

// sip.reg_surge_prevention
#[test]
fn phones_of_a_fleet_do_not_register_at_the_same_instant() {
    let first = |seed| {
        let lines = format!("{ONE}\nsip.reg_surge_prevention = 60");
        let mut bench = Bench::seeded(seed, &lines, &[Does::Grant(3600)]);
        bench.run_to(61.0);
        registers(&bench)[0].at.as_secs_f64()
    };
    let firsts: Vec<f64> = (1..=6).map(first).collect();
    assert!(firsts.iter().any(|at| *at > 10.0), "{firsts:?}");
    assert!(firsts.windows(2).any(|pair| (pair[0] - pair[1]).abs() > 1.0));
}

// sip.timer_t1, sip.timer_t2
#[test]
fn t1_and_t2_scale_the_budget() {
    let lines = format!("{}sip.timer_t1 = 1\nsip.timer_t2 = 2", hops(2));
    let mut bench = Bench::new(&lines, &[Does::Mute, Does::Grant(60)]);
    bench.run_to(8.0);
    assert_eq!((bench.times(1), bench.times(2)), (vec![0.0, 1.0, 3.0, 5.0], vec![7.0]));
}

// sip.skip_redundant_failover_addr
#[test]
fn an_address_is_asked_once_a_pass_where_the_key_says_so() {
    let two_ports = |key: u8| {
        let lines = format!(
            "account.1.fallback.redundancy_type = 1\naccount.1.sip_server.1.address = 192.0.2.1\n\
             account.1.sip_server.2.address = 192.0.2.1\naccount.1.sip_server.2.transport_type = 1\n\
             sip.skip_redundant_failover_addr = {key}"
        );
        let mut bench = Bench::new(&lines, &[Does::Mute]);
        bench.run_to(20.0);
        bench.got(1).iter().filter(|got| !got.retransmission).count()
    };
    assert_eq!((two_ports(0), two_ports(1)), (2, 1));
}

// account.X.nat.rport
#[test]
fn with_rport_the_contact_is_the_address_that_the_registrar_sees() {
    let lines = format!("{ONE}\naccount.1.nat.rport = 1");
    let mut bench = Bench::new(&lines, &[Does::Grant(60)]);
    bench.run_to(1.0);
    assert_eq!(registers(&bench).len(), 1, "no NAT: nothing to learn");
    assert!(registers(&bench)[0].contact.contains("192.0.2.100:5060"));
}
