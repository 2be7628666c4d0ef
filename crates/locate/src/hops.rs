use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use dns::Question;
use net::{Instant, Name, Rng, Transport};

use crate::{Target, Trail};

/// One place to send requests to.
///
/// Two next hops are the same if transport, address and port are; see [`NextHop::is_same`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    /// UDP, TCP or TLS.
    pub transport: Transport,
    /// Address and port.
    pub addr: SocketAddr,
    /// The configured host: what a certificate has to name (RFC 5922), whatever SRV led here.
    pub name: Name,
    /// The name or literal that the address belongs to, for display.
    pub server: Name,
    /// The priority of its SRV record, 0 without one.
    pub priority: u16,
    /// The weight of its SRV record, 0 without one.
    pub weight: u16,
    /// Where its address comes from.
    pub source: Source,
    /// When the record of its address has lived: a literal's is [`Instant::FAR`].
    pub expires: Instant,
}

impl NextHop {
    /// Whether both are the same place: equal transport, address and port.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.place() == other.place()
    }

    /// What tells next hops apart.
    #[must_use]
    pub const fn place(&self) -> (Transport, SocketAddr) {
        (self.transport, self.addr)
    }
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.transport, self.addr))
    }
}

/// Where the address of a next hop comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// An answer of DNS within its TTL.
    Dns,
    /// The static DNS cache.
    Static,
    /// An answer of DNS past its TTL, because DNS does not answer (RFC 8767).
    Stale,
    /// The configuration or an SRV target gives the address itself.
    Literal,
}

impl Source {
    /// The word in events and in `sureline resolve`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Static => "static",
            Self::Stale => "stale",
            Self::Literal => "literal",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The next hops of one target, shared by all phones that locate it alike.
#[derive(Clone, Debug)]
pub struct Hops {
    pub(crate) ranks: Vec<Rank>,
    pub(crate) trail: Trail,
    pub(crate) located: Instant,
    pub(crate) fresh_until: Instant,
    pub(crate) generation: u64,
    pub(crate) since: Instant,
    pub(crate) die: u64,
    /// When something should be asked anew so that nobody waits for it.
    pub(crate) ahead_at: Instant,
    /// Static record sets that were consulted anew for this (A24).
    pub(crate) consulted: BTreeSet<Question>,
}

/// Servers that are equal in rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rank {
    pub(crate) order: RankOrder,
    pub(crate) servers: Vec<RankedServer>,
}

/// How the servers of one rank follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RankOrder {
    /// As listed, the same for every phone.
    Listed,
    /// By a hash of phone and server.
    Spread,
    /// By a die weighted as RFC 2782 says.
    Weighted,
}

/// One server of a rank with its addresses in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RankedServer {
    pub(crate) weight: u16,
    /// Whether a static NAPTR or SRV record led here.
    pub(crate) by_static: bool,
    /// What tells servers apart for [`RankOrder::Spread`].
    key: u64,
    pub(crate) hops: Vec<Arc<NextHop>>,
}

impl Hops {
    /// The next hops in the order of the phone with this seed, the primary first, each place once.
    ///
    /// The seed is the phone's own for good (such as its MAC address): the order among equals then
    /// survives restarts and differs between phones.
    #[must_use]
    pub fn order(&self, phone_seed: u64) -> Vec<&NextHop> {
        self.places(phone_seed).into_iter().map(|hop| &**hop).collect()
    }

    /// As [`Hops::order`], for those who keep next hops: all phones share them.
    #[must_use]
    pub fn shared_order(&self, phone_seed: u64) -> Vec<Arc<NextHop>> {
        self.places(phone_seed).into_iter().cloned().collect()
    }

    /// The first of [`Hops::order`].
    #[must_use]
    pub fn primary(&self, phone_seed: u64) -> Option<&NextHop> {
        self.order(phone_seed).first().copied()
    }

    /// Every next hop, in no phone's order; a place may come twice.
    pub fn iter(&self) -> impl Iterator<Item = &NextHop> {
        let servers = self.ranks.iter().flat_map(|rank| &rank.servers);
        servers.flat_map(|server| &server.hops).map(|hop| &**hop)
    }

