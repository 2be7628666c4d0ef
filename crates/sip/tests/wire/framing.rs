use sip::{FaultKind, Frame, Framer, MESSAGE_BYTES_MAX};

use crate::options;

/// Everything that the framer says now, in short.
fn drain(framer: &mut Framer) -> Vec<String> {
    std::iter::from_fn(|| framer.next())
        .map(|frame| match frame {
            Frame::Message(sip::Message::Request(request)) => {
                format!("{} {}", request.method(), request.body().len())
            }
            Frame::Message(sip::Message::Response(response)) => response.status().to_string(),
            Frame::Ping => "ping".to_owned(),
            Frame::Pong => "pong".to_owned(),
            Frame::Fault(fault) => format!("fault: {fault}"),
        })
        .collect()
}

/// What the framer says of `pieces`; a pong that turns out to be half a ping is left out.
fn told<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = Framer::new();
    let mut told: Vec<String> = Vec::new();
    for piece in pieces {
        framer.push(piece);
        for frame in drain(&mut framer) {
            if frame == "ping" && told.last().is_some_and(|last| last == "pong") {
                told.pop();
            }
            told.push(frame);
        }
    }
    told
}

fn stream() -> Vec<u8> {
    let with_body = options("Content-Type: text/plain\r\n")
        .replace("Content-Length: 0\r\n\r\n", "l : 12\r\n\r\n\r\n\r\nINVITE x");
    let folded = options("").replace("Content-Length: 0", "Content-Length:\r\n 0");
    let refused = options("").replace("CSeq: 7 OPTIONS", "CSeq: 7 INVITE");
    [&with_body, "\r\n\r\n", &folded, &refused, &options(""), "\r\n"].concat().into_bytes()
}

const EXPECTED: [&str; 6] = [
    "OPTIONS 12",
    "ping",
    "OPTIONS 0",
    "fault: method of CSeq and request line differ",
    "OPTIONS 0",
    "pong",
];

#[test]
fn every_split_point_gives_the_same_frames() {
    let bytes = stream();
    assert_eq!(told([&bytes[..]]), EXPECTED);
    for at in 0..=bytes.len() {
        let (a, b) = bytes.split_at(at);
        assert_eq!(told([a, b]), EXPECTED, "split at {at}");
    }
}

#[test]
fn single_bytes_give_the_same_frames() {
    let bytes = stream();
    assert_eq!(told(bytes.chunks(1)), EXPECTED);
    assert_eq!(told(bytes.chunks(7)), EXPECTED);
}

// RFC 5626 §4.4.1.
#[test]
fn a_ping_in_two_halves_is_still_told() {
    let mut framer = Framer::new();
    framer.push(b"\r\n");
    assert_eq!(drain(&mut framer), ["pong"]);
    framer.push(b"\r\n");
    assert_eq!(drain(&mut framer), ["ping"]);
    framer.push(b"\r\n");
    assert_eq!(drain(&mut framer), ["pong"]);
}

#[test]
fn an_unfinished_message_is_told_so_that_it_can_be_timed_out() {
    let mut framer = Framer::new();
    assert!(!framer.is_mid_message());
    let text = options("");
    let (head, rest) = text.split_at(30);
    framer.push(head.as_bytes());
    assert!(framer.next().is_none() && framer.is_mid_message());
    framer.push(rest.as_bytes());
    assert!(framer.next().is_some() && !framer.is_mid_message());
}

#[test]
fn a_stream_whose_framing_is_lost_says_nothing_more() {
    let lone = options("").replace("\r\n", "\n");
    let without_length = options("").replace("Content-Length: 0\r\n", "");
    let twice = options("Content-Length: 0\r\n");
    let negative = options("").replace("Content-Length: 0", "Content-Length: -1");
    for (text, kind) in [
        (lone, FaultKind::LoneLineEnd),
        (without_length, FaultKind::NoContentLength),
        (twice, FaultKind::ContentLength),
        (negative, FaultKind::ContentLength),
    ] {
        let mut framer = Framer::new();
        framer.push(text.as_bytes());
        let Some(Frame::Fault(fault)) = framer.next() else { panic!("{text}") };
        assert_eq!(fault.kind, kind);
        assert!(fault.kind.breaks_framing() && framer.is_broken());
        assert_eq!(fault.refusal.unwrap().status(), 400);
        framer.push(options("").as_bytes());
        assert!(framer.next().is_none() && !framer.is_mid_message());
    }
}

#[test]
fn a_message_that_is_too_large_is_refused_before_its_body_comes() {
    let mut framer = Framer::new();
    let length = MESSAGE_BYTES_MAX;
    framer.push(options("").replace("Length: 0", &format!("Length: {length}")).as_bytes());
    let Some(Frame::Fault(fault)) = framer.next() else { panic!() };
    assert_eq!(fault.kind, FaultKind::TooLarge);

    let mut framer = Framer::new();
    framer.push(options("").split_at(200).0.as_bytes());
    assert!(framer.next().is_none());
    framer.push(&[b'x'; MESSAGE_BYTES_MAX]);
    let Some(Frame::Fault(fault)) = framer.next() else { panic!() };
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert!(framer.is_broken());
}

#[test]
fn a_message_of_the_largest_size_passes_whole() {
    let head = options("").len() + "65000".len() - 1;
    let body = MESSAGE_BYTES_MAX - head;
    let text = options("").replace("Length: 0", &format!("Length: {body}")) + &"b".repeat(body);
    assert_eq!(text.len(), MESSAGE_BYTES_MAX);
    assert_eq!(told(text.as_bytes().chunks(1400)), [format!("OPTIONS {body}")]);
}

// RFC 3261 §18.3: a length that overflows is as good as one that is too large.
#[test]
fn an_absurd_content_length_is_refused() {
    let mut framer = Framer::new();
    framer.push(options("").replace("Length: 0", "Length: 99999999999999999999").as_bytes());
    let Some(Frame::Fault(fault)) = framer.next() else { panic!() };
    assert_eq!(fault.kind, FaultKind::TooLarge);
}
