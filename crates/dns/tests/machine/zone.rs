//! The authoritative name server of laboratories.

use std::net::SocketAddr;
use std::time::Duration;

use dns::{
    Asked, DomainName, Flags, Message, NameServer, NameServerCommand as Fault, Question, Rcode,
    RecordType, Zone,
};
use net::{Conn, Input, Instant, Node, Output, Rng, Socket, Transport};

use crate::bench::name;

const ZONE: &str = r#"
$ORIGIN lab.test.
$TTL 30
@          SOA ns hostmaster 1 3600 600 86400 20
@          NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
_sip._udp  SRV 10 0 5060 primary
_sip._udp  SRV 20 0 5060 secondary
primary    A 127.0.1.1
secondary  A 127.0.1.2
www        CNAME primary
away       CNAME elsewhere.test.
"#;

struct Lab {
    now: Instant,
    server: NameServer,
}

fn query(text: &str, kind: RecordType) -> Message {
    Message {
        id: 4711,
        flags: Flags { recursion_desired: true, ..Flags::default() },
        rcode: Rcode::NoError,
        asked: Some(Asked::plain(Question::new(name(text), kind))),
        answers: Vec::new(),
        authority: Vec::new(),
        additional: Vec::new(),
        udp_size: None,
    }
}

fn client() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 40_000))
}

impl Lab {
    fn new() -> Self {
        let zone = Zone::parse(ZONE).unwrap();
        Self { now: Instant::from_secs(5), server: NameServer::new(zone, Rng::new(1)) }
    }

    fn tell(&mut self, fault: Fault) {
        self.server.command(self.now, fault);
    }

    fn send(&mut self, bytes: &[u8]) -> Option<Message> {
        let input = Input::Datagram { socket: Socket(3), from: client(), bytes };
        self.server.handle(self.now, input);
        self.received()
    }

    fn received(&mut self) -> Option<Message> {
        while let Some(output) = self.server.poll_output() {
            if let Output::Datagram { socket, to, bytes } = output {
                assert_eq!((socket, to), (Socket(3), client()));
                return Some(Message::parse(&bytes).unwrap());
            }
        }
        None
    }

    fn ask(&mut self, text: &str, kind: RecordType) -> Message {
        self.send(&query(text, kind).encode(512)).expect("an answer")
    }
}

fn says(records: &[dns::Record]) -> Vec<String> {
    records.iter().map(ToString::to_string).collect()
}

