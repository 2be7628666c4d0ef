//! Two sessions speak over a link that loses, delays, doubles and reorders; judged by what arrives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails its test")]

use std::net::SocketAddr;
use std::time::Duration;

use media::{
    Digit, Discard, DtmfMode, Event, Input, Latching, Output, Packet, Port, Rate, Session,
    Settings, Tone, codecs, level_db, share_at,
};
use net::{Instant, Rng};
use proptest::prelude::*;
use sdp::{Agent, Codec, Encryption, Key, Mux, Stream, Suite, Terms, Wish};

const A: &str = "192.0.2.1:4000";
const B: &str = "192.0.2.2:5000";
const LEVEL_DB: f64 = -14.0;
const CLEAN: Link = Link { delay_ms: 20, jitter_ms: 0, lost: 0.0, doubled: 0.0 };
const BAD: Link = Link { delay_ms: 40, jitter_ms: 40, lost: 0.05, doubled: 0.03 };

#[test]
fn a_tone_arrives_within_3_db_by_each_codec_over_a_bad_link() {
    for codec in codecs() {
        let mut call = Call::new(&[codec], BAD);
        call.run_ms(1_000);
        call.b.heard.clear();
        call.run_ms(5_000);
        let heard = &call.b.heard;
        assert_eq!(heard.len(), Rate::Khz16.samples(5_000));
        let off_db = level_db(heard) - LEVEL_DB;
        assert!(off_db.abs() < 3.0, "{codec}: {off_db} dB");
        let quietest = heard.chunks(3_200).map(level_db).fold(0.0, f64::min);
        assert!(quietest - LEVEL_DB > -12.0, "{codec}: a hole of {quietest} dB");
        let pure = heard.chunks(1_600).map(|piece| share_at(piece, 440.0, Rate::Khz16));
        let pure: Vec<f64> = pure.collect();
        let mean = pure.iter().sum::<f64>() / pure.len() as f64;
        assert!(mean > 0.7, "{codec}: {mean}");
        let figures = call.b.session.figures();
        assert_eq!(figures.received_codec, Some(codec));
        assert!((0.02..0.10).contains(&figures.loss), "{codec}: {}", figures.loss);
        assert!((5..40).contains(&figures.jitter.as_millis()), "{codec}: {:?}", figures.jitter);
        assert!(figures.duplicate > 0 && figures.concealed > Duration::ZERO, "{figures:?}");
    }
}

#[test]
fn a_clean_link_is_heard_whole_and_adds_less_than_40_ms() {
    for codec in codecs() {
        let mut call = Call::new(&[codec], CLEAN);
        call.run_ms(1_000);
        call.b.heard.clear();
        call.run_ms(3_000);
        let off_db = level_db(&call.b.heard) - LEVEL_DB;
        assert!(off_db.abs() < 1.0, "{codec}: {off_db} dB");
        assert!(share_at(&call.b.heard[..16_000], 440.0, Rate::Khz16) > 0.9, "{codec}");
        let figures = call.b.session.figures();
        assert!(figures.buffered < Duration::from_millis(40), "{codec}: {:?}", figures.buffered);
        assert_eq!((figures.lost, figures.late, figures.duplicate), (0, 0, 0), "{codec}");
        assert_eq!(figures.concealed, Duration::ZERO, "{codec}");
        assert!(figures.mos.unwrap() > 3.9, "{codec}: {:?}", figures.mos);
    }
}

/// The time from the first captured sample to the first played one, less link and packet time.
#[test]
fn the_ear_hears_the_mouth_less_than_40_ms_later_than_it_could() {
    let mut call = Call::new(&[Codec::Pcma], CLEAN);
    call.a.tone = None;
    call.run_ms(2_000);
    call.b.heard.clear();
    call.a.tone = Some(Tone::new(440.0, LEVEL_DB, Rate::Khz16));
    call.run_ms(500);
    let onset = call.b.heard.iter().position(|sample| sample.unsigned_abs() > 1_000).unwrap();
    let onset_ms = onset / Rate::Khz16.samples(1);
    let (link_ms, packet_ms) = (20, 20);
    assert!((link_ms + packet_ms..link_ms + packet_ms + 40).contains(&onset_ms), "{onset_ms} ms");
}

