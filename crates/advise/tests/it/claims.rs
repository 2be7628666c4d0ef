//! What findings say of the phone, said by the phone: each bad file is run once in virtual time.

use dns::RecordType;
use net::Transport;
use phone::Kind;

use crate::bench::{Around, Bench, Does, bad, settings};
use crate::support::check_text;

use Does::{Grant, Mute, Status};

const ADDRESSES: Around = Around {
    zone: "pbx.example.com. 60 IN A 192.0.2.1\npbx.example.com. 60 IN A 192.0.2.2",
    certificate: None,
    phones: Vec::new(),
};

/// The file of a rule without the lines that hold `part`.
fn without(code: &str, part: &str) -> String {
    let kept: Vec<String> =
        bad(code).lines().filter(|line| !line.contains(part)).map(str::to_owned).collect();
    kept.join("\n")
}

/// What the phone puts on the wire in an hour of a dying and returning server.
fn life(text: &str) -> Vec<sim::Row> {
    let mut bench = Bench::with(text, &[Grant, Grant, Grant], &ADDRESSES);
    bench.run_to(100.0);
    bench.order(1, Mute);
    bench.run_to(2000.0);
    bench.order(1, Grant);
    bench.run_to(3900.0);
    bench.trace()
}

/// A figure in the message of a finding, the `nth` one.
fn figure(text: &str, code: &str, nth: usize) -> f64 {
    let report = check_text(text);
    let finding = report.findings.iter().find(|finding| finding.code == code).unwrap();
    let words = finding.message.split([' ', ',', ':']).filter_map(|word| word.parse().ok());
    words.clone().nth(nth).unwrap_or_else(|| panic!("{}", finding.message))
}

#[test]
fn port_hides_srv_asks_for_addresses_alone() {
    let mut bench = Bench::with(&bad("port-hides-srv"), &[Grant, Grant], &ADDRESSES);
    bench.run_to(10.0);
    assert_eq!(bench.questions(), [(RecordType::A, "pbx.example.com".to_owned())]);
    assert!(bench.got(1, "REGISTER").iter().all(|got| got.transport == Transport::Udp));
}

#[test]
fn port_zero_fixed_asks_for_the_srv_of_its_transport_then_the_address() {
    let mut bench = Bench::with(&bad("port-zero-fixed"), &[Grant, Grant], &ADDRESSES);
    bench.run_to(10.0);
    let questions = bench.questions();
    assert_eq!(
        questions.first().unwrap(),
        &(RecordType::Srv, "_sip._udp.pbx.example.com".to_owned())
    );
    assert_eq!(questions.last().unwrap(), &(RecordType::A, "pbx.example.com".to_owned()));
    assert!(questions.iter().all(|(kind, _)| *kind != RecordType::Naptr));
}

#[test]
fn naptr_on_ip_asks_nothing_and_has_nothing_to_fail_over_to() {
    let mut bench = Bench::new(&bad("naptr-on-ip"), &[Mute, Grant]);
    bench.run_to(600.0);
    assert_eq!(bench.questions(), []);
    assert!(bench.times(1).len() > 11);
    assert_eq!(bench.times(2), [0.0; 0]);
    assert!(bench.got(1, "REGISTER").iter().all(|got| got.transport == Transport::Udp));
}

#[test]
fn failover_keys_on_an_address_change_nothing() {
    let code = "failover-needs-name";
    let plain =
        without(code, "failback").replace("account.1.sip_server.1.register_on_enable = 1", "");
    assert!(!plain.contains("register_on_enable"));
    assert_eq!(life(&bad(code)), life(&plain));
}

#[test]
fn both_servers_are_registered_at_now() {
    let mut bench = Bench::new(&bad("both-servers-now"), &[Grant, Grant]);
    bench.run_to(5.0);
    assert_eq!((bench.times(1), bench.times(2)), (vec![0.0], vec![0.0]));
}

