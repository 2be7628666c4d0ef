//! The `sureline` command: wires the crates together and speaks to people.

mod attached;
mod bench;
mod cli;
mod demo;
mod hosted;
mod lab;
mod name_servers;
mod out;
mod parameters;
mod resolve;
mod run;
mod show;
mod state;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.command {
        Command::Demo(args) => demo::demo(args),
        Command::Lab(args) => lab::lab(args),
        Command::Bench(args) => bench::bench(args),
        Command::BenchPart(args) => bench::part(args),
        Command::Run(args) => run::run(args),
        Command::Resolve(args) => resolve::resolve(args),
        Command::Parameters(args) => parameters::parameters(args),
        Command::Status(args) => attached::status(args),
        Command::Register(args) => attached::register(args),
        Command::Provision(args) => attached::provision(args),
        Command::Events(args) => attached::events(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.conclude(),
    }
}
