//! Messages byte by byte.

use dns::{
    Asked, Data, DomainName, Flags, Malformed, Message, Naptr, Question, Rcode, Record, RecordType,
    Soa, Srv,
};
use proptest::prelude::*;

use crate::bench::{address, name};

/// A response with compressed names (SRV targets too, as some servers send them) and an OPT record.
const RESPONSE: &[u8] = &[
    0x12, 0x34, 0x85, 0x80, 0, 1, 0, 2, 0, 1, 0,
    2, // header: 2 answers, 1 authority, 2 additional
    4, b'_', b's', b'i', b'p', 4, b'_', b'u', b'd', b'p', 1, b'x', 4, b't', b'e', b's', b't', 0, 0,
    33, 0, 1, // question at 12: _sip._udp.x.test SRV; x.test is at 22
    0xc0, 12, 0, 33, 0, 1, 0, 0, 1, 44, 0, 10, 0, 10, 0, 5, 0x13, 0xc4, 1, b'a', 0xc0, 22, 0xc0,
    12, 0, 33, 0, 1, 0, 0, 1, 44, 0, 10, 0, 20, 0, 5, 0x13, 0xc4, 1, b'b', 0xc0, 22, 0xc0, 22, 0,
    2, 0, 1, 0, 0, 0, 60, 0, 5, 2, b'n', b's', 0xc0, 22, 1, b'A', 0xc0, 22, 0, 1, 0, 1, 0, 0, 0,
    60, 0, 4, 192, 0, 2, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn a_response_with_compressed_names_is_read() {
    let message = Message::parse(RESPONSE).unwrap();
    assert_eq!((message.id, message.rcode), (0x1234, Rcode::NoError));
    assert_eq!(
        message.flags,
        Flags {
            response: true,
            authoritative: true,
            recursion_desired: true,
            recursion_available: true,
            ..Flags::default()
        }
    );
    let says: Vec<String> = message
        .answers
        .iter()
        .chain(&message.authority)
        .chain(&message.additional)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        says,
        [
            "_sip._udp.x.test 300 IN SRV 10 5 5060 a.x.test",
            "_sip._udp.x.test 300 IN SRV 20 5 5060 b.x.test",
            "x.test 60 IN NS ns.x.test",
            "a.x.test 60 IN A 192.0.2.1",
        ]
    );
    assert_eq!(message.udp_size, Some(1232));
}

/// A response of every type, written by dnspython 2.9.2.
const BY_DNSPYTHON: &[&str] = &[
    "123485000001000200010006077965616c696e6b0370627803636f6d0000230001c00c002300010000012c00",
    "2a005a00320173075349502b44325400045f736970045f746370077965616c696e6b0370627803636f6d00c0",
    "0c002300010000012c001e006400320175074532552b7369700e215e2e2a24217369703a6140622100c00c00",
    "0600010000012c0026026e73c00c0a686f73746d6173746572c00c0000000700000e10000002580001518000",
    "00003c045f736970045f746370c00c002100010000003c001f0000000113c40773657276657231077965616c",
    "696e6b0370627803636f6d000773657276657231c00c000100010000003c0004c0a8010dc0e8001c00010000",
    "003c001020010db800000000000000000000001303777777c00c000500010000003c0002c00cc11c00100001",
    "0000003c000504746578740000292000000000000000",
];