#[test]
fn double_ring_servers_both_hold_a_binding() {
    let around = Around {
        zone: "pbx1.example.com. 60 IN A 192.0.2.1\npbx2.example.com. 60 IN A 192.0.2.2",
        ..Around::default()
    };
    let mut bench = Bench::with(&bad("double-ring"), &[Grant, Grant], &around);
    bench.run_to(5.0);
    assert_eq!((bench.times(1).len(), bench.times(2).len()), (1, 1));
}

#[test]
fn late_fallback_names_the_seconds_until_server_2_is_registered_at() {
    let text = bad("late-fallback");
    let said = figure(&text, "late-fallback", 1);
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(1.0);
    // It dies as soon as it has granted the registration.
    bench.order(1, Mute);
    bench.run_to(4000.0);
    let took = bench.times(2)[0];
    assert!(took <= said + 0.1 && took > said - 10.0, "{took} of {said}");
}

// A1, A2, A28
#[test]
fn attempt_time_names_the_seconds_of_each_server_and_of_the_last() {
    let text = bad("attempt-time");
    let said = figure(&text, "attempt-time", 1);
    let mut bench = Bench::new(&text, &[Mute, Mute]);
    bench.run_to(100.0);
    assert_eq!(bench.times(1).first(), Some(&0.0));
    let second = bench.times(2)[0];
    assert!((second - said).abs() < 0.2, "the second server came after {second} s, not {said}");
    // The last one gets Timer F in full: 11 datagrams in 32 s.
    assert_eq!(bench.times(2).len(), 11);
    let plan = phone::Plan::new(Kind::NonInvite, phone::Budget::Full, phone::SipTimers::default());
    assert_eq!(plan.give_up().as_secs(), 32);
}

#[test]
fn dead_air_is_what_a_call_waits_for_a_dead_primary_each_time() {
    let text = bad("dead-air");
    let said = figure(&text, "dead-air", 1);
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(5.0);
    bench.order(1, Mute);
    for call in 0..2 {
        let from = bench.world.now().as_secs_f64();
        bench.dial();
        bench.run_to(from + 60.0);
        let invites = bench.got(2, "INVITE");
        assert_eq!(invites.len(), call + 1);
        let waited = invites[call].at - from;
        assert!((waited - said).abs() < 0.2, "{waited} s, not {said}");
    }
}

#[test]
fn keys_without_effect_leave_no_trace() {
    let all = life(&bad("no-effect"));
    for key in ["failback_timeout", "fallback.timeout", "outbound_proxy_fallback_interval"] {
        assert!(bad("no-effect").contains(key));
        assert_eq!(all, life(&without("no-effect", key)), "{key}");
    }
    // The rest of the file has an effect, which a life like this shows.
    assert_ne!(all, life(&without("no-effect", "sip_server.2.address")));
}

// A18
#[test]
fn with_proxies_the_keys_of_two_servers_leave_no_trace() {
    let text = "account.1.enable = 1\naccount.1.user_name = 1001\naccount.1.sip_server.1.address = 192.0.2.1\n\
                account.1.outbound_proxy_enable = 1\naccount.1.outbound_proxy.1.address = 192.0.2.2\n";
    let more =
        format!("{text}account.1.fallback.redundancy_type = 1\naccount.1.fallback.timeout = 30\n");
    let report = check_text(&more);
    let found = report.findings.iter().filter(|finding| finding.code == "no-effect");
    assert_eq!(found.count(), 2, "{:#?}", report.findings);
    assert_eq!(life(text), life(&more));
}

// A9
#[test]
fn later_firmware_acts_here_without_the_other_keys() {
    let text = bad("later-firmware");
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(5.0);
    bench.order(1, Mute);
    bench.dial();
    bench.run_to(7.0);
    // Nothing but a REGISTER may go to the secondary before it holds the registration.
    assert_eq!(bench.got(2, "INVITE").len(), 0);
    bench.run_to(60.0);
    let (register, invites) = (bench.times(2), bench.got(2, "INVITE"));
    assert!(invites.iter().all(|invite| register.first().is_some_and(|first| *first <= invite.at)));
}

