//! What can be seen of an account.

use net::Instant;

use super::group::in_seed_order;
use super::registration::Registration;
use super::rules::{Mode, target_of};
use super::upkeep::{State, Upkeep};
use super::{Account, Core};
use crate::context::{Device, Hop, Shared, name_of};
use crate::event::{HealthState, HopName, Place};
use crate::view::{AccountView, HopView, LeaseView, NextAct, RegisterStatus, ServerView};

impl Account {
    /// The account as it stands at `now`.
    pub(crate) fn view(&self, shared: &Shared, device: &Device, now: Instant) -> AccountView {
        let core = &self.core;
        let servers: Vec<ServerView> = (0..core.groups.len())
            .filter_map(|group| self.server_view(group, shared, device, now))
            .collect();
        let current = self.current_group(now);
        let place = current.and_then(|group| core.groups.get(group)).map(|group| group.place);
        AccountView {
            number: core.number,
            status: self.status(now),
            label: core.user.label.to_string(),
            current_server: match place {
                Some(Place::Server(number)) => Some(number),
                Some(Place::Proxy(_)) => Some(1),
                None => None,
            },
            current_proxy: match place {
                Some(Place::Proxy(number)) => Some(number),
                Some(Place::Server(_)) | None => None,
            },
            redundancy: match core.mode {
                Mode::Concurrent => Some("concurrent"),
                Mode::Successive => Some("successive"),
                Mode::Single | Mode::Proxies => None,
            },
            servers,
            next: self.next_acts(shared, device, now),
            last_failure: self.upkeeps.iter().find_map(|upkeep| upkeep.last_failure),
        }
    }

    fn status(&self, now: Instant) -> RegisterStatus {
        let sound = self.core.registrations().iter().any(|r| r.is_sound(now));
        let failed = self.upkeeps.iter().any(|upkeep| upkeep.last_failure.is_some());
        match (sound, failed) {
            (true, _) => RegisterStatus::Registered,
            (false, true) => RegisterStatus::RegisterFailed,
            (false, false) => RegisterStatus::Registering,
        }
    }

    /// The group that requests go to.
    fn current_group(&self, now: Instant) -> Option<usize> {
        let groups = 0..self.core.groups.len();
        match self.core.mode {
            Mode::Concurrent => {
                let mut groups = groups;
                groups.find(|group| self.core.registration(*group).is_sound(now))
            }
            Mode::Single | Mode::Successive | Mode::Proxies => {
                let on = self.upkeeps.first().map(|upkeep| upkeep.on)?;
                self.core.registration(on).is_live(now).then_some(on)
            }
        }
    }

    fn server_view(
        &self,
        index: usize,
        shared: &Shared,
        device: &Device,
        now: Instant,
    ) -> Option<ServerView> {
        let core = &self.core;
        let group = core.groups.get(index)?;
        let here = match core.mode {
            Mode::Proxies => self.upkeeps.first().is_some_and(|upkeep| upkeep.on == index),
            Mode::Single | Mode::Concurrent | Mode::Successive => true,
        };
        let registration = Some(core.registration(index)).filter(|_| here);
        let hops = shared.locator.last(group.location);
        let hops: Vec<Hop> = hops.map_or_else(Vec::new, |h| in_seed_order(h, device.mac.seed()));
        let views = hops.iter().enumerate().map(|(i, hop)| hop_view(i == 0, hop, device, now));
        Some(ServerView {
            place: group.place,
            address: target_of(&core.policy, group.place).host.to_string(),
            registered: registration.is_some_and(|r| r.is_sound(now)),
            in_doubt: registration.is_some_and(|r| r.is_live(now) && r.doubt.is_some()),
            lease: registration.and_then(|r| lease_view(r, now)),
            last_used: group.last_used.as_ref().map(|hop| name_of(hop)),
            failback_mode: failback_number(group.rules.failback_mode),
            next_hops: views.collect(),
        })
    }

    fn next_acts(&self, shared: &Shared, device: &Device, now: Instant) -> Vec<NextAct> {
        let mut acts: Vec<NextAct> = self
            .upkeeps
            .iter()
            .flat_map(|upkeep| upkeep_acts(upkeep, &self.core, (shared, device), now))
            .collect();
        acts.sort_by_key(|act| act.after);
        acts
    }
}

