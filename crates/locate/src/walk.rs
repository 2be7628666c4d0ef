//! From a target to its ranks of servers: RFC 3263 as behaviour §3 has it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use dns::{Data, DomainName, Naptr, RecordType, Srv};
use net::{Instant, Name, Transport};

use crate::hops::{NextHop, Rank, RankOrder, RankedServer, Source};
use crate::look::{Found, Looked, Lookup, Sources, WhyNothing};
use crate::target::{default_port, literal};
use crate::trail::{Decision, SkippedNaptr};
use crate::{NaptrBuild, SrvWeight, Target, Why, select};

/// One walk from the target to next hops, with the lookups it makes.
pub(crate) struct Walk<'a, 'b> {
    target: &'a Target,
    /// What a certificate has to name.
    host: Name,
    look: &'b mut Lookup<'a>,
    /// SRV targets that may still be taken.
    targets_left: usize,
    /// Why there is nothing, if the end finds nothing.
    pub(crate) why: Option<Why>,
    /// Names whose NAPTR records were followed.
    visited: BTreeSet<DomainName>,
}

/// What an SRV record set leads to.
enum Services {
    Pending,
    /// No source has SRV records.
    Nothing,
    /// The service is not offered.
    Refused,
    /// Servers; none where no target has an address.
    Ranks(Vec<Rank>),
}

/// One way that NAPTR records show.
struct Way {
    transport: Transport,
    /// Whether SRV records come next, or addresses at once.
    by_srv: bool,
    to: DomainName,
    source: Source,
}

/// What the records on the way to an address say of its next hop.
#[derive(Clone, Copy)]
struct Via {
    transport: Transport,
    port: u16,
    priority: u16,
    weight: u16,
}

impl Via {
    /// Without SRV record.
    const fn plain(transport: Transport, port: u16) -> Self {
        Self { transport, port, priority: 0, weight: 0 }
    }
}

impl<'a, 'b> Walk<'a, 'b> {
    pub(crate) fn new(target: &'a Target, look: &'b mut Lookup<'a>) -> Self {
        let host = match target.literal() {
            Some(ip) => Name::from(ip.to_string()),
            None => Name::from(&*target.host),
        };
        let visited = BTreeSet::new();
        Self { target, host, look, targets_left: TARGETS_MAX, why: None, visited }
    }

    /// The ranks of servers; what is missing for them is in the lookup.
    pub(crate) fn ranks(&mut self) -> Vec<Rank> {
        let fixed = self.target.transport.fixed();
        if let Some(ip) = self.target.literal() {
            return self.at_literal(ip, fixed.unwrap_or(Transport::Udp));
        }
        let name = match DomainName::parse(&self.target.host) {
            Ok(name) => name,
            Err(problem) => {
                self.why = Some(Why::BadName(problem));
                return Vec::new();
            }
        };
        match (fixed, self.target.port) {
            // A19: transport_type 0, 1, 2 and port 0: SRV for that transport, then A.
            (Some(transport), 0) => self.by_service(&name, transport),
            (None, 0) => self.by_naptr(&name),
            // Guide, "Server Domain Name Resolution": an explicit port means an A query only.
            (_, port) => {
                let transport = fixed.unwrap_or(Transport::Udp);
                self.look.decide(Decision::PortGiven { port, transport });
                self.by_address(&name, transport, port)
            }
        }
    }

    fn at_literal(&mut self, ip: IpAddr, transport: Transport) -> Vec<Rank> {
        self.look.decide(Decision::Literal(ip));
        let port = port_or_default(self.target.port, transport);
        let via = Via::plain(transport, port);
        let hop = self.hop(ip, &self.host.clone(), via, (Source::Literal, Instant::FAR));
        vec![Rank::single(vec![hop], false)]
    }

