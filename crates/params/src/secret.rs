use std::fmt;

/// A password: it can be compared and used, but not printed by accident.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(Box<str>);

/// What is shown in place of a secret, whatever its length.
pub const HIDDEN: &str = "•••";

impl Secret {
    /// Hides `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The password itself, for computing a digest or logging in; never for output.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether no password is set.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_password() {
        assert_eq!(format!("{:?}", Some(Secret::new("4605"))), "Some(•••)");
    }
}
