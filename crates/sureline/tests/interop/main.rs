//! The phone against servers that other people wrote: Kamailio registrars, Knot as name server, in
//! network namespaces of their own.
//!
//! `matrix.tsv` has a row for each cell. [`runner`] runs the cells side by side; [`cell`] builds
//! the servers of one and the phone, a process of its own; the [`stories`] tell what happens in it.
//! What is asserted comes from a capture of the cable between phone and servers ([`capture`]) and
//! from what Kamailio says it got ([`kamailio`]), never from the phone's own events alone.
//!
//! What a cell leaves behind (capture, logs, the phone's events) lies in the target folder under
//! `tmp/interop/CELL`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::print_stdout,
    reason = "a test that is surprised has to fail, and then its output is shown"
)]

mod capture;
mod cell;
mod child;
mod icmp;
mod kamailio;
mod knot;
mod matrix;
mod network;
mod phone;
mod prerequisites;
mod runner;
mod servers;
mod stories;
mod wait;
mod wire;

use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

#[test]
fn registers_at_whichever_real_server_lives() {
    alone(|| runner::run(&matrix::rows()));
}

// A32: an ICMP error is an answer. Design, "ICMP": its senders are rate-limited, so it ends every
// attempt of the process at that next hop that has waited 50 ms.
#[test]
fn one_icmp_error_moves_every_phone_of_the_process() {
    alone(|| {
        // It moves to another network for good.
        let thread = std::thread::spawn(icmp::speaks_for_all_phones);
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Runs one test of this program at a time: they measure times, and there may be two cores.
fn alone(test: impl FnOnce()) {
    static RUNNING: Mutex<()> = Mutex::new(());
    let _running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if prerequisites::are_met() {
        test();
    }
}

/// Says a line that is seen whether or not the test harness shows what tests print.
fn say(line: &str) {
    // Nobody may be listening.
    writeln!(std::io::stderr(), "interop: {line}").ok();
}