#[test]
fn every_packet_time_works() {
    for ptime_ms in [10, 20, 30, 40, 50, 60] {
        let mut call = Call::with(CLEAN, |terms| terms.ptime_ms = ptime_ms);
        call.run_ms(1_000);
        call.b.heard.clear();
        let before = call.a.session.figures().sent;
        call.run_ms(3_000);
        let sent = call.a.session.figures().sent - before;
        assert_eq!(sent, 3_000 / u64::from(ptime_ms), "{ptime_ms} ms");
        assert!((level_db(&call.b.heard) - LEVEL_DB).abs() < 1.0, "{ptime_ms} ms");
    }
}

#[test]
fn srtp_carries_sound_and_reports_and_nothing_leaves_in_plain() {
    for suite in [Suite::AesCm128HmacSha1_80, Suite::AesCm128HmacSha1_32] {
        let mut call = Call::with(BAD, |terms| {
            terms.encryption = Encryption::Required;
            let first = terms.rtp.port().to_be_bytes()[0];
            terms.keys = vec![(suite, Key([first; Key::LEN]))];
        });
        call.run_ms(15_000);
        assert!((level_db(&call.b.heard[16_000..]) - LEVEL_DB).abs() < 3.0);
        assert!(call.b.session.figures().round_trip.is_some());
        let tag = if suite == Suite::AesCm128HmacSha1_80 { 10 } else { 4 };
        let speech = call.wire.iter().filter(|(port, _)| *port == Port::Rtp);
        let payloads: Vec<&[u8]> = speech.map(|(_, bytes)| &bytes[12..]).collect();
        assert!(payloads.iter().all(|payload| payload.len() == 160 + tag));
        // A tone in G.722 has few different bytes; a cipher has them all alike often.
        let mut seen = [0_u32; 256];
        payloads.iter().flat_map(|payload| payload.iter()).for_each(|&b| seen[usize::from(b)] += 1);
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most < &(2 * least), "{least} to {most}");
    }
}

#[test]
fn a_session_that_demands_encryption_takes_nothing_plain_or_foreign() {
    let mut call = Call::with(CLEAN, |terms| {
        terms.encryption = Encryption::Required;
        terms.keys = vec![(Suite::AesCm128HmacSha1_80, Key([3; Key::LEN]))];
    });
    call.run_ms(500);
    let plain = speech(1, 7).write();
    call.b.take(call.now, Port::Rtp, A, &plain);
    let own = call.wire.iter().rfind(|(port, _)| *port == Port::Rtp).unwrap().1.clone();
    for _ in 0..2 {
        call.b.take(call.now, Port::Rtp, A, &own);
    }
    let discarded = call.b.session.figures().discarded;
    assert_eq!(discarded.get(&Discard::Forged), Some(&1));
    assert!(discarded.get(&Discard::Replayed) >= Some(&1), "{discarded:?}");
}

#[test]
fn every_digit_arrives_once_in_order_over_a_bad_link() {
    let mut call = Call::new(&[Codec::Pcmu], BAD);
    call.run_ms(500);
    let keys = "1234567890*#ABCD11";
    for key in keys.chars() {
        call.a.press(call.now, key);
    }
    call.run_ms(6_000);
    assert_eq!(call.b.digits(), keys);
    assert!((level_db(&call.b.heard[call.b.heard.len() - 8_000..]) - LEVEL_DB).abs() < 3.0);
}

#[test]
fn without_events_digits_are_tones() {
    let mut call = Call::with(CLEAN, |terms| terms.events = None);
    call.a.tone = None;
    call.run_ms(500);
    call.b.heard.clear();
    call.a.press(call.now, '7');
    call.run_ms(300);
    let shares = [852.0, 1_209.0].map(|hz| {
        call.b.heard.chunks(800).map(|piece| share_at(piece, hz, Rate::Khz16)).fold(0.0, f64::max)
    });
    assert!(shares.iter().all(|share| *share > 0.4), "{shares:?}");
    assert_eq!(call.b.digits(), "");
}

