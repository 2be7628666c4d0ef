//! The `sureline` command: wires the crates together and speaks to people.

mod attached;
mod bench;
mod calls;
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
use desk::CallAct;

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
        Command::Dial(args) => calls::dial(args),
        Command::Answer(args) => calls::act(args, CallAct::Answer),
        Command::Hangup(args) => calls::act(args, CallAct::HangUp),
        Command::Hold(args) => calls::act(args, CallAct::Hold),
        Command::Resume(args) => calls::act(args, CallAct::Resume),
        Command::Transfer(args) => calls::act(&args.call, CallAct::Transfer(args.target.clone())),
        Command::Dtmf(args) => calls::act(&args.call, CallAct::Digits(args.digits.clone())),
        Command::Provision(args) => attached::provision(args),
        Command::Events(args) => attached::events(args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.conclude(),
    }
}
