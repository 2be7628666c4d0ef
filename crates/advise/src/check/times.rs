//! Times, from the machines that keep them: [`phone::Plan`] for one next hop, [`Endpoint::bound`]
//! for an account.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use locate::ResolverConfig;
use net::{Input, Instant, Node as _, Socket};
use params::{AccountSettings, CommonSettings, PhoneSettings, StaticA, StaticRecords};
use phone::{Bound, Budget, Command, Endpoint, EndpointConfig, Kind, Plan, SipTimers};

/// RFC 3261 timers of the phone.
pub(crate) fn timers(common: &CommonSettings) -> SipTimers {
    SipTimers { t1: common.t1, t2: common.t2 }
}

/// How long a silent next hop is given where another follows it.
pub(crate) fn give_up(common: &CommonSettings, kind: Kind, retries: u8) -> Duration {
    Plan::new(kind, Budget::Retries(retries), timers(common)).give_up()
}

/// How long the last next hop is given (A28).
pub(crate) fn last(common: &CommonSettings, kind: Kind) -> Duration {
    Plan::new(kind, Budget::Full, timers(common)).give_up()
}

/// The longest pass of REGISTER over so many next hops: all silent, the last for Timer F.
pub(crate) fn pass(common: &CommonSettings, retries: u8, hops: usize) -> Duration {
    let before = u32::try_from(hops.saturating_sub(1)).unwrap_or(u32::MAX);
    let before = give_up(common, Kind::NonInvite, retries).saturating_mul(before);
    before.saturating_add(last(common, Kind::NonInvite))
}

/// What the engine says of an account whose servers are names with so many addresses each: a phone is
/// made of it and asked.
pub(crate) fn bound(
    settings: &PhoneSettings,
    account: &AccountSettings,
    hops: usize,
) -> Option<Bound> {
    let mac = settings.mac;
    let mut asked = PhoneSettings {
        accounts: vec![AccountSettings { enabled: true, ..account.clone() }],
        line_keys: Vec::new(),
        ..settings.clone()
    };
    let mut policy = (*account.policy).clone();
    policy.static_cache_pri = true;
    let servers = policy.servers.iter_mut().map(|server| (&mut server.address, &mut server.port));
    let proxies =
        policy.proxies.proxies.iter_mut().map(|proxy| (&mut proxy.address, &mut proxy.port));
    let mut records = StaticRecords::default();
    for (nth, (address, port)) in (0..).zip(servers.chain(proxies)) {
        if !address.is_empty() {
            *address = format!("place{nth}.test").into();
            *port = 5060;
            records.a.extend((1..=hops.clamp(1, HOPS_MAX)).map(|n| addressed(address, nth, n)));
        }
    }
    let common = Arc::make_mut(&mut asked.common);
    common.static_records = records;
    common.reg_surge_prevention_s = 0;
    asked.accounts.iter_mut().for_each(|account| account.policy = policy.clone().into());
    let mut endpoint = endpoint();
    endpoint.command(Instant::ZERO, Command::Apply(Box::new(asked)));
    endpoint.handle(Instant::ZERO, Input::Timeout);
    endpoint.bound(mac, account.number)
}

fn addressed(name: &str, place: u8, nth: usize) -> StaticA {
    let last = u8::try_from(nth).unwrap_or(u8::MAX);
    StaticA {
        index: last,
        name: name.into(),
        ip: IpAddr::V4(Ipv4Addr::new(192, 0, 2, place.saturating_mul(64).saturating_add(last))),
        ttl_s: 3600,
    }
}

fn endpoint() -> Endpoint {
    Endpoint::new(EndpointConfig {
        seed: 1,
        secret: [0; 16],
        sockets: vec![(Socket(0), SocketAddr::from(([192, 0, 2, 254], 5060)))],
        listen: Vec::new(),
        advertise: None,
        resolver: ResolverConfig {
            name_servers: Vec::new(),
            query_timeout: Duration::from_secs(3),
            retry_times: 0,
            serve_stale: None,
            over_tcp: false,
        },
    })
}

/// More make no difference that anybody reads: a name has at most 16 addresses.
const HOPS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use params::{Device, Interner, Layer, Layers, Source};

    // Behaviour §7 and lint.md: expires 30, three retries, two next hops: 39.5 s.
    #[test]
    fn a_pass_over_two_silent_next_hops_takes_39_and_a_half_seconds() {
        let common = CommonSettings::default();
        assert_eq!(pass(&common, 3, 2), Duration::from_millis(39_500));
    }

    #[test]
    fn the_engine_is_asked_with_as_many_next_hops_as_wanted() {
        let text = "account.1.enable = 1\naccount.1.sip_server.1.address = pbx.test\n\
                    account.1.sip_server.1.expires = 30\n";
        let source = Source { name: "a.cfg", layer: Layer::Mac, bytes: text.as_bytes() };
        let (layers, _) = Layers::load(&[source]);
        let (settings, _) = layers.settings(&Device::default(), &mut Interner::default());
        let within = |hops| {
            let bound = bound(&settings, &settings.accounts[0], hops).unwrap();
            bound.cases[0].within.unwrap()
        };
        // R is half of the lease.
        assert_eq!(within(1), Duration::from_secs(15 + 32));
        assert_eq!(within(2), Duration::from_millis(15_000 + 39_500));
    }
}