#[test]
fn hold_stops_the_sound_and_resume_goes_on_where_it_was() {
    let mut call = Call::with(CLEAN, |terms| {
        terms.encryption = Encryption::Required;
        terms.keys = vec![(Suite::AesCm128HmacSha1_80, Key([5; Key::LEN]))];
    });
    call.run_ms(1_000);
    call.renegotiate(Wish::Hold);
    call.run_ms(200);
    let (sent, received) = (call.b.session.figures().sent, call.b.session.figures().received);
    call.b.press(call.now, '1');
    call.run_ms(15_000);
    assert_eq!(call.b.session.figures().sent, sent, "who is held sends nothing");
    assert!(call.b.session.figures().received > received, "who holds may play music");
    assert!(call.b.events.contains(&Event::DigitRefused(Digit::from_char('1').unwrap())));
    assert!(!call.a.events.contains(&Event::Silent), "who holds expects nothing");
    call.renegotiate(Wish::Talk);
    call.a.heard.clear();
    call.run_ms(1_000);
    assert!((level_db(&call.a.heard[3_200..]) - LEVEL_DB).abs() < 1.0);
    let discarded = call.a.session.figures().discarded;
    assert!(discarded.keys().all(|why| *why == Discard::Held), "the counters go on: {discarded:?}");
}

#[test]
fn a_key_that_comes_back_goes_on_with_its_counters() {
    let with_key = |first: u8| {
        let mut call = Call::with(CLEAN, |terms| {
            terms.encryption = Encryption::Required;
            terms.keys = vec![(Suite::AesCm128HmacSha1_80, Key([first; Key::LEN]))];
        });
        call.run_ms(20);
        call.a.session.stream().clone()
    };
    let (one, other) = (with_key(1), with_key(2));
    let mut end = End::new(one.clone(), 1);
    let mut reports = Vec::new();
    for (at, stream) in [other.clone(), one.clone(), other, one].into_iter().enumerate() {
        let from = 10 * at as u64;
        (1..1_000).for_each(|ms| end.pass(Instant::from_micros(1_000_000 * from + 10_000 * ms)));
        end.session.change(Instant::from_secs(from + 10), stream).unwrap();
        let sent = end.sent.drain(..).filter(|(port, ..)| *port == Port::Rtcp);
        reports.push(sent.map(|(.., bytes)| srtcp_index(&bytes)).collect::<Vec<u32>>());
    }
    let [first, _, second, _] = &reports[..] else { panic!("{reports:?}") };
    assert_eq!(second[0], first[first.len() - 1] + 1, "{reports:?}");
}

#[test]
fn silence_and_its_end_are_told() {
    let mut call = Call::new(&[Codec::Pcmu], CLEAN);
    call.run_ms(1_000);
    assert_eq!(call.b.events, [Event::Heard]);
    call.link.lost = 1.0;
    call.run_ms(12_000);
    assert_eq!(call.b.events, [Event::Heard, Event::Silent]);
    assert!(level_db(&call.b.heard[call.b.heard.len() - 16_000..]) < -50.0);
    call.link.lost = 0.0;
    call.run_ms(500);
    assert_eq!(call.b.events, [Event::Heard, Event::Silent, Event::Heard]);
    assert!((level_db(&call.b.heard[call.b.heard.len() - 3_200..]) - LEVEL_DB).abs() < 1.0);
}

#[test]
fn a_longer_way_is_followed_and_a_shorter_one_too() {
    let mut call = Call::new(&[Codec::Pcma], CLEAN);
    call.run_ms(2_000);
    call.link.delay_ms = 100;
    call.run_ms(30_000);
    let concealed = call.b.session.figures().concealed;
    assert!(concealed < Duration::from_millis(200), "{concealed:?}");
    assert!(call.b.session.figures().buffered < Duration::from_millis(40));
    call.link.delay_ms = 20;
    call.run_ms(10_000);
    let figures = call.b.session.figures();
    assert!(figures.buffered < Duration::from_millis(40), "{:?}", figures.buffered);
    assert_eq!(figures.concealed, concealed, "nothing was missing");
    assert!(figures.late < 10, "{}", figures.late);
}

