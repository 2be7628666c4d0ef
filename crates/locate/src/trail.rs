use std::fmt;
use std::net::{IpAddr, SocketAddr};

use dns::{Data, DomainName, Naptr, Question, Record, WhyFailed};
use net::{Instant, Transport};

use crate::{NaptrBuild, Source, Target};

/// How a target was located: every record consulted and each decision, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// Whom it is about.
    pub target: Target,
    /// When it was walked.
    pub at: Instant,
    /// What was consulted and decided, in order.
    pub steps: Vec<Step>,
}

/// One line of a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Records were looked for.
    Consulted(Consulted),
    /// What follows from them or from the settings.
    Decided(Decision),
}

/// A record set that was looked for in one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consulted {
    /// Name and type.
    pub question: Question,
    /// What was there.
    pub finding: Finding,
}

/// What a source says about one record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There are records.
    Records {
        /// Where they come from.
        source: Source,
        /// The name server that gave them.
        from: Option<SocketAddr>,
        /// CNAME records on the way to them.
        aliases: Vec<Record>,
        /// What they say.
        records: Vec<Data>,
        /// Until when they count.
        expires: Instant,
    },
    /// DNS says that there are none of this type.
    NoData {
        /// Until when that counts.
        expires: Instant,
    },
    /// DNS says that there is no such name.
    NxDomain {
        /// Until when that counts.
        expires: Instant,
    },
    /// DNS does not answer.
    Failed(WhyFailed),
}

impl Finding {
    /// The word for the source: `dns`, `static`, `stale`, `negative` or `failed`.
    #[must_use]
    pub const fn source(&self) -> &'static str {
        match self {
            Self::Records { source, .. } => source.as_str(),
            Self::NoData { .. } | Self::NxDomain { .. } => "negative",
            Self::Failed(_) => "failed",
        }
    }

    /// Until when it counts; a failure counts for nothing.
    #[must_use]
    pub const fn expires(&self) -> Option<Instant> {
        match self {
            Self::Records { expires, .. }
            | Self::NoData { expires }
            | Self::NxDomain { expires } => Some(*expires),
            Self::Failed(_) => None,
        }
    }
}

/// A decision on the way to next hops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The host is an address: nothing is asked.
    Literal(IpAddr),
    /// A port is given: only addresses are asked for.
    PortGiven {
        /// The port.
        port: u16,
        /// The transport that follows.
        transport: Transport,
    },
    /// A NAPTR record is followed.
    NaptrTaken {
        /// The record.
        naptr: Naptr,
        /// The transport of its service; none where it only leads to other NAPTR records.
        transport: Option<Transport>,
    },
    /// A NAPTR record is left out.
    NaptrSkipped {
        /// The record.
        naptr: Naptr,
        /// The reason.
        why: SkippedNaptr,
    },
    /// No NAPTR record can be used: these services are asked of DNS.
    NoNaptr(NaptrBuild),
    /// Services that are looked for in the static records alone.
    StaticServices,
    /// The name in the other spelling has the records.
    OtherSpelling {
        /// As it was to be asked.
        asked: DomainName,
        /// As it is found.
        found: DomainName,
    },
    /// The SRV record says that the service is not offered.
    NoService(DomainName),
    /// No SRV record: the addresses of the configured name are taken.
    NoSrv {
        /// The transport.
        transport: Transport,
        /// The port.
        port: u16,
    },
    /// An SRV target that has no address.
    NoAddress(DomainName),
    /// Targets left out because there are too many.
    TargetsCut(usize),
    /// Addresses of a name left out because there are too many.
    AddressesCut {
        /// Whose.
        name: DomainName,
        /// How many.
        left_out: usize,
    },
    /// A question is not asked because there were too many.
    QuestionsCut(Question),
    /// IPv6 (or IPv4) addresses go to the end because they failed last.
    FamilyLast {
        /// Whether it is IPv6.
        is_v6: bool,
        /// Until when.
        until: Instant,
    },
    /// So many next hops of the static records follow those of DNS.
    StaticFollow(usize),
}

/// Why a NAPTR record is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkippedNaptr {
    /// A service this phone does not speak.
    Service,
    /// Another flag than S, A or none.
    Flag,
    /// It substitutes, which SIP does not (RFC 3263 §4.1).
    Regexp,
    /// It leads nowhere.
    Replacement,
    /// A lower order has usable records.
    Order,
    /// It leads back to where it came from.
    Loop,
    /// It is the sixth in a row.
    TooManyHops,
}

