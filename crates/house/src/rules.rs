//! `docs/rules.md`: which code and which test stand for each rule of the guide and each decision.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::citation::{Cited, Part, remarks};
use crate::generated::{check, without_lines};
use crate::source::Source;
use crate::tree::SOURCES;

/// The decisions, each in a few words. There is no A30.
const DECISIONS: [(u32, &str); 34] = [
    (
        1,
        "N retries are N retransmissions of one transaction, N + 1 datagrams; the next hop is given up when the next one would be due",
    ),
    (
        2,
        "never later than Timer B or F; each digest challenge begins a transaction with a budget of its own",
    ),
    (
        3,
        "`retry_counts` is for all requests but INVITE, which has `invite_retry_counts` (firmware 80: `retry_counts`)",
    ),
    (4, "0 retries: one datagram, given up after T1"),
    (
        5,
        "TCP and TLS are not retransmitted, but have the same budget; a pooled connection that breaks is opened again once",
    ),
    (6, "500, 502, 504 are final unless `failover_codes` lists them"),
    (7, "a received 408 fails the next hop for a REGISTER, and for nothing else"),
    (
        8,
        "`register_on_enable` decides only whether an extra REGISTER goes to a secondary before another request",
    ),
    (
        9,
        "`only_signal_with_registered`: requests go to the next hop with the lease alone; no effect in firmware 80",
    ),
    (
        10,
        "`failback_mode` 1: the clock is the TTL that the address record still had at the move, at least 30 s",
    ),
    (11, "`failback_mode` 2: the clock is the next refresh"),
    (12, "`failback_mode` 3 with a timeout of 0 has no clock"),
    (13, "`failback_timeout` runs from the answer that completed the move; 1 to 59 count as 60"),
    (
        14,
        "successive mode: server 2 gets its REGISTER when the lease at server 1 has run out, or an INVITE needs it earlier",
    ),
    (
        15,
        "in doubt: no next hop of server 1 answered; the lease is unconfirmed and a REGISTER pass is repeated until one is answered",
    ),
    (
        16,
        "probes of server 1 run from start to start, never two at once; 2xx moves back, calls or not",
    ),
    (17, "SUBSCRIBE goes to server 1 while the phone is there, never to server 2"),
    (18, "outbound proxies: one registration in server 1's domain, through proxy 1 or proxy 2"),
    (19, "`transport_type` 0 to 2 and port 0: SRV of that transport, then A"),
    (20, "the default port is 5060, for TLS 5061"),
    (21, "all usable NAPTR records of the lowest usable order give next hops"),
    (
        22,
        "within one SRV priority the heaviest first; equals in an order that differs between phones",
    ),
    (23, "addresses that are still listed keep their order when an answer changes"),
    (24, "a static record counts until its ttl after the last consultation has run"),
    (25, "`_sip_tcp.x` is asked as written, then once as `_sip._tcp.x`"),
    (
        26,
        "requests in a dialog follow its route set; a route that is a name has failover, an address has none",
    ),
    (27, "an INVITE that got 100 or more does not fail over"),
    (28, "the last candidate that nothing can follow gets the full Timer B or F"),
    (29, "`failback_mode` belongs to one server; modes 1 to 3 act only when the phone is idle"),
    (31, "at start nothing is remembered: server 1, its primary"),
    (32, "a refusal is an answer: ICMP, refused and reset fail the next hop at once"),
    (33, "a failback is a REGISTER pass from the top that ends at the current next hop"),
    (34, "no REGISTER with Expires 0 between next hops of one server"),
    (35, "static SRV records of TCP and TLS are consulted whatever `naptr_build` says"),
];

