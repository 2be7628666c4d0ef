//! The command line.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use params::{Firmware, Mac, Model};

/// A SIP phone that keeps its registration while servers die.
#[derive(Debug, Parser)]
#[command(name = "sureline", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Nothing at hand? `sureline demo` shows the whole story on this machine.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows how a phone stays registered while servers die, with servers of its own.
    Demo(DemoArgs),
    /// Runs the phone that configuration files describe.
    Run(RunArgs),
    /// Shows what the running phone does: accounts, servers, next hops, what happens next.
    Status(StatusArgs),
    /// Registers an account of the running phone at once and says how it went.
    Register(RegisterArgs),
    /// Calls somebody, and says how it went.
    Dial(DialArgs),
    /// Takes a call that rings.
    Answer(CallArgs),
    /// Ends a call, gives up dialling, or rejects a call that rings.
    Hangup(CallArgs),
    /// Puts the other side on hold.
    Hold(CallArgs),
    /// Talks to somebody on hold again.
    Resume(CallArgs),
    /// Sends the other side of a call to somebody else.
    Transfer(TransferArgs),
    /// Presses keys in a call.
    Dtmf(DtmfArgs),
    /// Makes the running phone read its files again, or fetch them from its server.
    Provision(ReachArgs),
    /// Prints the events of the running phone, one JSON object a line.
    Events(EventsArgs),
    /// Finds the servers of a name as the phone does, with every record.
    Resolve(ResolveArgs),
    /// Prints the manual of the parameters, or of one.
    Parameters(ParametersArgs),
    /// Runs servers to try a phone against: a zone and three registrars, with faults on command.
    Lab(LabArgs),
    /// Measures the figures of the README on this machine.
    Bench(BenchArgs),
    /// One process of `bench`.
    #[command(hide = true)]
    BenchPart(BenchPartArgs),
}

/// How to reach a running phone.
#[derive(Clone, Debug, Args)]
pub(crate) struct ReachArgs {
    /// The state folder of the running phone [default: $XDG_STATE_HOME/sureline].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Which phone, where several run in one process.
    #[arg(long, value_name = "MAC")]
    pub(crate) phone: Option<Mac>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Configuration files in the order given (common file, then MAC file), a provisioning folder, or
    /// the URL of a provisioning server.
    #[arg(value_name = "FILE|DIR|URL")]
    pub(crate) sources: Vec<PathBuf>,
    /// The model: it decides how many accounts there are and which keys are read.
    #[arg(long, default_value_t = Model::default())]
    pub(crate) model: Model,
    /// The firmware that the phone behaves as: 80 or 81, or a whole version.
    #[arg(long, default_value_t = Firmware::default())]
    pub(crate) firmware: Firmware,
    /// The phone's MAC [default: that of a file named after one, else 00:15:65:00:00:01].
    #[arg(long)]
    pub(crate) mac: Option<Mac>,
    /// How the phone behaves where no key says it.
    #[arg(long, value_enum)]
    pub(crate) profile: Option<ProfileArg>,
    /// Where SIP is taken, UDP and TCP; repeatable; port 0 takes a free one [default: 0.0.0.0:5060].
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) sip: Vec<SocketAddr>,
    /// The address put into messages instead of the local one.
    #[arg(long, value_name = "ADDR")]
    pub(crate) advertise: Option<IpAddr>,
    /// Where the control API is served besides its own loopback port [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "no_web")]
    pub(crate) web: Option<SocketAddr>,
    /// Serves the page by TLS: with the certificate and key in this PEM file, or one of its own.
    #[arg(long, value_name = "PEM", num_args = 0..=1, conflicts_with = "no_web")]
    pub(crate) web_tls: Option<Option<PathBuf>>,
    /// Serves the control API on its own loopback port only.
    #[arg(long)]
    pub(crate) no_web: bool,
    /// A name server; repeatable, asked in this order [default: those of /etc/resolv.conf].
    #[arg(long, value_name = "ADDR[:PORT]", conflicts_with = "no_dns")]
    pub(crate) dns: Vec<NameServer>,
    /// Asks no name server: addresses and the static cache only.
    #[arg(long)]
    pub(crate) no_dns: bool,
    /// Where state is kept [default: $XDG_STATE_HOME/sureline].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Writes every event as a JSON line; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Writes SIP as Wireshark and sngrep open it, each decision as a comment on its packet.
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,
    /// How much is said on standard error.
    #[arg(long, value_enum, default_value_t = LogLevel::Info, value_name = "LEVEL")]
    pub(crate) log: LogLevel,
    /// Prints events as JSON lines on standard output, as `--events -`.
    #[arg(long, conflicts_with = "events")]
    pub(crate) json: bool,
    /// Answers calls by itself, after so many seconds where they are given.
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "0", value_parser = seconds)]
    pub(crate) auto_answer: Option<f64>,
    /// Plays a WAV file into every call, over and over.
    #[arg(long, value_name = "FILE.wav")]
    pub(crate) play: Option<PathBuf>,
    /// Records what is heard in the first call; further ones go to FILE-c2.wav and so on.
    #[arg(long, value_name = "FILE.wav")]
    pub(crate) record: Option<PathBuf>,
    /// Sets a parameter for this run, above every file; repeatable.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<Assignment>,
}

