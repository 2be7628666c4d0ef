//! `--pcap`: every packet in a file, each decision as a comment on the packet that it led to.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use desk::span;
use host::pcap::{Capture, Mark};
use host::{Clock, Notice, Packet, Tap};
use net::Instant;
use params::Mac;
use phone::{Event, EventKind, HopName};

use super::engine::unreadable;
use super::journal::Journal;
use crate::out::Failure;

/// Begins a capture in a file.
pub(crate) fn begin(path: &Path, clock: &Clock) -> Result<Capture, Failure> {
    let file = File::create(path).map_err(|error| unreadable(path, &error))?;
    Capture::begin(file, clock.clone()).map_err(|error| unreadable(path, &error))
}

/// Journal and capture look on together.
pub(crate) struct Onlookers {
    pub(crate) journal: Journal,
    pub(crate) capture: Option<Capture>,
}

impl Tap for Onlookers {
    fn packet(&mut self, at: Instant, packet: &Packet<'_>) {
        self.journal.packet(at, packet);
        if let Some(capture) = &mut self.capture {
            capture.packet(at, packet);
        }
    }

    fn notice(&mut self, at: Instant, notice: &Notice) {
        if let Some(capture) = &mut self.capture {
            capture.notice(at, notice);
        }
    }

    fn settle(&mut self, at: Instant) {
        if let Some(capture) = &mut self.capture {
            capture.settle(at);
        }
    }
}

/// Writes decisions on packets.
pub(crate) struct Annotator {
    capture: Capture,
    /// The attempt that failed last, for each account.
    failed: BTreeMap<(Mac, Option<u8>), (HopName, String)>,
}

impl Annotator {
    pub(crate) fn new(capture: Capture) -> Self {
        Self { capture, failed: BTreeMap::new() }
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let key = (event.phone, event.account);
        if let EventKind::AttemptEnded { attempt, why: Some(why), elapsed, .. } = &event.kind {
            let text =
                format!("{} ({why} after {})", attempt.next_hop, span(elapsed.as_secs_f64()));
            self.failed.insert(key, (attempt.next_hop, text));
        } else if let EventKind::AttemptStarted(attempt) = &event.kind {
            let (hop, place) = (attempt.next_hop, attempt.place);
            let text = match self.failed.remove(&key) {
                Some((from, why)) if from != hop => format!("next candidate: {why} -> {hop}"),
                Some(_) | None => {
                    format!("attempt {}: {} to server {place}", attempt.id, attempt.method)
                }
            };
            self.capture.annotate(Mark::Next(hop.addr), &text);
        } else if let EventKind::Moved { kind, from, to, why, elapsed, .. } = &event.kind {
            let (kind, after) = (kind.as_str().to_uppercase(), span(elapsed.as_secs_f64()));
            let text = format!("{kind} -> {to} (from {from}: {why}, after {after})");
            self.capture.annotate(Mark::Last(to.addr), &text);
        } else if let EventKind::Registered { next_hop, expires, refresh_in, .. } = &event.kind {
            let (expires, refresh) = (expires.as_secs(), span(refresh_in.as_secs_f64()));
            let text = format!("registered for {expires} s, refresh in {refresh}");
            self.capture.annotate(Mark::Last(next_hop.addr), &text);
        }
    }
}
