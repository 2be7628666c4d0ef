use sip::{FaultKind, Mended, Method, parse_datagram};

use crate::{fault, options, registered, request, response};

#[test]
fn a_response_gives_what_a_registration_needs() {
    let response = response(&registered(
        "200 OK",
        "Contact: <sip:alice@192.0.2.1:5060;line=x1>;expires=120, \"B, C\" <sip:b@192.0.2.9>\r\n\
         m: <sip:d@192.0.2.10>;expires=5\r\nService-Route: <sip:p1;lr>,<sip:p2;lr>\r\n\
         Service-Route: <sip:p3;lr>\r\nRequire: path, outbound\r\nExpires: 3600\r\n\
         Min-Expires: 90\r\n",
    ));
    assert_eq!((response.status(), response.reason()), (200, "OK"));
    assert_eq!(response.branch(), "z9hG4bKa");
    assert_eq!((response.cseq(), response.method()), (7, &Method::Register));
    assert_eq!((response.from_tag(), response.to_tag()), (Some("f"), Some("t")));
    assert_eq!(response.call_id(), "c");
    assert_eq!(response.via_received(), Some("198.51.100.7".parse().unwrap()));
    assert_eq!(response.via_rport(), Some(4711));
    let contacts = response.contacts();
    let expires: Vec<_> = contacts.iter().map(|contact| contact.expires).collect();
    assert_eq!(expires, [Some(120), None, Some(5)]);
    assert_eq!(contacts[0].uri_param("line"), Some("x1"));
    let routes: Vec<_> = response.service_routes();
    assert_eq!(routes, ["<sip:p1;lr>".into(), "<sip:p2;lr>".into(), "<sip:p3;lr>".into()]);
    assert!(response.requires("outbound") && !response.requires("gruu"));
    assert_eq!((response.expires(), response.min_expires()), (Some(3600), Some(90)));
    assert!(response.is_success() && response.is_for_client());
}

#[test]
fn header_fields_are_found_by_either_name_in_any_case() {
    let request = request(&options("k: path, gruu\r\nSUPPORTED: 100rel\r\ns: hello\r\n"));
    assert_eq!(request.header("supported"), Some("path, gruu"));
    assert_eq!(request.header("K"), Some("path, gruu"));
    assert_eq!(request.header("Subject"), Some("hello"));
    assert_eq!(request.headers("k").collect::<Vec<_>>(), ["path, gruu", "100rel"]);
    assert_eq!(request.list("Supported").collect::<Vec<_>>(), ["path", "gruu", "100rel"]);
    assert_eq!(request.header("X-Missing"), None);
}

// RFC 3261 §20.33.
#[test]
fn retry_after_is_read_with_comment_and_parameters() {
    for (value, seconds) in [
        ("18000;duration=3600", Some(18000)),
        ("120 (I'm in a meeting)", Some(120)),
        ("5", Some(5)),
        ("soon", None),
        ("99999999999", Some(u32::MAX)),
    ] {
        let refusal = response(&registered("503 Busy", &format!("Retry-After: {value}\r\n")));
        assert_eq!(refusal.retry_after(), seconds, "{value}");
    }
}

#[test]
fn a_request_gives_its_uri_and_addresses_apart() {
    let text = options("Route: <sip:p1;lr>, <sip:p2;lr>\r\n")
        .replace("sip:bob@example.com SIP", "sip:b%6Fb;x=%20@[2001:db8::1]:5080;line=t SIP")
        .replace("From: <sip", "From: \"A \\\"x\\\" B\" <sip");
    let request = request(&text);
    assert_eq!(request.uri(), "sip:b%6Fb;x=%20@[2001:db8::1]:5080;line=t");
    assert_eq!(request.uri_user(), Some("bob;x= "));
    assert_eq!(request.uri_host(), "2001:db8::1");
    assert_eq!(request.uri_param("line"), Some("t"));
    assert_eq!(request.max_forwards(), Some(70));
    assert_eq!(request.from_uri(), "sip:alice@example.com");
    assert_eq!(request.from_display().as_deref(), Some("A \"x\" B"));
    assert_eq!(request.routes(), ["<sip:p1;lr>".into(), "<sip:p2;lr>".into()]);
    assert_eq!(
        request.top_via().map(|via| (via.host(), via.port())),
        Some(("192.0.2.1", Some(5060)))
    );
}