    fn by_service(&mut self, name: &DomainName, transport: Transport) -> Vec<Rank> {
        let Some(service) = service_name(name, transport) else { return Vec::new() };
        match self.services(&service, transport, Sources::All, false) {
            Services::Ranks(ranks) => ranks,
            Services::Pending | Services::Refused => Vec::new(),
            Services::Nothing => self.without_srv(name, transport),
        }
    }

    fn by_naptr(&mut self, name: &DomainName) -> Vec<Rank> {
        let mut ways = Vec::new();
        if !self.naptr(name, 0, &mut ways) {
            return Vec::new();
        }
        let Some(first) = ways.first().map(|way| way.transport) else {
            return self.by_build(name);
        };
        let mut ranks = Vec::new();
        let mut has_srv = false;
        // A21: all usable records of the lowest usable order give next hops.
        for way in ways {
            let by_static = way.source == Source::Static;
            if !way.by_srv {
                has_srv = true;
                let via = Via::plain(way.transport, default_port(way.transport));
                ranks
                    .extend(self.addressed(&way.to, via).map(|hops| Rank::single(hops, by_static)));
                continue;
            }
            match self.services(&way.to, way.transport, Sources::All, by_static) {
                Services::Ranks(found) => {
                    has_srv = true;
                    ranks.extend(found);
                }
                Services::Pending | Services::Refused => has_srv = true,
                Services::Nothing => {}
            }
        }
        if has_srv { ranks } else { self.without_srv(name, first) }
    }

