//! The next hops of one request, in order (behaviour §4).

use std::collections::VecDeque;
use std::net::IpAddr;

use net::Instant;

use super::group::Group;
use crate::context::{Hop, HopKey, name_of};
use crate::health::HealthTable;

/// Where a walk over the next hops of one group begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// All, from the primary.
    FromTop,
    /// All, the start hop of the failback mode first, then the others from the top.
    FromStart,
    /// From the primary down to the current next hop (A33).
    UpToCurrent,
}

/// One group's part of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Leg {
    /// Index of the group: 0 for server 1 or proxy 1.
    pub(crate) group: usize,
    pub(crate) course: Course,
}

/// Whether the last candidate gets the full timer (A28).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LastBudget {
    /// Nothing can follow it: Timer B/F.
    Full,
    /// Something else waits behind the pass: N + 1 datagrams like the others.
    Retries,
}

/// `hops`, which are in this phone's order, as `course` wants them.
pub(crate) fn arrange(
    hops: &[Hop],
    course: Course,
    start: Option<&Hop>,
    current: Option<&Hop>,
) -> Vec<Hop> {
    let at = |wanted: Option<&Hop>| {
        wanted.and_then(|wanted| hops.iter().position(|hop| hop.is_same(wanted)))
    };
    match course {
        Course::FromTop => hops.to_vec(),
        Course::FromStart => {
            let mut arranged = hops.to_vec();
            if let Some(found) = at(start).and_then(|index| arranged.get_mut(..=index)) {
                found.rotate_right(1);
            }
            arranged
        }
        Course::UpToCurrent => {
            let end = at(current).map_or(hops.len(), |index| index + 1);
            hops.get(..end).unwrap_or(hops).to_vec()
        }
    }
}

/// The candidates of a pass that are still to be asked, each next hop at most once.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<(usize, Hop)>,
    seen: Vec<HopKey>,
    seen_ips: Vec<IpAddr>,
}

/// What of the settings and of the phone's knowledge orders candidates.
pub(crate) struct Ordering<'a> {
    pub(crate) now: Instant,
    pub(crate) health: &'a HealthTable,
    /// `fast`: next hops that are down go to the end.
    pub(crate) down_last: bool,
    /// `sip.skip_redundant_failover_addr`.
    pub(crate) once_per_ip: bool,
}

impl Queue {
    /// Adds the next hops of `group`; those that asked to be left alone (503 with Retry-After) are
    /// passed over.
    pub(crate) fn extend(&mut self, group: usize, mut hops: Vec<Hop>, ordering: &Ordering<'_>) {
        if ordering.down_last {
            hops.sort_by_key(|hop| ordering.health.is_down(name_of(hop)));
        }
        for hop in hops {
            let (key, ip) = (HopKey::of(&hop), hop.addr.ip());
            let known =
                self.seen.contains(&key) || (ordering.once_per_ip && self.seen_ips.contains(&ip));
            let blocked = ordering.health.blocked_until(name_of(&hop), ordering.now).is_some();
            if !known && !blocked {
                self.seen.push(key);
                self.seen_ips.push(ip);
                self.waiting.push_back((group, hop));
            }
        }
    }

    /// Puts the target of a redirection in front, asked before or not.
    pub(crate) fn push_front(&mut self, group: usize, hop: Hop) {
        self.seen.push(HopKey::of(&hop));
        self.waiting.push_front((group, hop));
    }

    /// Puts back what was taken last.
    pub(crate) fn put_back(&mut self, group: usize, hop: Hop) {
        self.waiting.push_front((group, hop));
    }

    pub(crate) fn pop(&mut self) -> Option<(usize, Hop)> {
        self.waiting.pop_front()
    }

    /// The one that comes next.
    pub(crate) fn first(&self) -> Option<(usize, &Hop)> {
        self.waiting.front().map(|(group, hop)| (*group, hop))
    }