#[test]
fn a_clock_that_runs_wrong_is_followed_without_holes() {
    for ppm in [-500, 500] {
        let mut call = Call::new(&[Codec::Pcma], CLEAN);
        call.a.drift_ppm = ppm;
        call.run_ms(40_000);
        let figures = call.b.session.figures();
        assert!(figures.buffered < Duration::from_millis(60), "{ppm}: {:?}", figures.buffered);
        assert!(figures.concealed <= Duration::from_millis(60), "{ppm}: {:?}", figures.concealed);
        assert_eq!(figures.late, 0, "{ppm}");
    }
}

#[test]
fn reports_tell_round_trip_loss_and_the_end() {
    let mut call = Call::new(&[Codec::Pcmu], Link { lost: 0.1, ..CLEAN });
    call.run_ms(30_000);
    let figures = call.a.session.figures();
    let round_trip = figures.round_trip.unwrap();
    assert!((39..45).contains(&round_trip.as_millis()), "{round_trip:?}");
    let reported = figures.reported.unwrap();
    assert!((0.02..0.25).contains(&reported.loss) && reported.lost > 50, "{reported:?}");
    assert!(figures.mos.unwrap() < 3.5 && figures.mos.unwrap() > 1.5, "{:?}", figures.mos);
    call.link.lost = 0.0;
    call.a.session.close(call.now);
    call.run_ms(100);
    assert!(call.b.events.contains(&Event::Goodbye));
}

#[test]
fn multiplexed_rtcp_shares_the_port() {
    let mut call = Call::with(CLEAN, |terms| terms.mux = Mux::Offer);
    call.run_ms(10_000);
    assert!(call.wire.iter().all(|(port, _)| *port == Port::Rtp));
    assert!(call.a.session.figures().round_trip.is_some());
    assert!(call.a.session.figures().discarded.is_empty());
}

