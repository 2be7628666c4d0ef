use std::time::Duration;

use lab::{Config, Event, ExpiresLimits};
use net::Transport;
use sip::Writer;

use crate::ua::*;

const EXPIRES: (&str, &str) = ("Expires", "600");

fn contacts(response: &sip::Response) -> Vec<&str> {
    response.list("Contact").collect()
}

#[test]
fn a_200_lists_every_binding_with_its_parameters_and_what_is_left() {
    let mut bench = Bench::new(open_config());
    let first = r#"<sip:1001@10.0.0.11:5060;line=a1b2>;+sip.instance="<urn:uuid:1>";q=0.5"#;
    let request = bench.register(0, "1001", &[("Contact", first), EXPIRES]);
    let response = bench.ask(0, request);
    assert_eq!(response.status(), 200);
    assert_eq!(contacts(&response), [format!("{first};expires=600")]);
    bench.world.run_for(Duration::from_secs(10));
    let second = "<sip:1001@10.0.0.12:5060;line=c3>;expires=60";
    let request = bench.register(1, "1001", &[("Contact", second)]);
    let response = bench.ask(1, request);
    assert_eq!(contacts(&response), [format!("{first};expires=590"), second.to_owned()]);
    let bound = |contact: &str, expires_s| Event::Bound {
        aor: "sip:1001@lab.test".into(),
        contact: contact.into(),
        expires_s,
    };
    assert_eq!(
        bench.events(),
        [
            bound("sip:1001@10.0.0.11:5060;line=a1b2", 600),
            bound("sip:1001@10.0.0.12:5060;line=c3", 60)
        ]
    );
    let rows = bench.world.node(bench.server).bindings(bench.world.now());
    assert_eq!(rows.len(), 2);
    assert_eq!((&*rows[0].aor, &*rows[0].contact), ("sip:1001@lab.test", first));
}

#[test]
fn a_binding_is_renewed_removed_and_runs_out() {
    let mut bench = Bench::new(open_config());
    bench.bind(0, "1001");
    bench.world.run_for(Duration::from_secs(300));
    bench.bind(0, "1001");
    let now = bench.world.now();
    assert_eq!(bench.world.node(bench.server).bindings(now)[0].expires_in_s, 600);
    assert_eq!(bench.events().len(), 1, "a renewal is no news");
    let contact = "<sip:1001@10.0.0.11:5060;line=0>";
    let request = bench.register(0, "1001", &[("Contact", contact), ("Expires", "0")]);
    assert!(contacts(&bench.ask(0, request)).is_empty());
    assert!(matches!(&bench.events()[..], [Event::Unbound { .. }]));
    bench.bind(0, "1001");
    bench.world.run_for(Duration::from_secs(601));
    assert!(bench.world.node(bench.server).bindings(bench.world.now()).is_empty());
}

#[test]
fn a_question_without_contact_changes_nothing() {
    let mut bench = Bench::new(open_config());
    bench.bind(0, "1001");
    let request = bench.register(1, "1001", &[]);
    assert_eq!(contacts(&bench.ask(1, request)).len(), 1);
}

#[test]
fn the_star_removes_everything_but_only_with_expires_0() {
    let mut bench = Bench::new(open_config());
    for ua in [0, 1] {
        bench.bind(ua, "1001");
    }
    for (fields, status) in [
        (vec![("Contact", "*"), EXPIRES], 400),
        (vec![("Contact", "*"), ("Contact", "<sip:a@b>"), ("Expires", "0")], 400),
        (vec![("Contact", "*"), ("Expires", "0")], 200),
    ] {
        let request = bench.register(0, "1001", &fields);
        assert_eq!(bench.ask(0, request).status(), status);
    }
    assert!(bench.world.node(bench.server).bindings(bench.world.now()).is_empty());
}