#[test]
fn server_2_behind_proxies_gets_nothing() {
    for proxy in [Grant, Mute] {
        let mut bench =
            Bench::with(&bad("server2-behind-proxy"), &[Grant, Grant, proxy], &ADDRESSES);
        bench.run_to(4000.0);
        assert_eq!(bench.got(2, "REGISTER").len(), 0);
        assert!(!bench.got(3, "REGISTER").is_empty());
    }
}

#[test]
fn our_default_leaves_a_stranger_without_an_answer() {
    let mut bench = Bench::new(&bad("our-default"), &[Grant]);
    bench.run_to(5.0);
    assert_eq!(bench.ask_as_stranger(), 0);
    let open = format!("{}sip.trust_ctrl = 0\n", bad("our-default"));
    let mut bench = Bench::new(&open, &[Grant]);
    bench.run_to(5.0);
    assert_eq!(bench.ask_as_stranger(), 1);
}

#[test]
fn nothing_follows_a_static_naptr_without_flag() {
    let text = bad("static-naptr-flag");
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(60.0);
    assert!(bench.times(2).is_empty(), "the target of the record that it leads to");
    assert!(!bench.times(1).is_empty());
    let flagged = format!("{text}dns_cache_naptr.1.flags = S\n");
    let mut bench = Bench::new(&flagged, &[Grant, Grant]);
    bench.run_to(60.0);
    assert!(!bench.got(2, "REGISTER").is_empty());
}

#[test]
fn a_loud_failure_keeps_the_phone_and_silence_does_not() {
    let mut bench = Bench::new(&bad("loud-failure"), &[Status(500), Grant]);
    bench.run_to(1000.0);
    assert!(bench.times(2).is_empty());
    let moves = format!("{}account.1.redundancy_with_reg_fail.enable = 1\n", bad("loud-failure"));
    let mut bench = Bench::new(&moves, &[Status(500), Grant]);
    bench.run_to(1000.0);
    assert!(!bench.times(2).is_empty());
    let mut bench = Bench::new(&bad("loud-failure"), &[Mute, Grant]);
    bench.run_to(1000.0);
    assert!(!bench.times(2).is_empty());
}

#[test]
fn transports_differ_by_default_on_the_wire() {
    let mut bench = Bench::new(&bad("transports-differ"), &[Mute, Grant]);
    bench.run_to(100.0);
    assert!(bench.got(1, "REGISTER").iter().all(|got| got.transport == Transport::Tcp));
    assert!(bench.got(2, "REGISTER").iter().all(|got| got.transport == Transport::Udp));
    assert!(!bench.times(2).is_empty());
}

#[test]
fn an_old_key_leaves_no_trace() {
    let text = bad("old-key");
    let mut bench = Bench::new(&text, &[Grant]);
    bench.run_to(100.0);
    assert!(bench.times(1).is_empty(), "the phone registers nowhere");
    let with = format!("{}account.1.sip_server.1.address = 192.0.2.1\n", bad("old-key"));
    let plain = with.replace("account.1.retry_counts = 5\n", "");
    assert_eq!(life(&with), life(&plain));
}

#[test]
fn of_a_key_that_stands_twice_the_last_line_holds() {
    let mut bench = Bench::new(&bad("twice"), &[Grant, Grant]);
    bench.run_to(10.0);
    assert!(bench.times(1).is_empty());
    assert_eq!(bench.times(2).len(), 1);
}

#[test]
fn torn_lines_unknown_keys_and_values_beyond_a_limit_leave_no_trace() {
    for code in ["unknown-key", "out-of-range", "inline-comment"] {
        let (settings, text) = (settings(&bad(code)), bad(code));
        let report = check_text(&text);
        let refused: Vec<usize> = report
            .findings
            .iter()
            .filter(|finding| finding.code == code && finding.line > 0)
            .filter(|finding| finding.label.as_ref() != "counts as 60")
            .filter(|finding| {
                finding.severity != advise::check::Severity::Warning || code == "unknown-key"
            })
            .map(|finding| finding.line as usize)
            .collect();
        assert!(!refused.is_empty(), "{code}");
        let rest: Vec<&str> = text
            .lines()
            .enumerate()
            .filter(|(number, _)| !refused.contains(&(number + 1)))
            .map(|(_, line)| line)
            .collect();
        assert_eq!(settings, crate::bench::settings(&rest.join("\n")), "{code}");
        assert_eq!(life(&text), life(&rest.join("\n")), "{code}");
    }
}

