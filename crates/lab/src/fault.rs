use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use net::{CertificateFault, Instant};
use sip::Method;

/// What can be wrong with a server of the lab, in the words of `sureline lab fault`.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Its process is dead: ICMP, RST. Carried out by the executor.
    Kill,
    /// It receives and counts, but never answers.
    Mute,
    /// Nothing gets in or out, and no ICMP. Carried out by the executor.
    Blackhole,
    /// It answers every request with this status.
    Status {
        /// The status code, 300 to 699.
        code: u16,
        /// The seconds of Retry-After.
        retry_after_s: Option<u32>,
    },
    /// It asks for credentials again and again.
    Loop401,
    /// It takes every nonce for stale.
    Stale,
    /// It handles every message later.
    Slow(Duration),
    /// It loses this percentage of the datagrams in each direction.
    Loss(u8),
    /// It shows a bad certificate. Carried out by the executor.
    Tls(TlsFault),
    /// The name server knows no name.
    NxDomain,
    /// The name server fails.
    ServFail,
    /// The name server does not answer.
    Silent,
    /// The name server gives every record this TTL, in seconds.
    Ttl(u32),
    /// The name server takes its records from a file.
    Records(String),
    /// All faults of the server end.
    Heal,
}

/// A bad certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// For another name.
    WrongHost,
    /// Expired.
    Expired,
    /// Signed by itself.
    SelfSigned,
    /// Signed by an authority that the phone does not know.
    OtherCa,
}

impl TlsFault {
    /// What a client finds.
    #[must_use]
    pub const fn found(self) -> CertificateFault {
        match self {
            Self::WrongHost => CertificateFault::WrongName,
            Self::Expired => CertificateFault::Expired,
            Self::SelfSigned | Self::OtherCa => CertificateFault::UnknownIssuer,
        }
    }
}

/// Who carries a fault out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The registrar, by a command.
    Registrar,
    /// The name server, by a command.
    NameServer,
    /// The executor: sockets are closed, cut off or given another certificate.
    Executor,
    /// All of them.
    Everyone,
}

impl Fault {
    /// Who carries it out.
    #[must_use]
    pub const fn bearer(&self) -> Bearer {
        match self {
            Self::Mute
            | Self::Status { .. }
            | Self::Loop401
            | Self::Stale
            | Self::Slow(_)
            | Self::Loss(_) => Bearer::Registrar,
            Self::NxDomain | Self::ServFail | Self::Silent | Self::Ttl(_) | Self::Records(_) => {
                Bearer::NameServer
            }
            Self::Kill | Self::Blackhole | Self::Tls(_) => Bearer::Executor,
            Self::Heal => Bearer::Everyone,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill => f.write_str("kill"),
            Self::Mute => f.write_str("mute"),
            Self::Blackhole => f.write_str("blackhole"),
            Self::Status { code, retry_after_s: None } => write!(f, "status {code}"),
            Self::Status { code, retry_after_s: Some(after) } => write!(f, "status {code} {after}"),
            Self::Loop401 => f.write_str("loop401"),
            Self::Stale => f.write_str("stale"),
            Self::Slow(by) => write!(f, "slow {}", by.as_millis()),
            Self::Loss(percent) => write!(f, "loss {percent}"),
            Self::Tls(fault) => write!(f, "tls {fault}"),
            Self::NxDomain => f.write_str("nxdomain"),
            Self::ServFail => f.write_str("servfail"),
            Self::Silent => f.write_str("silent"),
            Self::Ttl(ttl_s) => write!(f, "ttl {ttl_s}"),
            Self::Records(file) => write!(f, "records {file}"),
            Self::Heal => f.write_str("heal"),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongHost => "wronghost",
            Self::Expired => "expired",
            Self::SelfSigned => "selfsigned",
            Self::OtherCa => "otherca",
        })
    }
}

/// Why words are no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultProblem {
    /// No fault has this name.
    Unknown(String),
    /// Something has to follow the name.
    Missing(&'static str),
    /// What follows the name is not permitted.
    Value {
        /// What stands there.
        found: String,
        /// What may stand there.
        permitted: &'static str,
    },
}