    /// No NAPTR answer: the services that `naptr_build` names, the first with an answer.
    fn by_build(&mut self, name: &DomainName) -> Vec<Rank> {
        let build = self.look.policy.naptr_build;
        self.look.decide(Decision::NoNaptr(build));
        let mut udp_refused = false;
        for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
            let sources = match (build, transport) {
                (_, Transport::Udp) | (NaptrBuild::UdpTcpTls, _) => Sources::All,
                // A35: naptr_build says what is asked of DNS; static records are consulted anyway.
                (NaptrBuild::UdpOnly, Transport::Tcp | Transport::Tls) => Sources::StaticOnly,
            };
            let Some(service) = service_name(name, transport) else { continue };
            match self.services(&service, transport, sources, false) {
                Services::Pending => return Vec::new(),
                Services::Ranks(ranks) => {
                    if sources == Sources::StaticOnly {
                        self.look.decide(Decision::StaticServices);
                    }
                    return ranks;
                }
                Services::Refused => udp_refused |= transport == Transport::Udp,
                Services::Nothing => {}
            }
        }
        if udp_refused { Vec::new() } else { self.without_srv(name, Transport::Udp) }
    }

    /// No SRV answer: addresses of the configured name.
    fn without_srv(&mut self, name: &DomainName, transport: Transport) -> Vec<Rank> {
        let port = default_port(transport);
        self.look.decide(Decision::NoSrv { transport, port });
        self.by_address(name, transport, port)
    }

    fn by_address(&mut self, name: &DomainName, transport: Transport, port: u16) -> Vec<Rank> {
        let via = Via::plain(transport, port);
        self.addressed(name, via).map(|hops| Rank::single(hops, false)).into_iter().collect()
    }

    /// Collects the ways that the NAPTR records of `name` show, `hops` NAPTR records away from the
    /// configured name; false where an answer is missing.
    fn naptr(&mut self, name: &DomainName, hops: usize, ways: &mut Vec<Way>) -> bool {
        self.visited.insert(name.clone());
        let found = match self.look.look(name, RecordType::Naptr, Sources::All) {
            Looked::Pending => return false,
            Looked::Nothing(_) => return true,
            Looked::Found(found) => found,
        };
        let mut lowest = None;
        let mut is_complete = true;
        for naptr in sorted_naptr(&found) {
            let skipped = usable(&naptr).err().or_else(|| {
                lowest.is_some_and(|order| order != naptr.order).then_some(SkippedNaptr::Order)
            });
            if let Some(why) = skipped.or_else(|| self.refused(&naptr, hops)) {
                self.look.decide(Decision::NaptrSkipped { naptr, why });
                continue;
            }
            lowest = Some(naptr.order);
            let transport = transport_of(&naptr);
            self.look.decide(Decision::NaptrTaken { naptr: naptr.clone(), transport });
            let to = naptr.replacement;
            match transport {
                Some(transport) if !naptr.flags.is_empty() => {
                    let by_srv = naptr.flags.eq_ignore_ascii_case("s");
                    ways.push(Way { transport, by_srv, to, source: found.source });
                }
                // Guide, Appendix A: an empty flag means NAPTR again, on the replacement.
                Some(_) | None => is_complete &= self.naptr(&to, hops + 1, ways),
            }
        }
        is_complete
    }

    /// Why an empty flag is not followed: each name is asked for NAPTR records once.
    fn refused(&self, naptr: &Naptr, hops: usize) -> Option<SkippedNaptr> {
        if !naptr.flags.is_empty() {
            None
        } else if self.visited.contains(&naptr.replacement) {
            Some(SkippedNaptr::Loop)
        } else {
            (hops >= NAPTR_HOPS_MAX).then_some(SkippedNaptr::TooManyHops)
        }
    }

    fn services(
        &mut self,
        service: &DomainName,
        transport: Transport,
        sources: Sources,
        by_static: bool,
    ) -> Services {
        let found = match self.look.look_spelled(service, RecordType::Srv, sources) {
            Looked::Pending => return Services::Pending,
            Looked::Nothing(_) => return Services::Nothing,
            Looked::Found(found) => found,
        };
        let mut targets = sorted_srv(&found);
        // RFC 2782: a target of "." means that the service is decidedly not available.
        targets.retain(|srv| !srv.target.is_root());
        if targets.is_empty() {
            self.look.decide(Decision::NoService(service.clone()));
            self.why.get_or_insert(Why::NoService);
            return Services::Refused;
        }
        let left_out = targets.len().saturating_sub(self.targets_left);
        if left_out > 0 {
            self.look.decide(Decision::TargetsCut(left_out));
            targets.truncate(self.targets_left);
        }
        self.targets_left -= targets.len();
        self.rank(targets, transport, &found, by_static)
    }

    fn rank(
        &mut self,
        targets: Vec<Srv>,
        transport: Transport,
        found: &Found,
        by_static: bool,
    ) -> Services {
        let by_static = by_static || found.source == Source::Static;
        let by_weight = self.look.policy.srv_weight == SrvWeight::Rfc2782;
        let order = match (by_weight, found.source) {
            (true, _) => RankOrder::Weighted,
            (false, Source::Static) => RankOrder::Listed,
            (false, Source::Dns | Source::Stale | Source::Literal) => RankOrder::Spread,
        };
        let mut ranks: Vec<((u16, u16), Rank)> = Vec::new();
        for srv in targets {
            let via = Via {
                transport,
                port: port_or_default(srv.port, transport),
                priority: srv.priority,
                weight: srv.weight,
            };
            let Some(hops) = self.server(&srv.target, via, found) else { continue };
            let server = RankedServer::new(srv.weight, by_static, hops);
            let place = (srv.priority, if by_weight { 0 } else { srv.weight });
            match ranks.last_mut() {
                Some((last, rank)) if *last == place => rank.servers.push(server),
                Some(_) | None => ranks.push((place, Rank { order, servers: vec![server] })),
            }
        }
        Services::Ranks(ranks.into_iter().map(|(_, rank)| rank).collect())
    }

    /// The next hops of one SRV target.
    fn server(&mut self, target: &DomainName, via: Via, found: &Found) -> Option<Vec<NextHop>> {
        // Guide, Appendix A: a target that is a numeric IP address needs no A query.
        if let Some(ip) = literal(&target.to_string()) {
            let label = Name::from(target.to_string());
            return Some(vec![self.hop(ip, &label, via, (Source::Literal, found.expires))]);
        }
        self.addressed(target, via)
    }

    /// The next hops that the addresses of a name give; none where it has none, or not yet.
    fn addressed(&mut self, name: &DomainName, via: Via) -> Option<Vec<NextHop>> {
        let label = Name::from(name.to_string());
        let mut hops = Vec::new();
        let (mut is_complete, mut left_out) = (true, 0);
        for &kind in self.look.policy.address_mode.kinds() {
            match self.look.look(name, kind, Sources::All) {
                Looked::Pending => is_complete = false,
                Looked::Nothing(WhyNothing::NxDomain) if self.is_host(&label) => {
                    self.why.get_or_insert(Why::NxDomain);
                }
                Looked::Nothing(_) => {}
                Looked::Found(found) => {
                    let from = (found.source, found.expires);
                    let addresses = found.records.iter().filter_map(Data::address);
                    let mut family: Vec<NextHop> =
                        addresses.map(|ip| self.hop(ip, &label, via, from)).collect();
                    self.keep_order(&mut family, &label);
                    left_out += family.len().saturating_sub(ADDRESSES_MAX);
                    family.truncate(ADDRESSES_MAX);
                    hops.append(&mut family);
                }
            }
        }
        if !is_complete {
            return None;
        }
        if hops.is_empty() {
            self.look.decide(Decision::NoAddress(name.clone()));
            return None;
        }
        self.select(&mut hops);
        left_out += hops.len().saturating_sub(ADDRESSES_MAX);
        hops.truncate(ADDRESSES_MAX);
        if left_out > 0 {
            self.look.decide(Decision::AddressesCut { name: name.clone(), left_out });
        }
        Some(hops)
    }

    /// Whether a name is the configured one, not one that records led to.
    fn is_host(&self, label: &Name) -> bool {
        self.host.strip_suffix('.').unwrap_or(&self.host).eq_ignore_ascii_case(label)
    }

    /// A23: addresses that are still listed keep their old order, new ones go behind.
    fn keep_order(&self, hops: &mut [NextHop], server: &Name) {
        let Some(previous) = &self.look.records.previous else { return };
        let old: Vec<IpAddr> =
            previous.iter().filter(|old| old.server == *server).map(|old| old.addr.ip()).collect();
        hops.sort_by_key(|hop| {
            old.iter().position(|old| *old == hop.addr.ip()).unwrap_or(usize::MAX)
        });
    }

    /// Address mode 2: RFC 6724's order, a family that failed last at the end (RFC 7984).
    fn select(&mut self, hops: &mut [NextHop]) {
        if self.look.policy.address_mode.kinds().len() < 2 {
            return;
        }
        let sources = &self.look.records.sources;
        let missing = hops.iter().map(|hop| hop.addr.ip()).filter(|ip| !sources.contains_key(ip));
        self.look.routes.extend(missing);
        hops.sort_by_key(|hop| {
            let ip = hop.addr.ip();
            select::key(ip, sources.get(&ip).copied().flatten())
        });
        let failed = self.look.records.failed_family.filter(|failed| self.look.now < failed.until);
        let Some(failed) = failed else { return };
        let is_failed = |hop: &NextHop| hop.addr.is_ipv6() == failed.is_v6;
        if hops.iter().any(is_failed) && !hops.iter().all(is_failed) {
            let (is_v6, until) = (failed.is_v6, failed.until);
            self.look.fresh_until = self.look.fresh_until.min(until);
            self.look.decide(Decision::FamilyLast { is_v6, until });
            hops.sort_by_key(is_failed);
        }
    }

    fn hop(&self, ip: IpAddr, server: &Name, via: Via, from: (Source, Instant)) -> NextHop {
        NextHop {
            transport: via.transport,
            addr: SocketAddr::new(ip, via.port),
            name: self.host.clone(),
            server: server.clone(),
            priority: via.priority,
            weight: via.weight,
            source: from.0,
            expires: from.1,
        }
    }
}

