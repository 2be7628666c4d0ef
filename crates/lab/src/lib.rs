//! Crate `lab` of sureline.
