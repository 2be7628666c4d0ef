//! How fast a phone moves on: figures (a), after the silence of a next hop, and (b), after its refusal.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::capture::{Capture, Packet, What};
use super::figure::{Better, Figure, Limit, ms};
use super::fleet::{self, Attempts, Pace, Servers};
use super::part::Part;
use super::place::Place;
use super::registrar::{self, Carrier, Passwords};
use crate::cli::PartRole;
use crate::out::Failure;

/// Behaviour §1: a request with 3 retries (the default) is given up after this.
const BUDGET: Duration = Duration::from_millis(7500);
const DATAGRAMS: usize = 4;
const ALONE: u32 = 200;
const TOGETHER: u32 = 1000;
const MS: (&str, Better) = ("ms", Better::Less);

/// What a run of phones that move left behind.
struct Run {
    packets: Vec<Packet>,
    done: fleet::Done,
}

/// A next hop that says nothing: from the end of the budget to the first packet at the next one.
pub(crate) fn after_silence(place: &Place) -> Result<Vec<Figure>, Failure> {
    let alone = "idle: phones begin 50 ms apart, so that each moves alone";
    let together = "1,000 phones whose budgets end in the same microsecond";
    let mut figures = silence(place, (ALONE, Pace::EveryMicros(50_000)), (alone, 5.0))?;
    figures.extend(silence(place, (TOGETHER, Pace::Together), (together, 50.0))?);
    Ok(figures)
}

fn silence(
    place: &Place,
    (count, pace): (u32, Pace),
    (what, limit_ms): (&str, f64),
) -> Result<Vec<Figure>, Failure> {
    let mute = UdpSocket::bind(place.primary()).map_err(Failure::failed)?;
    let run = match run(place, Carrier::Udp, count, pace) {
        Ok(run) => run,
        Err(why) => return missing('a', what, why),
    };
    drop(mute);
    let first = first_datagrams(&run.packets, place.primary());
    let next = first_datagrams(&run.packets, place.secondary());
    let (mut by_wire, mut by_clock) = (Vec::new(), Vec::new());
    for (call_id, began_ns) in &run.done.begun {
        let (Some((sent_ns, DATAGRAMS)), Some((moved_ns, _))) =
            (first.get(call_id.as_str()), next.get(call_id.as_str()))
        else {
            return Err(Failure::failed(format!("the capture lacks datagrams of {call_id}")));
        };
        by_wire.push(late(*sent_ns, BUDGET, *moved_ns));
        by_clock.push(late(*began_ns, BUDGET, *moved_ns));
    }
    let limit = Limit::P99Below(limit_ms);
    Ok(vec![
        Figure::of('a', format!("{what}; from the first datagram + 7.5 s"), MS, &by_wire)
            .limited(limit)
            .noted(
                "both ends from the capture; negative where the first datagram waited longer to \
                 leave than the move did",
            ),
        Figure::of('a', format!("{what}; from the engine's due time"), MS, &by_clock)
            .limited(limit)
            .noted("the stricter one: what either waited for in the phone counts"),
    ])
}

/// A next hop that refuses: from the ICMP error or RST to the first packet at the next one.
pub(crate) fn after_refusal(place: &Place) -> Result<Vec<Figure>, Failure> {
    let pace = Pace::EveryMicros(25_000);
    let limit = Limit::P99Below(20.0);
    let mut figures = Vec::new();
    let what = "UDP: from the ICMP port unreachable to the first datagram";
    match run(place, Carrier::Udp, ALONE, pace) {
        Ok(run) => {
            let samples = after_icmp(&run.packets, place.secondary());
            figures.push(complete(Figure::of('b', what, MS, &samples))?.limited(limit));
        }
        Err(why) => figures.extend(missing('b', what, why)?),
    }
    let what = "TCP: from the RST to the SYN, or the REGISTER on a connection that stands";
    match run(place, Carrier::Tcp, ALONE, pace) {
        Ok(run) => {
            let samples = after_reset(&run.packets, place);
            figures.push(complete(Figure::of('b', what, MS, &samples))?.limited(limit));
        }
        Err(why) => figures.extend(missing('b', what, why)?),
    }
    Ok(figures)
}

/// Runs phones whose first next hop is the primary, which the caller has made mute or left out, and
/// whose second one registers them.
fn run(place: &Place, carrier: Carrier, count: u32, pace: Pace) -> Result<Run, Failure> {
    let capture = Capture::begin(place.prefix())?;
    let at = place.secondary();
    let order = registrar::Order { carrier, at, passwords: Passwords::Ignored };
    let mut registrar = Part::start(PartRole::Registrar, &order)?;
    registrar.hear::<registrar::Ready>()?;
    let order = fleet::Order {
        from: place.phones(),
        servers: Servers::Same(vec![place.primary(), place.secondary()]),
        carrier,
        authority: None,
        count,
        pace,
        slice: 0,
        attempts: Attempts::Told,
    };
    let mut phones = Part::start(PartRole::Phones, &order)?;
    phones.hear::<fleet::Ready>()?;
    phones.go_on()?;
    let done = phones.hear()?;
    Ok(Run { packets: capture.end()?, done })
}