#[test]
fn another_source_another_clock_and_a_restart_go_on_sounding() {
    let mut peer = Peer::new();
    for (what, change) in [
        ("source", (|packet| packet.ssrc ^= 99) as fn(&mut Packet<'static>)),
        ("timestamp ahead", |packet| packet.timestamp = packet.timestamp.wrapping_add(1 << 30)),
        ("timestamp back", |packet| packet.timestamp = packet.timestamp.wrapping_sub(80_000)),
        ("sequence", |packet| packet.sequence = packet.sequence.wrapping_add(20_000)),
        ("both", |packet| {
            packet.sequence = packet.sequence.wrapping_sub(9_000);
            packet.timestamp = packet.timestamp.wrapping_sub(1_000_000);
        }),
    ] {
        peer.send_ms(1_000);
        change(&mut peer.next);
        peer.send_ms(200);
        peer.b.heard.clear();
        peer.send_ms(500);
        let level = level_db(&peer.b.heard);
        assert!((level - LEVEL_DB).abs() < 1.5, "{what}: {level} dB");
    }
    assert!(peer.b.session.figures().buffered < Duration::from_millis(40));
}

#[test]
fn a_sender_that_pauses_on_purpose_is_no_loss() {
    let mut peer = Peer::new();
    peer.send_ms(2_000);
    let before = peer.b.session.figures();
    for _ in 0..5 {
        peer.pass_ms(1_000);
        peer.next.timestamp += 8_000;
        peer.send_ms(1_000);
    }
    let figures = peer.b.session.figures();
    assert_eq!((figures.lost, figures.late), (0, 0));
    assert_eq!(figures.unplayable, before.unplayable);
    assert!((level_db(&peer.b.heard[peer.b.heard.len() - 8_000..]) - LEVEL_DB).abs() < 1.0);
}

#[test]
fn empty_packets_and_silence_frames_are_no_loss() {
    let mut peer = Peer::new();
    for _ in 0..20 {
        peer.send_ms(200);
        let keepalive = Packet { payload: &[], ..peer.next };
        peer.b.take(peer.now, Port::Rtp, A, &keepalive.write());
        peer.next.sequence = peer.next.sequence.wrapping_add(1);
    }
    let figures = peer.b.session.figures();
    assert_eq!((figures.unplayable, figures.concealed, figures.lost), (0, Duration::ZERO, 0));
    assert_eq!(figures.loss, 0.0);
}

#[test]
fn a_session_may_move_to_another_thread() {
    fn moves<T: Send>() {}
    moves::<Session>();
}

#[test]
fn the_other_side_may_change_among_the_codecs_that_were_agreed() {
    let mut peer = Peer::new();
    peer.send_ms(500);
    peer.next.payload_type = 0;
    peer.codec = Codec::Pcmu;
    peer.send_ms(500);
    peer.b.heard.clear();
    peer.send_ms(500);
    assert!((level_db(&peer.b.heard) - LEVEL_DB).abs() < 1.0);
    assert_eq!(peer.b.session.figures().received_codec, Some(Codec::Pcmu));
    peer.next.payload_type = 3;
    peer.send_ms(100);
    assert_eq!(peer.b.session.figures().discarded.get(&Discard::PayloadType), Some(&5));
}

#[test]
fn a_nat_is_followed_and_a_stranger_is_not() {
    let mut peer = Peer::new();
    peer.from = "192.0.2.1:61000".parse().unwrap();
    peer.send_ms(500);
    assert_eq!(peer.b.events, [Event::Heard, Event::Moved { to: peer.from }]);
    assert_eq!(peer.b.session.figures().remote, peer.from);
    let sent = peer.b.sent.last().unwrap();
    assert_eq!(sent.1, peer.from);
    for sequence in 0..100 {
        peer.b.take(peer.now, Port::Rtp, "203.0.113.66:4000", &speech(sequence, 66).write());
    }
    assert_eq!(peer.b.session.figures().discarded.get(&Discard::Stranger), Some(&100));
    assert_eq!(peer.b.session.figures().remote, peer.from);
}

#[test]
fn an_owner_that_stopped_for_long_is_not_flooded_with_frames() {
    let mut call = Call::new(&[Codec::Pcmu], CLEAN);
    call.run_ms(500);
    call.b.heard.clear();
    let later = call.now + Duration::from_secs(60);
    call.b.session.handle(later, Input::Timeout);
    let frames = std::iter::from_fn(|| call.b.session.poll_output())
        .filter(|output| matches!(output, Output::Played(_)))
        .count();
    assert_eq!(frames, 1);
    assert!(call.b.session.next_timeout().unwrap().0 > later);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_datagram_makes_a_session_panic(
        datagrams in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..300)), 0..60,
        ),
        secured in any::<bool>(),
    ) {
        let mut call = Call::with(CLEAN, |terms| {
            if secured {
                terms.encryption = Encryption::Required;
                terms.keys = vec![(Suite::AesCm128HmacSha1_80, Key([3; Key::LEN]))];
            }
        });
        for (rtcp, bytes) in datagrams {
            call.b.take(call.now, if rtcp { Port::Rtcp } else { Port::Rtp }, A, &bytes);
            call.run_ms(10);
        }
        prop_assert!(call.b.heard.len() <= Rate::Khz16.samples(600));
    }

    #[test]
    fn no_stream_of_strange_packets_makes_a_session_panic(
        packets in prop::collection::vec(
            (
                prop_oneof![Just(9_u8), Just(0), Just(101), Just(13), any::<u8>()],
                prop_oneof![0_u16..50, any::<u16>()],
                prop_oneof![0_u32..40_000, any::<u32>()],
                0_u32..3,
                prop::collection::vec(any::<u8>(), 0..200),
                0_u64..40,
            ),
            1..200,
        ),
    ) {
        let mut peer = Peer::new();
        for (payload_type, sequence, timestamp, ssrc, payload, wait_ms) in packets {
            let packet =
                Packet { payload_type, marker: false, sequence, timestamp, ssrc, payload: &payload };
            peer.b.take(peer.now, Port::Rtp, A, &packet.write());
            peer.pass_ms(wait_ms);
        }
        let figures = peer.b.session.figures();
        prop_assert!((0.0..=1.0).contains(&figures.loss));
        prop_assert!(figures.mos.is_none_or(|mos| (1.0..=4.5).contains(&mos)));
    }
}

/// The number of a protected report: the word before its tag, less the bit for "encrypted".
fn srtcp_index(bytes: &[u8]) -> u32 {
    let at = bytes.len() - 14;
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) & !(1 << 31)
}