#[test]
fn an_account_that_the_model_does_not_have_registers_nowhere() {
    let mut bench = Bench::new(&bad("account-range"), &[Grant]);
    bench.run_to(100.0);
    assert!(bench.got(1, "REGISTER").iter().all(|got| got.to == "sip:1001@192.0.2.1"));
    assert!(!bench.times(1).is_empty());
}

#[test]
fn no_question_is_sent_for_a_record_that_is_never_asked() {
    let text = bad("never-asked");
    let mut bench = Bench::with(&text, &[Grant, Grant, Grant], &ADDRESSES);
    bench.run_to(2000.0);
    bench.order(1, Mute);
    bench.run_to(6000.0);
    let asked = bench.questions();
    assert!(asked.iter().all(|(kind, name)| *kind == RecordType::A && name == "pbx.example.com"));
    // Nor does the phone go where those records point: port 5080 of .2, and .3.
    let strange = bench
        .trace()
        .into_iter()
        .filter(|row| row.to.port() == 5080 || row.to.ip().to_string() == "192.0.2.3");
    assert_eq!(strange.count(), 0);
}

// A35
#[test]
fn the_static_services_of_example_2_are_taken_though_naptr_build_is_0() {
    let text = "account.1.enable = 1\naccount.1.user_name = 1001\naccount.1.sip_server.1.address = pbx.example.com\n\
                account.1.sip_server.1.port = 0\naccount.1.sip_server.1.transport_type = 3\n\
                dns_cache_srv.1.name = _sip_tcp.pbx.example.com\ndns_cache_srv.1.port = 5060\n\
                dns_cache_srv.1.target = 192.0.2.2\n";
    let report = check_text(text);
    assert!(report.findings.iter().any(|finding| finding.code == "never-asked"));
    let mut bench = Bench::with(text, &[Grant, Grant], &ADDRESSES);
    bench.run_to(20.0);
    assert!(
        bench.questions().iter().all(|(_, name)| !name.contains("_tcp")),
        "{:?}",
        bench.questions()
    );
    assert_eq!(bench.got(2, "REGISTER").len(), 1);
}

// A25
#[test]
fn the_guides_spelling_is_taken_for_that_of_rfc_3263() {
    let mut bench = Bench::new(&bad("srv-name"), &[Grant]);
    bench.run_to(20.0);
    assert_eq!(bench.times(1).len(), 1);
}

#[test]
fn static_records_are_unused_while_dns_answers() {
    let text = bad("static-unused")
        .replace("192.0.2.1\n", "192.0.2.3\n")
        .replace("192.0.2.2\n", "192.0.2.3\n");
    let around = Around { zone: "pbx.example.com. 60 IN A 192.0.2.1", ..Around::default() };
    let mut bench = Bench::with(&text, &[Grant, Grant, Grant], &around);
    bench.run_to(3000.0);
    assert!(!bench.times(1).is_empty());
    assert!(bench.times(3).is_empty());
    let mut bench = Bench::new(&text, &[Grant, Grant, Grant]);
    bench.run_to(3000.0);
    assert!(!bench.times(3).is_empty(), "where DNS has no answer they serve");
}

#[test]
fn a_static_record_that_is_not_whole_or_beyond_twelve_is_left_out() {
    let mut bench = Bench::new(&bad("static-limits"), &[Mute, Grant, Grant]);
    bench.run_to(600.0);
    assert!(!bench.times(1).is_empty());
    assert_eq!((bench.times(2).len(), bench.times(3).len()), (0, 0));
}

