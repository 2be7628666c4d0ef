use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use net::{Instant, Transport};
use sip::{Method, Request};

/// One request as a server received it: a datagram, or a message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Rises by 1 within a server.
    pub seq: u64,
    /// When it came.
    pub at: Instant,
    /// Who sent it.
    pub from: SocketAddr,
    /// What carried it.
    pub transport: Transport,
    /// Its method.
    pub method: Method,
    /// Its Call-ID.
    pub call_id: Box<str>,
    /// The number of its CSeq.
    pub cseq: u32,
    /// The branch of its top Via.
    pub branch: Box<str>,
    /// What it asks for: the Expires header field, else the `expires` of its first Contact.
    pub expires_s: Option<u32>,
    /// 0 for the first of its transaction, then counting up.
    pub retransmission: u32,
    /// The status of the last response that it was given; `None` where it was not answered.
    pub answered: Option<u16>,
}

/// The requests that a server received, the last [`RequestLog::limit`] of them.
#[derive(Debug)]
pub(crate) struct RequestLog {
    rows: VecDeque<RequestRow>,
    limit: usize,
    next: u64,
    /// How often each transaction of the rows kept was seen, and by how many of them.
    seen: BTreeMap<(Box<str>, Method, SocketAddr), (u32, u32)>,
}

impl RequestLog {
    pub(crate) const fn new(limit: usize) -> Self {
        Self { rows: VecDeque::new(), limit, next: 1, seen: BTreeMap::new() }
    }

    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = &RequestRow> {
        self.rows.iter()
    }

    /// Notes a request and returns its number.
    pub(crate) fn note(
        &mut self,
        at: Instant,
        from: SocketAddr,
        transport: Transport,
        request: &Request,
    ) -> u64 {
        let seq = self.next;
        self.next += 1;
        if self.limit == 0 {
            return seq;
        }
        let contact = || request.contacts().first().and_then(|contact| contact.expires);
        let mut row = RequestRow {
            seq,
            at,
            from,
            transport,
            method: request.method().clone(),
            call_id: request.call_id().into(),
            cseq: request.cseq(),
            branch: request.branch().into(),
            expires_s: request.expires().or_else(contact),
            retransmission: 0,
            answered: None,
        };
        let (times, kept) = self.seen.entry(key_of(&row)).or_insert((0, 0));
        row.retransmission = *times;
        *times += 1;
        *kept += 1;
        self.rows.push_back(row);
        self.shorten();
        seq
    }

    /// Notes the status of a response to a request.
    pub(crate) fn answer(&mut self, seq: u64, status: u16) {
        let Some(first) = self.rows.front().map(|row| row.seq) else { return };
        let place = seq.checked_sub(first).and_then(|place| usize::try_from(place).ok());
        if let Some(row) = place.and_then(|place| self.rows.get_mut(place)) {
            row.answered = Some(status);
        }
    }

    fn shorten(&mut self) {
        while self.rows.len() > self.limit {
            let Some(old) = self.rows.pop_front() else { return };
            let key = key_of(&old);
            if let Some((_, kept)) = self.seen.get_mut(&key) {
                *kept -= 1;
                if *kept == 0 {
                    self.seen.remove(&key);
                }
            }
        }
    }
}

fn key_of(row: &RequestRow) -> (Box<str>, Method, SocketAddr) {
    (row.branch.clone(), row.method.clone(), row.from)
}
