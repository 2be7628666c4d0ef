//! Calls over real sockets of this machine, judged by what arrives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed step fails its test")]

mod line;
mod relay;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use host::Clock;
use media::{Discard, DtmfMode, Event, Rate, Wav, codecs, level_db, share_at};
use sdp::{Encryption, Mux, Wish};
use voice::{Manner, OpenError, Repeat, Report, Sound, Source, srtp_keys};

use line::{Line, call, call_with, here, wait};
use relay::Relay;

const TONE: Source = Source::Tone { hz: 440.0, level_db: -12.0 };
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_tone_arrives_within_3_db_by_each_codec() {
    for codec in codecs() {
        let (a, b) = call_with(|terms| terms.codecs = vec![codec]);
        a.source(TONE);
        wait(SECOND / 2);
        b.forget();
        wait(2 * SECOND);
        let (rate, sound) = b.heard();
        assert_eq!(rate, Rate::of(codec));
        assert!(sound.len() > rate.samples(1_800), "{codec}: {}", sound.len());
        let off_db = level_db(&sound) + 12.0;
        assert!(off_db.abs() < 3.0, "{codec}: {off_db} dB");
        assert!(share_at(&sound, 440.0, rate) > 0.7, "{codec}");
        let figures = b.figures();
        assert!((figures.level_db + 12.0).abs() < 3.0, "{codec}: {figures:?}");
        assert!((figures.loudest_db + 12.0).abs() < 3.0, "{codec}: {figures:?}");
        assert!(a.figures().loudest_db < -60.0, "{codec}: nothing was said to this side");
        let rtp = figures.rtp.unwrap();
        assert_eq!((rtp.sent_codec, rtp.received_codec), (codec, Some(codec)));
        assert_eq!((rtp.lost, figures.unsent), (0, 0), "{rtp:?}");
        assert!(rtp.mos.unwrap() > 3.8, "{rtp:?}");
    }
}

#[test]
fn srtp_carries_the_tone_and_digits_and_takes_nothing_plain() {
    let (a, b) = call_with(|terms| {
        terms.encryption = Encryption::Required;
        terms.keys = srtp_keys().unwrap();
    });
    a.source(TONE);
    a.digits("1#");
    wait(SECOND);
    b.forget();
    wait(SECOND);
    let (_, sound) = b.heard();
    assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
    assert_eq!(b.digits_heard(), "1#");
    let stranger = std::net::UdpSocket::bind((here(), 0)).unwrap();
    let plain = [&[0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7][..], &[0xff; 160]].concat();
    (0..20).for_each(|_| assert_eq!(stranger.send_to(&plain, b.opened.rtp).unwrap(), 172));
    wait(SECOND / 4);
    let rtp = b.figures().rtp.unwrap();
    assert_eq!(rtp.discarded.get(&Discard::Forged), Some(&20), "{rtp:?}");
    assert_eq!(rtp.remote, a.opened.rtp);
}

#[test]
fn each_digit_arrives_once_as_event_and_as_tone() {
    let keys = "1234567890*#ABCD11";
    let (a, b) = call();
    a.digits(keys);
    wait(5 * SECOND);
    assert_eq!(b.digits_heard(), keys);
    assert!(a.voice.digits(a.key, "12x", SECOND).is_err());

    // In the sound there is no event, but the two pitches of the key.
    let manner = Manner { dtmf: DtmfMode::Tones, ..Manner::default() };
    let (a, b) = line::call_of(Line::new(manner), Line::new(Manner::default()), |_| {});
    wait(SECOND / 2);
    b.forget();
    a.voice.digits(a.key, "5", SECOND).unwrap();
    wait(SECOND);
    let (rate, sound) = b.heard();
    let middle = &sound[sound.len() / 2 - rate.samples(100)..][..rate.samples(200)];
    for hz in [770.0, 1_336.0] {
        let share = share_at(middle, hz, rate);
        assert!((0.35..0.65).contains(&share), "{hz} Hz: {share}");
    }
    assert_eq!(b.digits_heard(), "");
}