#[test]
fn it_answers_with_authority_and_what_spares_questions() {
    let mut lab = Lab::new();
    let message = lab.ask("LAB.test", RecordType::Naptr);
    assert!(message.flags.response && message.flags.authoritative);
    assert!(message.flags.recursion_desired && !message.flags.recursion_available);
    assert_eq!(
        says(&message.answers),
        [r#"lab.test 30 IN NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp.lab.test"#]
    );
    assert_eq!(
        says(&message.additional),
        [
            "_sip._udp.lab.test 30 IN SRV 10 0 5060 primary.lab.test",
            "_sip._udp.lab.test 30 IN SRV 20 0 5060 secondary.lab.test",
            "primary.lab.test 30 IN A 127.0.1.1",
            "secondary.lab.test 30 IN A 127.0.1.2",
        ]
    );
}

#[test]
fn it_denies_with_the_soa_and_its_negative_ttl() {
    let mut lab = Lab::new();
    for (text, rcode) in [
        ("absent.lab.test", Rcode::NxDomain),
        ("primary.lab.test", Rcode::NoError),
        ("_udp.lab.test", Rcode::NoError),
    ] {
        let message = lab.ask(text, RecordType::Aaaa);
        assert_eq!((message.rcode, message.answers.len()), (rcode, 0), "{text}");
        assert_eq!(message.authority[0].ttl_s, 20);
    }
}

#[test]
fn it_follows_aliases_within_its_zones_and_refuses_other_names() {
    let mut lab = Lab::new();
    let message = lab.ask("www.lab.test", RecordType::A);
    assert_eq!(
        says(&message.answers),
        ["www.lab.test 30 IN CNAME primary.lab.test", "primary.lab.test 30 IN A 127.0.1.1",]
    );
    let message = lab.ask("away.lab.test", RecordType::A);
    assert_eq!((message.rcode, message.answers.len()), (Rcode::NoError, 1));
    assert_eq!(lab.ask("elsewhere.test", RecordType::A).rcode, Rcode::Refused);
}

#[test]
fn it_repeats_the_case_of_the_question_and_the_id() {
    let mut lab = Lab::new();
    let mut bytes = query("primary.lab.test", RecordType::A).encode(512).to_vec();
    bytes[13] = b'P';
    let message = lab.send(&bytes).unwrap();
    assert_eq!(&message.asked.unwrap().spelled[..8], b"\x07Primary");
    assert_eq!(message.id, 4711);
}

#[test]
fn it_truncates_what_does_not_fit_and_gives_all_over_tcp() {
    let mut text = String::from(ZONE);
    for number in 0..60 {
        text.push_str(&format!("many A 192.0.2.{number}\n"));
    }
    let mut server = NameServer::new(Zone::parse(&text).unwrap(), Rng::new(1));
    let bytes = query("many.lab.test", RecordType::A).encode(512);
    let mut lab = Lab::new();
    std::mem::swap(&mut lab.server, &mut server);
    assert!(lab.send(&bytes).unwrap().flags.truncated);
    let mut large = query("many.lab.test", RecordType::A);
    large.udp_size = Some(4096);
    assert_eq!(lab.send(&large.encode(512)).unwrap().answers.len(), 60, "1232 bytes suffice");

    let (conn, local) = (Conn(Conn::ACCEPTED | 1), client());
    let transport = Transport::Tcp;
    lab.server.handle(lab.now, Input::Accepted { conn, transport, local, from: client() });
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    let twice = [&length[..], &bytes, &length, &bytes].concat();
    for piece in twice.chunks(7) {
        lab.server.handle(lab.now, Input::Chunk { conn, bytes: piece });
    }
    let mut answers = 0;
    while let Some(output) = lab.server.poll_output() {
        if let Output::Write { bytes, .. } = output {
            assert_eq!(Message::parse(&bytes[2..]).unwrap().answers.len(), 60);
            answers += 1;
        }
    }
    assert_eq!(answers, 2);
}

#[test]
fn its_faults_add_up_until_it_is_healed() {
    let mut lab = Lab::new();
    lab.tell(Fault::Ttl(7));
    assert_eq!(lab.ask("primary.lab.test", RecordType::A).answers[0].ttl_s, 7);
    lab.tell(Fault::Nxdomain);
    let message = lab.ask("primary.lab.test", RecordType::A);
    assert_eq!((message.rcode, message.authority[0].ttl_s), (Rcode::NxDomain, 7));
    lab.tell(Fault::Servfail);
    assert_eq!(lab.ask("primary.lab.test", RecordType::A).rcode, Rcode::ServFail);
    lab.tell(Fault::Silent);
    assert!(lab.send(&query("primary.lab.test", RecordType::A).encode(512)).is_none());
    lab.tell(Fault::Heal);
    assert_eq!(lab.ask("primary.lab.test", RecordType::A).answers[0].ttl_s, 30);
    lab.tell(Fault::Truncate);
    assert!(lab.ask("primary.lab.test", RecordType::A).flags.truncated);
    lab.tell(Fault::Heal);
    lab.tell(Fault::Records(
        Zone::parse("lab.test. 9 SOA a. b. 1 1 1 1 1\nlab.test. 9 A 192.0.2.7").unwrap(),
    ));
    assert_eq!(lab.ask("lab.test", RecordType::A).answers.len(), 1);
    assert_eq!(lab.ask("primary.lab.test", RecordType::A).rcode, Rcode::NxDomain);
}

#[test]
fn a_slow_server_answers_late_and_a_lossy_one_sometimes() {
    let mut lab = Lab::new();
    lab.tell(Fault::Slow(Duration::from_millis(200)));
    let bytes = query("primary.lab.test", RecordType::A).encode(512);
    assert!(lab.send(&bytes).is_none());
    let (due, _) = lab.server.next_timeout().unwrap();
    assert_eq!(due, lab.now + Duration::from_millis(200));
    lab.server.handle(lab.now, Input::Timeout);
    assert!(lab.received().is_none(), "not before its time");
    lab.now = due;
    lab.server.handle(due, Input::Timeout);
    assert!(lab.received().is_some());
    lab.tell(Fault::Heal);
    lab.tell(Fault::Loss(50));
    let answered = (0..1000).filter(|_| lab.send(&bytes).is_some()).count();
    assert!((400..600).contains(&answered), "{answered}");
    lab.tell(Fault::Loss(100));
    assert!(lab.send(&bytes).is_none());
}

#[test]
fn it_keeps_its_last_queries_muted_ones_too() {
    let mut lab = Lab::new();
    lab.ask("primary.lab.test", RecordType::A);
    lab.tell(Fault::Silent);
    lab.now = Instant::from_secs(6);
    lab.send(&query("LAB.test", RecordType::Naptr).encode(512));
    let queries: Vec<_> = lab.server.queries().cloned().collect();
    assert_eq!(queries.len(), 2);
    assert_eq!(
        (queries[1].seq, queries[1].at, &queries[1].name, queries[1].kind, queries[1].answered),
        (2, lab.now, &DomainName::parse("lab.test").unwrap(), RecordType::Naptr, None)
    );
    assert_eq!((queries[0].from, queries[0].answered), (client(), Some(Rcode::NoError)));
    for _ in 0..NameServer::QUERIES_MAX {
        lab.send(&query("lab.test", RecordType::A).encode(512));
    }
    assert_eq!(lab.server.queries().count(), NameServer::QUERIES_MAX);
    assert_eq!(lab.server.queries().next().unwrap().seq, 3);
}

#[test]
fn what_is_no_query_is_not_answered_or_refused() {
    let mut lab = Lab::new();
    let mut message = query("lab.test", RecordType::A);
    message.flags.response = true;
    assert!(lab.send(&message.encode(512)).is_none(), "two servers would talk for ever");
    assert!(lab.send(b"no dns").is_none());
    let mut bytes = query("lab.test", RecordType::A).encode(512).to_vec();
    bytes[2] |= 0x28;
    assert_eq!(lab.send(&bytes).unwrap().rcode, Rcode::NotImp);
    let mut bare = query("lab.test", RecordType::A);
    bare.asked = None;
    assert_eq!(lab.send(&bare.encode(512)).unwrap().rcode, Rcode::FormErr);
}

#[test]
fn connections_have_a_limit_and_rubbish_ends_one() {
    let mut lab = Lab::new();
    let local = client();
    for number in 0..=u64::try_from(NameServer::STREAMS_MAX).unwrap() {
        let (conn, transport) = (Conn(Conn::ACCEPTED | number), Transport::Tcp);
        lab.server.handle(lab.now, Input::Accepted { conn, transport, local, from: local });
    }
    let last = Conn(Conn::ACCEPTED | 100);
    assert!(matches!(lab.server.poll_output(), Some(Output::Close { conn }) if conn == last));
    let first = Conn(Conn::ACCEPTED);
    lab.server.handle(lab.now, Input::Chunk { conn: first, bytes: &[0, 2, 9, 9] });
    assert!(matches!(lab.server.poll_output(), Some(Output::Close { conn }) if conn == first));
}
