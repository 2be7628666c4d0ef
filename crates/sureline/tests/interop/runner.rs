//! Runs cells side by side.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use host::Clock;
use net::Instant;

use crate::cell::Cell;
use crate::matrix::Row;
use crate::say;

/// How many cells run at once: they wait most of the time.
const AT_ONCE: usize = 24;

/// The whole matrix, in real time.
const TIME_LIMIT: Duration = Duration::from_secs(240);

/// Plays every row; fails with the names of all that did not go as they should.
pub(crate) fn run(rows: &[Row]) {
    let clock = Clock::start();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(row) = rows.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = clock.now();
                    let fault = play(row).err();
                    let took = clock.now().since(begun);
                    let outcome = if fault.is_none() { "ok" } else { "FAILED" };
                    println!("{outcome:6} {:5.1} s  {}", took.as_secs_f64(), row.cell);
                    if let Some(fault) = fault {
                        failed.lock().unwrap().push(format!("{}: {fault}", row.cell));
                    }
                }
            });
        }
    });
    let took = clock.now().since(Instant::ZERO);
    let failed = failed.into_inner().unwrap();
    let (cells, wrong) = (rows.len(), failed.len());
    say(&format!("{cells} cells of the matrix, {wrong} failed, {:.1} s", took.as_secs_f64()));
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(took < TIME_LIMIT, "took {took:?} of {TIME_LIMIT:?}");
}

/// Plays a row in a thread of its own: it moves to another network, and its programs end with it.
fn play(row: &Row) -> Result<(), String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(row.cell.clone());
        let cell = thread.spawn_scoped(scope, || (row.play)(build(row)));
        cell.unwrap().join().map_err(|panic| text_of(&*panic))
    })
}

/// Builds one cell at a time: starting its servers is work, and others measure times meanwhile.
fn build(row: &Row) -> Cell<'_> {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    Cell::build(row)
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
