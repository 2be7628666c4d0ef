use std::borrow::Cow;
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

/// An address without the user name and password that may stand before its host; any other text as
/// it is.
#[must_use]
pub fn without_login(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}").into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_login_and_nothing_else() {
        for (text, shown) in [
            ("http://bob:p@ss@a:80/x@y?z@", "http://a:80/x@y?z@"),
            ("https://bob@a", "https://a"),
            ("http://a/x@y", "http://a/x@y"),
            ("bob@example.com", "bob@example.com"),
            ("", ""),
        ] {
            assert_eq!(without_login(text), shown);
        }
    }

    #[test]
    fn debug_output_hides_the_password() {
        assert_eq!(format!("{:?}", Some(Secret::new("4605"))), "Some(•••)");
    }
}
