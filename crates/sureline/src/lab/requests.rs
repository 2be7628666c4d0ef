//! What the registrars received, as one sequence.

use std::collections::BTreeMap;

use lab::{RequestRow, Role};

use super::servers::Servers;

/// A request with its place in the sequence of all servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Received {
    /// Rises with the time of arrival, and is kept.
    pub(crate) seq: u64,
    pub(crate) role: Role,
    pub(crate) row: RequestRow,
}

/// Numbers the requests of all servers: a row keeps the number that it was first given.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    last: u64,
    by_row: BTreeMap<(Role, u64), u64>,
}

impl Sequence {
    /// Gives numbers to rows that have none yet, and puts all in order.
    pub(crate) fn number(&mut self, mut rows: Vec<(Role, RequestRow)>) -> Vec<Received> {
        rows.sort_by_key(|(_, row)| row.at);
        let numbered = rows.into_iter().map(|(role, row)| {
            let seq = self.by_row.entry((role, row.seq)).or_insert_with(|| {
                self.last += 1;
                self.last
            });
            Received { seq: *seq, role, row }
        });
        let mut numbered: Vec<_> = numbered.collect();
        numbered.sort_by_key(|received| received.seq);
        numbered
    }
}

/// Every request that the servers remember.
pub(crate) async fn received(servers: &Servers) -> Vec<(Role, RequestRow)> {
    let mut rows = Vec::new();
    for (role, running) in &servers.registrars {
        let found = running.handle.inspect(|registrar, _| registrar.requests().cloned().collect());
        // A server that has stopped has nothing to tell.
        let found: Vec<RequestRow> = found.await.unwrap_or_default();
        rows.extend(found.into_iter().map(|row| (*role, row)));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use net::{Instant, Transport};

    fn row(seq: u64, at_s: u64) -> RequestRow {
        RequestRow {
            seq,
            at: Instant::from_secs(at_s),
            from: "127.0.0.1:1".parse().unwrap(),
            transport: Transport::Udp,
            method: sip::Method::Register,
            call_id: "a".into(),
            cseq: 1,
            branch: "b".into(),
            expires_s: None,
            retransmission: 0,
            answered: None,
        }
    }

    #[test]
    fn a_row_keeps_its_number_when_an_earlier_one_of_another_server_is_seen_later() {
        let mut sequence = Sequence::default();
        let (first, second) = ((Role::Primary, row(1, 1)), (Role::Secondary, row(1, 3)));
        let late = (Role::Primary, row(2, 2));
        sequence.number(vec![first.clone(), second.clone()]);
        let all = sequence.number(vec![second, late, first]);
        let seen: Vec<_> = all.iter().map(|it| (it.seq, it.role, it.row.seq)).collect();
        assert_eq!(seen, [(1, Role::Primary, 1), (2, Role::Secondary, 1), (3, Role::Primary, 2)]);
    }
}
