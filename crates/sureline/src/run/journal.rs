//! The last SIP messages of a process, for `GET /api/trace`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use desk::TraceLine;
use host::{Direction, Packet, Tap};
use net::Instant;

/// How much text of messages is kept.
const BYTES_MAX: usize = 4 << 20;

/// A ring of messages; shared by cloning.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal(Arc<Mutex<Ring>>);

#[derive(Debug, Default)]
struct Ring {
    lines: VecDeque<TraceLine>,
    bytes: usize,
}

impl Journal {
    /// The messages from `from` to `to`, in seconds since the start, oldest first.
    pub(crate) fn between(&self, from: f64, to: f64) -> Vec<TraceLine> {
        let ring = self.ring();
        ring.lines.iter().filter(|line| (from..=to).contains(&line.t)).cloned().collect()
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Journal {
    fn packet(&mut self, at: Instant, packet: &Packet<'_>) {
        let Some(message) = message(packet.bytes) else { return };
        let direction = match packet.direction {
            Direction::Received => "in",
            Direction::Sent => "out",
        };
        let mut ring = self.ring();
        ring.bytes += message.len();
        ring.lines.push_back(TraceLine {
            t: at.as_secs_f64(),
            direction: direction.into(),
            next_hop: format!("{}/{}", packet.transport, packet.remote),
            message,
        });
        while ring.bytes > BYTES_MAX {
            let Some(oldest) = ring.lines.pop_front() else { break };
            ring.bytes -= oldest.message.len();
        }
    }
}

/// The text of a SIP message, secrets blanked; none for anything else, such as DNS.
fn message(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes);
    let first = text.lines().next()?;
    (first.starts_with("SIP/2.0 ") || first.ends_with(" SIP/2.0")).then(|| blanked(&text))
}

/// `message` without what a password could be guessed from: the digest responses.
fn blanked(message: &str) -> String {
    let mut blanked = String::with_capacity(message.len());
    for line in message.split_inclusive('\n') {
        let name = line.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
        if name == "authorization" || name == "proxy-authorization" {
            blanked.push_str(&without_response(line));
        } else {
            blanked.push_str(line);
        }
    }
    blanked
}

fn without_response(line: &str) -> String {
    const KEY: &str = "response=\"";
    let start = line.to_ascii_lowercase().find(KEY).map(|at| at + KEY.len());
    let parts = start.and_then(|start| {
        let (head, rest) = (line.get(..start)?, line.get(start..)?);
        Some((head, rest.split_once('"').map_or("", |(_, tail)| tail)))
    });
    parts.map_or_else(|| line.to_owned(), |(head, tail)| format!("{head}•••\"{tail}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Channel;
    use net::{Socket, Transport};

    fn heard(journal: &mut Journal, at_s: u64, bytes: &[u8]) {
        let packet = Packet {
            direction: Direction::Sent,
            transport: Transport::Udp,
            channel: Channel::Socket(Socket(0)),
            local: "127.0.0.1:5060".parse().unwrap(),
            remote: "127.0.1.1:5060".parse().unwrap(),
            bytes,
        };
        journal.packet(Instant::from_secs(at_s), &packet);
    }

    #[test]
    fn messages_of_a_time_are_found_and_nothing_but_messages_is_kept() {
        let mut journal = Journal::default();
        heard(&mut journal, 1, b"REGISTER sip:lab.test SIP/2.0\r\n\r\n");
        heard(&mut journal, 2, b"\x12\x34\x01\x00");
        heard(&mut journal, 3, b"SIP/2.0 200 OK\r\n\r\n");
        let found = journal.between(0.5, 2.5);
        assert_eq!((found.len(), found[0].next_hop.as_str()), (1, "udp/127.0.1.1:5060"));
        assert_eq!(journal.between(0.0, 9.0).len(), 2);
    }

    #[test]
    fn a_digest_response_is_blanked() {
        let line = "Authorization: Digest username=\"1001\", response=\"0123abc\", nc=00000001\r\n";
        assert_eq!(
            blanked(line),
            "Authorization: Digest username=\"1001\", response=\"•••\", nc=00000001\r\n"
        );
        assert_eq!(blanked("To: <sip:response=\"x\">\r\n"), "To: <sip:response=\"x\">\r\n");
    }

    #[test]
    fn the_oldest_messages_make_room() {
        let mut journal = Journal::default();
        let long = format!("SIP/2.0 200 OK\r\n{}", "x".repeat(BYTES_MAX / 2));
        (1..=3).for_each(|at_s| heard(&mut journal, at_s, long.as_bytes()));
        assert_eq!(journal.between(0.0, 9.0).len(), 1);
    }
}