#[test]
fn times_of_registration_are_refused_below_the_minimum_and_cut_at_the_maximum() {
    let expires = ExpiresLimits { min_s: 60, max_s: 120, default_s: 90 };
    let mut bench = Bench::new(Config { expires, ..open_config() });
    let contact = "<sip:1001@10.0.0.11:5060>";
    let request = bench.register(0, "1001", &[("Contact", contact), ("Expires", "30")]);
    let response = bench.ask(0, request);
    assert_eq!((response.status(), response.min_expires()), (423, Some(60)));
    for (asked, granted) in [(Some("3600"), 120), (Some("100"), 100), (None, 90)] {
        let fields: Vec<_> =
            std::iter::once(("Contact", contact)).chain(asked.map(|s| ("Expires", s))).collect();
        let request = bench.register(0, "1001", &fields);
        assert_eq!(bench.ask(0, request).contacts()[0].expires, Some(granted));
    }
    let request = bench.register(0, "1001", &[("Contact", contact), ("Expires", "0")]);
    assert_eq!(bench.ask(0, request).status(), 200, "a removal is never too brief");
}

#[test]
fn a_cseq_that_does_not_rise_is_refused() {
    let mut bench = Bench::new(open_config());
    bench.counter_to(9);
    bench.bind(0, "1001");
    let aor = "<sip:1001@lab.test>";
    let late = Writer::request(&sip::Method::Register, "sip:lab.test")
        .via(Transport::Udp, bench.at(0), "z9hG4bK-late")
        .header("From", format_args!("{aor};tag=f"))
        .header("To", aor)
        .header("Call-ID", "call-0")
        .header("CSeq", "5 REGISTER")
        .header("Contact", "<sip:1001@10.0.0.11:5060;line=0>;expires=0")
        .finish(None);
    assert_eq!(bench.ask(0, late).status(), 500);
    assert_eq!(bench.world.node(bench.server).bindings(bench.world.now()).len(), 1);
}

#[test]
fn unknown_users_domains_and_extensions_are_refused() {
    let mut bench = Bench::new(open_config());
    let request = bench.register(0, "1003", &[]);
    assert_eq!(bench.ask(0, request).status(), 404);
    let request = bench.register(0, "1001", &[("Require", "gruu, path")]);
    let response = bench.ask(0, request);
    assert_eq!((response.status(), response.header("Unsupported")), (420, Some("gruu")));
    let request = bench.register(0, "1001", &[("Contact", "<sip:1001@[oops>")]);
    assert_eq!(bench.ask(0, request).status(), 400);
}

#[test]
fn the_server_s_own_address_means_its_domain() {
    let mut bench = Bench::new(open_config());
    let request = bench
        .begin(0, &sip::Method::Register, "sip:10.0.0.1")
        .header("From", "<sip:1001@10.0.0.1>;tag=f")
        .header("To", "<sip:1001@10.0.0.1>")
        .header("Call-ID", "a")
        .header("Contact", "<sip:1001@10.0.0.11>")
        .finish(None);
    assert_eq!(bench.ask(0, request).status(), 200);
    let now = bench.world.now();
    assert_eq!(&*bench.world.node(bench.server).bindings(now)[0].aor, "sip:1001@lab.test");
}

#[test]
fn options_are_answered_by_the_server_itself() {
    let mut bench = Bench::new(config());
    let request = bench
        .begin(0, &sip::Method::Options, "sip:lab.test")
        .header("From", "<sip:1001@lab.test>;tag=f")
        .header("To", "<sip:lab.test>")
        .header("Call-ID", "a")
        .finish(None);
    let response = bench.ask(0, request);
    assert_eq!(response.status(), 200);
    assert!(response.header("Allow").unwrap().contains("REGISTER"));
    assert!(response.to_tag().is_some());
}