#[derive(Debug, Args)]
pub(crate) struct DialArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// A number, user@host or a SIP URI.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    /// Which account [default: the lowest that is enabled].
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<u8>,
    /// Hangs up after so many seconds, and waits for that, or for the other side to do so.
    #[arg(long = "for", value_name = "S", conflicts_with = "no_wait", value_parser = seconds)]
    pub(crate) for_s: Option<f64>,
    /// Dials and does not wait for the outcome.
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Which call a command is for.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Which call, as in c1 [default: the only one with which it is possible].
    #[arg(long, value_name = "ID")]
    pub(crate) call: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// A number, user@host or a SIP URI.
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
}

#[derive(Debug, Args)]
pub(crate) struct DtmfArgs {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    /// 0 to 9, *, #, A to D.
    #[arg(value_name = "DIGITS")]
    pub(crate) digits: String,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// Waits until all enabled accounts are registered, the phone is idle, or a server is current.
    #[arg(long, value_name = "registered|idle|server=N")]
    pub(crate) wait: Option<WaitFor>,
    /// How long to wait, in seconds.
    #[arg(long, default_value_t = 60.0, value_name = "S", requires = "wait", value_parser = seconds)]
    pub(crate) timeout: f64,
    /// Only this account.
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<u8>,
}

#[derive(Debug, Args)]
pub(crate) struct RegisterArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Which account [default: the lowest that is enabled].
    #[arg(long, value_name = "N")]
    pub(crate) account: Option<u8>,
    /// Orders it and does not wait for the outcome.
    #[arg(long)]
    pub(crate) no_wait: bool,
    /// How long to wait for the outcome, in seconds.
    #[arg(long, default_value_t = 120.0, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: f64,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    /// Only events after this number.
    #[arg(long, value_name = "SEQ")]
    pub(crate) since: Option<u64>,
    /// Goes on with those to come.
    #[arg(long)]
    pub(crate) follow: bool,
    /// Prints sentences, as the log of `run` does.
    #[arg(long)]
    pub(crate) human: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// A domain name or an address.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// A name server; repeatable [default: those of /etc/resolv.conf].
    #[arg(long, value_name = "ADDR[:PORT]")]
    pub(crate) dns: Vec<NameServer>,
    /// Answers from this zone file instead of the network.
    #[arg(long, value_name = "FILE", conflicts_with = "dns")]
    pub(crate) zone: Option<PathBuf>,
    /// `sip_server.Y.port`: 0 asks for NAPTR and SRV.
    #[arg(long, default_value_t = 0)]
    pub(crate) port: u16,
    /// `sip_server.Y.transport_type`.
    #[arg(long, value_enum, default_value_t = TransportArg::Naptr)]
    pub(crate) transport: TransportArg,
    /// Prints one `located` object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ParametersArgs {
    /// A key, the beginning of some, or a word in them.
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<String>,
    /// Prints the whole manual as Markdown.
    #[arg(long, conflicts_with = "key")]
    pub(crate) markdown: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct LabArgs {
    #[command(subcommand)]
    pub(crate) act: Option<LabAct>,
    /// The domain that the servers serve.
    #[arg(long, default_value = "lab.test")]
    pub(crate) domain: String,
    /// Who may register.
    #[arg(
        long,
        default_value = "1001:pw,1002:pw",
        value_delimiter = ',',
        value_name = "USER:PASSWORD"
    )]
    pub(crate) users: Vec<UserArg>,
    /// The longest registration that is granted, in seconds.
    #[arg(long, default_value_t = 3600, value_name = "S")]
    pub(crate) expires_max: u32,
    /// Registers without a password.
    #[arg(long)]
    pub(crate) no_auth: bool,
    /// Answers DNS from this file instead of the zone that fits the servers.
    #[arg(long, value_name = "FILE")]
    pub(crate) zone: Option<PathBuf>,
    /// Serves TLS too; its authority is STATE/ca.pem.
    #[arg(long)]
    pub(crate) tls: bool,
    /// Where state is kept [default: $XDG_STATE_HOME/sureline].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// The first three parts of the servers' addresses.
    #[arg(long, default_value = "127.0.1", value_name = "A.B.C")]
    pub(crate) listen: Block,
    /// The SIP port of every server; 0 takes free ones, DNS and API included.
    #[arg(long, default_value_t = 5060)]
    pub(crate) port: u16,
    /// Where the API of the lab listens; by default a free port of loopback.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    pub(crate) api: SocketAddr,
    /// Prints a phone file for this user, too; one for each lies in the state folder.
    #[arg(long, value_name = "USER")]
    pub(crate) print_config: Option<String>,
    /// Prints what it took as one JSON line.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabAct {
    /// Makes a server of the running lab fail, or heals it.
    Fault(FaultArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Faults: kill, mute, blackhole, status CODE [RETRY_AFTER], loop401, stale, \
    slow MS, loss PERCENT, tls wronghost|expired|selfsigned|otherca; \
    dns only: nxdomain, servfail, silent, ttl S, records FILE; heal ends all of a server."
)]
pub(crate) struct FaultArgs {
    /// Which server: primary, secondary, fallback, dns or all.
    #[arg(value_name = "SERVER")]
    pub(crate) server: String,
    /// What happens to it, with its values.
    #[arg(value_name = "FAULT", num_args = 1.., required = true)]
    pub(crate) fault: Vec<String>,
    /// Only requests of this method.
    #[arg(long, value_name = "M")]
    pub(crate) method: Option<String>,
    /// Only for so many seconds.
    #[arg(long = "for", value_name = "S", value_parser = seconds)]
    pub(crate) for_s: Option<f64>,
    /// The state folder of the running lab [default: $XDG_STATE_HOME/sureline].
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Shortens every wait: phone and servers share one faster clock.
    #[arg(long)]
    pub(crate) fast: bool,
    /// Prints the outcome as one JSON object; the story goes to standard error.
    #[arg(long)]
    pub(crate) json: bool,
    /// Leaves phone and servers running at the end, to play with.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Serves the control API of the phones that stay here too.
    #[arg(long, value_name = "ADDR:PORT", requires = "keep")]
    pub(crate) web: Option<SocketAddr>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Takes about five minutes. Exit 1 where a limit is missed. Figures a and b capture \
    packets, which takes root (CAP_NET_RAW); figure e takes strace."
)]
pub(crate) struct BenchArgs {
    /// Only these figures: a, b, c, d, e [default: all].
    #[arg(long, value_enum, value_delimiter = ',', value_name = "FIGURE")]
    pub(crate) only: Vec<FigureName>,
    /// Fewer runs, without the largest ones: to see that it works.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What `bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FigureName {
    /// How late a phone leaves a next hop that is silent.
    #[value(name = "a")]
    Failover,
    /// How fast it leaves one that refuses.
    #[value(name = "b")]
    Refusal,
    /// The memory of a phone.
    #[value(name = "c")]
    Memory,
    /// Registrations for a second of processor time.
    #[value(name = "d")]
    Rate,
    /// System calls of an idle phone.
    #[value(name = "e")]
    Idle,
}