/// A way for datagrams.
#[derive(Clone, Copy)]
struct Link {
    delay_ms: u64,
    /// Drawn for each packet from nothing to this.
    jitter_ms: u64,
    lost: f64,
    doubled: f64,
}

/// One end with what came out of it.
struct End {
    session: Session,
    tone: Option<Tone>,
    heard: Vec<i16>,
    events: Vec<Event>,
    /// What it sent, the last time it was asked.
    sent: Vec<(Port, SocketAddr, Vec<u8>)>,
    drift_ppm: i64,
}

impl End {
    fn new(stream: Stream, seed: u64) -> Self {
        let settings = Settings { latching: Latching::Follow, ..Settings::default() };
        assert_eq!((settings.rate, settings.dtmf), (Rate::Khz16, DtmfMode::Events));
        let session = Session::open(Instant::ZERO, stream, settings, &Rng::new(seed)).unwrap();
        let tone = Some(Tone::new(440.0, LEVEL_DB, Rate::Khz16));
        let (heard, events, sent) = (Vec::new(), Vec::new(), Vec::new());
        Self { session, tone, heard, events, sent, drift_ppm: 0 }
    }

    fn take(&mut self, now: Instant, port: Port, from: &str, bytes: &[u8]) {
        let now = self.clock(now);
        let from = from.parse().unwrap();
        self.session.handle(now, Input::Datagram { port, from, bytes });
        self.drain();
    }

    fn press(&mut self, now: Instant, key: char) {
        let (digit, length) = (Digit::from_char(key).unwrap(), Duration::from_millis(100));
        self.session.handle(self.clock(now), Input::Digit { digit, length });
        self.drain();
    }

    fn pass(&mut self, now: Instant) {
        let now = self.clock(now);
        self.session.handle(now, Input::Timeout);
        self.drain();
    }

    /// What its own clock shows.
    fn clock(&self, now: Instant) -> Instant {
        let micros = i64::try_from(now.as_micros()).unwrap();
        let drifted = micros + micros * self.drift_ppm / 1_000_000;
        Instant::from_micros(u64::try_from(drifted).unwrap())
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Datagram { port, to, bytes } => self.sent.push((port, to, bytes.to_vec())),
                Output::Event(event) => self.events.push(event),
                Output::Played(sound) => {
                    let next = self.tone.as_mut().map(|tone| tone.next_samples(sound.len()));
                    let next = next.unwrap_or_else(|| vec![0; sound.len()]);
                    self.heard.extend(sound);
                    self.session.handle(Instant::ZERO, Input::Captured(&next));
                }
            }
        }
    }

    fn digits(&self) -> String {
        let key = |event: &Event| match event {
            Event::Digit(digit) => Some(digit.as_char()),
            Event::Heard
            | Event::Silent
            | Event::Moved { .. }
            | Event::Goodbye
            | Event::DigitRefused(_) => None,
        };
        self.events.iter().filter_map(key).collect()
    }
}

/// Two ends and what is between them.
struct Call {
    a: End,
    b: End,
    agents: (Agent, Agent),
    link: Link,
    rng: Rng,
    now: Instant,
    flying: Vec<(Instant, Side, Port, Vec<u8>)>,
    /// All that either end sent.
    wire: Vec<(Port, Vec<u8>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    ToA,
    ToB,
}

impl Call {
    fn new(codecs: &[Codec], link: Link) -> Self {
        Self::with(link, |terms| terms.codecs = codecs.to_vec())
    }

    fn with(link: Link, adapt: impl Fn(&mut Terms)) -> Self {
        let agent = |at: &str| {
            let codecs = media::codecs();
            let mut terms = Terms { codecs, ..Terms::new(at.parse().unwrap()) };
            adapt(&mut terms);
            Agent::new(terms, 1)
        };
        let (mut caller, mut callee) = (agent(A), agent(B));
        let (a, b) = agree(&mut caller, &mut callee, Wish::Talk);
        Self {
            a: End::new(a, 1),
            b: End::new(b, 2),
            agents: (caller, callee),
            link,
            rng: Rng::new(11),
            now: Instant::ZERO,
            flying: Vec::new(),
            wire: Vec::new(),
        }
    }

