//! Two agents, or one agent and a written peer, agree or refuse as RFC 3264 and RFC 4568 say.
#![allow(clippy::unwrap_used, reason = "a failed step fails its test")]

use proptest::prelude::*;
use sdp::{
    Agent, Codec, Description, Direction, Encryption, Key, Mux, OfferError, ParseError, Refused,
    Security, Stream, Suite, Terms, Wish,
};

#[test]
fn an_answer_takes_the_first_codec_of_the_offer_and_both_sides_see_one_stream() {
    let (mut caller, mut callee) = (agent(4000), agent(5000));
    let offer = caller.offer(Wish::Talk).unwrap();
    let answer = callee.answer(offer.as_bytes(), Wish::Talk).unwrap();
    let heard = caller.answered(answer.body.as_bytes()).unwrap();
    let spoken = answer.stream.unwrap();
    assert_eq!((heard.send.codec, spoken.send.codec), (Codec::G722, Codec::G722));
    assert_eq!((heard.remote, spoken.remote), (spoken.local, heard.local));
    assert_eq!(heard.remote.rtcp.port(), 5001);
    assert_eq!(heard.direction, Direction::SendRecv);
    assert_eq!(heard.events.as_ref().map(|events| events.send), Some(101));
    assert_eq!(heard.security, Security::Plain);
}

#[test]
fn hold_and_resume_raise_the_version_and_a_refresh_does_not() {
    let (mut caller, mut callee) = talking();
    let held = exchange(&mut caller, &mut callee, Wish::Hold);
    assert_eq!(held, (Direction::SendOnly, Direction::RecvOnly));
    let again = caller.offer(Wish::Hold).unwrap();
    let answer = callee.answer(again.as_bytes(), Wish::Talk).unwrap();
    caller.answered(answer.body.as_bytes()).unwrap();
    assert_eq!(version(&again), 2);
    let resumed = exchange(&mut caller, &mut callee, Wish::Talk);
    assert_eq!(resumed, (Direction::SendRecv, Direction::SendRecv));
    assert_eq!(version(&caller.offer(Wish::Talk).unwrap()), 3);
}

#[test]
fn who_is_on_hold_holds_in_turn_with_inactive() {
    let (mut caller, mut callee) = talking();
    exchange(&mut caller, &mut callee, Wish::Hold);
    // RFC 3264 §8.4
    let offer = callee.offer(Wish::Hold).unwrap();
    assert!(offer.contains("a=inactive"), "{offer}");
    let answer = caller.answer(offer.as_bytes(), Wish::Hold).unwrap();
    assert_eq!(answer.stream.unwrap().direction, Direction::Inactive);
    assert_eq!(callee.answered(answer.body.as_bytes()).unwrap().direction, Direction::Inactive);
}

#[test]
fn an_offer_answered_while_we_hold_stays_held() {
    let (mut caller, mut callee) = talking();
    let offer = callee.offer(Wish::Talk).unwrap();
    let answer = caller.answer(offer.as_bytes(), Wish::Hold).unwrap();
    assert_eq!(answer.stream.unwrap().direction, Direction::SendOnly);
    assert_eq!(callee.answered(answer.body.as_bytes()).unwrap().direction, Direction::RecvOnly);
}

#[test]
fn an_address_of_zeros_is_hold() {
    let mut callee = agent(5000);
    let offer = "v=0\nc=IN IP4 0.0.0.0\nm=audio 4000 RTP/AVP 0\n";
    let answer = callee.answer(offer.as_bytes(), Wish::Talk).unwrap();
    assert_eq!(answer.stream.unwrap().direction, Direction::RecvOnly);
    assert!(answer.body.contains("a=recvonly"));
    let mut caller = agent(4000);
    caller.offer(Wish::Talk).unwrap();
    assert_eq!(caller.answered(offer.as_bytes()).unwrap().direction, Direction::RecvOnly);
}

#[test]
fn each_fork_gets_its_own_stream_from_the_one_offer() {
    let mut first = agent(4000);
    let offer = first.offer(Wish::Talk).unwrap();
    let mut second = first.clone();
    let answers =
        [5000, 6000].map(|port| agent(port).answer(offer.as_bytes(), Wish::Talk).unwrap().body);
    assert_eq!(first.answered(answers[0].as_bytes()).unwrap().remote.rtp.port(), 5000);
    assert_eq!(second.answered(answers[1].as_bytes()).unwrap().remote.rtp.port(), 6000);
}