#[test]
fn a_certificate_has_to_name_the_configured_domain() {
    let zone = "_sips._tcp.pbx.example.com. 60 IN SRV 1 1 5061 node7.example.com.\n\
                node7.example.com. 60 IN A 192.0.2.1";
    for (certificate, expected) in [("pbx.example.com", 1), ("node7.example.com", 0)] {
        let around = Around { zone, certificate: Some(certificate), ..Around::default() };
        let mut bench = Bench::with(&bad("tls-name"), &[Grant], &around);
        bench.run_to(10.0);
        assert_eq!(bench.times(1).len(), expected, "{certificate}");
    }
}

#[test]
fn every_phone_goes_to_the_heaviest() {
    let around = Around { phones: (1..=20).collect(), ..Around::default() };
    let mut bench = Bench::with(&bad("weights"), &[Grant, Grant], &around);
    bench.run_to(10.0);
    assert_eq!((bench.times(1).len(), bench.times(2).len()), (0, 20));
}

#[test]
fn a_pass_that_exceeds_the_lease_leaves_the_phone_unregistered() {
    let text = bad("pass-exceeds-lease");
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(1.0);
    bench.order(1, Mute);
    bench.order(2, Mute);
    bench.run_to(200.0);
    // The registration lasts 30 s; the pass that begins before its end takes 39.5 s.
    let refresh = bench.times(1)[1];
    assert!(refresh < 30.0, "{refresh}");
    let after: Vec<f64> = bench.times(2).into_iter().filter(|at| *at > refresh).collect();
    let pass: Vec<f64> = after.iter().copied().take_while(|at| *at < refresh + 40.0).collect();
    assert_eq!(pass.len(), 11);
    assert!(refresh + figure(&text, "pass-exceeds-lease", 1) > 30.0);
}

#[test]
fn without_a_cache_each_pass_asks_anew() {
    let text = bad("ttl").replace(
        "account.1.sip_server.1.address",
        "account.1.sip_server.1.expires = 60\naccount.1.sip_server.1.address",
    );
    let around = Around {
        zone: "_sip._udp.pbx.example.com. 3600 IN SRV 1 1 5060 a.example.com.\na.example.com. 3600 IN A 192.0.2.1",
        ..Around::default()
    };
    let count = |text: &str| {
        let mut bench = Bench::with(text, &[Grant], &around);
        bench.run_to(1000.0);
        let dns = std::net::SocketAddr::from(([192, 0, 2, 53], 53));
        (bench.times(1).len(), bench.world.trace().to(dns).count())
    };
    let (passes, questions) = count(&text);
    assert!(passes > 10 && questions >= passes, "{passes} passes, {questions} questions");
    let (_, cached) = count(&text.replace("dns_cache_type = 0", "dns_cache_type = 1"));
    assert!(cached < 10, "{cached}");
}

#[test]
fn a_storm_of_phones_begins_at_one_moment_and_tries_in_step() {
    let text = format!("{}account.1.enable = 1\naccount.1.user_name = 1001\n", bad("storm"));
    let around = Around { phones: (1..=30).collect(), ..Around::default() };
    let mut bench = Bench::with(&text, &[Status(500)], &around);
    bench.run_to(40.0);
    let times = bench.times(1);
    assert_eq!(times.iter().filter(|at| **at == 0.0).count(), 30);
    let second: Vec<f64> = times.into_iter().filter(|at| *at > 0.0).take(30).collect();
    assert!(second.iter().all(|at| (24.0..=30.1).contains(at)), "{second:?}");
}

#[test]
fn what_a_later_layer_says_goes_on_the_wire() {
    let common = std::fs::read(crate::support::folder("tests/rules/layered/common.cfg")).unwrap();
    let text = format!("{}{}", String::from_utf8(common).unwrap(), bad("layered"));
    let mut bench = Bench::new(&text, &[Grant, Grant]);
    bench.run_to(10.0);
    assert!(bench.times(1).is_empty());
    assert_eq!(bench.got(2, "REGISTER")[0].expires, Some(600));
}

#[test]
fn a_file_that_is_refused_leaves_the_phone_without_accounts() {
    for code in ["ini-dialect", "not-a-config"] {
        let mut bench = Bench::new(&bad(code), &[Grant]);
        bench.run_to(100.0);
        assert_eq!(bench.trace().len(), 0, "{code}");
    }
}
