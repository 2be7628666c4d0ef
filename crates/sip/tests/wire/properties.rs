use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use net::Transport;
use proptest::prelude::*;
use sip::digest::{Authorization, Challenge};
use sip::{Contact, Frame, Framer, Message, Method, NameAddr, Uri, Via, Writer, parse_datagram};

/// Every message of both corpora.
static CORPUS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> = ["rfc4475", "rfc5118"]
        .iter()
        .flat_map(|name| fs::read_dir(root.join(name)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .collect();
    files.sort();
    files.iter().map(|path| fs::read(path).unwrap()).collect()
});

/// Twice the usual number of cases; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig { cases: usual.cases * 2, failure_persistence: None, ..usual }
}

/// Reads everything that a message offers, for what it may do wrong on the way.
fn read_all(message: &Message) {
    let fields = match message {
        Message::Request(request) => {
            assert_eq!(
                request.uri_parts().map(|uri| uri.host()).unwrap_or_default(),
                request.uri_host()
            );
            let _ = (request.routes(), request.max_forwards(), request.uri_user());
            let answer = Writer::response(request, 400, "x", Some("t"), "[::1]:1".parse().unwrap());
            let answer = answer.record_routes_of(request).finish(None);
            // A control character of the request becomes a blank in the answer, which may break it.
            let clean = request.iter().all(|(_, value)| !value.contains(char::is_control));
            let read = parse_datagram(&answer).is_ok() || !clean;
            assert!(read, "{}", String::from_utf8_lossy(&answer));
            &**request
        }
        Message::Response(response) => {
            let _ = (response.retry_after(), response.min_expires(), response.challenges());
            &**response
        }
    };
    assert!(fields.top_via().is_some() && fields.from().is_some() && fields.to().is_some());
    let _ = (fields.contacts(), fields.expires(), fields.from_display(), fields.content_type());
    for (name, value) in fields.iter() {
        assert!(!value.contains(['\r', '\n']), "{name}");
        assert!(fields.headers(name).any(|other| other == value));
        let _ = fields.list(name).count();
    }
}

fn try_all(bytes: &[u8]) {
    match parse_datagram(bytes) {
        Ok(message) => read_all(&message),
        Err(fault) => {
            if let Some(refusal) = fault.refusal {
                let answer = refusal.to_bytes("t", "192.0.2.1:5060".parse().unwrap());
                let text = String::from_utf8_lossy(&answer);
                assert!(text.ends_with("\r\n\r\n") && text.matches("\r\n\r\n").count() == 1);
            }
        }
    }
    let mut framer = Framer::new();
    framer.push(bytes);
    while let Some(frame) = framer.next() {
        if let Frame::Message(message) = frame {
            read_all(&message);
        }
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutants_of_torture_messages_never_panic(
        index in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..8),
    ) {
        let mut bytes = index.get(&CORPUS).clone();
        for (at, byte, kind) in edits {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 if bytes.len() > 1 => { bytes.remove(at); }
                _ => { bytes.splice(at..at, *b"\r\n"); }
            }
        }
        try_all(&bytes);
    }

    #[test]
    fn joined_halves_of_torture_messages_never_panic(
        (a, b) in any::<(prop::sample::Index, prop::sample::Index)>(),
        (cut, resume) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let (a, b) = (a.get(&CORPUS), b.get(&CORPUS));
        let bytes = [&a[..cut.index(a.len())], &b[resume.index(b.len())..]].concat();
        try_all(&bytes);
    }

    #[test]
    fn bytes_and_texts_of_any_kind_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
        try_all(&bytes);
        let _ = (Uri::parse(&text), Via::parse(&text), NameAddr::parse(&text), Contact::parse(&text));
        let _ = (Authorization::parse(&text), Authorization::parse(&format!("Digest {text}")));
        let joined = format!("Digest realm=\"a\", nonce=\"b\", {text}, Digest {text}");
        let _ = Challenge::parse_all(&joined, sip::digest::Asker::Proxy).count();
    }

    #[test]
    fn what_is_written_is_read_again(
        uri in "sips?:([a-z0-9%]{0,0}[a-z0-9]{1,12}@)?[a-z][a-z0-9.]{0,20}(:[1-9][0-9]{0,3})?(;lr)?(;x=[a-z0-9]{1,5})?",
        values in prop::collection::vec(("[A-Z][a-z]{2,8}-X", "\\PC{0,40}"), 0..12),
        (cseq, port) in any::<(u32, u16)>(),
        body in prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
    ) {
        let sent_by = std::net::SocketAddr::from(([192, 0, 2, 1], port));
        let mut writer = Writer::request(&Method::Message, &uri)
            .via(Transport::Tls, sent_by, "z9hG4bKbranch")
            .header("From", format_args!("<{uri}>;tag=f"))
            .header("To", format_args!("<{uri}>"))
            .header("Call-ID", "c")
            .header("CSeq", format_args!("{cseq} MESSAGE"));
        for (name, value) in &values {
            writer = writer.header(name, value);
        }
        let bytes = writer.finish(body.as_deref().map(|body| ("text/plain", body)));
        let Ok(Message::Request(request)) = parse_datagram(&bytes) else {
            panic!("{}", String::from_utf8_lossy(&bytes));
        };
        prop_assert_eq!(request.uri(), &uri);
        prop_assert_eq!(request.cseq(), cseq);
        prop_assert_eq!(request.body(), body.as_deref().unwrap_or_default());
        prop_assert_eq!(request.top_via().and_then(|via| via.port()), Some(port));
        let read: Vec<_> = request.iter().filter(|(name, _)| name.ends_with("-X")).collect();
        prop_assert_eq!(read.len(), values.len());
        for ((name, value), (read_name, read_value)) in values.iter().zip(read) {
            prop_assert_eq!((&**name, value.trim_matches([' ', '\t'])), (read_name, read_value));
        }
        let mut framer = Framer::new();
        framer.push(&bytes);
        prop_assert!(matches!(framer.next(), Some(Frame::Message(_))));
        prop_assert!(!framer.is_mid_message());
    }
}