/// The scenarios of the guide's last chapter, part by part.
const SCENARIOS: [(&str, &[(Part, &str)]); 4] = [
    (
        "REGISTER Fallback",
        &[
            (Part::Step(1), "a REGISTER to the working server"),
            (Part::Step(2), "retries, three by default"),
            (
                Part::Step(3),
                "no answer: a REGISTER to the fallback server after the registration time ended",
            ),
            (Part::Step(4), "the fallback server answers 200"),
            (
                Part::Recovery,
                "probes of the working server at intervals of `fallback.timeout`; it recovers: the phone goes back",
            ),
        ],
    ),
    (
        "INVITE Fallback",
        &[
            (Part::Step(1), "phone A calls phone B"),
            (Part::Step(2), "phone B answers"),
            (Part::Message(1), "an INVITE to the working server"),
            (Part::Message(2), "retries, three by default"),
            (Part::Message(3), "no answer: the INVITE to the fallback server"),
            (Part::Message(4), "the fallback server answers 200"),
            (Part::Recovery, "REGISTERs look for the working server; it recovers: INVITEs go back"),
        ],
    ),
    (
        "REGISTER Failover",
        &[
            (Part::Step(1), "a REGISTER to the primary server"),
            (Part::Step(2), "retries, three by default"),
            (Part::Step(3), "no answer: a REGISTER to the secondary server"),
            (Part::Step(4), "the secondary server answers 200"),
            (
                Part::Recovery,
                "the next REGISTER goes to the primary first; it recovers: the phone is back",
            ),
        ],
    ),
    (
        "INVITE Failover",
        &[
            (Part::Step(1), "phone A calls phone B"),
            (Part::Step(2), "phone B answers"),
            (Part::Message(1), "an INVITE to the primary server"),
            (Part::Message(2), "retries, three by default"),
            (Part::Message(3), "no answer: the INVITE to the secondary server"),
            (Part::Message(4), "the secondary server answers 200"),
            (
                Part::Recovery,
                "the next call goes to the primary first; it recovers: INVITEs are back at once",
            ),
        ],
    ),
];

/// Rules that the phone cannot have yet, with the reason; a line goes when code and test are there.
const PENDING: [(&str, &str); 1] = [("A17", "comes with subscriptions")];

/// The crates whose code obeys rules; the others play, show or judge what these do.
const OBEYING: [&str; 9] =
    ["net", "sip", "dns", "sdp", "media", "params", "locate", "phone", "host"];

const HEAD: &str = "\
# Rules

Which code obeys each rule, and which test shows it. Two sets of rules: the numbered steps of the
scenarios in the last chapter of the vendor's guide, and the decisions A1 to A35 (there is no A30) where
the guide is silent or contradicts itself.

This page is made from comments: `// A14` or `// Guide, \"REGISTER Failover\" step 3` beside the code, and
the same directly above or inside a test. `UPDATE=1 cargo test -p house` writes it. A rule without code
or without test fails the build, as does a page that names other files, items or tests than the tree
has; line numbers are those of the last writing and may have moved since.
";

/// Where something is cited: the place of its first citation for each item.
#[derive(Debug, Default)]
struct Cites {
    code: BTreeMap<(String, String), usize>,
    tests: BTreeMap<(String, String), usize>,
}

impl Cites {
    fn add(&mut self, source: &Source, line: usize) {
        let path = source.path.clone();
        if let Some(test) = source.test_at(line) {
            self.tests.entry((path, test.to_owned())).or_insert(line);
        } else if !source.is_test_at(line) && OBEYING.contains(&source.owner.as_str()) {
            let item = source.item_at(line).unwrap_or_default().to_owned();
            self.code.entry((path, item)).or_insert(line);
        }
    }

    /// What is missing.
    fn gap(&self) -> Option<&'static str> {
        match (self.code.is_empty(), self.tests.is_empty()) {
            (true, true) => Some("neither code nor test cites it"),
            (true, false) => Some("no code cites it"),
            (false, true) => Some("no test cites it"),
            (false, false) => None,
        }
    }
}

/// One line of the page.
struct Rule {
    /// As it is cited, and as an entry of [`PENDING`] names it.
    name: String,
    group: String,
    text: &'static str,
    cited: Cited,
}

fn rules() -> Vec<Rule> {
    let decisions = DECISIONS.iter().map(|(number, text)| Rule {
        name: format!("A{number}"),
        group: format!("A{number}"),
        text,
        cited: Cited::Rule(*number),
    });
    let scenarios = SCENARIOS.iter().flat_map(|(scenario, parts)| {
        parts.iter().map(move |(part, text)| Rule {
            name: format!("\"{scenario}\"{}", shown(*part)),
            group: (*scenario).to_owned(),
            text,
            cited: Cited::Scenario((*scenario).to_owned(), *part),
        })
    });
    scenarios.chain(decisions).collect()
}

fn shown(part: Part) -> String {
    match part {
        Part::Step(number) => format!(" step {number}"),
        Part::Message(number) => format!(" message {number}"),
        Part::Recovery => String::new(),
    }
}