#[test]
fn a_later_answer_to_the_same_offer_replaces_an_early_one() {
    let mut caller = agent(4000);
    let offer = caller.offer(Wish::Talk).unwrap();
    for port in [5000, 6000] {
        let answer = agent(port).answer(offer.as_bytes(), Wish::Talk).unwrap();
        caller.answered(answer.body.as_bytes()).unwrap();
    }
    assert_eq!(caller.stream().unwrap().remote.rtp.port(), 6000);
}

#[test]
fn glare_and_answers_out_of_place_are_refused_and_a_withdrawn_offer_changes_nothing() {
    let (mut caller, mut callee) = talking();
    let before = caller.stream().cloned();
    assert_eq!(callee.answered(b"v=0\n"), Err(Refused::NotAsked));
    caller.offer(Wish::Hold).unwrap();
    assert_eq!(caller.offer(Wish::Hold), Err(OfferError::Pending));
    let crossing = callee.offer(Wish::Hold).unwrap();
    assert_eq!(caller.answer(crossing.as_bytes(), Wish::Talk), Err(Refused::Pending));
    caller.withdraw();
    assert_eq!(caller.stream().cloned(), before);
    assert!(caller.answer(crossing.as_bytes(), Wish::Talk).is_ok());
}

#[test]
fn lines_that_are_not_taken_come_back_in_place_with_port_0() {
    let mut callee = agent(5000);
    let offer = "v=0\nc=IN IP4 192.0.2.9\nm=video 4002 RTP/AVP 96 97\nm=audio 4000 RTP/AVP 8\n\
        m=image 4004 udptl t38\nm=audio 4006 RTP/AVP 0\n";
    let answer = callee.answer(offer.as_bytes(), Wish::Talk).unwrap();
    let lines: Vec<&str> = answer.body.lines().filter(|line| line.starts_with("m=")).collect();
    let expected = [
        "m=video 0 RTP/AVP 96 97",
        "m=audio 5000 RTP/AVP 8",
        "m=image 0 udptl t38",
        "m=audio 0 RTP/AVP 0",
    ];
    assert_eq!(lines, expected);
    let offer = callee.offer(Wish::Talk).unwrap();
    assert_eq!(Description::parse(offer.as_bytes()).unwrap().media.len(), 4);
    assert!(offer.contains("m=video 0 RTP/AVP 96 97"), "{offer}");
}

#[test]
fn a_re_offer_with_port_0_ends_the_stream_and_another_can_open_it_again() {
    let (mut caller, mut callee) = talking();
    let ended = "v=0\nc=IN IP4 192.0.2.1\nm=audio 0 RTP/AVP 9\n";
    let answer = callee.answer(ended.as_bytes(), Wish::Talk).unwrap();
    assert_eq!(answer.stream, None);
    assert!(answer.body.contains("m=audio 0 RTP/AVP 9"));
    assert_eq!(callee.stream(), None);
    let again = callee.offer(Wish::Talk).unwrap();
    assert_eq!(again.matches("m=audio 5000").count(), 1, "{again}");
    assert!(caller.answer(again.as_bytes(), Wish::Talk).unwrap().stream.is_some());
}

#[test]
fn a_declined_offer_is_refused() {
    let mut caller = agent(4000);
    caller.offer(Wish::Talk).unwrap();
    let declined = b"v=0\nc=IN IP4 192.0.2.2\nm=audio 0 RTP/AVP 0\n";
    assert_eq!(caller.answered(declined), Err(Refused::Declined));
}

#[test]
fn dynamic_payload_types_are_the_offerers_and_each_side_sends_what_the_other_announced() {
    let mut caller = Agent::new(Terms { codecs: vec![Codec::Opus], ..terms(4000) }, 1);
    let offer = caller.offer(Wish::Talk).unwrap();
    assert!(offer.contains("a=rtpmap:107 opus/48000/2"));
    let answer = "v=0\nc=IN IP4 192.0.2.2\nm=audio 5000 RTP/AVP 99 98\na=rtpmap:99 opus/48000/2\n\
        a=rtpmap:98 telephone-event/48000\na=ptime:60\n";
    let stream = caller.answered(answer.as_bytes()).unwrap();
    assert_eq!((stream.send.number, stream.receive[0].number), (99, 107));
    let events = stream.events.unwrap();
    assert_eq!((events.send, events.clock_hz, events.receive), (98, 48_000, vec![101]));
    assert_eq!(stream.ptime_ms, 20);
    // RFC 3264 §8.3.2: 99 stays Opus in this session.
    assert!(caller.offer(Wish::Talk).unwrap().contains("a=rtpmap:99 opus/48000/2"));
}