#[derive(Debug, Args)]
pub(crate) struct BenchPartArgs {
    #[arg(value_enum)]
    pub(crate) role: PartRole,
    /// What it is to do, as JSON.
    pub(crate) order: String,
}

/// The processes of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartRole {
    Registrar,
    Phones,
}

/// A name server: port 53 where none is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameServer(pub(crate) SocketAddr);

impl FromStr for NameServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        text.parse()
            .or_else(|_| bare.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 53)))
            .map(Self)
            .map_err(|_| "expected an address, as in 192.0.2.53 or [2001:db8::53]:5353".into())
    }
}

/// `KEY=VALUE`; the value may be blank and may hold `=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
        let (key, value) = (key.trim().to_owned(), value.trim().to_owned());
        if key.is_empty() { Err("expected KEY=VALUE".into()) } else { Ok(Self { key, value }) }
    }
}

/// `USER:PASSWORD`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UserArg {
    pub(crate) name: String,
    pub(crate) password: String,
}

impl FromStr for UserArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some((name, password)) if !name.is_empty() => {
                Ok(Self { name: name.into(), password: password.into() })
            }
            Some(_) | None => Err("expected USER:PASSWORD".into()),
        }
    }
}

/// Three parts of an IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block(pub(crate) [u8; 3]);

