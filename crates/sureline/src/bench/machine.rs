//! The machine that figures were measured on.

use std::fmt;
use std::fs;

use serde::Serialize;

/// What a reader has to know of a machine to compare figures.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    /// Of the last 1, 5 and 15 minutes, the measuring itself included.
    pub(crate) load: String,
    /// Whether the program was built with optimisation; without it no figure says anything.
    pub(crate) optimised: bool,
}

impl Machine {
    /// This machine as it is now.
    pub(crate) fn look() -> Self {
        let memory_kib = field("/proc/meminfo", "MemTotal");
        let memory_kib = memory_kib.and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            memory_gib: memory_kib.unwrap_or(0).div_ceil(1 << 20),
            kernel: first_words("/proc/sys/kernel/osrelease", 1),
            load: first_words("/proc/loadavg", 3),
            optimised: !cfg!(debug_assertions),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { processor, cores, memory_gib, kernel, load, optimised } = self;
        let build = if *optimised { "release" } else { "WITHOUT OPTIMISATION" };
        write!(
            f,
            "{processor}, {cores} cores, {memory_gib} GiB, Linux {kernel}, {build} build, \
             load {load}"
        )
    }
}

/// The value of the first line `NAME: value` of a file.
fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let values = text.lines().filter_map(|line| line.split_once(':'));
    values.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().to_owned()).next()
}

fn first_words(path: &str, count: usize) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().take(count).collect::<Vec<_>>().join(" ")
}