#[test]
fn path_service_route_and_outbound_are_given_where_they_are_configured() {
    let service_route: Box<str> = "<sip:10.0.0.1;lr>".into();
    let config =
        Config { service_route: vec![service_route], outbound: Some(120), ..open_config() };
    let mut bench = Bench::new(config);
    let instance = r#";+sip.instance="<urn:uuid:1>";reg-id=1"#;
    for port in [5060, 6060] {
        let contact = format!("<sip:1001@10.0.0.11:{port}>{instance}");
        let fields = [
            ("Contact", contact.as_str()),
            ("Supported", "path, outbound"),
            ("Path", "<sip:10.0.0.12;lr>"),
        ];
        let request = bench.register(0, "1001", &fields);
        let response = bench.ask(0, request);
        assert_eq!(response.header("Path"), Some("<sip:10.0.0.12;lr>"));
        assert_eq!(response.service_routes().len(), 1);
        assert!(response.requires("outbound"));
        assert_eq!(response.header("Flow-Timer"), Some("120"));
        assert_eq!(contacts(&response).len(), 1, "the same instance replaces its binding");
    }
}

#[test]
fn registrations_come_over_streams_however_they_are_cut() {
    for (transport, to) in [(Transport::Tcp, SERVER), (Transport::Tls, SERVER_TLS)] {
        let network = sim::Network { chunking: sim::Chunking::Single, ..sim::Network::default() };
        let mut bench = Bench::with(open_config(), network);
        bench.connect(0, transport, to);
        let contact = ("Contact", "<sip:1001@10.0.0.11:5060;transport=tcp>");
        let one = bench.register_over(transport, 0, "1001", &[contact]);
        let two = bench.register_over(transport, 0, "1001", &[contact]);
        bench.send(0, [&b"\r\n\r\n"[..], &one, &two].concat().into());
        let heard = bench.hear(0, 200);
        assert!(matches!(heard[0], Heard::Pong), "{heard:?}");
        assert_eq!(heard.len(), 3);
        let rows: Vec<_> = bench.world.node(bench.server).requests().collect();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.transport == transport && row.answered == Some(200)));
    }
}

#[test]
fn a_stream_that_lost_its_framing_is_answered_and_closed() {
    let mut bench = Bench::new(open_config());
    bench.connect(0, Transport::Tcp, SERVER);
    let request = bench.register_over(Transport::Tcp, 0, "1001", &[]);
    let text = String::from_utf8(request.to_vec()).unwrap().replace("Content-Length: 0\r\n", "");
    bench.send(0, text.into());
    let heard = bench.hear(0, 100);
    assert!(matches!(&heard[0], Heard::Message(sip::Message::Response(r)) if r.status() == 400));
    assert!(matches!(heard[1], Heard::Closed(net::Cause::PeerClosed)));
}

#[test]
fn a_broken_datagram_is_answered_with_400() {
    let mut bench = Bench::new(open_config());
    let request = bench.register(0, "1001", &[("Content-Length", "999")]);
    let text = String::from_utf8(request.to_vec()).unwrap().replace("Content-Length: 0\r\n", "");
    assert_eq!(bench.ask(0, text.into()).status(), 400);
}

#[test]
fn the_log_has_a_row_for_each_datagram() {
    let mut bench = Bench::new(open_config());
    let fields = [("Contact", "<sip:1001@10.0.0.11>;expires=60")];
    let request = bench.register(0, "1001", &fields);
    for _ in 0..3 {
        bench.ask(0, request.clone());
    }
    let rows: Vec<_> = bench.world.node(bench.server).requests().cloned().collect();
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(rows.iter().map(|row| row.retransmission).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(rows.iter().all(|row| row.answered == Some(200)));
    let row = &rows[0];
    assert_eq!((&*row.call_id, row.cseq, &*row.branch), ("call-0", 1, "z9hG4bK-1"));
    assert_eq!((row.expires_s, row.from), (Some(60), addr("10.0.0.11:5060")));
    assert_eq!((row.transport, row.at.as_micros()), (Transport::Udp, 200));
}

#[test]
fn the_log_forgets_its_oldest_rows() {
    let mut bench = Bench::new(Config { log_limit: 2, ..open_config() });
    for _ in 0..5 {
        let request = bench.register(0, "1001", &[]);
        bench.ask(0, request);
    }
    let rows: Vec<_> = bench.world.node(bench.server).requests().map(|row| row.seq).collect();
    assert_eq!(rows, [4, 5]);
}