    pub(crate) fn has_group(&self, group: usize) -> bool {
        self.waiting.iter().any(|(other, _)| *other == group)
    }

    pub(crate) fn drop_group(&mut self, group: usize) {
        self.waiting.retain(|(other, _)| *other != group);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Forgets what is left of the walk.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// Whether any of `hops` would still be added.
    pub(crate) fn would_take_any(&self, hops: &[Hop]) -> bool {
        hops.iter().any(|hop| !self.seen.contains(&HopKey::of(hop)))
    }
}

// Guide, "REGISTER Failover": the next REGISTER goes to the primary first (mode 0).
/// The start hop of a group (behaviour §4): mode 0 the primary, modes 1 and 2 the last used, mode 3
/// the one with the lease.
pub(crate) fn start_hop<'a>(
    group: &'a Group,
    leased: Option<&'a Hop>,
    sticky: bool,
) -> Option<&'a Hop> {
    match group.rules.failback_mode {
        params::FailbackMode::NewRequests if sticky => leased.or(group.last_used.as_ref()),
        params::FailbackMode::NewRequests => None,
        params::FailbackMode::DnsTtl | params::FailbackMode::Registration => {
            group.last_used.as_ref().or(leased)
        }
        params::FailbackMode::Duration => leased.or(group.last_used.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use locate::{NextHop, Source};
    use net::Transport;

    fn hop(last: u8) -> Hop {
        std::sync::Arc::new(NextHop {
            transport: Transport::Udp,
            addr: ([192, 0, 2, last], 5060).into(),
            name: "pbx.example".into(),
            server: "pbx.example".into(),
            priority: 0,
            weight: 0,
            source: Source::Dns,
            expires: Instant::FAR,
        })
    }

    fn lasts(hops: &[Hop]) -> Vec<String> {
        hops.iter().map(|hop| hop.addr.ip().to_string().split_off(8)).collect()
    }

    // A31: at start nothing is remembered: the primary first, then the others from the top.
    #[test]
    fn a_walk_without_a_start_hop_begins_at_the_primary() {
        let hops = [hop(1), hop(2), hop(3)];
        assert_eq!(lasts(&arrange(&hops, Course::FromStart, None, None)), ["1", "2", "3"]);
        assert_eq!(lasts(&arrange(&hops, Course::FromTop, Some(&hop(2)), None)), ["1", "2", "3"]);
    }

    #[test]
    fn after_the_start_hop_the_others_follow_from_the_top() {
        let hops = [hop(1), hop(2), hop(3)];
        let arranged = arrange(&hops, Course::FromStart, Some(&hop(3)), None);
        assert_eq!(lasts(&arranged), ["3", "1", "2"]);
        let unlisted = arrange(&hops, Course::FromStart, Some(&hop(9)), None);
        assert_eq!(lasts(&unlisted), ["1", "2", "3"]);
    }

    // A33: a failback climbs from the top and ends at the current next hop.
    #[test]
    fn a_failback_ends_at_the_current_next_hop() {
        let hops = [hop(1), hop(2), hop(3)];
        let arranged = arrange(&hops, Course::UpToCurrent, None, Some(&hop(2)));
        assert_eq!(lasts(&arranged), ["1", "2"]);
    }

    #[test]
    fn each_next_hop_is_asked_once_and_a_blocked_one_not_at_all() {
        let mut health = HealthTable::default();
        health.block(name_of(&hop(2)), Instant::from_secs(9));
        let ordering =
            Ordering { now: Instant::ZERO, health: &health, down_last: false, once_per_ip: false };
        let mut queue = Queue::default();
        queue.extend(0, vec![hop(1), hop(2), hop(1)], &ordering);
        queue.extend(1, vec![hop(1), hop(3)], &ordering);
        let asked: Vec<_> = std::iter::from_fn(|| queue.pop()).map(|(_, hop)| hop).collect();
        assert_eq!(lasts(&asked), ["1", "3"]);
    }
}