    /// The next hops as one phone uses them, for people: a line each, in columns.
    #[must_use]
    pub fn table(&self, phone_seed: u64) -> String {
        let order = self.order(phone_seed);
        let place = order.iter().map(|hop| hop.to_string().len()).max().unwrap_or(0);
        let server = order.iter().map(|hop| hop.server.len()).max().unwrap_or(0);
        let mut lines = String::new();
        for (number, hop) in (1..).zip(order) {
            let left = match hop.expires {
                Instant::FAR => "-".to_owned(),
                expires => format!("{} s", self.located.until(expires).as_secs()),
            };
            lines.push_str(&format!(
                "  {number:>2}  {hop:<place$}  {:<server$}  priority {:<5} weight {:<5} {:<8} {left:>9}\n",
                hop.server, hop.priority, hop.weight, hop.source,
            ));
        }
        lines
    }

    /// Whom these are for.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.trail.target
    }

    /// How they were found.
    #[must_use]
    pub const fn trail(&self) -> &Trail {
        &self.trail
    }

    /// When they were found.
    #[must_use]
    pub const fn located(&self) -> Instant {
        self.located
    }

    /// Until when locating again would consult the same records.
    #[must_use]
    pub const fn fresh_until(&self) -> Instant {
        self.fresh_until
    }

    /// Counts the changes of this location's next hops; equal generations have the same next hops
    /// in the same order, though TTLs may differ.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// Since when the next hops have been these.
    #[must_use]
    pub const fn since(&self) -> Instant {
        self.since
    }

    fn places(&self, phone_seed: u64) -> Vec<&Arc<NextHop>> {
        let mut seen = BTreeSet::new();
        self.ranks
            .iter()
            .flat_map(|rank| rank.order(phone_seed, self.die))
            .flat_map(|server| &server.hops)
            .filter(|hop| seen.insert(hop.place()))
            .collect()
    }

    /// Whether both have the same next hops in the same order for every phone, the die apart.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.ranks.len() == other.ranks.len()
            && self.ranks.iter().zip(&other.ranks).all(|(ours, theirs)| ours.is_like(theirs))
    }
}

impl Rank {
    fn order(&self, phone_seed: u64, die: u64) -> Vec<&RankedServer> {
        let mut servers: Vec<&RankedServer> = self.servers.iter().collect();
        match self.order {
            RankOrder::Listed => {}
            // A22: stable for one phone, different across phones.
            RankOrder::Spread => servers.sort_by_cached_key(|server| server.share(phone_seed)),
            RankOrder::Weighted => roll(&mut servers, Rng::new(phone_seed ^ die)),
        }
        servers
    }

    fn is_like(&self, other: &Self) -> bool {
        self.order == other.order
            && self.servers.len() == other.servers.len()
            && self.servers.iter().zip(&other.servers).all(|(ours, theirs)| {
                ours.weight == theirs.weight
                    && ours.hops.len() == theirs.hops.len()
                    && ours
                        .hops
                        .iter()
                        .zip(&theirs.hops)
                        .all(|(a, b)| a.is_same(b) && a.name == b.name && a.priority == b.priority)
            })
    }
}

impl RankedServer {
    pub(crate) fn new(weight: u16, by_static: bool, hops: Vec<NextHop>) -> Self {
        // Its name, transport and port and not its addresses: one that moves keeps its place.
        let key = hops.first().map_or(0, |hop| {
            let place = format!("{} {} {}", hop.server, hop.transport, hop.addr.port());
            Rng::new(0).fork(&place).next_u64()
        });
        Self { weight, by_static, key, hops: hops.into_iter().map(Arc::new).collect() }
    }

    /// A number of this server for one phone, which no other server moves.
    fn share(&self, phone_seed: u64) -> u64 {
        let phone = Rng::new(phone_seed).next_u64();
        Rng::new(phone ^ self.key).next_u64()
    }
}

/// RFC 2782, "Usage rules": weight 0 first, then again and again the first whose running sum
/// reaches the draw.
fn roll(servers: &mut [&RankedServer], mut rng: Rng) {
    servers.sort_by_key(|server| server.weight != 0);
    let mut rest = servers;
    while rest.len() > 1 {
        let total: u64 = rest.iter().map(|server| u64::from(server.weight)).sum();
        let draw = rng.below(total + 1);
        let mut sum = 0;
        let chosen = rest
            .iter()
            .position(|server| {
                sum += u64::from(server.weight);
                sum >= draw
            })
            .unwrap_or(0);
        if let Some(head) = rest.get_mut(..=chosen) {
            head.rotate_right(1);
        }
        rest = match rest.split_first_mut() {
            Some((_, tail)) => tail,
            None => return,
        };
    }
}
