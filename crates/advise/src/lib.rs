//! Crate `advise` of sureline.
