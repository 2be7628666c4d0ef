//! `sureline bench`: the figures of the README, measured on the machine it runs on.
//!
//! Phones and registrars are processes of their own (this program again, with a hidden command), so
//! that time and memory are those of the phones alone. What goes over the wire is judged from a
//! capture, never from what the phones say.

mod capture;
mod figure;
mod fleet;
mod idle;
mod machine;
mod memory;
mod moves;
mod part;
mod place;
mod rate;
mod registrar;
mod report;
mod usage;

use clap::ValueEnum as _;

use crate::cli::{BenchArgs, BenchPartArgs, FigureName, PartRole};
use crate::out::{Failure, Outcome, complain};

use figure::Figure;
use machine::Machine;
use place::Place;

/// `sureline bench`.
pub(crate) fn bench(args: &BenchArgs) -> Outcome {
    usage::permit_descriptors();
    let place = Place::find()?;
    let (mut figures, mut failed) = (Vec::new(), false);
    let all = FigureName::value_variants().iter().copied();
    for name in all.filter(|name| args.only.is_empty() || args.only.contains(name)) {
        let value = name.to_possible_value().unwrap_or_default();
        complain(&format!(
            "({}) {}, load {}",
            value.get_name(),
            value.get_help().map(ToString::to_string).unwrap_or_default(),
            Machine::look().load
        ));
        match measure(name, args, &place) {
            Ok(measured) => figures.extend(measured),
            Err(Failure::Failed(why)) => {
                failed = true;
                let letter = value.get_name().chars().next().unwrap_or_default();
                figures.push(Figure::missing(letter, "failed", why));
            }
            Err(other @ (Failure::Misused(_) | Failure::Said | Failure::Unread)) => {
                return Err(other);
            }
        }
    }
    report::print(args, &Machine::look(), &figures)?;
    let missed = figures.iter().any(|figure| figure.is_met() == Some(false));
    if missed || failed { Err(Failure::Said) } else { Ok(()) }
}

/// The hidden command: one process of a measurement.
pub(crate) fn part(args: &BenchPartArgs) -> Outcome {
    usage::permit_descriptors();
    match args.role {
        PartRole::Registrar => registrar::run(&part::read(&args.order)?),
        PartRole::Phones => fleet::run(&part::read(&args.order)?),
    }
}

fn measure(name: FigureName, args: &BenchArgs, place: &Place) -> Result<Vec<Figure>, Failure> {
    match name {
        FigureName::Failover => moves::after_silence(place),
        FigureName::Refusal => moves::after_refusal(place),
        FigureName::Memory => memory::measure(args, place),
        FigureName::Rate => rate::measure(args, place),
        FigureName::Idle => idle::measure(args, place),
    }
}