fn cites() -> BTreeMap<Cited, Cites> {
    let mut cites: BTreeMap<Cited, Cites> = BTreeMap::new();
    for source in SOURCES.iter() {
        for (line, cited) in remarks(source).iter().flat_map(|remark| remark.citations()) {
            cites.entry(cited).or_default().add(source, line);
        }
    }
    cites
}

fn reason_pending(rule: &Rule) -> Option<&'static str> {
    PENDING.iter().find(|(name, _)| *name == rule.group).map(|(_, reason)| *reason)
}

#[test]
fn every_rule_has_code_and_test() {
    let cites = cites();
    let none = Cites::default();
    let mut missing = String::new();
    for rule in rules().iter().filter(|rule| reason_pending(rule).is_none()) {
        if let Some(gap) = cites.get(&rule.cited).unwrap_or(&none).gap() {
            writeln!(missing, "  {}: {gap} ({})", rule.name, rule.text).expect("a String");
        }
    }
    assert!(
        missing.is_empty(),
        "rules without code or test; cite them where they are obeyed and tested, as in \
         `// A14` or `// Guide, \"REGISTER Failover\" step 3`:\n{missing}"
    );
}

#[test]
fn what_is_pending_is_still_missing() {
    let cites = cites();
    let none = Cites::default();
    for (name, reason) in PENDING {
        let all = rules();
        let parts: Vec<&Rule> = all.iter().filter(|rule| rule.group == name).collect();
        assert!(!parts.is_empty(), "PENDING names {name}, which is no rule");
        let gaps = parts.iter().filter_map(|rule| cites.get(&rule.cited).unwrap_or(&none).gap());
        let gaps = gaps.count();
        println!("pending: {name}, {gaps} of {} missing: {reason}", parts.len());
        assert!(gaps > 0, "{name} has code and test: take it out of PENDING in crates/house");
    }
}

#[test]
fn only_rules_that_exist_are_cited() {
    let known: BTreeSet<Cited> = rules().into_iter().map(|rule| rule.cited).collect();
    let mut unknown = String::new();
    for source in SOURCES.iter() {
        for (line, cited) in remarks(source).iter().flat_map(|remark| remark.citations()) {
            let is_rule = match &cited {
                Cited::Rule(_) => true,
                Cited::Scenario(name, _) => SCENARIOS.iter().any(|(known, _)| known == name),
                Cited::Rfc(..) => false,
            };
            if is_rule && !known.contains(&cited) {
                writeln!(unknown, "  {}:{line}: {cited:?}", source.path).expect("a String");
            }
        }
    }
    assert!(unknown.is_empty(), "citations of rules that do not exist:\n{unknown}");
}

#[test]
fn the_page_of_rules_is_current() {
    let mut page = HEAD.to_owned();
    let cites = cites();
    let none = Cites::default();
    let mut heading = "";
    for rule in &rules() {
        let of_guide = if matches!(rule.cited, Cited::Rule(_)) { DECIDED } else { OF_GUIDE };
        if of_guide != heading {
            heading = of_guide;
            write!(page, "\n## {heading}\n\n| rule | code | tests |\n|---|---|---|\n")
                .expect("a String");
        }
        let cites = cites.get(&rule.cited).unwrap_or(&none);
        let code = cites.code.iter().map(|((path, item), line)| match item.as_str() {
            "" => format!("`{path}:{line}`"),
            item => format!("`{path}:{line}` {item}"),
        });
        let tests =
            cites.tests.iter().map(|((path, test), line)| format!("{test} `{path}:{line}`"));
        let pending = reason_pending(rule).map(|reason| format!("*{reason}*"));
        let or_pending = |cell: String| match &pending {
            Some(pending) if cell.is_empty() => pending.clone(),
            _ => cell,
        };
        let code = or_pending(code.collect::<Vec<_>>().join("<br>"));
        let tests = or_pending(tests.collect::<Vec<_>>().join("<br>"));
        let part = match &rule.cited {
            Cited::Scenario(name, Part::Recovery) => format!("\"{name}\", recovery"),
            Cited::Scenario(..) | Cited::Rule(_) | Cited::Rfc(..) => rule.name.clone(),
        };
        writeln!(page, "| **{part}:** {} | {code} | {tests} |", rule.text).expect("a String");
    }
    check("docs/rules.md", &page.replace("`crates/", "`"), without_lines);
}

const OF_GUIDE: &str = "Scenarios of the guide";
const DECIDED: &str = "Decisions";
