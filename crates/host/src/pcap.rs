//! Packets written to a file as Wireshark and sngrep read it (pcapng), each with what was decided on it.
//!
//! The executor sees contents, not frames: IP, UDP and TCP headers are made up to fit. What came or
//! left over TLS is written decrypted, as TCP, with port 5060 for 5061; a comment says so.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::mem;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use net::{Conn, Instant, Transport};

use crate::frame::{self, Segment};
use crate::{Channel, Clock, Direction, Notice, Packet, Tap};

/// A capture in progress; clones write to one file. A thread of its own does the writing, so that a
/// slow disk costs packets of the capture and nothing else.
#[derive(Clone)]
pub struct Capture(Arc<Mutex<State>>);

/// Which packet a note belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The last one from or to this address.
    Last(SocketAddr),
    /// The next one to this address.
    Next(SocketAddr),
}

struct State {
    clock: Clock,
    writer: Option<Writer>,
    /// Packets of this turn, which can still be annotated.
    held: VecDeque<Held>,
    /// What to say on the next packet to an address.
    notes: VecDeque<(SocketAddr, String)>,
    streams: BTreeMap<Conn, Stream>,
    lost: u64,
}

struct Writer {
    blocks: SyncSender<Vec<u8>>,
    thread: JoinHandle<io::Result<()>>,
}

struct Held {
    unix_us: u64,
    remote: SocketAddr,
    frames: Vec<Vec<u8>>,
    comments: Vec<String>,
}

/// The next sequence numbers of a stream.
#[derive(Clone, Copy, Default)]
struct Stream {
    sent: u32,
    received: u32,
}

impl Capture {
    /// Begins a capture that is written to `out`, times as `clock` tells them.
    pub fn begin(mut out: impl Write + Send + 'static, clock: Clock) -> io::Result<Self> {
        out.write_all(&frame::file_header())?;
        let (blocks, taken) = sync_channel(BLOCK_LIMIT);
        let name = "capture".to_owned();
        let thread = std::thread::Builder::new().name(name).spawn(|| write(out, taken))?;
        Ok(Self(Arc::new(Mutex::new(State {
            clock,
            writer: Some(Writer { blocks, thread }),
            held: VecDeque::new(),
            notes: VecDeque::new(),
            streams: BTreeMap::new(),
            lost: 0,
        }))))
    }

    /// Writes `text` on a packet. A packet of an earlier turn is in the file already: the next one
    /// to its address is then taken.
    pub fn annotate(&self, mark: Mark, text: &str) {
        let mut state = self.state();
        let (remote, last) = match mark {
            Mark::Last(remote) => {
                let found = state.held.iter_mut().rev().find(|held| held.remote == remote);
                (remote, found)
            }
            Mark::Next(remote) => (remote, None),
        };
        match last {
            Some(held) => held.comments.push(text.to_owned()),
            None => {
                state.notes.push_back((remote, text.to_owned()));
                if state.notes.len() > NOTE_LIMIT {
                    state.notes.pop_front();
                }
            }
        }
    }

    /// Ends the capture; says whether everything reached its file.
    pub fn finish(&self) -> io::Result<()> {
        let writer = {
            let mut state = self.state();
            state.flush();
            state.writer.take()
        };
        let Some(Writer { blocks, thread }) = writer else { return Ok(()) };
        drop(blocks);
        thread.join().map_err(|_| io::Error::other("the writer of the capture has failed"))?
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whatever a panic left behind is a capture that can go on.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Capture {
    fn packet(&mut self, at: Instant, packet: &Packet<'_>) {
        self.state().add(at, packet);
    }

    fn notice(&mut self, _at: Instant, notice: &Notice) {
        if let Notice::WriteQueueFull { conn } = notice {
            self.state().streams.remove(conn);
        }
    }

    fn settle(&mut self, _at: Instant) {
        self.state().flush();
    }
}

impl State {
    fn add(&mut self, at: Instant, packet: &Packet<'_>) {
        if self.writer.is_none() {
            return;
        }
        let mut comments = self.take_notes(packet);
        let frames = match packet.channel {
            Channel::Socket(_) => vec![frame::udp(packet)],
            Channel::Conn(conn) => self.segments(conn, packet, &mut comments),
        };
        let unix_us = self.clock.wall(at).as_unix_micros();
        self.held.push_back(Held { unix_us, remote: packet.remote, frames, comments });
        if self.held.len() >= HELD_LIMIT {
            self.flush();
        }
    }

    fn take_notes(&mut self, packet: &Packet<'_>) -> Vec<String> {
        let mut comments = Vec::new();
        if packet.direction == Direction::Sent {
            self.notes.retain_mut(|(remote, text)| {
                let other = *remote != packet.remote;
                if !other {
                    comments.push(mem::take(text));
                }
                other
            });
        }
        comments
    }

    fn segments(
        &mut self,
        conn: Conn,
        packet: &Packet<'_>,
        comments: &mut Vec<String>,
    ) -> Vec<Vec<u8>> {
        if self.streams.len() >= STREAM_LIMIT && !self.streams.contains_key(&conn) {
            self.streams.pop_first();
        }
        let stream = self.streams.entry(conn).or_insert_with(|| {
            if packet.transport == Transport::Tls {
                comments.push(format!("decrypted: this is TLS with {}", packet.remote));
            }
            Stream { sent: 1, received: 1 }
        });
        let pieces = packet.bytes.chunks(frame::SEGMENT_LIMIT);
        pieces
            .map(|bytes| {
                let (own, other) = match packet.direction {
                    Direction::Sent => (&mut stream.sent, stream.received),
                    Direction::Received => (&mut stream.received, stream.sent),
                };
                let segment = Segment { sequence: *own, acknowledged: other, bytes };
                // A piece is shorter than 64 KiB.
                *own = own.wrapping_add(u32::try_from(bytes.len()).unwrap_or(0));
                frame::tcp(packet, &segment)
            })
            .collect()
    }

    /// Hands what was held to the writer.
    fn flush(&mut self) {
        let Some(writer) = &self.writer else { return };
        if self.held.is_empty() {
            return;
        }
        if self.lost > 0
            && let Some(first) = self.held.front_mut()
        {
            let lost = self.lost;
            first.comments.push(format!("{lost} packets before this one are missing: slow disk"));
        }
        let mut blocks = Vec::new();
        for held in &self.held {
            for (nth, bytes) in held.frames.iter().enumerate() {
                let comments = if nth == 0 { held.comments.as_slice() } else { &[] };
                frame::packet_block(&mut blocks, held.unix_us, bytes, comments);
            }
        }
        let count = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        self.held.clear();
        self.lost = match writer.blocks.try_send(blocks) {
            Ok(()) => 0,
            Err(_) => self.lost.saturating_add(count),
        };
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.flush();
    }
}

/// The writing thread: it ends with the capture, or with the first error.
fn write(mut out: impl Write, taken: Receiver<Vec<u8>>) -> io::Result<()> {
    for blocks in taken {
        out.write_all(&blocks)?;
        out.flush()?;
    }
    Ok(())
}

/// Turns that may wait to be written.
const BLOCK_LIMIT: usize = 1024;
/// Packets that are held back within one turn.
const HELD_LIMIT: usize = 64;
/// Notes that wait for their packet; with more, the oldest is dropped.
const NOTE_LIMIT: usize = 64;
/// Streams whose sequence numbers are remembered; with more, the oldest begins anew.
const STREAM_LIMIT: usize = 4096;
