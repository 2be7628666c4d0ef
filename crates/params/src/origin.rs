use std::fmt;
use std::sync::Arc;

/// Where a set of values comes from; a later source wins over an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The file of all phones of a model.
    Common,
    /// The file of one phone.
    Mac,
    /// What was changed on the phone or on its web page.
    Local,
    /// `--set` on the command line.
    Set,
}

impl Layer {
    /// The word for it in messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Common => "common file",
            Self::Mac => "MAC file",
            Self::Local => "local file",
            Self::Set => "command line",
        }
    }
}

/// The place where something was written; shown as `phone.cfg:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The layer of the file.
    pub layer: Layer,
    /// The file as its source named it.
    pub file: Arc<str>,
    /// From 1; 0: the file as a whole.
    pub line: u32,
    /// In characters from 1; 0: the line as a whole.
    pub column: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line == 0 || self.layer == Layer::Set {
            return Ok(());
        }
        write!(f, ":{}", self.line)
    }
}