/// For each Call-ID when its first datagram came to `at`, and how many came.
fn first_datagrams(packets: &[Packet], at: SocketAddr) -> BTreeMap<&str, (i64, usize)> {
    let mut first = BTreeMap::new();
    let datagrams = packets.iter().filter(|packet| matches!(packet.what, What::Datagram(_)));
    for packet in datagrams.filter(|packet| packet.to == at) {
        if let Some(call_id) = packet.call_id() {
            first.entry(call_id).or_insert((packet.at_ns, 0)).1 += 1;
        }
    }
    first
}

fn after_icmp(packets: &[Packet], next: SocketAddr) -> Vec<f64> {
    let moved = first_datagrams(packets, next);
    let errors = packets.iter().filter(|packet| matches!(packet.what, What::Unreachable(_)));
    let sample = |error: &Packet| {
        let (moved_ns, _) = moved.get(error.call_id()?)?;
        Some(late(error.at_ns, Duration::ZERO, *moved_ns))
    };
    errors.filter_map(sample).collect()
}

/// Phones move one after the other: what follows a reset belongs to the same phone.
fn after_reset(packets: &[Packet], place: &Place) -> Vec<f64> {
    let mut reset = None;
    let mut samples = Vec::new();
    for packet in packets {
        let says_something = match &packet.what {
            What::Open => true,
            What::Stream(bytes) => !bytes.is_empty(),
            What::Reset => {
                if packet.from == place.primary() {
                    reset = Some(packet.at_ns);
                }
                false
            }
            What::Datagram(_) | What::Unreachable(_) => false,
        };
        if says_something && packet.to == place.secondary() {
            samples.extend(reset.take().map(|at_ns| late(at_ns, Duration::ZERO, packet.at_ns)));
        }
    }
    samples
}

/// Every phone has to be among the samples.
fn complete(figure: Figure) -> Result<Figure, Failure> {
    if figure.samples == usize::try_from(ALONE).unwrap_or(0) {
        return Ok(figure);
    }
    let Figure { samples, what, .. } = figure;
    Err(Failure::failed(format!("the capture shows {samples} moves of {ALONE} ({what})")))
}

/// Milliseconds by which `end_ns` lies behind `start_ns` and `span`.
fn late(start_ns: i64, span: Duration, end_ns: i64) -> f64 {
    let span_ns = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
    let late_ns = end_ns - start_ns - span_ns;
    ms(Duration::from_nanos(late_ns.unsigned_abs())).copysign(if late_ns < 0 { -1.0 } else { 1.0 })
}

/// Without the privilege to capture the figure is left out, and says so.
fn missing(figure: char, what: &str, why: Failure) -> Result<Vec<Figure>, Failure> {
    let Failure::Misused(why) = why else { return Err(why) };
    Ok(vec![Figure::missing(figure, what, why)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(at_ns: i64, to: SocketAddr, what: What) -> Packet {
        Packet { at_ns, from: "127.80.0.9:5060".parse().unwrap(), to, what }
    }

    fn register(call_id: &str) -> Vec<u8> {
        format!("REGISTER sip:x SIP/2.0\r\nCall-ID: {call_id}\r\n\r\n").into_bytes()
    }

    fn ends() -> [SocketAddr; 2] {
        ["127.80.0.1:5060", "127.80.0.2:5060"].map(|addr| addr.parse().unwrap())
    }

    #[test]
    fn what_is_early_is_negative() {
        assert!((late(1_000_000, Duration::from_millis(2), 4_000_000) - 1.0).abs() < 1e-9);
        assert!((late(1_000_000, Duration::from_millis(2), 2_000_000) + 1.0).abs() < 1e-9);
    }

    #[test]
    fn retransmissions_are_counted_and_the_first_is_timed() {
        let [primary, _] = ends();
        let sent = |at_ns| packet(at_ns, primary, What::Datagram(register("a")));
        let packets = [sent(5), sent(7)];
        assert_eq!(first_datagrams(&packets, primary)["a"], (5, 2));
    }

    #[test]
    fn an_icmp_error_belongs_to_the_call_id_that_it_quotes() {
        let [primary, secondary] = ends();
        let packets = [
            packet(1_000_000, primary, What::Unreachable(register("a"))),
            packet(2_000_000, primary, What::Unreachable(register("b"))),
            packet(4_000_000, secondary, What::Datagram(register("b"))),
            packet(5_000_000, secondary, What::Datagram(register("a"))),
        ];
        assert_eq!(after_icmp(&packets, secondary), [4.0, 2.0]);
    }
}
