use std::time::Duration;

/// What the network is like where no [`crate::Fault`] says otherwise.
#[derive(Clone, Debug)]
pub struct Network {
    /// One way from any node to any other.
    pub latency: Duration,
    /// Added to each latency: a uniform draw below this. Datagrams may overtake each other by it.
    pub jitter: Duration,
    /// How bytes of a stream are cut.
    pub chunking: Chunking,
    /// How many bytes of a datagram an ICMP error quotes: Linux was seen to quote 520, others 8.
    pub icmp_quote: usize,
    /// Whether a machine limits the ICMP errors it sends to another as Linux does: six at once, then
    /// one a second. Loopback addresses are never limited.
    pub icmp_limited: bool,
    /// How many events one call of a `run` function may take before it panics.
    pub event_limit: u64,
    /// How many rows the trace keeps; older ones are forgotten.
    pub trace_limit: usize,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(200),
            jitter: Duration::ZERO,
            chunking: Chunking::Seeded,
            icmp_quote: 520,
            icmp_limited: true,
            event_limit: 20_000_000,
            trace_limit: 100_000,
        }
    }
}

/// How the bytes of a stream are handed to their reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunking {
    /// As they were written.
    Whole,
    /// One at a time.
    Single,
    /// By chance: one byte, half of what is there, all of it, or joined to what follows.
    Seeded,
}