#[test]
fn digits_that_no_stream_can_take_are_told() {
    let line = Line::new(Manner::default());
    line.digits("7");
    line.wait_for(|told| matches!(told, Report::Stream(Event::DigitRefused(_))));
}

#[test]
fn hold_stops_the_packets_and_resume_lets_them_flow_again() {
    let (mut a, mut b) = call();
    a.source(TONE);
    b.source(TONE);
    wait(SECOND);
    // A holds: the answer is recvonly, so B sends no more, and A, which may, goes on.
    line::offer(&mut a, &mut b, Wish::Hold);
    wait(SECOND / 4);
    let (from_a, from_b) = (a.sent(), b.sent());
    wait(SECOND);
    assert_eq!(b.sent(), from_b);
    assert!(a.sent() > from_a);
    let held = a.figures().rtp.unwrap().received;
    line::offer(&mut a, &mut b, Wish::Talk);
    wait(SECOND / 2);
    a.forget();
    wait(SECOND);
    assert!(b.sent() > from_b + 50 && a.figures().rtp.unwrap().received > held + 50);
    let (_, sound) = a.heard();
    assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
}

#[test]
fn ports_are_of_the_range_even_and_odd_and_when_all_are_taken_it_is_said() {
    let wide = Line::new(Manner::default());
    let (rtp, rtcp) = (wide.opened.rtp, wide.opened.rtcp);
    assert!(line::PORTS.0 <= rtp.port() && rtcp.port() <= line::PORTS.1);
    assert_eq!((rtp.port() % 2, rtcp.port()), (0, rtp.port() + 1));
    assert!(std::net::UdpSocket::bind(rtp).is_err() && std::net::UdpSocket::bind(rtcp).is_err());
    drop(wide.voice.close(wide.key).blocking_recv().unwrap());
    assert!(std::net::UdpSocket::bind(rtp).is_ok() && std::net::UdpSocket::bind(rtcp).is_ok());

    let (narrow, _) = line::voice((rtp.port(), rtcp.port()), Clock::start());
    let open = |call| narrow.open(voice::CallKey(call), here(), Manner::default());
    assert_eq!(open(1).unwrap().rtp, rtp);
    let none = open(2).unwrap_err();
    assert!(matches!(none, OpenError::NoPort { .. }));
    assert!(none.to_string().contains("min_rtpport"), "{none}");
    drop(narrow.close(voice::CallKey(1)).blocking_recv().unwrap());
    assert_eq!(open(2).unwrap().rtp, rtp);
}

#[test]
fn reports_tell_each_side_what_the_other_hears() {
    let calls = [Mux::Never, Mux::Offer].map(|mux| call_with(|terms| terms.mux = mux));
    for (a, b) in &calls {
        a.source(TONE);
        b.source(TONE);
    }
    // The second report of each side, after 11 s at the latest, can answer one.
    wait(13 * SECOND);
    for (a, b) in &calls {
        for line in [a, b] {
            let rtp = line.figures().rtp.unwrap();
            let trip = rtp.round_trip.unwrap();
            assert!(trip < Duration::from_millis(100), "{trip:?}");
            let reported = rtp.reported.unwrap();
            assert_eq!(reported.lost, 0, "{rtp:?}");
            assert!(reported.jitter < Duration::from_millis(40), "{reported:?}");
        }
        drop(a.voice.close(a.key).blocking_recv().unwrap());
        b.wait_for(|told| matches!(told, Report::Stream(Event::Goodbye)));
    }
}

#[test]
fn packets_are_answered_to_where_they_come_from() {
    let (a, b) = (Line::new(Manner::default()), Line::new(Manner::default()));
    let nat = Relay::symmetric(b.opened.rtp);
    let (a, b) = behind(&nat, a, b);
    a.source(TONE);
    b.source(TONE);
    wait(SECOND);
    a.forget();
    b.forget();
    wait(SECOND);
    for line in [&a, &b] {
        let (_, sound) = line.heard();
        assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
    }
    assert_eq!(b.figures().rtp.unwrap().remote, nat.outside);
    let moved = Event::Moved { to: nat.outside };
    b.wait_for(|told| matches!(told, Report::Stream(event) if *event == moved));
}

