//! RFC 4475 and RFC 5118, message by message: what a phone does with each, over a datagram and over
//! a stream, beside what the index of the corpus allows.

use std::fs;
use std::path::{Path, PathBuf};

use sip::{Abilities, Frame, Framer, Message, Method, ParseFault, parse_datagram};

/// File, what becomes of it, and why where the index leaves a choice or we decide otherwise.
type Row = (&'static str, &'static str, &'static str);

const RFC_4475: [Row; 50] = [
    (
        "badaspec",
        "refused 400",
        "an addr-spec has no spaces; guessing which are meant helps nobody",
    ),
    ("badbranch", "OPTIONS", "a bare cookie names no transaction; it is matched as in RFC 2543"),
    ("baddate", "INVITE", "nothing is decided by Date"),
    ("baddn", "OPTIONS", "what a display name lacks in quotes makes no address ambiguous"),
    ("badinv01", "refused 400", ""),
    ("badvers", "refused 505", ""),
    ("bcast", "discarded", "two Vias in a response: not for a user agent (RFC 3261 §8.1.3.3)"),
    ("bext01", "declined 420", ""),
    ("bigcode", "dropped", ""),
    ("clerr", "refused 400", ""),
    ("cparam01", "declined 405", ""),
    ("cparam02", "declined 405", ""),
    ("dblreq", "declined 405", ""),
    ("esc01", "INVITE", ""),
    ("esc02", "declined 501", ""),
    ("escnull", "declined 405", ""),
    ("escruri", "refused 400", "a request-URI has no header fields (RFC 3261 §19.1.1)"),
    ("insuf", "refused 400", ""),
    ("intmeth", "declined 501", ""),
    ("inv2543", "INVITE", ""),
    ("invut", "declined 415", ""),
    ("longreq", "INVITE", ""),
    ("ltgtruri", "refused 400", ""),
    ("lwsdisp", "OPTIONS", ""),
    ("lwsruri", "refused 400", ""),
    ("lwsstart", "refused 400", "one space stands between the words of a start line"),
    ("mcl01", "refused 400", ""),
    ("mismatch01", "refused 400", ""),
    ("mismatch02", "refused 501", ""),
    ("mpart01", "declined 415", ""),
    ("multi01", "refused 400", ""),
    ("ncl", "refused 400", ""),
    ("noreason", "response 100", ""),
    ("novelsc", "declined 416", ""),
    ("quotbal", "refused 400", ""),
    ("regaut01", "declined 405", ""),
    ("regbadct", "declined 405", "a phone is no registrar, so it does not come to the Contact"),
    ("regescrt", "declined 405", ""),
    ("scalar02", "refused 400", ""),
    ("scalarlg", "dropped", ""),
    ("sdp01", "declined 406", ""),
    ("semiuri", "OPTIONS", ""),
    ("test", "dropped", "no version in the start line: not to be told from noise, so no answer"),
    ("transports", "OPTIONS", ""),
    ("trws", "refused 400", "a start line ends with its version"),
    ("unkscm", "declined 416", ""),
    ("unksm2", "declined 405", ""),
    ("unreason", "response 200", ""),
    ("wsinv", "INVITE", ""),
    ("zeromf", "OPTIONS", ""),
];

const RFC_5118: [Row; 12] = [
    ("ipv6-good", "declined 405", ""),
    ("ipv6-bad", "refused 400", ""),
    ("port-ambiguous", "declined 405", ""),
    ("port-unambiguous", "declined 405", ""),
    ("via-received-param-with-delim", "BYE", ""),
    ("via-received-param-no-delim", "OPTIONS", ""),
    (
        "ipv6-in-sdp",
        "refused 400",
        "printed with a Content-Length of 268 for 251 bytes: RFC 3261 §18.3 calls that an error; \
         with the right length it is taken, see below",
    ),
    ("mult-ip-in-header", "BYE", ""),
    ("mult-ip-in-sdp", "INVITE", ""),
    ("ipv4-mapped-ipv6", "INVITE", ""),
    ("ipv6-bug-abnf-3-colons", "OPTIONS", "the address with three colons is in received alone"),
    ("ipv6-correct-abnf-2-colons", "OPTIONS", ""),
];

/// Accepted by the index, refused by us.
const REFUSED_ALL_THE_SAME: [&str; 1] = ["ipv6-in-sdp"];

/// What a stream makes of a message where it differs from a datagram.
const ON_A_STREAM: [(&str, &str, &str); 7] = [
    ("baddn", "unfinished", "the file ends without a blank line, which only a datagram can mend"),
    ("clerr", "unfinished", "the rest may still come; the owner's time limit closes the stream"),
    ("ipv6-in-sdp", "unfinished", "as clerr"),
    (
        "dblreq",
        "declined 405 + INVITE + dropped, closed",
        "what stands behind the first body is the next message, and behind that more than its body",
    ),
    ("inv2543", "refused 400, closed", "RFC 3261 §18.3: a stream needs Content-Length"),
    ("mcl01", "refused 400, closed", "the end of the message is not known"),
    ("ncl", "refused 400, closed", "the end of the message is not known"),
];

#[test]
fn every_torture_message_of_rfc_4475_is_judged() {
    assert_eq!(judged("rfc4475", &RFC_4475), 50);
}

#[test]
fn every_torture_message_of_rfc_5118_is_judged() {
    assert_eq!(judged("rfc5118", &RFC_5118), 12);
}

// RFC 5118 §4.6.
#[test]
fn ipv6_in_sdp_is_taken_with_its_length_put_right() {
    let text = String::from_utf8(fs::read(file("rfc5118", "ipv6-in-sdp")).unwrap()).unwrap();
    let mended = text.replace("Content-Length: 268", "Content-Length: 251");
    assert_eq!(datagram_verdict(mended.as_bytes()), "INVITE");
}

#[test]
fn a_stream_judges_torture_messages_as_datagrams_do_or_says_why_not() {
    let rows = RFC_4475.iter().map(|row| ("rfc4475", row));
    let rows: Vec<_> = rows.chain(RFC_5118.iter().map(|row| ("rfc5118", row))).collect();
    assert_eq!(rows.len(), 62);
    for (corpus, (name, datagram, _)) in rows {
        let verdict = stream_verdict(&fs::read(file(corpus, name)).unwrap());
        let other = ON_A_STREAM.iter().find(|(file, ..)| file == name);
        let expected = other.map_or(*datagram, |(_, verdict, _)| verdict);
        assert_eq!(verdict, expected, "{name}");
    }
}

fn judged(corpus: &str, rows: &[Row]) -> usize {
    let index = fs::read_to_string(directory(corpus).join("index.tsv")).unwrap();
    let entries: Vec<Vec<&str>> =
        index.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    assert_eq!(entries.len(), rows.len(), "the index and our table differ");
    for (name, expected, reason) in rows {
        let entry = entries.iter().find(|entry| entry[0].strip_suffix(".dat") == Some(name));
        let verdict = datagram_verdict(&fs::read(file(corpus, name)).unwrap());
        assert_eq!(&verdict, expected, "{name}");
        assert_allowed(name, entry.unwrap()[2], expected, reason);
    }
    rows.len()
}

/// Checks our verdict against the index: `accept` is never a 400, `reject` never processed, and a
/// choice of ours has its reason.
fn assert_allowed(name: &str, expectation: &str, verdict: &str, reason: &str) {
    let malformed = verdict == "refused 400" || verdict == "dropped";
    let processed = !verdict.starts_with(['r', 'd']) || verdict.starts_with("response");
    match expectation {
        "accept" if REFUSED_ALL_THE_SAME.contains(&name) => assert!(!reason.is_empty(), "{name}"),
        "accept" => assert!(!malformed, "{name}: {verdict}"),
        "reject" => assert!(!processed, "{name}: {verdict}"),
        "any" => assert!(!reason.is_empty(), "{name} has no reason"),
        other => panic!("{name}: the index expects {other}"),
    }
}

fn datagram_verdict(bytes: &[u8]) -> String {
    match parse_datagram(bytes) {
        Ok(message) => message_verdict(&message),
        Err(fault) => fault_verdict(&fault),
    }
}

fn stream_verdict(bytes: &[u8]) -> String {
    let mut framer = Framer::new();
    framer.push(bytes);
    let mut verdicts = Vec::new();
    while let Some(frame) = framer.next() {
        match frame {
            Frame::Message(message) => verdicts.push(message_verdict(&message)),
            Frame::Fault(fault) if framer.is_broken() => {
                verdicts.push(format!("{}, closed", fault_verdict(&fault)));
            }
            Frame::Fault(fault) => verdicts.push(fault_verdict(&fault)),
            Frame::Ping | Frame::Pong => {}
        }
    }
    if verdicts.is_empty() { "unfinished".to_owned() } else { verdicts.join(" + ") }
}

fn message_verdict(message: &Message) -> String {
    let methods = [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Notify,
        Method::Message,
    ];
    let phone =
        Abilities { methods: &methods, option_tags: &[], content_types: &["application/sdp"] };
    match message {
        Message::Request(request) => match phone.inspect(request) {
            Some(declined) => format!("declined {}", declined.status),
            None => request.method().to_string(),
        },
        Message::Response(response) if response.is_for_client() => {
            format!("response {}", response.status())
        }
        Message::Response(_) => "discarded".to_owned(),
    }
}

fn fault_verdict(fault: &ParseFault) -> String {
    match &fault.refusal {
        Some(refusal) => format!("refused {}", refusal.status()),
        None => "dropped".to_owned(),
    }
}

fn file(corpus: &str, name: &str) -> PathBuf {
    directory(corpus).join(format!("{name}.dat"))
}

fn directory(corpus: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(corpus)
}
