//! How many registrations a second of processor time gives: figure (d).

use super::figure::{Better, Figure, Limit};
use super::fleet::{self, Attempts, Pace, Servers};
use super::part::Part;
use super::place::Place;
use super::registrar::{self, Carrier, Passwords};
use crate::cli::{BenchArgs, PartRole};
use crate::out::Failure;

const PHONES: u32 = 20_000;
const SLICE: u32 = 500;
const WINDOW: u32 = 256;
const RUNS: usize = 5;

/// Each registration is that of a phone which has none: its settings are taken, a REGISTER is
/// challenged with SHA-256, answered with credentials and granted.
pub(crate) fn measure(args: &BenchArgs, place: &Place) -> Result<Vec<Figure>, Failure> {
    let runs = if args.quick { 1 } else { RUNS };
    let mut rates = Vec::new();
    let mut took_s = 0.0;
    for _ in 0..runs {
        let done = run(place)?;
        rates.extend(done.rates);
        took_s += done.took_s;
    }
    let all = f64::from(PHONES) * f64::from(u32::try_from(runs).unwrap_or(1));
    let what = "digest registrations over UDP for a second of user + system time of the phones";
    let figure = Figure::of('d', what, ("1/s", Better::More), &rates)
        .limited(Limit::MedianAbove(12_000.0))
        .noted(format!(
            "goal 20,000; a sample is {SLICE} registrations, settings and system calls included; \
             {:.0} a second of real time",
            all / took_s
        ));
    Ok(vec![figure])
}

fn run(place: &Place) -> Result<fleet::Done, Failure> {
    let at = place.secondary();
    let order = registrar::Order { carrier: Carrier::Udp, at, passwords: Passwords::Asked };
    let mut registrar = Part::start(PartRole::Registrar, &order)?;
    registrar.hear::<registrar::Ready>()?;
    let order = fleet::Order {
        from: place.phones(),
        servers: Servers::Same(vec![at]),
        carrier: Carrier::Udp,
        authority: None,
        count: PHONES,
        pace: Pace::Window(WINDOW),
        slice: SLICE,
        attempts: Attempts::Dropped,
    };
    let mut phones = Part::start(PartRole::Phones, &order)?;
    phones.hear::<fleet::Ready>()?;
    phones.go_on()?;
    phones.hear()
}