    fn renegotiate(&mut self, wish: Wish) {
        let (a, b) = agree(&mut self.agents.0, &mut self.agents.1, wish);
        self.a.session.change(self.now, a).unwrap();
        self.b.session.change(self.now, b).unwrap();
    }

    fn run_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += Duration::from_millis(1);
            self.a.pass(self.now);
            self.b.pass(self.now);
            self.carry();
            self.deliver();
        }
    }

    fn carry(&mut self) {
        for (side, end) in [(Side::ToB, &mut self.a), (Side::ToA, &mut self.b)] {
            for (port, _, bytes) in end.sent.drain(..) {
                self.wire.push((port, bytes.clone()));
                if self.rng.unit() < self.link.lost {
                    continue;
                }
                let copies = if self.rng.unit() < self.link.doubled { 2 } else { 1 };
                for _ in 0..copies {
                    let wait = self.link.delay_ms + self.rng.below(self.link.jitter_ms + 1);
                    let at = self.now + Duration::from_millis(wait);
                    self.flying.push((at, side, port, bytes.clone()));
                }
            }
        }
    }

    fn deliver(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.flying.extract_if(.., |(at, ..)| *at <= now).collect();
        for (_, side, port, bytes) in due {
            let (end, from) = if side == Side::ToB { (&mut self.b, A) } else { (&mut self.a, B) };
            let from: SocketAddr = from.parse().unwrap();
            let shift = u16::from(port == Port::Rtcp);
            let from = SocketAddr::new(from.ip(), from.port() + shift);
            end.take(now, port, &from.to_string(), &bytes);
        }
    }
}

/// A session spoken to by hand, in A-law and µ-law.
struct Peer {
    b: End,
    now: Instant,
    next: Packet<'static>,
    from: SocketAddr,
    codec: Codec,
    tone: Tone,
}

impl Peer {
    fn new() -> Self {
        let agent = |at: &str| {
            let codecs = vec![Codec::Pcma, Codec::Pcmu, Codec::G722];
            Agent::new(Terms { codecs, ..Terms::new(at.parse().unwrap()) }, 1)
        };
        // The one who offers takes every codec that it offered.
        let (stream, _) = agree(&mut agent(B), &mut agent(A), Wish::Talk);
        let next = Packet { payload_type: 8, ..speech(100, 7) };
        let tone = Tone::new(440.0, LEVEL_DB, Rate::Khz8);
        let (codec, from) = (Codec::Pcma, A.parse().unwrap());
        Self { b: End::new(stream, 2), now: Instant::ZERO, next, from, codec, tone }
    }

    fn send_ms(&mut self, ms: u64) {
        for _ in 0..ms / 20 {
            let sound = self.tone.next_samples(160);
            let payload = match self.codec {
                Codec::Pcma => {
                    audio_codec::Encoder::encode(&mut audio_codec::pcma::PcmaEncoder::new(), &sound)
                }
                Codec::Pcmu | Codec::G722 | Codec::G729 | Codec::Opus => {
                    audio_codec::Encoder::encode(&mut audio_codec::pcmu::PcmuEncoder::new(), &sound)
                }
            };
            let bytes = Packet { payload: &payload, ..self.next }.write();
            self.b.take(self.now, Port::Rtp, &self.from.to_string(), &bytes);
            self.next.sequence = self.next.sequence.wrapping_add(1);
            self.next.timestamp = self.next.timestamp.wrapping_add(160);
            self.pass_ms(20);
        }
    }

    fn pass_ms(&mut self, ms: u64) {
        for _ in 0..ms {
            self.now += Duration::from_millis(1);
            self.b.pass(self.now);
        }
    }
}

/// An empty packet of µ-law.
fn speech(sequence: u16, ssrc: u32) -> Packet<'static> {
    let timestamp = 160 * u32::from(sequence);
    Packet { payload_type: 0, marker: false, sequence, timestamp, ssrc, payload: &[0xff; 160] }
}

fn agree(offerer: &mut Agent, answerer: &mut Agent, wish: Wish) -> (Stream, Stream) {
    let offer = offerer.offer(wish).unwrap();
    let answer = answerer.answer(offer.as_bytes(), Wish::Talk).unwrap();
    (offerer.answered(answer.body.as_bytes()).unwrap(), answer.stream.unwrap())
}