#[test]
fn a_number_that_the_other_side_uses_otherwise_is_not_reused() {
    let terms = Terms { codecs: vec![Codec::Pcmu, Codec::Opus], ..terms(5000) };
    let mut callee = Agent::new(terms, 1);
    let offer = "v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0 107 101\n\
        a=rtpmap:107 telephone-event/8000\na=rtpmap:101 G729/8000\n";
    callee.answer(offer.as_bytes(), Wish::Talk).unwrap();
    let again = callee.offer(Wish::Talk).unwrap();
    assert!(again.contains("a=rtpmap:107 telephone-event/8000"), "{again}");
    assert!(again.contains("a=rtpmap:96 opus/48000/2"), "{again}");
    assert!(again.contains("a=rtpmap:97 telephone-event/48000"), "{again}");
}

#[test]
fn packet_time_follows_the_other_sides_wish_within_its_maximum() {
    for (said, expected) in
        [("a=ptime:30\n", 30), ("a=ptime:40\na=maxptime:20\n", 20), ("", 20), ("a=ptime:200\n", 60)]
    {
        let offer = format!("v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\n{said}");
        let answer = agent(5000).answer(offer.as_bytes(), Wish::Talk).unwrap();
        assert_eq!(answer.stream.unwrap().ptime_ms, expected, "{said}");
    }
}

#[test]
fn packets_are_asked_to_be_short_where_opus_is_among_the_codecs() {
    let offer = |codecs: Vec<Codec>| {
        let mut agent = Agent::new(Terms { codecs, ptime_ms: 40, ..terms(4000) }, 1);
        agent.offer(Wish::Talk).unwrap()
    };
    let with_opus = offer(vec![Codec::Pcma, Codec::Opus]);
    assert!(with_opus.contains("a=ptime:20\r\na=maxptime:20\r\n"), "{with_opus}");
    let without = offer(vec![Codec::Pcma]);
    assert!(without.contains("a=ptime:40\r\n") && !without.contains("maxptime"), "{without}");
}

#[test]
fn rtcp_goes_where_it_is_wanted_and_shares_a_port_only_if_both_say_so() {
    let offer = "v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\na=rtcp:4010\n";
    let stream = agent(5000).answer(offer.as_bytes(), Wish::Talk).unwrap().stream.unwrap();
    assert_eq!(stream.remote.rtcp, "192.0.2.9:4010".parse().unwrap());
    let elsewhere = offer.replace("4010", "4010 IN IP4 192.0.2.66");
    let stream = agent(5000).answer(elsewhere.as_bytes(), Wish::Talk).unwrap().stream.unwrap();
    assert_eq!(stream.remote.rtcp, "192.0.2.9:4001".parse().unwrap());

    let mut caller = Agent::new(Terms { mux: Mux::Offer, ..terms(4000) }, 1);
    let offer = caller.offer(Wish::Talk).unwrap();
    let answer = agent(5000).answer(offer.as_bytes(), Wish::Talk).unwrap();
    let stream = caller.answered(answer.body.as_bytes()).unwrap();
    assert!(stream.remote.muxed() && stream.local.muxed());
    let mut never = Agent::new(Terms { mux: Mux::Never, ..terms(5000) }, 1);
    let answer = never.answer(offer.as_bytes(), Wish::Talk).unwrap();
    assert!(!answer.body.contains("rtcp-mux") && !answer.stream.unwrap().local.muxed());
}

#[test]
fn encryption_is_agreed_or_refused_by_the_terms_of_both() {
    use Encryption::{Off, Optional, Required};
    let plain = Ok(None);
    let secure = Ok(Some(Suite::AesCm128HmacSha1_80));
    for (offers, answers, expected) in [
        (Off, Off, plain),
        (Off, Optional, plain),
        (Off, Required, Err(Refused::NotEncrypted)),
        (Optional, Off, plain),
        (Optional, Optional, secure),
        (Optional, Required, secure),
        (Required, Off, Err(Refused::EncryptionNotAllowed)),
        (Required, Optional, secure),
        (Required, Required, secure),
    ] {
        assert_eq!(agree(offers, answers), expected, "{offers:?} offers, {answers:?} answers");
    }
}