#[test]
fn a_response_of_another_implementation_is_read() {
    let hex = BY_DNSPYTHON.concat();
    let digits: Vec<u8> =
        hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    let bytes: Vec<u8> = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let message = Message::parse(&bytes).unwrap();
    let says: Vec<String> = message
        .answers
        .iter()
        .chain(&message.authority)
        .chain(&message.additional)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        says,
        [
            r#"yealink.pbx.com 300 IN NAPTR 90 50 "s" "SIP+D2T" "" _sip._tcp.yealink.pbx.com"#,
            r#"yealink.pbx.com 300 IN NAPTR 100 50 "u" "E2U+sip" "!^.*$!sip:a@b!" ."#,
            "yealink.pbx.com 300 IN SOA ns.yealink.pbx.com hostmaster.yealink.pbx.com 7 3600 600 86400 60",
            "_sip._tcp.yealink.pbx.com 60 IN SRV 0 1 5060 server1.yealink.pbx.com",
            "server1.yealink.pbx.com 60 IN A 192.168.1.13",
            "server1.yealink.pbx.com 60 IN AAAA 2001:db8::13",
            "www.yealink.pbx.com 60 IN CNAME yealink.pbx.com",
            r"www.yealink.pbx.com 60 IN TYPE16 \# 5 04 74 65 78 74",
        ]
    );
}

/// RFC 1035 §4.1.4, the example: F.ISI.ARPA, FOO.F.ISI.ARPA, ARPA and the root.
#[test]
fn the_compression_example_of_rfc_1035_is_read() {
    let mut message = vec![0; 64];
    message[2] = 0x80;
    message[5] = 1;
    message[7] = 3;
    message.truncate(12);
    message.extend(b"\x01F\x03ISI\x04ARPA\x00\x00\x01\x00\x01");
    let tail = [0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 1];
    for owner in [b"\x03FOO\xc0\x0c".as_slice(), b"\xc0\x12", b"\x00"] {
        message.extend(owner);
        message.extend(tail);
    }
    let owners: Vec<String> = Message::parse(&message)
        .unwrap()
        .answers
        .iter()
        .map(|record| record.name.to_string())
        .collect();
    assert_eq!(owners, ["foo.f.isi.arpa", "arpa", "."]);
}