#[test]
fn folded_values_come_as_one_line() {
    let request = request(&options("Subject: one\r\n  two\r\n\tthree\r\n"));
    assert_eq!(request.header("subject"), Some("one two three"));
    assert!(!request.mended().any());
}

#[test]
fn padding_lone_line_feeds_and_a_missing_blank_line_are_mended_and_told() {
    let plain = options("");
    let cases = [
        (format!("\r\n\r\n\0\0{plain}"), Mended { padding: true, ..Mended::default() }),
        (plain.replace("\r\n", "\n"), Mended { line_ends: true, ..Mended::default() }),
        (plain.trim_end().to_owned() + "\r\n", Mended { blank_line: true, ..Mended::default() }),
        (
            format!("\n{}\n", plain.replace("\r\n", "\n").trim()),
            Mended { padding: true, line_ends: true, blank_line: true, charset: false },
        ),
    ];
    for (text, mended) in cases {
        let request = request(&text);
        assert_eq!(request.mended(), mended, "{text:?}");
        assert_eq!((request.cseq(), request.call_id()), (7, "c"));
    }
    let all = Mended { padding: true, line_ends: true, blank_line: true, charset: true };
    assert_eq!(
        all.to_string(),
        "padding before the message, lines without CR, no blank line after the header fields, \
         header fields not in UTF-8"
    );
}

#[test]
fn the_body_of_a_mended_message_is_left_alone() {
    let text =
        options("").replace("Content-Length: 0\r\n\r\n", "Content-Length: 5\r\n\r\na\nb\r\n");
    let text = text.replacen("\r\n\r\n", "\n\n", 1);
    let head_end = text.find("\n\n").unwrap();
    let text = text[..head_end].replace("\r\n", "\n") + &text[head_end..];
    assert_eq!(request(&text).body(), b"a\nb\r\n");
}

// A proxy that kept a lone LF inside a value would otherwise let it begin a header field here.
#[test]
fn a_lone_line_feed_among_crlf_lines_is_refused() {
    let text = options("Subject: a\nRequire: evil\r\n");
    assert_eq!(fault(text.as_bytes()).kind, FaultKind::LoneLineEnd);
    assert!(fault(options("Subject: a\rb\r\n").as_bytes()).refusal.is_some());
}

#[test]
fn a_keep_alive_is_told_from_a_message() {
    for bytes in [&b""[..], b"\r\n\r\n", b"\0\0\0\0", b"\n"] {
        let fault = fault(bytes);
        assert_eq!((fault.kind, fault.refusal), (FaultKind::KeepAlive, None));
    }
}

// behaviour §9: refused with 400 and forgotten.
#[test]
fn a_datagram_shorter_than_its_content_length_is_answered_400() {
    let text = options("").replace("Content-Length: 0", "Content-Length: 1");
    let fault = fault(text.as_bytes());
    assert_eq!(fault.kind, FaultKind::BodyTruncated);
    let refusal = fault.refusal.unwrap();
    let answer = response(
        std::str::from_utf8(&refusal.to_bytes("mine", "198.51.100.9:9".parse().unwrap())).unwrap(),
    );
    assert_eq!((answer.status(), answer.cseq()), (400, 7));
    assert_eq!((answer.to_tag(), answer.call_id()), (Some("mine"), "c"));
    assert_eq!(answer.via_received(), Some("198.51.100.9".parse().unwrap()));
    assert_eq!(answer.header("Warning"), Some("399 sureline \"body shorter than Content-Length\""));
}