#[test]
fn keys_cross_over_and_the_answer_names_the_tag_of_the_offer() {
    let mut caller = encrypting(4000, Encryption::Required, 1);
    let offer = caller.offer(Wish::Talk).unwrap();
    assert!(offer.contains("m=audio 4000 RTP/SAVP"));
    let only_32: String = offer
        .lines()
        .filter(|line| !line.contains("SHA1_80"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let answer =
        encrypting(5000, Encryption::Optional, 2).answer(only_32.as_bytes(), Wish::Talk).unwrap();
    assert!(answer.body.contains("a=crypto:2 AES_CM_128_HMAC_SHA1_32"), "{}", answer.body);
    let (ours, theirs) = (caller.answered(answer.body.as_bytes()).unwrap(), answer.stream.unwrap());
    let (Security::Srtp(ours), Security::Srtp(theirs)) = (ours.security, theirs.security) else {
        panic!("not encrypted");
    };
    assert_eq!((ours.send, ours.receive), (theirs.receive, theirs.send));
    assert_ne!(ours.send, ours.receive);
    assert_eq!(ours.suite, Suite::AesCm128HmacSha1_32);
}

#[test]
fn an_answer_that_drops_a_demanded_encryption_is_refused() {
    let mut caller = encrypting(4000, Encryption::Required, 1);
    caller.offer(Wish::Talk).unwrap();
    for stripped in [
        "v=0\nc=IN IP4 192.0.2.2\nm=audio 5000 RTP/AVP 0\n",
        "v=0\nc=IN IP4 192.0.2.2\nm=audio 5000 RTP/SAVP 0\n",
    ] {
        assert_eq!(caller.answered(stripped.as_bytes()), Err(Refused::NotEncrypted));
    }
}

#[test]
fn of_a_plain_and_an_encrypted_line_the_encrypted_one_is_taken() {
    let key = "inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";
    let offer = format!(
        "v=0\nc=IN IP4 192.0.2.9\nm=audio 4000 RTP/AVP 0\nm=audio 4002 RTP/SAVP 0\n\
         a=crypto:1 AES_CM_128_HMAC_SHA1_80 {key}\n"
    );
    let mut callee = encrypting(5000, Encryption::Optional, 2);
    let stream = callee.answer(offer.as_bytes(), Wish::Talk).unwrap().stream.unwrap();
    assert_eq!(stream.remote.rtp.port(), 4002);
    let stream = agent(5000).answer(offer.as_bytes(), Wish::Talk).unwrap().stream.unwrap();
    assert_eq!((stream.remote.rtp.port(), stream.security), (4000, Security::Plain));
}

#[test]
fn addresses_that_no_packet_should_go_to_are_refused() {
    for (line, why) in [
        ("", Refused::NoAddress),
        ("c=IN IP4 host.example\n", Refused::NamedAddress),
        ("c=IN IP4 239.1.2.3/127\n", Refused::NotUnicast),
        ("c=IN IP4 255.255.255.255\n", Refused::NotUnicast),
        ("c=IN IP6 2001:db8::1\n", Refused::AddressFamily),
    ] {
        let offer = format!("v=0\n{line}m=audio 4000 RTP/AVP 0\n");
        assert_eq!(agent(5000).answer(offer.as_bytes(), Wish::Talk), Err(why), "{line}");
    }
}

#[test]
fn offers_without_a_usable_line_are_refused() {
    for (lines, why) in [
        ("", Refused::NoAudio),
        ("m=video 4000 RTP/AVP 96\n", Refused::NoAudio),
        ("m=audio 4000 UDP/TLS/RTP/SAVPF 0\n", Refused::NoAudio),
        ("m=audio 4000 RTP/AVP 3\n", Refused::NoCommonCodec),
        ("m=audio x RTP/AVP 3\n", Refused::Unreadable(ParseError::MediaLine { line: 3 })),
    ] {
        let offer = format!("v=0\nc=IN IP4 192.0.2.9\n{lines}");
        assert_eq!(agent(5000).answer(offer.as_bytes(), Wish::Talk), Err(why), "{lines}");
    }
}

#[test]
fn an_ipv6_call_is_agreed() {
    let v6 = |host: u16, port: u16| {
        Agent::new(Terms::new(format!("[2001:db8::{host}]:{port}").parse().unwrap()), 1)
    };
    let (mut caller, mut callee) = (v6(1, 4000), v6(2, 5000));
    let offer = caller.offer(Wish::Talk).unwrap();
    assert!(offer.contains("c=IN IP6 2001:db8::1\r\n"));
    let answer = callee.answer(offer.as_bytes(), Wish::Talk).unwrap();
    let stream = caller.answered(answer.body.as_bytes()).unwrap();
    assert_eq!(stream.remote.rtp, "[2001:db8::2]:5000".parse().unwrap());
}

#[test]
fn offers_that_cannot_be_made_say_why() {
    let mut mute = Agent::new(Terms { codecs: Vec::new(), ..terms(4000) }, 1);
    assert_eq!(mute.offer(Wish::Talk), Err(OfferError::NoCodec));
    let mut keyless = Agent::new(Terms { encryption: Encryption::Required, ..terms(4000) }, 1);
    assert_eq!(keyless.offer(Wish::Talk), Err(OfferError::NoKey));
}

proptest! {
    #[test]
    fn no_body_makes_an_agent_panic(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        feed(&body);
    }

    #[test]
    fn no_mutated_offer_makes_an_agent_panic(
        changes in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12),
        cut in any::<u16>(),
    ) {
        let mut body = encrypting(4000, Encryption::Optional, 1).offer(Wish::Talk).unwrap().into_bytes();
        for (at, byte) in changes {
            let at = usize::from(at) % body.len();
            body[at] = byte;
        }
        body.truncate(usize::from(cut) % (2 * body.len()));
        feed(&body);
    }

    #[test]
    fn whatever_is_accepted_is_answered_line_for_line(
        lines in proptest::collection::vec(
            ("(audio|video|AUDIO)", 0u16..9, "(RTP/AVP|RTP/SAVP|udptl)", "[0-9 ]{1,9}"), 0..16,
        ),
    ) {
        let mut offer = String::from("v=0\nc=IN IP4 192.0.2.9\n");
        for (kind, port, protocol, formats) in &lines {
            offer += &format!("m={kind} {port} {protocol} 0{formats}\n");
        }
        if let Ok(answer) = agent(5000).answer(offer.as_bytes(), Wish::Talk) {
            let written = Description::parse(answer.body.as_bytes()).unwrap();
            prop_assert_eq!(written.media.len(), lines.len());
            let open = written.media.iter().filter(|line| line.port != 0).count();
            prop_assert_eq!(open, usize::from(answer.stream.is_some()));
        }
    }
}

fn feed(body: &[u8]) {
    if let Ok(answer) = encrypting(5000, Encryption::Optional, 2).answer(body, Wish::Talk) {
        Description::parse(answer.body.as_bytes()).unwrap();
    }
    let mut caller = encrypting(4000, Encryption::Optional, 1);
    caller.offer(Wish::Talk).unwrap();
    if caller.answered(body).is_ok() {
        caller.offer(Wish::Hold).unwrap();
    }
}

fn terms(port: u16) -> Terms {
    Terms::new(format!("192.0.2.1:{port}").parse().unwrap())
}

fn agent(port: u16) -> Agent {
    Agent::new(terms(port), u64::from(port))
}

fn encrypting(port: u16, encryption: Encryption, seed: u8) -> Agent {
    let keys = vec![
        (Suite::AesCm128HmacSha1_80, Key([seed; Key::LEN])),
        (Suite::AesCm128HmacSha1_32, Key([seed + 100; Key::LEN])),
    ];
    Agent::new(Terms { encryption, keys, ..terms(port) }, u64::from(port))
}

fn agree(offers: Encryption, answers: Encryption) -> Result<Option<Suite>, Refused> {
    let mut caller = encrypting(4000, offers, 1);
    let offer = caller.offer(Wish::Talk).unwrap();
    let answer = encrypting(5000, answers, 2).answer(offer.as_bytes(), Wish::Talk)?;
    let stream = caller.answered(answer.body.as_bytes())?;
    let suite = |stream: &Stream| match &stream.security {
        Security::Plain => None,
        Security::Srtp(srtp) => Some(srtp.suite),
    };
    assert_eq!(suite(&stream), suite(&answer.stream.unwrap()));
    Ok(suite(&stream))
}

fn talking() -> (Agent, Agent) {
    let (mut caller, mut callee) = (agent(4000), agent(5000));
    exchange(&mut caller, &mut callee, Wish::Talk);
    (caller, callee)
}

/// The directions that both see after an offer of `from`.
fn exchange(from: &mut Agent, to: &mut Agent, wish: Wish) -> (Direction, Direction) {
    let offer = from.offer(wish).unwrap();
    let answer = to.answer(offer.as_bytes(), Wish::Talk).unwrap();
    let stream = from.answered(answer.body.as_bytes()).unwrap();
    (stream.direction, answer.stream.unwrap().direction)
}

fn version(body: &str) -> u64 {
    Description::parse(body.as_bytes()).unwrap().origin.version
}
