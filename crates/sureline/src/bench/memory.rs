//! What an idle registered phone takes: figure (c).

use super::figure::{Better, Figure, Limit};
use super::fleet::{self, Attempts, Pace, Servers};
use super::part::Part;
use super::place::Place;
use super::registrar::{self, Carrier, Passwords};
use super::usage;
use crate::cli::{BenchArgs, PartRole};
use crate::out::Failure;

/// Whether the phones share what can be shared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    /// All are at one server, over one connection.
    One,
    /// Each has a server, and so a connection, of its own.
    Each,
}

/// One measurement of the figure.
struct Case {
    carrier: Carrier,
    sharing: Sharing,
    count: u32,
    runs: usize,
}

const KIB: (&str, Better) = ("KiB", Better::Less);
const WINDOW: u32 = 64;
/// A connection holds 32 messages that were not sent yet; more would cut it.
const WINDOW_OF_ONE_CONNECTION: u32 = 16;
/// Descriptors that are not for connections.
const OTHER_DESCRIPTORS: u64 = 256;
const CONNECTIONS: u32 = 10_000;
const RUNS: usize = 3;

/// (RSS after N idle registered − RSS before) / N, each run in a fresh process.
pub(crate) fn measure(args: &BenchArgs, place: &Place) -> Result<Vec<Figure>, Failure> {
    let possible = usage::descriptors().saturating_sub(OTHER_DESCRIPTORS);
    let connections = CONNECTIONS.min(u32::try_from(possible).unwrap_or(CONNECTIONS));
    let runs = if args.quick { 1 } else { RUNS };
    let cases = [
        (Carrier::Udp, Sharing::One, 10_000),
        (Carrier::Udp, Sharing::One, 100_000),
        (Carrier::Tcp, Sharing::One, 10_000),
        (Carrier::Tls, Sharing::One, 10_000),
        (Carrier::Tcp, Sharing::Each, connections),
        (Carrier::Tls, Sharing::Each, connections),
    ];
    let wanted = cases.into_iter().filter(|(_, _, count)| !args.quick || *count <= 10_000);
    let cases = wanted.map(|(carrier, sharing, count)| Case { carrier, sharing, count, runs });
    cases.map(|case| figure(&case, place)).collect()
}

fn figure(case: &Case, place: &Place) -> Result<Figure, Failure> {
    let Case { carrier, sharing, count, runs } = *case;
    let over = match carrier {
        Carrier::Udp => "UDP",
        Carrier::Tcp => "TCP",
        Carrier::Tls => "TLS",
    };
    let mut samples = Vec::new();
    for _ in 0..runs {
        samples.push(run(case, place)?);
    }
    let (how, note) = match (sharing, carrier) {
        (_, Carrier::Udp) => ("", "everything that the process grew by, its code included"),
        (Sharing::One, Carrier::Tcp | Carrier::Tls) => (
            ", one connection for all",
            "as `run` does: what goes to one next hop shares a connection",
        ),
        (Sharing::Each, Carrier::Tcp | Carrier::Tls) => (
            ", each with a server and a connection of its own",
            "settings and next hops of its own, too; not what the system keeps for a socket",
        ),
    };
    let figure = Figure::of('c', format!("{count} phones, {over}{how}"), KIB, &samples).noted(note);
    Ok(match (carrier, sharing) {
        (Carrier::Udp, Sharing::One) => figure.limited(Limit::WorstBelow(1.5)),
        (Carrier::Udp | Carrier::Tcp | Carrier::Tls, _) => figure,
    })
}

/// KiB for each phone.
fn run(case: &Case, place: &Place) -> Result<f64, Failure> {
    let Case { carrier, sharing, count, .. } = *case;
    let at = match sharing {
        Sharing::One => place.secondary(),
        Sharing::Each => place.every(),
    };
    let order = registrar::Order { carrier, at, passwords: Passwords::Asked };
    let mut registrar = Part::start(PartRole::Registrar, &order)?;
    let registrar::Ready { authority } = registrar.hear()?;
    let servers = match sharing {
        Sharing::One => Servers::Same(vec![at]),
        Sharing::Each => Servers::Own(place.first_of_many()),
    };
    let order = fleet::Order {
        from: place.phones(),
        servers,
        carrier,
        authority,
        count,
        pace: Pace::Window(match (carrier, sharing) {
            (Carrier::Tcp | Carrier::Tls, Sharing::One) => WINDOW_OF_ONE_CONNECTION,
            (Carrier::Udp | Carrier::Tcp | Carrier::Tls, _) => WINDOW,
        }),
        slice: 0,
        attempts: Attempts::Dropped,
    };
    let mut phones = Part::start(PartRole::Phones, &order)?;
    let before: fleet::Ready = phones.hear()?;
    phones.go_on()?;
    let after: fleet::Done = phones.hear()?;
    let grown = after.resident.saturating_sub(before.resident);
    Ok(kib(grown) / f64::from(count))
}

fn kib(bytes: u64) -> f64 {
    let kib = u32::try_from(bytes / 1024).unwrap_or(u32::MAX);
    f64::from(kib)
}