/// A20: a port of 0 means the default, that of an SRV record too.
const fn port_or_default(port: u16, transport: Transport) -> u16 {
    if port == 0 { default_port(transport) } else { port }
}

impl Rank {
    fn single(hops: Vec<NextHop>, by_static: bool) -> Self {
        let server = RankedServer::new(0, by_static, hops);
        Self { order: RankOrder::Listed, servers: vec![server] }
    }
}

/// `_sip._udp`, `_sip._tcp` or `_sips._tcp` below a name; none where that gets too long.
fn service_name(name: &DomainName, transport: Transport) -> Option<DomainName> {
    let (service, protocol): (&[u8], &[u8]) = match transport {
        Transport::Udp => (b"_sip", b"_udp"),
        Transport::Tcp => (b"_sip", b"_tcp"),
        Transport::Tls => (b"_sips", b"_tcp"),
    };
    name.child(protocol).ok()?.child(service).ok()
}

/// Lowest order first, then lowest preference; equals of DNS in an order that no rotation changes.
fn sorted_naptr(found: &Found) -> Vec<Naptr> {
    let mut all: Vec<Naptr> = found
        .records
        .iter()
        .filter_map(
            |data| if let Data::Naptr(naptr) = data { Some((**naptr).clone()) } else { None },
        )
        .collect();
    if found.source != Source::Static {
        all.sort_by(|a, b| (&a.service, &a.replacement).cmp(&(&b.service, &b.replacement)));
    }
    all.sort_by_key(|naptr| (naptr.order, naptr.preference));
    all.truncate(NAPTR_RECORDS_MAX);
    all
}

