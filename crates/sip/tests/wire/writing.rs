use std::net::SocketAddr;

use net::Transport;
use sip::{Message, Method, Request, Writer, parse_datagram};

use crate::{options, request, response};

fn parsed(bytes: &[u8]) -> Request {
    request(std::str::from_utf8(bytes).unwrap())
}

fn register() -> Writer {
    Writer::request(&Method::Register, "sip:example.com")
        .via(Transport::Udp, "[2001:db8::7]:5060".parse().unwrap(), "z9hG4bK0123456789abcdef")
        .header("From", "<sip:7@example.com>;tag=f")
        .header("To", "<sip:7@example.com>")
        .header("Call-ID", "c")
        .header("CSeq", format_args!("{} {}", 3, Method::Register))
        .header("Max-Forwards", 70)
}

#[test]
fn what_is_written_is_read_again() {
    let bytes = register().header("Expires", 3600).finish(Some(("text/plain", b"hi")));
    let request = parsed(&bytes);
    assert_eq!((request.method(), request.uri()), (&Method::Register, "sip:example.com"));
    assert_eq!(request.branch(), "z9hG4bK0123456789abcdef");
    assert_eq!(request.cseq(), 3);
    assert_eq!(request.expires(), Some(3600));
    assert_eq!((request.content_type(), request.body()), (Some("text/plain"), &b"hi"[..]));
    // RFC 3581: rport is asked for.
    assert!(request.top_via().unwrap().params().has("rport"));
    assert_eq!(request.top_via().unwrap().host(), "2001:db8::7");
}

#[test]
fn a_message_without_body_says_so() {
    let bytes = register().finish(None);
    assert!(bytes.ends_with(b"Content-Length: 0\r\n\r\n"));
}

// An ICMP error may quote no more than 520 bytes of ours, and many quote less.
#[test]
fn the_branch_lies_within_the_first_200_bytes() {
    let host = "a".repeat(36) + ".example.com";
    let sent_by = "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".parse().unwrap();
    let branch = "z9hG4bK0123456789abcdef0123456789abcdef";
    let bytes = Writer::request(&Method::Register, &format!("sip:{host}"))
        .via(Transport::Udp, sent_by, branch)
        .header("From", "<sip:7@example.com>;tag=f")
        .finish(None);
    let text = std::str::from_utf8(&bytes).unwrap();
    assert!(text.find(branch).unwrap() + branch.len() <= 200);
}

#[test]
fn no_value_can_begin_a_line_of_its_own() {
    let evil = "x\r\nEvil: 1\n\rEvil: 2\0\u{2028}";
    let bytes = Writer::request(&Method::Other(evil.into()), evil)
        .via(Transport::Tcp, "192.0.2.1:5060".parse().unwrap(), evil)
        .header(evil, evil)
        .header("X", evil)
        .finish(Some((evil, b"body")));
    let status = Writer::status(200, evil).finish(None);
    for (bytes, lines) in [(bytes, 8), (status, 4)] {
        let text = std::str::from_utf8(&bytes).unwrap();
        assert_eq!(text.split("\r\n").count(), lines, "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
        assert!(!text.contains("\nEvil"));
    }
}

#[test]
fn a_response_repeats_what_belongs_to_the_transaction() {
    let text =
        options("Via: SIP/2.0/TCP p.example.com;branch=z9hG4bKb, SIP/2.0/UDP q;branch=1\r\n");
    let from = "192.0.2.1:5060".parse().unwrap();
    let bytes = Writer::response(&request(&text), 180, "Ringing", Some("mine"), from).finish(None);
    let response = response(std::str::from_utf8(&bytes).unwrap());
    assert_eq!((response.status(), response.reason()), (180, "Ringing"));
    let hosts: Vec<_> = response.vias().map(|via| via.host().to_owned()).collect();
    assert_eq!(hosts, ["192.0.2.1", "p.example.com", "q"]);
    assert_eq!((response.from_tag(), response.to_tag()), (Some("f"), Some("mine")));
    assert_eq!((response.call_id(), response.cseq()), ("c", 7));
    assert_eq!(response.method(), &Method::Options);
}

#[test]
fn a_to_tag_that_is_there_stays_the_only_one() {
    let text =
        options("").replace("To: <sip:bob@example.com>", "To: <sip:bob@example.com>;tag=old");
    let from = "192.0.2.1:5060".parse().unwrap();
    let bytes = Writer::response(&request(&text), 200, "OK", Some("new"), from).finish(None);
    assert_eq!(response(std::str::from_utf8(&bytes).unwrap()).to_tag(), Some("old"));
}

fn top_via_for(via: &str, from: &str) -> String {
    let text = options("").replace("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa", via);
    let from: SocketAddr = from.parse().unwrap();
    let bytes = Writer::response(&request(&text), 200, "OK", None, from).finish(None);
    let text = std::str::from_utf8(&bytes).unwrap();
    text.lines().find_map(|line| line.strip_prefix("Via: ")).unwrap().to_owned()
}

// RFC 3261 §18.2.1 and RFC 3581 §4.
#[test]
fn received_and_rport_say_where_the_request_came_from() {
    for (via, from, written) in [
        ("SIP/2.0/UDP 192.0.2.1;branch=b", "192.0.2.1:9", "SIP/2.0/UDP 192.0.2.1;branch=b"),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=b",
            "192.0.2.2:9",
            "SIP/2.0/UDP 192.0.2.1;branch=b;received=192.0.2.2",
        ),
        (
            "SIP/2.0/UDP h.example.com:5060;branch=b",
            "192.0.2.2:9",
            "SIP/2.0/UDP h.example.com:5060;branch=b;received=192.0.2.2",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=b;x",
            "192.0.2.1:9",
            "SIP/2.0/UDP 192.0.2.1:5060;rport=9;branch=b;x;received=192.0.2.1",
        ),
        (
            "SIP/2.0/UDP 10.0.0.1;received=6.6.6.6;rport=1;branch=b",
            "[2001:db8::9]:9",
            "SIP/2.0/UDP 10.0.0.1;rport=9;branch=b;received=2001:db8::9",
        ),
        (
            "SIP/2.0/UDP 192.0.2.1;branch=b",
            "[::ffff:192.0.2.1]:9",
            "SIP/2.0/UDP 192.0.2.1;branch=b",
        ),
    ] {
        assert_eq!(top_via_for(via, from), written);
    }
}

#[test]
fn record_routes_are_copied_in_their_order() {
    let request =
        request(&options("Record-Route: <sip:b;lr>, <sip:a;lr>\r\nRecord-Route: <sip:z>\r\n"));
    let bytes = Writer::response(&request, 200, "OK", None, "192.0.2.1:5060".parse().unwrap())
        .record_routes_of(&request)
        .finish(None);
    let response = response(std::str::from_utf8(&bytes).unwrap());
    assert_eq!(response.record_routes(), request.record_routes());
}

#[test]
fn a_kept_message_takes_no_more_room_than_its_length() {
    let bytes = register().finish(None);
    let capacity = Vec::from(bytes.clone()).capacity();
    assert!(matches!(parse_datagram(&bytes), Ok(Message::Request(_))));
    assert_eq!(capacity, bytes.len());
}