fn with_name(name: &[u8]) -> Result<Message, Malformed> {
    let mut message = vec![0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend(name);
    message.extend([0, 1, 0, 1]);
    Message::parse(&message)
}

#[test]
fn pointers_that_do_not_lead_backwards_are_refused() {
    assert_eq!(with_name(&[0xc0, 12]), Err(Malformed::Pointer), "itself");
    assert_eq!(with_name(&[0xc0, 14, 0xc0, 12]), Err(Malformed::Pointer), "forwards");
    assert_eq!(with_name(&[1, b'a', 0xc0, 12]), Err(Malformed::Pointer), "its own beginning");
    assert_eq!(with_name(&[0xff, 0xff]), Err(Malformed::Pointer), "beyond the end");
}

#[test]
fn labels_and_names_have_their_limits() {
    assert_eq!(with_name(&[0x40, 0]), Err(Malformed::Label));
    assert_eq!(with_name(&[0x80, 0]), Err(Malformed::Label));
    assert_eq!(with_name(&[63, 1]), Err(Malformed::Short));
    let long: Vec<u8> = [63; 64].repeat(4);
    assert_eq!(with_name(&[&long[..], &[0]].concat()), Err(Malformed::NameTooLong));
    let label = |length: u8| [vec![length], vec![b'a'; usize::from(length)]].concat();
    let longest = [label(63), label(63), label(63), label(61), vec![0]].concat();
    assert_eq!(longest.len(), DomainName::WIRE_MAX);
    assert!(with_name(&longest).is_ok());
    let longer = [label(63), label(63), label(63), label(62), vec![0]].concat();
    assert_eq!(with_name(&longer), Err(Malformed::NameTooLong));
}

#[test]
fn counts_and_lengths_that_promise_more_than_there_is_are_refused() {
    for end in 0..RESPONSE.len() {
        assert!(Message::parse(&RESPONSE[..end]).is_err(), "cut at {end}");
    }
    let mut more = RESPONSE.to_vec();
    more[7] = 200;
    assert!(Message::parse(&more).is_err());
    let mut two = RESPONSE.to_vec();
    two[5] = 2;
    assert_eq!(Message::parse(&two), Err(Malformed::Questions));
}

#[test]
fn a_record_has_to_fill_its_length() {
    let mut message = vec![0, 1, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    message.extend([0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 5, 192, 0, 2, 1, 7]);
    assert_eq!(Message::parse(&message), Err(Malformed::RecordLength));
}

#[test]
fn what_does_not_fit_is_cut_to_the_question_and_marked() {
    let question = Question::new(name("x.test"), RecordType::A);
    let message = Message {
        id: 7,
        flags: Flags { response: true, ..Flags::default() },
        rcode: Rcode::NoError,
        asked: Some(Asked::plain(question)),
        answers: (0..100).map(|last| address("x.test", 60, last)).collect(),
        authority: Vec::new(),
        additional: Vec::new(),
        udp_size: Some(1232),
    };
    let cut = Message::parse(&message.encode(512)).unwrap();
    assert!(cut.flags.truncated && cut.answers.is_empty());
    assert_eq!((cut.id, cut.asked), (7, message.asked.clone()));
    let whole = message.encode(65_535);
    assert_eq!(Message::parse(&whole).unwrap(), message);
    assert_eq!(whole.len(), 12 + 8 + 4 + 100 * 16 + 11, "each owner is a pointer");
}

fn any_name() -> impl Strategy<Value = DomainName> {
    prop::collection::vec("[a-z_][a-z0-9-]{0,12}", 0..6).prop_map(|labels| {
        let text = if labels.is_empty() { ".".to_owned() } else { labels.join(".") };
        DomainName::parse(&text).unwrap()
    })
}

fn any_data() -> impl Strategy<Value = Data> {
    let text = || "[ -~]{0,40}".prop_map(|text| text.into_boxed_str());
    prop_oneof![
        any::<[u8; 4]>().prop_map(|ip| Data::A(ip.into())),
        any::<[u8; 16]>().prop_map(|ip| Data::Aaaa(ip.into())),
        any_name().prop_map(Data::Cname),
        any_name().prop_map(Data::Ns),
        (any_name(), any_name(), any::<[u32; 5]>()).prop_map(|(mname, rname, times)| {
            let [serial, refresh, retry, expire, minimum] = times;
            Data::Soa(Box::new(Soa { mname, rname, serial, refresh, retry, expire, minimum }))
        }),
        (any::<[u16; 3]>(), any_name()).prop_map(|([priority, weight, port], target)| {
            Data::Srv(Srv { priority, weight, port, target })
        }),
        (any::<[u16; 2]>(), text(), text(), text(), any_name()).prop_map(
            |([order, preference], flags, service, regexp, replacement)| {
                Data::Naptr(Box::new(Naptr {
                    order,
                    preference,
                    flags,
                    service,
                    regexp,
                    replacement,
                }))
            }
        ),
        prop::collection::vec(any::<u8>(), 0..60)
            .prop_map(|bytes| Data::Other { kind: 16, bytes: bytes.into() }),
    ]
}

fn any_records() -> impl Strategy<Value = Vec<Record>> {
    let record = (any_name(), 0..i32::MAX.unsigned_abs(), any_data())
        .prop_map(|(name, ttl_s, data)| Record { name, ttl_s, data });
    prop::collection::vec(record, 0..12)
}

proptest! {
    #[test]
    fn what_is_written_reads_back(
        id in any::<u16>(),
        question in any_name(),
        answers in any_records(),
        authority in any_records(),
        additional in any_records(),
        udp_size in prop::option::of(512_u16..),
    ) {
        let message = Message {
            id,
            flags: Flags { response: true, authoritative: true, ..Flags::default() },
            rcode: Rcode::NxDomain,
            asked: Some(Asked::plain(Question::new(question, RecordType::Naptr))),
            answers,
            authority,
            additional,
            udp_size,
        };
        prop_assert_eq!(Message::parse(&message.encode(65_535)), Ok(message));
    }
}
