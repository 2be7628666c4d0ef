//! A network of its own for each cell: two namespaces and a cable between them.
//!
//! The namespaces have no names: they end with the last process in them, whatever happens to the
//! test. Every cell has the same addresses (RFC 5737, TEST-NET-1).

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};

/// Where the phone is.
pub(crate) const PHONE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);

/// The device at either end of the cable.
pub(crate) const CABLE: &str = "cable";

/// The two ends of the cable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Phone,
    Servers,
}

/// Two namespaces with a cable between them.
pub(crate) struct Network {
    phone: File,
    servers: File,
}

impl Network {
    /// Builds the network and leaves the calling thread on the phone's side of it for good.
    pub(crate) fn build(servers: &[Ipv4Addr]) -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let far = File::open(OF_THREAD)?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let network = Self { phone: File::open(OF_THREAD)?, servers: far };
        let far = format!("/proc/{}/fd/{}", std::process::id(), network.servers.as_raw_fd());
        // Neighbours are known for good: what is sent to an address that went away is lost
        // silently, as behind a router.
        let neighbours = servers.iter().map(|server| {
            format!("neigh replace {server} lladdr {FAR_MAC} dev {CABLE} nud permanent\n")
        });
        network.enter(Side::Phone);
        ip(&format!(
            "link set lo up\n\
             link add {CABLE} address {NEAR_MAC} type veth \
             peer name {CABLE} address {FAR_MAC} netns {far}\n\
             address add {PHONE}/24 dev {CABLE}\n\
             link set {CABLE} up\n{}",
            neighbours.collect::<String>()
        ))?;
        network.enter(Side::Servers);
        // IPv4 settings of a new namespace may be those of the machine, which may be a router.
        fs::write("/proc/sys/net/ipv4/ip_forward", "0")?;
        let addresses =
            servers.iter().map(|server| format!("address add {server}/32 dev {CABLE}\n"));
        ip(&format!(
            "link set lo up\n\
             link set {CABLE} up\n\
             {}route add {PHONE}/32 dev {CABLE}\n\
             neigh replace {PHONE} lladdr {NEAR_MAC} dev {CABLE} nud permanent\n",
            addresses.collect::<String>()
        ))?;
        network.enter(Side::Phone);
        Ok(network)
    }

    /// Moves the calling thread, and what it starts from here on, to a side.
    pub(crate) fn enter(&self, side: Side) {
        let namespace = match side {
            Side::Phone => &self.phone,
            Side::Servers => &self.servers,
        };
        setns(namespace, CloneFlags::CLONE_NEWNET).expect("the namespace is there");
    }

    /// Does something on the servers' side.
    pub(crate) fn among_servers<R>(&self, act: impl FnOnce() -> R) -> R {
        self.enter(Side::Servers);
        let result = act();
        self.enter(Side::Phone);
        result
    }

    /// From now on what is sent to `server` vanishes, and nothing comes from it.
    pub(crate) fn blackhole(&self, server: Ipv4Addr) {
        let order = format!("address del {server}/32 dev {CABLE}\n");
        self.among_servers(|| ip(&order)).expect("the server had its address");
    }

    /// Ends a blackhole.
    pub(crate) fn restore(&self, server: Ipv4Addr) {
        let order = format!("address add {server}/32 dev {CABLE}\n");
        self.among_servers(|| ip(&order)).expect("the address is free");
    }
}

/// Whether namespaces and cables can be made here. The calling thread is left in another one.
pub(crate) fn is_permitted() -> Result<(), String> {
    let network = Network::build(&[]).map_err(|error| format!("no network namespace: {error}"))?;
    drop(network);
    Ok(())
}

/// Runs the lines of a batch of `ip`.
fn ip(batch: &str) -> io::Result<()> {
    let mut command = Command::new("ip");
    command.args(["-batch", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let mut lines = child.stdin.take().expect("it is piped");
    lines.write_all(batch.as_bytes())?;
    drop(lines);
    let output = child.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

const OF_THREAD: &str = "/proc/thread-self/ns/net";
const NEAR_MAC: &str = "02:00:00:00:00:01";
const FAR_MAC: &str = "02:00:00:00:00:02";