fn upkeep_acts(
    upkeep: &Upkeep,
    core: &Core,
    (shared, device): (&Shared, &Device),
    now: Instant,
) -> Vec<NextAct> {
    let mut acts = Vec::new();
    let primary = |group: usize| -> Option<HopName> {
        let hops = shared.locator.last(core.groups.get(group)?.location)?;
        hops.primary(device.mac.seed()).map(name_of)
    };
    let act = |at: Instant, what, to, why| NextAct { after: now.until(at), what, to, why };
    let lease = core.registration(upkeep.on).lease.as_ref();
    match &upkeep.state {
        State::Passing(pass) => {
            if let Some((_, attempt)) = &pass.walk.trying {
                let to = Some(name_of(attempt.hop()));
                acts.push(act(attempt.deadline(), "give up", to, "no answer yet"));
            }
        }
        State::Waiting { at, purpose } => {
            acts.push(act(*at, "REGISTER", primary(upkeep.on), why_word(purpose.why())));
        }
        State::Idle => {
            let group = core.groups.get(upkeep.on);
            if let Some(lease) = lease {
                let sticks = group.is_some_and(|group| {
                    matches!(
                        group.rules.failback_mode,
                        params::FailbackMode::DnsTtl | params::FailbackMode::Duration
                    )
                });
                let to = if sticks { Some(name_of(&lease.hop)) } else { primary(upkeep.on) };
                acts.push(act(lease.refresh_at, "REGISTER", to, "renewal"));
            }
            if let Some(clock) = group.and_then(|group| group.clock) {
                acts.push(act(clock.due, "REGISTER", primary(upkeep.on), why_word(clock.why)));
            }
        }
    }
    if let Some(at) = upkeep.probe_at {
        acts.push(act(at, "REGISTER", primary(0), "probe"));
    }
    if let Some(lease) = lease.filter(|_| core.registration(upkeep.on).doubt.is_some()) {
        acts.push(act(lease.until, "lease ends", Some(name_of(&lease.hop)), "in doubt"));
    }
    acts
}

/// The reasons that a wait can have, as scripts know them.
fn why_word(why: crate::event::Why) -> &'static str {
    use crate::event::Why;
    match why {
        Why::Ttl => "ttl",
        Why::Renewal => "renewal",
        Why::Duration => "duration",
        Why::NewRequest => "new_request",
        Why::Probe => "probe",
        Why::Command => "command",
        Why::Settings => "settings",
        Why::Start => "start",
        Why::Doubt => "doubt",
        Why::Liveness => "liveness",
        Why::LeaseEnd => "lease_end",
        Why::ConnectionLost => "connection_lost",
        Why::Retry
        | Why::TimedOut
        | Why::Unreachable
        | Why::UnreachableShared
        | Why::Refused
        | Why::Reset
        | Why::Tls(_)
        | Why::Dns
        | Why::Status(_)
        | Why::Local(_)
        | Why::Abandoned
        | Why::NotRegistered => "retry",
    }
}

fn lease_view(registration: &Registration, now: Instant) -> Option<LeaseView> {
    let lease = registration.lease.as_ref().filter(|lease| lease.until > now)?;
    Some(LeaseView {
        next_hop: name_of(&lease.hop),
        held_for: now - lease.since,
        expires_in: now.until(lease.until),
    })
}

fn hop_view(primary: bool, hop: &Hop, device: &Device, now: Instant) -> HopView {
    let next_hop = name_of(hop);
    let health = device.health.find(next_hop);
    HopView {
        next_hop,
        primary,
        source: hop.source.as_str(),
        ttl_left: (hop.expires != Instant::FAR).then(|| now.until(hop.expires)),
        health: health.map_or(HealthState::Unknown, |health| health.state),
        why: health.and_then(|health| health.why),
        last_heard: health.and_then(|health| health.heard).map(|heard| now - heard),
        round_trip: health
            .and_then(|health| health.round_trip_us)
            .map(|(smoothed, _)| std::time::Duration::from_micros(smoothed.into())),
        retry_after: device.health.blocked_until(next_hop, now).map(|until| now.until(until)),
    }
}

const fn failback_number(mode: params::FailbackMode) -> u8 {
    match mode {
        params::FailbackMode::NewRequests => 0,
        params::FailbackMode::DnsTtl => 1,
        params::FailbackMode::Registration => 2,
        params::FailbackMode::Duration => 3,
    }
}