#[test]
fn an_ack_a_response_and_noise_are_never_answered() {
    let broken_ack = options("").replace("OPTIONS", "ACK").replace("CSeq: 7", "CSeq: x");
    let broken_response = registered("200 OK", "").replace("CSeq: 7", "CSeq: x");
    for text in [&broken_ack, &broken_response, "GET / HTTP/1.1\r\nVia: x\r\n\r\n", "\x16\x03\x01"]
    {
        assert_eq!(fault(text.as_bytes()).refusal, None, "{text}");
    }
}

#[test]
fn the_limits_of_a_message_hold_to_the_last() {
    let fields = |count: usize| options(&"X: y\r\n".repeat(count - 7));
    assert!(parse_datagram(fields(256).as_bytes()).is_ok());
    assert_eq!(fault(fields(257).as_bytes()).kind, FaultKind::TooManyFields);

    let hop = "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa";
    let vias = |count: usize| options(&format!("Via: {}\r\n", vec![hop; count - 1].join(",")));
    assert!(parse_datagram(vias(64).as_bytes()).is_ok());
    assert_eq!(fault(vias(65).as_bytes()).kind, FaultKind::TooManyVias);

    let sized = |bytes: usize| {
        let bare = options("Subject: \r\n").len();
        options(&format!("Subject: {}\r\n", "s".repeat(bytes - bare)))
    };
    assert!(parse_datagram(sized(64 * 1024).as_bytes()).is_ok());
    let fault = fault(sized(64 * 1024 + 1).as_bytes());
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert_eq!(fault.refusal.unwrap().status(), 513);
}

// Legacy exchanges send display names in ISO 8859-1; the answer repeats them byte for byte.
#[test]
fn header_fields_that_are_not_utf8_are_read_as_latin_1_and_repeated_as_they_came() {
    let mut bytes = options("").into_bytes();
    let at = bytes.windows(6).position(|window| window == b"From: ").unwrap() + 6;
    bytes.splice(at..at, *b"\"M\xfcller\" ");
    let Ok(sip::Message::Request(request)) = parse_datagram(&bytes) else { panic!() };
    assert!(request.mended().charset);
    assert_eq!(request.from_display().as_deref(), Some("Müller"));
    let answer =
        sip::Writer::response(&request, 200, "OK", None, "192.0.2.1:5060".parse().unwrap())
            .finish(None);
    assert!(answer.windows(8).any(|window| window == b"\"M\xfcller\""));
}

#[test]
fn each_missing_repeated_or_malformed_field_is_named() {
    let cases = [
        ("Call-ID: c\r\n", "", FaultKind::MissingHeader("Call-ID")),
        ("Call-ID: c\r\n", "Call-ID: \r\n", FaultKind::MalformedHeader("Call-ID")),
        ("Call-ID: c\r\n", "i: c\r\nCall-ID: c\r\n", FaultKind::RepeatedHeader("Call-ID")),
        ("CSeq: 7 OPTIONS", "CSeq: 4294967296 OPTIONS", FaultKind::MalformedHeader("CSeq")),
        ("CSeq: 7 OPTIONS", "CSeq: 7 INVITE", FaultKind::CseqMethodMismatch),
        ("Max-Forwards: 70", "Max-Forwards: 256", FaultKind::MalformedHeader("Max-Forwards")),
        ("From: <", "From: \"x <", FaultKind::MalformedHeader("From")),
        ("To: <sip:bob@example.com>\r\n", "", FaultKind::MissingHeader("To")),
        ("Via: SIP/2.0/UDP ", "Via: SIP/2.0/UDP", FaultKind::MalformedHeader("Via")),
        ("SIP/2.0\r\n", "SIP/3.0\r\n", FaultKind::Version),
        ("Max-Forwards:", "Max-Forwards", FaultKind::HeaderSyntax(7)),
    ];
    for (from, to, kind) in cases {
        assert_eq!(fault(options("").replacen(from, to, 1).as_bytes()).kind, kind, "{to}");
    }
}
