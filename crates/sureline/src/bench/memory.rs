//! What an idle registered phone takes: figure (c).

use std::net::SocketAddr;

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
const WINDOW: u32 = 256;
/// Descriptors that are not for connections.
const OTHER_DESCRIPTORS: u64 = 256;
const CONNECTIONS: u32 = 10_000;

/// (RSS after N idle registered − RSS before) / N, each run in a fresh process.
pub(crate) fn measure(args: &BenchArgs, place: &Place) -> Result<Vec<Figure>, Failure> {
    let possible = usage::descriptors().saturating_sub(OTHER_DESCRIPTORS);
    let connections = CONNECTIONS.min(u32::try_from(possible).unwrap_or(CONNECTIONS));
    let case = |carrier, sharing, count, runs| Case { carrier, sharing, count, runs };
    let mut cases = vec![case(Carrier::Udp, Sharing::One, 10_000, 3)];
    if !args.quick {
        cases.push(case(Carrier::Udp, Sharing::One, 100_000, 3));
    }
    cases.extend([
        case(Carrier::Tcp, Sharing::One, 10_000, 1),
        case(Carrier::Tls, Sharing::One, 10_000, 1),
        case(Carrier::Udp, Sharing::Each, connections, 1),
        case(Carrier::Tcp, Sharing::Each, connections, 1),
        case(Carrier::Tls, Sharing::Each, connections, 1),
    ]);
    cases.iter().map(|case| figure(case, place)).collect()
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
        (Sharing::One, Carrier::Udp) => ("", "equal settings; the rest of the process is in it"),
        (Sharing::One, Carrier::Tcp | Carrier::Tls) => (
            ", one connection for all",
            "as `run` does: accounts at one next hop share a connection",
        ),
        (Sharing::Each, Carrier::Udp) => (
            ", each at a server of its own",
            "settings and next hops are not shared: to compare with the next two",
        ),
        (Sharing::Each, Carrier::Tcp | Carrier::Tls) => (
            ", each at a server and over a connection of its own",
            "what the system keeps for a socket is not in it",
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
        Sharing::Each => {
            let own = |index| SocketAddr::new(place.own(index).into(), at.port());
            Servers::Own((0..count).map(own).collect())
        }
    };
    let order = fleet::Order {
        from: place.phones(),
        servers,
        carrier,
        authority,
        count,
        pace: Pace::Window(WINDOW),
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