impl fmt::Display for SkippedNaptr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "this phone does not speak its service",
            Self::Flag => "its flag is neither S nor A nor empty",
            Self::Regexp => "it has a regular expression",
            Self::Replacement => "it has no replacement",
            Self::Order => "a lower order can be used",
            Self::Loop => "it leads back",
            Self::TooManyHops => "it is one NAPTR hop too many",
        })
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(ip) => write!(f, "{ip} is an address: nothing is asked"),
            Self::PortGiven { port, transport } => {
                write!(f, "port {port} is given: only addresses are asked for, {transport}")
            }
            Self::NaptrTaken { naptr, transport: Some(transport) } => write!(
                f,
                "NAPTR {} {} {}: {transport} by {} {}",
                naptr.order,
                naptr.preference,
                naptr.service,
                if naptr.flags.eq_ignore_ascii_case("s") { "SRV" } else { "address of" },
                naptr.replacement
            ),
            Self::NaptrTaken { naptr, transport: None } => write!(
                f,
                "NAPTR {} {}: NAPTR of {} decides",
                naptr.order, naptr.preference, naptr.replacement
            ),
            Self::NaptrSkipped { naptr, why } => write!(
                f,
                "NAPTR {} {} {:?} {:?} skipped: {why}",
                naptr.order, naptr.preference, naptr.flags, naptr.service
            ),
            Self::NoNaptr(NaptrBuild::UdpOnly) => {
                f.write_str("no NAPTR, naptr_build 0: only _sip._udp is asked")
            }
            Self::NoNaptr(NaptrBuild::UdpTcpTls) => {
                f.write_str("no NAPTR, naptr_build 1: _sip._udp, _sip._tcp, _sips._tcp are asked")
            }
            Self::StaticServices => {
                f.write_str("no _sip._udp: static _sip._tcp and _sips._tcp are consulted")
            }
            Self::OtherSpelling { asked, found } => {
                write!(f, "nothing at {asked}: taken from {found}")
            }
            Self::NoService(name) => write!(f, "{name} is not offered (target \".\")"),
            Self::NoSrv { transport, port } => {
                write!(f, "no SRV: addresses of the name itself, {transport} port {port}")
            }
            Self::NoAddress(name) => write!(f, "{name} has no address"),
            Self::TargetsCut(left_out) => write!(f, "too many SRV targets: {left_out} left out"),
            Self::AddressesCut { name, left_out } => {
                write!(f, "too many addresses of {name}: {left_out} left out")
            }
            Self::QuestionsCut(question) => write!(f, "too many questions: {question} not asked"),
            Self::FamilyLast { is_v6, .. } => {
                let family = if *is_v6 { "IPv6" } else { "IPv4" };
                write!(f, "{family} failed last: its addresses go to the end")
            }
            Self::StaticFollow(1) => f.write_str("1 next hop of the static records follows"),
            Self::StaticFollow(count) => {
                write!(f, "{count} next hops of the static records follow")
            }
        }
    }
}

impl fmt::Display for Trail {
    /// The records, one a line in columns, with decisions indented below what they follow from.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.target)?;
        let width = self.steps.iter().filter_map(Step::name_width).max().unwrap_or(0);
        for step in &self.steps {
            match step {
                Step::Consulted(consulted) => self.write_consulted(f, consulted, width)?,
                Step::Decided(decision) => writeln!(f, "    -> {decision}")?,
            }
        }
        Ok(())
    }
}

impl Trail {
    fn write_consulted(
        &self,
        f: &mut fmt::Formatter<'_>,
        consulted: &Consulted,
        width: usize,
    ) -> fmt::Result {
        let Consulted { question, finding } = consulted;
        let mut line = |what: &str, name: &DomainName, says: &dyn fmt::Display| {
            let source = finding.source();
            match finding.expires() {
                Some(expires) => {
                    let left = format!("{} s", self.at.until(expires).as_secs());
                    writeln!(f, "  {what:<5} {name:<width$}  {source:<8} {left:>9}  {says}")
                }
                None => writeln!(f, "  {what:<5} {name:<width$}  {source:<8} {:>9}  {says}", "-"),
            }
        };
        let kind = question.kind.to_string();
        match finding {
            Finding::Records { aliases, records, .. } => {
                for alias in aliases {
                    line("CNAME", &alias.name, &alias.data)?;
                }
                let owner = aliases.last().map_or(&question.name, |alias| match &alias.data {
                    Data::Cname(target) => target,
                    Data::A(_)
                    | Data::Aaaa(_)
                    | Data::Ns(_)
                    | Data::Soa(_)
                    | Data::Srv(_)
                    | Data::Naptr(_)
                    | Data::Other { .. } => &question.name,
                });
                records.iter().try_for_each(|record| line(&kind, owner, record))
            }
            Finding::NoData { .. } => line(&kind, &question.name, &"no such record"),
            Finding::NxDomain { .. } => line(&kind, &question.name, &"no such name"),
            Finding::Failed(why) => line(&kind, &question.name, why),
        }
    }
}

impl Step {
    fn name_width(&self) -> Option<usize> {
        let Self::Consulted(consulted) = self else { return None };
        let own = consulted.question.name.to_string().len();
        let Finding::Records { aliases, .. } = &consulted.finding else { return Some(own) };
        let aliased = aliases.iter().map(|alias| alias.data.to_string().len()).max();
        Some(own.max(aliased.unwrap_or(0)))
    }
}