impl fmt::Display for FaultProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(
                f,
                "no fault is called \"{name}\": kill, mute, blackhole, status, loop401, stale, slow, \
                 loss, tls, nxdomain, servfail, silent, ttl, records, heal"
            ),
            Self::Missing(what) => write!(f, "{what} is missing"),
            Self::Value { found, permitted } => {
                write!(f, "\"{found}\" is not permitted here: {permitted}")
            }
        }
    }
}

impl std::error::Error for FaultProblem {}

impl FromStr for Fault {
    type Err = FaultProblem;

    /// Reads a fault as it is typed: its name and what follows, between blanks.
    fn from_str(text: &str) -> Result<Self, FaultProblem> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or(FaultProblem::Missing("the name of the fault"))?;
        let mut word = |what| words.next().ok_or(FaultProblem::Missing(what));
        let fault = match name {
            "kill" => Self::Kill,
            "mute" => Self::Mute,
            "blackhole" => Self::Blackhole,
            "status" => Self::Status {
                code: number(word("the status code")?, 300, 699, "300 to 699")?,
                retry_after_s: match words.next() {
                    Some(after) => Some(number(after, 0, u32::MAX, "seconds")?),
                    None => None,
                },
            },
            "loop401" => Self::Loop401,
            "stale" => Self::Stale,
            "slow" => {
                let millis = number(word("the delay")?, 0, 3_600_000, "0 to 3600000 milliseconds")?;
                Self::Slow(Duration::from_millis(millis))
            }
            "loss" => Self::Loss(number(word("the percentage")?, 0, 100, "0 to 100 percent")?),
            "tls" => Self::Tls(tls_fault(word("the kind of certificate")?)?),
            "nxdomain" => Self::NxDomain,
            "servfail" => Self::ServFail,
            "silent" => Self::Silent,
            "ttl" => Self::Ttl(number(word("the TTL")?, 0, u32::MAX, "seconds")?),
            "records" => Self::Records(word("the file")?.to_owned()),
            "heal" => Self::Heal,
            other => return Err(FaultProblem::Unknown(other.to_owned())),
        };
        match words.next() {
            None => Ok(fault),
            Some(more) => {
                Err(FaultProblem::Value { found: more.to_owned(), permitted: "nothing more" })
            }
        }
    }
}

fn tls_fault(word: &str) -> Result<TlsFault, FaultProblem> {
    match word {
        "wronghost" => Ok(TlsFault::WrongHost),
        "expired" => Ok(TlsFault::Expired),
        "selfsigned" => Ok(TlsFault::SelfSigned),
        "otherca" => Ok(TlsFault::OtherCa),
        other => Err(FaultProblem::Value {
            found: other.to_owned(),
            permitted: "wronghost, expired, selfsigned or otherca",
        }),
    }
}

fn number<T>(word: &str, low: T, high: T, permitted: &'static str) -> Result<T, FaultProblem>
where
    T: FromStr + PartialOrd,
{
    word.parse()
        .ok()
        .filter(|value| (&low..=&high).contains(&value))
        .ok_or_else(|| FaultProblem::Value { found: word.to_owned(), permitted })
}

/// A fault that a registrar carries out, for one method or all, for a time or for ever.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveFault {
    /// Its number, given by whoever ordered it.
    pub id: u64,
    /// What is wrong.
    pub fault: Fault,
    /// The method it concerns; all if `None`. A response belongs to the method of its request.
    pub method: Option<Method>,
    /// When it ends by itself.
    pub until: Instant,
}

/// The faults of one registrar, oldest first; where two contradict each other the newer one counts.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan {
    list: Vec<ActiveFault>,
}

/// What becomes of a request by the faults of the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Treatment {
    /// The usual.
    Normal,
    /// A status, and Retry-After with it.
    Status(u16, Option<u32>),
    /// 401 without end.
    Loop401,
    /// 401 with `stale=true` for every answer to a challenge.
    Stale,
}

impl Fault {
    const fn treatment(&self) -> Option<Treatment> {
        match self {
            Self::Status { code, retry_after_s } => Some(Treatment::Status(*code, *retry_after_s)),
            Self::Loop401 => Some(Treatment::Loop401),
            Self::Stale => Some(Treatment::Stale),
            Self::Kill
            | Self::Mute
            | Self::Blackhole
            | Self::Slow(_)
            | Self::Loss(_)
            | Self::Tls(_)
            | Self::NxDomain
            | Self::ServFail
            | Self::Silent
            | Self::Ttl(_)
            | Self::Records(_)
            | Self::Heal => None,
        }
    }
}