#[test]
fn one_packet_in_a_hundred_lost_is_counted_and_hardly_heard() {
    let (a, b) = (Line::new(Manner::default()), Line::new(Manner::default()));
    let lossy = Relay::losing_each(100, b.opened.rtp);
    let (a, b) = behind(&lossy, a, b);
    a.source(TONE);
    wait(SECOND);
    b.forget();
    wait(6 * SECOND);
    let (rate, sound) = b.heard();
    let seconds: Vec<f64> = sound.chunks_exact(rate.samples(1_000)).map(level_db).collect();
    assert!(seconds.iter().all(|level| (level + 12.0).abs() < 3.0), "{seconds:?}");
    let rtp = b.figures().rtp.unwrap();
    assert!((3..=4).contains(&rtp.lost), "{rtp:?}");
    assert!((0.005..0.02).contains(&rtp.loss), "{rtp:?}");
    assert!(rtp.concealed >= Duration::from_millis(20), "{rtp:?}");
    assert!((3.8..4.38).contains(&rtp.mos.unwrap()), "{rtp:?}");
}

/// A call between `a`, whose packets pass the relay, and `b`, which was told another address of
/// `a`: one where nobody answers.
fn behind(relay: &Relay, mut a: Line, mut b: Line) -> (Line, Line) {
    let nobody = std::net::UdpSocket::bind((here(), 0)).unwrap();
    a.rewrite = Some((b.opened.rtp.port(), relay.inside.port()));
    b.rewrite = Some((a.opened.rtp.port(), nobody.local_addr().unwrap().port()));
    line::connect(&mut a, &mut b, |terms| terms.mux = Mux::Never);
    (a, b)
}

#[test]
fn a_call_over_ipv6_is_heard() {
    let line =
        || Line::at(IpAddr::V6(Ipv6Addr::LOCALHOST), line::clock().clone(), Manner::default());
    let (a, b) = line::call_of(line(), line(), |_| {});
    a.source(TONE);
    wait(SECOND / 2);
    b.forget();
    wait(SECOND);
    assert!(a.opened.rtp.is_ipv6());
    assert!((level_db(&b.heard().1) + 12.0).abs() < 3.0);
}

#[test]
fn a_fast_clock_speaks_fast() {
    let clock = Clock::start_at_speed(NonZeroU32::new(8).unwrap());
    let line = || Line::at(here(), clock.clone(), Manner::default());
    let (a, b) = line::call_of(line(), line(), |_| {});
    a.source(TONE);
    wait(SECOND / 2);
    b.forget();
    wait(SECOND);
    let (rate, sound) = b.heard();
    assert!(sound.len() > rate.samples(5_000), "{}", sound.len());
    assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
}

#[test]
fn a_flood_at_a_call_harms_no_other_call() {
    let (a, b) = call();
    let victim = Line::beside(&b);
    victim.alone();
    a.source(TONE);
    let target = victim.opened.rtp;
    let flood = std::thread::spawn(move || {
        let socket = std::net::UdpSocket::bind((here(), 0)).unwrap();
        // Refusals are the kernel's: its buffer is full.
        (0..100_000).filter(|_| socket.send_to(&[0x80; 172], target).is_ok()).count()
    });
    wait(SECOND / 2);
    b.forget();
    wait(SECOND);
    let (_, sound) = b.heard();
    assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
    assert_eq!(b.figures().rtp.unwrap().lost, 0);
    assert!(flood.join().unwrap() > 0);
    let rtp = victim.figures().rtp.unwrap();
    assert!(rtp.discarded.values().sum::<u64>() > 0, "{rtp:?}");
}

