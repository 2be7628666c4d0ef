//! Files, devices and DNS for checks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use advise::check::{Detail, Lookup, Options, Report, check};
use dns::{Answer, Data, DomainName, Question, Record, RecordType, Reply, Srv, Verdict};
use locate::{Progress, Records, Search};
use net::Instant;
use params::{Device, Layer, Source};

pub(crate) fn folder(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(below)
}

/// How a file wants to be checked: its first line may say `# check --model T23G --all`.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) device: Device,
    pub(crate) detail: Detail,
    pub(crate) layer: Layer,
    pub(crate) is_readable_by_all: bool,
    pub(crate) with_dns: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            device: Device::default(),
            detail: Detail::Usual,
            layer: Layer::Mac,
            is_readable_by_all: false,
            with_dns: false,
        }
    }
}

impl Wanted {
    pub(crate) fn by(bytes: &[u8]) -> Self {
        let mut wanted = Self::default();
        let first = String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned();
        let Some(words) = first.strip_prefix("# check ") else { return wanted };
        let mut words = words.split(' ');
        while let Some(word) = words.next() {
            match word {
                "--all" => wanted.detail = Detail::All,
                "--resolve" => wanted.with_dns = true,
                "--readable-by-all" => wanted.is_readable_by_all = true,
                "--layer" => {
                    assert_eq!(words.next(), Some("common"));
                    wanted.layer = Layer::Common;
                }
                "--model" => wanted.device.model = words.next().unwrap().parse().unwrap(),
                "--firmware" => wanted.device.firmware = words.next().unwrap().parse().unwrap(),
                other => panic!("{other} is no option of a test file"),
            }
        }
        wanted
    }
}

/// Checks files, each with its name and layer, as `wanted` says.
pub(crate) fn check_as(wanted: &Wanted, files: &[(&str, Layer, &[u8])]) -> Report {
    let sources: Vec<Source<'_>> =
        files.iter().map(|(name, layer, bytes)| Source { name, layer: *layer, bytes }).collect();
    let names: Vec<&str> = files.iter().map(|(name, ..)| *name).collect();
    let resolve = |lookup: &Lookup| resolved(lookup);
    let options = Options {
        detail: wanted.detail,
        readable_by_all: if wanted.is_readable_by_all { &names } else { &[] },
        resolve: if wanted.with_dns { Some(&resolve) } else { None },
    };
    check(&sources, &wanted.device, &options)
}

/// Checks one MAC file.
pub(crate) fn check_text(text: &str) -> Report {
    check_as(&Wanted::by(text.as_bytes()), &[("phone.cfg", Layer::Mac, text.as_bytes())])
}

/// The codes of a report, in order.
pub(crate) fn codes(report: &Report) -> Vec<&'static str> {
    report.findings.iter().map(|finding| finding.code).collect()
}

/// What DNS says in these tests: `pbx.example.com` has two SRV targets, `one.example.com` one address,
/// nothing else exists.
fn resolved(lookup: &Lookup) -> Progress {
    let name = |text: &str| DomainName::parse(text).unwrap();
    let srv = |priority, weight, target: &str| {
        Data::Srv(Srv { priority, weight, port: 5060, target: name(target) })
    };
    let a = |text: &str| Data::of_address(text.parse().unwrap());
    let zone: BTreeMap<(&str, RecordType), Vec<Data>> = BTreeMap::from([
        (
            ("_sip._udp.pbx.example.com", RecordType::Srv),
            vec![srv(10, 60, "a.example.com"), srv(10, 40, "b.example.com")],
        ),
        (("a.example.com", RecordType::A), vec![a("192.0.2.1")]),
        (("b.example.com", RecordType::A), vec![a("192.0.2.2")]),
        (("pbx.example.com", RecordType::A), vec![a("192.0.2.1"), a("192.0.2.2")]),
        (("one.example.com", RecordType::A), vec![a("192.0.2.1")]),
    ]);
    let mut records = Records::default();
    for _ in 0..32 {
        match locate::locate(&lookup.target, &lookup.policy, &records, Instant::ZERO) {
            Search::Ready(hops) => return Progress::Ready(hops),
            Search::Nothing(nothing) => return Progress::Nothing(nothing),
            Search::Ask(missing) => {
                for question in missing.questions {
                    let found = zone.get(&(&*question.name.to_string(), question.kind)).cloned();
                    let reply = reply(&question, found);
                    records.replies.insert(question, reply);
                }
            }
        }
    }
    panic!("{lookup:?} is asked for without end");
}

fn reply(question: &Question, found: Option<Vec<Data>>) -> Reply {
    let record = |data| Record { name: question.name.clone(), ttl_s: 300, data };
    Reply::Answer(Arc::new(Answer {
        question: question.clone(),
        aliases: Vec::new(),
        verdict: match found {
            Some(found) => Verdict::Records(found.into_iter().map(record).collect()),
            None => Verdict::NxDomain,
        },
        received: Instant::ZERO,
        ttl: Duration::from_secs(300),
        from: SocketAddr::from(([192, 0, 2, 53], 53)),
        steps: 1,
        cut: 0,
    }))
}

/// Compares a text with the one that is kept in a file; `UPDATE=1` keeps the new one instead.
pub(crate) fn matches_kept(path: &Path, text: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "{} differs; run with UPDATE=1 and look at the change:\n{text}",
        path.display()
    );
}
