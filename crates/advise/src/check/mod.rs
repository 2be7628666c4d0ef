//! `sureline check`: what is wrong with configuration files and what the phone will make of them.
//!
//! [`check`] is the whole of it. Rules look at what [`params`] has read, at what [`locate`] finds in
//! static records or what DNS said, and at the times of [`phone::Plan`]: they keep no second opinion
//! of what the phone does. [`rules_manual`] prints what each rule is about.

mod case;
mod catalogue;
mod files;
mod finding;
mod json;
mod places;
mod prepare;
mod render;
mod report;
mod rules;
mod sarif;
mod template;
mod times;

use locate::Progress;
use params::{Device, Source};

pub use self::catalogue::{RULES, Rule, rules_manual};
pub use self::finding::{Edit, Finding, Fix, LineChange, Mark, Safety, Severity};
pub use self::places::Lookup;
pub use self::report::{Colour, Report, Strictness, Work};

use self::case::{Case, Read};
use self::files::Files;

/// What a check is told besides the files.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// How much is listed.
    pub detail: Detail,
    /// The files that every user of the machine can read, by the names of their sources.
    pub readable_by_all: &'a [&'a str],
    /// Locates a server as the phone would, by asking DNS; `None`: DNS is not asked.
    pub resolve: Option<&'a dyn Fn(&Lookup) -> Progress>,
}

/// How much is listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// What needs a look; the rest is counted.
    #[default]
    Usual,
    /// Every key that does nothing here and every value that another file overrides.
    All,
}

/// Checks files as one device reads them, in the order given: later ones win. A file whose name ends
/// in `.boot` is a boot file.
#[must_use]
pub fn check(sources: &[Source<'_>], device: &Device, options: &Options<'_>) -> Report {
    let files = Files::new(sources);
    let (findings, work) = {
        let read = Read::new(&files, device);
        let case = Case::new(&read, options);
        rules::run(&case)
    };
    Report::new(files, findings, work)
}

/// What the accounts of these files locate, each once: what `--resolve` has to ask DNS for.
#[must_use]
pub fn lookups(sources: &[Source<'_>], device: &Device) -> Vec<Lookup> {
    let files = Files::new(sources);
    let read = Read::new(&files, device);
    let options = Options::default();
    let case = Case::new(&read, &options);
    let mut lookups: Vec<Lookup> = Vec::new();
    for place in case.lines.iter().flat_map(|line| line.used()) {
        if place.is_name() && !lookups.contains(&place.lookup) {
            lookups.push(place.lookup.clone());
        }
    }
    lookups
}