impl FaultPlan {
    pub(crate) fn add(&mut self, fault: ActiveFault) {
        self.list.retain(|known| known.id != fault.id);
        if self.list.len() < FAULTS_MAX {
            self.list.push(fault);
        }
    }

    pub(crate) fn remove(&mut self, id: u64) {
        self.list.retain(|known| known.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
    }

    /// Those in force at `now`.
    pub(crate) fn active(&self, now: Instant) -> impl DoubleEndedIterator<Item = &ActiveFault> {
        self.list.iter().filter(move |fault| now < fault.until)
    }

    pub(crate) fn is_mute(&self, now: Instant, method: &Method) -> bool {
        self.about(now, method).any(|fault| fault.fault == Fault::Mute)
    }

    pub(crate) fn loss_percent(&self, now: Instant, method: &Method) -> u8 {
        let percent =
            |fault: &Fault| if let Fault::Loss(percent) = fault { Some(*percent) } else { None };
        self.newest(now, method, percent).unwrap_or(0)
    }

    pub(crate) fn delay(&self, now: Instant, method: &Method) -> Duration {
        let delay = |fault: &Fault| if let Fault::Slow(by) = fault { Some(*by) } else { None };
        self.newest(now, method, delay).unwrap_or_default()
    }

    pub(crate) fn treatment(&self, now: Instant, method: &Method) -> Treatment {
        self.newest(now, method, Fault::treatment).unwrap_or(Treatment::Normal)
    }

    fn newest<T>(
        &self,
        now: Instant,
        method: &Method,
        pick: impl Fn(&Fault) -> Option<T>,
    ) -> Option<T> {
        self.about(now, method).rev().find_map(|fault| pick(&fault.fault))
    }

    fn about(
        &self,
        now: Instant,
        method: &Method,
    ) -> impl DoubleEndedIterator<Item = &ActiveFault> {
        self.active(now).filter(move |fault| fault.method.as_ref().is_none_or(|m| m == method))
    }
}

const FAULTS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_reads_back_as_it_is_written() {
        for text in [
            "kill",
            "mute",
            "blackhole",
            "status 503",
            "status 503 30",
            "loop401",
            "stale",
            "slow 250",
            "loss 30",
            "tls wronghost",
            "tls expired",
            "tls selfsigned",
            "tls otherca",
            "nxdomain",
            "servfail",
            "silent",
            "ttl 5",
            "records /tmp/zone",
            "heal",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_fault_is_said() {
        for (text, says) in [
            ("", "the name of the fault is missing"),
            ("status", "the status code is missing"),
            ("status 200", "300 to 699"),
            ("loss 101", "0 to 100 percent"),
            ("mute now", "nothing more"),
            ("tls pink", "wronghost, expired, selfsigned or otherca"),
            ("explode", "no fault is called \"explode\""),
        ] {
            let problem = text.parse::<Fault>().unwrap_err().to_string();
            assert!(problem.contains(says), "{problem}");
        }
    }

    #[test]
    fn a_fault_counts_for_its_method_and_its_time_and_the_newest_wins() {
        let mut plan = FaultPlan::default();
        let fault = |id, text: &str, method| ActiveFault {
            id,
            fault: text.parse().unwrap(),
            method,
            until: Instant::from_secs(10),
        };
        plan.add(fault(1, "status 503 30", Some(Method::Register)));
        plan.add(fault(2, "slow 100", None));
        let now = Instant::from_secs(9);
        assert_eq!(plan.treatment(now, &Method::Register), Treatment::Status(503, Some(30)));
        assert_eq!(plan.treatment(now, &Method::Invite), Treatment::Normal);
        assert_eq!(plan.delay(now, &Method::Invite), Duration::from_millis(100));
        plan.add(fault(3, "loop401", None));
        assert_eq!(plan.treatment(now, &Method::Register), Treatment::Loop401);
        plan.remove(3);
        assert_eq!(plan.treatment(now, &Method::Invite), Treatment::Normal);
        let later = Instant::from_secs(10);
        assert_eq!(plan.treatment(later, &Method::Register), Treatment::Normal);
        assert_eq!(plan.active(later).count(), 0);
    }
}
