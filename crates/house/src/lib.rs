//! Tests that keep the workspace in order; no crate uses this one.
//!
//! They read the tree as text. [`source`] takes Rust files apart into tokens and items, and
//! [`citation`] finds what comments cite. On these stand the tests: [`arrows`] (which crate may use
//! which), [`pure`] (what the core does without), [`sip_words`] (who may speak SIP), [`rules`] and
//! [`rfc`] (which code and which test stand for a rule), [`parameters`] and [`papers`] (pages that
//! have to be true).
//!
//! `UPDATE=1 cargo test -p house` writes the generated pages anew.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod citation;
#[cfg(test)]
mod generated;
#[cfg(test)]
mod item;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod papers;
#[cfg(test)]
mod parameters;
#[cfg(test)]
mod pure;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sip_words;
#[cfg(test)]
mod source;
#[cfg(test)]
mod token;
#[cfg(test)]
mod tree;