/// Lowest priority first, then highest weight (guide, Appendix A); equals of DNS in an order that
/// no rotation changes, equals of static records in index order.
fn sorted_srv(found: &Found) -> Vec<Srv> {
    let mut all: Vec<Srv> = found
        .records
        .iter()
        .filter_map(|data| if let Data::Srv(srv) = data { Some(srv.clone()) } else { None })
        .collect();
    if found.source != Source::Static {
        all.sort_by(|a, b| (&a.target, a.port).cmp(&(&b.target, b.port)));
        all.dedup();
    }
    // A22: weight descending within one priority.
    all.sort_by_key(|srv| (srv.priority, std::cmp::Reverse(srv.weight)));
    all
}

/// Whether this phone can follow a NAPTR record by itself.
fn usable(naptr: &Naptr) -> Result<(), SkippedNaptr> {
    let flag = ["s", "a", ""].iter().any(|flag| naptr.flags.eq_ignore_ascii_case(flag));
    let speaks =
        transport_of(naptr).is_some() || naptr.flags.is_empty() && naptr.service.is_empty();
    if !flag {
        Err(SkippedNaptr::Flag)
    } else if !speaks {
        Err(SkippedNaptr::Service)
    } else if !naptr.regexp.is_empty() {
        // RFC 3263 §4.1: the regular expression is unused for SIP.
        Err(SkippedNaptr::Regexp)
    } else if naptr.replacement.is_root() {
        Err(SkippedNaptr::Replacement)
    } else {
        Ok(())
    }
}

fn transport_of(naptr: &Naptr) -> Option<Transport> {
    const SERVICES: [(&str, Transport); 3] =
        [("SIP+D2U", Transport::Udp), ("SIP+D2T", Transport::Tcp), ("SIPS+D2T", Transport::Tls)];
    SERVICES
        .iter()
        .find(|(service, _)| naptr.service.eq_ignore_ascii_case(service))
        .map(|(_, transport)| *transport)
}

/// Behaviour §9: NAPTR records followed to further NAPTR records.
const NAPTR_HOPS_MAX: usize = 5;
/// NAPTR records of one name that are looked at.
const NAPTR_RECORDS_MAX: usize = 64;
/// Behaviour §9: SRV targets of one location.
const TARGETS_MAX: usize = 64;
/// Behaviour §9: addresses of one name.
const ADDRESSES_MAX: usize = 16;
