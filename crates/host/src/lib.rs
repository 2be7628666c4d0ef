//! Crate `host` of sureline.
