//! `docs/rfc.md`: where each section of an RFC is obeyed, where we depart from one, and what is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::citation::{Cited, remarks};
use crate::generated::{check, without_lines};
use crate::tree::SOURCES;

/// RFCs with their sections.
const KNOWN: &str = include_str!("../data/rfc.txt");
/// Sections that no code cites, with the reason.
const SKIPPED: &str = include_str!("../data/skipped.txt");
/// The RFCs of which every section is either cited or skipped for a reason.
const WHOLE: [u32; 2] = [3261, 3263];

const HEAD: &str = "\
# RFCs

Where the code cites a section of an RFC, made from its comments by `UPDATE=1 cargo test -p house`. A section
that does not exist fails the build, as does a page that names other files or items than the tree has;
line numbers are those of the last writing and may have moved since.
";

/// A section in the order of its numbers, letters behind them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Section(Vec<Result<u32, String>>);

impl Section {
    fn of(text: &str) -> Self {
        Self(text.split('.').map(|part| part.parse().map_err(|_| part.to_owned())).collect())
    }

    fn shown(&self) -> String {
        let parts = self.0.iter().map(|part| match part {
            Ok(number) => number.to_string(),
            Err(letter) => letter.clone(),
        });
        parts.collect::<Vec<_>>().join(".")
    }

    fn lies_in(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

struct Rfc {
    title: String,
    sections: BTreeSet<Section>,
}

fn known() -> BTreeMap<u32, Rfc> {
    let mut known = BTreeMap::new();
    let mut last = 0;
    for line in KNOWN.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if line.starts_with(' ') {
            let rfc: &mut Rfc = known.get_mut(&last).expect("sections follow their RFC");
            rfc.sections.extend(line.split_whitespace().map(Section::of));
        } else {
            let (number, title) = line.split_once(' ').expect("number and title");
            last = number.parse().expect("a number");
            let rfc = Rfc { title: title.to_owned(), sections: BTreeSet::new() };
            assert!(
                known.insert(last, rfc).is_none(),
                "crates/house/data/rfc.txt: {last} stands twice"
            );
        }
    }
    known
}

/// RFC, section and reason of each line of `data/skipped.txt`.
fn skipped() -> Vec<(u32, Section, &'static str)> {
    let lines = SKIPPED.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let entry = |line: &'static str| {
        let mut parts = line.splitn(3, ' ');
        let number = parts.next().and_then(|number| number.parse().ok());
        let section = parts.next().map(Section::of);
        Some((number?, section?, parts.next()?))
    };
    lines
        .map(|line| entry(line).unwrap_or_else(|| panic!("crates/house/data/skipped.txt: {line}")))
        .collect()
}

/// What is cited where: sections of an RFC (none: the document) and in them places of code and tests.
type Places = BTreeMap<u32, BTreeMap<Option<Section>, BTreeMap<(String, String), usize>>>;

fn places() -> Places {
    let mut places = Places::new();
    for source in SOURCES.iter() {
        for (line, cited) in remarks(source).iter().flat_map(|remark| remark.citations()) {
            let Cited::Rfc(rfc, section) = cited else { continue };
            let section = section.as_deref().map(Section::of);
            let item = source.test_at(line).or(source.item_at(line)).unwrap_or_default();
            let place = (source.path.clone(), item.to_owned());
            places.entry(rfc).or_default().entry(section).or_default().entry(place).or_insert(line);
        }
    }
    places
}

#[test]
fn every_cited_section_exists() {
    let known = known();
    let mut unknown = String::new();
    for (rfc, sections) in places() {
        for (section, places) in sections {
            let exists = known
                .get(&rfc)
                .is_some_and(|rfc| section.as_ref().is_none_or(|s| rfc.sections.contains(s)));
            let ((path, _), line) = places.first_key_value().expect("a place");
            let section =
                section.map(|section| format!(" §{}", section.shown())).unwrap_or_default();
            if !exists {
                writeln!(unknown, "  {path}:{line}: RFC {rfc}{section}").expect("a String");
            }
        }
    }
    assert!(
        unknown.is_empty(),
        "not in crates/house/data/rfc.txt; look into the RFC, then mend the comment or add the line:\n{unknown}"
    );
}

#[test]
fn sections_of_the_main_rfcs_are_cited_or_skipped_for_a_reason() {
    let (known, places, skipped) = (known(), places(), skipped());
    let mut open = String::new();
    for rfc in WHOLE {
        let sections = &known[&rfc].sections;
        let has_parts = |section: &Section| {
            sections.iter().any(|other| other != section && other.lies_in(section))
        };
        let looked_at = |section: &&Section| {
            section.0.len() == 2 || (section.0.len() == 1 && !has_parts(section))
        };
        for section in sections.iter().filter(looked_at) {
            let is_cited = places
                .get(&rfc)
                .is_some_and(|cited| cited.keys().flatten().any(|cited| cited.lies_in(section)));
            let skip = skipped.iter().find(|(of, skip, _)| *of == rfc && section.lies_in(skip));
            match (is_cited, skip) {
                (false, None) => {
                    writeln!(open, "  RFC {rfc} §{}: neither cited nor skipped", section.shown())
                }
                (true, Some((_, skip, reason))) if skip == section => writeln!(
                    open,
                    "  RFC {rfc} §{}: cited: take it out of skipped.txt ({reason})",
                    section.shown()
                ),
                (true, _) | (false, Some(_)) => Ok(()),
            }
            .expect("a String");
        }
    }
    assert!(open.is_empty(), "crates/house/data/skipped.txt and the comments disagree:\n{open}");
}

#[test]
fn skipped_sections_exist() {
    let known = known();
    for (rfc, section, _) in skipped() {
        let exists = known.get(&rfc).is_some_and(|rfc| rfc.sections.contains(&section));
        assert!(exists, "crates/house/data/skipped.txt: RFC {rfc} has no §{}", section.shown());
    }
}

#[test]
fn the_page_of_rfcs_is_current() {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Departures\n\n");
    for source in SOURCES.iter() {
        for remark in remarks(source) {
            let departures = remark.departures();
            let of_rfc = departures.iter().filter(|(_, said)| said.contains("RFC "));
            for &(line, said) in of_rfc {
                let item = source.item_at(line).unwrap_or_default();
                writeln!(page, "- {said} (`{}:{line}` {item})", source.path).expect("a String");
            }
        }
    }
    page.push_str("\n## Sections that no code cites\n\n| RFC | why |\n|---|---|\n");
    for (rfc, section, reason) in skipped() {
        writeln!(page, "| RFC {rfc} §{} | {reason} |", section.shown()).expect("a String");
    }
    let known = known();
    for (rfc, sections) in places() {
        let title = known.get(&rfc).map(|rfc| rfc.title.as_str()).unwrap_or_default();
        write!(page, "\n## RFC {rfc}: {title}\n\n| section | where |\n|---|---|\n")
            .expect("a String");
        for (section, places) in sections {
            let section = section.map_or_else(|| "whole".to_owned(), |s| format!("§{}", s.shown()));
            let places = places.iter().map(|((path, item), line)| match item.as_str() {
                "" => format!("`{path}:{line}`"),
                item => format!("`{path}:{line}` {item}"),
            });
            let places = places.collect::<Vec<_>>().join("<br>");
            writeln!(page, "| {section} | {places} |").expect("a String");
        }
    }
    check("docs/rfc.md", &page.replace("`crates/", "`"), without_lines);
}
