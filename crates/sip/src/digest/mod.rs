//! Digest authentication (RFC 7616, RFC 8760, RFC 3261 §22), both sides.
//!
//! A client reads [`Challenge`]s, [`choose`]s one and answers it with [`authorization`]. A server
//! writes a [`Challenge`] with `Display`, reads an [`Authorization`] and verifies it; nonces, their
//! age and the rising of `nc` are the server's own business.

mod algorithm;
mod challenge;
mod response;

pub use algorithm::{Algorithm, Qop};
pub use challenge::{Asker, Challenge, best_per_realm, choose};
pub use response::{Authorization, Credentials, authorization};

use crate::text;

/// `name=value` pairs between commas, quoted values without quotes and escapes.
fn pairs(value: &str) -> impl Iterator<Item = (&str, std::borrow::Cow<'_, str>)> {
    text::split(value, b',').filter_map(|part| {
        let (name, value) = part.split_once('=')?;
        Some((text::trim(name), text::unquote(text::trim(value))))
    })
}

/// `value` as the content of a quoted string.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        use std::fmt::Write as _;
        f.write_char('"')?;
        for part in self.0.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(plain) => {
                    f.write_str(plain)?;
                    f.write_char('\\')?;
                    f.write_str(part.get(plain.len()..).unwrap_or_default())?;
                }
                None => f.write_str(part)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests;
