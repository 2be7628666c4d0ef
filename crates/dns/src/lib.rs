//! Crate `dns` of sureline.