#[test]
fn what_is_heard_is_recorded_and_what_was_recorded_can_be_played() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (a, b) = call();
    b.voice.record(b.key, path.clone());
    a.source(TONE);
    wait(2 * SECOND);
    let part = Wav::parse(&std::fs::read(folder.path().join("call.wav.part")).unwrap()).unwrap();
    assert!(part.samples.len() >= Rate::Khz8.samples(900), "{}", part.samples.len());
    assert!(!path.exists());
    let last = b.voice.close(b.key).blocking_recv().unwrap();
    assert!((last.loudest_db + 12.0).abs() < 3.0, "{last:?}");
    b.wait_for(|told| matches!(told, Report::Recorded { .. }));
    b.wait_for(|told| matches!(told, Report::Closed(figures) if **figures == last));
    let sound = Sound::load(&path).unwrap();

    let (a, b) = call();
    a.source(Source::Sound(Arc::new(sound), Repeat::Once));
    wait(SECOND / 2);
    b.forget();
    wait(SECOND);
    let (rate, heard) = b.heard();
    assert!((level_db(&heard) + 12.0).abs() < 3.0, "{}", level_db(&heard));
    assert!(share_at(&heard, 440.0, rate) > 0.9);
    a.wait_for(|told| matches!(told, Report::Played));
}

#[test]
fn an_echo_comes_back() {
    let (a, b) = call();
    a.source(TONE);
    b.source(Source::Echo);
    wait(SECOND);
    a.forget();
    wait(SECOND);
    let (rate, sound) = a.heard();
    assert!((level_db(&sound) + 12.0).abs() < 3.0, "{}", level_db(&sound));
    assert!(share_at(&sound, 440.0, rate) > 0.9);
}

#[test]
fn the_jitter_buffer_adds_less_than_40_ms_to_the_way_from_mouth_to_ear() {
    let (a, b) = call();
    wait(SECOND);
    let mut added: Vec<Duration> = (0..5).map(|_| line::mouth_to_ear(&a, &b)).collect();
    added.sort_unstable();
    // The packet holds 20 ms of sound.
    let median = added[2].saturating_sub(Duration::from_millis(20));
    assert!(median < Duration::from_millis(40), "{added:?}");
    assert!(b.figures().rtp.unwrap().buffered < Duration::from_millis(40));
}

#[test]
fn a_voice_that_is_let_go_ends_its_calls_and_completes_its_recordings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let (a, b) = call();
    b.voice.record(b.key, path.clone());
    a.source(TONE);
    wait(SECOND);
    let Line { voice, told, opened, .. } = b;
    drop(voice);
    assert!(Wav::parse(&std::fs::read(&path).unwrap()).unwrap().samples.len() > 4_000);
    assert!(told.lock().unwrap().iter().any(|(_, report)| matches!(report, Report::Closed(_))));
    assert!(std::net::UdpSocket::bind(opened.rtp).is_ok());
    a.wait_for(|told| matches!(told, Report::Stream(Event::Goodbye)));
}

#[test]
fn orders_for_calls_that_are_not_open_are_ignored() {
    let (voice, told) = line::voice(line::PORTS, Clock::start());
    let nobody = voice::CallKey(9);
    voice.source(nobody, TONE);
    assert!(voice.figures(nobody).blocking_recv().is_err());
    voice.open(voice::CallKey(1), here(), Manner::default()).unwrap();
    voice.digits(nobody, "1", SECOND).unwrap();
    assert!(voice.close(nobody).blocking_recv().is_err());
    let idle = voice.figures(voice::CallKey(1)).blocking_recv().unwrap();
    assert_eq!((idle.rtp, idle.level_db), (None, -96.0));
    assert_eq!(told.lock().unwrap().len(), 0);
}

#[test]
fn a_fault_in_one_call_ends_that_call_alone() {
    let (a, b) = call();
    let other = Line::beside(&b);
    other.alone();
    other.source(Source::Live(Box::new(|_, _| panic!("a fault that this test makes"))));
    other.wait_for(|told| matches!(told, Report::Broken));
    assert!(other.voice.figures(other.key).blocking_recv().is_err());
    assert!(std::net::UdpSocket::bind(other.opened.rtp).is_ok());
    a.source(TONE);
    wait(SECOND / 2);
    b.forget();
    wait(SECOND);
    assert!((level_db(&b.heard().1) + 12.0).abs() < 3.0);
}