impl FromStr for Block {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Result<Vec<u8>, _> = text.split('.').map(str::parse).collect();
        let parts = parts.ok().and_then(|parts| <[u8; 3]>::try_from(parts).ok());
        parts.map(Self).ok_or_else(|| "expected three parts of an address, as in 127.0.1".into())
    }
}

/// What `status --wait` waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    Registered,
    Idle,
    Server(String),
}

impl FromStr for WaitFor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            None if text == "registered" => Ok(Self::Registered),
            None if text == "idle" => Ok(Self::Idle),
            Some(("server", place @ ("1" | "2" | "proxy1" | "proxy2"))) => {
                Ok(Self::Server(place.into()))
            }
            Some(_) | None => Err("expected registered, idle, server=1 or server=2".into()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProfileArg {
    /// As the vendor's guide says.
    Compat,
    /// As a new deployment wants it.
    Fast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What does not work.
    Warn,
    /// Moves, registrations and failures, a line each.
    Info,
    /// Every attempt.
    Debug,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TransportArg {
    Udp,
    Tcp,
    Tls,
    Naptr,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("expected seconds, as in 20 or 0.5".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn name_servers_have_port_53_unless_they_say_otherwise() {
        for (text, addr) in [
            ("192.0.2.53", "192.0.2.53:53"),
            ("192.0.2.53:5353", "192.0.2.53:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
        ] {
            assert_eq!(text.parse(), Ok(NameServer(addr.parse().unwrap())));
        }
        assert!("ns.example".parse::<NameServer>().is_err());
    }

    #[test]
    fn an_assignment_keeps_what_follows_the_first_equals_sign() {
        let assignment: Assignment = "account.1.password = a=b".parse().unwrap();
        assert_eq!(
            (assignment.key.as_str(), assignment.value.as_str()),
            ("account.1.password", "a=b")
        );
        assert!("account.1.label".parse::<Assignment>().is_err());
    }

    #[test]
    fn a_block_is_three_numbers() {
        let block: Block = "127.0.1".parse().unwrap();
        assert_eq!(block, Block([127, 0, 1]));
        assert!(
            ["127.0", "127.0.1.1", "a.b.c", "127.0.256"]
                .iter()
                .all(|it| it.parse::<Block>().is_err())
        );
    }
}
